import { describe, expect, it } from "vitest";

import {
  foldIn,
  keyFromSeed,
  nextNormal,
  nextUniform,
  streamOf,
  type Key,
  type Trajectories,
} from "../../src/core/index.ts";
import { garnetMdp, type TabularMdp } from "../../src/envs/index.ts";
import {
  dardDistance,
  epicDistance,
  possibleCoverage,
  sampledDardDistance,
  sampledEpicDistance,
  sampledStarcDistance,
  starcDistance,
  type RewardFunction,
  type SampledStarcOptions,
  type TransitionModel,
} from "../../src/eval/index.ts";

type Sampled = (
  model: TransitionModel,
  first: RewardFunction,
  second: RewardFunction,
  options: SampledStarcOptions,
) => number;

const DISCOUNT = 0.5;
const MDP = garnetMdp({ states: 4, actions: 2, branching: 2, seed: 1 });
const [FIRST, SECOND, POTENTIAL] = [0, 1, 2].map((purpose) => {
  const stream = streamOf(foldIn(keyFromSeed(1), purpose));
  return Float64Array.from({ length: 32 }, () => nextNormal(stream));
});
const EXACT = { discount: DISCOUNT, coverage: coverageOf(recorded()) };

const SAMPLED: readonly { name: string; sampled: Sampled; exact: number; draws: number }[] = [
  {
    name: "EPIC",
    sampled: (_, first, second, options) => sampledEpicDistance(first, second, options),
    exact: epicDistance(MDP, FIRST, SECOND, EXACT),
    draws: 16,
  },
  { name: "DARD", sampled: sampledDardDistance, exact: dardDistance(MDP, FIRST, SECOND, EXACT), draws: 16 },
  {
    name: "STARC",
    sampled: sampledStarcDistance,
    exact: starcDistance(MDP, FIRST, SECOND, { ...EXACT, canonical: "value-adjusted" }),
    draws: 5,
  },
];

const options = (draws: number, key: Key): SampledStarcOptions => ({
  discount: DISCOUNT,
  coverage: recorded(),
  transitions: draws,
  samples: draws,
  horizon: 12,
  key,
});

describe.each(SAMPLED)("$name from samples", ({ name, sampled, exact, draws }) => {
  const distance = (count: number, seed: number): number =>
    sampled(model(MDP), rewardOf(FIRST), rewardOf(SECOND), options(count, keyFromSeed(seed)));

  const changed = (given: Partial<SampledStarcOptions>, reward = rewardOf(FIRST)): number =>
    sampled(model(MDP), reward, rewardOf(SECOND), { ...options(5, keyFromSeed(1)), ...given });

  it("nears the exact value as 1 / sqrt(draws)", () => {
    const errorOf = (count: number): number => {
      const runs = 12;
      let square = 0;
      for (let seed = 0; seed < runs; seed++) square += (distance(count, seed) - exact) ** 2 / runs;
      return Math.sqrt(square);
    };
    const [few, many] = [errorOf(draws), errorOf(9 * draws)];
    // Nine times the draws: a third is expected; a root mean square of 12 runs is known to 1 / sqrt(24), a fifth, each.
    expect(many / few).toBeLessThan((1 / 3) * (1 + 4 * Math.sqrt(2 / 24)));
    // A correlation of n has a deviation of 1 / sqrt(n) at most, its distance one of 1 / (4 d) of that.
    const deviation = 1 / (4 * exact * Math.sqrt(9 * draws));
    expect(many).toBeLessThan(2 * deviation);
  });

  it("does not see a positive scale or a constant, and ends at 1", () => {
    const other = rewardOf(FIRST.map((value) => 3 * value + 5));
    const opposite = rewardOf(FIRST.map((value) => -value));
    const { key } = options(1, keyFromSeed(2));
    expect(sampled(model(MDP), rewardOf(FIRST), other, options(20, key))).toBeLessThan(1e-12);
    expect(sampled(model(MDP), rewardOf(FIRST), opposite, options(20, key))).toBeCloseTo(1, 12);
  });

  it("does not see shaping, but for what the pool or the horizon leaves", () => {
    const shaped = rewardOf(
      FIRST.map((value, i) => value + DISCOUNT * POTENTIAL[i % 4] - POTENTIAL[Math.floor(i / 8)]),
    );
    const d = sampled(model(MDP), rewardOf(FIRST), shaped, options(20, keyFromSeed(2)));
    // EPIC and DARD share their draws between terms, so that potentials cancel in each; STARC leaves gamma^12 of them.
    expect(d).toBeLessThan(name === "STARC" ? 10 * DISCOUNT ** 12 : 1e-12);
  });

  it("puts constants 0 from each other and 1/2 from others", () => {
    const [a, b] = [rewardOf(FIRST.map(() => 0.1)), rewardOf(FIRST.map(() => -7))];
    expect(sampled(model(MDP), a, b, options(20, keyFromSeed(2)))).toBe(0);
    expect(sampled(model(MDP), a, rewardOf(FIRST), options(20, keyFromSeed(2)))).toBeCloseTo(0.5, 12);
  });

  it("is symmetric, repeats from its key and differs under another", () => {
    const backward = sampled(model(MDP), rewardOf(SECOND), rewardOf(FIRST), options(20, keyFromSeed(3)));
    expect(distance(20, 3)).toBe(distance(20, 3));
    expect(backward).toBe(distance(20, 3));
    expect(distance(20, 4)).not.toBe(distance(20, 3));
  });

  it("depends on each option", () => {
    const changes: Partial<SampledStarcOptions>[] = [{ discount: 0.2 }, { transitions: 30 }, { samples: 30 }];
    if (name === "STARC") changes.push({ horizon: 2 });
    for (const change of changes) expect(changed(change)).not.toBeCloseTo(changed({}), 6);
  });

  it("refuses what does not fit, in one line", () => {
    expect(() => changed({ discount: -0.1 })).toThrow(/discount in \[0, 1\], got -0.1/);
    expect(() => changed({ transitions: 0 })).toThrow(/whole number from 1 as transitions, got 0/);
    expect(() => changed({ samples: 1.5 })).toThrow(/whole number from 1 as samples, got 1.5/);
    expect(() => changed({ coverage: { ...recorded(), episodeStarts: Uint32Array.of(0) } })).toThrow(
      /got none/,
    );
    expect(() => changed({}, () => new Float64Array(2))).toThrow(/expected 5 finite rewards, got 2; check/);
    expect(() => changed({}, () => new Float64Array(5).fill(Infinity))).toThrow(
      /5 finite rewards, got Infinity/,
    );
    if (name === "STARC")
      expect(() => changed({ horizon: 0 })).toThrow(/whole number from 1 as horizon, got 0/);
  });
});

