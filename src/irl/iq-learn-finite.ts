/**
 * The one Q of inverse soft Q-learning (iq-learn.ts) where actions are finitely many, that of soft Q-learning (deep-soft-q.ts): the
 * policy is its softmax, so that no action is drawn and J is a function of Q alone,
 *
 *   V(s) = temperature log( (1/A) sum_a exp(Q(s, a) / temperature) ),   dV(s) / dQ(s, a) = pi(a|s) = exp(Q(s, a) / temperature) / Z(s).
 */
import { portableExp, toPolicyUnits } from "../core/index.ts";
import type { ActionSpace, Trajectories } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { adamStep, mlpBackward, mlpForward, mlpWorkspace, type MlpWorkspace } from "../nn/index.ts";
import {
  deepSoftQTemperature,
  largest,
  logMass,
  softValue,
  stepSoftQTemperature,
  type DeepSoftQ,
  type SacMetrics,
} from "../rl/index.ts";

/** Q and room for its values. */
export interface FiniteCritic {
  readonly kind: "deep-soft-q";
  readonly policy: DeepSoftQ;
  /** Estimates of Q. */
  readonly count: 1;
  readonly nextValue: "online" | "target";
  /** s | v | s', [3 B, n]: v where V stands for itself in J, the batch's s or initial states. */
  readonly observations: number;
  /** d / dQ(., a) of the same rows, [3 B, A]. */
  readonly dQ: number;
  readonly space: MlpWorkspace;
}

/** Room beside a policy. */
export function createFiniteCritic(
  kernels: Kernels,
  policy: DeepSoftQ,
  nextValue: FiniteCritic["nextValue"],
): FiniteCritic {
  const { observationSize, actionSize, shape, options } = policy;
  const rows = 3 * options.batchSize;
  return {
    kind: "deep-soft-q",
    policy,
    count: 1,
    nextValue,
    observations: kernels.allocate(rows * observationSize),
    dQ: kernels.allocate(rows * actionSize),
    space: mlpWorkspace(kernels, shape, rows),
  };
}

/** s, v and s' of the batch, v the observations at `valueAt`, as far apart as the batch's rows. */
export function gatherObservations(kernels: Kernels, critic: FiniteCritic, valueAt: number): void {
  const { policy, observations } = critic;
  const { observationSize: n, actionSize: A } = policy;
  const { size, rows, stride } = policy.room.batch;
  for (const [block, from] of [rows, valueAt, rows + 4 * (n + A)].entries())
    kernels.copyRows(size, n, from, stride, observations + 4 * block * size * n, n);
}

/** Rows that are differentiated: all, or all but those of s'. */
function differentiated({ policy, nextValue }: FiniteCritic): number {
  return (nextValue === "online" ? 3 : 2) * policy.room.batch.size;
}

/** Q(s, a) | V(v) | V(s') into `values`, [3, B]. */
export function finiteValues(kernels: Kernels, critic: FiniteCritic, values: number): void {
  const { policy, observations, space } = critic;
  const { shape, q, targetQ, observationSize: n, actionSize: A, room } = policy;
  const { size, rows: drawn, stride } = room.batch;
  const rows = differentiated(critic);
  if (rows === 2 * size) {
    const from = observations + 4 * rows * n;
    const next = mlpForward(kernels, shape, targetQ, size, from, n, space);
    writeSoftValues(kernels, policy, next, size, values + 4 * rows);
  }
  const output = mlpForward(kernels, shape, q, rows, observations, n, space);
  writeSoftValues(kernels, policy, output + 4 * size * A, rows - size, values + 4 * size);
  const table = kernels.f32(output, size * A);
  const batch = kernels.f32(drawn, size * stride);
  const taken = kernels.f32(values, size);
  for (let i = 0; i < size; i++) {
    taken[i] = 0;
    for (let a = 0; a < A; a++) taken[i] += batch[i * stride + n + a] * table[i * A + a];
  }
}

/** V of rows of Q, [rows, A], into `out`. */
function writeSoftValues(
  kernels: Kernels,
  policy: DeepSoftQ,
  output: number,
  rows: number,
  out: number,
): void {
  const A = policy.actionSize;
  const temperature = deepSoftQTemperature(kernels, policy);
  const table = kernels.f32(output, rows * A);
  const values = kernels.f32(out, rows);
  for (let i = 0; i < rows; i++) values[i] = softValue(table, i * A, A, temperature);
}

