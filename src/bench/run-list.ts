/** Runs as a list shows them: found in folders, each read no further than a line about it needs. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { saysRun, TandemError } from "../core/index.ts";
import { normalisedScore } from "../eval/index.ts";
import { entriesOf, measureRun, readCheckpointHead, trainerOf, type RunSizes } from "../runs/index.ts";
import { controlName, endOf, reachedStep, type ReportedConfig } from "../report/index.ts";
import { readRunFile } from "../report/read-run.ts";
import { parseConfig, parseEnd, parseMetrics } from "../report/run.ts";
import { finite } from "./outcome.ts";

/** What can be said of a run's training now. */
export const RUN_STATES = ["training", "stopped", "complete", "diverged", "damaged"] as const;

/** `diverged`: a measurement was not finite, which ended the run for good. `damaged`: it cannot be read, or is of a newer format. */
type RunState = (typeof RUN_STATES)[number];

/** A run as a line of a list; what is not known is null. */
export interface ListedRun {
  readonly folder: string;
  readonly state: RunState;
  /** What is wrong with one that is damaged. */
  readonly problem: string | null;
  readonly command: ReportedConfig["command"] | null;
  /** By which it learns from demonstrations. */
  readonly method: string | null;
  /** What taught a negative control. */
  readonly control: string | null;
  readonly env: string | null;
  readonly seed: number | null;
  /** Training steps done, by its last record, and asked for. */
  readonly step: number | null;
  readonly steps: number | null;
  /** Mean true return: the final one, or that of the last evaluation. */
  readonly meanReturn: number | null;
  /** That return between random actions, 0, and the expert, 1, where the run has ended and both are known. */
  readonly normalised: number | null;
  /** Last written, milliseconds since 1970. */
  readonly written: number;
  readonly sizes: RunSizes;
}

/** Every run's folder in `root` and below, itself too. Links are not followed. */
export function findRuns(root: string): string[] {
  const stats = statSync(root, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) {
    throw new TandemError("runs", `there is no folder ${root}; name one in which runs are`);
  }
  const found: string[] = [];
  const visit = (folder: string): void => {
    const entries = entriesOf(folder);
    const names = new Set(entries.map(({ name }) => name));
    const isRun = looksLikeRun(folder, names);
    if (isRun) found.push(folder);
    for (const entry of entries) {
      const { name } = entry;
      if (!entry.isDirectory() || name.startsWith(".") || name === "node_modules") continue;
      if (!(isRun && name === "checkpoint")) visit(join(folder, name));
    }
  };
  visit(root);
  return found;
}

/** Other programs have a config.json too: where nothing else of a run is there, it has to say that it is one's. */
function looksLikeRun(folder: string, names: ReadonlySet<string>): boolean {
  if (names.has("metrics.jsonl")) return true;
  if (!names.has("config.json")) return false;
  try {
    return saysRun(JSON.parse(readRunFile(folder, "config.json") ?? "null"));
  } catch {
    return true;
  }
}

/** A run as a line of a list. Of its metrics only the end is read, and nothing where it has ended. */
export function listRun(folder: string): ListedRun {
  const name = basename(resolve(folder));
  const { sizes, written } = measureRun(folder);
  const unknown = { ...NOTHING, folder, written, sizes };
  let config: ReportedConfig | null = null;
  try {
    const text = readRunFile(folder, "config.json");
    if (text === null) throw new TandemError("runs", `${name} has no config.json`);
    config = parseConfig(name, text);
    readCheckpointHead(folder);
    return { ...unknown, ...aboutConfig(config), ...standing(folder, name, config) };
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const problem = error.message.slice(error.message.indexOf(": ") + 2);
    return { ...unknown, ...(config && aboutConfig(config)), state: "damaged", problem };
  }
}

const NOTHING = {
  problem: null,
  command: null,
  method: null,
  control: null,
  env: null,
  seed: null,
  step: null,
  steps: null,
  meanReturn: null,
  normalised: null,
};

type FromConfig = Pick<ListedRun, "command" | "method" | "control" | "env" | "seed" | "steps">;

function aboutConfig(config: ReportedConfig): FromConfig {
  const { command, algorithm, env, seed, steps } = config;
  const method = command === "train" ? algorithm.method : null;
  return { command, method, control: controlName(config), env: env.id, seed, steps };
}

function standing(
  folder: string,
  name: string,
  { steps }: ReportedConfig,
): Pick<ListedRun, "state" | "step" | "meanReturn" | "normalised"> {
  const text = readRunFile(folder, "summary.json");
  const summary = text === null ? null : parseEnd(name, text);
  if (summary && !existsSync(join(folder, "metrics.jsonl")))
    throw new TandemError("runs", `${name} has a summary.json, but no metrics.jsonl`);
  const end = summary ? null : readMetricsEnd(folder, name);
  const ended = endOf(steps, summary, end?.findings ?? []);
  const state = trainerOf(folder) ? "training" : ended === "begun" ? "stopped" : ended;
  if (!summary) {
    const meanReturn = finite(end?.evaluations.at(-1)?.meanReturn);
    return { state, step: end?.lastStep ?? 0, meanReturn, normalised: null };
  }
  const { finalReturn, expertReturn, randomReturn } = summary;
  const normalised =
    expertReturn === null || expertReturn === randomReturn
      ? null
      : finite(normalisedScore(finalReturn, { random: randomReturn, expert: expertReturn }));
  return { state, step: reachedStep(summary), meanReturn: finite(finalReturn), normalised };
}

/** Bytes of metrics to look at first: some hundred records, among them, as a rule, an evaluation. */
const END_BYTES = 32_768;

type Metrics = ReturnType<typeof parseMetrics>;

/** The last records of a run, at least one evaluation among them where there is any; null before the first record. */
function readMetricsEnd(folder: string, name: string): Metrics | null {
  for (let bytes = END_BYTES; ; bytes *= 8) {
    const end = fileEnd(join(folder, "metrics.jsonl"), bytes);
    if (end === null) return null;
    const place = end.isWhole ? "metrics.jsonl" : "the end of metrics.jsonl";
    const metrics = parseMetrics(`${place} of ${name}`, end.text);
    if (end.isWhole || metrics.evaluations.length > 0) return metrics;
  }
}

/** Whole lines from the last `bytes` of a file, and whether that is all of it; null where there is none. */
function fileEnd(path: string, bytes: number): { text: string; isWhole: boolean } | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw new TandemError("runs", `cannot read ${path} (${code})`, { cause });
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - bytes);
    const block = Buffer.alloc(size - start);
    const text = block.toString("utf8", 0, readSync(file, block, 0, block.length, start));
    return { text: start === 0 ? text : text.slice(text.indexOf("\n") + 1), isWhole: start === 0 };
  } finally {
    closeSync(file);
  }
}
