import { describe, expect, it } from "vitest";
import { box, keyFromSeed, knownHorizon, TandemError, type Trajectories } from "../../src/core/index.ts";
import {
  absorbingReward,
  absorbingWeight,
  addReturnGradient,
  ascend,
  createMlIrl,
  createRewardModel,
  mlIrlIteration,
  rewardsAlong,
  type MlIrlOptions,
  type ReturnSpan,
  type RewardModel,
  type RewardOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  addTransition,
  createReplay,
  createSac,
  emptySacMetrics,
  policyTensors,
  sacUpdate,
  type BatchReward,
  type SacOptions,
} from "../../src/rl/index.ts";
import { describeBuilds, download, normals } from "../kernels/builds.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { toTrajectories } from "../reference/episodes.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

const KEY = keyFromSeed(3);
const STATES = 3;
const HALF: ReturnSpan = { discount: 0.5, horizon: 5 };

const linear = (absorbing: boolean): RewardOptions => ({
  inputs: "state",
  network: { kind: "mlp", hidden: [] },
  optimiser: "ascent",
  stepSize: 1,
  stepSizeDecay: 0,
  regulariser: { kind: "none" },
  absorbing,
});

/** An episode through states, shown one-hot, that the task ended (or not). */
function visiting(states: readonly number[], terminated: boolean): Trajectories {
  const trajectories = toTrajectories([
    {
      observations: states.map((s) => Array.from({ length: STATES }, (_, i) => (i === s ? 1 : 0))),
      actions: states.map(() => [0]),
    },
  ]);
  const last = states.length - 1;
  trajectories.terminated[last] = terminated ? 1 : 0;
  trajectories.truncated[last] = terminated ? 0 : 1;
  return trajectories;
}

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);

describe("the weight of the absorbing state", () => {
  it("is the discounted number of steps from the end to the horizon", () => {
    expect(absorbingWeight(true, 2, HALF)).toBe(0.25 + 0.125 + 0.0625);
    expect(absorbingWeight(true, 2, { discount: 1, horizon: 5 })).toBe(3);
    expect(absorbingWeight(true, 4, HALF)).toBe(0.0625);
  });

  it("is nothing for an episode that time ended, and at the horizon", () => {
    expect(absorbingWeight(false, 2, HALF)).toBe(0);
    expect(absorbingWeight(true, 5, HALF)).toBe(0);
  });
});

