/**
 * Soft Q-learning with a multilayer perceptron for finitely many actions: the part that soft actor-critic plays where they are
 * continuous. One network Q(s, .) of A outputs, a target copy, Adam, a replay, a reward that is handed in and computed when a batch is
 * drawn. The policy is pi(a|s) = exp(Q(s, a) / temperature) / Z(s): it needs no network of its own.
 *
 * Values are centred: V(s) = temperature log( (1/A) sum_a exp(Q(s, a) / temperature) ), so that acting at random earns nothing for
 * itself and a longer life is not paid for with entropy.
 */
import { foldIn, portableExp, portableLog, TandemError, type Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  adamStep,
  createAdam,
  initialiseMlp,
  mlpBackward,
  mlpForward,
  mlpShape,
  mlpWorkspace,
  type AdamState,
  type MlpShape,
  type MlpWorkspace,
} from "../nn/index.ts";
import { drawBatch, drawIndices, drawsOf, type Draws } from "./draws.ts";
import type { BatchReward, Replay, ReplayBatch } from "./replay.ts";
import type { SacMetrics, SacOptions } from "./sac.ts";

/** Network, optimisers and random state. Updated in place; `deepSoftQTensors` names the blocks that a checkpoint must hold. */
export interface DeepSoftQ extends Draws {
  readonly kind: "deep-soft-q";
  readonly options: SacOptions;
  /** Adam's step size from now on; `options.learningRate` to begin with. */
  learningRate: number;
  readonly observationSize: number;
  /** A, the number of actions. */
  readonly actionSize: number;
  readonly targetEntropy: number;
  readonly shape: MlpShape;
  /** Q and its target copy, [shape.blockLength] each. */
  readonly q: number;
  readonly targetQ: number;
  readonly qAdam: AdamState;
  readonly temperatureAdam: AdamState;
  /** log temperature, [1]; then its gradient and the temperature itself. */
  readonly logTemperature: number;
  updates: number;
  readonly room: Room;
}

/** Scratch memory of an update; nothing in it outlives one. */
interface Room {
  readonly batch: ReplayBatch;
  readonly rewards: number;
  readonly terminated: number;
  readonly dQ: number;
  readonly gradient: number;
  readonly space: MlpWorkspace;
  readonly actObservation: number;
  readonly actDraw: number;
  readonly actSpace: MlpWorkspace;
}

const NO_DECAY = 0;
/** The least normal float32. */
const SMALLEST_TEMPERATURE = 2 ** -126;

/** A fresh network for n observation coordinates and A actions. */
export function createDeepSoftQ(
  kernels: Kernels,
  observationSize: number,
  actionSize: number,
  options: SacOptions,
  key: Key,
): DeepSoftQ {
  if (options.actorRate !== undefined) {
    throw new TandemError(
      "createDeepSoftQ",
      "the policy of finitely many actions is Q's, there is no actor; leave its rate out",
    );
  }
  requireEntropy(actionSize, options);
  const shape = mlpShape([observationSize, ...options.hidden, actionSize]);
  const { batchSize: size } = options;
  const stride = 2 * observationSize + actionSize + 1;
  const floats = (count: number): number => kernels.allocate(count);
  const learner: DeepSoftQ = {
    kind: "deep-soft-q",
    options,
    learningRate: options.learningRate,
    observationSize,
    actionSize,
    targetEntropy: options.targetEntropy === "auto" ? portableLog(actionSize) / 2 : options.targetEntropy,
    shape,
    q: floats(shape.blockLength),
    targetQ: floats(shape.blockLength),
    qAdam: createAdam(kernels, shape.blockLength),
    temperatureAdam: createAdam(kernels, 1),
    logTemperature: floats(3),
    ...drawsOf(foldIn(key, 1)),
    updates: 0,
    room: {
      batch: { size, rows: floats(size * stride), stride, indices: floats(size) },
      rewards: floats(size),
      terminated: floats(size),
      dQ: floats(size * actionSize),
      gradient: floats(shape.blockLength),
      space: mlpWorkspace(kernels, shape, size),
      actObservation: floats(observationSize),
      actDraw: floats(1),
      actSpace: mlpWorkspace(kernels, shape, 1),
    },
  };
  initialiseMlp(kernels, shape, learner.q, foldIn(key, 0));
  kernels.copyRows(1, shape.blockLength, learner.q, shape.blockLength, learner.targetQ, shape.blockLength);
  const temperature = options.temperature === "learnt" ? 1 : options.temperature;
  kernels.fill(1, learner.logTemperature, temperature);
  kernels.logVector(1, learner.logTemperature, learner.logTemperature);
  refreshTemperature(kernels, learner);
  return learner;
}

