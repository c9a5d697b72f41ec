import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { TandemError } from "../core/index.ts";
import { assembleDemonstrations, type ArrayStore, type Demonstrations } from "./layouts.ts";
import { NPY_MAX_BYTES, readNpy } from "./npy.ts";
import { METADATA_NAMES, parseDemonstrations, parseMetadata } from "./parse.ts";

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

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}
