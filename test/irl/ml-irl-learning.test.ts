import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { createMlIrl, mlIrlIteration, type MlIrlOptions } from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const OPTIONS: MlIrlOptions = {
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
  replayCapacity: 2000,
  policyStepsPerRewardStep: 32,
  trajectoriesPerRewardStep: 4,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  taughtBy: "learned reward",
};

function wayAfter(kernels: Kernels, steps: number, taughtBy: MlIrlOptions["taughtBy"]): number {
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
  return wayTo(kernels, state.agent.policy);
}

describeBuilds("ML-IRL", (kernels) => {
  it("learns from demonstrations alone to walk to the origin, and the controls do not", () => {
    expect(wayAfter(kernels, 3000, "learned reward")).toBeGreaterThan(0.9);
    expect(wayAfter(kernels, 3000, "zero reward")).toBeLessThan(0.5);
    expect(wayAfter(kernels, 3000, "constant reward")).toBeLessThan(0.5);
  });
});
