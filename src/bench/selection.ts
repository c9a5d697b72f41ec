/** Choices made without the true reward, by the fit to held-out demonstrations, and what they cost against choices made with it. */
import { lastTenth, type HeldOutPoint, type Outcome } from "./outcome.ts";
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

/** Configurations of one family on one task. */
export interface FamilyChoice {
  readonly task: string;
  readonly family: string;
  /** Configurations that could be chosen: all of their cells have a score and were measured on held-out demonstrations. */
  readonly candidates: number;
  /** The best by true return. */
  readonly best: { readonly name: string; readonly score: number };
  /** Mean regret of a choice by lot. */
  readonly lot: number;
  /** null where the criterion has nothing to go by. */
  readonly chosen: Readonly<Record<Criterion, Choice | null>>;
}

/**
 * The configuration of a family that each criterion chooses on a task: of each the mean over its cells of the mean over the last tenth
 * of training, which is also what its score is the mean of. null where fewer than two could be chosen.
 */
export function familyChoice(
  task: string,
  family: string,
  outcomes: readonly Outcome[],
): FamilyChoice | null {
  const own = outcomes.filter((outcome) => outcome.task === task && outcome.family === family);
  const candidates = Array.from(
    Map.groupBy(own, ({ method }) => method),
    ([name, cells]) => ({ name, cells, score: meanOrNull(cells.map(standing)) }),
  ).filter(
    (each): each is typeof each & { score: number } =>
      each.score !== null && each.cells.every(({ heldOut, steps }) => lastTenth(heldOut, steps).length > 0),
  );
  if (candidates.length < 2) return null;
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
    task,
    family,
    candidates: candidates.length,
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

function cellBadness({ heldOut, steps }: Outcome, criterion: Criterion): number | null {
  return meanOrNull(lastTenth(heldOut, steps).map(BADNESS[criterion]));
}

/** Which evaluation of a training to keep. */
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
function measuredReturns({ heldOut, curve, expertReturn, randomReturn }: Outcome): [HeldOutPoint, number][] {
  if (expertReturn === null || randomReturn === null || expertReturn === randomReturn) return [];
  const returns = new Map(curve);
  return heldOut.flatMap((point): [HeldOutPoint, number][] => {
    const earned = returns.get(point.step);
    return earned === undefined ? [] : [[point, (earned - randomReturn) / (expertReturn - randomReturn)]];
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
