import {
  appendStep,
  createTrajectoryBuilder,
  dropUnfinished,
  episodeReturns,
  foldIn,
  fromPolicyUnits,
  nextUniform,
  policySize,
  recordedSize,
  SimulationDiverged,
  streamOf,
  takeTrajectories,
  toPolicyUnits,
  type ActionSpace,
  type AnchoredPolicyRecord,
  type EpisodeRecord,
  type Key,
  type PolicyRecord,
  type RandomStream,
  type Trajectories,
  type TrajectoryBuilder,
} from "../core/index.ts";
import type { Environment, StepResult } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import { addTransition, createReplay, type BatchReward, type Replay } from "./replay.ts";
import { episodeSeed, policyActions, requireFinite } from "./rollout.ts";
import { emptySacMetrics, type SacMetrics, type SacOptions } from "./sac.ts";
import { actBy, createSoftPolicy, improvePolicy, policyTemperature, type SoftPolicy } from "./soft-policy.ts";

/** How an agent gathers experience, beside its SAC options. */
export interface AgentOptions {
  readonly sac: SacOptions;
  /** Steps of uniformly random actions before the first update. */
  readonly startSteps: number;
  /** Transitions the replay holds. */
  readonly replayCapacity: number;
  /** Keep the true rewards (expert training only). */
  readonly keepTrueRewards: boolean;
  /** A change of learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  /** Somebody else's transitions, of which half of every batch is drawn; undefined for none. */
  readonly demonstrations?: Trajectories;
}

/** Learning that calms down: the policy of constant steps swings about where it has arrived. */
export interface Slowdown {
  /** Environment step after which updates have the other rate. */
  readonly from: number;
  readonly learningRate: number;
}

/** A learner in its environment. Updated in place. */
export interface Agent {
  readonly environment: Environment;
  readonly actionSpace: ActionSpace;
  readonly options: AgentOptions;
  readonly policy: SoftPolicy;
  readonly replay: Replay;
  /** Uniform exploration before the first update. */
  readonly exploration: RandomStream;
  readonly episodeKey: Key;
  /** Episodes begun. */
  episodes: number;
  /** Environment steps taken. */
  steps: number;
  /** Episodes dropped because the simulation diverged, and the step of the first one. */
  readonly dropped: { episodes: number; since: number };
  /** s_t, [n]. */
  readonly observation: Float64Array;
  /** The episode under way. */
  readonly episode: TrajectoryBuilder;
  readonly unitAction: Float32Array;
  readonly action: Float32Array;
  /** Measurements since somebody last read them. */
  metrics: SacMetrics;
  /** Milliseconds spent in the simulator and in updates, by the clock handed to `agentStep`. */
  simulationTime: number;
  updateTime: number;
}

/** A fresh agent at the start of its first episode. */
export function createAgent(
  kernels: Kernels,
  environment: Environment,
  options: AgentOptions,
  key: Key,
): Agent {
  const actionSpace = policyActions(environment);
  const observationSize = environment.observationSpace.size;
  const actionSize = policySize(actionSpace);
  const agent: Agent = {
    environment,
    actionSpace,
    options,
    policy: createSoftPolicy(kernels, observationSize, actionSpace, options.sac, foldIn(key, 0)),
    replay: createReplay(kernels, {
      observationSize,
      actionSize,
      capacity: options.replayCapacity,
      keepTrueRewards: options.keepTrueRewards,
      ...(options.demonstrations && {
        demonstrations: { trajectories: options.demonstrations, actionSpace },
      }),
    }),
    exploration: streamOf(foldIn(key, 1)),
    episodeKey: foldIn(key, 2),
    episodes: 0,
    steps: 0,
    dropped: { episodes: 0, since: 0 },
    observation: new Float64Array(observationSize),
    episode: createTrajectoryBuilder(observationSize, recordedSize(actionSpace)),
    unitAction: new Float32Array(actionSize),
    action: new Float32Array(recordedSize(actionSpace)),
    metrics: emptySacMetrics(),
    simulationTime: 0,
    updateTime: 0,
  };
  beginEpisode(agent);
  return agent;
}

/**
 * One environment step and, after the random start, one policy update under `reward`. Returns the episode if this step
 * ended it, else null. `clock` gives milliseconds; `valueAfterEnd` is what `sacUpdate` wants.
 */
