import { describe, expect, it } from "vitest";
import {
  configurationsOf,
  findingsOf,
  isFigure,
  marginalsOf,
  parseSuite,
  type BenchFindings,
  type Configuration,
  type Outcome,
} from "../../src/bench/index.ts";
import type { Figure } from "../../src/report/index.ts";
import { outcome, SUITE, tinySuite } from "./outcomes.ts";

/** Rates 0.001 and 0.01, penalties 1 and 10: a grid. */
const GRID = [
  ["a", 0.001, 10],
  ["b", 0.001, 1],
  ["c", 0.01, 10],
  ["d", 0.01, 1],
] as const;
const suite = tinySuite({
  tasks: [{ ...SUITE.tasks[0], trajectories: [0], heldOut: [3] }],
  methods: GRID.map(([name, rate, penalty]) => ({
    name,
    family: "grid",
    options: { method: "dac", "learning-rate": rate, "gradient-penalty": penalty },
  })),
});
const RETURNS: Record<string, number> = { a: 20, b: 60, c: 100, d: 180 };
/** Scores 0.1, 0.3, 0.5, 0.9, as mean over two seeds 0.05 apart; state distance, likelihood and gap as told. */
const cell = (id: string, heldOut: [number, number, number]): Outcome => {
  const value = RETURNS[id[4]] + (id.endsWith("1") ? 5 : -5);
  const [stateDistance, logLikelihood, rewardGap] = heldOut;
  return {
    ...outcome(suite, id, { state: "complete", returns: [0, value] }),
    heldOut: [{ step: 1000, stateDistance, logLikelihood, rewardGap }],
  };
};
const FIT: Record<string, [number, number, number]> = {
  a: [0.2, -5, 0.9],
  b: [0.4, -4, 0.8],
  c: [0.3, -3, -0.1],
  d: [0.5, -6, 0.7],
};
const all = GRID.flatMap(([name]) => [1, 2].map((seed) => cell(`one/${name}/0-${seed}`, FIT[name])));
const [task] = suite.tasks;
const grid = (cells: readonly Outcome[]): Configuration[] => configurationsOf(task, suite.methods, cells);

describe("the marginal of an option", () => {
  it("in a grid is the mean over the settings of the others, by value", () => {
    const [rate, penalty] = marginalsOf(grid(all));
    expect(rate).toMatchObject({ option: "learning-rate", isBalanced: true });
    expect(penalty).toMatchObject({ option: "gradient-penalty", isBalanced: true });
    expect(rate.values.map(({ value }) => value)).toEqual(["0.001", "0.01"]);
    expect(rate.values.map(({ mean }) => mean)).toEqual([expect.closeTo(0.2, 12), expect.closeTo(0.7, 12)]);
    expect(penalty.values.map(({ value }) => value)).toEqual(["1", "10"]);
    expect(penalty.values.map(({ mean }) => mean)).toEqual([
      expect.closeTo(0.6, 12),
      expect.closeTo(0.3, 12),
    ]);
    expect(penalty.values[0].scores).toEqual([expect.closeTo(0.3, 12), expect.closeTo(0.9, 12)]);
  });

  it("is of its own task alone", () => {
    const elsewhere = all.map((each) => ({ ...each, task: "two", normalised: 9 }));
    expect(grid([...all, ...elsewhere])).toEqual(grid(all));
  });

  it("in an unfinished grid is over settings that have a score under every value", () => {
    const [rate, penalty] = marginalsOf(grid(all.filter(({ method }) => method !== "d")));
    // Without d: only penalty 10 has both rates, only rate 0.001 both penalties.
    expect(rate.values.map(({ mean }) => mean)).toEqual([expect.closeTo(0.1, 12), expect.closeTo(0.5, 12)]);
    expect(penalty.values.map(({ mean }) => mean)).toEqual([
      expect.closeTo(0.3, 12),
      expect.closeTo(0.1, 12),
    ]);
    const [alone] = marginalsOf(grid(all.filter(({ method }) => method === "a")));
    expect(alone.values).toEqual([
      { value: "0.001", scores: [expect.closeTo(0.1, 12)], mean: null },
      { value: "0.01", scores: [], mean: null },
    ]);
  });

  it("of random points is over those that have the value, and says that it is not balanced", () => {
    const scattered: Configuration[] = [
      { name: "p1", values: { x: "0.3", kind: "one" }, score: 0.2 },
      { name: "p2", values: { x: "0.1", kind: "one" }, score: 0.4 },
      { name: "p3", values: { x: "0.2", kind: "two" }, score: 0.9 },
      { name: "p4", values: { x: "0.25", kind: "two" }, score: null },
    ];
    const [x, kind] = marginalsOf(scattered);
    expect(x).toMatchObject({ isBalanced: false });
    expect(x.values.map(({ value }) => value)).toEqual(["0.1", "0.2", "0.25", "0.3"]);
    expect(kind).toMatchObject({ isBalanced: false });
    expect(kind.values.map(({ mean }) => mean)).toEqual([expect.closeTo(0.3, 12), 0.9]);
  });

  it("of what is no whole grid leaves nothing out that has a score", () => {
    const [x] = marginalsOf([
      { name: "a", values: { x: "1", kind: "one" }, score: 0.2 },
      { name: "b", values: { x: "2", kind: "one" }, score: null },
      { name: "c", values: { x: "3", kind: "two" }, score: 0.5 },
    ]);
    expect(x).toMatchObject({ isBalanced: false });
    expect(x.values.map(({ mean }) => mean)).toEqual([0.2, null, 0.5]);
  });

  it("is of options that differ: one left unsaid is the default, one said for a task holds there", () => {
    const methods = [
      { name: "m", family: "f", options: { method: "dac", polyak: 0.1 } },
      { name: "n", family: "f", options: { method: "dac" }, perTask: { one: { hidden: [8, 8] } } },
    ];
    const own = tinySuite({ methods }).methods;
    expect(configurationsOf({ name: "one" }, own, []).map(({ values }) => values)).toEqual([
      { polyak: "0.1", hidden: "default" },
      { polyak: "default", hidden: "8,8" },
    ]);
    expect(configurationsOf({ name: "two" }, own, []).map(({ values }) => values)).toEqual([
      { polyak: "0.1" },
      { polyak: "default" },
    ]);
  });
});

