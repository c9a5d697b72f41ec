import { expect, it } from "vitest";
import { keyFromSeed, nextNormal, streamOf } from "../../src/core/index.ts";
import { meanEstimate } from "../../src/theory/index.ts";
import { expectClose } from "../reference/closeness.ts";

it("gives s / sqrt(n) for independent values", () => {
  // Mean 3, s^2 = (4 + 1 + 9) / 2 = 7.
  const { mean, standardError, count } = meanEstimate([1, 2, 6], null);
  expect({ mean, count }).toEqual({ mean: 3, count: 3 });
  expectClose([standardError ?? NaN], [Math.sqrt(7 / 3)], 1e-15);
});

it("lets values of one group depend on each other", () => {
  // Excesses 1 + 2 - 6 = -3 and 6 - 3 = 3: SE^2 = (2 / 1) (9 + 9) / 9 = 4.
  expect(meanEstimate([1, 2, 6], [7, 7, 5]).standardError).toBe(2);
  // Each value said three times, three groups: no more is known than from one of each.
  const tripled = meanEstimate([1, 1, 1, 2, 2, 2, 6, 6, 6], [0, 0, 0, 1, 1, 1, 2, 2, 2]);
  expectClose([tripled.standardError ?? NaN], [Math.sqrt(7 / 3)], 1e-15);
});

it("knows no error of one group", () => {
  expect(meanEstimate([4], null)).toEqual({ mean: 4, standardError: null, count: 1 });
  expect(meanEstimate([1, 2], [3, 3]).standardError).toBeNull();
});

it("covers the mean of correlated groups as often as it says", () => {
  // Values m_g + noise, 40 groups of 5: intervals of two standard errors hold in all but 4.6 % of trials, and a t with 39
  // degrees of freedom in all but 5.2 %; the count of 400 has sd sqrt(400 * 0.05 * 0.95) = 4.4.
  const stream = streamOf(keyFromSeed(3));
  const groups = Array.from({ length: 200 }, (_, i) => Math.floor(i / 5));
  let missed = 0;
  let missedAsIndependent = 0;
  for (let trial = 0; trial < 400; trial++) {
    const common = Array.from({ length: 40 }, () => nextNormal(stream));
    const values = groups.map((g) => common[g] + 0.3 * nextNormal(stream));
    const honest = meanEstimate(values, groups);
    if (Math.abs(honest.mean) > 2 * (honest.standardError ?? 0)) missed++;
    if (Math.abs(honest.mean) > 2 * (meanEstimate(values, null).standardError ?? 0)) missedAsIndependent++;
  }
  expect(Math.abs(missed - 400 * 0.052)).toBeLessThan(4 * 4.4);
  expect(missedAsIndependent).toBeGreaterThan(400 * 0.2);
});

it("refuses nothing at all and groups of another number", () => {
  expect(() => meanEstimate([], null)).toThrow("meanEstimate");
  expect(() => meanEstimate([1, 2], [0])).toThrow("2 values and 1 groups");
});
