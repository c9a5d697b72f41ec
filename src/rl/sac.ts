/**
 * Soft actor-critic (arXiv:1801.01290; learnt temperature arXiv:1812.05905) under a reward that is handed in and computed
 * when a batch is drawn. Twin critics, one target copy of each, tanh-Gaussian policy, Adam.
 */
import { foldIn, type Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  adamStep,
  createAdam,
  initialiseMlp,
  mlpBackward,
  mlpForward,
  mlpInputGradient,
  mlpShape,
  mlpWorkspace,
  type AdamState,
  type MlpShape,
  type MlpWorkspace,
} from "../nn/index.ts";
import { addLogRatioGradient, gaussianLogRatio, type Anchor } from "./anchor.ts";
import { drawBatch, drawsOf, takeBlocks, type Draws } from "./draws.ts";
import type { BatchReward, Replay, ReplayBatch } from "./replay.ts";

/** What a user may choose, of `DeepSoftQ` too. Every number is required: see `SAC_DEFAULTS` for values that are known to work. */
export interface SacOptions {
  /** Hidden layer widths of actor and critics. */
  readonly hidden: readonly number[];
  readonly batchSize: number;
  /** Discount gamma, in [0, 1). */
  readonly discount: number;
  readonly learningRate: number;
  /** The actor's, which a slowdown scales along; undefined for `learningRate`. Of `DeepSoftQ`, which has no actor, refused. */
  readonly actorRate?: number;
  /** Share of the online critics taken over by their targets at each update. */
  readonly polyak: number;
  /** A fixed entropy temperature, nats^-1 of reward, or "learnt" to hold the entropy at `targetEntropy`. */
  readonly temperature: number | "learnt";
  /** Entropy, nats, that a learnt temperature holds; "auto" is minus the number of action coordinates, or half of log A of A actions. */
  readonly targetEntropy: number | "auto";
}

/** The defaults of the field (SB3, CleanRL), discount excepted: that is the task's. */
export const SAC_DEFAULTS = {
  hidden: [256, 256],
  batchSize: 256,
  learningRate: 3e-4,
  polyak: 0.005,
  temperature: "learnt",
  targetEntropy: "auto",
} as const;

/** Networks, optimisers and random state. Updated in place; `sacTensors` names the blocks that a checkpoint must hold. */
export interface Sac extends Draws {
  readonly kind: "sac";
  readonly options: SacOptions;
  /** Adam's step size from now on; `options.learningRate` to begin with. */
  learningRate: number;
  readonly observationSize: number;
  readonly actionSize: number;
  readonly targetEntropy: number;
  readonly actorShape: MlpShape;
  readonly criticShape: MlpShape;
  readonly actor: number;
  /** Both critics in one block, [2, criticShape.blockLength]; so also their targets. */
  readonly critics: number;
  readonly targetCritics: number;
  readonly actorAdam: AdamState;
  readonly criticAdam: AdamState;
  readonly temperatureAdam: AdamState;
  /** log temperature, [1]; then its gradient and the temperature itself. */
  readonly logTemperature: number;
  /** A policy to stay near; null for none, as a fresh learner has it. */
  anchor: Anchor | null;
  updates: number;
  readonly room: Room;
}

/** Scratch memory of an update; nothing in it outlives one. */
interface Room {
  readonly batch: ReplayBatch;
  readonly rewards: number;
  readonly terminated: number;
  readonly noise: number;
  readonly preTanh: number;
  readonly logProb: number;
  /** s' or s beside the policy's action, [batch, n + d]. */
  readonly pair: number;
  readonly targets: number;
  readonly dQ: number;
  readonly dQ2: number;
  readonly dAction: number;
  readonly dAction2: number;
  readonly dHead: number;
  readonly actorGradient: number;
  readonly criticGradient: number;
  readonly actorSpace: MlpWorkspace;
  readonly criticSpace: readonly [MlpWorkspace, MlpWorkspace];
  readonly actObservation: number;
  readonly actAction: number;
  readonly actSpace: MlpWorkspace;
}

