/** Types of Thrift's compact protocol, as Parquet uses it. */
const [TRUE, FALSE, BYTE, I16, I64, DOUBLE, BINARY, LIST, STRUCT] = [1, 2, 3, 4, 6, 7, 8, 9, 12];

/** Structs and lists within each other; Parquet has fewer than ten. */
const MOST_DEPTH = 32;

/** Bytes of a 64-bit varint. */
const MOST_VARINT = 10;

/**
 * Throws where the struct at `from` is not whole: where a list claims more entries than there are bytes left, for each of
 * which a parser would make room, where a number has no end, or where structs lie deeper in each other than any sound ones.
 */
export function checkThrift(bytes: Uint8Array, from: number): void {
  let at = from;
  const need = (length: number): void => {
    if (!(length <= bytes.length - at)) throw new Error("is cut short");
  };
  const byte = (): number => {
    need(1);
    return bytes[at++];
  };
  const varint = (): number => {
    let value = 0;
    for (let index = 0; index < MOST_VARINT; index++) {
      const next = byte();
      value += (next & 0x7f) * 2 ** (7 * index);
      if (next < 0x80) return value;
    }
    throw new Error("has a number without an end");
  };
  const skip = (length: number): void => {
    need(length);
    at += length;
  };
  const element = (type: number, depth: number): void => {
    if (type === BYTE) skip(1);
    else if (type >= I16 && type <= I64) varint();
    else if (type === DOUBLE) skip(8);
    else if (type === BINARY) skip(varint());
    else if (type === LIST) list(depth + 1);
    else if (type === STRUCT) struct(depth + 1);
    else throw new Error("has a value of no known type");
  };
  const list = (depth: number): void => {
    const head = byte();
    const size = head >> 4 === 15 ? varint() : head >> 4;
    need(size);
    const type = head & 15;
    for (let index = 0; index < size; index++) element(isFlag(type) ? BYTE : type, depth);
  };
  const struct = (depth: number): void => {
    if (depth > MOST_DEPTH) throw new Error("is deeper than any");
    for (let head = byte(); (head & 15) !== 0; head = byte()) {
      if (head >> 4 === 0) varint();
      if (!isFlag(head & 15)) element(head & 15, depth);
    }
  };
  struct(0);
}

/** In a struct a flag is its type; in a list it takes a byte. */
function isFlag(type: number): boolean {
  return type === TRUE || type === FALSE;
}
