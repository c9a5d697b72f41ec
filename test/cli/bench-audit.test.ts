import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { parseSuite, type Outcome } from "../../src/bench/index.ts";
import { planBench, type BenchPlan } from "../../src/cli/bench-plan.ts";
import { episodeReturns, keyFromSeed } from "../../src/core/index.ts";
import { readDemonstrations, writeDemonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { randomPolicy } from "../../src/eval/index.ts";
import { rollout } from "../../src/rl/index.ts";
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

/** Random actions in Hopper, which falls by itself before a longer time is over. */
async function recordHopper(name: string, maxEpisodeSteps: number): Promise<void> {
  const environment = await makeEnvironment("Hopper-v5", { maxEpisodeSteps });
  const trajectories = rollout(environment, randomPolicy(keyFromSeed(1)), 2, keyFromSeed(2));
  environment.close();
  await writeDemonstrations(join(cwd, name), trajectories, { env: "Hopper-v5" });
}

beforeAll(async () => {
  await makeDemonstrations(cwd);
  await recordHopper("cut.npz", 5);
  await recordHopper("fallen.npz", 200);
}, HOOK_TIMEOUT);
afterAll(folder.remove);
afterEach(() => void vi.unstubAllEnvs());

const TASK = { name: "Cheetah", env: "HalfCheetah-v5", demos: "demo.npz", trajectories: [0, 2], steps: 300 };
const HOPPER = { ...TASK, name: "Hopper", env: "Hopper-v5", demos: "cut.npz", trajectories: [1] };
const SUITE = {
  name: "audited",
  tasks: [TASK],
  methods: [
    {
      name: "irl",
      options: { method: "ml-irl", "policy-steps-per-reward-step": 100, "reward-network": "two-layer:16" },
    },
    { name: "rival", options: { method: "sqil", "batch-size": 8 } },
  ],
  seeds: [3, 4],
  train: {
    hidden: [8],
    "start-steps": 100,
    "batch-size": 8,
    "evaluate-every": 100,
    "evaluation-episodes": 1,
    "final-episodes": 1,
  },
  audit: true as unknown,
};

const planOf = (changes: object): Promise<BenchPlan> =>
  planBench({ suite: parseSuite("x", { ...SUITE, ...changes }), place: cwd, where: "x" });
const idsOf = ({ cells }: BenchPlan): string[] => cells.map(({ cell }) => cell.id);
const controlsIn = (plan: BenchPlan): string[] => idsOf(plan).filter((id) => id.includes("/audit-"));
const cellOf = ({ cells }: BenchPlan, id: string): BenchPlan["cells"][number] =>
  cells.find(({ cell }) => cell.id === id) ?? expect.fail(id);

/** The treatments under which the audit sets IQ-Learn on Hopper. */
async function treatmentsOfIq(changes: object, demos = "cut.npz"): Promise<string[]> {
  const methods = [{ name: "iq", options: { method: "iq-learn", "batch-size": 8, ...changes } }];
  return controlsIn(await planOf({ tasks: [{ ...HOPPER, demos }], methods }))
    .filter((id) => id.includes("termination"))
    .map((id) => id.replace(/.*termination-(.*)-iq.*/, "$1"));
}

describe("planning an audit", () => {
  it("adds the controls of each task after the first seed, on its first set", async () => {
    const plan = await planOf({});
    expect(idsOf(plan)).toEqual([
      "Cheetah/irl/0-3",
      "Cheetah/rival/0-3",
      "Cheetah/irl/2-3",
      "Cheetah/rival/2-3",
      "Cheetah/audit-teacher-zero-native/0-3",
      "Cheetah/audit-teacher-constant-native/0-3",
      "Cheetah/audit-teacher-penalty-native/0-3",
      "Cheetah/audit-constant-expert-irl/0-3",
      "Cheetah/audit-shuffle-expert-irl/0-3",
      "Cheetah/audit-constant-expert-rival/0-3",
      "Cheetah/audit-shuffle-expert-rival/0-3",
      "Cheetah/irl/0-4",
      "Cheetah/rival/0-4",
      "Cheetah/irl/2-4",
      "Cheetah/rival/2-4",
    ]);
    expect(controlsIn(await planOf({ audit: false }))).toEqual([]);
    expect(controlsIn(await planOf({ audit: undefined }))).toEqual([]);
  });

  it("tells each what it is: a method as it is, but for what it is taught", async () => {
    const plan = await planOf({});
    const irl = cellOf(plan, "Cheetah/irl/0-3").config;
    const zero = cellOf(plan, "Cheetah/audit-teacher-zero-native/0-3");
    expect(zero.config).toEqual({ ...irl, algorithm: { ...irl.algorithm, taughtBy: "zero reward" } });
    expect(zero.words.join(" ")).toContain("--teacher zero");
    const shuffled = cellOf(plan, "Cheetah/audit-shuffle-expert-irl/0-3");
    expect(shuffled.config).toEqual({ ...irl, demos: { ...irl.demos, shuffled: true } });
    expect(shuffled.words).toContain("--shuffle-expert");
    const constant = cellOf(plan, "Cheetah/audit-constant-expert-rival/0-3");
    expect(constant.config).toMatchObject({ demos: { constant: true }, algorithm: { method: "sqil" } });
    expect(constant.words).toContain("--constant-expert");
  });

  it("says what it is over what the method is told for the task", async () => {
    const [, rival] = SUITE.methods;
    const told = { termination: "absorbing", "reward-network": "two-layer:24" };
    const methods = [{ ...SUITE.methods[0], perTask: { Hopper: told } }, rival];
    const plan = await planOf({ tasks: [HOPPER], methods });
    expect(cellOf(plan, "Hopper/audit-termination-native-irl/1-3").config.algorithm).toMatchObject({
      termination: "native",
      reward: { network: { width: 24 } },
    });
    expect(cellOf(plan, "Hopper/audit-teacher-zero-native/1-3").config.algorithm.termination).toBe("native");
    expect(controlsIn(plan)).toContain("Hopper/audit-teacher-zero-absorbing/1-3");
  });

  it("takes seeds, sets and steps that it is told", async () => {
    const plan = await planOf({ audit: { seeds: [9, 8], trajectories: [2], steps: 200 } });
    const zero = controlsIn(plan).filter((id) => id.includes("zero"));
    expect(zero).toEqual(["Cheetah/audit-teacher-zero-native/2-9", "Cheetah/audit-teacher-zero-native/2-8"]);
    for (const [id, seed] of zero.map((each, i) => [each, [9, 8][i]] as const)) {
      expect(cellOf(plan, id)).toMatchObject({
        config: { seed, steps: 200 },
        cell: { task: { steps: 200 } },
      });
      expect(cellOf(plan, id).words.join(" ")).toContain(`--steps 200 --seed ${seed}`);
    }
    await expect(planOf({ audit: { steps: 190 } })).rejects.toThrow(
      /evaluating every 100 of 190 steps leaves none/,
    );
  });

  it("compares treatments of an episode's end where there is one, a fixed horizon where it can be", async () => {
    const ends = async (changes: object): Promise<string[]> =>
      controlsIn(await planOf(changes)).filter((id) => id.includes("audit-termination"));
    expect(await ends({ tasks: [HOPPER] })).toEqual(
      ["irl", "rival"].flatMap((method) =>
        ["native", "absorbing", "fixed-horizon"].map(
          (each) => `Hopper/audit-termination-${each}-${method}/1-3`,
        ),
      ),
    );
    expect(await ends({ tasks: [{ ...HOPPER, demos: "fallen.npz" }] })).toEqual(
      ["irl", "rival"].flatMap((method) =>
        ["native", "absorbing"].map((each) => `Hopper/audit-termination-${each}-${method}/1-3`),
      ),
    );
    expect(await ends({ tasks: [{ ...HOPPER, envOptions: { terminateWhenUnhealthy: false } }] })).toEqual([]);
    const plan = await planOf({ tasks: [HOPPER] });
    expect(cellOf(plan, "Hopper/audit-termination-absorbing-irl/1-3").config).toMatchObject({
      demos: { shuffled: false, constant: false },
      algorithm: { method: "ml-irl", termination: "absorbing", taughtBy: "learned reward" },
    });
  });

  it("leaves out the treatment under which a method cannot learn, and refuses the method that asks for it", async () => {
    vi.stubEnv("TANDEM_IQ_LEARN", "1");
    expect(await treatmentsOfIq({ "regularised-rows": "expert" })).toEqual(["native", "fixed-horizon"]);
    expect(await treatmentsOfIq({ "regularised-rows": "both" })).toEqual([
      "native",
      "absorbing",
      "fixed-horizon",
    ]);
    expect(await treatmentsOfIq({ "regularised-rows": "expert" }, "fallen.npz")).toEqual([
      "native",
      "absorbing",
    ]);
    await expect(treatmentsOfIq({ regulariser: "none", termination: "absorbing" })).rejects.toThrow(
      /method iq on Hopper: --termination: without a regulariser nothing holds the reward/,
    );
    await expect(treatmentsOfIq({ termination: "absorbing" })).rejects.toThrow(
      /--termination: no demonstration enters the absorbing state/,
    );
  });

  it("plans a constant expert seed by seed, as its episodes are not equally long", async () => {
    const methods = [{ name: "none", options: { method: "sqil", "constant-expert": true } }];
    const plan = await planOf({ tasks: [HOPPER], methods, seeds: [3, 4, 5], audit: false });
    const lengths = plan.cells.map(({ config }) => config.demos.transitions);
    expect(new Set(lengths).size).toBeGreaterThan(1);
    const alone = await planOf({ tasks: [HOPPER], methods, seeds: [5], audit: false });
    expect(plan.cells[2].config).toEqual(alone.cells[0].config);
  });

  it("knows the expert's return from all whole episodes of a task's file, whichever is shown", async () => {
    const { trajectories } = await readDemonstrations(join(cwd, TASK.demos));
    const returns = Array.from(episodeReturns(trajectories) ?? []);
    expect(returns.length).toBeGreaterThan(2);
    const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
    const { cells } = await planOf({ tasks: [TASK] });
    for (const { expertReturn } of cells) expect(expertReturn).toBeCloseTo(mean, 6);
  });

  it("has no controls of what is one, nor of what it would not change", async () => {
    const methods = [
      { name: "taught", options: { method: "ml-irl", teacher: "zero" } },
      { name: "odd", options: { method: "sqil", "shuffle-expert": true } },
      { name: "states", options: { method: "airl" } },
    ];
    const kinds = controlsIn(await planOf({ methods })).map((id) => id.split("/")[1]);
    expect(kinds.slice(3)).toEqual(["audit-constant-expert-states"]);
  });

  it("gives a suite without ML-IRL the controls of its defaults, whatever else all methods are told", async () => {
    const methods = [{ name: "rival", options: { method: "dac" } }];
    const train = { ...SUITE.train, "gradient-penalty": 3 };
    const plan = await planOf({ methods, train });
    expect(cellOf(plan, "Cheetah/rival/0-3").config.algorithm).toMatchObject({
      discriminator: { gradientPenalty: 3 },
    });
    expect(cellOf(plan, "Cheetah/audit-teacher-penalty-native/0-3").config.algorithm).toMatchObject({
      method: "ml-irl",
      taughtBy: "constant penalty",
      sac: { hidden: [8] },
      startSteps: 100,
    });
  });
});

const results = (): Outcome[] => {
  const lines = readFileSync(join(cwd, "whole/results.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Outcome);
};

const place = (method: string): string => `whole/Cheetah/${method}/0-3`;

const bench = (...args: string[]): Promise<CommandOutcome> =>
  tandem(["bench", "suite.json", "--out", "whole", ...args], { cwd });

describe("an audited bench", () => {
  let first: CommandOutcome;
  beforeAll(async () => {
    const suite = { ...SUITE, seeds: [3], tasks: [{ ...TASK, trajectories: [0], heldOut: [1] }] };
    writeFileSync(join(cwd, "suite.json"), JSON.stringify(suite));
    first = await bench("--parallel", "2");
  }, LONG);

  it("trains its controls as other cells, scores all, and reports on them", () => {
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toContain("Cheetah: controls");
    expect(first.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const found = results();
    expect(found).toHaveLength(9);
    for (const { state, normalised, scale } of found) {
      expect(state).toBe("complete");
      expect(scale).toEqual({ random: expect.any(Number), expert: expect.any(Number) });
      expect(scale).toEqual(found[0].scale);
      expect(normalised).not.toBeNull();
    }
    const constant = found.find(({ method }) => method === "audit-constant-expert-rival");
    expect(constant).toMatchObject({
      control: "constant demonstrations",
      audit: { name: "constant demonstrations of rival", kind: "nonsense", appliesTo: ["rival"] },
    });
    expect(readJson(cwd, "whole/Cheetah/audit-constant-expert-rival/0-3", "summary.json")).toMatchObject({
      expertReturn: null,
    });
    for (const file of ["bench.md", "bench.html"]) {
      const text = readFileSync(join(cwd, "whole", file), "utf8");
      expect(text).toContain("Cheetah: controls");
      expect(text).toContain("constant demonstrations of rival");
      expect(text).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it("has nothing to do a second time, lists its controls, and says in JSON what leaks", async () => {
    const again = await bench("--json");
    expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/^0 of 9 cells to train/) });
    const { leaks } = JSON.parse(again.stdout) as { leaks: { method: string }[] };
    const marks = readFileSync(join(cwd, "whole/bench.md"), "utf8").match(/a leak explains it/g) ?? [];
    expect(leaks).toHaveLength(marks.length);
    const { stdout } = await bench("--list", "--only", "audit-shuffle-expert-irl");
    expect(stdout).toBe("complete   Cheetah/audit-shuffle-expert-irl/0-3\n");
  });

  it("trains what `tandem train` with the same words does", async () => {
    const words = (
      "train --demos demo.npz --held-out 1 --method sqil --constant-expert --steps 300 --seed 3 --hidden 8 --start-steps 100 " +
      "--batch-size 8 --evaluate-every 100 --evaluation-episodes 1 --final-episodes 1 --out alone --json"
    ).split(" ");
    expect(await tandem(words, { cwd })).toMatchObject({ code: 0 });
    expect(timelessMetrics(join(cwd, "whole/Cheetah/audit-constant-expert-rival/0-3"))).toEqual(
      timelessMetrics(join(cwd, "alone")),
    );
  });

  it("scores its controls from their lines alone, by what the suite says that they are for", async () => {
    cpSync(join(cwd, "whole"), join(cwd, "bare"), { recursive: true });
    rmSync(join(cwd, "bare/Cheetah"), { recursive: true });
    const report = (file: string): Promise<CommandOutcome> =>
      tandem(["bench", file, "--out", "bare", "--report"], { cwd });
    const text = (...place: string[]): string => readFileSync(join(cwd, ...place), "utf8");
    expect(await report("suite.json")).toMatchObject({ code: 0 });
    expect(text("bare/bench.md")).toBe(text("whole/bench.md").replaceAll("--out whole", "--out bare"));
    expect(text("bare/results.jsonl")).toBe(text("whole/results.jsonl"));

    const other = { name: "other", options: { method: "sqil", "batch-size": 16 } };
    const suite = JSON.parse(text("suite.json")) as typeof SUITE;
    writeFileSync(
      join(cwd, "wider.json"),
      JSON.stringify({ ...suite, methods: [...suite.methods, other], audit: true }),
    );
    expect(await report("wider.json")).toMatchObject({ code: 0 });
    const line = text("bare/results.jsonl")
      .split("\n")
      .find((each) => each.includes("audit-teacher-zero-native"));
    expect(JSON.parse(line as string)).toMatchObject({
      state: "complete",
      audit: { appliesTo: ["irl", "rival", "other"] },
    });
  });

  it("shows one of its runs with the controls of the same task beside it", async () => {
    const { code, stdout } = await tandem(
      [
        "report",
        place("rival"),
        place("audit-constant-expert-rival"),
        place("audit-teacher-zero-native"),
      ].concat("--out", "beside.html"),
      { cwd },
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/Control: constant demonstrations +-?\d/);
    expect(stdout).toMatch(/Control: zero reward +-?\d/);
  });
});
