/**
 * Inverse soft Q-learning (arXiv:2106.12142) on soft actor-critic, or on soft Q-learning where actions are finitely many: the critics
 * ascend the objective of inverse reinforcement learning themselves, and the reward is the one under which their Q is the policy's:
 * r = Q(s, a) - gamma E[V(s')].
 */
import {
  episodeCount,
  foldIn,
  TandemError,
  transitionCount,
  type InverseMeasures,
  type Key,
  type Listener,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import type { AdamState } from "../nn/index.ts";
import {
  createAgent,
  drawBatch,
  drawIndices,
  environmentStep,
  episodeRecord,
  improveActor,
  mayUpdate,
  takePolicyRecord,
  type SacOptions,
  type Slowdown,
  type SoftPolicy,
} from "../rl/index.ts";
import { absorbingShare } from "./discriminator.ts";
import {
  createSacCritics,
  drawPairs,
  sacBackward,
  sacRecoveredReward,
  sacValues,
  stepSacCritics,
  type SacCritics,
} from "./iq-critics.ts";
import {
  createFiniteCritic,
  finiteBackward,
  finiteRecoveredReward,
  finiteValues,
  followFiniteCritic,
  gatherObservations,
  stepFiniteCritic,
  type FiniteCritic,
} from "./iq-learn-finite.ts";
import { addObjective, emptySums, sideWeights, type ObjectiveTerms } from "./iq-objective.ts";
import { requireKnownActions } from "./known-actions.ts";
import { STEPS_PER_RECORD, type Learner } from "./learner.ts";
import { requireWholeEpisodes, type Termination } from "./termination.ts";

/** Every choice of the algorithm. */
export interface IqLearnOptions {
  readonly sac: SacOptions;
  /** Steps of uniformly random actions before the first update. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  /**
   * How (1 - gamma) E[V(s0)] is estimated: at initial states, at all of the expert's as though episodes began there, or telescoped,
   * E[V(s) - gamma V(s')], over the rows of the replay, of the expert, or of both in equal parts.
   */
  readonly valueTerm: "initial" | "expert-states" | "replay" | "expert" | "both";
  /** alpha of the chi-square regulariser E[r^2] / (4 alpha), in units of reward. */
  readonly regulariserCoefficient: number | "none";
  /** Whose rewards it holds: the expert's, or the expert's and the replay's in equal parts. */
  readonly regularisedRows: "expert" | "both";
  /** V(s') of the online critics, differentiated, or of their targets, held fixed. */
  readonly nextValue: "online" | "target";
  /** What follows the step that ends an episode: see `Termination`. */
  readonly termination: Termination;
}

/** Policy and critics, and what they learn from. Updated in place. */
export interface IqLearn extends Learner {
  readonly options: IqLearnOptions;
  /** The agent's policy, its critics, and room for their step. */
  readonly critics: SacCritics | FiniteCritic;
  readonly demonstrations: Trajectories;
  /** First steps of the latest episodes, where the value term is at initial states; else none. */
  readonly recentEpisodes: Trajectories[];
  readonly counters: {
    /** 0: no reward is held. */
    rewardSteps: number;
    /** Steps that the agent's episodes have spent in the absorbing state. */
    agentAbsorbingSteps: number;
    /** Its reward, and Adam's moments of it. */
    absorbingReward: number;
    absorbingMean: number;
    absorbingSquare: number;
  };
  readonly room: Room;
  /** Sums over the updates since the last policy record. */
  measured: InverseMeasures;
}

interface Room {
  /** Share of the absorbing state in the expert's time. */
  readonly expertAbsorbing: number;
  /** s0, as far apart as the batch's rows, [B, stride], and which. */
  readonly initial: number;
  readonly indices: number;
  /** Q(s, a) | V(s) | V(s'), [3, B]. */
  readonly values: number;
  /** d(-J) / d values */
  readonly slopes: number;
}

/** A learner at initialisation, the demonstrations beside its replay. */
export function createIqLearn(
  kernels: Kernels,
  environment: Environment,
  demonstrations: Trajectories,
  options: IqLearnOptions,
  key: Key,
): IqLearn {
  requireWholeEpisodes("createIqLearn", options.termination, demonstrations, "demonstrations");
  requireKnownActions("createIqLearn", environment, demonstrations);
  const absorbing = options.termination === "absorbing";
  const expertAbsorbing = absorbing ? absorbingShare(demonstrations, environment.maxEpisodeSteps) : 0;
  requireBounded(options);
  const unheld = unheldAbsorbing(options, demonstrations, environment.maxEpisodeSteps);
  if (unheld) throw new TandemError("createIqLearn", unheld);
  const agentOptions = { ...options, demonstrations, keepTrueRewards: false };
  const agent = createAgent(kernels, environment, agentOptions, foldIn(key, 0));
  const { size, stride } = agent.policy.room.batch;
  return {
    options,
    agent,
    critics: criticsOf(kernels, agent.policy, options.nextValue),
    reward: null,
    demonstrations,
    streams: {},
    counters: {
      rewardSteps: 0,
      agentAbsorbingSteps: 0,
      absorbingReward: 0,
      absorbingMean: 0,
      absorbingSquare: 0,
    },
    recentEpisodes: [],
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
    room: {
      expertAbsorbing,
      initial: kernels.allocate(size * stride),
      indices: kernels.allocate(size),
      values: kernels.allocate(3 * size),
      slopes: kernels.allocate(3 * size),
    },
    measured: nothingMeasured(),
  };
}

function criticsOf(
  kernels: Kernels,
  policy: SoftPolicy,
  nextValue: IqLearnOptions["nextValue"],
): IqLearn["critics"] {
  return policy.kind === "sac"
    ? createSacCritics(kernels, policy, nextValue)
    : createFiniteCritic(kernels, policy, nextValue);
}

/**
 * Why the reward of the absorbing state would be without bounds; null where something holds it, or there is no such state.
 *
 * @param horizon steps after which time ends an episode
 */
export function unheldAbsorbing(
  {
    termination,
    regulariserCoefficient,
    regularisedRows,
  }: Pick<IqLearnOptions, "termination" | "regulariserCoefficient" | "regularisedRows">,
  demonstrations: Trajectories,
  horizon: number,
): string | null {
  if (termination !== "absorbing") return null;
  if (regulariserCoefficient === "none") {
    return "without a regulariser nothing holds the reward learnt in the absorbing state; give one, or choose native";
  }
  if (regularisedRows === "both" || absorbingShare(demonstrations, horizon) > 0) return null;
  return "no demonstration enters the absorbing state before the horizon, so nothing holds the reward learnt there; regularise both sides' rows, or choose native";
}

function requireBounded({ regulariserCoefficient, sac }: IqLearnOptions): void {
  if (!(sac.batchSize >= 2)) {
    throw new TandemError(
      "createIqLearn",
      `expected a batch of 2 rows or more, one of each side, got ${sac.batchSize}`,
    );
  }
  if (regulariserCoefficient === "none") return;
  if (!(regulariserCoefficient > 0 && regulariserCoefficient < Infinity)) {
    throw new TandemError(
      "createIqLearn",
      `expected a regulariser coefficient above 0, or "none", got ${regulariserCoefficient}`,
    );
  }
}

/** Episodes of the agent whose initial states are kept. */
const INITIAL_STATES = 64;

/** Up to `STEPS_PER_RECORD` environment steps (fewer at `stepLimit`), each with its update, then the policy's record. */
export function iqLearnIteration(
  kernels: Kernels,
  state: IqLearn,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, steps } = state;
  const end = Math.min(agent.steps + STEPS_PER_RECORD, stepLimit);
  while (agent.steps < end) {
    const episode = environmentStep(kernels, agent, clock);
    const begun = clock();
    if (mayUpdate(agent)) iqUpdate(kernels, state);
    agent.updateTime += clock() - begun;
    steps.train++;
    if (episode) rememberEpisode(state, episode, listener);
  }
  const { updates } = agent.metrics;
  const policy = takePolicyRecord(kernels, agent);
  if (!policy) return;
  const { objective, expertReward, agentReward } = state.measured;
  state.measured = nothingMeasured();
  listener({
    ...policy,
    objective: objective / updates,
    expertReward: expertReward / updates,
    agentReward: agentReward / updates,
  });
}

