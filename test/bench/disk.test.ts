import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { diskBound, type CellOnDisk } from "../../src/bench/index.ts";
import { loadKernels } from "../../src/kernels/index.ts";
import { addTransition, createReplay } from "../../src/rl/index.ts";
import { SEGMENT_ROWS, type TrainConfig } from "../../src/runs/index.ts";
import { pruneReplayLog, writeReplayLog, type ReplayLog } from "../../src/runs/replay-log.ts";
import { CONFIG } from "./outcomes.ts";

const cell = (changes: object = {}, algorithm: object = {}): CellOnDisk => ({
  config: {
    ...CONFIG,
    ...changes,
    algorithm: { ...CONFIG.algorithm, replayCapacity: 1e6, ...algorithm },
  } as unknown as TrainConfig,
  sizes: [17, 6],
});
const small = (steps: number): CellOnDisk => cell({ steps }, { replayCapacity: 400 });
const cloning = (method: string): CellOnDisk => cell({ steps: 5000 }, { method, replayCapacity: undefined });
/** (2 x 17 + 6 + 1) x 4 bytes. */
const ROW = 164;

/** The most bytes of a replay's log in training, steps between two states apart. */
async function peakOfLog(capacity: number, steps: number, apart: number): Promise<number> {
  const kernels = await loadKernels({ build: "simd" });
  const folder = mkdtempSync(join(tmpdir(), "tandem-disk-"));
  const replay = createReplay(kernels, {
    observationSize: 1,
    actionSize: 1,
    capacity,
    keepTrueRewards: false,
  });
  let [log, before]: (ReplayLog | null)[] = [null, null];
  let most = 0;
  try {
    while (replay.added < steps) {
      for (let i = 0; i < apart && replay.added < steps; i++)
        addTransition(kernels, replay, [i], [0], [i], false, 0);
      [log, before] = [writeReplayLog(kernels, folder, replay, log), log];
      const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
      most = Math.max(
        most,
        sizes.reduce((sum, size) => sum + size),
      );
      pruneReplayLog(folder, before ? [log, before] : [log]);
    }
    return most;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the bound on the disk", () => {
  it("has the replays of the largest cells that may run at a time, or of all where they are kept", () => {
    const cells = [1000, 3000, 2000].map((steps) => cell({ steps }));
    expect(diskBound(cells, 1, false).replays).toBe(3000 * ROW);
    expect(diskBound(cells, 2, false).replays).toBe(5000 * ROW);
    expect(diskBound(cells, 9, false).replays).toBe(6000 * ROW);
    expect(diskBound(cells, 1, true).replays).toBe(6000 * ROW);
    expect(diskBound([], 2, false)).toEqual({ replays: 0, rest: 0 });
  });

  it("has no more rows than the files that a replay is kept in; of cloning the demonstrations', of DAgger its steps too", () => {
    expect(diskBound([small(300)], 1, false).replays).toBe(300 * ROW);
    // Of each of three states, the capacity and what is left in its oldest file, of 16384 rows.
    expect(diskBound([small(60_000)], 1, false).replays).toBe(3 * (400 + 16_384) * ROW);
    for (const [method, rows] of [
      ["bc", 60],
      ["dagger", 5060],
    ] as const) {
      const { config, sizes } = cloning(method);
      const { replayCapacity: _, ...algorithm } = config.algorithm as Record<string, unknown>;
      const own = { config: { ...config, algorithm } as unknown as TrainConfig, sizes };
      expect(diskBound([own], 1, false).replays).toBe(rows * ROW);
    }
  });

  it("has all else of every cell, whichever run: three states, metrics, pages", () => {
    // Of runs of 300 thousand steps in HalfCheetah with layers of 128: bytes of a state, and of all but the replay.
    const long = {
      steps: 300_000,
      env: { id: "x", options: {} },
      evaluation: { every: 10_000, episodes: 10, finalEpisodes: 10 },
    };
    const sac = { ...CONFIG.algorithm.sac, hidden: [128, 128] };
    const reward = { network: { kind: "two-layer", width: 1024 } };
    const likelihood = { method: "ml-irl", trajectoriesPerRewardStep: 1, policyStepsPerRewardStep: 1000 };
    for (const [algorithm, state, whole] of [
      [{ sac }, 876_980, 1_060_612],
      [{ sac, method: "dac", discriminator: { hidden: [128, 128] } }, 1_274_324, 1_705_748],
      [{ sac, ...likelihood, reward }, 1_351_292, 1_855_242],
    ] as const) {
      const { rest } = diskBound([cell(long, algorithm)], 1, false);
      // All of it has one state; while the third is written, the two before it are there.
      expect(rest).toBeGreaterThan(whole + 2 * state);
      expect(rest).toBeLessThan(4 * whole + state + 3e6);
    }
    // What networks alone add, of the states above: SQIL's over layers of one unit, then DAC's classifier.
    const restOf = (algorithm: object): number => diskBound([cell({}, algorithm)], 1, false).rest;
    const none = restOf({ sac: { ...sac, hidden: [1] } });
    expect(restOf({ sac }) - none).toBeGreaterThan(3 * 0.98 * 876_980);
    const dac = { sac, method: "dac", discriminator: { hidden: [128, 128] } };
    expect(restOf(dac) - restOf({ sac })).toBeGreaterThan(3 * (1_274_324 - 876_980));
    const one = diskBound([cell()], 1, false).rest;
    expect(one).toBeGreaterThan(600_000);
    expect(diskBound([cell(), cell()], 1, false).rest).toBe(2 * one);
    expect(diskBound([cell({}, { sac })], 1, false).rest).toBeGreaterThan(one);
    expect(
      diskBound([cell({ evaluation: { ...long.evaluation, every: 1 } })], 1, false).rest,
    ).toBeGreaterThan(one + 1e6);
    // The nested loop keeps the episodes of two rounds.
    const nested = { ...likelihood, method: "ml-irl-nested", reward, solve: { roundSteps: 5000 } };
    expect(diskBound([cell({}, { sac, ...nested })], 1, false).rest).toBeGreaterThan(
      diskBound([cell({}, { sac, ...likelihood, reward })], 1, false).rest + 3 * 4 * 2 * 5000 * 43 - 1,
    );
  });

  it.each([
    [10_000, 9_999],
    [10_000, 10_000],
    [10_000, 25_000],
    [20_000, 19_000],
    [SEGMENT_ROWS, SEGMENT_ROWS + 1],
    [400, 16_000],
    [400, 40_000],
    [100_000, 30_000],
  ])(
    "is no less than a log takes at its peak: capacity %i, a state every %i steps",
    async (capacity, apart) => {
      const steps = 120_000;
      const planned = { ...cell({ steps }, { replayCapacity: capacity }), sizes: [1, 1] as const };
      const peak = await peakOfLog(capacity, steps, apart);
      expect(peak).toBeLessThanOrEqual(diskBound([planned], 1, false).replays);
    },
  );
});
