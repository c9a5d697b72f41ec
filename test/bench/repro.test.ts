import { describe, expect, it } from "vitest";
import {
  caveats,
  cellList,
  cellsOf,
  compare,
  comparisonTable,
  implementationOf,
  isRefusal,
  nearestEnvironment,
  PUBLISHED,
  publishedScore,
  reproSuite,
  sourceWords,
  verdictWords,
  type Comparison,
  type Outcome,
  type PublishedCell,
  type ReproPlan,
  type Reproducible,
} from "../../src/bench/index.ts";
import { outcome, outcomes, tinySuite, type Told } from "./outcomes.ts";

const cellAt = (id: string): PublishedCell => {
  const cell = PUBLISHED.find((each) => each.id === id);
  if (!cell) throw new Error(`no cell ${id}`);
  return cell;
};
const foundAt = (id: string): Reproducible => {
  const found = implementationOf(cellAt(id));
  if (isRefusal(found)) throw new Error(found.reason);
  return found;
};
const reasonOf = (id: string): string => {
  const found = implementationOf(cellAt(id));
  return isRefusal(found) ? found.reason : "none";
};

const PLAN: ReproPlan = {
  env: "Hopper-v5",
  demos: "/data/hopper.npz",
  trajectories: [0, 3],
  episodes: 1,
  seeds: [4, 5],
  steps: 500_000,
};

describe("a published method is run as", () => {
  it.each([
    ["iq-learn/hopper/gail", { method: "dac" }, /our off-policy form/],
    ["iq-learn/hopper/dac", { method: "dac", termination: "absorbing" }, /in place of TD3/],
    ["iq-learn/halfcheetah/dac", { method: "dac" }, /in place of TD3/],
    ["piro/hopper/airl", { method: "airl" }, /off-policy/],
    ["piro/hopper/f-irl", { method: "f-irl" }, /Jensen-Shannon/],
    ["piro/hopper/iq-learn", { method: "iq-learn" }, null],
    ["piro/hopper/bc", { method: "bc" }, /updates/],
    ["piro/hopper/ml-irl", { method: "ml-irl" }, /two-layer reward/],
    ["imitation/halfcheetah/sqil", { method: "sqil" }, null],
  ])("%s", (id, options, caveat) => {
    const found = foundAt(id);
    const env = `${found.task}-v5`;
    const [method] = reproSuite(found, { ...PLAN, env }).methods;
    expect(method).toEqual({ name: found.cell.method, options, perTask: {} });
    if (caveat === null) expect(found.implementation.caveat).toBeNull();
    else expect(found.implementation.caveat).toMatch(caveat);
  });

  it.each([
    ["iq-learn/ant/valuedice", "ValueDICE"],
    ["piro/ant/mm", "MM"],
    ["piro/ant/filter", "FILTER"],
    ["piro/ant/hype", "HyPE"],
    ["piro/ant/piro", "PIRO"],
    ["piro/ant/csil", "CSIL"],
    ["piro/ant/p2il", "P2IL"],
    ["trirl/ant/trirl", "TRIRL"],
    ["trirl/ant/near/retrained", "NEAR"],
    ["cleanil/hopper/recoil-online", "ReCOIL"],
    ["cleanil/hopper/ml-irl-offline", "offline ML-IRL"],
    ["cleanil/hopper/iq-learn-offline", "offline IQ-Learn"],
    ["distirl/hopper-risk/ml-irl-offline", "offline ML-IRL"],
    ["distirl/hopper-risk/distirl", "DistIRL"],
  ])("%s is not", (id, name) => {
    expect(reasonOf(id)).toBe(`no implementation here of ${name}`);
  });

  it.each([
    ["trirl/ant/airl/retrained", /trained anew/],
    ["trirl/ant/airl/disabled", /disabled ant/],
    ["trirl/halfcheetah/airl/wind", /wind/],
    ["trirl/halfcheetah/airl/mars", /Mars/],
    ["trirl/pointmaze/airl/other-maze", /another maze/],
    ["trirl/pointmaze/airl", /no environment here is pointmaze/],
    ["lfirl/umaze/ml-irl/hours", /hours of training/],
    ["lfirl/umaze/ml-irl/pearson", /correlation/],
    ["lfirl/umaze/ml-irl/spearman", /correlation/],
  ])("%s is not, as it is no score of a training on a task of ours", (id, reason) => {
    expect(reasonOf(id)).toMatch(reason);
  });

  it("and every cell is either run or refused", () => {
    const found = PUBLISHED.map(implementationOf);
    const runnable = found.filter((each): each is Reproducible => !isRefusal(each));
    for (const each of runnable) expect(each.implementation.options.method).toBeTypeOf("string");
    // IQ-Learn: 3 of 4 methods; PIRO: 7 of 13; TRIRL: AIRL on three tasks; CleanIL: GAIL and BC; SQIL.
    expect(runnable).toHaveLength(5 * 3 + 5 * 7 + 3 + 3 * 2 + 1);
  });
});