/** Sums over updates since somebody last read them; float64. */
export interface SacMetrics {
  updates: number;
  criticLoss: number;
  meanQ: number;
  logProb: number;
  reward: number;
  /** log pi - log pi_k; 0 where no anchor holds the policy. */
  divergence: number;
}

/** The policy's raw log standard deviations are clamped to these, nats. */
export const LOG_STD_LOW = -20;
/** See `LOG_STD_LOW`. */
export const LOG_STD_HIGH = 2;
const NO_DECAY = 0;

/** Fresh networks for n observation and d action coordinates. */
export function createSac(
  kernels: Kernels,
  observationSize: number,
  actionSize: number,
  options: SacOptions,
  key: Key,
): Sac {
  const actorShape = mlpShape([observationSize, ...options.hidden, 2 * actionSize]);
  const criticShape = mlpShape([observationSize + actionSize, ...options.hidden, 1]);
  const criticLength = 2 * criticShape.blockLength;
  const sac: Sac = {
    kind: "sac",
    options,
    learningRate: options.learningRate,
    observationSize,
    actionSize,
    targetEntropy: options.targetEntropy === "auto" ? -actionSize : options.targetEntropy,
    actorShape,
    criticShape,
    actor: kernels.allocate(actorShape.blockLength),
    critics: kernels.allocate(criticLength),
    targetCritics: kernels.allocate(criticLength),
    actorAdam: createAdam(kernels, actorShape.blockLength),
    criticAdam: createAdam(kernels, criticLength),
    temperatureAdam: createAdam(kernels, 1),
    logTemperature: kernels.allocate(3),
    ...drawsOf(foldIn(key, 3)),
    anchor: null,
    updates: 0,
    room: createRoom(kernels, observationSize, actionSize, options.batchSize, actorShape, criticShape),
  };
  initialiseMlp(kernels, actorShape, sac.actor, foldIn(key, 0));
  for (const critic of [0, 1]) {
    initialiseMlp(kernels, criticShape, criticBlock(sac, sac.critics, critic), foldIn(key, 1 + critic));
  }
  kernels.copyRows(1, criticLength, sac.critics, criticLength, sac.targetCritics, criticLength);
  if (options.temperature !== "learnt") {
    kernels.fill(1, sac.logTemperature, options.temperature);
    kernels.logVector(1, sac.logTemperature, sac.logTemperature);
  }
  refreshTemperature(kernels, sac);
  return sac;
}

/** Entropy temperature in force. */
export function sacTemperature(kernels: Kernels, sac: Sac): number {
  return kernels.f32(sac.logTemperature + 8, 1)[0];
}

/**
 * One update of critics, actor, temperature and targets on a batch drawn uniformly from the replay. In place; adds its
 * measurements to `metrics`. `valueAfterEnd` is the value of the state that follows a terminated step: 0 where an episode
 * is over then, that of an absorbing state where it goes on in one.
 */
export function sacUpdate(
  kernels: Kernels,
  sac: Sac,
  replay: Replay,
  reward: BatchReward,
  metrics: SacMetrics,
  valueAfterEnd = 0,
): void {
  const { room } = sac;
  const size = room.batch.size;
  drawBatch(kernels, sac, replay, room.batch, room.terminated);
  reward(room.batch, room.rewards);
  metrics.reward += kernels.sum(size, room.rewards) / size;
  metrics.criticLoss += updateCritics(kernels, sac, valueAfterEnd);
  improveActor(kernels, sac, metrics);
}

/** What follows the critics' step in an update: the actor's and the temperature's on the same batch, and the targets. In place. */
export function improveActor(kernels: Kernels, sac: Sac, metrics: SacMetrics): void {
  const meanLogProb = updateActor(kernels, sac, metrics);
  metrics.logProb += meanLogProb;
  if (sac.options.temperature === "learnt") updateTemperature(kernels, sac, meanLogProb);
  const length = 2 * sac.criticShape.blockLength;
  kernels.polyak(length, sac.targetCritics, sac.critics, sac.options.polyak);
  sac.updates++;
  metrics.updates++;
}

