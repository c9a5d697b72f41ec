import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { diskBound, parseSweep, suiteOf, type Outcome } from "../../src/bench/index.ts";
import { planBench } from "../../src/cli/bench-plan.ts";
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
const LONG = 240_000;
const little = new URL("./little-disk.ts", import.meta.url).href;

/** Two rates and two batches, two seeds. */
const TINY = {
  name: "tiny",
  env: "HalfCheetah-v5",
  demos: "demo.npz",
  trajectories: [0],
  heldOut: [1],
  steps: 2000,
  seeds: [3, 4],
  base: {
    method: "sqil",
    hidden: [16, 16],
    "start-steps": 100,
    "evaluate-every": 200,
    "evaluation-episodes": 1,
    "final-episodes": 2,
  },
  grid: { learningRate: ["1e-3", 5e-4], "batch-size": [8, 16] },
};

const write = (name: string, sweep: unknown): void =>
  writeFileSync(join(cwd, name), typeof sweep === "string" ? sweep : JSON.stringify(sweep));
const sweep = (...args: string[]): Promise<CommandOutcome> => tandem(["sweep", ...args], { cwd });

beforeAll(async () => {
  await makeDemonstrations(cwd);
  write("tiny.json", TINY);
}, HOOK_TIMEOUT);
afterAll(folder.remove);

const CASES: [why: string, sweep: unknown, says: RegExp][] = [
  ["what is not JSON", "{", /bad\.json cannot be read as JSON/],
  ["a part that is none", { ...TINY, gird: {} }, /bad\.json: .*gird/],
  [
    "a misspelt option of the grid",
    { ...TINY, grid: { "learning-rat": [1] } },
    /bad\.json: grid: there is no option learning-rat; did you mean learning-rate\?/,
  ],
  [
    "a misspelt option of all points",
    { ...TINY, base: { ...TINY.base, hiden: 3 } },
    /bad\.json: base: there is no option hiden; did you mean hidden\?/,
  ],
  [
    "a misspelt option that is drawn",
    { ...TINY, random: { points: 2, seed: 1, options: { polyac: { uniform: [0.1, 0.2] } } } },
    /bad\.json: random: there is no option polyac; did you mean polyak\?/,
  ],
  [
    "one option by two spellings",
    { ...TINY, base: { ...TINY.base, batchSize: 8 } },
    /bad\.json: batch-size is in base and in grid/,
  ],
  [
    "a value out of range, at its point",
    { ...TINY, grid: { discount: [0.9, 1] } },
    /bad\.json: method discount-1 on HalfCheetah-v5: options: discount: expected a number from 0 to below 1, got 1/,
  ],
  [
    "another method's option",
    { ...TINY, grid: { "gradient-penalty": [1, 10] } },
    /gradient-penalty: is an option of dac, airl, f-irl, the method is sqil/,
  ],
  [
    "more draws than anybody trains",
    { ...TINY, random: { points: 1e12, seed: 1, options: { polyak: { uniform: [0.1, 0.2] } } } },
    /bad\.json: expected at most 10000 points, got 4000000000000 \(4 of the grid x 1000000000000 at random\); set random\.points to 2500 or less/,
  ],
  ["demonstrations that are not there", { ...TINY, demos: "none.npz" }, /no demonstrations at none\.npz/],
];

describe("tandem sweep refuses, in one line and before anything runs,", () => {
  it.each(CASES)("%s", async (_, broken, says) => {
    write("bad.json", broken);
    for (const more of [[], ["--points"]]) {
      const { code, stdout, stderr } = await sweep("bad.json", "--out", "nothing", ...more);
      expect(stderr).toMatch(/^tandem: [^\n]+\n$/);
      expect(stderr).toMatch(says);
      expect(stdout).toBe("");
      expect(code).toBe(1);
    }
    expect(existsSync(join(cwd, "nothing"))).toBe(false);
  });

  it("a file that is not there", async () => {
    expect(await sweep("none.json")).toMatchObject({
      code: 1,
      stderr: "tandem: sweep: there is no file none.json; check the path\n",
    });
  });

  it("a disk with less room than it may take, as a bench does", async () => {
    const { diskBytes } = JSON.parse((await sweep("tiny.json", "--points", "--json")).stdout) as {
      diskBytes: number;
    };
    const options = {
      cwd,
      env: { NODE_OPTIONS: `--import=${little}`, TANDEM_TEST_FREE: String(diskBytes - 1) },
    };
    const { code, stderr } = await tandem(["sweep", "tiny.json", "--out", "little"], options);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^8 of 8 cells to train.*\ntandem: --out: the cells may take \d+ MB, \d+ MB are free in little; free some[^\n]+\n$/,
    );
    expect(existsSync(join(cwd, "little", "HalfCheetah-v5"))).toBe(false);
  });
});

