import { TandemError } from "../core/index.ts";
import { widthOf, type Column } from "./columns.ts";
import type { Hdf5File } from "./hdf5-file.ts";
import { numbersIn, type Hdf5Type } from "./hdf5-numbers.ts";
import type { Hdf5Dataset, Hdf5Object } from "./hdf5-thread.ts";

/** About how much of a column is read, and held, at once, bytes. */
const BLOCK_BYTES = 2 ** 20;

/** The largest error of rounding to float32 above its least normal number, relative. */
const ROUNDING = 2 ** -24;

/** A dataset of numbers; refuses what is none. */
function requireNumbers(object: Hdf5Object, name: string): Hdf5Dataset & { type: Hdf5Type } {
  if (object.kind !== "dataset") refuse(`${name} must be a dataset, found ${object.kind}; add it`);
  if (object.type === null)
    refuse(`${name} must hold integers, float32 or float64, got another type; convert it`);
  return object as Hdf5Dataset & { type: Hdf5Type };
}

/**
 * A dataset as a column, which errors call `name`. One block of it is held: rows are stored, and compressed, in chunks, and short reads that follow
 * one another shall not unpack a chunk for each.
 */
export function hdf5Column(file: Hdf5File, object: Hdf5Object, name: string, onLoss: OnLoss): Column {
  const dataset = requireNumbers(object, name);
  const { shape, size, chunkRows, type } = dataset;
  const width = widthOf(shape);
  const chunks = Math.max(1, Math.floor(BLOCK_BYTES / Math.max(1, width * size * chunkRows)));
  const blockRows = chunks * chunkRows;
  let start = -1;
  let block = new Uint8Array(0);
  const read: Column["read"] = async (from, to, target) => {
    for (let row = from; row < to;) {
      const first = row - (row % blockRows);
      const end = Math.min(shape[0], first + blockRows);
      if (first !== start) {
        start = -1;
        block = await file.read(dataset, first, end);
        start = first;
      }
      const next = Math.min(to, end);
      const bytes = block.subarray((row - first) * width * size, (next - first) * width * size);
      convert(bytes, type, target.subarray((row - from) * width, (next - from) * width), onLoss);
      row = next;
    }
  };
  return { shape, read };
}

/** Told of entries that lose more than rounding to float32 takes. */
export type OnLoss = (value: number, became: number) => void;

/** Says so in `warnings`, of the first such entry. */
export function warnOfLoss(name: string, warnings: string[]): OnLoss {
  let told = false;
  return (value, became) => {
    if (told) return;
    told = true;
    warnings.push(`${name} holds numbers that float32 cannot keep: ${value} became ${became}.`);
  };
}

/** `bytes` as numbers into `target`, which is as long; beyond float32 means infinite there. */
function convert(
  bytes: Uint8Array<ArrayBuffer>,
  type: Hdf5Type,
  target: Float32Array | Float64Array,
  onLoss: OnLoss,
): void {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const numbers = numbersIn(aligned, type);
  const whole = !(numbers instanceof Float64Array || numbers instanceof Float32Array);
  for (let at = 0; at < target.length; at++) {
    const value = Number(numbers[at]);
    target[at] = value;
    const became = target[at];
    if (became === value) continue;
    // NaN and infinity are refused elsewhere; comparisons with them are false.
    if (Math.abs(value - became) > (whole ? 0 : Math.abs(value) * ROUNDING) && Number.isFinite(became))
      onLoss(value, became);
  }
}

function refuse(problem: string): never {
  throw new TandemError("readDemonstrations", problem);
}
