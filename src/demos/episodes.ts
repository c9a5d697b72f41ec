import { TandemError, type Trajectories } from "../core/index.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";

/** How a file reads its episodes, of which there are so many: in range, one call after another, errors with its name. */
export function episodeReader(
  source: string,
  episodes: number,
  read: DemonstrationFile["readEpisodes"],
): DemonstrationFile["readEpisodes"] {
  return oneAtATime((from, to) => {
    checkRange(from, to, episodes);
    return inFile(source, () => read(from, to));
  });
}

/** Zeros, to be filled: episodes between the given rows, of which the first becomes row 0. */
export function emptyTrajectories(
  observationSize: number,
  actionSize: number,
  hasRewards: boolean,
  starts: Float64Array,
): Trajectories {
  const rows = starts[starts.length - 1] - starts[0];
  return {
    observationSize,
    actionSize,
    observations: new Float32Array(rows * observationSize),
    actions: new Float32Array(rows * actionSize),
    nextObservations: new Float32Array(rows * observationSize),
    rewards: hasRewards ? new Float32Array(rows) : null,
    terminated: new Uint8Array(rows),
    truncated: new Uint8Array(rows),
    episodeStarts: Uint32Array.from(starts, (start) => start - starts[0]),
  };
}

/** 0 and the sums of the first 1, 2, ... lengths. */
export function cumulated(lengths: ArrayLike<number>): Float64Array {
  const starts = new Float64Array(lengths.length + 1);
  for (let index = 0; index < lengths.length; index++) starts[index + 1] = starts[index] + lengths[index];
  return starts;
}

/** Two reads at once would disturb each other's place in a file: the second waits for the first. */
function oneAtATime<A extends unknown[], T>(read: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve();
  return (...args) => {
    const now = before.then(() => read(...args));
    before = now.catch(() => {});
    return now;
  };
}

/** Refuses what are no episodes. */
function checkRange(from: number, to: number, episodes: number): void {
  const whole = Number.isInteger(from) && Number.isInteger(to);
  if (whole && from >= 0 && from < to && to <= episodes) return;
  throw new TandemError(
    "readEpisodes",
    `expected 0 <= from < to <= ${episodes} episodes, got ${from}..${to}; ask for episodes the file has`,
  );
}

/** How engines say that there is no room for an array. */
const NO_MEMORY = /allocation failed|invalid (?:typed )?array(?: buffer)? length/i;

/** Errors of `attempt` with the file in front; a refusal too where memory does not suffice. */
export async function inFile<T>(source: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof RangeError && NO_MEMORY.test(error.message)) {
      const problem = `${source}: holds more than there is memory for; read fewer episodes at once`;
      throw new TandemError("readDemonstrations", problem, { cause: error });
    }
    if (!(error instanceof TandemError) || !error.message.startsWith("readDemonstrations: ")) throw error;
    const problem = error.message.slice("readDemonstrations: ".length);
    if (problem.startsWith(source)) throw error;
    throw new TandemError("readDemonstrations", `${source}: ${problem}`, { cause: error });
  }
}
