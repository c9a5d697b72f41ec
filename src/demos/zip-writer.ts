import { Deflate } from "fflate";
import { joined } from "./byte-source.ts";
import { checksumAfter } from "./checksum.ts";

/** Writes a zip archive front to back; what is given is borrowed for the call. */
export interface ZipWriter {
  /** Begin an entry of `length` bytes in all. */
  begin(name: string, length: number): void;
  /** The next bytes of the entry. */
  push(bytes: Uint8Array): void;
  /** End the entry, of which all bytes must have been pushed. */
  end(): void;
  /** Write the directory. */
  finish(): void;
}

interface WrittenEntry {
  name: Uint8Array;
  checksum: number;
  packedLength: number;
  length: number;
  offset: number;
  /** In the zip64 form. */
  wide: boolean;
}

/** What is deflated at once: always this much, as the deflated bytes depend on it. */
const PIECE_BYTES = 2 ** 16;

/** Deflating may add a little: 5 bytes a block. */
const GROWTH = 1.001;

const NARROW_LIMIT = 0xffffffff;

/** 1 January 1980, the earliest date a zip can tell: equal content is equal bytes at any time. */
const DATE = 0x0021;

/**
 * A writer of deflated entries, the same bytes for the same entries however they are cut in pushes. Sizes follow each
 * entry, so that it need not be known beforehand what it packs into.
 *
 * @param emit takes the archive's bytes in order; they are its own
 * @param narrowLimit from which size or offset the zip64 form is used
 */
export function createZipWriter(emit: (bytes: Uint8Array) => void, narrowLimit = NARROW_LIMIT): ZipWriter {
  const entries: WrittenEntry[] = [];
  const piece = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  let written = 0;
  let entry: WrittenEntry | null = null;
  let deflate: Deflate | null = null;

  const put = (bytes: Uint8Array): void => {
    written += bytes.length;
    emit(bytes);
  };
  const flush = (final: boolean): void => {
    const bytes = piece.slice(0, filled);
    entry!.checksum = checksumAfter(entry!.checksum, bytes);
    filled = 0;
    deflate!.push(bytes, final);
  };
  return {
    begin(name, length) {
      const wide = length * GROWTH + 64 >= narrowLimit || written >= narrowLimit;
      const encoded = new TextEncoder().encode(name);
      entry = { name: encoded, checksum: 0, packedLength: 0, length: 0, offset: written, wide };
      deflate = new Deflate({ level: 9 }, (packed) => {
        entry!.packedLength += packed.length;
        put(packed);
      });
      put(localRecord(entry));
    },
    push(bytes) {
      entry!.length += bytes.length;
      for (let at = 0; at < bytes.length;) {
        const part = bytes.subarray(at, at + PIECE_BYTES - filled);
        piece.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled === PIECE_BYTES) flush(false);
      }
    },
    end() {
      flush(true);
      put(sizesRecord(entry!));
      entries.push(entry!);
    },
    finish() {
      const start = written;
      for (const done of entries) put(directoryRecord(done));
      const length = written - start;
      const wide = start >= narrowLimit || entries.some((done) => done.wide);
      put(endRecord(entries.length, length, start, wide));
    },
  };
}

/** Bit 3 of the flags: sizes follow the entry. */
const SIZES_FOLLOW = 8;
const DEFLATED = 8;

function versionOf({ wide }: { wide: boolean }): number {
  return wide ? 45 : 20;
}

function localRecord(entry: WrittenEntry): Uint8Array {
  const record = recordOf([
    [4, 0x04034b50],
    [2, versionOf(entry)],
    [2, SIZES_FOLLOW],
    [2, DEFLATED],
    [2, 0],
    [2, DATE],
    [4, 0],
    [4, entry.wide ? NARROW_LIMIT : 0],
    [4, entry.wide ? NARROW_LIMIT : 0],
    [2, entry.name.length],
    [2, entry.wide ? 20 : 0],
  ]);
  const extra: Field[] = entry.wide
    ? [
        [2, 1],
        [2, 16],
        [8, 0],
        [8, 0],
      ]
    : [];
  return joined([record, entry.name, recordOf(extra)]);
}

function sizesRecord({ checksum, packedLength, length, wide }: WrittenEntry): Uint8Array {
  const size = wide ? 8 : 4;
  return recordOf([
    [4, 0x08074b50],
    [4, checksum],
    [size, packedLength],
    [size, length],
  ]);
}

function directoryRecord(entry: WrittenEntry): Uint8Array {
  const { wide, packedLength, length, offset } = entry;
  const record = recordOf([
    [4, 0x02014b50],
    [2, versionOf(entry)],
    [2, versionOf(entry)],
    [2, SIZES_FOLLOW],
    [2, DEFLATED],
    [2, 0],
    [2, DATE],
    [4, entry.checksum],
    [4, wide ? NARROW_LIMIT : packedLength],
    [4, wide ? NARROW_LIMIT : length],
    [2, entry.name.length],
    [2, wide ? 28 : 0],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, wide ? NARROW_LIMIT : offset],
  ]);
  const extra: Field[] = wide
    ? [
        [2, 1],
        [2, 24],
        [8, length],
        [8, packedLength],
        [8, offset],
      ]
    : [];
  return joined([record, entry.name, recordOf(extra)]);
}

function endRecord(count: number, length: number, start: number, wide: boolean): Uint8Array {
  const narrow = recordOf([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, length],
    [4, wide ? NARROW_LIMIT : start],
    [2, 0],
  ]);
  if (!wide) return narrow;
  const record = recordOf([
    [4, 0x06064b50],
    [8, 44],
    [2, 45],
    [2, 45],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, length],
    [8, start],
  ]);
  const locator = recordOf([
    [4, 0x07064b50],
    [4, 0],
    [8, start + length],
    [4, 1],
  ]);
  return joined([record, locator, narrow]);
}

/** How many bytes, and the number in them, little-endian. */
type Field = [size: number, value: number];

function recordOf(fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 8) view.setBigUint64(at, BigInt(value), true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += size;
  }
  return bytes;
}
