import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  HOOK_TIMEOUT,
  makeDemonstrations,
  readJson,
  tandem,
  temporaryFolder,
  type Outcome as CommandOutcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const LONG = 180_000;
const BUNDLED = fileURLToPath(new URL("../../demonstrations/", import.meta.url));
const HOPPER = join(BUNDLED, "hopper-v5-tandem-sac.npz");

const repro = (...args: string[]): Promise<CommandOutcome> => tandem(["repro", ...args], { cwd });

beforeAll(async () => {
  await makeDemonstrations(cwd);
  copyFileSync(HOPPER, join(cwd, "hopper.npz"));
}, HOOK_TIMEOUT);
afterAll(folder.remove);

describe("tandem repro lists", () => {
  it("published numbers with their sources, in 80 columns", async () => {
    const { code, stdout, stderr } = await repro();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toMatch(/^cell +here +published +expert +share$/);
    expect(lines).toContainEqual(
      expect.stringMatching(/^piro\/hopper\/ml-irl +ml-irl +3,316\.4 +3,632\.8 +91%$/),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^piro\/hopper\/csil +no method/));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toMatch(/\niq-learn: IQ-Learn, NeurIPS 2021/);
  });

  it("those of a source, a task and a method", async () => {
    const { stdout } = await repro("--source", "piro", "--task", "Hopper", "--method", "dac", "--json");
    const cells = JSON.parse(stdout) as object[];
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(cells).toHaveLength(1);
    expect(cells[0]).toMatchObject({
      id: "piro/hopper/dac",
      mean: 3321.6,
      expert: 3632.8,
      source: { id: "piro", revision: "v4" },
      here: { options: { method: "dac" }, onEndingTasks: { termination: "absorbing" } },
    });
    const refused = await repro("--method", "csil", "--task", "ant", "--json");
    expect(JSON.parse(refused.stdout)).toMatchObject([
      { id: "piro/ant/csil", here: { refused: "no implementation here of CSIL" } },
    ]);
  });
});

const CELL = "piro/hopper/ml-irl";
const REFUSED: [args: string[], says: RegExp][] = [
  [
    ["--task", "hoper"],
    /^tandem: --task: no published number has task hoper; did you mean hopper\?; known are/,
  ],
  [["--source", "x"], /^tandem: --source: no published number has source x; known are iq-learn, piro/],
  [["--method", "sqil", "--task", "ant"], /^tandem: repro: no published number is of task ant, method sqil/],
  [["--demos", "demo.npz"], /^tandem: --demos: is for running a cell, got none/],
  [[CELL, "--task", "hopper"], /^tandem: --task: is for the list of cells/],
  [[CELL], /^tandem: --demos: expected demonstrations of Hopper, got nothing; add for example --demos/],
  [
    ["piro/hopper/ml-ilr"],
    /no published number is called piro\/hopper\/ml-ilr; did you mean piro\/hopper\/ml-irl\?/,
  ],
  [["piro/ant/csil"], /^tandem: repro: piro\/ant\/csil cannot be run: no implementation here of CSIL;/],
  [["trirl/ant/airl/retrained"], /trained anew on the learned reward, and only scores/],
  [["trirl/pointmaze/airl"], /no environment here is pointmaze/],
  [[CELL, "--demos", "none.npz"], /none\.npz: expected a demonstration file or folder, found nothing/],
  [
    [CELL, "--demos", "demo.npz"],
    /^tandem: --demos: piro\/hopper\/ml-irl is a number of Hopper, got HalfCheetah-v5/,
  ],
  [[CELL, "--demos", HOPPER, "--env", "Ant-v4"], /^tandem: --env: .* got Ant-v4; choose Hopper-v4/],
  [[CELL, "--demos", HOPPER, "--env", "Hopper-v9"], /no environment is called Hopper-v9; did you mean/],
  [
    [CELL, "--demos", HOPPER, "--seeds", "1,x"],
    /^tandem: --seeds: expected seeds from 0, such as 1,2,3, got 1,x/,
  ],
  [[CELL, "--demos", HOPPER, "--seeds", "1,1"], /seed 1 is there twice/],
  [[CELL, "--demos", HOPPER, "--steps", "0"], /^tandem: --steps: expected a whole number of at least 1/],
  [
    [CELL, "--demos", HOPPER, "--parallel", "0"],
    /^tandem: --parallel: expected a whole number of at least 1/,
  ],
  [[CELL, "--demos", HOPPER, "--trajectories", "0,1"], /has episodes 0 to 0, got 1/],
  [["cleanil/hopper/gail", "--demos", HOPPER], /--episodes: .* has 1, got 10; ask for fewer/],
  [[CELL, "--demos", HOPPER, "--report"], /^tandem: --report: there is nothing at runs\/piro-hopper-ml-irl/],
  [["piro/hopper/iq-learn", "--demos", HOPPER], /iq-learn is off by default.*TANDEM_IQ_LEARN=1/],
];