it.each([
  ["iq-learn/hopper/dac", "Hopper-v4"],
  ["piro/humanoid/dac", "Humanoid-v4"],
  ["trirl/ant/airl", "Ant-v5"],
  ["imitation/halfcheetah/sqil", "HalfCheetah-v5"],
])("%s is nearest to %s", (id, env) => {
  expect(nearestEnvironment(foundAt(id))).toBe(env);
});

describe("the suite of a cell", () => {
  it("is an ordinary one", () => {
    expect(reproSuite(foundAt("piro/hopper/ml-irl"), PLAN)).toEqual({
      name: "piro-hopper-ml-irl",
      title: "piro/hopper/ml-irl: a published number, and ours",
      tasks: [
        {
          name: "Hopper",
          env: "Hopper-v5",
          envOptions: {},
          demos: "/data/hopper.npz",
          trajectories: [0, 3],
          episodes: 1,
          steps: 500_000,
          heldOut: [],
          options: {},
        },
      ],
      methods: [{ name: "ml-irl", options: { method: "ml-irl" }, perTask: {} }],
      seeds: [4, 5],
      train: { "evaluate-every": 10_000 },
    });
  });

  it.each([
    [500_000, 10_000],
    [20_000, 2000],
    [300, 30],
    [5, 1],
  ])("of %d steps evaluates every %d", (steps, every) => {
    const { train } = reproSuite(foundAt("piro/hopper/ml-irl"), { ...PLAN, steps });
    expect(train).toEqual({ "evaluate-every": every });
  });

  it("is refused in one line where its parts do not fit", () => {
    expect(() => reproSuite(foundAt("piro/hopper/ml-irl"), { ...PLAN, seeds: [1, 1] })).toThrow(
      "piro/hopper/ml-irl: seed 1 is there twice; leave one out",
    );
  });
});

describe("a published number in our terms", () => {
  const cell: PublishedCell = { ...cellAt("imitation/halfcheetah/sqil"), mean: 1400, std: 200, expert: 3400 };

  it("has the random return of our environment as 0 and its own expert as 1", () => {
    expect(publishedScore(cell, -600)).toEqual({
      score: 1400,
      std: 200,
      expert: 3400,
      share: 1400 / 3400,
      normalised: 0.5,
      spread: 0.05,
      runs: 5,
    });
  });

  it("has no normalised score before that is known", () => {
    expect(publishedScore(cell, null)).toMatchObject({ score: 1400, normalised: null, spread: null });
    expect(publishedScore({ ...cell, expert: null }, 0)).toMatchObject({ share: null, normalised: null });
  });

  it("that is a share is taken as normalised", () => {
    expect(publishedScore(cellAt("trirl/hopper/airl"), 20)).toEqual({
      score: null,
      std: null,
      expert: null,
      share: 0.68,
      normalised: 0.68,
      spread: 0.11,
      runs: 20,
    });
  });

  it("on a known scale is first turned into a return", () => {
    const scaled: PublishedCell = {
      ...cell,
      unit: "share",
      mean: 1.1,
      std: 0.1,
      scale: { random: -200, expert: 1800 },
      expert: 1800,
    };
    const { score, std, share, normalised, spread } = publishedScore(scaled, 0);
    expect([score, std]).toEqual([2000, 200]);
    expect([share, normalised, spread]).toEqual([2000 / 1800, 2000 / 1800, 200 / 1800]);
    const d4rl = publishedScore(cellAt("cleanil/halfcheetah/gail"), -300);
    expect(d4rl.score).toBeCloseTo(-280.18 + 1.0726 * 12415.18, 8);
    expect(d4rl.normalised).toBeCloseTo((-280.18 + 1.0726 * 12415.18 + 300) / 12435, 12);
  });
});

