/** Linear regression with held-out errors, for tests of what predicts what. */

/** Rows of equal width, row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns]. */
  readonly data: Float64Array;
}

/** Weight of the squared coefficients, a row of unit spread counted as 1. */
const RIDGE = 1e-4;

/** Added to a squared error of columns of unit spread: what is predicted better than this counts as exact. */
const EXACT = 1e-6;

/** Squared errors beyond this say no more than "not at all". */
const HOPELESS = 4;

/**
 * How badly a linear map of `predictors` and a constant predicts each target column: log of the mean squared error on
 * rows that were held out, nats. Each of `blocks` equal runs of rows is held out once, [blocks][targets]. Predictors and
 * targets have about unit spread.
 */
export function heldOutErrors(predictors: Matrix, targets: Matrix, blocks: number): Float64Array[] {
  const { rows } = predictors;
  const edges = Array.from({ length: blocks + 1 }, (_, block) => Math.floor((block * rows) / blocks));
  const moments = edges.slice(1).map((end, block) => momentsOf(predictors, targets, edges[block], end));
  const total = sumOf(moments);
  return moments.map((held, block) => {
    const [from, to] = [edges[block], edges[block + 1]];
    const weights = coefficients(total, held, rows - (to - from), targets.columns);
    return logErrors(predictors, targets, weights, from, to);
  });
}

/** Sums over some rows of x x' (its lower half) and x y', x with a leading 1. */
interface Moments {
  readonly width: number;
  readonly gram: Float64Array;
  readonly products: Float64Array;
}

function momentsOf(predictors: Matrix, targets: Matrix, from: number, to: number): Moments {
  const width = predictors.columns + 1;
  const { columns } = targets;
  const gram = new Float64Array(width * width);
  const products = new Float64Array(width * columns);
  const x = new Float64Array(width);
  x[0] = 1;
  for (let row = from; row < to; row++) {
    for (let i = 1; i < width; i++) x[i] = predictors.data[row * (width - 1) + i - 1];
    for (let i = 0; i < width; i++) {
      const value = x[i];
      if (value === 0) continue;
      for (let j = 0; j <= i; j++) gram[i * width + j] += value * x[j];
      for (let j = 0; j < columns; j++) products[i * columns + j] += value * targets.data[row * columns + j];
    }
  }
  return { width, gram, products };
}

function sumOf(moments: readonly Moments[]): Moments {
  const [{ width, gram, products }] = moments;
  const total = { width, gram: gram.slice(), products: products.slice() };
  for (const one of moments.slice(1)) {
    for (let at = 0; at < gram.length; at++) total.gram[at] += one.gram[at];
    for (let at = 0; at < products.length; at++) total.products[at] += one.products[at];
  }
  return total;
}

/** Of the ridge regression on all rows but the held ones, [width, columns]. */
function coefficients(total: Moments, held: Moments, rows: number, columns: number): Float64Array {
  const { width } = total;
  const gram = total.gram.map((value, at) => value - held.gram[at]);
  for (let i = 0; i < width; i++) gram[i * width + i] += RIDGE * rows;
  const products = total.products.map((value, at) => value - held.products[at]);
  solveInPlace(factorise(gram, width), width, products, columns);
  return products;
}

/** In place, the lower Cholesky factor of a symmetric positive matrix whose lower half is given. */
function factorise(matrix: Float64Array, width: number): Float64Array {
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * width + j];
      for (let k = 0; k < j; k++) sum -= matrix[i * width + k] * matrix[j * width + k];
      matrix[i * width + j] = i === j ? Math.sqrt(sum) : sum / matrix[j * width + j];
    }
  }
  return matrix;
}

function solveInPlace(factor: Float64Array, width: number, values: Float64Array, columns: number): void {
  for (let column = 0; column < columns; column++) {
    for (let i = 0; i < width; i++) {
      let sum = values[i * columns + column];
      for (let k = 0; k < i; k++) sum -= factor[i * width + k] * values[k * columns + column];
      values[i * columns + column] = sum / factor[i * width + i];
    }
    for (let i = width - 1; i >= 0; i--) {
      let sum = values[i * columns + column];
      for (let k = i + 1; k < width; k++) sum -= factor[k * width + i] * values[k * columns + column];
      values[i * columns + column] = sum / factor[i * width + i];
    }
  }
}

function logErrors(
  predictors: Matrix,
  targets: Matrix,
  weights: Float64Array,
  from: number,
  to: number,
): Float64Array {
  const { columns } = targets;
  const squares = new Float64Array(columns);
  for (let row = from; row < to; row++) {
    for (let column = 0; column < columns; column++) {
      let error = weights[column] - targets.data[row * columns + column];
      for (let i = 0; i < predictors.columns; i++) {
        error += predictors.data[row * predictors.columns + i] * weights[(i + 1) * columns + column];
      }
      squares[column] += error * error;
    }
  }
  return squares.map((square) => Math.log(Math.min(square / (to - from), HOPELESS) + EXACT));
}
