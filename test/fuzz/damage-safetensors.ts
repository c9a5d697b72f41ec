/** Damage to safetensors: the header's length, its JSON, and the state that a checkpoint keeps in it as JSON in JSON. */
import { nextInteger, nextUniform, type RandomStream } from "../../src/core/index.ts";
import { damageBytes, edge, withInteger, type Damage } from "./damage-bytes.ts";
import { damagedJson } from "./damage-json.ts";

export const damageSafetensors: Damage = (bytes, stream, others) => {
  const kind = nextInteger(stream, 8);
  if (kind === 0) return withInteger(bytes, 0, 8, edge(stream));
  if (kind === 1 || bytes.length < 8) return damageBytes(bytes, stream, others);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (!(length <= bytes.length - 8)) return damageBytes(bytes, stream, others);
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const damaged = new TextEncoder().encode(kind < 5 ? damagedState(text, stream) : damagedJson(text, stream));
  const result = new Uint8Array(8 + damaged.length + bytes.length - 8 - length);
  result.set(damaged, 8);
  result.set(bytes.subarray(8 + length), 8 + damaged.length);
  return withInteger(result, 0, 8, nextUniform(stream) < 0.95 ? damaged.length : edge(stream));
};

/** Of a checkpoint, what its `state` says; of others, the header. */
function damagedState(text: string, stream: RandomStream): string {
  try {
    const header = JSON.parse(text) as { __metadata__: { state: string } };
    header.__metadata__.state = damagedJson(header.__metadata__.state, stream);
    return JSON.stringify(header);
  } catch {
    return damagedJson(text, stream);
  }
}
