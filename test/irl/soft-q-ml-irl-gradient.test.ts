import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import { foldIn, keyFromSeed } from "../../src/core/index.ts";
import { garnetMdp } from "../../src/envs/index.ts";
import { createSoftQMlIrl, softQMlIrlIteration, type SoftQMlIrlOptions } from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { createSparseTwoLayer, type SparseTwoLayer } from "../../src/nn/index.ts";
import {
  createTabularProblem,
  neuralSoftQLoop,
  occupancyOver,
  softValueIteration,
  type NeuralSoftQ,
} from "../../src/rl/index.ts";
import { describeBuilds, U } from "../kernels/builds.ts";
import {
  constant,
  constants,
  dot,
  gradient,
  subtract,
  sum,
  times,
  type Scalar,
} from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { float64 } from "../reference/jax.ts";
import { rowsOf, scriptedProblem, type Row, type Script } from "../reference/scripted-problem.ts";
import { twoLayer } from "../reference/two-layer.ts";

const WIDTH = 21;
const KEY = keyFromSeed(12);

const oneHot = (index: number): Row => [[index, 1]];
const SCRIPT: Script = {
  kind: "rows",
  size: 5,
  discount: 0.8,
  // Three of five entries, so that the two rows of a state share some columns.
  psi: [
    [
      [
        [0, 0.5],
        [3, -0.6],
        [4, 0.4],
      ],
      [
        [1, 0.7],
        [3, 0.2],
        [2, 0.5],
      ],
    ],
    [
      [
        [4, -0.3],
        [2, 0.8],
        [0, 0.1],
      ],
      [
        [2, -0.4],
        [1, -0.4],
        [0, 0.6],
      ],
    ],
  ],
  iterations: [
    {
      transitions: [{ pair: [0, 1], next: 1 }],
      logPolicy: [0, 1].map(() => [Math.log(0.3), Math.log(0.7)]),
      expert: [
        [
          [0, 0],
          [1, 0],
          [0, 1],
          [1, 0],
        ],
        [
          [1, 1],
          [0, 0],
        ],
      ],
      agent: [
        [
          [0, 1],
          [1, 1],
          [1, 0],
        ],
        [
          [0, 1],
          [0, 1],
          [0, 0],
          [1, 1],
          [1, 1],
        ],
      ],
    },
  ],
};
const SCRIPTS: Script[] = [
  SCRIPT,
  { ...SCRIPT, kind: "one-hot", size: 4, psi: [0, 1].map((s) => [oneHot(2 * s), oneHot(2 * s + 1)]) },
];

const OPTIONS: SoftQMlIrlOptions = {
  softQ: {
    width: WIDTH,
    radius: Infinity,
    stepSize: 0.25,
    discount: 0.9,
    output: "last",
    backup: "soft-optimality",
    values: "plain",
  },
  innerSteps: { first: 1, growth: 0 },
  reward: { width: WIDTH, radius: Infinity, stepSize: 0.5, decay: 0 },
  trajectories: 2,
  termination: "native",
  constantReward: null,
};

const dense = (row: Row, size: number): number[] =>
  Array.from({ length: size }, (_, i) => Math.fround(row.find(([index]) => index === i)?.[1] ?? 0));
const signsOf = (kernels: Kernels, { signs, width }: SparseTwoLayer): number[] => [
  ...kernels.f32(signs, width),
];

/** d output / d weights by central differences at a few weights: f is piecewise linear in each, so they are exact. */
function differences(
  output: (weights: readonly Scalar[]) => Scalar,
  at: number[],
  which: number[],
): number[] {
  const h = 1e-6;
  return which.map((i) => {
    const [up, down] = [h, -h].map((shift) => output(constants(at.with(i, at[i] + shift))).value);
    return (up - down) / (2 * h);
  });
}

