/** Scores of an algorithm, and the scale on which tasks can be compared. */
import { TandemError } from "../core/index.ts";

/**
 * One algorithm's scores, `scores[task][run]`: at least one task, at least one run in each, all finite, in a unit that
 * tasks share (`normalisedScore`). Tasks may differ in their number of runs.
 */
export type Scores = readonly (readonly number[])[];

/** Returns of a task that become the scores 0 and 1. */
export interface ScoreAnchors {
  /** Mean return of uniformly random actions. */
  readonly random: number;
  /** Mean return of the expert. */
  readonly expert: number;
}

/** (score - random) / (expert - random): 0 for random actions, 1 for the expert. Refuses anchors that are equal. */
export function normalisedScore(score: number, { random, expert }: ScoreAnchors): number {
  const range = expert - random;
  if (range === 0 || !Number.isFinite(range)) {
    throw new TandemError(
      "normalisedScore",
      `expected an expert's return other than the random one, both finite, got ${expert} and ${random}`,
    );
  }
  return (score - random) / range;
}

/** Refuse scores without groups, a group without runs, and runs that are not finite. */
export function checkScores(where: string, scores: Scores, group: "task" | "trajectory" = "task"): void {
  if (scores.length === 0) throw new TandemError(where, `expected scores of at least one ${group}, got none`);
  scores.forEach((runs, index) => {
    if (runs.length === 0) {
      throw new TandemError(where, `${group} ${index} has no runs; leave it out`);
    }
    const run = runs.findIndex((score) => !Number.isFinite(score));
    if (run >= 0) {
      throw new TandemError(
        where,
        `expected finite scores, got ${runs[run]} in run ${run} of ${group} ${index}; leave the run out, or score it as failed`,
      );
    }
  });
}

/** Mean, by distances from the first value: exact where all are equal. NaN of nothing. */
export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] - values[0];
  return values[0] + sum / values.length;
}
