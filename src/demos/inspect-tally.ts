/** What an inspection remembers of the episodes it has seen: some numbers a column and an episode, never the rows. */
import { episodeCount, sliceEpisodes, type ActionSpace, type Trajectories } from "../core/index.ts";

/** Least, mean, greatest and (population) standard deviation of some numbers. */
export interface NumberSummary {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly std: number;
}

/** Numbers seen so far, by column, [columns]. `squares` is the sum of squared distances from the mean. */
export interface ColumnTally {
  rows: number;
  readonly min: Float64Array;
  readonly mean: Float64Array;
  readonly max: Float64Array;
  readonly squares: Float64Array;
}

/** Where s_{t+1} was looked for, in rows from its own: 1 is right. */
const LAGS = [1, 0, 2, -1] as const;

/** Plain data, filled by {@link tallyEpisodes}; the findings follow from it. */
export interface InspectionTally {
  readonly observations: ColumnTally;
  readonly actions: ColumnTally;
  /** Null where the recording has no rewards. */
  readonly rewards: ColumnTally | null;
  readonly actionSpace: ActionSpace | null;
  episodes: number;
  /** Steps of each episode. */
  readonly lengths: number[];
  /** Undiscounted true return of each episode; stays empty without rewards. */
  readonly returns: number[];
  /** Entries of any column that are NaN or infinite, and where the first is. */
  nonFinite: number;
  firstNonFinite: string;
  /** Action entries beyond the action space's bounds (or not among its choices), and exactly on them. */
  outOfBounds: number;
  atBounds: number;
  /** Action entries outside [-1, 1]. */
  beyondOne: number;
  /** How often each action was taken; null once they are not few whole numbers in one column. */
  choices: Map<number, number> | null;
  ends: { terminated: number; truncated: number; unmarked: number; both: number };
  /** Steps of the longest episode, and how many of that length end terminated alone. */
  longest: { length: number; terminated: number };
  /** Rows with a row that many further in their episode, and those whose next observation is found there. */
  readonly lags: Record<(typeof LAGS)[number], { rows: number; matches: number }>;
  firstBroken: string;
  /** Last next observations that are the first observation of the next episode; those of terminated episodes among them. */
  resets: { all: number; terminated: number };
  /** Last next observations that repeat the last observation, where the episode moved until then. */
  finalRepeats: number;
  /** Episodes that end with a repeated row, such rows there, and all rows that repeat the one before. */
  padded: { episodes: number; rows: number; anywhere: number };
  /** Episode numbers of a single step. */
  readonly singleSteps: number[];
  /** Episodes by a hash of their observations and actions. */
  readonly fingerprints: Map<string, number>;
  duplicates: number;
  /** The first few of them, in words. */
  readonly duplicatePairs: string[];
  /** The end of the episode before. */
  last: { nextObservation: Float32Array; terminated: boolean } | null;
}

/** Most distinct whole numbers in an action column that are still shown as choices. */
const MOST_CHOICES = 20;

/** Pairs of duplicates that are named. */
const NAMED_DUPLICATES = 4;

/** Nothing seen yet. */
export function createTally(
  observationSize: number,
  actionSize: number,
  hasRewards: boolean,
  actionSpace: ActionSpace | null,
): InspectionTally {
  const actionsFit = actionSpace !== null && sizeOf(actionSpace) === actionSize;
  return {
    observations: columnTally(observationSize),
    actions: columnTally(actionSize),
    rewards: hasRewards ? columnTally(1) : null,
    actionSpace: actionsFit ? actionSpace : null,
    episodes: 0,
    lengths: [],
    returns: [],
    nonFinite: 0,
    firstNonFinite: "",
    outOfBounds: 0,
    atBounds: 0,
    beyondOne: 0,
    choices: actionSize === 1 ? new Map() : null,
    ends: { terminated: 0, truncated: 0, unmarked: 0, both: 0 },
    longest: { length: 0, terminated: 0 },
    lags: { "1": noMatches(), "0": noMatches(), "2": noMatches(), "-1": noMatches() },
    firstBroken: "",
    resets: { all: 0, terminated: 0 },
    finalRepeats: 0,
    padded: { episodes: 0, rows: 0, anywhere: 0 },
    singleSteps: [],
    fingerprints: new Map(),
    duplicates: 0,
    duplicatePairs: [],
    last: null,
  };
}

/** Add the episodes that follow those seen so far. How they are cut into calls changes nothing. */
export function tallyEpisodes(tally: InspectionTally, trajectories: Trajectories): void {
  for (let episode = 0; episode < episodeCount(trajectories); episode++) {
    tallyEpisode(tally, sliceEpisodes(trajectories, episode, episode + 1));
  }
}

