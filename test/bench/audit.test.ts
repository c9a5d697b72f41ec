import { describe, expect, it } from "vitest";
import {
  anchored,
  auditedPart,
  auditSeeds,
  benchMarkdown,
  controlCells,
  controlMethods,
  controlRows,
  treatmentRows,
  findingsOf,
  isFigure,
  largestControl,
  outcomeOf,
  verdictOn,
  type AuditedMethod,
  type BenchFindings,
  type Control,
  type ControlMethod,
  type Outcome,
  type Suite,
  type Verdict,
} from "../../src/bench/index.ts";
import { runConfig, type TrainConfig } from "../../src/runs/index.ts";
import { evaluation, tinyRun } from "../report/tiny-run.ts";
import { CONFIG, outcomes, SUITE, tinySuite } from "./outcomes.ts";

const suite = tinySuite({ audit: true });
const [task] = suite.tasks;

/** A method as planning finds it. */
function audited(
  name: string,
  kind: string,
  termination = "native",
  more: Partial<AuditedMethod> = {},
): AuditedMethod {
  const algorithm = { method: kind, termination } as TrainConfig["algorithm"];
  const method = { name, options: { method: kind, hidden: 8 }, perTask: { one: { discount: 0.5 } } };
  return {
    method,
    algorithm,
    isControl: false,
    seesStatesOnly: false,
    terminations: ["native", "absorbing", "fixed-horizon"],
    ...more,
  };
}

const namesOf = (found: readonly ControlMethod[]): string[] => found.map(({ method }) => method.name);
const named = (found: readonly ControlMethod[], name: string): ControlMethod => {
  const each = found.find(({ method }) => method.name === `audit-${name}`);
  if (!each) throw new Error(`no ${name} in ${namesOf(found).join(", ")}`);
  return each;
};

