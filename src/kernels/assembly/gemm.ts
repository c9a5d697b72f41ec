/**
 * Matrix products. Rows (or columns) of A are read where they lie; a block of B is packed into panels of 8 columns, so
 * that the innermost loop (gemm-tile.ts) reads it in order; thin shapes have their own loops (gemm-thin.ts).
 */
import { BLOCK_COLS, BLOCK_K, BLOCK_ROWS, LEFT, LINE_LENGTH, PANELS } from "./memory";
import { copyRows } from "./vectors";
import { packColumns, packRows } from "./gemm-pack";
import { matrixTimesVector, outerProduct, vectorTimesMatrix } from "./gemm-thin";
import { multiplyTile } from "./gemm-tile";
import { ADD, BIAS, MASK, RELU, TANH } from "./epilogue";
import { tanhVector } from "./elementary";

/** Up to so many rows B is not read often enough to be worth packing. */
const DIRECT_ROWS: usize = 24;
/**
 * From this many bytes on between one k and the next, a block of A is copied together first: steps of 2 kB and more fall
 * on few cache sets and on a new page each time. Not worth it for few columns.
 */
const FAR_STEP: usize = 2048;
const FAR_COLS: usize = 24;

function modeOf(epilogue: u32): u32 {
  if (epilogue == 1) return BIAS;
  if (epilogue == 2) return BIAS | RELU;
  if (epilogue == 3) return BIAS | TANH;
  if (epilogue == 4) return MASK;
  if (epilogue == 5) return ADD;
  return 0;
}

export function gemmNN(
  m: usize,
  n: usize,
  k: usize,
  a: usize,
  lda: usize,
  b: usize,
  ldb: usize,
  c: usize,
  ldc: usize,
  epilogue: u32,
  bias: usize,
): void {
  const mode = modeOf(epilogue);
  lda <<= 2;
  ldb <<= 2;
  ldc <<= 2;
  if (k == 1) {
    outerProduct(m, n, a, lda, b, 4, c, ldc, mode, bias);
  } else if (m <= 3) {
    for (let i: usize = 0; i < m; i++)
      vectorTimesMatrix(n, k, a + i * lda, 4, b, ldb, c + i * ldc, 4, mode, bias);
  } else if (n <= 3 && k <= LINE_LENGTH) {
    for (let j: usize = 0; j < n; j++)
      matrixTimesVector(m, k, a, lda, b + 4 * j, ldb, c + 4 * j, ldc, mode, bias + 4 * j, 0);
  } else {
    multiply(m, n, k, a, lda, 4, b, ldb, false, c, ldc, mode, bias);
  }
  if (mode & TANH) tanhRows(m, n, c, ldc);
}

export function gemmNT(
  m: usize,
  n: usize,
  k: usize,
  a: usize,
  lda: usize,
  b: usize,
  ldb: usize,
  c: usize,
  ldc: usize,
  epilogue: u32,
  extra: usize,
): void {
  const mode = modeOf(epilogue);
  lda <<= 2;
  ldb <<= 2;
  ldc <<= 2;
  // Where `extra` goes with one step of a row or a column: the mask lies like C, the bias along a row of it.
  const extraRow = mode & MASK ? ldc : 0;
  if (k == 1 && n <= LINE_LENGTH) {
    outerProduct(m, n, a, lda, b, ldb, c, ldc, mode, extra);
  } else if (m <= 3) {
    for (let i: usize = 0; i < m; i++)
      matrixTimesVector(n, k, b, ldb, a + i * lda, 4, c + i * ldc, 4, mode, extra + i * extraRow, 4);
  } else if (n <= 3) {
    for (let j: usize = 0; j < n; j++)
      matrixTimesVector(m, k, a, lda, b + j * ldb, 4, c + 4 * j, ldc, mode, extra + 4 * j, extraRow);
  } else {
    multiply(m, n, k, a, lda, 4, b, ldb, true, c, ldc, mode, extra);
  }
  if (mode & TANH) tanhRows(m, n, c, ldc);
}

