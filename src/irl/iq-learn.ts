/**
 * Inverse soft Q-learning (arXiv:2106.12142) on soft actor-critic: the critics ascend the objective of inverse reinforcement
 * learning themselves, and the reward is the one under which their Q is the policy's: r = Q(s, a) - gamma E[V(s')].
 */
import {
  episodeCount,
  foldIn,
  keyFromSeed,
  nextNormal,
  streamOf,
  TandemError,
  toPolicyUnits,
  transitionCount,
  type Key,
  type Listener,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import { adamStep, mlpBackward, mlpForward, mlpWorkspace, type MlpWorkspace } from "../nn/index.ts";
import {
  actionsOfNoise,
  createAgent,
  criticBlock,
  drawBatch,
  drawIndices,
  environmentStep,
  episodeRecord,
  improveActor,
  mayUpdate,
  sacTemperature,
  sampleActions,
  takePolicyRecord,
  type Agent,
  type Sac,
  type SacOptions,
  type Slowdown,
} from "../rl/index.ts";
import { absorbingShare } from "./discriminator.ts";
import { requireKnownActions } from "./known-actions.ts";
import type { Learner } from "./learner.ts";
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
   * How (1 - gamma) E[V(s0)] is estimated: at initial states, or telescoped, E[V(s) - gamma V(s')], over the rows of the replay, of the
   * expert, or of both in equal parts.
   */
  readonly valueTerm: "initial" | "replay" | "expert" | "both";
  /** alpha of the chi-square regulariser E[r^2] / (4 alpha), in units of reward; Infinity for none. */
  readonly regulariserCoefficient: number;
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
  /** The agent's policy and critics. */
  readonly sac: Sac;
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
  /** Sums since the last `takeIqMeasures`. */
  measured: IqMeasures;
}

/** What the critics' objective is made of; sums over updates, each a mean over the batch and both critics. */
export interface IqMeasures {
  updates: number;
  /** J, which the critics ascend. */
  objective: number;
  /** Mean r = Q(s, a) - gamma V(s') of the expert's and of the replay's rows. */
  expertReward: number;
  agentReward: number;
}

interface Room {
  /** Share of the absorbing state in the expert's time. */
  readonly expertAbsorbing: number;
  /** s0, as far apart as the batch's rows, [B, stride], and which. */
  readonly initial: number;
  readonly indices: number;
  /** (s, a) | (s, a~) | (s', a~'), or s0 in the place of the second s, [3 B, n + d]. */
  readonly pairs: number;
  /** log pi of their actions, 0 for the first B; [3, B]. */
  readonly logProb: number;
  /** Q(s, a) | V(s) | V(s'), [3, B]. */
  readonly values: number;
  /** d(-J) / d values */
  readonly slopes: number;
  readonly space: MlpWorkspace;
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
  requireBounded(options, expertAbsorbing);
  const agentOptions = { ...options, demonstrations, keepTrueRewards: false };
  const agent = createAgent(kernels, environment, agentOptions, foldIn(key, 0));
  const sac = continuousPolicy(agent);
  const { room, observationSize: n, actionSize: d, criticShape } = sac;
  const { size, stride } = room.batch;
  return {
    options,
    agent,
    sac,
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
      pairs: kernels.allocate(3 * size * (n + d)),
      logProb: kernels.allocate(3 * size),
      values: kernels.allocate(3 * size),
      slopes: kernels.allocate(3 * size),
      space: mlpWorkspace(kernels, criticShape, 3 * size),
    },
    measured: nothingMeasured(),
  };
}

function continuousPolicy({ policy, environment }: Agent): Sac {
  if (policy.kind === "sac") return policy;
  throw new TandemError(
    "createIqLearn",
    `expected a task with continuous actions, ${environment.id} has finitely many; choose sqil or ml-irl there`,
  );
}

function requireBounded(options: IqLearnOptions, expertAbsorbing: number): void {
  const { regulariserCoefficient, regularisedRows, termination, sac } = options;
  if (!(sac.batchSize >= 2)) {
    throw new TandemError(
      "createIqLearn",
      `expected a batch of 2 rows or more, one of each side, got ${sac.batchSize}`,
    );
  }
  if (!(regulariserCoefficient > 0)) {
    throw new TandemError(
      "createIqLearn",
      `expected a regulariser coefficient above 0, got ${regulariserCoefficient}; Infinity is none`,
    );
  }
  if (termination === "absorbing" && regularisedRows === "expert" && expertAbsorbing === 0) {
    throw new TandemError(
      "createIqLearn",
      "no demonstration enters the absorbing state before the horizon, so nothing holds the reward learnt there; regularise both sides' rows, or choose native",
    );
  }
}

/** Policy steps between two records. */
const STEPS_PER_RECORD = 1000;
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
  const policy = takePolicyRecord(kernels, agent);
  if (policy) listener(policy);
}

