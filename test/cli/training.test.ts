import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  HOOK_TIMEOUT,
  makeDemonstrations,
  readJson,
  tandem,
  temporaryFolder,
  TINY,
  TINY_POLICY,
  type Outcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
let trained: Outcome;

beforeAll(async () => {
  await makeDemonstrations(cwd);
  trained = await tandem(["train", "--demos", "demo.npz", ...TINY, "--json"], { cwd });
}, HOOK_TIMEOUT);
afterAll(folder.remove);

const RUN = join("runs", "HalfCheetah-v5-0-1");

const thin = (...args: string[]): ReturnType<typeof tandem> =>
  tandem(["demos", "subsample", ...args], { cwd });
const trainOn = (demos: string): ReturnType<typeof tandem> =>
  tandem(["train", "--demos", demos, ...TINY, "--out", `of-${demos}`, "--json"], { cwd });

describe("tandem train", () => {
  it("--json ends with one line of JSON and nothing else on stdout", () => {
    expect(trained.code).toBe(0);
    expect(trained.stdout).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(trained.stdout)).toEqual({
      env: "HalfCheetah-v5",
      seed: 0,
      expertReturn: expect.any(Number),
      finalReturn: expect.any(Number),
      randomReturn: expect.any(Number),
      termination: "native",
      steps: { train: 300, rewardRollout: 0, evaluation: 60 + 4 * 60 },
      seconds: expect.any(Number),
      kernels: expect.stringMatching(/^(relaxed-)?simd$/),
    });
  });

  it("says on stderr where the run is and how each evaluation went", () => {
    expect(trained.stderr).toContain(`Run folder: ${RUN}\n`);
    expect(trained.stderr).toMatch(/evaluation at 200 steps: true return -?[\d.]+ ± 0\.0, expert -[\d.]+\n/);
  });

  it("names its folder, takes the environment from the file, and writes a report", () => {
    const config = readJson(cwd, RUN, "config.json");
    expect(config).toMatchObject({
      env: { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 60 } },
      demos: {
        path: "demo.npz",
        episodes: 1,
        firstEpisode: 0,
        transitions: 60,
        shuffled: false,
        constant: false,
      },
    });
    expect(readFileSync(join(cwd, RUN, "report.html"), "utf8")).toMatch(/^<!doctype html>/i);
  });

  it("ends with the report and how to train longer, from another run's configuration", async () => {
    const config = join(RUN, "config.json");
    const { code, stdout } = await tandem(["train", "--config", config, "--seed", "1", "--episodes", "2"], {
      cwd,
    });
    expect(code).toBe(0);
    expect(stdout).toContain("True return");
    const run = join("runs", "HalfCheetah-v5-1-1");
    expect(stdout).toContain(`Report: ${join(run, "report.html")}\n`);
    expect(stdout).toMatch(/main\.ts train --resume runs\/HalfCheetah-v5-1-1 --steps 600\n$/);
    const [first, second] = [readJson(cwd, config), readJson(cwd, run, "config.json")];
    expect(second.algorithm).toEqual(first.algorithm);
    expect(second).toMatchObject({ seed: 1, demos: { episodes: 2, transitions: 120 } });
  });

  it("warns of a run that learns nothing", async () => {
    const idle = [...TINY, "--steps", "60", "--out", "idle", "--json"];
    const { stderr } = await tandem(["train", "--demos", "demo.npz", ...idle], { cwd });
    expect(stderr).toMatch(/^warning: all 60 steps are random: updates begin after 100, see --start-steps\n/);
  });

  it("refuses thinned demonstrations, however often they were thinned, and leaves nothing", async () => {
    expect((await thin("demo.npz", "thin.npz", "--every", "3")).code).toBe(0);
    expect((await thin("thin.npz", "again.npz", "--every", "1")).code).toBe(0);
    expect((await thin("demo.npz", "head.npz", "--every", "1", "--first", "40")).code).toBe(0);
    for (const name of ["thin.npz", "again.npz"]) {
      const { code, stderr } = await trainOn(name);
      expect([code, stderr]).toEqual([
        1,
        `tandem: --demos: ${name}: expected whole trajectories, got one step in 3 of each; give the file that it was subsampled from\n`,
      ]);
      expect(existsSync(join(cwd, `of-${name}`))).toBe(false);
    }
    expect((await trainOn("head.npz")).code).toBe(0);
  });

  it("warns of expert episodes that were cut before their time", async () => {
    const longer = ["--env-option", "maxEpisodeSteps=80", "--episodes", "2", "--out", "longer", "--json"];
    const { stderr } = await tandem(["train", "--demos", "demo.npz", ...TINY, ...longer], { cwd });
    expect(stderr).toMatch(
      /^warning: 2 of 2 expert episodes were cut after 60 steps or more, before the 80 of HalfCheetah-v5: /,
    );
    // What it earned in part is no mark for what is earned in whole.
    expect(readJson(cwd, "longer", "summary.json")).toMatchObject({ expertReturn: null });
    expect(readJson(cwd, RUN, "summary.json")).toMatchObject({ expertReturn: expect.any(Number) as number });
  });
});