describe("tandem repro refuses, in one line and before anything runs,", () => {
  it.each(REFUSED)("%j", async (args, says) => {
    const { code, stdout, stderr } = await tandem(["repro", ...args], { cwd, env: { TANDEM_IQ_LEARN: "" } });
    expect(stderr).toMatch(/^tandem: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(existsSync(join(cwd, "runs"))).toBe(false);
  });
});

describe("tandem repro of one cell", () => {
  const args = [
    CELL,
    "--demos",
    "hopper.npz",
    "--steps",
    "400",
    "--seeds",
    "1,2",
    "--out",
    "out",
    "--parallel",
    "2",
  ];
  let first: CommandOutcome;
  beforeAll(async () => {
    first = await repro(...args);
  }, LONG);

  it("trains an ordinary bench and sets both sides beside each other", () => {
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/^2 of 2 cells to train, 2 at a time\n/);
    const text = first.stdout.replaceAll(/\s+/g, " ");
    expect(text).toMatch(/^piro\/hopper\/ml-irl: PIRO \(TRRO\), NeurIPS 2025; Table 1/);
    expect(text).toContain("runs 5 2 of 2");
    expect(text).toMatch(/share of expert 91% /);
    expect(text).toContain("training, as counted 1,000,000 400 reward rollouts 2,000,000 0");
    expect(text).toMatch(
      /Verdict: (below|consistent|above)\. Ours is -?0\.\d\d over 2 cells; the published 0\.91 lies/,
    );
    expect(text).toContain("Ours trained for 400 of 1M steps");
    expect(first.stdout).not.toMatch(/NaN|undefined|Infinity|null/);
    expect(first.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    for (const file of ["bench.html", "bench.md", "results.jsonl", "suite.json", "repro.json"]) {
      expect(existsSync(join(cwd, "out", file)), file).toBe(true);
    }
    expect(readJson(cwd, "out", "Hopper/ml-irl/0-2", "config.json")).toMatchObject({
      seed: 2,
      steps: 400,
      env: { id: "Hopper-v5" },
      evaluation: { every: 40 },
      algorithm: { method: "ml-irl" },
    });
  });

  it("has nothing to do a second time, and says the same", async () => {
    const again = await repro(...args);
    expect(again.stderr).toMatch(/^0 of 2 cells to train/);
    expect(again.stdout).toBe(first.stdout);
  });

  it("is one line of JSON, the same that lies in the folder", async () => {
    const { stdout, stderr } = await repro(...args, "--report", "--json");
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(readFileSync(join(cwd, "out", "repro.json"), "utf8")).toBe(stdout);
    expect(readFileSync(join(cwd, "out", "bench.md"), "utf8")).toMatch(
      / repro piro\/hopper\/ml-irl --demos hopper\.npz --steps 400 --seeds 1,2 --out out --parallel 2\n$/,
    );
    const found = JSON.parse(stdout) as Record<string, never>;
    expect(found).toMatchObject({
      cell: { id: CELL, mean: 3316.4 },
      plan: { env: "Hopper-v5", episodes: 1, trajectories: [0], seeds: [1, 2], steps: 400 },
      out: "out",
      published: { score: 3316.4, runs: 5 },
      ours: { cells: 2, complete: 2, stepCounts: { train: 400, rewardRollout: 0, expert: 1000 } },
    });
    const { random } = found.ours as { random: number };
    const { normalised } = found.published as { normalised: number };
    expect(normalised).toBeCloseTo((3316.4 - random) / (3632.8 - random), 12);
  });

  it("goes on as an ordinary bench, and with another seed", async () => {
    const listing = await tandem(["bench", "out/suite.json", "--out", "out", "--list"], { cwd });
    expect(listing.stdout).toBe("complete   Hopper/ml-irl/0-1\ncomplete   Hopper/ml-irl/0-2\n");
    const wider = args.map((word) => (word === "1,2" ? "1,2,7" : word));
    const { stdout } = await repro(...wider, "--report");
    expect(stdout).toMatch(/\nruns +5 +2 of 3\n/);
  });

  it("gives no verdict on one cell", async () => {
    cpSync(join(cwd, "out"), join(cwd, "part"), { recursive: true });
    rmSync(join(cwd, "part/Hopper/ml-irl/0-1/summary.json"));
    const words = args.map((word) => (word === "out" ? "part" : word));
    const { code, stdout } = await repro(...words, "--report");
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nruns +5 +1 of 2\n/);
    expect(stdout).toMatch(/\nNo verdict: one cell says nothing/);
  });

  it("refuses runs of other settings", async () => {
    const words = args.map((word) => (word === "400" ? "300" : word));
    const { code, stderr } = await repro(...words);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tandem: bench: Hopper\/ml-irl\/0-1 in out was made with steps 400, .* says 300; [^\n]+\n$/,
    );
  });

  it(
    "counts updates where a method takes no step",
    async () => {
      const words = [
        "piro/hopper/bc",
        "--demos",
        "hopper.npz",
        "--steps",
        "100",
        "--seeds",
        "3,4",
        "--out",
        "bc",
      ];
      const { code, stdout } = await repro(...words, "--json");
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        completed: expect.arrayContaining(["Hopper/bc/0-3", "Hopper/bc/0-4"]),
        ours: { complete: 2, stepCounts: { train: 0 } },
        verdict: { runs: 5 },
      });
    },
    LONG,
  );

  it("leaves a folder alone in which a bench is at work", async () => {
    writeFileSync(join(cwd, "out", "bench.lock"), JSON.stringify({ pid: process.pid, cells: {} }));
    const { code, stderr } = await repro(...args);
    rmSync(join(cwd, "out", "bench.lock"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tandem: bench: another bench, process \d+, is at work in out;/);
  });

  it(
    "names a training that fails, and fails",
    async () => {
      mkdirSync(join(cwd, "failing/Hopper/ml-irl/0-1"), { recursive: true });
      writeFileSync(join(cwd, "failing/Hopper/ml-irl/0-1/note.txt"), "in the way");
      const { code, stdout, stderr } = await repro(
        ...args.map((word) => (word === "out" ? "failing" : word)),
      );
      expect(code).toBe(1);
      expect(stdout).toContain("No verdict: one cell says nothing");
      expect(stderr).toMatch(/\ntandem: repro: Hopper\/ml-irl\/0-1 failed: .* is not empty[^\n]*\n$/);
    },
    LONG,
  );

  it("has defaults: three seeds, the first episode, as many episodes as published", async () => {
    const { stdout } = await repro(
      CELL,
      "--demos",
      "hopper.npz",
      "--steps",
      "400",
      "--out",
      "out",
      "--report",
      "--json",
    );
    expect(JSON.parse(stdout)).toMatchObject({
      plan: { seeds: [1, 2, 3], trajectories: [0], episodes: 1 },
      ours: { cells: 3, complete: 2 },
    });
  });

  it.each([
    [CELL, "out", 400, 500_000],
    ["piro/hopper/bc", "bc", 100, 20_000],
  ])("of %s has steps of its own", async (id, out, found, usual) => {
    const { stderr } = await repro(id, "--demos", "hopper.npz", "--report", "--out", out);
    expect(stderr).toContain(`in ${out} was made with steps ${found}, the suite says ${usual};`);
  });

  it("takes the version of the task that is asked for, and says that another is nearer", async () => {
    const words = [CELL, "--demos", "hopper.npz", "--steps", "400", "--out", "out", "--report"];
    expect((await repro(...words)).stdout).toContain("nearer to the published v4 is Hopper-v4.");
    const { stderr } = await repro(...words, "--env", "Hopper-v4");
    expect(stderr).toMatch(/in out was made with env\.id Hopper-v5, the suite says Hopper-v4;/);
  });
});

it(
  "tandem repro stops when asked to, and says how to go on",
  async () => {
    const demos = join(BUNDLED, "halfcheetah-v5-tandem-sac.npz");
    const settings = "--steps 100000 --seeds 5,6 --out stopped --parallel 2".split(" ");
    const words = ["iq-learn/halfcheetah/dac", "--demos", demos, ...settings];
    let sent = false;
    const { code, stdout, stderr } = await tandem(["repro", ...words], {
      cwd,
      asTerminal: true,
      onStderr: (text, kill) => {
        if (sent || !text.includes("beginning HalfCheetah/dac/0-6")) return;
        sent = true;
        setTimeout(() => kill("SIGINT"), 4000);
      },
    });
    expect(code).toBe(130);
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /Stopped; each training goes on from what it has saved:\n {2}\S.* repro iq-learn\/halfcheetah\/dac --demos \S+ --steps 100000 --seeds 5,6 --out stopped --parallel 2\n$/,
    );
  },
  LONG,
);
