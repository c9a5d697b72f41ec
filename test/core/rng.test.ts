import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  foldIn,
  keyFromSeed,
  nextInteger,
  nextNormal,
  nextUniform,
  portableLog,
  split,
  streamOf,
  threefry,
  type Key,
  type RandomStream,
} from "../../src/core/index.ts";

/** Sample size of the statistics; each allows 4 standard errors, so 6 in 100 000 seeds would fail. */
const N = 40_000;
const SIGMAS = 4;
/** Kolmogorov: P(sqrt(n) D > x) = 2 exp(-2 x^2), here the two-sided 4-sigma probability 6.3e-5. */
const KOLMOGOROV = Math.sqrt(Math.log(2 / 6.33e-5) / 2);

const draw = (next: (stream: RandomStream) => number, key: Key): number[] => {
  const stream = streamOf(key);
  return Array.from({ length: N }, () => next(stream));
};
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

describe("threefry", () => {
  // Random123 1.14.0, tests/kat_vectors, lines "threefry2x32 20": counter, key, answer.
  it.each([
    { counter: [0, 0], key: [0, 0], answer: [0x6b200159, 0x99ba4efe] },
    {
      counter: [0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      answer: [0x1cb996fc, 0xbb002be7],
    },
    {
      counter: [0x243f6a88, 0x85a308d3],
      key: [0x13198a2e, 0x03707344],
      answer: [0xc4923a9c, 0x483df7a0],
    },
  ] as const)("gives the published answer for counter $counter and key $key", ({ counter, key, answer }) => {
    expect(threefry(key, counter[0], counter[1])).toEqual(answer);
  });
});

describe("a stream", () => {
  it("is continued from its key and counter alone", () => {
    const stream = streamOf(keyFromSeed(1));
    nextNormal(stream);
    const saved = { ...stream };
    expect(nextUniform(saved)).toBe(nextUniform(stream));
  });

  it("goes on beyond 2^32 blocks without repeating itself", () => {
    const key = keyFromSeed(2);
    expect(nextUniform({ key, counter: 2 ** 32 })).not.toBe(nextUniform({ key, counter: 0 }));
  });

  it("of uniforms has the mean, variance and distribution of the unit interval", () => {
    const x = draw(nextUniform, keyFromSeed(3));
    expect(Math.abs(mean(x) - 1 / 2)).toBeLessThan(SIGMAS * Math.sqrt(1 / 12 / N));
    expect(Math.abs(mean(x.map((u) => (u - 0.5) ** 2)) - 1 / 12)).toBeLessThan(
      SIGMAS * Math.sqrt(1 / 180 / N),
    );
    expect(kolmogorovDistance(x, (u) => u)).toBeLessThan(KOLMOGOROV / Math.sqrt(N));
  });

  it("of normals has the mean, variance and distribution of the standard normal", () => {
    const x = draw(nextNormal, keyFromSeed(4));
    expect(Math.abs(mean(x))).toBeLessThan(SIGMAS / Math.sqrt(N));
    expect(Math.abs(mean(x.map((z) => z * z)) - 1)).toBeLessThan(SIGMAS * Math.sqrt(2 / N));
    expect(kolmogorovDistance(x, normalDistribution)).toBeLessThan(KOLMOGOROV / Math.sqrt(N));
  });

  it("of integers fills its range evenly and stays in it", () => {
    const bound = 11;
    const counts = Array.from({ length: bound }, () => 0);
    for (const i of draw((stream) => nextInteger(stream, bound), keyFromSeed(5))) counts[i]++;
    expect(counts).toHaveLength(bound);
    const chiSquare = counts.reduce((sum, count) => sum + (count - N / bound) ** 2 / (N / bound), 0);
    // chi^2 with f degrees of freedom has mean f and variance 2 f.
    expect(Math.abs(chiSquare - (bound - 1))).toBeLessThan(SIGMAS * Math.sqrt(2 * (bound - 1)));
  });

  it("has no correlation with itself one step later", () => {
    const x = draw(nextUniform, keyFromSeed(6)).map((u) => Math.sqrt(12) * (u - 0.5));
    expect(Math.abs(mean(x.slice(1).map((z, i) => z * x[i])))).toBeLessThan(SIGMAS / Math.sqrt(N - 1));
  });
});

describe("keys", () => {
  it("of different seeds, purposes and parents all differ", () => {
    const keys = [0, 1, 2, 2 ** 32, 2 ** 40].flatMap((seed) => {
      const root = keyFromSeed(seed);
      return [root, ...split(root, 500), ...split(foldIn(root, 3), 500)];
    });
    expect(new Set(keys.map(String)).size).toBe(keys.length);
  });

  it("that were split give uncorrelated streams, with each other and with their parent", () => {
    const parent = keyFromSeed(7);
    const streams = [parent, ...split(parent, 3)].map((key) => draw(nextNormal, key));
    streams.forEach((x, i) => {
      for (const y of streams.slice(i + 1))
        expect(Math.abs(mean(x.map((value, t) => value * y[t])))).toBeLessThan(SIGMAS / Math.sqrt(N));
    });
  });

  it("are the same however often they are derived", () => {
    expect(foldIn(keyFromSeed(8), 9)).toEqual(foldIn(keyFromSeed(8), 9));
    expect(split(keyFromSeed(8), 3)[2]).toEqual(foldIn(keyFromSeed(8), 2));
  });
});

describe("portableLog", () => {
  it("is within 3 units in the last place of Math.log, which is itself off by less than 1", () => {
    const normal = fc.double({ min: 2 ** -1022, max: Number.MAX_VALUE, noNaN: true });
    const nearOne = fc.double({ min: 0.4, max: 2.5, noNaN: true });
    fc.assert(
      fc.property(fc.oneof(normal, nearOne), (x) => {
        const expected = Math.log(x);
        return Math.abs(portableLog(x) - expected) <= 3 * ulp(expected);
      }),
      { numRuns: 20_000, seed: 1 },
    );
  });

  it("is exact at 1", () => expect(portableLog(1)).toBe(0));
});

/** sup over x of |empirical - `distribution`|. */
function kolmogorovDistance(sample: readonly number[], distribution: (x: number) => number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted.reduce((largest, x, i) => {
    const below = distribution(x);
    return Math.max(largest, below - i / sorted.length, (i + 1) / sorted.length - below);
  }, 0);
}

/** P(Z <= z) by the series phi(z) (z + z^3/3 + z^5/15 + ...). */
function normalDistribution(z: number): number {
  let term = z;
  let total = z;
  for (let n = 3; n < 200; n += 2) total += term *= (z * z) / n;
  return 0.5 + (total * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}

const ulp = (x: number): number => 2 ** (Math.floor(Math.log2(Math.max(Math.abs(x), 2 ** -1022))) - 52);