describe("the points of a sweep", () => {
  it("are said with their count, steps and room on the disk, and nothing runs", async () => {
    const { code, stdout, stderr } = await sweep("tiny.json", "--points", "--parallel", "2");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("tiny: 4 points x 1 demonstration set x 2 seeds = 8 cells, 16,000 steps in all");
    expect(lines.slice(1, 6).map((line) => line.split(/ +/))).toEqual([
      ["point", "learning-rate", "batch-size"],
      ["lr-1e-3_bs-8", "1e-3", "8"],
      ["lr-1e-3_bs-16", "1e-3", "16"],
      ["lr-5e-4_bs-8", "0.0005", "8"],
      ["lr-5e-4_bs-16", "0.0005", "16"],
    ]);
    expect(lines[6]).toMatch(/^At most \d+ MB on the disk: \d+ MB that stay of 8 cells, and 1 MB of replays/);
    expect(lines[7]).toBe("How long it takes is known once a cell is complete.");
    expect(existsSync(join(cwd, "runs"))).toBe(false);
  });

  it("are said in JSON", async () => {
    const { stdout } = await sweep("tiny.json", "--points", "--json", "--out", "x", "--parallel", "3");
    expect(JSON.parse(stdout)).toMatchObject({
      sweep: "tiny",
      out: "x",
      cells: 8,
      waiting: 8,
      steps: 16_000,
      diskBytes: expect.any(Number),
      seconds: null,
      points: [
        {
          name: "lr-1e-3_bs-8",
          options: { method: "sqil", "learning-rate": "1e-3", "batch-size": 8 },
        },
        ...Array(3).fill(expect.anything()),
      ],
    });
  });

  it("are those that --only names, as a run takes them", async () => {
    const only = ["--only", "lr-5e-4_bs-16", "--only", "lr-1e-3_bs-8/0-3", "--parallel", "1"];
    const { stdout } = await sweep("tiny.json", "--points", ...only);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("tiny: 3 of 8 cells, 6,000 steps in all");
    expect(lines.slice(1, 4).map((line) => line.split(/ +/))).toEqual([
      ["point", "learning-rate", "batch-size"],
      ["lr-1e-3_bs-8", "1e-3", "8"],
      ["lr-5e-4_bs-16", "0.0005", "16"],
    ]);
    expect(lines[4]).toMatch(/that stay of 3 cells/);
    const json = async (...more: string[]): Promise<Record<string, unknown>> =>
      JSON.parse((await sweep("tiny.json", "--points", "--json", ...more)).stdout) as Record<string, unknown>;
    const [part, whole] = [await json(...only), await json("--parallel", "1")];
    expect(part).toMatchObject({
      cells: 3,
      waiting: 3,
      steps: 6000,
      points: [{ name: "lr-1e-3_bs-8" }, { name: "lr-5e-4_bs-16" }],
    });
    expect(part.diskBytes).toBeLessThan(whole.diskBytes as number);
  });

  it("are refused where --only names none, in the words of a run", async () => {
    const refused = {
      code: 1,
      stdout: "",
      stderr: "tandem: --only: no cell is called nonsense; see which there are with --list\n",
    };
    for (const more of [["--points"], ["--points", "--json"], ["--list"], []])
      expect(await sweep("tiny.json", "--out", "nowhere", "--only", "nonsense", ...more)).toEqual(refused);
    expect(existsSync(join(cwd, "nowhere"))).toBe(false);
  });

  it("are listed as cells, with the room that they take", async () => {
    const { stdout, stderr } = await sweep("tiny.json", "--list", "--only", "lr-5e-4_bs-16");
    expect(stdout).toBe(
      "not begun  HalfCheetah-v5/lr-5e-4_bs-16/0-3\nnot begun  HalfCheetah-v5/lr-5e-4_bs-16/0-4\n",
    );
    expect(stderr).toMatch(/^At most \d+ MB on the disk: \d+ MB that stay of 2 cells/);
  });
});

