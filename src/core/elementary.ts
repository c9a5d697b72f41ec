/**
 * exp and log of doubles from `+ - * /` and integer operations alone: the same bits in every engine, which Math.exp and
 * Math.log do not promise.
 */

const words = new Int32Array(2);
const double = new Float64Array(words.buffer);
/** Which of the two words holds the exponent. */
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
/** log 2 in two parts, the first with 21 zero bits at its end. */
const LN2_HIGH = 0.69314718036912381649;
const LN2_LOW = 1.90821492927058770002e-10;
/** 1 / n! for n = 13, 12, ..., 2. */
const INVERSE_FACTORIALS = factorials(13).map((factorial) => 1 / factorial);

/** e^x to 1.5 ulp (2 where the result is denormal); 0 below -745.2, Infinity above 709.79. */
export function portableExp(x: number): number {
  if (!(x > -745.2)) return x === x ? 0 : x;
  if (x > 709.79) return Infinity;
  const k = Math.round(x / Math.LN2);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 0;
  for (const coefficient of INVERSE_FACTORIALS) sum = sum * r + coefficient;
  const half = k >> 1;
  return (1 + (r + r * r * sum)) * powerOfTwo(half) * powerOfTwo(k - half);
}

/** log(x) for a normal positive double by the atanh series, to about 2 ulp. */
export function portableLog(x: number): number {
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

/** log sum_k exp(x[k]) over k = first .. first + count - 1, shifted by the largest. */
export function logSumExp(x: ArrayLike<number>, first: number, count: number): number {
  let largest = -Infinity;
  for (let k = first; k < first + count; k++) largest = Math.max(largest, x[k]);
  if (!Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let k = first; k < first + count; k++) sum += portableExp(x[k] - largest);
  return largest + portableLog(sum);
}

/** 2^k, -1022 <= k <= 1023. */
function powerOfTwo(k: number): number {
  words[HIGH] = (k + 1023) << 20;
  words[1 - HIGH] = 0;
  return double[0];
}

/** n!, (n - 1)!, ..., 2! */
function factorials(n: number): number[] {
  const list: number[] = [];
  for (let k = 2, product = 1; k <= n; k++) list.unshift((product *= k));
  return list;
}
