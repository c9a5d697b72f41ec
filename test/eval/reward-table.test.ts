import { describe, expect, it } from "vitest";
import type { Trajectories } from "../../src/core/index.ts";
import { garnetMdp } from "../../src/envs/index.ts";
import { exactDistance, rewardTable, type RewardsAlong } from "../../src/eval/index.ts";
import { softValueIteration } from "../../src/rl/index.ts";

const [STATES, ACTIONS, DISCOUNT] = [5, 3, 0.9];
/** Every pair leads to three states. */
const MDP = garnetMdp({ states: STATES, actions: ACTIONS, branching: 3, seed: 2 });

const stateIn = (size: number, observations: Float32Array, row: number): number =>
  size === 1 ? observations[row] : observations.subarray(row * size, (row + 1) * size).indexOf(1);

/** What a function of s, a and s' gives along steps that show states with `observationSize` numbers. */
const along =
  (of: (state: number, action: number, next: number) => number): RewardsAlong =>
  ({ observationSize: size, observations, actions, nextObservations }: Trajectories) =>
    Float32Array.from(actions, (action, row) =>
      of(stateIn(size, observations, row), action, stateIn(size, nextObservations, row)),
    );

describe.each([1, STATES])("a table of a reward, states shown by %d numbers", (size) => {
  it("is r(s, a) where that is all it looks at", () => {
    const table = rewardTable(
      MDP,
      size,
      along((state, action) => 10 * state + action),
    );
    const expected = Array.from({ length: STATES * ACTIONS }, (_, i) => 10 * Math.floor(i / 3) + (i % 3));
    table.forEach((value, pair) => expect(value).toBeCloseTo(expected[pair], 5));
  });

  it("is the mean over where a step goes", () => {
    const table = rewardTable(
      MDP,
      size,
      along((_state, _action, next) => next),
    );
    for (let pair = 0; pair < STATES * ACTIONS; pair++) {
      const row = MDP.transitions.subarray(pair * STATES, (pair + 1) * STATES);
      expect(table[pair]).toBeCloseTo(
        row.reduce((sum, probability, next) => sum + probability * next, 0),
        5,
      );
    }
  });

  it("of Q(s, a) - gamma V(s') of the true reward is the true reward: every distance is 0", () => {
    const { actionValues, values } = softValueIteration(MDP, MDP.rewards, {
      discount: DISCOUNT,
      tolerance: 1e-10,
      values: "plain",
    });
    const recovered = along(
      (state, action, next) => actionValues[state * ACTIONS + action] - DISCOUNT * values[next],
    );
    const table = rewardTable(MDP, size, recovered);
    table.forEach((value, pair) => expect(value).toBeCloseTo(MDP.rewards[pair], 5));
    for (const kind of ["EPIC", "DARD", "STARC"] as const) {
      const { rewards } = exactDistance(kind, MDP, [table], DISCOUNT);
      expect(rewards[0].distance).toBeLessThan(1e-3);
    }
  });
});