/** Rows (first + i, first + i + 10) of i from 0 to 4. */
function pairs(first: number): Float32Array {
  return Float32Array.from({ length: 10 }, (_, i) => first + (i >> 1) + 10 * (i & 1));
}

/** The i of rows of `pairs`, which both of a row's numbers must tell. */
function rowsOf(column: Float32Array, first: number): number[] {
  const rows = Array.from({ length: column.length / 2 }, (_, i) => column[2 * i] - first);
  expect(Array.from(column)).toEqual(rows.flatMap((row) => [first + row, first + row + 10]));
  return rows;
}

describe("what EPIC asks for", () => {
  const coverage: Trajectories = {
    observationSize: 2,
    actionSize: 2,
    observations: pairs(0),
    actions: pairs(20),
    nextObservations: pairs(40),
    rewards: null,
    terminated: new Uint8Array(5),
    truncated: new Uint8Array(5),
    episodeStarts: Uint32Array.of(0, 5),
  };
  const asked: [Float32Array, Float32Array, Float32Array][] = [];
  sampledEpicDistance(
    (...given) => {
      asked.push(given);
      return Float64Array.from({ length: given[0].length / 2 }, (_, i) => given[0][2 * i]);
    },
    (observations) => Float64Array.from({ length: observations.length / 2 }, (_, i) => i),
    { coverage, discount: 0.9, transitions: 40, samples: 30, key: keyFromSeed(1) },
  );
  const [batch, ...rest] = asked;

  it("is, once, for transitions of the coverage, each of them drawn", () => {
    const rows = rowsOf(batch[0], 0);
    expect(rows.length).toBe(40);
    expect(new Set(rows)).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(rowsOf(batch[1], 20)).toEqual(rows);
    expect(rowsOf(batch[2], 40)).toEqual(rows);
  });

  it("is then for one pool of actions and states, drawn apart, from either end of each transition", () => {
    const [actions, states] = [rowsOf(rest[0][1], 20), rowsOf(rest[0][2], 0)];
    for (const drawn of [actions, states]) expect(new Set(drawn)).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(states).not.toEqual(actions);
    expect(actions).not.toEqual(rowsOf(batch[0], 0).slice(0, 30));
    const from = new Set<string>();
    for (const [observations, ...pool] of rest) {
      expect(pool).toEqual(rest[0].slice(1));
      const start = [observations[0], observations[1]];
      expect(Array.from(observations)).toEqual(Array.from({ length: 60 }, (_, i) => start[i % 2]));
      from.add(start.join());
    }
    expect(rest.length).toBe(80);
    expect(from.size).toBe(10);
  });
});

