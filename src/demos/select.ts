import {
  episodeCount,
  foldIn,
  nextInteger,
  sliceEpisodes,
  streamOf,
  TandemError,
  transitionCount,
  type Key,
  type Trajectories,
} from "../core/index.ts";

/**
 * Some of the episodes: the first `chosen` (columns are views into the original's), or those of a list, in its order
 * and as often as they stand there (columns are copies).
 */
export function takeEpisodes(trajectories: Trajectories, chosen: number | readonly number[]): Trajectories {
  const episodes = episodeCount(trajectories);
  if (typeof chosen === "number") {
    if (!(Number.isInteger(chosen) && chosen >= 1 && chosen <= episodes)) {
      refuse(
        "takeEpisodes",
        `expected a count from 1 to ${episodes}, got ${chosen}; record or ask for fewer episodes`,
      );
    }
    return sliceEpisodes(trajectories, 0, chosen);
  }
  const stray = chosen.find((episode) => !(Number.isInteger(episode) && episode >= 0 && episode < episodes));
  if (chosen.length === 0 || stray !== undefined) {
    refuse("takeEpisodes", `expected episodes from 0 to ${episodes - 1}, got ${stray ?? "an empty list"}`);
  }
  const { episodeStarts } = trajectories;
  const rowsOfEpisodes = chosen.map((episode) =>
    range(episodeStarts[episode], episodeStarts[episode + 1], 1),
  );
  return gatherRows(trajectories, rowsOfEpisodes);
}

/**
 * Every `stride`-th row of each episode, from an offset drawn for the episode from those below `stride` that it
 * reaches, as in arXiv:1606.03476. Rows keep their own next observations and flags; an episode whose last row is left
 * out ends without a mark.
 */
export function subsample(trajectories: Trajectories, stride: number, key: Key): Trajectories {
  if (!(Number.isInteger(stride) && stride >= 1)) {
    refuse("subsample", `expected a stride of at least 1, got ${stride}; 1 keeps every row`);
  }
  const { episodeStarts } = trajectories;
  const rowsOfEpisodes = Array.from({ length: episodeCount(trajectories) }, (_, episode) => {
    const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
    const offset = nextInteger(streamOf(foldIn(key, episode)), Math.min(stride, end - start));
    return range(start + offset, end, stride);
  });
  return gatherRows(trajectories, rowsOfEpisodes);
}

/**
 * The negative control: the same states and the same actions, but which action belongs to which state is permuted at
 * random over all rows. Next observations stay with their states. Rewards are null, as those of the new pairs are not
 * known. All columns but the actions are shared with the original.
 */
export function shuffledExpert(trajectories: Trajectories, key: Key): Trajectories {
  const { actions, actionSize } = trajectories;
  const stream = streamOf(key);
  const order = range(0, transitionCount(trajectories), 1);
  for (let last = order.length - 1; last > 0; last--) {
    const other = nextInteger(stream, last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return { ...trajectories, actions: gather(actions, actionSize, order), rewards: null };
}

/** The given rows of each episode, as trajectories of their own. */
function gatherRows(trajectories: Trajectories, rowsOfEpisodes: readonly number[][]): Trajectories {
  const { observationSize, actionSize } = trajectories;
  const rows = rowsOfEpisodes.flat();
  const episodeStarts = new Uint32Array(rowsOfEpisodes.length + 1);
  rowsOfEpisodes.forEach(
    (some, episode) => (episodeStarts[episode + 1] = episodeStarts[episode] + some.length),
  );
  return {
    observationSize,
    actionSize,
    observations: gather(trajectories.observations, observationSize, rows),
    actions: gather(trajectories.actions, actionSize, rows),
    nextObservations: gather(trajectories.nextObservations, observationSize, rows),
    rewards: trajectories.rewards && gather(trajectories.rewards, 1, rows),
    terminated: Uint8Array.from(rows, (row) => trajectories.terminated[row]),
    truncated: Uint8Array.from(rows, (row) => trajectories.truncated[row]),
    episodeStarts,
  };
}

function gather(data: Float32Array, size: number, rows: readonly number[]): Float32Array {
  const gathered = new Float32Array(rows.length * size);
  rows.forEach((row, at) => gathered.set(data.subarray(row * size, (row + 1) * size), at * size));
  return gathered;
}

function range(from: number, end: number, step: number): number[] {
  const rows: number[] = [];
  for (let row = from; row < end; row += step) rows.push(row);
  return rows;
}

function refuse(where: string, problem: string): never {
  throw new TandemError(where, problem);
}
