import type { File, Group } from "h5wasm/node";
import { TandemError } from "../core/index.ts";
import { loadHdf5, writing } from "./hdf5-module.ts";

/** What is written: float32, flags as 0 and 1 (the library cannot write booleans), whole numbers. */
export type Hdf5Values = Float32Array | Uint8Array | BigInt64Array;

type Attempt = <T>(write: () => T) => T;

/** Rows that are compressed together take about this much, bytes; a dataset below `SMALL_BYTES` is not compressed. */
const CHUNK_BYTES = 2 ** 18;
const SMALL_BYTES = 2 ** 14;

/** Level of gzip: higher ones take longer and gain nothing on floats. */
const GZIP_LEVEL = 4;

/** An HDF5 file that is being written. Whatever the disk refuses is thrown. */
export interface Hdf5Writer {
  group(path: string): void;
  /** A dataset that is complete. */
  dataset(path: string, values: Hdf5Values, shape: readonly number[]): void;
  /** A dataset of such values that grows by rows of this width, or by single ones where that is null. */
  growing(path: string, values: "float32" | "flags", width: number | null): GrowingDataset;
  text(path: string, text: string): void;
  /** A whole number as an attribute of a group. */
  attribute(group: string, name: string, value: number): void;
  /** Writes what is left and closes the file. */
  finish(): void;
  /** Closes the file, whatever becomes of it. Harmless after `finish`. */
  abandon(): void;
}

/** A dataset to which rows are added; they are written by the chunk. */
export interface GrowingDataset {
  /** Whole rows, copied before it returns. */
  append(values: Float32Array | Uint8Array): void;
  /** Writes the rows that are no whole chunk yet; none may be appended afterwards. */
  flush(): void;
}

/**
 * Begins an HDF5 file at `path`, in place of what is there.
 *
 * @param target how errors call it
 */
export async function createHdf5Writer(path: string, target: string): Promise<Hdf5Writer> {
  await loadHdf5();
  const { File: Hdf5 } = await import("h5wasm/node");
  const attempt: Attempt = (write) => {
    try {
      return writing(write);
    } catch (cause) {
      throw refusal(target, cause);
    }
  };
  const file = attempt(() => new Hdf5(path, "w"));
  if (file.file_id < 0n) throw refusal(target, null);
  const growing: GrowingDataset[] = [];
  let isOpen = true;
  const close = (): number => {
    if (!isOpen) return 0;
    isOpen = false;
    return file.close();
  };
  return {
    group: (name) => attempt(() => void file.create_group(name)),
    dataset: (name, data, shape) => attempt(() => writeDataset(file, name, data, shape)),
    growing: (name, values, width) => {
      const dataset = attempt(() => growingDataset(file, name, values, width, attempt));
      growing.push(dataset);
      return dataset;
    },
    text: (name, data) =>
      attempt(() => {
        const bytes = Math.max(1, new TextEncoder().encode(data).length);
        file.create_dataset({ name, data, shape: [], dtype: `S${bytes}` });
      }),
    attribute: (group, name, value) =>
      attempt(() => (file.get(group) as Group).create_attribute(name, BigInt64Array.of(BigInt(value)), [])),
    finish: () => {
      growing.forEach((dataset) => dataset.flush());
      if (attempt(close) < 0) throw refusal(target, null);
    },
    abandon: () => {
      try {
        close();
      } catch {
        // What is left of it is removed.
      }
    },
  };
}

function writeDataset(file: File, name: string, data: Hdf5Values, shape: readonly number[]): void {
  const [rows, ...row] = shape;
  const packing =
    data.byteLength < SMALL_BYTES ? {} : gzip(Math.min(rows, chunkRows(data.byteLength / rows)), row);
  file.create_dataset({ name, data, shape: [...shape], ...packing });
}

function growingDataset(
  file: File,
  name: string,
  values: "float32" | "flags",
  width: number | null,
  attempt: Attempt,
): GrowingDataset {
  const entries = width ?? 1;
  const row = width === null ? [] : [width];
  const most = chunkRows(values === "float32" ? 4 * entries : entries);
  const pending = values === "float32" ? new Float32Array(most * entries) : new Uint8Array(most);
  const shape = [0, ...row];
  const dataset = file.create_dataset({
    name,
    data: pending.subarray(0, 0),
    shape,
    maxshape: [null, ...row],
    ...gzip(most, row),
  });
  let filled = 0;
  const flush = (): void =>
    attempt(() => {
      if (filled === 0) return;
      const first = shape[0];
      shape[0] += filled / entries;
      if (dataset.resize(shape) < 0) throw new Error("cannot grow");
      dataset.write_slice([[first, shape[0]]], pending.subarray(0, filled));
      filled = 0;
    });
  const append = (added: Float32Array | Uint8Array): void => {
    for (let at = 0; at < added.length;) {
      const some = added.subarray(at, at + pending.length - filled);
      pending.set(some, filled);
      filled += some.length;
      at += some.length;
      if (filled === pending.length) flush();
    }
  };
  return { append, flush };
}

function chunkRows(rowBytes: number): number {
  return Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
}

function gzip(
  rows: number,
  row: readonly number[],
): { chunks: number[]; compression: "gzip"; compression_opts: number } {
  return { chunks: [rows, ...row], compression: "gzip", compression_opts: GZIP_LEVEL };
}

function refusal(target: string, cause: unknown): TandemError {
  const { code, message = "the library refuses it" } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  const problem = `${target}: cannot be written (${code ?? message}); check that its folder exists, may be written and has room`;
  return new TandemError("writeDemonstrations", problem, { cause });
}
