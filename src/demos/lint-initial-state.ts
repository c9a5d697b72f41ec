/** The simulator's state at the start of a recording, where its file has it beside the steps. */
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { EnvironmentState } from "../envs/index.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { openFileBytes } from "./file-bytes.ts";
import { openHdf5File } from "./hdf5-file.ts";
import { numbersIn } from "./hdf5-numbers.ts";
import { readNpy } from "./npy.ts";
import { npzKeys, openNpz, readNpzArray } from "./npz.ts";

/** Positions and velocities, and the names they go by. */
export interface InitialState {
  readonly state: EnvironmentState;
  /** `init_qpos and init_qvel`. */
  readonly from: string;
}

/** Names of positions and velocities: at the start of each episode, or at each step. */
const NAMES = {
  npy: ["init_qpos", "init_qvel"],
  npz: ["init_qpos", "init_qvel"],
  d4rl: ["infos/qpos", "infos/qvel"],
  minari: ["episode_0/infos/qpos", "episode_0/infos/qvel"],
} as const;

/** The state that the file holds for the beginning of its first episode; null where it holds none. */
export async function initialState({ format, source }: DemonstrationFile): Promise<InitialState | null> {
  if (!(format in NAMES) || !existsSync(source)) return null;
  const names = NAMES[format as keyof typeof NAMES];
  const rows = await READERS[format as keyof typeof NAMES](source, names);
  if (!rows) return null;
  return { state: { qpos: rows[0], qvel: rows[1] }, from: names.join(" and ") };
}

/** Reads the first row of arrays; null where one of them is not there. */
type FirstRows = (source: string, names: readonly string[]) => Promise<Float64Array[] | null>;

const READERS: Readonly<Record<keyof typeof NAMES, FirstRows>> = {
  npy: async (folder, names) => {
    const paths = names.map((name) => join(folder, `${name}.npy`));
    if (!paths.every((path) => existsSync(path))) return null;
    return Promise.all(paths.map(async (path) => firstRow(readNpy(await readFile(path), path))));
  },
  npz: async (path, names) => {
    const bytes = await openFileBytes(path);
    try {
      const archive = await openNpz(bytes);
      if (!names.every((name) => npzKeys(archive).includes(name))) return null;
      return await inTurn(names, async (name) => firstRow(await readNpzArray(archive, name)));
    } finally {
      await bytes.close();
    }
  },
  d4rl: hdf5Rows,
  minari: hdf5Rows,
};

async function hdf5Rows(source: string, names: readonly string[]): Promise<Float64Array[] | null> {
  const main = [source, join(source, "main_data.hdf5"), join(source, "data", "main_data.hdf5")].find(
    (path) => existsSync(path) && statSync(path).isFile(),
  );
  if (main === undefined) return null;
  const file = await openHdf5File(main, source, statSync(main).size);
  try {
    const objects = await file.describe(names.map((name) => `/${name}`));
    const rows = await inTurn(objects, async (object) => {
      if (object.kind !== "dataset" || object.type === null || object.shape.length !== 2) return null;
      return Float64Array.from(numbersIn(await file.read(object, 0, 1), object.type), Number);
    });
    return rows.every((row) => row !== null) ? rows : null;
  } finally {
    await file.close();
  }
}

function firstRow({
  shape,
  data,
}: {
  shape: readonly number[];
  data: ArrayLike<number | bigint>;
}): Float64Array {
  return Float64Array.from({ length: shape[1] ?? 0 }, (_, at) => Number(data[at]));
}

async function inTurn<T, R>(items: readonly T[], each: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await each(item));
  return results;
}
