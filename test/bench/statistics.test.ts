import { describe, expect, it } from "vitest";
import {
  aggregates,
  buildsOf,
  comparable,
  disagreement,
  evaluatesInLastTenth,
  improvements,
  meanCurve,
  meanOf,
  profiles,
  secondsLeft,
  standing,
  taskRow,
  varianceRow,
} from "../../src/bench/index.ts";
import { runConfig, type TrainConfig } from "../../src/runs/index.ts";
import { CONFIG, outcome, outcomes, tinySuite } from "./outcomes.ts";

const suite = tinySuite();
const TASKS = ["one", "two"];
const METHODS = ["first", "second"];

/** Final returns by cell; the expert earns 200, random actions 0, unless a test says otherwise. */
const RETURNS: Readonly<Record<string, number>> = {
  "one/first/0-1": 100,
  "one/first/0-2": 120,
  "one/first/1-1": 160,
  "one/first/1-2": 180,
  "one/second/0-1": 20,
  "one/second/0-2": 10,
  "one/second/1-1": 100,
  "one/second/1-2": 120,
  "two/first/0-1": 200,
  "two/first/0-2": 220,
  "two/first/1-1": 200,
  "two/first/1-2": 180,
  "two/second/0-1": 40,
  "two/second/0-2": 60,
  "two/second/1-1": 80,
  "two/second/1-2": 100,
};
const complete = (id: string) => ({ state: "complete", returns: [RETURNS[id]] }) as const;
const all = outcomes(suite, complete);
const without = (...ids: string[]) =>
  outcomes(suite, (id) => (ids.includes(id) ? { state: "begun", returns: [999] } : complete(id)));

const cell = (returns: readonly number[], summary = {}) =>
  outcome(suite, "one/first/0-1", { state: "complete", returns, summary });

describe("a cell", () => {
  it("scores the mean of the evaluations in the last tenth, not the last, the best, or the final one", () => {
    // Evaluations at 50, 100 .. 1000: those at 950 and 1000 come after 900.
    const returns = Array.from({ length: 20 }, (_, i) => (i === 5 ? 900 : i === 17 ? 777 : 10 * i));
    const { score, evaluations, finalReturn, curve } = cell(returns, { finalReturn: 444 });
    expect(score).toBe((180 + 190) / 2);
    expect(evaluations).toBe(2);
    expect(finalReturn).toBe(444);
    expect(curve[17]).toEqual([900, 777]);
  });

  it("is normalised by the random and the expert's return of its own summary", () => {
    expect(cell([150], { expertReturn: 250, randomReturn: -50 }).normalised).toBeCloseTo(200 / 300, 12);
    expect(cell([150], { expertReturn: null }).normalised).toBeNull();
    expect(cell([150], { expertReturn: 7, randomReturn: 7 }).normalised).toBeNull();
  });

  it("has no score before it is complete, whatever it earns", () => {
    for (const state of ["begun", "diverged", "new"] as const) {
      const found = outcome(suite, "one/first/0-1", { state, returns: [500] });
      expect(found).toMatchObject({ state, score: null, normalised: null });
    }
    const short = { steps: { train: 999, rewardRollout: 0, evaluation: 0, expert: 0 } };
    expect(cell([500], short)).toMatchObject({ state: "begun", score: null });
  });

  it("that diverged stands where random actions do; one without a score nowhere", () => {
    expect(standing(outcome(suite, "one/first/0-1", { state: "diverged", returns: [500] }))).toBe(0);
    expect(standing(outcome(suite, "one/first/0-1", { state: "begun", returns: [500] }))).toBeNull();
  });

  it.each([
    [1000, 100, true],
    [1000, 1000, true],
    [1000, 900, false],
    [1000, 901, true],
    [1000, 300, false],
    [5000, 10_000, false],
    [300, 200, false],
  ])("of %d steps, evaluated every %d, has something to score: %s", (steps, every, expected) => {
    expect(evaluatesInLastTenth(steps, every)).toBe(expected);
  });
});

describe("a method on a task", () => {
  it("has the mean of its cells, with Student's interval", () => {
    const row = taskRow("one", "first", all);
    expect(row).toMatchObject({ cells: 4, complete: 4, diverged: 0, failures: 0, seconds: 5 });
    expect(row.score?.mean).toBe(140);
    // Squares 1600 + 400 + 400 + 1600; s = sqrt(4000 / 3); t(0.975, 3) = 3.182446.
    const half = 3.182446 * Math.sqrt(4000 / 3 / 4);
    expect(row.score?.interval?.[0]).toBeCloseTo(140 - half, 3);
    expect(row.score?.interval?.[1]).toBeCloseTo(140 + half, 3);
    expect(row.normalised?.mean).toBeCloseTo(0.7, 12);
    expect(row.stepCounts).toEqual({ train: 1000, rewardRollout: 10, evaluation: 60, expert: 40 });
  });

  it("says how many of how many cells it rests on, and leaves the unfinished out", () => {
    const row = taskRow("one", "first", without("one/first/0-1", "one/first/0-2"));
    expect(row).toMatchObject({ cells: 4, complete: 2 });
    expect(row.score).toMatchObject({ mean: 170, count: 2 });
  });

  it("fails below a tenth, and where it diverged", () => {
    expect(taskRow("one", "second", all).failures).toBe(1);
    const diverged = outcomes(suite, (id) =>
      id === "one/second/1-1" ? { state: "diverged" } : complete(id),
    );
    const row = taskRow("one", "second", diverged);
    expect(row).toMatchObject({ failures: 2, diverged: 1, complete: 3 });
    expect(row.normalised).toMatchObject({ count: 4 });
    expect(row.normalised?.mean).toBeCloseTo((0.1 + 0.05 + 0 + 0.6) / 4, 12);
    expect(row.score).toMatchObject({ mean: 50, count: 3 });
  });

  it("has no interval from one value, and nothing from none", () => {
    expect(meanOf([3, null])).toEqual({ mean: 3, interval: null, count: 1 });
    expect(meanOf([null])).toBeNull();
  });
});

