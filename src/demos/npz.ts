import { TandemError } from "../core/index.ts";
import { joined, readAhead, readBytes, sectionOf, type ByteSource } from "./byte-source.ts";
import { openNpyColumn, readNpy, writeNpy, type NpyArray } from "./npy.ts";
import { printable } from "./printable.ts";
import { inflatedBytes, storedBytes } from "./zip-entry-bytes.ts";
import { createZipWriter } from "./zip-writer.ts";

/** One file inside an archive, as the central directory describes it. */
export interface NpzEntry {
  readonly name: string;
  /** 0 stored, 8 deflated; others cannot be read. */
  readonly method: number;
  readonly encrypted: boolean;
  /** CRC-32 of the bytes when unpacked. */
  readonly checksum: number;
  /** Bytes in the archive. */
  readonly packedLength: number;
  /** Bytes when unpacked, as claimed. */
  readonly length: number;
  /** Where the entry's local header begins, bytes. */
  readonly offset: number;
}

/** A `.npz` file (a zip of `.npy` files) whose directory has been read; entries are unpacked as they are read. */
export interface NpzArchive {
  /** The whole file; borrowed. */
  readonly bytes: ByteSource;
  readonly entries: ReadonlyMap<string, NpzEntry>;
}

const END_RECORD = 0x06054b50;
const WIDE_END_LOCATOR = 0x07064b50;
const WIDE_END_RECORD = 0x06064b50;
const DIRECTORY_RECORD = 0x02014b50;
const LOCAL_RECORD = 0x04034b50;

/** Deflate never does better than 258 bytes for 2 bits; a claim above this is a lie. */
const DEFLATE_MAX_RATIO = 1032;

/** Longest name of an entry, characters. */
const MAX_NAME = 300;

/** Largest directory, and largest entry that is not an array (metadata), bytes. */
const PLAIN_MAX_BYTES = 2 ** 24;

/** The directory of a `.npz` file, also of the zip64 form. Nothing is unpacked yet. */
export async function openNpz(bytes: ByteSource): Promise<NpzArchive> {
  const { name } = bytes;
  const { count, offset, length } = await findDirectory(bytes);
  if (!(length <= PLAIN_MAX_BYTES)) {
    refuse(
      name,
      `expected a directory of at most ${PLAIN_MAX_BYTES} bytes, got ${length}; save fewer arrays in it`,
    );
  }
  const directory = viewOf(await readBytes(bytes, offset, offset + length));
  const entries = new Map<string, NpzEntry>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    const entry = readDirectoryRecord(directory, at, name);
    if (entries.has(entry.name)) refuse(name, `holds two entries named ${entry.name}; save it again`);
    entries.set(entry.name, entry);
    at = entry.next;
  }
  return { bytes, entries };
}

/** The keys numpy shows: entry names, without the `.npy` of arrays. */
export function npzKeys(archive: NpzArchive): string[] {
  return [...archive.entries.keys()].map((name) => name.replace(/\.npy$/, ""));
}

/**
 * The unpacked bytes of the entry called `name` (with its extension). What is read in order from the start to the end is
 * checked against the archive's checksum.
 */
export async function npzEntryBytes(archive: NpzArchive, name: string): Promise<ByteSource> {
  const entry = entryOf(archive, name);
  const packed = await packedBytes(archive, entry);
  if (entry.method === 0) return readAhead(storedBytes(packed, entry.checksum));
  return inflatedBytes(packed, entry.length, entry.checksum);
}

/** The array under `key`, whole. */
export async function readNpzArray(archive: NpzArchive, key: string): Promise<NpyArray> {
  const bytes = await npzEntryBytes(archive, `${key}.npy`);
  await openNpyColumn(bytes); // Refuses a length its header does not agree with, before anything is unpacked.
  return readNpy(await readBytes(bytes, 0, bytes.length), bytes.name);
}

/** The bytes of the entry called `name` (with its extension), at most 16 MiB: for metadata, not for arrays. */
export async function readNpzBytes(archive: NpzArchive, name: string): Promise<Uint8Array> {
  const { length } = entryOf(archive, name);
  if (length > PLAIN_MAX_BYTES) {
    refuse(
      archive.bytes.name,
      `${name} must be at most ${PLAIN_MAX_BYTES} bytes, claims ${length}; store less in it`,
    );
  }
  return readBytes(await npzEntryBytes(archive, name), 0, length);
}

/**
 * The bytes of a `.npz` file: arrays are stored under `key.npy`, other bytes under their key as it is. Deflated, and
 * the same bytes for the same content at any time and in any time zone.
 */
export function writeNpz(entries: Readonly<Record<string, NpyArray | Uint8Array>>): Uint8Array {
  const parts: Uint8Array[] = [];
  const zip = createZipWriter((bytes) => parts.push(bytes));
  for (const [key, value] of Object.entries(entries)) {
    const bytes = value instanceof Uint8Array ? value : writeNpy(value);
    zip.begin(value instanceof Uint8Array ? key : `${key}.npy`, bytes.length);
    zip.push(bytes);
    zip.end();
  }
  zip.finish();
  return joined(parts);
}

