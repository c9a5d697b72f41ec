import { expect, it } from "vitest";
import { foldIn, keyFromSeed } from "../../src/core/index.ts";
import { garnetMdp, type TabularMdp } from "../../src/envs/index.ts";
import { createSoftQMlIrl, softQMlIrlIteration, type SoftQMlIrl } from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import type { SparseTwoLayer } from "../../src/nn/index.ts";
import { createTabularProblem, type TabularProblem } from "../../src/rl/index.ts";
import {
  createTabularInstruments,
  type TabularInstrumentOptions,
  type TabularInstruments,
} from "../../src/theory/index.ts";
import { describeBuilds, download, normals, U } from "../kernels/builds.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { rowsOf, setNetwork } from "../reference/scripted-problem.ts";

type Values = TabularInstrumentOptions["values"];

const MDP = garnetMdp({ states: 3, actions: 2, branching: 2, seed: 4 });
const PAIRS = 6;
const DISCOUNT = 0.8;
/** Sweeps after which 0.8^n is below rounding. */
const SWEEPS = 250;

const total = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0);
const rowOf = (table: readonly number[], s: number): readonly number[] => table.slice(2 * s, 2 * s + 2);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Q of sweeps from 0: r + gamma P (log sum_a exp Q - shift). */
function sweepValues({ transitions }: TabularMdp, rewards: readonly number[], values: Values): number[] {
  const shift = values === "centred" ? Math.log(2) : 0;
  let q = rewards.map(() => 0);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const v = range(3).map((s) => Math.log(total(rowOf(q, s).map(Math.exp))) - shift);
    q = rewards.map((r, pair) => r + DISCOUNT * total(v.map((each, s) => transitions[3 * pair + s] * each)));
  }
  return q;
}

const logPolicyOf = (q: readonly number[]): number[] =>
  q.map((each, pair) => each - Math.log(total(rowOf(q, Math.floor(pair / 2)).map(Math.exp))));

/** sum_t gamma^t P(s_t, a_t), by going forward. */
function visits({ transitions, initial }: TabularMdp, logPolicy: readonly number[]): number[] {
  let here = [...initial];
  const sums = logPolicy.map(() => 0);
  for (let t = 0; t < SWEEPS; t++) {
    const mass = logPolicy.map((each, pair) => here[Math.floor(pair / 2)] * Math.exp(each));
    mass.forEach((each, pair) => (sums[pair] += DISCOUNT ** t * each));
    here = range(3).map((s) => total(mass.map((each, pair) => each * transitions[3 * pair + s])));
  }
  return sums;
}

const EXPERT = logPolicyOf(sweepValues(MDP, [...MDP.rewards], "plain"));
const EXPERT_VISITS = visits(MDP, EXPERT);
const likelihood = (logPolicy: readonly number[]): number =>
  total(EXPERT_VISITS.map((d, i) => d * logPolicy[i]));

interface Ground {
  readonly problem: TabularProblem;
  readonly state: SoftQMlIrl;
  readonly instruments: TabularInstruments;
}

function ground(
  kernels: Kernels,
  width: number,
  { values = "plain", linearity = false, seed = 0 }: { values?: Values; linearity?: boolean; seed?: number },
): Ground {
  const problem = createTabularProblem(
    kernels,
    MDP,
    { kind: "fresh", logPolicy: Float64Array.from(EXPERT) },
    {
      sampling: "markov-chain",
      replayCapacity: 1,
      horizon: 20,
      gradientDiscount: DISCOUNT,
      batchCapacity: 30,
      trajectoryCapacity: 1,
    },
    () => {
      throw new Error("asked for a stationary distribution");
    },
    keyFromSeed(seed),
  );
  const network = { width, radius: 20 };
  const softQ = {
    ...network,
    stepSize: 0.2,
    discount: DISCOUNT,
    output: "average",
    backup: "soft-optimality",
    values,
  } as const;
  const state = createSoftQMlIrl(
    kernels,
    problem,
    {
      softQ,
      innerSteps: { first: 30, growth: 0 },
      reward: { ...network, stepSize: 0.5, decay: 0 },
      trajectories: 1,
      termination: "native",
      constantReward: null,
    },
    20,
    foldIn(keyFromSeed(seed), 1),
  );
  const instruments = createTabularInstruments(kernels, problem, state, {
    discount: DISCOUNT,
    values,
    expertLogPolicy: Float64Array.from(EXPERT),
    linearity,
    key: foldIn(keyFromSeed(seed), 2),
  });
  return { problem, state, instruments };
}

/** Makes a network of two units give these values: f(e_i) = (relu(W_0i) - relu(W_1i)) / sqrt 2. */
function represent(kernels: Kernels, network: SparseTwoLayer, values: readonly number[]): void {
  const rows = [1, -1].map((sign) => values.map((each) => Math.SQRT2 * Math.max(0, sign * each)));
  setNetwork(kernels, network, rows, [1, -1]);
}

