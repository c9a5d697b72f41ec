/** Run folders that look like real ones, made up from a seed. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyFromSeed, nextNormal, nextUniform, streamOf } from "../../src/core/index.ts";
import type { RunFiles } from "../../src/report/index.ts";

/** What kind of run to make up. */
export interface SyntheticRun {
  readonly seed: number;
  readonly steps?: number;
  /** Stop here, without a summary. */
  readonly until?: number;
  readonly taughtBy?: "learned reward" | "zero reward" | "constant reward";
  readonly command?: "train" | "expert";
  readonly controls?: { name: string; finalReturn: number }[];
  /** Return that training approaches. */
  readonly plateau?: number;
}

const EXPERT = 9351.2;
const RANDOM = -306.4;

/** The files of a HalfCheetah-like run. */
export function syntheticRun(options: SyntheticRun): RunFiles {
  const { seed, steps = 500_000, taughtBy = "learned reward", command = "train" } = options;
  const until = options.until ?? steps;
  const plateau = options.plateau ?? (taughtBy === "learned reward" ? 8950 : 40);
  const stream = streamOf(keyFromSeed(seed));
  const normal = (): number => nextNormal(stream);
  const slowness = 0.1 + 0.03 * nextUniform(stream);
  const level = (step: number): number => {
    const t = step / 500_000;
    const rise = t < 0.012 ? 0 : 1 - Math.exp(-(t - 0.012) / slowness);
    return RANDOM + (plateau - RANDOM) * rise + 120 * Math.sin(9 * t + seed);
  };

  const records: object[] = [];
  const counts = { train: 0, rewardRollout: 0, evaluation: 0, expert: 1000 };
  let previousPearson = 0.1;
  for (let step = 1000; step <= until; step += 1000) {
    const k = step / 1000;
    const t = step / 500_000;
    counts.train = step;
    if (step > 5000) {
      records.push({
        kind: "policy",
        step,
        updates: step - 5000,
        criticLoss: (0.05 + 3 * Math.exp(-t / 0.08)) * Math.exp(0.35 * normal()),
        meanQ: 220 * (1 - Math.exp(-t / 0.12)) + 3 * normal(),
        entropy: -6 + 9 * Math.exp(-t / 0.06) + 0.12 * normal(),
        temperature: 0.02 + 0.9 * Math.exp(-t / 0.03) * Math.exp(0.05 * normal()),
        meanReward: 1.5 + 0.2 * normal(),
      });
    }
    records.push({
      kind: "episode",
      step,
      trueReturn: level(step) * (0.93 + 0.03 * normal()) - 150 + 120 * normal(),
      length: 1000,
    });
    if (command === "train") {
      const gap = 0.06 + 1.6 * Math.exp(-t / 0.15);
      const agent = 1.1 + 0.9 * (1 - Math.exp(-t / 0.1)) + 0.12 * normal();
      records.push({
        kind: "reward",
        step,
        rewardStep: k,
        returnGap: 100 * (gap + 0.25 * gap * normal()),
        expertMeanReward: agent + gap,
        agentMeanReward: agent,
        gradientNorm: (0.08 + 0.8 * Math.exp(-t / 0.1)) * Math.exp(0.3 * normal()),
        gradientCosine:
          k === 1 ? null : Math.max(-1, Math.min(1, 0.75 * Math.exp(-t / 0.2) + 0.22 * normal())),
        travel: Math.min(40, 40 * (1 - Math.exp(-t / 0.05)) + 0.5),
        projected: t > 0.16 && nextUniform(stream) < 0.8 ? 1 : 0,
        seconds: 9.6 + 0.4 * normal(),
        policySeconds: 8.1 + 0.35 * normal(),
        simulationSeconds: 1.3 + 0.05 * normal(),
      });
    }
    if (step % 10_000 === 0) {
      const returns = Array.from(
        { length: 5 },
        () => level(step) + (60 + 300 * Math.exp(-t / 0.1)) * normal(),
      );
      counts.evaluation += 5000;
      previousPearson += 0.08 * (0.72 - previousPearson) + 0.02 * normal();
      records.push({
        kind: "evaluation",
        step,
        returns,
        meanReturn: average(returns),
        stdReturn: sampleDeviation(returns),
        pearson: command === "train" ? previousPearson : null,
        spearman: command === "train" ? previousPearson - 0.06 + 0.01 * normal() : null,
        steps: { ...counts },
      });
    }
  }

  const finalReturns = Array.from({ length: 10 }, () => level(steps) + 95 * normal());
  const truth = Array.from({ length: 2000 }, () => 8.9 + 2.2 * normal() - 4 * nextUniform(stream) ** 6);
  counts.evaluation += 20_000;
  const summary = {
    env: "HalfCheetah-v5",
    seed,
    expertReturn: command === "train" ? EXPERT : null,
    finalReturn: average(finalReturns),
    finalReturns,
    randomReturn: RANDOM,
    steps: counts,
    seconds: 4920 + 60 * normal(),
    kernels: "relaxed-simd",
    pearson: command === "train" ? 0.71 : null,
    spearman: command === "train" ? 0.66 : null,
    controls: options.controls,
    rewardScatter:
      command === "train"
        ? { learned: truth.map((r) => 0.9 + 0.14 * r + 0.32 * normal()), true: truth }
        : undefined,
  };
  return {
    config: `${JSON.stringify(configOf(options, steps), null, 2)}\n`,
    metrics: records.map((record) => `${JSON.stringify(record)}\n`).join(""),
    summary: until < steps ? null : `${JSON.stringify(summary, null, 2)}\n`,
  };
}

/** Write the files of a run into `folder`, which is made if need be. */
export function writeRun(folder: string, files: RunFiles): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), files.config);
  writeFileSync(join(folder, "metrics.jsonl"), files.metrics);
  if (files.summary !== null) writeFileSync(join(folder, "summary.json"), files.summary);
}

function configOf(
  { seed, taughtBy = "learned reward", command = "train" }: SyntheticRun,
  steps: number,
): object {
  const sac = {
    hidden: [256, 256],
    batchSize: 128,
    discount: 0.99,
    learningRate: 3e-4,
    polyak: 0.005,
    temperature: "learnt",
    targetEntropy: "auto",
  };
  const gathering = { sac, startSteps: 5000, replayCapacity: 1_000_000 };
  const upper = {
    reward: {
      inputs: "state-action",
      network: { kind: "two-layer", width: 1024 },
      optimiser: "ascent",
      stepSize: 10,
      stepSizeDecay: 0,
      regulariser: { kind: "projection", radius: 40 },
    },
    policyStepsPerRewardStep: 1000,
    trajectoriesPerRewardStep: 1,
    agentTrajectories: "training",
    discountedGradient: true,
    termination: "native",
    taughtBy,
  };
  const demos = {
    path: "demos/halfcheetah-expert.npz",
    sha256: "3f9c1e0a7d5b48c2a6e1f0934bd27c8815fa60d3e94c7b21d08f5a6ec3b9d714",
    episodes: 1,
    transitions: 1000,
    shuffled: false,
  };
  return {
    format: "tandem-run/1",
    command,
    version: "0.1.0",
    env: { id: "HalfCheetah-v5", options: {} },
    seed,
    steps,
    demos: command === "train" ? demos : null,
    algorithm: command === "train" ? { ...gathering, ...upper } : gathering,
    evaluation: { every: 10_000, episodes: 5, finalEpisodes: 10 },
    kernels: "relaxed-simd",
    node: "24.21.0",
  };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sampleDeviation(values: readonly number[]): number {
  const centre = average(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
