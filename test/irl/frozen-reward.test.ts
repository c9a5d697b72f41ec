import { describe, expect, it } from "vitest";
import { keyFromSeed, type TrainingRecord } from "../../src/core/index.ts";
import {
  absorbingReward,
  createMlIrl,
  createRetraining,
  createRewardModel,
  learnedReward,
  mlIrlIteration,
  observeTrajectories,
  retrainingIteration,
  rewardTensors,
  type MlIrlOptions,
  type Retraining,
  type RetrainingOptions,
  type RewardModel,
  type RewardOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { agentStep, createAgent, policyTensors, type SoftPolicy } from "../../src/rl/index.ts";
import { foldIn } from "../../src/core/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { pointEnvironment, type PointOptions } from "../reference/point-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const SHAPE = { n: 2, d: 1, low: -0.25, high: 0.25 };
const OPTIONS: RetrainingOptions = {
  sac: { ...SAC, hidden: [8], batchSize: 8, learningRate: 1e-3 },
  startSteps: 20,
  replayCapacity: 200,
  termination: "native",
};
const NETWORK: RewardOptions = {
  inputs: "state-action",
  network: { kind: "mlp", hidden: [6] },
  optimiser: "adam",
  stepSize: 1e-3,
  stepSizeDecay: 0,
  regulariser: { kind: "none" },
  absorbing: true,
};
const ENDING: Partial<PointOptions> = { edge: 0.6, maxEpisodeSteps: 12 };

/** A reward at random that has standardised on something. */
function randomReward(kernels: Kernels): RewardModel {
  const { actionSpace } = pointEnvironment();
  const reward = createRewardModel(kernels, 2, actionSpace, NETWORK, keyFromSeed(5));
  observeTrajectories(kernels, reward, "expert", toTrajectories(randomEpisodes(1, [30], SHAPE)));
  return reward;
}

function bitsOf(kernels: Kernels, blocks: Record<string, [number, number]>): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(blocks).map(([name, [pointer, length]]) => [name, download(kernels, pointer, length)]),
  );
}

const policyBits = (kernels: Kernels, policy: SoftPolicy): Record<string, Float32Array> =>
  bitsOf(kernels, policyTensors(policy));

function trained(state: Retraining, kernels: Kernels, steps: number): TrainingRecord[] {
  const records: TrainingRecord[] = [];
  while (state.agent.steps < steps)
    retrainingIteration(
      kernels,
      state,
      steps,
      (record) => records.push(record),
      () => 0,
    );
  return records;
}

