/**
 * The innermost loop of the matrix product: a tile of 6 x 8 (or 4 x 8) sums held in registers. Engines give 15 vector
 * registers: 12 sums, two of B and one element of A in all lanes. One step of k to an iteration: unrolled loops were
 * slower in V8, which then spills.
 */
import { ADD, BIAS, MASK, RELU, finish } from "./epilogue";
import { loadPartial, multiplyAdd, relu, storePartial } from "./lanes";
import { TILE } from "./memory";

/**
 * The next tile of C = A B, at most `rows` by `cols` (cols at most 8). Element (i, p) of A lies at a + i aRow + p aStep and
 * the eight of B from b + p bStep on. Returns the number of rows done. Strides in bytes.
 */
export function multiplyTile(rows: usize, cols: usize, k: usize, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, mode: u32, extra: usize): usize {
  // 8 = 4 + 4 wastes less than 6 + 2. The plain build needs a register more, for the product before it is added.
  if (!ASC_FEATURE_RELAXED_SIMD || rows <= 4 || rows == 7 || rows == 8) {
    tile4x8(rows, cols, k, a, aRow, aStep, b, bStep, c, ldc, mode, extra);
    return min<usize>(rows, 4);
  }
  tile6x8(rows, cols, k, a, aRow, aStep, b, bStep, c, ldc, mode, extra);
  return min<usize>(rows, 6);
}

// Where a tile has fewer rows than its name says, the others repeat the last one and store the same numbers over it.

/** At least five rows. */
function tile6x8(rows: usize, cols: usize, k: usize, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, mode: u32, extra: usize): void {
  let a0 = a;
  let a1 = a0 + aRow;
  let a2 = a1 + aRow;
  let a3 = a2 + aRow;
  let a4 = a3 + aRow;
  let a5 = rows > 5 ? a4 + aRow : a4;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  for (const end = b + bStep * k; b != end; b += bStep) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f32>(a0);
    c00 = multiplyAdd(x, b0, c00);
    c01 = multiplyAdd(x, b1, c01);
    x = v128.load_splat<f32>(a1);
    c10 = multiplyAdd(x, b0, c10);
    c11 = multiplyAdd(x, b1, c11);
    x = v128.load_splat<f32>(a2);
    c20 = multiplyAdd(x, b0, c20);
    c21 = multiplyAdd(x, b1, c21);
    x = v128.load_splat<f32>(a3);
    c30 = multiplyAdd(x, b0, c30);
    c31 = multiplyAdd(x, b1, c31);
    x = v128.load_splat<f32>(a4);
    c40 = multiplyAdd(x, b0, c40);
    c41 = multiplyAdd(x, b1, c41);
    x = v128.load_splat<f32>(a5);
    c50 = multiplyAdd(x, b0, c50);
    c51 = multiplyAdd(x, b1, c51);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    a4 += aStep;
    a5 += aStep;
  }
  const whole = cols == 8;
  const row0 = whole ? c : TILE;
  const stride = whole ? ldc : 32;
  const row1 = row0 + stride;
  const row2 = row1 + stride;
  const row3 = row2 + stride;
  const row4 = row3 + stride;
  const row5 = rows > 5 ? row4 + stride : row4;
  if (whole) {
    if (mode & ADD) {
      c00 = f32x4.add(c00, v128.load(row0));
      c01 = f32x4.add(c01, v128.load(row0, 16));
      c10 = f32x4.add(c10, v128.load(row1));
      c11 = f32x4.add(c11, v128.load(row1, 16));
      c20 = f32x4.add(c20, v128.load(row2));
      c21 = f32x4.add(c21, v128.load(row2, 16));
      c30 = f32x4.add(c30, v128.load(row3));
      c31 = f32x4.add(c31, v128.load(row3, 16));
      c40 = f32x4.add(c40, v128.load(row4));
      c41 = f32x4.add(c41, v128.load(row4, 16));
      c50 = f32x4.add(c50, v128.load(row5));
      c51 = f32x4.add(c51, v128.load(row5, 16));
    }
    if (mode & BIAS) {
      const bias0 = v128.load(extra);
      const bias1 = v128.load(extra, 16);
      c00 = f32x4.add(c00, bias0);
      c01 = f32x4.add(c01, bias1);
      c10 = f32x4.add(c10, bias0);
      c11 = f32x4.add(c11, bias1);
      c20 = f32x4.add(c20, bias0);
      c21 = f32x4.add(c21, bias1);
      c30 = f32x4.add(c30, bias0);
      c31 = f32x4.add(c31, bias1);
      c40 = f32x4.add(c40, bias0);
      c41 = f32x4.add(c41, bias1);
      c50 = f32x4.add(c50, bias0);
      c51 = f32x4.add(c51, bias1);
    }
    if (mode & RELU) {
      c00 = relu(c00);
      c01 = relu(c01);
      c10 = relu(c10);
      c11 = relu(c11);
      c20 = relu(c20);
      c21 = relu(c21);
      c30 = relu(c30);
      c31 = relu(c31);
      c40 = relu(c40);
      c41 = relu(c41);
      c50 = relu(c50);
      c51 = relu(c51);
    }
    if (mode & MASK) {
      const mask = extra - c;
      c00 = masked(c00, v128.load(row0 + mask));
      c01 = masked(c01, v128.load(row0 + mask, 16));
      c10 = masked(c10, v128.load(row1 + mask));
      c11 = masked(c11, v128.load(row1 + mask, 16));
      c20 = masked(c20, v128.load(row2 + mask));
      c21 = masked(c21, v128.load(row2 + mask, 16));
      c30 = masked(c30, v128.load(row3 + mask));
      c31 = masked(c31, v128.load(row3 + mask, 16));
      c40 = masked(c40, v128.load(row4 + mask));
      c41 = masked(c41, v128.load(row4 + mask, 16));
      c50 = masked(c50, v128.load(row5 + mask));
      c51 = masked(c51, v128.load(row5 + mask, 16));
    }
  }
  v128.store(row0, c00);
  v128.store(row0, c01, 16);
  v128.store(row1, c10);
  v128.store(row1, c11, 16);
  v128.store(row2, c20);
  v128.store(row2, c21, 16);
  v128.store(row3, c30);
  v128.store(row3, c31, 16);
  v128.store(row4, c40);
  v128.store(row4, c41, 16);
  v128.store(row5, c50);
  v128.store(row5, c51, 16);
  if (!whole) storeEdge(min<usize>(rows, 6), cols, c, ldc, mode, extra);
}

