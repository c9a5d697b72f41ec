/**
 * The distances of reward-distance.ts for rewards and problems that are functions: canonical forms at transitions drawn
 * from a coverage set, every expectation a mean over draws. Both rewards see the same draws. Errors fall as
 * 1 / sqrt(transitions) and 1 / sqrt(samples). Episodes are taken to go on for ever: terminations are not looked at.
 */
import {
  foldIn,
  nextInteger,
  split,
  streamOf,
  TandemError,
  transitionCount,
  type Key,
  type RandomStream,
  type Trajectories,
} from "../core/index.ts";
import { halfLength, largestOf, normalised, standardised } from "./unit-rewards.ts";

/**
 * R(s, a, s') of n transitions, [n]. Given are observations [n, observationSize], actions [n, actionSize] in the units of
 * the coverage and next observations [n, observationSize], all borrowed. A reward r(s, a) or r(s) ignores the rest.
 */
export type RewardFunction = (
  observations: Float32Array,
  actions: Float32Array,
  nextObservations: Float32Array,
) => Float64Array;

/** A draw S' ~ P(s, a) for each of n pairs, [n, observationSize], with the stream's random numbers. Inputs are borrowed. */
export type TransitionModel = (
  observations: Float32Array,
  actions: Float32Array,
  stream: RandomStream,
) => Float32Array;

/** Where, for which discount and with how many draws two rewards are compared. */
export interface SampledDistanceOptions {
  /** gamma, in [0, 1]. */
  readonly discount: number;
  /** Transitions to draw from, with replacement: D. Its observations are D_S, its actions D_A, each drawn apart. */
  readonly coverage: Trajectories;
  /** N_V, transitions at which the rewards are compared. */
  readonly transitions: number;
  /** N_M, draws for each expectation; for STARC, rollouts from each pair. */
  readonly samples: number;
  readonly key: Key;
  /** Heard after each of the N_V transitions; undefined for nobody. */
  readonly onTransition?: () => void;
}

/** Canonical rewards of norm 1 at the same N_V transitions, [N_V] each; all 0 for a reward that is trivial. */
export type CanonicalPoints = readonly Float64Array[];

/** Those of STARC. */
export interface SampledStarcOptions extends SampledDistanceOptions {
  /** Steps of a rollout, after which returns are cut: an error of gamma^horizon in the values. */
  readonly horizon: number;
}

/**
 * `epicDistance` with the pooled estimator of arXiv:2006.13900, Appendix A.1: E R(s, A, S') is the mean over one pool of
 * N_M draws (A, S'), the same for all s. E R(S, A, S') is the same everywhere, which a correlation does not see, and left
 * out. Asks each reward N_V (2 N_M + 1) times.
 */
export function sampledEpicDistance(
  first: RewardFunction,
  second: RewardFunction,
  options: SampledDistanceOptions,
): number {
  const [x, y] = sampledEpicPoints([first, second], options);
  return pointDistance(x, y);
}

/** The points between which `sampledEpicDistance` is half the length, for any number of rewards under the same draws. */
export function sampledEpicPoints(
  functions: readonly RewardFunction[],
  options: SampledDistanceOptions,
): CanonicalPoints {
  const { batch, rewards, values } = drawn("sampledEpicDistance", functions, options);
  const { coverage, discount, samples, key } = options;
  const { observationSize, observations } = coverage;
  const stream = streamOf(foldIn(key, 1));
  const actions = drawActions(coverage, samples, stream);
  const nextObservations = drawRows(observations, observationSize, samples, stream);
  const canonical = values.map((each) => each.slice());
  for (let i = 0; i < options.transitions; i++) {
    const s = repeatRow(batch.observations, observationSize, i, samples);
    const next = repeatRow(batch.nextObservations, observationSize, i, samples);
    rewards.forEach((reward, k) => {
      canonical[k][i] +=
        discount * mean(reward(next, actions, nextObservations)) - mean(reward(s, actions, nextObservations));
    });
    options.onTransition?.();
  }
  return points(standardised, canonical, values);
}