describe("the advantages of STARC", () => {
  it("have random numbers of their own from each transition, which both halves share", () => {
    const keys: string[] = [];
    const spied: TransitionModel = (observations, actions, stream) => {
      keys.push(stream.key.join());
      return model(MDP)(observations, actions, stream);
    };
    sampledStarcDistance(spied, rewardOf(FIRST), rewardOf(SECOND), {
      ...options(6, keyFromSeed(1)),
      horizon: 2,
    });
    expect(keys.length).toBe(24);
    for (let i = 0; i < 24; i += 4) expect(new Set(keys.slice(i, i + 4)).size).toBe(1);
    expect(new Set(keys).size).toBe(6);
  });

  it("have no mean taken off: one transition is enough for opposites", () => {
    const opposite = rewardOf(FIRST.map((value) => -value));
    const one = { ...options(10, keyFromSeed(1)), transitions: 1 };
    expect(sampledStarcDistance(model(MDP), rewardOf(FIRST), opposite, one)).toBe(1);
  });
});

describe("how often the sampled forms ask", () => {
  const draws = { ...options(5, keyFromSeed(1)), samples: 7, horizon: 3 };

  it.each([
    ["EPIC", 5 * 15, 0],
    ["DARD", 5 * 22, 2 * 5 * 7],
    ["STARC", 5 + 2 * 5 * 7 * 3, 2 * 5 * 7 * 3],
  ])("is as written: %s", (name, rewards, steps) => {
    const calls = { rewards: 0, steps: 0 };
    const [counted, reward] = counting(calls);
    SAMPLED.find((each) => each.name === name)?.sampled(counted, reward, rewardOf(SECOND), draws);
    expect(calls).toEqual({ rewards, steps });
  });
});

/** The model and a reward that count what they are asked for. */
function counting(calls: { rewards: number; steps: number }): [TransitionModel, RewardFunction] {
  return [
    (observations, actions, stream) => {
      calls.steps += actions.length;
      return model(MDP)(observations, actions, stream);
    },
    (observations, actions, nextObservations) => {
      calls.rewards += actions.length;
      return rewardOf(FIRST)(observations, actions, nextObservations);
    },
  ];
}

/** R of states and actions that are numbers. */
function rewardOf(table: Float64Array): RewardFunction {
  return (observations, actions, nextObservations) =>
    Float64Array.from(observations, (s, i) => table[(s * 2 + actions[i]) * 4 + nextObservations[i]]);
}

function model({ states, actions, transitions }: TabularMdp): TransitionModel {
  return (observations, chosen, stream) =>
    observations.map((s, i) => {
      const row = (s * actions + chosen[i]) * states;
      let left = nextUniform(stream);
      for (let next = 0; next < states; next++) {
        left -= transitions[row + next];
        if (left < 0) return next;
      }
      return states - 1;
    });
}

/** Transitions in fixed numbers, more often where they are likely; even states take action 1 more often, odd ones action 0. */
function recorded(): Trajectories {
  const rows: [number, number, number][] = [];
  const possible = possibleCoverage(MDP);
  for (let i = 0; i < possible.length; i++) {
    const [s, a] = [Math.floor(i / 8), Math.floor(i / 4) % 2];
    const copies = Math.ceil(possible[i] * 100) * (1 + 3 * ((s + a) % 2));
    for (let k = 0; k < copies; k++) rows.push([s, a, i % 4]);
  }
  return {
    observationSize: 1,
    actionSize: 1,
    observations: Float32Array.from(rows, ([s]) => s),
    actions: Float32Array.from(rows, ([, a]) => a),
    nextObservations: Float32Array.from(rows, ([, , next]) => next),
    rewards: null,
    terminated: new Uint8Array(rows.length),
    truncated: new Uint8Array(rows.length),
    episodeStarts: Uint32Array.of(0, rows.length),
  };
}

/** D of recorded transitions, [S, A, S]. */
function coverageOf({ observations, actions, nextObservations }: Trajectories): Float64Array {
  const coverage = new Float64Array(32);
  observations.forEach((s, i) => {
    coverage[(s * 2 + actions[i]) * 4 + nextObservations[i]] += 1 / observations.length;
  });
  return coverage;
}
