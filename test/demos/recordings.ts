import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import type { Trajectories } from "../../src/core/index.ts";
import {
  bytesInMemory,
  openNpz,
  type Demonstrations,
  type NpyArray,
  type NpzArchive,
} from "../../src/demos/index.ts";

/** A fixture that numpy wrote; see golden/README.md. */
export function golden(name: string): string {
  return join(dirname(fileURLToPath(import.meta.url)), "golden", name);
}

/** The archive in `bytes`. */
export async function archiveOf(bytes: Uint8Array, name = "archive.npz"): Promise<NpzArchive> {
  return openNpz(bytesInMemory(bytes, name));
}

/** A float32 array of the given shape. */
export function floats(shape: number[], values: ArrayLike<number>): NpyArray {
  return { dtype: "f4", shape, data: Float32Array.from(values) };
}

/**
 * Episodes of the given lengths that count: observation (10 e + t, -t) before step t of episode e, action t / 10,
 * reward t + e. All end by the task but the last, which is cut.
 */
export function countingEpisodes(lengths: readonly number[]): Trajectories {
  const rows = lengths.flatMap((length, episode) =>
    Array.from({ length }, (_, t) => ({ episode, t, length })),
  );
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  const isEnd = rows.map(({ t, length }) => t === length - 1);
  const isLast = rows.map(({ episode }) => episode === lengths.length - 1);
  return {
    observationSize: 2,
    actionSize: 1,
    observations: Float32Array.from(rows.flatMap(({ episode, t }) => [10 * episode + t, 0 - t])),
    actions: Float32Array.from(rows, ({ t }) => t / 10),
    nextObservations: Float32Array.from(rows.flatMap(({ episode, t }) => [10 * episode + t + 1, -t - 1])),
    rewards: Float32Array.from(rows, ({ episode, t }) => t + episode),
    terminated: Uint8Array.from(rows, (_, row) => +(isEnd[row] && !isLast[row])),
    truncated: Uint8Array.from(rows, (_, row) => +(isEnd[row] && isLast[row])),
    episodeStarts: Uint32Array.from(starts),
  };
}

/** Those episodes as if they had been read from a file. */
export function asRead(trajectories: Trajectories): Demonstrations {
  return {
    trajectories,
    env: "Counting-v0",
    source: "counting.npz",
    layout: "plain",
    metadata: {},
    warnings: [],
  };
}

/** Any finite float32 values. */
function columns(length: number): fc.Arbitrary<Float32Array> {
  return fc.float32Array({ minLength: length, maxLength: length, noNaN: true, noDefaultInfinity: true });
}

/** Any trajectories a file can hold: with and without rewards, chained or not, with ends marked or not. */
export const anyTrajectories: fc.Arbitrary<Trajectories> = fc
  .record({
    lengths: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
    observationSize: fc.integer({ min: 1, max: 4 }),
    actionSize: fc.integer({ min: 1, max: 3 }),
    chained: fc.boolean(),
    marked: fc.boolean(),
    rewarded: fc.boolean(),
  })
  .chain(({ lengths, observationSize, actionSize, chained, marked, rewarded }) => {
    const rows = lengths.reduce((sum, length) => sum + length, 0);
    const flags = fc.uint8Array({ minLength: rows, maxLength: rows, max: 1 });
    return fc
      .record({
        observations: columns(rows * observationSize),
        actions: columns(rows * actionSize),
        nextObservations: columns(rows * observationSize),
        rewards: rewarded ? columns(rows) : fc.constant(null),
        terminated: flags,
        truncated: flags,
      })
      .map((made) => {
        const episodeStarts = new Uint32Array(lengths.length + 1);
        lengths.forEach((length, episode) => (episodeStarts[episode + 1] = episodeStarts[episode] + length));
        const ends = new Set([...episodeStarts.subarray(1)].map((start) => start - 1));
        for (let row = 0; row < rows; row++) {
          const next = (row + 1) * observationSize;
          if (chained && !ends.has(row)) {
            made.nextObservations.set(
              made.observations.subarray(next, next + observationSize),
              next - observationSize,
            );
          }
          if (!marked) continue;
          made.truncated[row] = +(ends.has(row) && !made.terminated[row]);
          made.terminated[row] &= +ends.has(row);
        }
        return { ...made, observationSize, actionSize, episodeStarts };
      });
  });
