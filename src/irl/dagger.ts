/**
 * DAgger (arXiv:1011.0686, Alg. 3.1, with its parameter-free beta_1 = 1 and beta_i = 0 afterwards): the policy acts, a teacher says what
 * it would have done in each state that was visited, and the policy is cloned from the demonstrations and all that was said since. One
 * update an environment step. The teacher is asked as often: no other method here has one.
 */
import {
  foldIn,
  toPolicyUnits,
  transitionCount,
  type Key,
  type Listener,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  addDemonstrations,
  createAgent,
  drawBatch,
  environmentStep,
  episodeRecord,
  likelihoodRoom,
  likelihoodStep,
  type LikelihoodRoom,
  type SacOptions,
} from "../rl/index.ts";
import { requireKnownActions } from "./known-actions.ts";
import { STEPS_PER_RECORD, type Learner } from "./learner.ts";

/** Writes the teacher's action for an observation, in the environment's own units. */
export type Teacher = (observation: Float64Array, action: Float32Array) => void;

/** Every choice of the algorithm. */
export interface DaggerOptions {
  /** Of these, the layers, the batch, the learning rate and (finitely many actions) the temperature count. */
  readonly sac: SacOptions;
  /** Decoupled decay: the share of each weight that a step of learning rate 1 would take away. */
  readonly weightDecay: number;
  /** Steps that the policy will be trained for: as many labels are kept. */
  readonly labels: number;
}

/** The policy and who corrects it. Updated in place. */
export interface Dagger extends Learner {
  readonly options: DaggerOptions;
  readonly teacher: Teacher;
  /** The teacher's action for the state at hand, in the environment's units and in the policy's. */
  readonly answer: { readonly action: Float32Array; readonly unit: Float32Array };
  readonly room: LikelihoodRoom;
}

/** A policy at initialisation; its replay, of states beside the teacher's actions, begins with the demonstrations. */
export function createDagger(
  kernels: Kernels,
  environment: Environment,
  teacher: Teacher,
  demonstrations: Trajectories,
  options: DaggerOptions,
  key: Key,
): Dagger {
  requireKnownActions("createDagger", environment, demonstrations);
  const { sac, labels } = options;
  const expert = transitionCount(demonstrations);
  const agentOptions = { sac, startSteps: 0, replayCapacity: expert + labels, keepTrueRewards: false };
  const agent = createAgent(kernels, environment, agentOptions, foldIn(key, 0));
  addDemonstrations(kernels, agent.replay, agent.actionSpace, demonstrations);
  return {
    options,
    agent,
    teacher,
    answer: {
      action: new Float32Array(agent.action.length),
      unit: new Float32Array(agent.unitAction.length),
    },
    reward: null,
    recentEpisodes: [],
    streams: {},
    counters: { rewardSteps: 0 },
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert },
    room: likelihoodRoom(kernels, agent.policy, agent.actionSpace, sac.batchSize),
  };
}

/** Up to `STEPS_PER_RECORD` environment steps (fewer at `stepLimit`), each with its label and its update, then their record. */
export function daggerIteration(
  kernels: Kernels,
  state: Dagger,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, options, room, steps } = state;
  const { policy, replay } = agent;
  const { batch, terminated } = policy.room;
  const first = agent.steps;
  const end = Math.min(first + STEPS_PER_RECORD, stepLimit);
  let logLikelihood = 0;
  while (agent.steps < end) {
    const episode = labelledStep(kernels, state, clock);
    steps.train++;
    steps.expert++;
    if (episode) listener(episodeRecord(agent.steps, episode));
    drawBatch(kernels, policy, replay, batch, terminated);
    logLikelihood += likelihoodStep(kernels, policy, batch, options.weightDecay, room);
  }
  listener({
    kind: "cloning",
    step: end,
    updates: policy.updates,
    logLikelihood: logLikelihood / (end - first),
  });
}

/** One step of the policy's own, kept with the teacher's action in place of the one taken. */
function labelledStep(
  kernels: Kernels,
  { agent, teacher, answer }: Dagger,
  clock: () => number,
): Trajectories | null {
  teacher(agent.observation, answer.action);
  toPolicyUnits(agent.actionSpace, answer.action, answer.unit);
  const { replay } = agent;
  const row = replay.added % replay.capacity;
  const episode = environmentStep(kernels, agent, clock);
  const { rows, stride, observationSize: n, actionSize } = replay;
  kernels.f32(rows + 4 * (row * stride + n), actionSize).set(answer.unit);
  return episode;
}
