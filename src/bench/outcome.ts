/** What a cell came to, read from its run folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StepCounts } from "../core/index.ts";
import { normalisedScore } from "../eval/index.ts";
import { readRun, type Run } from "../report/index.ts";
import type { RunConfig } from "../runs/index.ts";
import type { Cell } from "./cells.ts";

/** `diverged`: a measurement was not finite, which ended the run for good. */
type CellState = "new" | "begun" | "diverged" | "complete";

/** A cell with all that reports say of it: a line of `results.jsonl`. */
export interface Outcome {
  readonly id: string;
  readonly task: string;
  readonly method: string;
  readonly trajectory: number;
  readonly seed: number;
  readonly state: CellState;
  readonly env: string;
  /** Every option of the environment, resolved; those that the suite gives where the cell has not begun. */
  readonly envOptions: Readonly<Record<string, unknown>>;
  /** Demonstrations: episodes in the set, and the checksum of the file; null where the cell has not begun. */
  readonly episodes: number;
  readonly sha256: string | null;
  /** Version of Tandem and build of the kernels that made it. */
  readonly version: string | null;
  readonly kernels: string | null;
  /** Every setting of the learner, resolved. */
  readonly algorithm: Readonly<Record<string, unknown>> | null;
  readonly instruments: boolean | null;
  /** Training steps there should be, and those at the last evaluation. */
  readonly steps: number;
  readonly step: number;
  /** Mean true return over the evaluations in the last tenth of the training steps; null before the end. */
  readonly score: number | null;
  /** How many evaluations the score is the mean of. */
  readonly evaluations: number;
  /** 0 for random actions, 1 for the expert, both of this cell's own summary; null where one is unknown. */
  readonly normalised: number | null;
  readonly finalReturn: number | null;
  readonly expertReturn: number | null;
  readonly randomReturn: number | null;
  /** Of learned and true reward a step, on the final evaluation. */
  readonly pearson: number | null;
  readonly spearman: number | null;
  /** Mean true return of each evaluation. */
  readonly curve: readonly (readonly [step: number, meanReturn: number])[];
  /** Environment steps by purpose. */
  readonly stepCounts: StepCounts | null;
  readonly seconds: number | null;
}

/** The files of a cell: `config` is the configuration that its run folder holds, null where there is none. */
export function readOutcome(cell: Cell, folder: string, config: RunConfig | null): Outcome {
  const run = config && existsSync(join(folder, "metrics.jsonl")) ? readRun(folder) : null;
  return outcomeOf(cell, config, run);
}

/** What a cell came to. `run` is null before it has reported anything. */
export function outcomeOf(
  { id, task, method, trajectory, seed }: Cell,
  config: RunConfig | null,
  run: Run | null,
): Outcome {
  const state = stateOf(config, run);
  const summary = state === "complete" ? (run?.summary ?? null) : null;
  const evaluations = run?.evaluations ?? [];
  const last = lastTenth(evaluations, task.steps);
  const score = summary && last.length > 0 ? mean(last.map(({ meanReturn }) => meanReturn)) : null;
  const expertReturn = summary?.expertReturn ?? null;
  const randomReturn = summary?.randomReturn ?? null;
  const isAnchored =
    expertReturn !== null && randomReturn !== null && expertReturn !== randomReturn && score !== null;
  return {
    id,
    task: task.name,
    method: method.name,
    trajectory,
    seed,
    state,
    env: task.env,
    envOptions: config?.env.options ?? task.envOptions,
    episodes: task.episodes,
    sha256: config?.demos?.sha256 ?? null,
    version: config?.version ?? null,
    kernels: summary ? String(summary.kernels) : (config?.kernels ?? null),
    algorithm: config?.algorithm ?? null,
    instruments: config?.command === "train" ? config.instruments : null,
    steps: task.steps,
    step: evaluations.at(-1)?.step ?? 0,
    score,
    evaluations: score === null ? 0 : last.length,
    normalised: isAnchored ? normalisedScore(score, { random: randomReturn, expert: expertReturn }) : null,
    finalReturn: summary?.finalReturn ?? null,
    expertReturn,
    randomReturn,
    pearson: summary?.pearson ?? null,
    spearman: summary?.spearman ?? null,
    curve: evaluations.map(({ step, meanReturn }) => [step, meanReturn] as const),
    stepCounts: summary?.steps ?? null,
    seconds: summary?.seconds ?? null,
  };
}

/** Records in the last tenth of `steps`: those after 0.9 of them. */
export function lastTenth<Item extends { readonly step: number }>(
  records: readonly Item[],
  steps: number,
): Item[] {
  return records.filter(({ step }) => 10 * step > 9 * steps);
}

/** Whether a run of so many steps that evaluates every so often does so in its last tenth. */
export function evaluatesInLastTenth(steps: number, every: number): boolean {
  return lastTenth([{ step: Math.floor(steps / every) * every }], steps).length > 0;
}

function stateOf(config: RunConfig | null, run: Run | null): CellState {
  if (!config) return "new";
  if (run?.summary && (run.summary.end ?? run.summary.steps.train) >= config.steps) return "complete";
  return run?.findings.some(({ signature }) => signature === "not finite") ? "diverged" : "begun";
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
