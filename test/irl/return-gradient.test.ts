import { describe, expect, it } from "vitest";
import { box, foldIn, keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import {
  addReturnGradient,
  createRewardModel,
  learnedReward,
  observeTrajectories,
  rewardsAlong,
  type ReturnSpan,
  type RewardModel,
  type RewardOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { createTwoLayer, mlpShape } from "../../src/nn/index.ts";
import { describeBuilds, download, normals, uniforms, upload } from "../kernels/builds.ts";
import { constants, float32Tolerance, gradient } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import {
  inputRows,
  meanReturn,
  reward,
  standardOf,
  type RewardForm,
  type Standard,
} from "../reference/likelihood.ts";
import { readMlp } from "../reference/mlp.ts";
import type { Episode } from "../reference/point-environment.ts";

const SPACE = { n: 3, d: 2, low: -2, high: 0.5 };
const KEY = keyFromSeed(3);
const DISCOUNT = 0.8;
/** No episode is longer. */
const spanOf = (discount: number): ReturnSpan => ({ discount, horizon: Infinity });

const options = (given: Partial<RewardOptions>): RewardOptions => ({
  inputs: "state-action",
  network: { kind: "two-layer", width: 9 },
  optimiser: "ascent",
  stepSize: 1,
  stepSizeDecay: 0,
  regulariser: { kind: "none" },
  ...given,
});

const CASES: Partial<RewardOptions>[] = [
  { network: { kind: "two-layer", width: 9 }, inputs: "state-action" },
  { network: { kind: "two-layer", width: 9 }, inputs: "state" },
  { network: { kind: "mlp", hidden: [7, 5] }, inputs: "state-action" },
  { network: { kind: "mlp", hidden: [6] }, inputs: "state" },
];

/** A reward away from its initialisation, its definition, and its parameters as plain lists. */
function makeReward(kernels: Kernels, given: Partial<RewardOptions>) {
  const model = createRewardModel(kernels, SPACE.n, box(SPACE.d, SPACE.low, SPACE.high), options(given), KEY);
  const { parameters, length, features } = model.network;
  kernels.axpy(length, 0.3, upload(kernels, normals(1, length)), parameters);
  const { network, inputs } = model.options;
  const shape = network.kind === "mlp" ? mlpShape([features, ...network.hidden, 1]) : null;
  const form: RewardForm = {
    ...SPACE,
    inputs,
    network: shape ? { sizes: shape.sizes } : { signs: signsOf(kernels, model) },
  };
  const read = (block: number): number[] =>
    shape ? readMlp(kernels, shape, block) : [...download(kernels, block, length)];
  return { model, form, read };
}

/** The signs that the model's two-layer network was drawn with. */
function signsOf(kernels: Kernels, { network, options: { network: kind } }: RewardModel): Float32Array {
  const width = kind.kind === "two-layer" ? kind.width : 0;
  const twin = createTwoLayer(
    kernels,
    { width, features: network.features, radius: Infinity },
    foldIn(KEY, 0),
  );
  return download(kernels, twin.signs, width);
}

/** The model's gradient block after `addReturnGradient` on each part of the list. */
function gradientOf(
  kernels: Kernels,
  model: RewardModel,
  parts: readonly Trajectories[],
  discount: number,
  sign: 1 | -1 = 1,
): Float32Array {
  kernels.fill(model.network.length, model.gradient, 0);
  addReturnGradient(kernels, model, parts, spanOf(discount), sign);
  return download(kernels, model.gradient, model.network.length);
}

describeBuilds("the gradient of the discounted return", (kernels) => {
  const expert = randomEpisodes(4, [3, 5], SPACE);
  const agent = randomEpisodes(5, [4, 1, 6], { ...SPACE, low: -1 });

  /** `makeReward`, standardised over expert and agent. */
  const prepared = (given: Partial<RewardOptions>) => {
    const made = makeReward(kernels, given);
    observeTrajectories(kernels, made.model, "expert", toTrajectories(expert));
    observeTrajectories(kernels, made.model, "agent", toTrajectories(agent));
    const standard: Standard = standardOf(inputRows(made.form, expert), inputRows(made.form, agent));
    return { ...made, standard };
  };

  it.each(CASES)("is that of its definition and of central differences: $network, $inputs", (given) => {
    const { model, form, read, standard } = prepared(given);
    const theta = read(model.network.parameters);
    const expected = (): number[] => {
      const parameters = constants(theta);
      return gradient(
        meanReturn(form, parameters, standard, agent, (t) => DISCOUNT ** t),
        parameters,
      );
    };
    const tolerance = float32Tolerance(expected);
    const parts = [toTrajectories(agent.slice(0, 1)), toTrajectories(agent.slice(1))];
    gradientOf(kernels, model, parts, DISCOUNT);
    const actual = read(model.gradient);
    expectClose(actual, expected(), tolerance);
    // The return is piecewise linear in each parameter: no error in h, only rounding.
    const h = 1e-6;
    const returnAt = (parameters: number[]): number =>
      meanReturn(form, constants(parameters), standard, agent, (t) => DISCOUNT ** t).value;
    const differences = theta.map(
      (w, i) => (returnAt(theta.with(i, w + h)) - returnAt(theta.with(i, w - h))) / (2 * h),
    );
    expectClose(
      actual,
      differences,
      tolerance.map((allowed) => allowed + 1e-8),
    );
  });

  it.each(CASES)("comes with the discounted return and the mean reward: $network, $inputs", (given) => {
    const { model, form, read, standard } = prepared(given);
    const expected = (): number[] => {
      const theta = constants(read(model.network.parameters));
      const along = inputRows(form, agent).map((row) => reward(form, theta, standard, row).value);
      const total = meanReturn(form, theta, standard, agent, (t) => DISCOUNT ** t).value;
      return [...along, total, along.reduce((a, b) => a + b) / along.length];
    };
    const trajectories = toTrajectories(agent);
    const { discountedReturn, meanReward } = addReturnGradient(
      kernels,
      model,
      [trajectories],
      spanOf(DISCOUNT),
      1,
    );
    const actual = [...rewardsAlong(kernels, model, trajectories), discountedReturn, meanReward];
    expectClose(actual, expected(), float32Tolerance(expected));
  });

  it.each(CASES)("counts an episode that is longer than the horizon up to it: $network, $inputs", (given) => {
    const { model } = prepared(given);
    const [long] = randomEpisodes(7, [300], SPACE);
    const cut = { observations: long.observations.slice(0, 270), actions: long.actions.slice(0, 270) };
    const [whole, first] = [long, cut].map((episode) => {
      kernels.fill(model.network.length, model.gradient, 0);
      const span = { discount: 0.99, horizon: 270 };
      const returned = addReturnGradient(kernels, model, [toTrajectories([episode])], span, 1);
      return { ...returned, gradient: download(kernels, model.gradient, model.network.length) };
    });
    expect(whole).toEqual(first);
  });

  it.each(CASES)("of the agent is minus that of the expert on the same trajectory: $network", (given) => {
    const { model } = prepared(given);
    const one = [toTrajectories(agent.slice(2))];
    const minus = gradientOf(kernels, model, one, DISCOUNT, -1);
    const plus = gradientOf(kernels, model, one, DISCOUNT);
    expect(plus.some((value) => value !== 0)).toBe(true);
    expect(minus).toEqual(plus.map((value) => (value === 0 ? 0 : -value)));
    addReturnGradient(kernels, model, one, spanOf(DISCOUNT), -1);
    expect(download(kernels, model.gradient, plus.length).every((value) => value === 0)).toBe(true);
  });

  it.each(CASES)("belongs to the reward that the lower level is paid: $network, $inputs", (given) => {
    const { model } = prepared(given);
    // More rows than the library evaluates at a time.
    const long = randomEpisodes(6, [300], SPACE);
    const rows = inputRows({ ...SPACE, inputs: "state-action", network: { sizes: [] } }, long);
    const stride = SPACE.n + SPACE.d + 3;
    const batch = upload(
      kernels,
      rows.flatMap((row) => [...row, 9, 9, 9]),
    );
    const out = kernels.allocate(rows.length);
    learnedReward(kernels, model)({ size: rows.length, rows: batch, stride, indices: 0 }, out);
    expect(download(kernels, out, rows.length)).toEqual(rewardsAlong(kernels, model, toTrajectories(long)));
  });

  it("does not depend on how the trajectories are put together", () => {
    const { model } = prepared(CASES[0]);
    const whole = gradientOf(kernels, model, [toTrajectories(agent)], DISCOUNT);
    const parts = agent.map((episode) => toTrajectories([episode]));
    expect(gradientOf(kernels, model, parts, DISCOUNT)).toEqual(whole);
  });
});

/** A tabular reward: linear in one-hot observations, so that its gradient is a table of visits. */
describeBuilds("the gradient of a tabular reward", (kernels) => {
  const STATES = 4;
  const model = createRewardModel(
    kernels,
    STATES,
    box(1, -1, 1),
    options({ inputs: "state", network: { kind: "mlp", hidden: [] } }),
    KEY,
  );
  const visiting = (states: readonly number[]): Trajectories =>
    toTrajectories([
      {
        observations: states.map((s) => Array.from({ length: STATES }, (_, i) => (i === s ? 1 : 0))),
        actions: states.map(() => [0]),
      },
    ]);
  /** The gradient's weights, [STATES]. */
  const table = (expert: Trajectories[], agent: Trajectories[], discount: number): number[] => {
    kernels.fill(model.network.length, model.gradient, 0);
    addReturnGradient(kernels, model, expert, spanOf(discount), 1);
    addReturnGradient(kernels, model, agent, spanOf(discount), -1);
    return [...download(kernels, model.gradient, STATES)];
  };

  it("weighs step t by gamma^t, and t starts at 0", () => {
    // 1/2 to a power has no rounding.
    expect(table([visiting([0, 1, 2, 3])], [], 0.5)).toEqual([1, 0.5, 0.25, 0.125]);
    expect(table([visiting([2, 0, 0])], [], 0.5)).toEqual([0.75, 0, 1, 0]);
  });

  it("starts each trajectory's t anew", () => {
    expect(table([visiting([0, 1]), visiting([2, 3])], [], 0.5)).toEqual([0.5, 0.25, 0.5, 0.25]);
  });

  it("is what the expert visits less what the agent visits", () => {
    expect(table([visiting([0, 1])], [visiting([2, 1])], 0.5)).toEqual([1, 0, -1, 0]);
  });

  it("sums over each trajectory and averages over trajectories: a longer life counts for more", () => {
    // Lengths 1 and 3 in state 0: the sum's mean is (1 + 3) / 2 = 2. A mean over steps would be 1, as would a mean of
    // the trajectories' means; a sum over both would be 4.
    const lives = [visiting([0]), visiting([0, 0, 0])];
    expect(table(lives, [], 1)).toEqual([2, 0, 0, 0]);
    // An expert that lives for 3 steps against an agent that falls after 1, in the same state: living on is good.
    expect(table([visiting([0, 0, 0])], [visiting([0])], 1)).toEqual([2, 0, 0, 0]);
  });

  it("discounts on through an episode longer than one chunk of rows", () => {
    const discount = 0.999;
    const steps = 700;
    const [visits] = table([visiting(Array.from({ length: steps }, () => 0))], [], discount);
    const exact = (1 - discount ** steps) / (1 - discount);
    // A float32 sum of `steps` weights, each rounded.
    expectClose([visits], [exact], steps * 2 ** -24 * exact);
  });
});

describe("on a finite MDP", () => {
  describeBuilds("the gradient of a tabular reward", (kernels) => {
    it("is d_expert(s, a) - d_pi(s, a), the difference of discounted occupancies", () => {
      const discount = 0.8;
      const episodes = 1500;
      const horizon = 60;
      const policies = [
        [0.9, 0.2, 0.7],
        [0.4, 0.5, 0.1],
      ];
      const model = createRewardModel(
        kernels,
        PAIRS,
        box(1, -1, 1),
        options({ inputs: "state", network: { kind: "mlp", hidden: [] } }),
        KEY,
      );
      policies.forEach((policy, who) => {
        const sampled = toTrajectories(sampleChain(policy, episodes, horizon, 20 + who));
        addReturnGradient(kernels, model, [sampled], spanOf(discount), who === 0 ? 1 : -1);
      });
      const [expert, agent] = policies.map((policy) => occupancy(policy, discount));
      const expected = expert.map((d, pair) => d - agent[pair]);
      // sum_t gamma^t 1{(s_t, a_t) = pair} lies in [0, 1 / (1 - gamma)], so its variance is at most (1 / (1 - gamma))^2 / 4;
      // two means of `episodes` such numbers; what lies beyond the horizon is below gamma^horizon / (1 - gamma).
      const range = 1 / (1 - discount);
      const tolerance = 4 * Math.sqrt((2 * range ** 2) / 4 / episodes) + discount ** horizon * range;
      expectClose(download(kernels, model.gradient, PAIRS), expected, tolerance);
      // The difference is not lost in the tolerance.
      expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(4 * tolerance);
    });
  });
});

const STATES = 3;
const PAIRS = 2 * STATES;

/** P(s' | s, a), row 2 s + a. */
const CHAIN = [
  [0.7, 0.2, 0.1],
  [0.1, 0.1, 0.8],
  [0.3, 0.6, 0.1],
  [0, 0.5, 0.5],
  [0.9, 0.05, 0.05],
  [0.2, 0.2, 0.6],
];

/** Episodes from state 0 under P(a = 1 | s) = policy[s]; an observation is the one-hot pair (s, a). */
function sampleChain(policy: readonly number[], episodes: number, horizon: number, seed: number): Episode[] {
  const uniform = uniforms(seed, 2 * episodes * horizon).map((u) => (u + 1) / 2);
  return Array.from({ length: episodes }, (_, episode) => {
    let s = 0;
    const observations = Array.from({ length: horizon }, (_, t) => {
      const at = 2 * (episode * horizon + t);
      const pair = 2 * s + (uniform[at] < policy[s] ? 1 : 0);
      const [stay, next] = CHAIN[pair];
      s = uniform[at + 1] < stay ? 0 : uniform[at + 1] < stay + next ? 1 : 2;
      return Array.from({ length: PAIRS }, (_, i) => (i === pair ? 1 : 0));
    });
    return { observations, actions: observations.map(() => [0]) };
  });
}

/** d(s, a) = sum_t gamma^t P(s_t = s, a_t = a) from state 0, by running the chain forward until nothing is left of it. */
function occupancy(policy: readonly number[], discount: number): number[] {
  const d = Array.from({ length: PAIRS }, () => 0);
  let states = [1, 0, 0];
  for (let weight = 1; weight > 1e-17; weight *= discount) {
    const pairs = states.flatMap((p, s) => [p * (1 - policy[s]), p * policy[s]]);
    pairs.forEach((p, pair) => (d[pair] += weight * p));
    states = states.map((_, s) => pairs.reduce((total, p, pair) => total + p * CHAIN[pair][s], 0));
  }
  return d;
}
