/** Demonstration files that are no files, for tests of what streams. */
import { episodeCount, sliceEpisodes, type Trajectories } from "../../src/core/index.ts";
import type { DemonstrationFile } from "../../src/demos/index.ts";

/** Those episodes as an open file; what is read, and how often, is in `reads`. */
export function asFile(
  trajectories: Trajectories,
  described: Partial<DemonstrationFile> = {},
): DemonstrationFile & { reads: [from: number, to: number][] } {
  const reads: [number, number][] = [];
  return {
    source: "memory.npz",
    format: "npz",
    layout: "plain",
    env: null,
    metadata: {},
    warnings: [],
    observationSize: trajectories.observationSize,
    actionSize: trajectories.actionSize,
    hasRewards: trajectories.rewards !== null,
    episodeStarts: Float64Array.from(trajectories.episodeStarts),
    readEpisodes: async (from, to) => {
      reads.push([from, to]);
      return sliceEpisodes(trajectories, from, to);
    },
    close: async () => {},
    ...described,
    reads,
  };
}

/** Episodes of several sets of equal sizes, one set after the other. */
export function joined(...sets: readonly Trajectories[]): Trajectories {
  const starts = [0];
  for (const set of sets) {
    const before = starts[starts.length - 1];
    for (let episode = 1; episode <= episodeCount(set); episode++)
      starts.push(before + set.episodeStarts[episode]);
  }
  const floats = (pick: (set: Trajectories) => Float32Array): Float32Array =>
    Float32Array.from(sets.flatMap((set) => Array.from(pick(set))));
  const flags = (pick: (set: Trajectories) => Uint8Array): Uint8Array =>
    Uint8Array.from(sets.flatMap((set) => Array.from(pick(set))));
  return {
    observationSize: sets[0].observationSize,
    actionSize: sets[0].actionSize,
    observations: floats((set) => set.observations),
    actions: floats((set) => set.actions),
    nextObservations: floats((set) => set.nextObservations),
    rewards: sets.every(({ rewards }) => rewards) ? floats((set) => set.rewards!) : null,
    terminated: flags((set) => set.terminated),
    truncated: flags((set) => set.truncated),
    episodeStarts: Uint32Array.from(starts),
  };
}
