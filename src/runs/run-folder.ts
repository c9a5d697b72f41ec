import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { requireRunFormat, TandemError, type TrainingRecord } from "../core/index.ts";
import { runConfig, type RunConfig } from "./config.ts";

/** Make a folder for a new run. Refuses one that already holds files. */
export function createRunFolder(folder: string, config: RunConfig): void {
  withWriteErrors(folder, () => {
    makeFolder(folder);
    if (readdirSync(folder).length > 0) {
      throw new TandemError(
        "createRunFolder",
        `${folder} is not empty; choose another --out, or continue that run with --resume ${folder}`,
      );
    }
    writeAtomically(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  });
}

/** Make a folder, and those that it lies in, where they are missing. */
export function makeFolder(folder: string): void {
  withWriteErrors(folder, () => {
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Node says that of a disk that is read-only, too. Asked for the first that is missing alone, it says why.
      let missing = resolve(folder);
      while (!existsSync(dirname(missing))) missing = dirname(missing);
      mkdirSync(missing);
      mkdirSync(folder, { recursive: true });
    }
  });
}

/** The configuration of an existing run. */
export function readConfig(folder: string): RunConfig {
  const path = join(folder, "config.json");
  if (!existsSync(path)) {
    throw new TandemError(
      "readConfig",
      `expected a run folder at ${folder}, found no config.json there; check the path`,
    );
  }
  const content = parseJson(path);
  requireRunFormat(content, path);
  const parsed = runConfig.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TandemError("readConfig", `${path}: ${issue.path.join(".")}: ${issue.message}`);
}

/** Parse a JSON file, with one clear line where it cannot be. */
export function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new TandemError("parseJson", `${path} cannot be read as JSON (${(cause as Error).message})`, {
      cause,
    });
  }
}

/** Add records to the run's metrics. */
export function appendRecords(folder: string, records: readonly TrainingRecord[]): void {
  if (records.length === 0) return;
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join("");
  withWriteErrors(folder, () => appendFileSync(join(folder, "metrics.jsonl"), lines));
}

/** Drop records made after training step `step`: what a resumed run will make again. */
export function truncateRecords(folder: string, step: number): void {
  const path = join(folder, "metrics.jsonl");
  if (!existsSync(path)) return;
  const kept = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => stepOf(line) <= step);
  writeAtomically(path, kept.map((line) => `${line}\n`).join(""));
}

/** The run's records so far, oldest first; none before the first. Call after `truncateRecords`, which leaves whole lines only. */
export function readRecords(folder: string): TrainingRecord[] {
  const path = join(folder, "metrics.jsonl");
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as TrainingRecord);
}

/** The training step of a line of metrics; infinite for a line that was cut short. */
function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as TrainingRecord).step;
  } catch {
    return Infinity;
  }
}

/** Write a file so that at every moment either the old or the whole new content is there. Two processes need two temporary files. */
export function writeAtomically(
  path: string,
  content: string | Uint8Array,
  temporary: string = `${path}.tmp`,
): void {
  withWriteErrors(dirname(path), () => {
    try {
      writeFileSync(temporary, content, { flush: true });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/** Let what has been written to a file reach the disk. Where there is none, nothing is to be done. */
export function syncFile(path: string): void {
  if (existsSync(path)) syncWith(path, "r+");
}

/** The same of the names in a folder. Windows has no such call. */
export function syncFolder(path: string): void {
  if (process.platform !== "win32") syncWith(path, "r");
}

function syncWith(path: string, flags: string): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const REASONS: Record<string, string> = {
  ENOSPC: "the disk is full; free some space",
  EACCES: "permission denied; choose a folder you may write to",
  EROFS: "the file system is read-only; choose another folder",
  EPERM: "not permitted; choose another folder",
  ENOTDIR: "a part of the path is a file, not a folder; choose another",
  EEXIST: "a file of that name is in the way; choose another",
  EDQUOT: "the disk quota is used up; free some space",
  ENOENT: "there is no such place; choose another",
  ENAMETOOLONG: "the name is too long; choose another",
  EISDIR: "a folder of that name is in the way; choose another",
  ELOOP: "its links go in a circle; choose another folder",
};

/** Turn the file system's refusals into one clear line. */
export function withWriteErrors(folder: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ""];
    if (!reason) throw error;
    throw new TandemError("run folder", `cannot write to ${folder}: ${reason}`, { cause: error });
  }
}