/** f(e_i; W) = m^(-1/2) sum_j b_j relu(W_ji) in float64. */
const tableOf = (rows: readonly (readonly number[])[], signs: ArrayLike<number>): number[] =>
  range(PAIRS).map(
    (i) => total(rows.map((row, j) => signs[j] * Math.max(0, row[i]))) / Math.sqrt(rows.length),
  );

const norm = (values: readonly number[]): number => Math.sqrt(total(values.map((each) => each * each)));

describeBuilds("instruments on exact ground", (kernels) => {
  it.each<Values>(["plain", "centred"])(
    "find nothing wrong at the expert's own reward and values (%s)",
    (values) => {
      const { state, instruments } = ground(kernels, 2, { values });
      const q = sweepValues(MDP, [...MDP.rewards], values);
      represent(kernels, state.reward, [...MDP.rewards]);
      represent(kernels, state.softQ.network, q);
      const found = instruments.measure();
      // Float32 holds values to 4 U of them (two roundings of weights, one of 1 / sqrt 2, one of the product).
      const scale = 4 * U * Math.max(...q.map(Math.abs), ...MDP.rewards.map(Math.abs));
      // A reward off by e moves Q by e / (1 - gamma), log pi by twice that, and kernels' exp and log by some ulp more.
      const logError = (2 * scale) / (1 - DISCOUNT) + 8 * U;
      expect(found.trackingError).toBeLessThan(logError + 2 * scale);
      expect(found.bellmanError).toBeLessThan((3 * scale) ** 2);
      expect(found.policyError).toBeLessThan(logError);
      expect(found.visitedPolicyError).toBeLessThan(logError);
      // The gap is of second order: a mean of relative entropies over visits that sum to 1 / (1 - gamma).
      expect(Math.abs(found.likelihoodGap)).toBeLessThan(logError ** 2 / (1 - DISCOUNT) + 1e-10);
      // That of pi_k is of first order in how far its float32 probabilities are from summing to 1.
      const uniformGap = likelihood(EXPERT) + Math.log(2) / (1 - DISCOUNT);
      expect(Math.abs(found.relativePolicyGap)).toBeLessThan((8 * U) / (1 - DISCOUNT) / uniformGap);
      expect(found.gradientNorm).toBeLessThan((2 * logError) / (1 - DISCOUNT) ** 2);
      expect(found.surrogateGradientNorm).toBeLessThan((2 * logError) / (1 - DISCOUNT) ** 2);
      expect(found.linearity).toBeNull();
    },
  );

  it.each<Values>(["plain", "centred"])("measure what a recomputation in float64 does (%s)", (values) => {
    const { state, instruments } = ground(kernels, 5, { values });
    const draw = (seed: number): number[][] => {
      const drawn = normals(seed, 30);
      return range(5).map((j) => range(PAIRS).map((i) => drawn[6 * j + i]));
    };
    const signs = [1, -1, 1, 1, -1];
    setNetwork(kernels, state.reward, draw(1), signs);
    setNetwork(kernels, state.softQ.network, draw(2), signs);
    const r = tableOf(draw(1), signs);
    const q = tableOf(draw(2), signs);
    const tracked = logPolicyOf(q);
    const solved = logPolicyOf(sweepValues(MDP, r, values));
    const shift = values === "centred" ? Math.log(2) : 0;
    const v = range(3).map((s) => Math.log(total(rowOf(q, s).map(Math.exp))) - shift);
    const residuals = q.map(
      (each, pair) =>
        each - r[pair] - DISCOUNT * total(v.map((value, s) => MDP.transitions[3 * pair + s] * value)),
    );
    const found = instruments.measure();
    const gap = likelihood(EXPERT) - likelihood(solved);
    const uniformGap = likelihood(EXPERT) - likelihood(q.map(() => -Math.log(2)));
    const difference = solved.map((each, i) => Math.abs(Math.exp(each) - Math.exp(EXPERT[i])));
    const stateVisits = range(3).map((s) => total(rowOf(EXPERT_VISITS, s) as number[]));
    const variation = range(3).map((s) => total(rowOf(difference, s) as number[]) / 2);
    const expected = [
      gap,
      gap / uniformGap,
      (likelihood(EXPERT) - likelihood(tracked)) / uniformGap,
      Math.max(...tracked.map((each, i) => Math.abs(each - solved[i]))),
      total(residuals.map((each) => each * each)) / PAIRS,
      Math.max(...difference),
      total(stateVisits.map((d, s) => d * variation[s])) / total(stateVisits),
    ];
    const actual = [
      found.likelihoodGap,
      found.relativeGap,
      found.relativePolicyGap,
      found.trackingError,
      found.bellmanError,
      found.policyError,
      found.visitedPolicyError,
    ];
    // Tables are off by 10 U max |W| in float32, everything here moves by less than 40 times as much.
    expectClose(actual, expected, 40 * 10 * U * 3);
    expect(Math.min(...expected)).toBeGreaterThan(0.01);
    expectClose(instruments.rewards(), r, 10 * U * 3);
    expectClose(instruments.logPolicy(), tracked, 20 * U * 3);
    expectClose(instruments.optimalLogPolicy(), solved, 100 * U * 3);
    expect(instruments.trackingError()).toBe(found.trackingError);
    expectClose([instruments.expertLikelihood], [likelihood(EXPERT)], 1e-10);
    expectClose([instruments.uniformLikelihood], [-Math.log(2) / (1 - DISCOUNT)], 1e-10);
  });

  it("measure the norm of the gradient of L, and of Lhat, in the reward's weights", () => {
    const { state, instruments } = ground(kernels, 4, {});
    const drawn = normals(6, 24);
    const rows = range(4).map((j) => range(PAIRS).map((i) => drawn[6 * j + i]));
    const signs = [1, -1, 1, -1];
    setNetwork(kernels, state.reward, rows, signs);
    const found = instruments.measure();
    const agentVisits = visits(MDP, [...instruments.logPolicy()]);
    const objective = (theta: number[][]): number =>
      likelihood(logPolicyOf(sweepValues(MDP, tableOf(theta, signs), "plain")));
    const surrogate = (theta: number[][]): number =>
      total(tableOf(theta, signs).map((r, i) => (EXPERT_VISITS[i] - agentVisits[i]) * r));
    const gradient = (of: (theta: number[][]) => number): number[] =>
      rows.flatMap((row, j) =>
        row.map((w, i) => {
          const at = (h: number): number => of(rows.map((each, k) => (k === j ? each.with(i, w + h) : each)));
          return (at(1e-4) - at(-1e-4)) / 2e-4;
        }),
      );
    // No weight within the step of 0; central differences are off by h^2 times a third derivative of some tens.
    expect(Math.min(...rows.flat().map(Math.abs))).toBeGreaterThan(1e-4);
    expectClose([found.gradientNorm], [norm(gradient(objective))], 1e-5);
    expectClose([found.surrogateGradientNorm], [norm(gradient(surrogate))], 1e-5);
    expect(Math.abs(found.gradientNorm - found.surrogateGradientNorm)).toBeGreaterThan(1e-3);
  });

  it("look at the networks as they are, and write nothing", () => {
    const { state, instruments } = ground(kernels, 40, { linearity: true });
    const twin = ground(kernels, 40, { linearity: true }).state;
    const weightsOf = ({ softQ, reward }: SoftQMlIrl): number =>
      checksum(
        [softQ.network, reward].map(({ weights, features, units }) =>
          download(kernels, weights, features * units),
        ),
      );
    const start = instruments.measure();
    expect(start.linearity).toMatchObject({ policyLinearisation: 0, rewardLinearisation: 0 });
    for (let k = 0; k < 30; k++) softQMlIrlIteration(kernels, state, () => 0);
    const moved = instruments.measure();
    for (let k = 0; k < 30; k++) softQMlIrlIteration(kernels, state, () => 0);
    // Asked for alone it is that of now, not of the measurement before.
    const alone = instruments.trackingError();
    expect(alone).not.toBe(moved.trackingError);
    // Values are solved to 1e-10, from wherever the last solution was: log pi is Q - V, each off by so much.
    expectClose([instruments.measure().trackingError], [alone], 4e-10);
    for (let k = 0; k < 60; k++) softQMlIrlIteration(kernels, twin, () => 0);
    expect(weightsOf(state)).toBe(weightsOf(twin));
    expect(moved.trackingError).not.toBe(start.trackingError);
    expect(moved.linearity?.ballLinearisationTrained).not.toBe(start.linearity?.ballLinearisationTrained);

    // f0(e_i; W) - f(e_i; W) in float64.
    const now = instruments.measure();
    const errorOf = (network: SparseTwoLayer): number => {
      const initial = rowsOf(kernels, { ...network, weights: network.initial });
      const signs = download(kernels, network.signs, 40);
      const weights = rowsOf(kernels, network);
      const linear = range(PAIRS).map(
        (i) => total(weights.map((row, j) => (initial[j][i] > 0 ? signs[j] * row[i] : 0))) / Math.sqrt(40),
      );
      const f = tableOf(weights, signs);
      return norm(f.map((each, i) => each - linear[i])) / Math.sqrt(PAIRS);
    };
    const rounding = 80 * U * 20;
    expectClose([now.linearity?.policyLinearisation ?? NaN], [errorOf(state.softQ.network)], rounding);
    expectClose([now.linearity?.rewardLinearisation ?? NaN], [errorOf(state.reward)], rounding);
    expect(errorOf(state.reward)).toBeGreaterThan(0.01);
    const { ballLinearisationRandom, ballLinearisationTrained, concavityGapTrained, belowChord } =
      now.linearity ?? {};
    expect(ballLinearisationTrained).toBeGreaterThan(ballLinearisationRandom ?? NaN);
    expect(concavityGapTrained).toBeGreaterThan(0);
    expect(belowChord).toBeGreaterThan(0);
  });
});
