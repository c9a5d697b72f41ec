/** Copies, elementwise arithmetic and sums. */
import { laneSum, loadPartial, multiplyAdd, storePartial } from "./lanes";

/** Sums run in float32 within a block of this many numbers and in float64 over the blocks. */
const SUM_BLOCK: usize = 4096;

export function fill(n: usize, x: usize, value: f32): void {
  const four = f32x4.splat(value);
  for (const end = x + 4 * (n & ~3); x < end; x += 16) v128.store(x, four);
  if (n & 3) storePartial(x, n & 3, four);
}

export function axpy(n: usize, a: f32, x: usize, y: usize): void {
  const factor = f32x4.splat(a);
  for (const end = x + 4 * (n & ~3); x < end; x += 16, y += 16) v128.store(y, multiplyAdd(factor, v128.load(x), v128.load(y)));
  const left = n & 3;
  if (left) storePartial(y, left, multiplyAdd(factor, loadPartial(x, left), loadPartial(y, left)));
}

export function scale(n: usize, a: f32, x: usize): void {
  const factor = f32x4.splat(a);
  for (const end = x + 4 * (n & ~3); x < end; x += 16) v128.store(x, f32x4.mul(factor, v128.load(x)));
  const left = n & 3;
  if (left) storePartial(x, left, f32x4.mul(factor, loadPartial(x, left)));
}

/** target + tau (online - target) */
export function polyak(n: usize, target: usize, online: usize, tau: f32): void {
  const rate = f32x4.splat(tau);
  for (const end = target + 4 * (n & ~3); target < end; target += 16, online += 16) {
    const old = v128.load(target);
    v128.store(target, multiplyAdd(rate, f32x4.sub(v128.load(online), old), old));
  }
  const left = n & 3;
  if (left == 0) return;
  const old = loadPartial(target, left);
  storePartial(target, left, multiplyAdd(rate, f32x4.sub(loadPartial(online, left), old), old));
}

export function copyRows(rows: usize, width: usize, src: usize, srcStride: usize, dst: usize, dstStride: usize): void {
  for (let i: usize = 0; i < rows; i++) copyRow(width, src + 4 * i * srcStride, dst + 4 * i * dstStride);
}

export function gatherRows(count: usize, width: usize, src: usize, srcStride: usize, indices: usize, dst: usize, dstStride: usize): void {
  for (let i: usize = 0; i < count; i++) {
    copyRow(width, src + 4 * <usize>load<u32>(indices + 4 * i) * srcStride, dst + 4 * i * dstStride);
  }
}

@inline
function copyRow(width: usize, src: usize, dst: usize): void {
  for (const end = src + 4 * (width & ~3); src < end; src += 16, dst += 16) v128.store(dst, v128.load(src));
  const left = width & 3;
  if (left) storePartial(dst, left, loadPartial(src, left));
}

export function sum(n: usize, x: usize): f64 {
  let total: f64 = 0;
  for (; n > SUM_BLOCK; n -= SUM_BLOCK, x += 4 * SUM_BLOCK) total += sumOfBlock(SUM_BLOCK, x);
  return total + sumOfBlock(n, x);
}

function sumOfBlock(n: usize, x: usize): f64 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (const end = x + 4 * (n & ~15); x < end; x += 64) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
  }
  for (const end = x + 4 * (n & 12); x < end; x += 16) s0 = f32x4.add(s0, v128.load(x));
  if (n & 3) s1 = f32x4.add(s1, loadPartial(x, n & 3));
  return laneSum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

export function dot(n: usize, x: usize, y: usize): f64 {
  let total: f64 = 0;
  for (; n > SUM_BLOCK; n -= SUM_BLOCK, x += 4 * SUM_BLOCK, y += 4 * SUM_BLOCK) total += dotOfBlock(SUM_BLOCK, x, y);
  return total + dotOfBlock(n, x, y);
}

function dotOfBlock(n: usize, x: usize, y: usize): f64 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (const end = x + 4 * (n & ~15); x < end; x += 64, y += 64) {
    s0 = multiplyAdd(v128.load(x), v128.load(y), s0);
    s1 = multiplyAdd(v128.load(x, 16), v128.load(y, 16), s1);
    s2 = multiplyAdd(v128.load(x, 32), v128.load(y, 32), s2);
    s3 = multiplyAdd(v128.load(x, 48), v128.load(y, 48), s3);
  }
  for (const end = x + 4 * (n & 12); x < end; x += 16, y += 16) s0 = multiplyAdd(v128.load(x), v128.load(y), s0);
  if (n & 3) s1 = multiplyAdd(loadPartial(x, n & 3), loadPartial(y, n & 3), s1);
  return laneSum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

