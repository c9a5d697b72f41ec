/** Choices made without the true reward, by the fit to held-out demonstrations, and what they cost against choices made with it. */
import { lastTenth, normalisedOn, type HeldOutPoint, type Outcome } from "./outcome.ts";
import { standing } from "./statistics.ts";

/** What a choice may go by. */
export type Criterion = "state distance" | "log-likelihood" | "reward gap";

/** How badly a policy or its reward fits, by criterion: the lowest is chosen. null where there is nothing to go by. */
const BADNESS: Readonly<Record<Criterion, (point: HeldOutPoint) => number | null>> = {
  "state distance": ({ stateDistance }) => stateDistance,
  "log-likelihood": ({ logLikelihood }) => -logLikelihood,
  "reward gap": ({ rewardGap }) => rewardGap && Math.abs(rewardGap),
};

/** All of them, the one to go by first. */
export const CRITERIA = Object.keys(BADNESS) as Criterion[];

/** What a criterion would have chosen. Regrets are normalised scores lost against the best choice there was. */
export interface Choice {
  readonly name: string;
  readonly score: number;
  readonly regret: number;
}

/** Why a cell says nothing of its configuration. */
type Obstacle = "not complete" | "diverged" | "without a normalised score" | "without a held-out fit";

/** A configuration that could not be chosen, and what keeps some of its cells from counting. */
interface LeftOut {
  readonly name: string;
  readonly cells: number;
  /** One of each cell that has one. */
  readonly obstacles: readonly Obstacle[];
}

/** Configurations of one family on one task. */
export interface FamilyChoice {
  readonly task: string;
  readonly family: string;
  /** Configurations that could be chosen: all of their cells have a score and were measured on held-out demonstrations. */
  readonly candidates: number;
  /** The others. */
  readonly leftOut: readonly LeftOut[];
  /** The best by true return; null with fewer than two candidates, as all that follows. */
  readonly best: { readonly name: string; readonly score: number } | null;
  /** Mean regret of a choice by lot. */
  readonly lot: number | null;
  /** null where the criterion has nothing to go by. */
  readonly chosen: Readonly<Record<Criterion, Choice | null>>;
}

/**
 * The configuration of a family that each criterion chooses on a task: of each the mean over its cells of the mean over the last tenth
 * of training, which is also what its score is the mean of. null where there are fewer than two, or none was ever measured on held-out
 * demonstrations.
 */
export function familyChoice(
  task: string,
  family: string,
  outcomes: readonly Outcome[],
): FamilyChoice | null {
  const own = outcomes.filter((outcome) => outcome.task === task && outcome.family === family);
  const configurations = Array.from(
    Map.groupBy(own, ({ method }) => method),
    ([name, cells]) => ({
      name,
      cells,
      score: meanOrNull(cells.map(standing)),
      obstacles: cells.map(obstacleOf).filter((obstacle) => obstacle !== null),
    }),
  );
  if (configurations.length < 2 || own.every(({ heldOut }) => heldOut.length === 0)) return null;
  const candidates = configurations.filter(
    (each): each is typeof each & { score: number } => each.obstacles.length === 0,
  );
  const leftOut = configurations
    .filter(({ obstacles }) => obstacles.length > 0)
    .map(({ name, cells, obstacles }) => ({ name, cells: cells.length, obstacles }));
  const shared = { task, family, candidates: candidates.length, leftOut };
  if (candidates.length < 2) return { ...shared, best: null, lot: null, chosen: byCriterion(() => null) };
  const best = candidates.reduce((top, each) => (each.score > top.score ? each : top));
  const lot = candidates.reduce((sum, { score }) => sum + (best.score - score) / candidates.length, 0);
  const choiceBy = (criterion: Criterion): Choice | null => {
    const judged = candidates.map((each) => ({
      each,
      badness: meanOrNull(each.cells.map((cell) => cellBadness(cell, criterion))),
    }));
    const known = judged.filter((one): one is typeof one & { badness: number } => one.badness !== null);
    if (known.length < candidates.length) return null;
    const { name, score } = known.reduce((top, one) => (one.badness < top.badness ? one : top)).each;
    return { name, score, regret: best.score - score };
  };
  return {
    ...shared,
    best: { name: best.name, score: best.score },
    lot,
    chosen: byCriterion(choiceBy),
  };
}

