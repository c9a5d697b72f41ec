import { describe, expect, it } from "vitest";
import { foldIn, keyFromSeed, nextNormal, streamOf, type Trajectories } from "../../src/core/index.ts";
import { garnetMdp, makeEnvironment, type Environment } from "../../src/envs/index.ts";
import {
  asRewardFunction,
  dardDistance,
  distanceInterval,
  epicDistance,
  exactDistance,
  joinRows,
  possibleCoverage,
  randomPolicy,
  sampledDistance,
  simulated,
  starcDistance,
  uniformCoverage,
  type DistanceKind,
  type RewardsAlong,
  type SampledQualityOptions,
} from "../../src/eval/index.ts";
import { rollout } from "../../src/rl/index.ts";

const STATES = 5;
const ACTIONS = 3;
const PAIRS = STATES * ACTIONS;
const DISCOUNT = 0.6;
/** Every pair leads to one state. */
const MDP = garnetMdp({ states: STATES, actions: ACTIONS, branching: 1, seed: 2 });
const normals = (purpose: number): Float64Array => {
  const stream = streamOf(foldIn(keyFromSeed(9), purpose));
  return Float64Array.from({ length: PAIRS }, () => nextNormal(stream));
};
const OTHER = normals(1);
const POTENTIAL = normals(2);
const nextOf = (pair: number): number =>
  MDP.transitions.subarray(pair * STATES, (pair + 1) * STATES).indexOf(1);
/** r + gamma Phi(s') - Phi(s), [S, A, S]. */
const shaped = (table: ArrayLike<number>): Float64Array =>
  Float64Array.from({ length: PAIRS * STATES }, (_, i) => {
    const pair = Math.floor(i / STATES);
    return table[pair] + DISCOUNT * POTENTIAL[i % STATES] - POTENTIAL[Math.floor(pair / ACTIONS)];
  });
/** What of it a reward of pairs can hold, r + gamma Phi(s'(s, a)) - Phi(s), [S, A]. */
const shapedPairs = (table: ArrayLike<number>): Float64Array =>
  Float64Array.from(table, (_, pair) => shaped(table)[pair * STATES + nextOf(pair)]);
const CONSTANT = new Float64Array(PAIRS).fill(0.3);
const KINDS: DistanceKind[] = ["EPIC", "DARD", "STARC"];

describe.each(KINDS)("%s, exact", (kind) => {
  const measured = exactDistance(
    kind,
    MDP,
    [OTHER, shaped(MDP.rewards), MDP.rewards.map((r) => 2 * r + 1), MDP.rewards.map((r) => -r), CONSTANT],
    DISCOUNT,
  );
  const distances = measured.rewards.map(({ distance }) => distance);

  it("is the tabular distance under its coverage", () => {
    const even = { discount: DISCOUNT, coverage: uniformCoverage(MDP) };
    const possible = { discount: DISCOUNT, coverage: possibleCoverage(MDP) };
    const expected = {
      EPIC: epicDistance(MDP, MDP.rewards, OTHER, even),
      DARD: dardDistance(MDP, MDP.rewards, OTHER, possible),
      STARC: starcDistance(MDP, MDP.rewards, OTHER, { ...possible, canonical: "value-adjusted" }),
    };
    expect(distances[0]).toBe(expected[kind]);
    expect(measured).toMatchObject({ kind, exact: true, draws: null, simulatorSteps: 0 });
  });

  it("is 0 for what orders policies alike, 1 for the opposite, and far for what is unrelated", () => {
    expect(distances[1]).toBeLessThan(1e-7);
    expect(distances[2]).toBeLessThan(1e-7);
    expect(distances[3]).toBeCloseTo(1, 7);
    expect(distances[0]).toBeGreaterThan(0.5);
  });

  it("sees shaping that a reward of pairs holds in impossible transitions, except STARC", () => {
    const [{ distance }] = exactDistance(kind, MDP, [shapedPairs(MDP.rewards)], DISCOUNT).rewards;
    if (kind === "STARC") expect(distance).toBeLessThan(1e-7);
    else expect(distance).toBeGreaterThan(0.01);
  });

  it("is none for a constant reward", () => {
    expect(measured.rewards[4]).toEqual({ distance: null, interval: null });
    expect(measured.trivial).toEqual({ truth: false, learned: [false, false, false, false, true] });
    const flat = exactDistance(kind, { ...MDP, rewards: CONSTANT }, [OTHER], DISCOUNT);
    expect(flat.trivial.truth).toBe(true);
    expect(flat.rewards[0].distance).toBeNull();
  });

  it("depends on the discount", () => {
    expect(exactDistance(kind, MDP, [OTHER], 0.2).rewards[0].distance).not.toBe(distances[0]);
  });
});

