/** What a cell came to. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { HeldOutRecord, StepCounts } from "../core/index.ts";
import { normalisedScore, type ScoreAnchors } from "../eval/index.ts";
import { controlName, endOf, readRun, type Run, type RunEnd } from "../report/index.ts";
import type { RunConfig } from "../runs/index.ts";
import type { Cell } from "./cells.ts";
import type { Control } from "./control.ts";

type CellState = "new" | RunEnd;

/** Fit to held-out demonstrations: see `HeldOutRecord`. */
export type HeldOutPoint = Omit<HeldOutRecord, "kind">;

/** The part that a cell has in its suite. */
type Place = Pick<
  Outcome,
  | "id"
  | "task"
  | "method"
  | "family"
  | "trajectory"
  | "seed"
  | "audit"
  | "env"
  | "episodes"
  | "steps"
  | "isCloned"
>;

/** A cell with all that reports say of it: a line of `results.jsonl`. */
export interface Outcome {
  readonly id: string;
  readonly task: string;
  readonly method: string;
  /** Methods of one family are configurations of one, to choose from. */
  readonly family: string;
  readonly trajectory: number;
  readonly seed: number;
  /** What it is for in the audit; null for a cell of the suite's own methods. */
  readonly audit: Control | null;
  readonly env: string;
  /** Demonstrations in the set. */
  readonly episodes: number;
  /** Training steps there should be; updates, of a method that takes no step in the environment (`isCloned`). */
  readonly steps: number;
  readonly isCloned: boolean;
  readonly state: CellState;
  /** What taught it in place of the demonstrations, such as "zero reward"; null for what is no control, or has not begun. */
  readonly control: string | null;
  /** Every option of the environment, resolved; those that the suite gives where the cell has not begun. */
  readonly envOptions: Readonly<Record<string, unknown>>;
  /** Checksum of the demonstrations' file; null where the cell has not begun. */
  readonly sha256: string | null;
  /** Version of Tandem and build of the kernels that made it. */
  readonly version: string | null;
  readonly kernels: string | null;
  /** Every setting of the learner, resolved. */
  readonly algorithm: Readonly<Record<string, unknown>> | null;
  readonly instruments: boolean | null;
  /** Training steps between evaluations, and episodes of each and of the last; null where not begun, or not recorded (older lines). */
  readonly evaluation: RunConfig["evaluation"] | null;
  /** Episodes that were only measured on; null where not begun, or not recorded. */
  readonly heldOutEpisodes: readonly number[] | null;
  /** Training steps at the last evaluation. */
  readonly step: number;
  /** Mean true return over the evaluations in the last tenth of the training steps; null before the end. */
  readonly score: number | null;
  /** How many evaluations the score is the mean of. */
  readonly evaluations: number;
  /** The score on its `scale`; null without either. */
  readonly normalised: number | null;
  /** The returns that stand at 0 and 1: random actions and the expert, of its own summary or (`anchored`) of its task. */
  readonly scale: ScoreAnchors | null;
  readonly finalReturn: number | null;
  /** Of the demonstrations that it learnt from, and of random actions, as its own summary has them. */
  readonly expertReturn: number | null;
  readonly randomReturn: number | null;
  /** Of learned and true reward a step, on the final evaluation. */
  readonly pearson: number | null;
  readonly spearman: number | null;
  /** Mean true return of each evaluation. */
  readonly curve: readonly (readonly [step: number, meanReturn: number])[];
  /** Fit to held-out demonstrations at each evaluation; none where none are held out. */
  readonly heldOut: readonly HeldOutPoint[];
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
export function outcomeOf(cell: Cell, config: RunConfig | null, run: Run | null): Outcome {
  const state = stateOf(config, run);
  const summary = state === "complete" ? (run?.summary ?? null) : null;
  const evaluations = run?.evaluations ?? [];
  const last = lastTenth(evaluations, cell.steps);
  const score = summary && last.length > 0 ? finite(mean(last.map(({ meanReturn }) => meanReturn))) : null;
  const expertReturn = finite(summary?.expertReturn);
  const randomReturn = finite(summary?.randomReturn);
  const scale = scaleOf(randomReturn, expertReturn);
  return {
    ...placeOf(cell),
    state,
    control: config && controlName(config),
    envOptions: config?.env.options ?? cell.task.envOptions,
    sha256: config?.demos?.sha256 ?? null,
    version: config?.version ?? null,
    kernels: summary ? String(summary.kernels) : (config?.kernels ?? null),
    algorithm: config ? placeless(config.algorithm) : null,
    instruments: config?.command === "train" ? config.instruments : null,
    evaluation: config?.evaluation ?? null,
    heldOutEpisodes: config?.demos?.heldOut ?? null,
    step: evaluations.at(-1)?.step ?? 0,
    score,
    evaluations: score === null ? 0 : last.length,
    normalised: normalisedOn(scale, score),
    scale,
    finalReturn: finite(summary?.finalReturn),
    expertReturn,
    randomReturn,
    pearson: finite(summary?.pearson),
    spearman: finite(summary?.spearman),
    curve: evaluations.map(({ step, meanReturn }) => [step, meanReturn] as const),
    heldOut: (run?.heldOut ?? []).map(({ step, logLikelihood, rewardGap, stateDistance }) => ({
      step,
      logLikelihood,
      rewardGap,
      stateDistance,
    })),
    stepCounts: summary?.steps ?? null,
    seconds: finite(summary?.seconds),
  };
}

/** What the suite says of a cell, whatever came of it. */
export function placeOf({ id, task, method, trajectory, seed, steps, control }: Cell): Place {
  return {
    id,
    task: task.name,
    method: method.name,
    family: method.family ?? method.name,
    trajectory,
    seed,
    audit: control,
    env: task.env,
    episodes: task.episodes,
    steps,
    isCloned: method.updates !== undefined,
  };
}

/** An algorithm as results and comparisons have it: of where the policy that DAgger asks lies, only the name. */
export function placeless<Algorithm extends RunConfig["algorithm"]>(algorithm: Algorithm): Algorithm {
  if (!("teacherPolicy" in algorithm)) return algorithm;
  return { ...algorithm, teacherPolicy: basename(algorithm.teacherPolicy) };
}

/** What is not known, or not a number, is null: as a line of results has it. */
export function finite(value: number | null | undefined): number | null {
  return Number.isFinite(value) ? (value as number) : null;
}

/**
 * The outcomes on one scale a task, whichever demonstrations a cell was shown: from the mean return of random actions over all of its
 * cells to that of its expert, `expertReturns` by task; null where that is not known.
 */
export function anchored(
  outcomes: readonly Outcome[],
  expertReturns: ReadonlyMap<string, number | null>,
): Outcome[] {
  const scales = new Map(
    Array.from(
      Map.groupBy(outcomes, ({ task }) => task),
      ([task, cells]) => {
        const randoms = cells.map(({ randomReturn }) => randomReturn).filter((each) => each !== null);
        const random = randoms.length > 0 ? mean(randoms) : null;
        return [task, scaleOf(random, expertReturns.get(task) ?? null)] as const;
      },
    ),
  );
  return outcomes.map((outcome) => {
    const scale = scales.get(outcome.task) ?? null;
    return { ...outcome, normalised: normalisedOn(scale, outcome.score), scale };
  });
}

function scaleOf(random: number | null, expert: number | null): ScoreAnchors | null {
  return random === null || expert === null || random === expert ? null : { random, expert };
}

/** A true return on a scale; null where one of both is unknown. */
export function normalisedOn(scale: ScoreAnchors | null, trueReturn: number | null): number | null {
  return scale === null || trueReturn === null ? null : normalisedScore(trueReturn, scale);
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
  return run ? endOf(config.steps, run.summary, run.findings) : "begun";
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