describe("the controls of a task", () => {
  const found = controlMethods(task, false, [audited("irl", "ml-irl"), audited("mine", "dac")]);

  it("are a learner of three given rewards, and each method on a constant and a shuffled expert", () => {
    expect(namesOf(found)).toEqual([
      "audit-teacher-zero-native",
      "audit-teacher-constant-native",
      "audit-teacher-penalty-native",
      "audit-constant-expert-irl",
      "audit-shuffle-expert-irl",
      "audit-constant-expert-mine",
      "audit-shuffle-expert-mine",
    ]);
    expect(named(found, "teacher-penalty-native")).toMatchObject({
      method: {
        options: { method: "ml-irl", hidden: 8 },
        perTask: { one: { discount: 0.5, teacher: "penalty", termination: "native" } },
      },
      control: { name: "constant penalty (native)", kind: "no reward", appliesTo: ["irl", "mine"] },
      isForeign: false,
    });
    expect(named(found, "constant-expert-mine")).toMatchObject({
      method: { options: { method: "dac" }, perTask: { one: { discount: 0.5, "constant-expert": true } } },
      control: { name: "constant demonstrations of mine", kind: "nonsense", appliesTo: ["mine"] },
    });
    expect(named(found, "shuffle-expert-irl")).toMatchObject({
      method: { perTask: { one: { "shuffle-expert": true } } },
      control: { kind: "states", appliesTo: ["irl"] },
    });
  });

  it("leave what only copies actions nothing, once they are shuffled", () => {
    const cloned = controlMethods(task, false, [audited("clone", "bc")]);
    expect(named(cloned, "shuffle-expert-clone").control.kind).toBe("nonsense");
  });

  it("shuffle no actions that a reward never sees", () => {
    const states = controlMethods(task, false, [
      audited("states", "airl", "native", { seesStatesOnly: true }),
    ]);
    expect(namesOf(states)).toContain("audit-constant-expert-states");
    expect(namesOf(states)).not.toContain("audit-shuffle-expert-states");
  });

  it("are not there of a method that is one, nor of one whose teacher answers truly", () => {
    const some = controlMethods(task, false, [
      audited("none", "ml-irl", "absorbing", { isControl: true }),
      audited("asks", "dagger"),
      audited("mine", "dac"),
    ]);
    expect(namesOf(some).slice(3)).toEqual(["audit-constant-expert-mine", "audit-shuffle-expert-mine"]);
    // The control is no base either, and no treatment to be tried.
    expect(namesOf(some)[0]).toBe("audit-teacher-zero-native");
    expect(some[0]).toMatchObject({
      isForeign: true,
      method: { options: { method: "ml-irl" }, perTask: { one: { teacher: "zero", termination: "native" } } },
      control: { appliesTo: ["asks", "mine"] },
    });
  });

  it("give a reward under each treatment that a method has, to methods of that treatment and to cloning", () => {
    const mixed = controlMethods(task, false, [
      audited("irl", "ml-irl", "absorbing"),
      audited("mine", "dac"),
      audited("clone", "bc"),
    ]);
    expect(namesOf(mixed).slice(0, 6)).toEqual(
      ["absorbing", "native"].flatMap((treatment) =>
        ["zero", "constant", "penalty"].map((teacher) => `audit-teacher-${teacher}-${treatment}`),
      ),
    );
    expect(named(mixed, "teacher-zero-absorbing").control.appliesTo).toEqual(["irl", "clone"]);
    expect(named(mixed, "teacher-zero-native").control.appliesTo).toEqual(["mine", "clone"]);
    const cloned = controlMethods(task, false, [audited("clone", "bc")]);
    expect(named(cloned, "teacher-zero-native").control.appliesTo).toEqual(["clone"]);
  });

  it("compare the treatments of each method that collects, where episodes can end", () => {
    const methods = [audited("clone", "bc"), audited("mine", "dac", "absorbing"), audited("irl", "ml-irl")];
    const all = controlMethods(task, true, methods);
    expect(namesOf(all).filter((name) => name.includes("termination"))).toEqual(
      ["mine", "irl"].flatMap((method) =>
        ["native", "absorbing", "fixed-horizon"].map((each) => `audit-termination-${each}-${method}`),
      ),
    );
    expect(named(all, "termination-fixed-horizon-mine")).toMatchObject({
      method: { options: { method: "dac" }, perTask: { one: { termination: "fixed-horizon" } } },
      control: {
        name: "mine under fixed-horizon",
        kind: "comparison",
        appliesTo: [],
        sets: { method: "mine", termination: "fixed-horizon" },
      },
    });
    const some = [methods[1], audited("irl", "ml-irl", "native", { terminations: ["native", "absorbing"] })];
    expect(namesOf(controlMethods(task, true, some)).slice(-3)).toEqual([
      "audit-termination-fixed-horizon-mine",
      "audit-termination-native-irl",
      "audit-termination-absorbing-irl",
    ]);
    expect(namesOf(controlMethods(task, false, methods)).join(" ")).not.toContain("termination");
  });
});

describe("the part of a suite that is audited", () => {
  it("is the first seed and the first set of each task, all its steps", () => {
    const late = tinySuite({
      audit: true,
      seeds: [7, 8],
      tasks: [{ ...SUITE.tasks[0], trajectories: [4, 2] }],
    });
    expect(auditedPart(late, late.tasks[0])).toMatchObject({ trajectories: [4], steps: 1000 });
    expect(auditSeeds(late)).toEqual([7]);
    const [irl] = controlMethods(late.tasks[0], false, [audited("irl", "ml-irl")]);
    const part = auditedPart(late, late.tasks[0]);
    expect(part && controlCells(late, part, 4, irl).map(({ id }) => id)).toEqual([
      "one/audit-teacher-zero-native/4-7",
    ]);
  });

  it("is what it is told to be, but never more steps than the task's", () => {
    const told = tinySuite({ audit: { seeds: [5, 1], trajectories: [1], steps: 400 } });
    expect(auditedPart(told, told.tasks[1])).toMatchObject({ name: "two", trajectories: [1], steps: 400 });
    expect(auditSeeds(told)).toEqual([5, 1]);
    const long = tinySuite({ audit: { steps: 9999 } });
    expect(auditedPart(long, long.tasks[0])).toMatchObject({ trajectories: [0], steps: 1000 });
  });

  it("is nothing where it is not asked for", () => {
    for (const plain of [tinySuite(), tinySuite({ audit: false })]) {
      expect(auditedPart(plain, plain.tasks[0])).toBeNull();
      expect(auditSeeds(plain)).toEqual([]);
    }
  });
});