/**
 * y = r + gamma (1 - terminated) (min_i Qbar_i(s', a') - temperature log pi(a'|s')) + gamma terminated v, a' ~ pi, v the
 * value after the end, and less what an anchor takes; then one Adam step on both critics.
 */
function updateCritics(kernels: Kernels, sac: Sac, valueAfterEnd: number): number {
  const { room, observationSize: n, actionSize: d, criticShape } = sac;
  const { size, rows, stride } = room.batch;
  const nextObservations = rows + 4 * (n + d);
  const head = sampleActions(kernels, sac, nextObservations);
  const q1 = criticForward(kernels, sac, sac.targetCritics, 0, room.pair, n + d);
  const q2 = criticForward(kernels, sac, sac.targetCritics, 1, room.pair, n + d);
  const temperature = sacTemperature(kernels, sac);
  const { discount } = sac.options;
  kernels.softTarget(
    size,
    room.rewards,
    room.terminated,
    q1,
    q2,
    room.logProb,
    temperature,
    discount,
    room.targets,
  );
  if (sac.anchor) anchorTargets(kernels, sac, sac.anchor, nextObservations, head);
  if (valueAfterEnd !== 0) kernels.axpy(size, discount * valueAfterEnd, room.terminated, room.targets);

  let loss = 0;
  for (const critic of [0, 1]) {
    const q = criticForward(kernels, sac, sac.critics, critic, rows, stride);
    loss += kernels.squaredErrorGradient(size, q, room.targets, room.dQ) / 2;
    const parameters = criticBlock(sac, sac.critics, critic);
    const gradients = criticBlock(sac, room.criticGradient, critic);
    const space = room.criticSpace[critic];
    mlpBackward(kernels, criticShape, parameters, gradients, size, rows, stride, space, room.dQ);
  }
  step(kernels, sac, sac.criticAdam, sac.critics, room.criticGradient);
  return loss;
}

/**
 * One Adam step down E[ temperature log pi(a|s) - min_i Q_i(s, a) ], a reparameterised, and what an anchor adds. Returns the mean
 * log-probability.
 */
function updateActor(kernels: Kernels, sac: Sac, metrics: SacMetrics): number {
  const { room, observationSize: n, actionSize: d, actorShape, criticShape } = sac;
  const { size, rows, stride } = room.batch;
  const head = sampleActions(kernels, sac, rows);
  const q1 = criticForward(kernels, sac, sac.critics, 0, room.pair, n + d);
  const q2 = criticForward(kernels, sac, sac.critics, 1, room.pair, n + d);
  metrics.meanQ += kernels.minimumGradient(size, q1, q2, room.dQ, room.dQ2);
  const [first, second] = room.criticSpace;
  const critic1 = criticBlock(sac, sac.critics, 0);
  const critic2 = criticBlock(sac, sac.critics, 1);
  mlpInputGradient(kernels, criticShape, critic1, size, first, room.dQ, n, d, room.dAction);
  mlpInputGradient(kernels, criticShape, critic2, size, second, room.dQ2, n, d, room.dAction2);
  kernels.axpy(size * d, 1, room.dAction2, room.dAction);

  const weight = sacTemperature(kernels, sac) / size;
  kernels.tanhGaussianBackward(
    size,
    d,
    head,
    room.noise,
    LOG_STD_LOW,
    LOG_STD_HIGH,
    room.preTanh,
    weight,
    room.dAction,
    d,
    room.dHead,
  );
  if (sac.anchor) metrics.divergence += anchorGradient(kernels, sac, sac.anchor, head);
  mlpBackward(
    kernels,
    actorShape,
    sac.actor,
    room.actorGradient,
    size,
    rows,
    stride,
    room.actorSpace,
    room.dHead,
  );
  const { learningRate, actorRate = learningRate } = sac.options;
  const rate = sac.learningRate * (actorRate / learningRate);
  adamStep(kernels, sac.actorAdam, sac.actor, room.actorGradient, rate, NO_DECAY);
  return kernels.sum(size, room.logProb) / size;
}