export function agentStep(
  kernels: Kernels,
  agent: Agent,
  reward: BatchReward,
  clock: () => number,
  valueAfterEnd = 0,
): Trajectories | null {
  const episode = environmentStep(kernels, agent, clock);
  const begun = clock();
  if (mayUpdate(agent))
    improvePolicy(kernels, agent.policy, agent.replay, reward, agent.metrics, valueAfterEnd);
  agent.updateTime += clock() - begun;
  return episode;
}

/**
 * One environment step, the transition added to the replay and nothing learnt. Returns the episode if this step ended it, else null.
 * Where the simulation diverges the step is in no replay and the episode is dropped and counted; its earlier steps, which are what the
 * simulator said, stay in the replay.
 */
export function environmentStep(kernels: Kernels, agent: Agent, clock: () => number): Trajectories | null {
  const { environment, observation, unitAction, action, replay, options } = agent;
  const begun = clock();
  if (agent.steps < options.startSteps) exploreInto(agent);
  else actBy(kernels, agent.policy, observation, "sample", unitAction);
  requireFinite(unitAction);
  fromPolicyUnits(agent.actionSpace, unitAction, action);
  const acted = clock();
  const result = stepOrNull(environment, action);
  const simulated = clock();
  agent.steps++;
  agent.simulationTime += simulated - acted;
  if (!result) {
    countDropped(agent);
    dropUnfinished(agent.episode);
    beginEpisode(agent);
    return null;
  }
  const { observation: next, reward: trueReward, terminated, truncated } = result;
  addTransition(kernels, replay, observation, unitAction, next, terminated, trueReward);
  appendStep(agent.episode, observation, action, next, trueReward, terminated, truncated);
  observation.set(next);
  let episode: Trajectories | null = null;
  if (terminated || truncated) {
    episode = takeTrajectories(agent.episode);
    beginEpisode(agent);
  }
  agent.updateTime += acted - begun + (clock() - simulated);
  return episode;
}

/** null where the simulation diverges. */
function stepOrNull(environment: Environment, action: Float32Array): StepResult | null {
  try {
    return environment.step(action);
  } catch (error) {
    if (error instanceof SimulationDiverged) return null;
    throw error;
  }
}

/** Count episodes that the agent, or its policy in a rollout, did not end because the simulation diverged. */
export function countDropped({ dropped, steps }: Agent): void {
  if (dropped.episodes === 0) dropped.since = steps;
  dropped.episodes++;
}

/** A uniformly random action into `unitAction`. */
function exploreInto({ unitAction, actionSpace, exploration, action }: Agent): void {
  for (let i = 0; i < unitAction.length; i++) unitAction[i] = 2 * nextUniform(exploration) - 1;
  if (actionSpace.kind === "box") return;
  fromPolicyUnits(actionSpace, unitAction, action);
  toPolicyUnits(actionSpace, action, unitAction);
}

/** Whether the random start is over, so that this step has an update; sets the rate at which it learns. */
export function mayUpdate({ steps, options, policy, replay }: Agent): boolean {
  if (steps <= options.startSteps || replay.added === 0) return false;
  policy.learningRate = learningRateAt(options, steps);
  return true;
}

/** The policy's measurements since the last call, or null where no update was made. */
export function takePolicyRecord(kernels: Kernels, agent: Agent): PolicyRecord | AnchoredPolicyRecord | null {
  const { updates, criticLoss, meanQ, logProb, reward, divergence } = agent.metrics;
  const { policy } = agent;
  if (updates === 0) return null;
  agent.metrics = emptySacMetrics();
  return {
    kind: "policy",
    step: agent.steps,
    updates: policy.updates,
    criticLoss: criticLoss / updates,
    meanQ: meanQ / updates,
    entropy: -logProb / updates,
    temperature: policyTemperature(kernels, policy),
    meanReward: reward / updates,
    ...(policy.kind === "sac" && policy.anchor && { anchorDivergence: divergence / updates }),
  };
}

/** The record of a training episode that ended at training step `step`. */
export function episodeRecord(step: number, episode: Trajectories): EpisodeRecord {
  const trueReturn = episodeReturns(episode)?.[0] ?? 0;
  return { kind: "episode", step, trueReturn, length: episode.terminated.length };
}

function learningRateAt({ sac, slowdown }: AgentOptions, step: number): number {
  return slowdown && step > slowdown.from ? slowdown.learningRate : sac.learningRate;
}

function beginEpisode(agent: Agent): void {
  const seed = episodeSeed(agent.episodeKey, agent.episodes++);
  agent.observation.set(agent.environment.reset({ seed }).observation);
}
