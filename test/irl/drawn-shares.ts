import { expect } from "vitest";
import type { Kernels } from "../../src/kernels/index.ts";

/** Rows, [size, width], whose column of the absorbing state's indicator is 1. */
export function absorbedRows(
  kernels: Kernels,
  rows: number,
  size: number,
  width: number,
  column: number,
): number {
  const table = kernels.f32(rows, size * width);
  return Array.from({ length: size }, (_, row) => table[row * width + column]).filter((x) => x === 1).length;
}

/** That so many of the rows drawn, `size` with each of `shares`, are no more than four standard deviations from their mean. */
export function expectDrawn(count: number, shares: readonly number[], size: number): void {
  const mean = shares.reduce((sum, share) => sum + size * share, 0);
  const variance = shares.reduce((sum, share) => sum + size * share * (1 - share), 0);
  expect(Math.abs(count - mean)).toBeLessThanOrEqual(4 * Math.sqrt(variance));
}
