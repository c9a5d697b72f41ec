/**
 * A task with finitely many actions as the paper's algorithm sees it: transitions to learn values from and trajectories
 * to learn a reward from, both as rows of features, both under the softmax policy of a Q-network.
 */
import type { StepCounts } from "../core/index.ts";
import type { SparseTwoLayer } from "../nn/index.ts";
import type { StateActionFeatures } from "./state-action-features.ts";

/** Transitions as one-hot pairs or as rows; pointers into the kernels' memory, borrowed until the next call. */
export type TransitionBatch = PairBatch | RowBatch;

/** Transitions of a tabular problem. */
export interface PairBatch {
  readonly kind: "pairs";
  readonly count: number;
  /** s A + a, uint32 [count]. */
  readonly pairs: number;
  /** s' A, uint32 [count]. */
  readonly next: number;
  /** log pi(.|s'), nats, [count, A]. */
  readonly nextLogPolicy: number;
}

/** Transitions as feature rows. */
export interface RowBatch {
  readonly kind: "rows";
  readonly count: number;
  /** psi(s, a): uint32 and float32 [count, entries]. */
  readonly indices: number;
  readonly values: number;
  /** psi(s', .): uint32 and float32 [count, A, entries]. */
  readonly nextIndices: number;
  readonly nextValues: number;
  /** 0 where s' is terminal, else 1: float32 [count]. */
  readonly continues: number;
  /** log pi(.|s'), nats, [count, A]. */
  readonly nextLogPolicy: number;
}

/** State-action pairs along trajectories with their weights; borrowed until the next call. */
export interface VisitedRows {
  readonly count: number;
  /** uint32 [count, entries]; of a tabular problem s A + a, [count]. */
  readonly indices: number;
  /** float32 [count, entries]. */
  readonly values: number;
  /** gamma^t (1 where the gradient is not discounted) divided by the number of trajectories, [count]. */
  readonly weights: Float64Array;
  /** The weights that the steps from the end to the horizon would have, summed over the trajectories that terminated. */
  readonly absorbingWeight: number;
}

/** What the algorithm needs of a task. */
export interface FiniteActionProblem {
  readonly features: StateActionFeatures;
  /** Most transitions of one batch, and so of one inner loop. */
  readonly batchCapacity: number;
  /** Room for the rewards of one batch. */
  readonly rewards: number;
  /** Environment steps taken so far, by purpose. */
  readonly steps: StepCounts;
  /** `count` (at most `batchCapacity`) transitions under the softmax policy of `network`. */
  transitions(network: SparseTwoLayer, count: number): TransitionBatch;
  /** `count` new trajectories of that policy from the start. */
  agentTrajectories(network: SparseTwoLayer, count: number): VisitedRows;
  /** `count` trajectories of the expert. */
  expertTrajectories(count: number): VisitedRows;
}