export function squaredDistance(n: usize, x: usize, y: usize): f64 {
  let total: f64 = 0;
  for (; n > SUM_BLOCK; n -= SUM_BLOCK, x += 4 * SUM_BLOCK, y += 4 * SUM_BLOCK) total += squaredDistanceOfBlock(SUM_BLOCK, x, y);
  return total + squaredDistanceOfBlock(n, x, y);
}

function squaredDistanceOfBlock(n: usize, x: usize, y: usize): f64 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (const end = x + 4 * (n & ~15); x < end; x += 64, y += 64) {
    const d0 = f32x4.sub(v128.load(x), v128.load(y));
    const d1 = f32x4.sub(v128.load(x, 16), v128.load(y, 16));
    const d2 = f32x4.sub(v128.load(x, 32), v128.load(y, 32));
    const d3 = f32x4.sub(v128.load(x, 48), v128.load(y, 48));
    s0 = multiplyAdd(d0, d0, s0);
    s1 = multiplyAdd(d1, d1, s1);
    s2 = multiplyAdd(d2, d2, s2);
    s3 = multiplyAdd(d3, d3, s3);
  }
  for (const end = x + 4 * (n & 12); x < end; x += 16, y += 16) {
    const d = f32x4.sub(v128.load(x), v128.load(y));
    s0 = multiplyAdd(d, d, s0);
  }
  if (n & 3) {
    const d = f32x4.sub(loadPartial(x, n & 3), loadPartial(y, n & 3));
    s1 = multiplyAdd(d, d, s1);
  }
  return laneSum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** out[j] = sum_i x[i, j], each column in order of i. */
export function columnSums(rows: usize, cols: usize, x: usize, ldx: usize, out: usize): void {
  const row: usize = 4 * ldx;
  let j: usize = 0;
  for (; j + 16 <= cols; j += 16) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let at = x + 4 * j;
    for (let i: usize = 0; i < rows; i++, at += row) {
      s0 = f32x4.add(s0, v128.load(at));
      s1 = f32x4.add(s1, v128.load(at, 16));
      s2 = f32x4.add(s2, v128.load(at, 32));
      s3 = f32x4.add(s3, v128.load(at, 48));
    }
    v128.store(out + 4 * j, s0);
    v128.store(out + 4 * j, s1, 16);
    v128.store(out + 4 * j, s2, 32);
    v128.store(out + 4 * j, s3, 48);
  }
  for (; j < cols; j += 4) {
    const count = min<usize>(4, cols - j);
    let s = f32x4.splat(0);
    let at = x + 4 * j;
    for (let i: usize = 0; i < rows; i++, at += row) s = f32x4.add(s, count == 4 ? v128.load(at) : loadPartial(at, count));
    if (count == 4) v128.store(out + 4 * j, s);
    else storePartial(out + 4 * j, count, s);
  }
}

/** (x - mean) * inverseStd by rows; where `unit` is 1 a coordinate 1 is appended and the row divided by its Euclidean norm. */
export function standardiseRows(rows: usize, width: usize, x: usize, ldx: usize, mean: usize, inverseStd: usize, unit: u32, out: usize, ldout: usize): void {
  for (let i: usize = 0; i < rows; i++) {
    const source = x + 4 * i * ldx;
    const target = out + 4 * i * ldout;
    standardiseRow(width, source, mean, inverseStd, target);
    if (unit != 1) continue;
    store<f32>(target + 4 * width, 1);
    const squares = dotOfBlock(width + 1, target, target);
    scale(width + 1, <f32>(1 / Math.sqrt(squares)), target);
  }
}

function standardiseRow(width: usize, x: usize, mean: usize, inverseStd: usize, out: usize): void {
  for (const end = x + 4 * (width & ~3); x < end; x += 16, mean += 16, inverseStd += 16, out += 16) {
    v128.store(out, f32x4.mul(f32x4.sub(v128.load(x), v128.load(mean)), v128.load(inverseStd)));
  }
  const left = width & 3;
  if (left) storePartial(out, left, f32x4.mul(f32x4.sub(loadPartial(x, left), loadPartial(mean, left)), loadPartial(inverseStd, left)));
}

/** Pi_B(w): w0 + radius (w - w0) / ||w - w0|| where the norm is above the radius. Returns the norm before. */
export function projectBall(n: usize, w: usize, w0: usize, radius: f64): f64 {
  const norm = Math.sqrt(squaredDistance(n, w, w0));
  if (!(norm > radius)) return norm;
  const shrink = f32x4.splat(<f32>(radius / norm));
  for (const end = w + 4 * (n & ~3); w < end; w += 16, w0 += 16) {
    const centre = v128.load(w0);
    v128.store(w, multiplyAdd(shrink, f32x4.sub(v128.load(w), centre), centre));
  }
  const left = n & 3;
  if (left == 0) return norm;
  const centre = loadPartial(w0, left);
  storePartial(w, left, multiplyAdd(shrink, f32x4.sub(loadPartial(w, left), centre), centre));
  return norm;
}
