/** Products with at most three rows or columns, or a depth of 1: no packing, and each element's order of summation depends on k alone. */
import { ADD, BIAS, MASK, finish } from "./epilogue";
import { laneSum, loadPartial, multiplyAdd, storePartial } from "./lanes";
import { LINE } from "./memory";

/** y[j] = sum_p x[p] M[p, j] for j < n, summed in order of p; M's rows are contiguous. Strides in bytes. */
export function vectorTimesMatrix(n: usize, k: usize, x: usize, xStep: usize, matrix: usize, ldm: usize, y: usize, yStep: usize, mode: u32, bias: usize): void {
  let j: usize = 0;
  for (; j + 32 <= n; j += 32) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let s4 = s0;
    let s5 = s0;
    let s6 = s0;
    let s7 = s0;
    let xp = x;
    let row = matrix + 4 * j;
    for (let p: usize = 0; p < k; p++) {
      const factor = v128.load_splat<f32>(xp);
      s0 = multiplyAdd(factor, v128.load(row), s0);
      s1 = multiplyAdd(factor, v128.load(row, 16), s1);
      s2 = multiplyAdd(factor, v128.load(row, 32), s2);
      s3 = multiplyAdd(factor, v128.load(row, 48), s3);
      s4 = multiplyAdd(factor, v128.load(row, 64), s4);
      s5 = multiplyAdd(factor, v128.load(row, 80), s5);
      s6 = multiplyAdd(factor, v128.load(row, 96), s6);
      s7 = multiplyAdd(factor, v128.load(row, 112), s7);
      xp += xStep;
      row += ldm;
    }
    const at = y + j * yStep;
    storeFour(s0, 4, at, yStep, mode, bias + 4 * j);
    storeFour(s1, 4, at + 4 * yStep, yStep, mode, bias + 4 * j + 16);
    storeFour(s2, 4, at + 8 * yStep, yStep, mode, bias + 4 * j + 32);
    storeFour(s3, 4, at + 12 * yStep, yStep, mode, bias + 4 * j + 48);
    storeFour(s4, 4, at + 16 * yStep, yStep, mode, bias + 4 * j + 64);
    storeFour(s5, 4, at + 20 * yStep, yStep, mode, bias + 4 * j + 80);
    storeFour(s6, 4, at + 24 * yStep, yStep, mode, bias + 4 * j + 96);
    storeFour(s7, 4, at + 28 * yStep, yStep, mode, bias + 4 * j + 112);
  }
  for (; j < n; j += 4) {
    const count = min<usize>(4, n - j);
    let sum = f32x4.splat(0);
    let xp = x;
    let row = matrix + 4 * j;
    for (let p: usize = 0; p < k; p++) {
      sum = multiplyAdd(v128.load_splat<f32>(xp), count == 4 ? v128.load(row) : loadPartial(row, count), sum);
      xp += xStep;
      row += ldm;
    }
    storeFour(sum, count, y + j * yStep, yStep, mode, bias + 4 * j);
  }
}

/** Stores `count` sums from `y` on, `yStep` bytes apart, after the epilogue. */
function storeFour(sums: v128, count: usize, y: usize, yStep: usize, mode: u32, bias: usize): void {
  let held = f32x4.splat(0);
  let extra = held;
  if (mode & BIAS) extra = count == 4 ? v128.load(bias) : loadPartial(bias, count);
  if (yStep == 4) {
    if (mode & ADD) held = count == 4 ? v128.load(y) : loadPartial(y, count);
    const result = finish(sums, mode, held, extra);
    if (count == 4) v128.store(y, result);
    else storePartial(y, count, result);
    return;
  }
  if (mode & ADD) {
    held = v128.load32_zero(y);
    if (count > 1) held = v128.load32_lane(y + yStep, held, 1);
    if (count > 2) held = v128.load32_lane(y + 2 * yStep, held, 2);
    if (count > 3) held = v128.load32_lane(y + 3 * yStep, held, 3);
  }
  const result = finish(sums, mode, held, extra);
  v128.store32_lane(y, result, 0);
  if (count > 1) v128.store32_lane(y + yStep, result, 1);
  if (count > 2) v128.store32_lane(y + 2 * yStep, result, 2);
  if (count > 3) v128.store32_lane(y + 3 * yStep, result, 3);
}

/**
 * y[i] = sum_p M[i, p] x[p] for i < m: eight partial sums by p mod 8, added in a fixed order. `extra` moves by
 * `extraStep` from one i to the next. Strides in bytes.
 */
