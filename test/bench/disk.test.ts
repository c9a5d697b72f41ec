import { describe, expect, it } from "vitest";
import { diskBound, type CellOnDisk } from "../../src/bench/index.ts";
import type { TrainConfig } from "../../src/runs/index.ts";
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
    // A file of 16384 rows that is not yet past, and what the state before the last, 100 steps ago, speaks of.
    expect(diskBound([small(50_000)], 1, false).replays).toBe((400 + 100 + 16_384) * ROW);
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

  it("has all else of every cell, whichever run: two states, metrics, pages", () => {
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
      expect(rest).toBeGreaterThan(whole + state);
      expect(rest).toBeLessThan(4 * whole + 3e6);
    }
    // What networks alone add, of the states above: SQIL's over layers of one unit, then DAC's classifier.
    const restOf = (algorithm: object): number => diskBound([cell({}, algorithm)], 1, false).rest;
    const none = restOf({ sac: { ...sac, hidden: [1] } });
    expect(restOf({ sac }) - none).toBeGreaterThan(2 * 0.98 * 876_980);
    const dac = { sac, method: "dac", discriminator: { hidden: [128, 128] } };
    expect(restOf(dac) - restOf({ sac })).toBeGreaterThan(2 * (1_274_324 - 876_980));
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
      diskBound([cell({}, { sac, ...likelihood, reward })], 1, false).rest + 2 * 4 * 2 * 5000 * 43 - 1,
    );
  });
});