const findings = (cells: readonly Outcome[], of = suite): BenchFindings => findingsOf(of, cells, [], "x");
const tableOf = (found: BenchFindings, title: string): readonly (readonly string[])[] => {
  const each = found.exhibits.find((exhibit) => exhibit.title === title);
  if (!each || isFigure(each)) throw new Error(`no table ${title}`);
  return [each.columns, ...each.rows];
};
const titles = (found: BenchFindings): string[] => found.exhibits.map(({ title }) => title);
const figureOf = (found: BenchFindings): Figure | undefined =>
  found.exhibits.filter(isFigure).find(({ id }) => id === "options-one-grid");

describe("a bench of configurations", () => {
  it("has a table of them, best first, with what each criterion chooses", () => {
    const rows = tableOf(findings(all), "one: configurations of grid");
    expect(rows[0]).toEqual([
      "configuration",
      "normalised",
      "chosen by",
      "learning-rate",
      "gradient-penalty",
      "cells",
      "state distance",
      "log-likelihood",
      "reward gap",
    ]);
    expect(rows.slice(1).map((row) => [row[0], ...row.slice(2)])).toEqual([
      ["d", "true return", "0.01", "1", "2 of 2", "0.50", "-6.00", "0.70"],
      ["c", "log-likelihood, reward gap", "0.01", "10", "2 of 2", "0.30", "-3.00", "0.10"],
      ["b", "", "0.001", "1", "2 of 2", "0.40", "-4.00", "0.80"],
      ["a", "state distance", "0.001", "10", "2 of 2", "0.20", "-5.00", "0.90"],
    ]);
    expect(rows[1][1]).toMatch(/^0\.90 \[0\.58, 1\.22\]$/);
  });

  it("marks the best by return where nothing is held out, and has no criteria then", () => {
    const open = tinySuite({ tasks: [{ ...suite.tasks[0], heldOut: [] }], methods: suite.methods });
    const bare = all.map((each) => ({ ...each, heldOut: [] }));
    const rows = tableOf(findings(bare, open), "one: configurations of grid");
    expect(rows[0]).toHaveLength(6);
    expect(rows.slice(1).map((row) => row[2])).toEqual(["true return", "", "", ""]);
    const none = tableOf(findings([], open), "one: configurations of grid");
    expect(none.slice(1).map((row) => [row[1], row[2]])).toEqual(GRID.map(() => ["n/a", ""]));
  });

  it("shows each option: a dot a configuration, a line through the means of a grid, its axis by ratio where wide", () => {
    const shown = figureOf(findings(all));
    expect(shown?.panels).toHaveLength(2);
    const [rate] = shown!.panels;
    if (rate.kind !== "xy") throw new Error(rate.kind);
    expect(rate.x).toMatchObject({ label: "learning-rate", scale: "log", ticks: [0.001, 0.01] });
    const [dots, line] = rate.marks;
    expect(dots).toMatchObject({ kind: "dots" });
    expect("points" in dots && dots.points.map(({ x }) => x)).toEqual([0.001, 0.001, 0.01, 0.01]);
    expect(line).toMatchObject({
      kind: "line",
      points: [
        { x: 0.001, y: expect.closeTo(0.2, 12) },
        { x: 0.01, y: expect.closeTo(0.7, 12) },
      ],
    });
    expect(figureOf(findings([]))).toBeUndefined();
  });

  it("shows random points without a line, near numbers on an even axis, and words as bars", () => {
    const methods = [
      ["a", 0.3, "one"],
      ["b", 0.1, "one"],
      ["c", 0.2, "two"],
    ].map(([name, polyak, hidden]) => ({
      name: String(name),
      family: "grid",
      options: { method: "dac", polyak, hidden },
    }));
    const random = parseSuite("x", { ...suite, methods, audit: undefined });
    const cells = all.filter(({ method }) => method !== "d");
    const [polyak, hidden] = figureOf(findings(cells, random))!.panels;
    if (polyak.kind !== "xy" || hidden.kind !== "bars") throw new Error("panels");
    expect(polyak.x.scale).toBe("linear");
    expect(polyak.marks.map(({ kind }) => kind)).toEqual(["dots"]);
    expect(hidden.bars).toMatchObject([
      {
        name: "one",
        value: expect.closeTo(0.2, 12),
        text: "0.20",
        parts: [0.1, 0.3].map((x) => expect.closeTo(x, 12)),
      },
      { name: "two", value: expect.closeTo(0.5, 12), text: "0.50" },
    ]);
  });

  it("sets no first against the rest where all are of one family", () => {
    expect(titles(findings(all)).join()).not.toContain("Probability that");
    const apart = parseSuite("x", {
      ...suite,
      methods: suite.methods.map((method) => ({ ...method, family: undefined })),
    });
    const found = titles(findings(all, apart));
    expect(found.join()).toContain("Probability that a improves on");
    expect(found.join()).not.toContain("configurations of");
  });
});
