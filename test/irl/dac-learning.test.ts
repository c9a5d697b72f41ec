import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { createDac, dacIteration, type DacOptions } from "../../src/irl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const OPTIONS: DacOptions = {
  sac: SAC,
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

describeBuilds("discriminator-actor-critic", (kernels) => {
  it("learns from demonstrations alone to walk to the origin", () => {
    const state = createDac(kernels, pointEnvironment(), walking(), OPTIONS, keyFromSeed(2));
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
    // Nothing to tell apart is 2 log 2 = 1.386: the better the agent, the nearer.
    expect(losses.toSorted((a, b) => a - b)).toEqual(losses);
    expect(wayTo(kernels, state.agent.policy)).toBeGreaterThan(0.9);
  });
});
