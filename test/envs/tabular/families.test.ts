import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  CHAIN,
  chainMdp,
  GARNET,
  garnetMdp,
  GRID_WORLD,
  gridWorldMdp,
  OBJECT_WORLD,
  objectWorldMdp,
  type TabularMdp,
} from "../../../src/envs/index.ts";

const probability = (
  { states, actions, transitions }: TabularMdp,
  s: number,
  a: number,
  next: number,
): number => transitions[(s * actions + a) * states + next];

/** r(s), where the reward is one of the state alone. */
function stateRewards({ states, actions, rewards }: TabularMdp): number[] {
  return Array.from({ length: states }, (_, s) => {
    const row = rewards.subarray(s * actions, (s + 1) * actions);
    expect(new Set(row).size).toBe(1);
    return row[0];
  });
}

function expectDistributions(mdp: TabularMdp): void {
  const { states, actions, transitions, initial, rewards } = mdp;
  expect([transitions.length, initial.length, rewards.length]).toEqual([
    states * actions * states,
    states,
    states * actions,
  ]);
  expect(rewards.every(Number.isFinite)).toBe(true);
  for (let row = 0; row <= states * actions; row++) {
    const outcomes =
      row < states * actions ? transitions.subarray(row * states, (row + 1) * states) : initial;
    expect(outcomes.every((value) => value >= 0 && value <= 1 + 2 ** -50)).toBe(true);
    const sum = outcomes.reduce((total, value) => total + value, 0);
    expect(Math.abs(sum - 1)).toBeLessThanOrEqual(states * 2 ** -52);
  }
}

const slip = fc.double({ min: 0, max: 1, noNaN: true });
const seed = fc.nat();
const FAMILIES = [
  {
    id: "Garnet-v0",
    build: garnetMdp,
    defaults: GARNET,
    options: fc
      .record({ states: fc.integer({ min: 1, max: 9 }), actions: fc.integer({ min: 1, max: 4 }), seed })
      .chain((rest) => fc.integer({ min: 1, max: rest.states }).map((branching) => ({ ...rest, branching }))),
    refused: [
      [{ branching: 21 }, /at most 20 as branching, got 21/],
      [{ states: 0 }, /from 1 as states, got 0/],
      [{ actions: 1.5 }, /as actions, got 1.5/],
      [{ seed: -1 }, /from 0 as seed, got -1/],
    ],
  },
  {
    id: "GridWorld-v0",
    build: gridWorldMdp,
    defaults: GRID_WORLD,
    options: fc.record({
      rows: fc.integer({ min: 1, max: 5 }),
      columns: fc.integer({ min: 2, max: 5 }),
      slip,
      goalReward: fc.constant(4),
      trapReward: fc.constant(-2),
      traps: fc.constantFrom(0, 1),
      stepReward: fc.constant(-0.1),
      seed,
    }),
    refused: [
      [{ traps: 25 }, /at most 24 as traps, got 25/],
      [{ traps: 1.5 }, /as traps, got 1.5/],
      [{ slip: 1.1 }, /slip from 0 to 1, got 1.1/],
      [{ rows: 1, columns: 1, traps: 0 }, /from 2 as rows times columns, got 1/],
      [{ seed: 0.5 }, /as seed, got 0.5/],
    ],
  },
  {
    id: "ObjectWorld-v0",
    build: objectWorldMdp,
    defaults: OBJECT_WORLD,
    options: fc.record({
      size: fc.integer({ min: 2, max: 5 }),
      objects: fc.integer({ min: 2, max: 4 }),
      colours: fc.integer({ min: 2, max: 4 }),
      slip,
      seed,
    }),
    refused: [
      [{ objects: 37 }, /at most 36 as objects, got 37/],
      [{ objects: 1 }, /from 2 as objects, got 1/],
      [{ colours: 1 }, /from 2 as colours, got 1/],
      [{ slip: -0.1 }, /slip from 0 to 1, got -0.1/],
      [{ seed: NaN }, /as seed, got NaN/],
    ],
  },
  {
    id: "Chain-v0",
    build: chainMdp,
    defaults: CHAIN,
    options: fc.record({
      states: fc.integer({ min: 2, max: 12 }),
      slip,
      nearReward: fc.constant(0.5),
      farReward: fc.constant(3),
    }),
    refused: [
      [{ states: 1 }, /from 2 as states, got 1/],
      [{ slip: NaN }, /slip from 0 to 1, got NaN/],
    ],
  },
] as const;