/** d of sum_k factors[k] f(rows[k]; W) by W [m, d], by jax-js. */
function jaxGradient(signs: number[], weights: number[], rows: number[][], factors: number[]): number[] {
  const [m, d] = [signs.length, rows[0].length];
  const x = float64(rows.flat(), [rows.length, d]);
  const b = float64(signs, [m, 1]);
  const c = float64(factors, [rows.length, 1]);
  const output = (w: np.Array): np.Array =>
    np
      .dot(np.maximum(np.dot(x.ref, w.transpose()), 0), b.ref)
      .mul(c.ref)
      .sum()
      .mul(1 / Math.sqrt(m));
  return [...grad(output)(float64(weights, [m, d])).dataSync()];
}

describeBuilds("the direction of a temporal-difference step", (kernels) => {
  it.each(SCRIPTS)("is -delta grad Q(s, a; W), the target held fixed: $kind", (script) => {
    const { size, psi } = script;
    const problem = scriptedProblem(kernels, script);
    const network = createSparseTwoLayer(
      kernels,
      { width: WIDTH, radius: Infinity, features: size, actions: 2, averaged: false },
      KEY,
    );
    const state: NeuralSoftQ = { options: OPTIONS.softQ, network, shift: 0, steps: 0 };
    const start = rowsOf(kernels, network).flat();
    const signs = signsOf(kernels, network);
    const reward = 3.25;
    neuralSoftQLoop(
      kernels,
      state,
      problem,
      (batch, out) => {
        kernels.f32(out, batch.count).fill(reward);
      },
      1,
    );
    const step = rowsOf(kernels, network)
      .flat()
      .map((w, i) => (w - start[i]) / OPTIONS.softQ.stepSize);

    const weights = constants(start);
    const value = (row: Row, at: readonly Scalar[] = weights): Scalar =>
      twoLayer(signs, at, constants(dense(row, size)));
    const target =
      reward + 0.9 * Math.log(psi[1].map((row) => Math.exp(value(row).value)).reduce((a, b) => a + b));
    const delta = value(psi[0][1]).value - target;
    expect(Math.abs(delta)).toBeGreaterThan(1);
    // 1/2 (Q - target)^2, differentiated by W.
    const loss = (at: readonly Scalar[]): Scalar => {
      const residual = subtract(value(psi[0][1], at), constant(target));
      return times(0.5, dot([residual], [residual]));
    };
    // W moves by less than |delta|, stored as float32; f and V are off by a few units of rounding.
    const near = 16 * U * Math.abs(delta);
    expectClose(
      step,
      gradient(loss(weights), weights).map((each) => -each),
      near / OPTIONS.softQ.stepSize,
    );
    const jax = jaxGradient(signs, start, [dense(psi[0][1], size)], [-delta]);
    expectClose(step, jax, near / OPTIONS.softQ.stepSize);
    const which = [0, 1, 2 * size + 1, start.length - 1];
    // The loss is quadratic in each weight, for which central differences are exact too.
    expectClose(
      which.map((i) => -step[i]),
      differences(loss, start, which),
      near / OPTIONS.softQ.stepSize + 1e-8,
    );
  });
});