/** Refuse a temperature at which there is no policy, and an entropy that none of A actions has. */
function requireEntropy(A: number, { temperature, targetEntropy }: SacOptions): void {
  if (temperature !== "learnt") {
    if (temperature > 0) return;
    throw new TandemError("createDeepSoftQ", `expected a temperature above 0, got ${temperature}`);
  }
  const most = portableLog(A);
  if (targetEntropy === "auto" || (targetEntropy > 0 && targetEntropy < most)) return;
  throw new TandemError(
    "createDeepSoftQ",
    `expected a target entropy between 0 and log ${A} = ${most.toFixed(3)}, which a policy of ${A} actions can hold, got ${targetEntropy}; choose one, or auto`,
  );
}

/** Entropy temperature in force. One that is learnt never reaches 0, where no policy is defined. */
export function deepSoftQTemperature(kernels: Kernels, { logTemperature }: DeepSoftQ): number {
  return Math.max(kernels.f32(logTemperature + 8, 1)[0], SMALLEST_TEMPERATURE);
}

/**
 * One update of Q, temperature and target on a batch drawn from the replay: an Adam step down the mean of (Q(s, a) - y)^2 / 2,
 *
 *   y = r + gamma (1 - terminated) V(s') + gamma terminated v,
 *
 * V of the target network, v = `valueAfterEnd` (see `sacUpdate`). In place; adds its measurements to `metrics`, those of Q and policy
 * as they were before the step.
 */
export function deepSoftQUpdate(
  kernels: Kernels,
  learner: DeepSoftQ,
  replay: Replay,
  reward: BatchReward,
  metrics: SacMetrics,
  valueAfterEnd = 0,
): void {
  const { room, shape, options } = learner;
  const { size } = room.batch;
  drawBatch(kernels, learner, replay, room.batch, room.terminated);
  reward(room.batch, room.rewards);
  metrics.reward += kernels.sum(size, room.rewards) / size;
  addBootstrap(kernels, learner, valueAfterEnd);
  const meanLogProb = stepQ(kernels, learner, metrics);
  metrics.logProb += meanLogProb;
  if (options.temperature === "learnt") stepSoftQTemperature(kernels, learner, meanLogProb);
  kernels.polyak(shape.blockLength, learner.targetQ, learner.q, options.polyak);
  learner.updates++;
  metrics.updates++;
}

/** Turns the batch's rewards into its targets y. */
function addBootstrap(kernels: Kernels, learner: DeepSoftQ, valueAfterEnd: number): void {
  const { room, shape, options, observationSize: n, actionSize: A } = learner;
  const { size, rows, stride } = room.batch;
  const temperature = deepSoftQTemperature(kernels, learner);
  const next = mlpForward(kernels, shape, learner.targetQ, size, rows + 4 * (n + A), stride, room.space);
  const nextQ = kernels.f32(next, size * A);
  const targets = kernels.f32(room.rewards, size);
  const ended = kernels.f32(room.terminated, size);
  for (let i = 0; i < size; i++) {
    const value = ended[i] === 1 ? valueAfterEnd : softValue(nextQ, i * A, A, temperature);
    targets[i] += options.discount * value;
  }
}

/** The step of Q towards the targets in `room.rewards`. Returns the mean over the batch of sum_a pi(a|s) log pi(a|s). */
function stepQ(kernels: Kernels, learner: DeepSoftQ, metrics: SacMetrics): number {
  const { room, shape, observationSize: n, actionSize: A } = learner;
  const { size, rows, stride } = room.batch;
  const temperature = deepSoftQTemperature(kernels, learner);
  const output = mlpForward(kernels, shape, learner.q, size, rows, stride, room.space);
  const q = kernels.f32(output, size * A);
  const targets = kernels.f32(room.rewards, size);
  const batch = kernels.f32(rows, size * stride);
  const dQ = kernels.f32(room.dQ, size * A);
  let [loss, meanQ, meanLogProb] = [0, 0, 0];
  for (let i = 0; i < size; i++) {
    const top = largest(q, i * A, A);
    const mass = logMass(q, i * A, A, top, temperature);
    for (let a = 0; a < A; a++) {
      const at = i * A + a;
      const taken = batch[i * stride + n + a];
      const error = q[at] - targets[i];
      dQ[at] = (taken * error) / size;
      loss += (taken * error * error) / size;
      const logProb = (q[at] - top) / temperature - mass;
      const probability = portableExp(logProb);
      meanQ += (probability * q[at]) / size;
      meanLogProb += (probability * logProb) / size;
    }
  }
  mlpBackward(kernels, shape, learner.q, room.gradient, size, rows, stride, room.space, room.dQ);
  adamStep(kernels, learner.qAdam, learner.q, room.gradient, learner.learningRate, NO_DECAY);
  metrics.criticLoss += loss;
  metrics.meanQ += meanQ;
  return meanLogProb;
}