export function matrixTimesVector(m: usize, k: usize, matrix: usize, ldm: usize, x: usize, xStep: usize, y: usize, yStep: usize, mode: u32, extra: usize, extraStep: usize): void {
  if (xStep != 4) x = gatherLine(k, x, xStep);
  let i: usize = 0;
  for (; i + 4 <= m; i += 4) {
    let r0 = matrix + i * ldm;
    let r1 = r0 + ldm;
    let r2 = r1 + ldm;
    let r3 = r2 + ldm;
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let t0 = s0;
    let t1 = s0;
    let t2 = s0;
    let t3 = s0;
    let xp = x;
    for (const end = x + 4 * (k & ~7); xp < end; xp += 32) {
      const x0 = v128.load(xp);
      const x1 = v128.load(xp, 16);
      s0 = multiplyAdd(v128.load(r0), x0, s0);
      s1 = multiplyAdd(v128.load(r1), x0, s1);
      s2 = multiplyAdd(v128.load(r2), x0, s2);
      s3 = multiplyAdd(v128.load(r3), x0, s3);
      t0 = multiplyAdd(v128.load(r0, 16), x1, t0);
      t1 = multiplyAdd(v128.load(r1, 16), x1, t1);
      t2 = multiplyAdd(v128.load(r2, 16), x1, t2);
      t3 = multiplyAdd(v128.load(r3, 16), x1, t3);
      r0 += 32;
      r1 += 32;
      r2 += 32;
      r3 += 32;
    }
    const at = y + i * yStep;
    const extraAt = extra + i * extraStep;
    storeOne(endOfDot(k & 7, r0, xp, s0, t0), at, mode, extraAt);
    storeOne(endOfDot(k & 7, r1, xp, s1, t1), at + yStep, mode, extraAt + extraStep);
    storeOne(endOfDot(k & 7, r2, xp, s2, t2), at + 2 * yStep, mode, extraAt + 2 * extraStep);
    storeOne(endOfDot(k & 7, r3, xp, s3, t3), at + 3 * yStep, mode, extraAt + 3 * extraStep);
  }
  for (; i < m; i++) {
    let row = matrix + i * ldm;
    let s = f32x4.splat(0);
    let t = s;
    let xp = x;
    for (const end = x + 4 * (k & ~7); xp < end; xp += 32) {
      s = multiplyAdd(v128.load(row), v128.load(xp), s);
      t = multiplyAdd(v128.load(row, 16), v128.load(xp, 16), t);
      row += 32;
    }
    storeOne(endOfDot(k & 7, row, xp, s, t), y + i * yStep, mode, extra + i * extraStep);
  }
}

/** The last `left` (below 8) products and the sum of all. */
function endOfDot(left: usize, row: usize, x: usize, s: v128, t: v128): f32 {
  if (left >= 4) {
    s = multiplyAdd(v128.load(row), v128.load(x), s);
    if (left > 4) t = multiplyAdd(loadPartial(row + 16, left - 4), loadPartial(x + 16, left - 4), t);
  } else if (left > 0) {
    s = multiplyAdd(loadPartial(row, left), loadPartial(x, left), s);
  }
  return laneSum(f32x4.add(s, t));
}

@inline
function storeOne(sum: f32, y: usize, mode: u32, extra: usize): void {
  const held = mode & ADD ? v128.load32_zero(y) : f32x4.splat(0);
  const extraLane = mode & (BIAS | MASK) ? v128.load32_zero(extra) : f32x4.splat(0);
  store<f32>(y, f32x4.extract_lane(finish(f32x4.splat(sum), mode, held, extraLane), 0));
}

/** C[i, j] = a[i] b[j]. `extra` is the bias, or the mask, which lies like C. Strides in bytes. */
export function outerProduct(m: usize, n: usize, a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, mode: u32, extra: usize): void {
  if (bStep != 4) b = gatherLine(n, b, bStep);
  const extraRow = mode & MASK ? ldc : 0;
  for (let i: usize = 0; i < m; i++) {
    const factor = v128.load_splat<f32>(a + i * aStep);
    if (mode == MASK) maskedRow(n & ~3, factor, b, c + i * ldc, extra + i * extraRow);
    else scaledRow(n & ~3, factor, b, c + i * ldc, mode, extra + i * extraRow);
    const left = n & 3;
    if (left == 0) continue;
    const done: usize = 4 * (n & ~3);
    const at = c + i * ldc + done;
    const extraAt = extra + i * extraRow + done;
    const held = mode & ADD ? loadPartial(at, left) : factor;
    const extraFew = mode & (BIAS | MASK) ? loadPartial(extraAt, left) : factor;
    storePartial(at, left, finish(f32x4.mul(factor, loadPartial(b + done, left)), mode, held, extraFew));
  }
}

/** One row of it, n a multiple of 4. */
function scaledRow(n: usize, factor: v128, b: usize, c: usize, mode: u32, extra: usize): void {
  for (const end = c + 4 * n; c < end; c += 16, b += 16, extra += 16) {
    const held = mode & ADD ? v128.load(c) : factor;
    const extraFour = mode & (BIAS | MASK) ? v128.load(extra) : factor;
    v128.store(c, finish(f32x4.mul(factor, v128.load(b)), mode, held, extraFour));
  }
}

/** The same for the gradient through a layer with one output, where it is the whole cost. */
function maskedRow(n: usize, factor: v128, b: usize, c: usize, mask: usize): void {
  const zero = f32x4.splat(0);
  for (const end = c + 4 * n; c < end; c += 16, b += 16, mask += 16) {
    v128.store(c, v128.and(f32x4.mul(factor, v128.load(b)), f32x4.gt(v128.load(mask), zero)));
  }
}

/** Copies `count` floats `step` bytes apart to the line buffer and returns its place. */
function gatherLine(count: usize, source: usize, step: usize): usize {
  for (let i: usize = 0; i < count; i++) store<f32>(LINE + 4 * i, load<f32>(source + i * step));
  return LINE;
}
