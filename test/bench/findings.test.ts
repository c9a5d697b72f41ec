import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import {
  benchMarkdown,
  benchPage,
  findingsOf,
  isFigure,
  type BenchFindings,
  type Outcome,
  type Suite,
} from "../../src/bench/index.ts";
import type { Figure, LineMark, Mark } from "../../src/report/index.ts";
import { outcome, outcomes, SUITE, tinySuite, type Told } from "./outcomes.ts";

const suite = tinySuite();
/** A return that differs from cell to cell: 200 is the expert's. */
const returnOf = (id: string): number =>
  (id.startsWith("one") ? 100 : 150) + (id.includes("first") ? 40 : 0) + (id.endsWith("2") ? 10 : 0);
const done = (id: string): Told => ({ state: "complete", returns: [0, returnOf(id)] });
const findings = (cells: readonly Outcome[], of: Suite = suite, strangers: string[] = []): BenchFindings =>
  findingsOf(of, cells, strangers, "tandem bench tiny.json");
const all = findings(outcomes(suite, done));

function table(found: BenchFindings, title: string): readonly (readonly string[])[] {
  const each = found.exhibits.find((exhibit) => exhibit.title === title);
  if (!each || isFigure(each)) throw new Error(`no table ${title}`);
  return [each.columns, ...each.rows];
}

function noteOf(found: BenchFindings, title: string): string {
  const each = found.exhibits.find((exhibit) => exhibit.title === title);
  return each && !isFigure(each) ? each.note : "";
}

function figure(found: BenchFindings, id: string): Figure {
  const each = found.exhibits.filter(isFigure).find((exhibit) => exhibit.id === id);
  if (!each) throw new Error(`no figure ${id}`);
  return each;
}

const marksOf = ({ panels }: Figure, panel = 0): readonly Mark[] => {
  const shown = panels[panel];
  return shown.kind === "xy" ? shown.marks : [];
};
const linesOf = (shown: Figure, panel = 0): LineMark[] =>
  marksOf(shown, panel).filter((mark) => mark.kind === "line");

const looks = (shown: Figure) => linesOf(shown).map(({ name, tone, dash }) => [name, tone, dash]);

/** The second configuration fits better. */
const fitOf = (id: string): Outcome["heldOut"] => [
  { step: 1000, stateDistance: id.includes("first") ? 0.5 : 0.2, logLikelihood: 1, rewardGap: null },
];

describe("choices without the true reward", () => {
  const TITLE = "Which configuration, chosen without the true reward";
  const family = tinySuite({
    methods: ["first", "second"].map((name) => ({ name, family: "sqil", options: { method: "sqil" } })),
  });
  const measured = outcomes(family, done).map((each) => ({ ...each, heldOut: fitOf(each.id) }));

  it("stand beside the best, with what they cost", () => {
    const chosen = table(findings(measured, family), TITLE);
    expect(chosen[0].slice(0, 4)).toEqual([
      "task, method",
      "configurations",
      "best by return",
      "state distance",
    ]);
    expect(chosen[1]).toEqual([
      "one, sqil",
      "2 of 2",
      "first, 0.72",
      "second, 0.20",
      "first, 0.00",
      "n/a",
      "0.10",
    ]);
    const kept = table(
      findings(measured, family),
      "Which evaluation's policy to keep, chosen without the true reward",
    );
    expect(kept[1]).toEqual(["one, first", "4", "0.00", "0.00", "0.00", "n/a"]);
    expect(noteOf(findings(measured, family), TITLE)).toMatch(/choosing blindly\.$/);
  });

  it("name the configurations that are left out, and why", () => {
    const broken = ["two/second/0-1", "two/second/1-2"];
    const part = outcomes(family, (id) => {
      if (broken.includes(id)) return { state: "diverged", returns: [3] };
      if (id === "two/second/0-2") return { state: "begun", returns: [3] };
      return done(id);
    }).map((each) => ({ ...each, heldOut: each.state === "complete" ? fitOf(each.id) : [] }));
    const found = findings(part, family);
    expect(table(found, TITLE).slice(1)).toEqual([
      ["one, sqil", "2 of 2", "first, 0.72", "second, 0.20", "first, 0.00", "n/a", "0.10"],
      ["two, sqil", "1 of 2", "n/a", "n/a", "n/a", "n/a", "n/a"],
    ]);
    expect(noteOf(found, TITLE)).toContain(
      " Left out, and no choice: second on two (of 4 cells 2 diverged and 1 not complete).",
    );
  });

  it("say that the fit shares its episodes' luck", () => {
    expect(
      noteOf(findings(measured, family), "Which evaluation's policy to keep, chosen without the true reward"),
    ).toContain("share their luck");
  });

  it("are not spoken of where nothing was held out", () => {
    expect(() => table(all, TITLE)).toThrow("no table");
  });
});

