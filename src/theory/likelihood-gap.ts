import { TandemError } from "../core/index.ts";

/**
 * L(pi_E) - L(pi) = sum_{s,a} d_E (log pi_E - log pi), nats, all [S, A]: the expert's discounted visits times the
 * relative entropy of the two policies there, so never below 0 where d_E is pi_E's own occupancy (arXiv:2503.17865,
 * Section 3). With d_E and log pi_E of finitely many demonstrations their own frequencies are the ceiling.
 */
export function likelihoodGap(
  expertOccupancy: ArrayLike<number>,
  expertLogPolicy: ArrayLike<number>,
  logPolicy: ArrayLike<number>,
): number {
  let gap = 0;
  for (let i = 0; i < expertOccupancy.length; i++) {
    if (expertOccupancy[i] !== 0) gap += expertOccupancy[i] * (expertLogPolicy[i] - logPolicy[i]);
  }
  return gap;
}

/** The gap over that of the uniform policy: 0 for the expert's own, 1 where nothing was learnt, more where worse. */
export function relativeLikelihoodGap(
  expertOccupancy: ArrayLike<number>,
  expertLogPolicy: ArrayLike<number>,
  logPolicy: ArrayLike<number>,
  actions: number,
): number {
  const uniform = new Float64Array(expertOccupancy.length).fill(-Math.log(actions));
  const whole = likelihoodGap(expertOccupancy, expertLogPolicy, uniform);
  // What rounding leaves of a gap of 0: a logarithm's half ulp, visits often.
  const rounding = 2 ** -50 * Math.log(actions) * sum(expertOccupancy);
  if (!(whole > rounding)) {
    throw new TandemError(
      "relativeLikelihoodGap",
      `expected an expert that is likelier than the uniform policy, got a gap of ${whole}; report the absolute gap`,
    );
  }
  return likelihoodGap(expertOccupancy, expertLogPolicy, logPolicy) / whole;
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}
