/**
 * Soft values of tabular problems, exactly, in float64: Q(s, a) = r(s, a) + gamma sum_s' P(s'|s, a) V(s'),
 * V(s) = log sum_a exp Q(s, a), pi(a|s) = exp(Q(s, a) - V(s)) (arXiv:2503.17865, Section 3).
 */
import { logSumExp, portableExp, portableLog, TandemError } from "../core/index.ts";
import type { TabularMdp } from "../envs/tabular/tabular-mdp.ts";
import { solveLinear } from "./linear-system.ts";

/** What soft values are computed for. */
export interface SoftValueOptions {
  /** gamma, in [0, 1). */
  readonly discount: number;
  /** Largest error of V allowed, in sup norm. */
  readonly tolerance: number;
  /** "centred" takes log A off every V: all Q shift by -gamma log A / (1 - gamma), no policy changes. */
  readonly values: "centred" | "plain";
}

/** The soft-optimal solution of a reward. */
export interface SoftSolution {
  /** V(s), [S]. */
  readonly values: Float64Array;
  /** Q(s, a), [S, A]. */
  readonly actionValues: Float64Array;
  /** log pi(a|s), nats, [S, A]. */
  readonly logPolicy: Float64Array;
  /** Sweeps taken. */
  sweeps: number;
}

/** The same for H steps from the end of which nothing is earned; time t = 0 .. H - 1. */
export interface FiniteHorizonSolution {
  /** V_t(s), [H, S]. */
  readonly values: Float64Array;
  /** Q_t(s, a), [H, S, A]. */
  readonly actionValues: Float64Array;
  /** log pi_t(a|s), nats, [H, S, A]. */
  readonly logPolicy: Float64Array;
}

/** Steps of policy iteration without a smaller change of the values after which rounding is what is left. */
const STALE_STEPS = 4;

type Dynamics = Pick<TabularMdp, "states" | "actions" | "transitions">;

/** Room for the solution of a problem with V = 0; `softValueIteration` starts from what it finds there. */
export function emptySolution({ states, actions }: Dynamics): SoftSolution {
  return {
    values: new Float64Array(states),
    actionValues: new Float64Array(states * actions),
    logPolicy: new Float64Array(states * actions),
    sweeps: 0,
  };
}

/**
 * The fixed point of the soft Bellman operator for `rewards` [S, A], by sweeps from `solution.values` until the error,
 * gamma / (1 - gamma) times the last change, is within the tolerance. Overwrites and returns `solution`. Rounding adds
 * about 2^-52 max |V| / (1 - gamma) to the error; a tolerance below that may be out of reach and is then an error.
 */
export function softValueIteration(
  mdp: Dynamics,
  rewards: ArrayLike<number>,
  options: SoftValueOptions,
  solution: SoftSolution = emptySolution(mdp),
): SoftSolution {
  const { actions } = mdp;
  const { discount, tolerance } = options;
  check("softValueIteration", mdp, rewards, options);
  const shift = options.values === "centred" ? portableLog(actions) : 0;
  const { values, actionValues, logPolicy } = solution;
  const most = sweepLimit(options, rewards, actions);
  let error = Infinity;
  for (solution.sweeps = 0; !(error <= tolerance); solution.sweeps++) {
    if (solution.sweeps >= most) {
      throw new TandemError(
        "softValueIteration",
        `expected an error within ${tolerance}, got ${error} after ${solution.sweeps} sweeps; rounding allows no less: raise the tolerance`,
      );
    }
    backUp(mdp, rewards, discount, values, 0, actionValues, 0);
    const change = takeSoftMaxima(actionValues, 0, actions, shift, values, 0);
    error = (discount * change) / (1 - discount);
  }
  backUp(mdp, rewards, discount, values, 0, actionValues, 0);
  logSoftmax(actionValues, actions, logPolicy);
  return solution;
}

/**
 * The same fixed point by soft policy iteration, V <- V of pi, pi(a|s) <- exp(Q(s, a) - V(s)): Newton's method on the
 * Bellman equation, a handful of linear solves where the discount is near 1 and sweeps would be thousands. Sweeps do
 * what rounding leaves; `sweeps` counts only those.
 */
export function softPolicyIteration(
  mdp: Dynamics,
  rewards: ArrayLike<number>,
  options: SoftValueOptions,
  solution: SoftSolution = emptySolution(mdp),
): SoftSolution {
  const { actions } = mdp;
  const { discount, tolerance } = options;
  check("softPolicyIteration", mdp, rewards, options);
  const { values, actionValues, logPolicy } = solution;
  const shift = options.values === "centred" ? portableLog(actions) : 0;
  for (let least = Infinity, stale = 0; stale < STALE_STEPS;) {
    backUp(mdp, rewards, discount, values, 0, actionValues, 0);
    const change = takeSoftMaxima(actionValues, 0, actions, shift, values, 0);
    if ((discount * change) / (1 - discount) <= tolerance) break;
    stale = change < least ? 0 : stale + 1;
    least = Math.min(least, change);
    logSoftmax(actionValues, actions, logPolicy);
    values.set(softPolicyValues(mdp, rewards, logPolicy, options));
  }
  return softValueIteration(mdp, rewards, options, solution);
}

