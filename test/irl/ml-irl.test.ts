import { describe, expect, it } from "vitest";
import {
  foldIn,
  keyFromSeed,
  nextInteger,
  type Trajectories,
  type TrainingRecord,
} from "../../src/core/index.ts";
import {
  createMlIrl,
  effectiveHorizon,
  mlIrlIteration,
  rewardsAlong,
  rewardTensors,
  type MlIrl,
  type MlIrlOptions,
  type RewardOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { createTwoLayer, mlpShape } from "../../src/nn/index.ts";
import { actBy, policyTensors, type SacOptions } from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { adamMemory } from "../reference/adam.ts";
import { constants, float32Tolerance, gradient, mean } from "../reference/autodiff.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import {
  inputRows,
  returnGap,
  reward,
  rewardStep,
  standardOf,
  type RewardForm,
} from "../reference/likelihood.ts";
import { readMlp } from "../reference/mlp.ts";
import {
  pointEnvironment,
  stepsIn,
  type Episode,
  type PointEnvironment,
  type PointOptions,
} from "../reference/point-environment.ts";

const LOW = -0.4;
const HIGH = 0.2;
const EPISODE = 6;
const POINT: Partial<PointOptions> = { low: LOW, high: HIGH, maxEpisodeSteps: EPISODE };
const KEY = keyFromSeed(5);
const EXPERT = randomEpisodes(8, [4, 6, 3], { n: 2, d: 1, low: LOW, high: HIGH });
/** They are cut: both sides of a gradient count the steps that all of them have. */
const KNOWN = 3;
const ALL_STEPS = 1e9;

const SAC: SacOptions = {
  hidden: [8],
  batchSize: 8,
  discount: 0.9,
  learningRate: 1e-2,
  polyak: 0.1,
  temperature: "learnt",
  targetEntropy: "auto",
};
const REWARD: RewardOptions = {
  inputs: "state-action",
  network: { kind: "two-layer", width: 7 },
  optimiser: "ascent",
  stepSize: 2,
  stepSizeDecay: 0.5,
  regulariser: { kind: "projection", radius: 1 },
};
const OPTIONS: MlIrlOptions = {
  sac: SAC,
  reward: REWARD,
  startSteps: 4,
  replayCapacity: 50,
  policyStepsPerRewardStep: EPISODE,
  trajectoriesPerRewardStep: 1,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  taughtBy: "learned reward",
};

/** The steps of an episode that count. */
const known = ({ observations, actions }: Episode): Episode => ({
  observations: observations.slice(0, KNOWN),
  actions: actions.slice(0, KNOWN),
});

interface Made {
  state: MlIrl;
  train: PointEnvironment;
  rollout: PointEnvironment;
  records: TrainingRecord[];
  iterate: (times?: number, stepLimit?: number) => void;
}

function make(
  kernels: Kernels,
  options: Partial<MlIrlOptions> = {},
  given: { demonstrations?: Trajectories; point?: Partial<PointOptions>; seed?: number } = {},
): Made {
  const { demonstrations = toTrajectories(EXPERT), point = {}, seed } = given;
  const [train, rollout] = [0, 1].map(() => pointEnvironment({ ...POINT, ...point }));
  const key = seed === undefined ? KEY : keyFromSeed(seed);
  const state = createMlIrl(kernels, { train, rollout }, demonstrations, { ...OPTIONS, ...options }, key);
  const records: TrainingRecord[] = [];
  const iterate = (times = 1, stepLimit = ALL_STEPS): void => {
    for (let i = 0; i < times; i++)
      mlIrlIteration(
        kernels,
        state,
        stepLimit,
        (record) => records.push(record),
        () => 0,
      );
  };
  return { state, train, rollout, records, iterate };
}

/** Checksums of everything that was learnt. */
const learnt = (kernels: Kernels, { state }: Made): { policy: number; reward: number } => {
  const of = (tensors: Record<string, [number, number]>): number =>
    checksum(Object.values(tensors).map(([at, length]) => download(kernels, at, length)));
  return { policy: of(policyTensors(state.agent.policy)), reward: of(rewardTensors(state.reward)) };
};

const parametersOf = (kernels: Kernels, { reward }: MlIrl): Float32Array =>
  download(kernels, reward.network.parameters, reward.network.length);