/**
 * `dardDistance` with S' and S'' drawn from `model`, one of each for every one of N_M actions (arXiv:2201.10081, Eq. 3).
 * Asks the model 2 N_V N_M times and each reward N_V (3 N_M + 1) times.
 */
export function sampledDardDistance(
  model: TransitionModel,
  first: RewardFunction,
  second: RewardFunction,
  options: SampledDistanceOptions,
): number {
  const [x, y] = sampledDardPoints(model, [first, second], options);
  return pointDistance(x, y);
}

/** The points between which `sampledDardDistance` is half the length, for any number of rewards under the same draws. */
export function sampledDardPoints(
  model: TransitionModel,
  functions: readonly RewardFunction[],
  options: SampledDistanceOptions,
): CanonicalPoints {
  const { batch, rewards, values } = drawn("sampledDardDistance", functions, options);
  const { coverage, discount, samples, key } = options;
  const { observationSize } = coverage;
  const stream = streamOf(foldIn(key, 1));
  const actions = drawActions(coverage, samples, stream);
  const canonical = values.map((each) => each.slice());
  for (let i = 0; i < options.transitions; i++) {
    const s = repeatRow(batch.observations, observationSize, i, samples);
    const next = repeatRow(batch.nextObservations, observationSize, i, samples);
    const fromS = model(s, actions, stream);
    const fromNext = model(next, actions, stream);
    rewards.forEach((reward, k) => {
      canonical[k][i] +=
        discount * mean(reward(next, actions, fromNext)) -
        mean(reward(s, actions, fromS)) -
        discount * mean(reward(fromS, actions, fromNext));
    });
    options.onTransition?.();
  }
  return points(standardised, canonical, values);
}

/**
 * `starcDistance` in its value-adjusted form, which is the advantage of the policy that draws from D_A: the mean return of
 * N_M rollouts from (s, a) less that of as many from s. What noise they leave counts as reward, a bias that falls as
 * 1 / N_M; shaping leaves gamma^horizon of itself. Asks the model and each reward 2 N_V N_M horizon times.
 */
export function sampledStarcDistance(
  model: TransitionModel,
  first: RewardFunction,
  second: RewardFunction,
  options: SampledStarcOptions,
): number {
  const [x, y] = sampledStarcPoints(model, [first, second], options);
  return pointDistance(x, y);
}

/** The points between which `sampledStarcDistance` is half the length, for any number of rewards under the same draws. */
export function sampledStarcPoints(
  model: TransitionModel,
  functions: readonly RewardFunction[],
  options: SampledStarcOptions,
): CanonicalPoints {
  const { batch, rewards, values } = drawn("sampledStarcDistance", functions, options);
  const { coverage, samples, key, horizon } = options;
  requireCount("sampledStarcDistance", "horizon", horizon);
  const canonical = values.map((each) => new Float64Array(each.length));
  for (let i = 0; i < options.transitions; i++) {
    const s = repeatRow(batch.observations, coverage.observationSize, i, samples);
    const given = repeatRow(batch.actions, coverage.actionSize, i, samples);
    const [actionKey, rolloutKey] = split(foldIn(foldIn(key, 1), i), 2);
    const own = drawActions(coverage, samples, streamOf(actionKey));
    // Both halves go on with the same random numbers, so that much of their noise is shared and cancels.
    const after = meanReturns(model, rewards, s, given, options, streamOf(rolloutKey));
    const before = meanReturns(model, rewards, s, own, options, streamOf(rolloutKey));
    canonical.forEach((each, k) => (each[i] = after[k] - before[k]));
    options.onTransition?.();
  }
  return points(normalised, canonical, values);
}

interface Batch {
  readonly observations: Float32Array;
  readonly actions: Float32Array;
  readonly nextObservations: Float32Array;
}

