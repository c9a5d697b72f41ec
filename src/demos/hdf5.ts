import { stat } from "node:fs/promises";
import { join } from "node:path";
import { TandemError } from "../core/index.ts";
import { openD4rl } from "./d4rl-reader.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { inFile } from "./episodes.ts";
import { reading } from "./file-bytes.ts";
import { openHdf5File, type Hdf5File } from "./hdf5-file.ts";
import { isEpisode, openMinari } from "./minari-reader.ts";
import { printable } from "./printable.ts";

/** Where the steps of a Minari data set lie: in its folder's `data`. */
const MINARI_FILES = [join("data", "main_data.hdf5"), "main_data.hdf5"];

/**
 * Opens an HDF5 file of Minari or D4RL, told apart by their content, or the folder of a Minari data set. Only lengths and
 * end flags are read now.
 *
 * @param patience how long the HDF5 library may take over one request before the file counts as damaged, milliseconds
 */
export async function openHdf5(path: string, patience?: number): Promise<DemonstrationFile> {
  const { main, length } = await mainFile(path);
  const file = await openHdf5File(main, path, length, patience);
  try {
    return await inFile(path, () => openLayout(file, main));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What lies in an open file, told apart by its names. */
export async function openLayout(file: Hdf5File, main: string): Promise<DemonstrationFile> {
  const names = await file.names("/");
  if (names.some(isEpisode)) return openMinari(file, main, names);
  if (names.includes("observations") && names.includes("actions")) return openD4rl(file);
  const problem = `expected groups episode_0, ... (Minari) or datasets observations and actions (D4RL), found ${printable(names.join(", ")) || "nothing"}; save it as one of these`;
  throw new TandemError("readDemonstrations", problem);
}

async function mainFile(path: string): Promise<{ main: string; length: number }> {
  const found = await reading(path, () => stat(path));
  if (!found.isDirectory()) return { main: path, length: found.size };
  for (const name of MINARI_FILES) {
    const main = join(path, name);
    const inside = await stat(main).catch(() => null);
    if (inside?.isFile()) return { main, length: inside.size };
  }
  const problem = `expected the folder of a Minari data set, found no ${MINARI_FILES.join(" or ")} in it; name the file`;
  throw new TandemError("readDemonstrations", `${path}: ${problem}`);
}
