/**
 * Behavioural cloning: the policy of maximum likelihood of the demonstrated actions, E_expert[log pi(a|s)], by Adam on batches of
 * demonstrated steps. It takes no step in the environment and learns no reward: what every other method has to beat.
 */
import { foldIn, transitionCount, type Key, type Listener, type Trajectories } from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  addDemonstrations,
  createAgent,
  drawBatch,
  likelihoodRoom,
  likelihoodStep,
  type LikelihoodRoom,
  type SacOptions,
} from "../rl/index.ts";
import { requireKnownActions } from "./known-actions.ts";
import { STEPS_PER_RECORD, type Learner } from "./learner.ts";

/** Every choice of the algorithm. */
export interface BcOptions {
  /** Of these, the layers, the batch, the learning rate and (finitely many actions) the temperature count. */
  readonly sac: SacOptions;
  /** Decoupled decay: the share of each weight that a step of learning rate 1 would take away. */
  readonly weightDecay: number;
}

/** The policy. `agent.steps` counts its updates; the environment is only looked at. Updated in place. */
export interface Bc extends Learner {
  readonly options: BcOptions;
  readonly room: LikelihoodRoom;
}

/** A policy at initialisation, the demonstrations as its replay. */
export function createBc(
  kernels: Kernels,
  environment: Environment,
  demonstrations: Trajectories,
  options: BcOptions,
  key: Key,
): Bc {
  requireKnownActions("createBc", environment, demonstrations);
  const { sac } = options;
  const agentOptions = {
    sac,
    startSteps: 0,
    replayCapacity: transitionCount(demonstrations),
    keepTrueRewards: false,
  };
  const agent = createAgent(kernels, environment, agentOptions, foldIn(key, 0));
  addDemonstrations(kernels, agent.replay, agent.actionSpace, demonstrations);
  return {
    options,
    agent,
    reward: null,
    recentEpisodes: [],
    streams: {},
    counters: { rewardSteps: 0 },
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
    room: likelihoodRoom(kernels, agent.policy, agent.actionSpace, sac.batchSize),
  };
}

/** Up to `STEPS_PER_RECORD` updates (fewer at `stepLimit`), then their record. `clock` gives milliseconds. */
export function bcIteration(
  kernels: Kernels,
  { agent, options, room }: Bc,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { policy, replay } = agent;
  const { batch, terminated } = policy.room;
  const first = agent.steps;
  const end = Math.min(first + STEPS_PER_RECORD, stepLimit);
  let logLikelihood = 0;
  for (; agent.steps < end; agent.steps++) {
    drawBatch(kernels, policy, replay, batch, terminated);
    logLikelihood += likelihoodStep(kernels, policy, batch, options.weightDecay, room);
    clock();
  }
  listener({
    kind: "cloning",
    step: end,
    updates: policy.updates,
    logLikelihood: logLikelihood / (end - first),
  });
}
