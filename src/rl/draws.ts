/** Random numbers in blocks for the kernels, and batches drawn by them. */
import { foldIn, type Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { replaySize, type Replay, type ReplayBatch } from "./replay.ts";

/** Where a learner's random numbers stand. With `key`, `counter` is all of it. */
export interface Draws {
  readonly key: Key;
  /** Random blocks used so far. */
  counter: number;
  /** The key of the blocks being used: see `takeBlocks`. */
  epochKey: { epoch: number; key: Key };
}

/** Draws from the beginning. */
export function drawsOf(key: Key): Draws {
  return { key, counter: 0, epochKey: { epoch: 0, key } };
}

/**
 * Set `count` random blocks aside; returns the first one's counter under `epochKey`. The kernels count in 32 bits, so
 * every 2^32 blocks have a key of their own, and no request straddles two.
 */
export function takeBlocks(draws: Draws, count: number): number {
  const EPOCH = 2 ** 32;
  let epoch = Math.floor(draws.counter / EPOCH);
  if (draws.counter + count > (epoch + 1) * EPOCH) draws.counter = ++epoch * EPOCH;
  if (epoch !== draws.epochKey.epoch)
    draws.epochKey = { epoch, key: epoch === 0 ? draws.key : foldIn(draws.key, epoch) };
  const first = draws.counter - epoch * EPOCH;
  draws.counter += count;
  return first;
}

/** `count` uniform integers in [0, bound) into out, uint32. */
export function drawIndices(kernels: Kernels, draws: Draws, count: number, out: number, bound: number): void {
  const first = takeBlocks(draws, Math.ceil(count / 2));
  const [key0, key1] = draws.epochKey.key;
  kernels.fillIndices(count, out, bound, key0, key1, first);
}

/** Rows drawn uniformly from the replay, half of them from its demonstrations where there are such; their ends into `terminated`, [size]. */
export function drawBatch(
  kernels: Kernels,
  draws: Draws,
  replay: Replay,
  batch: ReplayBatch,
  terminated: number,
): void {
  const { size, rows, stride, indices } = batch;
  const { demonstrations } = replay;
  const shown = demonstrations ? size >> 1 : 0;
  const own = size - shown;
  drawIndices(kernels, draws, own, indices, replaySize(replay));
  kernels.gatherRows(own, stride, replay.rows, stride, indices, rows, stride);
  if (demonstrations) {
    drawIndices(kernels, draws, shown, indices + 4 * own, demonstrations.count);
    const after = rows + 4 * own * stride;
    kernels.gatherRows(shown, stride, demonstrations.rows, stride, indices + 4 * own, after, stride);
  }
  kernels.copyRows(size, 1, rows + 4 * (stride - 1), stride, terminated, 1);
}
