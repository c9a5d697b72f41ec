import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "../../src/bench/index.ts";
import { isAlive } from "../../src/runs/index.ts";
import {
  HOOK_TIMEOUT,
  makeDemonstrations,
  readJson,
  tandem,
  temporaryFolder,
  timelessMetrics,
  type Outcome as CommandOutcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
/** Milliseconds for several trainings on a busy machine. */
const LONG = 180_000;

/** One task from two demonstrations, two methods, one seed. */
const TINY = {
  name: "tiny",
  tasks: [
    {
      name: "Cheetah",
      env: "HalfCheetah-v5",
      demos: "demo.npz",
      trajectories: [0, 2],
      steps: 300,
      heldOut: [1],
    },
  ],
  methods: [
    {
      name: "irl",
      options: {
        method: "ml-irl",
        "policy-steps-per-reward-step": 100,
        "reward-network": "two-layer:64",
        termination: "absorbing",
        "reward-radius": 7,
        instruments: true,
        "shuffle-expert": false,
      },
      perTask: { Cheetah: { termination: "native", "reward-weight-decay": 0.01 } },
    },
    { name: "sqil", options: { method: "sqil", batchSize: 8 } },
  ],
  seeds: [3],
  train: {
    hidden: [16, 16],
    "start-steps": 100,
    "batch-size": 16,
    "evaluate-every": 100,
    "evaluation-episodes": 1,
    "final-episodes": 2,
  },
};
const [TASK] = TINY.tasks;

function writeSuite(name: string, suite: unknown): void {
  writeFileSync(join(cwd, name), typeof suite === "string" ? suite : JSON.stringify(suite));
}

const bench = (...args: string[]): Promise<CommandOutcome> => tandem(["bench", ...args], { cwd });

function results(out: string): Outcome[] {
  const lines = readFileSync(join(cwd, out, "results.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Outcome);
}

const replay = (...place: string[]): string => join(cwd, ...place, "checkpoint", "replay");

beforeAll(async () => {
  await makeDemonstrations(cwd);
  writeSuite("tiny.json", TINY);
}, HOOK_TIMEOUT);
afterAll(folder.remove);

const taskWith = (changes: object): object => ({ ...TINY, tasks: [{ ...TASK, ...changes }] });
const methodWith = (options: object, perTask = {}): object => ({
  ...TINY,
  methods: [{ name: "mine", options: { method: "dac", ...options }, perTask }],
});

const REFUSED: [why: string, suite: unknown, says: RegExp][] = [
  ["what is not JSON", "{", /bad\.json cannot be read as JSON/],
  ["a part that is none", { ...TINY, seedz: [1] }, /bad\.json: .*seedz/],
  [
    "demonstrations that are not there",
    taskWith({ demos: "none.npz" }),
    /task Cheetah: there are no demonstrations at none\.npz; check demos/,
  ],
  [
    "a variable that is not set",
    taskWith({ demos: "${TANDEM_NOWHERE}/demo.npz" }),
    /task Cheetah: the environment variable TANDEM_NOWHERE is not set/,
  ],
  [
    "a teacher that is not there",
    methodWith({ method: "dagger", "teacher-policy": "none" }),
    /method mine: there is no policy at none; check teacher-policy, which is relative to the suite's file/,
  ],
  [
    "a teacher in a variable that is not set",
    methodWith({ method: "dagger" }, { Cheetah: { "teacher-policy": "${TANDEM_NOWHERE}/sac" } }),
    /method mine: the environment variable TANDEM_NOWHERE is not set; set it to the folder that teacher-policy/,
  ],
  [
    "an environment that is none",
    taskWith({ env: "HalfCheeta-v5" }),
    /method irl on Cheetah: .*did you mean HalfCheetah-v5\?/,
  ],
  [
    "an environment option that is none",
    taskWith({ envOptions: { gravity: 0 } }),
    /method irl on Cheetah: .*gravity/,
  ],
  [
    "an episode that is not there",
    taskWith({ trajectories: [3] }),
    /method irl on Cheetah: .*episodes 0 to 2, got 3/,
  ],
  [
    "more episodes than there are",
    taskWith({ trajectories: [2], episodes: 2, heldOut: [] }),
    /has 1 from episode 2 on, got 2/,
  ],
  [
    "holding out what is not there",
    taskWith({ heldOut: [7] }),
    /task Cheetah: heldOut names episode 7, demo\.npz has episodes 0 to 2/,
  ],
  [
    "scores of nothing",
    taskWith({ steps: 290 }),
    /task Cheetah: evaluating every 100 of 290 steps.*set evaluate-every to 29 or less/,
  ],
  [
    "a misspelt option",
    methodWith({ discriminatorRat: 1 }),
    /method mine on Cheetah: options: there is no option discriminatorRat; did you mean discriminator-rate\?/,
  ],
  [
    "a value out of range",
    methodWith({ "discriminator-rate": 0 }),
    /method mine on Cheetah: options: discriminator-rate: expected a number above 0, got 0/,
  ],
  [
    "a method that is none",
    methodWith({ method: "dax" }),
    /method mine on Cheetah: options: method: expected .*dac.*, got dax/,
  ],
  [
    "another method's option",
    methodWith({ teacher: "zero" }),
    /options: teacher: is an option of ml-irl, the method is dac/,
  ],
  [
    "a value out of range for one task",
    methodWith({}, { Cheetah: { discount: 1 } }),
    /method mine on Cheetah: perTask: discount: expected a number from 0/,
  ],
  [
    "a common option that is none",
    { ...TINY, train: { ...TINY.train, hiden: 3 } },
    /on Cheetah: train: there is no option hiden; did you mean hidden\?/,
  ],
  ["a method with steps of its own", methodWith({ steps: 900 }), /options: steps: is the task's to say/],
  [
    "a method with an evaluation of its own",
    methodWith({ "final-episodes": 99 }),
    /options: final-episodes: is part of the protocol/,
  ],
  [
    "a task with a method of its own",
    taskWith({ options: { method: "sqil" } }),
    /options of Cheetah: method: is a method's to say/,
  ],
  [
    "a method changed for one task",
    methodWith({}, { Cheetah: { method: "sqil" } }),
    /perTask: method: is a method's to say/,
  ],
];

describe("tandem bench refuses, in one line and before anything runs,", () => {
  it.each(REFUSED)("%s", async (_, suite, says) => {
    writeSuite("bad.json", suite);
    const { code, stdout, stderr } = await bench("bad.json", "--out", "nothing");
    expect(stderr).toMatch(/^tandem: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(stdout).toBe("");
    expect(code).toBe(1);
    expect(existsSync(join(cwd, "nothing"))).toBe(false);
  });

  it.each([
    [
      ["quik"],
      /there is no suite called quik; did you mean quick\?, and no such file; built in: quick, small/,
    ],
    [["quick"], /quick: task HalfCheetah: there are no demonstrations at demonstrations.*clone of Tandem/],
    [["tiny.json", "--only", "irl/0-4"], /--only: no cell is called irl\/0-4/],
    [["tiny.json", "--parallel", "0"], /--parallel: expected a whole number of at least 1, got 0/],
    [["tiny.json", "--report"], /--report: there is nothing at runs\/tiny/],
  ])("%j", async (args, says) => {
    const { code, stderr } = await bench(...args);
    expect(stderr).toMatch(/^tandem: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);
  });
});

it("tandem bench lists what is built in, and the cells of a suite", async () => {
  expect((await bench()).stdout).toMatch(/^ {2}quick {2}Three methods/);
  const { code, stdout } = await bench("tiny.json", "--list");
  expect(code).toBe(0);
  expect(stdout.split("\n").filter(Boolean)).toEqual([
    "not begun  Cheetah/irl/0-3",
    "not begun  Cheetah/sqil/0-3",
    "not begun  Cheetah/irl/2-3",
    "not begun  Cheetah/sqil/2-3",
  ]);
});

it("tandem bench finds demonstrations beside the suite, and where a variable says", async () => {
  mkdirSync(join(cwd, "suites"));
  writeSuite("suites/beside.json", taskWith({ demos: "../demo.npz" }));
  writeSuite("suites/variable.json", taskWith({ demos: "${TANDEM_TEST_PLACE}/demo.npz" }));
  expect(await bench("suites/beside.json", "--list")).toMatchObject({ code: 0 });
  const env = { TANDEM_TEST_PLACE: cwd };
  expect(await tandem(["bench", "suites/variable.json", "--list"], { cwd, env })).toMatchObject({ code: 0 });
});

/** As if process `pid` were at work in the folder `whole`. */
const lock = (pid: number, cells = {}): void =>
  writeFileSync(join(cwd, "whole", "bench.lock"), JSON.stringify({ pid, cells }));

describe("a bench", () => {
  let first: CommandOutcome;
  beforeAll(async () => {
    first = await bench("tiny.json", "--out", "whole", "--parallel", "2");
  }, LONG);

  it("trains every cell in a folder of its own, and reports", () => {
    expect(first).toMatchObject({ code: 0 });
    expect(first.stderr).toMatch(
      /^4 of 4 cells to train, 2 at a time\nAt most \d+ MB on the disk: \d+ MB that stay of 4 cells, and 1 MB of replays.*is deleted/,
    );
    expect(first.stderr).toMatch(/done Cheetah\/irl\/0-3 {2}\(\d of 4 cells/);
    expect(first.stdout).toMatch(/All 4 cells are complete/);
    expect(first.stdout).not.toMatch(/NaN|undefined|Infinity/);
    expect(first.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const found = results("whole");
    expect(found.map(({ id, state }) => [id, state])).toEqual(
      ["irl/0", "sqil/0", "irl/2", "sqil/2"].map((cell) => [`Cheetah/${cell}-3`, "complete"]),
    );
    for (const { score, curve, steps, stepCounts, seconds, pearson, method } of found) {
      expect(curve.map(([step]) => step)).toEqual(method === "irl" ? [100, 200, 300] : [300]);
      expect(score).toBe(curve.at(-1)?.[1]);
      expect({ steps, train: stepCounts?.train }).toEqual({ steps: 300, train: 300 });
      expect(seconds).toBeGreaterThan(0);
      if (method === "sqil") expect(pearson).toBeNull();
    }
    for (const file of ["bench.html", "bench.md"]) {
      expect(readFileSync(join(cwd, "whole", file), "utf8")).not.toMatch(/NaN|undefined|Infinity/);
    }
    expect(existsSync(join(cwd, "whole", "bench.lock"))).toBe(false);
  });

  it("lets an option mean what it means to tandem train, and later layers win", () => {
    expect(readJson(cwd, "whole", "Cheetah/irl/2-3", "config.json")).toMatchObject({
      seed: 3,
      steps: 300,
      demos: { firstEpisode: 2, episodes: 1 },
      evaluation: { every: 100, episodes: 1, finalEpisodes: 2 },
      env: { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 60 } },
      instruments: true,
      algorithm: {
        method: "ml-irl",
        termination: "native",
        sac: { hidden: [16, 16], batchSize: 16 },
        reward: { regulariser: { kind: "weight-decay", rate: 0.01 } },
      },
    });
    expect(readJson(cwd, "whole", "Cheetah/sqil/0-3", "config.json")).toMatchObject({
      algorithm: { method: "sqil", sac: { batchSize: 8 } },
    });
  });

  it(
    "gives the very numbers of tandem train, also with another seed and environment options",
    async () => {
      const world = { ...TASK, envOptions: { forwardRewardWeight: 2 }, heldOut: [] };
      writeSuite("seeds.json", {
        ...TINY,
        tasks: [{ ...world, trajectories: [1], episodes: 2 }],
        seeds: [5, 4],
      });
      const seeds = await bench("seeds.json", "--out", "seeds", "--only", "sqil/1-4");
      expect(seeds).toMatchObject({ code: 0, stderr: expect.stringContaining("1 of 1 cells to train") });
      const words = (
        "train --demos demo.npz --env-option forwardRewardWeight=2 --first-episode 1 --episodes 2 --method sqil --steps 300 " +
        "--seed 4 --hidden 16,16 --start-steps 100 --batch-size 8 --evaluate-every 100 --evaluation-episodes 1 --final-episodes 2 " +
        "--out alone --json"
      ).split(" ");
      expect(await tandem(words, { cwd })).toMatchObject({ code: 0 });
      expect(timelessMetrics(join(cwd, "seeds/Cheetah/sqil/1-4"))).toEqual(
        timelessMetrics(join(cwd, "alone")),
      );
      const { stdout } = await bench("seeds.json", "--out", "seeds", "--list");
      expect(stdout).toBe(
        [
          "not begun  Cheetah/irl/1-5",
          "not begun  Cheetah/sqil/1-5",
          "not begun  Cheetah/irl/1-4",
          "complete   Cheetah/sqil/1-4",
        ]
          .map((line) => `${line}\n`)
          .join(""),
      );
    },
    LONG,
  );

  it("deletes the replays of what is complete", () => {
    expect(existsSync(replay("whole/Cheetah/irl/0-3"))).toBe(false);
    expect(existsSync(join(cwd, "whole/Cheetah/irl/0-3/checkpoint/state.safetensors"))).toBe(true);
  });

  it("has nothing to do a second time, and says the same", async () => {
    const before = statSync(join(cwd, "whole/Cheetah/irl/0-3/summary.json")).mtimeMs;
    const again = await bench("tiny.json", "--out", "whole", "--json");
    expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/^0 of 4 cells to train/) });
    expect(JSON.parse(again.stdout)).toMatchObject({
      suite: "tiny",
      cells: { complete: 4 },
      completed: [],
      failed: [],
    });
    expect(statSync(join(cwd, "whole/Cheetah/irl/0-3/summary.json")).mtimeMs).toBe(before);
    expect((await bench("tiny.json", "--out", "whole", "--list")).stdout).toMatch(
      /^complete {3}Cheetah\/irl\/0-3\n/,
    );
  });

  it("refuses a suite that has changed since, and names the cell", async () => {
    writeSuite("changed.json", { ...TINY, train: { ...TINY.train, discount: 0.9 } });
    const { code, stderr } = await bench("changed.json", "--out", "whole", "--only", "sqil");
    expect(code).toBe(1);
    expect(stderr).toBe(
      "tandem: bench: Cheetah/irl/0-3 in whole was made with algorithm.sac.discount 0.99, the suite says 0.9; " +
        "choose another --out, or remove whole/Cheetah/irl/0-3 and its line in whole/results.jsonl to train it anew\n",
    );
  });

  it("shows what is unfinished, what diverged, and what is none of the suite's", async () => {
    cpSync(join(cwd, "whole"), join(cwd, "part"), { recursive: true });
    rmSync(join(cwd, "part/results.jsonl"));
    rmSync(join(cwd, "part/Cheetah/irl/0-3"), { recursive: true });
    rmSync(join(cwd, "part/Cheetah/sqil/0-3/summary.json"));
    rmSync(join(cwd, "part/Cheetah/irl/2-3/summary.json"));
    const broken = {
      kind: "finding",
      step: 300,
      signature: "not finite",
      since: 1,
      until: null,
      evidence: "x",
      remedy: "y",
    };
    appendFileSync(join(cwd, "part/Cheetah/irl/2-3/metrics.jsonl"), `${JSON.stringify(broken)}\n`);
    cpSync(join(cwd, "whole/Cheetah/sqil/0-3"), join(cwd, "part/Cheetah/sqil/0-9"), { recursive: true });
    const { code, stdout } = await bench("tiny.json", "--out", "part", "--report");
    expect(code).toBe(0);
    expect(stdout).toContain("1 of 4 cells complete, 1 diverged");
    const text = stdout.replaceAll(/\s+/g, " ");
    expect(text).toContain("Unfinished: 2 of 4 cells (1 of them begun)");
    expect(text).toContain("none of this suite, left out: Cheetah/sqil/0-9.");
    const states = Object.fromEntries(results("part").map(({ id, state }) => [id, state]));
    expect(states).toEqual({
      "Cheetah/irl/0-3": "new",
      "Cheetah/sqil/0-3": "begun",
      "Cheetah/irl/2-3": "diverged",
      "Cheetah/sqil/2-3": "complete",
    });
    const left = await bench("tiny.json", "--out", "part", "--only", "irl/2-3");
    expect(left).toMatchObject({ code: 0 });
    expect(left.stderr).toContain("warning: Cheetah/irl/2-3 diverged and is left as it is");
  });

  it("refuses a folder that another bench is at work in, not one that a dead one left", async () => {
    const dead = 2 ** 22 + 1;
    lock(process.pid);
    const busy = await bench("tiny.json", "--out", "whole");
    expect(busy).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/another bench, process \d+, is at work in whole/),
    });
    lock(dead, { "Cheetah/irl/0-3": process.pid });
    const orphaned = await bench("tiny.json", "--out", "whole");
    expect(orphaned.stderr).toMatch(/Cheetah\/irl\/0-3 is still in training, process \d+/);
    lock(dead, { "Cheetah/irl/0-3": dead });
    expect(await bench("tiny.json", "--out", "whole", "--json")).toMatchObject({ code: 0 });
  });
});