describeBuilds("the gradient under the three treatments of termination", (kernels) => {
  const gradientOf = (model: RewardModel, expert: Trajectories[], agent: Trajectories[]): number[] => {
    kernels.fill(model.network.length, model.gradient, 0);
    addReturnGradient(kernels, model, expert, HALF, 1);
    addReturnGradient(kernels, model, agent, HALF, -1);
    return [...download(kernels, model.gradient, model.network.features)];
  };
  const make = (absorbing: boolean): RewardModel =>
    createRewardModel(kernels, STATES, box(1, -1, 1), linear(absorbing), KEY);

  it("counts the absorbing state from the end to the horizon, and no other state for it", () => {
    // Columns: the three states, then the indicator. 1/2 to a power has no rounding.
    const model = make(true);
    expect(gradientOf(model, [visiting([0, 1], true)], [])).toEqual([1, 0.5, 0, 0.4375]);
    expect(gradientOf(model, [visiting([0, 1], false)], [])).toEqual([1, 0.5, 0, 0]);
    expect(gradientOf(model, [], [visiting([2], true)])).toEqual([0, 0, -1, -0.9375]);
  });

  it.each([true, false])(
    "is 0 where the agent does as the expert does, though some died before others were cut (absorbing: %s)",
    (absorbing) => {
      // One of two dies after 2 steps, the other lives; the expert's recording of that one stops after 4 of 5.
      const dying = visiting([0, 1], true);
      const expert = [dying, visiting([2, 0, 1, 2], false)];
      const agent = [dying, visiting([2, 0, 1, 2, 0], false)];
      const model = make(absorbing);
      const gradientUpTo = (horizon: number): number[] => {
        kernels.fill(model.network.length, model.gradient, 0);
        addReturnGradient(kernels, model, expert, { ...HALF, horizon }, 1);
        addReturnGradient(kernels, model, agent, { ...HALF, horizon }, -1);
        return [...download(kernels, model.gradient, model.network.features)];
      };
      const horizons = expert.map((episode) => knownHorizon(episode, 5));
      expect(horizons).toEqual([5, 4]);
      expect(gradientUpTo(4).every((each) => each === 0)).toBe(true);
      expect(gradientUpTo(5).every((each) => each === 0)).toBe(false);
    },
  );

  it("without it leaves out what follows an end", () => {
    const model = make(false);
    expect(model.network.features).toBe(STATES);
    expect(gradientOf(model, [visiting([0, 1], true)], [])).toEqual([1, 0.5, 0]);
    expect(absorbingReward(kernels, model)).toBe(null);
  });

  it("does not see a constant added to every reward, the absorbing state's too; native does", () => {
    // Expert and agent live for 5 and 2 steps of 5: sums of coefficients are equal only where both fill the horizon.
    const expert = [visiting([0, 1, 2, 0, 1], false)];
    const agent = [visiting([2, 2], true)];
    expect(sum(gradientOf(make(true), expert, agent))).toBe(0);
    expect(sum(gradientOf(make(false), expert, agent))).toBe(0.25 + 0.125 + 0.0625);
  });

  it("reaches the reward of the absorbing state by an ascent step, and no step's reward by it", () => {
    const network = { kind: "two-layer", width: 64 } as const;
    const options = { ...linear(true), network };
    const model = createRewardModel(kernels, STATES, box(1, -1, 1), options, KEY);
    const trajectories = visiting([0, 1, 2], false);
    const steps = rewardsAlong(kernels, model, trajectories);
    const before = absorbingReward(kernels, model) ?? NaN;
    // An agent that ends at once for an expert that never does: only the end's own row remains in the sum.
    addReturnGradient(kernels, model, [visiting([0], true)], HALF, -1);
    addReturnGradient(kernels, model, [visiting([0], false)], HALF, 1);
    ascend(kernels, model, 0, 1);
    // grad r(x) . grad r(x) of the network is |x|^2 times the share of its units that x switches on.
    const moved = (absorbingReward(kernels, model) ?? NaN) - before;
    expect(moved).toBeLessThan(-0.2 * 0.9375);
    expect(moved).toBeGreaterThan(-0.8 * 0.9375);
    expectClose(rewardsAlong(kernels, model, trajectories), steps, 2 ** -20);
  });
});

const SAC: SacOptions = {
  hidden: [8],
  batchSize: 16,
  discount: 0.9,
  learningRate: 1e-2,
  polyak: 0.1,
  temperature: "learnt",
  targetEntropy: "auto",
};

/** Checksum-free view of a learner after some updates on a replay in which every third step terminated. */
function criticsAfter(
  kernels: Kernels,
  terminates: (t: number) => boolean,
  pay: (terminated: number) => number,
  valueAfterEnd?: number,
): Float32Array {
  const sac = createSac(kernels, 2, 1, SAC, KEY);
  const replay = createReplay(kernels, {
    observationSize: 2,
    actionSize: 1,
    capacity: 30,
    keepTrueRewards: false,
  });
  const draws = normals(4, 30 * 5);
  for (let t = 0; t < 30; t++) {
    const [a, b, c, d, e] = draws.subarray(5 * t, 5 * t + 5);
    addTransition(kernels, replay, [a, b], [Math.tanh(c)], [d, e], terminates(t), 0);
  }
  const reward: BatchReward = ({ size, rows, stride }, out) => {
    const table = kernels.f32(rows, size * stride);
    const paid = Float32Array.from({ length: size }, (_, i) => pay(table[i * stride + stride - 1]));
    kernels.f32(out, size).set(paid);
  };
  for (let update = 0; update < 5; update++) {
    sacUpdate(kernels, sac, replay, reward, emptySacMetrics(), valueAfterEnd);
  }
  const [critics, length] = policyTensors(sac).critics;
  return download(kernels, critics, length);
}