describe("a method that takes no step in the environment", () => {
  const cloning = tinySuite({
    methods: [SUITE.methods[0], { name: "second", updates: 300, options: { method: "bc" } }],
  });
  const cells = outcomes(cloning, done);

  it("is a level beside the others' curves, and ends them nowhere", () => {
    expect(cells.map(({ steps, isCloned }) => [steps, isCloned])).toContainEqual([300, true]);
    const shown = figure(findings(cells, cloning), "curves-one");
    expect(linesOf(shown).map(({ name }) => name)).toEqual(["first"]);
    const rules = marksOf(shown).filter((mark) => mark.kind === "rule");
    expect(rules.map(({ name, y }) => [name, y])).toEqual([
      ["second", 105],
      ["expert", 200],
      ["random", 0],
    ]);
    expect(marksOf(shown).find((mark) => mark.kind === "boundary")).toMatchObject({ x: 900 });
  });
});

it("a method that is only for some tasks stands in their tables, and in no comparison across tasks", () => {
  const [first, second] = SUITE.methods;
  const partial = tinySuite({ methods: [first, { ...second, tasks: ["two"] }] });
  const { exhibits, protocol, warnings } = findingsOf(
    partial,
    outcomes(partial, (id) => ({ state: "complete", returns: [returnOf(id)] })),
    [],
    "x",
  );
  const rowsOf = (title: string): string[] => {
    const found = exhibits.find((each) => each.title === title);
    if (!found || isFigure(found)) throw new Error(`no table ${title}`);
    return found.rows.map(([name]) => name);
  };
  expect(rowsOf("one")).toEqual(["first"]);
  expect(rowsOf("two")).toEqual(["first", "second"]);
  expect(rowsOf("Across tasks, normalised")).toEqual(["first"]);
  expect(rowsOf("What a cell costs")).toEqual(["one, first", "two, first", "two, second"]);
  expect(rowsOf("Which demonstration, or which seed")).toEqual(["one, first", "two, first", "two, second"]);
  expect(protocol.join(" ")).toContain(
    "Not for all tasks, and so in no comparison across tasks: second (two).",
  );
  expect(warnings).toEqual([]);
});

it("a cell whose method takes no step in the environment is complete at its last update", () => {
  const summary = { steps: { train: 0, rewardRollout: 0, evaluation: 60, expert: 40 }, end: 1000 };
  const suite = tinySuite();
  const cell = outcome(suite, "one/first/0-1", { state: "complete", returns: [1, 2], summary });
  expect(cell.state).toBe("complete");
  const half = { ...summary, end: 500 };
  expect(outcome(suite, "one/first/0-1", { state: "complete", returns: [1, 2], summary: half }).state).toBe(
    "begun",
  );
});

