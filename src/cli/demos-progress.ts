import type { ProgressStream } from "./progress.ts";

/** Shows how the reading of a file goes, where it takes longer than a second. */
export interface FileProgress {
  /** @param of what will have been done in the end */
  show(stage: string, done: number, of: number): void;
  /** Leaves the cursor at the start of a line. */
  finish(): void;
}

/** Milliseconds without a word, between two looks of a live line, and between two lines where there is no terminal. */
const QUIET = 1000;
const LIVE = 100;
const LINES = 10_000;

const CLEAR = "\r\u001B[K";

/** `reading expert.npz  41%`: one live line on a terminal; elsewhere a line every ten seconds. */
export function createFileProgress(stream: ProgressStream, file: string, clock: () => number): FileProgress {
  const begun = clock();
  const interval = stream.isTTY ? LIVE : LINES;
  let next = begun + (stream.isTTY ? QUIET : LINES);
  let shown = false;
  return {
    show: (stage, done, of) => {
      const now = clock();
      if (now < next) return;
      next = now + interval;
      shown = true;
      const line = `${stage} ${file}  ${Math.floor((100 * done) / of)}%`;
      stream.write(stream.isTTY ? `${CLEAR}${line.slice(0, (stream.columns ?? 80) - 1)}` : `${line}\n`);
    },
    finish: () => {
      if (stream.isTTY && shown) stream.write(CLEAR);
      shown = false;
    },
  };
}