/** Numbers that an action space takes. */
export function sizeOf(space: ActionSpace): number {
  return space.kind === "box" ? space.size : 1;
}

/** The summary of one column. */
export function columnSummary(tally: ColumnTally, column: number): NumberSummary {
  const std = Math.sqrt(tally.squares[column] / tally.rows);
  return { min: tally.min[column], mean: tally.mean[column], max: tally.max[column], std };
}

/** The summary of some numbers. */
export function summarise(values: readonly number[]): NumberSummary {
  const tally = columnTally(1);
  addColumns(tally, values, values.length);
  return columnSummary(tally, 0);
}

function tallyEpisode(tally: InspectionTally, episode: Trajectories): void {
  const { observations, actions, rewards } = episode;
  const rows = episode.terminated.length;
  addColumns(tally.observations, observations, rows);
  addColumns(tally.actions, actions, rows);
  if (rewards && tally.rewards) {
    addColumns(tally.rewards, rewards, rows);
    tally.returns.push(rewards.reduce((sum, reward) => sum + reward, 0));
  }
  tally.lengths.push(rows);
  if (rows === 1) tally.singleSteps.push(tally.episodes);
  countNonFinite(tally, episode);
  countActions(tally, actions);
  countEnds(tally, episode);
  compareNextObservations(tally, episode);
  countRepeatedLastRows(tally, episode);
  lookForDuplicate(tally, episode);
  tally.episodes++;
}

function noMatches(): InspectionTally["lags"][1] {
  return { rows: 0, matches: 0 };
}

function columnTally(columns: number): ColumnTally {
  return {
    rows: 0,
    min: new Float64Array(columns).fill(Infinity),
    mean: new Float64Array(columns),
    max: new Float64Array(columns).fill(-Infinity),
    squares: new Float64Array(columns),
  };
}

/** Means and squares of more rows, joined to those so far (Chan, Golub, LeVeque, 1979). */
function addColumns(tally: ColumnTally, data: ArrayLike<number>, rows: number): void {
  const columns = tally.mean.length;
  const before = tally.rows;
  tally.rows += rows;
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    for (let at = column; at < data.length; at += columns) {
      const value = data[at];
      if (value < tally.min[column]) tally.min[column] = value;
      if (value > tally.max[column]) tally.max[column] = value;
      sum += value;
    }
    const mean = sum / rows;
    let squares = 0;
    for (let at = column; at < data.length; at += columns) squares += (data[at] - mean) ** 2;
    const step = mean - tally.mean[column];
    tally.mean[column] += (step * rows) / tally.rows;
    tally.squares[column] += squares + (step * step * before * rows) / tally.rows;
  }
}

function countNonFinite(tally: InspectionTally, episode: Trajectories): void {
  const columns = [
    ["observations", episode.observations, episode.observationSize],
    ["actions", episode.actions, episode.actionSize],
    ["next observations", episode.nextObservations, episode.observationSize],
    ["rewards", episode.rewards ?? new Float32Array(0), 1],
  ] as const;
  for (const [name, data, size] of columns) {
    for (let at = 0; at < data.length; at++) {
      if (Number.isFinite(data[at])) continue;
      if (tally.nonFinite++ > 0) continue;
      const place = `episode ${tally.episodes}, step ${Math.floor(at / size)}, column ${at % size}`;
      tally.firstNonFinite = `${data[at]} in ${name}, ${place}`;
    }
  }
}

function countActions(tally: InspectionTally, actions: Float32Array): void {
  for (let at = 0; at < actions.length; at++) {
    if (actions[at] < -1 || actions[at] > 1) tally.beyondOne++;
  }
  countAgainstSpace(tally, actions);
  for (let at = 0; tally.choices !== null && at < actions.length; at++) {
    const action = actions[at];
    if (!Number.isInteger(action) || action < 0) tally.choices = null;
    else tally.choices.set(action, (tally.choices.get(action) ?? 0) + 1);
    if (tally.choices && tally.choices.size > MOST_CHOICES) tally.choices = null;
  }
}

function countAgainstSpace(tally: InspectionTally, actions: Float32Array): void {
  const { actionSpace } = tally;
  if (!actionSpace) return;
  if (actionSpace.kind === "discrete") {
    for (const action of actions) {
      if (!(Number.isInteger(action) && action >= 0 && action < actionSpace.count)) tally.outOfBounds++;
    }
    return;
  }
  // Bounds such as 0.4 are compared as the float32 that a recording at the bound holds.
  const [low, high] = [Float32Array.from(actionSpace.low), Float32Array.from(actionSpace.high)];
  for (let at = 0; at < actions.length; at++) {
    const column = at % low.length;
    if (actions[at] < low[column] || actions[at] > high[column]) tally.outOfBounds++;
    else if (actions[at] === low[column] || actions[at] === high[column]) tally.atBounds++;
  }
}

