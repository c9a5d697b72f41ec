/** Threefry-2x32-20 (see src/core/rng.ts), four blocks at a time, and numbers made of its words. */
import { logOfNormal } from "./elementary";
import { constant, loadPartial, multiplyAdd, storePartial } from "./lanes";
import { LINE } from "./memory";

const PARITY: u32 = 0x1bd11bda;
const NUMBERS = memory.data<u32>([1, 2, 3, 4, 5]);

@inline
function rotated(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/** The `n` words of the blocks from `counter` on, both of each block in turn. */
function fillWords(n: usize, out: usize, key0: u32, key1: u32, counter: u32): void {
  const k0 = i32x4.splat(key0);
  const k1 = i32x4.splat(key1);
  const k2 = i32x4.splat(PARITY ^ key0 ^ key1);
  let counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  const four = i32x4.splat(4);
  for (const end = out + 4 * (n & ~7); out < end; out += 32) {
    storeBlocks(out, k0, k1, k2, counters);
    counters = i32x4.add(counters, four);
  }
  const left = n & 7;
  if (left == 0) return;
  storeBlocks(LINE, k0, k1, k2, counters);
  for (let i: usize = 0; i < left; i++) store<u32>(out + 4 * i, load<u32>(LINE + 4 * i));
}

/** Four blocks: a chain of 20 dependent rounds, short enough that processors work on several at once. */
@inline
function storeBlocks(out: usize, key0: v128, key1: v128, key2: v128, counters: v128): void {
  let x0 = i32x4.add(counters, key0);
  let x1 = key1;
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 13), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 15), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 26), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 6), x0);
  x0 = i32x4.add(x0, key1);
  x1 = i32x4.add(x1, i32x4.add(key2, constant(NUMBERS, 0)));
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 17), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 29), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 16), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 24), x0);
  x0 = i32x4.add(x0, key2);
  x1 = i32x4.add(x1, i32x4.add(key0, constant(NUMBERS, 1)));
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 13), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 15), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 26), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 6), x0);
  x0 = i32x4.add(x0, key0);
  x1 = i32x4.add(x1, i32x4.add(key1, constant(NUMBERS, 2)));
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 17), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 29), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 16), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 24), x0);
  x0 = i32x4.add(x0, key1);
  x1 = i32x4.add(x1, i32x4.add(key2, constant(NUMBERS, 3)));
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 13), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 15), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 26), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(rotated(x1, 6), x0);
  x0 = i32x4.add(x0, key2);
  x1 = i32x4.add(x1, i32x4.add(key0, constant(NUMBERS, 4)));
  v128.store(out, i32x4.shuffle(x0, x1, 0, 4, 1, 5));
  v128.store(out, i32x4.shuffle(x0, x1, 2, 6, 3, 7), 16);
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

/** 0: the sign, 1: all other bits */
const BITS = memory.data<u32>([0x80000000, 0x7fffffff]);

/** 0: 2^-31, 1: 1/2, 2: 2, 3: 2.5, 4: 3.5, 5: 5 */
const SCALES = memory.data<f32>([4.656612873077393e-10, 0.5, 2.0, 2.5, 3.5, 5.0]);

/** A standard normal of one 32-bit word: the top bit is the sign, the others (+ 1/2) the size of x = 2 p - 1, up to 6.3. */
@inline
function normal(word: v128): v128 {
  const sign = v128.and(word, constant(BITS, 0));
  const bits = v128.xor(word, sign);
  const size = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(bits), constant(SCALES, 1)), constant(SCALES, 0));
  // 1 - |x| from the bits, so that the tail keeps its precision.
  const rest = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(v128.xor(bits, constant(BITS, 1))), constant(SCALES, 1)), constant(SCALES, 0));
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
  fillWords(n, out, key0, key1, counter);
  for (const end = out + 4 * (n & ~3); out < end; out += 16) v128.store(out, normal(v128.load(out)));
  const left = n & 3;
  if (left) storePartial(out, left, normal(loadPartial(out, left)));
}

export function fillIndices(n: usize, out: usize, bound: u32, key0: u32, key1: u32, counter: u32): void {
  fillWords(n, out, key0, key1, counter);
  const limit = i32x4.splat(bound);
  for (const end = out + 4 * (n & ~3); out < end; out += 16) v128.store(out, scaledIndex(v128.load(out), limit));
  const left = n & 3;
  if (left) storePartial(out, left, scaledIndex(loadPartial(out, left), limit));
}
