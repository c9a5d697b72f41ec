import { TandemError } from "../core/index.ts";

/**
 * The quantile t with P(T <= t) = `share` of Student's distribution with `freedom` degrees of freedom, for share in
 * [1/2, 1), to rounding: by bisection on its distribution function.
 */
export function studentQuantile(share: number, freedom: number): number {
  if (!(share >= 0.5 && share < 1 && Number.isInteger(freedom) && freedom >= 1)) {
    throw new TandemError(
      "studentQuantile",
      `expected a share in [1/2, 1) and whole degrees of freedom from 1, got ${share} and ${freedom}`,
    );
  }
  let [low, high] = [0, Math.PI / 2];
  for (let step = 0; step < 60; step++) {
    const angle = (low + high) / 2;
    if (0.5 + within(angle, freedom) / 2 < share) low = angle;
    else high = angle;
  }
  return Math.sqrt(freedom) * Math.tan(low);
}

/** P(|T| <= t) for t = sqrt(freedom) tan(angle): a finite sum in cos(angle) (Abramowitz and Stegun, 26.7.3 and 26.7.4). */
function within(angle: number, freedom: number): number {
  const odd = freedom % 2 === 1;
  const cosine = Math.cos(angle);
  let term = odd ? cosine : 1;
  let sum = 0;
  for (let k = odd ? 1 : 0; k <= freedom - 2; k += 2) {
    sum += term;
    term *= ((k + 1) / (k + 2)) * cosine ** 2;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}
