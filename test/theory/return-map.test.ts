import { expect, it } from "vitest";
import { keyFromSeed, nextNormal, streamOf } from "../../src/core/index.ts";
import { createReturnMap, cycleOf, observePoint, returns, type ReturnMap } from "../../src/theory/index.ts";
import { expectClose } from "../reference/closeness.ts";

function mapOf(
  count: number,
  point: (k: number) => readonly number[],
  longestLag = 16,
  window = 16,
): ReturnMap {
  const map = createReturnMap(longestLag, window);
  for (let k = 0; k < count; k++) observePoint(map, point(k));
  return map;
}

const correlations = (map: ReturnMap): number[] => returns(map).map(({ correlation }) => correlation ?? NaN);

function lags(longest: number): number[] {
  return createReturnMap(longest, 2).tracks.map(({ lag }) => lag);
}

it("has lags with a half of every period near them", () => {
  expect(lags(16)).toEqual([1, 2, 3, 4, 6, 8, 12, 16]);
  expect(lags(13)).toEqual([1, 2, 3, 4, 6, 8, 12]);
  expect(lags(1)).toEqual([1]);
});

it("correlates successive displacements, by hand", () => {
  // Displacements (1, 0), (1, 2), (0, -1): products 1 and -2, squares now 5 and 1, before 1 and 5.
  const points = [
    [0, 0],
    [1, 0],
    [2, 2],
    [2, 1],
  ];
  const [one, two] = returns(mapOf(4, (k) => points[k], 2));
  expect(one).toEqual({ lag: 1, correlation: -1 / 6, displacement: Math.sqrt(3), count: 2 });
  expect(two).toBeUndefined();
  // At lag 2 from (0, 0) over (2, 2) to (3, -1): (2, 2) . (1, -3) = -4, squares 10 and 8.
  const longer = returns(mapOf(5, (k) => [...points, [3, -1]][k], 2))[1];
  expectClose([longer.correlation ?? NaN, longer.displacement], [-4 / Math.sqrt(80), Math.sqrt(10)], 1e-15);
  expect(longer.lag).toBe(2);
});

it("tells a drift, a walk and noise from a cycle", () => {
  const stream = streamOf(keyFromSeed(1));
  const normals = (): number[] => Array.from({ length: 50 }, () => nextNormal(stream));
  const drift = mapOf(400, (k) => [k, -2 * k]);
  expectClose(correlations(drift), correlations(drift).fill(1), 1e-12);
  let here = normals();
  const walk = mapOf(400, () => {
    const step = normals();
    here = here.map((x, i) => x + step[i]);
    return here;
  });
  const noise = mapOf(400, normals);
  // Sixteen products over fifty coordinates: a correlation of walks has sd 1 / sqrt(800), of noise, less than twice that.
  for (const { correlation } of returns(walk))
    expect(Math.abs(correlation ?? 1)).toBeLessThan(4 / Math.sqrt(800));
  for (const { correlation } of returns(noise)) {
    expect(Math.abs((correlation ?? 0) + 1 / 2)).toBeLessThan(8 / Math.sqrt(800));
  }
  for (const map of [drift, walk, noise]) expect(cycleOf(map)).toBeNull();
});

it.each([4, 8, 12, 16, 24])("sees a cycle of period %i at its half", (period) => {
  const circle = (k: number): number[] => [
    Math.cos((2 * Math.PI * k) / period),
    3 * Math.sin((2 * Math.PI * k) / period + 1),
  ];
  const map = mapOf(400, circle);
  const cycle = cycleOf(map);
  expect(cycle?.lag).toBe(period / 2);
  expectClose([cycle?.correlation ?? NaN], [-1], 1e-12);
  // Elsewhere it is cos(2 pi L / P) of a circle; this is an ellipse, seen over whole periods at lag 1.
  if (period <= 16) {
    expectClose([returns(map)[0].correlation ?? NaN], [Math.cos((2 * Math.PI) / period)], 0.1);
  }
});

it("remembers a window, waits until it is full, and knows rest", () => {
  const flip = (k: number): number[] => [k % 2];
  expect(cycleOf(mapOf(17, flip, 1, 16))).toBeNull();
  expect(cycleOf(mapOf(18, flip, 1, 16))).toMatchObject({
    lag: 1,
    correlation: -1,
    count: 16,
    displacement: 1,
  });
  const settled = mapOf(60, (k) => [k < 20 ? k % 2 : k], 1, 16);
  expectClose(correlations(settled), [1], 1e-12);
  expect(settled.seen).toBe(60);
  expect(returns(mapOf(40, () => [3], 1))[0].correlation).toBeNull();
});

it("keeps copies of points", () => {
  const buffer = [0];
  const map = createReturnMap(1, 4);
  for (let k = 0; k < 4; k++) {
    buffer[0] = k * k;
    observePoint(map, buffer);
  }
  // Displacements 1, 3, 5.
  expect(returns(map)[0].correlation).toBeCloseTo((3 + 15) / Math.sqrt((9 + 25) * (1 + 9)), 14);
});

it("refuses lags and windows that hold nothing", () => {
  expect(() => createReturnMap(0, 16)).toThrow("longest lag from 1");
  expect(() => createReturnMap(4, 1)).toThrow("from 2");
});