const third = (t: number): boolean => t % 3 === 0;
const never = (): boolean => false;

describeBuilds("a policy update with a value after the end", (kernels) => {
  it("adds the discounted value to the target of terminated steps, and to no other", () => {
    const value = -3;
    const aside = criticsAfter(kernels, third, () => 0.5, value);
    const within = criticsAfter(kernels, third, (terminated) => 0.5 + terminated * SAC.discount * value);
    expectClose(aside, within, 2 ** -16);
    expect(aside).not.toEqual(criticsAfter(kernels, third, () => 0.5));
  });

  it("changes no bit where nothing terminates, or where the value is 0", () => {
    expect(criticsAfter(kernels, never, () => 0.5, -3)).toEqual(criticsAfter(kernels, never, () => 0.5));
    expect(criticsAfter(kernels, third, () => 0.5, 0)).toEqual(criticsAfter(kernels, third, () => 0.5));
  });
});

const OPTIONS: MlIrlOptions = {
  sac: SAC,
  reward: { ...linear(false), network: { kind: "two-layer", width: 7 } },
  startSteps: 4,
  replayCapacity: 100,
  policyStepsPerRewardStep: 6,
  trajectoriesPerRewardStep: 1,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  taughtBy: "learned reward",
};

describeBuilds("ML-IRL under the three treatments of termination", (kernels) => {
  const demonstrations = toTrajectories([
    {
      observations: Array.from({ length: 6 }, (_, t) => [0.1 * t, 0.05]),
      actions: Array.from({ length: 6 }, () => [0.2]),
    },
  ]);
  const learnt = (options: Partial<MlIrlOptions>): number => {
    // Ends within a few steps, so that every treatment has something to treat.
    const train = pointEnvironment({ low: -1, high: 1, maxEpisodeSteps: 6, edge: 0.3 });
    const state = createMlIrl(
      kernels,
      { train, rollout: null },
      demonstrations,
      { ...OPTIONS, ...options },
      KEY,
    );
    for (let k = 0; k < 4; k++)
      mlIrlIteration(
        kernels,
        state,
        1e9,
        () => {},
        () => 0,
      );
    return checksum(
      Object.values(policyTensors(state.agent.policy)).map(([at, length]) => download(kernels, at, length)),
    );
  };

  it("native and absorbing teach different policies", () => {
    expect(learnt({ termination: "absorbing" })).not.toBe(learnt({ termination: "native" }));
  });

  const policy = (taughtBy: MlIrlOptions["taughtBy"], termination: MlIrlOptions["termination"]): number =>
    learnt({ taughtBy, termination });

  it("a control's constant continues in the absorbing state", () => {
    expect(policy("constant reward", "absorbing")).not.toBe(policy("constant reward", "native"));
    expect(policy("constant penalty", "absorbing")).not.toBe(policy("constant penalty", "native"));
    expect(policy("constant penalty", "native")).not.toBe(policy("constant reward", "native"));
    expect(policy("zero reward", "absorbing")).toBe(policy("zero reward", "native"));
  });

  it("a fixed horizon refuses demonstrations and environments that end", () => {
    const ended = { ...demonstrations, terminated: demonstrations.terminated.slice() };
    ended.terminated[5] = 1;
    const train = pointEnvironment({ low: -1, high: 1, maxEpisodeSteps: 6 });
    const options = { ...OPTIONS, termination: "fixed-horizon" } as const;
    expect(() => createMlIrl(kernels, { train, rollout: null }, ended, options, KEY)).toThrow(TandemError);
    expect(() => learnt({ termination: "fixed-horizon" })).toThrow(/the environment ended one at step/);
  });
});
