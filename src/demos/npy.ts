import { TandemError } from "../core/index.ts";
import { readBytes, type ByteSource } from "./byte-source.ts";
import { columnInMemory, widthOf, type Column } from "./columns.ts";
import { printable } from "./printable.ts";

/**
 * Element types of a `.npy` file that are read and written: booleans, signed and unsigned integers and floats, with
 * their size in bytes.
 */
export type NpyDtype = "b1" | "i1" | "i2" | "i4" | "i8" | "u1" | "u2" | "u4" | "u8" | "f2" | "f4" | "f8";

/** Elements in memory. Half floats (`f2`) are held, exactly, as Float32Array; booleans as 0 and 1. */
export type NpyData =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** One array of numpy. */
export interface NpyArray {
  readonly dtype: NpyDtype;
  /** Length of each axis; [] for a single value. */
  readonly shape: readonly number[];
  /** Row-major (C order), product(shape) elements; owned by the holder. */
  readonly data: NpyData;
}

/** What a `.npy` header promises about the bytes after it. */
export interface NpyHeader {
  readonly dtype: NpyDtype;
  readonly bigEndian: boolean;
  /** Columns first, as Fortran and MATLAB store matrices. */
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Elements: product(shape). */
  readonly count: number;
  /** Where the elements begin, bytes from the start of the file. */
  readonly dataOffset: number;
  /** How many bytes they take. */
  readonly dataLength: number;
}

/** No header is read beyond this many bytes: more than any array of plain numbers needs. */
const MAX_HEADER_BYTES = 65_548;

/** Largest compressed array that is held whole because its columns come first, bytes. */
const MAX_HELD_BYTES = 2 ** 28;

/** How much is converted at once, bytes. */
const BLOCK_BYTES = 2 ** 20;

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const MAX_AXES = 64;

const STORAGE = {
  b1: Uint8Array,
  u1: Uint8Array,
  i1: Int8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
  i8: BigInt64Array,
  u8: BigUint64Array,
  f2: Uint16Array,
  f4: Float32Array,
  f8: Float64Array,
} as const;

/** True where `bytes` begin like a `.npy` file. */
export function looksLikeNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/**
 * The header of a `.npy` file, format versions 1 to 3. `bytes` may be a prefix of the file; nothing is allocated by
 * what the header claims.
 *
 * @param name how errors call the array, e.g. `expert.npz/observations.npy`
 */
