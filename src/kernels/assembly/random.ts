/** Threefry-2x32-20 (see src/core/rng.ts), four blocks at a time, and numbers made of its words. */
import { logOfNormal } from "./elementary";
import { constant, multiplyAdd, storePartial } from "./lanes";

const PARITY: u32 = 0x1bd11bda;

/** The two words of the four blocks last made. */
let words0: v128 = i32x4.splat(0);
let words1: v128 = i32x4.splat(0);

@inline
function rotated(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/** The blocks `counter` to `counter + 3` under the key. */
@inline
function fourBlocks(key0: v128, key1: v128, counter: u32): void {
  const key2 = v128.xor(v128.xor(key0, key1), i32x4.splat(PARITY));
  let x0 = i32x4.add(i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3)), key0);
  let x1 = key1;
  for (let group: u32 = 0; group < 5; group++) {
    const even = (group & 1) == 0;
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, even ? 13 : 17), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, even ? 15 : 29), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, even ? 26 : 16), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, even ? 6 : 24), x0);
    const phase = group % 3;
    x0 = i32x4.add(x0, phase == 0 ? key1 : phase == 1 ? key2 : key0);
    x1 = i32x4.add(x1, i32x4.add(phase == 0 ? key2 : phase == 1 ? key0 : key1, i32x4.splat(group + 1)));
  }
  words0 = x0;
  words1 = x1;
}

/**
 * z / x as a polynomial, z being the normal quantile of probability (1 + x)/2 and w = -log(1 - x^2), as in M. Giles,
 * "Approximating the erfinv function" (GPU Computing Gems 2, 2010) with our own coefficients, since his end at w = 16 and
 * 32 random bits reach 22. 0-8: in w - 2.5 for w < 5, to 2^-23.3; 9-17: in sqrt(w) - 3.5, to 2^-21.4.
 */
const QUANTILE = memory.data<f32>([
  2.123313567, 0.3488026599, -0.005908170937, -0.001773010149, 0.0003091501829, -6.217993633e-6, -4.990561769e-6, 4.861039133e-7, 4.035445804e-8,
  4.717087585, 1.424630205, 0.004673291354, -0.002875760592, 0.001387045222, -0.001056518166, 0.0008354753675, -0.0002565821809, -1.535122635e-5,
]);

/** 0: 2^-31, 1: 1/2, 2: 2, 3: 2.5, 4: 3.5, 5: 5 */
const SCALES = memory.data<f32>([4.656612873077393e-10, 0.5, 2.0, 2.5, 3.5, 5.0]);

/** A standard normal of one 32-bit word: the top bit is the sign, the others (+ 1/2) the size of x = 2 p - 1, up to 6.3. */
@inline
function normal(word: v128): v128 {
  const sign = v128.and(word, i32x4.splat(0x80000000));
  const bits = v128.xor(word, sign);
  const size = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(bits), constant(SCALES, 1)), constant(SCALES, 0));
  // 1 - |x| from the bits, so that the tail keeps its precision.
  const rest = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(v128.xor(bits, i32x4.splat(0x7fffffff))), constant(SCALES, 1)), constant(SCALES, 0));
  const w = f32x4.neg(logOfNormal(f32x4.mul(rest, f32x4.sub(constant(SCALES, 2), rest))));
  const centre = quantile(QUANTILE, f32x4.sub(w, constant(SCALES, 3)));
  const tail = quantile(QUANTILE + 36, f32x4.sub(f32x4.sqrt(f32x4.pmax(w, constant(SCALES, 5))), constant(SCALES, 4)));
  const ratio = v128.bitselect(centre, tail, f32x4.lt(w, constant(SCALES, 5)));
  return v128.or(f32x4.mul(ratio, size), sign);
}

@inline
function quantile(table: usize, t: v128): v128 {
  let p = constant(table, 8);
  p = multiplyAdd(p, t, constant(table, 7));
  p = multiplyAdd(p, t, constant(table, 6));
  p = multiplyAdd(p, t, constant(table, 5));
  p = multiplyAdd(p, t, constant(table, 4));
  p = multiplyAdd(p, t, constant(table, 3));
  p = multiplyAdd(p, t, constant(table, 2));
  p = multiplyAdd(p, t, constant(table, 1));
  return multiplyAdd(p, t, constant(table, 0));
}

/** floor(word * bound / 2^32) */
@inline
function scaledIndex(word: v128, bound: v128): v128 {
  const low = i64x2.extmul_low_i32x4_u(word, bound);
  const high = i64x2.extmul_high_i32x4_u(word, bound);
  return i32x4.shuffle(low, high, 1, 3, 5, 7);
}

export function fillNormal(n: usize, out: usize, key0: u32, key1: u32, counter: u32): void {
  const k0 = i32x4.splat(key0);
  const k1 = i32x4.splat(key1);
  for (let i: usize = 0; i < n; i += 8, counter += 4) {
    fourBlocks(k0, k1, counter);
    const first = normal(words0);
    const second = normal(words1);
    storeEight(out + 4 * i, n - i, i32x4.shuffle(first, second, 0, 4, 1, 5), i32x4.shuffle(first, second, 2, 6, 3, 7));
  }
}

export function fillIndices(n: usize, out: usize, bound: u32, key0: u32, key1: u32, counter: u32): void {
  const k0 = i32x4.splat(key0);
  const k1 = i32x4.splat(key1);
  const limit = i32x4.splat(bound);
  for (let i: usize = 0; i < n; i += 8, counter += 4) {
    fourBlocks(k0, k1, counter);
    const first = scaledIndex(words0, limit);
    const second = scaledIndex(words1, limit);
    storeEight(out + 4 * i, n - i, i32x4.shuffle(first, second, 0, 4, 1, 5), i32x4.shuffle(first, second, 2, 6, 3, 7));
  }
}

/** The first `left` of eight numbers, all if it is more. */
@inline
function storeEight(out: usize, left: usize, low: v128, high: v128): void {
  if (left >= 8) {
    v128.store(out, low);
    v128.store(out, high, 16);
  } else if (left >= 4) {
    v128.store(out, low);
    if (left > 4) storePartial(out + 16, left - 4, high);
  } else {
    storePartial(out, left, low);
  }
}
