/** A reward that is asked for step by step as the table of a finite problem. */
import type { TabularDynamics } from "../envs/tabular/tabular-mdp.ts";
import type { RewardsAlong } from "./common-rows.ts";

/**
 * r(s, a), [S, A], of any reward: the mean of r(s, a, s') over s' ~ P(. | s, a), which is r(s, a) itself where it does not look at
 * s'. States are shown as `observationSize` says: by number, or one-hot.
 */
export function rewardTable(
  { states, actions, transitions }: TabularDynamics,
  observationSize: number,
  rewards: RewardsAlong,
): Float32Array {
  const pairs = states * actions;
  const possible: [pair: number, next: number][] = [];
  for (let pair = 0; pair < pairs; pair++)
    for (let next = 0; next < states; next++)
      if (transitions[pair * states + next] > 0) possible.push([pair, next]);
  const { length } = possible;
  const shown = (of: (row: number) => number): Float32Array => {
    const observations = new Float32Array(length * observationSize);
    for (let row = 0; row < length; row++) {
      if (observationSize === 1) observations[row] = of(row);
      else observations[row * observationSize + of(row)] = 1;
    }
    return observations;
  };
  const along = rewards({
    observationSize,
    actionSize: 1,
    observations: shown((row) => Math.floor(possible[row][0] / actions)),
    actions: Float32Array.from(possible, ([pair]) => pair % actions),
    nextObservations: shown((row) => possible[row][1]),
    rewards: null,
    terminated: new Uint8Array(length),
    truncated: new Uint8Array(length),
    episodeStarts: Uint32Array.from({ length: length + 1 }, (_, row) => row),
  });
  const sums = new Float64Array(pairs);
  possible.forEach(([pair, next], row) => {
    sums[pair] += transitions[pair * states + next] * along[row];
  });
  return Float32Array.from(sums);
}
