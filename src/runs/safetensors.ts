import { TandemError } from "../core/index.ts";

/**
 * Float32 arrays as a safetensors file: an 8-byte little-endian header length, a JSON header of
 * { name: { dtype, shape, data_offsets } } and of texts under `__metadata__`, then the data. Arrays are stored flat.
 */
export function encodeSafetensors(
  arrays: Record<string, Float32Array>,
  metadata: Record<string, string>,
): Uint8Array {
  const header: Record<string, unknown> = { [METADATA]: metadata };
  let offset = 0;
  for (const [name, { length, byteLength }] of Object.entries(arrays)) {
    header[name] = { dtype: "F32", shape: [length], data_offsets: [offset, offset + byteLength] };
    offset += byteLength;
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const bytes = new Uint8Array(8 + text.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  let position = 8 + text.length;
  for (const array of Object.values(arrays)) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), position);
    position += array.byteLength;
  }
  return bytes;
}

/** The header's key for texts. */
const METADATA = "__metadata__";

/** What a safetensors file holds, copied out. */
export interface Safetensors {
  arrays: Record<string, Float32Array>;
  metadata: Record<string, string>;
}

/** Read a safetensors file. `source` names it in errors. */
export function decodeSafetensors(bytes: Uint8Array, source: string): Safetensors {
  const broken = (detail: string): TandemError =>
    new TandemError(
      "decodeSafetensors",
      `${source} is not a whole safetensors file (${detail}); the file is damaged`,
    );
  if (bytes.length < 8) throw broken(`${bytes.length} bytes`);
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (headerLength > bytes.length - 8) throw broken(`its header claims ${headerLength} bytes`);
  // As a plain Uint8Array: the slices of a Buffer would be views into the whole file.
  const data = new Uint8Array(
    bytes.buffer,
    bytes.byteOffset + 8 + headerLength,
    bytes.length - 8 - headerLength,
  );
  let header: Record<string, { dtype?: unknown; data_offsets?: [number, number] }>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)));
  } catch {
    throw broken("its header is not JSON");
  }
  const arrays: Record<string, Float32Array> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA) continue;
    const [from, to] = entry?.data_offsets ?? [0, -1];
    const whole =
      entry?.dtype === "F32" && from >= 0 && to >= from && to <= data.length && (to - from) % 4 === 0;
    if (!whole) throw broken(`tensor ${name} does not fit`);
    arrays[name] = new Float32Array(data.slice(from, to).buffer);
  }
  const metadata = (header[METADATA] ?? {}) as Record<string, string>;
  return { arrays, metadata };
}
