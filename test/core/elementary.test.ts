import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { logSumExp, portableExp, portableLog, portablePow } from "../../src/core/index.ts";

/** Distance between neighbouring doubles at |x|. */
const ulp = (x: number): number => Math.max(2 ** -1074, 2 ** (Math.floor(Math.log2(Math.abs(x))) - 52));

/** To 1 ulp of ours and 1 of the engine's. */
const agrees = (x: number): boolean => {
  const expected = Math.exp(x);
  const allowed = expected < 2 ** -1022 ? 3 * 2 ** -1074 : 2 * ulp(expected);
  return Math.abs(portableExp(x) - expected) <= allowed;
};

/** e^x has a relative error of 2^-52, which log turns into an absolute one; log adds 3 ulp of its own. */
const inverts = (x: number): boolean => Math.abs(portableLog(portableExp(x)) - x) <= 2 ** -52 + 3 * ulp(x);

describe("portableExp", () => {
  it("agrees with Math.exp wherever that is finite", () => {
    fc.assert(fc.property(fc.double({ min: -745.2, max: 709.78, noNaN: true }), agrees), { numRuns: 20_000 });
    fc.assert(fc.property(fc.double({ min: -2, max: 2, noNaN: true }), agrees), { numRuns: 20_000 });
  });

  it("agrees with Math.exp where its argument is cut in two", () => {
    for (let k = -1074; k <= 1023; k++) {
      for (const side of [-1e-9, 0, 1e-9]) expect(agrees((k + 0.5) * Math.LN2 + side), `${k}`).toBe(true);
    }
  });

  it("is exact at 0, monotone to the ends, and gives what IEEE gives beyond them", () => {
    expect([0, -0].map(portableExp)).toEqual([1, 1]);
    expect(portableExp(709.782712893384)).toBe(Math.exp(709.782712893384));
    expect([709.7827128933841, 709.79, 710, 1e300, Infinity].map(portableExp)).toEqual(
      Array.from({ length: 5 }, () => Infinity),
    );
    expect(portableExp(-745.1332191019411)).toBe(2 ** -1074);
    expect([-745.1332191019412, -745.2, -746, -1e300, -Infinity].map(portableExp)).toEqual(
      Array.from({ length: 5 }, () => 0),
    );
    expect(portableExp(NaN)).toBeNaN();
  });
});

describe("portableLog", () => {
  it("inverts portableExp", () => {
    fc.assert(fc.property(fc.double({ min: -708, max: 709, noNaN: true }), inverts), { numRuns: 5000 });
  });

  it("gives what IEEE gives where there is no finite logarithm, and ends", () => {
    expect([0, -0, -1, -Infinity, NaN, Infinity].map(portableLog)).toEqual([
      -Infinity,
      -Infinity,
      NaN,
      NaN,
      NaN,
      Infinity,
    ]);
    expect(Math.abs(portableLog(2 ** -1074) + 1074 * Math.LN2)).toBeLessThanOrEqual(3 * ulp(745));
  });
});

const fractional = (x: number, y: number): boolean => {
  // 1 ulp of the engine's, and what its docstring allows for.
  const power = x ** y;
  const allowed = ulp(power) + (Math.abs(y * Math.log(x)) + 1) * 2 ** -51 * power;
  return Math.abs(portablePow(x, y) - power) <= allowed;
};

const half = (x: number, halves: number): boolean => {
  const expected = x ** (halves / 2);
  const allowed = ulp(expected) + (Math.abs(halves) + 1) * 2 ** -52 * expected;
  return Math.abs(portablePow(x, halves / 2) - expected) <= allowed;
};

describe("portablePow", () => {
  const base = fc.double({ min: 1e-3, max: 1e5, noNaN: true });

  it("agrees with the engine's power", () => {
    const exponent = fc.double({ min: -3, max: 3, noNaN: true });
    fc.assert(fc.property(base, exponent, fractional), { numRuns: 20_000 });
    fc.assert(fc.property(base, fc.integer({ min: -40, max: 40 }), half), { numRuns: 20_000 });
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1000 }), (x, n) =>
        half(x, 2 * n),
      ),
      { numRuns: 5000 },
    );
  });

  it("is exact where products and roots are, and at the ends", () => {
    fc.assert(fc.property(base, (x) => portablePow(x, 2) === x * x && portablePow(x, -1) === 1 / x));
    fc.assert(fc.property(base, (x) => portablePow(x, 0.5) === Math.sqrt(x) && portablePow(x, 0) === 1));
    expect([portablePow(4, 1.5), portablePow(4, -2.5), portablePow(3, 5)]).toEqual([8, 1 / 32, 243]);
    expect([portablePow(0, 0), portablePow(0, 3), portablePow(0, 0.3), portablePow(1, -0.3)]).toEqual([
      1, 0, 0, 1,
    ]);
  });
});

describe("logSumExp", () => {
  it("sums the part of the array it is given", () => {
    const x = [5, Math.log(1), Math.log(2), Math.log(4), 5];
    expect(Math.abs(logSumExp(x, 1, 3) - Math.log(7))).toBeLessThanOrEqual(8 * 2 ** -52);
  });

  it("shifts with its arguments where exp alone would overflow or vanish", () => {
    // Adding the shift rounds at its size, and so does taking it off.
    for (const shift of [1000, -1000, 1e6, -1e6]) {
      const x = [shift + 1, shift, shift - 1];
      const expected = shift + Math.log(Math.E + 1 + 1 / Math.E);
      expect(Math.abs(logSumExp(x, 0, 3) - expected)).toBeLessThanOrEqual(4 * ulp(shift));
    }
  });

  it("keeps infinities and NaN, and gives nothing's probability for nothing", () => {
    expect(logSumExp([-Infinity, -Infinity], 0, 2)).toBe(-Infinity);
    expect(logSumExp([-Infinity, 2], 0, 2)).toBe(2);
    expect(logSumExp([Infinity, 2], 0, 2)).toBe(Infinity);
    expect(logSumExp([1, NaN], 0, 2)).toBeNaN();
    expect(logSumExp([1], 0, 0)).toBe(-Infinity);
  });
});
