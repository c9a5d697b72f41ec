/**
 * One number, or one curve, for an algorithm's scores over many tasks: Agarwal, Schwarzer, Castro, Courville, Bellemare,
 * "Deep reinforcement learning at the edge of the statistical precipice", arXiv:2108.13264, and their package rliable.
 * x[m][n] is run n of N_m on task m of M. Every function refuses scores that are missing or not finite.
 */
import { TandemError } from "../core/index.ts";
import { checkScores, meanOf, type Scores } from "./scores.ts";

/**
 * Mean of the middle half of all runs of all tasks, in units of the scores: of K = sum_m N_m runs, floor(K / 4) are cut
 * off at either end. Runs weigh the same, so that where tasks differ in runs, one with more of them weighs more.
 */
export function interquartileMean(scores: Scores): number {
  checkScores("interquartileMean", scores);
  const sorted = Float64Array.from(scores.flat()).sort();
  const cut = Math.floor(sorted.length / 4);
  return meanOf(sorted.subarray(cut, sorted.length - cut));
}

/** Mean over tasks of each task's mean, 1/M sum_m 1/N_m sum_n x[m][n], in units of the scores. */
export function meanScore(scores: Scores): number {
  checkScores("meanScore", scores);
  return meanOf(scores.map(meanOf));
}

/** Median over tasks of each task's mean, in units of the scores; of an even number, half-way between the middle two. */
export function medianScore(scores: Scores): number {
  checkScores("medianScore", scores);
  const sorted = Float64Array.from(scores, meanOf).sort();
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half] : meanOf(sorted.subarray(half - 1, half + 1));
}

/**
 * How far runs fall short of `target` (the paper's gamma; 1 is the expert where scores are normalised), 0 for those above
 * it: 1/M sum_m 1/N_m sum_n max(target - x[m][n], 0), in units of the scores. Lower is better.
 */
export function optimalityGap(scores: Scores, target = 1): number {
  checkScores("optimalityGap", scores);
  return meanOf(scores.map((runs) => meanOf(runs.map((score) => Math.max(target - score, 0)))));
}

/**
 * How probable it is that a run of the first algorithm beats one of the second on the same task, a tie counting half:
 * 1/M sum_m U_m / (N_m N'_m) with Mann and Whitney's U, in [0, 1]. The algorithms may differ in runs, not in tasks.
 */
export function probabilityOfImprovement(first: Scores, second: Scores): number {
  checkScores("probabilityOfImprovement", first);
  checkScores("probabilityOfImprovement", second);
  if (first.length !== second.length) {
    throw new TandemError(
      "probabilityOfImprovement",
      `expected both algorithms on the same tasks, got ${first.length} and ${second.length} of them`,
    );
  }
  return meanOf(first.map((runs, task) => shareOfWins(runs, second[task])));
}

/** Share of runs above each threshold, a tie not counting: 1/M sum_m 1/N_m sum_n [x[m][n] > tau], in [0, 1]. */
export function performanceProfile(scores: Scores, thresholds: readonly number[]): number[] {
  checkScores("performanceProfile", scores);
  return thresholds.map((threshold) => meanOf(scores.map((runs) => shareAbove(runs, threshold))));
}

/** Share of tasks whose mean score is above each threshold: 1/M sum_m [1/N_m sum_n x[m][n] > tau], in [0, 1]. */
export function averageScoreProfile(scores: Scores, thresholds: readonly number[]): number[] {
  checkScores("averageScoreProfile", scores);
  const means = scores.map(meanOf);
  return thresholds.map((threshold) => shareAbove(means, threshold));
}

function shareOfWins(runs: readonly number[], others: readonly number[]): number {
  let wins = 0;
  for (const score of runs) {
    for (const other of others) wins += (1 + Math.sign(score - other)) / 2;
  }
  return wins / (runs.length * others.length);
}

function shareAbove(values: readonly number[], threshold: number): number {
  return values.filter((value) => value > threshold).length / values.length;
}