/** Where the directory lies and how many entries it has. It must end before the records that end the archive. */
async function findDirectory(bytes: ByteSource): Promise<{ count: number; offset: number; length: number }> {
  const { name } = bytes;
  const tailStart = Math.max(0, bytes.length - 22 - 0xffff - 20);
  const tail = viewOf(await readBytes(bytes, tailStart, bytes.length));
  const end = findEndRecord(tail);
  if (end < 0) {
    refuse(
      name,
      "expected a whole .npz (zip) file, found no end record: it is truncated or not a zip; copy it again",
    );
  }
  let count = tail.getUint16(end + 10, true);
  let length = tail.getUint32(end + 12, true);
  let offset = tail.getUint32(end + 16, true);
  if (count === 0xffff || length === 0xffffffff || offset === 0xffffffff) {
    const wide = await readWideEnd(bytes, tail, end);
    count = Number(wide.getBigUint64(32, true));
    length = Number(wide.getBigUint64(40, true));
    offset = Number(wide.getBigUint64(48, true));
  }
  if (tail.getUint16(end + 4, true) !== 0 || offset + length > tailStart + end) {
    refuse(name, "its directory lies outside the file; the file is damaged, copy it again");
  }
  return { count, offset, length };
}

/** Offset of the record that ends the archive, or -1. It must reach exactly to the end of the file. */
function findEndRecord(tail: DataView): number {
  const last = tail.byteLength - 22;
  for (let at = last; at >= Math.max(0, last - 0xffff); at--) {
    if (tail.getUint32(at, true) === END_RECORD && tail.getUint16(at + 20, true) === last - at) return at;
  }
  return -1;
}

/** The zip64 record that stands in for an end record whose fields are too narrow. */
async function readWideEnd(bytes: ByteSource, tail: DataView, end: number): Promise<DataView> {
  const locator = end - 20;
  const isLocated = locator >= 0 && tail.getUint32(locator, true) === WIDE_END_LOCATOR;
  const offset = isLocated ? Number(tail.getBigUint64(locator + 8, true)) : Infinity;
  const wide = offset + 56 <= bytes.length ? viewOf(await readBytes(bytes, offset, offset + 56)) : null;
  if (wide?.getUint32(0, true) !== WIDE_END_RECORD) {
    refuse(bytes.name, "its zip64 end record is missing; the file is damaged, copy it again");
  }
  return wide;
}

function readDirectoryRecord(view: DataView, at: number, source: string): NpzEntry & { next: number } {
  if (at + 46 > view.byteLength || view.getUint32(at, true) !== DIRECTORY_RECORD) refuseDirectory(source);
  const nameLength = view.getUint16(at + 28, true);
  const extra = at + 46 + nameLength;
  const extraEnd = extra + view.getUint16(at + 30, true);
  const next = extraEnd + view.getUint16(at + 32, true);
  if (next > view.byteLength) refuseDirectory(source);
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength));
  if (printable(name, MAX_NAME) !== name)
    refuse(source, `an entry has an unreadable name (${printable(name)})`);
  const narrow = [24, 20, 42].map((offset) => view.getUint32(at + offset, true));
  const [length, packedLength, offset] = widened(narrow, view, extra, extraEnd) ?? refuseDirectory(source);
  return {
    name,
    encrypted: (view.getUint16(at + 8, true) & 1) === 1,
    method: view.getUint16(at + 10, true),
    checksum: view.getUint32(at + 16, true),
    packedLength,
    length,
    offset,
    next,
  };
}

/** The fields, those that are saturated replaced by the zip64 extra field's in order; null where it lacks them. */
function widened(fields: number[], view: DataView, extra: number, extraEnd: number): number[] | null {
  let at = extra;
  while (at + 4 <= extraEnd && view.getUint16(at, true) !== 1) at += 4 + view.getUint16(at + 2, true);
  at += 4;
  const wide = fields.map((field) => {
    if (field !== 0xffffffff) return field;
    if (at + 8 > extraEnd) return NaN;
    at += 8;
    return Number(view.getBigUint64(at - 8, true));
  });
  return wide.some(Number.isNaN) ? null : wide;
}

function entryOf(archive: NpzArchive, name: string): NpzEntry {
  const entry = archive.entries.get(name);
  if (!entry) {
    refuse(
      archive.bytes.name,
      `expected an entry ${name}, found ${printable([...archive.entries.keys()].join(", ")) || "none"}; check how it was saved`,
    );
  }
  return entry;
}

/** The entry's packed bytes, where they lie. */
async function packedBytes({ bytes }: NpzArchive, entry: NpzEntry): Promise<ByteSource> {
  const { name, offset, packedLength, length, method } = entry;
  if (entry.encrypted) refuse(bytes.name, `${name} is encrypted; save the file without a password`);
  if (method !== 0 && method !== 8) {
    refuse(bytes.name, `${name} must be stored or deflated, got compression method ${method}; save it again`);
  }
  const local = offset + 30 <= bytes.length ? viewOf(await readBytes(bytes, offset, offset + 30)) : null;
  if (local?.getUint32(0, true) !== LOCAL_RECORD) {
    refuse(bytes.name, `${name} is not where the directory says; the file is damaged, copy it again`);
  }
  const start = offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (start + packedLength > bytes.length) {
    refuse(
      bytes.name,
      `${name} is truncated: ${packedLength} bytes expected, ${bytes.length - start} left; copy it again`,
    );
  }
  if (method === 0 ? length !== packedLength : length > packedLength * DEFLATE_MAX_RATIO) {
    refuse(
      bytes.name,
      `${name} claims ${length} bytes from ${packedLength} packed ones; the file is damaged`,
    );
  }
  return sectionOf(bytes, start, packedLength, `${bytes.name}/${name}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refuseDirectory(source: string): never {
  refuse(source, "its directory is damaged; copy it again");
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readNpz", `${source}: ${problem}`);
}
