import { snappyUncompress } from "hyparquet";
import { compressors } from "hyparquet-compressors";

/** Values of a column in the order they lie in, flattened. */
export type ParquetNumbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Physical types that are numbers. */
export type NumberType = "BOOLEAN" | "INT32" | "INT64" | "FLOAT" | "DOUBLE";

/** How the values of one column in one group of rows are stored. */
export interface PageFormat {
  readonly type: NumberType;
  readonly codec: string;
  /** Definition level of a value that is there. */
  readonly maxDefinition: number;
  /** Depth of lists; 0 where a row is one value. */
  readonly maxRepetition: number;
}

/** A page as its header describes it. */
export interface PageShape {
  readonly encoding: string;
  /** Values, also those that are null. */
  readonly count: number;
  /** Bytes when unpacked. */
  readonly length: number;
  /** Bytes of the levels in the second page version, where they stand before what is packed; null in the first. */
  readonly levels: {
    readonly repetition: number;
    readonly definition: number;
    readonly isPacked: boolean;
  } | null;
}

/** One page of a column. */
export interface Page {
  readonly values: ParquetNumbers;
  /** 0 where a row begins, 1 where an entry of the row's list, ..; null where rows are single values. */
  readonly repetition: Uint8Array | null;
}

/** Largest page that is unpacked, bytes. */
const MAX_PAGE_BYTES = 2 ** 28;

/** Levels pack up to eight values in a byte or any number in a run; a claim above this is taken for damage. */
const MAX_RUN_VALUES = 2 ** 22;
const MAX_VALUES_PER_BYTE = 16;

/** Largest window of zstd, bytes. */
const MAX_WINDOW = 2 ** 25;

/** Room for pages of so many bytes is made at once; larger ones must be backed by what is packed, as deflate's best is. */
const SOON_BYTES = 2 ** 26;
const MAX_RATIO = 1032;

const BYTES_OF = { BOOLEAN: 1 / 8, INT32: 4, INT64: 8, FLOAT: 4, DOUBLE: 8 } as const;

/** The values of a data page. What is wrong with it is thrown as an Error with the words for it. */
export function decodePage(
  stored: Uint8Array,
  page: PageShape,
  format: PageFormat,
  dictionary: ParquetNumbers | null,
): Page {
  checkClaims(page);
  const { count, levels } = page;
  const { maxDefinition, maxRepetition } = format;
  const split = levels ? levels.repetition + levels.definition : 0;
  if (split > stored.length) damaged();
  const packed = levels && !levels.isPacked ? "UNCOMPRESSED" : format.codec;
  const body = unpack(stored.subarray(split), page.length - split, packed);
  let at = 0;
  const levelsOf = (max: number, own: Uint8Array | null): Uint8Array | null => {
    if (max === 0) return null;
    if (own) return runsOf(own, bitsFor(max), count);
    const end = at + 4 + lengthAt(body, at);
    const runs = runsOf(body.subarray(at + 4, end), bitsFor(max), count);
    at = end;
    return runs;
  };
  const repetition = levelsOf(maxRepetition, levels && stored.subarray(0, levels.repetition));
  const definition = levelsOf(maxDefinition, levels && stored.subarray(levels.repetition, split));
  if (definition?.some((level) => level !== maxDefinition))
    throw new Error("has empty or missing entries; record a value in every place");
  return { repetition, values: valuesOf(body.subarray(at), page.encoding, count, format.type, dictionary) };
}

/** The values a dictionary page holds. */
export function decodeDictionary(stored: Uint8Array, page: PageShape, format: PageFormat): ParquetNumbers {
  checkClaims(page);
  return plainValues(unpack(stored, page.length, format.codec), page.count, format.type);
}

/** A claim that no page of this size can keep would make room for nothing. */
function checkClaims({ count, length }: PageShape): void {
  if (length > MAX_PAGE_BYTES)
    throw new Error(`has a page of ${length} bytes, at most ${MAX_PAGE_BYTES} are read; write smaller pages`);
  if (count > MAX_RUN_VALUES + MAX_VALUES_PER_BYTE * length) damaged();
}

function unpack(packed: Uint8Array, length: number, codec: string): Uint8Array {
  if (length < 0) damaged(); // Where the levels are longer than the whole page.
  if (length === 0) return new Uint8Array(0);
  if (length > SOON_BYTES && length > MAX_RATIO * packed.length) damaged();
  const bytes = unpackWith(packed, length, codec);
  if (bytes.length !== length) damaged();
  return bytes;
}

function unpackWith(packed: Uint8Array, length: number, codec: string): Uint8Array {
  if (codec === "UNCOMPRESSED") return packed;
  if (codec === "SNAPPY") {
    const bytes = new Uint8Array(length);
    snappyUncompress(packed, bytes);
    return bytes;
  }
  if (codec === "ZSTD") checkFrame(packed, length);
  const decompress = compressors[codec as keyof typeof compressors];
  if (!codec) damaged();
  if (!decompress)
    throw new Error(`is compressed by ${codec}, which is not read; write it with zstd or snappy`);
  return decompress(packed, length);
}