/** The same step as soft actor-critic's: entropy above the target lowers the temperature. `meanLogProb` is that of the policy, minus its entropy. */
export function stepSoftQTemperature(kernels: Kernels, learner: DeepSoftQ, meanLogProb: number): void {
  const gradient = learner.logTemperature + 4;
  kernels.fill(1, gradient, -(meanLogProb + learner.targetEntropy));
  const { temperatureAdam, logTemperature, learningRate } = learner;
  adamStep(kernels, temperatureAdam, logTemperature, gradient, learningRate, NO_DECAY);
  refreshTemperature(kernels, learner);
}

/** An action for one observation as 1 in its place, into `action`, [A]; drawn from the policy, or its most probable one. */
export function deepSoftQAct(
  kernels: Kernels,
  learner: DeepSoftQ,
  observation: ArrayLike<number>,
  how: "sample" | "mode",
  action: Float32Array,
): void {
  const { room, shape, observationSize: n, actionSize: A } = learner;
  kernels.f32(room.actObservation, n).set(observation);
  const output = mlpForward(kernels, shape, learner.q, 1, room.actObservation, n, room.actSpace);
  const q = kernels.f32(output, A);
  let chosen = 0;
  if (how === "mode") for (let a = 1; a < A; a++) chosen = q[a] > q[chosen] ? a : chosen;
  else chosen = drawAction(kernels, learner, q);
  action.fill(0);
  action[chosen] = 1;
}

/** An action by inverting the cumulated probabilities; what rounding leaves goes to the last. */
function drawAction(kernels: Kernels, learner: DeepSoftQ, q: Float32Array): number {
  const { room, actionSize: A } = learner;
  const STEPS = 2 ** 24;
  drawIndices(kernels, learner, 1, room.actDraw, STEPS);
  let left = (kernels.u32(room.actDraw, 1)[0] + 0.5) / STEPS;
  const temperature = deepSoftQTemperature(kernels, learner);
  const top = largest(q, 0, A);
  const mass = logMass(q, 0, A, top, temperature);
  for (let a = 0; a + 1 < A; a++) {
    left -= portableExp((q[a] - top) / temperature - mass);
    if (left < 0) return a;
  }
  return A - 1;
}

/** V = temperature log( (1/A) sum_a exp(q[first + a] / temperature) ) */
export function softValue(q: Float32Array, first: number, A: number, temperature: number): number {
  const top = largest(q, first, A);
  return top + temperature * (logMass(q, first, A, top, temperature) - portableLog(A));
}

/** log sum_a exp((q[first + a] - top) / temperature), in [0, log A] where `top` is the largest. */
export function logMass(q: Float32Array, first: number, A: number, top: number, temperature: number): number {
  let sum = 0;
  for (let a = first; a < first + A; a++) sum += portableExp((q[a] - top) / temperature);
  return portableLog(sum);
}

/** The largest of q[first] .. q[first + A - 1]. */
export function largest(q: Float32Array, first: number, A: number): number {
  let top = q[first];
  for (let a = first + 1; a < first + A; a++) top = Math.max(top, q[a]);
  return top;
}

/** Every float32 block that defines the learner, by name: [pointer, length]. */
export function deepSoftQTensors(learner: DeepSoftQ): Record<string, [number, number]> {
  const { q, targetQ, qAdam, temperatureAdam, logTemperature, shape } = learner;
  return {
    softQ: [q, shape.blockLength],
    targetSoftQ: [targetQ, shape.blockLength],
    softQMoments: [qAdam.moments, 2 * qAdam.length],
    temperatureMoments: [temperatureAdam.moments, 2],
    logTemperature: [logTemperature, 3],
  };
}

function refreshTemperature(kernels: Kernels, { logTemperature }: DeepSoftQ): void {
  kernels.expVector(1, logTemperature, logTemperature + 8);
}
