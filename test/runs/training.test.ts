import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { foldIn, keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { randomPolicy } from "../../src/eval/index.ts";
import { createMlIrl, mlIrlIteration, rewardsAlong } from "../../src/irl/index.ts";
import { loadKernels } from "../../src/kernels/index.ts";
import { rollout } from "../../src/rl/index.ts";
import {
  loadSavedRun,
  runTraining,
  saveCheckpoint,
  TRAIN_DEFAULTS,
  type TrainConfig,
  type TrainingHooks,
} from "../../src/runs/index.ts";

const key = keyFromSeed(7);
const environment = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 50 });
const demonstrations: Trajectories = rollout(environment, randomPolicy(foldIn(key, 0)), 1, foldIn(key, 1));

const config: TrainConfig = {
  format: "tandem-run/1",
  command: "train",
  version: "0",
  env: { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 50 } },
  seed: 7,
  steps: 200,
  demos: { path: "-", sha256: "-", episodes: 1, firstEpisode: 0, transitions: 50, shuffled: false },
  algorithm: {
    ...TRAIN_DEFAULTS,
    sac: { ...TRAIN_DEFAULTS.sac, hidden: [16, 16], batchSize: 16 },
    startSteps: 50,
    policyStepsPerRewardStep: 50,
  },
  evaluation: { every: 100, episodes: 1, finalEpisodes: 1 },
  kernels: "simd",
  node: "-",
};

const hooks = (stop = false): TrainingHooks => ({
  clock: () => 0,
  onProgress: () => {},
  stopRequested: () => stop,
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tandem-runs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a saved run", () => {
  it.each<TrainConfig["algorithm"]["reward"]["network"]>([
    { kind: "two-layer", width: 64 },
    { kind: "mlp", hidden: [8, 8] },
  ])("gives back the very reward that was learned, whatever key it is loaded with: %o", async (network) => {
    const kernels = await loadKernels({ build: "simd" });
    const algorithm = { ...config.algorithm, reward: { ...config.algorithm.reward, network } };
    const learner = createMlIrl(
      kernels,
      { train: environment, rollout: null },
      demonstrations,
      { ...algorithm, replayCapacity: 200 },
      key,
    );
    for (let k = 0; k < 3; k++)
      mlIrlIteration(
        kernels,
        learner,
        200,
        () => {},
        () => 0,
      );
    saveCheckpoint(kernels, folder, learner.agent, learner, learner.steps, 0);
    const saved = await loadSavedRun(folder, { ...config, algorithm }, environment, keyFromSeed(99));
    const learned = saved.reward && rewardsAlong(saved.kernels, saved.reward, demonstrations);
    expect(learned).toEqual(rewardsAlong(kernels, learner.reward, demonstrations));
  });
});

describe("a training", () => {
  it("stops at a measurement that is not finite, names it, and keeps the last checkpoint", async () => {
    await runTraining(folder, config, demonstrations, hooks(true));
    const reward = { ...config.algorithm.reward, stepSize: 1e39, regulariser: { kind: "none" } as const };
    const broken = {
      ...config,
      algorithm: { ...config.algorithm, reward, taughtBy: "constant reward" as const },
    };
    await expect(runTraining(folder, broken, demonstrations, hooks())).rejects.toThrow(
      /^training: \w+ of the reward level became (Infinity|NaN) by step 100; the last checkpoint is kept/,
    );
    const whole = await runTraining(folder, config, demonstrations, hooks());
    expect(whole?.steps.train).toBe(200);
  });

  it("has no summary any more once it is made longer", async () => {
    await runTraining(folder, config, demonstrations, hooks());
    expect(existsSync(join(folder, "summary.json"))).toBe(true);
    await runTraining(folder, { ...config, steps: 400 }, demonstrations, hooks(true));
    expect(existsSync(join(folder, "summary.json"))).toBe(false);
  });
});
