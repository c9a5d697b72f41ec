/** The failure signatures of a run, collected while it goes on. */
import type { IterationRecord } from "../irl/index.ts";
import type { TabularMeasurement } from "../theory/index.ts";

/** Looks at every iteration, and at the exact measurement where there is one. */
export interface Watch {
  see(record: IterationRecord, measured: TabularMeasurement | null): void;
  say(sentence: string): void;
  findings(): string[];
}

export function createWatch(): Watch {
  const found: string[] = [];
  return {
    see: () => {},
    say: (sentence) => {
      found.push(sentence);
    },
    findings: () => found,
  };
}