/**
 * One update: the critics up the objective, then actor, temperature and targets as in soft actor-critic, or temperature and target as in
 * soft Q-learning.
 */
function iqUpdate(kernels: Kernels, state: IqLearn): void {
  const { agent, critics, options, room } = state;
  const { policy } = critics;
  const { batch, terminated } = policy.room;
  drawBatch(kernels, policy, agent.replay, batch, terminated);
  const initial = options.valueTerm === "initial";
  if (initial) drawInitial(kernels, state);
  const valueAt = initial ? room.initial : batch.rows;
  if (critics.kind === "sac") {
    drawPairs(kernels, critics, valueAt);
    updateCritics(kernels, state);
    improveActor(kernels, critics.policy, agent.metrics);
  } else {
    gatherObservations(kernels, critics, valueAt);
    updateCritics(kernels, state);
    followFiniteCritic(kernels, critics, agent.metrics);
  }
}

/** Initial states into `initial`: the expert's and the agent's latest, all alike, as both are draws of one distribution. */
function drawInitial(kernels: Kernels, { critics, room, demonstrations, recentEpisodes }: IqLearn): void {
  const { policy } = critics;
  const { observationSize: n } = policy;
  const { size, stride } = policy.room.batch;
  const shown = episodeCount(demonstrations);
  drawIndices(kernels, policy, size, room.indices, shown + recentEpisodes.length);
  const indices = kernels.u32(room.indices, size);
  const table = kernels.f32(room.initial, size * stride);
  for (let row = 0; row < size; row++) {
    const index = indices[row];
    const { observations } = index < shown ? demonstrations : recentEpisodes[index - shown];
    const start = index < shown ? demonstrations.episodeStarts[index] * n : 0;
    for (let j = 0; j < n; j++) table[row * stride + j] = observations[start + j];
  }
}

