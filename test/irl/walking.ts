/** The task that every method with continuous actions must learn: to walk to the origin of a line, as ten episodes show. */
import { keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import { deterministicPolicy, evaluate } from "../../src/eval/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { rollout, type SacOptions, type SoftPolicy } from "../../src/rl/index.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

/** Mean return over starts even in [-1, 1] of staying put, -16 x^2, and of walking straight to 0 by 1/4 a step. */
const STAYING = -16 / 3;
const WALKING = -[0.75, 0.5, 0.25].reduce((total, reach) => total + reach ** 3 / 3, 0);

/** The lower level. */
export const SAC: SacOptions = {
  hidden: [32, 32],
  batchSize: 32,
  discount: 0.9,
  learningRate: 3e-3,
  polyak: 0.02,
  temperature: 0.05,
  targetEntropy: "auto",
};

/** A move of -x, or the largest there is: 1/4, 1 in policy units. */
const straight = ([x]: Float64Array, unit: Float32Array): void => {
  unit[0] = Math.max(-1, Math.min(1, -4 * x));
};

/** Ten episodes that walk straight to the origin and stay. */
export function walking(): Trajectories {
  return rollout(pointEnvironment(), straight, 10, keyFromSeed(1));
}

/** How far a policy has come from staying put (0) to walking straight (1), by the true return of fifty episodes. */
export function wayTo(kernels: Kernels, policy: SoftPolicy): number {
  const { meanReturn } = evaluate(
    pointEnvironment(),
    deterministicPolicy(kernels, policy),
    50,
    keyFromSeed(3),
  );
  return (meanReturn - STAYING) / (WALKING - STAYING);
}