/** The unpacker makes room for what a zstd frame claims (RFC 8878, 3.1.1.1), so that must be what the page claims. */
function checkFrame(packed: Uint8Array, length: number): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const descriptor = view.getUint8(4);
  const isSingle = (descriptor >> 5) & 1;
  const sizeBytes = [isSingle, 2, 4, 8][descriptor >> 6];
  if (!isSingle) {
    const window = view.getUint8(5);
    const base = 2 ** (10 + (window >> 3));
    const bytes = base + (base / 8) * (window & 7);
    const most = Math.max(MAX_WINDOW, 2 * length);
    if (bytes > most)
      throw new Error(
        `has a zstd window of ${bytes} bytes, at most ${most} are read; write it with a smaller one`,
      );
  }
  const at = 6 - isSingle + [0, 1, 2, 4][descriptor & 3];
  if (sizeBytes === 1 && view.getUint8(at) !== length) damaged();
  if (sizeBytes === 2 && view.getUint16(at, true) + 256 !== length) damaged();
  if (sizeBytes === 4 && view.getUint32(at, true) !== length) damaged();
  if (sizeBytes === 8 && view.getBigUint64(at, true) !== BigInt(length)) damaged();
}

function valuesOf(
  bytes: Uint8Array,
  encoding: string,
  count: number,
  type: NumberType,
  dictionary: ParquetNumbers | null,
): ParquetNumbers {
  if (encoding === "PLAIN") return plainValues(bytes, count, type);
  if (encoding === "RLE" && type === "BOOLEAN")
    return runsOf(bytes.subarray(4, 4 + lengthAt(bytes, 0)), 1, count);
  if (encoding === "RLE_DICTIONARY" || encoding === "PLAIN_DICTIONARY") {
    if (!dictionary) damaged();
    return lookedUp(bytes, count, dictionary);
  }
  if (!encoding) damaged();
  throw new Error(`is encoded as ${encoding}, which is not read; write it with pyarrow's default encodings`);
}

function plainValues(bytes: Uint8Array, count: number, type: NumberType): ParquetNumbers {
  const length = Math.ceil(count * BYTES_OF[type]);
  if (bytes.length < length) damaged();
  // A copy, so that the values are aligned.
  const { buffer } = bytes.slice(0, length);
  if (type === "BOOLEAN")
    return Uint8Array.from({ length: count }, (_, index) => (bytes[index >> 3] >> (index & 7)) & 1);
  if (type === "INT64") return Float64Array.from(new BigInt64Array(buffer), Number);
  return new { INT32: Int32Array, FLOAT: Float32Array, DOUBLE: Float64Array }[type](buffer);
}

function lookedUp(bytes: Uint8Array, count: number, dictionary: ParquetNumbers): ParquetNumbers {
  const places = runsOf(bytes.subarray(1), bytes[0], count, Uint32Array);
  const values = new (dictionary.constructor as new (length: number) => ParquetNumbers)(count);
  for (let index = 0; index < count; index++) {
    if (places[index] >= dictionary.length) damaged();
    values[index] = dictionary[places[index]];
  }
  return values;
}

/** `count` numbers of `bits` bits each, in runs of one repeated or of eight packed ones. */
function runsOf(bytes: Uint8Array, bits: number, count: number): Uint8Array;
function runsOf(bytes: Uint8Array, bits: number, count: number, holder: Uint32ArrayConstructor): Uint32Array;
function runsOf(
  bytes: Uint8Array,
  bits: number,
  count: number,
  holder: Uint8ArrayConstructor | Uint32ArrayConstructor = Uint8Array,
): Uint8Array | Uint32Array {
  const values = new holder(count);
  if (bits === 0) return values;
  if (!(bits <= 32)) damaged();
  let at = 0;
  for (let filled = 0; filled < count;) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= bytes.length || shift > 28) damaged();
      const byte = bytes[at++];
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const run = Math.floor(header / 2);
    if (run === 0) damaged();
    if (header % 2 === 0) {
      const width = Math.ceil(bits / 8);
      const value = numberAt(bytes, at * 8, bits);
      const end = Math.min(count, filled + run);
      values.fill(value, filled, end);
      [at, filled] = [at + width, end];
    } else {
      const end = Math.min(count, filled + run * 8);
      for (let bit = at * 8; filled < end; bit += bits) values[filled++] = numberAt(bytes, bit, bits);
      at += run * bits;
    }
  }
  return values;
}

/** The `bits` bits from bit `from` on, least first. */
function numberAt(bytes: Uint8Array, from: number, bits: number): number {
  if (from + bits > bytes.length * 8) damaged();
  let value = 0;
  let taken = 0;
  while (taken < bits) {
    const bit = from + taken;
    const offset = bit & 7;
    const take = Math.min(8 - offset, bits - taken);
    value += ((bytes[bit >>> 3] >> offset) & ((1 << take) - 1)) * 2 ** taken;
    taken += take;
  }
  return value;
}

function bitsFor(max: number): number {
  return 32 - Math.clz32(max);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) damaged();
  return bytes[at] + bytes[at + 1] * 2 ** 8 + bytes[at + 2] * 2 ** 16 + bytes[at + 3] * 2 ** 24;
}

function damaged(): never {
  throw new Error("is damaged; copy or download the file again");
}