export function readNpyHeader(bytes: Uint8Array, name = "array.npy"): NpyHeader {
  if (!looksLikeNpy(bytes)) {
    refuse(name, `expected a .npy file, got ${described(bytes)}; save it with numpy.save`);
  }
  const version = bytes[6];
  if (!(version >= 1 && version <= 3)) {
    refuse(
      name,
      `expected .npy format version 1, 2 or 3, got ${version ?? "the end of the file"}; save it again`,
    );
  }
  const lengthBytes = version === 1 ? 2 : 4;
  const textOffset = 8 + lengthBytes;
  if (bytes.length < textOffset) refuse(name, truncated("its header", textOffset, bytes.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataOffset = textOffset + textLength;
  if (dataOffset > MAX_HEADER_BYTES) {
    refuse(
      name,
      `expected a header of at most ${MAX_HEADER_BYTES} bytes, got ${dataOffset}; the file is damaged`,
    );
  }
  if (bytes.length < dataOffset) refuse(name, truncated("its header", dataOffset, bytes.length));
  const text = new TextDecoder("latin1").decode(bytes.subarray(textOffset, dataOffset));
  const { dtype, bigEndian } = parseDescr(text, name);
  const shape = parseShape(text, name);
  const count = shape.reduce((product, length) => product * length, 1);
  const dataLength = count * STORAGE[dtype].BYTES_PER_ELEMENT;
  if (!Number.isSafeInteger(dataLength)) {
    refuse(name, `expected a shape that fits a file, got [${shape.join(", ")}]; the file is damaged`);
  }
  return {
    dtype,
    bigEndian,
    fortranOrder: parseFortranOrder(text, name),
    shape,
    count,
    dataOffset,
    dataLength,
  };
}

/**
 * The array of a `.npy` file in C order and the machine's byte order. Object arrays, text, dates, complex numbers and
 * records are refused, and so is a file that is shorter or longer than its header says.
 *
 * @param name how errors call the array
 */
export function readNpy(bytes: Uint8Array, name = "array.npy"): NpyArray {
  const header = readNpyHeader(bytes, name);
  const { shape, dataOffset } = header;
  checkLength(header, bytes.length, name);
  // A copy, so that the elements are aligned and belong to the caller (Buffer.slice would share).
  const data = decode(header, new Uint8Array(bytes.subarray(dataOffset)));
  const ordered = header.fortranOrder && shape.length > 1 ? fromFortranOrder(data, shape) : data;
  return { dtype: header.dtype, shape, data: ordered };
}

/**
 * The array of a `.npy` file as a column whose rows are read where they lie. Only an array that is both compressed and
 * in Fortran order is held in memory.
 */
export async function openNpyColumn(source: ByteSource): Promise<Column> {
  const header = await readHeaderOf(source);
  checkLength(header, source.length, source.name);
  if (!header.fortranOrder || header.shape.length < 2) return rowsInOrder(source, header);
  if (!source.sequential) return rowsAcross(source, header);
  if (source.length > MAX_HELD_BYTES) {
    refuse(
      source.name,
      `expected at most ${MAX_HELD_BYTES} bytes of an array that is compressed and in Fortran order, got ${source.length}; save it with numpy.ascontiguousarray`,
    );
  }
  const { shape, data } = readNpy(await readBytes(source, 0, source.length), source.name);
  return columnInMemory(shape, data);
}

async function readHeaderOf(source: ByteSource): Promise<NpyHeader> {
  const start = await readBytes(source, 0, Math.min(source.length, 12));
  if (start.length < 12 || !looksLikeNpy(start)) return readNpyHeader(start, source.name);
  const view = new DataView(start.buffer);
  const dataOffset = start[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  const end = Math.min(dataOffset, source.length, MAX_HEADER_BYTES);
  return readNpyHeader(await readBytes(source, 0, end), source.name);
}

function rowsInOrder(source: ByteSource, header: NpyHeader): Column {
  const { shape, dtype, dataOffset } = header;
  const width = widthOf(shape);
  const rowBytes = width * STORAGE[dtype].BYTES_PER_ELEMENT;
  const rowsAtOnce = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
  const isFloat32 = dtype === "f4" && !header.bigEndian;
  const read: Column["read"] = async (from, to, target) => {
    const offset = dataOffset + from * rowBytes;
    if (isFloat32 && target instanceof Float32Array) return source.read(offset, bytesOf(target));
    for (let row = from; row < to; row += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, to - row);
      const start = dataOffset + row * rowBytes;
      const block = decode(header, await readBytes(source, start, start + count * rowBytes));
      copyNumbers(block, target, (row - from) * width, 1);
    }
  };
  return { shape, read };
}

/** Where the first axis is fastest, a range of rows lies in as many places as a row has entries. */
function rowsAcross(source: ByteSource, header: NpyHeader): Column {
  const { shape, dtype, dataOffset } = header;
  const width = widthOf(shape);
  const size = STORAGE[dtype].BYTES_PER_ELEMENT;
  const places = fromFortranOrder(
    Float64Array.from({ length: width }, (_, place) => place),
    shape.slice(1),
  );
  const read: Column["read"] = async (from, to, target) => {
    for (let entry = 0; entry < width; entry++) {
      const start = dataOffset + (places[entry] * shape[0] + from) * size;
      const block = decode(header, await readBytes(source, start, start + (to - from) * size));
      copyNumbers(block, target, entry, width);
    }
  };
  return { shape, read };
}

/** Every `stride`-th entry of `target` from `at` on. */
function copyNumbers(block: NpyData, target: Float32Array | Float64Array, at: number, stride: number): void {
  if (stride === 1 && !(block instanceof BigInt64Array || block instanceof BigUint64Array)) {
    target.set(block, at);
    return;
  }
  for (let index = 0; index < block.length; index++) target[at + index * stride] = Number(block[index]);
}

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function checkLength(
  { shape, count, dataOffset, dataLength }: NpyHeader,
  length: number,
  name: string,
): void {
  const present = length - dataOffset;
  if (present < dataLength) {
    refuse(name, truncated(`${count} elements of shape [${shape.join(", ")}]`, dataLength, present));
  }
  if (present > dataLength) {
    refuse(
      name,
      `expected ${dataLength} bytes after its header, got ${present}; save one array per .npy file`,
    );
  }
}

/** The elements in `bytes`, which begin their buffer and are given away. */
function decode({ dtype, bigEndian }: NpyHeader, bytes: Uint8Array): NpyData {
  const width = STORAGE[dtype].BYTES_PER_ELEMENT;
  if (bigEndian && width > 1) reverseEach(bytes, width);
  // Every JavaScript engine in use is little-endian.
  const stored = new STORAGE[dtype](bytes.buffer as ArrayBuffer, 0, bytes.length / width);
  if (dtype === "f2") return Float32Array.from(stored as Uint16Array, halfToFloat);
  if (dtype === "b1") return Uint8Array.from(stored as Uint8Array, (byte) => +(byte !== 0));
  return stored;
}

/** The bytes of a `.npy` file: format version 1.0, little-endian, C order, as numpy.save writes it. */
export function writeNpy(array: NpyArray): Uint8Array {
  const { dtype, shape, data } = array;
  const count = shape.reduce((product, length) => product * length, 1);
  if (count !== data.length) {
    throw new TandemError(
      "writeNpy",
      `shape [${shape.join(", ")}] needs ${count} elements, got ${data.length}`,
    );
  }
  const holder = dtype === "f2" ? Float32Array : STORAGE[dtype];
  if (!(data instanceof holder)) {
    throw new TandemError(
      "writeNpy",
      `dtype ${dtype} is held as ${holder.name}, got ${data.constructor.name}`,
    );
  }
  const stored = dtype === "f2" ? Uint16Array.from(data as Float32Array, floatToHalf) : data;
  const header = npyHeader(dtype, shape).bytes;
  const bytes = new Uint8Array(header.length + stored.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength), header.length);
  return bytes;
}

/** What stands before the elements of a `.npy` file, and how many bytes these take. */
export function npyHeader(
  dtype: NpyDtype,
  shape: readonly number[],
): { bytes: Uint8Array; dataLength: number } {
  const text = headerText(dtype, shape);
  const bytes = new Uint8Array(10 + text.length);
  bytes.set([...MAGIC, 1, 0, text.length & 0xff, text.length >> 8]);
  bytes.set(new TextEncoder().encode(text), 10);
  const count = shape.reduce((product, length) => product * length, 1);
  return { bytes, dataLength: count * STORAGE[dtype].BYTES_PER_ELEMENT };
}

/** The dictionary as Python writes it, padded so that the elements begin at a multiple of 64 bytes. */
function headerText(dtype: NpyDtype, shape: readonly number[]): string {
  const order = dtype.endsWith("1") ? "|" : "<";
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '${order}${dtype}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 10;
  return `${dictionary.padEnd(length - 1)}\n`;
}

function parseDescr(text: string, name: string): { dtype: NpyDtype; bigEndian: boolean } {
  const descr = /['"]descr['"]\s*:\s*(\[|'[^']*'|"[^"]*")/.exec(text)?.[1];
  if (descr === undefined)
    refuse(name, "expected a header that names its element type, got none; the file is damaged");
  if (descr === "[")
    refuse(name, "expected an array of numbers, got records; save each field as an array of its own");
  const code = descr.slice(1, -1);
  const kind = code.replace(/^[<>|=]/, "");
  if (kind.startsWith("O")) {
    refuse(
      name,
      "expected numbers, got Python objects (pickled); save it with an explicit dtype such as float32",
    );
  }
  if (!Object.hasOwn(STORAGE, kind)) {
    refuse(
      name,
      `expected numbers of dtype ${Object.keys(STORAGE).join(", ")}, got '${printable(code, 20)}'; convert it to float32`,
    );
  }
  return { dtype: kind as NpyDtype, bigEndian: code.startsWith(">") };
}

function parseFortranOrder(text: string, name: string): boolean {
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  if (order === undefined)
    refuse(name, "expected a header with fortran_order True or False; the file is damaged");
  return order === "True";
}

function parseShape(text: string, name: string): number[] {
  const tuple = /['"]shape['"]\s*:\s*\(([^()]*)\)/.exec(text)?.[1];
  const parts = tuple?.split(",").map((part) => part.trim());
  if (parts?.at(-1) === "") parts.pop();
  // Python 2 wrote long integers with an L.
  if (!parts?.every((part) => /^\d{1,10}L?$/.test(part)) || parts.length > MAX_AXES) {
    refuse(name, "expected a header with a shape of whole numbers below 1e10; the file is damaged");
  }
  return parts.map((part) => parseInt(part, 10));
}

function reverseEach(bytes: Uint8Array, width: number): void {
  for (let start = 0; start < bytes.length; start += width) bytes.subarray(start, start + width).reverse();
}

/** The same array, last axis fastest instead of first axis fastest. */
function fromFortranOrder<T extends NpyData>(stored: T, shape: readonly number[]): T {
  const ordered = stored.slice() as T;
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, length) => product * length, 1),
  );
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < ordered.length; to++) {
    ordered[to] = stored[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return ordered;
}

const FLOAT_BITS = new Uint32Array(1);
const FLOAT_VALUE = new Float32Array(FLOAT_BITS.buffer);

/** IEEE 754 binary16 to binary32, exact. */
function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  FLOAT_BITS[0] = ((half & 0x8000) << 16) | ((exponent + 112) << 23) | (fraction << 13);
  return FLOAT_VALUE[0];
}

/** IEEE 754 binary32 to binary16, to nearest, ties to even; beyond 65504 to infinity. */
function floatToHalf(value: number): number {
  FLOAT_VALUE[0] = value;
  const bits = FLOAT_BITS[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | roundHalfEven(Math.abs(FLOAT_VALUE[0]) * 2 ** 24);
  return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

function truncated(what: string, expected: number, got: number): string {
  return `truncated: expected ${expected} bytes of ${what}, got ${got}; copy or download the file again`;
}

function described(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const start = [...bytes.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `a file that begins with the bytes ${start.join(" ")}`;
}

function refuse(name: string, problem: string): never {
  throw new TandemError("readNpy", `${name}: ${problem}`);
}
