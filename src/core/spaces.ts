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

/** Numbers in an action as a policy puts it: the coordinates of a box, one a choice where there are finitely many. */
export function policySize(space: ActionSpace): number {
  return space.kind === "box" ? space.size : space.count;
}

/** Numbers in an action as the environment takes it and trajectories record it: a box's coordinates, or the index. */
export function recordedSize(space: ActionSpace): number {
  return space.kind === "box" ? space.size : 1;
}

/**
 * Policy units to the space's own, into `action`: [-1, 1] onto [low, high], coordinate by coordinate; where there are finitely many
 * actions the index of the largest number, the first of equals.
 */
export function fromPolicyUnits(
  space: ActionSpace,
  unit: ArrayLike<number>,
  action: Float32Array | Float64Array,
): void {
  if (space.kind === "discrete") {
    let best = 0;
    for (let i = 1; i < space.count; i++) if (unit[i] > unit[best]) best = i;
    action[0] = best;
    return;
  }
  for (let i = 0; i < space.size; i++) {
    action[i] = space.low[i] + 0.5 * (unit[i] + 1) * (space.high[i] - space.low[i]);
  }
}

/**
 * The inverse of `fromPolicyUnits`; what lies outside the bounds is clipped onto them, as the simulator does. An index becomes 1 in
 * its place and 0 elsewhere.
 */
export function toPolicyUnits(space: ActionSpace, action: ArrayLike<number>, unit: Float32Array): void {
  if (space.kind === "discrete") {
    for (let i = 0; i < space.count; i++) unit[i] = i === action[0] ? 1 : 0;
    return;
  }
  for (let i = 0; i < space.size; i++) {
    const value = (2 * (action[i] - space.low[i])) / (space.high[i] - space.low[i]) - 1;
    unit[i] = Math.min(1, Math.max(-1, value));
  }
}