/** How the state's reward is defined, and its parameter block as a plain list. */
function definitionOf(kernels: Kernels, { reward: { options, network } }: MlIrl) {
  const base = { inputs: options.inputs, low: LOW, high: HIGH };
  if (options.network.kind === "mlp") {
    const shape = mlpShape([network.features, ...options.network.hidden, 1]);
    const form: RewardForm = { ...base, network: { sizes: shape.sizes } };
    return { form, read: (block: number) => readMlp(kernels, shape, block) };
  }
  const { width } = options.network;
  const key = foldIn(foldIn(KEY, 1), 0);
  const twin = createTwoLayer(kernels, { width, features: network.features, radius: Infinity }, key);
  const form: RewardForm = { ...base, network: { signs: download(kernels, twin.signs, width) } };
  return { form, read: (block: number): number[] => [...download(kernels, block, network.length)] };
}

const CASES: { name: string; options?: Partial<MlIrlOptions>; reward?: Partial<RewardOptions> }[] = [
  { name: "the paper's network, projected" },
  { name: "no projection", reward: { regulariser: { kind: "none" } } },
  {
    name: "an MLP with weight decay",
    reward: { network: { kind: "mlp", hidden: [5] }, regulariser: { kind: "weight-decay", rate: 0.1 } },
  },
  { name: "Adam", reward: { optimiser: "adam", stepSize: 0.05, regulariser: { kind: "none" } } },
  {
    name: "Adam, projected",
    reward: { optimiser: "adam", stepSize: 0.3, regulariser: { kind: "projection", radius: 1 } },
  },
  { name: "a reward of the state alone", reward: { inputs: "state" } },
  { name: "no discount in the gradient", options: { discountedGradient: false } },
  { name: "two trajectories a step", options: { trajectoriesPerRewardStep: 2 } },
  { name: "all expert trajectories at once", options: { trajectoriesPerRewardStep: 3 } },
  { name: "fresh agent trajectories", options: { agentTrajectories: "fresh", trajectoriesPerRewardStep: 2 } },
];

describeBuilds("three iterations of ML-IRL", (kernels) => {
  it.each(CASES)("take the reward where the formulas take it: $name", ({ options = {}, reward = {} }) => {
    const made = make(kernels, { ...options, reward: { ...REWARD, ...reward } });
    const { state, train, rollout, iterate } = made;
    const { form, read } = definitionOf(kernels, state);
    const { network, initial } = state.reward;
    const fresh = state.options.agentTrajectories === "fresh";
    const count = state.options.trajectoriesPerRewardStep;
    const start = read(network.parameters);
    const theta: number[][] = [];
    const drawn: { expert: Episode[]; agent: Episode[]; seen: Episode[] }[] = [];
    for (let k = 0; k < 3; k++) {
      const stream = { ...state.streams.expert };
      const expert =
        count >= EXPERT.length
          ? EXPERT
          : Array.from({ length: count }, () => EXPERT[nextInteger(stream, EXPERT.length)]);
      iterate();
      // The environments' own record: whole episodes of this iteration last.
      const seen = (fresh ? rollout : train).log.filter(({ actions }) => actions.length === EPISODE);
      drawn.push({ expert, agent: seen.slice(-count), seen });
      theta.push(read(network.parameters));
    }
    const expected = (): number[] => {
      const { optimiser, stepSize, stepSizeDecay, regulariser } = state.options.reward;
      const memory = optimiser === "adam" ? adamMemory(start.length) : null;
      let current = start;
      return drawn.flatMap(({ expert, agent, seen }, k) => {
        const standard = standardOf(inputRows(form, EXPERT), inputRows(form, seen));
        const discount = state.options.discountedGradient ? SAC.discount : 1;
        const alpha = stepSize / (k + 1) ** stepSizeDecay;
        current = rewardStep(
          {
            form,
            standard,
            expert,
            agent,
            discount,
            horizon: EPISODE,
            known: KNOWN,
            stepSize: alpha,
            memory,
            regulariser,
          },
          start,
          current,
        );
        return current;
      });
    };
    expect(drawn.map(({ seen }) => seen.length)).toEqual(fresh ? [count, 2 * count, 3 * count] : [1, 2, 3]);
    expect(read(initial)).toEqual(start);
    expectClose(theta.flat(), expected(), float32Tolerance(expected));
    expect(theta[2]).not.toEqual(theta[1]);
  });
});