/** Three cells of a method on Hopper; random 0, expert 200, steps 1000. */
const found = foundAt("piro/hopper/ml-irl");
const plan: ReproPlan = { ...PLAN, trajectories: [0], seeds: [1, 2, 3], steps: 1000 };
const suite = reproSuite(found, plan);
const SCORES: Record<string, number> = {
  "Hopper/ml-irl/0-1": 160,
  "Hopper/ml-irl/0-2": 180,
  "Hopper/ml-irl/0-3": 200,
};
const toldOf = (id: string): Told => ({ state: "complete", returns: Array<number>(10).fill(SCORES[id]) });
const ALL: Outcome[] = outcomes(suite, toldOf);
const withFirst = (told: Told): Outcome[] => [outcome(suite, ALL[0].id, told), ...ALL.slice(1)];

describe("a comparison", () => {
  const comparison = compare(found, ALL);

  it("has both sides", () => {
    expect(comparison.ours).toMatchObject({
      cells: 3,
      complete: 3,
      diverged: 0,
      score: { mean: 180, count: 3 },
      expert: { mean: 200 },
      random: 0,
      share: { mean: 0.9 },
      stepCounts: { train: 1000, rewardRollout: 10, evaluation: 60, expert: 40 },
    });
    expect(comparison.ours.normalised?.mean).toBeCloseTo(0.9, 12);
    expect(comparison.ours.share?.interval?.[1]).toBeCloseTo(0.9 + (4.30265273 * 0.1) / Math.sqrt(3), 7);
    expect(comparison.published).toMatchObject({ score: 3316.4, expert: 3632.8, runs: 5, spread: null });
    expect(comparison.published.normalised).toBeCloseTo(3316.4 / 3632.8, 12);
  });

  it("holds normalised scores against each other, not returns", () => {
    expect(comparison.verdict).toMatchObject({ word: "consistent", spread: "ours", runs: 5 });
    const half = 4.30265273 * 0.1 * Math.sqrt(1 / 3 + 1 / 5);
    expect(comparison.verdict?.interval[0]).toBeCloseTo(0.9 - half, 7);
  });

  it("uses the published spread where there is one", () => {
    const cell: PublishedCell = { ...found.cell, std: 0.2 * 3632.8, runs: 4 };
    const { verdict } = compare({ ...found, cell }, ALL);
    expect(verdict?.spread).toBe("both");
    expect(verdict?.interval[1]).toBeCloseTo(0.9 + 2.77644511 * Math.sqrt(0.01 / 3 + 0.01), 6);
  });

  it("takes our random return as 0 of both sides", () => {
    const shifted = outcomes(suite, (id) => ({ ...toldOf(id), summary: { randomReturn: 100 } }));
    const { ours, published } = compare(found, shifted);
    expect(ours.random).toBe(100);
    expect(ours.normalised?.mean).toBeCloseTo(0.8, 12);
    expect(published.normalised).toBeCloseTo((3316.4 - 100) / (3632.8 - 100), 12);
  });

  it("below and above are what ours is", () => {
    const cellOf = (mean: number): PublishedCell => ({ ...found.cell, mean });
    expect(compare({ ...found, cell: cellOf(1.3 * 3632.8) }, ALL).verdict?.word).toBe("below");
    expect(compare({ ...found, cell: cellOf(0.5 * 3632.8) }, ALL).verdict?.word).toBe("above");
  });

  it("counts a cell that diverged as 0, and leaves out what is not complete", () => {
    const diverged = compare(found, withFirst({ state: "diverged", returns: [190] }));
    expect(diverged.ours).toMatchObject({ complete: 2, diverged: 1, score: { mean: 190 } });
    expect(diverged.ours.normalised?.mean).toBeCloseTo(1.9 / 3, 12);
    const half =
      4.30265273 *
      Math.sqrt((0.6333333 ** 2 + 0.2666667 ** 2 + 0.3666667 ** 2) / 2) *
      Math.sqrt(1 / 3 + 1 / 5);
    expect(diverged.verdict?.interval[1]).toBeCloseTo(1.9 / 3 + half, 5);
    const begun = compare(found, withFirst({ state: "begun", returns: [190] }));
    expect(begun.ours).toMatchObject({ complete: 2, normalised: { count: 2 } });
  });

  it("gives no verdict on fewer than two cells, only numbers", () => {
    const one = compare(found, ALL.slice(0, 1));
    expect(one.verdict).toBeNull();
    expect(one.ours.normalised).toMatchObject({ mean: 0.8, interval: null });
    expect(one.published.normalised).toBeCloseTo(3316.4 / 3632.8, 12);
    const none = compare(
      found,
      cellsOf(suite).map(({ id }) => outcome(suite, id, { state: "new" })),
    );
    expect(none.verdict).toBeNull();
    expect(none.ours).toMatchObject({ cells: 3, complete: 0, normalised: null, random: null });
  });

  it("gives none where the return of the demonstrations is not known", () => {
    const bare = outcomes(suite, (id) => ({ ...toldOf(id), summary: { expertReturn: null } }));
    expect(compare(found, bare)).toMatchObject({ verdict: null, ours: { normalised: null, share: null } });
  });
});

