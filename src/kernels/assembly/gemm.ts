/**
 * Matrix products. Rows of A are read where they lie; a block of B is packed into panels of 8 columns, zero-padded, so
 * that the innermost loop (gemm-tile.ts) reads it in order; thin shapes have their own loops (gemm-thin.ts).
 */
import { BLOCK_COLS, BLOCK_K, LINE_LENGTH, PANELS } from "./memory";
import { packColumns, packRows } from "./gemm-pack";
import { matrixTimesVector, outerProduct, vectorTimesMatrix } from "./gemm-thin";
import { multiplyTile } from "./gemm-tile";
import { ADD, BIAS, MASK, RELU, TANH } from "./epilogue";
import { tanhVector } from "./elementary";

/** Rows of A per block: with BLOCK_K columns they fill a quarter of a 1 MB cache. */
const BLOCK_ROWS: usize = 132;

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
function multiply(
  m: usize,
  n: usize,
  k: usize,
  a: usize,
  aRow: usize,
  aStep: usize,
  b: usize,
  ldb: usize,
  transposed: bool,
  c: usize,
  ldc: usize,
  mode: u32,
  extra: usize,
): void {
  const blockK = evenBlock(k, BLOCK_K, 1);
  const blockCols = evenBlock(n, BLOCK_COLS, 8);
  const blockRows = evenBlock(m, BLOCK_ROWS, 6);
  for (let j: usize = 0; j < n; j += blockCols) {
    const cols = min(blockCols, n - j);
    let p: usize = 0;
    do {
      const depth = min(blockK, k - p);
      if (transposed) packColumns(depth, cols, b + j * ldb + 4 * p, ldb);
      else packRows(depth, cols, b + p * ldb + 4 * j, ldb);
      const blockMode = (p + depth == k ? mode : mode & ADD) | (p > 0 ? ADD : 0);
      for (let i: usize = 0; i < m; i += blockRows) {
        const offset = i * ldc + 4 * j;
        const extraAt = mode & MASK ? extra + offset : extra + 4 * j;
        multiplyBlock(
          min(blockRows, m - i),
          cols,
          depth,
          a + i * aRow + p * aStep,
          aRow,
          aStep,
          c + offset,
          ldc,
          blockMode,
          extraAt,
        );
      }
      p += depth;
    } while (p < k);
  }
}

function multiplyBlock(
  rows: usize,
  cols: usize,
  depth: usize,
  a: usize,
  aRow: usize,
  aStep: usize,
  c: usize,
  ldc: usize,
  mode: u32,
  extra: usize,
): void {
  const extraRow = mode & MASK ? ldc : 0;
  for (let j: usize = 0; j < cols; j += 8) {
    const panel = PANELS + 4 * j * depth;
    for (let i: usize = 0; i < rows;) {
      i += multiplyTile(
        rows - i,
        min<usize>(8, cols - j),
        depth,
        a + i * aRow,
        aRow,
        aStep,
        panel,
        c + i * ldc + 4 * j,
        ldc,
        mode,
        extra + i * extraRow + 4 * j,
      );
    }
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