describeBuilds("the record of a reward step", (kernels) => {
  it("holds expert less agent return, mean rewards and gradient norm as they were before the step", () => {
    const { state, train, records, iterate } = make(kernels, { trajectoriesPerRewardStep: 3 });
    const { form, read } = definitionOf(kernels, state);
    const start = read(state.reward.network.parameters);
    iterate();
    const agent = train.log.slice(0, 1);
    const standard = standardOf(inputRows(form, EXPERT), inputRows(form, agent));
    const horizon = [0, 1, 2, 3, 4, 5].reduce((total, t) => total + SAC.discount ** t, 0);
    const expected = (): number[] => {
      const theta = constants(start);
      const gap = returnGap(
        { form, standard, expert: EXPERT, agent, discount: SAC.discount, known: KNOWN },
        theta,
      );
      const meanRewards = [EXPERT, agent].map((episodes) =>
        mean(inputRows(form, episodes.map(known)).map((row) => reward(form, theta, standard, row))),
      );
      return [
        gap.value,
        ...meanRewards.map(({ value }) => value),
        Math.hypot(...gradient(gap, theta)) / horizon,
      ];
    };
    const record = records.find((own) => own.kind === "reward");
    expect(record).toMatchObject({ step: EPISODE, rewardStep: 1, gradientCosine: 0 });
    if (!record) return;
    const { expertMeanReward, agentMeanReward, gradientNorm } = record;
    const actual = [record.returnGap, expertMeanReward, agentMeanReward, gradientNorm];
    expectClose(actual, expected(), float32Tolerance(expected));
  });

  it("follows the episode's and the policy's records", () => {
    const { records, iterate } = make(kernels);
    iterate(2);
    expect(records.map(({ kind, step }) => [kind, step])).toEqual([
      ["episode", EPISODE],
      ["policy", EPISODE],
      ["reward", EPISODE],
      ["episode", 2 * EPISODE],
      ["policy", 2 * EPISODE],
      ["reward", 2 * EPISODE],
    ]);
  });
});

describeBuilds("the two levels", (kernels) => {
  it("do not see the environment's true reward, nor the demonstrations'", () => {
    for (const agentTrajectories of ["training", "fresh"] as const) {
      const run = (given: Parameters<typeof make>[2]) => {
        const made = make(kernels, { agentTrajectories }, given);
        made.iterate(4);
        return learnt(kernels, made);
      };
      const plain = run({});
      const demonstrations = toTrajectories(EXPERT);
      const garbage = demonstrations.actions.map((_, t) => 1e30 * (-1) ** t);
      expect(run({ point: { trueReward: () => Number.NaN } })).toEqual(plain);
      expect(run({ point: { trueReward: (x) => 1e30 * x } })).toEqual(plain);
      expect(run({ demonstrations: { ...demonstrations, rewards: garbage } })).toEqual(plain);
      expect(run({ demonstrations: { ...demonstrations, rewards: null } })).toEqual(plain);
    }
  });

  it("learn the same bits from the same seed and others from another", () => {
    const [first, again, other] = [1, 1, 2].map((seed) => {
      const made = make(kernels, {}, { seed });
      made.iterate(4);
      return learnt(kernels, made);
    });
    expect(again).toEqual(first);
    expect(other.policy).not.toBe(first.policy);
    expect(other.reward).not.toBe(first.reward);
  });

  it("meet in the reward at its current parameters: nothing stored, nothing stale", () => {
    const { state, iterate } = make(kernels);
    const { replay } = state.agent;
    const size = EPISODE;
    const out = kernels.allocate(size);
    const taught = (): Float32Array => {
      state.teacher({ size, rows: replay.rows, stride: replay.stride, indices: 0 }, out);
      return download(kernels, out, size);
    };
    const seen: Float32Array[] = [];
    for (let k = 0; k < 3; k++) {
      iterate();
      seen.push(taught());
      if (k > 0) continue;
      // The replay's first rows are the first training episode; its actions made the way to the environment's units and back.
      expectClose(seen[0], rewardsAlong(kernels, state.reward, state.recentEpisodes[0]), 64 * 2 ** -24);
    }
    expect(seen[1]).not.toEqual(seen[0]);
    expect(seen[2]).not.toEqual(seen[1]);
  });

  it("roll fresh trajectories out under the policy as it is after its steps", () => {
    const { state, rollout, iterate } = make(kernels, { agentTrajectories: "fresh" });
    iterate(3);
    const { observations, actions } = rollout.log[2];
    const { policy } = state.agent;
    // The policy has not moved since: draw its actions again with the same random numbers.
    policy.counter -= EPISODE;
    const unit = new Float32Array(1);
    const again = observations.map((observation) => {
      actBy(kernels, policy, observation, "sample", unit);
      return LOW + 0.5 * (unit[0] + 1) * (HIGH - LOW);
    });
    // What the environment was given is this to float32; the observation was rounded when it was logged.
    expectClose(actions.flat(), again, 2 ** -20);
    expect(new Set(again).size).toBe(EPISODE);
  });
});