/** What a criterion measures of a configuration, over its cells, as reports show it; null where one has nothing. */
export function fitOf(cells: readonly Outcome[], criterion: Criterion): number | null {
  const badness = meanOrNull(cells.map((cell) => cellBadness(cell, criterion)));
  return badness !== null && criterion === "log-likelihood" ? -badness : badness;
}

function obstacleOf(cell: Outcome): Obstacle | null {
  const isMeasured = lastTenth(cell.heldOut, cell.steps).length > 0;
  if (cell.state === "diverged") return isMeasured ? null : "diverged";
  if (cell.score === null) return "not complete";
  if (standing(cell) === null) return "without a normalised score";
  return isMeasured ? null : "without a held-out fit";
}

function cellBadness({ heldOut, steps }: Outcome, criterion: Criterion): number | null {
  return meanOrNull(lastTenth(heldOut, steps).map(BADNESS[criterion]));
}

/**
 * Which evaluation of a training to keep. State distance and reward gap are of the very episodes whose returns are compared, and share
 * their luck: regrets by them come out too small beside those of the last and of the log-likelihood, which do not look at them.
 */
export interface CheckpointChoice {
  readonly task: string;
  readonly method: string;
  /** Cells that it is the mean over. */
  readonly cells: number;
  /** Mean regret, normalised, of keeping the last evaluation's policy. */
  readonly last: number;
  /** Mean regret of what each criterion keeps; null where it has nothing to go by. */
  readonly regret: Readonly<Record<Criterion, number | null>>;
}

/** The regret of keeping one policy of each training, by criterion, against keeping the one of the highest return. null without cells. */
export function checkpointChoice(
  task: string,
  method: string,
  outcomes: readonly Outcome[],
): CheckpointChoice | null {
  const cells = outcomes.filter(
    (outcome) => outcome.task === task && outcome.method === method && measuredReturns(outcome).length > 0,
  );
  if (cells.length === 0) return null;
  return {
    task,
    method,
    cells: cells.length,
    last: meanOrNull(cells.map((cell) => regretOf(cell, measuredReturns(cell).length - 1))) as number,
    regret: byCriterion((criterion) => meanOrNull(cells.map((cell) => criterionRegret(cell, criterion)))),
  };
}

/** The fit and the normalised return of each evaluation that has both; none where the expert's return is not known. */
function measuredReturns({ heldOut, curve, scale }: Outcome): [HeldOutPoint, number][] {
  const returns = new Map(curve);
  return heldOut.flatMap((point): [HeldOutPoint, number][] => {
    const earned = normalisedOn(scale, returns.get(point.step) ?? null);
    return earned === null ? [] : [[point, earned]];
  });
}

function criterionRegret(cell: Outcome, criterion: Criterion): number | null {
  const badness = measuredReturns(cell).map(([point]) => BADNESS[criterion](point));
  if (badness.some((value) => value === null)) return null;
  return regretOf(cell, badness.indexOf(Math.min(...(badness as number[]))));
}

function regretOf(cell: Outcome, kept: number): number {
  const returns = measuredReturns(cell).map(([, earned]) => earned);
  return Math.max(...returns) - returns[kept];
}

function byCriterion<T>(of: (criterion: Criterion) => T): Record<Criterion, T> {
  return Object.fromEntries(CRITERIA.map((criterion) => [criterion, of(criterion)])) as Record<Criterion, T>;
}

/** null where one of them is, or there is none. */
function meanOrNull(values: readonly (number | null)[]): number | null {
  if (values.length === 0 || values.includes(null)) return null;
  return (values as number[]).reduce((sum, value) => sum + value, 0) / values.length;
}
