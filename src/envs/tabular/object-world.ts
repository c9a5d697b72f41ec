import { foldIn, keyFromSeed, nextInteger, streamOf } from "../../core/index.ts";
import { requireAtMost, requireCount, requireProbability } from "../options.ts";
import { FIVE_MOVES, gridTransitions } from "./grid.ts";
import type { TabularMdp } from "./tabular-mdp.ts";
import { requireWhole } from "./whole-number.ts";

/** Options of `objectWorldMdp`. */
export interface ObjectWorldOptions {
  /** Cells along an edge. */
  size: number;
  /** Objects, from 2, each in a cell of its own. */
  objects: number;
  /** Colours, from 2; only the first two matter, the others distract. */
  colours: number;
  /** Probability that any of the five moves happens, each alike, in place of the one meant. */
  slip: number;
  seed: number;
}

/** Defaults of `ObjectWorld-v0`. */
export const OBJECT_WORLD: ObjectWorldOptions = { size: 6, objects: 8, colours: 2, slip: 0.3, seed: 0 };

/** How near "near" is, rows plus columns. */
const NEAR_FIRST = 3;
const NEAR_SECOND = 2;

/**
 * Objectworld (Levine, Popovic, Koltun 2011): r(s) = 1 in cells within 3 of an object of the first colour and
 * within 2 of one of the second, -1 in those within 3 of the first only, 0 elsewhere: not linear in
 * distances. Actions: stay, up, right, down, left. mu0 is uniform.
 */
export function objectWorldMdp({ size, objects, colours, slip, seed }: ObjectWorldOptions): TabularMdp {
  const id = "ObjectWorld-v0";
  requireCount(id, "size", size);
  requireWhole(id, "objects", objects, 2);
  requireWhole(id, "colours", colours, 2);
  requireWhole(id, "seed", seed, 0);
  requireProbability(id, "slip", slip);
  const states = size * size;
  requireAtMost(id, "objects", objects, states);
  const actions = FIVE_MOVES.length;
  const stream = streamOf(foldIn(keyFromSeed(seed), 0));
  const cells = Array.from({ length: states }, (_, s) => s);
  const colourOf = new Map<number, number>();
  for (let k = 0; k < objects; k++) {
    const other = k + nextInteger(stream, states - k);
    [cells[k], cells[other]] = [cells[other], cells[k]];
    // The first two colours are sure to occur.
    colourOf.set(cells[k], k < 2 ? k : nextInteger(stream, colours));
  }
  const near = (s: number, colour: number, distance: number): boolean =>
    [...colourOf].some(
      ([cell, its]) =>
        its === colour &&
        Math.abs(Math.floor(s / size) - Math.floor(cell / size)) + Math.abs((s % size) - (cell % size)) <=
          distance,
    );
  const stateReward = cells
    .toSorted((a, b) => a - b)
    .map((s) => (near(s, 0, NEAR_FIRST) ? (near(s, 1, NEAR_SECOND) ? 1 : -1) : 0));
  return {
    name: `${id}(${size} x ${size}, ${objects} objects, ${colours} colours, slip ${slip}, seed ${seed})`,
    states,
    actions,
    transitions: gridTransitions(size, size, FIVE_MOVES, slip),
    initial: new Float64Array(states).fill(1 / states),
    rewards: Float64Array.from({ length: states * actions }, (_, i) => stateReward[Math.floor(i / actions)]),
  };
}
