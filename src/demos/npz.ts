import { Inflate, inflateSync, zipSync } from "fflate";
import { TandemError } from "../core/index.ts";
import { NPY_MAX_HEADER_BYTES, readNpy, readNpyHeader, writeNpy, type NpyArray } from "./npy.ts";
import { printable } from "./printable.ts";

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

/** A `.npz` file (a zip of `.npy` files) whose directory has been read; entries are unpacked one at a time. */
export interface NpzArchive {
  /** How errors call the file. */
  readonly source: string;
  /** The whole file; borrowed. */
  readonly bytes: Uint8Array;
  readonly entries: ReadonlyMap<string, NpzEntry>;
}

const END_RECORD = 0x06054b50;
const DIRECTORY_RECORD = 0x02014b50;
const LOCAL_RECORD = 0x04034b50;

/** Deflate never does better than 258 bytes for 2 bits; a claim above this is a lie. */
const DEFLATE_MAX_RATIO = 1032;

/** Longest name of an entry, characters. */
const MAX_NAME = 300;

/** Largest entry that is not an array (metadata), bytes. */
const PLAIN_MAX_BYTES = 2 ** 24;

/**
 * The directory of a `.npz` file. Nothing is unpacked yet.
 *
 * @param source how errors call the file
 */
export function openNpz(bytes: Uint8Array, source = "archive.npz"): NpzArchive {
  const view = viewOf(bytes);
  const end = findEndRecord(view);
  if (end < 0) {
    refuse(
      source,
      "expected a whole .npz (zip) file, found no end record: it is truncated or not a zip; copy it again",
    );
  }
  const count = view.getUint16(end + 10, true);
  const directoryLength = view.getUint32(end + 12, true);
  const directoryOffset = view.getUint32(end + 16, true);
  if (count === 0xffff || directoryLength === 0xffffffff || directoryOffset === 0xffffffff) {
    refuse(source, "expected a .npz below 4 GiB, got the zip64 form; split the recording");
  }
  if (view.getUint16(end + 4, true) !== 0 || directoryOffset + directoryLength > end) {
    refuse(source, "its directory lies outside the file; the file is damaged, copy it again");
  }
  const entries = new Map<string, NpzEntry>();
  let at = directoryOffset;
  for (let index = 0; index < count; index++) {
    const entry = readDirectoryRecord(view, at, end, source);
    if (entries.has(entry.name)) refuse(source, `holds two entries named ${entry.name}; save it again`);
    entries.set(entry.name, entry);
    at = entry.next;
  }
  return { source, bytes, entries };
}

/** The keys numpy shows: entry names, without the `.npy` of arrays. */
export function npzKeys(archive: NpzArchive): string[] {
  return [...archive.entries.keys()].map((name) => name.replace(/\.npy$/, ""));
}

/**
 * The array under `key`. The size of the memory it unpacks into comes from the array's own header, which must agree
 * with the directory of the archive.
 */
export function readNpzArray(archive: NpzArchive, key: string): NpyArray {
  const entry = entryOf(archive, `${key}.npy`);
  const name = `${archive.source}/${entry.name}`;
  const header = readNpyHeader(unpackPrefix(archive, entry, NPY_MAX_HEADER_BYTES), name);
  const promised = header.dataOffset + header.dataLength;
  if (promised !== entry.length) {
    refuse(
      archive.source,
      `${entry.name} must hold ${promised} bytes for shape [${header.shape.join(", ")}], the archive gives it ${entry.length}; save it again`,
    );
  }
  return readNpy(unpack(archive, entry), name);
}

/** The bytes of the entry called `name` (with its extension), at most 16 MiB: for metadata, not for arrays. */
export function readNpzBytes(archive: NpzArchive, name: string): Uint8Array {
  const entry = entryOf(archive, name);
  if (entry.length > PLAIN_MAX_BYTES) {
    refuse(
      archive.source,
      `${name} must be at most ${PLAIN_MAX_BYTES} bytes, claims ${entry.length}; store less in it`,
    );
  }
  return unpack(archive, entry);
}

/**
 * The bytes of a `.npz` file: arrays are stored under `key.npy`, other bytes under their key as it is. Deflated, and
 * the same bytes for the same content at any time and in any time zone.
 */
export function writeNpz(entries: Readonly<Record<string, NpyArray | Uint8Array>>): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  for (const [key, value] of Object.entries(entries)) {
    if (value instanceof Uint8Array) files[key] = value;
    else files[`${key}.npy`] = writeNpy(value);
  }
  // Zip keeps local time, so the date must be made from local fields to come out the same everywhere.
  return zipSync(files, { level: 9, mtime: new Date(1980, 0, 1), os: 0 });
}

