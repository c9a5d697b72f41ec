/** A box of real vectors. */
export interface BoxSpace {
  readonly kind: "box";
  /** Number of coordinates. */
  readonly size: number;
  /** Lower bound of each coordinate, may be -Infinity, [size]. */
  readonly low: Float64Array;
  /** Upper bound of each coordinate, may be Infinity, [size]. */
  readonly high: Float64Array;
}

/** The integers 0 .. count-1. */
export interface DiscreteSpace {
  readonly kind: "discrete";
  readonly count: number;
}

/** What an environment accepts as an action. */
export type ActionSpace = BoxSpace | DiscreteSpace;

/** A box with the same bounds in every coordinate. */
export function box(size: number, low: number, high: number): BoxSpace {
  return {
    kind: "box",
    size,
    low: new Float64Array(size).fill(low),
    high: new Float64Array(size).fill(high),
  };
}

/** Policy units to the space's own: [-1, 1] onto [low, high], coordinate by coordinate, into `action`. */
export function fromPolicyUnits(
  space: BoxSpace,
  unit: ArrayLike<number>,
  action: Float32Array | Float64Array,
): void {
  for (let i = 0; i < space.size; i++) {
    action[i] = space.low[i] + 0.5 * (unit[i] + 1) * (space.high[i] - space.low[i]);
  }
}

/** The inverse of `fromPolicyUnits`; what lies outside the bounds is clipped onto them, as the simulator does. */
export function toPolicyUnits(space: BoxSpace, action: ArrayLike<number>, unit: Float32Array): void {
  for (let i = 0; i < space.size; i++) {
    const value = (2 * (action[i] - space.low[i])) / (space.high[i] - space.low[i]) - 1;
    unit[i] = Math.min(1, Math.max(-1, value));
  }
}
