/**
 * The upper level of maximum-likelihood inverse reinforcement learning (arXiv:2503.17865): what its methods share, however their lower
 * level is solved. One reward step ascends the likelihood of the demonstrations by expert and agent trajectories (Lemma 4, Alg. 3).
 */
import {
  episodeCount,
  foldIn,
  knownHorizon,
  nextInteger,
  sliceEpisodes,
  streamOf,
  TandemError,
  transitionCount,
  type Key,
  type Listener,
  type NestedRewardRecord,
  type RandomStream,
  type RewardRecord,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  actBy,
  countDropped,
  createAgent,
  rollout,
  type BatchReward,
  type SacOptions,
  type Slowdown,
} from "../rl/index.ts";
import { requireKnownActions } from "./known-actions.ts";
import type { Learner } from "./learner.ts";
import {
  absorbingReward,
  addReturnGradient,
  ascend,
  createRewardModel,
  effectiveHorizon,
  learnedReward,
  observeTrajectories,
  type RewardModel,
  type RewardOptions,
} from "./reward-model.ts";
import { requireWholeEpisodes, type Termination } from "./termination.ts";

/** Choices of both levels but for how the lower one is solved. */
export interface LikelihoodOptions {
  readonly sac: SacOptions;
  readonly reward: Omit<RewardOptions, "absorbing">;
  /** Steps of uniformly random actions before the first policy update. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the policy's learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  /** Expert and agent trajectories in one gradient estimate; the paper takes one. */
  readonly trajectoriesPerRewardStep: number;
  /**
   * "training": the training episodes that have just ended serve as the agent's trajectories, at no further environment
   * step; "fresh": they are rolled out anew under the current policy and counted as reward rollouts.
   */
  readonly agentTrajectories: "training" | "fresh";
  /** Weigh step t of the gradient by gamma^t, as in Lemma 4, or (false) all steps alike. */
  readonly discountedGradient: boolean;
  /** What follows the step that ends an episode. */
  readonly termination: Termination;
}

/** The two levels and what joins them. Updated in place. */
export interface TwoLevels extends Learner {
  readonly options: LikelihoodOptions;
  readonly reward: RewardModel;
  /** The lower level's reward. */
  readonly teacher: BatchReward;
  readonly demonstrations: Trajectories;
  /** H: the steps that both sums of the gradient run over. */
  readonly horizon: number;
  /** A second environment for fresh rollouts, so that the training episode goes on undisturbed. */
  readonly rolloutEnvironment: Environment | null;
  readonly rolloutKey: Key;
  /** `expert`: which of its trajectories comes next. */
  readonly streams: { readonly expert: RandomStream };
  /** `rewardSteps`: k, reward steps taken. */
  readonly counters: { rewardSteps: number };
  /** Milliseconds since the last reward step. */
  elapsed: number;
}

/** Where the two levels live; `rollout` is needed for fresh agent trajectories only. */
export interface LikelihoodEnvironments {
  readonly train: Environment;
  readonly rollout: Environment | null;
}

/** Both levels at initialisation, the policy taught by the learned reward. `where` names the caller in errors. */
export function createTwoLevels(
  where: string,
  kernels: Kernels,
  environments: LikelihoodEnvironments,
  demonstrations: Trajectories,
  options: LikelihoodOptions,
  key: Key,
): TwoLevels {
  if (options.agentTrajectories === "fresh" && !environments.rollout) {
    throw new TandemError(
      where,
      "fresh agent trajectories need a second environment, got none; pass environments.rollout",
    );
  }
  requireWholeEpisodes(where, options.termination, demonstrations, "demonstrations");
  requireKnownActions(where, environments.train, demonstrations);
  const agentOptions = { ...options, keepTrueRewards: false };
  const agent = createAgent(kernels, environments.train, agentOptions, foldIn(key, 0));
  const { observationSize } = agent.policy;
  const reward = createRewardModel(
    kernels,
    observationSize,
    agent.actionSpace,
    { ...options.reward, absorbing: options.termination === "absorbing" },
    foldIn(key, 1),
  );
  observeTrajectories(kernels, reward, "expert", demonstrations);
  return {
    options,
    agent,
    reward,
    teacher: learnedReward(kernels, reward),
    demonstrations,
    horizon: knownHorizon(demonstrations, environments.train.maxEpisodeSteps),
    rolloutEnvironment: environments.rollout,
    rolloutKey: foldIn(key, 2),
    streams: { expert: streamOf(foldIn(key, 3)) },
    recentEpisodes: [],
    counters: { rewardSteps: 0 },
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
    elapsed: 0,
  };
}

