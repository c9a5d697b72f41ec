import * as fc from "fast-check";
import { expect, test } from "vitest";
import { keyFromSeed, sliceEpisodes, TandemError, type Trajectories } from "../../src/core/index.ts";
import { shuffledExpert, subsample, takeEpisodes } from "../../src/demos/index.ts";
import { anyTrajectories, countingEpisodes } from "./recordings.ts";

const COUNTING = countingEpisodes([3, 2, 4]);

/** The rows of trajectories as comparable text, with the given columns. */
function rowsOf(
  trajectories: Trajectories,
  ...columns: ("observations" | "actions" | "nextObservations")[]
): string[] {
  const rows = trajectories.terminated.length;
  return Array.from({ length: rows }, (_, row) =>
    columns
      .map((name) => {
        const size = trajectories[name].length / rows;
        return trajectories[name].subarray(row * size, (row + 1) * size).join(" ");
      })
      .join(" | "),
  );
}

test("takeEpisodes: the first of them, or those of a list", () => {
  expect(takeEpisodes(COUNTING, 2)).toEqual(sliceEpisodes(COUNTING, 0, 2));
  expect(takeEpisodes(COUNTING, [0, 1, 2])).toEqual(COUNTING);
  const some = takeEpisodes(COUNTING, [2, 0]);
  expect(some.episodeStarts).toEqual(Uint32Array.of(0, 4, 7));
  expect(some.rewards).toEqual(Float32Array.of(2, 3, 4, 5, 0, 1, 2));
  expect(some.truncated).toEqual(Uint8Array.of(0, 0, 0, 1, 0, 0, 0));
  expect(sliceEpisodes(some, 1, 2)).toEqual(takeEpisodes(COUNTING, 1));
});

test("takeEpisodes refuses what is not there", () => {
  for (const chosen of [0, 4, 1.5, NaN, [], [3], [-1], [0.5]]) {
    expect(() => takeEpisodes(COUNTING, chosen)).toThrow(TandemError);
  }
  expect(() => takeEpisodes(COUNTING, 4)).toThrow(/expected a count from 1 to 3, got 4/);
  expect(() => takeEpisodes(COUNTING, [0, 3])).toThrow(/expected episodes from 0 to 2, got 3/);
});

test("subsample: every stride-th row of each episode, whole rows, no episode lost", () => {
  fc.assert(
    fc.property(anyTrajectories, fc.integer({ min: 1, max: 8 }), fc.nat(), (trajectories, stride, seed) => {
      const some = subsample(trajectories, stride, keyFromSeed(seed));
      expect(some.episodeStarts.length).toBe(trajectories.episodeStarts.length);
      for (let episode = 0; episode + 1 < some.episodeStarts.length; episode++) {
        const all = rowsOf(
          sliceEpisodes(trajectories, episode, episode + 1),
          "observations",
          "actions",
          "nextObservations",
        );
        const kept = rowsOf(
          sliceEpisodes(some, episode, episode + 1),
          "observations",
          "actions",
          "nextObservations",
        );
        const candidates = Array.from({ length: Math.min(stride, all.length) }, (_, offset) =>
          all.filter((__, row) => row % stride === offset),
        );
        expect(candidates).toContainEqual(kept);
      }
    }),
  );
  expect(subsample(COUNTING, 1, keyFromSeed(0))).toEqual(COUNTING);
  expect(() => subsample(COUNTING, 0, keyFromSeed(0))).toThrow(/a stride of at least 1, got 0/);
});

test("subsample: offsets depend on the key and on the episode", () => {
  const long = countingEpisodes(Array.from({ length: 50 }, () => 20));
  const firstSteps = (seed: number): number[] => {
    const { actions, episodeStarts } = subsample(long, 20, keyFromSeed(seed));
    return Array.from(episodeStarts.subarray(0, -1), (start) => Math.round(10 * actions[start]));
  };
  // 50 draws from 20 offsets: fewer than 10 distinct ones would have probability below 1e-7.
  expect(new Set(firstSteps(1)).size).toBeGreaterThanOrEqual(10);
  expect(firstSteps(1)).not.toEqual(firstSteps(2));
  expect(firstSteps(1)).toEqual(firstSteps(1));
});

test("shuffledExpert: the same states and the same actions in other pairs, next observations with their states", () => {
  const original = countingEpisodes([40, 60]);
  original.actions.forEach((_, row) => (original.actions[row] = row));
  const shuffled = shuffledExpert(original, keyFromSeed(5));
  expect(rowsOf(shuffled, "observations", "nextObservations")).toEqual(
    rowsOf(original, "observations", "nextObservations"),
  );
  expect([...shuffled.actions].sort((a, b) => a - b)).toEqual([...original.actions]);
  expect(shuffled.rewards).toBeNull();
  expect(shuffled.terminated).toBe(original.terminated);
  // A uniform permutation fixes 1 row on average; more than 7 has probability below 1e-5.
  expect(shuffled.actions.filter((action, row) => action === row).length).toBeLessThanOrEqual(7);
  // Actions cross episodes: about 40 * 60 / 100 = 24 of the first 40 rows hold an action of the second episode.
  const crossed = shuffled.actions.subarray(0, 40).filter((action) => action >= 40).length;
  expect(crossed).toBeGreaterThan(12);
  expect(shuffledExpert(original, keyFromSeed(5))).toEqual(shuffled);
  expect(shuffledExpert(original, keyFromSeed(6)).actions).not.toEqual(shuffled.actions);
});

test("shuffledExpert: every permutation of three rows comes up equally often", () => {
  const three = countingEpisodes([3]);
  const counts = new Map<string, number>();
  const draws = 3000;
  for (let seed = 0; seed < draws; seed++) {
    const order = shuffledExpert(three, keyFromSeed(seed)).actions.join(" ");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  // Binomial with p = 1/6: five standard deviations.
  const slack = 5 * Math.sqrt(draws * (1 / 6) * (5 / 6));
  for (const count of counts.values()) expect(Math.abs(count - draws / 6)).toBeLessThan(slack);
});
