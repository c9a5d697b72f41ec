import { expect, it } from "vitest";
import { foldIn, keyFromSeed } from "../../src/core/index.ts";
import { garnetMdp } from "../../src/envs/index.ts";
import {
  createSoftQMlIrl,
  softQMlIrlIteration,
  type IterationRecord,
  type SoftQMlIrl,
  type SoftQMlIrlOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import type { SparseTwoLayer } from "../../src/nn/index.ts";
import {
  createEnvironmentProblem,
  createTabularProblem,
  logLikelihood,
  occupancy,
  productFeatures,
  softValueIteration,
  standardisationOver,
  type NeuralSoftQOptions,
} from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { checksum } from "../reference/closeness.ts";
import {
  balancedEpisodes,
  discreteTrajectories,
  unstableEnvironment,
  type UnstableEnvironment,
} from "../reference/unstable-environment.ts";

const DISCOUNT = 0.9;
const HORIZON = 60;
const MDP = garnetMdp({ states: 20, actions: 4, branching: 3, seed: 0 });
const PAIRS = MDP.states * MDP.actions;
const EXACT = { discount: DISCOUNT, tolerance: 1e-9, values: "centred" } as const;
const EXPERT = softValueIteration(MDP, MDP.rewards, EXACT);

const SOFT_Q: NeuralSoftQOptions = {
  width: 256,
  radius: 100,
  stepSize: 0.2,
  discount: DISCOUNT,
  output: "average",
  backup: "soft-optimality",
  values: "centred",
};
const OPTIONS: SoftQMlIrlOptions = {
  softQ: SOFT_Q,
  innerSteps: { first: 100, growth: 0 },
  reward: { width: 256, radius: 100, stepSize: 0.02, decay: 0 },
  trajectories: 1,
  termination: "native",
  constantReward: null,
};

/** Both levels on the random problem, its expert drawn anew each time. */
function tabular(
  kernels: Kernels,
  seed: number,
  options: SoftQMlIrlOptions = OPTIONS,
): { state: SoftQMlIrl; problem: ReturnType<typeof createTabularProblem> } {
  const key = keyFromSeed(seed);
  const problem = createTabularProblem(
    kernels,
    MDP,
    { kind: "fresh", logPolicy: EXPERT.logPolicy },
    {
      sampling: "markov-chain",
      replayCapacity: 1,
      horizon: HORIZON,
      gradientDiscount: DISCOUNT,
      batchCapacity: 200,
      trajectoryCapacity: 2,
    },
    () => {
      throw new Error("asked for a stationary distribution");
    },
    foldIn(key, 1),
  );
  return { state: createSoftQMlIrl(kernels, problem, options, 2 * HORIZON, foldIn(key, 0)), problem };
}

function iterate(kernels: Kernels, state: SoftQMlIrl, iterations: number): IterationRecord[] {
  return Array.from({ length: iterations }, () => softQMlIrlIteration(kernels, state, () => 0));
}

const weightsOf = (kernels: Kernels, { weights, features, units }: SparseTwoLayer): Float32Array =>
  download(kernels, weights, features * units);

/** Checksums of what both levels have learnt. */
const learnt = (kernels: Kernels, { softQ, reward }: SoftQMlIrl): { policy: number; reward: number } => ({
  policy: checksum([weightsOf(kernels, softQ.network)]),
  reward: checksum([weightsOf(kernels, reward)]),
});

/** L(expert) - L(pi), nats. */
function likelihoodGap(logPolicy: Float64Array): number {
  const expert = occupancy(MDP, EXPERT.logPolicy, DISCOUNT);
  return logLikelihood(expert, EXPERT.logPolicy) - logLikelihood(expert, logPolicy);
}

/** log pi of the soft-optimal policy of the learned reward, [S, A]. */
function solvedPolicy(kernels: Kernels, { reward }: SoftQMlIrl): Float64Array {
  const table = kernels.allocate(PAIRS);
  kernels.sparseTable(reward.block, table);
  return softValueIteration(MDP, download(kernels, table, PAIRS), EXACT).logPolicy;
}

/** How both policies stand: L(expert) - L(pi) as shares of the uniform policy's, and the largest |log pi_k - log pi_theta|. */
function standing(kernels: Kernels, { state, problem }: ReturnType<typeof tabular>) {
  const uniform = likelihoodGap(new Float64Array(PAIRS).fill(-Math.log(MDP.actions)));
  const solved = solvedPolicy(kernels, state);
  const tracked = new Float64Array(PAIRS);
  problem.logPolicyOf(state.softQ.network, tracked);
  return {
    solved: likelihoodGap(solved) / uniform,
    tracked: likelihoodGap(tracked) / uniform,
    trackingError: Math.max(...tracked.map((each, i) => Math.abs(each - solved[i]))),
  };
}

describeBuilds("the paper's algorithm on a random problem", (kernels) => {
  // Eight seeds left 1.93 % of the uniform policy's gap, with a standard deviation of 0.10 %: 3 % is ten of them above.
  it.each([1, 2, 3])("finds a reward under which the expert is likely, seed %i", (seed) => {
    const made = tabular(kernels, seed);
    expect(standing(kernels, made).solved).toBeGreaterThan(0.9);
    iterate(kernels, made.state, 5000);
    const { solved, tracked, trackingError } = standing(kernels, made);
    expect(solved).toBeLessThan(0.03);
    expect(tracked).toBeLessThan(0.03);
    // Largest of the eight seeds: 0.19.
    expect(trackingError).toBeLessThan(0.5);
  });

  it("finds the opposite by descent, and nothing with a step size of 0 or under a constant reward", () => {
    const [descent, still, constant] = [
      { stepSize: -0.02, constantReward: null },
      { stepSize: 0, constantReward: null },
      { stepSize: 0.02, constantReward: 0.5 },
    ].map(({ stepSize, constantReward }) => {
      const reward = { ...OPTIONS.reward, stepSize };
      const made = tabular(kernels, 1, { ...OPTIONS, reward, constantReward });
      iterate(kernels, made.state, 2000);
      return standing(kernels, made);
    });
    expect(descent.solved).toBeGreaterThan(10);
    expect(still.solved).toBeGreaterThan(0.9);
    expect(constant.tracked).toBeGreaterThan(0.9);
  });
});

describeBuilds("both levels", (kernels) => {
  it("are the same bits from the same seed, others from another, in one go or in two", () => {
    const whole = tabular(kernels, 5);
    const records = iterate(kernels, whole.state, 20);
    const halves = tabular(kernels, 5);
    const first = iterate(kernels, halves.state, 10);
    expect(first).toEqual(records.slice(0, 10));
    expect(iterate(kernels, halves.state, 10)).toEqual(records.slice(10));
    expect(learnt(kernels, halves.state)).toEqual(learnt(kernels, whole.state));
    const other = tabular(kernels, 6);
    expect(iterate(kernels, other.state, 20)).not.toEqual(records);
    expect(learnt(kernels, other.state).policy).not.toBe(learnt(kernels, whole.state).policy);
    expect(learnt(kernels, other.state).reward).not.toBe(learnt(kernels, whole.state).reward);
  });

  it("start from different networks", () => {
    const { softQ, reward } = tabular(kernels, 5).state;
    expect(weightsOf(kernels, softQ.network)).not.toEqual(weightsOf(kernels, reward));
  });

  it("do not see the true reward", () => {
    const plain = tabular(kernels, 5);
    iterate(kernels, plain.state, 5);
    const { rewards } = MDP;
    const kept = rewards.slice();
    rewards.fill(Number.NaN);
    const blind = tabular(kernels, 5);
    iterate(kernels, blind.state, 5);
    rewards.set(kept);
    expect(learnt(kernels, blind.state)).toEqual(learnt(kernels, plain.state));
  });

  it("count their steps by purpose", () => {
    const innerSteps = { first: 40, growth: 0.5 };
    const { state, problem } = tabular(kernels, 5, { ...OPTIONS, innerSteps, trajectories: 2 });
    const records = iterate(kernels, state, 4);
    // ceil(40 sqrt 2) = 57, ceil(40 sqrt 3) = 70
    expect(records.map((record) => record.innerSteps)).toEqual([40, 57, 70, 80]);
    const train = 40 + 57 + 70 + 80;
    const trajectories = 4 * 2 * HORIZON;
    expect(problem.steps).toEqual({
      train,
      rewardRollout: trajectories,
      evaluation: 0,
      expert: trajectories,
    });
    expect(state.softQ.steps).toBe(train);
    expect(state.iteration).toBe(4);
  });

  it("nested: keep to one reward until the lower level is solved, at most a thousand loops", () => {
    const made = (): ReturnType<typeof tabular> =>
      tabular(kernels, 5, { ...OPTIONS, innerSteps: { first: 5, growth: 0 } });
    const { state, problem } = made();
    const seen: { policy: number; reward: number }[] = [];
    const record = softQMlIrlIteration(
      kernels,
      state,
      () => 0,
      (own) => seen.push(learnt(kernels, own)) === 3,
    );
    expect(record).toMatchObject({ iteration: 0, innerSteps: 15 });
    expect(problem.steps).toMatchObject({ train: 15, rewardRollout: HORIZON });
    expect(new Set(seen.map(({ policy }) => policy)).size).toBe(3);
    expect(new Set(seen.map(({ reward }) => reward)).size).toBe(1);
    expect(learnt(kernels, state).policy).toBe(seen[2].policy);
    expect(learnt(kernels, state).reward).not.toBe(seen[2].reward);

    const single = made();
    iterate(kernels, single.state, 1);
    expect(learnt(kernels, single.state).policy).toBe(seen[0].policy);

    const unsolved = made();
    const { innerSteps } = softQMlIrlIteration(
      kernels,
      unsolved.state,
      () => 0,
      () => false,
    );
    expect(innerSteps).toBe(5000);
  });

  it("refuse an inner loop that is longer than the problem's batch", () => {
    const { state } = tabular(kernels, 5, { ...OPTIONS, innerSteps: { first: 201, growth: 0 } });
    expect(() => iterate(kernels, state, 1)).toThrow(
      "neuralSoftQLoop: expected 1 to 200 steps, the problem's batch, got 201; make the problem with more room",
    );
  });

  it("stop at numbers that are not finite, and name one of them", () => {
    const softQ = { ...SOFT_Q, radius: Infinity, stepSize: 1e6 };
    const { state } = tabular(kernels, 5, { ...OPTIONS, softQ });
    expect(() => iterate(kernels, state, 50)).toThrow(
      /^softQMlIrlIteration: \w+ is (NaN|Infinity) at iteration \d+; lower the step sizes or the radii$/u,
    );
  });
});

describeBuilds("every option", (kernels) => {
  const small: SoftQMlIrlOptions = {
    ...OPTIONS,
    softQ: { ...SOFT_Q, width: 20, stepSize: 0.5 },
    innerSteps: { first: 100, growth: 0.1 },
    reward: { ...OPTIONS.reward, width: 20, stepSize: 0.2, decay: 0.1 },
  };
  const run = (options: SoftQMlIrlOptions): { policy: number; reward: number } => {
    const { state } = tabular(kernels, 5, options);
    iterate(kernels, state, 30);
    return learnt(kernels, state);
  };
  const plain = run(small);

  it.each<{ name: string; options?: Partial<SoftQMlIrlOptions>; softQ?: Partial<NeuralSoftQOptions> }>([
    { name: "softQ.width", softQ: { width: 21 } },
    { name: "softQ.radius", softQ: { radius: 0.05 } },
    { name: "softQ.stepSize", softQ: { stepSize: 0.6 } },
    { name: "softQ.discount", softQ: { discount: 0.8 } },
    { name: "softQ.output", softQ: { output: "last" } },
    { name: "softQ.values", softQ: { values: "plain" } },
    { name: "innerSteps.first", options: { innerSteps: { first: 101, growth: 0.1 } } },
    { name: "innerSteps.growth", options: { innerSteps: { first: 100, growth: 0.2 } } },
    { name: "reward.width", options: { reward: { ...small.reward, width: 21 } } },
    { name: "reward.radius", options: { reward: { ...small.reward, radius: 0.05 } } },
    { name: "reward.stepSize", options: { reward: { ...small.reward, stepSize: 0.21 } } },
    { name: "reward.decay", options: { reward: { ...small.reward, decay: 0.2 } } },
    { name: "trajectories", options: { trajectories: 2 } },
    { name: "constantReward", options: { constantReward: 0 } },
    { name: "constantReward, another", options: { constantReward: 1 } },
  ])("changes what both levels learn: $name", ({ options = {}, softQ = {} }) => {
    const changed = run({ ...small, ...options, softQ: { ...small.softQ, ...softQ } });
    expect(changed.policy).not.toBe(plain.policy);
    expect(changed.reward).not.toBe(plain.reward);
  });

  it("changes what both levels learn: softQ.backup", () => {
    // Both values agree to first order in pi - pi_k: loops that move far tell them apart.
    const far = { ...small, softQ: { ...small.softQ, stepSize: 2, output: "last" as const } };
    const evaluated = run({ ...far, softQ: { ...far.softQ, backup: "policy-evaluation" } });
    expect(evaluated.policy).not.toBe(run(far).policy);
    expect(evaluated.reward).not.toBe(run(far).reward);
  });

  it("tells constants apart", () => {
    expect(run({ ...small, constantReward: 0 })).not.toEqual(run({ ...small, constantReward: 1 }));
  });
});

/** Steps of the last 100 episodes, on average. */
const meanLength = ({ log }: UnstableEnvironment): number =>
  log.slice(-100).reduce((total, { actions }) => total + actions.length, 0) / 100;

describeBuilds("the paper's algorithm on an environment whose episodes end", (kernels) => {
  const DEMONSTRATIONS = discreteTrajectories(balancedEpisodes(10));

  /** Mean steps of the last 100 trajectories of the agent; 40 is a full episode. */
  function lengthAfter(
    seed: number,
    stepSize: number,
    sampling: "markov-chain" | "replay",
    taught: Pick<SoftQMlIrlOptions, "termination" | "constantReward"> = OPTIONS,
  ): number {
    const key = keyFromSeed(seed);
    const [train, rollout] = [unstableEnvironment(), unstableEnvironment()];
    const features = productFeatures(standardisationOver([DEMONSTRATIONS.observations], 2), 3);
    const problem = createEnvironmentProblem(
      kernels,
      { train, rollout },
      features,
      DEMONSTRATIONS,
      {
        sampling,
        replayCapacity: 2000,
        gradientDiscount: 0.95,
        batchCapacity: 100,
        trajectoryCapacity: 2,
      },
      foldIn(key, 1),
    );
    const options: SoftQMlIrlOptions = {
      softQ: { ...SOFT_Q, width: 64, stepSize: 0.5, discount: 0.95 },
      innerSteps: { first: 100, growth: 0 },
      reward: { width: 64, radius: 20, stepSize, decay: 0 },
      trajectories: 2,
      termination: taught.termination,
      constantReward: taught.constantReward,
    };
    const state = createSoftQMlIrl(kernels, problem, options, 80, foldIn(key, 0));
    iterate(kernels, state, 300);
    return meanLength(rollout);
  }

  // Three seeds and both ways of sampling: 39 to 40 of 40 steps; 3 to 5 by descent.
  it.each(["markov-chain", "replay"] as const)("stays up as the expert does: %s", (sampling) => {
    for (const seed of [1, 2, 3]) expect(lengthAfter(seed, 0.1, sampling)).toBeGreaterThan(36);
    expect(lengthAfter(1, -0.1, sampling)).toBeLessThan(6);
    expect(lengthAfter(1, 0, sampling)).toBeLessThan(15);
  });

  // Three seeds: 38 to 40 steps by the learned reward, 36 and 4 by +1 without and with absorbing states, 11 by nothing.
  it("stays up with absorbing states too, where a constant +1 no longer makes it", () => {
    const after = (seed: number, stepSize: number, constantReward: number | null): number =>
      lengthAfter(seed, stepSize, "replay", { termination: "absorbing", constantReward });
    for (const seed of [1, 2, 3]) expect(after(seed, 0.1, null)).toBeGreaterThan(36);
    expect(after(1, -0.1, null)).toBeLessThan(6);
    expect(after(1, 0.1, 1)).toBeLessThan(8);
    expect(lengthAfter(1, 0.1, "replay", { termination: "native", constantReward: 1 })).toBeGreaterThan(30);
  });
});
