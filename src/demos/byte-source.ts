/** Bytes that lie somewhere (a file, memory, a part of an archive) and are read by ranges. */
export interface ByteSource {
  /** How errors call it. */
  readonly name: string;
  /** Bytes in all. */
  readonly length: number;
  /** True where going back means to begin again, as in a compressed entry. */
  readonly sequential?: boolean;
  /** Fill `target` with the bytes from `offset` on; offset + target.length <= length. */
  read(offset: number, target: Uint8Array): Promise<void>;
}

/** How much is read ahead for small reads in order, bytes. */
const READ_AHEAD = 2 ** 18;

/** Bytes in memory, borrowed. */
export function bytesInMemory(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    length: bytes.length,
    read: async (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
  };
}

/** The `length` bytes from `start` on, as bytes of their own. */
export function sectionOf(source: ByteSource, start: number, length: number, name: string): ByteSource {
  return { name, length, read: (offset, target) => source.read(start + offset, target) };
}

/** The bytes from `offset` to `end`, read into memory of their own. */
export async function readBytes(source: ByteSource, offset: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - offset);
  await source.read(offset, bytes);
  return bytes;
}

/** The same bytes; reads that follow one another are served from one buffer. */
export function readAhead(source: ByteSource): ByteSource {
  let buffer: Uint8Array = new Uint8Array(0);
  let start = 0;
  let expected = -1;
  const read = async (offset: number, target: Uint8Array): Promise<void> => {
    const end = offset + target.length;
    const follows = offset === expected;
    expected = end;
    if (offset >= start && end <= start + buffer.length) {
      target.set(buffer.subarray(offset - start, end - start));
      return;
    }
    if (!follows || target.length >= READ_AHEAD) return source.read(offset, target);
    const ahead = await readBytes(source, offset, Math.min(source.length, offset + READ_AHEAD));
    [buffer, start] = [ahead, offset];
    target.set(ahead.subarray(0, target.length));
  };
  return { name: source.name, length: source.length, read };
}

/** True where the bytes begin with the characters of `text`, each one byte. */
export function beginsWith(bytes: Uint8Array, text: string): boolean {
  return Array.from(text, (character) => character.charCodeAt(0)).every(
    (code, index) => bytes[index] === code,
  );
}

/** The parts, one after another. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
