import { expect } from "vitest";

export { checksum } from "./checksum.ts";

/** Fails unless |actual - expected| <= tolerance everywhere; names the worst element by how often it exceeds its tolerance. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number | ArrayLike<number>,
): void {
  expect(actual.length).toBe(expected.length);
  let worst = { excess: 0, at: -1 };
  for (let i = 0; i < expected.length; i++) {
    const allowed = typeof tolerance === "number" ? tolerance : tolerance[i];
    const error = Math.abs(actual[i] - expected[i]);
    if (error <= allowed) continue;
    const excess = Number.isNaN(error) || allowed === 0 ? Infinity : error / allowed;
    if (excess > worst.excess) worst = { excess, at: i };
  }
  const { excess, at } = worst;
  expect(excess, `[${at}] is ${actual[at]}, expected ${expected[at]}: ${excess} times the tolerance`).toBe(0);
}
