/**
 * exp, log, tanh and softplus of float32, four at a time, of our own so that the same build gives the same bits in every
 * engine. The polynomials are minimax fits (Remez) of the remainder after the exact leading terms. The bounds on errors
 * are in units in the last place of the true value, measured on every 16th float32 in both builds (test/kernels checks
 * one in 2048); denormals are neither flushed on the way in nor on the way out.
 */
import { constant, loadPartial, multiplyAdd, storePartial } from "./lanes";

/** 0: log2(e), 1: 1.5 * 2^23 (rounds to an integer, left in the low bits), 2-3: -log(2) in two parts, 4-9: (e^r - 1 - r) / r^2 on |r| <= log(2)/2. */
const EXP = memory.data<f32>([
  1.4426950408889634, 12582912.0, -0.693359375, 2.12194440054690583e-4,
  0.5000000046, 0.1666666682, 0.04166635531, 0.008333273111, 0.00139409693, 0.0001991414001,
]);

/** 0-8: (log(1 + f) - f + f^2/2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], 9-10: log(2) in two parts, 11: 1/2 , 12: 1. */
const LOG = memory.data<f32>([
  0.3333331262, -0.2500000959, 0.2000211808, -0.1666799585, 0.1421956221, -0.1240559428, 0.118881037, -0.1167560129, 0.06746699704,
  0.693359375, -2.12194440054690583e-4, 0.5, 1.0,
]);

/** Integers: 0: sqrt(1/2) as float32 bits, 1: the mantissa, 2: the smallest normal, 3: inf, 4: -inf, 5: NaN, 6: the sign, 7: sqrt(2) - 1, 8: 23. */
const BITS = memory.data<u32>([0x3f3504f3, 0x007fffff, 0x00800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x80000000, 0x3ed413cd, 23]);

/** 0-1: where e^x under- and overflows, 2: where tanh is 1 to the last bit, 3: 2^23 */
const LIMITS = memory.data<f32>([-104.0, 89.0, 20.0, 8388608.0]);

/** r + r^2 Q(r) = e^r - 1, |r| <= log(2)/2. */
@inline
function expm1Reduced(r: v128): v128 {
  let q = constant(EXP, 9);
  q = multiplyAdd(q, r, constant(EXP, 8));
  q = multiplyAdd(q, r, constant(EXP, 7));
  q = multiplyAdd(q, r, constant(EXP, 6));
  q = multiplyAdd(q, r, constant(EXP, 5));
  q = multiplyAdd(q, r, constant(EXP, 4));
  return multiplyAdd(f32x4.mul(r, r), q, r);
}

/** x - n log(2), in two steps. */
@inline
function reduce(x: v128, n: v128): v128 {
  return multiplyAdd(n, constant(EXP, 3), multiplyAdd(n, constant(EXP, 2), x));
}

/** 2^n for integer n in [-126, 127], given as an int32: n added to the exponent of 1. */
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.add(i32x4.shl(n, 23), constant(LOG, 12));
}

/** e^x to 1 ulp: inf above 88.7228, denormal below -87.3, 0 below -103.97, NaN for NaN. */
@inline
export function exp(x: v128): v128 {
  const clamped = f32x4.pmax(f32x4.pmin(x, constant(LIMITS, 1)), constant(LIMITS, 0));
  const shifted = multiplyAdd(clamped, constant(EXP, 0), constant(EXP, 1));
  const n = i32x4.sub(shifted, constant(EXP, 1));
  const r = reduce(clamped, f32x4.sub(shifted, constant(EXP, 1)));
  const mantissa = f32x4.add(expm1Reduced(r), constant(LOG, 12));
  const half = i32x4.shr_s(n, 1);
  return f32x4.mul(f32x4.mul(mantissa, powerOfTwo(half)), powerOfTwo(i32x4.sub(n, half)));
}

/** log(1 + f) + e log(2), f in [sqrt(1/2) - 1, sqrt(2) - 1]. */
@inline
function logReduced(f: v128, e: v128): v128 {
  let p = constant(LOG, 8);
  p = multiplyAdd(p, f, constant(LOG, 7));
  p = multiplyAdd(p, f, constant(LOG, 6));
  p = multiplyAdd(p, f, constant(LOG, 5));
  p = multiplyAdd(p, f, constant(LOG, 4));
  p = multiplyAdd(p, f, constant(LOG, 3));
  p = multiplyAdd(p, f, constant(LOG, 2));
  p = multiplyAdd(p, f, constant(LOG, 1));
  p = multiplyAdd(p, f, constant(LOG, 0));
  const square = f32x4.mul(f, f);
  let y = f32x4.mul(f32x4.mul(f, square), p);
  y = multiplyAdd(e, constant(LOG, 10), y);
  y = f32x4.sub(y, f32x4.mul(constant(LOG, 11), square));
  return multiplyAdd(e, constant(LOG, 9), f32x4.add(f, y));
}

