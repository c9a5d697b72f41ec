/** Shows on stderr how far a sampled distance is, and at the end what it cost. */
import { performance } from "node:perf_hooks";
import { duration } from "./progress.ts";

/** Hears of every transition. */
export interface Meter {
  readonly tick: () => void;
  readonly end: (simulatorSteps: number) => void;
}

/** Milliseconds between two lines, on a terminal and elsewhere. */
const LIVE_MS = 200;
const LINE_MS = 10_000;

/** A meter of `name` up to `total` transitions. */
export function createMeter(name: string, total: number): Meter {
  const { stderr } = process;
  const begun = performance.now();
  let [said, done] = [begun, 0];
  return {
    tick: () => {
      done++;
      const now = performance.now();
      if (now - said < (stderr.isTTY ? LIVE_MS : LINE_MS)) return;
      said = now;
      const left = duration((((now - begun) / done) * (total - done)) / 1000);
      const line = `${name}: ${done} of ${total} transitions, ${left} left`;
      stderr.write(stderr.isTTY ? `\r\u001B[K${line}` : `${line}\n`);
    },
    end: (simulatorSteps) => {
      const seconds = (performance.now() - begun) / 1000;
      const cost = `${name}: ${simulatorSteps} simulator steps, ${seconds.toFixed(1)} s`;
      stderr.write(`${stderr.isTTY ? "\r\u001B[K" : ""}${cost}\n`);
    },
  };
}
