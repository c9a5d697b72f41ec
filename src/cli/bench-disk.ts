/** What a bench takes on a disk, in words, and whether there is room for it. */
import { statfsSync } from "node:fs";
import { diskBound, type CellOnDisk } from "../bench/index.ts";
import { TandemError } from "../core/index.ts";
import { plural } from "../report/numbers.ts";

/** `At most 340 MB on the disk: ...` */
export function diskWords(waiting: readonly CellOnDisk[], parallel: number, keepReplay: boolean): string {
  if (waiting.length === 0) return "Nothing more on the disk: all cells have ended";
  const { replays, rest } = diskBound(waiting, parallel, keepReplay);
  const fate = keepReplay
    ? "of replays, which stay (--keep-replay)"
    : "of replays while cells train; that of a complete cell is deleted, after which train --resume cannot make it longer (--keep-replay keeps it)";
  return `At most ${megabytes(replays, rest)} on the disk: ${megabytes(rest)} that stay of ${plural(waiting.length, "cell")}, and ${megabytes(replays)} ${fate}`;
}

/** Say what cells take on the disk; refused where less than that is free. */
export function requireRoom(
  folder: string,
  waiting: readonly CellOnDisk[],
  parallel: number,
  keepReplay: boolean,
): void {
  const { replays, rest } = diskBound(waiting, parallel, keepReplay);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free < replays + rest) {
    throw new TandemError(
      "--out",
      `the cells may take ${megabytes(replays, rest)}, ${megabytes(free)} are free in ${folder}; free some, choose another folder, or run fewer at a time (--parallel) or in all (--only)`,
    );
  }
  process.stderr.write(`${diskWords(waiting, parallel, keepReplay)}\n`);
}

/** Of parts that are each rounded up, so that what is shown adds up. */
function megabytes(...parts: readonly number[]): string {
  const sum = parts.reduce((total, bytes) => total + Math.ceil(bytes / 1e6), 0);
  return sum < 1000 ? `${sum} MB` : `${(sum / 1000).toFixed(1)} GB`;
}
