import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { transitionCount, type Trajectories } from "../../src/core/index.ts";
import {
  initialState,
  lintFile,
  openDemonstrations,
  writeNpy,
  writeNpz,
  type LintReport,
  type NpyArray,
} from "../../src/demos/index.ts";
import { createHdf5Writer, type Hdf5Writer } from "../../src/demos/hdf5-writer.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { temporaryFolder } from "../cli/tandem.ts";
import { record } from "./lint-recordings.ts";

const ID = "HalfCheetah-v5";
const folder = temporaryFolder();
const place = (...names: string[]): string => join(folder.path, ...names);

let made: Trajectories;
let qpos: Float64Array;
let qvel: Float64Array;

beforeAll(async () => {
  const environment = await makeEnvironment(ID);
  made = record(environment, 2, 300);
  environment.reset({ seed: 100 });
  const state = environment.getState();
  [qpos, qvel] = [Float64Array.from(state.qpos), Float64Array.from(state.qvel)];
  environment.close();
}, 60_000);
afterAll(folder.remove);

/** The arrays of a recording, with these states at the starts of its two episodes. */
function arrays(positions: Float64Array): Record<string, NpyArray> {
  const rows = transitionCount(made);
  const ends = [...made.episodeStarts.subarray(1)];
  const finals = ends.flatMap((end) => [...made.nextObservations.subarray(17 * (end - 1), 17 * end)]);
  return {
    observations: { dtype: "f4", shape: [rows, 17], data: made.observations },
    actions: { dtype: "f4", shape: [rows, 6], data: made.actions },
    timeouts: { dtype: "b1", shape: [rows], data: made.truncated },
    final_observations: { dtype: "f4", shape: [2, 17], data: Float32Array.from(finals) },
    init_qpos: { dtype: "f8", shape: [2, 9], data: Float64Array.of(...positions, ...new Float64Array(9)) },
    init_qvel: { dtype: "f8", shape: [2, 9], data: Float64Array.of(...qvel, ...new Float64Array(9)) },
  };
}

async function lint(path: string): Promise<LintReport> {
  const file = await openDemonstrations(path);
  const environment = await makeEnvironment(ID);
  try {
    return await lintFile(file, { environment, simulate: true });
  } finally {
    environment.close();
    await file.close();
  }
}

async function stored(path: string): ReturnType<typeof initialState> {
  const file = await openDemonstrations(path);
  await file.close();
  return initialState(file);
}

describe("the state that a file holds", { timeout: 60_000 }, () => {
  test("starts the replay, which it then follows to the end", async () => {
    writeFileSync(place("states.npz"), writeNpz(arrays(qpos)));
    mkdirSync(place("states"));
    for (const [key, array] of Object.entries(arrays(qpos))) {
      writeFileSync(place("states", `${key}.npy`), writeNpy(array));
    }
    for (const name of ["states.npz", "states"]) {
      expect(await stored(place(name))).toEqual({ state: { qpos, qvel }, from: "init_qpos and init_qvel" });
      const { replay } = (await lint(place(name))).simulation!;
      expect(replay).toMatchObject({ from: "init_qpos and init_qvel", steps: 300, departsAt: null });
    }
  });

  test("is left alone where it is not that of the first observation, or of another body", async () => {
    const raised = qpos.slice();
    raised[3] += 0.01;
    writeFileSync(place("raised.npz"), writeNpz(arrays(raised)));
    expect((await lint(place("raised.npz"))).simulation!.replay!.from).toBe("its first observation");
    const other = {
      ...arrays(qpos),
      init_qpos: { dtype: "f8", shape: [2, 3], data: new Float64Array(6) },
    } as const;
    writeFileSync(place("other.npz"), writeNpz(other));
    expect((await lint(place("other.npz"))).simulation!.replay!.from).toBe("its first observation");
    const { init_qvel: _, ...half } = arrays(qpos);
    writeFileSync(place("half.npz"), writeNpz(half));
    expect(await stored(place("half.npz"))).toBeNull();
  });

  test("is found in HDF5, of D4RL and of Minari", async () => {
    const rows = transitionCount(made);
    const infos = (file: Hdf5Writer, group: string): void => {
      file.group(`${group}infos`);
      file.dataset(`${group}infos/qpos`, Float32Array.of(...qpos, ...new Float32Array(9)), [2, 9]);
      file.dataset(`${group}infos/qvel`, Float32Array.of(...qvel, ...new Float32Array(9)), [2, 9]);
    };
    const state = { qpos: qpos.map(Math.fround), qvel: qvel.map(Math.fround) };
    const flat = await createHdf5Writer(place("flat.hdf5"), "flat.hdf5");
    flat.dataset("observations", made.observations, [rows, 17]);
    flat.dataset("next_observations", made.nextObservations, [rows, 17]);
    flat.dataset("actions", made.actions, [rows, 6]);
    flat.dataset("terminals", made.terminated, [rows]);
    flat.dataset("timeouts", made.truncated, [rows]);
    infos(flat, "");
    flat.finish();
    expect(await stored(place("flat.hdf5"))).toEqual({ state, from: "infos/qpos and infos/qvel" });
    mkdirSync(place("set-v0", "data"), { recursive: true });
    const main = place("set-v0", "data", "main_data.hdf5");
    const grouped = await createHdf5Writer(main, main);
    grouped.group("episode_0");
    grouped.dataset("episode_0/observations", made.observations.slice(0, 17 * 11), [11, 17]);
    grouped.dataset("episode_0/actions", made.actions.slice(0, 60), [10, 6]);
    grouped.dataset("episode_0/rewards", made.rewards!.slice(0, 10), [10]);
    grouped.dataset("episode_0/terminations", new Uint8Array(10), [10]);
    grouped.dataset("episode_0/truncations", new Uint8Array(10), [10]);
    infos(grouped, "episode_0/");
    grouped.finish();
    expect(await stored(place("set-v0"))).toMatchObject({ state });
    expect((await lint(place("flat.hdf5"))).simulation!.replay!.from).toBe("infos/qpos and infos/qvel");
  });
});
