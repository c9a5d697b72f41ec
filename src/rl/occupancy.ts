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
 * The terms of d_pi over H steps, gamma^t P(s_t = s, a_t = a), [H, S, A]. The policy is stationary, log pi(a|s) [S, A], or
 * changes with time, log pi_t(a|s) [H, S, A]. The discount may be 1.
 */
export function occupancyByTime(
  horizon: number,
  { states, actions, transitions, initial }: Chain,
  logPolicy: Float64Array,
  discount: number,
): Float64Array {
  const pairs = states * actions;
  if (logPolicy.length !== pairs && logPolicy.length !== horizon * pairs) {
    throw new TandemError(
      "occupancyByTime",
      `expected a policy of shape [${states}, ${actions}] or [${horizon}, ${states}, ${actions}], got ${logPolicy.length} numbers`,
    );
  }
  const stride = logPolicy.length === pairs ? 0 : pairs;
  const terms = new Float64Array(horizon * pairs);
  let here = initial.slice();
  for (let t = 0; t < horizon; t++) {
    const next = new Float64Array(states);
    for (let pair = 0; pair < pairs; pair++) {
      const mass = here[Math.floor(pair / actions)] * portableExp(logPolicy[t * stride + pair]);
      if (mass === 0) continue;
      terms[t * pairs + pair] = mass;
      for (let s = 0; s < states; s++) next[s] += discount * mass * transitions[pair * states + s];
    }
    here = next;
  }
  return terms;
}

/** d_pi over H steps: the sum of `occupancyByTime` over time, [S, A]. */
export function occupancyOver(
  horizon: number,
  mdp: Chain,
  logPolicy: Float64Array,
  discount: number,
): Float64Array {
  const total = new Float64Array(mdp.states * mdp.actions);
  const terms = occupancyByTime(horizon, mdp, logPolicy, discount);
  for (let i = 0; i < terms.length; i++) total[i % total.length] += terms[i];
  return total;
}

/**
 * The stationary distribution over states of the chain under a policy, [S]: d(s') = sum_s d(s) P_pi(s'|s), sum d = 1.
 * There is one where all states lead to one and the same recurrent class; else this is an error.
 */
export function stationaryDistribution(mdp: Omit<Chain, "initial">, logPolicy: Float64Array): Float64Array {
  const { states } = mdp;
  const matrix = stateTransitions(mdp, logPolicy);
  requireOneRecurrentClass(matrix, states);
  // (I - P^T) d = 0 with one equation, which follows from the others, replaced by sum d = 1.
  for (let i = 0; i < matrix.length; i++) matrix[i] = -matrix[i];
  for (let s = 0; s < states; s++) matrix[s * states + s] += 1;
  matrix.fill(1, (states - 1) * states);
  const right = new Float64Array(states);
  right[states - 1] = 1;
  // Rounding may leave a transient state a little below 0.
  return solveLinear(matrix, right).map((mass) => Math.max(0, mass));
}

/**
 * L = sum d_E log pi, nats; `expert` [S, A] may be an occupancy or, for the mean over recorded trajectories of
 * sum_t gamma^t log pi(a_t|s_t), their `empiricalOccupancy`.
 */
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
  const rows = recorded.states.length;
  const trajectories = rows / horizon;
  if (!(Number.isInteger(trajectories) && trajectories > 0 && recorded.actions.length === rows)) {
    throw new TandemError(
      "empiricalOccupancy",
      `expected states and actions of trajectories of ${horizon} steps each, got ${rows} and ${recorded.actions.length}; cut them to the horizon`,
    );
  }
  const counts = new Float64Array(states * actions);
  for (let row = 0, weight = 1; row < rows; row++, weight *= discount) {
    if (row % horizon === 0) weight = 1 / trajectories;
    const [s, a] = [recorded.states[row], recorded.actions[row]];
    if (!(s >= 0 && s < states && a >= 0 && a < actions)) {
      throw new TandemError(
        "empiricalOccupancy",
        `expected states below ${states} and actions below ${actions}, got ${s} and ${a} in row ${row}; check the demonstrations`,
      );
    }
    counts[s * actions + a] += weight;
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

/** Some state can be reached from all others, `matrix` [S', S] being P_pi(s'|s). */
function requireOneRecurrentClass(matrix: Float64Array, states: number): void {
  for (let goal = 0; goal < states; goal++) {
    const found = [goal];
    const leadsTo = new Uint8Array(states);
    leadsTo[goal] = 1;
    for (const here of found) {
      for (let s = 0; s < states; s++) {
        if (leadsTo[s] || !(matrix[here * states + s] > 0)) continue;
        leadsTo[s] = 1;
        found.push(s);
      }
    }
    if (found.length === states) return;
  }
  throw new TandemError(
    "stationaryDistribution",
    "the chain has several recurrent classes and so no single stationary distribution; let every state be reached from every other",
  );
}
