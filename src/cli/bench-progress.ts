/** How a bench goes, on stderr: one live line on a terminal; elsewhere a line at each beginning and end, and a minute. */
import { secondsLeft, type Pace, type Remaining } from "../bench/index.ts";
import { duration, type ProgressStream } from "./progress.ts";

/** A cell that has steps to go, and those that it has. */
interface Going extends Remaining {
  readonly done: number;
}

/** Where a bench stands. */
export interface BenchStanding {
  readonly all: number;
  readonly complete: number;
  readonly running: readonly (Going & { readonly id: string })[];
  readonly waiting: readonly Going[];
  readonly paces: readonly Pace[];
  readonly parallel: number;
}

/** Tells somebody how a bench goes. */
export interface BenchProgress {
  show(standing: BenchStanding): void;
  ended(id: string, standing: BenchStanding): void;
  /** A line of its own. */
  say(line: string): void;
  /** Leaves the cursor at the start of a line. */
  finish(): void;
}

/** A display on a stream. */
export function createBenchProgress(stream: ProgressStream, clock: () => number): BenchProgress {
  const CLEAR = "\r\u001B[K";
  const INTERVAL_MS = 60_000;
  let shown = clock();
  let live = "";
  const say = (line: string): void => {
    stream.write(stream.isTTY ? `${CLEAR}${line}\n${live}` : `${line}\n`);
  };
  return {
    show: (standing) => {
      if (stream.isTTY) {
        live = standingLine(standing, (stream.columns ?? 80) - 4);
        stream.write(`${CLEAR}${live}`);
      } else if (clock() - shown >= INTERVAL_MS) {
        shown = clock();
        stream.write(`${standingLine(standing, Infinity)}\n`);
      }
    },
    ended: (id, standing) => {
      say(`done ${id}  (${standingLine(standing, Infinity)})`);
    },
    say,
    finish: () => {
      if (stream.isTTY && live) stream.write(CLEAR);
      live = "";
    },
  };
}

/** `7 of 54 cells, 2 running, 45 left, 3 h 20 min left  Hopper/dac/0-1 41%`, as much of it as fits. */
function standingLine(
  { all, complete, running, waiting, paces, parallel }: BenchStanding,
  width: number,
): string {
  const left = secondsLeft([...running, ...waiting], paces, parallel);
  const time = running.length + waiting.length === 0 ? "" : `, ${duration(left)} left`;
  const counts = `${complete} of ${all} cells, ${running.length} running, ${waiting.length} waiting${time}`;
  const cells = running.map(({ id, done, steps }) => `${id} ${Math.floor((100 * done) / (done + steps))}%`);
  return [counts, ...cells].join("  ").slice(0, width);
}
