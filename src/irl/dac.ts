/**
 * Discriminator-actor-critic (arXiv:1809.02925): generative adversarial imitation (arXiv:1606.03476) off-policy. A classifier with a
 * gradient penalty (arXiv:1704.00028) learns to tell the expert's steps from those in the replay; its logit
 * h = log D - log(1 - D) is the reward under which soft actor-critic acts, computed anew whenever a batch is drawn.
 */
import {
  foldIn,
  streamOf,
  transitionCount,
  type Key,
  type Listener,
  type RandomStream,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  agentStep,
  createAgent,
  episodeRecord,
  replaySize,
  takePolicyRecord,
  type BatchReward,
  type SacOptions,
  type Slowdown,
} from "../rl/index.ts";
import {
  classifierOptions,
  createDiscriminator,
  discriminatorStep,
  requireBatchSize,
  takeDiscriminatorRecord,
  type ClassifierOptions,
  type Discriminator,
} from "./discriminator.ts";
import { requireKnownActions } from "./known-actions.ts";
import { STEPS_PER_RECORD, type Learner } from "./learner.ts";
import {
  absorbingReward,
  createRewardModel,
  learnedReward,
  observeTrajectories,
  type RewardModel,
} from "./reward-model.ts";
import { requireWholeEpisodes, type Termination } from "./termination.ts";

/** Every choice of the algorithm. */
export interface DacOptions {
  readonly sac: SacOptions;
  /** Steps of uniformly random actions before the first update of either level. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the policy's learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  readonly discriminator: DiscriminatorOptions;
  /** What follows the step that ends an episode: see `Termination`. */
  readonly termination: Termination;
}

/** The classifier and how often it learns. */
export interface DiscriminatorOptions extends ClassifierOptions {
  /** Environment steps between two steps of the classifier. */
  readonly every: number;
}

/** Both levels. Updated in place. */
export interface Dac extends Learner {
  readonly options: DacOptions;
  /** h, the logit. */
  readonly reward: RewardModel;
  readonly teacher: BatchReward;
  readonly demonstrations: Trajectories;
  /** `draws`: batches, and points between their rows. */
  readonly streams: { readonly draws: RandomStream };
  /** Steps of the classifier, and steps that the agent's episodes have spent in the absorbing state. */
  readonly counters: { rewardSteps: number; agentAbsorbingSteps: number };
  /** What `reward` is to tell apart, and how. */
  readonly discriminator: Discriminator;
}

/** Both levels at initialisation. */
export function createDac(
  kernels: Kernels,
  environment: Environment,
  demonstrations: Trajectories,
  options: DacOptions,
  key: Key,
): Dac {
  const { discriminator, termination } = options;
  requireBatchSize("createDac", discriminator.batchSize);
  requireWholeEpisodes("createDac", termination, demonstrations, "demonstrations");
  requireKnownActions("createDac", environment, demonstrations);
  const agent = createAgent(kernels, environment, { ...options, keepTrueRewards: false }, foldIn(key, 0));
  const reward = createRewardModel(
    kernels,
    agent.policy.observationSize,
    agent.actionSpace,
    classifierOptions(discriminator, termination === "absorbing"),
    foldIn(key, 1),
  );
  observeTrajectories(kernels, reward, "expert", demonstrations);
  return {
    options,
    agent,
    reward,
    teacher: learnedReward(kernels, reward),
    demonstrations,
    streams: { draws: streamOf(foldIn(key, 2)) },
    counters: { rewardSteps: 0, agentAbsorbingSteps: 0 },
    recentEpisodes: [],
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
    discriminator: createDiscriminator(
      kernels,
      reward,
      demonstrations,
      environment.maxEpisodeSteps,
      discriminator,
    ),
  };
}

/** Up to `STEPS_PER_RECORD` environment steps (fewer at `stepLimit`), each with its updates, then the records of both levels. */
export function dacIteration(
  kernels: Kernels,
  state: Dac,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, options } = state;
  const end = Math.min(agent.steps + STEPS_PER_RECORD, stepLimit);
  while (agent.steps < end) {
    const episode = agentStep(kernels, agent, state.teacher, clock, valueAfterEnd(kernels, state));
    state.steps.train++;
    if (episode) rememberEpisode(kernels, state, episode, listener);
    if (agent.steps > options.startSteps && agent.steps % options.discriminator.every === 0)
      classifierStep(kernels, state);
  }
  const policy = takePolicyRecord(kernels, agent);
  if (policy) listener(policy);
  const { discriminator, counters } = state;
  if (discriminator.measured.steps > 0)
    listener(takeDiscriminatorRecord(discriminator, agent.steps, counters.rewardSteps));
}

/** One step of the classifier, the agent's rows drawn uniformly from the replay. */
function classifierStep(kernels: Kernels, { agent, discriminator, streams, counters }: Dac): void {
  const { replay } = agent;
  const away = counters.agentAbsorbingSteps;
  const side = {
    rows: replay.rows,
    stride: replay.stride,
    count: replaySize(replay),
    absorbing: away / (away + agent.steps),
  };
  discriminatorStep(kernels, discriminator, side, streams.draws, counters.rewardSteps++);
}

function rememberEpisode(kernels: Kernels, state: Dac, episode: Trajectories, listener: Listener): void {
  const { agent, options, reward } = state;
  requireWholeEpisodes("dacIteration", options.termination, episode, "environment");
  const length = transitionCount(episode);
  const { maxEpisodeSteps } = agent.environment;
  if (reward.options.absorbing && episode.terminated[length - 1])
    state.counters.agentAbsorbingSteps += Math.max(0, maxEpisodeSteps - length);
  observeTrajectories(kernels, reward, "agent", episode);
  listener(episodeRecord(agent.steps, episode));
}

/** h(absorbing state) / (1 - gamma), the fixed point of its self-transition; 0 where an end is an end. */
function valueAfterEnd(kernels: Kernels, { reward, options }: Dac): number {
  return (absorbingReward(kernels, reward) ?? 0) / (1 - options.sac.discount);
}
