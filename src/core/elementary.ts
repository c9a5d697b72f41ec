/**
 * exp, log and powers of doubles from `+ - * /`, square roots and integer operations alone: the same bits in every engine, which Math.exp,
 * Math.log and `**` do not promise. (Node 22 and 24 differ in `2 ** -0.5`.)
 */

/** 2^k, k = -538 .. 538, at k + 538. */
const POWERS = powersOfTwo(538);
/** log 2 in two parts; the first ends in 21 zero bits, so that its product with an exponent is exact. */
const LN2_HIGH = 0.69314718036912381649;
const LN2_LOW = 1.9082149292705877e-10;

/**
 * e^x = 2^k e^r, |r| <= log(2) / 2, e^r by its Taylor series to the 13th power (the rest is below 2^-57). Within 1 ulp,
 * 2 where the result is denormal; 0 below -745.2, Infinity above 709.79, NaN for NaN.
 */
export function portableExp(x: number): number {
  if (!(x > -745.2)) return Number.isNaN(x) ? NaN : 0;
  if (x > 709.79) return Infinity;
  const k = Math.floor(x * Math.LOG2E + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  const rr = r * r;
  const r4 = rr * rr;
  // (e^r - 1 - r) / r^2 in pairs of terms, which a processor can work on side by side.
  const first = 1 / 2 + (1 / 6) * r + (1 / 24 + (1 / 120) * r) * rr;
  const second = 1 / 720 + (1 / 5040) * r + (1 / 40320 + (1 / 362880) * r) * rr;
  const third = 1 / 3628800 + (1 / 39916800) * r + (1 / 479001600 + (1 / 6227020800) * r) * rr;
  const sum = first + (second + third * r4) * r4;
  const half = k >> 1;
  return (1 + (r + rr * sum)) * POWERS[half + 538] * POWERS[k - half + 538];
}

/** log(x) by the atanh series, to about 2 ulp; -Infinity for 0, NaN below. */
export function portableLog(x: number): number {
  if (!(x > 0 && x < Infinity)) return x === 0 ? -Infinity : x > 0 ? x : NaN;
  let exponent = 0;
  while (x < Math.SQRT1_2) {
    x *= 2;
    exponent--;
  }
  while (x >= Math.SQRT2) {
    x /= 2;
    exponent++;
  }
  const z = (x - 1) / (x + 1);
  const zz = z * z;
  let sum = 0;
  for (let n = 21; n >= 1; n -= 2) sum = sum * zz + 1 / n;
  return 2 * z * sum + exponent * Math.LN2;
}

/**
 * x^y for x >= 0. Where 2 y is a whole number, by squaring x or its root: exact where every product is, else with a
 * relative error below (2 |y| + 1) 2^-52. Elsewhere e^(y log x), with one of about (|y log x| + 1) 2^-51.
 */
export function portablePow(x: number, y: number): number {
  if (!Number.isInteger(2 * y)) return portableExp(y * portableLog(x));
  const isWhole = Number.isInteger(y);
  let power = 1;
  let square = isWhole ? x : Math.sqrt(x);
  for (let left = Math.abs(isWhole ? y : 2 * y); left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power *= square;
    square *= square;
  }
  return y < 0 ? 1 / power : power;
}

/**
 * log sum_k exp(x[k]) over k = first .. first + count - 1, with the largest taken out: nothing overflows. Of -Infinity
 * alone, or of nothing, -Infinity; with an Infinity, Infinity; with a NaN, NaN.
 */
export function logSumExp(x: ArrayLike<number>, first: number, count: number): number {
  let largest = -Infinity;
  for (let k = first; k < first + count; k++) largest = Math.max(largest, x[k]);
  if (!Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let k = first; k < first + count; k++) sum += portableExp(x[k] - largest);
  return largest + portableLog(sum);
}

/** 2^-n .. 2^n. */
function powersOfTwo(n: number): Float64Array {
  const powers = new Float64Array(2 * n + 1).fill(1);
  for (let k = 1; k <= n; k++) {
    powers[n + k] = 2 * powers[n + k - 1];
    powers[n - k] = powers[n - k + 1] / 2;
  }
  return powers;
}
