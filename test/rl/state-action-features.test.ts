import { assert, double, integer, property, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  concatenationFeatures,
  customFeatures,
  oneHotFeatures,
  productFeatures,
  standardisationOver,
  type StateActionFeatures,
} from "../../src/rl/index.ts";
import { expectClose } from "../reference/closeness.ts";

const STANDARD = { mean: [1, 2], deviation: [2, 4] };
/** Standardised, (1, -1). */
const OBSERVATION = [3, -2];

/** The rows of all actions over rubbish, as lists of indices and of values. */
function written(features: StateActionFeatures, observation: ArrayLike<number>) {
  const { actions, entries } = features;
  const indices = new Uint32Array(actions * entries).fill(77);
  const values = new Float32Array(actions * entries).fill(Number.NaN);
  features.write(observation, indices, values);
  const rows = <T>(flat: ArrayLike<T>): T[][] =>
    Array.from({ length: actions }, (_, a) => Array.from(flat).slice(a * entries, (a + 1) * entries));
  return { indices: rows(indices), values: rows(values) };
}

/** Features whose action 1 has this row, written once. */
const writing = (row: number[]): (() => unknown) => {
  const features = customFeatures(row.length, 2, 2, (_, action, out) => {
    if (action === 1) out.set(row);
  });
  return () => written(features, [0.25, 7]);
};

describe("feature rows", () => {
  it("one-hot: e_{s A + a}", () => {
    const features = oneHotFeatures(5, 3);
    expect(features).toMatchObject({ kind: "one-hot", size: 15, entries: 1, observationSize: 1, actions: 3 });
    expect(written(features, [4])).toEqual({ indices: [[12], [13], [14]], values: [[1], [1], [1]] });
  });

  it("product: e_a (x) (z, 1) / ||(z, 1)||", () => {
    const features = productFeatures(STANDARD, 3);
    expect(features).toMatchObject({ kind: "rows", size: 9, entries: 3, observationSize: 2, actions: 3 });
    const { indices, values } = written(features, OBSERVATION);
    expect(indices).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7, 8],
    ]);
    const third = Math.sqrt(1 / 3);
    // Three roundings: the coordinate, the factor's product and its storing.
    for (const row of values) expectClose(row, [third, -third, third], 3 * 2 ** -24);
  });

  it("concatenation: (z, 1, e_a) / ||(z, 1, e_a)||", () => {
    const features = concatenationFeatures(STANDARD, 3);
    expect(features).toMatchObject({ kind: "rows", size: 6, entries: 4, observationSize: 2, actions: 3 });
    expect(written(features, OBSERVATION)).toEqual({
      indices: [
        [0, 1, 2, 3],
        [0, 1, 2, 4],
        [0, 1, 2, 5],
      ],
      values: Array.from({ length: 3 }, () => [0.5, -0.5, 0.5, 0.5]),
    });
  });

  it("custom: what psi writes into zeros", () => {
    const features = customFeatures(3, 2, 2, (observation, action, row) => {
      // Only one entry is written: what the row held before must be gone.
      row[observation[0] > 0 ? 0 : 1 + action] = 0.5;
    });
    expect(features).toMatchObject({ kind: "rows", size: 3, entries: 3, observationSize: 2, actions: 2 });
    const indices = new Uint32Array(6);
    const values = new Float32Array(6);
    features.write([-1, 0], indices, values);
    expect([...values]).toEqual([0, 0.5, 0, 0, 0, 0.5]);
    features.write([1, 0], indices, values);
    expect([...values]).toEqual([0.5, 0, 0, 0.5, 0, 0]);
    expect([...indices]).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it("product and concatenation: of norm 1, with indices of their own below d", () => {
    const coordinate = double({ min: -1e6, max: 1e6, noNaN: true });
    assert(
      property(tuple(coordinate, coordinate), integer({ min: 1, max: 6 }), (observation, actions) => {
        for (const features of [
          productFeatures(STANDARD, actions),
          concatenationFeatures(STANDARD, actions),
        ]) {
          const { indices, values } = written(features, observation);
          // Every value is off by at most two roundings of numbers up to 1.
          for (const row of values) expect(Math.abs(Math.hypot(...row) - 1)).toBeLessThan(2 ** -22);
          for (const row of indices) {
            expect(new Set(row).size).toBe(row.length);
            expect(row.every((index) => index < features.size)).toBe(true);
          }
        }
      }),
    );
  });

  it("custom: a norm above 1 or not a number is refused, 1 but for rounding is not", () => {
    expect(writing([0.6, 0.8])).not.toThrow();
    expect(writing([0.6, 0.8001])).toThrow(
      /^customFeatures: expected \|\|psi\(s, a\)\|\| <= 1, got 1\.0000\d+ for s = \[0\.25, 7\], a = 1; divide psi by its largest norm$/u,
    );
    expect(writing([Number.NaN, 0])).toThrow("got NaN");
    expect(writing([-2, 0])).toThrow("got 2");
  });
});

describe("standardisation", () => {
  it("is over all rows of each sample, every sample weighing the same", () => {
    const { mean, deviation } = standardisationOver([Float32Array.of(1, 10, 3, 10), [5, 20]], 2);
    // Means (2, 10) and (5, 20); squares (5, 100) and (25, 400).
    expectClose(mean, [3.5, 15], 1e-15);
    expectClose(deviation, [Math.sqrt(15 - 3.5 ** 2), 5], 1e-14);
  });

  it("leaves a coordinate that never changes at its scale", () => {
    const constant = Math.fround(0.1);
    const sample = Float32Array.from({ length: 30 }, (_, t) => (t % 3 === 0 ? t : constant));
    expect(Array.from(standardisationOver([sample], 3).deviation).slice(1)).toEqual([1, 1]);
    expect(Array.from(standardisationOver([[0, 0, 0]], 1).deviation)).toEqual([1]);
  });

  it("does not lose a small spread around a large mean", () => {
    const { mean, deviation } = standardisationOver([[1e6 - 0.5, 1e6 + 0.5]], 1);
    expect([mean[0], deviation[0]]).toEqual([1e6, 0.5]);
    // Numbers that differ in their last float32 place only.
    const { deviation: spread } = standardisationOver([[1, 1 + 2 ** -23]], 1);
    expect(spread[0]).toBe(2 ** -24);
  });
});
