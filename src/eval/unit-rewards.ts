/**
 * Canonical rewards as points of the unit sphere of L2(D), which EPIC, DARD and STARC share. With mean 0, half the length
 * between two is sqrt((1 - rho) / 2), rho being Pearson's; in this form nothing cancels where rho is near 1.
 */

/** Share of the largest |R| below which a canonical reward is what rounding left of 0. */
const ROUNDING = 2 ** -36;

/** c / |c|, [n]; 0 where c is, which makes a trivial reward lie 1/2 from all others. `largest` is the largest |R|. */
export function normalised(canonical: Float64Array, weights: Float64Array, largest: number): Float64Array {
  const norm = Math.sqrt(canonical.reduce((sum, value, i) => sum + weights[i] * value * value, 0));
  return canonical.map((value) => (norm > ROUNDING * largest ? value / norm : 0));
}

/** `normalised` of c - E c. */
export function standardised(canonical: Float64Array, weights: Float64Array, largest: number): Float64Array {
  const mean = canonical.reduce((sum, value, i) => sum + weights[i] * value, 0);
  return normalised(
    canonical.map((value) => value - mean),
    weights,
    largest,
  );
}

/** |x - y| / 2, in [0, 1]. */
export function halfLength(x: Float64Array, y: Float64Array, weights: Float64Array): number {
  const square = x.reduce((sum, value, i) => sum + weights[i] * (value - y[i]) ** 2, 0);
  return Math.min(1, Math.sqrt(square) / 2);
}

/** Largest |value|. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}