/** log(x) of a positive, finite, normal x. */
@inline
export function logOfNormal(x: v128): v128 {
  const offset = i32x4.sub(x, constant(BITS, 0));
  const mantissa = i32x4.add(v128.and(offset, constant(BITS, 1)), constant(BITS, 0));
  const e = f32x4.convert_i32x4_s(i32x4.shr_s(offset, 23));
  return logReduced(f32x4.sub(mantissa, constant(LOG, 12)), e);
}

/** log(x) to 0.9 ulp: -inf for 0 and -0, NaN below 0, inf for inf; denormals too. */
@inline
export function log(x: v128): v128 {
  const tiny = i32x4.lt_s(x, constant(BITS, 2));
  const normal = v128.bitselect(f32x4.mul(x, constant(LIMITS, 3)), x, tiny);
  const offset = i32x4.sub(normal, constant(BITS, 0));
  const mantissa = i32x4.add(v128.and(offset, constant(BITS, 1)), constant(BITS, 0));
  const exponent = i32x4.sub(i32x4.shr_s(offset, 23), v128.and(tiny, constant(BITS, 8)));
  const result = logReduced(f32x4.sub(mantissa, constant(LOG, 12)), f32x4.convert_i32x4_s(exponent));
  const zero = f32x4.splat(0);
  // inf and NaN keep themselves; 0 gives -inf; what is below 0 gives NaN.
  const large = i32x4.ge_s(x, constant(BITS, 3));
  const finite = v128.bitselect(x, result, large);
  const positive = v128.bitselect(constant(BITS, 4), finite, f32x4.eq(x, zero));
  return v128.bitselect(f32x4.add(x, constant(BITS, 5)), positive, v128.or(f32x4.lt(x, zero), f32x4.ne(x, x)));
}

/** e^x - 1 for x in [-2 * 20, 0]. */
@inline
function expm1OfNegative(x: v128): v128 {
  const shifted = multiplyAdd(x, constant(EXP, 0), constant(EXP, 1));
  const scale = powerOfTwo(i32x4.sub(shifted, constant(EXP, 1)));
  const t = expm1Reduced(reduce(x, f32x4.sub(shifted, constant(EXP, 1))));
  return multiplyAdd(scale, t, f32x4.sub(scale, constant(LOG, 12)));
}

/** tanh(x) = -t / (t + 2) with t = e^(-2|x|) - 1, given the sign of x: to 2.6 ulp, and +-1 from 8.5 on, where the nearest float is from 9.02. */
@inline
export function tanh(x: v128): v128 {
  const sign = v128.and(x, constant(BITS, 6));
  const size = f32x4.pmin(v128.xor(x, sign), constant(LIMITS, 2));
  const t = expm1OfNegative(f32x4.neg(f32x4.add(size, size)));
  const two = f32x4.add(constant(LOG, 12), constant(LOG, 12));
  return v128.or(v128.andnot(f32x4.div(t, f32x4.add(t, two)), constant(BITS, 6)), sign);
}

/** log(1 + u), u in [0, 1]. */
@inline
export function log1pOfUnit(u: v128): v128 {
  const above = i32x4.gt_s(u, constant(BITS, 7));
  const f = v128.bitselect(f32x4.mul(f32x4.sub(u, constant(LOG, 12)), constant(LOG, 11)), u, above);
  return logReduced(f, v128.and(above, constant(LOG, 12)));
}

/** log(1 + e^x) = max(x, 0) + log(1 + e^(-|x|)), to 1.7 ulp. */
@inline
export function softplus(x: v128): v128 {
  const u = exp(v128.or(x, constant(BITS, 6)));
  return f32x4.add(f32x4.pmax(x, f32x4.splat(0)), log1pOfUnit(u));
}

export function expVector(n: usize, x: usize, y: usize): void {
  for (const end = x + 4 * (n & ~3); x < end; x += 16, y += 16) v128.store(y, exp(v128.load(x)));
  const left = n & 3;
  if (left) storePartial(y, left, exp(loadPartial(x, left)));
}

export function logVector(n: usize, x: usize, y: usize): void {
  for (const end = x + 4 * (n & ~3); x < end; x += 16, y += 16) v128.store(y, log(v128.load(x)));
  const left = n & 3;
  if (left) storePartial(y, left, log(loadPartial(x, left)));
}

export function tanhVector(n: usize, x: usize, y: usize): void {
  for (const end = x + 4 * (n & ~3); x < end; x += 16, y += 16) v128.store(y, tanh(v128.load(x)));
  const left = n & 3;
  if (left) storePartial(y, left, tanh(loadPartial(x, left)));
}

export function softplusVector(n: usize, x: usize, y: usize): void {
  for (const end = x + 4 * (n & ~3); x < end; x += 16, y += 16) v128.store(y, softplus(v128.load(x)));
  const left = n & 3;
  if (left) storePartial(y, left, softplus(loadPartial(x, left)));
}
