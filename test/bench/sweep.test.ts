import { describe, expect, it } from "vitest";
import { cellsOf, parseSweep, pointsOf, suiteOf, type Point } from "../../src/bench/index.ts";

const SWEEP = {
  name: "rates",
  env: "HalfCheetah-v5",
  demos: "demo.npz",
  trajectories: [0, 2],
  heldOut: [4],
  steps: 1000,
  seeds: [5, 6, 7],
  base: { method: "dac", "evaluate-every": 100 },
};
const same = (_: string, name: string): string => name;
const pointsIn = (changes: object): Point[] => {
  const sweep = parseSweep("x.json", { ...SWEEP, ...changes }, same);
  return pointsOf("x.json", sweep);
};
const namesIn = (changes: object): string[] => pointsIn(changes).map(({ name }) => name);
const drawn = (options: object, points: number, seed = 7): Record<string, unknown>[] =>
  pointsIn({ random: { points, seed, options } }).map(({ options }) => options);
const column = (options: object, points: number, seed?: number): number[] =>
  drawn({ x: options }, points, seed).map(({ x }) => x as number);

describe("a grid", () => {
  it("has a point for every combination, the first option outermost, named by what varies", () => {
    const grid = { "learning-rate": ["1e-3", 0.0005], "gradient-penalty": [1, 10, 0.25], polyak: [0.01] };
    expect(pointsIn({ grid })).toEqual(
      [
        ["lr-1e-3_gp-1", "1e-3", 1],
        ["lr-1e-3_gp-10", "1e-3", 10],
        ["lr-1e-3_gp-0.25", "1e-3", 0.25],
        ["lr-5e-4_gp-1", 0.0005, 1],
        ["lr-5e-4_gp-10", 0.0005, 10],
        ["lr-5e-4_gp-0.25", 0.0005, 0.25],
      ].map(([name, rate, penalty]) => ({
        name,
        options: { "learning-rate": rate, "gradient-penalty": penalty, polyak: 0.01 },
      })),
    );
  });

  it("has names that are folders: of words, lists, large and negative numbers, switches", () => {
    expect(namesIn({ grid: { hidden: [[64, 64], "128,128"] } })).toEqual(["hidden-64x64", "hidden-128x128"]);
    expect(namesIn({ grid: { "reward-network": ["mlp:8,8", "two-layer:64"] } })).toEqual([
      "rn-mlp-8x8",
      "rn-two-layer-64",
    ]);
    expect(namesIn({ grid: { "replay-capacity": [100000, 1234567, "20_000"] } })).toEqual([
      "rc-1e5",
      "rc-1234567",
      "rc-20_000",
    ]);
    expect(namesIn({ grid: { "target-entropy": [-3, -6] } })).toEqual(["te--3", "te--6"]);
    expect(namesIn({ grid: { instruments: [true, false] } })).toEqual([
      "instruments-true",
      "instruments-false",
    ]);
  });

  it("spells options out where initials are alike, and numbers points where names would be long or alike", () => {
    expect(namesIn({ grid: { "batch-size": [8, 16], "big-step": [1, 2] } })[0]).toBe(
      "batch-size-8_big-step-1",
    );
    const long = { "slow-learning-rate": [1e-4, 2e-4], "steps-learning-rise": [1e-4, 2e-4] };
    expect(namesIn({ grid: long })).toEqual(["p001", "p002", "p003", "p004"]);
    expect(namesIn({ grid: { a: ["x:y", "x/y"] } })).toEqual(["p001", "p002"]);
    expect(namesIn({ grid: { a: ["x", "X"] } })).toEqual(["p001", "p002"]);
    expect(namesIn({ grid: { polyak: [0.01] } })).toEqual(["p001"]);
  });
});

const even = (points: number): object => ({ points, seed: 7, options: { x: { uniform: [0, 1] } } });

