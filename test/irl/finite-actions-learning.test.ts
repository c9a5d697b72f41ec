import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import {
  airlIteration,
  createAirl,
  createDac,
  createFIrl,
  createMlIrl,
  createSqil,
  dacIteration,
  fIrlIteration,
  mlIrlIteration,
  sqilIteration,
  type AirlOptions,
  type DacOptions,
  type FIrlOptions,
  type MlIrlOptions,
  type SqilOptions,
} from "../../src/irl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { findingTheGoal, grid, SAC, wayToExpert } from "./finding-the-goal.ts";

const shared = { sac: SAC, startSteps: 400, replayCapacity: 8000, termination: "native" } as const;
const nothing = (): void => {};
const clock = (): number => 0;
const demonstrations = await findingTheGoal();
const environment = await grid();

/** The expert draws its actions, what is learnt is judged by its likeliest: it may well come further. */
const NEARLY = 0.9;

describeBuilds("with finitely many actions", (kernels) => {
  it.each(["learned reward", "zero reward"] as const)(
    "maximum-likelihood IRL finds the goal as demonstrations do, where it is taught by the %s",
    async (taughtBy) => {
      const options: MlIrlOptions = {
        ...shared,
        reward: {
          inputs: "state-action",
          network: { kind: "two-layer", width: 128 },
          optimiser: "ascent",
          stepSize: 3,
          stepSizeDecay: 0,
          regulariser: { kind: "projection", radius: 40 },
        },
        policyStepsPerRewardStep: 40,
        trajectoriesPerRewardStep: 5,
        agentTrajectories: "training",
        discountedGradient: true,
        taughtBy,
      };
      const state = createMlIrl(
        kernels,
        { train: environment, rollout: null },
        demonstrations,
        options,
        keyFromSeed(2),
      );
      while (state.agent.steps < 6000) mlIrlIteration(kernels, state, 6000, nothing, clock);
      const way = await wayToExpert(kernels, state.agent.policy);
      if (taughtBy === "learned reward") expect(way).toBeGreaterThan(NEARLY);
      else expect(way).toBeLessThan(0.3);
    },
  );

  it("discriminator-actor-critic finds the goal as demonstrations do", async () => {
    const options: DacOptions = {
      ...shared,
      discriminator: {
        inputs: "state-action",
        hidden: [32],
        batchSize: 32,
        learningRate: 1e-3,
        gradientPenalty: 1,
        every: 1,
      },
    };
    const state = createDac(kernels, environment, demonstrations, options, keyFromSeed(2));
    while (state.agent.steps < 6000) dacIteration(kernels, state, 6000, nothing, clock);
    expect(await wayToExpert(kernels, state.agent.policy)).toBeGreaterThan(NEARLY);
  });

  it("soft Q imitation finds the goal as demonstrations do", async () => {
    const options: SqilOptions = { ...shared, sac: { ...SAC, temperature: 0.1 } };
    const state = createSqil(kernels, environment, demonstrations, options, keyFromSeed(2));
    while (state.agent.steps < 6000) sqilIteration(kernels, state, 6000, nothing, clock);
    expect(await wayToExpert(kernels, state.agent.policy)).toBeGreaterThan(NEARLY);
  });

  it("adversarial inverse RL finds the goal as demonstrations do", async () => {
    const options: AirlOptions = {
      ...shared,
      // The classifier has to be the faster one: docs/airl.md.
      sac: { ...SAC, learningRate: 3e-4 },
      discriminator: {
        inputs: "state-action",
        hidden: [32],
        shapingHidden: [32],
        batchSize: 32,
        learningRate: 3e-3,
        gradientPenalty: 0,
        every: 1,
        recentSteps: 500,
      },
    };
    const state = createAirl(kernels, environment, demonstrations, options, keyFromSeed(2));
    while (state.agent.steps < 6000) airlIteration(kernels, state, 6000, nothing, clock);
    expect(await wayToExpert(kernels, state.agent.policy)).toBeGreaterThan(NEARLY);
  });

  it.each(["forward-kl", "reverse-kl", "jensen-shannon"] as const)(
    "f-IRL finds the goal as demonstrations do: %s",
    async (divergence) => {
      const options: FIrlOptions = {
        ...shared,
        divergence,
        reward: {
          inputs: "state",
          network: { kind: "two-layer", width: 128 },
          optimiser: "adam",
          stepSize: 1e-2,
          stepSizeDecay: 0,
          regulariser: { kind: "none" },
        },
        logRatioClip: 10,
        discriminator: {
          hidden: [32],
          batchSize: 32,
          learningRate: 1e-3,
          gradientPenalty: 0.1,
          stepsPerRewardStep: 40,
        },
        policyStepsPerRewardStep: 40,
        trajectoriesPerRewardStep: 10,
        expertTrajectoriesPerRewardStep: 0,
      };
      const state = createFIrl(kernels, environment, demonstrations, options, keyFromSeed(2));
      while (state.agent.steps < 6000) fIrlIteration(kernels, state, 6000, nothing, clock);
      expect(await wayToExpert(kernels, state.agent.policy)).toBeGreaterThan(NEARLY);
    },
  );
});
