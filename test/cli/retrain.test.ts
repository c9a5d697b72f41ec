import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { readDemonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { absorbingReward, rewardsAlong } from "../../src/irl/index.ts";
import { loadKernels } from "../../src/kernels/index.ts";
import {
  loadSavedRun,
  openFrozenReward,
  readConfig,
  readTensors,
  runTraining,
  type RetrainConfig,
  type RunConfig,
} from "../../src/runs/index.ts";
import {
  HOOK_TIMEOUT,
  readJson,
  tandem,
  temporaryFolder,
  timelessMetrics,
  TINY,
  TINY_POLICY,
  type Outcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const at = (name: string): string => join(cwd, name);
const WORLD = ["--env-option", "maxEpisodeSteps=60"];

const succeed = async (...args: string[]): Promise<Outcome> => {
  const outcome = await tandem(args, { cwd, env: { TANDEM_IQ_LEARN: "1" } });
  expect({ code: outcome.code, stderr: outcome.stderr }).toMatchObject({ code: 0 });
  return outcome;
};
const fails = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await tandem(args, { cwd });
  expect([code, stdout]).toEqual([1, ""]);
  return stderr;
};
const train = (out: string, method: string, ...more: string[]): Promise<Outcome> =>
  succeed("train", "--demos", "demo.npz", "--method", method, "--out", out, "--json", ...more);
const retrain = (...more: string[]): Promise<Outcome> => succeed("retrain", "run", "--json", ...more);
const configOf = (name: string): RetrainConfig => readConfig(at(name)) as RetrainConfig;

const shown = (value: unknown): string => (value as number).toFixed(1);
const actor = (name: string): Float32Array => readTensors(at(name)).actor;

beforeAll(async () => {
  await succeed(
    ..."expert --env Hopper-v5 --out expert --record demo.npz --record-episodes 2 --json".split(" "),
    ...WORLD,
    ...TINY_POLICY,
  );
  await train("run", "ml-irl", ...TINY, "--termination", "absorbing");
  await retrain("--out", "again");
}, HOOK_TIMEOUT);
afterAll(folder.remove);

describe("tandem retrain", () => {
  it("is a run folder with the run's own settings, another seed and a reward that it keeps", () => {
    const original = readJson(cwd, "run", "config.json") as unknown as RunConfig;
    const config = configOf("again");
    expect(config).toMatchObject({ command: "retrain", seed: 1, steps: 300, demos: null, env: original.env });
    expect(config.evaluation).toEqual(original.evaluation);
    const { sac, startSteps } = original.algorithm;
    const replayCapacity = 1_000_000;
    expect(config.algorithm).toEqual({ sac, startSteps, replayCapacity, termination: "absorbing" });
    expect(config.frozen).toMatchObject({
      run: "run",
      step: 300,
      method: "ml-irl",
      reward: { absorbing: true },
    });
    expect(existsSync(at("again/reward.safetensors"))).toBe(true);
  });

  it("uses the reward of the run's checkpoint to the bit, its normaliser and absorbing state with it, and leaves it so", async () => {
    const environment = await makeEnvironment("Hopper-v5", { maxEpisodeSteps: 60 });
    const { trajectories } = await readDemonstrations(at("demo.npz"));
    const learnt = await loadSavedRun(at("run"), readConfig(at("run")), environment, keyFromSeed(1));
    const kernels = await loadKernels({ build: configOf("again").kernels });
    const frozen = openFrozenReward(kernels, at("again"), configOf("again"), environment);
    const after = await loadSavedRun(at("again"), configOf("again"), environment, keyFromSeed(2));
    environment.close();
    if (!learnt.reward || !after.reward) throw new Error("a reward is missing");
    const rewards = rewardsAlong(kernels, frozen, trajectories);
    expect(new Set(rewards).size).toBeGreaterThan(20);
    expect(rewards).toEqual(rewardsAlong(learnt.kernels, learnt.reward, trajectories));
    expect(rewards).toEqual(rewardsAlong(after.kernels, after.reward, trajectories));
    expect(absorbingReward(kernels, frozen)).toBe(absorbingReward(learnt.kernels, learnt.reward));
  });

  it("tells the four returns", async () => {
    const original = readJson(cwd, "run", "summary.json");
    const summary = readJson(cwd, "again", "summary.json");
    expect(summary).toMatchObject({
      originalReturn: original.finalReturn,
      expertReturn: original.expertReturn,
      termination: "absorbing",
      steps: { train: 300, expert: 0 },
    });
    const { stdout } = await succeed("retrain", "--resume", "again", "--steps", "400");
    const now = readJson(cwd, "again", "summary.json");
    expect(stdout).toMatch(
      new RegExp(
        `retrained policy +${shown(now.finalReturn)}\n +original policy, in Hopper-v5 +${shown(original.finalReturn)}\n` +
          ` +expert, in Hopper-v5 +${shown(original.expertReturn)}\n +random actions, in Hopper-v5 +${shown(now.randomReturn)}\n`,
      ),
    );
    expect(stdout).toMatch(/Hopper-v5: retraining on a reward of maximum-likelihood inverse RL, seed 1,/);
    expect(stdout).toMatch(/Original policy +\S+ +learnt together with the reward/);
  });

  it("is a run like others: eval, demos record and report take it", async () => {
    const { stdout } = await succeed("eval", "again", "--episodes", "2", "--json");
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(report).toMatchObject({ env: "Hopper-v5", termination: "absorbing" });
    expect(report.pearson).not.toBeNull();
    await succeed("demos", "record", "again", "--out", "again.npz", "--episodes", "1");
    await succeed("report", "again");
    const page = readFileSync(at("again/report.html"), "utf8");
    expect(page).toContain("Learning under a frozen reward.");
    expect(page).not.toMatch(/trained on the true reward/i);
  });

  it("goes on to the bit where it was stopped, and begins anew where nothing was saved", async () => {
    const options = ["--steps", "2500", "--seed", "5"];
    await retrain("--out", "whole", ...options);
    let sent = false;
    const part = await tandem(["retrain", "run", "--json", "--out", "part", ...options], {
      cwd,
      onStderr: (text, kill) => {
        if (sent || !text.includes("evaluation at")) return;
        sent = true;
        kill("SIGINT");
      },
    });
    expect(part).toMatchObject({ code: 130, stdout: "" });
    expect(part.stderr).toMatch(/Stopped at \d+ of 2500 steps; .*\n {2}\S.* retrain --resume part\n/);
    await succeed("retrain", "--resume", "part", "--json");
    expect(timelessMetrics(at("part"))).toEqual(timelessMetrics(at("whole")));
    expect(readTensors(at("part"))).toEqual(readTensors(at("whole")));
  });

  it("depends on the seed, the steps and the environment", async () => {
    await retrain("--out", "seed", "--seed", "2");
    await retrain("--out", "one", "--seed", "1");
    await retrain("--out", "mars", "--seed", "1", "--env-option", "gravityScale=0.38");
    expect(actor("seed")).not.toEqual(actor("one"));
    expect(actor("mars")).not.toEqual(actor("one"));
    const mars = readJson(cwd, "mars", "summary.json");
    expect(mars.expertReturn).toBeNull();
    expect(configOf("mars").env.options).toMatchObject({ gravityScale: 0.38, maxEpisodeSteps: 60 });
  });

  it("names the expert of another world where one is given, of just that world", async () => {
    const expert = readJson(cwd, "expert", "summary.json");
    await retrain("--out", "compared", "--expert", "expert", "--steps", "100");
    expect(readJson(cwd, "compared", "summary.json").expertReturn).toBe(expert.finalReturn);
    const elsewhere = ["--env-option", "gravityScale=0.38", "--expert", "expert", "--out", "none"];
    expect(await fails("retrain", "run", ...elsewhere)).toContain("--expert: expert is of Hopper-v5 with {");
    expect(existsSync(at("none"))).toBe(false);
  });

  it("warns of the run's own seed", async () => {
    const { stderr } = await retrain("--out", "same", "--seed", "0", "--steps", "100");
    expect(stderr).toContain("warning: the seed is that of run: the policy starts as that one did");
  });
});

describe("transfer", () => {
  it("keeps the reward and leaves the task's options behind", async () => {
    const small = ["--env-option", "includeCfrcExtInObservation=false", "--env-option", "maxEpisodeSteps=30"];
    await succeed(
      ..."expert --env CustomAnt-v0 --out ant-expert --record ant.npz --json".split(" "),
      ...small,
      ...TINY_POLICY,
    );
    await succeed(..."train --demos ant.npz --out ant --json".split(" "), ...TINY);
    await succeed(..."retrain ant --env BigAnt-v0 --out big --steps 120 --json".split(" "), ...small);
    expect(configOf("big").env).toMatchObject({
      id: "BigAnt-v0",
      options: { shinScale: 2, maxEpisodeSteps: 30 },
    });
    expect(configOf("big").frozen.env).toMatchObject({ id: "CustomAnt-v0", options: { shinScale: 1 } });
    expect(readJson(cwd, "big", "summary.json")).toMatchObject({ env: "BigAnt-v0", expertReturn: null });
    expect(await fails(..."retrain ant --env BigAnt-v0 --out none".split(" "))).toContain(
      "--env: the reward was learnt in CustomAnt-v0 from observations of 27, BigAnt-v0 has 111; choose a task of the same sizes, or options with which it has them (--env-option)",
    );
    expect(existsSync(at("none"))).toBe(false);
  });

  it("refuses other sizes of actions, and a task that is not there", async () => {
    // Hopper-v5 and InvertedDoublePendulum-v4 both show 11 numbers.
    expect(await fails("retrain", "run", "--env", "InvertedDoublePendulum-v4")).toContain(
      "from actions of 3 numbers, InvertedDoublePendulum-v4 has 1 numbers",
    );
    expect(await fails("retrain", "run", "--env", "Hoper-v5")).toContain("did you mean Hopper-v5?");
  });
});

describe("tandem retrain refuses", () => {
  it("runs without a reward to freeze", async () => {
    await train(
      "cloned",
      "bc",
      ...TINY_POLICY.filter((word, i, all) => !/start-steps/.test(`${word}${all[i - 1]}`)),
    );
    await train("iq", "iq-learn", ...TINY_POLICY);
    expect(await fails("retrain", "cloned")).toContain(
      "cloned is a run of bc, which learns no reward; name a run of one of ml-irl, ml-irl-nested, dac, airl, f-irl\n",
    );
    expect(await fails("retrain", "iq")).toContain(
      "iq is a run of iq-learn, which has its reward in its critics",
    );
    expect(await fails("retrain", "expert")).toContain(
      "expert is a run of tandem expert; it learnt no reward",
    );
    expect(await fails("retrain", "again")).toContain("its reward is of run: name that");
  });

  it("a run and one to go on with, or neither", async () => {
    expect(await fails("retrain")).toContain("got neither");
    expect(await fails("retrain", "run", "--resume", "again")).toContain("got both");
    expect(await fails("retrain", "--resume", "run")).toContain(
      "run is of a run of tandem train; use tandem train",
    );
  });

  it("a reward file that was changed or lost", async () => {
    const path = at("same/reward.safetensors");
    const whole = readFileSync(path);
    appendFileSync(path, "x");
    expect(await fails("retrain", "--resume", "same", "--steps", "200", "--json")).toContain(
      "its checksum differs",
    );
    writeFileSync(path, whole);
    await succeed("retrain", "--resume", "same", "--steps", "200", "--json");
  });
});

it(
  "no method but those with a network of rewards is asked for one, and each of them can be retrained",
  async () => {
    for (const method of ["ml-irl-nested", "dac", "airl", "f-irl"]) {
      const quick = method === "f-irl" ? ["--trajectories-per-reward-step", "2"] : [];
      await train(method, method, ...TINY_POLICY, ...quick);
      await succeed("retrain", method, "--out", `${method}-again`, "--steps", "150", "--json");
      expect(configOf(`${method}-again`).frozen.method).toBe(method);
    }
  },
  HOOK_TIMEOUT,
);

it("the training loop opens the folder's reward, not the source's", async () => {
  const config = { ...configOf("again"), steps: 500 };
  const hooks = { clock: () => 0, onProgress: () => {}, stopRequested: () => true };
  writeFileSync(at("run/config.json"), "{}");
  expect(await runTraining(at("again"), config, null, hooks)).not.toBeUndefined();
});
