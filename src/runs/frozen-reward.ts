/** The reward that a run has learnt, taken out of it as a file that is never written again. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { TandemError } from "../core/index.ts";
import type { Environment } from "../envs/index.ts";
import { createRewardModel, rewardTensors, type RewardModel } from "../irl/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { policyActions } from "../rl/index.ts";
import { checkpointStep, readTensors } from "./checkpoint.ts";
import type { RetrainConfig, TrainConfig } from "./config.ts";
import { writeAtomically } from "./run-folder.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { fillTensors, learnsNoReward, rewardOptionsOf } from "./saved-run.ts";

/** Where a run folder keeps it. */
const FILE = "reward.safetensors";

/** What makes the function; its optimiser's state stays behind. Networks without fixed signs have no `rewardSigns`. */
const DEFINING = [
  "rewardSigns",
  "rewardParameters",
  "rewardInitial",
  "rewardInputMean",
  "rewardInputInverseStd",
];

/** A reward as bytes, and what a configuration says of it. */
export interface FrozenReward {
  readonly bytes: Uint8Array;
  readonly about: Omit<RetrainConfig["frozen"], "originalReturn" | "expertReturn">;
}

/** The reward of a run's last checkpoint, its normaliser with it. */
export function takeFrozenReward(folder: string, { algorithm, env }: TrainConfig): FrozenReward {
  const options = rewardOptionsOf(algorithm);
  if (!options) throw learnsNoReward(folder, algorithm.method, "retrain");
  const tensors = readTensors(folder);
  const kept = DEFINING.filter((name) => name in tensors).map((name) => [name, tensors[name]] as const);
  const bytes = encodeSafetensors(Object.fromEntries(kept), {});
  return {
    bytes,
    about: {
      run: folder,
      step: checkpointStep(folder),
      method: algorithm.method,
      env,
      reward: { ...options, absorbing: options.absorbing ?? false } as RetrainConfig["frozen"]["reward"],
      sha256: sha256Of(bytes),
    },
  };
}

/** Put it into the folder of a run that is to learn under it. */
export function writeFrozenReward(folder: string, { bytes }: FrozenReward): void {
  writeAtomically(join(folder, FILE), bytes);
}

/** The frozen reward of the run in `folder`, for `environment`. Its statistics are empty: nothing standardises it anew. */
export function openFrozenReward(
  kernels: Kernels,
  folder: string,
  { frozen }: RetrainConfig,
  environment: Environment,
): RewardModel {
  const path = join(folder, FILE);
  if (!existsSync(path))
    throw new TandemError("openFrozenReward", `${folder} has no ${FILE}; restore it, or retrain anew`);
  const bytes = readFileSync(path);
  if (sha256Of(bytes) !== frozen.sha256) {
    throw new TandemError(
      "openFrozenReward",
      `${path} is not what it was when the run began (its checksum differs); restore it, or retrain anew`,
    );
  }
  const { arrays } = decodeSafetensors(bytes, path);
  const { size } = environment.observationSpace;
  const reward = createRewardModel(kernels, size, policyActions(environment), frozen.reward, [0, 0]);
  const blocks = Object.entries(rewardTensors(reward)).filter(([name]) => DEFINING.includes(name));
  fillTensors(kernels, path, Object.fromEntries(blocks), arrays);
  return reward;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
