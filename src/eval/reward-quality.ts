/** EPIC, DARD and STARC of learned rewards from the true one: exactly in tabular problems, from a simulator elsewhere. */
import { foldIn, nextInteger, streamOf, type Key, type Trajectories } from "../core/index.ts";
import type { Environment, TabularMdp } from "../envs/index.ts";
import { quantileOf } from "./bootstrap.ts";
import type { RewardsAlong } from "./common-rows.ts";
import {
  dardCanonical,
  epicCanonical,
  possibleCoverage,
  starcCanonical,
  uniformCoverage,
} from "./reward-distance.ts";
import {
  pointDistance,
  sampledDardPoints,
  sampledEpicPoints,
  sampledStarcPoints,
  type CanonicalPoints,
  type RewardFunction,
} from "./sampled-reward-distance.ts";
import { simulated } from "./simulator.ts";
import { halfLength, largestOf, normalised, standardised } from "./unit-rewards.ts";

/** Which pseudometric. */
export type DistanceKind = "EPIC" | "DARD" | "STARC";

/** One learned reward's distance from the true one. */
export interface QualityDistance {
  /** In [0, 1]; null where a reward is trivial (see `trivial`): then there is none. */
  readonly distance: number | null;
  /** 95 % over resampled transitions, the draws at each held; null where exact or without a distance. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** A pseudometric of several learned rewards, all under the same draws. */
export interface MeasuredDistance {
  readonly kind: DistanceKind;
  readonly exact: boolean;
  /** Of each learned reward, in the order given. */
  readonly rewards: readonly QualityDistance[];
  /** Whether the canonical form is 0, that is, the reward constant up to shaping: of the true one, and of each learned one. */
  readonly trivial: { readonly truth: boolean; readonly learned: readonly boolean[] };
  /** Of the sampled ones: N_V, N_M, the horizon of STARC's rollouts, and the simulator's steps. */
  readonly draws: SampleSize | null;
  readonly simulatorSteps: number;
}

/** Draws of a sampled distance. */
export interface SampleSize {
  /** N_V: transitions at which rewards are compared. */
  readonly transitions: number;
  /** N_M: draws for each expectation, or rollouts from each pair. */
  readonly samples: number;
  /** Steps of a rollout; STARC only. */
  readonly horizon: number;
}

/** A learned reward as the distances ask for it: nothing has terminated. */
export function asRewardFunction(
  learned: RewardsAlong,
  { observationSize, actionSize }: Pick<Trajectories, "observationSize" | "actionSize">,
): RewardFunction {
  return (observations, actions, nextObservations) => {
    const count = actions.length / actionSize;
    return Float64Array.from(
      learned({
        observationSize,
        actionSize,
        observations,
        actions,
        nextObservations,
        rewards: null,
        terminated: new Uint8Array(count),
        truncated: new Uint8Array(count),
        episodeStarts: Uint32Array.from({ length: count + 1 }, (_, row) => row),
      }),
    );
  };
}

/** What `sampledDistance` is told. */
export interface SampledQualityOptions extends SampleSize {
  readonly discount: number;
  /** D: rows to draw transitions, states and actions from. */
  readonly coverage: Trajectories;
  readonly key: Key;
  /** Heard after each of the transitions. */
  readonly onTransition: () => void;
}

/** One pseudometric from samples; the environment loses its episode, and must tell its state from an observation. */
export function sampledDistance(
  kind: DistanceKind,
  environment: Environment,
  learned: readonly RewardsAlong[],
  options: SampledQualityOptions,
): MeasuredDistance {
  const { transitions, samples, horizon, key } = options;
  const world = simulated(environment);
  const rewards = [world.reward, ...learned.map((each) => asRewardFunction(each, options.coverage))];
  const draws = { ...options, key: foldIn(key, 0) };
  const points =
    kind === "EPIC"
      ? sampledEpicPoints(rewards, draws)
      : kind === "DARD"
        ? sampledDardPoints(world.transitions, rewards, draws)
        : sampledStarcPoints(world.transitions, rewards, draws);
  const centred = kind !== "STARC";
  const [truth, ...others] = points;
  return {
    ...fromTruth(kind, points, pointDistance),
    exact: false,
    rewards: others.map((point) =>
      isTrivial(truth) || isTrivial(point)
        ? { distance: null, interval: null }
        : {
            distance: pointDistance(truth, point),
            interval: distanceInterval(truth, point, centred, foldIn(key, 1)),
          },
    ),
    draws: { transitions, samples, horizon },
    simulatorSteps: world.steps(),
  };
}

/**
 * One pseudometric exactly, rewards as tables [S, A] of `mdp`: EPIC under the coverage that is even over all (s, a, s'), DARD
 * and STARC (value-adjusted) under the one that is even over pairs and follows the problem.
 */
export function exactDistance(
  kind: DistanceKind,
  mdp: TabularMdp,
  learned: readonly ArrayLike<number>[],
  discount: number,
): MeasuredDistance {
  const tables = [mdp.rewards, ...learned];
  const coverage = kind === "EPIC" ? uniformCoverage(mdp) : possibleCoverage(mdp);
  const options = { discount, coverage };
  const weights = kind === "STARC" ? pairWeights(mdp) : coverage;
  const points = tables.map((table) => {
    const largest = largestOf(table);
    if (kind === "EPIC") return standardised(epicCanonical(mdp, table, options), weights, largest);
    if (kind === "DARD") return standardised(dardCanonical(mdp, table, options), weights, largest);
    return normalised(
      starcCanonical(mdp, table, { ...options, canonical: "value-adjusted" }),
      weights,
      largest,
    );
  });
  const between = (x: Float64Array, y: Float64Array): number => halfLength(x, y, weights);
  return { ...fromTruth(kind, points, between), exact: true, draws: null, simulatorSteps: 0 };
}

function pairWeights({ states, actions }: TabularMdp): Float64Array {
  return new Float64Array(states * actions).fill(1 / (states * actions));
}

function fromTruth(
  kind: DistanceKind,
  [truth, ...others]: CanonicalPoints,
  between: (x: Float64Array, y: Float64Array) => number,
): Pick<MeasuredDistance, "kind" | "rewards" | "trivial"> {
  const rewards = others.map((point) => ({
    distance: isTrivial(truth) || isTrivial(point) ? null : between(truth, point),
    interval: null,
  }));
  return { kind, rewards, trivial: { truth: isTrivial(truth), learned: others.map(isTrivial) } };
}

const isTrivial = (point: Float64Array): boolean => point.every((value) => value === 0);

const RESAMPLES = 400;

/** Percentile interval of 95 % for sqrt((1 - rho) / 2), rho the correlation (or, not centred, the cosine) over resampled transitions. */
export function distanceInterval(
  x: Float64Array,
  y: Float64Array,
  centred: boolean,
  key: Key,
): readonly [low: number, high: number] {
  const stream = streamOf(key);
  const n = x.length;
  const distances = new Float64Array(RESAMPLES);
  for (let k = 0; k < RESAMPLES; k++) {
    let [sx, sy, xx, yy, xy] = [0, 0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const row = nextInteger(stream, n);
      sx += x[row];
      sy += y[row];
      xx += x[row] * x[row];
      yy += y[row] * y[row];
      xy += x[row] * y[row];
    }
    const off = centred ? 1 / n : 0;
    const cosine = (xy - off * sx * sy) / Math.sqrt((xx - off * sx * sx) * (yy - off * sy * sy));
    distances[k] = Math.sqrt(Math.max(0, (1 - (Number.isFinite(cosine) ? cosine : 0)) / 2));
  }
  distances.sort();
  return [quantileOf(distances, 0.025), quantileOf(distances, 0.975)];
}
