import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { deterministicPolicy, evaluate } from "../../src/eval/index.ts";
import { createDac, dacIteration, type DacOptions } from "../../src/irl/index.ts";
import { rollout } from "../../src/rl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

/** Mean return over starts even in [-1, 1] of staying put, -16 x^2, and of walking straight to 0 by 1/4 a step. */
const STAYING = -16 / 3;
const WALKING = -[0.75, 0.5, 0.25].reduce((total, reach) => total + reach ** 3 / 3, 0);

const OPTIONS: DacOptions = {
  sac: {
    hidden: [32, 32],
    batchSize: 32,
    discount: 0.9,
    learningRate: 3e-3,
    polyak: 0.02,
    temperature: 0.05,
    targetEntropy: "auto",
  },
  startSteps: 160,
  replayCapacity: 2000,
  discriminator: {
    inputs: "state-action",
    hidden: [32, 32],
    batchSize: 32,
    learningRate: 1e-3,
    gradientPenalty: 1,
    every: 1,
  },
  termination: "native",
};

/** A move of -x, or the largest there is: 1/4, 1 in policy units. */
const straight = ([x]: Float64Array, unit: Float32Array): void => {
  unit[0] = Math.max(-1, Math.min(1, -4 * x));
};

describeBuilds("discriminator-actor-critic", (kernels) => {
  it("learns from demonstrations alone to walk to the origin", () => {
    const demonstrations = rollout(pointEnvironment(), straight, 10, keyFromSeed(1));
    const state = createDac(kernels, pointEnvironment(), demonstrations, OPTIONS, keyFromSeed(2));
    const losses: number[] = [];
    while (state.agent.steps < 3000)
      dacIteration(
        kernels,
        state,
        3000,
        (record) => {
          if (record.kind === "discriminator") losses.push(record.loss);
        },
        () => 0,
      );
    const { meanReturn } = evaluate(
      pointEnvironment(),
      deterministicPolicy(kernels, state.agent.sac),
      50,
      keyFromSeed(3),
    );
    // Nothing to tell apart is 2 log 2 = 1.386: the better the agent, the nearer.
    expect(losses.toSorted((a, b) => a - b)).toEqual(losses);
    expect(meanReturn).toBeGreaterThan(STAYING + 0.9 * (WALKING - STAYING));
  });
});
