/**
 * Instruments on a run of the paper's algorithm where states are continuous and nothing can be solved: estimates over
 * transitions that were kept aside, none of them exact. How far each is from what the theory means is said beside it.
 */
import { foldIn, TandemError, type Key } from "../core/index.ts";
import { taughtReward, type SoftQMlIrl } from "../irl/index.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  copyToRows,
  createSparseTwoLayer,
  createTwoLayer,
  sparseProjections,
  sparseTravel,
  type SparseTwoLayer,
} from "../nn/index.ts";
import { logSoftmax, type RowBatch, type StateActionFeatures, type TransitionBatch } from "../rl/index.ts";
import type { Estimate } from "./estimates.ts";
import { createLinearityBench, linearisationError } from "./linearity.ts";
import { sampledBellmanError, sampledSoftResiduals } from "./soft-bellman-error.ts";
import { heldOutTracking, type HeldOutTracking } from "./tracking-error.ts";

/** Transitions kept aside as feature rows, in memory of their own. */
export interface HeldOutTransitions {
  readonly batch: Omit<RowBatch, "nextLogPolicy">;
  /** Rows of one number may depend on each other (one trajectory, or one stretch of it), [count]; null where none does. */
  readonly groups: ArrayLike<number> | null;
}

/** What is not in the run. */
export interface HeldOutOptions {
  /** Over these everything is measured: of a policy of one's own choice, never of the run's own chain. */
  readonly heldOut: HeldOutTransitions;
  /** Over these the reference is fitted: others than the held-out ones. */
  readonly fitting: HeldOutTransitions;
  /** Times that the reference goes through them. */
  readonly fittingPasses: number;
}

/** One measurement of a run at theta_k and W_k. */
export interface HeldOutMeasurement {
  /**
   * Mean of (Q - r - gamma V(s'))^2, V soft-optimal, over held-out transitions. Where s' is random it exceeds the Bellman
   * error by the mean of gamma^2 Var V(s'), which no learning removes.
   */
  readonly sampledSquaredResidual: Estimate;
  /**
   * Between log pi_k and the log-policy of the fitted reference over the held-out s' that are not terminal, nats: the Q-network after
   * more TD steps under theta_k, held fixed. Too small where those steps did not get to pi_theta, and both networks err
   * alike where neither can represent its values.
   */
  readonly fittedReferenceTracking: HeldOutTracking;
  /** rms of f - f0 over the held-out psi(s, a), at W_k and at theta_k. */
  readonly heldOutPolicyLinearisation: number;
  readonly heldOutRewardLinearisation: number;
  /** ||W_k - W(0)|| / B_q and ||theta_k - theta(0)|| / B_r: these two are exact. */
  readonly policyTravel: number;
  readonly rewardTravel: number;
  /** Share of the steps since the measurement before in which the projection was active; null where there were none. */
  readonly projectedPolicyShare: number | null;
  readonly projectedRewardShare: number | null;
}

/** Instruments over transitions that were kept aside. */
export interface HeldOutInstruments {
  /** Measure the run as it stands; changes nothing in it. */
  measure(): HeldOutMeasurement;
}

/** Keep `batch` aside: what a problem hands out is borrowed. `groups` as in `HeldOutTransitions`. */
export function holdOut(
  kernels: Kernels,
  { actions, entries }: StateActionFeatures,
  batch: TransitionBatch,
  groups: ArrayLike<number> | null,
): HeldOutTransitions {
  if (batch.kind === "pairs") {
    throw new TandemError("holdOut", "expected feature rows, got pairs of a table; measure tables exactly");
  }
  const { count } = batch;
  if (groups !== null && groups.length !== count) {
    throw new TandemError(
      "holdOut",
      `expected a group for each of ${count} transitions, got ${groups.length}`,
    );
  }
  const copy = (pointer: number, length: number): number => {
    const own = kernels.allocate(length);
    kernels.copyRows(1, length, pointer, length, own, length);
    return own;
  };
  const kept = {
    kind: "rows",
    count,
    indices: copy(batch.indices, count * entries),
    values: copy(batch.values, count * entries),
    nextIndices: copy(batch.nextIndices, count * actions * entries),
    nextValues: copy(batch.nextValues, count * actions * entries),
    continues: copy(batch.continues, count),
  } as const;
  return { batch: kept, groups };
}

