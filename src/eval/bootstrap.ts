import { nextInteger, streamOf, TandemError, type RandomStream } from "../core/index.ts";
import type { BootstrapOptions } from "../theory/index.ts";
import { checkScores, type Scores } from "./scores.ts";

/** A statistic with its interval, all in the statistic's own unit. */
export interface BootstrapInterval {
  /** Of the scores as they are. */
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Percentile intervals by the stratified bootstrap (arXiv:2108.13264, sec. 4.1): a resample draws as many runs as there
 * are, with replacement, from each task of each algorithm apart from all others; low and high are the (1 -+ level) / 2
 * quantiles of the statistics over resamples, linear between order statistics. The same key gives the same intervals.
 *
 * They tell of other runs on these tasks, not of other tasks. With few runs they hold less often than `level` says, as they
 * are narrow by the factor sqrt(1 - 1/n) and know no Student's t: at 95 %, the mean of n = 3, 5, 10 normal runs on one task
 * lies inside in 73, 83, 89 % of cases. A task with one run adds no width at all.
 *
 * @param algorithms scores of each; one, or as many as `statistics` compares
 * @param statistics finite numbers [k] of a sample, e.g. `(x, y) => [probabilityOfImprovement(x, y)]`
 * @returns one interval for each statistic, pointwise, [k]
 */
export function bootstrapIntervals(
  algorithms: readonly Scores[],
  statistics: (...algorithms: Scores[]) => readonly number[],
  { resamples, level, key }: BootstrapOptions,
): BootstrapInterval[] {
  for (const scores of algorithms) checkScores("bootstrapIntervals", scores);
  if (!(Number.isInteger(resamples) && resamples > 0 && level > 0 && level < 1)) {
    throw new TandemError(
      "bootstrapIntervals",
      `expected a whole number of resamples and a level between 0 and 1, got ${resamples} and ${level}`,
    );
  }
  const stream = streamOf(key);
  const replications = Array.from({ length: resamples }, () =>
    statistics(...algorithms.map((scores) => resampled(scores, stream))),
  );
  return statistics(...algorithms).map((estimate, i) => {
    const sorted = Float64Array.from(replications, (values) => values[i]).sort();
    return { estimate, low: quantileOf(sorted, (1 - level) / 2), high: quantileOf(sorted, (1 + level) / 2) };
  });
}

function resampled(scores: Scores, stream: RandomStream): Scores {
  return scores.map((runs) => runs.map(() => runs[nextInteger(stream, runs.length)]));
}

/** The quantile at `share` of ascending values, linear between order statistics, as numpy's percentile. */
export function quantileOf(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)];
  return below + (at % 1) * (sorted[Math.ceil(at)] - below);
}