describeBuilds("a control that ignores the demonstrations", (kernels) => {
  const policyTaughtBy = (taughtBy: MlIrlOptions["taughtBy"], episodes: readonly Episode[]): number => {
    const made = make(kernels, { taughtBy }, { demonstrations: toTrajectories(episodes) });
    made.iterate(4);
    return learnt(kernels, made).policy;
  };

  it.each(["zero reward", "constant reward"] as const)(
    "%s: teaches the same policy whatever they are",
    (taughtBy) => {
      expect(policyTaughtBy(taughtBy, EXPERT.slice(0, 1))).toBe(policyTaughtBy(taughtBy, EXPERT.slice(1)));
    },
  );

  it("learned reward: does not, the demonstrations show in the policy", () => {
    expect(policyTaughtBy("learned reward", EXPERT.slice(0, 1))).not.toBe(
      policyTaughtBy("learned reward", EXPERT.slice(1)),
    );
  });

  it("pays 0 or 1 for every step", () => {
    for (const [taughtBy, pay] of [
      ["zero reward", 0],
      ["constant reward", 1],
    ] as const) {
      const out = kernels.allocate(5);
      make(kernels, { taughtBy }).state.teacher({ size: 5, rows: 0, stride: 0, indices: 0 }, out);
      expect([...download(kernels, out, 5)]).toEqual(Array.from({ length: 5 }, () => pay));
    }
  });
});

describeBuilds("step accounting", (kernels) => {
  const EXPERT_STEPS = EXPERT.reduce((total, { actions }) => total + actions.length, 0);

  it("counts every environment step once, by what it was for", () => {
    for (const agentTrajectories of ["training", "fresh"] as const) {
      const { state, train, rollout, iterate } = make(kernels, {
        agentTrajectories,
        policyStepsPerRewardStep: 5,
        trajectoriesPerRewardStep: 2,
      });
      iterate(4);
      const rewardRollout = agentTrajectories === "fresh" ? 4 * 2 * EPISODE : 0;
      expect(state.steps).toEqual({ train: 20, rewardRollout, evaluation: 0, expert: EXPERT_STEPS });
      expect([stepsIn(train), stepsIn(rollout)]).toEqual([20, rewardRollout]);
      expect(state.agent.steps).toBe(20);
    }
  });

  it("counts episodes that end early at their true length", () => {
    const { state, rollout, iterate } = make(
      kernels,
      { agentTrajectories: "fresh" },
      { point: { edge: 0.3 } },
    );
    iterate(4);
    expect(state.steps.rewardRollout).toBe(stepsIn(rollout));
    expect(stepsIn(rollout)).toBeLessThan(4 * EPISODE);
  });

  it("stops at the step limit", () => {
    const { state, train, iterate } = make(kernels);
    iterate(3, 14);
    expect([state.agent.steps, stepsIn(train)]).toEqual([14, 14]);
  });
});

