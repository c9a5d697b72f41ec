import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import {
  parseDemonstrations,
  readDemonstrations,
  writeNpy,
  writeNpz,
  type NpyArray,
} from "../../src/demos/index.ts";
import { countingEpisodes, floats, golden } from "./recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-read-"));
afterAll(() => rmSync(folder, { recursive: true }));

const COUNTING = countingEpisodes([3, 2]);

/** The counting episodes in the plain layout. */
function plain(): Record<string, NpyArray | Uint8Array> {
  return {
    observations: floats([5, 2], COUNTING.observations),
    actions: floats([5, 1], COUNTING.actions),
    rewards: floats([5], COUNTING.rewards!),
    dones: floats([5], [0, 0, 1, 0, 0]),
    timeouts: floats([5], [0, 0, 0, 0, 1]),
    final_observations: floats([2, 2], [3, -3, 12, -2]),
  };
}

function without<T>(record: Record<string, T>, ...keys: string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));
}

async function parse(entries: Record<string, NpyArray | Uint8Array>): ReturnType<typeof parseDemonstrations> {
  return parseDemonstrations(writeNpz(entries), "x.npz");
}

/** Writes the arrays as a folder of .npy files and gives its path. */
function folderOf(name: string, entries: Record<string, NpyArray | Uint8Array>): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [key, value] of Object.entries(entries)) {
    if (value instanceof Uint8Array) writeFileSync(join(path, key), value);
    else writeFileSync(join(path, `${key}.npy`), writeNpy(value));
  }
  return path;
}

/** The counting observations with one entry replaced. */
function spoilt(at: number, value: number): NpyArray {
  const data = Float32Array.from(COUNTING.observations);
  data[at] = value;
  return floats([5, 2], data);
}

/** What reading a file of this content is refused with. */
async function refusal(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  writeFileSync(path, content);
  return readDemonstrations(path).then(
    () => "accepted",
    (error: unknown) => (error instanceof TandemError ? error.message : String(error)),
  );
}

