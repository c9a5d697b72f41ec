import { expect, it } from "vitest";
import { reachesScore } from "../../src/eval/index.ts";

it.each([
  // Over several cells: the lower end of the interval decides, and belongs to it.
  [0.6, 0.75, [0.5, 1], true],
  [0.5, 0.75, [0.5, 1], true],
  [0.49, 0.75, [0.5, 1], false],
  [1.4, 0.75, [0.5, 1], true],
  // The tenth is not for these: 0.9 x 0.75 = 0.675 lies below the interval.
  [0.68, 0.75, [0.7, 0.8], false],
  // One cell: within a tenth of it.
  [0.9, 1, null, true],
  [0.89, 1, null, false],
  [1.7, 1, null, true],
  [0.46, 0.5, null, true],
  [0.44, 0.5, null, false],
  // A score below random actions': a tenth of its size below it.
  [-0.55, -0.5, null, true],
  [-0.56, -0.5, null, false],
  [0, 0, null, true],
] as const)("a control at %d and a score of %d %j: %j", (control, mean, interval, reaches) => {
  expect(reachesScore(control, { mean, interval })).toBe(reaches);
});
