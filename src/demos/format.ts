import { episodeCount, TandemError, transitionCount, type Trajectories } from "../core/index.ts";
import { joined } from "./byte-source.ts";
import { findNonFinite, nonFiniteEntries } from "./columns.ts";
import { metadataText } from "./metadata.ts";
import { npyHeader, type NpyDtype } from "./npy.ts";
import { createZipWriter, type ZipWriter } from "./zip-writer.ts";

/** The columns a `.npz` file may need, in its order. Which of the last three, only the whole set tells. */
export const NPZ_COLUMNS = [
  "observations",
  "actions",
  "rewards",
  "dones",
  "timeouts",
  "final_observations",
  "next_observations",
] as const;

/** One of {@link NPZ_COLUMNS}. */
export type NpzColumn = (typeof NPZ_COLUMNS)[number];

/** What has been added to a set so far, as far as it decides what its file holds. */
export interface SetOutline {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly hasRewards: boolean;
  /** Steps of each episode. */
  readonly lengths: number[];
  rows: number;
  /** Every episode's end, and nothing else, is marked. */
  endsFollow: boolean;
  /** Within episodes the next observation is the following row's. */
  nextFollows: boolean;
}

/**
 * The bytes {@link writeDemonstrations} writes to a `.npz` file: float32, deflated, the same for equal content. Next
 * observations are stored only where the following row and `final_observations` do not give them, episode lengths only
 * where the end flags do not, and metadata as `metadata.json` with sorted keys.
 */
export function formatDemonstrations(
  trajectories: Trajectories,
  metadata: Readonly<Record<string, unknown>>,
): Uint8Array {
  const outline = extendOutline(null, trajectories);
  const text = metadataText(metadata, 1);
  const parts: Uint8Array[] = [];
  const zip = createZipWriter((bytes) => parts.push(bytes));
  for (const column of columnsOf(outline)) {
    beginColumn(zip, outline, column);
    zip.push(columnBytes(trajectories, column));
    zip.end();
  }
  finishArchive(zip, outline, text);
  return joined(parts);
}

/** The outline of a set to which `trajectories` were added; what a reader would refuse is refused. */
export function extendOutline(outline: SetOutline | null, trajectories: Trajectories): SetOutline {
  checkTrajectories(trajectories);
  const { observationSize, actionSize, rewards, episodeStarts } = trajectories;
  const extended = outline ?? {
    observationSize,
    actionSize,
    hasRewards: rewards !== null,
    lengths: [],
    rows: 0,
    endsFollow: true,
    nextFollows: true,
  };
  if (observationSize !== extended.observationSize || actionSize !== extended.actionSize) {
    refuse(
      `expected observations of ${extended.observationSize} and actions of ${extended.actionSize} as before, got ${observationSize} and ${actionSize}; write other spaces to another file`,
    );
  }
  if ((rewards !== null) !== extended.hasRewards)
    refuse("rewards must be in all of the trajectories or in none; leave them out");
  for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
    extended.lengths.push(episodeStarts[episode + 1] - episodeStarts[episode]);
  }
  extended.rows += transitionCount(trajectories);
  extended.endsFollow &&= endsFollowFromFlags(trajectories);
  extended.nextFollows &&= nextFollowsFromRows(trajectories);
  return extended;
}

/** The columns the file of such a set has, apart from episode lengths. */
export function columnsOf({ hasRewards, nextFollows }: SetOutline): NpzColumn[] {
  const left = [hasRewards ? null : "rewards", nextFollows ? "next_observations" : "final_observations"];
  return NPZ_COLUMNS.filter((column) => !left.includes(column));
}

/** Begin the entry of a column: what follows are its bytes. */
export function beginColumn(zip: ZipWriter, outline: SetOutline, column: NpzColumn): void {
  const { rows, lengths, observationSize, actionSize } = outline;
  const shapes: Record<NpzColumn, number[]> = {
    observations: [rows, observationSize],
    actions: [rows, actionSize],
    rewards: [rows],
    dones: [rows],
    timeouts: [rows],
    final_observations: [lengths.length, observationSize],
    next_observations: [rows, observationSize],
  };
  const isFlag = column === "dones" || column === "timeouts";
  beginArray(zip, column, isFlag ? "b1" : "f4", shapes[column]);
}