/**
 * tauA: the last training episodes that ended, as many as asked for and there are, or as many fresh ones. `where` names the caller in
 * errors.
 */
export function sampleAgent(where: string, kernels: Kernels, state: TwoLevels): Trajectories[] {
  const { options, agent, rolloutEnvironment } = state;
  const count = options.trajectoriesPerRewardStep;
  if (options.agentTrajectories === "training" || !rolloutEnvironment)
    return state.recentEpisodes.slice(-count);
  const act = (observation: Float64Array, action: Float32Array): void =>
    actBy(kernels, agent.policy, observation, "sample", action);
  const key = foldIn(state.rolloutKey, state.counters.rewardSteps);
  const trajectories = rollout(rolloutEnvironment, act, count, key, (lost) => {
    countDropped(agent);
    state.steps.rewardRollout += lost;
  });
  state.steps.rewardRollout += transitionCount(trajectories);
  requireWholeEpisodes(where, options.termination, trajectories, "environment");
  return [trajectories];
}

/**
 * The reward step theta_{k+1} = Pi_B( theta_k + alpha_k g_k / h ) and its record,
 * g_k = sum_t gamma^t grad r(sE_t, aE_t) - sum_t gamma^t grad r(sA_t, aA_t).
 * Where expert episodes were cut, both sums end at the shortest of them (`knownHorizon`).
 * The effective horizon h = sum of gamma^t over a full-length episode is a constant: it only makes alpha_k comparable
 * between discounts and tasks. `clock` gives milliseconds, `begun` when the iteration began; `solve` is what solving the
 * lower level first took, null where that was not done.
 */
export function rewardStep(
  kernels: Kernels,
  state: TwoLevels,
  agentTrajectories: readonly Trajectories[],
  solve: Omit<NestedRewardRecord, keyof RewardRecord> | null,
  listener: Listener,
  clock: () => number,
  begun: number,
): void {
  const { agent, reward, options } = state;
  const expertTrajectories = sampleExpert(state);
  const discount = gradientDiscount(options);
  const span = { discount, horizon: state.horizon };
  const expert = addReturnGradient(kernels, reward, expertTrajectories, span, 1);
  const own = addReturnGradient(kernels, reward, agentTrajectories, span, -1);
  const horizon = effectiveHorizon(discount, agent.environment.maxEpisodeSteps);
  const absorbing = absorbingReward(kernels, reward);
  const ascent = ascend(kernels, reward, state.counters.rewardSteps, 1 / horizon);
  state.counters.rewardSteps++;

  listener({
    kind: "reward",
    step: agent.steps,
    rewardStep: state.counters.rewardSteps,
    returnGap: expert.discountedReturn - own.discountedReturn,
    expertMeanReward: expert.meanReward,
    agentMeanReward: own.meanReward,
    absorbingReward: absorbing,
    gradientNorm: ascent.gradientNorm / horizon,
    gradientCosine: ascent.gradientCosine,
    travel: ascent.travel,
    projected: ascent.projected ? 1 : 0,
    ...solve,
    seconds: (state.elapsed + clock() - begun) / 1000,
    policySeconds: agent.updateTime / 1000,
    simulationSeconds: agent.simulationTime / 1000,
  });
  state.elapsed = 0;
  agent.updateTime = 0;
  agent.simulationTime = 0;
}

/** What weighs step t of the gradient, to the power of t. */
export function gradientDiscount({ discountedGradient, sac }: LikelihoodOptions): number {
  return discountedGradient ? sac.discount : 1;
}

/** r / (1 - gamma) of the absorbing state; 0 where an end is an end. */
export function valueAfterEnd(kernels: Kernels, { reward, options }: TwoLevels): number {
  const each = options.termination === "absorbing" ? absorbingReward(kernels, reward) : null;
  return (each ?? 0) / (1 - options.sac.discount);
}

/** tauE: as many expert trajectories as asked for, drawn with replacement; all of them where there are no more. */
function sampleExpert({ demonstrations, streams, options }: TwoLevels): Trajectories[] {
  const count = options.trajectoriesPerRewardStep;
  const available = episodeCount(demonstrations);
  if (available <= count) return [demonstrations];
  return Array.from({ length: count }, () => {
    const episode = nextInteger(streams.expert, available);
    return sliceEpisodes(demonstrations, episode, episode + 1);
  });
}