describe("layouts", () => {
  test("plain, written by numpy, with metadata as bytes", async () => {
    const read = await readDemonstrations(golden("plain.npz"));
    expect(read).toEqual({
      trajectories: COUNTING,
      env: "Counting-v0",
      source: golden("plain.npz"),
      layout: "plain",
      metadata: { env: "Counting-v0" },
      warnings: [],
    });
  });

  test("plain as a folder of .npy files with a meta.json", async () => {
    const metadata = new TextEncoder().encode('{"env_id": "Counting-v1", "seeds": [1, 2]}');
    const read = await readDemonstrations(folderOf("plain", { ...plain(), "meta.json": metadata }));
    expect(read.trajectories).toEqual(COUNTING);
    expect(read.env).toBe("Counting-v1");
    expect(read.metadata).toEqual({ env_id: "Counting-v1", seeds: [1, 2] });
    expect(read.warnings).toEqual([]);
  });

  test("imitation-trajectories: a last observation for each episode, infos left pickled", async () => {
    const read = await readDemonstrations(golden("imitation-trajectories.npz"));
    expect(read.layout).toBe("imitation-trajectories");
    expect(read.trajectories).toEqual(COUNTING);
    expect(read.env).toBeNull();
    expect(read.warnings).toEqual([
      "terminal does not tell a time limit from the task's end: every marked end is taken as a termination, where values do not bootstrap.",
    ]);
  });

  test("imitation-transitions: next observations as they stand, a last episode without an end cut", async () => {
    const read = await readDemonstrations(golden("imitation-transitions.npz"));
    expect(read.layout).toBe("imitation-transitions");
    expect(read.trajectories).toEqual({
      ...COUNTING,
      rewards: null,
      terminated: Uint8Array.of(0, 0, 1, 0, 1),
      truncated: new Uint8Array(5),
    });
    expect(read.warnings).toHaveLength(1);
  });

  test("stable-baselines: the last step of each episode has no next observation and is dropped", async () => {
    const read = await readDemonstrations(golden("stable-baselines.npz"));
    expect(read.layout).toBe("stable-baselines");
    expect(read.trajectories).toEqual({
      observationSize: 2,
      actionSize: 1,
      observations: Float32Array.of(0, 0, 1, -1, 10, 0),
      actions: Float32Array.of(0, 0.1, 0),
      nextObservations: Float32Array.of(1, -1, 2, -2, 11, -1),
      rewards: Float32Array.of(0, 1, 1),
      terminated: new Uint8Array(3),
      truncated: Uint8Array.of(0, 1, 1),
      episodeStarts: Uint32Array.of(0, 2, 3),
    });
    expect(read.warnings).toEqual([
      "No final observations: the last step of each of the 2 episodes was dropped, and each now ends cut (truncated) one step early.",
    ]);
  });

  test("plain without final observations drops the ends; an episode of one step is lost", async () => {
    const read = await parse({
      observations: floats([4, 1], [0, 1, 5, 6]),
      actions: floats([4], [1, 2, 3, 4]),
      dones: floats([4], [0, 1, 1, 0]),
      timeouts: floats([4], [0, 0, 0, 1]),
    });
    // Episodes {0, 1}, {5}, {6}: only the first keeps a step.
    expect(read.trajectories.observations).toEqual(Float32Array.of(0));
    expect(read.trajectories.nextObservations).toEqual(Float32Array.of(1));
    expect(read.trajectories.actions).toEqual(Float32Array.of(1));
    expect(read.trajectories.truncated).toEqual(Uint8Array.of(1));
    expect(read.trajectories.rewards).toBeNull();
    expect(read.warnings).toContain("2 episodes of a single step were lost by this.");
  });

  test("a last episode without an end mark and without a final observation loses its last step only", async () => {
    const read = await parse({
      ...plain(),
      timeouts: floats([5], [0, 0, 0, 0, 0]),
      final_observations: floats([1, 2], [3, -3]),
    });
    expect(read.trajectories.nextObservations).toEqual(Float32Array.of(1, -1, 2, -2, 3, -3, 11, -1));
    expect(read.trajectories.terminated).toEqual(Uint8Array.of(0, 0, 1, 0));
    expect(read.trajectories.truncated).toEqual(Uint8Array.of(0, 0, 0, 1));
    expect(read.trajectories.episodeStarts).toEqual(Uint32Array.of(0, 3, 4));
    expect(read.warnings).toEqual([
      "The last episode has no end mark: taken as cut there (truncated).",
      "The last episode has no final observation: its last step was dropped.",
    ]);
  });

  test("D4RL's names, whose terminals go before dones", async () => {
    const d4rl = { ...plain(), terminals: floats([5], [0, 0, 1, 0, 0]), dones: floats([5], [0, 0, 1, 0, 1]) };
    expect((await parse(d4rl)).trajectories).toEqual(COUNTING);
  });

  test("plain without timeouts says that ends are taken as terminations", async () => {
    const read = await parse(without(plain(), "timeouts"));
    expect(read.trajectories.truncated).toEqual(Uint8Array.of(0, 0, 0, 0, 1));
    expect(read.warnings).toEqual([
      "The last episode has no end mark: taken as cut there (truncated).",
      "There are no timeouts: every marked end is taken as a termination, where values do not bootstrap.",
    ]);
  });

  test("observations of several axes are flattened; integers, doubles and booleans become float32", async () => {
    const read = await parse({
      observations: { dtype: "f8", shape: [2, 2, 2], data: Float64Array.of(0.1, 1, 2, 3, 4, 5, 6, 7) },
      actions: { dtype: "i8", shape: [2], data: BigInt64Array.of(3n, -1n) },
      dones: { dtype: "b1", shape: [2, 1], data: Uint8Array.of(0, 1) },
      timeouts: { dtype: "b1", shape: [2], data: Uint8Array.of(0, 0) },
      final_observations: floats([1, 4], [8, 9, 10, 11]),
    });
    expect(read.trajectories.observationSize).toBe(4);
    expect(read.trajectories.actionSize).toBe(1);
    expect(read.trajectories.observations[0]).toBe(Math.fround(0.1));
    expect(read.trajectories.actions).toEqual(Float32Array.of(3, -1));
  });

  test("keys that were not read are named, those of a simulator's start are not", async () => {
    const read = await parse({ ...plain(), init_qpos: floats([1], [0]), "infos/qpos": floats([1], [0]) });
    expect(read.warnings).toEqual(["Keys that were not read: infos/qpos."]);
  });
});

