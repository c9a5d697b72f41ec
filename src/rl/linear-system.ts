import { TandemError } from "../core/index.ts";

/** x of A x = b by Gaussian elimination with partial pivoting; A [n, n] and b [n] are used up, b becomes x. */
export function solveLinear(matrix: Float64Array, right: Float64Array): Float64Array {
  const n = right.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(matrix[row * n + column]) > Math.abs(matrix[pivot * n + column])) pivot = row;
    }
    const size = Math.abs(matrix[pivot * n + column]);
    if (!(size > 0)) {
      throw new TandemError(
        "solveLinear",
        `the matrix is singular in column ${column}; a discount below 1 and probabilities that sum to 1 rule that out`,
      );
    }
    if (pivot !== column) swapRows(matrix, right, n, pivot, column);
    for (let row = column + 1; row < n; row++) {
      const factor = matrix[row * n + column] / matrix[column * n + column];
      if (factor === 0) continue;
      for (let k = column; k < n; k++) matrix[row * n + k] -= factor * matrix[column * n + k];
      right[row] -= factor * right[column];
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    let sum = right[row];
    for (let k = row + 1; k < n; k++) sum -= matrix[row * n + k] * right[k];
    right[row] = sum / matrix[row * n + row];
  }
  return right;
}

function swapRows(matrix: Float64Array, right: Float64Array, n: number, i: number, j: number): void {
  for (let k = 0; k < n; k++) {
    const kept = matrix[i * n + k];
    matrix[i * n + k] = matrix[j * n + k];
    matrix[j * n + k] = kept;
  }
  [right[i], right[j]] = [right[j], right[i]];
}
