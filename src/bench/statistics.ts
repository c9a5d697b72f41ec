/** Numbers for the tables of a bench. Scores are normalised unless said: 0 for random actions, 1 for the expert. */
import { foldIn, keyFromSeed, type StepCounts } from "../core/index.ts";
import {
  bootstrapIntervals,
  interquartileMean,
  meanScore,
  medianScore,
  optimalityGap,
  performanceProfile,
  probabilityOfImprovement,
  varianceComponents,
  type BootstrapInterval,
  type Scores,
  type VarianceComponents,
} from "../eval/index.ts";
import { meanInterval } from "../lab/statistics.ts";
import type { Outcome } from "./outcome.ts";

/** A cell below this score has failed. */
export const FAILURE = 0.1;
/** Of every bootstrap. A report is the same whenever it is made: the resampling has a seed of its own. */
const BOOTSTRAP = { resamples: 2000, level: 0.95 };
const KEY = keyFromSeed(20_210_831);

/** A mean and its 95 % interval by Student's t; the interval is null for a single value. */
export interface Mean {
  readonly mean: number;
  readonly interval: readonly [low: number, high: number] | null;
  /** Values it rests on. */
  readonly count: number;
}

/** The mean of finite values; null of none. */
export function meanOf(values: readonly (number | null)[]): Mean | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  const { y, low, high } = meanInterval(0, known);
  return { mean: y, interval: known.length > 1 ? [low, high] : null, count: known.length };
}

/** A cell's normalised score, with 0 (random actions) for one that diverged; null for one that has none. */
export function standing({ state, normalised }: Outcome): number | null {
  return state === "diverged" ? 0 : normalised;
}

/** One method on one task. */
export interface TaskRow {
  readonly task: string;
  readonly method: string;
  readonly cells: number;
  readonly complete: number;
  readonly diverged: number;
  /** True return, over complete cells. */
  readonly score: Mean | null;
  readonly normalised: Mean | null;
  /** Cells below `FAILURE`, those that diverged among them, of `normalised.count`. */
  readonly failures: number;
  readonly pearson: Mean | null;
  readonly spearman: Mean | null;
  /** Means over complete cells; null where there is none. */
  readonly stepCounts: StepCounts | null;
  readonly seconds: number | null;
}

/** One method on one task, over its cells. */
export function taskRow(task: string, method: string, outcomes: readonly Outcome[]): TaskRow {
  const cells = outcomes.filter((outcome) => outcome.task === task && outcome.method === method);
  const standings = cells.map(standing);
  return {
    task,
    method,
    cells: cells.length,
    complete: count(cells, "complete"),
    diverged: count(cells, "diverged"),
    score: meanOf(cells.map(({ score }) => score)),
    normalised: meanOf(standings),
    failures: standings.filter((value) => value !== null && value < FAILURE).length,
    pearson: meanOf(cells.map(({ pearson }) => pearson)),
    spearman: meanOf(cells.map(({ spearman }) => spearman)),
    stepCounts: meanCounts(cells.map(({ stepCounts }) => stepCounts).filter((counts) => counts !== null)),
    seconds: meanOf(cells.map(({ seconds }) => seconds))?.mean ?? null,
  };
}

/** How many cells stand so. */
export function count(outcomes: readonly Outcome[], state: Outcome["state"]): number {
  return outcomes.filter((outcome) => outcome.state === state).length;
}

function meanCounts(counts: readonly StepCounts[]): StepCounts | null {
  if (counts.length === 0) return null;
  const mean = (purpose: keyof StepCounts): number =>
    counts.reduce((sum, each) => sum + each[purpose], 0) / counts.length;
  return {
    train: mean("train"),
    rewardRollout: mean("rewardRollout"),
    evaluation: mean("evaluation"),
    expert: mean("expert"),
  };
}

/** Scores that can be set against each other: of the methods that have any, on the tasks where all of these have some. */
export interface Comparable {
  readonly tasks: readonly string[];
  readonly methods: readonly {
    readonly name: string;
    /** [tasks][cells] */
    readonly scores: Scores;
    /** Cells there should be on these tasks. */
    readonly planned: number;
  }[];
}

/** What can be compared across tasks. Methods without any score are left out, then tasks on which one of the rest has none. */
export function comparable(
  tasks: readonly string[],
  methods: readonly string[],
  outcomes: readonly Outcome[],
): Comparable {
  const cellsOf = (task: string, method: string): Outcome[] =>
    outcomes.filter((outcome) => outcome.task === task && outcome.method === method);
  const scoresOf = (task: string, method: string): number[] =>
    cellsOf(task, method)
      .map(standing)
      .filter((value) => value !== null);
  const begun = methods.filter((method) => tasks.some((task) => scoresOf(task, method).length > 0));
  const shared =
    begun.length === 0
      ? []
      : tasks.filter((task) => begun.every((method) => scoresOf(task, method).length > 0));
  return {
    tasks: shared,
    methods: begun.map((name) => ({
      name,
      scores: shared.map((task) => scoresOf(task, name)),
      planned: shared.reduce((sum, task) => sum + cellsOf(task, name).length, 0),
    })),
  };
}

