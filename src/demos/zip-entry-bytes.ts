import { TandemError } from "../core/index.ts";
import { readBytes, type ByteSource } from "./byte-source.ts";
import { checksumAfter } from "./checksum.ts";

/** Packed bytes that are handed to the inflater at once. */
const PACKED_BLOCK = 2 ** 16;

/** A stored entry. What is read in order from the start is checked against `checksum` when the end is reached. */
export function storedBytes(stored: ByteSource, checksum: number): ByteSource {
  const { name, length } = stored;
  let checked = 0;
  let sum = 0;
  const read = async (offset: number, target: Uint8Array): Promise<void> => {
    await stored.read(offset, target);
    const end = offset + target.length;
    if (offset > checked || end <= checked) return;
    sum = checksumAfter(sum, target.subarray(checked - offset));
    checked = end;
    if (checked === length && sum !== checksum) refuseChecksum(name);
  };
  return { name, length, read };
}

/**
 * A deflated entry, unpacked as it is read: forwards from where the last read ended, or again from the start. One chunk
 * is held. The checksum is compared when the end is reached.
 */
export function inflatedBytes(packed: ByteSource, length: number, checksum: number): ByteSource {
  const { name } = packed;
  let chunks: ReadableStreamDefaultReader<Uint8Array> | null = null;
  let chunk: Uint8Array = new Uint8Array(0);
  let start = 0;
  let sum = 0;

  const rewind = (): void => {
    chunks?.cancel().catch(() => {});
    chunks = chunksOf(packed)
      .pipeThrough(new DecompressionStream("deflate-raw") as TransformStream<Uint8Array, Uint8Array>)
      .getReader();
    [chunk, start, sum] = [new Uint8Array(0), 0, 0];
  };
  const advance = async (): Promise<void> => {
    const { value } = await chunks!.read().catch((cause: unknown) => refuseDamage(name, cause));
    start += chunk.length;
    chunk = value ?? new Uint8Array(0);
    if (!value || start + chunk.length > length) refuseDamage(name, null);
    sum = checksumAfter(sum, chunk);
    if (start + chunk.length === length && sum !== checksum) refuseChecksum(name);
  };
  const read = async (offset: number, target: Uint8Array): Promise<void> => {
    if (!chunks || offset < start) rewind();
    let filled = 0;
    while (filled < target.length) {
      const at = offset + filled - start;
      if (at >= chunk.length) await advance();
      else {
        const part = chunk.subarray(at, at + target.length - filled);
        target.set(part, filled);
        filled += part.length;
      }
    }
  };
  return { name, length, sequential: true, read };
}

function chunksOf(packed: ByteSource): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream({
    pull: async (controller) => {
      const end = Math.min(packed.length, offset + PACKED_BLOCK);
      if (offset === end) return controller.close();
      controller.enqueue(await readBytes(packed, offset, end));
      offset = end;
    },
  });
}

function refuseChecksum(name: string): never {
  throw new TandemError(
    "readNpz",
    `${name}: does not match its checksum; the file is damaged, copy it again`,
  );
}

function refuseDamage(name: string, cause: unknown): never {
  throw new TandemError("readNpz", `${name}: cannot be unpacked; the file is damaged, copy it again`, {
    cause,
  });
}
