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
import { replaySize, type BatchReward, type Replay, type ReplayBatch } from "./replay.ts";

/** What a user may choose. Every number is required: see `SAC_DEFAULTS` for values that are known to work. */
export interface SacOptions {
  /** Hidden layer widths of actor and critics. */
  readonly hidden: readonly number[];
  readonly batchSize: number;
  /** Discount gamma, in [0, 1). */
  readonly discount: number;
  readonly learningRate: number;
  /** Share of the online critics taken over by their targets at each update. */
  readonly polyak: number;
  /** A fixed entropy temperature, nats^-1 of reward, or "learnt" to hold the entropy at `targetEntropy`. */
  readonly temperature: number | "learnt";
  /** Entropy, nats, that a learnt temperature holds; "auto" is minus the number of action coordinates. */
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
export interface Sac {
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
  readonly key: Key;
  /** Random blocks used so far; with `key` the whole random state. */
  counter: number;
  /** The key of the blocks being used: see `takeBlocks`. */
  epochKey: { epoch: number; key: Key };
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

/** Sums over updates since `takeSacMetrics`; float64. */
export interface SacMetrics {
  updates: number;
  criticLoss: number;
  meanQ: number;
  logProb: number;
  reward: number;
}

const LOG_STD_LOW = -20;
const LOG_STD_HIGH = 2;
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
    key: foldIn(key, 3),
    counter: 0,
    epochKey: { epoch: 0, key: foldIn(key, 3) },
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
  drawBatch(kernels, sac, replay);
  reward(room.batch, room.rewards);
  metrics.reward += kernels.sum(size, room.rewards) / size;
  metrics.criticLoss += updateCritics(kernels, sac, valueAfterEnd);
  improvePolicy(kernels, sac, metrics);
}

/** What follows the critics' step in an update: the actor's and the temperature's on the same batch, and the targets. In place. */
export function improvePolicy(kernels: Kernels, sac: Sac, metrics: SacMetrics): void {
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
 * value after the end; then one Adam step on both critics.
 */
function updateCritics(kernels: Kernels, sac: Sac, valueAfterEnd: number): number {
  const { room, observationSize: n, actionSize: d, criticShape } = sac;
  const { size, rows, stride } = room.batch;
  const nextObservations = rows + 4 * (n + d);
  sampleActions(kernels, sac, nextObservations);
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

/** One Adam step down E[ temperature log pi(a|s) - min_i Q_i(s, a) ], a reparameterised. Returns the mean log-probability. */
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
  step(kernels, sac, sac.actorAdam, sac.actor, room.actorGradient);
  return kernels.sum(size, room.logProb) / size;
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
  return { updates: 0, criticLoss: 0, meanQ: 0, logProb: 0, reward: 0 };
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

/** Draws `room.batch` from the replay, and each row's `room.terminated`. */
export function drawBatch(kernels: Kernels, sac: Sac, replay: Replay): void {
  const { batch, terminated } = sac.room;
  const { size, rows, stride, indices } = batch;
  const { demonstrations } = replay;
  const shown = demonstrations ? size >> 1 : 0;
  const own = size - shown;
  drawIndices(kernels, sac, own, indices, replaySize(replay));
  kernels.gatherRows(own, stride, replay.rows, stride, indices, rows, stride);
  if (demonstrations) {
    drawIndices(kernels, sac, shown, indices + 4 * own, demonstrations.count);
    const after = rows + 4 * own * stride;
    kernels.gatherRows(shown, stride, demonstrations.rows, stride, indices + 4 * own, after, stride);
  }
  kernels.copyRows(size, 1, rows + 4 * (stride - 1), stride, terminated, 1);
}

/** `count` uniform integers in [0, bound) into out, uint32. */
export function drawIndices(kernels: Kernels, sac: Sac, count: number, out: number, bound: number): void {
  const first = takeBlocks(sac, Math.ceil(count / 2));
  const [key0, key1] = sac.epochKey.key;
  kernels.fillIndices(count, out, bound, key0, key1, first);
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

/**
 * Set `count` random blocks aside; returns the first one's counter under `epochKey`. The kernels count in 32 bits, so
 * every 2^32 blocks have a key of their own, and no request straddles two.
 */
function takeBlocks(sac: Sac, count: number): number {
  const EPOCH = 2 ** 32;
  let epoch = Math.floor(sac.counter / EPOCH);
  if (sac.counter + count > (epoch + 1) * EPOCH) sac.counter = ++epoch * EPOCH;
  if (epoch !== sac.epochKey.epoch)
    sac.epochKey = { epoch, key: epoch === 0 ? sac.key : foldIn(sac.key, epoch) };
  const first = sac.counter - epoch * EPOCH;
  sac.counter += count;
  return first;
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

function step(kernels: Kernels, sac: Sac, adam: AdamState, parameters: number, gradients: number): void {
  adamStep(kernels, adam, parameters, gradients, sac.learningRate, NO_DECAY);
}

function refreshTemperature(kernels: Kernels, sac: Sac): void {
  kernels.expVector(1, sac.logTemperature, sac.logTemperature + 8);
}