/** Groups of `length` consecutive rows of a chain, [count]: long against its memory, they are as good as independent. */
export function consecutiveGroups(count: number, length: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => Math.floor(row / length));
}

/** Instruments on a run whose features are rows. `key` draws nothing that is seen: networks are copied over. */
export function createHeldOutInstruments(
  kernels: Kernels,
  state: SoftQMlIrl,
  { heldOut, fitting, fittingPasses }: HeldOutOptions,
  key: Key,
): HeldOutInstruments {
  const { softQ, reward, problem } = state;
  if (!(Number.isInteger(fittingPasses) && fittingPasses >= 1)) {
    throw new TandemError(
      "createHeldOutInstruments",
      `expected whole passes from 1, got ${fittingPasses}; without any the reference is the network itself`,
    );
  }
  const transitions = createTransitionValues(kernels, state, heldOut);
  const reference = createFittedReference(kernels, state, fitting.batch, fittingPasses, foldIn(key, 0));
  const looks = [softQ.network, reward].map((network, i) => {
    const points = denseRows(kernels, network.features, problem.features.entries, heldOut.batch);
    return createLinearisationLook(kernels, network, points, heldOut.batch.count, foldIn(key, 1 + i));
  });
  const policyShare = shareSince(kernels, softQ.network);
  const rewardShare = shareSince(kernels, reward);
  return {
    measure: () => {
      const logPolicy = transitions.logPolicy(softQ.network);
      const { actions } = problem.features;
      const referenceLogPolicy = transitions.logPolicy(reference.fit());
      return {
        sampledSquaredResidual: transitions.squaredResidual(),
        fittedReferenceTracking: heldOutTracking(
          logPolicy,
          referenceLogPolicy,
          actions,
          transitions.continuingGroups,
        ),
        heldOutPolicyLinearisation: looks[0](),
        heldOutRewardLinearisation: looks[1](),
        policyTravel: sparseTravel(kernels, softQ.network) / softQ.network.radius,
        rewardTravel: sparseTravel(kernels, reward) / reward.radius,
        projectedPolicyShare: policyShare(softQ.steps),
        projectedRewardShare: rewardShare(state.iteration),
      };
    },
  };
}

/** Residuals and policies at the held-out transitions. */
function createTransitionValues(
  kernels: Kernels,
  state: SoftQMlIrl,
  { batch, groups }: HeldOutTransitions,
): {
  squaredResidual(): Estimate;
  /** log pi of a network at the s' that are not terminal, [n, A]. */
  logPolicy(network: SparseTwoLayer): Float64Array;
  continuingGroups: number[] | null;
} {
  const { softQ, problem } = state;
  const { actions, entries } = problem.features;
  const { count } = batch;
  const rewards = kernels.allocate(count);
  const actionValues = kernels.allocate(count);
  const nextActionValues = kernels.allocate(count * actions);
  const continuing = Array.from({ length: count }, (_, t) => t).filter(
    (t) => kernels.f32(batch.continues, count)[t] !== 0,
  );
  const next = (network: SparseTwoLayer): Float32Array => {
    const { nextIndices, nextValues } = batch;
    kernels.sparseForward(network.block, count * actions, entries, nextIndices, nextValues, nextActionValues);
    return kernels.f32(nextActionValues, count * actions);
  };
  return {
    continuingGroups: groups && continuing.map((t) => groups[t]),
    logPolicy: (network) => {
      const values = next(network);
      const kept = continuing.flatMap((t) => [...values.subarray(t * actions, (t + 1) * actions)]);
      return logSoftmax(kept, actions, new Float64Array(kept.length));
    },
    squaredResidual: () => {
      const { indices, values, continues } = batch;
      kernels.sparseForward(softQ.network.block, count, entries, indices, values, actionValues);
      taughtReward(kernels, state)(batch, rewards);
      const residuals = sampledSoftResiduals(
        {
          actionValues: kernels.f32(actionValues, count),
          rewards: kernels.f32(rewards, count),
          nextActionValues: next(softQ.network),
          continues: kernels.f32(continues, count),
        },
        { discount: softQ.options.discount, values: softQ.options.values, logPolicy: null },
      );
      return sampledBellmanError(residuals, groups);
    },
  };
}

