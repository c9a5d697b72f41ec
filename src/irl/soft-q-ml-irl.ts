/**
 * Maximum-likelihood inverse reinforcement learning with neural soft Q-learning, in a two-timescale single loop, as the
 * paper states it for finitely many actions (arXiv:2503.17865, Alg. 3). Both networks are the paper's, on the same
 * features psi(s, a).
 */
import { foldIn, TandemError, type Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { createSparseTwoLayer, sparseProjections, sparseTravel, type SparseTwoLayer } from "../nn/index.ts";
import {
  createNeuralSoftQ,
  neuralSoftQLoop,
  type FiniteActionProblem,
  type InnerLoopReport,
  type NeuralSoftQ,
  type NeuralSoftQOptions,
  type TransitionBatch,
  type VisitedRows,
} from "../rl/index.ts";

/** T_k, the TD steps of iteration k = 0, 1, ... */
export interface InnerSteps {
  /** T_0. */
  readonly first: number;
  /** T_k = ceil(T_0 (k + 1)^growth): 0 keeps it constant, above 0 is the paper's dynamic truncation. */
  readonly growth: number;
}

/** Every choice of the algorithm. */
export interface SoftQMlIrlOptions {
  readonly softQ: NeuralSoftQOptions;
  readonly innerSteps: InnerSteps;
  readonly reward: {
    /** m of the reward network. */
    readonly width: number;
    /** B_r, the radius of its ball; Infinity for none. */
    readonly radius: number;
    /** alpha_0 of alpha_k = alpha_0 (k + 1)^-decay; 0 leaves the reward at its initialisation. */
    readonly stepSize: number;
    /** 0 for the paper's constant alpha. */
    readonly decay: number;
  };
  /** Expert and agent trajectories in one gradient estimate; the paper takes one. */
  readonly trajectories: number;
  /** A negative control: the policy is taught by this constant in place of the learned reward; null for none. */
  readonly constantReward: number | null;
}

/** Both levels. Updated in place. */
export interface SoftQMlIrl {
  readonly options: SoftQMlIrlOptions;
  readonly problem: FiniteActionProblem;
  readonly softQ: NeuralSoftQ;
  /** r(s, a; theta). */
  readonly reward: SparseTwoLayer;
  /** k: iterations done. */
  iteration: number;
  readonly ascent: Ascent;
}

/** Room of the reward's gradient. */
interface Ascent {
  /** One-hot features: the gradient's weight of each pair, and that of the iteration before, [d]. */
  readonly weights: Float64Array;
  readonly previousWeights: Float64Array;
  /** Rows: g and the one before, [d, units]; 0 with one-hot features. */
  readonly gradient: number;
  readonly previousGradient: number;
  /** r of every pair, [d]; 0 with rows. */
  readonly table: number;
  readonly indices: number;
  readonly amounts: number;
  /** Most rows at a time. */
  readonly capacity: number;
}

/** One iteration in numbers. */
export interface IterationRecord {
  /** k, from 0. */
  readonly iteration: number;
  /** T_k, over all inner loops of the iteration. */
  readonly innerSteps: number;
  /** Mean of delta^2 over the last inner loop. */
  readonly squaredResidual: number;
  /** Expert minus agent of the weighted sum of r(.; theta_k), before the step. */
  readonly returnGap: number;
  /** ||g_k||. */
  readonly gradientNorm: number;
  /** Cosine between g_k and g_{k-1}; 0 for the first. One-hot features: of the weights of pairs. */
  readonly gradientCosine: number;
  /** Share of the inner loop's steps in which the projection onto B_q was active. */
  readonly projectedPolicyShare: number;
  /** 1 where the projection onto B_r was. */
  readonly projectedReward: number;
  /** ||W - W(0)|| and ||theta - theta(0)||. */
  readonly policyTravel: number;
  readonly rewardTravel: number;
  /** Milliseconds in each level. */
  readonly policyTime: number;
  readonly rewardTime: number;
}

/** The theory's slow step size, alpha = alpha0 K^-sigma, 0 < sigma < 1 (arXiv:2503.17865, Theorem 2). */
export function theoryRewardStepSize(iterations: number, alpha0: number, sigma: number): number {
  return alpha0 * iterations ** -sigma;
}

/** T_k of a schedule. */
export function innerStepsAt({ first, growth }: InnerSteps, k: number): number {
  return Math.ceil(first * (k + 1) ** growth);
}

/** Both levels at initialisation; `trajectoryCapacity` is the most rows of one call of the problem's trajectories. */
export function createSoftQMlIrl(
  kernels: Kernels,
  problem: FiniteActionProblem,
  options: SoftQMlIrlOptions,
  trajectoryCapacity: number,
  key: Key,
): SoftQMlIrl {
  const { size, actions, kind } = problem.features;
  const { width, radius } = options.reward;
  const reward = createSparseTwoLayer(
    kernels,
    { width, radius, features: size, actions, averaged: false },
    foldIn(key, 1),
  );
  const oneHot = kind === "one-hot";
  const length = size * reward.units;
  return {
    options,
    problem,
    softQ: createNeuralSoftQ(kernels, problem, options.softQ, foldIn(key, 0)),
    reward,
    iteration: 0,
    ascent: {
      weights: new Float64Array(oneHot ? size : 0),
      previousWeights: new Float64Array(oneHot ? size : 0),
      gradient: oneHot ? 0 : kernels.allocate(length),
      previousGradient: oneHot ? 0 : kernels.allocate(length),
      table: oneHot ? kernels.allocate(size) : 0,
      indices: kernels.allocate(size),
      amounts: kernels.allocate(Math.max(size, trajectoryCapacity)),
      capacity: trajectoryCapacity,
    },
  };
}

/** Inner loops of one iteration at most, where a nested loop's stopping rule asks for more than one. */
const MOST_INNER_LOOPS = 1000;

/**
 * Iteration k: the inner loop, then one step of the reward. `clock` gives milliseconds. `solved` says after each inner
 * loop whether it was the last under this reward: always, in the paper's single loop; a nested loop, which solves the
 * lower level before every reward step, asks for accuracy here.
 */
export function softQMlIrlIteration(
  kernels: Kernels,
  state: SoftQMlIrl,
  clock: () => number,
  solved: (state: SoftQMlIrl) => boolean = () => true,
): IterationRecord {
  const { options, problem, softQ, reward } = state;
  const begun = clock();

  // Fast timescale: W_{k+1} from T_k steps under r(.; theta_k).
  const steps = innerStepsAt(options.innerSteps, state.iteration);
  const rewards = currentReward(kernels, state);
  let innerSteps = 0;
  let loop: InnerLoopReport;
  do {
    loop = neuralSoftQLoop(kernels, softQ, problem, rewards, steps);
    innerSteps += steps;
  } while (!solved(state) && innerSteps < MOST_INNER_LOOPS * steps);
  const between = clock();

  // Slow timescale: theta_{k+1} = Pi_B(theta_k + alpha_k g_k) with trajectories of the expert and of pi_{k+1}.
  const { stepSize, decay } = options.reward;
  const alpha = stepSize * (state.iteration + 1) ** -decay;
  const before = sparseProjections(kernels, reward);
  const gap =
    addGradient(kernels, state, problem.expertTrajectories(options.trajectories), 1) +
    addGradient(kernels, state, problem.agentTrajectories(softQ.network, options.trajectories), -1);
  const { gradientNorm, gradientCosine } = ascend(kernels, state, alpha);
  const record: IterationRecord = {
    iteration: state.iteration,
    innerSteps,
    squaredResidual: loop.squaredResidual,
    returnGap: gap,
    gradientNorm,
    gradientCosine,
    projectedPolicyShare: loop.projectedShare,
    projectedReward: sparseProjections(kernels, reward) === before ? 0 : 1,
    policyTravel: sparseTravel(kernels, softQ.network),
    rewardTravel: sparseTravel(kernels, reward),
    policyTime: between - begun,
    rewardTime: clock() - between,
  };
  state.iteration++;
  requireFinite(record);
  return record;
}

/** r(.; theta_k) of transitions, by table where features are one-hot. */
function currentReward(
  kernels: Kernels,
  { reward, problem, ascent, options }: SoftQMlIrl,
): (batch: TransitionBatch, out: number) => void {
  const { size, entries } = problem.features;
  const { constantReward } = options;
  if (ascent.table) kernels.sparseTable(reward.block, ascent.table);
  if (constantReward !== null) return (batch, out) => kernels.fill(batch.count, out, constantReward);
  return (batch, out) => {
    if (batch.kind === "rows") {
      kernels.sparseForward(reward.block, batch.count, entries, batch.indices, batch.values, out);
      return;
    }
    const table = kernels.f32(ascent.table, size);
    const pairs = kernels.u32(batch.pairs, batch.count);
    const rewards = kernels.f32(out, batch.count);
    for (let t = 0; t < batch.count; t++) rewards[t] = table[pairs[t]];
  };
}

/** g <- g + sign sum_t w_t grad r(s_t, a_t; theta_k); returns sign sum_t w_t r(s_t, a_t; theta_k). */
function addGradient(
  kernels: Kernels,
  { reward, problem, ascent }: SoftQMlIrl,
  rows: VisitedRows,
  sign: 1 | -1,
): number {
  const { size, entries } = problem.features;
  let weighted = 0;
  if (ascent.table) {
    const table = kernels.f32(ascent.table, size);
    const pairs = kernels.u32(rows.indices, rows.count);
    for (let t = 0; t < rows.count; t++) {
      const weight = sign * rows.weights[t];
      ascent.weights[pairs[t]] += weight;
      weighted += weight * table[pairs[t]];
    }
    return weighted;
  }
  for (let first = 0; first < rows.count; first += ascent.capacity) {
    const count = Math.min(ascent.capacity, rows.count - first);
    const at = 4 * first * entries;
    const { block } = reward;
    kernels.sparseForward(block, count, entries, rows.indices + at, rows.values + at, ascent.amounts);
    const amounts = kernels.f32(ascent.amounts, count);
    for (let t = 0; t < count; t++) {
      const weight = sign * rows.weights[first + t];
      weighted += weight * amounts[t];
      amounts[t] = weight;
    }
    kernels.sparseGradient(
      block,
      count,
      entries,
      rows.indices + at,
      rows.values + at,
      ascent.amounts,
      ascent.gradient,
    );
  }
  return weighted;
}

/** theta <- Pi_B(theta + alpha g); g becomes the previous one and is cleared. */
function ascend(
  kernels: Kernels,
  { reward, ascent }: SoftQMlIrl,
  alpha: number,
): { gradientNorm: number; gradientCosine: number } {
  if (ascent.table) return ascendTable(kernels, reward, ascent, alpha);
  const { gradient, previousGradient } = ascent;
  const length = reward.features * reward.units;
  const gradientNorm = Math.sqrt(kernels.dot(length, gradient, gradient));
  const norms = gradientNorm * Math.sqrt(kernels.dot(length, previousGradient, previousGradient));
  const gradientCosine = norms > 0 ? kernels.dot(length, gradient, previousGradient) / norms : 0;
  kernels.axpy(length, alpha, gradient, reward.weights);
  kernels.sparseProject(reward.block);
  kernels.copyRows(1, length, gradient, length, previousGradient, length);
  kernels.fill(length, gradient, 0);
  return { gradientNorm, gradientCosine };
}

function ascendTable(
  kernels: Kernels,
  reward: SparseTwoLayer,
  { weights, previousWeights, indices, amounts }: Ascent,
  alpha: number,
): { gradientNorm: number; gradientCosine: number } {
  const columns = kernels.u32(indices, weights.length);
  const steps = kernels.f32(amounts, weights.length);
  let [count, product, squares, previousSquares] = [0, 0, 0, 0];
  for (let i = 0; i < weights.length; i++) {
    product += weights[i] * previousWeights[i];
    squares += weights[i] ** 2;
    previousSquares += previousWeights[i] ** 2;
    previousWeights[i] = weights[i];
    if (weights[i] === 0) continue;
    columns[count] = i;
    steps[count++] = weights[i];
  }
  weights.fill(0);
  const gradientNorm = kernels.sparseTableAscend(reward.block, count, indices, amounts, alpha);
  const norms = Math.sqrt(squares * previousSquares);
  return { gradientNorm, gradientCosine: norms > 0 ? product / norms : 0 };
}

function requireFinite(record: IterationRecord): void {
  for (const [name, value] of Object.entries(record)) {
    if (Number.isFinite(value)) continue;
    throw new TandemError(
      "softQMlIrlIteration",
      `${name} is ${value} at iteration ${record.iteration}; lower the step sizes or the radii`,
    );
  }
}
