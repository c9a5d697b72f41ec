import { TandemError } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { twoLayerForward, twoLayerGradient, type TwoLayerNetwork } from "../nn/index.ts";
import type { LinearityBench } from "./linearity.ts";

/** ||g||_2 of a gradient given as numbers: a sampled one, or dL/dr(s, a) = d_E - d_pi as a table. */
export function gradientNorm(gradient: ArrayLike<number>): number {
  // Scaled by the largest entry: squares of an exploding gradient overflow before it does.
  let largest = 0;
  for (let i = 0; i < gradient.length; i++) largest = Math.max(largest, Math.abs(gradient[i]));
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  let squares = 0;
  for (let i = 0; i < gradient.length; i++) squares += (gradient[i] / largest) ** 2;
  return largest * Math.sqrt(squares);
}

/** d_E - d_pi, [S, A]: the gradient of the likelihood in a table of rewards (arXiv:2503.17865, Lemma 4). */
export function occupancySurplus(expert: ArrayLike<number>, agent: ArrayLike<number>): Float64Array {
  if (expert.length !== agent.length) {
    throw new TandemError(
      "occupancySurplus",
      `expected occupancies over the same pairs, got ${expert.length} and ${agent.length} entries`,
    );
  }
  return Float64Array.from({ length: expert.length }, (_, i) => expert[i] - agent[i]);
}

/**
 * ||sum_i coefficients[i] grad_theta f(x_i; theta)|| at the network's weights, over the bench's points; with
 * coefficients d_E - d_pi the exact gradient norm of L (pi = pi_theta) or of Lhat (pi = pi_k), Lemma 4.
 */
export function parameterGradientNorm(
  kernels: Kernels,
  network: TwoLayerNetwork,
  bench: LinearityBench,
  coefficients: ArrayLike<number>,
): number {
  const { points, count, workspace, values, scratch } = bench;
  if (coefficients.length !== count) {
    throw new TandemError(
      "parameterGradientNorm",
      `expected a coefficient for each of ${count} points, got ${coefficients.length}`,
    );
  }
  const { width, features } = network;
  kernels.f32(bench.coefficients, count).set(coefficients);
  twoLayerForward(kernels, network, count, points, features, workspace, values);
  twoLayerGradient(
    kernels,
    network,
    count,
    points,
    features,
    workspace,
    bench.coefficients,
    scratch.weights,
    false,
  );
  return gradientNorm(kernels.f32(scratch.weights, width * features));
}

/**
 * ||Pi_B(W + alpha g) - W|| / alpha: what is 0 at a constrained optimum, where the gradient itself may point out of the
 * ball for ever. ||g|| while the projection is idle.
 */
export function projectedGradientNorm(
  weights: ArrayLike<number>,
  initial: ArrayLike<number>,
  gradient: ArrayLike<number>,
  { radius, stepSize }: { readonly radius: number; readonly stepSize: number },
): number {
  const stepped = Float64Array.from(gradient, (g, i) => weights[i] + stepSize * g - initial[i]);
  const travel = gradientNorm(stepped);
  const scale = travel > radius ? radius / travel : 1;
  return gradientNorm(stepped.map((each, i) => (scale * each + initial[i] - weights[i]) / stepSize));
}