describe.for(FAMILIES)("$id as a problem", (family) => {
  // Each family's own types meet in `build` and `options` of one entry.
  const build = family.build as (options: object) => TabularMdp;

  it("consists of distributions, whatever the options", () => {
    fc.assert(
      fc.property(family.options as fc.Arbitrary<object>, (options) => expectDistributions(build(options))),
    );
  });

  it("is fixed by its options, each of which its name tells and changes it", () => {
    expect(build(family.defaults)).toEqual(build({ ...family.defaults }));
    const { name, ...plain } = build(family.defaults);
    expect(name).toContain(family.id);
    for (const [option, value] of Object.entries(family.defaults)) {
      const others: Record<string, number> = { slip: 0.6, branching: 2, objects: 3 };
      const other = others[option] ?? (value as number) + 1;
      const { name: otherName, ...changed } = build({ ...family.defaults, [option]: other });
      expect(otherName, option).not.toBe(name);
      expect(changed, option).not.toEqual(plain);
    }
  });

  it("refuses options that make no problem", () => {
    for (const [options, message] of family.refused) {
      expect(() => build({ ...family.defaults, ...options })).toThrow(message);
    }
  });
});

describe("Garnet", () => {
  it("leads every pair to as many states as it should, whose shares a stick's pieces are", () => {
    const mdp = garnetMdp({ states: 50, actions: 40, branching: 3, seed: 1 });
    const shares: number[] = [];
    const reached = new Float64Array(50);
    for (let pair = 0; pair < 2000; pair++) {
      const outcomes = mdp.transitions.subarray(pair * 50, (pair + 1) * 50);
      const present = Array.from(outcomes.keys()).filter((s) => outcomes[s] > 0);
      expect(present.length).toBe(3);
      for (const s of present) reached[s]++;
      shares.push(...present.map((s) => outcomes[s]));
    }
    // A piece of three has mean 1/3 and P(piece > x) = (1 - x)^2, so E piece^2 = 1/6 and E piece^4 = 1/15.
    const square = shares.reduce((sum, share) => sum + share * share, 0) / shares.length;
    // Pieces of one stick are not independent but negatively correlated: fewer than 6000 draws' worth of error.
    expect(Math.abs(square - 1 / 6)).toBeLessThan(4 * Math.sqrt((1 / 15 - 1 / 36) / 2000));
    // A state is among the three with probability 3/50: binomial, 2000 pairs.
    for (const count of reached) expect(Math.abs(count - 120)).toBeLessThan(4.5 * Math.sqrt(120 * (47 / 50)));
  });

  it("has standard normal rewards", () => {
    const { rewards } = garnetMdp({ states: 50, actions: 40, branching: 1, seed: 3 });
    const mean = rewards.reduce((sum, reward) => sum + reward, 0) / 2000;
    const square = rewards.reduce((sum, reward) => sum + reward * reward, 0) / 2000;
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(2000));
    expect(Math.abs(square - 1)).toBeLessThan(4 * Math.sqrt(2 / 2000));
  });
});