// ---- scores of a few numbers: 200 is the expert's return, 0 that of random actions --------------------------------

const ZERO = { name: "zero reward (native)", kind: "no reward", appliesTo: ["first", "second"] } as const;
const SHUFFLED = {
  name: "shuffled demonstrations of first",
  kind: "nonsense",
  appliesTo: ["first"],
} as const;
const STATES = { ...SHUFFLED, name: "states of first", kind: "states" } as const;
const TREATED = {
  name: "first under absorbing",
  kind: "comparison",
  appliesTo: [],
  sets: { method: "first", termination: "absorbing" },
} as const;

/** A cell of the audit on a task: what it is for, and its return; null before it has begun. */
function controlOutcome(
  of: Suite,
  control: Control,
  value: number | null,
  { on = 0, config = {}, summary = {}, seed = 1, trajectory = 0 } = {},
): Outcome {
  const name = `audit-${control.kind.replace(" ", "-")}`;
  const method = { name, options: { method: "ml-irl" }, perTask: {} };
  const cell = {
    id: `${of.tasks[on].name}/${name}/${trajectory}-${seed}`,
    task: of.tasks[on],
    method,
    trajectory,
    seed,
    steps: 1000,
    control,
  };
  if (value === null) return outcomeOf(cell, null, null);
  const steps = { train: 1000, rewardRollout: 0, evaluation: 1, expert: 60 };
  const run = tinyRun({
    steps: 1000,
    records: [evaluation(1000, [value, value])],
    summary: { expertReturn: 200, randomReturn: 0, steps, ...summary },
  });
  return outcomeOf(cell, runConfig.parse({ ...CONFIG, ...config }), run);
}

/** Cells of `first` on task one return 140, 150, 140 and 150 (mean 0.725, lower end 0.6791), those of `second` 100 and 110. */
const own = outcomes(suite, (id) => ({
  state: "complete",
  returns: [(id.includes("first") ? 140 : 100) + (id.endsWith("2") ? 10 : 0)],
}));
const withControls = (...controls: Outcome[]): Outcome[] => [...own, ...controls];

/** A cell of a control on each of the suite's demonstration sets. */
const onBothSets = (control: Control, value: number | null, more: object = {}): Outcome[] =>
  [0, 1].map((trajectory) => controlOutcome(suite, control, value, { ...more, trajectory }));
const explaining = (verdict: Verdict | null): string[] =>
  verdict?.explainedBy.map(({ row }) => row.control.name) ?? [];

