/** Exponents of power laws with their uncertainty: what a measurement says of a rate that the theory states. */
import { nextInteger, streamOf, TandemError, type Key, type RandomStream } from "../core/index.ts";
import { studentQuantile } from "./student-quantile.ts";

/** y = factor * x^exponent, with an interval for the exponent. */
export interface PowerLawFit {
  readonly factor: number;
  readonly exponent: number;
  readonly low: number;
  readonly high: number;
  /** Seeds left out because some value was not positive and finite. */
  readonly dropped: number;
}

/** How the interval is made. */
export interface BootstrapOptions {
  readonly resamples: number;
  /** Coverage of the interval, e.g. 0.95. */
  readonly level: number;
  readonly key: Key;
}

/** Below this, resamples are too often of one seed alone. */
const SEEDS_TO_RESAMPLE = 5;

/**
 * Least squares of log y on log x over all seeds, which is the mean b of the seeds' own slopes; s is their standard
 * deviation, n their number. The interval resamples seeds, which keeps together what one seed measured at all sizes, and is
 * the bootstrap-t one: b - q s with the quantiles q of (b* - b) / s* over resamples. Percentiles of b* alone cover less than
 * they say: at n = 10 and a level of 95 % they hold in 89 % of cases (86 % where slopes are skewed), bootstrap-t in 94 %.
 * With fewer than five seeds it is Student's, which is exact for normal noise.
 *
 * @param x sizes, positive, at least two different ones
 * @param values y[seed][size], at least two seeds with positive values throughout
 */
export function fitPowerLaw(
  x: readonly number[],
  values: readonly (readonly number[])[],
  { resamples, level, key }: BootstrapOptions,
): PowerLawFit {
  if (new Set(x).size < 2 || x.some((each) => !(each > 0))) {
    throw new TandemError(
      "fitPowerLaw",
      `expected two or more different positive sizes, got ${x.join(", ")}`,
    );
  }
  const usable = values.filter((row) => row.every((y) => y > 0 && Number.isFinite(y)));
  if (usable.length < 2) {
    throw new TandemError(
      "fitPowerLaw",
      `expected two or more seeds with positive values at all sizes, got ${usable.length} of ${values.length}`,
    );
  }
  const logX = x.map(Math.log);
  const lines = usable.map((row) => regress(logX, row.map(Math.log)));
  const slopes = lines.map(({ slope }) => slope);
  const exponent = meanOf(slopes);
  const [lowest, highest] =
    slopes.length < SEEDS_TO_RESAMPLE
      ? studentQuantiles(slopes.length, level)
      : bootstrapQuantiles(slopes, resamples, level, streamOf(key));
  const spread = deviationOf(slopes);
  return {
    factor: Math.exp(meanOf(lines.map(({ intercept }) => intercept))),
    exponent,
    low: spread > 0 ? exponent - highest * spread : exponent,
    high: spread > 0 ? exponent - lowest * spread : exponent,
    dropped: values.length - usable.length,
  };
}

/** Where (mean - truth) / deviation lies for n normal values. */
function studentQuantiles(n: number, level: number): [number, number] {
  const quantile = studentQuantile((1 + level) / 2, n - 1) / Math.sqrt(n);
  return [-quantile, quantile];
}

/** Where (mean - truth) / deviation lies, told by the same of resamples about the sample; one of a single value is at infinity. */
function bootstrapQuantiles(
  sample: readonly number[],
  resamples: number,
  level: number,
  stream: RandomStream,
): [number, number] {
  const centre = meanOf(sample);
  const ratios = Array.from({ length: resamples }, () => {
    const resample = sample.map(() => sample[nextInteger(stream, sample.length)]);
    const excess = meanOf(resample) - centre;
    return excess === 0 ? 0 : excess / deviationOf(resample);
  }).sort((a, b) => a - b);
  return [quantileOf(ratios, (1 - level) / 2), quantileOf(ratios, (1 + level) / 2)];
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

function regress(x: readonly number[], y: readonly number[]): { slope: number; intercept: number } {
  const [meanX, meanY] = [meanOf(x), meanOf(y)];
  let [products, squares] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    products += (x[i] - meanX) * (y[i] - meanY);
    squares += (x[i] - meanX) ** 2;
  }
  const slope = products / squares;
  return { slope, intercept: meanY - slope * meanX };
}

/** Linear between order statistics. */
function quantileOf(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const next = sorted[Math.ceil(at)];
  return next === sorted[below] ? next : sorted[below] + (at - below) * (next - sorted[below]);
}