function countEnds({ ends, longest }: InspectionTally, { terminated, truncated }: Trajectories): void {
  const length = terminated.length;
  const [byTask, byLimit] = [terminated[length - 1] === 1, truncated[length - 1] === 1];
  if (byTask) ends.terminated++;
  else if (byLimit) ends.truncated++;
  else ends.unmarked++;
  if (byTask && byLimit) ends.both++;
  if (length > longest.length) Object.assign(longest, { length, terminated: 0 });
  if (length === longest.length && byTask && !byLimit) longest.terminated++;
}

/** Where the next observation of each row is found, and two mistakes that show in the last one of an episode. */
function compareNextObservations(tally: InspectionTally, episode: Trajectories): void {
  const { observations, nextObservations, observationSize: size, terminated } = episode;
  const end = terminated.length;
  const same = observationComparison(tally.observations);
  const rowAt = (data: Float32Array, row: number): Float32Array =>
    data.subarray(row * size, (row + 1) * size);
  for (const lag of LAGS) {
    for (let row = Math.max(0, -lag); row < Math.min(end, end - lag); row++) {
      tally.lags[lag].rows++;
      if (same(nextObservations, row, observations, row + lag)) tally.lags[lag].matches++;
      else if (lag === 1) tally.firstBroken ||= `episode ${tally.episodes}, step ${row}`;
    }
  }
  if (tally.last && same(tally.last.nextObservation, 0, observations, 0)) {
    tally.resets.all++;
    if (tally.last.terminated) tally.resets.terminated++;
  }
  tally.last = {
    nextObservation: rowAt(nextObservations, end - 1).slice(),
    terminated: terminated[end - 1] === 1,
  };
  // A task that rests before its end (a lander, a held goal) repeats itself rightly: only a sudden stop counts.
  const stops = same(nextObservations, end - 1, observations, end - 1);
  if (stops && end > 1 && !same(nextObservations, end - 2, observations, end - 2)) tally.finalRepeats++;
}

/** Whether a row of one array of observations is a row of another. */
type Comparison = (one: Float32Array, row: number, other: Float32Array, otherRow: number) => boolean;

/** Equality up to float32 rounding of the value and 1e-5 of the column's spread so far. */
function observationComparison({ squares, rows }: ColumnTally): Comparison {
  const size = squares.length;
  const slack = squares.map((sum) => 1e-5 * Math.sqrt(sum / rows));
  return (one, row, other, otherRow) => {
    for (let j = 0; j < size; j++) {
      const value = other[otherRow * size + j];
      const distance = Math.abs(one[row * size + j] - value);
      if (distance > slack[j] + 2 ** -22 * Math.abs(value)) return false;
    }
    return true;
  };
}

function countRepeatedLastRows({ padded }: InspectionTally, episode: Trajectories): void {
  const { observations, observationSize, actions, actionSize } = episode;
  const rows = episode.terminated.length;
  let run = 0;
  for (let row = 1; row < rows; row++) {
    const repeats =
      sameRow(observations, observationSize, row - 1, row) && sameRow(actions, actionSize, row - 1, row);
    run = repeats ? run + 1 : 0;
    if (repeats) padded.anywhere++;
  }
  if (run > 0) padded.episodes++;
  padded.rows += run;
}

function sameRow(data: Float32Array, size: number, row: number, other: number): boolean {
  for (let j = 0; j < size; j++) if (data[row * size + j] !== data[other * size + j]) return false;
  return true;
}

function lookForDuplicate(tally: InspectionTally, { observations, actions }: Trajectories): void {
  const fingerprint = [0x85ebca6b, 0xc2b2ae35]
    .map((factor) => hashOf(actions, hashOf(observations, 0x811c9dc5, factor), factor))
    .concat(actions.length)
    .join(" ");
  const original = tally.fingerprints.get(fingerprint);
  if (original === undefined) {
    tally.fingerprints.set(fingerprint, tally.episodes);
    return;
  }
  if (tally.duplicates++ < NAMED_DUPLICATES) {
    tally.duplicatePairs.push(`${tally.episodes} repeats ${original}`);
  }
}

/** 32 bits that depend on every bit of the values; another odd factor gives others. */
function hashOf(values: Float32Array, basis: number, factor: number): number {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let hash = basis;
  for (let at = 0; at < words.length; at++) {
    hash = Math.imul(hash ^ words[at], factor);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}
