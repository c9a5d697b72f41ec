import { TandemError } from "../core/index.ts";

/** One array of a recording, which may lie in a file: rows of equal shape, read by ranges. */
export interface Column {
  /** Length of each axis, rows first; [] for a single value. */
  readonly shape: readonly number[];
  /** The entries of rows from .. to - 1 as numbers, row-major, into the whole of `target`. */
  read(from: number, to: number, target: Float32Array | Float64Array): Promise<void>;
}

/** Rows of equal width, [rows, columns]. */
export interface Table {
  /** How errors call it. */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly read: Column["read"];
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

/** Rows that are looked through at once. */
const BLOCK_ROWS = 2 ** 16;

/** An array in memory as a column. */
export function columnInMemory(
  shape: readonly number[],
  data: ArrayLike<number> | ArrayLike<bigint>,
): Column {
  const width = widthOf(shape);
  return {
    shape,
    read: async (from, to, target) => {
      for (let at = from * width; at < to * width; at++) target[at - from * width] = Number(data[at]);
    },
  };
}

/** An array as a table: the first axis counts rows, the others are flattened; an array of one axis has one column. */
export function tableOf(column: Column, { name, rows, columns, because = "" }: Expectation): Table {
  const { shape } = column;
  if (shape.length === 0) refuse(`${name} must have one row per step, got a single value`);
  const width = widthOf(shape);
  if (rows !== undefined && shape[0] !== rows) {
    refuse(`${name} must have ${rows} rows ${because}, got shape ${shown(shape)}; record one row per step`);
  }
  if (columns !== undefined && width !== columns) {
    refuse(
      `${name} must have ${columns} columns ${because}, got shape ${shown(shape)}; record the same spaces`,
    );
  }
  if (width === 0) refuse(`${name} must have at least one column, got shape ${shown(shape)}`);
  return { name, rows: shape[0], columns: width, read: (from, to, target) => column.read(from, to, target) };
}

/** Rows from .. to - 1 of a column of zeros and ones. */
export async function readFlags(flags: Table, from: number, to: number): Promise<Uint8Array> {
  const values = new Float32Array(to - from);
  await flags.read(from, to, values);
  const odd = values.findIndex((value) => value !== 0 && value !== 1);
  if (odd >= 0) refuse(`${flags.name} must be 0 or 1, got ${values[odd]} in row ${from + odd}`);
  return Uint8Array.from(values);
}

/** The rows in which any of the flags is 1, ascending, and which of the flags are anywhere 1. Looks through all. */
export async function markedRows(
  flags: readonly Table[],
  rows: number,
): Promise<{ marked: number[]; seen: boolean[] }> {
  const marked: number[] = [];
  const seen = flags.map(() => false);
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const to = Math.min(rows, from + BLOCK_ROWS);
    const blocks: Uint8Array[] = [];
    for (const table of flags) blocks.push(await readFlags(table, from, to));
    blocks.forEach((block, index) => (seen[index] ||= block.includes(1)));
    for (let row = 0; row < to - from; row++) {
      if (blocks.some((block) => block[row] === 1)) marked.push(from + row);
    }
  }
  return { marked, seen };
}

/** Where the episode of a row is another than that of the row before: [episodes + 1]. Steps must be counted up by one. */
export async function numberedEpisodes(
  episode: Table,
  step: Table | null,
  rows: number,
): Promise<Float64Array> {
  const starts = [0];
  let before = { episode: NaN, step: NaN };
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const to = Math.min(rows, from + BLOCK_ROWS);
    const [episodes, steps] = [new Float64Array(to - from), new Float64Array(to - from)];
    await episode.read(from, to, episodes);
    await step?.read(from, to, steps);
    for (let index = 0; index < to - from; index++) {
      const here = { episode: episodes[index], step: steps[index] };
      const row = from + index;
      if (row > 0 && !(here.episode >= before.episode))
        refuse(`${episode.name} must ascend, got ${here.episode} after ${before.episode} in row ${row}`);
      if (row > 0 && here.episode !== before.episode) starts.push(row);
      else if (row > 0 && step && here.step !== before.step + 1)
        refuse(`${step.name} must count up, got ${here.step} after ${before.step} in row ${row}`);
      before = here;
    }
  }
  return Float64Array.from([...starts, rows]);
}

/** All entries of a list of whole numbers of at least `least`. */
export async function integersOf(
  column: Column,
  least: number,
  { name }: Expectation,
): Promise<Float64Array> {
  const { shape } = column;
  if (shape.length !== 1) refuse(`${name} must be a list of whole numbers, got shape ${shown(shape)}`);
  const values = new Float64Array(shape[0]);
  await column.read(0, shape[0], values);
  const odd = values.findIndex((value) => !(Number.isSafeInteger(value) && value >= least));
  if (odd >= 0) {
    refuse(`${name} must be whole numbers of at least ${least}, got ${values[odd]} in row ${odd}`);
  }
  return values;
}

/** Entries that are NaN, infinite or beyond float32: how many, and the first. */
export interface NonFinite {
  count: number;
  row: number;
  column: number;
  value: number;
}

/** Adds to `found` the entries of `data` (whose first row is `row`) that are not finite; null where there are none. */
export function findNonFinite(
  data: Float32Array,
  columns: number,
  row: number,
  found: NonFinite | null,
): NonFinite | null {
  let problem = found;
  for (let at = 0; at < data.length; at++) {
    if (Number.isFinite(data[at])) continue;
    problem ??= { count: 0, row: row + Math.floor(at / columns), column: at % columns, value: data[at] };
    problem.count++;
  }
  return problem;
}

/** In words that follow "must be finite,". Rows and columns count from 0. */
export function nonFiniteEntries({ count, row, column, value }: NonFinite): string {
  const entries = count === 1 ? "entry that is" : "entries that are";
  return `got ${count} ${entries} NaN, infinite or beyond float32, the first in row ${row}, column ${column} (${value}); remove those episodes`;
}

/** Entries in a row of an array of this shape. */
export function widthOf(shape: readonly number[]): number {
  return shape.slice(1).reduce((product, length) => product * length, 1);
}

function shown(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

function refuse(problem: string): never {
  throw new TandemError("readDemonstrations", problem);
}
