/**
 * Soft Bellman residuals delta = Q(s, a) - r(s, a) - gamma V(s'), over tables exactly and over sampled transitions as
 * estimates (arXiv:2503.17865, Sections 3 and 4). V is the soft-optimal one, log sum_a exp Q, or that of a policy,
 * sum_a pi (Q - log pi); centred values take log A off either.
 */
import { logSumExp, TandemError } from "../core/index.ts";
import type { TabularMdp } from "../envs/index.ts";
import { meanEstimate, type Estimate } from "./estimates.ts";

/** Which Bellman equation. */
export interface SoftBellmanOptions {
  /** gamma. */
  readonly discount: number;
  readonly values: "centred" | "plain";
  /** pi of policy evaluation as log pi(.|s), nats: [S, A] for tables, [n, A] at s' for transitions; null for soft optimality. */
  readonly logPolicy: ArrayLike<number> | null;
}

/** What residuals come to. */
export interface BellmanError {
  readonly meanSquare: number;
  /** max |delta| over all pairs, whatever their weight, and the pair where it is attained. */
  readonly largest: number;
  readonly pair: number;
}

/** Transitions as their values: n of them, A actions. */
export interface ValuedTransitions {
  /** Q(s, a) and r(s, a), [n]. */
  readonly actionValues: ArrayLike<number>;
  readonly rewards: ArrayLike<number>;
  /** Q(s', .), [n, A]. */
  readonly nextActionValues: ArrayLike<number>;
  /** 0 where s' is terminal and worth 0, else 1 (also where the trajectory was truncated), [n]. */
  readonly continues: ArrayLike<number>;
}

/** delta(s, a) = Q(s, a) - r(s, a) - gamma sum_s' P(s'|s, a) V(s'), [S, A]. */
export function softBellmanResiduals(
  { states, actions, transitions }: Pick<TabularMdp, "states" | "actions" | "transitions">,
  rewards: ArrayLike<number>,
  actionValues: ArrayLike<number>,
  options: SoftBellmanOptions,
): Float64Array {
  const values = softValues(actionValues, actions, options);
  return Float64Array.from({ length: states * actions }, (_, pair) => {
    let next = 0;
    for (let s = 0; s < states; s++) next += transitions[pair * states + s] * values[s];
    return actionValues[pair] - rewards[pair] - options.discount * next;
  });
}

/** sum w delta^2 / sum w and max |delta|, both [S, A]; `weights` null for all pairs alike. */
export function softBellmanError(
  residuals: ArrayLike<number>,
  weights: ArrayLike<number> | null,
): BellmanError {
  let [squares, total, largest, pair] = [0, 0, -1, 0];
  for (let i = 0; i < residuals.length; i++) {
    const weight = weights === null ? 1 : weights[i];
    squares += weight * residuals[i] ** 2;
    total += weight;
    if (Math.abs(residuals[i]) > largest) [largest, pair] = [Math.abs(residuals[i]), i];
  }
  if (!(total > 0)) {
    throw new TandemError("softBellmanError", `expected weights with a positive sum, got ${total}`);
  }
  return { meanSquare: squares / total, largest, pair };
}

/** delta of each transition, [n]. */
export function sampledSoftResiduals(
  { actionValues, rewards, nextActionValues, continues }: ValuedTransitions,
  options: SoftBellmanOptions,
): Float64Array {
  const count = actionValues.length;
  if (nextActionValues.length % count !== 0) {
    throw new TandemError(
      "sampledSoftResiduals",
      `expected the same number of next values for each of ${count} transitions, got ${nextActionValues.length}`,
    );
  }
  const values = softValues(nextActionValues, nextActionValues.length / count, options);
  return Float64Array.from({ length: count }, (_, t) => {
    const next = continues[t] === 0 ? 0 : options.discount * values[t];
    return actionValues[t] - rewards[t] - next;
  });
}

/**
 * Mean of delta^2 over held-out transitions. Where s' is random this exceeds the Bellman error by the mean of
 * gamma^2 Var V(s'), which no learning removes: see `doublySampledBellmanError`. `groups` as in `meanEstimate`.
 */
export function sampledBellmanError(
  residuals: ArrayLike<number>,
  groups: ArrayLike<number> | null,
): Estimate {
  return doublySampledBellmanError(residuals, residuals, groups);
}

/**
 * Mean of delta delta', where delta and delta' of one (s, a) come from two independent draws of s': the Bellman error
 * without bias. May come out below 0.
 */
export function doublySampledBellmanError(
  residuals: ArrayLike<number>,
  again: ArrayLike<number>,
  groups: ArrayLike<number> | null,
): Estimate {
  if (again.length !== residuals.length) {
    throw new TandemError(
      "doublySampledBellmanError",
      `expected two residuals of each pair, got ${residuals.length} and ${again.length}`,
    );
  }
  return meanEstimate(
    Float64Array.from(residuals, (delta, i) => delta * again[i]),
    groups,
  );
}

/** V of each row of A action values. */
function softValues(
  actionValues: ArrayLike<number>,
  actions: number,
  { logPolicy, values }: SoftBellmanOptions,
): Float64Array {
  const shift = values === "centred" ? Math.log(actions) : 0;
  return Float64Array.from({ length: actionValues.length / actions }, (_, s) => {
    const first = s * actions;
    if (logPolicy === null) return logSumExp(actionValues, first, actions) - shift;
    let value = -shift;
    for (let i = first; i < first + actions; i++) {
      if (logPolicy[i] > -Infinity) value += Math.exp(logPolicy[i]) * (actionValues[i] - logPolicy[i]);
    }
    return value;
  });
}