describe("random points", () => {
  const options = {
    "learning-rate": { log: [1e-4, 1e-2] },
    "policy-hidden": { choice: ["64,64", "128,128"] },
    "reward-step-size": { uniform: [1, 30] },
  };

  const of = (points: number, seed = 7): Point[] => pointsIn({ random: { points, seed, options } });

  it("are the same each time, and more of them begin with the fewer, name by name", () => {
    expect(of(20)).toEqual(of(20));
    expect(of(25).slice(0, 20)).toEqual(of(20));
    expect(of(20)).toHaveLength(20);
    expect(of(20)[19].name).toBe("p020");
    expect(of(20, 8)[0].options).not.toEqual(of(20)[0].options);
    expect(new Set(of(20).map((each) => JSON.stringify(each.options))).size).toBe(20);
  });

  it("differ from option to option, and do not depend on which others there are", () => {
    const both = drawn({ x: { uniform: [0, 1] }, y: { uniform: [0, 1] } }, 5);
    expect(both.map(({ x }) => x)).toEqual(column({ uniform: [0, 1] }, 5));
    expect(both.map(({ x }) => x)).not.toEqual(both.map(({ y }) => y));
    expect(drawn({ y: { uniform: [0, 1] }, x: { uniform: [0, 1] } }, 5).map(({ x }) => x)).toEqual(
      both.map(({ x }) => x),
    );
  });

  it("lie within their ends, with three significant digits", () => {
    const n = 400;
    // Together, so that few draws repeat and are drawn anew: those that do are more often of the coarser numbers.
    const both = drawn({ log: { log: [1e-4, 1e-2] }, even: { uniform: [1, 30] } }, n);
    const [logs, uniform] = ["log", "even"].map((name) => both.map((each) => each[name] as number));
    for (const value of [...logs, ...uniform]) expect(Number(value.toPrecision(3))).toBe(value);
    expect(Math.min(...logs)).toBeGreaterThanOrEqual(1e-4);
    expect(Math.max(...logs)).toBeLessThanOrEqual(1e-2);
    // The standard deviation of a uniform number is its width / sqrt(12).
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / n;
    expect(Math.abs(mean(uniform) - 15.5)).toBeLessThan((4 * 29) / Math.sqrt(12 * n));
    expect(Math.abs(mean(logs.map(Math.log10)) + 3)).toBeLessThan((4 * 2) / Math.sqrt(12 * n));
    expect(Math.max(...uniform) - Math.min(...uniform)).toBeGreaterThan(28);
    expect(Math.max(...logs) / Math.min(...logs)).toBeGreaterThan(90);
    expect(column({ uniform: [1.0004, 1.0006] }, 1)[0]).toBe(1.0004);
  });

  it("are whole where they are asked to be, and every choice comes up", () => {
    const whole = column({ log: [16, 5000], whole: true }, 100);
    expect(whole.every(Number.isInteger)).toBe(true);
    // To the nearest: half of the draws between 0 and 1 are 1.
    const bits = drawn({ bit: { uniform: [0, 1], whole: true }, x: { uniform: [0, 1] } }, 100);
    const ones = bits.filter(({ bit }) => bit === 1).length;
    expect(Math.abs(ones - 50)).toBeLessThan(4 * Math.sqrt(25));
    expect(new Set(column({ uniform: [1, 3], whole: true }, 3))).toEqual(new Set([1, 2, 3]));
    const choices = drawn({ x: { choice: ["a", "b", "c"] } }, 3).map(({ x }) => x);
    expect(new Set(choices)).toEqual(new Set(["a", "b", "c"]));
    expect(() => column({ uniform: [1, 3], whole: true }, 4)).toThrow(
      /^x\.json: random\.points: expected at most 3, .* got 4$/,
    );
  });

  it("are drawn once for the whole grid, each under every combination", () => {
    const grid = { a: [1, 2], b: [3, 4] };
    const points = pointsIn({ grid, random: even(3) });
    expect(points).toHaveLength(12);
    const xs = column({ uniform: [0, 1] }, 3);
    expect(points.map(({ options: { a, b, x } }) => [a, b, x])).toEqual(
      xs.flatMap((x) => [
        [1, 3, x],
        [1, 4, x],
        [2, 3, x],
        [2, 4, x],
      ]),
    );
    expect(pointsIn({ grid, random: even(2) })).toEqual(points.slice(0, 8));
  });
});

describe("the suite of a sweep", () => {
  const suite = suiteOf(
    "x.json",
    parseSweep(
      "x.json",
      { ...SWEEP, envOptions: { forwardRewardWeight: 2 }, episodes: 2, grid: { discount: [0.9, 0.99] } },
      same,
    ),
  );

  it("has its points as methods of one family, and what they share as options of all", () => {
    expect(suite).toMatchObject({
      name: "rates",
      title: "Sweep rates",
      seeds: [5, 6, 7],
      train: { "evaluate-every": 100 },
      tasks: [
        {
          name: "HalfCheetah-v5",
          env: "HalfCheetah-v5",
          envOptions: { forwardRewardWeight: 2 },
          demos: "demo.npz",
          trajectories: [0, 2],
          episodes: 2,
          heldOut: [4],
          steps: 1000,
        },
      ],
      methods: [
        { name: "discount-0.9", family: "rates", options: { method: "dac", discount: 0.9 } },
        { name: "discount-0.99", family: "rates", options: { method: "dac", discount: 0.99 } },
      ],
    });
    expect(Object.keys(suite.train)).toEqual(["evaluate-every"]);
  });

  it("has a cell for each point, set and seed", () => {
    expect(cellsOf(suite)).toHaveLength(2 * 2 * 3);
    expect(cellsOf(suite)[0].id).toBe("HalfCheetah-v5/discount-0.9/0-5");
  });

  it("lets the method itself be swept", () => {
    const sweep = { ...SWEEP, base: {}, grid: { method: ["dac", "sqil"] } };
    const { methods } = suiteOf("x.json", parseSweep("x.json", sweep, same));
    expect(methods.map(({ name, options }) => [name, options])).toEqual([
      ["method-dac", { method: "dac" }],
      ["method-sqil", { method: "sqil" }],
    ]);
  });
});

