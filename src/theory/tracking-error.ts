import { TandemError } from "../core/index.ts";
import { meanEstimate, type Estimate } from "./estimates.ts";

/** The largest difference of two log-policies, and where it is. */
export interface TrackingError {
  /** max |log pi - log pi'|, nats; NaN where an entry is. */
  readonly largest: number;
  /** The pair s A + a (over held-out states: row A + a) where it is attained; the first of several. */
  readonly pair: number;
}

/** The same over held-out states, with what the typical state is like. */
export interface HeldOutTracking extends TrackingError {
  /** Mean over states of max_a |log pi(a|s) - log pi'(a|s)|, nats. */
  readonly mean: Estimate;
}

/**
 * max over (s, a) of |log pi_{k+1}(a|s) - log pi_theta_k(a|s)|, both [S, A] (arXiv:2503.17865, Section 5). Probabilities
 * that are 0 in both agree.
 */
export function trackingError(
  logPolicy: ArrayLike<number>,
  referenceLogPolicy: ArrayLike<number>,
): TrackingError {
  if (logPolicy.length !== referenceLogPolicy.length || logPolicy.length === 0) {
    throw new TandemError(
      "trackingError",
      `expected two log-policies over the same pairs, got ${logPolicy.length} and ${referenceLogPolicy.length} entries`,
    );
  }
  let [largest, pair] = [-1, 0];
  for (let i = 0; i < logPolicy.length; i++) {
    const difference = distance(logPolicy[i], referenceLogPolicy[i]);
    if (Number.isNaN(difference)) return { largest: NaN, pair: i };
    if (difference > largest) [largest, pair] = [difference, i];
  }
  return { largest, pair };
}

/**
 * The tracking error where no exact pi_theta is to be had: between pi_{k+1} and another log-policy (the one of the inner
 * loop before, or of one much longer) over held-out states, both [N, A]. `groups` [N] says which states lie on one
 * trajectory, since those do not err independently; null where states are independent. The largest grows with N: compare
 * it only between equal N.
 */
export function heldOutTracking(
  logPolicy: ArrayLike<number>,
  referenceLogPolicy: ArrayLike<number>,
  actions: number,
  groups: ArrayLike<number> | null,
): HeldOutTracking {
  if (logPolicy.length % actions !== 0) {
    throw new TandemError(
      "heldOutTracking",
      `expected rows of ${actions} log-probabilities, got ${logPolicy.length} in all`,
    );
  }
  const largest = trackingError(logPolicy, referenceLogPolicy);
  const ofState = new Float64Array(logPolicy.length / actions);
  for (let i = 0; i < logPolicy.length; i++) {
    const state = Math.floor(i / actions);
    ofState[state] = Math.max(ofState[state], distance(logPolicy[i], referenceLogPolicy[i]));
  }
  return { ...largest, mean: meanEstimate(ofState, groups) };
}

function distance(x: number, y: number): number {
  return x === y ? 0 : Math.abs(x - y);
}
