/**
 * A fresh policy under a reward that learns no more: r(s, a; theta) at the theta and the normaliser it was left with, computed whenever
 * a batch is drawn. The true reward is not kept, so nothing here can read it.
 */
import { foldIn, type Key, type Listener, type Trajectories } from "../core/index.ts";
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
import { STEPS_PER_RECORD, type Learner } from "./learner.ts";
import { absorbingReward, learnedReward, type RewardModel } from "./reward-model.ts";
import { requireWholeEpisodes, type Termination } from "./termination.ts";

/** Every choice of a retraining. */
export interface RetrainingOptions {
  readonly sac: SacOptions;
  /** Steps of uniformly random actions before the first update. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the policy's learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  /** What follows the step that ends an episode, as it was where the reward was learnt: see `Termination`. */
  readonly termination: Termination;
}

/** The policy and what it is taught by. The policy is updated in place, the reward never. */
export interface Retraining extends Learner {
  readonly options: RetrainingOptions;
  readonly reward: RewardModel;
  readonly teacher: BatchReward;
  /** r(absorbing state) / (1 - gamma), the fixed point of its self-transition; 0 where an end is an end. */
  readonly valueAfterEnd: number;
}

/** A policy at initialisation under `reward`, which is handed over as it is to stay. */
export function createRetraining(
  kernels: Kernels,
  environment: Environment,
  reward: RewardModel,
  options: RetrainingOptions,
  key: Key,
): Retraining {
  const agent = createAgent(kernels, environment, { ...options, keepTrueRewards: false }, foldIn(key, 0));
  const absorbing = options.termination === "absorbing" ? absorbingReward(kernels, reward) : null;
  return {
    options,
    agent,
    reward,
    teacher: learnedReward(kernels, reward),
    valueAfterEnd: (absorbing ?? 0) / (1 - options.sac.discount),
    streams: {},
    counters: { rewardSteps: 0 },
    recentEpisodes: [],
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: 0 },
  };
}

/** Up to `STEPS_PER_RECORD` environment steps (fewer at `stepLimit`), each with its update, then the record of the policy. */
export function retrainingIteration(
  kernels: Kernels,
  state: Retraining,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, teacher, valueAfterEnd, steps } = state;
  const end = Math.min(agent.steps + STEPS_PER_RECORD, stepLimit);
  while (agent.steps < end) {
    const episode = agentStep(kernels, agent, teacher, clock, valueAfterEnd);
    steps.train++;
    if (episode) hearEpisode(state, episode, listener);
  }
  const policy = takePolicyRecord(kernels, agent);
  if (policy) listener(policy);
}

function hearEpisode({ agent, options }: Retraining, episode: Trajectories, listener: Listener): void {
  requireWholeEpisodes("retrainingIteration", options.termination, episode, "environment");
  listener(episodeRecord(agent.steps, episode));
}
