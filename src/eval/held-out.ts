/** How well a policy and a reward fit demonstrations that they were not shown: what can be known without the true reward. */
import { policySize, transitionCount, type ActionSpace, type Trajectories } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  actionLogLikelihood,
  addDemonstrations,
  createReplay,
  likelihoodRoom,
  type LikelihoodRoom,
  type SoftPolicy,
} from "../rl/index.ts";

/** Measured on held-out demonstrations. */
export interface HeldOutFit {
  /** Mean log pi(a|s) over their steps, nats; a density in policy units where actions are continuous. High is good. */
  readonly logLikelihood: number;
  /**
   * Mean learned reward of their steps minus that of the agent's, over the standard deviation of the reward on both together. 0 where
   * the reward cannot tell them apart; null where no reward is learnt. Low is good, as far as the reward is.
   */
  readonly rewardGap: number | null;
  /** Normalised energy distance of the agent's states from theirs, in [0, 1]. Low is good. */
  readonly stateDistance: number;
}

/** Held-out demonstrations, and room to look at a policy's likelihood of them. */
export interface HeldOut {
  readonly demonstrations: Trajectories;
  /** s | a | ... in policy units, [T, stride]. */
  readonly rows: number;
  readonly stride: number;
  readonly room: LikelihoodRoom;
}

/** Rows looked at at a time. */
const CHUNK = 256;

/** Prepare to measure how well policies of `policy`'s kind fit `demonstrations`. */
export function holdOutDemonstrations(
  kernels: Kernels,
  policy: SoftPolicy,
  actionSpace: ActionSpace,
  demonstrations: Trajectories,
): HeldOut {
  const replay = createReplay(kernels, {
    observationSize: demonstrations.observationSize,
    actionSize: policySize(actionSpace),
    capacity: transitionCount(demonstrations),
    keepTrueRewards: false,
  });
  addDemonstrations(kernels, replay, actionSpace, demonstrations);
  const room = likelihoodRoom(kernels, policy, actionSpace, CHUNK);
  return { demonstrations, rows: replay.rows, stride: replay.stride, room };
}

/** The fit of a policy, the rewards learnt along trajectories (null where none are) and the trajectories it takes. True rewards are not read. */
export function heldOutFit(
  kernels: Kernels,
  heldOut: HeldOut,
  policy: SoftPolicy,
  rewardsAlong: ((trajectories: Trajectories) => Float32Array) | null,
  agent: Trajectories,
): HeldOutFit {
  const { demonstrations } = heldOut;
  return {
    logLikelihood: meanLogLikelihood(kernels, heldOut, policy),
    rewardGap: rewardsAlong && standardisedGap(rewardsAlong(demonstrations), rewardsAlong(agent)),
    stateDistance: stateDistance(demonstrations, agent),
  };
}

function meanLogLikelihood(
  kernels: Kernels,
  { demonstrations, rows, stride, room }: HeldOut,
  policy: SoftPolicy,
): number {
  const count = transitionCount(demonstrations);
  let total = 0;
  for (let first = 0; first < count; first += CHUNK) {
    const size = Math.min(CHUNK, count - first);
    actionLogLikelihood(kernels, policy, { size, rows: rows + 4 * first * stride, stride }, room);
    for (const each of kernels.f32(room.logProb, size)) total += each;
  }
  return total / count;
}

/** (mean of a - mean of b) / standard deviation of both, each side counting for half; 0 where nothing varies. */
export function standardisedGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [first, second] = [moments(a), moments(b)];
  const gap = first.mean - second.mean;
  const deviation = Math.sqrt((first.variance + second.variance) / 2 + (gap * gap) / 4);
  return deviation > 0 ? gap / deviation : 0;
}

function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i] / values.length;
  let variance = 0;
  for (let i = 0; i < values.length; i++) variance += (values[i] - mean) ** 2 / values.length;
  return { mean, variance };
}

/** States of each side that are compared at most, evenly spaced. */
const MOST_STATES = 500;

/**
 * Energy distance between the states of two sets of trajectories (Székely and Rizzo, "Energy statistics", 2013), normalised:
 *
 *   1 - (E||X - X'|| + E||Y - Y'||) / (2 E||X - Y||),
 *
 * 0 where the distributions are the same, towards 1 where they lie far apart. Coordinates are scaled by the expert's standard deviation,
 * so that candidates of one task are measured alike; one that never varies in the expert is scaled by the agent's.
 */
export function stateDistance(expert: Trajectories, agent: Trajectories): number {
  const scales = coordinateScales(expert, agent);
  const [x, y] = [scaledStates(expert, scales), scaledStates(agent, scales)];
  const between = meanDistance(x, y, scales.length);
  if (between === 0) return 0;
  const within = meanDistance(x, x, scales.length) + meanDistance(y, y, scales.length);
  return Math.max(0, 1 - within / (2 * between));
}

function coordinateScales(expert: Trajectories, agent: Trajectories): Float64Array {
  const n = expert.observationSize;
  const deviation = ({ observations }: Trajectories, i: number): number =>
    Math.sqrt(moments(observations.filter((_, at) => at % n === i)).variance);
  return Float64Array.from({ length: n }, (_, i) => 1 / (deviation(expert, i) || deviation(agent, i) || 1));
}

/** Up to `MOST_STATES` states, scaled, [count, n]. */
function scaledStates(trajectories: Trajectories, scales: Float64Array): Float64Array {
  const n = scales.length;
  const total = transitionCount(trajectories);
  const count = Math.min(MOST_STATES, total);
  const states = new Float64Array(count * n);
  for (let k = 0; k < count; k++) {
    const t = Math.floor((k * total) / count);
    for (let i = 0; i < n; i++) states[k * n + i] = trajectories.observations[t * n + i] * scales[i];
  }
  return states;
}

/** Mean Euclidean distance over all pairs of rows of [., n]; of a sample with itself, over pairs of two. */
function meanDistance(x: Float64Array, y: Float64Array, n: number): number {
  let total = 0;
  for (let i = 0; i < x.length; i += n) {
    for (let j = 0; j < y.length; j += n) {
      let square = 0;
      for (let k = 0; k < n; k++) square += (x[i + k] - y[j + k]) ** 2;
      total += Math.sqrt(square);
    }
  }
  const [rows, others] = [x.length / n, y.length / n];
  return total / (rows * (x === y ? Math.max(1, others - 1) : others));
}