describe("refusals of what the arrays hold", () => {
  const sb = {
    obs: floats([3, 1], [0, 1, 2]),
    actions: floats([3, 1], [0, 1, 2]),
    episode_starts: floats([3], [1, 0, 0]),
  };
  const trajectories = {
    obs: floats([7, 1], [0, 1, 2, 3, 4, 5, 6]),
    acts: floats([5, 1], [0, 1, 2, 3, 4]),
    indices: { dtype: "i8", shape: [1], data: BigInt64Array.of(3n) } as NpyArray,
    terminal: { dtype: "b1", shape: [2], data: Uint8Array.of(1, 0) } as NpyArray,
  };
  const lerobot = {
    "observation.state": floats([4, 1], [0, 1, 2, 3]),
    action: floats([4, 1], [0, 1, 2, 3]),
    episode_index: floats([4], [5, 5, 7, 7]),
    frame_index: floats([4], [0, 1, 0, 1]),
  };
  const cases: [string, Record<string, NpyArray | Uint8Array>, RegExp][] = [
    [
      "unknown keys",
      { states: floats([1], [0]), moves: floats([1], [0]) },
      /expected the keys observations, actions, dones\|terminals\|timeouts\|episode_lengths \(plain\) or obs, acts, indices.* found states, moves/,
    ],
    ["no arrays", { "readme.txt": Uint8Array.of(1) }, /found no arrays/],
    [
      "rows of actions that disagree",
      { ...plain(), actions: floats([4, 1], [0, 1, 2, 3]) },
      /actions must have 5 rows as in observations, got shape \[4, 1\]/,
    ],
    [
      "rows of rewards that disagree",
      { ...plain(), rewards: floats([6], [0, 1, 2, 3, 4, 5]) },
      /rewards must have 5 rows/,
    ],
    ["rows of flags that disagree", { ...plain(), dones: floats([1], [1]) }, /dones must have 5 rows/],
    [
      "rewards of two columns",
      { ...plain(), rewards: floats([5, 2], new Float32Array(10)) },
      /rewards must have 1 columns/,
    ],
    [
      "too few final observations",
      { ...plain(), final_observations: floats([1, 2], [3, -3]) },
      /final_observations must have 2 rows, one for each episode that the end flags mark, got 1/,
    ],
    [
      "final observations of another size",
      { ...plain(), final_observations: floats([2, 3], new Float32Array(6)) },
      /final_observations must have 2 columns/,
    ],
    [
      "next observations of another size",
      { ...plain(), next_observations: floats([5, 1], new Float32Array(5)) },
      /next_observations must have 2 columns/,
    ],
    [
      "a single value",
      { ...plain(), observations: floats([], [1]) },
      /must have one row per step, got a single value/,
    ],
    [
      "no columns",
      { ...plain(), observations: floats([5, 0], []) },
      /at least one column, got shape \[5, 0\]/,
    ],
    [
      "NaN",
      { ...plain(), observations: spoilt(5, NaN) },
      /observations must be finite, got 1 entry that is NaN, infinite or beyond float32, the first in row 2, column 1 \(NaN\)/,
    ],
    [
      "infinite actions",
      { ...plain(), actions: floats([5, 1], [0, -Infinity, 0, NaN, 0]) },
      /actions must be finite, got 2 entries .* row 1, column 0 \(-Infinity\)/,
    ],
    [
      "NaN in final observations",
      { ...plain(), final_observations: floats([2, 2], [NaN, 0, 0, 0]) },
      /final_observations must be finite/,
    ],
    [
      "values beyond float32",
      { ...plain(), actions: { dtype: "f8", shape: [5, 1], data: Float64Array.of(0, 1e39, 0, 0, 0) } },
      /beyond float32, the first in row 1/,
    ],
    [
      "flags that are no flags",
      { ...plain(), dones: floats([5], [0, 0, 2, 0, 1]) },
      /dones must be 0 or 1, got 2 in row 2/,
    ],
    [
      "zero rows",
      { ...plain(), observations: floats([0, 2], []), actions: floats([0, 1], []) },
      /at least one episode, observations has 0 rows/,
    ],
    [
      "only episodes of one step and no final observations",
      { observations: floats([1, 1], [0]), actions: floats([1], [0]), dones: floats([1], [1]) },
      /every episode has a single step and no final observation/,
    ],
    [
      "lengths that do not add up",
      { ...plain(), episode_lengths: { dtype: "i4", shape: [2], data: Int32Array.of(3, 3) } },
      /episode_lengths must add up to the 5 rows of observations, got 6/,
    ],
    [
      "a length of 0",
      { ...plain(), episode_lengths: { dtype: "i4", shape: [3], data: Int32Array.of(3, 0, 2) } },
      /whole numbers of at least 1, got 0 in row 1/,
    ],
    [
      "fractional lengths",
      { ...plain(), episode_lengths: floats([2], [2.5, 2.5]) },
      /whole numbers of at least 1, got 2\.5/,
    ],
    [
      "lengths in a table",
      { ...plain(), episode_lengths: floats([1, 2], [3, 2]) },
      /must be a list of whole numbers/,
    ],
    [
      "imitation: obs without last rows",
      { ...trajectories, obs: floats([5, 1], [0, 1, 2, 3, 4]) },
      /obs must have 7 rows \(the rows of acts and a last observation for each episode\), got shape \[5, 1\]/,
    ],
    [
      "imitation: indices beyond the rows",
      { ...trajectories, indices: { dtype: "i8", shape: [1], data: BigInt64Array.of(5n) } },
      /indices must ascend between 1 and 4/,
    ],
    [
      "imitation: indices near 2^32",
      { ...trajectories, indices: { dtype: "i8", shape: [1], data: BigInt64Array.of(4294967299n) } },
      /indices must ascend between 1 and 4/,
    ],
    [
      "imitation: terminal of another length",
      { ...trajectories, terminal: { dtype: "b1", shape: [1], data: Uint8Array.of(1) } },
      /terminal must have 2 rows for 2 episodes/,
    ],
    [
      "imitation: no rows",
      { ...trajectories, acts: floats([0, 1], []) },
      /at least one episode, acts has 0 rows/,
    ],
    [
      "lerobot: steps that do not follow one another",
      { ...lerobot, frame_index: floats([4], [0, 2, 0, 1]) },
      /frame_index must count up, got 2 after 0 in row 1/,
    ],
    [
      "lerobot: episodes that come back",
      { ...lerobot, episode_index: floats([4], [5, 5, 4, 4]) },
      /episode_index must ascend, got 4 after 5 in row 2/,
    ],
    [
      "stable-baselines: a first row that begins no episode",
      { ...sb, episode_starts: floats([3], [0, 1, 0]) },
      /episode_starts must be 1 in row 0, got 0/,
    ],
    [
      "stable-baselines: returns of another number of episodes",
      { ...sb, episode_returns: floats([2], [1, 1]) },
      /episode_returns must have 1 rows for the 1 episodes/,
    ],
    [
      "metadata that is no JSON",
      { ...plain(), "metadata.json": Uint8Array.of(123) },
      /metadata\.json: expected JSON text/,
    ],
    [
      "metadata that is no object",
      { ...plain(), "metadata.json": new TextEncoder().encode("[1]") },
      /expected a JSON object/,
    ],
    ["metadata of floats", { ...plain(), metadata: floats([1], [1]) }, /array of uint8, got dtype f4/],
  ];
  for (const [name, entries, message] of cases) {
    test(name, async () => {
      await expect(parse(entries)).rejects.toThrow(TandemError);
      await expect(parse(entries)).rejects.toThrow(message);
      await expect(parse(entries)).rejects.toThrow(/^readDemonstrations: x\.npz[:/][^\n]+$/);
    });
  }
});

