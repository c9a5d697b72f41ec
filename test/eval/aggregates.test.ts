import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import {
  averageScoreProfile,
  bootstrapIntervals,
  interquartileMean,
  meanScore,
  medianScore,
  normalisedScore,
  optimalityGap,
  performanceProfile,
  probabilityOfImprovement,
  type Scores,
} from "../../src/eval/index.ts";
import golden from "./rliable.golden.json" with { type: "json" };

const { comparedResamples: resamples, levels } = golden.source;
const bootstrap = { resamples, level: levels.at, key: keyFromSeed(1) };

type Statistics = (...algorithms: Scores[]) => number[];
const everyAggregate: Statistics = (scores) => [
  interquartileMean(scores),
  meanScore(scores),
  medianScore(scores),
  optimalityGap(scores),
  optimalityGap(scores, 0.5),
  ...performanceProfile(scores, golden.thresholds),
  ...averageScoreProfile(scores, golden.thresholds),
];
const improvement: Statistics = (first, second) => [probabilityOfImprovement(first, second)];

describe.each([
  ...golden.samples.map(({ scores, ...theirs }) => ({
    ...theirs,
    algorithms: [scores],
    statistics: everyAggregate,
  })),
  ...golden.pairs.map(({ first, second, ...theirs }) => ({
    ...theirs,
    algorithms: [first, second],
    statistics: improvement,
  })),
])("of $algorithms.length algorithm(s), $name:", ({ algorithms, statistics, estimates, intervals }) => {
  const rounding = 1e-12;

  it("estimates are those of rliable", () => {
    const ours = statistics(...algorithms);
    expect(ours.length).toBe(estimates.length);
    ours.forEach((estimate, i) => expect(Math.abs(estimate - estimates[i]), `${i}`).toBeLessThan(rounding));
  });

  it("intervals are those of rliable within the error of both bootstraps", () => {
    const { wide, narrow } = intervals;
    const ours = bootstrapIntervals(algorithms, statistics, bootstrap);
    expect(ours.length).toBe(estimates.length);
    ours.forEach(({ low, high }, i) => {
      expect(low, `${i}`).toBeGreaterThanOrEqual(wide.low[i] - rounding);
      expect(low, `${i}`).toBeLessThanOrEqual(narrow.low[i] + rounding);
      expect(high, `${i}`).toBeGreaterThanOrEqual(narrow.high[i] - rounding);
      expect(high, `${i}`).toBeLessThanOrEqual(wide.high[i] + rounding);
    });
  });
});

describe("aggregates of scores", () => {
  it("agree with values computed by hand, tasks of different numbers of runs among them", () => {
    // Means 2 and 7; sorted 0, 1, 5, 6, 8 with floor(5 / 4) = 1 cut off at either end.
    const scores = [
      [5, 1, 0],
      [8, 6],
    ];
    expect(interquartileMean(scores)).toBe(4);
    expect(meanScore(scores)).toBe(4.5);
    expect(medianScore(scores)).toBe(4.5);
    // Short of 6 by 1, 5, 6 and by 0, 0; short of 1 by 0, 0, 1.
    expect(optimalityGap(scores, 6)).toBe(2);
    expect(optimalityGap(scores)).toBeCloseTo(1 / 6, 15);
    // Above 5: none of three and both of two; above 0, two of three.
    expect(performanceProfile(scores, [0, 5, 8])).toEqual([(2 / 3 + 1) / 2, 0.5, 0]);
    expect(averageScoreProfile(scores, [1.9, 2, 6.9, 7])).toEqual([1, 0.5, 0.5, 0]);
  });

  it("take the middle task of an odd number", () => {
    expect(medianScore([[9, 11], [-4], [3]])).toBe(3);
  });

  it("count a tie as half an improvement, and each task the same", () => {
    // Of 3 x 2 pairs 3 wins and a tie; of 1 x 2 none and a tie.
    expect(
      probabilityOfImprovement(
        [[1, 2, 3], [0]],
        [
          [2, 0],
          [0, 7],
        ],
      ),
    ).toBeCloseTo((4.5 / 6 + 0.5 / 2) / 2, 15);
  });

  it("are exact where all scores are equal, though their sum is rounded", () => {
    const scores = [
      [0.1, 0.1, 0.1],
      [0.1, 0.1, 0.1],
    ];
    expect([interquartileMean(scores), meanScore(scores), medianScore(scores)]).toEqual([0.1, 0.1, 0.1]);
    expect(averageScoreProfile(scores, [0.1])).toEqual([0]);
  });

  it("put random actions at 0 and the expert at 1", () => {
    const anchors = { random: -200, expert: 600 };
    expect([-200, 0, 600, 1000].map((score) => normalisedScore(score, anchors))).toEqual([0, 0.25, 1, 1.5]);
  });

  it("leave the scores as they are", () => {
    const scores = [[3, 1, 2]];
    everyAggregate(scores);
    expect(scores).toEqual([[3, 1, 2]]);
  });
});

