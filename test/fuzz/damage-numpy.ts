/** Damage to .npy headers and to zip archives of them. */
import { unzipSync, zipSync } from "fflate";
import { nextInteger, nextUniform, type RandomStream } from "../../src/core/index.ts";
import {
  asBytes,
  asText,
  damageBytes,
  edge,
  edgeText,
  oneOf,
  replaced,
  withEdgeNumber,
  withInteger,
  type Damage,
} from "./damage-bytes.ts";
import { damageJson } from "./damage-json.ts";

const DTYPES = [
  "<f4",
  "<f8",
  ">f4",
  "|b1",
  "|u1",
  "<i8",
  ">u8",
  "<f2",
  "|O",
  "<U3",
  "<c8",
  "<f99999999999",
  "",
  "__proto__",
];

function damagedHeader(text: string, stream: RandomStream): string {
  const extents = Array.from({ length: oneOf([0, 1, 2, 2, 3, 65], stream) }, () => edgeText(stream));
  const kind = nextInteger(stream, 6);
  if (kind === 0) return text.replace(/\([^)]*\)/, `(${extents.join(", ")}, )`);
  if (kind === 1) return text.replace(/\([^)]*\)/, (tuple) => withEdgeNumber(tuple, stream));
  if (kind === 2) return text.replace(/'descr': *'[^']*'/, `'descr': '${oneOf(DTYPES, stream)}'`);
  if (kind === 3) return text.replace("False", oneOf(["True", "None", "0"], stream));
  if (kind === 4) return text.replace(oneOf(["descr", "fortran_order", "shape", "'", "{"], stream), "");
  return text.repeat(oneOf([2, 700], stream));
}

/** The dictionary, its length, the version, or any byte. */
export const damageNpy: Damage = (bytes, stream, others) => {
  const kind = nextInteger(stream, 8);
  const wide = bytes[6] > 1;
  const start = wide ? 12 : 10;
  if (kind === 0) return withInteger(bytes, 8, wide ? 4 : 2, edge(stream));
  if (kind === 1) return withInteger(bytes, 6, 1, nextInteger(stream, 5));
  if (kind < 6 && bytes.length > start) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
    const header = asBytes(damagedHeader(asText(bytes.subarray(start, end)), stream));
    const damaged = replaced(bytes, start, Math.min(end, bytes.length), header);
    return nextUniform(stream) < 0.8 ? withInteger(damaged, 8, wide ? 4 : 2, header.length) : damaged;
  }
  return damageBytes(bytes, stream, others);
};

/** Fields of zip records, [offset, bytes], after their signatures. */
const LOCAL = [
  [4, 2],
  [6, 2],
  [8, 2],
  [14, 4],
  [18, 4],
  [22, 4],
  [26, 2],
  [28, 2],
] as const;
const CENTRAL = [
  [4, 2],
  [6, 2],
  [8, 2],
  [10, 2],
  [12, 4],
  [16, 4],
  [20, 4],
  [24, 4],
  [28, 2],
  [30, 2],
  [32, 2],
  [34, 2],
  [36, 2],
  [38, 4],
  [42, 4],
] as const;
const END = [
  [4, 2],
  [6, 2],
  [8, 2],
  [10, 2],
  [12, 4],
  [16, 4],
  [20, 2],
] as const;
const RECORDS: readonly [signature: string, fields: readonly (readonly [number, number])[]][] = [
  ["PK\x03\x04", LOCAL],
  ["PK\x01\x02", CENTRAL],
  ["PK\x05\x06", END],
];

/** What an archive may call its entries to be written elsewhere, or to be taken for something else. */
const NAMES = [
  "../../escaped.npy",
  "/tmp/tandem-fuzz-escaped.npy",
  "..\\..\\escaped.npy",
  "C:\\escaped.npy",
  "a/../../../../escaped.npy",
  "observations.npy",
  "metadata.json",
  "metadata.npy",
  "__proto__.npy",
  "constructor.npy",
  "\u202eobservations.npy",
  "a\nb.npy",
  ".npy",
  "x".repeat(400),
];

function damagedRecord(bytes: Uint8Array, stream: RandomStream): Uint8Array {
  const [signature, fields] = oneOf(RECORDS, stream);
  const text = asText(bytes);
  const places: number[] = [];
  for (let at = text.indexOf(signature); at >= 0; at = text.indexOf(signature, at + 4)) places.push(at);
  if (places.length === 0) return bytes;
  const [offset, width] = oneOf(fields, stream);
  const value = nextUniform(stream) < 0.7 ? edge(stream) : nextInteger(stream, 2 * bytes.length);
  return withInteger(bytes, oneOf(places, stream) + offset, width, value);
}

/** The end as the 64-bit form has it, with numbers that are right or at their edges. */
function withWideEnd(bytes: Uint8Array, stream: RandomStream): Uint8Array {
  const end = asText(bytes).lastIndexOf("PK\x05\x06");
  // What is damaged already may have lost it, or be cut off in it.
  if (end < 0 || end + 22 > bytes.length) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sound = [
    view.getUint16(end + 10, true),
    view.getUint32(end + 12, true),
    view.getUint32(end + 16, true),
  ];
  const numbers = sound.map((number) => (nextUniform(stream) < 0.5 ? number : edge(stream)));
  let wide: Uint8Array = new Uint8Array(56 + 20);
  wide = withInteger(wide, 0, 4, 0x06064b50);
  wide = withInteger(wide, 4, 8, 44);
  for (const at of [24, 32]) wide = withInteger(wide, at, 8, numbers[0]);
  wide = withInteger(withInteger(wide, 40, 8, numbers[1]), 48, 8, numbers[2]);
  wide = withInteger(wide, 56, 4, 0x07064b50);
  wide = withInteger(wide, 64, 8, nextUniform(stream) < 0.8 ? end : edge(stream));
  const result = replaced(bytes, end, end, wide);
  return withInteger(result, end + 76 + oneOf([12, 16], stream), 4, 0xffffffff);
}

const known = new WeakMap<Uint8Array, readonly [string, Uint8Array][]>();

/** The entries of a sound archive. */
function entriesOf(bytes: Uint8Array): readonly [string, Uint8Array][] {
  const entries = known.get(bytes) ?? Object.entries(unzipSync(bytes));
  known.set(bytes, entries);
  return entries;
}

/** Arrays, names and descriptions inside a sound archive; its records; or any byte. */
export const damageNpz: Damage = (bytes, stream, others) => {
  const kind = nextInteger(stream, 10);
  if (kind < 3) return damagedRecord(bytes, stream);
  if (kind === 3) return withWideEnd(bytes, stream);
  if (kind === 4) return damageBytes(bytes, stream, others);
  // What is damaged already might unpack to anything.
  if (!others.includes(bytes)) return damageBytes(bytes, stream, others);
  const entries = [...entriesOf(bytes)];
  const chosen = nextInteger(stream, entries.length);
  const [name, content] = entries[chosen];
  const rest = entries.map(([, each]) => each);
  if (kind === 5) entries[chosen] = [oneOf(NAMES, stream), content];
  else if (kind === 6) entries.splice(chosen, 1);
  else if (content.length > 0) {
    const damage = name.endsWith(".json") ? damageJson : damageNpy;
    entries[chosen] = [name, damage(content, stream, rest)];
  }
  return zipSync(Object.fromEntries(entries), { level: oneOf([0, 6], stream), mtime: "2020-01-01" });
};