describeBuilds("agent trajectories", (kernels) => {
  it("from training: no reward step before a first episode has ended", () => {
    const { state, records, iterate } = make(kernels, { policyStepsPerRewardStep: EPISODE - 1 });
    const start = parametersOf(kernels, state);
    iterate();
    expect(state.counters.rewardSteps).toBe(0);
    expect(parametersOf(kernels, state)).toEqual(start);
    iterate();
    expect(state.counters.rewardSteps).toBe(1);
    expect(parametersOf(kernels, state)).not.toEqual(start);
    expect(records.filter(({ kind }) => kind === "reward")).toHaveLength(1);
  });

  it("from training: the last episodes that ended, as many as asked for, whole", () => {
    const { state, train, iterate } = make(kernels, {
      policyStepsPerRewardStep: 3 * EPISODE,
      trajectoriesPerRewardStep: 2,
    });
    iterate();
    const kept = state.recentEpisodes.map(({ observations }) => [...observations]);
    expect(kept).toEqual(train.log.slice(1, 3).map(({ observations }) => observations.flat()));
  });

  it("fresh: leave the training episode where it was", () => {
    const { train, iterate } = make(kernels, { agentTrajectories: "fresh", policyStepsPerRewardStep: 4 });
    iterate(3);
    expect(train.log.map(({ actions }) => actions.length)).toEqual([6, 6, 0]);
    for (const { observations, actions } of train.log.slice(0, 2))
      for (let t = 1; t < EPISODE; t++)
        expectClose([observations[t][0]], [observations[t - 1][0] + actions[t - 1][0]], 2 ** -23);
  });

  it("fresh: start elsewhere each time", () => {
    const { rollout, iterate } = make(kernels, { agentTrajectories: "fresh", trajectoriesPerRewardStep: 2 });
    iterate(3);
    expect(new Set(rollout.log.map(({ observations }) => observations[0][0])).size).toBe(6);
  });

  it("fresh: need an environment of their own", () => {
    const options: MlIrlOptions = { ...OPTIONS, agentTrajectories: "fresh" };
    const environments = { train: pointEnvironment(POINT), rollout: null };
    expect(() => createMlIrl(kernels, environments, toTrajectories(EXPERT), options, KEY)).toThrow(
      "createMlIrl: fresh agent trajectories need a second environment, got none; pass environments.rollout",
    );
  });
});

describe("the effective horizon", () => {
  it("is the sum of the discount's powers over a full episode", () => {
    expect(effectiveHorizon(0.5, 3)).toBe(1.75);
    expect(effectiveHorizon(1, 7)).toBe(7);
    expect(effectiveHorizon(0, 7)).toBe(1);
  });
});

describeBuilds("every option", (kernels) => {
  const run = (options: Partial<MlIrlOptions>, reward: Partial<RewardOptions>): number => {
    const regulariser = { kind: "projection", radius: 0.5 } as const;
    const made = make(kernels, { ...options, reward: { ...REWARD, regulariser, ...reward } });
    made.iterate(5);
    const { policy } = learnt(kernels, made);
    return policy;
  };
  const plain = run({}, {});

  it.each<{ name: string; options?: Partial<MlIrlOptions>; reward?: Partial<RewardOptions> }>([
    { name: "inputs", reward: { inputs: "state" } },
    { name: "network kind", reward: { network: { kind: "mlp", hidden: [7] } } },
    { name: "network width", reward: { network: { kind: "two-layer", width: 8 } } },
    { name: "optimiser", reward: { optimiser: "adam" } },
    { name: "stepSize", reward: { stepSize: 1 } },
    { name: "stepSizeDecay", reward: { stepSizeDecay: 0.6 } },
    { name: "regulariser", reward: { regulariser: { kind: "none" } } },
    { name: "radius", reward: { regulariser: { kind: "projection", radius: 0.1 } } },
    { name: "weight decay", reward: { regulariser: { kind: "weight-decay", rate: 0.1 } } },
    { name: "startSteps", options: { startSteps: 5 } },
    { name: "replayCapacity", options: { replayCapacity: 10 } },
    { name: "slowdown", options: { slowdown: { from: 8, learningRate: SAC.learningRate / 5 } } },
    { name: "policyStepsPerRewardStep", options: { policyStepsPerRewardStep: EPISODE + 1 } },
    { name: "trajectoriesPerRewardStep", options: { trajectoriesPerRewardStep: 2 } },
    { name: "agentTrajectories", options: { agentTrajectories: "fresh" } },
    { name: "discountedGradient", options: { discountedGradient: false } },
    { name: "taughtBy zero", options: { taughtBy: "zero reward" } },
    { name: "taughtBy constant", options: { taughtBy: "constant reward" } },
    { name: "sac", options: { sac: { ...SAC, discount: 0.91 } } },
  ])("changes what is learnt: $name", ({ options = {}, reward = {} }) => {
    expect(run(options, reward)).not.toBe(plain);
  });

  it("tells weight decays of different rates apart", () => {
    const decays = [0.1, 0.2].map((rate) => run({}, { regulariser: { kind: "weight-decay", rate } }));
    expect(decays[0]).not.toBe(decays[1]);
  });
});
