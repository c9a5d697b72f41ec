/** Whether a published mean is one that more runs like ours could have had: docs/repro.md derives the rule. */
import { studentQuantile } from "../theory/index.ts";

/** A published mean, normalised: 0 for random actions, 1 for the expert. */
export interface PublishedMean {
  readonly mean: number;
  /** Standard deviation over runs; null where the source gives none. */
  readonly spread: number | null;
  /** Runs; null where the source does not say how many. */
  readonly runs: number | null;
}

/** What two means come to. */
export interface Verdict {
  /** Of ours, against the published one. */
  readonly word: "consistent" | "below" | "above";
  /** 95 % prediction interval around our mean for the published one. */
  readonly interval: readonly [low: number, high: number];
  /** Runs that the published mean is taken to be of. */
  readonly runs: number;
  /** Whose scatter the interval rests on. */
  readonly spread: "both" | "ours";
}

const LEVEL = 0.95;
/** "Several" is two at least, which makes the interval widest. */
const SEVERAL = 2;

/** Hold our normalised scores against a published mean; null of fewer than two scores. */
export function judge(ours: readonly number[], published: PublishedMean): Verdict | null {
  const count = ours.length;
  if (count < 2) return null;
  const mean = ours.reduce((sum, value) => sum + value, 0) / count;
  const variance = ours.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const runs = published.runs ?? SEVERAL;
  const spread = runs > 1 ? published.spread : null;
  const half =
    spread === null ? pooledHalf(variance, count, runs) : welchHalf(variance, count, spread ** 2, runs);
  const interval = [mean - half, mean + half] as const;
  const isWithin = published.mean >= interval[0] && published.mean <= interval[1];
  const word = isWithin ? "consistent" : mean < published.mean ? "below" : "above";
  return { word, interval, runs, spread: spread === null ? "ours" : "both" };
}

/** t(N - 1) s sqrt(1 / N + 1 / n): their runs are taken to scatter as ours do. */
function pooledHalf(variance: number, count: number, runs: number): number {
  return quantile(count - 1) * Math.sqrt(variance * (1 / count + 1 / runs));
}

/** t(nu) sqrt(s^2 / N + q^2 / n), nu by Welch and Satterthwaite, rounded down to whole degrees of freedom. */
function welchHalf(variance: number, count: number, theirs: number, runs: number): number {
  const [a, b] = [variance / count, theirs / runs];
  if (a + b === 0) return 0;
  const freedom = (a + b) ** 2 / (a ** 2 / (count - 1) + b ** 2 / (runs - 1));
  return quantile(Math.max(1, Math.floor(freedom))) * Math.sqrt(a + b);
}

function quantile(freedom: number): number {
  return studentQuantile((1 + LEVEL) / 2, freedom);
}
