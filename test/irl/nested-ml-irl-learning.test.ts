import { expect, it } from "vitest";
import { keyFromSeed, type TrainingRecord } from "../../src/core/index.ts";
import { createNestedMlIrl, nestedMlIrlIteration, type NestedMlIrlOptions } from "../../src/irl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const STEPS = 3000;
const OPTIONS: NestedMlIrlOptions = {
  sac: SAC,
  reward: {
    inputs: "state-action",
    network: { kind: "two-layer", width: 64 },
    optimiser: "ascent",
    stepSize: 2,
    stepSizeDecay: 0,
    regulariser: { kind: "projection", radius: 10 },
  },
  startSteps: 160,
  replayCapacity: STEPS,
  trajectoriesPerRewardStep: 4,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  solve: { roundSteps: 64, tolerance: 0.1, mostRounds: 6 },
};

describeBuilds("ML-IRL in a nested loop", (kernels) => {
  it("learns from demonstrations alone to walk to the origin", () => {
    const environments = { train: pointEnvironment(), rollout: null };
    const state = createNestedMlIrl(kernels, environments, walking(), OPTIONS, keyFromSeed(2));
    const rounds: number[] = [];
    const listener = (record: TrainingRecord): void => {
      if ("rounds" in record) rounds.push(record.rounds);
    };
    while (state.agent.steps < STEPS) nestedMlIrlIteration(kernels, state, STEPS, listener, () => 0);
    // Each reward took two rounds at least: the single loop of ml-irl-learning.test.ts has several times as many reward steps.
    expect(rounds.length).toBeGreaterThan(10);
    expect(rounds.length).toBeLessThanOrEqual(STEPS / 128);
    expect(Math.min(...rounds)).toBeGreaterThanOrEqual(2);
    expect(wayTo(kernels, state.agent.policy)).toBeGreaterThan(0.9);
  });
});
