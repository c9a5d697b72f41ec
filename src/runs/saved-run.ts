import {
  actBy,
  createSoftPolicy,
  policyActions,
  policyTensors,
  type Act,
  type SoftPolicy,
} from "../rl/index.ts";
import { foldIn, TandemError, type Key } from "../core/index.ts";
import type { Environment } from "../envs/index.ts";
import {
  classifierOptions,
  createRewardModel,
  rewardTensors,
  type RewardModel,
  type RewardOptions,
} from "../irl/index.ts";
import { loadKernels, type Kernels } from "../kernels/index.ts";
import { readTensors } from "./checkpoint.ts";
import type { RunConfig, TrainConfig } from "./config.ts";

/** How a policy chooses: its most likely action, or a draw. */
export type PolicyKind = "mode" | "sample";

/** The policy of a run, and its reward where it has learned one. */
export interface SavedRun {
  readonly kernels: Kernels;
  readonly policy: SoftPolicy;
  readonly reward: RewardModel | null;
}

/** Load what a run has learned from its last checkpoint. `key` is for draws of the policy. */
export async function loadSavedRun(
  folder: string,
  config: RunConfig,
  environment: Environment,
  key: Key,
): Promise<SavedRun> {
  const tensors = readTensors(folder);
  const kernels = await loadKernels({ build: config.kernels });
  const actionSpace = policyActions(environment);
  const size = environment.observationSpace.size;
  const policy = createSoftPolicy(kernels, size, actionSpace, config.algorithm.sac, foldIn(key, 0));
  const { actor, softQ, logTemperature } = policyTensors(policy);
  fillTensors(kernels, folder, actor ? { actor } : { softQ, logTemperature }, tensors);
  if (config.command === "expert") return { kernels, policy, reward: null };
  const rewardOptions =
    config.command === "retrain" ? config.frozen.reward : rewardOptionsOf(config.algorithm);
  if (!rewardOptions) return { kernels, policy, reward: null };
  const reward = createRewardModel(kernels, size, actionSpace, rewardOptions, foldIn(key, 1));
  fillTensors(kernels, folder, rewardTensors(reward), tensors);
  return { kernels, policy, reward };
}

/** How the reward was made that a method learns; null where it learns none. */
export function rewardOptionsOf(algorithm: TrainConfig["algorithm"]): RewardOptions | null {
  const absorbing = algorithm.termination === "absorbing";
  if ("reward" in algorithm) return { ...algorithm.reward, absorbing };
  return "discriminator" in algorithm ? classifierOptions(algorithm.discriminator, absorbing) : null;
}

type Method = TrainConfig["algorithm"]["method"];

/** Rewards that are no network of their own: they can be measured, but nothing else can learn from them. */
const REWARD_PLACES: Partial<Record<Method, string>> = {
  "iq-learn": "has its reward in its critics and policy, not in a network of its own",
  "mce-irl": "has its reward in a table, not in a network",
};

/** What to say of a run whose method keeps no reward that `command` could use. */
export function learnsNoReward(folder: string, method: Method, command: "reward" | "retrain"): TandemError {
  const known = ["ml-irl", "ml-irl-nested", "dac", "airl", "f-irl"];
  if (command === "reward") known.push(...Object.keys(REWARD_PLACES));
  return new TandemError(
    command,
    `${folder} is a run of ${method}, which ${REWARD_PLACES[method] ?? "learns no reward"}; name a run of one of ${known.join(", ")}`,
  );
}

/** A run's policy, to roll out. */
export function savedPolicy({ kernels, policy }: SavedRun, kind: PolicyKind): Act {
  return (observation, action) => actBy(kernels, policy, observation, kind, action);
}

/** Copy tensors into blocks of kernel memory, each checked for its size; `folder` names them in errors. */
export function fillTensors(
  kernels: Kernels,
  folder: string,
  blocks: Record<string, [number, number]>,
  tensors: Record<string, Float32Array>,
): void {
  for (const [name, [pointer, length]] of Object.entries(blocks)) {
    const tensor = tensors[name];
    requireLength("loadSavedRun", folder, name, tensor, length);
    kernels.f32(pointer, length).set(tensor);
  }
}

/** An error of `where`, unless a tensor of a checkpoint is there and has `length` floats. */
export function requireLength(
  where: string,
  folder: string,
  name: string,
  tensor: Float32Array | undefined,
  length: number,
): void {
  if (tensor?.length === length) return;
  throw new TandemError(
    where,
    `the checkpoint of ${folder} should have ${length} floats of ${name}, got ${tensor?.length ?? "none"}; its config.json may have been changed`,
  );
}
