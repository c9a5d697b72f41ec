/**
 * Soft Q imitation learning (arXiv:1905.11108): soft actor-critic on a reward of 1 for the expert's steps and 0 for the agent's own, half
 * of every batch each. No reward is learnt.
 */
import { foldIn, transitionCount, type Key, type Listener, type Trajectories } from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  agentStep,
  createAgent,
  episodeRecord,
  takePolicyRecord,
  type BatchReward,
  type SacOptions,
  type Slowdown,
} from "../rl/index.ts";
import { requireKnownActions } from "./known-actions.ts";
import { STEPS_PER_RECORD, type Learner } from "./learner.ts";
import { requireWholeEpisodes, type Termination } from "./termination.ts";

/** Every choice of the algorithm. */
export interface SqilOptions {
  readonly sac: SacOptions;
  /** Steps of uniformly random actions before the first update. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the policy's learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  /** What follows the step that ends an episode: see `Termination`. */
  readonly termination: Termination;
}

/** The policy and what teaches it. Updated in place. */
export interface Sqil extends Learner {
  readonly options: SqilOptions;
  readonly teacher: BatchReward;
}

/** A policy at initialisation, the demonstrations beside its replay. */
export function createSqil(
  kernels: Kernels,
  environment: Environment,
  demonstrations: Trajectories,
  options: SqilOptions,
  key: Key,
): Sqil {
  requireWholeEpisodes("createSqil", options.termination, demonstrations, "demonstrations");
  requireKnownActions("createSqil", environment, demonstrations);
  const agentOptions = { ...options, demonstrations, keepTrueRewards: false };
  return {
    options,
    agent: createAgent(kernels, environment, agentOptions, foldIn(key, 0)),
    reward: null,
    teacher: sourceReward(kernels, options),
    recentEpisodes: [],
    streams: {},
    counters: { rewardSteps: 0 },
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
  };
}

/** Up to `STEPS_PER_RECORD` environment steps (fewer at `stepLimit`), each with its update, then the policy's record. */
export function sqilIteration(
  kernels: Kernels,
  state: Sqil,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, options, teacher, steps } = state;
  const end = Math.min(agent.steps + STEPS_PER_RECORD, stepLimit);
  while (agent.steps < end) {
    const episode = agentStep(kernels, agent, teacher, clock);
    steps.train++;
    if (!episode) continue;
    requireWholeEpisodes("sqilIteration", options.termination, episode, "environment");
    listener(episodeRecord(agent.steps, episode));
  }
  const policy = takePolicyRecord(kernels, agent);
  if (policy) listener(policy);
}

/**
 * 1 for the batch's last size / 2 rows, the expert's, 0 for the others. An absorbing state goes on paying what its side is paid:
 * gamma / (1 - gamma) more for the step by which the expert enters it, nothing for the agent's.
 */
function sourceReward(kernels: Kernels, { termination, sac: { discount } }: SqilOptions): BatchReward {
  const after = termination === "absorbing" ? discount / (1 - discount) : 0;
  return ({ size, rows, stride }, out) => {
    const table = kernels.f32(rows, size * stride);
    const rewards = kernels.f32(out, size);
    const own = size - (size >> 1);
    for (let i = 0; i < size; i++) rewards[i] = i < own ? 0 : 1 + after * table[(i + 1) * stride - 1];
  };
}
