import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  box,
  fromPolicyUnits,
  policySize,
  recordedSize,
  toPolicyUnits,
  type BoxSpace,
  type DiscreteSpace,
} from "../../src/core/index.ts";
import { expectClose } from "../reference/closeness.ts";

const SPACE: BoxSpace = {
  kind: "box",
  size: 3,
  low: Float64Array.of(-1, -2, 0.5),
  high: Float64Array.of(1, 0.5, 10),
};

function fromUnits(unit: readonly number[]): Float64Array {
  const action = new Float64Array(SPACE.size);
  fromPolicyUnits(SPACE, unit, action);
  return action;
}

function toUnits(action: ArrayLike<number>): Float32Array {
  const unit = new Float32Array(SPACE.size);
  toPolicyUnits(SPACE, action, unit);
  return unit;
}

describe("policy units", () => {
  it("-1, 0 and 1 are the low bound, the middle and the high bound", () => {
    expect([...fromUnits([-1, 0, 1])]).toEqual([-1, -0.75, 10]);
    expect([...fromUnits([1, 1, -1])]).toEqual([1, 0.5, 0.5]);
  });

  it("come back from the space's own units to float32", () => {
    const unit = fc.double({ min: -1, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.tuple(unit, unit, unit), (units) => {
        // Stored in float32: half a unit in the last place of a number up to 1.
        expectClose(toUnits(fromUnits(units)), units, 2 ** -24);
      }),
    );
  });

  it("of actions beyond the bounds are clipped onto them", () => {
    expect([...toUnits([-7, 0.5001, 1e9])]).toEqual([-1, 1, 1]);
  });
});

it("a box has its bounds in every coordinate", () => {
  expect(box(2, -3, 4)).toEqual({
    kind: "box",
    size: 2,
    low: Float64Array.of(-3, -3),
    high: Float64Array.of(4, 4),
  });
});

describe("policy units of finitely many actions", () => {
  const FOUR: DiscreteSpace = { kind: "discrete", count: 4 };
  const index = (...unit: number[]): number => {
    const action = Float32Array.of(9);
    fromPolicyUnits(FOUR, unit, action);
    return action[0];
  };

  it("are 1 in the action's place and 0 elsewhere, and come back", () => {
    for (let a = 0; a < 4; a++) {
      const unit = new Float32Array(4).fill(7);
      toPolicyUnits(FOUR, [a], unit);
      expect([...unit]).toEqual([0, 1, 2, 3].map((place) => (place === a ? 1 : 0)));
      expect(index(...unit)).toBe(a);
    }
  });

  it("name the largest, the first of equals", () => {
    expect([index(-0.5, -0.9, -0.1, -0.2), index(0, 3, 3, 1), index(0, 0, 0, 0), index(1, 2, 3, 4)]).toEqual([
      2, 1, 0, 3,
    ]);
  });

  it("are as many as there are actions, where one number is recorded; a box has as many of either", () => {
    expect([policySize(FOUR), recordedSize(FOUR)]).toEqual([4, 1]);
    expect([policySize(SPACE), recordedSize(SPACE)]).toEqual([3, 3]);
  });
});