/** The deterministic problem as a simulator that can be put into the state it shows. */
async function tellingEnvironment(rewards = MDP.rewards): Promise<Environment> {
  const plain = await makeEnvironment("Chain-v0", {});
  let state = 0;
  const observation = Float64Array.of(0);
  return {
    ...plain,
    id: "Telling-v0",
    observationSpace: plain.observationSpace,
    actionSpace: { kind: "discrete", count: ACTIONS },
    maxEpisodeSteps: 10,
    reset: () => {
      state = 0;
      return { observation, info: {} };
    },
    stateFromObservation: ({ 0: s }) => ({ s: [s] }),
    setState: ({ s }) => {
      state = s[0];
      return observation;
    },
    step: ({ 0: action }) => {
      const pair = state * ACTIONS + action;
      state = nextOf(pair);
      observation[0] = state;
      return { observation, reward: rewards[pair], terminated: false, truncated: false, info: {} };
    },
    getState: () => ({ s: [state] }),
    close() {},
  };
}

/** Every pair once: the coverage that is even over pairs. */
const COVERAGE: Trajectories = joinRows([
  {
    observationSize: 1,
    actionSize: 1,
    observations: Float32Array.from({ length: PAIRS }, (_, pair) => Math.floor(pair / ACTIONS)),
    actions: Float32Array.from({ length: PAIRS }, (_, pair) => pair % ACTIONS),
    nextObservations: Float32Array.from({ length: PAIRS }, (_, pair) => nextOf(pair)),
    rewards: new Float32Array(PAIRS),
    terminated: new Uint8Array(PAIRS),
    truncated: new Uint8Array(PAIRS),
    episodeStarts: Uint32Array.of(0, PAIRS),
  },
]);

const tableAlong =
  (table: ArrayLike<number>): RewardsAlong =>
  ({ observations, actions }) =>
    Float32Array.from(observations, (s, t) => table[s * ACTIONS + actions[t]]);

describe.each(KINDS)("%s, from the simulator", (kind) => {
  let heard = 0;
  const options: SampledQualityOptions = {
    transitions: 300,
    samples: 10,
    horizon: 8,
    discount: DISCOUNT,
    coverage: COVERAGE,
    key: keyFromSeed(1),
    onTransition: () => heard++,
  };
  const measure = async (
    tables: readonly ArrayLike<number>[],
    more: Partial<SampledQualityOptions> = {},
    rewards = MDP.rewards,
  ): Promise<ReturnType<typeof sampledDistance>> =>
    sampledDistance(kind, await tellingEnvironment(rewards), tables.map(tableAlong), { ...options, ...more });

  it("agrees with the exact one under the same coverage", async () => {
    const coverage = possibleCoverage(MDP);
    const exact = {
      EPIC: epicDistance(MDP, MDP.rewards, OTHER, { discount: DISCOUNT, coverage }),
      DARD: dardDistance(MDP, MDP.rewards, OTHER, { discount: DISCOUNT, coverage }),
      STARC: starcDistance(MDP, MDP.rewards, OTHER, {
        discount: DISCOUNT,
        coverage,
        canonical: "value-adjusted",
      }),
    }[kind];
    heard = 0;
    const { rewards, exact: isExact } = await measure([OTHER]);
    expect(isExact).toBe(false);
    expect(heard).toBe(300);
    const [{ distance, interval }] = rewards;
    // A correlation of n has a deviation of 1 / sqrt(n) at most, its distance one of 1 / (4 d) of that; as much again for
    // the expectations, which are of 10 draws.
    expect(Math.abs((distance ?? NaN) - exact)).toBeLessThan((4 * 2) / (4 * exact * Math.sqrt(300)));
    const [low, high] = interval ?? [NaN, NaN];
    expect(low).toBeLessThan(distance ?? NaN);
    expect(high).toBeGreaterThan(distance ?? NaN);
    expect(high - low).toBeLessThan((2 * 4) / (4 * exact * Math.sqrt(300)));
  });

  it("measures several rewards under the draws of one alone", async () => {
    const both = await measure([CONSTANT, OTHER]);
    const alone = await measure([OTHER]);
    expect(both.rewards[1]).toEqual(alone.rewards[0]);
    expect(both.simulatorSteps).toBe(alone.simulatorSteps);
  });

  it("has none of a constant reward, and is 0 and 1 where it should be", async () => {
    const { rewards, trivial } = await measure([CONSTANT, MDP.rewards, MDP.rewards.map((r) => -r)]);
    expect(rewards[0]).toEqual({ distance: null, interval: null });
    expect(trivial).toEqual({ truth: false, learned: [true, false, false] });
    // The learned rewards are float32.
    expect(rewards[1].distance).toBeLessThan(1e-6);
    expect(rewards[2].distance).toBeCloseTo(1, 6);
    const flat = await measure([OTHER], {}, CONSTANT);
    expect(flat.trivial.truth).toBe(true);
    expect(flat.rewards[0].distance).toBeNull();
  });

  it("makes each step once, however many ask for it", async () => {
    const { simulatorSteps } = await measure([OTHER]);
    const each = 300 * 10;
    expect(simulatorSteps).toBe(300 + { EPIC: 2 * each, DARD: 3 * each, STARC: 2 * 8 * each }[kind]);
  });

  it("depends on each option", async () => {
    const plain = await measure([OTHER]);
    const changes: Partial<SampledQualityOptions>[] = [
      { transitions: 200 },
      { samples: 5 },
      { discount: 0.2 },
      { key: keyFromSeed(2) },
      ...(kind === "STARC" ? [{ horizon: 3 }] : []),
    ];
    for (const change of changes)
      expect((await measure([OTHER], change)).rewards[0].distance).not.toBe(plain.rewards[0].distance);
  });
});