/**
 * One step of Adam on the critics, each up its own objective
 *
 *   J = E_expert[r] - E[r^2] / (4 alpha) - E[V(s) - gamma V(s')],   r = Q(s, a) - gamma V(s'),
 *
 * V(s) = Q(s, a~) - temperature log pi(a~|s), or the soft maximum over finitely many actions; the last expectation stands for
 * (1 - gamma) E[V(s0)]. Then one on the reward of the absorbing state, if there is one.
 */
function updateCritics(kernels: Kernels, state: IqLearn): void {
  const { agent, critics, room, options, measured, counters } = state;
  const { metrics } = agent;
  const { batch, terminated } = critics.policy.room;
  const { size } = batch;
  const shown = size >> 1;
  const own = size - shown;
  const absorbing = options.termination === "absorbing";
  const away = counters.agentAbsorbingSteps;
  const agentAbsorbing = away / (away + agent.steps);
  const weights = {
    expert: sideWeights(options, "expert", 1 - room.expertAbsorbing, shown),
    replay: sideWeights(options, "replay", 1 - agentAbsorbing, own),
  };
  const valueAfterEnd = absorbing ? counters.absorbingReward / (1 - options.sac.discount) : 0;
  const terms = {
    discount: options.sac.discount,
    coefficient: options.regulariserCoefficient === "none" ? Infinity : options.regulariserCoefficient,
    valueAfterEnd,
  };
  const total = emptySums();
  for (let critic = 0; critic < critics.count; critic++) {
    if (critics.kind === "sac") sacValues(kernels, critics, critic, room.values);
    else finiteValues(kernels, critics, room.values);
    const values = kernels.f32(room.values, 3 * size);
    const slopes = kernels.f32(room.slopes, 3 * size);
    const ended = kernels.f32(terminated, size);
    const before = total.reward;
    addObjective(values, slopes, ended, 0, own, weights.replay, terms, total);
    const between = total.reward;
    addObjective(values, slopes, ended, own, size, weights.expert, terms, total);
    measured.agentReward += (between - before) / (critics.count * own);
    measured.expertReward += (total.reward - between) / (critics.count * shown);
    if (critics.kind === "sac") sacBackward(kernels, critics, critic, room.slopes);
    else finiteBackward(kernels, critics, room.slopes);
  }
  if (critics.kind === "sac") stepSacCritics(kernels, critics);
  else stepFiniteCritic(kernels, critics);
  const living = total.objective / critics.count;
  const afterEnd = options.nextValue === "online" ? total.afterEndSlope / critics.count : 0;
  const staying = absorbing ? stepAbsorbing(state, agentAbsorbing, terms, afterEnd) : 0;
  measured.objective += living + staying;
  metrics.criticLoss -= living + staying;
  metrics.reward += total.reward / (critics.count * size);
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * One step of Adam (arXiv:1412.6980) on r of the absorbing state, up J: of the state itself, which has its share of either side's time
 * and in which Q = V = v = r / (1 - gamma), and of the steps that enter it, whose slope in -v is `afterEnd`. Returns the state's own J.
 */
function stepAbsorbing(
  { critics, room, options, counters }: IqLearn,
  agentAbsorbing: number,
  terms: ObjectiveTerms,
  afterEnd: number,
): number {
  const { beta1Power, beta2Power }: AdamState =
    critics.kind === "sac" ? critics.policy.criticAdam : critics.policy.qAdam;
  const values = new Float64Array(3).fill(terms.valueAfterEnd);
  const slopes = new Float64Array(3);
  const living = new Float64Array(1);
  const own = emptySums();
  let slope = afterEnd;
  for (const side of ["expert", "replay"] as const) {
    const share = side === "expert" ? room.expertAbsorbing : agentAbsorbing;
    const weights = sideWeights(options, side, share, 1);
    // No episode begins there.
    addObjective(values, slopes, living, 0, 1, { ...weights, value: weights.nextValue }, terms, own);
    slope += slopes[0] + slopes[1] + (options.nextValue === "online" ? slopes[2] : 0);
  }
  const gradient = slope / (1 - terms.discount);
  counters.absorbingMean = BETA1 * counters.absorbingMean + (1 - BETA1) * gradient;
  counters.absorbingSquare = BETA2 * counters.absorbingSquare + (1 - BETA2) * gradient * gradient;
  const mean = counters.absorbingMean / (1 - beta1Power);
  const square = counters.absorbingSquare / (1 - beta2Power);
  counters.absorbingReward -= (critics.policy.learningRate * mean) / (Math.sqrt(square) + EPSILON);
  return own.objective;
}

function rememberEpisode(state: IqLearn, episode: Trajectories, listener: Listener): void {
  const { agent, options, recentEpisodes, counters } = state;
  requireWholeEpisodes("iqLearnIteration", options.termination, episode, "environment");
  const length = transitionCount(episode);
  if (options.termination === "absorbing" && episode.terminated[length - 1])
    counters.agentAbsorbingSteps += Math.max(0, agent.environment.maxEpisodeSteps - length);
  if (options.valueTerm === "initial") {
    recentEpisodes.push(firstStep(episode));
    if (recentEpisodes.length > INITIAL_STATES) recentEpisodes.shift();
  }
  listener(episodeRecord(agent.steps, episode));
}

/** The first step as an episode of its own, without its true reward. */
function firstStep(episode: Trajectories): Trajectories {
  const { observationSize: n, actionSize: d } = episode;
  return {
    observationSize: n,
    actionSize: d,
    observations: episode.observations.slice(0, n),
    actions: episode.actions.slice(0, d),
    nextObservations: episode.nextObservations.slice(0, n),
    rewards: null,
    terminated: episode.terminated.slice(0, 1),
    truncated: episode.truncated.slice(0, 1),
    episodeStarts: Uint32Array.of(0, 1),
  };
}

/**
 * The reward of every step, [T]: r = Q(s, a) - gamma V(s'), exact where actions are finitely many; see `sacRecoveredReward` for how it is
 * where they are not. No random number of the training is used.
 */
export function recoveredReward(kernels: Kernels, state: IqLearn, trajectories: Trajectories): Float32Array {
  const { critics, agent, options, counters } = state;
  const { actionSpace } = agent;
  const afterEnd =
    options.termination === "absorbing" ? counters.absorbingReward / (1 - options.sac.discount) : 0;
  return critics.kind === "sac"
    ? sacRecoveredReward(kernels, critics.policy, actionSpace, trajectories, afterEnd)
    : finiteRecoveredReward(kernels, critics, actionSpace, trajectories, afterEnd);
}

function nothingMeasured(): InverseMeasures {
  return { objective: 0, expertReward: 0, agentReward: 0 };
}