describe("a control explains a score", () => {
  // s = sqrt(4 x 25 / 3) = 5.7735 of 200, t(0.975, 3) = 3.1824: 145 +- 9.187, the lower end 135.813 / 200 = 0.67906.
  it.each([
    [135.82, true],
    [135.8, false],
    [190, true],
  ])("at %d: %j", (value, isExplained) => {
    const verdict = verdictOn("one", "first", withControls(...onBothSets(SHUFFLED, value)));
    expect(explaining(verdict)).toEqual(isExplained ? [SHUFFLED.name] : []);
    expect(verdict).toMatchObject({ controls: 1, scored: 1 });
    if (isExplained) expect(verdict?.explainedBy[0].own.interval?.[0]).toBeCloseTo(0.67906, 4);
  });

  // Seeds 1 and 2 on set 0: 145 +- 12.706 x 5, the lower end 81.47; on set 1, of which the control knows nothing, they come to 40.
  it.each([
    [81.5, true],
    [81.4, false],
  ])("at %d, on the demonstration set that it was trained on: %j", (value, isExplained) => {
    const cells = own.map((cell) => (cell.trajectory === 1 ? { ...cell, score: 40, normalised: 0.2 } : cell));
    const verdict = verdictOn("one", "first", [...cells, controlOutcome(suite, SHUFFLED, value)]);
    expect(explaining(verdict)).toEqual(isExplained ? [SHUFFLED.name] : []);
  });

  it("not where the method has no cell on its set yet", () => {
    const cells = own.filter(({ trajectory }) => trajectory === 1);
    const verdict = verdictOn("one", "first", [...cells, controlOutcome(suite, SHUFFLED, 199)]);
    expect(verdict).toEqual({
      task: "one",
      method: "first",
      explainedBy: [],
      fromStates: null,
      controls: 1,
      scored: 0,
    });
  });

  it("only of a method that it applies to, on its own task", () => {
    const cells = withControls(controlOutcome(suite, SHUFFLED, 190));
    expect(verdictOn("one", "second", cells)).toBeNull();
    expect(verdictOn("two", "first", cells)).toBeNull();
    expect(explaining(verdictOn("one", "first", cells))).toEqual([SHUFFLED.name]);
  });

  it("never as a comparison, which learnt from the expert, nor before it has a score", () => {
    const cells = withControls(
      controlOutcome(suite, TREATED, 199),
      controlOutcome(suite, ZERO, null),
      controlOutcome(suite, SHUFFLED, 20),
    );
    expect(verdictOn("one", "first", cells)).toMatchObject({ explainedBy: [], controls: 2, scored: 1 });
    expect(largestControl("one", cells)?.control).toEqual(SHUFFLED);
    expect(controlRows("one", cells).map(({ control }) => control)).toEqual([SHUFFLED, ZERO]);
    expect(treatmentRows("one", cells)).toMatchObject([
      { method: "first", under: { absorbing: { control: TREATED, score: { mean: 199 } } } },
    ]);
  });

  it("by the mean over its cells", () => {
    const zeros = (value: number): Outcome[] => [
      ...onBothSets(ZERO, 0, { seed: 1 }),
      ...onBothSets(ZERO, value, { seed: 2 }),
    ];
    expect(explaining(verdictOn("one", "second", withControls(...zeros(199))))).toEqual([ZERO.name]);
    expect(explaining(verdictOn("one", "second", withControls(...zeros(100))))).toEqual([]);
  });

  it("of one cell within a tenth of it, the largest of several first", () => {
    const single = tinySuite({ audit: true, seeds: [1], tasks: [{ ...SUITE.tasks[0], trajectories: [0] }] });
    const cells = outcomes(single, () => ({ state: "complete", returns: [160] }));
    const zero = (value: number): Outcome => controlOutcome(single, ZERO, value);
    expect(explaining(verdictOn("one", "first", [...cells, zero(144.1)]))).toEqual([ZERO.name]);
    expect(explaining(verdictOn("one", "first", [...cells, zero(143.9)]))).toEqual([]);
    const both = [...cells, zero(150), controlOutcome(single, SHUFFLED, 170)];
    expect(explaining(verdictOn("one", "first", both))).toEqual([SHUFFLED.name, ZERO.name]);
    expect(explaining(verdictOn("one", "second", both))).toEqual([ZERO.name]);
  });

  it("but not where it saw the expert's states, which is a finding of its own", () => {
    const verdict = verdictOn("one", "first", withControls(...onBothSets(STATES, 190)));
    expect(explaining(verdict)).toEqual([]);
    expect(verdict?.fromStates?.row.control).toEqual(STATES);
    const short = verdictOn("one", "first", withControls(...onBothSets(STATES, 135.8)));
    expect(short).toMatchObject({ explainedBy: [], fromStates: null, controls: 1, scored: 1 });
  });

  it("but not one that is not there", () => {
    const begun = outcomes(suite, () => ({ state: "begun", returns: [1] }));
    const verdict = verdictOn("one", "first", [...begun, controlOutcome(suite, ZERO, 190)]);
    expect(verdict).toMatchObject({ explainedBy: [], scored: 0 });
  });
});