const sample = (n: number, shift: number): [Float64Array, Float64Array] => {
  const stream = streamOf(keyFromSeed(4));
  const x = Float64Array.from({ length: n }, () => nextNormal(stream) + shift);
  return [x, x.map((value) => value + nextNormal(stream))];
};

describe("an interval of a distance", () => {
  it("has the width of a correlation's", () => {
    const [x, y] = sample(400, 0);
    const [low, high] = distanceInterval(x, y, true, keyFromSeed(1));
    // rho = sqrt(1/2), of deviation (1 - rho^2) / sqrt(n); d = sqrt((1 - rho) / 2), so 1 / (4 d) of that; 400 resamples know it to 10 %.
    const rho = Math.sqrt(1 / 2);
    const width = (2 * 1.96 * (1 - rho * rho)) / Math.sqrt(400) / (4 * Math.sqrt((1 - rho) / 2));
    expect(high - low).toBeGreaterThan(0.7 * width);
    expect(high - low).toBeLessThan(1.3 * width);
  });

  it("is nothing between equals, repeats from its key, and is centred only where told", () => {
    const [x, y] = sample(100, 0);
    distanceInterval(x, x, true, keyFromSeed(1)).forEach((end) => expect(end).toBeLessThan(1e-7));
    expect(distanceInterval(x, y, true, keyFromSeed(1))).toEqual(
      distanceInterval(x, y, true, keyFromSeed(1)),
    );
    expect(distanceInterval(x, y, true, keyFromSeed(2))).not.toEqual(
      distanceInterval(x, y, true, keyFromSeed(1)),
    );
    const [far, farther] = sample(100, 10);
    expect(distanceInterval(far, farther, true, keyFromSeed(1))[0]).toBeGreaterThan(0.2);
    expect(distanceInterval(far, farther, false, keyFromSeed(1))[1]).toBeLessThan(0.1);
  });
});

it("a learned reward is asked about (s, a, s') that go on", () => {
  const seen: Trajectories[] = [];
  const reward = asRewardFunction((rows) => (seen.push(rows), Float32Array.of(1, 2)), {
    observationSize: 2,
    actionSize: 1,
  });
  const [s, a, next] = [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6), Float32Array.of(7, 8, 9, 0)];
  expect(reward(s, a, next)).toEqual(Float64Array.of(1, 2));
  expect(seen[0]).toMatchObject({
    observations: s,
    actions: a,
    nextObservations: next,
    observationSize: 2,
    actionSize: 1,
  });
  expect(Array.from(seen[0].terminated)).toEqual([0, 0]);
});

it("a simulated batch is stepped again for other actions", async () => {
  const cheetah = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 20 });
  const { observations, actions } = rollout(cheetah, randomPolicy(keyFromSeed(1)), 1, keyFromSeed(2));
  const world = simulated(cheetah);
  const stream = streamOf(keyFromSeed(3));
  const next = world.transitions(observations, actions, stream);
  const paid = world.reward(observations, actions, next);
  expect(world.steps()).toBe(20);
  const still = new Float32Array(actions.length);
  expect(world.reward(observations, still, next)).not.toEqual(paid);
  expect(world.transitions(observations, still, stream)).not.toEqual(next);
  expect(world.reward(observations, actions, next)).toEqual(paid);
  cheetah.close();
});
