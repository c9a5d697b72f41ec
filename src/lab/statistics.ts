/** What findings say about several seeds: centres with intervals, fitted exponents. */
import { keyFromSeed } from "../core/index.ts";
import type { Interval, ScalingSeries } from "../report/index.ts";
import { fitPowerLaw, studentQuantile } from "../theory/index.ts";

/** Resamples of a bootstrap, and the coverage of an interval. */
const RESAMPLES = 2000;
const LEVEL = 0.95;
/** Findings are the same whenever they are read: the resampling has a seed of its own. */
const KEY = keyFromSeed(20_250_317);

/** The geometric mean of positive values with its interval; what is not positive is left out. */
export function geometricInterval(x: number, values: readonly number[]): Interval {
  const logs = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log);
  const { y, low, high } = meanInterval(x, logs);
  return { x, y: Math.exp(y), low: Math.exp(low), high: Math.exp(high) };
}

/** The mean with its 95 % interval by Student's t; a single value has no interval. */
export function meanInterval(x: number, values: readonly number[]): Interval {
  const count = values.length;
  const y = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { x, y, low: y, high: y };
  const squares = values.reduce((sum, value) => sum + (value - y) ** 2, 0);
  const error = Math.sqrt(squares / (count - 1) / count);
  const width = studentQuantile((1 + LEVEL) / 2, count - 1) * error;
  return { x, y, low: y - width, high: y + width };
}

/** Values of every seed at every size, as points with intervals and a fitted power law. */
export function scalingSeries(
  name: string | null,
  bySize: ReadonlyMap<number, readonly number[]>,
): ScalingSeries {
  const sizes = [...bySize.keys()].sort((a, b) => a - b);
  const points = sizes.map((size) => geometricInterval(size, bySize.get(size) ?? []));
  const seeds = Math.min(...sizes.map((size) => bySize.get(size)?.length ?? 0));
  const values = Array.from({ length: seeds }, (_, seed) =>
    sizes.map((size) => bySize.get(size)?.[seed] ?? NaN),
  );
  const fit =
    sizes.length > 1 ? fitPowerLaw(sizes, values, { resamples: RESAMPLES, level: LEVEL, key: KEY }) : null;
  return { name, points, fit };
}

/** "-0.48 [-0.52, -0.44]" */
export function slopeWords({ fit }: ScalingSeries): string {
  if (!fit) return "";
  return `${fit.exponent.toFixed(3)} [${fit.low.toFixed(3)}, ${fit.high.toFixed(3)}]`;
}

/** "3.1 [2.8, 3.5]" */
export function intervalWords({ y, low, high }: Interval, digits = 3): string {
  return `${y.toPrecision(digits)} [${low.toPrecision(digits)}, ${high.toPrecision(digits)}]`;
}

/** Mean of the paired differences first - second with its interval, in words. */
export function meanDifference(first: readonly number[], second: readonly number[]): string {
  const count = Math.min(first.length, second.length);
  return intervalWords(
    meanInterval(
      0,
      Array.from({ length: count }, (_, i) => first[i] - second[i]),
    ),
    2,
  );
}
