/** The paper's network by its definition (arXiv:2503.17865, Section 4), in differentiable float64 scalars. */
import { constant, dot, multiply, relu, sum, times, type Scalar } from "./autodiff.ts";

/** f(x; W) = m^(-1/2) sum_j b_j relu(W_j . x) for one row; W is [m, d], row-major. */
export function twoLayer(signs: ArrayLike<number>, weights: readonly Scalar[], x: readonly Scalar[]): Scalar {
  const d = x.length;
  const units = Array.from(signs, (sign, j) => times(sign, relu(dot(weights.slice(j * d, (j + 1) * d), x))));
  return times(1 / Math.sqrt(signs.length), sum(units));
}

/** f0(x; W) = m^(-1/2) sum_j b_j 1{W_j(0) . x > 0} W_j . x for one row. */
export function twoLayerLinearised(
  signs: ArrayLike<number>,
  initial: readonly number[],
  weights: readonly Scalar[],
  x: readonly Scalar[],
): Scalar {
  const d = x.length;
  const units = Array.from(signs, (sign, j) => {
    const preActivation = x.reduce((total, { value }, i) => total + initial[j * d + i] * value, 0);
    return multiply(constant(preActivation > 0 ? sign : 0), dot(weights.slice(j * d, (j + 1) * d), x));
  });
  return times(1 / Math.sqrt(signs.length), sum(units));
}