/**
 * A second Q-network: `fit` puts it where the first one is and takes TD steps towards the soft-optimal values of
 * r(.; theta_k), `passes` times through the batch, each pass an inner loop of the run's own step size, ball and output.
 */
function createFittedReference(
  kernels: Kernels,
  state: SoftQMlIrl,
  batch: HeldOutTransitions["batch"],
  passes: number,
  key: Key,
): { fit(): SparseTwoLayer } {
  const { softQ, problem } = state;
  const { actions, entries } = problem.features;
  const { width, features, radius, units } = softQ.network;
  const { output, discount, stepSize } = softQ.options;
  const averaged = output === "average";
  const copy = createSparseTwoLayer(kernels, { width, features, radius, actions, averaged }, key);
  const rewards = kernels.allocate(batch.count);
  return {
    fit: () => {
      const length = features * units;
      kernels.copyRows(1, length, softQ.network.weights, length, copy.weights, length);
      kernels.copyRows(1, length, softQ.network.initial, length, copy.initial, length);
      kernels.copyRows(1, units, softQ.network.signs, units, copy.signs, units);
      kernels.sparseRefresh(copy.block);
      taughtReward(kernels, state)(batch, rewards);
      for (let pass = 0; pass < passes; pass++) {
        kernels.sparseBegin(copy.block);
        kernels.sparseSteps(
          copy.block,
          batch.count,
          entries,
          batch.indices,
          batch.values,
          batch.nextIndices,
          batch.nextValues,
          rewards,
          batch.continues,
          0,
          actions,
          discount,
          softQ.shift,
          stepSize,
        );
        kernels.sparseFinish(copy.block, batch.count, averaged ? 1 : 0);
      }
      return copy;
    },
  };
}

/** rms of f - f0 of a network at `points` [count, d]. */
function createLinearisationLook(
  kernels: Kernels,
  network: SparseTwoLayer,
  points: number,
  count: number,
  key: Key,
): () => number {
  const { width, features, radius } = network;
  const rows = createTwoLayer(kernels, { width, features, radius }, key);
  const bench = createLinearityBench(kernels, rows, points, count);
  return () => {
    copyToRows(kernels, network, rows);
    return linearisationError(kernels, rows, bench);
  };
}

/** psi(s, a) of every transition with all its entries, [count, size]; a reward's column for absorbing states is 0. */
function denseRows(
  kernels: Kernels,
  size: number,
  entries: number,
  { count, indices, values }: HeldOutTransitions["batch"],
): number {
  const points = kernels.allocate(count * size);
  const rows = kernels.f32(points, count * size);
  const at = kernels.u32(indices, count * entries);
  const entry = kernels.f32(values, count * entries);
  for (let i = 0; i < count * entries; i++) rows[Math.floor(i / entries) * size + at[i]] = entry[i];
  return points;
}

/** Active projections per step between calls, which give the steps taken so far. */
function shareSince(kernels: Kernels, network: SparseTwoLayer): (steps: number) => number | null {
  let before: { steps: number; projections: number } | null = null;
  return (steps) => {
    const projections = sparseProjections(kernels, network);
    // A count of its own begins with the network, and is kept modulo 2^32.
    const since = before ?? { steps: 0, projections: 0 };
    before = { steps, projections };
    const taken = steps - since.steps;
    return taken > 0 ? ((projections - since.projections) >>> 0) / taken : null;
  };
}
