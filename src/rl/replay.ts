import type { Kernels } from "../kernels/index.ts";

/** A drawn batch: `size` rows of the replay, copied. Borrowed until the next draw. */
export interface ReplayBatch {
  readonly size: number;
  /** [size, stride], laid out as the replay's rows. */
  readonly rows: number;
  readonly stride: number;
  /** Which replay rows, uint32 [size]. */
  readonly indices: number;
}

/** Writes the reward of each row of the batch to out, float32 [size]. */
export type BatchReward = (batch: ReplayBatch, out: number) => void;

/**
 * Transitions in kernel memory, oldest overwritten first. A row is s (n) | a (d) | s' (n) | terminated, so that the
 * state-action pair is one contiguous stretch. Actions are in policy units, [-1, 1]. Rewards are not stored: they are
 * computed when a batch is drawn. (Training on the true reward keeps it in a column apart.)
 */
export interface Replay {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly capacity: number;
  /** Floats in a row: 2 n + d + 1. */
  readonly stride: number;
  /** [capacity, stride] */
  readonly rows: number;
  /** True rewards [capacity], or 0 where none are kept. */
  readonly trueRewards: number;
  /** Transitions ever added; the rows held are the last min(added, capacity). */
  added: number;
}

/** An empty replay. Only an expert's training sets `keepTrueRewards`. */
export function createReplay(
  kernels: Kernels,
  options: { observationSize: number; actionSize: number; capacity: number; keepTrueRewards: boolean },
): Replay {
  const { observationSize, actionSize, capacity, keepTrueRewards } = options;
  const stride = 2 * observationSize + actionSize + 1;
  return {
    observationSize,
    actionSize,
    capacity,
    stride,
    rows: kernels.allocate(capacity * stride),
    trueRewards: keepTrueRewards ? kernels.allocate(capacity) : 0,
    added: 0,
  };
}

/** Number of transitions held. */
export function replaySize(replay: Replay): number {
  return Math.min(replay.added, replay.capacity);
}

/** Add (s, a, s', terminated); a in policy units. Copies. A truncated step is added with `terminated` false. */
export function addTransition(
  kernels: Kernels,
  replay: Replay,
  observation: ArrayLike<number>,
  action: ArrayLike<number>,
  nextObservation: ArrayLike<number>,
  terminated: boolean,
  trueReward: number,
): void {
  const { observationSize: n, actionSize: d, stride } = replay;
  const index = replay.added % replay.capacity;
  const row = kernels.f32(replay.rows + 4 * index * stride, stride);
  row.set(observation, 0);
  row.set(action, n);
  row.set(nextObservation, n + d);
  row[stride - 1] = terminated ? 1 : 0;
  if (replay.trueRewards) kernels.f32(replay.trueRewards + 4 * index, 1)[0] = trueReward;
  replay.added++;
}

/** The true reward as it was recorded: what an expert is trained on. The replay must keep true rewards. */
export function recordedReward(kernels: Kernels, replay: Replay): BatchReward {
  return ({ size, indices }, out) => kernels.gatherRows(size, 1, replay.trueRewards, 1, indices, out, 1);
}
