import { describe, expect, it } from "vitest";
import { judge } from "../../src/bench/index.ts";
import { keyFromSeed, nextNormal, streamOf } from "../../src/core/index.ts";

/** Mean 0.9, standard deviation 0.1. */
const OURS = [0.8, 0.9, 1.0];
/** 97.5 % quantiles of Student's t, from a table, by degrees of freedom. */
const T = { 1: 12.7062047, 2: 4.30265273, 4: 2.77644511 };
const DIGITS = 7;

const published = (mean: number, spread: number | null = null, runs: number | null = 5) => ({
  mean,
  spread,
  runs,
});

describe("without a published spread", () => {
  const half = T[2] * 0.1 * Math.sqrt(1 / 3 + 1 / 5);

  it("the interval is ours, for a mean of as many runs", () => {
    const verdict = judge(OURS, published(0.9));
    expect(half).toBeCloseTo(0.314221, 5);
    expect(verdict).toMatchObject({ word: "consistent", runs: 5, spread: "ours" });
    expect(verdict?.interval[0]).toBeCloseTo(0.9 - half, DIGITS);
    expect(verdict?.interval[1]).toBeCloseTo(0.9 + half, DIGITS);
  });

  it.each([
    [1.21, "consistent"],
    [1.22, "below"],
    [0.59, "consistent"],
    [0.58, "above"],
  ])("%d is such that ours is %s", (mean, word) => {
    expect(judge(OURS, published(mean))?.word).toBe(word);
  });

  it("one published run scatters as one of ours does", () => {
    const high = judge(OURS, published(0.9, null, 1))?.interval[1];
    expect(high).toBeCloseTo(0.9 + T[2] * 0.1 * Math.sqrt(1 / 3 + 1), DIGITS);
  });

  it("several runs are taken as two", () => {
    const verdict = judge(OURS, published(0.9, null, null));
    expect(verdict?.runs).toBe(2);
    expect(verdict?.interval[1]).toBeCloseTo(0.9 + T[2] * 0.1 * Math.sqrt(1 / 3 + 1 / 2), DIGITS);
  });

  it("two cells suffice, with a wide interval", () => {
    const high = judge([0.8, 1.0], published(0.9))?.interval[1];
    expect(high).toBeCloseTo(0.9 + T[1] * Math.SQRT1_2 * 0.2 * Math.sqrt(1 / 2 + 1 / 5), DIGITS - 1);
  });

  it("cells that agree to the bit leave no room", () => {
    expect(judge([0.5, 0.5], published(0.5))?.word).toBe("consistent");
    expect(judge([0.5, 0.5], published(0.51))).toMatchObject({ word: "below", interval: [0.5, 0.5] });
  });
});

describe("with a published spread", () => {
  it("both scatter (Welch), degrees of freedom rounded down", () => {
    // a = 0.01 / 3, b = 0.04 / 4: (a + b)^2 / (a^2 / 2 + b^2 / 3) = 4.57
    const verdict = judge(OURS, published(0.9, 0.2, 4));
    expect(verdict).toMatchObject({ spread: "both", runs: 4 });
    expect(verdict?.interval[0]).toBeCloseTo(0.9 - T[4] * Math.sqrt(0.01 / 3 + 0.04 / 4), DIGITS);
  });

  it("and the words are the same", () => {
    expect(judge(OURS, published(1.22, 0.2, 4))?.word).toBe("consistent");
    expect(judge(OURS, published(1.23, 0.2, 4))?.word).toBe("below");
    expect(judge(OURS, published(0.57, 0.2, 4))?.word).toBe("above");
  });

  it("theirs alone where ours do not scatter", () => {
    const half = T[4] * Math.sqrt(0.04 / 5);
    expect(judge([0.5, 0.5], published(0.5, 0.2))?.interval[1]).toBeCloseTo(0.5 + half, DIGITS);
    expect(judge([0.5, 0.5], published(0.5, 0))?.interval).toEqual([0.5, 0.5]);
  });

  it("of a single run it is none", () => {
    expect(judge(OURS, published(0.9, 0.2, 1))).toEqual(judge(OURS, published(0.9, null, 1)));
  });
});

it("fewer than two cells say nothing", () => {
  expect(judge([], published(0.9))).toBeNull();
  expect(judge([0.9], published(0.9))).toBeNull();
  expect(judge([0.9], published(0.9, 0.1))).toBeNull();
});

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
const stdOf = (values: readonly number[]): number => {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1));
};

describe("of 4000 pairs from one normal distribution, 95 in 100 are consistent", () => {
  const TRIALS = 4000;
  const slack = 4 * Math.sqrt((0.95 * 0.05) / TRIALS);
  const stream = streamOf(keyFromSeed(7));
  const runs = (count: number): number[] => Array.from({ length: count }, () => nextNormal(stream));
  const share = (ours: number, theirs: number, isSpreadKnown: boolean): number => {
    let consistent = 0;
    for (let trial = 0; trial < TRIALS; trial++) {
      const values = runs(theirs);
      const spread = isSpreadKnown ? stdOf(values) : null;
      const verdict = judge(runs(ours), { mean: meanOf(values), spread, runs: theirs });
      if (verdict?.word === "consistent") consistent++;
    }
    return consistent / TRIALS;
  };

  it.each([
    [3, 5],
    [2, 1],
    [5, 20],
  ])("%d runs against the mean of %d", (ours, theirs) => {
    expect(Math.abs(share(ours, theirs, false) - 0.95)).toBeLessThan(slack);
  });

  it("with both spreads at least as many: fewer degrees of freedom are wider", () => {
    const found = share(5, 5, true);
    expect(found).toBeGreaterThan(0.95 - slack);
    expect(found).toBeLessThan(0.98);
  });
});
