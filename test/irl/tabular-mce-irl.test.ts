import { expect, it } from "vitest";
import {
  foldIn,
  keyFromSeed,
  sliceEpisodes,
  type RewardRecord,
  type Trajectories,
  type TrainingRecord,
} from "../../src/core/index.ts";
import { garnetMdp, tabularEnvironment } from "../../src/envs/index.ts";
import { randomPolicy } from "../../src/eval/index.ts";
import {
  createTabularMceIrl,
  mceIrl,
  tabularMceIrlIteration,
  tabularRewardsAlong,
  type TabularMceIrl,
  type TabularMceIrlOptions,
} from "../../src/irl/index.ts";
import { actionLogLikelihood, likelihoodRoom, rollout, type SacOptions } from "../../src/rl/index.ts";
import { TRAIN_DEFAULTS } from "../../src/runs/index.ts";
import { describeBuilds, upload } from "../kernels/builds.ts";
import { expectClose } from "../reference/closeness.ts";
import { farthest, inner } from "../reference/tabular.ts";

const MDP = garnetMdp({ states: 5, actions: 3, branching: 2, seed: 4 });
const { states: S, actions: A } = MDP;
const DISCOUNT = 0.8;
const SAC: SacOptions = { ...TRAIN_DEFAULTS.sac, hidden: [S], discount: DISCOUNT, temperature: 1 };
const OPTIONS: TabularMceIrlOptions = { sac: SAC, radius: 3 };
const environment = tabularEnvironment("Table-v0", MDP, 12, { oneHot: true });
const key = keyFromSeed(6);
const SHOWN = rollout(environment, randomPolicy(foldIn(key, 0)), 3, foldIn(key, 1));

/** Soft values by sweeps, V = log sum_a exp Q; then log pi. */
function softPolicy(rewards: ArrayLike<number>, discount: number): number[] {
  let values = Array.from({ length: S }, () => 0);
  const q = (pair: number): number =>
    rewards[pair] +
    discount * values.reduce((sum, value, next) => sum + MDP.transitions[pair * S + next] * value, 0);
  const soft = (s: number): number =>
    Math.log(Array.from({ length: A }, (_, a) => Math.exp(q(s * A + a))).reduce((x, y) => x + y));
  for (let sweep = 0; sweep < 300; sweep++) values = values.map((_, s) => soft(s));
  return Array.from({ length: S * A }, (_, pair) => q(pair) - values[Math.floor(pair / A)]);
}

/** sum_t gamma^t P(s_t, a_t), by stepping the distribution. */
function visitsOf(logPolicy: readonly number[], initial: readonly number[], discount: number): number[] {
  const total = Array.from({ length: S * A }, () => 0);
  let here = [...initial];
  for (let t = 0, weight = 1; t < 300; t++, weight *= discount) {
    const next = here.map(() => 0);
    for (let pair = 0; pair < S * A; pair++) {
      const mass = here[Math.floor(pair / A)] * Math.exp(logPolicy[pair]);
      total[pair] += weight * mass;
      for (let s = 0; s < S; s++) next[s] += mass * MDP.transitions[pair * S + s];
    }
    here = next;
  }
  return total;
}

/** Discounted counts with the sum of a policy's, and where episodes begin. */
function shownCounts({ observations, actions, episodeStarts }: Trajectories, discount: number) {
  const stateOf = (t: number): number => observations.subarray(t * S, (t + 1) * S).indexOf(1);
  const counts = Array.from({ length: S * A }, () => 0);
  const initial = Array.from({ length: S }, () => 0);
  const episodes = episodeStarts.length - 1;
  for (let episode = 0; episode < episodes; episode++) {
    const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
    initial[stateOf(start)] += 1 / episodes;
    for (let t = start; t < end; t++) counts[stateOf(t) * A + actions[t]] += discount ** (t - start);
  }
  const total = counts.reduce((x, y) => x + y);
  return { counts: counts.map((count) => count / (total * (1 - discount))), initial };
}

