/**
 * Maximum-likelihood inverse reinforcement learning with neural soft Q-learning, in a two-timescale single loop, as the
 * paper states it for finitely many actions (arXiv:2503.17865, Alg. 3). Both networks are the paper's, on the same
 * features psi(s, a).
 */
import { foldIn, portablePow, TandemError, type Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { createSparseTwoLayer, sparseProjections, sparseTravel, type SparseTwoLayer } from "../nn/index.ts";
import {
  createNeuralSoftQ,
  neuralSoftQLoop,
  type FiniteActionProblem,
  type InnerLoopReport,
  type NeuralSoftQ,
  type NeuralSoftQOptions,
  type PairBatch,
  type RowBatch,
  type VisitedRows,
} from "../rl/index.ts";
import type { Termination } from "./termination.ts";

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
  /**
   * What follows the step that ends an episode; "absorbing" needs features as rows, where a column is added for that state.
   * A fixed horizon is not offered: no environment of ours with finitely many actions can go on after its end.
   */
  readonly termination: Exclude<Termination, "fixed-horizon">;
  /**
   * A negative control: the policy is taught by this constant in place of the learned reward, in an absorbing state too;
   * null for none.
   */
  readonly constantReward: number | null;
}

/** Both levels. Updated in place. */
export interface SoftQMlIrl {
  readonly options: SoftQMlIrlOptions;
  readonly problem: FiniteActionProblem;
  readonly softQ: NeuralSoftQ;
  /** r(s, a; theta). With absorbing states it has one column more than psi: their indicator. */
  readonly reward: SparseTwoLayer;
  /** null where an end is an end. */
  readonly absorbing: AbsorbingRow | null;
  /** k: iterations done. */
  iteration: number;
  readonly ascent: Ascent;
}

/** psi of the absorbing state, a row of one entry: 1 in the last column, of unit norm and orthogonal to all others. */
interface AbsorbingRow {
  /** uint32 [1] and float32 [1]. */
  readonly indices: number;
  readonly values: number;
  /** Room for its reward or its weight, float32 [1]. */
  readonly amount: number;
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
  /** Expert minus agent of the weighted sum of r(.; theta_k), before the step; steps in an absorbing state included. */
  readonly returnGap: number;
  /** r(absorbing state; theta_k), before the step; null where an end is an end. */
  readonly absorbingReward: number | null;
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
  return alpha0 * portablePow(iterations, -sigma);
}

