import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import {
  createFIrl,
  DIVERGENCES,
  fIrlIteration,
  type Divergence,
  type FIrlOptions,
} from "../../src/irl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const OPTIONS: Omit<FIrlOptions, "divergence"> = {
  sac: { ...SAC, temperature: "learnt" },
  reward: {
    inputs: "state",
    network: { kind: "mlp", hidden: [32, 32] },
    optimiser: "adam",
    stepSize: 3e-3,
    stepSizeDecay: 0,
    regulariser: { kind: "none" },
  },
  logRatioClip: 5,
  discriminator: {
    hidden: [32, 32],
    batchSize: 64,
    learningRate: 1e-3,
    gradientPenalty: 0.1,
    stepsPerRewardStep: 30,
  },
  startSteps: 160,
  replayCapacity: 4000,
  policyStepsPerRewardStep: 48,
  trajectoriesPerRewardStep: 20,
  expertTrajectoriesPerRewardStep: 0,
  termination: "native",
};

describeBuilds("f-IRL", (kernels) => {
  it.each([
    ...(Object.keys(DIVERGENCES) as Divergence[]).map((divergence) => ({ divergence, expert: 0 })),
    { divergence: "reverse-kl" as const, expert: 10 },
  ])(
    "learns from the states of demonstrations alone to walk to the origin ($divergence, $expert of the expert's trajectories)",
    ({ divergence, expert }) => {
      const options = { ...OPTIONS, divergence, expertTrajectoriesPerRewardStep: expert };
      const state = createFIrl(kernels, pointEnvironment(), walking(), options, keyFromSeed(2));
      while (state.agent.steps < 3000)
        fIrlIteration(
          kernels,
          state,
          3000,
          () => {},
          () => 0,
        );
      expect(wayTo(kernels, state.agent.policy)).toBeGreaterThan(0.9);
    },
  );
});
