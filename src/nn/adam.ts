import type { Kernels } from "../kernels/index.ts";

/** Adam's moments over one parameter block. `moments` is first then second, [2, length]. */
export interface AdamState {
  readonly length: number;
  readonly moments: number;
  /** Steps taken, t of arXiv:1412.6980, Alg. 1. */
  steps: number;
  /** beta1^t and beta2^t, float64. */
  beta1Power: number;
  beta2Power: number;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Zero moments for a block of `length` floats. */
export function createAdam(kernels: Kernels, length: number): AdamState {
  return { length, moments: kernels.allocate(2 * length), steps: 0, beta1Power: 1, beta2Power: 1 };
}

/**
 * One step down the gradient, in place (arXiv:1412.6980, Alg. 1), with decoupled decay (arXiv:1711.05101):
 * p <- p (1 - learningRate * weightDecay) beside the step; 0 is plain Adam.
 */
export function adamStep(
  kernels: Kernels,
  state: AdamState,
  parameters: number,
  gradients: number,
  learningRate: number,
  weightDecay: number,
): void {
  state.steps++;
  state.beta1Power *= BETA1;
  state.beta2Power *= BETA2;
  const { length, moments } = state;
  kernels.adam(
    length,
    parameters,
    gradients,
    moments,
    moments + 4 * length,
    learningRate,
    BETA1,
    BETA2,
    EPSILON,
    1 - state.beta1Power,
    1 - state.beta2Power,
    weightDecay,
  );
}
