import { TandemError } from "../core/index.ts";
import { checkScores, meanOf } from "./scores.ts";

/** How much of the variance of scores comes from where; squares of the scores' unit. */
export interface VarianceComponents {
  /** Between trajectories, sigma_a^2: the estimate, or 0 where that is negative. */
  readonly between: number;
  /** The estimate of `between` as it came out, unbiased; negative by chance where trajectories matter little. */
  readonly rawBetween: number;
  /** Within a trajectory, over seeds, sigma_e^2. */
  readonly within: number;
}

/**
 * Which expert trajectory or which seed: variance components of one method's scores on one task. In the model
 * y_ij = mu + a_i + e_ij of trajectory i of k and seed j of n_i, N = sum_i n_i, a_i and e_ij independent with means 0,
 *
 *     within     = sum_ij (y_ij - ybar_i)^2 / (N - k)
 *     rawBetween = (sum_i n_i (ybar_i - ybar)^2 / (k - 1) - within) / n_0,  n_0 = (N - sum_i n_i^2 / N) / (k - 1)
 *
 * with ybar the mean of all N. It is the ANOVA estimator for unbalanced data, unbiased whatever the distributions
 * (S. R. Searle, G. Casella, C. E. McCulloch, Variance Components, Wiley 1992, ch. 3). Seeds are nested: that two
 * trajectories share a seed's number must mean nothing.
 *
 * @param scores y[trajectory][seed], finite; two or more trajectories, two or more seeds in at least one of them
 */
export function varianceComponents(scores: readonly (readonly number[])[]): VarianceComponents {
  checkScores("varianceComponents", scores, "trajectory");
  const trajectories = scores.length;
  const pooled = scores.flat();
  const count = pooled.length;
  if (trajectories < 2 || count === trajectories) {
    throw new TandemError(
      "varianceComponents",
      `expected two or more trajectories and two or more seeds in one of them, got ${count} scores of ${trajectories}`,
    );
  }
  const grandMean = meanOf(pooled);
  let [squaresWithin, squaresBetween, squaredSizes] = [0, 0, 0];
  for (const seeds of scores) {
    const mean = meanOf(seeds);
    for (const score of seeds) squaresWithin += (score - mean) ** 2;
    squaresBetween += seeds.length * (mean - grandMean) ** 2;
    squaredSizes += seeds.length ** 2;
  }
  const within = squaresWithin / (count - trajectories);
  const effectiveSeeds = (count - squaredSizes / count) / (trajectories - 1);
  const rawBetween = (squaresBetween / (trajectories - 1) - within) / effectiveSeeds;
  return { between: Math.max(rawBetween, 0), rawBetween, within };
}