function tile4x8(rows: usize, cols: usize, k: usize, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, mode: u32, extra: usize): void {
  let a0 = a;
  let a1 = rows > 1 ? a0 + aRow : a0;
  let a2 = rows > 2 ? a1 + aRow : a1;
  let a3 = rows > 3 ? a2 + aRow : a2;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  for (const end = b + bStep * k; b != end; b += bStep) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f32>(a0);
    c00 = multiplyAdd(x, b0, c00);
    c01 = multiplyAdd(x, b1, c01);
    x = v128.load_splat<f32>(a1);
    c10 = multiplyAdd(x, b0, c10);
    c11 = multiplyAdd(x, b1, c11);
    x = v128.load_splat<f32>(a2);
    c20 = multiplyAdd(x, b0, c20);
    c21 = multiplyAdd(x, b1, c21);
    x = v128.load_splat<f32>(a3);
    c30 = multiplyAdd(x, b0, c30);
    c31 = multiplyAdd(x, b1, c31);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
  }
  const whole = cols == 8;
  const row0 = whole ? c : TILE;
  const stride = whole ? ldc : 32;
  const row1 = rows > 1 ? row0 + stride : row0;
  const row2 = rows > 2 ? row1 + stride : row1;
  const row3 = rows > 3 ? row2 + stride : row2;
  if (whole) {
    if (mode & ADD) {
      c00 = f32x4.add(c00, v128.load(row0));
      c01 = f32x4.add(c01, v128.load(row0, 16));
      c10 = f32x4.add(c10, v128.load(row1));
      c11 = f32x4.add(c11, v128.load(row1, 16));
      c20 = f32x4.add(c20, v128.load(row2));
      c21 = f32x4.add(c21, v128.load(row2, 16));
      c30 = f32x4.add(c30, v128.load(row3));
      c31 = f32x4.add(c31, v128.load(row3, 16));
    }
    if (mode & BIAS) {
      const bias0 = v128.load(extra);
      const bias1 = v128.load(extra, 16);
      c00 = f32x4.add(c00, bias0);
      c01 = f32x4.add(c01, bias1);
      c10 = f32x4.add(c10, bias0);
      c11 = f32x4.add(c11, bias1);
      c20 = f32x4.add(c20, bias0);
      c21 = f32x4.add(c21, bias1);
      c30 = f32x4.add(c30, bias0);
      c31 = f32x4.add(c31, bias1);
    }
    if (mode & RELU) {
      c00 = relu(c00);
      c01 = relu(c01);
      c10 = relu(c10);
      c11 = relu(c11);
      c20 = relu(c20);
      c21 = relu(c21);
      c30 = relu(c30);
      c31 = relu(c31);
    }
    if (mode & MASK) {
      const mask = extra - c;
      c00 = masked(c00, v128.load(row0 + mask));
      c01 = masked(c01, v128.load(row0 + mask, 16));
      c10 = masked(c10, v128.load(row1 + mask));
      c11 = masked(c11, v128.load(row1 + mask, 16));
      c20 = masked(c20, v128.load(row2 + mask));
      c21 = masked(c21, v128.load(row2 + mask, 16));
      c30 = masked(c30, v128.load(row3 + mask));
      c31 = masked(c31, v128.load(row3 + mask, 16));
    }
  }
  v128.store(row0, c00);
  v128.store(row0, c01, 16);
  v128.store(row1, c10);
  v128.store(row1, c11, 16);
  v128.store(row2, c20);
  v128.store(row2, c21, 16);
  v128.store(row3, c30);
  v128.store(row3, c31, 16);
  if (!whole) storeEdge(min<usize>(rows, 4), cols, c, ldc, mode, extra);
}

@inline
function masked(x: v128, mask: v128): v128 {
  return v128.and(x, f32x4.gt(mask, f32x4.splat(0)));
}

/** Stores the part of the tile buffer that lies inside C. */
function storeEdge(rows: usize, cols: usize, c: usize, ldc: usize, mode: u32, extra: usize): void {
  const extraRow = mode & MASK ? ldc : 0;
  for (let i: usize = 0; i < rows; i++) {
    for (let j: usize = 0; j < cols; j += 4) {
      const count = min<usize>(4, cols - j);
      const at = c + i * ldc + 4 * j;
      const extraAt = extra + i * extraRow + 4 * j;
      const sums = v128.load(TILE + 32 * i + 4 * j);
      const held = mode & ADD ? loadUpTo4(at, count) : sums;
      const extraFour = mode & (BIAS | MASK) ? loadUpTo4(extraAt, count) : sums;
      const result = finish(sums, mode, held, extraFour);
      if (count == 4) v128.store(at, result);
      else storePartial(at, count, result);
    }
  }
}

function loadUpTo4(pointer: usize, count: usize): v128 {
  return count == 4 ? v128.load(pointer) : loadPartial(pointer, count);
}