/** The transitions at which the rewards are compared, the rewards with their answers checked, and what they are there. */
function drawn(
  where: string,
  functions: readonly RewardFunction[],
  { coverage, discount, transitions, samples, key }: SampledDistanceOptions,
): { batch: Batch; rewards: RewardFunction[]; values: Float64Array[] } {
  if (!(discount >= 0 && discount <= 1)) {
    throw new TandemError(where, `expected a discount in [0, 1], got ${discount}`);
  }
  requireCount(where, "transitions", transitions);
  requireCount(where, "samples", samples);
  const recorded = transitionCount(coverage);
  if (recorded === 0) throw new TandemError(where, "expected a coverage of some transitions, got none");
  const stream = streamOf(foldIn(key, 0));
  const rows = Uint32Array.from({ length: transitions }, () => nextInteger(stream, recorded));
  const { observationSize, actionSize } = coverage;
  const batch: Batch = {
    observations: takeRows(coverage.observations, observationSize, rows),
    actions: takeRows(coverage.actions, actionSize, rows),
    nextObservations: takeRows(coverage.nextObservations, observationSize, rows),
  };
  const rewards = functions.map((reward) => checkedReward(where, reward, actionSize));
  const values = rewards.map((reward) => reward(batch.observations, batch.actions, batch.nextObservations));
  return { batch, rewards, values };
}

/** Mean over rollouts of sum_{t < horizon} gamma^t R, for each reward; `actions` are the first, the others are of D_A. */
function meanReturns(
  model: TransitionModel,
  rewards: readonly RewardFunction[],
  observations: Float32Array,
  actions: Float32Array,
  { coverage, discount, samples, horizon }: SampledStarcOptions,
  stream: RandomStream,
): number[] {
  const returns = rewards.map(() => 0);
  for (let t = 0, weight = 1; t < horizon; t++, weight *= discount) {
    const nextObservations = model(observations, actions, stream);
    rewards.forEach((reward, k) => {
      returns[k] += weight * mean(reward(observations, actions, nextObservations));
    });
    observations = nextObservations;
    actions = drawActions(coverage, samples, stream);
  }
  return returns;
}

/** Half the length between two points, in [0, 1]. */
export function pointDistance(x: Float64Array, y: Float64Array): number {
  return halfLength(x, y, evenly(x.length));
}

function points(
  point: typeof normalised,
  canonical: readonly Float64Array[],
  values: readonly Float64Array[],
): CanonicalPoints {
  return canonical.map((each, k) => point(each, evenly(each.length), largestOf(values[k])));
}

function evenly(count: number): Float64Array {
  return new Float64Array(count).fill(1 / count);
}

function drawActions(
  { actions, actionSize }: Trajectories,
  count: number,
  stream: RandomStream,
): Float32Array {
  return drawRows(actions, actionSize, count, stream);
}

function drawRows(column: Float32Array, size: number, count: number, stream: RandomStream): Float32Array {
  const rows = Uint32Array.from({ length: count }, () => nextInteger(stream, column.length / size));
  return takeRows(column, size, rows);
}

function repeatRow(column: Float32Array, size: number, row: number, count: number): Float32Array {
  return takeRows(column, size, new Uint32Array(count).fill(row));
}

function takeRows(column: Float32Array, size: number, rows: Uint32Array): Float32Array {
  const taken = new Float32Array(rows.length * size);
  rows.forEach((row, i) => taken.set(column.subarray(row * size, (row + 1) * size), i * size));
  return taken;
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** `reward`, refusing answers that are too few, too many or not finite. */
function checkedReward(where: string, reward: RewardFunction, actionSize: number): RewardFunction {
  return (observations, actions, nextObservations) => {
    const values = reward(observations, actions, nextObservations);
    const count = actions.length / actionSize;
    if (values.length === count && values.every(Number.isFinite)) return values;
    const got = values.length === count ? values.find((value) => !Number.isFinite(value)) : values.length;
    throw new TandemError(where, `expected ${count} finite rewards, got ${got}; check the reward function`);
  };
}

function requireCount(where: string, name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new TandemError(where, `expected a whole number from 1 as ${name}, got ${value}`);
}
