import { actBy, rollout, type Act, type SoftPolicy } from "../rl/index.ts";
import {
  episodeReturns,
  nextUniform,
  streamOf,
  TandemError,
  transitionCount,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import { pearson, spearman } from "./correlation.ts";

/** Episodes under the true reward. */
export interface Evaluation {
  readonly trajectories: Trajectories;
  /** True return of each episode. */
  readonly returns: number[];
  readonly meanReturn: number;
  /** Standard deviation over episodes (n - 1). */
  readonly stdReturn: number;
}

/**
 * Roll out `act` and add up the true reward. Reporting only: nothing a learner sees comes from here. `onDropped` hears the steps of each
 * episode in which the simulation diverged, as in `rollout`.
 */
export function evaluate(
  environment: Environment,
  act: Act,
  episodes: number,
  key: Key,
  onDropped?: (steps: number) => void,
): Evaluation {
  const trajectories = rollout(environment, act, episodes, key, onDropped);
  const returns = Array.from(episodeReturns(trajectories) ?? []);
  const meanReturn = mean(returns);
  const squares = returns.map((value) => (value - meanReturn) ** 2);
  const { length } = returns;
  const stdReturn = length > 1 ? Math.sqrt(mean(squares) * (length / (length - 1))) : 0;
  return { trajectories, returns, meanReturn, stdReturn };
}

/** The policy's mode: tanh(mean), or the most probable of finitely many actions. */
export function deterministicPolicy(kernels: Kernels, policy: SoftPolicy): Act {
  return (observation, action) => actBy(kernels, policy, observation, "mode", action);
}

/** Uniformly random actions. */
export function randomPolicy(key: Key): Act {
  const stream = streamOf(key);
  return (_, action) => {
    for (let i = 0; i < action.length; i++) action[i] = 2 * nextUniform(stream) - 1;
  };
}

/** How a learned reward relates to the true one, per step of the same trajectories. */
export interface RewardAgreement {
  pearson: number | null;
  spearman: number | null;
}

/** Pearson and Spearman correlation of learned and true rewards, [T] each; null where one is constant. */
export function rewardAgreement(learned: Float32Array, trajectories: Trajectories): RewardAgreement {
  const { rewards } = trajectories;
  if (!rewards || learned.length !== transitionCount(trajectories)) {
    throw new TandemError(
      "rewardAgreement",
      `expected a learned and a true reward for each step, got ${learned.length}`,
    );
  }
  return { pearson: pearson(learned, rewards), spearman: spearman(learned, rewards) };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