/** The measures since the last call, as means over updates, or null where none was made. */
export function takeIqMeasures(state: IqLearn): IqMeasures | null {
  const { updates, objective, expertReward, agentReward } = state.measured;
  if (updates === 0) return null;
  state.measured = nothingMeasured();
  return {
    updates,
    objective: objective / updates,
    expertReward: expertReward / updates,
    agentReward: agentReward / updates,
  };
}

/** One update: both critics up the objective, then actor, temperature and targets as in soft actor-critic. */
function iqUpdate(kernels: Kernels, state: IqLearn): void {
  const { agent, sac } = state;
  drawBatch(kernels, sac, agent.replay, sac.room.batch, sac.room.terminated);
  drawPairs(kernels, state);
  updateCritics(kernels, state);
  improveActor(kernels, sac, agent.metrics);
}

/** (s, a), (s, a~) and (s', a~') of the batch, a~ ~ pi; s0 in the place of the second s where the value term is there. */
function drawPairs(kernels: Kernels, state: IqLearn): void {
  const { room, options, sac } = state;
  const { observationSize: n, actionSize: d } = sac;
  const { size, rows, stride } = sac.room.batch;
  kernels.copyRows(size, n + d, rows, stride, room.pairs, n + d);
  drawBlock(kernels, state, 2, rows + 4 * (n + d));
  const initial = options.valueTerm === "initial";
  if (initial) drawInitial(kernels, state);
  drawBlock(kernels, state, 1, initial ? room.initial : rows);
}

/** Observations, an action of the policy for each and its log-probability, into a third of `pairs` and of `logProb`. */
function drawBlock(kernels: Kernels, { sac, room }: IqLearn, block: 1 | 2, observations: number): void {
  const { size } = sac.room.batch;
  const width = sac.observationSize + sac.actionSize;
  sampleActions(kernels, sac, observations);
  kernels.copyRows(size, width, sac.room.pair, width, room.pairs + 4 * block * size * width, width);
  kernels.copyRows(1, size, sac.room.logProb, size, room.logProb + 4 * block * size, size);
}