describe("findings on a bench that is complete", () => {
  it("say how many cells each table rests on", () => {
    expect(all.headline).toBe(
      "All 16 cells are complete; interquartile mean on 2 tasks: first 0.85 and second 0.65.",
    );
    expect(all.warnings).toEqual([]);
    expect(table(all, "Across tasks, normalised").map((row) => row[1])).toEqual([
      "cells",
      "8 of 8",
      "8 of 8",
    ]);
    expect(table(all, "one")[1].slice(0, 2)).toEqual(["first", "4 of 4"]);
    expect(table(all, "What a cell costs")[1]).toEqual([
      "one, first",
      "4 of 4",
      "1,000",
      "10",
      "60",
      "40",
      "5 s",
    ]);
    expect(table(all, "Which demonstration, or which seed")[1].slice(0, 3)).toEqual([
      "one, first",
      "4 of 4",
      "2",
    ]);
    expect(() => table(all, "Cells that are not complete")).toThrow("no table");
  });

  it("show means with their intervals", () => {
    // 140, 150, 140, 150: mean 145, s = sqrt(100 / 3), half-width 3.1824 s / 2 = 9.19.
    expect(table(all, "one")[1].slice(2, 5)).toEqual(["145 [136, 154]", "0.72 [0.68, 0.77]", "0 of 4 (0%)"]);
    expect(table(all, "Probability that first improves on")[1]).toEqual([
      "second",
      "8 of 8",
      "8 of 8",
      "1.00 [1.00, 1.00]",
    ]);
  });

  it("show across tasks no interval where every task has but one cell", () => {
    const single = tinySuite({
      seeds: [1],
      tasks: SUITE.tasks.map((each) => ({ ...each, trajectories: [0] })),
    });
    const found = findings(outcomes(single, done), single);
    expect(table(found, "Across tasks, normalised")[1]).toEqual([
      "first",
      "2 of 2",
      "0.82",
      "0.82",
      "0.82",
      "0.18",
    ]);
    expect(table(found, "one")[1].slice(2, 4)).toEqual(["140", "0.70"]);
    expect(() => table(found, "Which demonstration, or which seed")).toThrow("no table");
  });

  it("draw each method alike in all figures", () => {
    expect(looks(figure(all, "profile"))).toEqual([
      ["first", "series1", "solid"],
      ["second", "series2", "dashed"],
    ]);
    expect(looks(figure(all, "curves-one"))).toEqual(looks(figure(all, "profile")));
    const [boundary] = marksOf(figure(all, "curves-one"));
    expect(boundary).toMatchObject({ kind: "boundary", x: 900 });
    const rules = marksOf(figure(all, "curves-one")).filter((mark) => mark.kind === "rule");
    expect(rules.map(({ name, y }) => [name, y])).toEqual([
      ["expert", 200],
      ["random", 0],
    ]);
  });

  it("show more methods than can be told apart in panels, the first in each", () => {
    const methods = Array.from({ length: 7 }, (_, i) => ({ name: `m${i}`, options: { method: "dac" } }));
    const many = tinySuite({ methods });
    const found = findings(outcomes(many, done), many);
    for (const id of ["profile", "curves-two"]) {
      const shown = figure(found, id);
      expect(shown.panels.map((_, i) => linesOf(shown, i).map(({ name }) => name))).toEqual([
        ["m0", "m1", "m2", "m3", "m4"],
        ["m0", "m5", "m6"],
      ]);
    }
  });
});