describe("across tasks", () => {
  const shared = comparable(TASKS, METHODS, all);

  it("scores are those of each task apart", () => {
    expect(shared.methods[0].scores).toEqual([
      [0.5, 0.8, 0.6, 0.9],
      [1, 1, 1.1, 0.9],
    ]);
  });

  it("aggregates are rliable's", () => {
    const [first] = aggregates(shared);
    expect(first).toMatchObject({ method: "first", cells: 8, planned: 8 });
    // Sorted: 0.5 0.6 0.8 0.9 0.9 1 1 1.1; two are cut off at either end.
    expect(first.interquartileMean.estimate).toBeCloseTo((0.8 + 0.9 + 0.9 + 1) / 4, 12);
    expect(first.mean.estimate).toBeCloseTo((0.7 + 1) / 2, 12);
    expect(first.median.estimate).toBeCloseTo((0.7 + 1) / 2, 12);
    expect(first.optimalityGap.estimate).toBeCloseTo((1.2 / 4 + 0.1 / 4) / 2, 12);
    for (const { low, estimate, high } of [first.interquartileMean, first.mean, first.optimalityGap]) {
      expect(low).toBeLessThan(estimate);
      expect(high).toBeGreaterThan(estimate);
    }
    expect(aggregates(shared)).toEqual(aggregates(shared));
  });

  it("the first method is set against each other one", () => {
    const [row] = improvements(shared);
    // Task one: 0.5 loses to 0.6, ties with 0.5; 0.6 ties with 0.6 and wins thrice; 0.8 and 0.9 win. Two: always.
    const winsOfOne = (2 + 0.5 + 3 + 0.5 + 4 + 4) / 16;
    expect(row).toMatchObject({ first: "first", other: "second", cells: [8, 8] });
    expect(row.probability.estimate).toBeCloseTo((winsOfOne + 1) / 2, 12);
  });

  it("a profile is the share of cells above each threshold", () => {
    const [first] = profiles(shared, [0, 0.85, 1]);
    expect(first.points.map(({ share }) => share.estimate)).toEqual([1, (1 / 4 + 1) / 2, 1 / 8]);
  });

  it("a task on which a method has no score is left out for all, and counted", () => {
    const lacking = comparable(
      TASKS,
      METHODS,
      without("two/second/0-1", "two/second/0-2", "two/second/1-1", "two/second/1-2", "one/first/0-1"),
    );
    expect(lacking.tasks).toEqual(["one"]);
    expect(lacking.methods.map(({ scores, planned }) => [scores.flat().length, planned])).toEqual([
      [3, 4],
      [4, 4],
    ]);
  });

  it("a method without any score leaves the others to be compared", () => {
    const ids = all.map(({ id }) => id).filter((id) => id.includes("second"));
    const alone = comparable(TASKS, METHODS, without(...ids));
    expect(alone.tasks).toEqual(TASKS);
    expect(alone.methods.map(({ name }) => name)).toEqual(["first"]);
    expect(improvements(alone)).toEqual([]);
  });

  it("nothing is compared before anything is complete", () => {
    const none = comparable(TASKS, METHODS, without(...all.map(({ id }) => id)));
    expect([aggregates(none), improvements(none), profiles(none, [0])]).toEqual([[], [], []]);
  });
});

describe("variance components", () => {
  it("are between trajectories and over seeds", () => {
    const row = varianceRow("one", "first", all);
    // Trajectories {0.5, 0.6}, {0.8, 0.9}: within 0.01 / 2; between means 0.55, 0.85: 2 * 0.3^2 / 2 = 0.09.
    expect(row).toMatchObject({ trajectories: 2, cells: 4, planned: 4 });
    expect(row?.within).toBeCloseTo(0.005, 12);
    expect(row?.between).toBeCloseTo((0.09 - 0.005) / 2, 12);
    expect(row?.acrossTrajectories.mean).toBeCloseTo(0.7, 12);
    // Standard error 0.15; t(0.975, 1) = 12.7062.
    expect(row?.acrossTrajectories.interval?.[1]).toBeCloseTo(0.7 + 12.7062 * 0.15, 4);
  });

  it("need two trajectories, and two seeds in one", () => {
    expect(varianceRow("one", "first", without("one/first/0-1", "one/first/0-2"))).toBeNull();
    expect(varianceRow("one", "first", without("one/first/0-1", "one/first/1-1"))).toBeNull();
    expect(varianceRow("one", "first", without("one/first/0-1"))).toMatchObject({ cells: 3, planned: 4 });
  });
});

