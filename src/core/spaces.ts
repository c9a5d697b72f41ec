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
  return { kind: "box", size, low: new Float64Array(size).fill(low), high: new Float64Array(size).fill(high) };
}
