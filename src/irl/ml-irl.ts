/**
 * Maximum-likelihood inverse reinforcement learning in a two-timescale single loop (arXiv:2503.17865, Alg. 3): the fast
 * timescale improves the policy under the current reward, the slow one ascends the likelihood of the demonstrations by
 * one expert and one agent trajectory. The fast timescale is soft actor-critic, which a trust region may keep near the policy of the
 * last reward step, or, of finitely many actions, deep soft Q-learning.
 */
import { TandemError, type Key, type Listener, type Trajectories } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  agentStep,
  createAnchor,
  episodeRecord,
  moveAnchor,
  takePolicyRecord,
  type Agent,
  type BatchReward,
} from "../rl/index.ts";
import {
  createTwoLevels,
  rewardStep,
  sampleAgent,
  valueAfterEnd,
  type LikelihoodEnvironments,
  type LikelihoodOptions,
  type TwoLevels,
} from "./likelihood.ts";
import { observeTrajectories } from "./reward-model.ts";
import { requireWholeEpisodes } from "./termination.ts";

/** Every choice of the algorithm. */
export interface MlIrlOptions extends LikelihoodOptions {
  /** T_k: environment steps (one policy update each) between reward steps. */
  readonly policyStepsPerRewardStep: number;
  /** What the policy is taught by: the learned reward, or a negative control that ignores the demonstrations. */
  readonly taughtBy: "learned reward" | "zero reward" | "constant reward" | "constant penalty";
  /**
   * mu, reward a nat: the policy maximises E[ r + temperature H(pi) - mu KL(pi || pi_k) ], pi_k the policy as it was at the last reward
   * step (at first: at initialisation). 0 or undefined for none; continuous actions only.
   */
  readonly trustRegion?: number;
}

/** The two levels and what joins them. Updated in place. */
export interface MlIrl extends TwoLevels {
  readonly options: MlIrlOptions;
  /** The lower level's reward: `reward` at its current parameters, or a control. */
  readonly teacher: BatchReward;
}

/** Both levels at initialisation; `environments.rollout` is needed for fresh agent trajectories only. */
export function createMlIrl(
  kernels: Kernels,
  environments: LikelihoodEnvironments,
  demonstrations: Trajectories,
  options: MlIrlOptions,
  key: Key,
): MlIrl {
  const levels = createTwoLevels("createMlIrl", kernels, environments, demonstrations, options, key);
  return {
    ...levels,
    options,
    teacher: teacherOf(kernels, levels, options),
    tensors: holdPolicy(kernels, levels.agent, options.trustRegion ?? 0),
  };
}

/**
 * Iteration k: T_k policy steps (fewer if `stepLimit` training steps are reached), then one reward step, see `rewardStep`. `clock` gives
 * milliseconds.
 */
export function mlIrlIteration(
  kernels: Kernels,
  state: MlIrl,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, reward, options } = state;
  const begun = clock();

  // Fast timescale: the policy under theta_k.
  const afterEnd = absorbingValue(kernels, state);
  const policySteps = Math.min(options.policyStepsPerRewardStep, stepLimit - agent.steps);
  for (let t = 0; t < policySteps; t++) {
    const episode = agentStep(kernels, agent, state.teacher, clock, afterEnd);
    state.steps.train++;
    if (episode) rememberEpisode(kernels, state, episode, listener);
  }
  const measured = takePolicyRecord(kernels, agent);
  if (measured) listener(measured);

  // Slow timescale: the reward; none until a first training episode has ended.
  const agentTrajectories = sampleAgent("mlIrlIteration", kernels, state);
  if (agentTrajectories.length === 0) {
    state.elapsed += clock() - begun;
    return;
  }
  if (options.agentTrajectories === "fresh")
    for (const part of agentTrajectories) observeTrajectories(kernels, reward, "agent", part);
  rewardStep(kernels, state, agentTrajectories, null, listener, clock, begun);
  const { policy } = agent;
  if (policy.kind === "sac" && policy.anchor) moveAnchor(kernels, policy.anchor, policy.actor);
}

function rememberEpisode(kernels: Kernels, state: MlIrl, episode: Trajectories, listener: Listener): void {
  const { recentEpisodes, options, agent, reward } = state;
  recentEpisodes.push(episode);
  if (recentEpisodes.length > options.trajectoriesPerRewardStep) recentEpisodes.shift();
  requireWholeEpisodes("mlIrlIteration", options.termination, episode, "environment");
  if (options.agentTrajectories === "training") observeTrajectories(kernels, reward, "agent", episode);
  listener(episodeRecord(agent.steps, episode));
}

/** Anchors the policy where it stands; returns what a checkpoint must hold of that. */
function holdPolicy(kernels: Kernels, { policy }: Agent, mu: number): Record<string, [number, number]> {
  if (!(mu >= 0 && mu < Infinity))
    throw new TandemError("createMlIrl", `expected a trust region's coefficient of 0 or more, got ${mu}`);
  if (mu === 0) return {};
  if (policy.kind !== "sac") {
    throw new TandemError(
      "createMlIrl",
      "a trust region holds policies of continuous actions only; leave it out where actions are finitely many",
    );
  }
  const { actorShape: shape, actor, options } = policy;
  policy.anchor = createAnchor(kernels, shape, actor, options.batchSize, mu);
  return { anchorActor: [policy.anchor.actor, shape.blockLength] };
}

function teacherOf(kernels: Kernels, { teacher }: TwoLevels, { taughtBy }: MlIrlOptions): BatchReward {
  if (taughtBy === "learned reward") return teacher;
  return ({ size }, out) => kernels.fill(size, out, CONTROL_REWARD[taughtBy]);
}

const CONTROL_REWARD = { "zero reward": 0, "constant reward": 1, "constant penalty": -1 } as const;

/** r / (1 - gamma) of the absorbing state, the controls' reward being as constant there; 0 where an end is an end. */
function absorbingValue(kernels: Kernels, state: MlIrl): number {
  const { termination, taughtBy, sac } = state.options;
  if (taughtBy === "learned reward") return valueAfterEnd(kernels, state);
  return termination === "absorbing" ? CONTROL_REWARD[taughtBy] / (1 - sac.discount) : 0;
}
