import { TandemError } from "../core/index.ts";
import { assembleDemonstrations, type ArrayStore, type Demonstrations } from "./layouts.ts";
import { looksLikeNpy } from "./npy.ts";
import { npzKeys, openNpz, readNpzArray, readNpzBytes, type NpzArchive } from "./npz.ts";

/** Names under which a file's own description is looked for, first one first. */
export const METADATA_NAMES = ["metadata.json", "meta.json"];

/**
 * The demonstrations in the bytes of a `.npz` file: {@link readDemonstrations} where there is no file system.
 *
 * @param source how errors call the file
 */
export async function parseDemonstrations(bytes: Uint8Array, source: string): Promise<Demonstrations> {
  if (!startsWith(bytes, "PK"))
    refuse(source, `expected a .npz file or a folder of .npy files, ${whatItIs(bytes)}`);
  const archive = openNpz(bytes, source);
  const keys = npzKeys(archive).filter((key) => archive.entries.has(`${key}.npy`));
  const store: ArrayStore = { source, keys, load: async (key) => readNpzArray(archive, key) };
  return assembleDemonstrations(store, archiveMetadata(archive));
}

function archiveMetadata(archive: NpzArchive): Record<string, unknown> {
  const name = METADATA_NAMES.find((candidate) => archive.entries.has(candidate));
  if (name) return parseMetadata(readNpzBytes(archive, name), `${archive.source}/${name}`);
  if (!archive.entries.has("metadata.npy")) return {};
  const { dtype, data } = readNpzArray(archive, "metadata");
  if (dtype !== "u1")
    refuse(archive.source, `metadata must be JSON as an array of uint8, got dtype ${dtype}`);
  return parseMetadata(data as Uint8Array, `${archive.source}/metadata.npy`);
}

/** A file's own description, which must be a JSON object. */
export function parseMetadata(bytes: Uint8Array, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TandemError("readDemonstrations", `${name}: expected JSON text; correct it or remove it`, {
      cause,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(name, 'expected a JSON object such as {"env": "Hopper-v5"}; correct it or remove it');
  }
  return value as Record<string, unknown>;
}

/** What a file that is no `.npz` seems to be, and what to do about it. */
function whatItIs(bytes: Uint8Array): string {
  if (bytes.length === 0) return "got an empty file; record it again";
  if (looksLikeNpy(bytes))
    return "got a single array; name the folder it lies in, or save all arrays with numpy.savez";
  if (startsWith(bytes, "\x89HDF")) return "got HDF5; load it in Python and save its arrays with numpy.savez";
  if (startsWith(bytes, "PAR1"))
    return "got Parquet; load it in Python and save its columns with numpy.savez";
  if (bytes[0] === 0x80 && bytes[1] <= 5) {
    return "got a Python pickle, which can run code; load it in Python and save its arrays with numpy.savez";
  }
  if (startsWith(bytes, "version https://git-lfs"))
    return "got a Git LFS pointer; fetch the file with git lfs pull";
  const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `got a file that begins with the bytes ${start.join(" ")}; save the arrays with numpy.savez`;
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Array.from(text, (character) => character.charCodeAt(0)).every(
    (code, index) => bytes[index] === code,
  );
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}