describe("the scale of a task", () => {
  const known = new Map([
    ["one", 300],
    ["two", 100],
  ]);
  const at = (cells: readonly Outcome[], id: string): Outcome | undefined =>
    anchored(cells, known).find((cell) => cell.id === id);

  it("goes from random actions, mean over its cells, to its expert, whatever a cell was shown", () => {
    // Eight cells of task one with random returns of 0, one with 90: their mean is 10.
    const odd = controlOutcome(suite, SHUFFLED, 155, { summary: { expertReturn: null, randomReturn: 90 } });
    const cells = withControls(odd);
    expect(odd.normalised).toBeNull();
    expect(at(cells, odd.id)).toMatchObject({
      scale: { random: 10, expert: 300 },
      normalised: 0.5,
      expertReturn: null,
    });
    // (140 - 10) / (300 - 10), not 140 of the 200 that its own demonstrations came to.
    expect(at(cells, "one/first/0-1")?.normalised).toBeCloseTo(130 / 290, 12);
    expect(at(cells, "one/first/0-1")).toMatchObject({ expertReturn: 200, randomReturn: 0, score: 140 });
    expect(at(cells, "two/first/0-1")).toMatchObject({ scale: { random: 0, expert: 100 }, normalised: 1.4 });
  });

  it("is one, so that what is set against each other is so whoever is shown more", () => {
    const cells = own.map((cell) => ({ ...cell, expertReturn: cell.trajectory === 0 ? 200 : 140 }));
    const scores = anchored(cells, known).filter(({ task, method }) => task === "one" && method === "first");
    expect(new Set(scores.map(({ seed, normalised }) => `${seed} ${normalised}`)).size).toBe(2);
  });

  it("is none where the expert's return is not known, or that of random actions", () => {
    const unknown = anchored(own, new Map([["one", null]]));
    expect(unknown.every(({ scale, normalised }) => scale === null && normalised === null)).toBe(true);
    const begun = outcomes(suite, () => ({ state: "begun", returns: [1] }));
    expect(anchored(begun, known).every(({ scale }) => scale === null)).toBe(true);
  });
});

function tableOf({ exhibits }: BenchFindings, title: string): readonly (readonly string[])[] {
  const each = exhibits.find((exhibit) => exhibit.title === title);
  if (!each || isFigure(each)) throw new Error(`no table ${title}`);
  return [each.columns, ...each.rows];
}

