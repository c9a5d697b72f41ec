import type { RandomStream, StepCounts, Trajectories } from "../core/index.ts";
import type { Agent } from "../rl/index.ts";
import type { RewardModel } from "./reward-model.ts";

/** Environment steps, or updates of a method that takes none, between two records of methods that have no rarer step to report. */
export const STEPS_PER_RECORD = 1000;

/**
 * What every method that learns from demonstrations is to those that train, save, evaluate and compare it. With its agent and
 * its reward this is all of its state: put back, it goes on to the bit.
 */
export interface Learner {
  readonly agent: Agent;
  /** null where none is learnt. */
  readonly reward: RewardModel | null;
  readonly steps: StepCounts;
  /** Episodes kept for the next estimate. */
  readonly recentEpisodes: Trajectories[];
  /** Streams of random numbers, by name. */
  readonly streams: Readonly<Record<string, RandomStream>>;
  /** Numbers that change, by name; `rewardSteps` among them. */
  readonly counters: Record<"rewardSteps" | (string & {}), number>;
  /** Float32 blocks in kernel memory beside the agent's and the reward's, by names of their own; absent where there are none. */
  readonly tensors?: Readonly<Record<string, [pointer: number, length: number]>>;
}