/** Takes gamma (1 - terminated) mu (log pi(a'|s') - log pi_k(a'|s')) off the targets. */
function anchorTargets(
  kernels: Kernels,
  sac: Sac,
  anchor: Anchor,
  nextObservations: number,
  head: number,
): void {
  const { size } = sac.room.batch;
  anchorLogRatio(kernels, sac, anchor, nextObservations, head);
  const ratios = kernels.f32(anchor.logRatio, size);
  const terminated = kernels.f32(sac.room.terminated, size);
  const targets = kernels.f32(sac.room.targets, size);
  const weight = sac.options.discount * anchor.coefficient;
  for (let i = 0; i < size; i++) targets[i] -= weight * (1 - terminated[i]) * ratios[i];
}

/** Adds the gradient of mu E[ log pi(a|s) - log pi_k(a|s) ], a reparameterised, to `dHead`. Returns the mean log ratio. */
function anchorGradient(kernels: Kernels, sac: Sac, anchor: Anchor, head: number): number {
  const { room, actionSize: d } = sac;
  const { size, rows } = room.batch;
  const near = anchorLogRatio(kernels, sac, anchor, rows, head);
  const weight = anchor.coefficient / size;
  addLogRatioGradient(
    kernels,
    size,
    d,
    head,
    near,
    room.noise,
    LOG_STD_LOW,
    LOG_STD_HIGH,
    weight,
    room.dHead,
  );
  return kernels.sum(size, anchor.logRatio) / size;
}

/** log pi - log pi_k of the actions just drawn at `observations` into the anchor's `logRatio`; returns pi_k's head there. */
function anchorLogRatio(
  kernels: Kernels,
  sac: Sac,
  anchor: Anchor,
  observations: number,
  head: number,
): number {
  const { room, actionSize: d } = sac;
  const { size, stride } = room.batch;
  const near = mlpForward(kernels, anchor.shape, anchor.actor, size, observations, stride, anchor.space);
  gaussianLogRatio(kernels, size, d, head, near, room.noise, LOG_STD_LOW, LOG_STD_HIGH, anchor.logRatio);
  return near;
}

/** One Adam step down -log(temperature) (log pi + target entropy): the form of the public code, same sign as arXiv:1812.05905, Eq. 18. */
function updateTemperature(kernels: Kernels, sac: Sac, meanLogProb: number): void {
  const gradient = sac.logTemperature + 4;
  kernels.fill(1, gradient, -(meanLogProb + sac.targetEntropy));
  step(kernels, sac, sac.temperatureAdam, sac.logTemperature, gradient);
  refreshTemperature(kernels, sac);
}

/**
 * An action in policy units for one observation, into `action`, [d]; drawn from the policy, or its mode tanh(mean).
 */
export function sacAct(
  kernels: Kernels,
  sac: Sac,
  observation: ArrayLike<number>,
  how: "sample" | "mode",
  action: Float32Array,
): void {
  const { room, observationSize: n, actionSize: d } = sac;
  kernels.f32(room.actObservation, n).set(observation);
  const head = mlpForward(kernels, sac.actorShape, sac.actor, 1, room.actObservation, n, room.actSpace);
  if (how === "mode") kernels.tanhGaussianMode(1, d, head, room.actAction, d);
  else drawActions(kernels, sac, 1, head, room.actAction, d);
  action.set(kernels.f32(room.actAction, d));
}

/** Zeroed sums. */
export function emptySacMetrics(): SacMetrics {
  return { updates: 0, criticLoss: 0, meanQ: 0, logProb: 0, reward: 0, divergence: 0 };
}

/** Every float32 block that defines the learner, by name: [pointer, length]. */
export function sacTensors(sac: Sac): Record<string, [number, number]> {
  const critics = 2 * sac.criticShape.blockLength;
  return {
    actor: [sac.actor, sac.actorShape.blockLength],
    critics: [sac.critics, critics],
    targetCritics: [sac.targetCritics, critics],
    actorMoments: [sac.actorAdam.moments, 2 * sac.actorAdam.length],
    criticMoments: [sac.criticAdam.moments, 2 * critics],
    temperatureMoments: [sac.temperatureAdam.moments, 2],
    logTemperature: [sac.logTemperature, 3],
  };
}

