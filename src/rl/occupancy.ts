/**
 * Discounted occupancies of tabular problems, exactly, and the likelihood of demonstrations with its gradient:
 * d_pi(s, a) = sum_t gamma^t P(s_t = s, a_t = a); L = sum_{s,a} d_E(s, a) log pi(a|s); where pi is soft-optimal for r,
 * dL/dr(s, a) = d_E(s, a) - d_pi(s, a) (arXiv:2503.17865, Lemma 4).
 */
import { portableExp, TandemError } from "../core/index.ts";
import type { TabularMdp } from "../envs/tabular/tabular-mdp.ts";
import { solveLinear } from "./linear-system.ts";

type Chain = Pick<TabularMdp, "states" | "actions" | "transitions" | "initial">;

/** d_pi for ever, of the stationary policy log pi(a|s) [S, A]: sums to 1 / (1 - gamma), [S, A]. */
export function occupancy(mdp: Chain, logPolicy: Float64Array, discount: number): Float64Array {
  const { states, initial } = mdp;
  // d(s') - gamma sum_s d(s) P_pi(s'|s) = mu0(s')
  const matrix = stateTransitions(mdp, logPolicy);
  for (let i = 0; i < matrix.length; i++) matrix[i] *= -discount;
  for (let s = 0; s < states; s++) matrix[s * states + s] += 1;
  return overPairs(solveLinear(matrix, initial.slice()), logPolicy);
}

/**
 * d_pi over H steps, [S, A]. The policy is stationary, log pi(a|s) [S, A], or changes with time, log pi_t(a|s) [H, S, A].
 */
export function occupancyOver(
  horizon: number,
  { states, actions, transitions, initial }: Chain,
  logPolicy: Float64Array,
  discount: number,
): Float64Array {
  const pairs = states * actions;
  const total = new Float64Array(pairs);
  const stride = logPolicy.length === pairs ? 0 : pairs;
  let here = initial.slice();
  for (let t = 0, weight = 1; t < horizon; t++, weight *= discount) {
    const next = new Float64Array(states);
    for (let pair = 0; pair < pairs; pair++) {
      const mass = here[Math.floor(pair / actions)] * portableExp(logPolicy[t * stride + pair]);
      if (mass === 0) continue;
      total[pair] += weight * mass;
      for (let s = 0; s < states; s++) next[s] += mass * transitions[pair * states + s];
    }
    here = next;
  }
  return total;
}

/** The stationary distribution over states of the chain under a policy, [S]; there must be just one. */
export function stationaryDistribution(mdp: Omit<Chain, "initial">, logPolicy: Float64Array): Float64Array {
  const { states } = mdp;
  // (I - P^T) d = 0 with one equation, which follows from the others, replaced by sum d = 1.
  const matrix = stateTransitions(mdp, logPolicy);
  for (let i = 0; i < matrix.length; i++) matrix[i] = -matrix[i];
  for (let s = 0; s < states; s++) matrix[s * states + s] += 1;
  matrix.fill(1, (states - 1) * states);
  const right = new Float64Array(states);
  right[states - 1] = 1;
  const distribution = solveLinear(matrix, right);
  // Two recurrent classes make the system singular but for rounding: the solution is then no distribution.
  if (distribution.some((mass) => !(mass > -1e-9 && mass < 1 + 1e-9))) {
    throw new TandemError(
      "stationaryDistribution",
      "the chain has several recurrent classes; make every state reachable from every other",
    );
  }
  return distribution.map((mass) => Math.max(0, mass));
}

/** L = sum d_E log pi, nats; `expert` [S, A] may be an occupancy or empirical counts. */
export function logLikelihood(expert: ArrayLike<number>, logPolicy: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < logPolicy.length; i++) if (expert[i] !== 0) sum += expert[i] * logPolicy[i];
  return sum;
}

/** Discounted counts of recorded trajectories, states and actions [n, H]: their mean over trajectories, [S, A]. */
export function empiricalOccupancy(
  { states, actions }: Pick<TabularMdp, "states" | "actions">,
  recorded: { readonly states: ArrayLike<number>; readonly actions: ArrayLike<number> },
  horizon: number,
  discount: number,
): Float64Array {
  const counts = new Float64Array(states * actions);
  const trajectories = recorded.states.length / horizon;
  for (let row = 0; row < recorded.states.length; row++) {
    counts[recorded.states[row] * actions + recorded.actions[row]] +=
      discount ** (row % horizon) / trajectories;
  }
  return counts;
}

/** P_pi(s'|s) with s' as the row, [S', S]. */
function stateTransitions(
  { states, actions, transitions }: Omit<Chain, "initial">,
  logPolicy: Float64Array,
): Float64Array {
  const matrix = new Float64Array(states * states);
  for (let pair = 0; pair < states * actions; pair++) {
    const probability = portableExp(logPolicy[pair]);
    const s = Math.floor(pair / actions);
    for (let next = 0; next < states; next++) {
      matrix[next * states + s] += probability * transitions[pair * states + next];
    }
  }
  return matrix;
}

function overPairs(states: Float64Array, logPolicy: Float64Array): Float64Array {
  const actions = logPolicy.length / states.length;
  return logPolicy.map((each, pair) => states[Math.floor(pair / actions)] * portableExp(each));
}
