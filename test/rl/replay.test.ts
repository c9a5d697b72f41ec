import { expect, it } from "vitest";
import { addTransition, createReplay, recordedReward, replaySize, type Replay } from "../../src/rl/index.ts";
import { describeBuilds, download, upload } from "../kernels/builds.ts";

const N = 2;
const D = 1;
const CAPACITY = 5;

/** Row i as it is added below: s | a | s' | terminated. */
const row = (i: number): number[] => [i, i + 0.25, i + 0.5, i + 1, i + 1.25, i % 2];

describeBuilds("the replay", (kernels) => {
  const holding = (count: number): Replay => {
    const replay = createReplay(kernels, {
      observationSize: N,
      actionSize: D,
      capacity: CAPACITY,
      keepTrueRewards: true,
    });
    for (let i = 0; i < count; i++)
      addTransition(kernels, replay, [i, i + 0.25], [i + 0.5], [i + 1, i + 1.25], i % 2 === 1, 100 + i);
    return replay;
  };
  const rowsOf = (replay: Replay): number[][] =>
    Array.from({ length: replaySize(replay) }, (_, i) => [
      ...download(kernels, replay.rows + 4 * i * replay.stride, replay.stride),
    ]);

  it("holds s, a, s' and terminated side by side", () => {
    expect(rowsOf(holding(3))).toEqual([row(0), row(1), row(2)]);
  });

  it("overwrites the oldest once it is full", () => {
    expect(replaySize(holding(CAPACITY))).toBe(CAPACITY);
    expect(rowsOf(holding(CAPACITY + 2))).toEqual([row(5), row(6), row(2), row(3), row(4)]);
    expect(rowsOf(holding(3 * CAPACITY))).toEqual([10, 11, 12, 13, 14].map(row));
  });

  it("gives each drawn row the true reward it was recorded with, wrapped around too", () => {
    const replay = holding(CAPACITY + 2);
    const indices = kernels.allocate(4);
    kernels.u32(indices, 4).set([0, 1, 2, 0]);
    const out = kernels.allocate(4);
    const batch = { size: 4, rows: 0, stride: replay.stride, indices };
    recordedReward(kernels, replay)(batch, out);
    expect([...download(kernels, out, 4)]).toEqual([105, 106, 102, 105]);
  });

  it("copies what it is given", () => {
    const replay = holding(0);
    const observation = Float64Array.of(1, 2);
    addTransition(kernels, replay, observation, [0], observation, false, 0);
    observation.fill(9);
    expect(rowsOf(replay)).toEqual([[1, 2, 0, 1, 2, 0]]);
  });

  it("keeps no true rewards unless asked to", () => {
    const options = { observationSize: N, actionSize: D, capacity: CAPACITY, keepTrueRewards: false };
    const replay = createReplay(kernels, options);
    const after = upload(kernels, [7]);
    addTransition(kernels, replay, [1, 2], [0], [3, 4], false, 123);
    expect(replay.trueRewards).toBe(0);
    expect([...rowsOf(replay).flat(), ...download(kernels, after, 1)]).not.toContain(123);
  });
});
