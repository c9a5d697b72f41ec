/** Damage to bytes, whatever they mean. What is drawn comes from the stream alone. */
import { nextInteger, nextUniform, type RandomStream } from "../../src/core/index.ts";

/** One damage; `others` are files of the same kind, to take parts from. New bytes, at least one. */
export type Damage = (bytes: Uint8Array, stream: RandomStream, others: readonly Uint8Array[]) => Uint8Array;

/** Where integers of headers overflow, wrap around, or ask for more than there is. */
const EDGES = [
  0,
  -1,
  1,
  127,
  255,
  256,
  65535,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  1e12,
] as const;

/** The same in digits, and what numbers in text may be otherwise. */
const EDGE_TEXTS = [
  ...EDGES.map(String),
  "9007199254740993",
  "99999999999999999999",
  "1e400",
  "NaN",
  "-0",
  "",
  "0x10",
];

const BYTES = [0, 1, 0x0a, 0x22, 0x2c, 0x2d, 0x39, 0x7f, 0x80, 0xff];

/** One of the values. */
export function oneOf<T>(values: readonly T[], stream: RandomStream): T {
  return values[nextInteger(stream, values.length)];
}

/** An integer of {@link EDGES}, seldom any other. */
export function edge(stream: RandomStream): number {
  return nextUniform(stream) < 0.8 ? oneOf(EDGES, stream) : nextInteger(stream, 2 ** 32);
}

/** A number in digits at its edges. */
export function edgeText(stream: RandomStream): string {
  return oneOf(EDGE_TEXTS, stream);
}

/** `part` in the place of the bytes from `at` to `end`. */
export function replaced(bytes: Uint8Array, at: number, end: number, part: Uint8Array): Uint8Array {
  const result = new Uint8Array(at + part.length + bytes.length - end);
  result.set(bytes.subarray(0, at));
  result.set(part, at);
  result.set(bytes.subarray(end), at + part.length);
  return result;
}

/** A copy with the integer written at `at` in so many bytes, as far as there is room. */
export function withInteger(
  bytes: Uint8Array,
  at: number,
  width: number,
  value: number,
  little = true,
): Uint8Array {
  const copy = bytes.slice();
  for (let index = 0; index < width; index++) {
    const place = at + (little ? index : width - 1 - index);
    if (place < copy.length) copy[place] = Number((BigInt(value) >> BigInt(8 * index)) & 0xffn);
  }
  return copy;
}

/** The text with one run of digits replaced. */
export function withEdgeNumber(text: string, stream: RandomStream): string {
  const numbers = [...text.matchAll(/-?\d+(\.\d+)?(e[+-]?\d+)?/gi)];
  if (numbers.length === 0) return text;
  const { 0: found, index } = oneOf(numbers, stream);
  return `${text.slice(0, index)}${edgeText(stream)}${text.slice(index + found.length)}`;
}

/** Latin-1, so that every byte is a character. */
export function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The bytes of Latin-1 text. */
export function asBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** A part of the bytes of at most `most`, at least one. */
function partOf(bytes: Uint8Array, most: number, stream: RandomStream): Uint8Array {
  const at = nextInteger(stream, bytes.length);
  return bytes.subarray(at, at + 1 + nextInteger(stream, most));
}

const KINDS: readonly Damage[] = [
  (bytes, stream) => {
    const copy = bytes.slice();
    copy[nextInteger(stream, copy.length)] ^= 1 << nextInteger(stream, 8);
    return copy;
  },
  (bytes, stream) => {
    const copy = bytes.slice();
    copy[nextInteger(stream, copy.length)] = oneOf(BYTES, stream);
    return copy;
  },
  // Cut off.
  (bytes, stream) => bytes.slice(0, 1 + nextInteger(stream, bytes.length)),
  // Inserted.
  (bytes, stream) => {
    const at = nextInteger(stream, bytes.length + 1);
    const part = Uint8Array.from({ length: 1 + nextInteger(stream, 16) }, () => nextInteger(stream, 256));
    return replaced(bytes, at, at, part);
  },
  // Removed.
  (bytes, stream) => {
    const at = nextInteger(stream, bytes.length);
    const end = Math.min(bytes.length, at + 1 + nextInteger(stream, 64));
    return bytes.length === end - at ? bytes : replaced(bytes, at, end, new Uint8Array(0));
  },
  // A part doubled, elsewhere.
  (bytes, stream) => {
    const at = nextInteger(stream, bytes.length + 1);
    return replaced(bytes, at, at, partOf(bytes, 256, stream));
  },
  // A part over another one.
  (bytes, stream) => {
    const copy = bytes.slice();
    copy.copyWithin(nextInteger(stream, copy.length), nextInteger(stream, copy.length), copy.length);
    return copy;
  },
  // A part of another file, inserted or in the place of as much.
  (bytes, stream, others) => {
    const at = nextInteger(stream, bytes.length);
    const part = partOf(oneOf(others, stream), 512, stream);
    return replaced(bytes, at, nextInteger(stream, 2) ? at : Math.min(bytes.length, at + part.length), part);
  },
  // This file's start, another one's rest.
  (bytes, stream, others) => {
    const at = 1 + nextInteger(stream, bytes.length);
    const other = oneOf(others, stream);
    return replaced(bytes, at, bytes.length, other.subarray(Math.min(at, other.length)));
  },
  // An integer, as most formats align and order them.
  (bytes, stream) => {
    const width = oneOf([1, 2, 4, 8], stream);
    const at = nextInteger(stream, bytes.length);
    const aligned = nextInteger(stream, 2) ? at - (at % width) : at;
    return withInteger(bytes, aligned, width, edge(stream), nextInteger(stream, 4) > 0);
  },
  (bytes, stream) => {
    const damaged = withEdgeNumber(asText(bytes), stream);
    return damaged === "" ? bytes : asBytes(damaged);
  },
];

/** Bits, bytes, integers and parts. */
export const damageBytes: Damage = (bytes, stream, others) =>
  bytes.length === 0 ? Uint8Array.of(nextInteger(stream, 256)) : oneOf(KINDS, stream)(bytes, stream, others);