/** Initial states into `initial`: the expert's and the agent's latest, all alike, as both are draws of one distribution. */
function drawInitial(kernels: Kernels, { sac, room, demonstrations, recentEpisodes }: IqLearn): void {
  const { observationSize: n, room: sacRoom } = sac;
  const { size, stride } = sacRoom.batch;
  const shown = episodeCount(demonstrations);
  drawIndices(kernels, sac, size, room.indices, shown + recentEpisodes.length);
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
 * One step of Adam on both critics, each up its own objective
 *
 *   J = E_expert[r] - E[r^2] / (4 alpha) - E[V(s) - gamma V(s')],   r = Q(s, a) - gamma V(s'),   V(s) = Q(s, a~) - temperature log pi(a~|s),
 *
 * the last expectation standing for (1 - gamma) E[V(s0)]. Then one on the reward of the absorbing state, if there is one.
 */
function updateCritics(kernels: Kernels, state: IqLearn): void {
  const { agent, sac, room, options, measured, counters } = state;
  const { metrics } = agent;
  const { size } = sac.room.batch;
  const shown = size >> 1;
  const own = size - shown;
  const absorbing = options.termination === "absorbing";
  const away = counters.agentAbsorbingSteps;
  const agentAbsorbing = away / (away + agent.steps);
  const weights = {
    expert: sideWeights(options, "expert", 1 - room.expertAbsorbing, shown),
    replay: sideWeights(options, "replay", 1 - agentAbsorbing, own),
  };
  const valueAfterEnd = absorbing ? counters.absorbingReward / (1 - sac.options.discount) : 0;
  const terms = {
    discount: sac.options.discount,
    coefficient: options.regulariserCoefficient,
    valueAfterEnd,
  };
  const total = emptySums();
  for (const critic of [0, 1]) {
    const rows = evaluate(kernels, state, critic);
    const values = kernels.f32(room.values, 3 * size);
    const slopes = kernels.f32(room.slopes, 3 * size);
    const ended = kernels.f32(sac.room.terminated, size);
    const before = total.reward;
    addObjective(values, slopes, ended, 0, own, weights.replay, terms, total);
    const between = total.reward;
    addObjective(values, slopes, ended, own, size, weights.expert, terms, total);
    measured.agentReward += (between - before) / (2 * own);
    measured.expertReward += (total.reward - between) / (2 * shown);
    backward(kernels, state, critic, rows);
  }
  adamStep(kernels, sac.criticAdam, sac.critics, sac.room.criticGradient, sac.learningRate, 0);
  const living = total.objective / 2;
  const afterEnd = options.nextValue === "online" ? total.afterEndSlope / 2 : 0;
  const staying = absorbing ? stepAbsorbing(state, agentAbsorbing, terms, afterEnd) : 0;
  measured.objective += living + staying;
  measured.updates++;
  metrics.criticLoss -= living + staying;
  metrics.reward += total.reward / (2 * size);
}

/** How much a row counts in each of the objective's expectations. */
export interface RowWeights {
  /** E_expert[r] */
  readonly expert: number;
  /** E[r^2] / (4 alpha) */
  readonly regulariser: number;
  /** E[V(s)] and E[V(s')] of the value term. */
  readonly value: number;
  readonly nextValue: number;
}

/** What the objective depends on beside its rows. */
export interface ObjectiveTerms {
  readonly discount: number;
  /** alpha */
  readonly coefficient: number;
  /** V(s') after a terminated step. */
  readonly valueAfterEnd: number;
}

/** Sums over rows. */
export interface ObjectiveSums {
  objective: number;
  /** r, unweighted. */
  reward: number;
  /** d(-J) / d valueAfterEnd */
  afterEndSlope: number;
}

/** Zeroed sums. */
export function emptySums(): ObjectiveSums {
  return { objective: 0, reward: 0, afterEndSlope: 0 };
}

/**
 * Adds to `sums` what rows `from` .. `to` - 1 contribute to
 *
 *   J = sum_i expert r_i - regulariser r_i^2 / (4 alpha) - value V(s_i) + nextValue gamma V(s'_i),   r_i = Q(s_i, a_i) - gamma V(s'_i)
 *
 * (arXiv:2106.12142: the inverse soft Bellman operator and its objective, phi(r) = r - r^2 / (4 alpha)). `values` is
 * Q(s, a) | V(s) | V(s'), [3, B]; d(-J) / d values into `slopes`. After an end V(s') is `valueAfterEnd`, whatever stands there.
 */
export function addObjective(
  values: Float32Array | Float64Array,
  slopes: Float32Array | Float64Array,
  terminated: Float32Array | Float64Array,
  from: number,
  to: number,
  weights: RowWeights,
  { discount, coefficient, valueAfterEnd }: ObjectiveTerms,
  sums: ObjectiveSums,
): void {
  const size = terminated.length;
  for (let i = from; i < to; i++) {
    const ended = terminated[i] === 1;
    const next = ended ? valueAfterEnd : values[2 * size + i];
    const reward = values[i] - discount * next;
    const rewardSlope = weights.expert - (weights.regulariser * reward) / (2 * coefficient);
    const nextSlope = discount * (rewardSlope - weights.nextValue);
    slopes[i] = -rewardSlope;
    slopes[size + i] = weights.value;
    slopes[2 * size + i] = ended ? 0 : nextSlope;
    sums.objective +=
      weights.expert * reward -
      (weights.regulariser * reward * reward) / (4 * coefficient) -
      weights.value * values[size + i] +
      weights.nextValue * discount * next;
    sums.reward += reward;
    if (ended) sums.afterEndSlope += nextSlope;
  }
}

/** The weights of each of `rows` rows that have `share` of their side's weight; the absorbing state has the rest. */
function sideWeights(
  { valueTerm, regularisedRows, sac }: IqLearnOptions,
  side: "expert" | "replay",
  share: number,
  rows: number,
): RowWeights {
  const each = share / rows;
  const nextValue = partOf(valueTerm, side) * each;
  return {
    expert: side === "expert" ? each : 0,
    regulariser: partOf(regularisedRows, side) * each,
    value: valueTerm === "initial" ? (1 - sac.discount) / sac.batchSize : nextValue,
    nextValue,
  };
}

function partOf(
  rows: IqLearnOptions["valueTerm"] | IqLearnOptions["regularisedRows"],
  side: "expert" | "replay",
): number {
  if (rows === side) return 1;
  return rows === "both" ? 0.5 : 0;
}

/** Q(s, a) | V(s) | V(s') of one critic into `values`; returns how many of them, from the first on, are differentiated. */
function evaluate(kernels: Kernels, { sac, room, options }: IqLearn, critic: number): number {
  const { size } = sac.room.batch;
  const { criticShape: shape } = sac;
  const width = sac.observationSize + sac.actionSize;
  const rows = options.nextValue === "online" ? 3 * size : 2 * size;
  if (rows === 2 * size) {
    const target = criticBlock(sac, sac.targetCritics, critic);
    const pairs = room.pairs + 4 * rows * width;
    const next = mlpForward(kernels, shape, target, size, pairs, width, room.space);
    kernels.copyRows(1, size, next, size, room.values + 4 * rows, size);
  }
  const online = criticBlock(sac, sac.critics, critic);
  const values = mlpForward(kernels, shape, online, rows, room.pairs, width, room.space);
  kernels.copyRows(1, rows, values, rows, room.values, rows);
  kernels.axpy(3 * size, -sacTemperature(kernels, sac), room.logProb, room.values);
  return rows;
}

/** The critic's parameter gradient of -J, by the slopes of its first `rows` values. */
function backward(kernels: Kernels, { sac, room }: IqLearn, critic: number, rows: number): void {
  const width = sac.observationSize + sac.actionSize;
  const parameters = criticBlock(sac, sac.critics, critic);
  const gradients = criticBlock(sac, sac.room.criticGradient, critic);
  const { pairs, space, slopes } = room;
  mlpBackward(kernels, sac.criticShape, parameters, gradients, rows, pairs, width, space, slopes);
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * One step of Adam (arXiv:1412.6980) on r of the absorbing state, up J: of the state itself, which has its share of either side's time
 * and in which Q = V = v = r / (1 - gamma), and of the steps that enter it, whose slope in -v is `afterEnd`. Returns the state's own J.
 */
function stepAbsorbing(
  { sac, room, options, counters }: IqLearn,
  agentAbsorbing: number,
  terms: ObjectiveTerms,
  afterEnd: number,
): number {
  const { criticAdam, learningRate } = sac;
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
  const mean = counters.absorbingMean / (1 - criticAdam.beta1Power);
  const square = counters.absorbingSquare / (1 - criticAdam.beta2Power);
  counters.absorbingReward -= (learningRate * mean) / (Math.sqrt(square) + EPSILON);
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

/** Pairs of actions +-noise by which V is averaged in `recoveredReward`, the same for all states. */
const ACTION_PAIRS = 8;

/**
 * The reward of every step, [T]: r = Q(s, a) - gamma V(s'), Q the smaller of the critics, as the actor sees it, and V its mean of
 * Q - temperature log pi over 16 actions of the policy. Their noise is fixed: r depends on the step and on the networks alone, and no
 * random number of the training is used.
 */
export function recoveredReward(kernels: Kernels, state: IqLearn, trajectories: Trajectories): Float32Array {
  const { sac } = state;
  const { discount } = sac.options;
  const { size } = sac.room.batch;
  const valueAfterEnd =
    state.options.termination === "absorbing" ? state.counters.absorbingReward / (1 - discount) : 0;
  const steps = transitionCount(trajectories);
  const rewards = new Float32Array(steps);
  const nextValues = new Float64Array(size);
  const noise = actionNoise(sac.actionSize);
  for (let first = 0; first < steps; first += size) {
    const count = Math.min(size, steps - first);
    addNextValues(kernels, state, trajectories, first, count, noise, nextValues.fill(0));
    loadPairs(kernels, state, trajectories, first, count);
    const q = smallerCritic(kernels, state.sac, count);
    for (let i = 0; i < count; i++) {
      const next = trajectories.terminated[first + i] === 1 ? valueAfterEnd : nextValues[i];
      rewards[first + i] = q[i] - discount * next;
    }
  }
  return rewards;
}

/** Standard normals and their negatives, [2 ACTION_PAIRS, d]. */
function actionNoise(d: number): Float32Array {
  const stream = streamOf(keyFromSeed(0));
  const noise = new Float32Array(2 * ACTION_PAIRS * d);
  for (let i = 0; i < ACTION_PAIRS * d; i++) {
    noise[i] = nextNormal(stream);
    noise[ACTION_PAIRS * d + i] = -noise[i];
  }
  return noise;
}

/** Adds V(s') of steps first .. first + count - 1 to `values`. */
function addNextValues(
  kernels: Kernels,
  { sac }: IqLearn,
  { nextObservations }: Trajectories,
  first: number,
  count: number,
  noise: Float32Array,
  values: Float64Array,
): void {
  const { room, observationSize: n, actionSize: d } = sac;
  const pairs = kernels.f32(room.pair, count * (n + d));
  for (let i = 0; i < count; i++)
    pairs.set(nextObservations.subarray((first + i) * n, (first + i + 1) * n), i * (n + d));
  const head = mlpForward(kernels, sac.actorShape, sac.actor, count, room.pair, n + d, room.actorSpace);
  const temperature = sacTemperature(kernels, sac);
  const actions = noise.length / d;
  for (let k = 0; k < actions; k++) {
    const drawn = kernels.f32(room.noise, count * d);
    for (let i = 0; i < count; i++) drawn.set(noise.subarray(k * d, (k + 1) * d), i * d);
    actionsOfNoise(kernels, sac, count, head, room.pair + 4 * n, n + d);
    const logProb = kernels.f32(room.logProb, count);
    const q = smallerCritic(kernels, sac, count);
    for (let i = 0; i < count; i++) values[i] += (q[i] - temperature * logProb[i]) / actions;
  }
}

/** (s, a) of steps first .. first + count - 1 into the policy's room, a in policy units. */
function loadPairs(
  kernels: Kernels,
  { agent, sac }: IqLearn,
  { observations, actions }: Trajectories,
  first: number,
  count: number,
): void {
  const { observationSize: n, actionSize: d, room } = sac;
  const width = n + d;
  const pairs = kernels.f32(room.pair, count * width);
  for (let i = 0; i < count; i++) {
    const t = first + i;
    pairs.set(observations.subarray(t * n, (t + 1) * n), i * width);
    const unit = pairs.subarray(i * width + n, (i + 1) * width);
    toPolicyUnits(agent.actionSpace, actions.subarray(t * d, (t + 1) * d), unit);
  }
}

/** min(Q1, Q2) of the first `count` rows of the policy's room; borrowed: read before the next forward pass. */
function smallerCritic(kernels: Kernels, sac: Sac, count: number): Float32Array {
  const width = sac.observationSize + sac.actionSize;
  const { criticShape, critics, room } = sac;
  const [space1, space2] = room.criticSpace;
  const q1 = mlpForward(kernels, criticShape, criticBlock(sac, critics, 0), count, room.pair, width, space1);
  const q2 = mlpForward(kernels, criticShape, criticBlock(sac, critics, 1), count, room.pair, width, space2);
  const first = kernels.f32(q1, count);
  const second = kernels.f32(q2, count);
  for (let i = 0; i < count; i++) first[i] = Math.min(first[i], second[i]);
  return first;
}

function nothingMeasured(): IqMeasures {
  return { updates: 0, objective: 0, expertReward: 0, agentReward: 0 };
}