/** Soft values for a horizon of H steps, after which nothing is earned. The discount may be 1. */
export function softValueIterationOver(
  horizon: number,
  mdp: Dynamics,
  rewards: ArrayLike<number>,
  { discount, values: kind }: Omit<SoftValueOptions, "tolerance">,
): FiniteHorizonSolution {
  if (!(Number.isInteger(horizon) && horizon >= 1)) {
    throw new TandemError(
      "softValueIterationOver",
      `expected a horizon of whole steps from 1, got ${horizon}`,
    );
  }
  if (!(discount >= 0 && discount <= 1)) {
    throw new TandemError("softValueIterationOver", `expected a discount in [0, 1], got ${discount}`);
  }
  checkRewards("softValueIterationOver", mdp, rewards);
  const { states, actions } = mdp;
  const pairs = states * actions;
  const values = new Float64Array((horizon + 1) * states);
  const actionValues = new Float64Array(horizon * pairs);
  const logPolicy = new Float64Array(horizon * pairs);
  const shift = kind === "centred" ? portableLog(actions) : 0;
  for (let t = horizon - 1; t >= 0; t--) {
    backUp(mdp, rewards, discount, values, (t + 1) * states, actionValues, t * pairs);
    takeSoftMaxima(actionValues, t * pairs, actions, shift, values.subarray(0, (t + 1) * states), t * states);
  }
  logSoftmax(actionValues, actions, logPolicy);
  return { values: values.subarray(0, horizon * states), actionValues, logPolicy };
}

/** V(s) of a given policy, sum_a pi (r - log pi + gamma sum_s' P V(s')), by a linear solve, [S]. */
export function softPolicyValues(
  mdp: Dynamics,
  rewards: ArrayLike<number>,
  logPolicy: Float64Array,
  { discount, values }: Omit<SoftValueOptions, "tolerance">,
): Float64Array {
  const { states, actions, transitions } = mdp;
  const shift = values === "centred" ? portableLog(actions) : 0;
  const matrix = new Float64Array(states * states);
  const right = new Float64Array(states).fill(-shift);
  for (let s = 0; s < states; s++) {
    matrix[s * states + s] = 1;
    for (let a = 0; a < actions; a++) {
      const pair = s * actions + a;
      const probability = portableExp(logPolicy[pair]);
      if (probability === 0) continue;
      right[s] += probability * (rewards[pair] - logPolicy[pair]);
      for (let next = 0; next < states; next++) {
        matrix[s * states + next] -= discount * probability * transitions[pair * states + next];
      }
    }
  }
  return solveLinear(matrix, right);
}

/** log pi(a|s) = Q(s, a) - log sum_b exp Q(s, b), rows of `actions` values. */
export function logSoftmax(
  actionValues: ArrayLike<number>,
  actions: number,
  out: Float64Array,
): Float64Array {
  for (let first = 0; first < out.length; first += actions) {
    const value = logSumExp(actionValues, first, actions);
    for (let k = first; k < first + actions; k++) out[k] = actionValues[k] - value;
  }
  return out;
}

/** Q(s, a) = r(s, a) + gamma sum_s' P(s'|s, a) V(s'), V and Q from their offsets on. */
function backUp(
  { states, actions, transitions }: Dynamics,
  rewards: ArrayLike<number>,
  discount: number,
  values: Float64Array,
  valuesAt: number,
  actionValues: Float64Array,
  actionValuesAt: number,
): void {
  for (let pair = 0; pair < states * actions; pair++) {
    let expected = 0;
    const row = pair * states;
    for (let next = 0; next < states; next++) expected += transitions[row + next] * values[valuesAt + next];
    actionValues[actionValuesAt + pair] = rewards[pair] + discount * expected;
  }
}

/** V(s) = log sum_a exp Q(s, a) - shift for V from `valuesAt` to its end; the largest change of a value. */
function takeSoftMaxima(
  actionValues: Float64Array,
  actionValuesAt: number,
  actions: number,
  shift: number,
  values: Float64Array,
  valuesAt: number,
): number {
  let change = 0;
  for (let s = valuesAt, pair = actionValuesAt; s < values.length; s++, pair += actions) {
    const value = logSumExp(actionValues, pair, actions) - shift;
    change = Math.max(change, Math.abs(value - values[s]));
    values[s] = value;
  }
  return change;
}

/** Sweeps by which the contraction must have reached the tolerance, with as many again to spare for a far start. */
function sweepLimit(
  { discount, tolerance }: SoftValueOptions,
  rewards: ArrayLike<number>,
  actions: number,
): number {
  if (discount === 0) return 2;
  let largest = portableLog(actions) + 1;
  for (let i = 0; i < rewards.length; i++) largest = Math.max(largest, Math.abs(rewards[i]));
  const digits = portableLog((1e3 * largest) / (tolerance * (1 - discount) ** 2));
  return 10 + Math.ceil((-2 * digits) / portableLog(discount));
}

function check(
  where: string,
  mdp: Dynamics,
  rewards: ArrayLike<number>,
  { discount, tolerance }: SoftValueOptions,
): void {
  if (!(tolerance > 0)) throw new TandemError(where, `expected a tolerance above 0, got ${tolerance}`);
  if (!(discount >= 0 && discount < 1)) {
    throw new TandemError(where, `expected a discount in [0, 1), got ${discount}`);
  }
  checkRewards(where, mdp, rewards);
}

function checkRewards(where: string, { states, actions }: Dynamics, rewards: ArrayLike<number>): void {
  if (rewards.length !== states * actions) {
    throw new TandemError(
      where,
      `expected rewards of shape [${states}, ${actions}], got ${rewards.length} numbers`,
    );
  }
  for (let i = 0; i < rewards.length; i++) {
    if (!Number.isFinite(rewards[i])) {
      throw new TandemError(
        where,
        `expected finite rewards, got ${rewards[i]} for pair ${i}; check what made them`,
      );
    }
  }
}
