/**
 * psi(s, a) for finitely many actions, as rows with few entries (arXiv:2503.17865, Section 4, which asks for
 * ||psi(s, a)|| <= 1). One-hot and coded rows have norm at most 1 by construction; rows of one's own are checked.
 */
import { TandemError } from "../core/index.ts";

/** A map from observations to one feature row an action. */
export interface StateActionFeatures {
  readonly kind: "one-hot" | "rows";
  /** d. */
  readonly size: number;
  /** Entries of a row that may differ from 0. */
  readonly entries: number;
  /** Coordinates of an observation. */
  readonly observationSize: number;
  /** A. */
  readonly actions: number;
  /** The rows of all actions: which entries, [A, entries], distinct within a row, and their values, [A, entries]. */
  write(observation: ArrayLike<number>, indices: Uint32Array, values: Float32Array): void;
}

/** Centre and scale of each coordinate of an observation. */
export interface Standardisation {
  /** [observationSize] */
  readonly mean: ArrayLike<number>;
  /** Standard deviations, above 0, [observationSize]. */
  readonly deviation: ArrayLike<number>;
}

/** Room for rounding in float32 when the norm of a row is held against 1. */
const NORM_TOLERANCE = 1e-5;
/** Of the mean's size: float32 numbers that differ at all deviate by more. */
const SMALLEST_DEVIATION = 2 ** -40;

/** psi(s, a) = e_{s A + a}, an observation being the number of the state. */
export function oneHotFeatures(states: number, actions: number): StateActionFeatures {
  return {
    kind: "one-hot",
    size: states * actions,
    entries: 1,
    observationSize: 1,
    actions,
    write: (observation, indices, values) => {
      for (let a = 0; a < actions; a++) {
        indices[a] = observation[0] * actions + a;
        values[a] = 1;
      }
    },
  };
}

/**
 * psi(s, a) = e_a (x) (z, 1) / ||(z, 1)||, z the standardised observation: actions share nothing, and a row has
 * n + 1 of d = A (n + 1) entries.
 */
export function productFeatures(standardisation: Standardisation, actions: number): StateActionFeatures {
  const n = standardisation.mean.length;
  const entries = n + 1;
  return {
    kind: "rows",
    size: actions * entries,
    entries,
    observationSize: n,
    actions,
    write: (observation, indices, values) => {
      standardise(standardisation, observation, values);
      values[n] = 1;
      normalise(values, entries);
      for (let a = 0; a < actions; a++) {
        if (a > 0) values.copyWithin(a * entries, 0, entries);
        for (let i = 0; i < entries; i++) indices[a * entries + i] = a * entries + i;
      }
    },
  };
}

/** psi(s, a) = (z, 1, e_a) / ||(z, 1, e_a)||, z the standardised observation: actions share what the state says. */
export function concatenationFeatures(
  standardisation: Standardisation,
  actions: number,
): StateActionFeatures {
  const n = standardisation.mean.length;
  const entries = n + 2;
  return {
    kind: "rows",
    size: n + 1 + actions,
    entries,
    observationSize: n,
    actions,
    write: (observation, indices, values) => {
      standardise(standardisation, observation, values);
      values[n] = 1;
      values[n + 1] = 1;
      normalise(values, entries);
      for (let a = 0; a < actions; a++) {
        if (a > 0) values.copyWithin(a * entries, 0, entries);
        for (let i = 0; i <= n; i++) indices[a * entries + i] = i;
        indices[a * entries + n + 1] = n + 1 + a;
      }
    },
  };
}

/**
 * Features of one's own: `psi` writes psi(s, a) into a row of `size` zeros. A row whose norm is above 1, or not a number,
 * is refused.
 */
export function customFeatures(
  size: number,
  observationSize: number,
  actions: number,
  psi: (observation: ArrayLike<number>, action: number, row: Float32Array) => void,
): StateActionFeatures {
  return {
    kind: "rows",
    size,
    entries: size,
    observationSize,
    actions,
    write: (observation, indices, values) => {
      for (let a = 0; a < actions; a++) {
        const row = values.subarray(a * size, (a + 1) * size).fill(0);
        psi(observation, a, row);
        const norm = Math.hypot(...row);
        if (!(norm <= 1 + NORM_TOLERANCE)) {
          throw new TandemError(
            "customFeatures",
            `expected ||psi(s, a)|| <= 1, got ${norm} for s = [${Array.from(observation).join(", ")}], a = ${a}; divide psi by its largest norm`,
          );
        }
        for (let i = 0; i < size; i++) indices[a * size + i] = i;
      }
    },
  };
}

/**
 * Mean and standard deviation of each coordinate over the rows of several samples, each sample weighing the same; the
 * deviation of a coordinate that never changes is given as 1.
 */
export function standardisationOver(
  samples: readonly ArrayLike<number>[],
  observationSize: number,
): Standardisation {
  const mean = new Float64Array(observationSize);
  const variance = new Float64Array(observationSize);
  eachCoordinate(samples, observationSize, (i, x, weight) => (mean[i] += weight * x));
  eachCoordinate(samples, observationSize, (i, x, weight) => (variance[i] += weight * (x - mean[i]) ** 2));
  const deviation = variance.map((each, i) => {
    const root = Math.sqrt(each);
    return root > SMALLEST_DEVIATION * Math.abs(mean[i]) ? root : 1;
  });
  return { mean, deviation };
}

/** Every coordinate i of every row with the row's weight; all weights sum to 1. */
function eachCoordinate(
  samples: readonly ArrayLike<number>[],
  observationSize: number,
  visit: (i: number, x: number, weight: number) => void,
): void {
  for (const sample of samples) {
    const weight = observationSize / sample.length / samples.length;
    for (let t = 0; t < sample.length; t++) visit(t % observationSize, sample[t], weight);
  }
}

function standardise(
  { mean, deviation }: Standardisation,
  observation: ArrayLike<number>,
  out: Float32Array,
): void {
  for (let i = 0; i < mean.length; i++) out[i] = (observation[i] - mean[i]) / deviation[i];
}

function normalise(row: Float32Array, entries: number): void {
  let squares = 0;
  for (let i = 0; i < entries; i++) squares += row[i] ** 2;
  const factor = 1 / Math.sqrt(squares);
  for (let i = 0; i < entries; i++) row[i] *= factor;
}
