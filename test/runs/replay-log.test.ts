import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadKernels } from "../../src/kernels/index.ts";
import { addTransition, createReplay, type Replay } from "../../src/rl/index.ts";
import {
  pruneReplayLog,
  readReplayLog,
  SEGMENT_ROWS,
  writeReplayLog,
  type ReplayLog,
} from "../../src/runs/replay-log.ts";

const kernels = await loadKernels({ build: "simd" });

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tandem-replay-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const replayOf = (capacity: number, keepTrueRewards = false): Replay =>
  createReplay(kernels, { observationSize: 1, actionSize: 1, capacity, keepTrueRewards });

/** Transition g is (g, g / 2, g + 1, 0), its true reward -g. */
function addUpTo(replay: Replay, added: number): Replay {
  for (let g = replay.added; g < added; g++) addTransition(kernels, replay, [g], [g / 2], [g + 1], false, -g);
  return replay;
}

function contents(replay: Replay): { rows: number[]; rewards: number[] } {
  const { rows, trueRewards, capacity, stride } = replay;
  return {
    rows: Array.from(kernels.f32(rows, capacity * stride)),
    rewards: trueRewards ? Array.from(kernels.f32(trueRewards, capacity)) : [],
  };
}

const write = (replay: Replay, before: ReplayLog | null): ReplayLog =>
  writeReplayLog(kernels, folder, replay, before);

function expectReadBack(replay: Replay, log: ReplayLog): void {
  const again = replayOf(replay.capacity, replay.trueRewards !== 0);
  readReplayLog(kernels, folder, again, log);
  expect(again.added).toBe(replay.added);
  expect(contents(again)).toEqual(contents(replay));
}

const at = (index: number): string => join(folder, `00000${index}.f32`);

describe("the log of a replay", () => {
  it.each([
    ["a part of one file", 1000, [10, 300]],
    ["several files", 3 * SEGMENT_ROWS, [1, SEGMENT_ROWS - 1, SEGMENT_ROWS, 2 * SEGMENT_ROWS + 7]],
    ["a replay that overwrites its oldest", 1000, [700, 1000, 1001, 2600]],
    ["more than it holds between two writings", 100, [50, 5000, 5001]],
    ["nothing at all, then something", 10, [0, 3]],
  ])("gives back %s", (_, capacity, marks) => {
    const replay = replayOf(capacity, true);
    let log: ReplayLog | null = null;
    for (const added of marks) {
      log = write(addUpTo(replay, added), log);
      expect(log.added).toBe(added);
      expectReadBack(replay, log);
    }
  });

  it("writes only what is new", () => {
    const replay = addUpTo(replayOf(1000), 400);
    const first = write(replay, null);
    const bytes = readFileSync(at(0));
    writeFileSync(at(0), Buffer.alloc(bytes.length));
    addUpTo(replay, 500);
    write(replay, first);
    const after = readFileSync(at(0));
    expect(after.subarray(0, bytes.length).every((byte) => byte === 0)).toBe(true);
    expect(after.subarray(bytes.length).some((byte) => byte !== 0)).toBe(true);
  });

  it("keeps what an earlier checkpoint speaks of, also once its oldest transitions are overwritten", () => {
    const replay = addUpTo(replayOf(1000), 1500);
    const earlier = write(replay, null);
    const before = contents(replay);
    addUpTo(replay, 2200);
    const later = write(replay, earlier);
    const again = replayOf(1000);
    readReplayLog(kernels, folder, again, earlier);
    expect(contents(again)).toEqual(before);
    expectReadBack(replay, later);
  });

  it("goes on from an earlier checkpoint as if the later one had not been", () => {
    const replay = addUpTo(replayOf(1000), 300);
    const earlier = write(replay, null);
    write(addUpTo(replay, 600), earlier);
    const resumed = replayOf(1000);
    readReplayLog(kernels, folder, resumed, earlier);
    for (let g = 300; g < 450; g++) addTransition(kernels, resumed, [-g], [0], [0], true, 0);
    expectReadBack(resumed, write(resumed, earlier));
  });

  it("prunes the files that no checkpoint speaks of", () => {
    const replay = addUpTo(replayOf(SEGMENT_ROWS), SEGMENT_ROWS);
    const first = write(replay, null);
    const second = write(addUpTo(replay, 2 * SEGMENT_ROWS + 1), first);
    pruneReplayLog(folder, [second, first]);
    expect(readdirSync(folder).toSorted()).toEqual(["000000.f32", "000001.f32", "000002.f32"]);
    pruneReplayLog(folder, [second]);
    expect(readdirSync(folder).toSorted()).toEqual(["000001.f32", "000002.f32"]);
    expectReadBack(replay, second);
  });

  it.each([
    ["a bit of the first row", () => flip(at(0), 0), "000000.f32 is damaged: its checksum is another"],
    [
      "a bit of the last row",
      () => flip(at(1), 4 * 4 * 6 - 1),
      "000001.f32 is damaged: its checksum is another",
    ],
    ["a file cut short", () => truncateSync(at(1), 95), "000001.f32 is damaged: 95 bytes of 96"],
    ["a file that is gone", () => rmSync(at(0)), "000000.f32 is damaged: it is missing"],
  ])("refuses %s", (_, damage, message) => {
    const replay = addUpTo(replayOf(2 * SEGMENT_ROWS), SEGMENT_ROWS + 6);
    const log = write(replay, null);
    damage();
    expect(() => readReplayLog(kernels, folder, replayOf(2 * SEGMENT_ROWS), log)).toThrow(message);
  });

  it("does not mind what lies beyond its transitions", () => {
    const replay = addUpTo(replayOf(100), 20);
    const log = write(replay, null);
    writeFileSync(at(0), Buffer.concat([readFileSync(at(0)), Buffer.alloc(33, 7)]));
    expectReadBack(replay, log);
    expectReadBack(addUpTo(replay, 30), write(addUpTo(replay, 30), log));
  });

  it.each([
    ["no file", [], "transitions 0 to 20 are missing"],
    ["its beginning", [{ index: 0, from: 5, to: 20, crc32: 0 }], "transitions 0 to 5 are missing"],
  ])("refuses a list that lacks %s", (_, segments, message) => {
    expect(() => readReplayLog(kernels, folder, replayOf(100), { added: 20, segments })).toThrow(message);
  });
});

function flip(path: string, byte: number): void {
  const bytes = readFileSync(path);
  bytes[byte] ^= 1;
  writeFileSync(path, bytes);
}