describe("GridWorld", () => {
  // Cells 0 1 2 / 3 4 5, the goal is 5; actions up, right, down, left.
  const mdp = gridWorldMdp({ ...GRID_WORLD, rows: 2, columns: 3, slip: 0.2, traps: 2, seed: 5 });
  const rowOf = (s: number, a: number): number[] =>
    Array.from({ length: 6 }, (_, next) => Number(probability(mdp, s, a, next).toFixed(12)));

  it("moves as meant but for the slip, and stays at the edge", () => {
    expect(rowOf(1, 0)).toEqual([0.05, 0.85, 0.05, 0, 0.05, 0]);
    expect(rowOf(1, 1)).toEqual([0.05, 0.05, 0.85, 0, 0.05, 0]);
    expect(rowOf(1, 2)).toEqual([0.05, 0.05, 0.05, 0, 0.85, 0]);
    expect(rowOf(1, 3)).toEqual([0.85, 0.05, 0.05, 0, 0.05, 0]);
    expect(rowOf(3, 3)).toEqual([0.05, 0, 0, 0.9, 0.05, 0]);
    expect(rowOf(2, 2)).toEqual([0, 0.05, 0.1, 0, 0, 0.85]);
  });

  it("starts anew from the goal, anywhere else alike", () => {
    for (let a = 0; a < 4; a++)
      expect(rowOf(5, a)).toEqual(Array.from(mdp.initial, (p) => Number(p.toFixed(12))));
    expect(Array.from(mdp.initial)).toEqual([0.2, 0.2, 0.2, 0.2, 0.2, 0]);
  });

  it("pays in the goal, costs in as many traps as there are, and costs a little elsewhere", () => {
    for (let seed = 0; seed < 20; seed++) {
      const rewards = stateRewards(gridWorldMdp({ ...GRID_WORLD, seed }));
      expect(rewards[24]).toBe(4);
      expect(rewards.slice(0, 24).sort((a, b) => a - b)).toEqual([
        ...Array.from({ length: 4 }, () => -2),
        ...Array.from({ length: 20 }, () => -0.1),
      ]);
    }
  });
});

describe("ObjectWorld", () => {
  it("rewards nearness to both colours and punishes nearness to the first alone", () => {
    // The problem keeps no objects; two of them, one of each colour, must explain every reward.
    const size = 7;
    for (let seed = 0; seed < 20; seed++) {
      const rewards = stateRewards(objectWorldMdp({ ...OBJECT_WORLD, size, objects: 2, seed }));
      const distance = (s: number, other: number): number =>
        Math.abs(Math.floor(s / size) - Math.floor(other / size)) + Math.abs((s % size) - (other % size));
      const expected = (first: number, second: number): number[] =>
        rewards.map((_, s) => (distance(s, first) > 3 ? 0 : distance(s, second) > 2 ? -1 : 1));
      const places = rewards.flatMap((_, first) => rewards.map((__, second) => [first, second]));
      const found = places.filter(
        ([first, second]) => first !== second && expected(first, second).every((r, s) => r === rewards[s]),
      );
      expect(found.length, `seed ${seed}`).toBeGreaterThan(0);
    }
  });

  it("can stay where it is, and slips to any of five moves", () => {
    const mdp = objectWorldMdp({ ...OBJECT_WORLD, size: 3, objects: 2, slip: 0.5 });
    // The middle of nine cells: stay, up, right, down, left.
    const reached = [4, 1, 5, 7, 3];
    for (let a = 0; a < 5; a++) {
      reached.forEach((next, move) => {
        expect(probability(mdp, 4, a, next)).toBeCloseTo(a === move ? 0.6 : 0.1, 12);
      });
    }
    expect(Array.from(mdp.initial)).toEqual(Array.from({ length: 9 }, () => 1 / 9));
  });
});

describe("Chain", () => {
  const mdp = chainMdp({ states: 4, slip: 0.25, nearReward: 0.5, farReward: 3 });
  const rowOf = (s: number, a: number): number[] =>
    Array.from({ length: 4 }, (_, next) => probability(mdp, s, a, next));

  it("moves left and right but for the slip, and holds at the ends", () => {
    expect(rowOf(1, 0)).toEqual([0.75, 0, 0.25, 0]);
    expect(rowOf(1, 1)).toEqual([0.25, 0, 0.75, 0]);
    expect([rowOf(0, 0), rowOf(0, 1)]).toEqual([
      [0.75, 0.25, 0, 0],
      [0.25, 0.75, 0, 0],
    ]);
    expect([rowOf(3, 0), rowOf(3, 1)]).toEqual([
      [0, 0, 0.75, 0.25],
      [0, 0, 0.25, 0.75],
    ]);
  });

  it("starts at the left end, pays a little there and more at the other", () => {
    expect(Array.from(mdp.initial)).toEqual([1, 0, 0, 0]);
    expect(Array.from(mdp.rewards)).toEqual([0.5, 0, 0, 0, 0, 0, 0, 3]);
  });
});
