import { describe, expect, it } from "vitest";
import { pearson, ranks, spearman } from "../../src/eval/index.ts";

describe("pearson", () => {
  it("is 1 on a rising line, -1 on a falling one", () => {
    expect(pearson([1, 2, 3], [10, 20, 30])).toBeCloseTo(1, 14);
    expect(pearson([1, 2, 3], [5, 4, 3])).toBeCloseTo(-1, 14);
  });

  it("agrees with a value computed by hand", () => {
    // Deviations (-1.5, -.5, .5, 1.5) and (-1, 1, -1, 1): 2 / sqrt(5 * 4).
    expect(pearson([1, 2, 3, 4], [0, 2, 0, 2])).toBeCloseTo(2 / Math.sqrt(20), 14);
  });

  it("does not change when either side is shifted or scaled", () => {
    const x = [3, 1, 4, 1, 5, 9];
    const y = [2, 7, 1, 8, 2, 8];
    expect(
      pearson(
        x.map((v) => 1e6 + 3 * v),
        y,
      ),
    ).toBeCloseTo(pearson(x, y) ?? Number.NaN, 9);
  });

  it.each([0, 0.1, 1 / 3, 1e9 + 0.1])("is null where one side or both are constant at %d", (value) => {
    const constant = Array.from({ length: 10 }, () => value);
    const rising = constant.map((_, i) => i);
    expect(pearson(constant, rising)).toBeNull();
    expect(pearson(rising, constant)).toBeNull();
    expect(pearson(constant, constant)).toBeNull();
  });

  it("is null where a value is not finite, and of nothing", () => {
    expect(pearson([1, Number.NaN, 3], [1, 2, 3])).toBeNull();
    expect(pearson([1, Infinity, 3], [1, 2, 3])).toBeNull();
    expect(pearson([], [])).toBeNull();
  });
});

describe("ranks", () => {
  it("count from 1 and ties share their mean rank", () => {
    expect([...ranks([30, 10, 20])]).toEqual([3, 1, 2]);
    expect([...ranks([5, 1, 5, 5, 9])]).toEqual([3, 1, 3, 3, 5]);
  });
});

describe("spearman", () => {
  it("is 1 for any rising relation and -1 for any falling one", () => {
    expect(spearman([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 14);
    expect(spearman([1, 2, 3, 4], [-1, -10, -100, -1000])).toBeCloseTo(-1, 14);
  });

  it("agrees with a value computed by hand where there are ties", () => {
    // Ranks (1, 2.5, 2.5, 4) and (2, 1, 3, 4): products 3, squares 4.5 and 5.
    expect(spearman([1, 2, 2, 3], [5, 4, 6, 7])).toBeCloseTo(3 / Math.sqrt(4.5 * 5), 14);
  });

  it("is null where one side is constant", () => {
    expect(
      spearman(
        Array.from({ length: 10 }, () => 0.1),
        [3, 1, 4, 1, 5, 9, 2, 6, 5, 3],
      ),
    ).toBeNull();
  });

  it("is null where a value is not a number", () => {
    expect(spearman([1, Number.NaN, 3], [1, 2, 3])).toBeNull();
  });
});
