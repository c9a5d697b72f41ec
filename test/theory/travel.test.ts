import { expect, it } from "vitest";
import {
  createProjectionWindow,
  emptyLedger,
  enterIteration,
  observeProjection,
  policyShares,
  relativeTravel,
  timescaleRatio,
} from "../../src/theory/index.ts";

it("measures travel in radii", () => {
  expect(relativeTravel([4, 6], [1, 2], 10)).toBe(0.5);
  expect(relativeTravel([1, 2], [1, 2], 10)).toBe(0);
  expect(relativeTravel([4, 6], [1, 2], Infinity)).toBe(0);
});

it("averages the projection over the last steps only", () => {
  const window = createProjectionWindow(3);
  expect([1, 0.5, 0, 0, 0.25].map((share) => observeProjection(window, share))).toEqual([
    1,
    0.75,
    0.5,
    0.5 / 3,
    0.25 / 3,
  ]);
  expect(window.seen).toBe(5);
  for (const length of [0, -1, 1.5, NaN]) {
    expect(() => createProjectionWindow(length)).toThrow("whole number of loops");
  }
});

it("adds up what each level cost", () => {
  const ledger = emptyLedger();
  expect(policyShares(ledger)).toEqual({ samples: null, time: null });
  enterIteration(ledger, { innerSteps: 100, agentSteps: 60, policyTime: 3, rewardTime: 2 });
  enterIteration(ledger, { innerSteps: 200, agentSteps: 40, policyTime: 6, rewardTime: 1 });
  expect(ledger).toEqual({
    iterations: 2,
    policySteps: 300,
    rewardSteps: 100,
    policyTime: 9,
    rewardTime: 3,
  });
  expect(policyShares(ledger)).toEqual({ samples: 0.75, time: 0.75 });
});

it("compares step sizes, and steps", () => {
  expect(timescaleRatio(0.5, 0.25, 100)).toEqual({ step: 2, iteration: 200 });
  expect(timescaleRatio(0.5, 0, 100)).toEqual({ step: Infinity, iteration: Infinity });
});