/** After the columns: episode lengths where they are needed, metadata, and the directory. */
export function finishArchive(zip: ZipWriter, outline: SetOutline, metadata: string): void {
  if (!outline.endsFollow) {
    const lengths = Int32Array.from(outline.lengths);
    beginArray(zip, "episode_lengths", "i4", [lengths.length]);
    zip.push(bytesOf(lengths));
    zip.end();
  }
  const text = new TextEncoder().encode(metadata);
  zip.begin("metadata.json", text.length);
  zip.push(text);
  zip.end();
  zip.finish();
}

/** The elements of a column of the trajectories as they are stored, little-endian; borrowed. */
export function columnBytes(trajectories: Trajectories, column: NpzColumn): Uint8Array {
  if (column === "final_observations") return bytesOf(finalObservations(trajectories));
  const { observations, actions, rewards, terminated, truncated, nextObservations } = trajectories;
  const data = { observations, actions, rewards, dones: terminated, timeouts: truncated };
  return bytesOf(column === "next_observations" ? nextObservations : data[column]!);
}

/** Whether the observation after row `row` is, bit for bit, the next one. */
export function nextFollowsFromRow(
  { observations, nextObservations, observationSize }: Trajectories,
  row: number,
): boolean {
  const [here, after] = [row * observationSize, (row + 1) * observationSize];
  for (let entry = 0; entry < observationSize; entry++) {
    // -0 and 0 count as different.
    if (!Object.is(nextObservations[here + entry], observations[after + entry])) return false;
  }
  return true;
}

function beginArray(zip: ZipWriter, name: string, dtype: NpyDtype, shape: readonly number[]): void {
  const { bytes, dataLength } = npyHeader(dtype, shape);
  zip.begin(`${name}.npy`, bytes.length + dataLength);
  zip.push(bytes);
}

/** What a reader of the file would refuse is not written. */
function checkTrajectories(trajectories: Trajectories): void {
  const { observationSize, actionSize, episodeStarts } = trajectories;
  const ascending = episodeStarts.every((start, index) =>
    index === 0 ? start === 0 : start > episodeStarts[index - 1],
  );
  if (episodeCount(trajectories) < 1 || !ascending) {
    refuse(
      "episodeStarts must ascend from 0 and hold at least one episode; check where the trajectories were made",
    );
  }
  const rows = transitionCount(trajectories);
  const columns: [keyof Trajectories, number][] = [
    ["observations", observationSize],
    ["actions", actionSize],
    ["nextObservations", observationSize],
    ["rewards", 1],
    ["terminated", 1],
    ["truncated", 1],
  ];
  for (const [name, width] of columns) {
    const data = trajectories[name] as Float32Array | Uint8Array | null;
    if (data === null) continue;
    if (width < 1 || data.length !== rows * width) {
      refuse(
        `${name} must have ${rows} rows of ${width}, got ${data.length} entries; check where it was made`,
      );
    }
    const problem = data instanceof Float32Array ? findNonFinite(data, width, 0, null) : null;
    if (problem) refuse(`${name} must be finite, ${nonFiniteEntries(problem)}`);
    if (data instanceof Uint8Array && data.some((flag) => flag > 1)) refuse(`${name} must be 0 or 1`);
  }
}

function endsFollowFromFlags({ terminated, truncated, episodeStarts }: Trajectories): boolean {
  let episode = 1;
  for (let row = 0; row < terminated.length; row++) {
    const isEnd = row + 1 === episodeStarts[episode];
    if (isEnd !== terminated[row] + truncated[row] > 0) return false;
    if (isEnd) episode++;
  }
  return true;
}

function nextFollowsFromRows(trajectories: Trajectories): boolean {
  const { episodeStarts } = trajectories;
  for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
    for (let row = episodeStarts[episode]; row + 1 < episodeStarts[episode + 1]; row++) {
      if (!nextFollowsFromRow(trajectories, row)) return false;
    }
  }
  return true;
}

function finalObservations({ nextObservations, observationSize, episodeStarts }: Trajectories): Float32Array {
  const data = new Float32Array((episodeStarts.length - 1) * observationSize);
  episodeStarts.subarray(1).forEach((end, episode) => {
    data.set(
      nextObservations.subarray((end - 1) * observationSize, end * observationSize),
      episode * observationSize,
    );
  });
  return data;
}

function bytesOf(data: Float32Array | Int32Array | Uint8Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function refuse(problem: string): never {
  throw new TandemError("writeDemonstrations", problem);
}
