/**
 * The quantities of the theory on a tabular problem, exactly: what a run of the paper's algorithm is measured by.
 */
import type { Key } from "../core/index.ts";
import type { SoftQMlIrl } from "../irl/index.ts";
import type { Kernels } from "../kernels/index.ts";
import type { SparseTwoLayer } from "../nn/index.ts";
import {
  emptySolution,
  logLikelihood,
  occupancy,
  softPolicyIteration,
  type TabularProblem,
} from "../rl/index.ts";
import { occupancySurplus } from "./gradient-norms.ts";
import { likelihoodGap } from "./likelihood-gap.ts";
import { softBellmanError, softBellmanResiduals } from "./soft-bellman-error.ts";
import { trackingError } from "./tracking-error.ts";
import { createLinearityInstruments, type LinearityMeasurement } from "./linearity-instruments.ts";

/** What the instruments need to know beside the run. */
export interface TabularInstrumentOptions {
  readonly discount: number;
  readonly values: "centred" | "plain";
  /** log pi_E(a|s), [S, A]. */
  readonly expertLogPolicy: Float64Array;
  /** Whether to measure linearisation error and concavity gap, which costs some forward passes over all pairs. */
  readonly linearity: boolean;
  readonly key: Key;
}

/** One measurement of a run at theta_k and W_k. pi_theta is soft-optimal for r(.; theta_k), pi_k the softmax of Q(.; W_k). */
export interface TabularMeasurement {
  /** L(pi_E) - L(pi_theta), nats, L under the expert's exact occupancy; 0 for the expert's own policy. */
  readonly likelihoodGap: number;
  /** The same over the gap of the uniform policy. */
  readonly relativeGap: number;
  /** The relative gap of pi_k. */
  readonly relativePolicyGap: number;
  /** max over (s, a) of |log pi_k - log pi_theta|. */
  readonly trackingError: number;
  /** ||grad L(theta)||, grad L = sum (d_E - d_pi_theta) grad r. */
  readonly gradientNorm: number;
  /** ||grad Lhat(theta, pi_k)||: the agent's occupancy under pi_k. */
  readonly surrogateGradientNorm: number;
  /** Mean over pairs of (Q - r - gamma E V)^2, V soft-optimal. */
  readonly bellmanError: number;
  /** max over (s, a) of |pi_theta - pi_E|, and the mean under the expert's occupancy of their total variation. */
  readonly policyError: number;
  readonly visitedPolicyError: number;
  /** Null where not asked for. */
  readonly linearity: LinearityMeasurement | null;
}

/** Instruments on one run. Arrays are borrowed until the next call. */
export interface TabularInstruments {
  /** L of the expert's and of the uniform policy, nats. */
  readonly expertLikelihood: number;
  readonly uniformLikelihood: number;
  /** log pi_E(a|s) and d_E(s, a), [S, A]. */
  readonly expertLogPolicy: Float64Array;
  readonly expertOccupancy: Float64Array;
  /** Measure the run as it stands; changes nothing in it. */
  measure(): TabularMeasurement;
  /** The tracking error alone. */
  trackingError(): number;
  /** r(s, a; theta_k), [S, A]. */
  rewards(): Float64Array;
  /** log pi_k, [S, A]. */
  logPolicy(): Float64Array;
  /** log pi_theta_k, [S, A]. */
  optimalLogPolicy(): Float64Array;
}

/** Error allowed in exact soft values, far below anything sampled. */
const TOLERANCE = 1e-10;