describe("a learning curve", () => {
  it("is the mean over complete cells at the steps they share", () => {
    const cells = [
      outcome(suite, "one/first/0-1", { state: "complete", returns: [1, 2, 3, 4] }),
      outcome(suite, "one/first/0-2", { state: "complete", returns: [4, 8] }),
      outcome(suite, "one/first/1-1", { state: "begun", returns: [900, 900] }),
    ];
    const curve = meanCurve(cells);
    expect(curve.map(({ x, y }) => [x, y])).toEqual([
      [500, 3],
      [1000, 6],
    ]);
    // Means of two values 2 apart: standard error 1, t(0.975, 1) = 12.7062.
    expect(curve[0].high).toBeCloseTo(3 + 12.7062, 3);
    expect(meanCurve(cells.slice(2))).toEqual([]);
  });
});

const found = (changes: object) => runConfig.parse({ ...CONFIG, ...changes });

describe("what a folder holds", () => {
  const planned = runConfig.parse(CONFIG) as TrainConfig;

  it("agrees with the plan whatever made it, and wherever the file lies", () => {
    const elsewhere = { demos: { ...CONFIG.demos, path: "/other/demo.npz" } };
    expect(
      disagreement(planned, found({ ...elsewhere, version: "9", node: "v1", kernels: "relaxed-simd" })),
    ).toBeNull();
    expect(
      disagreement({ ...planned, algorithm: { ...planned.algorithm, slowdown: undefined } }, found({})),
    ).toBeNull();
  });

  it.each([
    [
      { env: { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 61 } } },
      "env.options.maxEpisodeSteps",
      "60",
      "61",
    ],
    [{ env: { id: "Hopper-v5", options: { maxEpisodeSteps: 60 } } }, "env.id", "HalfCheetah-v5", "Hopper-v5"],
    [{ seed: 2 }, "seed", "1", "2"],
    [{ steps: 500 }, "steps", "1000", "500"],
    [{ demos: { ...CONFIG.demos, sha256: "11" } }, "demos.sha256", "00", "11"],
    [{ demos: { ...CONFIG.demos, firstEpisode: 1 } }, "demos.firstEpisode", "0", "1"],
    [{ evaluation: { ...CONFIG.evaluation, every: 200 } }, "evaluation.every", "100", "200"],
    [
      { algorithm: { ...CONFIG.algorithm, termination: "absorbing" } },
      "algorithm.termination",
      "native",
      "absorbing",
    ],
    [
      { algorithm: { ...CONFIG.algorithm, slowdown: { from: 5, learningRate: 1e-4 } } },
      "algorithm.slowdown.from",
      "nothing",
      "5",
    ],
    [{ instruments: true }, "instruments", "false", "true"],
  ])("does not agree where %j", (changes, setting, wanted, made) => {
    expect(disagreement(planned, found(changes))).toEqual({ setting, planned: wanted, found: made });
  });

  it("is grouped by the build that made it", () => {
    const cells = [
      { id: "a", version: "1", kernels: "simd" },
      { id: "b", version: "1", kernels: "relaxed-simd" },
      { id: "c", version: null, kernels: null },
      { id: "d", version: "1", kernels: "relaxed-simd" },
    ];
    expect(buildsOf(cells)).toEqual([
      { name: "Tandem 1 with relaxed-simd kernels", ids: ["b", "d"] },
      { name: "Tandem 1 with simd kernels", ids: ["a"] },
    ]);
  });
});

const left = (task: string, method: string, steps: number) => ({ task, method, steps });

describe("the time left", () => {
  const paces = [
    { task: "one", method: "first", stepsPerSecond: 10 },
    { task: "one", method: "first", stepsPerSecond: 30 },
    { task: "two", method: "first", stepsPerSecond: 5 },
    { task: "two", method: "second", stepsPerSecond: 100 },
  ];

  it("is that of a cell by its own kind, else its method, else its task, else all", () => {
    expect(secondsLeft([left("one", "first", 200)], paces, 1)).toBe(10);
    expect(secondsLeft([left("three", "first", 150)], paces, 1)).toBe(10);
    expect(secondsLeft([left("one", "third", 200)], paces, 1)).toBe(10);
    expect(secondsLeft([left("three", "third", 145)], paces, 1)).toBe(4);
    expect(secondsLeft([left("one", "first", 200)], [], 1)).toBeNaN();
  });

  it("is shared by as many as run at a time", () => {
    const four = [400, 200, 200, 200].map((steps) => left("one", "first", steps));
    expect(secondsLeft(four, paces, 1)).toBe(50);
    expect(secondsLeft(four, paces, 2)).toBe(30);
    expect(secondsLeft(four, paces, 8)).toBe(20);
  });
});