describe("aggregates of any scores", () => {
  const samples = fc.array(
    fc.array(
      fc.integer({ min: -40, max: 40 }).map((score) => score / 8),
      { minLength: 1, maxLength: 6 },
    ),
    { minLength: 1, maxLength: 5 },
  );

  it("do not depend on the order of tasks or runs", () => {
    fc.assert(
      fc.property(samples, (scores) => {
        const reversed = scores.map((runs) => runs.toReversed()).toReversed();
        const [ours, theirs] = [everyAggregate(scores), everyAggregate(reversed)];
        ours.forEach((value, i) => expect(theirs[i]).toBeCloseTo(value, 12));
      }),
    );
  });

  it("move and stretch with the scores", () => {
    fc.assert(
      fc.property(samples, (scores) => {
        const moved = scores.map((runs) => runs.map((score) => 3 * score - 2));
        for (const aggregate of [interquartileMean, meanScore, medianScore]) {
          expect(aggregate(moved)).toBeCloseTo(3 * aggregate(scores) - 2, 12);
        }
        expect(optimalityGap(moved, 3 * 1 - 2)).toBeCloseTo(3 * optimalityGap(scores), 12);
      }),
    );
  });

  it("improve on each other with probabilities that sum to 1, half on themselves", () => {
    fc.assert(
      fc.property(samples, samples, (first, second) => {
        const tasks = Math.min(first.length, second.length);
        const [x, y] = [first.slice(0, tasks), second.slice(0, tasks)];
        expect(probabilityOfImprovement(x, y) + probabilityOfImprovement(y, x)).toBeCloseTo(1, 12);
        expect(probabilityOfImprovement(x, x)).toBeCloseTo(0.5, 12);
      }),
    );
  });

  it("fall short of the target by the area above the profile below it", () => {
    // Scores are multiples of 1/8, so that the profile is constant between them: an exact integral from below all to 1.
    const grid = Array.from({ length: 8 * 6 }, (_, i) => i / 8 - 5);
    fc.assert(
      fc.property(samples, (scores) => {
        const area = performanceProfile(scores, grid).reduce((sum, share) => sum + (1 - share) / 8, 0);
        expect(optimalityGap(scores)).toBeCloseTo(area, 12);
      }),
    );
  });
});

describe("aggregates refuse", () => {
  it.each<[string, Scores, RegExp]>([
    ["no tasks", [], /at least one task, got none$/],
    ["a task without runs", [[1], []], /task 1 has no runs/],
    ["a run that is not a number", [[1], [2, Number.NaN]], /got NaN in run 1 of task 1/],
    ["a run at infinity", [[Infinity]], /got Infinity in run 0 of task 0/],
  ])("%s", (_, scores, message) => {
    const all: ((scores: Scores) => unknown)[] = [
      interquartileMean,
      meanScore,
      medianScore,
      optimalityGap,
      (scores) => performanceProfile(scores, [0]),
      (scores) => averageScoreProfile(scores, [0]),
      (scores) => probabilityOfImprovement(scores, [[1], [1]]),
      (scores) => probabilityOfImprovement([[1], [1]], scores),
      (scores) => bootstrapIntervals([[[1]], scores], () => [0], bootstrap),
    ];
    for (const aggregate of all) expect(() => aggregate(scores)).toThrow(message);
  });

  it("algorithms on different tasks", () => {
    expect(() => probabilityOfImprovement([[1], [2]], [[1]])).toThrow(
      "probabilityOfImprovement: expected both algorithms on the same tasks, got 2 and 1 of them",
    );
  });

  it.each([
    [5, 5],
    [Number.NaN, 0],
    [1, Infinity],
  ])("to normalise by an expert at %d and random actions at %d", (expert, random) => {
    expect(() => normalisedScore(1, { random, expert })).toThrow(
      `normalisedScore: expected an expert's return other than the random one, both finite, got ${expert} and ${random}`,
    );
  });
});
