import type { Trajectories } from "./trajectories.ts";

/** Grows episodes step by step. Plain data but for its methods-free buffers: save `rows` of each to save it. */
export interface TrajectoryBuilder {
  readonly observationSize: number;
  readonly actionSize: number;
  /** s | a | s' | true reward | terminated | truncated per row, [capacity, width]. */
  buffer: Float32Array;
  rows: number;
  /** Row at which each finished episode ends. */
  readonly episodeEnds: number[];
}

/** An empty builder. */
export function createTrajectoryBuilder(observationSize: number, actionSize: number): TrajectoryBuilder {
  return { observationSize, actionSize, buffer: new Float32Array(0), rows: 0, episodeEnds: [] };
}

/** Add one step; the arrays are copied. An episode ends where `terminated` or `truncated` is set. */
export function appendStep(
  builder: TrajectoryBuilder,
  observation: ArrayLike<number>,
  action: ArrayLike<number>,
  nextObservation: ArrayLike<number>,
  reward: number,
  terminated: boolean,
  truncated: boolean,
): void {
  const { observationSize: n, actionSize: d } = builder;
  const width = rowWidth(builder);
  const start = builder.rows * width;
  if (start + width > builder.buffer.length) grow(builder, width);
  const { buffer } = builder;
  buffer.set(observation, start);
  buffer.set(action, start + n);
  buffer.set(nextObservation, start + n + d);
  buffer[start + 2 * n + d] = reward;
  buffer[start + 2 * n + d + 1] = terminated ? 1 : 0;
  buffer[start + 2 * n + d + 2] = truncated ? 1 : 0;
  builder.rows++;
  if (terminated || truncated) builder.episodeEnds.push(builder.rows);
}

/** The finished episodes, copied out, and the builder emptied. Steps of an unfinished episode are dropped. */
export function takeTrajectories(builder: TrajectoryBuilder): Trajectories {
  const { observationSize: n, actionSize: d, buffer, episodeEnds } = builder;
  const width = rowWidth(builder);
  const rows = episodeEnds.at(-1) ?? 0;
  const column = (offset: number, size: number): Float32Array => {
    const values = new Float32Array(rows * size);
    for (let t = 0; t < rows; t++) {
      values.set(buffer.subarray(t * width + offset, t * width + offset + size), t * size);
    }
    return values;
  };
  const trajectories: Trajectories = {
    observationSize: n,
    actionSize: d,
    observations: column(0, n),
    actions: column(n, d),
    nextObservations: column(n + d, n),
    rewards: column(2 * n + d, 1),
    terminated: Uint8Array.from(column(2 * n + d + 1, 1)),
    truncated: Uint8Array.from(column(2 * n + d + 2, 1)),
    episodeStarts: Uint32Array.from([0, ...episodeEnds]),
  };
  builder.rows = 0;
  episodeEnds.length = 0;
  return trajectories;
}

/** Drop the steps of the unfinished episode; how many there were. */
export function dropUnfinished(builder: TrajectoryBuilder): number {
  const { rows } = builder;
  builder.rows = builder.episodeEnds.at(-1) ?? 0;
  return rows - builder.rows;
}

/** Floats in a row of the builder's buffer. */
export function rowWidth(builder: TrajectoryBuilder): number {
  return 2 * builder.observationSize + builder.actionSize + 3;
}

function grow(builder: TrajectoryBuilder, width: number): void {
  const larger = new Float32Array(Math.max(1024 * width, 2 * builder.buffer.length));
  larger.set(builder.buffer);
  builder.buffer = larger;
}