/** Q's parameter gradient, after `finiteValues`, of what has these slopes by its values. */
export function finiteBackward(kernels: Kernels, critic: FiniteCritic, slopes: number): void {
  const { policy, observations, space, dQ } = critic;
  const { shape, q, observationSize: n, actionSize: A, room } = policy;
  const { size, rows: drawn, stride } = room.batch;
  const rows = differentiated(critic);
  const temperature = deepSoftQTemperature(kernels, policy);
  const table = kernels.f32(outputOf(critic), rows * A);
  const batch = kernels.f32(drawn, size * stride);
  const by = kernels.f32(slopes, rows);
  const out = kernels.f32(dQ, rows * A);
  for (let i = 0; i < size; i++)
    for (let a = 0; a < A; a++) out[i * A + a] = by[i] * batch[i * stride + n + a];
  for (let i = size; i < rows; i++) {
    const top = largest(table, i * A, A);
    const mass = logMass(table, i * A, A, top, temperature);
    for (let a = 0; a < A; a++)
      out[i * A + a] = by[i] * portableExp((table[i * A + a] - top) / temperature - mass);
  }
  mlpBackward(kernels, shape, q, room.gradient, rows, observations, n, space, dQ);
}

/** One step of Adam down the gradient. */
export function stepFiniteCritic(kernels: Kernels, { policy }: FiniteCritic): void {
  adamStep(kernels, policy.qAdam, policy.q, policy.room.gradient, policy.learningRate, 0);
}

/** What soft Q-learning does after a step of Q: temperature and target, by the policy of the batch's s as it was before the step. */
export function followFiniteCritic(kernels: Kernels, critic: FiniteCritic, metrics: SacMetrics): void {
  const { policy } = critic;
  const { shape, options, actionSize: A, room } = policy;
  const { size } = room.batch;
  const temperature = deepSoftQTemperature(kernels, policy);
  const table = kernels.f32(outputOf(critic), size * A);
  let [meanQ, meanLogProb] = [0, 0];
  for (let i = 0; i < size; i++) {
    const top = largest(table, i * A, A);
    const mass = logMass(table, i * A, A, top, temperature);
    for (let a = 0; a < A; a++) {
      const logProb = (table[i * A + a] - top) / temperature - mass;
      const probability = portableExp(logProb);
      meanQ += (probability * table[i * A + a]) / size;
      meanLogProb += (probability * logProb) / size;
    }
  }
  metrics.meanQ += meanQ;
  metrics.logProb += meanLogProb;
  if (options.temperature === "learnt") stepSoftQTemperature(kernels, policy, meanLogProb);
  kernels.polyak(shape.blockLength, policy.targetQ, policy.q, options.polyak);
  policy.updates++;
  metrics.updates++;
}

/** Q(., a) of the rows of the last forward pass. */
function outputOf({ space }: FiniteCritic): number {
  return space.activations.at(-1)!;
}

/** The reward of every step, [T], exactly: r = Q(s, a) - gamma V(s'), `valueAfterEnd` after an end. */
export function finiteRecoveredReward(
  kernels: Kernels,
  critic: FiniteCritic,
  actionSpace: ActionSpace,
  { observations, nextObservations, actions, terminated }: Trajectories,
  valueAfterEnd: number,
): Float32Array {
  const { policy, space } = critic;
  const { shape, q, observationSize: n, actionSize: A, room, options } = policy;
  const steps = terminated.length;
  const temperature = deepSoftQTemperature(kernels, policy);
  const unit = new Float32Array(A);
  const rewards = new Float32Array(steps);
  const { size } = room.batch;
  for (let first = 0; first < steps; first += size) {
    const count = Math.min(size, steps - first);
    const inputs = kernels.f32(critic.observations, 2 * count * n);
    inputs.set(observations.subarray(first * n, (first + count) * n));
    inputs.set(nextObservations.subarray(first * n, (first + count) * n), count * n);
    const output = mlpForward(kernels, shape, q, 2 * count, critic.observations, n, space);
    const table = kernels.f32(output, 2 * count * A);
    for (let i = 0; i < count; i++) {
      toPolicyUnits(actionSpace, actions.subarray(first + i, first + i + 1), unit);
      const next =
        terminated[first + i] === 1 ? valueAfterEnd : softValue(table, (count + i) * A, A, temperature);
      rewards[first + i] = table[i * A + unit.indexOf(1)] - options.discount * next;
    }
  }
  return rewards;
}
