/**
 * Reverse-mode differentiation of float64 scalars: the tests write a formula as the paper has it, and its gradient
 * follows without a second derivation that could share the library's mistakes.
 *
 * Every operation can also be rounded at random. What the results then spread over is what float32 arithmetic may do to
 * them, in whatever order it sums (Parker, "Monte Carlo arithmetic", UCLA CSD-970002, 1997): so tolerances are derived.
 */
import { keyFromSeed, nextUniform, streamOf } from "../../src/core/index.ts";

/** A number that remembers what it was made of. */
export interface Scalar {
  readonly value: number;
  readonly parents: readonly Scalar[];
  /** d value / d parent, one for each parent. */
  readonly slopes: readonly number[];
  /** Made after its parents: a topological order. */
  readonly order: number;
  /** d output / d value, in `gradient`. */
  adjoint: number;
}

let made = 0;
let rounding = (exact: number): number => exact;

function scalar(value: number, parents: readonly Scalar[] = [], slopes: readonly number[] = []): Scalar {
  return { value: rounding(value), parents, slopes, order: made++, adjoint: 0 };
}

/** A number without a past, exact. */
export const constant = (value: number): Scalar => ({
  value,
  parents: [],
  slopes: [],
  order: made++,
  adjoint: 0,
});
export const constants = (values: Iterable<number>): Scalar[] => Array.from(values, constant);

export const add = (a: Scalar, b: Scalar): Scalar => scalar(a.value + b.value, [a, b], [1, 1]);
export const subtract = (a: Scalar, b: Scalar): Scalar => scalar(a.value - b.value, [a, b], [1, -1]);
export const multiply = (a: Scalar, b: Scalar): Scalar =>
  scalar(a.value * b.value, [a, b], [b.value, a.value]);
export const divide = (a: Scalar, b: Scalar): Scalar =>
  scalar(a.value / b.value, [a, b], [1 / b.value, -a.value / b.value ** 2]);
export const times = (factor: number, a: Scalar): Scalar => scalar(factor * a.value, [a], [factor]);
export const exp = (a: Scalar): Scalar => scalar(Math.exp(a.value), [a], [Math.exp(a.value)]);
export const log = (a: Scalar): Scalar => scalar(Math.log(a.value), [a], [1 / a.value]);
export const tanh = (a: Scalar): Scalar => scalar(Math.tanh(a.value), [a], [1 - Math.tanh(a.value) ** 2]);
export const relu = (a: Scalar): Scalar => scalar(Math.max(a.value, 0), [a], [a.value > 0 ? 1 : 0]);
export const minimum = (a: Scalar, b: Scalar): Scalar => (a.value <= b.value ? a : b);
/** Clamped to [low, high], with gradient 0 where the clamp acts. */
export const clamp = (a: Scalar, low: number, high: number): Scalar =>
  a.value < low ? constant(low) : a.value > high ? constant(high) : a;
export const square = (a: Scalar): Scalar => multiply(a, a);
export const sum = (terms: readonly Scalar[]): Scalar => terms.reduce(add);
export const mean = (terms: readonly Scalar[]): Scalar => times(1 / terms.length, sum(terms));
export const dot = (a: readonly Scalar[], b: readonly Scalar[]): Scalar =>
  sum(a.map((x, i) => multiply(x, b[i])));

/** d output / d input for each of `inputs`. */
export function gradient(output: Scalar, inputs: readonly Scalar[]): number[] {
  const nodes = reachable(output);
  for (const node of [...nodes, ...inputs]) node.adjoint = 0;
  output.adjoint = 1;
  for (const node of [...nodes].sort((a, b) => b.order - a.order)) {
    node.parents.forEach((parent, i) => {
      parent.adjoint = rounding(parent.adjoint + rounding(node.slopes[i] * node.adjoint));
    });
  }
  return inputs.map((input) => input.adjoint);
}

function reachable(output: Scalar): Set<Scalar> {
  const seen = new Set([output]);
  for (const node of seen) for (const parent of node.parents) seen.add(parent);
  return seen;
}

/** Each `x` as an operation's result: exact, or rounded at random inside `float32Tolerance`. */
export const rounded = (x: number): number => rounding(x);

/** Four float32 roundings: room for a kernel's elementary functions, which err by more than one. */
const ROUNDING = 2 ** -22;
const RUNS = 12;
const DEVIATIONS = 6;

/**
 * How far float32 arithmetic may carry each number of `results()` from its exact value: six standard deviations over
 * evaluations in which every operation is off by a random relative error of up to 2^-22.
 */
export function float32Tolerance(results: () => readonly number[]): number[] {
  const exact = results();
  const squares = exact.map(() => 0);
  const stream = streamOf(keyFromSeed(7));
  rounding = (x) => x * (1 + ROUNDING * (2 * nextUniform(stream) - 1));
  try {
    for (let run = 0; run < RUNS; run++) {
      results().forEach((value, i) => (squares[i] += (value - exact[i]) ** 2 / RUNS));
    }
  } finally {
    rounding = (x) => x;
  }
  // A number that is only stored is off by half a unit in its last place.
  return squares.map((value, i) => DEVIATIONS * Math.sqrt(value) + 2 ** -24 * Math.abs(exact[i]));
}
