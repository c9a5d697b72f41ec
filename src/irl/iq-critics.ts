/** The critics of inverse soft Q-learning (iq-learn.ts) where actions are continuous: those of soft actor-critic, V by one drawn action. */
import { keyFromSeed, nextNormal, streamOf, toPolicyUnits } from "../core/index.ts";
import { transitionCount, type ActionSpace, type Trajectories } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { adamStep, mlpBackward, mlpForward, mlpWorkspace, type MlpWorkspace } from "../nn/index.ts";
import { actionsOfNoise, criticBlock, sacTemperature, sampleActions, type Sac } from "../rl/index.ts";

/** Two critics and room for their values. */
export interface SacCritics {
  readonly kind: "sac";
  readonly policy: Sac;
  /** Estimates of Q, each with an objective of its own. */
  readonly count: 2;
  readonly nextValue: "online" | "target";
  /** (s, a) | (s, a~) | (s', a~'), or s0 in the place of the second s, [3 B, n + d]. */
  readonly pairs: number;
  /** log pi of their actions, 0 for the first B; [3, B]. */
  readonly logProb: number;
  readonly space: MlpWorkspace;
}

/** Room beside a policy. */
export function createSacCritics(
  kernels: Kernels,
  policy: Sac,
  nextValue: SacCritics["nextValue"],
): SacCritics {
  const { observationSize: n, actionSize: d, criticShape, options } = policy;
  const rows = 3 * options.batchSize;
  return {
    kind: "sac",
    policy,
    count: 2,
    nextValue,
    pairs: kernels.allocate(rows * (n + d)),
    logProb: kernels.allocate(rows),
    space: mlpWorkspace(kernels, criticShape, rows),
  };
}

/** (s, a), (v, a~) and (s', a~') of the batch, a~ ~ pi, v the observations at `valueAt`, as far apart as the batch's rows. */
export function drawPairs(kernels: Kernels, critics: SacCritics, valueAt: number): void {
  const { policy, pairs } = critics;
  const { observationSize: n, actionSize: d } = policy;
  const { size, rows, stride } = policy.room.batch;
  kernels.copyRows(size, n + d, rows, stride, pairs, n + d);
  drawBlock(kernels, critics, 2, rows + 4 * (n + d));
  drawBlock(kernels, critics, 1, valueAt);
}

/** Observations, an action of the policy for each and its log-probability, into a third of `pairs` and of `logProb`. */
function drawBlock(
  kernels: Kernels,
  { policy, pairs, logProb }: SacCritics,
  block: 1 | 2,
  observations: number,
): void {
  const { room, observationSize, actionSize } = policy;
  const { size } = room.batch;
  const width = observationSize + actionSize;
  sampleActions(kernels, policy, observations);
  kernels.copyRows(size, width, room.pair, width, pairs + 4 * block * size * width, width);
  kernels.copyRows(1, size, room.logProb, size, logProb + 4 * block * size, size);
}

/** Rows that are differentiated: all, or all but those of s'. */
function differentiated({ policy, nextValue }: SacCritics): number {
  return (nextValue === "online" ? 3 : 2) * policy.room.batch.size;
}

/** Q(s, a) | V(v) | V(s') of one critic into `values`, [3, B]; V = Q(., a~) - temperature log pi(a~|.). */
export function sacValues(kernels: Kernels, critics: SacCritics, critic: number, values: number): void {
  const { policy, pairs, logProb, space } = critics;
  const { size } = policy.room.batch;
  const { criticShape: shape } = policy;
  const width = policy.observationSize + policy.actionSize;
  const rows = differentiated(critics);
  if (rows === 2 * size) {
    const target = criticBlock(policy, policy.targetCritics, critic);
    const next = mlpForward(kernels, shape, target, size, pairs + 4 * rows * width, width, space);
    kernels.copyRows(1, size, next, size, values + 4 * rows, size);
  }
  const online = criticBlock(policy, policy.critics, critic);
  const own = mlpForward(kernels, shape, online, rows, pairs, width, space);
  kernels.copyRows(1, rows, own, rows, values, rows);
  kernels.axpy(3 * size, -sacTemperature(kernels, policy), logProb, values);
}

/** The critic's parameter gradient, after `sacValues`, of what has these slopes by its values. */
export function sacBackward(kernels: Kernels, critics: SacCritics, critic: number, slopes: number): void {
  const { policy, pairs, space } = critics;
  const width = policy.observationSize + policy.actionSize;
  const parameters = criticBlock(policy, policy.critics, critic);
  const gradients = criticBlock(policy, policy.room.criticGradient, critic);
  const rows = differentiated(critics);
  mlpBackward(kernels, policy.criticShape, parameters, gradients, rows, pairs, width, space, slopes);
}

/** One step of Adam down the gradients of both critics. */
export function stepSacCritics(kernels: Kernels, { policy }: SacCritics): void {
  adamStep(kernels, policy.criticAdam, policy.critics, policy.room.criticGradient, policy.learningRate, 0);
}

/** Pairs of actions +-noise by which V is averaged in `recoveredReward`, the same for all states. */
const ACTION_PAIRS = 8;

/**
 * The reward of every step, [T]: r = Q(s, a) - gamma V(s'), Q the smaller of the critics, as the actor sees it, and V its mean of
 * Q - temperature log pi over 16 actions of the policy, `valueAfterEnd` after an end. Their noise is fixed: r depends on the step and on
 * the networks alone, and no random number of the training is used.
 */
export function sacRecoveredReward(
  kernels: Kernels,
  sac: Sac,
  actionSpace: ActionSpace,
  trajectories: Trajectories,
  valueAfterEnd: number,
): Float32Array {
  const { discount } = sac.options;
  const { size } = sac.room.batch;
  const steps = transitionCount(trajectories);
  const rewards = new Float32Array(steps);
  const nextValues = new Float64Array(size);
  const noise = actionNoise(sac.actionSize);
  for (let first = 0; first < steps; first += size) {
    const count = Math.min(size, steps - first);
    addNextValues(kernels, sac, trajectories, first, count, noise, nextValues.fill(0));
    loadPairs(kernels, sac, actionSpace, trajectories, first, count);
    const q = smallerCritic(kernels, sac, count);
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
  sac: Sac,
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
  sac: Sac,
  actionSpace: ActionSpace,
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
    toPolicyUnits(actionSpace, actions.subarray(t * d, (t + 1) * d), unit);
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
