import { TandemError } from "../core/index.ts";
import type { NpyArray } from "./npy.ts";

/** Rows of equal width, row-major float32, [rows, columns]. */
export interface Table {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** What is asked of an array before it becomes a column of a recording. */
export interface Expectation {
  /** How errors call the array. */
  name: string;
  rows?: number;
  columns?: number;
  /** Why that many, e.g. `as in observations`. */
  because?: string;
}

/**
 * An array as a table of finite float32: the first axis counts rows, the others are flattened; an array of one axis
 * has one column.
 */
export function tableOf(array: NpyArray, { name, rows, columns, because = "" }: Expectation): Table {
  const { shape } = array;
  if (shape.length === 0) refuse(`${name} must have one row per step, got a single value`);
  const width = shape.slice(1).reduce((product, length) => product * length, 1);
  if (rows !== undefined && shape[0] !== rows) {
    refuse(`${name} must have ${rows} rows ${because}, got shape ${shown(shape)}; record one row per step`);
  }
  if (columns !== undefined && width !== columns) {
    refuse(
      `${name} must have ${columns} columns ${because}, got shape ${shown(shape)}; record the same spaces`,
    );
  }
  if (width === 0) refuse(`${name} must have at least one column, got shape ${shown(shape)}`);
  const data =
    array.data instanceof Float32Array ? array.data : Float32Array.from(array.data as never, Number);
  const problem = nonFiniteEntries(data, width);
  if (problem) refuse(`${name} must be finite, ${problem}`);
  return { rows: shape[0], columns: width, data };
}

/** An array of zeros and ones, one for each row. */
export function flagsOf(array: NpyArray, expectation: Expectation): Uint8Array {
  const { data } = tableOf(array, { ...expectation, columns: 1 });
  const odd = data.findIndex((value) => value !== 0 && value !== 1);
  if (odd >= 0) refuse(`${expectation.name} must be 0 or 1, got ${data[odd]} in row ${odd}`);
  return Uint8Array.from(data);
}

/** An array of whole numbers of at least `least`. */
export function integersOf(array: NpyArray, least: number, expectation: Expectation): number[] {
  if (array.shape.length === 1 && array.shape[0] === 0) return [];
  const values = Array.from(array.data as ArrayLike<number | bigint>, Number);
  const odd = values.findIndex((value) => !(Number.isSafeInteger(value) && value >= least));
  if (odd >= 0) {
    refuse(
      `${expectation.name} must be whole numbers of at least ${least}, got ${values[odd]} in row ${odd}`,
    );
  }
  if (array.shape.length !== 1) {
    refuse(`${expectation.name} must be a list of whole numbers, got shape ${shown(array.shape)}`);
  }
  return values;
}

/**
 * Where entries are NaN or infinite, in words that follow "must be finite,"; null where all are finite. Rows and
 * columns count from 0.
 */
export function nonFiniteEntries(data: Float32Array, columns: number): string | null {
  let count = 0;
  let first = -1;
  for (let at = 0; at < data.length; at++) {
    if (Number.isFinite(data[at])) continue;
    if (count === 0) first = at;
    count++;
  }
  if (count === 0) return null;
  const place = `row ${Math.floor(first / columns)}, column ${first % columns}`;
  const entries = count === 1 ? "entry that is" : "entries that are";
  return `got ${count} ${entries} NaN, infinite or beyond float32, the first in ${place} (${data[first]}); remove those episodes`;
}

function shown(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

function refuse(problem: string): never {
  throw new TandemError("readDemonstrations", problem);
}
