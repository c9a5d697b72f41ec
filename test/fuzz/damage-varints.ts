/** Damage to what is made of varints: the Thrift of Parquet's footer and page headers, the protocol buffers of ONNX. */
import { parquetMetadata } from "hyparquet";
import { nextInteger, nextUniform, type RandomStream } from "../../src/core/index.ts";
import { asText, damageBytes, edge, oneOf, replaced, withInteger, type Damage } from "./damage-bytes.ts";

/** Where a varint lies, or (with the type of its entries) how many a list has, bytes. */
interface Span {
  at: number;
  end: number;
  entries?: number;
}

/** LEB128 of 64 bits, padded to at least `least` bytes. */
function varint(value: bigint, least = 1): Uint8Array {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  } while (left > 0n || bytes.length < least);
  bytes[bytes.length - 1] &= 0x7f;
  return Uint8Array.from(bytes);
}

function zigzag(value: number): bigint {
  const big = BigInt(value);
  return big >= 0n ? 2n * big : -2n * big - 1n;
}

/** The varints of a Thrift struct (compact protocol) at `from`; ends quietly where it is none. */
function thriftSpans(bytes: Uint8Array, from: number): Span[] {
  const spans: Span[] = [];
  let at = from;
  const skipVarint = (): number => {
    const start = at;
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    spans.push({ at: start, end: at });
    return value;
  };
  const skipElement = (type: number): void => {
    if (type === 3) at++;
    else if (type >= 4 && type <= 6) skipVarint();
    else if (type === 7) at += 8;
    else if (type === 8) at += skipVarint();
    else if (type === 9) {
      const start = at;
      const head = bytes[at++];
      const size = head >> 4 === 15 ? skipVarint() : head >> 4;
      spans.push({ at: start, end: at, entries: head & 15 });
      // Some elements have no bytes: what a list claims may be any number of those.
      for (let i = 0; i < Math.min(size, bytes.length) && at < bytes.length; i++) skipElement(head & 15);
    } else if (type === 12) skipStruct();
  };
  const skipStruct = (): void => {
    while (at < bytes.length) {
      const head = bytes[at++];
      if ((head & 15) === 0) return;
      if (head >> 4 === 0) skipVarint();
      skipElement(head & 15);
    }
  };
  skipStruct();
  return spans.filter(({ end }) => end <= bytes.length);
}

const known = new WeakMap<Uint8Array, { footer: Span[]; pages: Span[] }>();

/** The varints of a Parquet file's footer and of its first page headers; none where it is damaged already. */
function parquetSpans(bytes: Uint8Array): { footer: Span[]; pages: Span[] } {
  const found = known.get(bytes);
  if (found) return found;
  const spans = { footer: [] as Span[], pages: [] as Span[] };
  try {
    const { row_groups: groups } = parquetMetadata(bytes, { geoparquet: false });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    spans.footer = thriftSpans(bytes, bytes.length - 8 - view.getUint32(bytes.length - 8, true));
    for (const { meta_data: meta } of groups.flatMap(({ columns }) => columns)) {
      for (const offset of [meta?.dictionary_page_offset, meta?.data_page_offset]) {
        if (offset) spans.pages.push(...thriftSpans(bytes.subarray(0, -8), Number(offset)));
      }
    }
  } catch {
    // As if it had none.
  }
  known.set(bytes, spans);
  return spans;
}

/** How a zstd frame begins. */
const FRAME = /\x28\xb5\x2f\xfd/g;

/** What the header of one zstd frame claims of its window and its content. */
function withFrameClaim(bytes: Uint8Array, stream: RandomStream): Uint8Array {
  const frames = [...asText(bytes).matchAll(FRAME)].map(({ index }) => index + 4);
  if (frames.length === 0) return bytes;
  const at = oneOf(frames, stream);
  const claimed = withInteger(bytes, at, 1, oneOf([0x20, 0x60, 0xa0, 0xe0, 0], stream));
  return withInteger(claimed, at + 1, oneOf([1, 4, 8], stream), edge(stream));
}