/** T_k of a schedule. */
export function innerStepsAt({ first, growth }: InnerSteps, k: number): number {
  return Math.ceil(first * portablePow(k + 1, growth));
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
  const absorbing = options.termination === "absorbing";
  if (absorbing) requireAbsorbable(kind, options.softQ.discount);
  const features = absorbing ? size + 1 : size;
  const reward = createSparseTwoLayer(
    kernels,
    { width, radius, features, actions, averaged: false },
    foldIn(key, 1),
  );
  const oneHot = kind === "one-hot";
  const length = features * reward.units;
  return {
    options,
    problem,
    softQ: createNeuralSoftQ(kernels, problem, options.softQ, foldIn(key, 0)),
    reward,
    absorbing: absorbing ? absorbingRow(kernels, size) : null,
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

function absorbingRow(kernels: Kernels, column: number): AbsorbingRow {
  const row = { indices: kernels.allocate(1), values: kernels.allocate(1), amount: kernels.allocate(1) };
  kernels.u32(row.indices, 1)[0] = column;
  kernels.f32(row.values, 1)[0] = 1;
  return row;
}

function requireAbsorbable(kind: "one-hot" | "rows", discount: number): void {
  if (kind === "one-hot") {
    throw new TandemError(
      "createSoftQMlIrl",
      "absorbing states expect features as rows, got one-hot ones; give the table such a state, and choose native",
    );
  }
  if (discount < 1) return;
  throw new TandemError(
    "createSoftQMlIrl",
    `an absorbing state's value r / (1 - gamma) expects a discount below 1, got ${discount}; lower it, or choose native`,
  );
}

/** r(absorbing state; theta); null where an end is an end. */
export function softQAbsorbingReward(kernels: Kernels, { reward, absorbing }: SoftQMlIrl): number | null {
  if (!absorbing) return null;
  const { indices, values, amount } = absorbing;
  kernels.sparseForward(reward.block, 1, 1, indices, values, amount);
  return kernels.f32(amount, 1)[0];
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
  const rewards = taughtReward(kernels, state);
  let innerSteps = 0;
  let loop: InnerLoopReport;
  do {
    loop = neuralSoftQLoop(kernels, softQ, problem, rewards, steps);
    innerSteps += steps;
  } while (!solved(state) && innerSteps < MOST_INNER_LOOPS * steps);
  const between = clock();

  // Slow timescale: theta_{k+1} = Pi_B(theta_k + alpha_k g_k) with trajectories of the expert and of pi_{k+1}.
  const { stepSize, decay } = options.reward;
  const alpha = stepSize * portablePow(state.iteration + 1, -decay);
  const before = sparseProjections(kernels, reward);
  const absorbingReward = softQAbsorbingReward(kernels, state);
  const expert = problem.expertTrajectories(options.trajectories);
  const expertReturn = addGradient(kernels, state, expert, 1);
  const agent = problem.agentTrajectories(softQ.network, options.trajectories);
  const returnGap = expertReturn + addGradient(kernels, state, agent, -1);
  const { gradientNorm, gradientCosine } = ascend(kernels, state, alpha);
  const record: IterationRecord = {
    iteration: state.iteration,
    innerSteps,
    squaredResidual: loop.squaredResidual,
    returnGap,
    absorbingReward,
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

/**
 * What the policy is taught, at the present theta: r(s, a; theta_k), or the constant of a negative control; and, where a step
 * ends an episode in an absorbing state, what that state pays from then on.
 */
export function taughtReward(
  kernels: Kernels,
  state: SoftQMlIrl,
): (batch: PairBatch | Omit<RowBatch, "nextLogPolicy">, out: number) => void {
  const live = liveReward(kernels, state);
  const after = rewardAfterEnd(kernels, state);
  return (batch, out) => {
    live(batch, out);
    if (batch.kind === "pairs" || after === 0) return;
    const rewards = kernels.f32(out, batch.count);
    const continues = kernels.f32(batch.continues, batch.count);
    for (let t = 0; t < batch.count; t++) if (continues[t] === 0) rewards[t] += after;
  };
}

/** gamma r_a / (1 - gamma): the self-transition's fixed point, discounted once; 0 where an end is an end. */
function rewardAfterEnd(kernels: Kernels, state: SoftQMlIrl): number {
  const { softQ, constantReward } = state.options;
  const learned = softQAbsorbingReward(kernels, state);
  return learned === null ? 0 : (softQ.discount * (constantReward ?? learned)) / (1 - softQ.discount);
}

/** r(.; theta_k) of transitions, by table where features are one-hot, or the constant. */
function liveReward(
  kernels: Kernels,
  { reward, problem, ascent, options }: SoftQMlIrl,
): ReturnType<typeof taughtReward> {
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

/**
 * g <- g + sign sum_t w_t grad r(s_t, a_t; theta_k); returns sign sum_t w_t r(s_t, a_t; theta_k). Steps in the absorbing
 * state, where there is one, are in both sums.
 */
function addGradient(kernels: Kernels, state: SoftQMlIrl, rows: VisitedRows, sign: 1 | -1): number {
  const { reward, problem, ascent } = state;
  const { size, entries } = problem.features;
  let weighted = addAbsorbingGradient(kernels, state, sign * rows.absorbingWeight);
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

/** g <- g + weight grad r(absorbing state; theta_k); returns weight r(absorbing state; theta_k). */
function addAbsorbingGradient(kernels: Kernels, state: SoftQMlIrl, weight: number): number {
  const { reward, absorbing, ascent } = state;
  const paid = softQAbsorbingReward(kernels, state);
  if (!absorbing || paid === null) return 0;
  const { indices, values, amount } = absorbing;
  kernels.f32(amount, 1)[0] = weight;
  kernels.sparseGradient(reward.block, 1, 1, indices, values, amount, ascent.gradient);
  return weight * paid;
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
    if (value === null || Number.isFinite(value)) continue;
    throw new TandemError(
      "softQMlIrlIteration",
      `${name} is ${value} at iteration ${record.iteration}; lower the step sizes or the radii`,
    );
  }
}
