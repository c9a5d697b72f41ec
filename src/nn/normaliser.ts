import type { Kernels } from "../kernels/index.ts";

/** Running mean and variance of rows, float64 (Welford's update). Plain data. */
export interface RowStatistics {
  count: number;
  readonly mean: Float64Array;
  /** Sum of squared deviations from the mean. */
  readonly squares: Float64Array;
}

/** A standardisation in force: part of whatever artefact was trained with it. */
export interface Normaliser {
  readonly size: number;
  /** float32 [size] each, in kernel memory. */
  readonly mean: number;
  readonly inverseStd: number;
}

/** A coordinate that varies less than this is treated as constant and not scaled up. */
const SMALLEST_STD = 1e-3;

/** Statistics of no rows. */
export function emptyStatistics(size: number): RowStatistics {
  return { count: 0, mean: new Float64Array(size), squares: new Float64Array(size) };
}

/** Take in the first `statistics.mean.length` columns of `rows` rows of x (leading dimension `ldx`). */
export function addRows(statistics: RowStatistics, x: Float32Array, rows: number, ldx: number): void {
  const { mean, squares } = statistics;
  for (let row = 0; row < rows; row++) {
    statistics.count++;
    for (let i = 0; i < mean.length; i++) {
      const deviation = x[row * ldx + i] - mean[i];
      mean[i] += deviation / statistics.count;
      squares[i] += deviation * (x[row * ldx + i] - mean[i]);
    }
  }
}

/** A normaliser that changes nothing. */
export function createNormaliser(kernels: Kernels, size: number): Normaliser {
  const normaliser = { size, mean: kernels.allocate(size), inverseStd: kernels.allocate(size) };
  kernels.fill(size, normaliser.inverseStd, 1);
  return normaliser;
}

/**
 * Standardise by the mixture that weighs all `sources` equally, however many rows each holds. Standardised on the
 * expert alone, an expert's own points crowd at the origin and the agent's lie far out; on the mixture both have a place.
 */
export function standardiseOver(
  kernels: Kernels,
  normaliser: Normaliser,
  sources: readonly RowStatistics[],
): void {
  const mean = kernels.f32(normaliser.mean, normaliser.size);
  const inverseStd = kernels.f32(normaliser.inverseStd, normaliser.size);
  const filled = sources.filter((source) => source.count > 0);
  for (let i = 0; i < normaliser.size; i++) {
    let mixtureMean = 0;
    let secondMoment = 0;
    for (const { count, mean: means, squares } of filled) {
      mixtureMean += means[i] / filled.length;
      secondMoment += (squares[i] / count + means[i] * means[i]) / filled.length;
    }
    const std = Math.sqrt(Math.max(0, secondMoment - mixtureMean * mixtureMean));
    mean[i] = mixtureMean;
    inverseStd[i] = std > SMALLEST_STD ? 1 / std : 1;
  }
}
