/** The failure signatures of a run, collected while it goes on. */
import type { IterationRecord } from "../irl/index.ts";
import { createSignatureState, signatureSentence, observe } from "../theory/index.ts";

/** Looks at every iteration, and at the tracking error where it was measured. */
export interface Watch {
  see(record: IterationRecord, trackingError: number | null): void;
  /** Something that ended the run. */
  say(sentence: string): void;
  /** All that was seen, a sentence each. */
  findings(): string[];
}

/** Signatures over windows of a tenth of the run, at least 100 and at most 1000 iterations. */
export function createWatch(iterations: number): Watch {
  const window = 20 * Math.ceil(Math.min(1000, Math.max(100, iterations / 10)) / 20);
  const state = createSignatureState(window);
  const said: string[] = [];
  return {
    see: (record, trackingError) => {
      observe(state, { ...record, trackingError });
    },
    say: (sentence) => {
      said.push(sentence);
    },
    findings: () => [...state.findings.map(signatureSentence), ...said],
  };
}
