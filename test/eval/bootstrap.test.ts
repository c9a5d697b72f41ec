import { describe, expect, it } from "vitest";
import { keyFromSeed, nextNormal, split, streamOf } from "../../src/core/index.ts";
import { bootstrapIntervals, meanScore, performanceProfile, type Scores } from "../../src/eval/index.ts";

const options = { resamples: 2000, level: 0.95, key: keyFromSeed(1) };
const mean = (scores: Scores): number[] => [meanScore(scores)];
const excess = (first: Scores, second: Scores): number[] => [meanScore(first) - meanScore(second)];

describe("bootstrap intervals", () => {
  it("hold the quantiles of all resamples", () => {
    // Means of two draws from 0, 1: 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4.
    expect(bootstrapIntervals([[[0, 1]]], mean, options)).toEqual([{ estimate: 0.5, low: 0, high: 1 }]);
    const half = bootstrapIntervals([[[0, 1]]], mean, { ...options, level: 0.4 });
    expect(half).toEqual([{ estimate: 0.5, low: 0.5, high: 0.5 }]);
  });

  it("lie between resamples, linearly", () => {
    // The statistics of three resamples, sorted: 1, 2, 4. At 0.25 and 0.75 of the way: 1.5 and 3.
    const values = [4, 1, 2, 9];
    const [{ estimate, low, high }] = bootstrapIntervals([[[0]]], () => [values.shift() ?? NaN], {
      ...options,
      resamples: 3,
      level: 0.5,
    });
    expect([low, high, estimate]).toEqual([1.5, 3, 9]);
  });

  it("resample within tasks, not between them", () => {
    const scores = [
      [0, 0, 0],
      [10, 10],
    ];
    expect(bootstrapIntervals([scores], mean, options)).toEqual([{ estimate: 5, low: 5, high: 5 }]);
  });

  it("resample each task by itself, whatever the same run did on another", () => {
    // If runs were kept whole, every resample would have a mean of 1/2.
    const scores = [
      [0, 1],
      [1, 0],
    ];
    expect(bootstrapIntervals([scores], mean, options)).toEqual([{ estimate: 0.5, low: 0, high: 1 }]);
  });

  it("resample algorithms apart from each other", () => {
    const scores = [[0, 1]];
    expect(bootstrapIntervals([scores, scores], excess, options)).toEqual([
      { estimate: 0, low: -1, high: 1 },
    ]);
  });

  it("are those of each statistic by itself, from the same resamples", () => {
    const scores = [[1, 4, 2, 8, 5, 7]];
    const both = bootstrapIntervals([scores], (scores) => performanceProfile(scores, [2, 6]), options);
    expect(both).toEqual(
      [2, 6].flatMap((threshold) =>
        bootstrapIntervals([scores], (scores) => performanceProfile(scores, [threshold]), options),
      ),
    );
  });

  it("repeat from their key, and change with it, the level and the number of resamples", () => {
    const scores = [[0.3141, 1.7182, 0.9876, 2.236, -0.4142, 1.618, 0.5772, 3.1234]];
    const intervals = bootstrapIntervals([scores], mean, options);
    expect(bootstrapIntervals([scores], mean, options)).toEqual(intervals);
    for (const change of [{ key: keyFromSeed(2) }, { level: 0.9 }, { resamples: 1500 }]) {
      expect(bootstrapIntervals([scores], mean, { ...options, ...change })).not.toEqual(intervals);
    }
  });

  it("cover the mean of normal scores as often as Student's t with their width", () => {
    // Four tasks of ten runs. The bootstrap's deviation is sqrt(9/10) of the unbiased one, so that intervals hold while
    // |t| < 1.96 sqrt(9/10), with 36 degrees of freedom: 0.9288.
    const expected = 0.9288;
    const repeats = 400;
    const covered = split(keyFromSeed(3), repeats).filter((key) => {
      const [data, bootstrap] = split(key, 2);
      const stream = streamOf(data);
      const scores = [0, 5, 10, 15].map((centre) =>
        Array.from({ length: 10 }, () => centre + nextNormal(stream)),
      );
      const [{ low, high }] = bootstrapIntervals([scores], mean, {
        resamples: 200,
        level: 0.95,
        key: bootstrap,
      });
      return low <= 7.5 && 7.5 <= high;
    });
    const deviation = Math.sqrt((expected * (1 - expected)) / repeats);
    expect(Math.abs(covered.length / repeats - expected)).toBeLessThan(4 * deviation);
  });

  it.each([
    [0, 0.95],
    [2.5, 0.95],
    [Number.NaN, 0.95],
    [100, 0],
    [100, 95],
    [100, Number.NaN],
  ])("refuse %d resamples at a level of %d", (resamples, level) => {
    expect(() => bootstrapIntervals([[[1]]], mean, { ...options, resamples, level })).toThrow(
      `bootstrapIntervals: expected a whole number of resamples and a level between 0 and 1, got ${resamples} and ${level}`,
    );
  });
});
