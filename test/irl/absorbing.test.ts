import { expect, it } from "vitest";
import { box, keyFromSeed, type Trajectories, type TrainingRecord } from "../../src/core/index.ts";
import {
  absorbingReward,
  addReturnGradient,
  createMlIrl,
  createRewardModel,
  effectiveHorizon,
  mlIrlIteration,
  type MlIrl,
  type MlIrlOptions,
  type ReturnSpan,
} from "../../src/irl/index.ts";
import { policyTensors } from "../../src/rl/index.ts";
import { TRAIN_DEFAULTS } from "../../src/runs/index.ts";
import { createRewardInstruments, measureReward } from "../../src/runs/reward-instruments.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

const KEY = keyFromSeed(3);
const SAC = {
  hidden: [8],
  batchSize: 16,
  discount: 0.9,
  learningRate: 1e-2,
  polyak: 0.1,
  temperature: "learnt",
  targetEntropy: "auto",
} as const;
const OPTIONS: MlIrlOptions = {
  sac: SAC,
  reward: {
    ...TRAIN_DEFAULTS.reward,
    inputs: "state",
    network: { kind: "two-layer", width: 7 },
    stepSize: 1,
    regulariser: { kind: "none" },
  },
  startSteps: 4,
  replayCapacity: 100,
  policyStepsPerRewardStep: 6,
  trajectoriesPerRewardStep: 1,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "absorbing",
  taughtBy: "learned reward",
};

function ends(trajectories: Trajectories, terminated: readonly boolean[]): Trajectories {
  terminated.forEach((ended, episode) => {
    const last = trajectories.episodeStarts[episode + 1] - 1;
    trajectories.terminated[last] = ended ? 1 : 0;
    trajectories.truncated[last] = ended ? 0 : 1;
  });
  return trajectories;
}

const still = (length: number) => ({
  observations: Array.from({ length }, () => [0]),
  actions: Array.from({ length }, () => [0]),
});

describeBuilds("the absorbing state", (kernels) => {
  it("takes each episode by its own end and length, and pays what it adds to the gradient", () => {
    const model = createRewardModel(
      kernels,
      1,
      box(1, -1, 1),
      { ...OPTIONS.reward, network: { kind: "mlp", hidden: [] }, absorbing: true },
      KEY,
    );
    const set = ends(toTrajectories([still(1), still(2), still(2), still(6)]), [true, false, true, true]);
    kernels.fill(model.network.length, model.network.parameters, 0);
    kernels.f32(model.network.parameters, 2)[1] = 2; // r_a = 2, all else 0
    for (const [discount, weight] of [
      [0.5, (0.9375 + 0.4375) / 4],
      [1, (4 + 3) / 4],
    ]) {
      kernels.fill(model.network.length, model.gradient, 0);
      const { discountedReturn } = addReturnGradient(kernels, model, [set], { discount, horizon: 5 }, 1);
      expect(kernels.f32(model.gradient, 2)[1]).toBe(weight);
      expect(discountedReturn).toBe(2 * weight);
    }
  });

  const demonstrations = ends(
    toTrajectories([
      {
        observations: Array.from({ length: 4 }, (_, t) => [0.1 * t, 0.05]),
        actions: Array.from({ length: 4 }, () => [0.2]),
      },
    ]),
    [true],
  );
  const make = (options: Partial<MlIrlOptions>): MlIrl =>
    createMlIrl(
      kernels,
      { train: pointEnvironment({ low: -1, high: 1, maxEpisodeSteps: 6, edge: 0.3 }), rollout: null },
      demonstrations,
      { ...OPTIONS, ...options },
      KEY,
    );
  const iterate = (state: MlIrl, times: number): TrainingRecord[] => {
    const records: TrainingRecord[] = [];
    for (let i = 0; i < times; i++)
      mlIrlIteration(
        kernels,
        state,
        1e9,
        (record) => records.push(record),
        () => 0,
      );
    return records;
  };
  const policyOf = (state: MlIrl): number[] =>
    Object.values(policyTensors(state.agent.policy)).flatMap(([at, length]) => [
      ...download(kernels, at, length),
    ]);

  it("teaches as a reward of gamma r_a / (1 - gamma) on the step that ends would, at the present theta", () => {
    const aside = make({});
    iterate(aside, 4);
    const plain = make({});
    const { options, teacher, reward } = plain;
    const within: MlIrl = {
      ...plain,
      options: { ...options, termination: "native" },
      teacher: (batch, out) => {
        teacher(batch, out);
        const value = (absorbingReward(kernels, reward) ?? NaN) / (1 - SAC.discount);
        const rows = kernels.f32(batch.rows, batch.size * batch.stride);
        kernels
          .f32(out, batch.size)
          .forEach((_, i, paid) => (paid[i] += SAC.discount * value * rows[(i + 1) * batch.stride - 1]));
      },
    };
    iterate(within, 4);
    expectClose(policyOf(aside), policyOf(within), 2 ** -10);
  });

  it("is reported with its reward before the ascent", () => {
    const state = make({});
    const before = absorbingReward(kernels, state.reward);
    const reports = iterate(state, 1).filter((record) => record.kind === "reward");
    expect(reports.map((record) => record.absorbingReward)).toEqual([before]);
    expect(absorbingReward(kernels, state.reward)).not.toBe(before);
  });

  it.each([true, false])(
    "is in the reported gap of both returns, up to the horizon (expert ended: %s)",
    (ended) => {
      ends(demonstrations, [ended]);
      const still = make({ reward: { ...OPTIONS.reward, stepSize: 0 } });
      const [report] = iterate(still, 1).filter((record) => record.kind === "reward");
      const span = { discount: SAC.discount, horizon: 6 };
      expect(still.recentEpisodes[0].terminated.at(-1)).toBe(1);
      const own = still.recentEpisodes.map(
        (episode) =>
          addReturnGradient(kernels, still.reward, [episode], { ...span, horizon: ended ? 6 : 4 }, 1)
            .discountedReturn,
      );
      const expert = addReturnGradient(kernels, still.reward, [demonstrations], span, 1).discountedReturn;
      expect(report.returnGap).toBe(expert - own[0]);
    },
  );

  it("is weighed by the instruments as by the gradient", () => {
    const shape = { n: 2, d: 1, low: -0.25, high: 0.25 };
    const expert = ends(toTrajectories(randomEpisodes(1, [5, 4], shape)), [true, false]);
    const state = createMlIrl(
      kernels,
      { train: pointEnvironment({ maxEpisodeSteps: 16 }), rollout: null },
      expert,
      { ...OPTIONS, trajectoriesPerRewardStep: 2 },
      KEY,
    );
    for (const episode of randomEpisodes(2, [6, 3], shape))
      state.recentEpisodes.push(ends(toTrajectories([episode]), [true]));
    const record = measureReward(kernels, createRewardInstruments(kernels, state.reward), state, KEY);
    // The second was cut after 4 steps: both sides count up to there.
    const span = { discount: SAC.discount, horizon: 4 };
    const returnOf = (parts: readonly Trajectories[], own: ReturnSpan): number =>
      addReturnGradient(kernels, state.reward, parts, own, 1).discountedReturn;
    const expertReturn = returnOf([expert], span);
    const ownReturn = returnOf(state.recentEpisodes, span);
    expect(record?.rows).toBe(4 + 4 + 4 + 3 + 1);
    expect(record?.returnGap).toBeCloseTo((expertReturn - ownReturn) / effectiveHorizon(SAC.discount, 16), 6);
  });
});