describe("a bench that was stopped", () => {
  const SLOW = {
    ...TINY,
    tasks: [{ ...TASK, trajectories: [0], steps: 2000 }],
    train: { ...TINY.train, "evaluate-every": 200 },
  };
  const args = ["slow.json", "--out", "stopped", "--parallel", "2", "--keep-replay"];
  beforeAll(() => writeSuite("slow.json", SLOW));

  it(
    "saves what runs, says how to go on, and goes on to the numbers of one that was not",
    async () => {
      let sent = false;
      const part = await tandem(["bench", ...args], {
        cwd,
        asTerminal: true,
        onStderr: (text, kill) => {
          if (sent || !text.includes("beginning Cheetah/sqil")) return;
          sent = true;
          const begun = join(cwd, "stopped/Cheetah/irl/0-3/metrics.jsonl");
          const waiting = setInterval(() => {
            if (!existsSync(begun)) return;
            clearInterval(waiting);
            kill("SIGINT");
          }, 20);
        },
      });
      expect(part.code).toBe(130);
      expect(part.stdout).toBe("");
      // The other cell, which has no reward to learn, may have ended before the signal came.
      expect(part.stderr).toMatch(/Stopping: (2 cells save themselves|1 cell saves itself) after/);
      const { stdout: standing } = await bench("slow.json", "--out", "stopped", "--list");
      expect(standing).toContain("begun      Cheetah/irl/0-3");
      const left = standing.split("\n").filter((line) => line.includes("begun ")).length;
      expect(part.stderr).toMatch(
        new RegExp(
          String.raw`Stopped with ${left} of 2 cells to go; [^\n]*:\n {2}\S.* bench slow\.json --out stopped --parallel 2 --keep-replay\n$`,
        ),
      );
      expect(part.stderr).not.toContain("FAILED");
      expect(existsSync(replay("stopped/Cheetah/irl/0-3"))).toBe(true);

      const rest = await bench(...args);
      expect(rest.code).toBe(0);
      expect(rest.stderr).toContain("going on with Cheetah/irl/0-3");
      expect(results("stopped").map(({ state }) => state)).toEqual(["complete", "complete"]);
      expect(existsSync(replay("stopped/Cheetah/irl/0-3"))).toBe(true);
      expect(rest.stderr).toContain("of replays, which stay (--keep-replay)");

      expect(await bench("slow.json", "--out", "unstopped", "--only", "irl")).toMatchObject({ code: 0 });
      expect(timelessMetrics(join(cwd, "stopped/Cheetah/irl/0-3"))).toEqual(
        timelessMetrics(join(cwd, "unstopped/Cheetah/irl/0-3")),
      );
      expect(results("unstopped").map(({ state }) => state)).toEqual(["complete", "new"]);
    },
    LONG,
  );
});

