/** Episodes as plain lists, and the library's columns made of them and read back. */
import { keyFromSeed, nextNormal, nextUniform, streamOf, type Trajectories } from "../../src/core/index.ts";
import type { Episode } from "./point-environment.ts";

/** [count, size] float32 numbers. */
const rows = (count: number, size: number, draw: () => number): number[][] =>
  Array.from({ length: count }, () => Array.from({ length: size }, () => Math.fround(draw())));

/** Episodes of normal observations and actions even in [low, high], as float32 numbers. */
export function randomEpisodes(
  seed: number,
  lengths: readonly number[],
  { n, d, low, high }: { n: number; d: number; low: number; high: number },
): Episode[] {
  const stream = streamOf(keyFromSeed(seed));
  return lengths.map((length) => ({
    observations: rows(length, n, () => nextNormal(stream)),
    actions: rows(length, d, () => low + (high - low) * nextUniform(stream)),
  }));
}

/** The episodes in the library's columns, each cut by a time limit; next observations are zero and true rewards are NaN. */
export function toTrajectories(episodes: readonly Episode[]): Trajectories {
  const observations = episodes.flatMap((episode) => episode.observations);
  const actions = episodes.flatMap((episode) => episode.actions);
  const starts = episodes.reduce((all, { actions: own }) => [...all, all[all.length - 1] + own.length], [0]);
  const steps = actions.length;
  const truncated = new Uint8Array(steps);
  for (const end of starts.slice(1)) truncated[end - 1] = 1;
  return {
    observationSize: observations[0].length,
    actionSize: actions[0].length,
    observations: Float32Array.from(observations.flat()),
    actions: Float32Array.from(actions.flat()),
    nextObservations: new Float32Array(observations.flat().length),
    rewards: new Float32Array(steps).fill(Number.NaN),
    terminated: new Uint8Array(steps),
    truncated,
    episodeStarts: Uint32Array.from(starts),
  };
}