/** Instruments on a run of the paper's algorithm over `problem`. */
export function createTabularInstruments(
  kernels: Kernels,
  problem: TabularProblem,
  { softQ, reward }: SoftQMlIrl,
  options: TabularInstrumentOptions,
): TabularInstruments {
  const { mdp } = problem;
  const { discount, values, expertLogPolicy, linearity, key } = options;
  const pairs = mdp.states * mdp.actions;
  const room = kernels.allocate(pairs);
  const rewards = new Float64Array(pairs);
  const actionValues = new Float64Array(pairs);
  const logPolicy = new Float64Array(pairs);
  const solution = emptySolution(mdp);
  const expertOccupancy = occupancy(mdp, expertLogPolicy, discount);
  const expertLikelihood = logLikelihood(expertOccupancy, expertLogPolicy);
  const uniform = new Float64Array(pairs).fill(-Math.log(mdp.actions));
  const uniformLikelihood = logLikelihood(expertOccupancy, uniform);
  const lines = linearity ? createLinearityInstruments(kernels, softQ.network, reward, key) : null;

  const read = (network: SparseTwoLayer, out: Float64Array): void => {
    kernels.sparseTable(network.block, room);
    out.set(kernels.f32(room, pairs));
  };
  const solve = (): void => {
    read(reward, rewards);
    softPolicyIteration(mdp, rewards, { discount, values, tolerance: TOLERANCE }, solution);
    problem.logPolicyOf(softQ.network, logPolicy);
  };

  return {
    expertLikelihood,
    uniformLikelihood,
    expertLogPolicy,
    expertOccupancy,
    trackingError: () => {
      solve();
      return trackingError(logPolicy, solution.logPolicy).largest;
    },
    rewards: () => {
      read(reward, rewards);
      return rewards;
    },
    logPolicy: () => logPolicy,
    optimalLogPolicy: () => solution.logPolicy,
    measure: () => {
      solve();
      read(softQ.network, actionValues);
      const gap = likelihoodGap(expertOccupancy, expertLogPolicy, solution.logPolicy);
      const uniformGap = expertLikelihood - uniformLikelihood;
      const policyGap = likelihoodGap(expertOccupancy, expertLogPolicy, logPolicy);
      const optimalOccupancy = occupancy(mdp, solution.logPolicy, discount);
      const agentOccupancy = occupancy(mdp, logPolicy, discount);
      const surplus = occupancySurplus(expertOccupancy, agentOccupancy);
      const open = openShares(kernels, reward);
      return {
        likelihoodGap: gap,
        relativeGap: gap / uniformGap,
        relativePolicyGap: policyGap / uniformGap,
        trackingError: trackingError(logPolicy, solution.logPolicy).largest,
        gradientNorm: weightedNorm(occupancySurplus(expertOccupancy, optimalOccupancy), open),
        surrogateGradientNorm: weightedNorm(surplus, open),
        bellmanError: softBellmanError(
          softBellmanResiduals(mdp, rewards, actionValues, { discount, values, logPolicy: null }),
          null,
        ).meanSquare,
        ...policyErrors(solution.logPolicy, expertLogPolicy, expertOccupancy, mdp.actions),
        linearity: lines && lines.measure(surplus),
      };
    },
  };
}

/** ||grad f(e_i)||^2 of each pair: the share of units with W_ji > 0, [d]. */
function openShares(kernels: Kernels, { weights, units, width, features }: SparseTwoLayer): Float64Array {
  const shares = new Float64Array(features);
  for (let i = 0; i < features; i++) {
    const column = kernels.f32(weights + 4 * i * units, width);
    let open = 0;
    for (let j = 0; j < width; j++) if (column[j] > 0) open++;
    shares[i] = open / width;
  }
  return shares;
}

/** ||sum_i c_i grad f(e_i)||: the gradients of different pairs share no weight. */
function weightedNorm(coefficients: Float64Array, shares: Float64Array): number {
  return Math.sqrt(coefficients.reduce((sum, c, i) => sum + c * c * shares[i], 0));
}

function policyErrors(
  logPolicy: Float64Array,
  expertLogPolicy: Float64Array,
  expertOccupancy: Float64Array,
  actions: number,
): { policyError: number; visitedPolicyError: number } {
  let largest = 0;
  let visited = 0;
  const total = expertOccupancy.reduce((sum, mass) => sum + mass, 0);
  for (let s = 0; s < logPolicy.length; s += actions) {
    let [mass, variation] = [0, 0];
    for (let i = s; i < s + actions; i++) {
      const difference = Math.abs(Math.exp(logPolicy[i]) - Math.exp(expertLogPolicy[i]));
      largest = Math.max(largest, difference);
      variation += difference / 2;
      mass += expertOccupancy[i];
    }
    visited += (mass / total) * variation;
  }
  return { policyError: largest, visitedPolicyError: visited };
}
