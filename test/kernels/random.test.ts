import { expect, it } from "vitest";
import { type Key, threefry } from "../../src/core/rng.ts";
import { describeBuilds } from "./builds.ts";

const KEYS: Key[] = [
  [0, 0],
  [0x13198a2e, 0x03707344],
  [0xffffffff, 0x80000001],
];
const COUNTERS = [0, 1, 5, 0xfffffff0];
const COUNTS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 100];

/** The words that number `index` is made of. */
function word(key: Key, counter: number, index: number): number {
  return threefry(key, (counter + (index >> 1)) >>> 0, 0)[index & 1];
}

describeBuilds("random numbers", (kernels) => {
  const out = kernels.allocate(1 << 20);

  it("are made of the words of core/rng, block by block", () => {
    for (const key of KEYS)
      for (const counter of COUNTERS)
        for (const count of COUNTS) {
          for (const bound of [2 ** 32 - 1, 2 ** 31, 1000, 1]) {
            kernels.u32(out, count + 1).fill(7);
            kernels.fillIndices(count, out, bound, key[0], key[1], counter);
            const expected = Array.from({ length: count }, (_, i) =>
              Number((BigInt(word(key, counter, i)) * BigInt(bound)) >> 32n),
            );
            expect([...kernels.u32(out, count)]).toEqual(expected);
            expect(kernels.u32(out, count + 1)[count]).toBe(7);
          }
        }
  });

  it("are normal quantiles of those words to 2^-20 of their size", () => {
    // The word's top bit is the sign, its other 31 bits plus 1/2 the probability between 0 and z, doubled.
    const [key, counter, count] = [KEYS[1], 3, 4001];
    kernels.fillNormal(count, out, key[0], key[1], counter);
    const got = kernels.f32(out, count);
    for (let i = 0; i < count; i++) {
      const bitsOf = word(key, counter, i);
      const size = ((bitsOf & 0x7fffffff) + 0.5) / 2 ** 31;
      const expected = (bitsOf >>> 31 ? -1 : 1) * halfNormalQuantile(size);
      expect(Math.abs(got[i] - expected)).toBeLessThanOrEqual(2 ** -20 * Math.abs(expected));
    }
  });

  it("come in any count with the same values and no write beyond", () => {
    kernels.fillNormal(100, out, 1, 2, 9);
    const all = kernels.f32(out, 100).slice();
    for (const count of COUNTS.slice(0, -1)) {
      kernels.f32(out, 101).fill(-77);
      kernels.fillNormal(count, out, 1, 2, 9);
      expect(kernels.f32(out, count)).toEqual(all.slice(0, count));
      expect(kernels.f32(out, 101)[count]).toBe(-77);
    }
  });

  it("have the moments and the tails of the standard normal", () => {
    const n = 1 << 20;
    kernels.fillNormal(n, out, 12, 34, 0);
    const z = kernels.f32(out, n);
    const mean = (f: (z: number) => number) => z.reduce((sum, value) => sum + f(value), 0) / n;
    // Each tolerance is 4 standard errors; Var z^k = E z^2k - (E z^k)^2.
    const within = (value: number, expected: number, variance: number) =>
      expect(Math.abs(value - expected)).toBeLessThan(4 * Math.sqrt(variance / n));
    within(
      mean((x) => x),
      0,
      1,
    );
    within(
      mean((x) => x ** 2),
      1,
      2,
    );
    within(
      mean((x) => x ** 3),
      0,
      15,
    );
    within(
      mean((x) => x ** 4),
      3,
      96,
    );
    within(
      mean((x) => (Math.abs(x) > 3 ? 1 : 0)),
      0.0026998,
      0.0026998,
    );
    within(
      mean((x) => (Math.abs(x) > 4 ? 1 : 0)),
      6.3342e-5,
      6.3342e-5,
    );
    const lagged = z.reduce((sum, value, i) => sum + (i ? value * z[i - 1] : 0), 0) / n;
    within(lagged, 0, 1);
  });
});

/** z > 0 with P(|Z| < z) = p, by bisection on the error function's complement in float64. */
function halfNormalQuantile(p: number): number {
  let [low, high] = [0, 8];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (upperTail(middle) * 2 > 1 - p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(Z > z): the series of the lower half below 2, the continued fraction above, each to about 1e-14. */
function upperTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 2) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 60; n++) sum += term *= (z * z) / (2 * n + 1);
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let n = 120; n >= 1; n--) fraction = z + n / fraction;
  return density / fraction;
}
