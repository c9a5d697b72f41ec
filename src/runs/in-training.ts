/** Who trains in a run's folder. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

/** Whether a process trains in the run's folder now. One of another machine counts: nobody here can tell whether it lives. */
export function isInTraining(folder: string): boolean {
  let lock: unknown;
  try {
    lock = JSON.parse(readFileSync(join(folder, "run.lock"), "utf8"));
  } catch {
    return false;
  }
  if (typeof lock !== "object" || lock === null) return false;
  const { pid, host = hostname() } = lock as { pid?: unknown; host?: unknown };
  return typeof pid === "number" && pid > 0 && (host !== hostname() || isAlive(pid));
}

/** Whether there is such a process on this machine. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
