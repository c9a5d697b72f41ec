import { TandemError } from "../core/index.ts";

/** A mean and how far it may be off. */
export interface Estimate {
  readonly mean: number;
  /** Of the mean; null where there are fewer than two independent groups. */
  readonly standardError: number | null;
  /** n, values. */
  readonly count: number;
}

/**
 * The mean of `values`, n of them, with its standard error. Values of one group (`groups`, n numbers: that of the trajectory each
 * came from) may depend on each other in any way, groups may not: with e_g the sum of x_i - mean over group g of G,
 * SE^2 = G / (G - 1) sum_g e_g^2 / n^2. Null for values that are all independent, where this is s^2 / n.
 */
export function meanEstimate(values: ArrayLike<number>, groups: ArrayLike<number> | null): Estimate {
  const count = values.length;
  if (count === 0 || (groups !== null && groups.length !== count)) {
    throw new TandemError(
      "meanEstimate",
      `expected values and a group for each of them, got ${count} values and ${groups?.length ?? 0} groups`,
    );
  }
  let mean = 0;
  for (let i = 0; i < count; i++) mean += values[i] / count;
  const excess = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const group = groups === null ? i : groups[i];
    excess.set(group, (excess.get(group) ?? 0) + values[i] - mean);
  }
  let squares = 0;
  for (const each of excess.values()) squares += each * each;
  const independent = excess.size;
  const variance = (independent / (independent - 1)) * (squares / count ** 2);
  return { mean, standardError: independent < 2 ? null : Math.sqrt(variance), count };
}