const grid = { discount: [0.9, 0.99] };
const random = (x: object): object => ({ random: { points: 2, seed: 1, options: { x } } });
/** So many options of ten values each. */
const tens = (count: number): Record<string, number[]> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`o${i}`, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]));
const drawsOf = (points: number): object => ({ random: even(points) });
const BROKEN: [why: string, changes: object, says: RegExp][] = [
  ["nothing swept", {}, /nothing is swept; add for example "grid"/],
  ["random points of nothing", { random: { points: 2, seed: 1, options: {} } }, /nothing is swept/],
  ["a part that is none", { grid, seedz: [1] }, /seedz/],
  ["steps that are text", { grid, steps: "1000" }, /steps: /],
  ["an option without values", { grid: { discount: [] } }, /grid\.discount: /],
  ["a value without a list", { grid: { discount: 0.9 } }, /grid\.discount: /],
  ["no method", { grid, base: {} }, /expected which method to train, such as "base"/],
  ["an option in two places", { grid: { method: ["dac", "airl"] } }, /method is in base and in grid/],
  [
    "one drawn and in the grid",
    { grid: { x: [1, 2] }, ...random({ uniform: [0, 1] }) },
    /x is in grid and in random/,
  ],
  ["a value twice", { grid: { discount: [0.9, 0.99, "9e-1"] } }, /discount: 9e-1 is there twice/],
  ["a choice twice", random({ choice: ["a", "a"] }), /x: a is there twice/],
  ["what the file says itself", { grid: { steps: [1, 2] } }, /grid: steps is not swept; say it as "steps"/],
  [
    "an episode",
    { grid: { "first-episode": [1, 2] } },
    /first-episode is not swept; say it as "trajectories"/,
  ],
  [
    "a seed of its own",
    { grid, base: { method: "dac", seed: 3 } },
    /base: seed is not swept; say it as "seeds"/,
  ],
  [
    "a swept measurement",
    { grid: { "final-episodes": [1, 2] } },
    /final-episodes is the same for all points; say it in base/,
  ],
  ["no distribution", random({}), /random\.options\.x: expected one of uniform, log and choice/],
  ["two distributions", random({ log: [1, 2], uniform: [1, 2] }), /expected one of uniform, log and choice/],
  ["ends that are alike", random({ uniform: [1, 1] }), /expected the lower end first/],
  [
    "ends that are swapped",
    random({ uniform: [2, 1] }),
    /random\.options\.x\.uniform: expected the lower end first/,
  ],
  ["a logarithm of 0", random({ log: [0, 1] }), /random\.options\.x\.log: expected ends above 0/],
  [
    "whole numbers between others",
    random({ uniform: [0.5, 3], whole: true }),
    /whole is for uniform and log between whole/,
  ],
  ["whole words", random({ choice: ["a"], whole: true }), /whole is for uniform and log/],
  ["a seed twice", { grid, seeds: [1, 1] }, /seed 1 is there twice/],
  [
    "more draws than anybody trains",
    { random: { points: 1e12, seed: 1, options: { x: { uniform: [0, 1] } } } },
    /expected at most 10000 points, got 1000000000000 \(1 of the grid x 1000000000000 at random\); set random\.points to 10000 or less$/,
  ],
  [
    "a grid of more points than there is memory",
    { grid: tens(12) },
    /expected at most 10000 points, got 1000000000000 \(1000000000000 of the grid x 1 at random\); leave values of the grid out, or draw them with random$/,
  ],
  [
    "a draw too many under every combination",
    { grid: tens(3), ...drawsOf(11) },
    /expected at most 10000 points, got 11000 \(1000 of the grid x 11 at random\); set random\.points to 10 or less$/,
  ],
  [
    "few different draws where many are asked for",
    { random: { points: 10_000, seed: 1, options: { x: { choice: ["a", "b"] } } } },
    /random\.points: expected at most 2, as many as there are different ones, got 10000/,
  ],
  ["learning from what is held out", { grid, heldOut: [2] }, /episode 2 is held out, and learnt from/],
];

it("a sweep may have as many points as are said to be allowed", () => {
  expect(pointsIn({ grid: tens(4) })).toHaveLength(10_000);
  expect(pointsIn({ grid: tens(3), ...drawsOf(10) })).toHaveLength(10_000);
});

describe("a sweep that is broken is refused in one line", () => {
  it.each(BROKEN)("%s", (_, changes, says) => {
    const read = (): unknown => suiteOf("x.json", parseSweep("x.json", { ...SWEEP, ...changes }, same));
    expect(read).toThrow(says);
    expect(read).toThrow(/^x\.json: [^\n]+$/);
  });
});
