/**
 * The transitions of a run on disk: an append-only log, cut into files of `SEGMENT_ROWS` rows. Transition number g, counted from the
 * run's first, lies at one place for ever, so that a checkpoint writes only what has come since the last one, and what an earlier
 * checkpoint speaks of is still there.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { TandemError } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import type { Replay } from "../rl/index.ts";
import { makeFolder } from "./run-folder.ts";

/** Rows of a file: about 3 MB of HalfCheetah. */
export const SEGMENT_ROWS = 16_384;

/** What a checkpoint says of the replay's transitions. */
export interface ReplayLog {
  /** Transitions ever added. */
  readonly added: number;
  /** The files that hold the last of them, oldest first. */
  readonly segments: readonly Segment[];
}

/** Transitions from, inclusive, to, exclusive, in the file of number `index`. */
interface Segment {
  readonly index: number;
  readonly from: number;
  readonly to: number;
  /** Of their bytes. */
  readonly crc32: number;
}

const EMPTY: ReplayLog = { added: 0, segments: [] };

/** Write what has been added since `before` (null for a log that cannot be gone on with) into `folder`, to the disk. */
export function writeReplayLog(
  kernels: Kernels,
  folder: string,
  replay: Replay,
  before: ReplayLog | null,
): ReplayLog {
  makeFolder(folder);
  const { added, capacity } = replay;
  const oldest = Math.max(0, added - capacity);
  const known = before && before.added >= oldest && before.added <= added ? before : EMPTY;
  const segments = known.segments.filter(({ to }) => to > oldest);
  let from = known === EMPTY ? oldest : known.added;
  while (from < added) {
    const index = Math.floor(from / SEGMENT_ROWS);
    const to = Math.min(added, (index + 1) * SEGMENT_ROWS);
    const last = segments.at(-1);
    const begun = last?.index === index ? last : null;
    const crc = writeRows(kernels, fileOf(folder, index), replay, from, to, begun?.crc32 ?? 0);
    if (begun) segments.pop();
    segments.push({ index, from: begun?.from ?? from, to, crc32: crc });
    from = to;
  }
  return { added, segments };
}

/** Put the transitions that `log` speaks of into an empty replay of the same layout. Throws where a byte of them is another. */
export function readReplayLog(kernels: Kernels, folder: string, replay: Replay, log: ReplayLog): void {
  const { added, segments } = log;
  const oldest = Math.max(0, added - replay.capacity);
  let next = segments.length > 0 ? segments[0].from : added;
  if (next > oldest) throw damaged(folder, `transitions ${oldest} to ${next} are missing`);
  for (const segment of segments) {
    const path = fileOf(folder, segment.index);
    if (segment.from !== next) throw damaged(path, `its part begins at ${segment.from}, not at ${next}`);
    readRows(kernels, path, replay, segment);
    next = segment.to;
  }
  if (next !== added) throw damaged(folder, `transitions ${next} to ${added} are missing`);
  replay.added = added;
}

/** Remove the files that none of `logs` speaks of. */
export function pruneReplayLog(folder: string, logs: readonly ReplayLog[]): void {
  const kept = new Set(logs.flatMap(({ segments }) => segments.map(({ index }) => nameOf(index))));
  for (const name of readdirSync(folder)) if (!kept.has(name)) rmSync(join(folder, name));
}

const nameOf = (index: number): string => `${String(index).padStart(6, "0")}.f32`;

function fileOf(folder: string, index: number): string {
  return join(folder, nameOf(index));
}

/** Floats of a row in a file: the replay's, and the true reward where it is kept. */
function fileWidth(replay: Replay): number {
  return replay.stride + (replay.trueRewards ? 1 : 0);
}

/** Rows moved at a time. */
const BLOCK_ROWS = 4096;

/** Write transitions of one file at their places; `crc` is that of the file's part before them. Returns that of all. */
function writeRows(
  kernels: Kernels,
  path: string,
  replay: Replay,
  from: number,
  to: number,
  crc: number,
): number {
  const width = fileWidth(replay);
  const file = openSync(path, existsSync(path) ? "r+" : "w");
  let sum = crc;
  try {
    for (let start = from; start < to; start += BLOCK_ROWS) {
      const block = new Float32Array(Math.min(BLOCK_ROWS, to - start) * width);
      for (let i = 0; i * width < block.length; i++) copyRow(kernels, replay, start + i, block, i * width);
      const bytes = new Uint8Array(block.buffer);
      writeWhole(file, bytes, 4 * width * (start % SEGMENT_ROWS));
      sum = crc32(bytes, sum);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return sum;
}

/** One call may write less than it is given, as on a disk that fills up. */
function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

function readRows(
  kernels: Kernels,
  path: string,
  replay: Replay,
  { from, to, crc32: expected }: Segment,
): void {
  if (!existsSync(path)) throw damaged(path, "it is missing");
  const width = fileWidth(replay);
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const end = 4 * width * (((to - 1) % SEGMENT_ROWS) + 1);
    if (size < end) throw damaged(path, `${size} bytes of ${end}`);
    let sum = 0;
    for (let start = from; start < to; start += BLOCK_ROWS) {
      const block = new Float32Array(Math.min(BLOCK_ROWS, to - start) * width);
      const bytes = new Uint8Array(block.buffer);
      readSync(file, bytes, 0, bytes.length, 4 * width * (start % SEGMENT_ROWS));
      sum = crc32(bytes, sum);
      for (let i = 0; i * width < block.length; i++) placeRow(kernels, replay, start + i, block, i * width);
    }
    if (sum !== expected) throw damaged(path, "its checksum is another");
  } finally {
    closeSync(file);
  }
}

function copyRow(
  kernels: Kernels,
  { rows, trueRewards, stride, capacity }: Replay,
  transition: number,
  block: Float32Array,
  at: number,
): void {
  const slot = transition % capacity;
  block.set(kernels.f32(rows + 4 * slot * stride, stride), at);
  if (trueRewards) block[at + stride] = kernels.f32(trueRewards + 4 * slot, 1)[0];
}

function placeRow(
  kernels: Kernels,
  { rows, trueRewards, stride, capacity }: Replay,
  transition: number,
  block: Float32Array,
  at: number,
): void {
  const slot = transition % capacity;
  kernels.f32(rows + 4 * slot * stride, stride).set(block.subarray(at, at + stride));
  if (trueRewards) kernels.f32(trueRewards + 4 * slot, 1)[0] = block[at + stride];
}

function damaged(path: string, detail: string): TandemError {
  return new TandemError("readReplayLog", `${path} is damaged: ${detail}`);
}