describe("refusals of what the path names", () => {
  test("a missing file", async () => {
    const message = /^readDemonstrations: .*nowhere\.npz: expected .* found nothing there; check the path$/;
    await expect(readDemonstrations(join(folder, "nowhere.npz"))).rejects.toThrow(message);
  });

  test("folders without arrays, with a hint where there is one", async () => {
    await expect(readDemonstrations(folderOf("none", {}))).rejects.toThrow(
      /found none in it; check the path$/,
    );
    const withArchive = folderOf("archive", { "expert.npz": Uint8Array.of(0) });
    await expect(readDemonstrations(withArchive)).rejects.toThrow(/there is expert\.npz: name that file/);
    const dataset = folderOf("dataset", { "data-0.arrow": Uint8Array.of(0) });
    await expect(readDemonstrations(dataset)).rejects.toThrow(/load the dataset in Python/);
  });

  test("a damaged array in a folder is named by its path", async () => {
    const path = folderOf("damaged", plain());
    writeFileSync(join(path, "actions.npy"), writeNpy(floats([5, 1], COUNTING.actions)).subarray(0, 130));
    await expect(readDemonstrations(path)).rejects.toThrow(
      /damaged.actions\.npy: truncated: expected 20 bytes/,
    );
  });

  test("other kinds of file are called by their name", async () => {
    expect(await refusal("a.npz", "")).toMatch(/got an empty file/);
    expect(await refusal("a.npy", writeNpy(floats([1], [1])))).toMatch(/a single array; name the folder/);
    expect(await refusal("a.txt", "hello")).toMatch(/begins with the bytes 68 65 6c 6c/);
    expect(await refusal("a.pkl", Uint8Array.of(0x80, 4, 0x95))).toMatch(
      /got a Python pickle, which can run code/,
    );
    expect(await refusal("c.npz", "version https://git-lfs.github.com/spec/v1")).toMatch(/Git LFS pointer/);
    expect(await refusal("d.npz", writeNpz(plain()).subarray(0, 900))).toMatch(/truncated or not a zip/);
  });
});
