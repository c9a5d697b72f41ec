/** Copies a block of B into panels of 8 columns, element (p, j) of a panel at 32 p + 4 j. What stands in missing columns is never stored. */
import { PANELS } from "./memory";
import { loadPartial } from "./lanes";

/** B[depth, cols], rows contiguous. */
export function packRows(depth: usize, cols: usize, b: usize, ldb: usize): void {
  let panel = PANELS;
  let j: usize = 0;
  for (; j + 8 <= cols; j += 8) {
    let source = b + 4 * j;
    for (const end = panel + 32 * depth; panel < end; panel += 32) {
      v128.store(panel, v128.load(source));
      v128.store(panel, v128.load(source, 16), 16);
      source += ldb;
    }
  }
  if (j == cols) return;
  let source = b + 4 * j;
  for (const end = panel + 32 * depth; panel < end; panel += 32) {
    v128.store(panel, loadUpTo4(source, cols - j));
    if (cols - j > 4) v128.store(panel, loadPartial(source + 16, cols - j - 4), 16);
    source += ldb;
  }
}

/** B^T of B[cols, depth], rows contiguous: transposed 4 by 4. */
export function packColumns(depth: usize, cols: usize, b: usize, ldb: usize): void {
  for (let j: usize = 0; j < cols; j += 4) {
    const panel = PANELS + 4 * (j & ~7) * depth + 4 * (j & 4);
    if (j + 4 <= cols) packFour(depth, b + j * ldb, ldb, panel);
    else packFew(depth, cols - j, b + j * ldb, ldb, panel);
  }
}

function packFour(depth: usize, b: usize, ldb: usize, panel: usize): void {
  let b0 = b;
  let b1 = b0 + ldb;
  let b2 = b1 + ldb;
  let b3 = b2 + ldb;
  const end = panel + 32 * depth;
  for (const last = panel + 32 * (depth & ~3); panel < last; panel += 128) {
    const r0 = v128.load(b0);
    const r1 = v128.load(b1);
    const r2 = v128.load(b2);
    const r3 = v128.load(b3);
    const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
    const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
    const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
    const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
    v128.store(panel, i64x2.shuffle(low01, low23, 0, 2));
    v128.store(panel, i64x2.shuffle(low01, low23, 1, 3), 32);
    v128.store(panel, i64x2.shuffle(high01, high23, 0, 2), 64);
    v128.store(panel, i64x2.shuffle(high01, high23, 1, 3), 96);
    b0 += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  for (; panel < end; panel += 32) {
    store<f32>(panel, load<f32>(b0));
    store<f32>(panel, load<f32>(b1), 4);
    store<f32>(panel, load<f32>(b2), 8);
    store<f32>(panel, load<f32>(b3), 12);
    b0 += 4;
    b1 += 4;
    b2 += 4;
    b3 += 4;
  }
}

/** `count` (1 to 3) columns. */
function packFew(depth: usize, count: usize, b: usize, ldb: usize, panel: usize): void {
  for (const end = panel + 32 * depth; panel < end; panel += 32) {
    for (let j: usize = 0; j < count; j++) store<f32>(panel + 4 * j, load<f32>(b + j * ldb));
    b += 4;
  }
}

@inline
function loadUpTo4(pointer: usize, count: usize): v128 {
  return count >= 4 ? v128.load(pointer) : loadPartial(pointer, count);
}
