import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { TandemError } from "../core/index.ts";
import { createRunFolder, withWriteErrors, type RunConfig } from "../runs/index.ts";

/** A run folder that was just made, and may yet be unmade. */
export interface NewRunFolder {
  readonly path: string;
  /** Leave nothing behind, as long as the run has saved nothing. */
  discardIfUnused(): void;
}

/** The folder in which runs get names of their own. */
const RUNS = "runs";

/** Refuse a folder that could not become a run's (or, for null, hold it), before anything is made. */
export function requireFreePlace(wanted: string | null): void {
  const folder = wanted ?? RUNS;
  const place = nearestExisting(resolve(folder));
  if (!statSync(place).isDirectory()) throw refusal(folder, `${place} is a file, not a folder`);
  if (wanted !== null && place === resolve(wanted) && readdirSync(place).length > 0) {
    throw new TandemError(
      "--out",
      `${folder} is not empty; choose another folder, or continue the run in it with --resume ${folder}`,
    );
  }
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
  } catch {
    throw refusal(folder, `nothing may be written in ${place}`);
  }
}

/** Refuse a file that could not be written, or that is there already. */
export function requireFreeFile(option: string, file: string, extension: string): void {
  if (!file.endsWith(extension))
    throw new TandemError(option, `expected a name that ends in ${extension}, got ${file}`);
  if (existsSync(file))
    throw new TandemError(option, `${file} is there already; choose another name, or remove it`);
  const folder = dirname(resolve(file));
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new TandemError(option, `there is no folder ${dirname(file)} to write in; make it first`);
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch {
    throw new TandemError(option, `nothing may be written in ${dirname(file)}; choose another folder`);
  }
}

/** What a run has in its folder before it has results. */
const FURNITURE = ["config.json", "reward.safetensors"];

/** Make the folder of a new run: `wanted`, or the first of `runs/<env>-<seed>-<n>` that is free. */
export function makeRunFolder(wanted: string | null, config: RunConfig): NewRunFolder {
  const anchor = nearestExisting(resolve(wanted ?? RUNS));
  const path = wanted ?? claimName(join(RUNS, `${config.env.id}-${config.seed}`));
  let isOurs = false;
  const discardIfUnused = (): void => {
    if (hasResults(path)) return;
    try {
      if (isOurs) for (const name of FURNITURE) rmSync(join(path, name), { force: true });
      removeEmptyUpTo(anchor, resolve(path));
    } catch {
      // What kept the run from beginning, such as a disk that may not be written to, keeps this from being done, too.
    }
  };
  try {
    makeFolders(anchor, path);
    createRunFolder(path, config);
    isOurs = true;
  } catch (error) {
    discardIfUnused();
    throw error;
  }
  return { path, discardIfUnused };
}

/** Whether the run has anything that would be missed. */
function hasResults(folder: string): boolean {
  return ["metrics.jsonl", "summary.json", "checkpoint"].some((name) => existsSync(join(folder, name)));
}

/** Makes the folders between `anchor` and `path`. (A recursive mkdir never returns on /proc.) */
function makeFolders(anchor: string, path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); folder.length > anchor.length; folder = dirname(folder)) {
    missing.unshift(folder);
  }
  withWriteErrors(path, () => {
    for (const folder of missing) if (!existsSync(folder)) mkdirSync(folder);
  });
}

/** Makes the first folder of `stem-1`, `stem-2`, ... that nobody has, so that runs begun together do not meet. */
function claimName(stem: string): string {
  let claimed = "";
  withWriteErrors(dirname(stem), () => {
    if (!existsSync(dirname(stem))) mkdirSync(dirname(stem));
    for (let n = 1; claimed === ""; n++) {
      if (existsSync(`${stem}-${n}`)) continue;
      if (madeFolder(`${stem}-${n}`)) claimed = `${stem}-${n}`;
    }
  });
  return claimed;
}

function madeFolder(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** `path` and the folders between it and `anchor`, as long as they are empty. */
function removeEmptyUpTo(anchor: string, path: string): void {
  for (let folder = path; folder.length > anchor.length; folder = dirname(folder)) {
    if (!existsSync(folder)) continue;
    if (readdirSync(folder).length > 0) return;
    rmdirSync(folder);
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}

function refusal(folder: string, problem: string): TandemError {
  return new TandemError("--out", `cannot make ${folder}: ${problem}; choose another folder`);
}
