/** Damage to HDF5: its superblock, the nodes of its trees and heaps, and the addresses that lead from one to another. */
import { nextInteger, nextUniform } from "../../src/core/index.ts";
import { asText, damageBytes, edge, oneOf, withInteger, type Damage } from "./damage-bytes.ts";

/** Signatures of what lies in a file. */
const NODES =
  /\x89HDF|TREE|SNOD|HEAP|GCOL|OHDR|OCHK|FRHP|FHDB|FHIB|BTHD|BTLF|BTIN|FADB|FAHD|EAHD|EAIB|EASB|EADB/g;

/** Bytes after a signature that are its node's. */
const NODE_BYTES = 96;

interface Places {
  readonly nodes: readonly number[];
  /** Where eight bytes are the place of something in the file. */
  readonly addresses: readonly number[];
}

const known = new WeakMap<Uint8Array, Places>();

function placesIn(bytes: Uint8Array): Places {
  const found = known.get(bytes);
  if (found) return found;
  const nodes = [...asText(bytes).matchAll(NODES)].map(({ index }) => index);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const addresses: number[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const value = view.getBigUint64(at, true);
    if (value > 0n && value < BigInt(bytes.length)) addresses.push(at);
  }
  const places = { nodes, addresses };
  known.set(bytes, places);
  return places;
}

export const damageHdf5: Damage = (bytes, stream, others) => {
  const { nodes, addresses } = placesIn(bytes);
  const kind = nextInteger(stream, 8);
  if (kind < 3 && nodes.length > 0) {
    const at = oneOf(nodes, stream) + nextInteger(stream, NODE_BYTES);
    return withInteger(bytes, at, oneOf([1, 2, 4, 8], stream), edge(stream));
  }
  if (kind < 6 && addresses.length > 0) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const elsewhere = Number(view.getBigUint64(oneOf(addresses, stream), true));
    const value = nextUniform(stream) < 0.7 ? elsewhere : edge(stream);
    return withInteger(bytes, oneOf(addresses, stream), 8, value);
  }
  return damageBytes(bytes, stream, others);
};
