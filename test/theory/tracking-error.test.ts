import { expect, it } from "vitest";
import { heldOutTracking, trackingError } from "../../src/theory/index.ts";
import { expectClose } from "../reference/closeness.ts";

it("is the largest difference, either way, and says where", () => {
  expect(trackingError([-1, -2, -3], [-1.5, -2, -3.25])).toEqual({ largest: 0.5, pair: 0 });
  expect(trackingError([-1, -2, -3], [-1, -1, -3.25])).toEqual({ largest: 1, pair: 1 });
  expect(trackingError([-1, -2], [-1, -2])).toEqual({ largest: 0, pair: 0 });
  expect(trackingError([-1, -4, -3], [-2, -2, -5])).toEqual({ largest: 2, pair: 1 });
});

it("lets impossible actions agree with each other only", () => {
  expect(trackingError([0, -Infinity], [-0.5, -Infinity])).toEqual({ largest: 0.5, pair: 0 });
  expect(trackingError([0, -Infinity], [-0.5, -30])).toEqual({ largest: Infinity, pair: 1 });
});

it("does not lose a NaN, wherever it is", () => {
  for (const at of [0, 1, 2]) {
    expect(trackingError([-1, -2, -3].with(at, NaN), [-9, -9, -9])).toEqual({ largest: NaN, pair: at });
    expect(trackingError([-9, -9, -9], [-1, -2, -3].with(at, NaN))).toEqual({ largest: NaN, pair: at });
  }
});

it("averages the worst action of each held-out state", () => {
  // Worst actions: 2, 1, 6; mean 3, s^2 = 7.
  const found = heldOutTracking([0, -2, 0, -1, -6, 0], [-1, 0, 1, -1, 0, 0], 2, null);
  expect([found.largest, found.pair, found.mean.mean, found.mean.count]).toEqual([6, 4, 3, 3]);
  expectClose([found.mean.standardError ?? NaN], [Math.sqrt(7 / 3)], 1e-15);
});

it("takes states of one trajectory together", () => {
  expect(heldOutTracking([0, -2, 0, -1, -6, 0], [-1, 0, 1, -1, 0, 0], 2, [0, 0, 1]).mean.standardError).toBe(
    2,
  );
});

it("refuses policies over different pairs and broken rows", () => {
  expect(() => trackingError([0], [0, 0])).toThrow("1 and 2 entries");
  expect(() => trackingError([], [])).toThrow("trackingError");
  expect(() => heldOutTracking([0, 0, 0], [0, 0, 0], 2, null)).toThrow("rows of 2");
});
