/** The likelihood of given actions under a soft policy, and a step that raises it. */
import { policySize, portableExp, portableLog, type ActionSpace } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { adamStep, mlpBackward, mlpForward, mlpWorkspace, type MlpWorkspace } from "../nn/index.ts";
import { deepSoftQTemperature, largest, logMass, type DeepSoftQ } from "./deep-soft-q.ts";
import { sacLogProb } from "./sac-log-prob.ts";
import { LOG_STD_HIGH, LOG_STD_LOW, type Sac } from "./sac.ts";
import type { SoftPolicy } from "./soft-policy.ts";

/**
 * How near to its bounds an action's density is looked at; one nearer counts as if it lay there (see `sacLogProb`). Experts often act on
 * the bounds, where a tanh-Gaussian has no density.
 */
export const ACTION_MARGIN = 1e-3;

/**
 * Log std at which a step stops making a policy surer. The likelihood of finitely many actions that are fitted exactly has no limit,
 * and the slopes of a std near 0 undo what was learnt.
 */
const SUREST = -5;

/** Rows of state and action in policy units: s (n) | a | whatever follows, leading dimension `stride`. */
export interface PairRows {
  readonly size: number;
  readonly rows: number;
  readonly stride: number;
}

/** Scratch memory for up to `rows` rows. */
export interface LikelihoodRoom {
  readonly space: MlpWorkspace;
  readonly logProb: number;
  readonly dHead: number;
  readonly gradient: number;
}

/** Room for both functions below. */
export function likelihoodRoom(
  kernels: Kernels,
  policy: SoftPolicy,
  actionSpace: ActionSpace,
  rows: number,
): LikelihoodRoom {
  const shape = policy.kind === "sac" ? policy.actorShape : policy.shape;
  return {
    space: mlpWorkspace(kernels, shape, rows),
    logProb: kernels.allocate(rows),
    dHead: kernels.allocate(2 * rows * policySize(actionSpace)),
    gradient: kernels.allocate(shape.blockLength),
  };
}

/** log pi(a|s), nats, of each row into `room.logProb`, [size]; a density in policy units where actions are continuous. */
export function actionLogLikelihood(
  kernels: Kernels,
  policy: SoftPolicy,
  { size, rows, stride }: PairRows,
  room: LikelihoodRoom,
): void {
  const actions = rows + 4 * policy.observationSize;
  const { space, logProb } = room;
  if (policy.kind === "sac")
    sacLogProb(kernels, policy, size, rows, actions, stride, ACTION_MARGIN, space, logProb);
  else categoricalLogProb(kernels, policy, { size, rows, stride }, room);
}

/**
 * One Adam step up the mean log-likelihood of the rows, on the actor or on Q, whose softmax the policy is; decoupled decay `weightDecay`.
 * In place. Returns the mean log-likelihood before it.
 */
export function likelihoodStep(
  kernels: Kernels,
  policy: SoftPolicy,
  batch: PairRows,
  weightDecay: number,
  room: LikelihoodRoom,
): number {
  actionLogLikelihood(kernels, policy, batch, room);
  const { size, rows, stride } = batch;
  if (policy.kind === "sac") gaussianSlopes(kernels, policy, batch, room);
  else softmaxSlopes(kernels, policy, batch, room);
  const [shape, parameters, adam] =
    policy.kind === "sac"
      ? [policy.actorShape, policy.actor, policy.actorAdam]
      : [policy.shape, policy.q, policy.qAdam];
  mlpBackward(kernels, shape, parameters, room.gradient, size, rows, stride, room.space, room.dHead);
  adamStep(kernels, adam, parameters, room.gradient, policy.learningRate, weightDecay);
  policy.updates++;
  return kernels.sum(size, room.logProb) / size;
}

/**
 * Minus the slopes of the mean log-likelihood by the head's mean and log std: with z = (u - mean) / std, d/dmean = z / std and
 * d/dlogStd = z^2 - 1, 0 where the log std is clamped, and where it would fall below `SUREST`.
 */
function gaussianSlopes(
  kernels: Kernels,
  sac: Sac,
  { size, rows, stride }: PairRows,
  room: LikelihoodRoom,
): void {
  const { observationSize: n, actionSize: d } = sac;
  const given = kernels.f32(rows, size * stride);
  const head = kernels.f32(room.space.activations.at(-1)!, 2 * size * d);
  const slopes = kernels.f32(room.dHead, 2 * size * d);
  const bound = 1 - ACTION_MARGIN;
  for (let row = 0; row < size; row++) {
    for (let i = 0; i < d; i++) {
      const a = Math.min(bound, Math.max(-bound, given[row * stride + n + i]));
      const [atMean, atStd] = [2 * row * d + i, (2 * row + 1) * d + i];
      const raw = head[atStd];
      const inverse = portableExp(-Math.min(LOG_STD_HIGH, Math.max(LOG_STD_LOW, raw)));
      const z = (0.5 * portableLog((1 + a) / (1 - a)) - head[atMean]) * inverse;
      slopes[atMean] = (-z * inverse) / size;
      const held = raw <= LOG_STD_LOW || raw >= LOG_STD_HIGH || (raw <= SUREST && z * z < 1);
      slopes[atStd] = held ? 0 : (1 - z * z) / size;
    }
  }
}

/** Minus the slopes of the mean log-likelihood by Q: (pi(b|s) - [b = a]) / (temperature size). */
function softmaxSlopes(
  kernels: Kernels,
  policy: DeepSoftQ,
  { size, rows, stride }: PairRows,
  room: LikelihoodRoom,
): void {
  const { observationSize: n, actionSize: A } = policy;
  const temperature = deepSoftQTemperature(kernels, policy);
  const q = kernels.f32(room.space.activations.at(-1)!, size * A);
  const given = kernels.f32(rows, size * stride);
  const slopes = kernels.f32(room.dHead, size * A);
  for (let row = 0; row < size; row++) {
    const top = largest(q, row * A, A);
    const mass = logMass(q, row * A, A, top, temperature);
    for (let a = 0; a < A; a++) {
      const probability = portableExp((q[row * A + a] - top) / temperature - mass);
      slopes[row * A + a] = (probability - given[row * stride + n + a]) / (temperature * size);
    }
  }
}

function categoricalLogProb(
  kernels: Kernels,
  policy: DeepSoftQ,
  { size, rows, stride }: PairRows,
  room: LikelihoodRoom,
): void {
  const { observationSize: n, actionSize: A, shape, q: parameters } = policy;
  const temperature = deepSoftQTemperature(kernels, policy);
  const output = mlpForward(kernels, shape, parameters, size, rows, stride, room.space);
  const q = kernels.f32(output, size * A);
  const given = kernels.f32(rows, size * stride);
  const logProb = kernels.f32(room.logProb, size);
  for (let row = 0; row < size; row++) {
    const top = largest(q, row * A, A);
    let taken = 0;
    for (let a = 0; a < A; a++) taken += given[row * stride + n + a] * q[row * A + a];
    logProb[row] = (taken - top) / temperature - logMass(q, row * A, A, top, temperature);
  }
}