export function gemmTN(
  m: usize,
  n: usize,
  k: usize,
  a: usize,
  lda: usize,
  b: usize,
  ldb: usize,
  c: usize,
  ldc: usize,
  epilogue: u32,
): void {
  const mode = modeOf(epilogue);
  lda <<= 2;
  ldb <<= 2;
  ldc <<= 2;
  if (k == 1) {
    outerProduct(m, n, a, 4, b, 4, c, ldc, mode, 0);
  } else if (m <= 3) {
    for (let i: usize = 0; i < m; i++)
      vectorTimesMatrix(n, k, a + 4 * i, lda, b, ldb, c + i * ldc, 4, mode, 0);
  } else if (n <= 3) {
    for (let j: usize = 0; j < n; j++)
      vectorTimesMatrix(m, k, b + 4 * j, ldb, a, lda, c + 4 * j, ldc, mode, 0);
  } else {
    multiply(m, n, k, a, 4, lda, b, ldb, false, c, ldc, mode, 0);
  }
}

/** Element (i, p) of A lies at a + i aRow + p aStep; B is [n, k] where `transposed`. Strides in bytes. */
function multiply(m: usize, n: usize, k: usize, a: usize, aRow: usize, aStep: usize, b: usize, ldb: usize, transposed: bool, c: usize, ldc: usize, mode: u32, extra: usize): void {
  const blockK = evenBlock(k, BLOCK_K, 1);
  const blockCols = evenBlock(n, BLOCK_COLS, 8);
  const blockRows = evenBlock(m, BLOCK_ROWS, 6);
  const far = aStep >= FAR_STEP && n >= FAR_COLS;
  const direct = !transposed && m <= DIRECT_ROWS;
  for (let j: usize = 0; j < n; j += blockCols) {
    const cols = min(blockCols, n - j);
    // Columns of B that are read where they lie.
    const lying = direct ? cols & ~7 : 0;
    let p: usize = 0;
    do {
      const depth = min(blockK, k - p);
      const source = transposed ? b + j * ldb + 4 * p : b + p * ldb + 4 * j;
      if (transposed) packColumns(depth, cols, source, ldb);
      else packRows(depth, cols - lying, source + 4 * lying, ldb);
      const blockMode = (p + depth == k ? mode : mode & ADD) | (p > 0 ? ADD : 0);
      for (let i: usize = 0; i < m; i += blockRows) {
        const rows = min(blockRows, m - i);
        const target = c + i * ldc + 4 * j;
        const extraAt = extra + 4 * j + (mode & MASK ? i * ldc : 0);
        let left = a + i * aRow + p * aStep;
        let leftStep = aStep;
        if (far) {
          copyRows(depth, rows, left, aStep >> 2, LEFT, rows);
          left = LEFT;
          leftStep = 4 * rows;
        }
        for (let q: usize = 0; q < cols; q += 8) {
          const packed = q >= lying;
          const right = packed ? PANELS + 4 * (q - lying) * depth : source + 4 * q;
          multiplyPanel(rows, min<usize>(8, cols - q), depth, left, aRow, leftStep, right, packed ? 32 : ldb, target + 4 * q, ldc, blockMode, extraAt + 4 * q);
        }
      }
      p += depth;
    } while (p < k);
  }
}

/** Eight columns of a block of C. */
function multiplyPanel(rows: usize, cols: usize, depth: usize, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, mode: u32, extra: usize): void {
  const extraRow = mode & MASK ? ldc : 0;
  for (let i: usize = 0; i < rows; ) {
    i += multiplyTile(rows - i, cols, depth, a + i * aRow, aRow, aStep, b, bStep, c + i * ldc, ldc, mode, extra + i * extraRow);
  }
}

/** The length of equal blocks of at most `limit` that cover `total`, a multiple of `unit`. */
function evenBlock(total: usize, limit: usize, unit: usize): usize {
  if (total == 0) return unit;
  const count = (total + limit - 1) / limit;
  const length = (total + count - 1) / count;
  return ((length + unit - 1) / unit) * unit;
}

function tanhRows(m: usize, n: usize, c: usize, ldc: usize): void {
  for (let i: usize = 0; i < m; i++) tanhVector(n, c + i * ldc, c + i * ldc);
}
