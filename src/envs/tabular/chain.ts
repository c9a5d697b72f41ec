import { requireProbability } from "../options.ts";
import type { TabularMdp } from "./tabular-mdp.ts";
import { requireWhole } from "./whole-number.ts";

/** Options of `chainMdp`. */
export interface ChainOptions {
  /** Length of the chain, from 2. */
  states: number;
  /** Probability of moving the other way. */
  slip: number;
  /** r for staying at the left end, where episodes begin. */
  nearReward: number;
  /** r for pushing on at the right end. */
  farReward: number;
}

/** Defaults of `Chain-v0`. */
export const CHAIN: ChainOptions = { states: 10, slip: 0.1, nearReward: 0.5, farReward: 3 };

/**
 * States in a row, two actions: 0 left, 1 right; each moves the other way with probability `slip`, and the ends hold.
 * A little is earned by pushing left at the left end, more by pushing right at the right end: far away.
 */
export function chainMdp({ states, slip, nearReward, farReward }: ChainOptions): TabularMdp {
  const id = "Chain-v0";
  requireWhole(id, "states", states, 2);
  requireProbability(id, "slip", slip);
  const transitions = new Float64Array(states * 2 * states);
  for (let s = 0; s < states; s++) {
    const left = Math.max(0, s - 1);
    const right = Math.min(states - 1, s + 1);
    for (const [action, meant, other] of [
      [0, left, right],
      [1, right, left],
    ]) {
      const row = (s * 2 + action) * states;
      transitions[row + meant] += 1 - slip;
      transitions[row + other] += slip;
    }
  }
  const initial = new Float64Array(states);
  initial[0] = 1;
  const rewards = new Float64Array(states * 2);
  rewards[0] = nearReward;
  rewards[states * 2 - 1] = farReward;
  const name = `${id}(${states} states, slip ${slip}, ${nearReward} near, ${farReward} far)`;
  return { name, states, actions: 2, transitions, initial, rewards };
}