describe("in words", () => {
  const comparison = compare(found, ALL);
  const rowsOf = (cell = found.cell, result: Comparison = comparison): Record<string, readonly string[]> =>
    Object.fromEntries(
      comparisonTable({ ...found, cell }, plan, result).rows.map(([name, ...rest]) => [name, rest]),
    );

  it("stand side by side", () => {
    expect(rowsOf()).toEqual({
      method: ["ml-irl", "ml-irl"],
      environment: ["v4", "Hopper-v5"],
      demonstrations: ["1", "1 from 0"],
      runs: ["5", "3 of 3"],
      "true return": ["3,316", "180 [130, 230]"],
      expert: ["3,633", "200"],
      "share of expert": ["91%", "90% [65%, 115%]"],
      normalised: ["0.91", "0.90 [0.65, 1.15]"],
      "random, 0 of both": ["0", "0"],
      "training, as counted": ["1,000,000", "1,000"],
      "reward rollouts": ["2,000,000", "10"],
      "training + rollouts": ["3,000,000", "1,010"],
      evaluation: ["n/a", "60"],
      "expert's steps": ["n/a", "40"],
      "training, planned": ["n/a", "1,000"],
    });
  });

  it("without a budget, a version or a number of runs say so", () => {
    const cell = { ...cellAt("iq-learn/hopper/dac"), source: { ...found.cell.source, revision: null } };
    expect(rowsOf(cell)).toMatchObject({
      environment: ["not said", "Hopper-v5"],
      runs: ["several", "3 of 3"],
      "training, as counted": ["n/a", "1,000"],
      "reward rollouts": ["n/a", "10"],
      "training + rollouts": ["n/a", "1,010"],
    });
    expect(rowsOf(cellAt("iq-learn/hopper/iq-learn"))["reward rollouts"][0]).toBe("n/a");
  });

  it("of cells that diverged, say which means are without them", () => {
    const result = compare(found, withFirst({ state: "diverged", returns: [190] }));
    expect(rowsOf(found.cell, result)).toMatchObject({
      runs: ["5", "2 of 3, 1 diverged"],
      "true return": ["3,316", "190 [62.9, 317] (2 of 3, 1 diverged)"],
      "share of expert": ["91%", "95% [31%, 159%] (2 of 3, 1 diverged)"],
      normalised: ["0.91", expect.not.stringContaining("diverged")],
    });
  });

  it("a spread stands behind its mean", () => {
    const cell = cellAt("trirl/hopper/airl");
    const result = compare({ ...found, cell: { ...cell, method: "ml-irl" } }, ALL);
    expect(rowsOf(cell, result)).toMatchObject({
      "true return": ["n/a", "180 [130, 230]"],
      normalised: ["0.68 +- 0.11", "0.90 [0.65, 1.15]"],
    });
  });

  it("the verdict says on what it rests", () => {
    const lenient = verdictWords(comparison);
    expect(lenient).toMatch(
      /^Verdict: consistent\. Ours is 0\.90 over 3 cells; the published 0\.91 lies in \[0\.59, 1\.21\], the 95% prediction interval for a mean of 5 runs\. /,
    );
    expect(lenient).toMatch(/which is lenient/);
    const both = verdictWords(compare({ ...found, cell: { ...found.cell, std: 40 } }, ALL));
    expect(both).toMatch(/It rests on the spread of both\.$/);
    expect(both).not.toMatch(/lenient/);
    const several = verdictWords(compare({ ...found, cell: { ...found.cell, runs: null } }, ALL));
    expect(several).toContain("a mean of 2 runs (several, taken as 2)");
    const below = verdictWords(compare({ ...found, cell: { ...found.cell, mean: 9000 } }, ALL));
    expect(below).toMatch(/^Verdict: below\. .* lies outside \[/);
  });

  it("and why there is none", () => {
    expect(verdictWords(compare(found, ALL.slice(0, 1)))).toMatch(/^No verdict: one cell says nothing/);
    expect(verdictWords(compare(found, []))).toMatch(/^No verdict: none of our cells has a normalised score/);
    const bare: PublishedCell = { ...found.cell, expert: null };
    expect(verdictWords(compare({ ...found, cell: bare }, ALL))).toMatch(/^No verdict: the published number/);
  });

  it("what must be borne in mind is what differs", () => {
    const all = caveats(found, plan, comparison).join("\n");
    expect(all).toMatch(/ML-IRL is run as in docs\/ml-irl\.md/);
    expect(all).toContain("Its 0 is that of random actions in our Hopper-v5 on both sides.");
    expect(all).toContain("Bare means");
    expect(all).toContain("Ours is Hopper-v5; nearer to the published v4 is Hopper-v4.");
    expect(all).toContain("share one demonstration set");
    expect(all).toContain("Ours trained for 1,000 of 1M steps");
    expect(all).not.toContain("Published with");
    const other = { ...plan, env: "Hopper-v4", trajectories: [0, 1], episodes: 4, steps: 1e7 };
    const counts = { train: 1e7, rewardRollout: 0, evaluation: 0, expert: 0 };
    const long = { ...comparison, ours: { ...comparison.ours, stepCounts: counts } };
    const less = caveats(found, other, long).join("\n");
    expect(less).toContain("Published with 1 demonstration, ours with 4.");
    expect(less).not.toMatch(/nearer to|share one|for want of/);
    expect(caveats(foundAt("iq-learn/hopper/dac"), plan, comparison)).toContain(
      "The published budget is not known.",
    );
  });

  it("the list has value, expert, share and what stands for it here", () => {
    const ids = [
      "piro/hopper/piro",
      "piro/hopper/csil",
      "trirl/ant/airl",
      "trirl/ant/airl/retrained",
      "trirl/pointmaze/trirl/other-maze",
      "trirl/pointmaze/airl",
      "cleanil/halfcheetah/gail",
      "lfirl/umaze/airl/hours",
      "lfirl/umaze/ml-irl/pearson",
      "imitation/halfcheetah/sqil",
    ];
    expect(cellList(ids.map(cellAt)).rows.map(([, ...rest]) => rest)).toEqual([
      ["no method", "3,362", "3,632.8", "93%"],
      ["no method", "6.7", "3,632.8", "0%"],
      ["airl", "59%+-25%", "n/a", "59%"],
      ["no score", "10%+-13%", "n/a", "10%"],
      ["no method", "96%+-0.1%", "n/a", "96%"],
      ["no task", "45%+-12%", "n/a", "45%"],
      ["dac", "107.26%", "n/a", "107%"],
      ["no score", "1.38 h", "n/a", "n/a"],
      ["no score", "0.78", "n/a", "n/a"],
      ["sqil", "1,400.7+-254.1", "3,400", "41%"],
    ]);
    expect(sourceWords([cellAt("piro/hopper/piro"), cellAt("piro/ant/piro")])).toEqual([
      "piro: PIRO (TRRO), NeurIPS 2025; Table 1; read as full text (v4, 1 demonstration and 5 runs).",
    ]);
  });
});

it("a cell that counts updates is complete at its last, with no step in the environment", () => {
  const steps = { train: 0, rewardRollout: 0, evaluation: 60, expert: 40 };
  const told = (end: number): Told => ({ state: "complete", returns: [1], summary: { steps, end } });
  const small = tinySuite();
  expect(outcome(small, "one/first/0-1", told(1000))).toMatchObject({ state: "complete", score: 1 });
  expect(outcome(small, "one/first/0-1", told(999))).toMatchObject({ state: "begun", score: null });
});
