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
import type { DemonstrationFile } from "./demonstration-file.ts";

/** Bytes of the columns of a block, about. */
const BLOCK_BYTES = 2 ** 25;

/**
 * The episodes `from` .. `to - 1` of a file, by default all, in blocks of whole episodes: as many at a time as fit into
 * some 32 MiB, or one that does not.
 */
export async function* readInBlocks(
  file: DemonstrationFile,
  from = 0,
  to = file.episodeStarts.length - 1,
): AsyncGenerator<Trajectories> {
  const { episodeStarts, observationSize, actionSize } = file;
  const rows = Math.max(1, Math.floor(BLOCK_BYTES / (8 * observationSize + 4 * actionSize + 6)));
  for (let next = from; next < to;) {
    let end = next + 1;
    while (end < to && episodeStarts[end + 1] - episodeStarts[next] <= rows) end++;
    yield await file.readEpisodes(next, end);
    next = end;
  }
}

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
 *
 * @param firstEpisode the number of the first of these episodes in a larger set that is subsampled part by part: the
 * parts together are then the whole, subsampled
 */
export function subsample(
  trajectories: Trajectories,
  stride: number,
  key: Key,
  firstEpisode = 0,
): Trajectories {
  if (!(Number.isInteger(stride) && stride >= 1)) {
    refuse("subsample", `expected a stride of at least 1, got ${stride}; 1 keeps every row`);
  }
  const { episodeStarts } = trajectories;
  const rowsOfEpisodes = Array.from({ length: episodeCount(trajectories) }, (_, episode) => {
    const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
    const offset = nextInteger(streamOf(foldIn(key, firstEpisode + episode)), Math.min(stride, end - start));
    return range(start + offset, end, stride);
  });
  return gatherRows(trajectories, rowsOfEpisodes);
}

/** The first `steps` steps of each episode. One whose last row is left out ends without a mark. */
export function firstSteps(trajectories: Trajectories, steps: number): Trajectories {
  if (!(Number.isInteger(steps) && steps >= 1)) {
    refuse("firstSteps", `expected at least 1 step, got ${steps}`);
  }
  const { episodeStarts } = trajectories;
  const rowsOfEpisodes = Array.from({ length: episodeCount(trajectories) }, (_, episode) =>
    range(episodeStarts[episode], Math.min(episodeStarts[episode] + steps, episodeStarts[episode + 1]), 1),
  );
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