const locked = (out: string): boolean => existsSync(join(cwd, out, "bench.lock"));
/** The folder `orphan` as it was left, under another name. */
const copied = (out: string): string => {
  cpSync(join(cwd, "orphan"), join(cwd, out), { recursive: true });
  return out;
};
const callAgain = (out: string, ...more: string[]): Promise<CommandOutcome> =>
  bench("alone.json", "--out", out, "--only", "sqil", ...more);

describe("a bench that was killed, whose cell completed by itself,", () => {
  const cell = "Cheetah/sqil/0-3";
  beforeAll(async () => {
    writeSuite("alone.json", { ...TINY, tasks: [{ ...TASK, trajectories: [0], steps: 2000 }] });
    let isKilled = false;
    const killed = await tandem(
      ["bench", "alone.json", "--out", "orphan", "--only", "sqil", "--parallel", "1"],
      {
        cwd,
        onStderr: (text, kill) => {
          if (isKilled || !text.includes(`beginning ${cell}`)) return;
          isKilled = true;
          kill("SIGKILL");
        },
      },
    );
    expect(killed.code).toBeNull();
    const { cells } = readJson(cwd, "orphan", "bench.lock") as { cells: Record<string, number> };
    while (isAlive(cells[cell])) await new Promise((wake) => setTimeout(wake, 50));
    expect(existsSync(join(cwd, "orphan", cell, "summary.json"))).toBe(true);
    expect(existsSync(replay("orphan", cell))).toBe(true);
  }, LONG);

  it(
    "loses its replay and its lock to the next call, whichever cells that one is for",
    async () => {
      const { code, stderr } = await callAgain(copied("next"));
      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: expect.stringMatching(/^0 of 1 cells to train/),
      });
      expect([existsSync(replay("next", cell)), locked("next")]).toEqual([false, false]);
      expect(existsSync(join(cwd, "next", cell, "checkpoint/state.safetensors"))).toBe(true);
      expect(await bench("alone.json", "--out", copied("other"), "--only", "irl")).toMatchObject({ code: 0 });
      expect([existsSync(replay("other", cell)), locked("other")]).toEqual([false, false]);
    },
    LONG,
  );

  it(
    "keeps its replay with --keep-replay, now or then, and both where nothing is to run",
    async () => {
      expect(await callAgain(copied("kept"), "--keep-replay")).toMatchObject({ code: 0 });
      expect([existsSync(replay("kept", cell)), locked("kept")]).toEqual([true, false]);
      // What was kept on purpose stays: no bench left it behind.
      expect(await callAgain("kept")).toMatchObject({ code: 0 });
      expect(existsSync(replay("kept", cell))).toBe(true);

      const lock = readJson(cwd, "orphan", "bench.lock");
      expect(lock).toMatchObject({ keepReplay: false });
      writeFileSync(join(cwd, copied("then"), "bench.lock"), JSON.stringify({ ...lock, keepReplay: true }));
      expect(await callAgain("then")).toMatchObject({ code: 0 });
      expect([existsSync(replay("then", cell)), locked("then")]).toEqual([true, false]);

      for (const what of ["--list", "--report"]) {
        expect(await callAgain(copied("shown"), what)).toMatchObject({ code: 0 });
        expect([existsSync(replay("shown", cell)), locked("shown")]).toEqual([true, true]);
      }
    },
    LONG,
  );

  it(
    "is left alone where it is none of the suite's, or has steps to go",
    async () => {
      writeFileSync(
        join(cwd, copied("strange"), "bench.lock"),
        JSON.stringify({ pid: 2 ** 22 + 1, cells: { [`${cell}0`]: 2 ** 22 + 1, "../orphan": 2 ** 22 + 1 } }),
      );
      expect(await callAgain("strange")).toMatchObject({ code: 0 });
      expect([existsSync(replay("strange", cell)), locked("strange")]).toEqual([true, false]);
      expect(existsSync(replay("orphan", cell))).toBe(true);

      rmSync(join(cwd, copied("begun"), cell, "summary.json"));
      const { code, stderr } = await callAgain("begun");
      expect(stderr).toContain(`going on with ${cell}`);
      expect(code).toBe(0);
    },
    LONG,
  );
});

it(
  "a cell that fails is named with the last line of its log, and the others go on",
  async () => {
    writeSuite("one.json", { ...TINY, tasks: [{ ...TASK, trajectories: [0] }] });
    mkdirSync(join(cwd, "failing/Cheetah/irl/0-3"), { recursive: true });
    writeFileSync(join(cwd, "failing/Cheetah/irl/0-3/note.txt"), "in the way");
    const { code, stdout, stderr } = await bench("one.json", "--out", "failing", "--parallel", "1", "--json");
    expect(code).toBe(1);
    expect(stderr).toMatch(/FAILED Cheetah\/irl\/0-3: tandem: --out: .* is not empty/);
    expect(stderr).toMatch(
      /\ntandem: bench: Cheetah\/irl\/0-3 failed: tandem: --out: .* is not empty[^\n]*\n$/,
    );
    expect(JSON.parse(stdout)).toMatchObject({
      cells: { complete: 1, new: 1 },
      completed: ["Cheetah/sqil/0-3"],
      failed: [{ id: "Cheetah/irl/0-3" }],
    });
    expect(readFileSync(join(cwd, "failing/Cheetah/irl/0-3.log"), "utf8")).toContain("is not empty");
  },
  LONG,
);