describeBuilds("maximum causal entropy inverse RL as a learner", (kernels) => {
  const make = (options: Partial<TabularMceIrlOptions> = {}, shown = SHOWN): TabularMceIrl =>
    createTabularMceIrl(kernels, environment, shown, { ...OPTIONS, ...options }, keyFromSeed(1));
  const run = (state: TabularMceIrl, steps: number): TrainingRecord[] => {
    const records: TrainingRecord[] = [];
    while (state.agent.steps < steps)
      tabularMceIrlIteration(
        kernels,
        state,
        steps,
        (record) => records.push(record),
        () => 0,
      );
    return records;
  };
  const rewardsOf = ({ tensors }: TabularMceIrl): Float64Array => {
    const rest = kernels.f32(...tensors.mceRewardsRest);
    return Float64Array.from(kernels.f32(...tensors.mceRewards), (each, i) => each + rest[i]);
  };
  /** log pi of the network, [S, A]. */
  const policyOf = ({ agent: { policy, actionSpace } }: TabularMceIrl): number[] => {
    const rows = Array.from({ length: S * A }, (_, pair) => [
      ...Array.from({ length: S }, (_, s) => (s === Math.floor(pair / A) ? 1 : 0)),
      ...Array.from({ length: A }, (_, a) => (a === pair % A ? 1 : 0)),
    ]);
    const batch = { size: S * A, rows: upload(kernels, rows.flat()), stride: S + A };
    const room = likelihoodRoom(kernels, policy, actionSpace, S * A);
    actionLogLikelihood(kernels, policy, batch, room);
    return [...kernels.f32(room.logProb, S * A)];
  };
  const uniform = Array.from({ length: S * A }, () => -Math.log(A));

  it("takes the step of its definition, and says what it was", () => {
    const state = make();
    expectClose(policyOf(state), uniform, 1e-6);
    const records = run(state, 1);
    const { counts, initial } = shownCounts(SHOWN, DISCOUNT);
    const visited = visitsOf(uniform, initial, DISCOUNT);
    const gradient = counts.map((count, i) => count - visited[i]);
    // 1 - gamma of the gradient: J rises there, and it lies within the ball.
    const rewards = gradient.map((each) => (1 - DISCOUNT) * each);
    const norm = Math.sqrt(inner(gradient, gradient));
    expect((1 - DISCOUNT) * norm).toBeLessThan(OPTIONS.radius);
    expectClose(rewardsOf(state), rewards, 1e-9);
    expectClose(policyOf(state), softPolicy(rewards, DISCOUNT), 2e-6);
    const [reward, cloning] = records;
    expect(records).toHaveLength(2);
    expect(reward).toMatchObject({
      kind: "reward",
      step: 1,
      rewardStep: 1,
      returnGap: 0,
      expertMeanReward: 0,
      gradientCosine: 0,
      travel: 0,
      projected: 0,
    });
    expect((reward as RewardRecord).gradientNorm).toBeCloseTo((1 - DISCOUNT) * norm, 8);
    expect(cloning).toMatchObject({ kind: "cloning", step: 1, updates: 1 });
    expect(cloning).toHaveProperty("logLikelihood", expect.closeTo(-Math.log(A), 8));
    expect(state.agent.policy.updates).toBe(1);

    // The second step says where it starts from.
    const [second, likelihood] = run(state, 2) as [RewardRecord, TrainingRecord];
    const own = visitsOf(softPolicy(rewards, DISCOUNT), initial, DISCOUNT);
    const slope = counts.map((count, i) => count - own[i]);
    expect(second.step).toBe(2);
    expect(second.returnGap).toBeCloseTo(inner(slope, rewards), 7);
    expect(second.expertMeanReward).toBeCloseTo((1 - DISCOUNT) * inner(counts, rewards), 7);
    expect(second.agentMeanReward).toBeCloseTo((1 - DISCOUNT) * inner(own, rewards), 7);
    // r is held to 48 bits.
    expect(Math.abs(second.travel - Math.sqrt(inner(rewards, rewards)))).toBeLessThan(1e-11);
    const cosine = inner(slope, gradient) / (norm * Math.sqrt(inner(slope, slope)));
    expect(second.gradientCosine).toBeCloseTo(cosine, 5);
    // As far as the curvature of the first step says; this too is within the ball.
    const bent = inner(rewards, gradient) - inner(rewards, slope);
    const stepSize = inner(rewards, rewards) / bent;
    expect(bent).toBeGreaterThan(0);
    expect(stepSize).toBeGreaterThan(1.5 * (1 - DISCOUNT));
    const further = rewards.map((each, i) => each + stepSize * slope[i]);
    const reach = Math.sqrt(inner(further, further)) / OPTIONS.radius;
    expectClose(
      rewardsOf(state),
      further.map((each) => each / Math.max(1, reach)),
      1e-6,
    );
    expect(likelihood).toHaveProperty(
      "logLikelihood",
      expect.closeTo((1 - DISCOUNT) * inner(counts, softPolicy(rewards, DISCOUNT)), 6),
    );
  });

  it.each([1, 3])("comes to the maximum that mceIrl finds (radius %d), and stays there", (radius) => {
    const state = make({ radius });
    run(state, 500);
    expect(state.counters.arrived).toBe(1);
    const { counts, initial } = shownCounts(SHOWN, DISCOUNT);
    const found = mceIrl(
      { ...MDP, initial: Float64Array.from(initial) },
      Float64Array.from(counts),
      new Float64Array(S * A),
      { discount: DISCOUNT, radius, gradientTolerance: 1e-7, valueTolerance: 1e-10, maxIterations: 5000 },
    );
    expect(found.travel).toBeCloseTo(1, 6);
    expect(farthest(rewardsOf(state), found.rewards)).toBeLessThan(1e-3);
    expect(farthest(policyOf(state), found.logPolicy)).toBeLessThan(1e-3);
    const rewards = rewardsOf(state);
    const { rewardSteps } = state.counters;
    expect(rewardSteps).toBeLessThan(500);
    expect(run(state, 600)).toEqual([]);
    expect(rewardsOf(state)).toEqual(rewards);
    expect(state.agent.steps).toBe(600);
    expect(state.counters.rewardSteps).toBe(rewardSteps);
  });

  it("holds in its network the policy that is soft-optimal for its reward, at every step", () => {
    const state = make();
    for (let step = 1; step <= 12; step++) {
      run(state, step);
      expectClose(policyOf(state), softPolicy(rewardsOf(state), DISCOUNT), 1e-5);
    }
  });

  it("gives the reward of each pair along trajectories", () => {
    const state = make();
    run(state, 20);
    const table = rewardsOf(state);
    const along = tabularRewardsAlong(kernels, state, SHOWN);
    const expected = Array.from(SHOWN.actions, (action, t) => {
      const s = SHOWN.observations.subarray(t * S, (t + 1) * S).indexOf(1);
      return Math.fround(table[s * A + action]);
    });
    expect([...along]).toEqual(expected);
    expect(new Set(along).size).toBeGreaterThan(5);
  });

  it("heeds its options and the demonstrations, sees no true reward and takes no step in the environment", () => {
    const after = (options: Partial<TabularMceIrlOptions> = {}, shown = SHOWN): Float64Array => {
      const state = make(options, shown);
      run(state, 40);
      expect(state.steps).toEqual({
        train: 0,
        rewardRollout: 0,
        evaluation: 0,
        expert: shown.terminated.length,
      });
      return rewardsOf(state);
    };
    const plain = after();
    expect(after({}, { ...SHOWN, rewards: null })).toEqual(plain);
    expect(environment.dynamics).not.toHaveProperty("rewards");
    const others = [
      after({ radius: 2 }),
      after({ sac: { ...SAC, discount: 0.7 } }),
      after({}, sliceEpisodes(SHOWN, 0, 2)),
    ];
    for (const other of others) expect(farthest(other, plain)).toBeGreaterThan(0.01);
  });

  it("refuses what it cannot mean", () => {
    expect(() => make({ radius: 0 })).toThrow(/radius above 0, got 0/);
    expect(() => make({ sac: { ...SAC, temperature: "learnt" } })).toThrow(/temperature of 1, got learnt/);
    expect(() => make({ sac: { ...SAC, hidden: [4] } })).toThrow(/a hidden layer of 5 units/);
    const plain = tabularEnvironment("Table-v0", MDP, 12);
    expect(() => createTabularMceIrl(kernels, plain, SHOWN, OPTIONS, key)).toThrow(
      /Table-v0 shows their numbers; add --env-option observations=one-hot/,
    );
    const unknown = { ...environment, dynamics: undefined };
    expect(() =>
      createTabularMceIrl(kernels, unknown as unknown as typeof environment, SHOWN, OPTIONS, key),
    ).toThrow(/has to know the task's table/);
    const blank = { ...SHOWN, observations: SHOWN.observations.map(() => 0) };
    expect(() => make({}, blank)).toThrow(/a 1 in the state's place/);
  });
});