/** A varint of the footer or of a page's header; the footer's length; any byte. */
export const damageParquet: Damage = (bytes, stream, others) => {
  const { footer, pages } = parquetSpans(bytes);
  const kind = nextInteger(stream, 12);
  if (kind === 0) return withInteger(bytes, bytes.length - 8, 4, edge(stream));
  if (kind === 10) return withFrameClaim(bytes, stream);
  const spans = kind < 5 ? footer : pages;
  if (kind === 8 || kind === 9 || spans.length === 0) return damageBytes(bytes, stream, others);
  const { at, end, entries } = oneOf(spans, stream);
  const value = edge(stream);
  const coded = nextUniform(stream) < 0.8 ? zigzag(value) : BigInt(value);
  const list = entries === undefined ? [] : [0xf0 | entries];
  if (kind < 5) {
    const part = Uint8Array.of(...list, ...varint(coded));
    const damaged = replaced(bytes, at, end, part);
    const length = new DataView(damaged.buffer).getUint32(damaged.length - 8, true);
    return withInteger(damaged, damaged.length - 8, 4, length + part.length - (end - at));
  }
  // The page's own header whole, and what follows moved; or a list in the place of a number.
  if (nextInteger(stream, 2)) {
    const isList = nextInteger(stream, 4) === 0;
    if (!isList) return replaced(bytes, at, end, Uint8Array.of(...list, ...varint(coded)));
    const head = Uint8Array.of((bytes[at - 1] & 0xf0) | 9, 0xf5, ...varint(BigInt(Math.abs(value))));
    return replaced(bytes, at - 1, end, head);
  }
  // In place where it fits, so that what follows stays where the footer says.
  const part = Uint8Array.of(...list, ...varint(coded, end - at - list.length));
  return replaced(bytes, at, Math.min(bytes.length, at + part.length), part);
};

/** A field of a protocol buffer. */
interface Field {
  number: bigint;
  wire: number;
  /** Of wire types 0, 1 and 5 as they lie; of type 2 its bytes or, where they are one, the message in them. */
  content: Uint8Array | Field[];
}

/** The message in the bytes; null where they are none. */
function parseMessage(bytes: Uint8Array): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const next = (): bigint | null => {
    let value = 0n;
    for (let shift = 0n; at < bytes.length && shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < bytes.length) {
    const tag = next();
    if (tag === null || tag >> 3n === 0n || tag >> 3n > 100n) return null;
    const wire = Number(tag & 7n);
    const start = at;
    let end = -1;
    if (wire === 0) end = next() === null ? -1 : at;
    else if (wire === 1) end = at + 8;
    else if (wire === 5) end = at + 4;
    else if (wire === 2) {
      const length = next();
      if (length === null || length > BigInt(bytes.length - at)) return null;
      end = at + Number(length);
    }
    if (end < 0 || end > bytes.length) return null;
    const raw = bytes.subarray(wire === 2 ? at : start, end);
    const inside = wire === 2 && raw.length > 1 ? parseMessage(raw) : null;
    fields.push({ number: tag >> 3n, wire, content: inside ?? raw });
    at = end;
  }
  return fields;
}

function messageBytes(fields: readonly Field[]): Uint8Array {
  const parts = fields.flatMap(({ number, wire, content }) => {
    const raw = content instanceof Uint8Array ? content : messageBytes(content);
    const head = varint((number << 3n) | BigInt(wire));
    return wire === 2 ? [head, varint(BigInt(raw.length)), raw] : [head, raw];
  });
  return new Uint8Array(Buffer.concat(parts));
}

function fieldsIn(fields: Field[], into: [Field[], number][] = []): [Field[], number][] {
  fields.forEach(({ content }, index) => {
    into.push([fields, index]);
    if (!(content instanceof Uint8Array)) fieldsIn(content, into);
  });
  return into;
}

/** A field of any message in it: changed, lost, doubled, renumbered, or put elsewhere. Lengths around it agree. */
export const damageProtobuf: Damage = (bytes, stream, others) => {
  const root = nextUniform(stream) < 0.85 ? parseMessage(bytes) : null;
  if (!root || root.length === 0) return damageBytes(bytes, stream, others);
  const places = fieldsIn(root);
  const [holder, index] = oneOf(places, stream);
  const field = holder[index];
  const kind = nextInteger(stream, 10);
  if (kind < 5) field.content = damagedContent(field, stream, others);
  else if (kind === 5) holder.splice(index, 1);
  else if (kind === 6) holder.splice(nextInteger(stream, holder.length + 1), 0, field);
  else if (kind === 7) field.number = BigInt(1 + nextInteger(stream, 20));
  else {
    const [other, at] = oneOf(places, stream);
    const { content, wire } = other[at];
    // A copy: a message that held itself would have no end.
    const raw = content instanceof Uint8Array ? content : messageBytes(content);
    holder[index] = { number: field.number, wire, content: raw.slice() };
  }
  return messageBytes(root);
};

const TEXTS = [
  "",
  "Expand",
  "ConstantOfShape",
  "Loop",
  "If",
  "Reshape",
  "Tile",
  "MatMul",
  "Gather",
  "x".repeat(3000),
  "a\nb",
];

function damagedContent(
  { wire, content }: Field,
  stream: RandomStream,
  others: readonly Uint8Array[],
): Uint8Array {
  if (wire === 0) return varint(BigInt(edge(stream)));
  if (wire !== 2) return withInteger(new Uint8Array(wire === 1 ? 8 : 4), 0, 8, edge(stream));
  const raw = content instanceof Uint8Array ? content : messageBytes(content);
  if (nextUniform(stream) < 0.3) return new TextEncoder().encode(oneOf(TEXTS, stream));
  return raw.length === 0 ? raw : damageBytes(raw, stream, others);
}
