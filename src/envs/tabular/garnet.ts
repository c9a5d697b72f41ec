import { foldIn, keyFromSeed, nextInteger, nextNormal, nextUniform, streamOf } from "../../core/index.ts";
import { requireAtMost, requireCount } from "../options.ts";
import type { TabularMdp } from "./tabular-mdp.ts";
import { requireWhole } from "./whole-number.ts";

/** Options of `garnetMdp`. */
export interface GarnetOptions {
  /** S. */
  states: number;
  /** A. */
  actions: number;
  /** Successors of each pair, at most S. */
  branching: number;
  /** Fixes transitions and rewards. */
  seed: number;
}

/** Defaults of `Garnet-v0`. */
export const GARNET: GarnetOptions = { states: 20, actions: 4, branching: 3, seed: 0 };

/**
 * A random problem (Archibald, McKinnon, Thomas 1995): every pair leads to `branching` different states, with the
 * lengths of a randomly broken stick as probabilities; r(s, a) ~ N(0, 1); mu0 is uniform.
 */
export function garnetMdp({ states, actions, branching, seed }: GarnetOptions): TabularMdp {
  const id = "Garnet-v0";
  for (const [name, value] of Object.entries({ states, actions, branching })) requireCount(id, name, value);
  requireAtMost(id, "branching", branching, states);
  requireWhole(id, "seed", seed, 0);
  const key = keyFromSeed(seed);
  const stream = streamOf(foldIn(key, 0));
  const transitions = new Float64Array(states * actions * states);
  const order = Array.from({ length: states }, (_, s) => s);
  for (let pair = 0; pair < states * actions; pair++) {
    // The beginning of a random permutation, and the pieces between sorted cuts of [0, 1].
    for (let k = 0; k < branching; k++) {
      const other = k + nextInteger(stream, states - k);
      [order[k], order[other]] = [order[other], order[k]];
    }
    const cuts = Array.from({ length: branching - 1 }, () => nextUniform(stream)).sort((a, b) => a - b);
    for (let k = 0; k < branching; k++) {
      transitions[pair * states + order[k]] = (cuts[k] ?? 1) - (k === 0 ? 0 : cuts[k - 1]);
    }
  }
  const rewardStream = streamOf(foldIn(key, 1));
  return {
    name: `${id}(${states} states, ${actions} actions, branching ${branching}, seed ${seed})`,
    states,
    actions,
    transitions,
    initial: new Float64Array(states).fill(1 / states),
    rewards: Float64Array.from({ length: states * actions }, () => nextNormal(rewardStream)),
  };
}
