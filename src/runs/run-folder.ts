import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
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
    if (readdirSync(folder).length > 0) throw taken(folder);
    if (!madeWhole(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`)) throw taken(folder);
  });
}

/** Whether there was no such file before: of two that make it at once only one does. At every moment it is whole, or not there. */
function madeWhole(path: string, content: string): boolean {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFlushed(temporary, content);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (existsSync(path)) return false;
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    // A file system without links.
    renameSync(temporary, path);
    return true;
  } finally {
    removeIfPossible(temporary);
  }
}

function taken(folder: string): TandemError {
  return new TandemError(
    "createRunFolder",
    `${folder} is not empty; choose another --out, or continue that run with --resume ${folder}`,
  );
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

/**
 * The run's records up to training step `step`, oldest first. Those after it, and a last line that was cut short, are dropped from the
 * file: a resumed run will make them again. Any other line that cannot be read is refused.
 */
export function takeRecords(folder: string, step: number): TrainingRecord[] {
  const path = join(folder, "metrics.jsonl");
  if (!existsSync(path)) return [];
  const lines = readBytes(path).toString("utf8").split("\n");
  const cut = lines.pop();
  const records = lines.map((line, index) => recordIn(line, `${path}, line ${index + 1},`));
  const kept = lines.filter((_, index) => records[index].step <= step);
  if (cut !== "" || kept.length < lines.length)
    writeAtomically(path, kept.map((line) => `${line}\n`).join(""));
  return records.filter((record) => record.step <= step);
}

function recordIn(line: string, where: string): TrainingRecord {
  let record: Partial<TrainingRecord> | null = null;
  try {
    record = JSON.parse(line) as Partial<TrainingRecord> | null;
  } catch {
    // As any other that is no record.
  }
  if (typeof record?.step === "number" && typeof record.kind === "string") return record as TrainingRecord;
  throw new TandemError(
    "run folder",
    `${where} is damaged; restore the file, or delete the line to go on without it`,
  );
}

/** Write a file so that at every moment either the old or the whole new content is there. Two processes need two temporary files. */
export function writeAtomically(
  path: string,
  content: string | Uint8Array,
  temporary: string = `${path}.tmp`,
): void {
  withWriteErrors(dirname(path), () => {
    writeFlushed(temporary, content);
    try {
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/** Write a file to the disk; where that fails none is left. */
export function writeFlushed(path: string, content: string | Uint8Array): void {
  withWriteErrors(dirname(path), () => {
    try {
      writeFileSync(path, content, { flush: true });
    } catch (error) {
      removeIfPossible(path);
      throw error;
    }
  });
}

/** What refuses the writing may refuse this, too; the first reason is the one to tell. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It stays.
  }
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

/** What the file system says, in words; null for any other error. */
function reasonOf(error: unknown): string | null {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return null;
  return REASONS[code] ?? `the system refuses it (${code})`;
}

/** The bytes of a file of a run. */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    throw new TandemError(
      "run folder",
      `${path} cannot be read (${code}); restore it, or see who may read it`,
      {
        cause: error,
      },
    );
  }
}

/** Turn the file system's refusals into one clear line. */
export function withWriteErrors(folder: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === null) throw error;
    throw new TandemError("run folder", `cannot write to ${folder}: ${reason}`, { cause: error });
  }
}
