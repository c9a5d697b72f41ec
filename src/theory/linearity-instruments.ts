import { foldIn, type Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { copyToRows, createTwoLayer, type SparseTwoLayer, type TwoLayerNetwork } from "../nn/index.ts";
import {
  concavityGap,
  createLinearityBench,
  linearisationError,
  linearisationErrorInBall,
  type BallDirection,
} from "./linearity.ts";

/** How far both networks are from linear over all pairs, and the likelihood from concave in the reward's weights. */
export interface LinearityMeasurement {
  /** rms of f - f0 at W_k and at theta_k. */
  readonly policyLinearisation: number;
  readonly rewardLinearisation: number;
  /** The same 10 away from theta(0), mean over draws: random and trained directions. */
  readonly ballLinearisationRandom: number;
  readonly ballLinearisationTrained: number;
  /** Of Lhat(theta, pi_k) over pairs of points up to 10 away from theta(0), mean over draws. */
  readonly concavityGapRandom: number;
  readonly concavityGapTrained: number;
  /** Share of pairs for which Lhat lies below its chord at all, of the trained ones. */
  readonly belowChord: number;
}

/** Instruments on two networks over the same pairs. */
export interface LinearityInstruments {
  /** Measure both as they stand, with `weights` d_E - d_pi of each pair [d] for the concavity gap. */
  measure(weights: Float64Array): LinearityMeasurement;
}

/** Draws of points, and of pairs of points. */
const DRAWS = 32;
/** How far from theta(0) points are drawn: the same for every run, whatever its B_r, so that widths can be compared. */
const DRAWN_RADIUS = 10;

/** Instruments on a policy and a reward network over the same one-hot features. */
export function createLinearityInstruments(
  kernels: Kernels,
  policy: SparseTwoLayer,
  reward: SparseTwoLayer,
  key: Key,
): LinearityInstruments {
  const { features } = policy;
  const identity = kernels.allocate(features * features);
  const rows = kernels.f32(identity, features * features);
  for (let i = 0; i < features; i++) rows[i * features + i] = 1;
  const policyRows = rowsLike(kernels, policy, key);
  const rewardRows = rowsLike(kernels, reward, key);
  const policyBench = createLinearityBench(kernels, policyRows, identity, features);
  const rewardBench = createLinearityBench(kernels, rewardRows, identity, features);
  let measurements = 0;
  return {
    measure: (weights) => {
      copyToRows(kernels, policy, policyRows);
      copyToRows(kernels, reward, rewardRows);
      const drawKey = foldIn(key, ++measurements);
      const inBall = (direction: BallDirection): number =>
        linearisationErrorInBall(kernels, rewardBench, around(direction), foldIn(drawKey, 0)).mean;
      const gap = (direction: BallDirection): ReturnType<typeof concavityGap> =>
        concavityGap(kernels, rewardBench, weights, around(direction), foldIn(drawKey, 1));
      const trained = gap("trained");
      return {
        policyLinearisation: linearisationError(kernels, policyRows, policyBench),
        rewardLinearisation: linearisationError(kernels, rewardRows, rewardBench),
        ballLinearisationRandom: inBall("random"),
        ballLinearisationTrained: inBall("trained"),
        concavityGapRandom: gap("random").mean,
        concavityGapTrained: trained.mean,
        belowChord: trained.positiveShare,
      };
    },
  };
}

function around(direction: BallDirection): { radius: number; direction: BallDirection; draws: number } {
  return { radius: DRAWN_RADIUS, direction, draws: DRAWS };
}

function rowsLike(kernels: Kernels, { width, features, radius }: SparseTwoLayer, key: Key): TwoLayerNetwork {
  return createTwoLayer(kernels, { width, features, radius }, key);
}
