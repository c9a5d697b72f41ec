/** Exponents of power laws with their uncertainty: what a measurement says of a rate that the theory states. */
import { nextInteger, streamOf, TandemError, type Key } from "../core/index.ts";

/** y = factor * x^exponent, with a bootstrap interval for the exponent. */
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

/**
 * Least squares of log y on log x over all seeds; the interval is the percentile interval over resampled seeds, which
 * keeps together what one seed measured at all sizes.
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
  const logs = usable.map((row) => row.map(Math.log));
  const whole = regress(logX, columnMeans(logs));
  const stream = streamOf(key);
  const slopes = Array.from({ length: resamples }, () => {
    const resampled = logs.map(() => logs[nextInteger(stream, logs.length)]);
    return regress(logX, columnMeans(resampled)).slope;
  }).sort((a, b) => a - b);
  const tail = (1 - level) / 2;
  return {
    factor: Math.exp(whole.intercept),
    exponent: whole.slope,
    low: quantile(slopes, tail),
    high: quantile(slopes, 1 - tail),
    dropped: values.length - usable.length,
  };
}

function columnMeans(rows: readonly (readonly number[])[]): number[] {
  return rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
}

function regress(x: readonly number[], y: readonly number[]): { slope: number; intercept: number } {
  const meanX = x.reduce((a, b) => a + b, 0) / x.length;
  const meanY = y.reduce((a, b) => a + b, 0) / y.length;
  let [products, squares] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    products += (x[i] - meanX) * (y[i] - meanY);
    squares += (x[i] - meanX) ** 2;
  }
  const slope = products / squares;
  return { slope, intercept: meanY - slope * meanX };
}

/** Linear between order statistics. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const next = sorted[Math.min(below + 1, sorted.length - 1)];
  return sorted[below] + (at - below) * (next - sorted[below]);
}
