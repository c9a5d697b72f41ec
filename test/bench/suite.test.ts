import { describe, expect, it } from "vitest";
import {
  cellsOf,
  isWanted,
  methodsOn,
  optionLayers,
  parseSuite,
  replayBytes,
  SUITES,
} from "../../src/bench/index.ts";
import { SUITE, tinySuite } from "./outcomes.ts";

const [task] = SUITE.tasks;
const [method] = SUITE.methods;

const BROKEN: [why: string, suite: unknown, says: RegExp][] = [
  ["nothing", null, /^my\.json: the whole: /],
  ["no methods", { ...SUITE, methods: [] }, /methods: /],
  ["a part that is none", { ...SUITE, sedes: [1] }, /sedes/],
  ["a number that is text", { ...SUITE, tasks: [{ ...task, steps: "1000" }] }, /tasks\.0\.steps: /],
  ["a part of a task that is none", { ...SUITE, tasks: [{ ...task, env_id: "x" }] }, /env_id/],
  [
    "a name that is no folder's",
    { ...SUITE, methods: [{ ...method, name: "a/b" }] },
    /methods\.0\.name: .*folder/,
  ],
  ["a name that leads elsewhere", { ...SUITE, tasks: [{ ...task, name: ".." }] }, /tasks\.0\.name: .*folder/],
  [
    "a task twice, but for case",
    { ...SUITE, tasks: [task, { ...task, name: "One" }] },
    /task One is there twice/,
  ],
  ["a method twice", { ...SUITE, methods: [method, method] }, /method first is there twice/],
  ["a seed twice", { ...SUITE, seeds: [1, 2, 1] }, /seed 1 is there twice/],
  [
    "a trajectory twice",
    { ...SUITE, tasks: [{ ...task, trajectories: [3, 3] }] },
    /trajectory of one 3 is there twice/,
  ],
  [
    "sets that overlap",
    { ...SUITE, tasks: [{ ...task, trajectories: [0, 2], episodes: 3 }] },
    /task one: the sets from 0 and from 2 both hold episode 2/,
  ],
  [
    "learning from what is held out",
    { ...SUITE, tasks: [{ ...task, episodes: 1, trajectories: [0, 4], heldOut: [4] }] },
    /task one: episode 4 is held out, and learnt from/,
  ],
  [
    "a method without one",
    { ...SUITE, methods: [{ name: "x", options: {} }] },
    /method x: expected the option method/,
  ],
  [
    "options for a task that is none",
    { ...SUITE, methods: [{ ...method, perTask: { three: {} } }] },
    /method first: perTask names three, the tasks are one, two/,
  ],
  ["an audit of a number", { ...SUITE, audit: 3 }, /audit: /],
  ["a part of an audit that is none", { ...SUITE, audit: { seed: [1] } }, /audit: .*seed/],
  ["an audit without seeds", { ...SUITE, audit: { seeds: [] } }, /audit\.seeds: /],
  ["an audit of no steps", { ...SUITE, audit: { steps: 0 } }, /audit\.steps: /],
  ["an audit of a seed twice", { ...SUITE, audit: { seeds: [4, 4] } }, /audit: 4 is there twice/],
  ["an audit of a set twice", { ...SUITE, audit: { trajectories: [1, 1] } }, /audit: 1 is there twice/],
  [
    "an audit that leaves a task out",
    { ...SUITE, tasks: [task, { ...task, name: "two", trajectories: [3] }], audit: { trajectories: [0] } },
    /audit: none of its trajectories is one of task two, which has 3/,
  ],
  [
    "an audit of a set that no task has",
    { ...SUITE, audit: { trajectories: [0, 5] } },
    /audit: no task has a trajectory 5/,
  ],
  [
    "a method in the audit's folders",
    { ...SUITE, methods: [{ ...method, name: "Audit-mine" }], audit: true },
    /method Audit-mine: audit- begins the audit's folders/,
  ],
  [
    "a method for a task that is none",
    { ...SUITE, methods: [{ ...method, tasks: ["one", "three"] }] },
    /method first: tasks names three, the tasks are one, two/,
  ],
  ["a method for no task", { ...SUITE, methods: [{ ...method, tasks: [] }] }, /methods\.0\.tasks: /],
];

describe("a suite that is broken is refused in one line", () => {
  it.each(BROKEN)("%s", (_, suite, says) => {
    expect(() => parseSuite("my.json", suite)).toThrow(says);
    expect(() => parseSuite("my.json", suite)).toThrow(/^my\.json: [^\n]+$/);
  });

  it("but sets side by side, and what is held out beside them, are not", () => {
    const suite = tinySuite({ tasks: [{ ...task, trajectories: [0, 3], episodes: 3, heldOut: [6] }] });
    expect(suite.tasks[0]).toMatchObject({ episodes: 3, heldOut: [6], options: {}, envOptions: {} });
  });
});

