import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { TandemError } from "../core/index.ts";
import { assembleDemonstrations, type ArrayStore, type Demonstrations } from "./layouts.ts";
import { looksLikeNpy, NPY_MAX_BYTES, readNpy } from "./npy.ts";
import { npzKeys, openNpz, readNpzArray, readNpzBytes, type NpzArchive } from "./npz.ts";

/** Names under which a file's own description is looked for, first one first. */
const METADATA_NAMES = ["metadata.json", "meta.json"];

/**
 * The demonstrations in a `.npz` file or in a folder of `.npy` files, in any of the layouts of {@link LayoutName}.
 * Whatever is wrong with them is refused with a {@link TandemError} of one line; whatever had to be decided is said in
 * `warnings`.
 */
export async function readDemonstrations(path: string): Promise<Demonstrations> {
  const found = await orRefuse(path, () => stat(path));
  if (found.isDirectory()) return readFolder(path);
  if (!found.isFile())
    refuse(path, "expected a .npz file or a folder of .npy files, got neither; check the path");
  return parseDemonstrations(await readWhole(path, found.size), path);
}

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

async function readFolder(folder: string): Promise<Demonstrations> {
  const names = (await orRefuse(folder, () => readdir(folder))).sort();
  const keys = names.filter((name) => name.endsWith(".npy")).map((name) => name.slice(0, -4));
  if (keys.length === 0) refuse(folder, `expected a folder of .npy files, found none in it${hint(names)}`);
  const load: ArrayStore["load"] = async (key) => {
    const path = join(folder, `${key}.npy`);
    const { size } = await orRefuse(path, () => stat(path));
    return readNpy(await readWhole(path, size), path);
  };
  const described = METADATA_NAMES.find((name) => names.includes(name));
  if (!described) return assembleDemonstrations({ source: folder, keys, load }, {});
  const path = join(folder, described);
  const metadata = parseMetadata(await orRefuse(path, () => readFile(path)), path);
  return assembleDemonstrations({ source: folder, keys, load }, metadata);
}

async function readWhole(path: string, size: number): Promise<Uint8Array> {
  if (size > NPY_MAX_BYTES)
    refuse(path, `expected at most ${NPY_MAX_BYTES} bytes, got ${size}; split the recording`);
  return orRefuse(path, () => readFile(path));
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

function parseMetadata(bytes: Uint8Array, name: string): Record<string, unknown> {
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

function hint(names: readonly string[]): string {
  const archive = names.find((name) => name.endsWith(".npz"));
  if (archive) return `, but there is ${archive}: name that file`;
  const dataset = names.find((name) => name.endsWith(".arrow"));
  if (dataset)
    return `, but there is ${dataset}: load the dataset in Python and save its arrays with numpy.savez`;
  return "; check the path";
}

async function orRefuse<T>(path: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem =
      code === "ENOENT"
        ? "expected a .npz file or a folder of .npy files, found nothing there; check the path"
        : `cannot be read (${code ?? String(cause)}); check its permissions`;
    throw new TandemError("readDemonstrations", `${path}: ${problem}`, { cause });
  }
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Array.from(text, (character) => character.charCodeAt(0)).every(
    (code, index) => bytes[index] === code,
  );
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}