describeBuilds("the direction of a reward step", (kernels) => {
  it.each(SCRIPTS)("is the gradient of expert less agent return by theta: $kind", (script) => {
    const { size, psi, iterations, discount } = script;
    const problem = scriptedProblem(kernels, script);
    const state = createSoftQMlIrl(kernels, problem, OPTIONS, 2, KEY);
    const start = rowsOf(kernels, state.reward).flat();
    const signs = signsOf(kernels, state.reward);
    const { returnGap, gradientNorm } = softQMlIrlIteration(kernels, state, () => 0);
    const step = rowsOf(kernels, state.reward)
      .flat()
      .map((w, i) => (w - start[i]) / OPTIONS.reward.stepSize);

    const [{ expert, agent }] = iterations;
    const visits = [expert, agent].flatMap((trajectories, who) =>
      trajectories.flatMap((each) =>
        each.map(([s, a], t) => ({
          row: dense(psi[s][a], size),
          weight: ((who === 0 ? 1 : -1) * discount ** t) / 2,
        })),
      ),
    );
    const gap = (theta: readonly Scalar[]): Scalar =>
      sum(visits.map(({ row, weight }) => times(weight, twoLayer(signs, theta, constants(row)))));
    const theta = constants(start);
    const expected = gradient(gap(theta), theta);
    const size1 = visits.reduce((total, { weight }) => total + Math.abs(weight), 0);
    // Every weight sums products of rows, the sum is rounded once a visit and once more when it is stored.
    const near = (visits.length + 8) * U * size1;
    expectClose(step, expected, near);
    expectClose([returnGap, gradientNorm], [gap(theta).value, Math.hypot(...expected)], near * WIDTH);
    expectClose(
      step,
      jaxGradient(
        signs,
        start,
        visits.map(({ row }) => row),
        visits.map(({ weight }) => weight),
      ),
      near,
    );
    const which = [0, 1, 2 * size + 1, start.length - 1];
    expectClose(
      which.map((i) => step[i]),
      differences(gap, start, which),
      near + 1e-8,
    );
  });
});

describeBuilds("Lemma 4", (kernels) => {
  it("the gradient by a table of rewards is on average d_E - d_pi over the horizon", () => {
    const mdp = garnetMdp({ states: 6, actions: 3, branching: 2, seed: 4 });
    const { logPolicy } = softValueIteration(mdp, mdp.rewards, {
      discount: 0.9,
      tolerance: 1e-10,
      values: "plain",
    });
    const [horizon, count] = [12, 5000];
    const problem = createTabularProblem(
      kernels,
      mdp,
      { kind: "fresh", logPolicy },
      {
        sampling: "markov-chain",
        replayCapacity: 1,
        horizon,
        gradientDiscount: 0.8,
        batchCapacity: 300,
        trajectoryCapacity: count,
      },
      () => {
        throw new Error("asked for a stationary distribution");
      },
      foldIn(KEY, 1),
    );
    // W far from W(0), so that pi_1 is far from pi_0: a gradient under the old policy would show.
    const softQ = { ...OPTIONS.softQ, stepSize: 0.5 };
    const options = { ...OPTIONS, softQ, innerSteps: { first: 300, growth: 0 }, trajectories: count };
    const state = createSoftQMlIrl(kernels, problem, options, 1, KEY);
    const before = new Float64Array(18);
    problem.logPolicyOf(state.softQ.network, before);
    softQMlIrlIteration(kernels, state, () => 0);
    const after = new Float64Array(18);
    problem.logPolicyOf(state.softQ.network, after);
    const sampled = state.ascent.previousWeights;

    // The standard deviation of one pair of trajectories, from as many more.
    const squares = [
      problem.expertTrajectories(count),
      problem.agentTrajectories(state.softQ.network, count),
    ].map(({ indices, weights }) => {
      const pairs = kernels.u32(indices, count * horizon);
      const [mean, square] = [new Float64Array(18), new Float64Array(18)];
      for (let n = 0; n < count; n++) {
        const own = new Float64Array(18);
        for (let t = n * horizon; t < (n + 1) * horizon; t++) own[pairs[t]] += count * weights[t];
        own.forEach((each, i) => {
          mean[i] += each / count;
          square[i] += each ** 2 / count;
        });
      }
      return square.map((each, i) => each - mean[i] ** 2);
    });
    const tolerance = squares[0].map((each, i) => 4 * Math.sqrt((each + squares[1][i]) / count));
    const expert = occupancyOver(horizon, mdp, logPolicy, 0.8);
    const exact = (policy: Float64Array): Float64Array => {
      const agent = occupancyOver(horizon, mdp, policy, 0.8);
      return expert.map((each, i) => each - agent[i]);
    };
    expectClose(sampled, exact(after), tolerance);
    // And it would not pass for that of the policy before the loop.
    const stale = exact(before);
    expect(sampled.some((each, i) => Math.abs(each - stale[i]) > 2 * tolerance[i])).toBe(true);
  });
});