describe("the cells of a suite", () => {
  it("are every task, method, trajectory and seed, those of the first seed first", () => {
    const ids = cellsOf(tinySuite()).map(({ id }) => id);
    expect(ids).toEqual([
      "one/first/0-1",
      "one/second/0-1",
      "two/first/0-1",
      "two/second/0-1",
      "one/first/1-1",
      "one/second/1-1",
      "two/first/1-1",
      "two/second/1-1",
      "one/first/0-2",
      "one/second/0-2",
      "two/first/0-2",
      "two/second/0-2",
      "one/first/1-2",
      "one/second/1-2",
      "two/first/1-2",
      "two/second/1-2",
    ]);
  });

  it("of tasks with unequally many trajectories are all there", () => {
    const suite = tinySuite({
      tasks: [task, { ...task, name: "more", trajectories: [5, 7, 9] }],
      seeds: [4],
    });
    expect(
      cellsOf(suite)
        .filter(({ method }) => method.name === "first")
        .map(({ id }) => id),
    ).toEqual(["one/first/0-4", "more/first/5-4", "one/first/1-4", "more/first/7-4", "more/first/9-4"]);
  });

  it.each([
    [[], 16],
    [["one"], 8],
    [["second"], 8],
    [["1-2"], 4],
    [["two/first"], 4],
    [["one", "two/first"], 12],
    [["first/1-2"], 2],
    [["on"], 0],
    [["-2"], 0],
    [["three"], 0],
  ])("--only %j takes %d", (only, count) => {
    expect(cellsOf(tinySuite()).filter((cell) => isWanted(cell, only))).toHaveLength(count);
  });
});

describe("options", () => {
  const layered = tinySuite({
    train: { hidden: [8] },
    tasks: [{ ...task, options: { discount: 0.9 } }],
    methods: [{ ...method, perTask: { one: { discount: 0.8 } } }],
  });
  const layers = optionLayers(layered, layered.tasks[0], layered.methods[0]);

  it("come from the suite, then the task, then the method, then the method on the task", () => {
    expect(layers.map(({ options }) => options)).toEqual([
      { hidden: [8] },
      { discount: 0.9 },
      { method: "sqil" },
      { discount: 0.8 },
    ]);
  });

  it("that others have to say are refused in each", () => {
    for (const { refused } of layers) {
      for (const name of ["env", "env-option", "demos", "episodes", "first-episode", "steps", "seed", "out"])
        expect(refused).toHaveProperty([name]);
    }
    const protocol = ["evaluate-every", "evaluation-episodes", "final-episodes", "kernels"];
    expect(layers.map(({ refused }) => protocol.filter((name) => name in refused))).toEqual([
      [],
      [],
      protocol,
      protocol,
    ]);
    expect(layers.map(({ refused }) => "method" in refused)).toEqual([true, true, false, true]);
  });
});

it("a replay's row holds both observations, an action and a mark, four bytes each", () => {
  expect(replayBytes(500_000, 17, 6)).toBe(500_000 * 41 * 4);
});

it("built-in suites are suites", () => {
  expect(SUITES.map(({ name }) => name)).toEqual(["quick", "small"]);
});

it("a method that is only for some tasks has cells on those alone", () => {
  const [first, second] = SUITE.methods;
  const suite = tinySuite({ methods: [first, { ...second, tasks: ["two"] }] });
  expect(cellsOf(suite).filter(({ method: { name } }) => name === second.name)).toHaveLength(4);
  expect(
    cellsOf(suite).every(({ task, method: { name } }) => name === first.name || task.name === "two"),
  ).toBe(true);
  expect(cellsOf(suite)).toHaveLength(12);
});

it("the small suite has every method, those that know the table on tables, and never learns from what is held out", () => {
  const small = SUITES.find(({ name }) => name === "small")!;
  const methods = small.methods.map(({ options: { method } }) => method);
  for (const each of ["ml-irl", "ml-irl-nested", "dac", "airl", "f-irl", "sqil", "bc", "mce-irl"])
    expect(methods).toContain(each);
  expect(methods.includes("iq-learn")).toBe(process.env.TANDEM_IQ_LEARN === "1");
  for (const task of small.tasks) {
    expect(task.heldOut).toEqual([7, 8, 9]);
    const names = methodsOn(small, task).map(({ name }) => name);
    expect(names.includes("mce-irl")).toBe(task.name !== "CartPole");
  }
  expect(small.seeds).toHaveLength(10);
});
