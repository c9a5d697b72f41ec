/** What inverse soft Q-learning maximises (see iq-learn.ts), row by row: its value and its slopes by Q and V. */

/** How much a row counts in each of the objective's expectations. */
export interface RowWeights {
  /** E_expert[r] */
  readonly expert: number;
  /** E[r^2] / (4 alpha) */
  readonly regulariser: number;
  /** E[V(s)] and E[V(s')] of the value term. */
  readonly value: number;
  readonly nextValue: number;
}

/** What the objective depends on beside its rows. */
export interface ObjectiveTerms {
  readonly discount: number;
  /** alpha */
  readonly coefficient: number;
  /** V(s') after a terminated step. */
  readonly valueAfterEnd: number;
}

/** Sums over rows. */
export interface ObjectiveSums {
  objective: number;
  /** r, unweighted. */
  reward: number;
  /** d(-J) / d valueAfterEnd */
  afterEndSlope: number;
}

/** Zeroed sums. */
export function emptySums(): ObjectiveSums {
  return { objective: 0, reward: 0, afterEndSlope: 0 };
}

/**
 * Adds to `sums` what rows `from` .. `to` - 1 contribute to
 *
 *   J = sum_i expert r_i - regulariser r_i^2 / (4 alpha) - value V(s_i) + nextValue gamma V(s'_i),   r_i = Q(s_i, a_i) - gamma V(s'_i)
 *
 * (arXiv:2106.12142: the inverse soft Bellman operator and its objective, phi(r) = r - r^2 / (4 alpha)). `values` is
 * Q(s, a) | V(s) | V(s'), [3, B]; d(-J) / d values into `slopes`. After an end V(s') is `valueAfterEnd`, whatever stands there.
 */
export function addObjective(
  values: Float32Array | Float64Array,
  slopes: Float32Array | Float64Array,
  terminated: Float32Array | Float64Array,
  from: number,
  to: number,
  weights: RowWeights,
  { discount, coefficient, valueAfterEnd }: ObjectiveTerms,
  sums: ObjectiveSums,
): void {
  const size = terminated.length;
  for (let i = from; i < to; i++) {
    const ended = terminated[i] === 1;
    const next = ended ? valueAfterEnd : values[2 * size + i];
    const reward = values[i] - discount * next;
    const rewardSlope = weights.expert - (weights.regulariser * reward) / (2 * coefficient);
    const nextSlope = discount * (rewardSlope - weights.nextValue);
    slopes[i] = -rewardSlope;
    slopes[size + i] = weights.value;
    slopes[2 * size + i] = ended ? 0 : nextSlope;
    sums.objective +=
      weights.expert * reward -
      (weights.regulariser * reward * reward) / (4 * coefficient) -
      weights.value * values[size + i] +
      weights.nextValue * discount * next;
    sums.reward += reward;
    if (ended) sums.afterEndSlope += nextSlope;
  }
}

/** The choices of `IqLearnOptions` that weigh rows. */
interface Weighing {
  readonly valueTerm: "initial" | "expert-states" | "replay" | "expert" | "both";
  readonly regularisedRows: "expert" | "both";
  readonly sac: { readonly discount: number; readonly batchSize: number };
}

/** The weights of each of `rows` rows that have `share` of their side's weight; the absorbing state has the rest. */
export function sideWeights(
  { valueTerm, regularisedRows, sac }: Weighing,
  side: "expert" | "replay",
  share: number,
  rows: number,
): RowWeights {
  const each = share / rows;
  const nextValue = partOf(valueTerm, side) * each;
  const start = 1 - sac.discount;
  const shownStart = side === "expert" ? start / rows : 0;
  return {
    expert: side === "expert" ? each : 0,
    regulariser: partOf(regularisedRows, side) * each,
    value:
      valueTerm === "initial"
        ? start / sac.batchSize
        : valueTerm === "expert-states"
          ? shownStart
          : nextValue,
    nextValue,
  };
}

function partOf(
  rows: Weighing["valueTerm"] | Weighing["regularisedRows"],
  side: "expert" | "replay",
): number {
  if (rows === side) return 1;
  return rows === "both" ? 0.5 : 0;
}