describe("findings on a bench that is not", () => {
  const part = outcomes(suite, (id) => {
    if (id === "one/first/0-1") return { state: "begun", returns: [77] };
    if (id === "one/first/0-2") return { state: "new" };
    if (id === "one/second/0-1") return { state: "diverged", returns: [3] };
    return done(id);
  });
  const found = findings(part, suite, ["one/old/0-1"]);

  it("leave nothing out silently", () => {
    expect(found.headline).toContain("13 of 16 cells complete, 1 diverged");
    expect(found.warnings).toEqual([
      expect.stringMatching(/^Unfinished: 2 of 16 cells \(1 of them begun\)/),
      expect.stringMatching(/^Diverged: 1 cell, .*count each as 0/),
      expect.stringMatching(/none of this suite, left out: one\/old\/0-1\.$/),
    ]);
    expect(table(found, "Cells that are not complete").slice(1)).toEqual([
      ["one/first/0-1", "begun", "500 of 1,000", "77"],
      ["one/second/0-1", "diverged", "500 of 1,000", "3"],
    ]);
    expect(found.exhibits.find(({ title }) => title === "Cells that are not complete")).toMatchObject({
      note: "Not begun, and not listed: 1 cell.",
    });
    expect(table(found, "one").map((row) => row[1])).toEqual(["cells", "2 of 4", "3 of 4, 1 diverged"]);
    expect(table(found, "Across tasks, normalised").map((row) => row[1])).toEqual([
      "cells",
      "6 of 8",
      "8 of 8",
    ]);
    expect(table(found, "one")[2][4]).toBe("1 of 4 (25%)");
  });

  it("say beside a mean that leaves out what diverged how many cells it is of", () => {
    // 110, 100, 110: mean 106.7, s = 10 / sqrt(3), half-width 4.3027 s / sqrt(3) = 14.3; and with a 0 among them.
    expect(table(found, "one").map((row) => row[2])).toEqual([
      "true return",
      "145 [81.5, 209]",
      "107 [92.3, 121] (3 of 4, 1 diverged)",
    ]);
    expect(table(found, "one")[2][3]).toMatch(/^0\.40 \[/);
    expect(table(found, "two").map((row) => row[2].includes("("))).toEqual([false, false, false]);
    const lost = findings(
      outcomes(suite, (id) => (id.startsWith("one/first") ? { state: "diverged" } : done(id))),
    );
    expect(table(lost, "one")[1].slice(1, 4)).toEqual(["0 of 4, 4 diverged", "n/a", "0.00 [0.00, 0.00]"]);
  });

  it("draw cells that are not complete faintly, and in no mean", () => {
    const lines = linesOf(figure(found, "curves-one"));
    expect(lines.filter(({ style }) => style === "faint").map(({ points }) => points)).toEqual([
      [{ x: 500, y: 77 }],
      [{ x: 500, y: 3 }],
    ]);
    const strong = lines.find(({ name, style }) => name === "first" && style === "strong");
    expect(strong?.points.at(-1)).toMatchObject({ x: 1000, y: 145 });
  });

  it("compare only tasks and methods that have scores, and say so", () => {
    const cells = outcomes(suite, (id) => (id.startsWith("two/second") ? { state: "new" } : done(id)));
    const lacking = findings(cells);
    expect(lacking.warnings.join("\n")).toContain("as not all methods have a score there: two.");
    const none = outcomes(suite, (id) => (id.includes("second") ? { state: "new" } : done(id)));
    expect(findings(none).warnings.join("\n")).toContain(
      "Without any score yet, and in no comparison: second.",
    );
  });

  it("are there before any cell has begun", () => {
    const nothing = findings(outcomes(suite, () => ({ state: "new" })));
    expect(nothing.headline).toBe("0 of 16 cells complete.");
    expect(nothing.exhibits.some(isFigure)).toBe(false);
    expect(benchMarkdown(nothing)).not.toMatch(/NaN|undefined|Infinity/);
  });
});

const odd = (config: object, summary: object = {}): readonly string[] => {
  const cells = outcomes(suite, done);
  const place = cells.findIndex(({ id }) => id === "two/first/1-2");
  const told = { ...done("two/first/1-2"), config, summary };
  return findings(cells.with(place, outcome(suite, "two/first/1-2", told))).warnings;
};

describe("cells that are not of one world", () => {
  it("are told apart by version, kernels, environment options and demonstrations", () => {
    expect(odd({ version: "0.0.9" })).toEqual([
      "Made by different builds, which may differ in more than last bits: Tandem 0.1.0 with simd kernels made 15 cells, Tandem 0.0.9 with simd kernels made two/first/1-2.",
    ]);
    expect(odd({}, { kernels: "relaxed-simd" })[0]).toContain(
      "Tandem 0.1.0 with relaxed-simd kernels made two/first/1-2",
    );
    expect(odd({ env: { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 61 } } })).toEqual([
      expect.stringMatching(
        /^two is not one task: environment options or demonstrations differ between .* and two\/first\/1-2\.$/,
      ),
    ]);
    const demos = { path: "x", sha256: "11", episodes: 1, firstEpisode: 0, transitions: 60, shuffled: false };
    expect(odd({ demos })[0]).toMatch(/^two is not one task/);
    expect(odd({})).toEqual([]);
  });

  it("or lack the return of their expert", () => {
    expect(odd({}, { expertReturn: null })).toEqual([
      "Without a normalised score, as the return of their expert is not known: two/first/1-2.",
    ]);
  });
});

describe("the page", () => {
  const html = benchPage(all, "suite tiny");
  const { document } = parseHTML(html);

  it("needs no script, no network and no other file, and is the same each time", () => {
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|https?:\/\/(?!www\.w3\.org)/i);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
    expect(benchPage(findings(outcomes(suite, done)), "suite tiny")).toBe(html);
  });

  it("shows across tasks first, then each task with its curves, then the rest and how scores come about", () => {
    expect([...document.querySelectorAll("h2")].map((each) => each.textContent)).toEqual([
      "Across tasks, normalised",
      "Probability that first improves on",
      "How many cells reach which score",
      "one",
      "one: true return over training",
      "two",
      "two: true return over training",
      "Which demonstration, or which seed",
      "What a cell costs",
      "Protocol",
    ]);
    expect(document.querySelector("h1")?.textContent).toBe(all.headline);
    expect(document.querySelector("pre")?.textContent).toBe("tandem bench tiny.json");
  });

  it("is in Markdown too, without the figures", () => {
    const text = benchMarkdown(all);
    expect(text.match(/^## .*$/gm)).toEqual([
      "## Across tasks, normalised",
      "## Probability that first improves on",
      "## one",
      "## two",
      "## Which demonstration, or which seed",
      "## What a cell costs",
      "## Protocol",
    ]);
    expect(text).toContain("| first | 4 of 4 | 145 [136, 154] |");
  });
});
