import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { TandemError } from "../core/index.ts";
import { parseRun, type Run } from "./run.ts";

/** Read a run folder, finished or not; a TandemError says in one line what is missing or broken. */
export function readRun(folder: string): Run {
  const config = readRunFile(folder, "config.json");
  if (config === null) {
    throw new TandemError("readRun", `${folder} has no config.json; name the folder of a run`);
  }
  const metrics = readRunFile(folder, "metrics.jsonl");
  if (metrics === null) {
    throw new TandemError("readRun", `${folder} has no metrics.jsonl; the run has not reported anything yet`);
  }
  const summary = readRunFile(folder, "summary.json");
  return parseRun(basename(resolve(folder)), { config, metrics, summary });
}

/** The text of a file of a run; null where it has none such. */
export function readRunFile(folder: string, file: string): string | null {
  try {
    return readFileSync(join(folder, file), "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new TandemError("readRun", `cannot read ${file} of ${folder} (${code})`, { cause });
  }
}
