import { type Key, nextNormal, streamOf } from "../../src/core/index.ts";
import type { TabularMdp } from "../../src/envs/index.ts";
import { logSoftmax } from "../../src/rl/index.ts";

/**
 * State 0: action 0 stays and pays 0, action 1 leads to state 1 and pays log 3. State 1 holds and pays nothing.
 * At gamma = 1/2, with x = exp(V(0) / 2): exp V(1) = 2 exp(V(1) / 2), so V(1) = log 4; x^2 = x + 3 * 2, so x = 3 and
 * V(0) = log 9, Q(0, .) = (log 3, log 6), pi(.|0) = (1/3, 2/3).
 */
export const LEAVING: TabularMdp = {
  name: "leaving",
  states: 2,
  actions: 2,
  transitions: Float64Array.of(1, 0, 0, 1, 0, 1, 0, 1),
  initial: Float64Array.of(1, 0),
  rewards: Float64Array.of(0, Math.log(3), 0, 0),
};

/** Two states, actions 0 to stay and 1 to change over; no rewards. */
export const SWITCHING: TabularMdp = {
  name: "switching",
  states: 2,
  actions: 2,
  transitions: Float64Array.of(1, 0, 0, 1, 0, 1, 1, 0),
  initial: Float64Array.of(1, 0),
  rewards: new Float64Array(4),
};

/** One state; only the actions differ. */
export function bandit(...rewards: number[]): TabularMdp {
  return {
    name: "bandit",
    states: 1,
    actions: rewards.length,
    transitions: new Float64Array(rewards.length).fill(1),
    initial: Float64Array.of(1),
    rewards: Float64Array.from(rewards),
  };
}

/** A table of standard normals. */
export function normalTable(size: number, key: Key): Float64Array {
  const stream = streamOf(key);
  return Float64Array.from({ length: size }, () => nextNormal(stream));
}

/** log pi(a|s) of random preferences, [S, A]. */
export function randomLogPolicy({ states, actions }: TabularMdp, key: Key): Float64Array {
  const table = normalTable(states * actions, key);
  return logSoftmax(table, actions, new Float64Array(table.length));
}

/** Largest |x - y|. */
export function farthest(x: ArrayLike<number>, y: ArrayLike<number>): number {
  if (x.length !== y.length) return Infinity;
  return Array.from(x).reduce((most, value, i) => Math.max(most, Math.abs(value - y[i])), 0);
}

/** Sum of x y. */
export function inner(x: ArrayLike<number>, y: ArrayLike<number>): number {
  return Array.from(x).reduce((sum, value, i) => sum + value * y[i], 0);
}