/** Lines of results without the times they took. */
function results(out: string): Outcome[] {
  const lines = readFileSync(join(cwd, out, "results.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => ({ ...(JSON.parse(line) as Outcome), seconds: null }));
}

/** The page's words and tables without times and the command. */
const aggregates = (out: string): string =>
  readFileSync(join(cwd, out, "bench.md"), "utf8").split("## What a cell costs")[0];

/** End a sweep and all that it started, as a machine that fails does: `kill -9`. */
async function killedAt(out: string, when: string): Promise<void> {
  let isWatched = false;
  const part = await tandem(["sweep", "tiny.json", "--out", out, "--parallel", "2"], {
    cwd,
    onStderr: (text, kill) => {
      if (isWatched || !text.includes(when)) return;
      isWatched = true;
      const begun = join(cwd, out, "HalfCheetah-v5/lr-5e-4_bs-8/0-3/checkpoint/state.safetensors");
      const waiting = setInterval(() => {
        if (!existsSync(begun)) return;
        clearInterval(waiting);
        const { cells } = readJson(cwd, out, "bench.lock") as { cells: Record<string, number> };
        kill("SIGKILL");
        for (const pid of Object.values(cells)) {
          try {
            process.kill(pid, "SIGKILL");
          } catch {
            // It has just ended.
          }
        }
      }, 5);
    },
  });
  expect(part.code).toBeNull();
}

/** Bytes in blocks of a file system, 512 each, of all files below a folder. */
function bytesBelow(place: string): number {
  const files = readdirSync(place, { recursive: true, withFileTypes: true });
  const blocks = files.map(
    ({ parentPath, name }) => statSync(join(parentPath, name), { throwIfNoEntry: false })?.blocks ?? 0,
  );
  return 512 * blocks.reduce((sum, each) => sum + each, 0);
}

describe("a sweep on a task of finitely many actions, saved after every iteration,", () => {
  const demos = join(import.meta.dirname, "../../demonstrations/cartpole-v1-tandem.npz");
  const cartpole = {
    ...TINY,
    name: "cartpole",
    env: "CartPole-v1",
    demos,
    seeds: [3],
    steps: 6000,
    base: { ...TINY.base, "start-steps": 5900, "evaluate-every": 300, "checkpoint-every": 0 },
    grid: { "batch-size": [8, 16] },
  };
  let peak = 0;
  beforeAll(async () => {
    write("cartpole.json", cartpole);
    const look = setInterval(() => {
      if (existsSync(join(cwd, "peak"))) peak = Math.max(peak, bytesBelow(join(cwd, "peak")));
    }, 1);
    const args = ["cartpole.json", "--out", "peak", "--parallel", "2", "--keep-replay"];
    expect(await sweep(...args)).toMatchObject({ code: 0 });
    clearInterval(look);
  }, LONG);

  it("takes at no moment more on the disk than was said", async () => {
    const args = ["cartpole.json", "--points", "--json", "--parallel", "2", "--keep-replay"];
    const { diskBytes } = JSON.parse((await sweep(...args)).stdout) as { diskBytes: number };
    // What stands for a millisecond only, old state beside new, may be missed on a fast machine; what stays may not.
    expect(peak).toBeGreaterThanOrEqual(bytesBelow(join(cwd, "peak")));
    expect(peak).toBeLessThan(diskBytes);
  });

  it("has replays as large as was said: a number a step for each possible action", async () => {
    const suite = suiteOf(
      "x",
      parseSweep("x", cartpole, (_, name) => name),
    );
    const { cells } = await planBench({ suite, place: cwd, where: "x" });
    const { replays } = diskBound(cells, 2, true);
    const sizes = cells.map(({ cell }) => {
      const place = join(cwd, "peak", cell.id, "checkpoint/replay");
      return readdirSync(place).reduce((sum, name) => sum + statSync(join(place, name)).size, 0);
    });
    expect(sizes).toEqual([6000 * (4 + 2 + 4 + 1) * 4, 6000 * (4 + 2 + 4 + 1) * 4]);
    expect(replays).toBe(sizes[0] + sizes[1]);
  });
});

describe("a sweep that was killed", () => {
  beforeAll(async () => {
    expect(await sweep("tiny.json", "--out", "whole", "--parallel", "2")).toMatchObject({ code: 0 });
    await killedAt("killed", "beginning HalfCheetah-v5/lr-5e-4_bs-8/0-3");
  }, LONG);

  it(
    "goes on to the same aggregates as one that was not",
    async () => {
      const before = (await sweep("tiny.json", "--out", "killed", "--list")).stdout;
      expect(before).toContain("not begun  ");
      expect(before).toContain("begun      HalfCheetah-v5/lr-5e-4_bs-8/0-3");
      const { code, stdout, stderr } = await sweep("tiny.json", "--out", "killed", "--parallel", "2");
      expect([code, stderr]).toEqual([0, expect.anything()]);
      expect(stderr).toContain("going on with HalfCheetah-v5/lr-5e-4_bs-8/0-3");
      expect(stdout).toContain("configurations of tiny");
      expect(stdout).not.toMatch(/NaN|undefined|Infinity/);
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(results("killed")).toEqual(results("whole"));
      expect(aggregates("killed")).toBe(aggregates("whole"));
      expect(aggregates("whole")).toContain("HalfCheetah-v5: configurations of tiny");
      for (const { state, heldOut } of results("whole")) {
        expect(state).toBe("complete");
        expect(heldOut.length).toBeGreaterThan(0);
      }
      const page = readFileSync(join(cwd, "killed", "bench.html"), "utf8");
      expect(page).toContain("what each option of tiny does");
    },
    LONG,
  );

  it("took no more on the disk than was said, and of the order of it", async () => {
    const { diskBytes } = JSON.parse((await sweep("tiny.json", "--points", "--json")).stdout) as {
      diskBytes: number;
    };
    const used = bytesBelow(join(cwd, "whole"));
    expect(used).toBeLessThan(diskBytes);
    expect(used).toBeGreaterThan(diskBytes / 20);
  });

  it("trains at a point what tandem train with its options does", async () => {
    const words = (
      "train --demos demo.npz --held-out 1 --method sqil --learning-rate 0.0005 --batch-size 16 --steps 2000 --seed 4 --hidden 16,16 " +
      "--start-steps 100 --evaluate-every 200 --evaluation-episodes 1 --final-episodes 2 --out alone --json"
    ).split(" ");
    expect(await tandem(words, { cwd })).toMatchObject({ code: 0 });
    expect(timelessMetrics(join(cwd, "whole/HalfCheetah-v5/lr-5e-4_bs-16/0-4"))).toEqual(
      timelessMetrics(join(cwd, "alone")),
    );
  });

  it("says how long a longer one takes, by the pace of what is complete", async () => {
    write("longer.json", { ...TINY, seeds: [3, 4, 5] });
    const points = async (...more: string[]): Promise<{ waiting: number; seconds: number }> =>
      JSON.parse((await sweep("longer.json", "--out", "whole", "--points", "--json", ...more)).stdout) as {
        waiting: number;
        seconds: number;
      };
    const [one, four] = [await points("--parallel", "1"), await points("--parallel", "4")];
    expect(one.waiting).toBe(4);
    const seconds = readFileSync(join(cwd, "whole", "results.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as Outcome).seconds ?? NaN);
    expect(one.seconds).toBeGreaterThan(4 * Math.min(...seconds) * 0.99);
    expect(one.seconds).toBeLessThan(4 * Math.max(...seconds) * 1.01);
    expect(four.seconds).toBeLessThan(one.seconds / 2);
    const { stdout } = await sweep("longer.json", "--out", "whole", "--points", "--parallel", "1");
    expect(stdout).toMatch(/\nAbout .+ left, 1 cell at a time\.\n$/);
  });

  it(
    "says when it is stopped how to go on with it",
    async () => {
      write("slow.json", { ...TINY, name: "slow", steps: 20_000 });
      let sent = false;
      const part = await tandem(["sweep", "slow.json", "--out", "slow", "--parallel", "1"], {
        cwd,
        onStderr: (text, kill) => {
          if (sent || !text.includes("beginning")) return;
          sent = true;
          setTimeout(() => kill("SIGINT"), 3000);
        },
      });
      expect(part.code).toBe(130);
      expect(part.stderr).toMatch(/\n {2}\S.* sweep slow\.json --out slow --parallel 1\n$/);
    },
    LONG,
  );
});

it("the example of docs/sweep.md is a sweep", async () => {
  const root = join(import.meta.dirname, "../..");
  const { code, stdout } = await tandem(["sweep", "examples/sweep.json", "--points", "--out", "x"], {
    cwd: root,
  });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^cartpole-dac: 4 points x 1 demonstration set x 3 seeds = 12 cells, /);
});