describe("the report of an audited bench", () => {
  const cells = withControls(
    controlOutcome(suite, ZERO, 20),
    controlOutcome(suite, SHUFFLED, 150),
    controlOutcome(suite, TREATED, 198),
    controlOutcome(suite, ZERO, null, { on: 1 }),
  );
  const found = findingsOf(suite, cells, [], "tandem bench tiny.json");
  const table = (title: string): readonly (readonly string[])[] => tableOf(found, title);

  it("marks what a control explains, beside every score the largest control", () => {
    const columns = table("one").map((row) => row.slice(0, 6));
    expect(columns).toEqual([
      ["method", "cells", "true return", "normalised", "audit", "largest control"],
      [
        "first",
        "4 of 4",
        "145 [136, 154]",
        "0.72 [0.68, 0.77]",
        "a leak explains it",
        "0.75 shuffled demonstrations of first",
      ],
      [
        "second",
        "4 of 4",
        "105 [95.8, 114]",
        "0.53 [0.48, 0.57]",
        "no leak found",
        "0.75 shuffled demonstrations of first",
      ],
    ]);
    expect(table("two").map((row) => row.slice(4, 6))).toEqual([
      ["audit", "largest control"],
      ["0 of 1 controls", "n/a"],
      ["0 of 1 controls", "n/a"],
    ]);
    expect(table("Across tasks, normalised").map((row) => row.slice(0, 3))).toEqual([
      ["method", "cells", "leaks"],
      ["first", "8 of 8", "1 of 2"],
      ["second", "8 of 8", "0 of 2"],
    ]);
  });

  it("has a verdict on methods that are not for all tasks, too", () => {
    const { methods } = SUITE;
    const partial = tinySuite({ audit: true, methods: [methods[0], { ...methods[1], tasks: ["one"] }] });
    const some = cells.filter(({ task: on, method }) => on === "one" || method !== "second");
    const audits = tableOf(findingsOf(partial, some, [], "x"), "one").map((row) => row[4]);
    expect(audits).toEqual(["audit", "a leak explains it", "no leak found"]);
  });

  it("has the controls of each task, and apart from them what each treatment comes to", () => {
    expect(table("one: controls")).toEqual([
      ["control", "cells", "normalised", "explains", "true return"],
      ["shuffled demonstrations of first", "1 of 1", "0.75", "first", "150"],
      ["zero reward (native)", "1 of 1", "0.10", "nothing", "20"],
    ]);
    expect(table("one: treatments of an episode's end")).toEqual([
      ["method", "native", "absorbing", "fixed-horizon"],
      ["first", "not possible", "0.99 (198)", "not possible"],
    ]);
    expect(benchMarkdown(found)).toContain("of 1,000 steps. Where a row differs much");
    expect(benchMarkdown(found)).not.toContain("two: treatments");
    expect(table("two: controls").slice(1)).toEqual([
      ["zero reward (native)", "0 of 1", "n/a", "n/a", "n/a"],
    ]);
    const broken = controlOutcome(suite, ZERO, 20, { seed: 2 });
    const diverged = { ...broken, state: "diverged", score: null, normalised: null } as const;
    expect(tableOf(findingsOf(suite, [...cells, diverged], [], "x"), "one: controls")[2]).toEqual([
      "zero reward (native)",
      "1 of 2, 1 diverged",
      expect.stringMatching(/^0\.05 \[/),
      "nothing",
      "20 (1 of 2, 1 diverged)",
    ]);
    const shorter = cells.map((cell) => (cell.audit?.kind === "nonsense" ? { ...cell, steps: 400 } : cell));
    expect(benchMarkdown(findingsOf(suite, shorter, [], "x"))).toContain(
      "Trained for less than the methods, which may understate them: shuffled demonstrations of first (400 of 1,000 steps).",
    );
    expect(benchMarkdown(found)).not.toContain("may understate");
    const { methods } = suite;
    const cloning = { ...suite, methods: [{ ...methods[0], updates: 400 }, methods[1]] };
    expect(benchMarkdown(findingsOf(cloning, shorter, [], "x"))).not.toContain("may understate");
  });

  it("says so before anything else, and states the rule", () => {
    expect(found.warnings.slice(0, 2)).toEqual([
      "A leak explains the score of first on one (0.72; shuffled demonstrations of first 0.75): a control comes as far.",
      "The audit is not complete, some controls have no score yet: first on two and second on two.",
    ]);
    expect(found.protocol.at(-1)).toContain("at or above the lower end of the method's 95% interval");
  });

  it("says where the expert's states suffice, which counts as no leak unless there is one", () => {
    const some = withControls(controlOutcome(suite, STATES, 150), controlOutcome(suite, ZERO, 20));
    const { warnings, ...rest } = findingsOf(suite, some, [], "x");
    expect(warnings[0]).toBe(
      "The expert's states suffice for the score of first on one (0.72; shuffled 0.75): with its actions shuffled they come as far.",
    );
    const report = { warnings, ...rest };
    expect(tableOf(report, "one").map((row) => row[4])).toEqual(["audit", "states suffice", "no leak found"]);
    expect(tableOf(report, "one: controls").map((row) => row[3])).toEqual(["explains", "first", "nothing"]);
    expect(tableOf(report, "Across tasks, normalised")[1][2]).toBe("0 of 1");
    const { methods } = suite;
    const updated = { ...suite, methods: [{ ...methods[0], updates: 400 }, methods[1]] };
    const brief = some.map((cell) => (cell.audit?.kind === "states" ? { ...cell, steps: 400 } : cell));
    expect(benchMarkdown(findingsOf(updated, brief, [], "x"))).not.toContain("may understate");
    expect(benchMarkdown(findingsOf(suite, brief, [], "x"))).toContain("may understate");
    const leaking = withControls(controlOutcome(suite, STATES, 150), controlOutcome(suite, ZERO, 140));
    const both = findingsOf(suite, leaking, [], "x");
    expect(tableOf(both, "one").map((row) => row[4])[1]).toBe("a leak explains it");
    expect(both.warnings.join(" ")).not.toContain("suffice");
  });

  it("keeps controls out of all that is said of the methods", () => {
    const plain = findingsOf(tinySuite(), own, [], "tandem bench tiny.json");
    const figures = (each: typeof found): unknown => each.exhibits.filter(isFigure);
    expect(figures(found)).toEqual(figures(plain));
    const other = withControls(controlOutcome(suite, ZERO, 20, { summary: { randomReturn: 30 } }));
    expect(figures(findingsOf(suite, other, [], "x"))).toEqual(figures(plain));
    expect(tableOf(plain, "one").map((row) => row.slice(0, 4))).toEqual(
      table("one").map((row) => row.slice(0, 4)),
    );
    expect(plain.protocol.join(" ")).not.toContain("leak");
    expect(benchMarkdown(plain)).not.toMatch(/leak|control/);
  });
});