/** Offset of the record that ends the archive, or -1. It must reach exactly to the end of the file. */
function findEndRecord(view: DataView): number {
  const last = view.byteLength - 22;
  for (let at = last; at >= Math.max(0, last - 0xffff); at--) {
    if (view.getUint32(at, true) === END_RECORD && view.getUint16(at + 20, true) === last - at) return at;
  }
  return -1;
}

function readDirectoryRecord(
  view: DataView,
  at: number,
  end: number,
  source: string,
): NpzEntry & { next: number } {
  if (at + 46 > end || view.getUint32(at, true) !== DIRECTORY_RECORD) {
    refuse(source, "its directory is damaged; copy it again");
  }
  const nameLength = view.getUint16(at + 28, true);
  const next = at + 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  if (next > end) refuse(source, "its directory is damaged; copy it again");
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength));
  if (printable(name, MAX_NAME) !== name)
    refuse(source, `an entry has an unreadable name (${printable(name)})`);
  return {
    name,
    encrypted: (view.getUint16(at + 8, true) & 1) === 1,
    method: view.getUint16(at + 10, true),
    checksum: view.getUint32(at + 16, true),
    packedLength: view.getUint32(at + 20, true),
    length: view.getUint32(at + 24, true),
    offset: view.getUint32(at + 42, true),
    next,
  };
}

function entryOf(archive: NpzArchive, name: string): NpzEntry {
  const entry = archive.entries.get(name);
  if (!entry) {
    refuse(
      archive.source,
      `expected an entry ${name}, found ${printable([...archive.entries.keys()].join(", ")) || "none"}; check how it was saved`,
    );
  }
  return entry;
}

/** The entry's packed bytes, a view. */
function packedBytes(archive: NpzArchive, entry: NpzEntry): Uint8Array {
  const { bytes, source } = archive;
  if (entry.encrypted) refuse(source, `${entry.name} is encrypted; save the file without a password`);
  if (entry.method !== 0 && entry.method !== 8) {
    refuse(
      source,
      `${entry.name} must be stored or deflated, got compression method ${entry.method}; save it again`,
    );
  }
  const view = viewOf(bytes);
  const { offset, packedLength, length, method } = entry;
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== LOCAL_RECORD) {
    refuse(source, `${entry.name} is not where the directory says; the file is damaged, copy it again`);
  }
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packedLength > bytes.length) {
    refuse(
      source,
      `${entry.name} is truncated: ${packedLength} bytes expected, ${bytes.length - start} left; copy it again`,
    );
  }
  if (method === 0 ? length !== packedLength : length > packedLength * DEFLATE_MAX_RATIO) {
    refuse(
      source,
      `${entry.name} claims ${length} bytes from ${packedLength} packed ones; the file is damaged`,
    );
  }
  return bytes.subarray(start, start + packedLength);
}

/** At most the first `limit` bytes of an entry, without unpacking the rest. */
function unpackPrefix(archive: NpzArchive, entry: NpzEntry, limit: number): Uint8Array {
  const packed = packedBytes(archive, entry);
  if (entry.method === 0) return packed.subarray(0, limit);
  const prefix = { bytes: new Uint8Array(Math.min(limit, entry.length)), filled: 0 };
  const inflate = new Inflate((chunk) => {
    const taken = chunk.subarray(0, prefix.bytes.length - prefix.filled);
    prefix.bytes.set(taken, prefix.filled);
    prefix.filled += taken.length;
  });
  guarded(archive, entry, () => {
    for (let at = 0; at < packed.length && prefix.filled < prefix.bytes.length; at += 1024) {
      inflate.push(packed.subarray(at, at + 1024));
    }
  });
  return prefix.bytes.subarray(0, prefix.filled);
}

function unpack(archive: NpzArchive, entry: NpzEntry): Uint8Array {
  const packed = packedBytes(archive, entry);
  const unpacked =
    entry.method === 0
      ? packed
      : guarded(archive, entry, () => inflateSync(packed, { out: new Uint8Array(entry.length) }));
  if (unpacked.length !== entry.length || checksumOf(unpacked) !== entry.checksum) {
    refuse(archive.source, `${entry.name} does not match its checksum; the file is damaged, copy it again`);
  }
  return unpacked;
}

/** Whatever the inflater throws on damaged data, in words. */
function guarded<T>(archive: NpzArchive, entry: NpzEntry, inflate: () => T): T {
  try {
    return inflate();
  } catch (cause) {
    const problem = `${entry.name} cannot be unpacked; the file is damaged, copy it again`;
    throw new TandemError("readNpz", `${archive.source}: ${problem}`, { cause });
  }
}

const CHECKSUM_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder >>> 0;
});

/** CRC-32 (polynomial 0xedb88320), which the inflater does not check. */
function checksumOf(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) {
    remainder = (remainder >>> 8) ^ CHECKSUM_TABLE[(remainder ^ bytes[at]) & 0xff];
  }
  return (remainder ^ 0xffffffff) >>> 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readNpz", `${source}: ${problem}`);
}
