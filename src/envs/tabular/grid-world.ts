import { foldIn, keyFromSeed, nextInteger, streamOf } from "../../core/index.ts";
import { requireAtMost, requireCount, requireProbability } from "../options.ts";
import { FOUR_MOVES, gridTransitions } from "./grid.ts";
import type { TabularMdp } from "./tabular-mdp.ts";
import { requireWhole } from "./whole-number.ts";

/** Options of `gridWorldMdp`. */
export interface GridWorldOptions {
  rows: number;
  columns: number;
  /** Probability that any of the four moves happens, each alike, in place of the one meant. */
  slip: number;
  /** r in the goal, the last cell; what follows starts anew from mu0. */
  goalReward: number;
  /** r in a trap. */
  trapReward: number;
  /** Cells, placed by the seed, that cost `trapReward`. */
  traps: number;
  /** r elsewhere. */
  stepReward: number;
  seed: number;
}

/** Defaults of `GridWorld-v0`. */
export const GRID_WORLD: GridWorldOptions = {
  rows: 5,
  columns: 5,
  slip: 0.1,
  goalReward: 4,
  trapReward: -2,
  traps: 4,
  stepReward: -0.1,
  seed: 0,
};

/**
 * A grid with a goal in its last cell and traps where the seed puts them; actions up, right, down, left. Every action in
 * the goal leads to a new start, uniform over the other cells, so that the problem goes on for ever. The reward is one
 * of the state alone.
 */
export function gridWorldMdp(options: GridWorldOptions): TabularMdp {
  const id = "GridWorld-v0";
  const { rows, columns, slip, goalReward, trapReward, traps, stepReward, seed } = options;
  requireCount(id, "rows", rows);
  requireCount(id, "columns", columns);
  requireProbability(id, "slip", slip);
  requireWhole(id, "traps", traps, 0);
  requireWhole(id, "seed", seed, 0);
  const states = rows * columns;
  requireWhole(id, "rows times columns", states, 2);
  requireAtMost(id, "traps", traps, states - 1);
  const actions = FOUR_MOVES.length;
  const goal = states - 1;
  const transitions = gridTransitions(rows, columns, FOUR_MOVES, slip);
  const initial = new Float64Array(states).fill(1 / (states - 1));
  initial[goal] = 0;
  for (let a = 0; a < actions; a++) transitions.set(initial, (goal * actions + a) * states);

  const stateReward = new Float64Array(states).fill(stepReward);
  const stream = streamOf(foldIn(keyFromSeed(seed), 0));
  const free = Array.from({ length: goal }, (_, s) => s);
  for (let k = 0; k < traps; k++) {
    const other = k + nextInteger(stream, free.length - k);
    [free[k], free[other]] = [free[other], free[k]];
    stateReward[free[k]] = trapReward;
  }
  stateReward[goal] = goalReward;
  return {
    name: `${id}(${rows} x ${columns}, slip ${slip}, ${traps} traps, seed ${seed}, rewards ${goalReward}, ${trapReward}, ${stepReward})`,
    states,
    actions,
    transitions,
    initial,
    rewards: Float64Array.from({ length: states * actions }, (_, i) => stateReward[Math.floor(i / actions)]),
  };
}
