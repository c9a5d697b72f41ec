/**
 * Neural soft Q-learning (arXiv:2503.17865, Alg. 1): temporal-difference steps on the paper's two-layer network, kept in
 * a ball around its initialisation, under a reward that is handed in. The fast timescale where actions are finitely many.
 */
import { portableLog, portablePow, TandemError, type Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { createSparseTwoLayer, sparseProjections, type SparseTwoLayer } from "../nn/index.ts";
import type { FiniteActionProblem, TransitionBatch } from "./finite-action-problem.ts";

/** Every choice of the lower level. */
export interface NeuralSoftQOptions {
  /** m of the Q-network. */
  readonly width: number;
  /** B_q, the radius of its ball; Infinity for none. */
  readonly radius: number;
  /** eta. */
  readonly stepSize: number;
  /** gamma. */
  readonly discount: number;
  /** What an inner loop hands on: the mean of its iterates, or the last of them. */
  readonly output: "average" | "last";
  /**
   * V(s'): of the soft-optimal policy, log sum_a exp Q(s', a), or of the policy pi_k that the loop began with,
   * sum_a pi_k(a|s') (Q(s', a) - log pi_k(a|s')).
   */
  readonly backup: "soft-optimality" | "policy-evaluation";
  /**
   * "centred" lowers every V by log A. Where nothing terminates this shifts all Q by gamma log A / (1 - gamma) and
   * changes no policy; where episodes end it takes away the bonus log A for each step survived.
   */
  readonly values: "centred" | "plain";
}

/** The Q-network and its count of steps. Updated in place. */
export interface NeuralSoftQ {
  readonly options: NeuralSoftQOptions;
  readonly network: SparseTwoLayer;
  /** log A where values are centred, else 0: what V is lowered by. */
  readonly shift: number;
  /** TD steps so far. */
  steps: number;
}

/** What one inner loop did. */
export interface InnerLoopReport {
  /** Mean of delta^2 over the loop's steps: the sampled soft Bellman residual, squared. */
  squaredResidual: number;
  /** Share of the steps in which the projection was active. */
  projectedShare: number;
}

/** r(s_t, a_t) of every transition of `batch` into `out` [count]. */
export type TransitionReward = (batch: TransitionBatch, out: number) => void;

/** The theory's fast step size, eta = min(K^(-3/4), (1 - gamma) / 8) (arXiv:2503.17865, Theorem 2). */
export function theoryPolicyStepSize(iterations: number, discount: number): number {
  return Math.min(portablePow(iterations, -0.75), (1 - discount) / 8);
}

/** A Q-network at initialisation for a problem's features. */
export function createNeuralSoftQ(
  kernels: Kernels,
  { features }: FiniteActionProblem,
  options: NeuralSoftQOptions,
  key: Key,
): NeuralSoftQ {
  const { width, radius, output } = options;
  const averaged = output === "average";
  const { size, actions } = features;
  return {
    options,
    network: createSparseTwoLayer(kernels, { width, radius, features: size, actions, averaged }, key),
    shift: options.values === "centred" ? portableLog(actions) : 0,
    steps: 0,
  };
}

/**
 * T = `count` times: (s, a, s') from the problem under pi_k, delta = Q(s, a) - r(s, a) - gamma V(s'),
 * W <- Pi_B(W - eta delta grad Q(s, a)). Then W becomes the mean of the T iterates, or stays the last.
 */
export function neuralSoftQLoop(
  kernels: Kernels,
  state: NeuralSoftQ,
  problem: FiniteActionProblem,
  reward: TransitionReward,
  count: number,
): InnerLoopReport {
  const { network, options } = state;
  if (!(count >= 1 && count <= problem.batchCapacity)) {
    throw new TandemError(
      "neuralSoftQLoop",
      `expected 1 to ${problem.batchCapacity} steps, the problem's batch, got ${count}; make the problem with more room`,
    );
  }
  const before = sparseProjections(kernels, network);
  const batch = problem.transitions(network, count);
  reward(batch, problem.rewards);
  kernels.sparseBegin(network.block);
  const squares = temporalDifferenceSteps(kernels, state, problem, batch);
  kernels.sparseFinish(network.block, count, options.output === "average" ? 1 : 0);
  state.steps += count;
  const projections = (sparseProjections(kernels, network) - before) >>> 0;
  return { squaredResidual: squares / count, projectedShare: projections / count };
}

function temporalDifferenceSteps(
  kernels: Kernels,
  { network, options, shift }: NeuralSoftQ,
  { features, rewards }: FiniteActionProblem,
  batch: TransitionBatch,
): number {
  const { discount, stepSize } = options;
  const logPolicy = options.backup === "policy-evaluation" ? batch.nextLogPolicy : 0;
  const { actions, entries } = features;
  if (batch.kind === "pairs") {
    return kernels.sparseTableSteps(
      network.block,
      batch.count,
      batch.pairs,
      batch.next,
      rewards,
      logPolicy,
      actions,
      discount,
      shift,
      stepSize,
    );
  }
  return kernels.sparseSteps(
    network.block,
    batch.count,
    entries,
    batch.indices,
    batch.values,
    batch.nextIndices,
    batch.nextValues,
    rewards,
    batch.continues,
    logPolicy,
    actions,
    discount,
    shift,
    stepSize,
  );
}