const evaluateRun = async (...more: string[]): Promise<Record<string, unknown>> => {
  const { code, stdout, stderr } = await tandem(["eval", RUN, "--json", ...more], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Record<string, unknown>;
};

describe("what a run is good for", () => {
  it("tandem eval plays new episodes, other ones with another seed or sampled actions", async () => {
    const plain = await evaluateRun();
    expect(plain).toMatchObject({ env: "HalfCheetah-v5", policy: "mode", seed: 0, episodes: 10 });
    expect(plain.returns).toHaveLength(10);
    expect(plain.expertReturn).toBe((JSON.parse(trained.stdout) as { expertReturn: number }).expertReturn);
    expect(plain.pearson).toEqual(expect.any(Number));
    expect(await evaluateRun()).toEqual(plain);
    for (const other of [
      ["--seed", "1"],
      ["--policy", "sample"],
      ["--episodes", "3"],
    ]) {
      const { meanReturn } = await evaluateRun(...other);
      expect(meanReturn).not.toBe(plain.meanReturn);
    }
  });

  it("tandem eval, in words", async () => {
    const { stdout } = await tandem(["eval", RUN, "--episodes", "2"], { cwd });
    expect(stdout).toContain("\nTrained with native termination\n");
    expect(stdout).toMatch(
      /policy {2}-?[\d.]+ ± [\d.]+, from .*\n {2}expert {2}-[\d.]+\n {2}random {2}-[\d.]+\n/,
    );
    expect(stdout).toContain("Learned and true reward");
  });

  it("tandem report shows negative controls beside a run", async () => {
    const zero = [...TINY, "--teacher", "zero", "--out", "zero", "--json"];
    expect((await tandem(["train", "--demos", "demo.npz", ...zero], { cwd })).code).toBe(0);
    const { code, stdout } = await tandem(["report", RUN, "zero", "--out", "both.html"], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/zero reward/);
    expect(stdout).toMatch(/Report: both\.html\n$/);
    expect(existsSync(join(cwd, "both.html"))).toBe(true);
    const wide = stdout.split("\n").filter((line) => line.length > 80);
    expect(wide).toEqual([]);
  });
});

describe("tandem expert", () => {
  const EXPERT = [
    "expert",
    "--env",
    "HalfCheetah-v5",
    "--env-option",
    "maxEpisodeSteps=60",
    "--out",
    "expert",
  ];

  it("records its final policy in a file that says how it was made", async () => {
    const recording = ["--record", "expert.npz", "--record-episodes", "2"];
    const { code, stdout, stderr } = await tandem([...EXPERT, ...TINY_POLICY, ...recording], { cwd });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/Recorded expert\.npz: 2 episodes, true return -?[\d.]+, -?[\d.]+\n/);
    expect(stdout).toContain("train --demos expert.npz");
    const inspected = await tandem(["demos", "inspect", "expert.npz", "--json"], { cwd });
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      env: "HalfCheetah-v5",
      episodes: 2,
      transitions: 120,
    });
  });

  it("records more of an expert that is trained already, sampled if so asked", async () => {
    const more = ["expert", "--resume", "expert", "--record", "sampled.npz", "--record-policy", "sample"];
    const { code } = await tandem(more, { cwd });
    expect(code).toBe(0);
    const inspected = await tandem(["demos", "inspect", "sampled.npz"], { cwd });
    expect(inspected.stdout).toMatch(/^Demonstrations +sampled\.npz\nEnvironment +HalfCheetah-v5\n/);
  });

  it("is no run of tandem train", async () => {
    const { code, stderr } = await tandem(["train", "--resume", "expert"], { cwd });
    expect(code).toBe(1);
    expect(stderr).toBe("tandem: train: expert is of a run of tandem expert; use tandem expert\n");
  });
});

describe("tandem demos inspect", () => {
  it("checks what a file holds against the environment it names", async () => {
    const { code, stdout } = await tandem(["demos", "inspect", "demo.npz"], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain("17 observations");
    writeFileSync(join(cwd, "broken.npz"), "");
    const broken = await tandem(["demos", "inspect", "broken.npz", "--json"], { cwd });
    expect(broken).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/empty file/) });
  });
});