function createRoom(
  kernels: Kernels,
  n: number,
  d: number,
  size: number,
  actorShape: MlpShape,
  criticShape: MlpShape,
): Room {
  const floats = (count: number): number => kernels.allocate(count);
  const stride = 2 * n + d + 1;
  return {
    batch: { size, rows: floats(size * stride), stride, indices: floats(size) },
    rewards: floats(size),
    terminated: floats(size),
    noise: floats(size * d),
    preTanh: floats(size * d),
    logProb: floats(size),
    pair: floats(size * (n + d)),
    targets: floats(size),
    dQ: floats(size),
    dQ2: floats(size),
    dAction: floats(size * d),
    dAction2: floats(size * d),
    dHead: floats(size * 2 * d),
    actorGradient: floats(actorShape.blockLength),
    criticGradient: floats(2 * criticShape.blockLength),
    actorSpace: mlpWorkspace(kernels, actorShape, size),
    criticSpace: [mlpWorkspace(kernels, criticShape, size), mlpWorkspace(kernels, criticShape, size)],
    actObservation: floats(n),
    actAction: floats(d),
    actSpace: mlpWorkspace(kernels, actorShape, 1),
  };
}

/**
 * Draw a ~ pi(.|s) for as many observations as the batch has, at `observations` and as far apart as its rows; leaves (s, a) in `pair`
 * and log pi(a|s) in `logProb`, returns the policy head.
 */
export function sampleActions(kernels: Kernels, sac: Sac, observations: number): number {
  const { room, observationSize: n, actionSize: d } = sac;
  const { size, stride } = room.batch;
  const head = mlpForward(kernels, sac.actorShape, sac.actor, size, observations, stride, room.actorSpace);
  kernels.copyRows(size, n, observations, stride, room.pair, n + d);
  drawActions(kernels, sac, size, head, room.pair + 4 * n, n + d);
  return head;
}

function drawActions(
  kernels: Kernels,
  sac: Sac,
  rows: number,
  head: number,
  actions: number,
  ldActions: number,
): void {
  const { room, actionSize: d } = sac;
  const first = takeBlocks(sac, Math.ceil((rows * d) / 2));
  const [key0, key1] = sac.epochKey.key;
  kernels.fillNormal(rows * d, room.noise, key0, key1, first);
  actionsOfNoise(kernels, sac, rows, head, actions, ldActions);
}

/** The actions tanh(mean + std noise) of a policy head and of `room.noise`, [rows, d]; log pi(a|s) in `logProb`. */
export function actionsOfNoise(
  kernels: Kernels,
  sac: Sac,
  rows: number,
  head: number,
  actions: number,
  ldActions: number,
): void {
  const { noise, preTanh, logProb } = sac.room;
  kernels.tanhGaussianForward(
    rows,
    sac.actionSize,
    head,
    noise,
    LOG_STD_LOW,
    LOG_STD_HIGH,
    preTanh,
    actions,
    ldActions,
    logProb,
  );
}

function criticForward(
  kernels: Kernels,
  sac: Sac,
  block: number,
  critic: number,
  pairs: number,
  ld: number,
): number {
  const { room, criticShape } = sac;
  const parameters = criticBlock(sac, block, critic);
  return mlpForward(kernels, criticShape, parameters, room.batch.size, pairs, ld, room.criticSpace[critic]);
}

/** Where the parameters of critic 0 or 1 begin in `block`: the critics', their targets' or their gradients'. */
export const criticBlock = (sac: Sac, block: number, critic: number): number =>
  block + 4 * critic * sac.criticShape.blockLength;

/** One Adam step at the learning rate. */
function step(kernels: Kernels, sac: Sac, adam: AdamState, parameters: number, gradients: number): void {
  adamStep(kernels, adam, parameters, gradients, sac.learningRate, NO_DECAY);
}

function refreshTemperature(kernels: Kernels, sac: Sac): void {
  kernels.expVector(1, sac.logTemperature, sac.logTemperature + 8);
}
