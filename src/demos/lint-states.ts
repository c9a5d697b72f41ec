/** The simulator's state at a recorded step, where the recording shows it. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Environment, EnvironmentState } from "../envs/index.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { openFileBytes } from "./file-bytes.ts";
import { readNpy, type NpyArray } from "./npy.ts";
import { npzKeys, openNpz, readNpzArray } from "./npz.ts";

/** The state that an observation shows, what it hides set to 0; null where it does not show enough. */
export function shownState(
  environment: Environment,
  observation: ArrayLike<number>,
): EnvironmentState | null {
  if (isClipped(environment.id, observation)) return null;
  if (environment.stateFromObservation) return environment.stateFromObservation(observation);
  return CLASSIC[environment.id.replace(/-v\d+$/, "")]?.(observation) ?? null;
}

/** States of classic control by the task's name. */
const CLASSIC: Readonly<Record<string, (observation: ArrayLike<number>) => EnvironmentState>> = {
  CartPole: (observation) => ({ state: observation }),
  MountainCar: (observation) => ({ state: observation }),
  Acrobot: ({ 0: cos1, 1: sin1, 2: cos2, 3: sin2, 4: velocity1, 5: velocity2 }) => ({
    state: [Math.atan2(sin1, cos1), Math.atan2(sin2, cos2), velocity1, velocity2],
  }),
};

/** Hopper and Walker2d show velocities within +-10: at a bound the true one is hidden. */
function isClipped(id: string, observation: ArrayLike<number>): boolean {
  return /^(Hopper|Walker2d)-/.test(id) && Array.from(observation).some((value) => Math.abs(value) === 10);
}

/** The state that the file holds for the beginning of its first episode; null where it holds none. */
export async function initialState(
  file: DemonstrationFile,
): Promise<{ state: EnvironmentState; from: string } | null> {
  const arrays = await initialArrays(file);
  if (!arrays) return null;
  const [qpos, qvel] = arrays.map(({ shape, data }) =>
    Float64Array.from(data as ArrayLike<number>).subarray(0, shape[1]),
  );
  return { state: { qpos, qvel }, from: INITIAL.join(" and ") };
}

/** Positions and velocities at the beginning of each episode, [episodes, coordinates]. */
const INITIAL = ["init_qpos", "init_qvel"];

async function initialArrays({ format, source }: DemonstrationFile): Promise<NpyArray[] | null> {
  if (format === "npy") {
    const paths = INITIAL.map((key) => join(source, `${key}.npy`));
    if (!paths.every((path) => existsSync(path))) return null;
    return Promise.all(paths.map(async (path) => readNpy(await readFile(path), path)));
  }
  if (format !== "npz" || !existsSync(source)) return null;
  const bytes = await openFileBytes(source);
  try {
    const archive = await openNpz(bytes);
    if (!INITIAL.every((key) => npzKeys(archive).includes(key))) return null;
    return [await readNpzArray(archive, INITIAL[0]), await readNpzArray(archive, INITIAL[1])];
  } finally {
    await bytes.close();
  }
}