describeBuilds("a fresh policy under a frozen reward", (kernels) => {
  const make = (
    options: Partial<RetrainingOptions> = {},
    world: Partial<PointOptions> = ENDING,
  ): Retraining =>
    createRetraining(
      kernels,
      pointEnvironment(world),
      randomReward(kernels),
      { ...OPTIONS, ...options },
      keyFromSeed(3),
    );

  it("is taught by the network at the frozen standardisation of each row, written down apart", () => {
    const state = make();
    trained(state, kernels, 40);
    const { reward } = state;
    const tensors = bitsOf(kernels, rewardTensors(reward));
    const { rewardParameters: theta, rewardInputMean: mean, rewardInputInverseStd: scale } = tensors;
    // s (2) | a (1), standardised by hand, and the absorbing state's indicator.
    const rows = [
      [0.3, -0.1, 0.5],
      [-1.5, 0.2, -1],
      [0, 0, 0],
    ];
    const input = kernels.allocate(32);
    const out = kernels.allocate(8);
    kernels.f32(input, 9).set(rows.flat());
    state.teacher({ size: 3, rows: input, stride: 3, indices: 0 }, out);
    const got = Array.from(kernels.f32(out, 3));
    const standardised = kernels.allocate(16);
    rows.forEach((row, i) => {
      const features = [...row.map((x, k) => (x - mean[k]) * scale[k]), 0];
      kernels.f32(standardised + 16 * i, 4).set(features);
    });
    reward.network.forward(3, standardised, out);
    Array.from(kernels.f32(out, 3)).forEach((value, i) =>
      expect(Math.abs(value - got[i])).toBeLessThan(1e-6),
    );
    expect(new Set(got).size).toBe(3);
    expect(theta.some((each) => each !== 0)).toBe(true);
  });

  it("is a plain agent that is handed the reward, to the bit", () => {
    const termination = "absorbing";
    const state = make({ termination });
    trained(state, kernels, 150);
    const reward = randomReward(kernels);
    const agent = createAgent(
      kernels,
      pointEnvironment(ENDING),
      { ...OPTIONS, keepTrueRewards: false },
      foldIn(keyFromSeed(3), 0),
    );
    const after = (absorbingReward(kernels, reward) ?? NaN) / (1 - SAC.discount);
    expect(after).not.toBe(0);
    while (agent.steps < 150) agentStep(kernels, agent, learnedReward(kernels, reward), () => 0, after);
    expect(policyBits(kernels, agent.policy)).toEqual(policyBits(kernels, state.agent.policy));
  });

  it("never moves the reward nor its normaliser, and shows its teacher where it stands", () => {
    const state = make({ termination: "absorbing" });
    const before = bitsOf(kernels, rewardTensors(state.reward));
    const records = trained(state, kernels, 150);
    expect(bitsOf(kernels, rewardTensors(state.reward))).toEqual(before);
    expect(state.reward.statistics.agent.count).toBe(0);
    expect(state.counters.rewardSteps).toBe(0);
    expect(state.steps).toEqual({ train: 150, rewardRollout: 0, evaluation: 0, expert: 0 });
    expect(new Set(records.map(({ kind }) => kind))).toEqual(new Set(["episode", "policy"]));
  });

  it("does not read the true reward, nor keep it", () => {
    const [one, other] = [(x: number): number => -x * x, (): number => NaN].map((trueReward) => {
      const state = make({}, { ...ENDING, trueReward });
      trained(state, kernels, 150);
      return state;
    });
    expect(one.agent.replay.trueRewards).toBe(0);
    expect(policyBits(kernels, other.agent.policy)).toEqual(policyBits(kernels, one.agent.policy));
  });

  it("values the absorbing state only where the run did", () => {
    const absorbing = make({ termination: "absorbing" });
    const native = make({ termination: "native" });
    expect(native.valueAfterEnd).toBe(0);
    const reward = absorbingReward(kernels, absorbing.reward) ?? NaN;
    expect(absorbing.valueAfterEnd).toBeCloseTo(reward / 0.1, 12);
    for (const state of [absorbing, native]) trained(state, kernels, 150);
    expect(policyBits(kernels, native.agent.policy)).not.toEqual(policyBits(kernels, absorbing.agent.policy));
  });

  const weights = (options: Partial<RetrainingOptions>): unknown => {
    const state = make(options);
    trained(state, kernels, 80);
    return policyBits(kernels, state.agent.policy);
  };

  it("depends on every other option", () => {
    const plain = weights({});
    expect(weights({})).toEqual(plain);
    for (const changed of [
      { startSteps: 30 },
      { replayCapacity: 20 },
      { sac: { ...OPTIONS.sac, polyak: 0.5 } },
      { slowdown: { from: 40, learningRate: 1e-4 } },
    ])
      expect(weights(changed)).not.toEqual(plain);
  });

  it("refuses an environment that ends episodes where the horizon was fixed", () => {
    const state = make({ termination: "fixed-horizon" }, { edge: 0.3, maxEpisodeSteps: 12 });
    expect(() => trained(state, kernels, 150)).toThrow(/retrainingIteration: a fixed horizon expects/);
  });
});

describe("retraining", () => {
  describeBuilds("on a reward learnt by ML-IRL", (kernels) => {
    it("walks to the origin, from another seed, and not under a reward of nothing", () => {
      const options: MlIrlOptions = {
        ...OPTIONS,
        sac: SAC,
        startSteps: 160,
        replayCapacity: 2000,
        reward: {
          inputs: "state-action",
          network: { kind: "two-layer", width: 64 },
          optimiser: "ascent",
          stepSize: 2,
          stepSizeDecay: 0,
          regulariser: { kind: "projection", radius: 10 },
        },
        policyStepsPerRewardStep: 32,
        trajectoriesPerRewardStep: 4,
        agentTrajectories: "training",
        discountedGradient: true,
        taughtBy: "learned reward",
      };
      const environments = { train: pointEnvironment(), rollout: null };
      const learner = createMlIrl(kernels, environments, walking(), options, keyFromSeed(2));
      while (learner.agent.steps < 3000)
        mlIrlIteration(
          kernels,
          learner,
          3000,
          () => {},
          () => 0,
        );
      const way = (reward: RewardModel): number => {
        const state = createRetraining(kernels, pointEnvironment(), reward, options, keyFromSeed(7));
        trained(state, kernels, 3000);
        return wayTo(kernels, state.agent.policy);
      };
      const { actionSpace } = pointEnvironment();
      const nothing = createRewardModel(kernels, 2, actionSpace, options.reward, keyFromSeed(11));
      kernels.fill(nothing.network.length, nothing.network.parameters, 0);
      expect(way(learner.reward)).toBeGreaterThan(0.8);
      expect(way(nothing)).toBeLessThan(0.5);
    });
  });
});
