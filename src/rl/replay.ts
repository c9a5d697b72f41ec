import {
  policySize,
  toPolicyUnits,
  transitionCount,
  type ActionSpace,
  type Trajectories,
} from "../core/index.ts";
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
 * state-action pair is one contiguous stretch. Actions are in policy units: in [-1, 1], or 1 in the place of the one taken of finitely
 * many. Rewards are not stored: they are computed when a batch is drawn. (Training on the true reward keeps it in a column apart.)
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
  /** Somebody else's transitions, of which half of every batch is drawn: its last size / 2 rows. null for none. */
  readonly demonstrations: { readonly rows: number; readonly count: number } | null;
  /** Transitions ever added; the rows held are the last min(added, capacity). */
  added: number;
}

/** What a replay holds. */
interface ReplayOptions {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly capacity: number;
  /** Only an expert's training sets it. */
  readonly keepTrueRewards: boolean;
  /** Transitions to draw beside the agent's, actions in the environment's units; undefined for none. */
  readonly demonstrations?: { readonly trajectories: Trajectories; readonly actionSpace: ActionSpace };
}

/** A replay without transitions of the agent. */
export function createReplay(kernels: Kernels, options: ReplayOptions): Replay {
  const { observationSize, actionSize, capacity, keepTrueRewards, demonstrations } = options;
  const stride = 2 * observationSize + actionSize + 1;
  return {
    observationSize,
    actionSize,
    capacity,
    stride,
    rows: kernels.allocate(capacity * stride),
    trueRewards: keepTrueRewards ? kernels.allocate(capacity) : 0,
    demonstrations: demonstrations ? demonstrationRows(kernels, demonstrations, stride) : null,
    added: 0,
  };
}

function demonstrationRows(
  kernels: Kernels,
  { trajectories, actionSpace }: NonNullable<ReplayOptions["demonstrations"]>,
  stride: number,
): Replay["demonstrations"] {
  const count = transitionCount(trajectories);
  const rows = kernels.allocate(count * stride);
  for (let t = 0; t < count; t++)
    writeDemonstration(trajectories, t, actionSpace, kernels.f32(rows + 4 * t * stride, stride));
  return { rows, count };
}

/** Step t of trajectories as a row of a replay, its action in policy units. */
function writeDemonstration(
  { observations, actions, nextObservations, terminated, observationSize: n, actionSize }: Trajectories,
  t: number,
  actionSpace: ActionSpace,
  row: Float32Array,
): void {
  const d = policySize(actionSpace);
  row.set(observations.subarray(t * n, (t + 1) * n));
  toPolicyUnits(actionSpace, actions.subarray(t * actionSize, (t + 1) * actionSize), row.subarray(n, n + d));
  row.set(nextObservations.subarray(t * n, (t + 1) * n), n + d);
  row[row.length - 1] = terminated[t];
}

/** Add every step of recorded trajectories, actions in the environment's units, as if the agent had taken it. The replay must keep no true rewards. */
export function addDemonstrations(
  kernels: Kernels,
  replay: Replay,
  actionSpace: ActionSpace,
  trajectories: Trajectories,
): void {
  const { rows, stride, capacity } = replay;
  for (let t = 0; t < transitionCount(trajectories); t++) {
    const at = rows + 4 * (replay.added % capacity) * stride;
    writeDemonstration(trajectories, t, actionSpace, kernels.f32(at, stride));
    replay.added++;
  }
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
