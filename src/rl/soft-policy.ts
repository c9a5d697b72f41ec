/** The lower level under one name: soft actor-critic where actions are continuous, soft Q-learning where there are finitely many. */
import type { ActionSpace, Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import type { AdamState } from "../nn/index.ts";
import {
  createDeepSoftQ,
  deepSoftQAct,
  deepSoftQTemperature,
  deepSoftQTensors,
  deepSoftQUpdate,
  type DeepSoftQ,
} from "./deep-soft-q.ts";
import type { BatchReward, Replay } from "./replay.ts";
import {
  createSac,
  sacAct,
  sacTemperature,
  sacTensors,
  sacUpdate,
  type Sac,
  type SacMetrics,
  type SacOptions,
} from "./sac.ts";

/** A policy of maximum entropy and what improves it. */
export type SoftPolicy = Sac | DeepSoftQ;

/** The learner that the action space calls for, at initialisation. */
export function createSoftPolicy(
  kernels: Kernels,
  observationSize: number,
  actionSpace: ActionSpace,
  options: SacOptions,
  key: Key,
): SoftPolicy {
  return actionSpace.kind === "box"
    ? createSac(kernels, observationSize, actionSpace.size, options, key)
    : createDeepSoftQ(kernels, observationSize, actionSpace.count, options, key);
}

/** One update: see `sacUpdate` and `deepSoftQUpdate`. */
export function improvePolicy(
  kernels: Kernels,
  policy: SoftPolicy,
  replay: Replay,
  reward: BatchReward,
  metrics: SacMetrics,
  valueAfterEnd: number,
): void {
  if (policy.kind === "sac") sacUpdate(kernels, policy, replay, reward, metrics, valueAfterEnd);
  else deepSoftQUpdate(kernels, policy, replay, reward, metrics, valueAfterEnd);
}

/** An action in policy units for one observation, into `action`, [policySize]; drawn from the policy, or its mode. */
export function actBy(
  kernels: Kernels,
  policy: SoftPolicy,
  observation: ArrayLike<number>,
  how: "sample" | "mode",
  action: Float32Array,
): void {
  if (policy.kind === "sac") sacAct(kernels, policy, observation, how, action);
  else deepSoftQAct(kernels, policy, observation, how, action);
}

/** Entropy temperature in force. */
export function policyTemperature(kernels: Kernels, policy: SoftPolicy): number {
  return policy.kind === "sac" ? sacTemperature(kernels, policy) : deepSoftQTemperature(kernels, policy);
}

/** Every float32 block that a checkpoint must hold, by name: [pointer, length]. */
export function policyTensors(policy: SoftPolicy): Record<string, [number, number]> {
  return policy.kind === "sac" ? sacTensors(policy) : deepSoftQTensors(policy);
}

/** Every optimiser whose counters a checkpoint must hold, in an order of its own. */
export function policyOptimisers(policy: SoftPolicy): AdamState[] {
  return policy.kind === "sac"
    ? [policy.actorAdam, policy.criticAdam, policy.temperatureAdam]
    : [policy.qAdam, policy.temperatureAdam];
}
