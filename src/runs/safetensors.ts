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
  const header = objectIn(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)));
  if (!header) throw broken("its header is no JSON object");
  const { [METADATA]: metadata = {}, ...tensors } = header;
  if (!isTexts(metadata)) throw broken(`its ${METADATA} holds other things than texts`);
  let left = data.length;
  const arrays = Object.entries(tensors).map(([name, entry]): [string, Float32Array] => {
    const place = placeOf(entry);
    // Arrays do not overlap, so that together they are no longer than the file.
    if (!place || place.to > data.length || (left -= place.to - place.from) < 0)
      throw broken(`tensor ${name} does not fit`);
    return [name, new Float32Array(data.slice(place.from, place.to).buffer)];
  });
  return { arrays: Object.fromEntries(arrays), metadata };
}

function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === "string");
}

/** Where the numbers of a tensor begin and end, bytes; null where its entry does not say so. */
function placeOf(entry: unknown): { from: number; to: number } | null {
  if (!isObject(entry) || entry.dtype !== "F32") return null;
  const { shape, data_offsets: offsets } = entry;
  if (![shape, offsets].every((list) => Array.isArray(list) && list.every(Number.isSafeInteger))) return null;
  const [from, to, ...more] = offsets as number[];
  const bytes = (shape as number[]).reduce((product, extent) => product * extent, 4);
  return from >= 0 && to >= from && more.length === 0 && to - from === bytes ? { from, to } : null;
}
