/** Sound files of runs to damage. */
import { keyFromSeed } from "../../src/core/index.ts";
import { createMlIrl, mlIrlIteration, type MlIrl, type MlIrlOptions } from "../../src/irl/ml-irl.ts";
import { loadKernels, type Kernels } from "../../src/kernels/index.ts";
import { saveCheckpoint } from "../../src/runs/checkpoint.ts";
import {
  DAC_DEFAULTS,
  TRAIN_DEFAULTS,
  type ExpertConfig,
  type RetrainConfig,
  type TrainConfig,
} from "../../src/runs/config.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { evaluation, rewardRecord, tinyConfig } from "../report/tiny-run.ts";
import { encoded, jsonBytes, seed, written, type Seed } from "./seeds.ts";

const TRAIN: TrainConfig = {
  format: "tandem-run/1",
  command: "train",
  version: "0",
  env: { id: "CartPole-v1", options: { maxEpisodeSteps: 50 } },
  seed: 7,
  steps: 200,
  demos: {
    path: "demos.npz",
    sha256: "00",
    episodes: 1,
    firstEpisode: 0,
    transitions: 50,
    shuffled: false,
    constant: false,
    heldOut: [3],
  },
  instruments: false,
  algorithm: TRAIN_DEFAULTS,
  evaluation: { every: 100, episodes: 1, finalEpisodes: 1 },
  kernels: "simd",
  node: "24.0.0",
};

/** What run folders say of how they were made. */
export async function configSeeds(): Promise<Seed[]> {
  const { demos: _, instruments: __, ...common } = TRAIN;
  const { sac, startSteps, replayCapacity } = TRAIN_DEFAULTS;
  const gathering = { sac, startSteps, replayCapacity };
  const expert: ExpertConfig = { ...common, command: "expert", demos: null, algorithm: gathering };
  const retrain: RetrainConfig = {
    ...common,
    command: "retrain",
    demos: null,
    algorithm: { ...gathering, termination: "absorbing" },
    frozen: {
      run: "runs/a",
      step: 200,
      method: "ml-irl",
      env: common.env,
      reward: { ...TRAIN_DEFAULTS.reward, absorbing: true },
      sha256: "00",
      originalReturn: null,
      expertReturn: 12,
    },
  };
  const configs = { train: TRAIN, dac: { ...TRAIN, algorithm: DAC_DEFAULTS }, expert, retrain };
  return Object.entries(configs).map(([name, config]) => seed(name, { "config.json": jsonBytes(config) }));
}

/** A run's records, with what stands beside them. */
export async function metricsSeeds(): Promise<Seed[]> {
  const records = [
    {
      kind: "policy",
      step: 1000,
      updates: 900,
      criticLoss: 1,
      meanQ: 2,
      entropy: -1,
      temperature: 0.1,
      meanReward: 0,
    },
    rewardRecord(1),
    { kind: "episode", step: 1200, trueReturn: 5, length: 200 },
    { kind: "cloning", step: 1300, updates: 10, logLikelihood: -2 },
    { kind: "held-out", step: 1300, logLikelihood: -2, rewardGap: null, stateDistance: 3 },
    {
      kind: "discriminator",
      step: 1400,
      discriminatorSteps: 7,
      loss: 1,
      gradientPenalty: 0,
      expertLogit: 1,
      agentLogit: -1,
      accuracy: 1,
    },
    evaluation(1500, [1, 2, null]),
    {
      kind: "instruments",
      step: 1500,
      rows: 4,
      radius: 40,
      rewardRms: 1,
      rewardLinearisation: 0,
      ballLinearisationRandom: 1,
      ballLinearisationTrained: 1,
      returnGap: 0,
      concavityGapRandom: 0,
      concavityGapTrained: 0,
      belowChord: 0,
    },
    {
      kind: "finding",
      step: 1600,
      signature: "reward saturation",
      since: 1,
      until: null,
      evidence: "so",
      remedy: "this",
    },
    rewardRecord(2),
  ];
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join("");
  const summary = {
    env: "Pendulum-v1",
    seed: 1,
    expertReturn: 200,
    finalReturn: 100,
    finalReturns: [90, null, 110],
    randomReturn: -5,
    steps: { train: 500, rewardRollout: 0, evaluation: 600, expert: 400 },
    seconds: 50,
    kernels: "simd",
    pearson: 0.5,
    controls: [{ name: "zero", finalReturn: 1 }],
    rewardScatter: { learned: [1, 2], true: [3, 4] },
  };
  const beside = { "config.json": jsonBytes(tinyConfig()), "summary.json": jsonBytes(summary) };
  return [
    seed("every kind", { "metrics.jsonl": encoded(lines), ...beside }),
    seed("half written", { "metrics.jsonl": encoded(lines.slice(0, -20)), ...beside }),
  ];
}

const POINT: MlIrlOptions = {
  sac: { ...TRAIN_DEFAULTS.sac, hidden: [4], batchSize: 4 },
  reward: { ...TRAIN_DEFAULTS.reward, network: { kind: "two-layer", width: 4 } },
  startSteps: 4,
  replayCapacity: 40,
  policyStepsPerRewardStep: 6,
  trajectoriesPerRewardStep: 1,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  taughtBy: "learned reward",
};

/** A learner whose checkpoints are a few KB. */
export function smallLearner(kernels: Kernels): MlIrl {
  const environment = pointEnvironment({ maxEpisodeSteps: 6 });
  const expert = toTrajectories(randomEpisodes(8, [6, 6], { n: 2, d: 1, low: -0.25, high: 0.25 }));
  return createMlIrl(kernels, { train: environment, rollout: null }, expert, POINT, keyFromSeed(5));
}

/** A run folder with its checkpoint, in mid-episode. */
export async function checkpointSeeds(): Promise<Seed[]> {
  const kernels = await loadKernels({ build: "simd" });
  const seeds: Seed[] = [];
  for (const iterations of [2, 5]) {
    const learner = smallLearner(kernels);
    for (let i = 0; i < iterations; i++)
      mlIrlIteration(
        kernels,
        learner,
        6 * iterations - 2,
        () => {},
        () => 0,
      );
    const files = await written((folder) =>
      saveCheckpoint(kernels, folder, learner.agent, learner, learner.steps, 0),
    );
    seeds.push(seed(`${iterations} iterations`, files));
  }
  return seeds;
}