/** One method over all tasks, with stratified bootstrap intervals of 95 % (arXiv:2108.13264). */
export interface AggregateRow {
  readonly method: string;
  readonly cells: number;
  readonly planned: number;
  readonly interquartileMean: BootstrapInterval;
  readonly mean: BootstrapInterval;
  readonly median: BootstrapInterval;
  readonly optimalityGap: BootstrapInterval;
}

/** Every method over all tasks; empty where no task can be compared. */
export function aggregates({ tasks, methods }: Comparable): AggregateRow[] {
  if (tasks.length === 0) return [];
  return methods.map(({ name, scores, planned }, index) => {
    const [iqm, mean, median, gap] = bootstrapIntervals(
      [scores],
      (sample) => [
        interquartileMean(sample),
        meanScore(sample),
        medianScore(sample),
        optimalityGap(sample, 1),
      ],
      { ...BOOTSTRAP, key: foldIn(KEY, index) },
    );
    return {
      method: name,
      cells: scores.flat().length,
      planned,
      interquartileMean: iqm,
      mean,
      median,
      optimalityGap: gap,
    };
  });
}

/** How probably a cell of the first method beats one of another on the same task. */
export interface ImprovementRow {
  readonly first: string;
  readonly other: string;
  readonly cells: readonly [first: number, other: number];
  readonly probability: BootstrapInterval;
}

/** The first method against each other one; empty where no task can be compared. */
export function improvements({ tasks, methods }: Comparable): ImprovementRow[] {
  if (tasks.length === 0) return [];
  const [first, ...others] = methods;
  return others.map((other, index) => {
    const [probability] = bootstrapIntervals(
      [first.scores, other.scores],
      (one, two) => [probabilityOfImprovement(one, two)],
      { ...BOOTSTRAP, key: foldIn(KEY, 1000 + index) },
    );
    const cells = [first.scores.flat().length, other.scores.flat().length] as const;
    return { first: first.name, other: other.name, cells, probability };
  });
}

/** Share of cells above each threshold, pointwise bootstrap intervals of 95 %. */
export interface Profile {
  readonly method: string;
  readonly points: readonly { readonly threshold: number; readonly share: BootstrapInterval }[];
}

/** The performance profile of every method; empty where no task can be compared. */
export function profiles({ tasks, methods }: Comparable, thresholds: readonly number[]): Profile[] {
  if (tasks.length === 0) return [];
  return methods.map(({ name, scores }, index) => {
    const shares = bootstrapIntervals([scores], (sample) => performanceProfile(sample, thresholds), {
      ...BOOTSTRAP,
      key: foldIn(KEY, 2000 + index),
    });
    return {
      method: name,
      points: thresholds.map((threshold, i) => ({ threshold, share: shares[i] })),
    };
  });
}

/** Which demonstration or which seed: one method on one task. */
export interface VarianceRow extends VarianceComponents {
  readonly task: string;
  readonly method: string;
  readonly trajectories: number;
  readonly cells: number;
  readonly planned: number;
  /** Over the means of trajectories: of other trajectories, where the interval over cells is of these. */
  readonly acrossTrajectories: Mean;
}

/** Variance components of a method's scores on a task; null without two trajectories, or two seeds in one of them. */
export function varianceRow(task: string, method: string, outcomes: readonly Outcome[]): VarianceRow | null {
  const cells = outcomes.filter((outcome) => outcome.task === task && outcome.method === method);
  const scored = cells.filter((outcome) => standing(outcome) !== null);
  const groups = Array.from(
    Map.groupBy(scored, ({ trajectory }) => trajectory).values(),
    (group) => group.map(standing) as number[],
  );
  if (groups.length < 2 || groups.every((seeds) => seeds.length < 2)) return null;
  const means = groups.map((seeds) => seeds.reduce((sum, value) => sum + value, 0) / seeds.length);
  return {
    task,
    method,
    trajectories: groups.length,
    cells: scored.length,
    planned: cells.length,
    acrossTrajectories: meanOf(means) as Mean,
    ...varianceComponents(groups),
  };
}

/** A point of a learning curve: mean true return with its interval by Student's t, equal to it where there is one cell. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** Mean over complete cells at every step at which all of them were evaluated; empty of none. */
export function meanCurve(outcomes: readonly Outcome[]): CurvePoint[] {
  const curves = outcomes.filter(({ state }) => state === "complete").map(({ curve }) => new Map(curve));
  if (curves.length === 0) return [];
  const [first, ...others] = curves;
  const shared = [...first.keys()].filter((step) => others.every((curve) => curve.has(step)));
  return shared.map((step) =>
    meanInterval(
      step,
      curves.map((curve) => curve.get(step) ?? NaN),
    ),
  );
}
