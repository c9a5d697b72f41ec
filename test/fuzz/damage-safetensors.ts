/** Damage to safetensors: the header's length, its JSON, and the state that a checkpoint keeps in it as JSON in JSON. */
import { nextInteger, nextUniform, type RandomStream } from "../../src/core/index.ts";
import { checksumOf } from "../../src/runs/checkpoint.ts";
import { decodeSafetensors } from "../../src/runs/safetensors.ts";
import { damageBytes, edge, withInteger, type Damage } from "./damage-bytes.ts";
import { damagedJson } from "./damage-json.ts";

export const damageSafetensors: Damage = (bytes, stream, others) => {
  const kind = nextInteger(stream, 8);
  if (kind === 0) return withInteger(bytes, 0, 8, edge(stream));
  if (kind === 1 || bytes.length < 8) return damageBytes(bytes, stream, others);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (!(length <= bytes.length - 8)) return damageBytes(bytes, stream, others);
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const damaged = new TextEncoder().encode(
    kind < 5 ? damagedState(bytes, text, stream) : damagedJson(text, stream),
  );
  const result = new Uint8Array(8 + damaged.length + bytes.length - 8 - length);
  result.set(damaged, 8);
  result.set(bytes.subarray(8 + length), 8 + damaged.length);
  return withInteger(result, 0, 8, nextUniform(stream) < 0.95 ? damaged.length : edge(stream));
};

/** Of a checkpoint, what its `state` says, with the checksum that it then has; of others, the header. */
function damagedState(bytes: Uint8Array, text: string, stream: RandomStream): string {
  try {
    const header = JSON.parse(text) as { __metadata__: { state: string; sha256: string } };
    const { __metadata__: metadata } = header;
    metadata.state = damagedJson(metadata.state, stream);
    metadata.sha256 = checksumOf(decodeSafetensors(bytes, "state").arrays, metadata.state);
    return JSON.stringify(header);
  } catch {
    return damagedJson(text, stream);
  }
}
