import { episodeCount, TandemError, transitionCount, type Trajectories } from "../core/index.ts";
import { findNonFinite, nonFiniteEntries } from "./columns.ts";
import type { NpyArray } from "./npy.ts";
import { writeNpz } from "./npz.ts";

/**
 * The bytes {@link writeDemonstrations} writes: float32, deflated, the same for equal content. Next observations are
 * stored only where the following row and `final_observations` do not give them, episode lengths only where the end
 * flags do not, and metadata as `metadata.json` with sorted keys.
 */
export function formatDemonstrations(
  trajectories: Trajectories,
  metadata: Readonly<Record<string, unknown>>,
): Uint8Array {
  checkTrajectories(trajectories);
  const { observationSize, actionSize, observations, actions, nextObservations, rewards } = trajectories;
  const { terminated, truncated } = trajectories;
  const rows = transitionCount(trajectories);
  const entries: Record<string, NpyArray | Uint8Array> = {
    observations: { dtype: "f4", shape: [rows, observationSize], data: observations },
    actions: { dtype: "f4", shape: [rows, actionSize], data: actions },
  };
  if (rewards) entries.rewards = { dtype: "f4", shape: [rows], data: rewards };
  entries.dones = { dtype: "b1", shape: [rows], data: terminated };
  entries.timeouts = { dtype: "b1", shape: [rows], data: truncated };
  if (!endsFollowFromFlags(trajectories)) entries.episode_lengths = episodeLengths(trajectories);
  if (nextFollowsFromRows(trajectories)) entries.final_observations = finalObservations(trajectories);
  else entries.next_observations = { dtype: "f4", shape: [rows, observationSize], data: nextObservations };
  entries["metadata.json"] = metadataBytes(metadata);
  return writeNpz(entries);
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
  const { observationSize, episodeStarts } = trajectories;
  const observations = wordsOf(trajectories.observations);
  const next = wordsOf(trajectories.nextObservations);
  for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
    const last = (episodeStarts[episode + 1] - 1) * observationSize;
    for (let at = episodeStarts[episode] * observationSize; at < last; at++) {
      if (next[at] !== observations[at + observationSize]) return false;
    }
  }
  return true;
}

function finalObservations({ nextObservations, observationSize, episodeStarts }: Trajectories): NpyArray {
  const ends = [...episodeStarts.subarray(1)].map((start) => start - 1);
  const data = new Float32Array(ends.length * observationSize);
  ends.forEach((row, episode) => {
    data.set(
      nextObservations.subarray(row * observationSize, (row + 1) * observationSize),
      episode * observationSize,
    );
  });
  return { dtype: "f4", shape: [ends.length, observationSize], data };
}

function episodeLengths({ episodeStarts }: Trajectories): NpyArray {
  const lengths = episodeStarts.subarray(1).map((start, episode) => start - episodeStarts[episode]);
  return { dtype: "i4", shape: [lengths.length], data: Int32Array.from(lengths) };
}

/** The bits, so that -0 and 0 count as different. */
function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

function metadataBytes(metadata: Readonly<Record<string, unknown>>): Uint8Array {
  try {
    return new TextEncoder().encode(JSON.stringify(metadata, withSortedKeys, 1));
  } catch (cause) {
    if (cause instanceof TandemError) throw cause;
    const [reason] = (cause as Error).message.split("\n");
    throw new TandemError(
      "writeDemonstrations",
      `metadata must be plain JSON data (${reason}); leave such values out`,
      {
        cause,
      },
    );
  }
}

/** A replacer for JSON.stringify, which would write NaN as null. */
function withSortedKeys(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    refuse(`metadata.${key} must be finite, got ${value}; leave it out`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function refuse(problem: string): never {
  throw new TandemError("writeDemonstrations", problem);
}
