import { expect, it } from "vitest";
import { keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import { deterministicPolicy, evaluate } from "../../src/eval/index.ts";
import { createMlIrl, mlIrlIteration, type MlIrlOptions } from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { rollout } from "../../src/rl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

/** Mean return over starts even in [-1, 1] of staying put, -16 x^2, and of walking straight to 0 by 1/4 a step. */
const STAYING = -16 / 3;
const WALKING = -[0.75, 0.5, 0.25].reduce((total, reach) => total + reach ** 3 / 3, 0);

const OPTIONS: MlIrlOptions = {
  sac: {
    hidden: [32, 32],
    batchSize: 32,
    discount: 0.9,
    learningRate: 3e-3,
    polyak: 0.02,
    temperature: 0.05,
    targetEntropy: "auto",
  },
  reward: {
    inputs: "state-action",
    network: { kind: "two-layer", width: 64 },
    optimiser: "ascent",
    stepSize: 2,
    stepSizeDecay: 0,
    regulariser: { kind: "projection", radius: 10 },
  },
  startSteps: 160,
  replayCapacity: 2000,
  policyStepsPerRewardStep: 32,
  trajectoriesPerRewardStep: 4,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  taughtBy: "learned reward",
};

/** A move of -x, or the largest there is: 1/4, 1 in policy units. */
const straight = ([x]: Float64Array, unit: Float32Array): void => {
  unit[0] = Math.max(-1, Math.min(1, -4 * x));
};

/** Ten episodes that walk straight to the origin and stay. */
function walking(): Trajectories {
  return rollout(pointEnvironment(), straight, 10, keyFromSeed(1));
}

function trueReturnAfter(kernels: Kernels, steps: number, taughtBy: MlIrlOptions["taughtBy"]): number {
  const environments = { train: pointEnvironment(), rollout: null };
  const state = createMlIrl(kernels, environments, walking(), { ...OPTIONS, taughtBy }, keyFromSeed(2));
  while (state.agent.steps < steps)
    mlIrlIteration(
      kernels,
      state,
      steps,
      () => {},
      () => 0,
    );
  return evaluate(pointEnvironment(), deterministicPolicy(kernels, state.agent.sac), 50, keyFromSeed(3))
    .meanReturn;
}

describeBuilds("ML-IRL", (kernels) => {
  it("learns from demonstrations alone to walk to the origin, and the controls do not", () => {
    // Nine tenths of the way from staying put to the optimum, and less than half of it.
    const [most, half] = [0.9, 0.5].map((share) => STAYING + share * (WALKING - STAYING));
    expect(trueReturnAfter(kernels, 3000, "learned reward")).toBeGreaterThan(most);
    expect(trueReturnAfter(kernels, 3000, "zero reward")).toBeLessThan(half);
    expect(trueReturnAfter(kernels, 3000, "constant reward")).toBeLessThan(half);
  });
});
