/** One process at a time in a run's folder: two would write over each other. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { TandemError } from "../core/index.ts";
import { withWriteErrors } from "./run-folder.ts";

/** Who trains in a run's folder. */
export interface RunLock {
  readonly pid: number;
  readonly host: string;
}

const FILE = "run.lock";

/** The folders that this process has. */
const held = new Set<string>();

/** Who trains in a run's folder now; null for nobody. A process of another machine counts as alive: nobody here can tell. */
export function trainerOf(folder: string): RunLock | null {
  const lock = parseLock(readOrNull(join(folder, FILE)) ?? "");
  if (!lock || lock.host !== hostname()) return lock;
  // Its own number in a lock that it did not make: an earlier process had it, as in a container that was started again.
  const isOther = lock.pid !== process.pid || held.has(resolve(folder));
  return isOther && isAlive(lock.pid) ? lock : null;
}

/** Take the folder for this process, or refuse where another has it; one that is no more has not. Returns how to give it back. */
export function lockRun(folder: string): () => void {
  const path = join(folder, FILE);
  const own = JSON.stringify({ pid: process.pid, host: hostname() } satisfies RunLock);
  withWriteErrors(folder, () => {
    while (!madeFile(path, own)) {
      requireNoTrainer(folder);
      // Nobody else's: what two do at once only one of them can rename.
      const aside = `${path}.${process.pid}`;
      const stale = readOrNull(path);
      if (stale === null || !moved(path, aside)) continue;
      if (readOrNull(aside) === stale) rmSync(aside);
      else renameSync(aside, path);
    }
  });
  held.add(resolve(folder));
  return () => {
    held.delete(resolve(folder));
    try {
      if (readOrNull(path) === own) rmSync(path, { force: true });
    } catch {
      // The disk refuses: it is the lock of a process that will be no more.
    }
  };
}

/** Whether there was no such file before. */
function madeFile(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Refuse a folder in which a process trains. */
export function requireNoTrainer(folder: string): void {
  const trainer = trainerOf(folder);
  if (!trainer) return;
  const where = trainer.host === hostname() ? "" : ` of ${trainer.host}`;
  throw new TandemError(
    "run folder",
    `process ${trainer.pid}${where} is in training in ${folder}; wait for it, or remove ${join(folder, FILE)} if that is no training`,
  );
}

/** Whether there is such a process on this machine, at work: one that has ended and that its parent has not asked for yet is not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !hasEnded(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Linux says so; elsewhere nobody is asked. */
function hasEnded(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function parseLock(text: string): RunLock | null {
  try {
    const { pid, host = hostname() } = JSON.parse(text) as Partial<RunLock>;
    return typeof pid === "number" && pid > 0 && typeof host === "string" ? { pid, host } : null;
  } catch {
    return null;
  }
}

function moved(from: string, to: string): boolean {
  return unless("ENOENT", () => renameSync(from, to));
}

function readOrNull(path: string): string | null {
  let text: string | null = null;
  unless("ENOENT", () => {
    text = readFileSync(path, "utf8");
  });
  return text;
}

/** Whether it could be done; false where it failed with `code`. */
function unless(code: string, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return false;
    throw error;
  }
}
