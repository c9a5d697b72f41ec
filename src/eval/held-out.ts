/** How well a policy and a reward fit demonstrations that they were not shown: what can be known without the true reward. */
import {
  policySize,
  TandemError,
  transitionCount,
  type ActionSpace,
  type Trajectories,
} from "../core/index.ts";
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
  /** Normalised energy distance of the agent's states from theirs, the absorbing one among them, in [0, 1]. Low is good. */
  readonly stateDistance: number;
}

/** Held-out demonstrations, and room to look at a policy's likelihood of them. */
export interface HeldOut {
  readonly demonstrations: Trajectories;
  /** Steps after which the task cuts an episode. */
  readonly horizon: number;
  /** s | a | ... in policy units, [T, stride]. */
  readonly rows: number;
  readonly stride: number;
  readonly room: LikelihoodRoom;
}

/** Rows looked at at a time. */
const CHUNK = 256;

/** Prepare to measure how well policies of `policy`'s kind fit `demonstrations` of a task that cuts episodes after `horizon` steps. */
export function holdOutDemonstrations(
  kernels: Kernels,
  policy: SoftPolicy,
  actionSpace: ActionSpace,
  demonstrations: Trajectories,
  horizon: number,
): HeldOut {
  const replay = createReplay(kernels, {
    observationSize: demonstrations.observationSize,
    actionSize: policySize(actionSpace),
    capacity: transitionCount(demonstrations),
    keepTrueRewards: false,
  });
  addDemonstrations(kernels, replay, actionSpace, demonstrations);
  const room = likelihoodRoom(kernels, policy, actionSpace, CHUNK);
  return { demonstrations, horizon, rows: replay.rows, stride: replay.stride, room };
}

/** The fit of a policy, the rewards learnt along trajectories (null where none are) and the trajectories it takes. True rewards are not read. */
export function heldOutFit(
  kernels: Kernels,
  heldOut: HeldOut,
  policy: SoftPolicy,
  rewardsAlong: ((trajectories: Trajectories) => Float32Array) | null,
  agent: Trajectories,
): HeldOutFit {
  const { demonstrations, horizon } = heldOut;
  return {
    logLikelihood: meanLogLikelihood(kernels, heldOut, policy),
    rewardGap: rewardsAlong && standardisedGap(rewardsAlong(demonstrations), rewardsAlong(agent)),
    stateDistance: stateDistance(demonstrations, agent, horizon),
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
 *
 * X and Y are states at a step of the horizon: an episode that terminated after L < `horizon` steps is in one absorbing state o for the
 * other horizon - L, one that was cut is not continued. With P, Q the states lived through and a, b the shares of time in o,
 *
 *   E||X - Y|| = (1 - a)(1 - b) E||P - Q|| + (1 - a) b E||P - o|| + a (1 - b) E||Q - o||,   within X and Y alike.
 *
 * o is the mean of P, with sqrt(m) in one more coordinate that is 0 in life; m coordinates vary in P (1 where none does). Then
 * E||P - o||^2 = E||P - P'||^2 = 2 m: the expert's states lie as far from it as from each other. Throws where `horizon` is not a
 * finite number of steps.
 */
export function stateDistance(expert: Trajectories, agent: Trajectories, horizon: number): number {
  if (!(horizon >= 1 && horizon < Infinity)) {
    throw new TandemError(
      "stateDistance",
      `expected a horizon of one step or more, got ${horizon}; give the task's maxEpisodeSteps`,
    );
  }
  const frame = frameOf(expert, agent);
  const [x, y] = [timeOf(expert, frame, horizon), timeOf(agent, frame, horizon)];
  const n = frame.scales.length;
  const between = meanOfMixtures(x, y, n);
  if (between === 0) return 0;
  const within = meanOfMixtures(x, x, n) + meanOfMixtures(y, y, n);
  return Math.max(0, 1 - within / (2 * between));
}

/** The expert's coordinates. */
interface Frame {
  /** 1 / standard deviation, [n]. */
  readonly scales: Float64Array;
  /** Mean of the expert's states, scaled, [n]. */
  readonly centre: Float64Array;
  /** Coordinates that vary in the expert; 1 where none does. */
  readonly varying: number;
}

/** A coordinate whose deviation is a smaller part of its mean does not vary: float32 resolves no less. */
const ROUNDING = 1e-6;

function frameOf(expert: Trajectories, agent: Trajectories): Frame {
  const n = expert.observationSize;
  const column = ({ observations }: Trajectories, i: number): { mean: number; variance: number } => {
    const { mean, variance } = moments(observations.filter((_, at) => at % n === i));
    return { mean, variance: Math.sqrt(variance) > ROUNDING * Math.abs(mean) ? variance : 0 };
  };
  const columns = Array.from({ length: n }, (_, i) => column(expert, i));
  const scales = Float64Array.from(
    columns,
    ({ variance }, i) => 1 / (Math.sqrt(variance) || Math.sqrt(column(agent, i).variance) || 1),
  );
  const centre = scales.map((scale, i) => columns[i].mean * scale);
  return { scales, centre, varying: columns.filter(({ variance }) => variance > 0).length || 1 };
}

/** How a side spends its time. */
interface Time {
  /** Up to `MOST_STATES` states lived through, scaled, [count, n]. */
  readonly states: Float64Array;
  /** Mean distance of `states` from the absorbing state. */
  readonly toAbsorbing: number;
  /** Share of the time in the absorbing state, in [0, 1). */
  readonly absorbed: number;
}

function timeOf(trajectories: Trajectories, frame: Frame, horizon: number): Time {
  const states = scaledStates(trajectories, frame.scales);
  return {
    states,
    toAbsorbing: meanToAbsorbing(states, frame),
    absorbed: absorbedShare(trajectories, horizon),
  };
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

function meanToAbsorbing(states: Float64Array, { centre, varying }: Frame): number {
  const n = centre.length;
  let total = 0;
  for (let i = 0; i < states.length; i += n) {
    let square = varying;
    for (let k = 0; k < n; k++) square += (states[i + k] - centre[k]) ** 2;
    total += Math.sqrt(square);
  }
  return total / (states.length / n);
}

function absorbedShare({ episodeStarts, terminated }: Trajectories, horizon: number): number {
  let [lived, absorbed] = [0, 0];
  for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
    const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
    lived += end - start;
    if (terminated[end - 1] !== 0) absorbed += Math.max(0, horizon - (end - start));
  }
  return absorbed / (lived + absorbed);
}

/** E||X - Y||; of a side with itself, E||X - X'||. */
function meanOfMixtures(x: Time, y: Time, n: number): number {
  const [a, b] = [x.absorbed, y.absorbed];
  const lived = (1 - a) * (1 - b) * meanDistance(x.states, y.states, n);
  return lived + (1 - a) * b * x.toAbsorbing + a * (1 - b) * y.toAbsorbing;
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
