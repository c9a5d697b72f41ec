/** What lies in a run's folder, how large it is, and how it is deleted. */
import { existsSync, lstatSync, readdirSync, rmdirSync, rmSync, type Dirent } from "node:fs";
import { join, resolve } from "node:path";
import { requireRunFormat, TandemError } from "../core/index.ts";
import { parseJson, withWriteErrors } from "./run-folder.ts";

/** Bytes of a run's parts. */
export interface RunSizes {
  /** Networks, optimisers, counters: what policy and reward are read from. */
  readonly checkpoint: number;
  /** Transitions: what a run needs, beside its checkpoint, to go on. */
  readonly replay: number;
  readonly metrics: number;
  readonly rest: number;
}

/** The sum of the parts. */
export function totalBytes({ checkpoint, replay, metrics, rest }: RunSizes): number {
  return checkpoint + replay + metrics + rest;
}

/** How large is what Tandem wrote of a run, and when it last did, in milliseconds since 1970; its report does not count for that. */
export function measureRun(folder: string): { sizes: RunSizes; written: number } {
  const sizes = { checkpoint: 0, replay: 0, metrics: 0, rest: 0 };
  let written = 0;
  const visit = (place: string): void => {
    for (const entry of entriesOf(join(folder, place))) {
      if (place === "" && !isOwn(entry.name)) continue;
      const path = join(place, entry.name);
      if (entry.isDirectory()) {
        visit(path);
        continue;
      }
      const stats = lstatSync(join(folder, path), { throwIfNoEntry: false });
      sizes[partOf(path)] += stats?.size ?? 0;
      if (path !== "report.html") written = Math.max(written, stats?.mtimeMs ?? 0);
    }
  };
  visit("");
  return { sizes, written };
}

/** The transitions: a folder of them, or one file in older runs. */
const REPLAY = [join("checkpoint", "replay.f32"), join("checkpoint", "replay")];

/** Whether a run has the transitions that it needs to go on from its checkpoint. */
export function hasReplay(folder: string): boolean {
  return REPLAY.some((place) => existsSync(join(folder, place)));
}

function partOf(path: string): keyof RunSizes {
  if (REPLAY.some((place) => path === place || path.startsWith(join(place, "/")))) return "replay";
  if (path.startsWith(join("checkpoint", "/"))) return "checkpoint";
  return path === "metrics.jsonl" ? "metrics" : "rest";
}

/** What stands in a folder; nothing where it is gone or may not be read. */
export function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Refuse to delete anything of a folder that is not surely a run's. */
export function requireRunFolder(folder: string): void {
  // Without the slash at its end, which would lead through a link.
  const stats = lstatSync(resolve(folder), { throwIfNoEntry: false });
  if (!stats) throw new TandemError("runs rm", `there is no folder ${folder}; check the path`);
  if (!stats.isDirectory()) {
    const what = stats.isSymbolicLink() ? "a link" : "a file";
    throw new TandemError("runs rm", `${folder} is ${what}, not a folder; name the run's folder itself`);
  }
  const config = join(folder, "config.json");
  if (!lstatSync(config, { throwIfNoEntry: false })?.isFile())
    throw new TandemError(
      "runs rm",
      `${folder} has no config.json, so that nothing says it is a run's folder`,
    );
  requireRunFormat(parseJson(config), config);
}

/** What Tandem writes into a run's folder; the configuration, which says what it is, goes last. */
const OWN = [
  "checkpoint",
  "metrics.jsonl",
  "summary.json",
  "report.html",
  "reward.safetensors",
  "run.lock",
  "config.json",
];

/** Files are written under a name of their own first. */
function isOwn(name: string): boolean {
  return OWN.includes(name.replace(/\.tmp$/, ""));
}

/** What else stands in a run's folder, which stays when the run is deleted. */
export function strangersIn(folder: string): string[] {
  return entriesOf(folder)
    .map(({ name }) => name)
    .filter((name) => !isOwn(name));
}

/** Delete a run: all that Tandem wrote into its folder, and the folder where nothing else is in it. */
export function removeRun(folder: string): void {
  requireRunFolder(folder);
  const leaveFolder = strangersIn(folder).length > 0;
  withWriteErrors(folder, () => {
    for (const name of OWN.flatMap((own) => [`${own}.tmp`, own]))
      rmSync(join(folder, name), { recursive: true, force: true });
    if (!leaveFolder) rmdirSync(folder);
  });
}

/** Delete a run's transitions: it cannot go on any more; policy and reward stay. */
export function removeReplay(folder: string): void {
  requireRunFolder(folder);
  withWriteErrors(folder, () => deleteReplay(folder));
}

/** The same of what is known to be a run's. */
export function deleteReplay(folder: string): void {
  for (const place of REPLAY) rmSync(join(folder, place), { recursive: true, force: true });
}
