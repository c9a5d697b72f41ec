/** One bench at a time in a folder: two would train the same cells. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TandemError } from "../core/index.ts";
import { isAlive, parseJson, writeAtomically } from "../runs/index.ts";

/** Who works in a folder. */
interface Lock {
  readonly pid: number;
  /** Processes of cells by their id. A bench that was killed leaves them running. */
  readonly cells: Readonly<Record<string, number>>;
  /** Whether replays of complete cells stay; absent in older ones. */
  readonly keepReplay?: boolean;
}

const FILE = "bench.lock";

/** Refuse a folder in which another bench, or a cell that one left behind, still runs. */
export function requireUnlocked(folder: string): void {
  const path = join(folder, FILE);
  if (!existsSync(path)) return;
  const { pid, cells } = parseJson(path) as Lock;
  if (isAlive(pid)) {
    throw new TandemError(
      "bench",
      `another bench, process ${pid}, is at work in ${folder}; wait for it, or remove ${path} if that is no bench`,
    );
  }
  const orphan = Object.entries(cells).find(([, child]) => isAlive(child));
  if (!orphan) return;
  throw new TandemError(
    "bench",
    `${orphan[0]} is still in training, process ${orphan[1]}, by a bench that was killed; wait, or stop it with kill -INT ${orphan[1]}`,
  );
}

/** Cells that a bench left behind which was killed, and whose replays it would have deleted. Call after `requireUnlocked`. */
export function leftBehind(folder: string): string[] {
  const path = join(folder, FILE);
  if (!existsSync(path)) return [];
  const { cells, keepReplay = false } = parseJson(path) as Lock;
  return keepReplay ? [] : Object.keys(cells);
}

/** Say who works in a folder. */
export function writeLock(folder: string, cells: ReadonlyMap<string, number>, keepReplay: boolean): void {
  const lock: Lock = { pid: process.pid, cells: Object.fromEntries(cells), keepReplay };
  writeAtomically(join(folder, FILE), `${JSON.stringify(lock)}\n`);
}

/** Nobody does any more. */
export function removeLock(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}
