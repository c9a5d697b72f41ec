/**
 * Maximum-likelihood inverse reinforcement learning in a two-timescale single loop (arXiv:2503.17865, Alg. 3): the fast
 * timescale improves the policy under the current reward, the slow one ascends the likelihood of the demonstrations by
 * one expert and one agent trajectory. The fast timescale is soft actor-critic, or, of finitely many actions, deep soft Q-learning.
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
  type RandomStream,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  actBy,
  agentStep,
  createAgent,
  episodeRecord,
  rollout,
  takePolicyRecord,
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

/** Every choice of the algorithm. */
export interface MlIrlOptions {
  readonly sac: SacOptions;
  readonly reward: Omit<RewardOptions, "absorbing">;
  /** Steps of uniformly random actions before the first policy update. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the policy's learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  /** T_k: environment steps (one policy update each) between reward steps. */
  readonly policyStepsPerRewardStep: number;
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
  /** What the policy is taught by: the learned reward, or a negative control that ignores the demonstrations. */
  readonly taughtBy: "learned reward" | "zero reward" | "constant reward" | "constant penalty";
}

/** The two levels and what joins them. Updated in place. */
export interface MlIrl extends Learner {
  readonly reward: RewardModel;
  readonly options: MlIrlOptions;
  /** The lower level's reward: `reward` at its current parameters, or a control. */
  readonly teacher: BatchReward;
  readonly demonstrations: Trajectories;
  /** H: the steps that both sums of the gradient run over. */
  readonly horizon: number;
  /** A second environment for fresh rollouts, so that the training episode goes on undisturbed. */
  readonly rolloutEnvironment: Environment | null;
  readonly rolloutKey: Key;
  /** `expert`: which of its trajectories comes next. */
  readonly streams: { readonly expert: RandomStream };
  /** k: reward steps taken. */
  readonly counters: { rewardSteps: number };
  /** Milliseconds since the last reward step. */
  elapsed: number;
}

/** Both levels at initialisation; `environments.rollout` is needed for fresh agent trajectories only. */
export function createMlIrl(
  kernels: Kernels,
  environments: { train: Environment; rollout: Environment | null },
  demonstrations: Trajectories,
  options: MlIrlOptions,
  key: Key,
): MlIrl {
  if (options.agentTrajectories === "fresh" && !environments.rollout) {
    throw new TandemError(
      "createMlIrl",
      "fresh agent trajectories need a second environment, got none; pass environments.rollout",
    );
  }
  requireWholeEpisodes("createMlIrl", options.termination, demonstrations, "demonstrations");
  requireKnownActions("createMlIrl", environments.train, demonstrations);
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
    teacher: teacherOf(kernels, reward, options),
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
 * Iteration k: T_k policy steps (fewer if `stepLimit` training steps are reached), then one reward step
 * theta_{k+1} = Pi_B( theta_k + alpha_k g_k / h ), g_k = sum_t gamma^t grad r(sE_t, aE_t) - sum_t gamma^t grad r(sA_t, aA_t).
 * Where expert episodes were cut, both sums end at the shortest of them (`knownHorizon`).
 * The effective horizon h = sum of gamma^t over a full-length episode is a constant: it only makes alpha_k comparable
 * between discounts and tasks. `clock` gives milliseconds.
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
  const valueAfterEnd = absorbingValue(kernels, state);
  const policySteps = Math.min(options.policyStepsPerRewardStep, stepLimit - agent.steps);
  for (let t = 0; t < policySteps; t++) {
    const episode = agentStep(kernels, agent, state.teacher, clock, valueAfterEnd);
    state.steps.train++;
    if (episode) rememberEpisode(kernels, state, episode, listener);
  }
  const measured = takePolicyRecord(kernels, agent);
  if (measured) listener(measured);

  // Slow timescale: the reward.
  const agentTrajectories = sampleAgent(kernels, state);
  if (agentTrajectories.length === 0) {
    state.elapsed += clock() - begun;
    return;
  }
  const expertTrajectories = sampleExpert(state);
  const discount = options.discountedGradient ? options.sac.discount : 1;
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
    seconds: (state.elapsed + clock() - begun) / 1000,
    policySeconds: agent.updateTime / 1000,
    simulationSeconds: agent.simulationTime / 1000,
  });
  state.elapsed = 0;
  agent.updateTime = 0;
  agent.simulationTime = 0;
}

/** tauE: as many expert trajectories as asked for, drawn with replacement; all of them where there are no more. */
function sampleExpert({ demonstrations, streams, options }: MlIrl): Trajectories[] {
  const count = options.trajectoriesPerRewardStep;
  const available = episodeCount(demonstrations);
  if (available <= count) return [demonstrations];
  return Array.from({ length: count }, () => {
    const episode = nextInteger(streams.expert, available);
    return sliceEpisodes(demonstrations, episode, episode + 1);
  });
}

/** tauA: agent trajectories; none until a first training episode has ended. */
function sampleAgent(kernels: Kernels, state: MlIrl): Trajectories[] {
  const { options, agent, rolloutEnvironment } = state;
  if (options.agentTrajectories === "training" || !rolloutEnvironment) return state.recentEpisodes;
  const act = (observation: Float64Array, action: Float32Array): void =>
    actBy(kernels, agent.policy, observation, "sample", action);
  const key = foldIn(state.rolloutKey, state.counters.rewardSteps);
  const trajectories = rollout(rolloutEnvironment, act, options.trajectoriesPerRewardStep, key);
  state.steps.rewardRollout += transitionCount(trajectories);
  requireWholeEpisodes("mlIrlIteration", options.termination, trajectories, "environment");
  observeTrajectories(kernels, state.reward, "agent", trajectories);
  return [trajectories];
}

function rememberEpisode(kernels: Kernels, state: MlIrl, episode: Trajectories, listener: Listener): void {
  const { recentEpisodes, options, agent, reward } = state;
  recentEpisodes.push(episode);
  if (recentEpisodes.length > options.trajectoriesPerRewardStep) recentEpisodes.shift();
  requireWholeEpisodes("mlIrlIteration", options.termination, episode, "environment");
  if (options.agentTrajectories === "training") observeTrajectories(kernels, reward, "agent", episode);
  listener(episodeRecord(agent.steps, episode));
}

function teacherOf(kernels: Kernels, reward: RewardModel, { taughtBy }: MlIrlOptions): BatchReward {
  if (taughtBy === "learned reward") return learnedReward(kernels, reward);
  return ({ size }, out) => kernels.fill(size, out, CONTROL_REWARD[taughtBy]);
}

const CONTROL_REWARD = { "zero reward": 0, "constant reward": 1, "constant penalty": -1 } as const;

/** r / (1 - gamma) of the absorbing state, the controls' reward being as constant there; 0 where an end is an end. */
function absorbingValue(kernels: Kernels, { options, reward }: MlIrl): number {
  const { termination, taughtBy, sac } = options;
  if (termination !== "absorbing") return 0;
  const each = taughtBy === "learned reward" ? absorbingReward(kernels, reward) : CONTROL_REWARD[taughtBy];
  return (each ?? 0) / (1 - sac.discount);
}
