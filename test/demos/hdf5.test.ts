/** D4RL's files, and what no HDF5 file may do to us. Minari's have a test of their own. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { episodeCount, sliceEpisodes, TandemError, type Trajectories } from "../../src/core/index.ts";
import { createD4rlSink } from "../../src/demos/d4rl-sink.ts";
import { openHdf5 } from "../../src/demos/hdf5.ts";
import { openDemonstrations, readDemonstrations } from "../../src/demos/index.ts";
import { anyTrajectories, countingEpisodes, golden } from "./recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-hdf5-"));
afterAll(() => rmSync(folder, { recursive: true }));

const COUNTING = countingEpisodes([3, 1, 4]);

const file = (name: string): string => golden(join("hdf5", name));

async function write(
  path: string,
  trajectories: Trajectories,
  metadata: Record<string, unknown>,
): Promise<void> {
  const sink = await createD4rlSink(path, metadata);
  await sink.append(trajectories);
  await sink.finish();
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Numbers that count up from `from` in steps of `by`, for the given rows of `width`. */
function counted(rows: readonly number[], width: number, by: number, from = 0): Float32Array {
  return Float32Array.from(
    rows.flatMap((row) => Array.from({ length: width }, (_, column) => from + (row * width + column) * by)),
  );
}

describe("D4RL's own files", () => {
  test("v2: next observations are in the file, ends are terminals or timeouts", async () => {
    const { trajectories, env, layout, metadata, warnings } = await readDemonstrations(file("d4rl-v2.hdf5"));
    const rows = Array.from({ length: 10 }, (_, row) => row);
    expect(trajectories).toEqual({
      observationSize: 3,
      actionSize: 2,
      observations: counted(rows, 3, 0.25),
      actions: counted(rows, 2, 1),
      nextObservations: counted(rows, 3, 0.25, 0.75),
      rewards: counted(rows, 1, 1),
      terminated: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0),
      truncated: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 1),
      episodeStarts: Uint32Array.of(0, 4, 5, 10),
    });
    expect({ env, layout, metadata }).toEqual({
      env: null,
      layout: "d4rl",
      metadata: { algorithm: "SAC", iteration: 990 },
    });
    expect(warnings).toEqual(["Keys that were not read: infos/qpos, infos/qvel."]);
  });

  test("v1, without next observations: last steps are dropped, cuts are marked, and it is said", async () => {
    const { trajectories, warnings } = await readDemonstrations(file("d4rl-v1.hdf5"));
    const rows = [0, 1, 2, 5, 6, 7, 8];
    expect(trajectories).toMatchObject({
      observations: counted(rows, 3, 0.25),
      actions: counted(rows, 2, 1),
      nextObservations: counted(rows, 3, 0.25, 0.75),
      rewards: counted(rows, 1, 1).map((_, index) => rows[index]),
      terminated: new Uint8Array(7),
      truncated: Uint8Array.of(0, 0, 1, 0, 0, 0, 1),
      episodeStarts: Uint32Array.of(0, 3, 7),
    });
    expect(warnings.slice(0, 2)).toEqual([
      expect.stringMatching(/^No final observations: the last step of each of the 3 episodes was dropped/),
      "1 episodes of a single step were lost by this.",
    ]);
  });

  test("v0, without timeouts: episodes end at terminals alone, and it is said", async () => {
    const opened = await openDemonstrations(file("d4rl-v0.hdf5"));
    expect([...opened.episodeStarts]).toEqual([0, 4, 8]);
    expect(opened.warnings.at(-1)).toBe(
      "Without timeouts (D4RL's v0) an episode that a time limit cut runs on into the next one; add a dataset timeouts where the limit is known.",
    );
    await opened.close();
  });

  test("an episode is read by itself, in any order", async () => {
    const whole = await readDemonstrations(file("d4rl-v2.hdf5"));
    const opened = await openDemonstrations(file("d4rl-v2.hdf5"));
    for (const episode of [2, 0, 1]) {
      const { observations, episodeStarts } = await opened.readEpisodes(episode, episode + 1);
      const part = sliceEpisodes(whole.trajectories, episode, episode + 1);
      expect(observations).toEqual(part.observations.slice());
      expect(episodeStarts).toEqual(part.episodeStarts);
    }
    await opened.close();
    await opened.close();
  });

  test("rounding to float32 goes unsaid; what float32 cannot keep is said once a column", async () => {
    const { trajectories, warnings } = await readDemonstrations(file("precision.hdf5"));
    expect(trajectories.observations[2]).toBe(Math.fround(0.2));
    expect(trajectories.rewards).toEqual(Float32Array.of(0, 1, 2, 3)); // big-endian in the file
    expect(warnings).toEqual([
      "observations holds numbers that float32 cannot keep: 1e-50 became 0.",
      "actions holds numbers that float32 cannot keep: 16777217 became 16777216.",
    ]);
  });
});

describe("a D4RL file of ours", () => {
  const path = join(folder, "written.hdf5");

  test("whatever is written is read back bit for bit, whole and by episodes", async () => {
    await fc.assert(
      fc.asyncProperty(anyTrajectories, async (trajectories) => {
        await write(path, trajectories, { env: "Any-v0" });
        const opened = await openDemonstrations(path);
        const episodes = episodeCount(trajectories);
        expect(await opened.readEpisodes(0, episodes)).toEqual(trajectories);
        const last = await opened.readEpisodes(episodes - 1, episodes);
        const expected = sliceEpisodes(trajectories, episodes - 1, episodes);
        expect(last.nextObservations).toEqual(expected.nextObservations.slice());
        expect(last.truncated).toEqual(expected.truncated.slice());
        expect(opened.warnings).toEqual([]);
        expect(opened.format).toBe("d4rl");
        await opened.close();
      }),
      { numRuns: 25 },
    );
  });

  test("metadata are kept, the environment's options and non-ASCII text too", async () => {
    const metadata = {
      env: "Hopper-v5",
      envOptions: { healthyZRange: [0.7, 2] },
      note: "é \u{1f600} ",
      nested: [{}],
    };
    await write(path, COUNTING, metadata);
    const read = await readDemonstrations(path);
    expect(read.metadata).toEqual(metadata);
    expect(read.env).toBe("Hopper-v5");
  });

  test("a set written in parts, of several chunks and blocks, is that of the whole", async () => {
    // Rows of 256 bytes: a chunk is a quarter, a block the whole of a megabyte.
    const wide = { ...countingEpisodes([2500, 4500]), observationSize: 64 };
    wide.observations = Float32Array.from({ length: 7000 * 64 }, (_, at) => at);
    wide.nextObservations = wide.observations.map((value) => value + 64);
    const sink = await createD4rlSink(path, {});
    await sink.append(sliceEpisodes(wide, 0, 1));
    await sink.append(sliceEpisodes(wide, 1, 2));
    await sink.finish();
    await sink.abandon();
    const opened = await openDemonstrations(path);
    for (const [from, to] of [
      [0, 2],
      [1, 2],
      [0, 1],
    ]) {
      const { observations, nextObservations, truncated } = await opened.readEpisodes(from, to);
      const expected = sliceEpisodes(wide, from, to);
      expect(Buffer.compare(bytesOf(observations), bytesOf(expected.observations))).toBe(0);
      expect(Buffer.compare(bytesOf(nextObservations), bytesOf(expected.nextObservations))).toBe(0);
      expect(truncated).toEqual(expected.truncated.slice());
    }
    await opened.close();
  });

  test("what is abandoned, or finished without an episode, leaves nothing", async () => {
    const place = mkdtempSync(join(folder, "place-"));
    const abandoned = await createD4rlSink(join(place, "a"), {});
    await abandoned.append(COUNTING);
    await abandoned.abandon();
    await abandoned.abandon();
    const empty = await createD4rlSink(join(place, "b"), {});
    await expect(empty.finish()).rejects.toThrow(/^writeDemonstrations: .*b: expected at least one episode/);
    expect(readdirSync(place)).toEqual([]);
    await expect(createD4rlSink(join(place, "none", "c"), {})).rejects.toThrow(
      /cannot be written \(ENOENT\)/,
    );
  });
});

describe("what is refused", () => {
  const cases: [string, RegExp][] = [
    ["overflow", /observations must be finite, got 1 entry .* row 1, column 2/],
    ["nan", /actions must be finite, got 1 entry .* row 2, column 1 \(NaN\)/],
    ["external-link", /\/actions is a link that leads nowhere in the file/],
    ["external-storage", /\/actions is damaged/],
    ["broken-link", /\/actions is a link that leads nowhere in the file/],
    ["virtual", /\/actions lies in other files/],
    ["huge-shape", /\/observations has the shape \[1000000000000, 3\], more than 4640 bytes hold/],
    ["huge-chunk", /\/observations is stored in chunks of \[300000000, 3\]/],
    ["lzf", /\/observations is compressed with lzf; save it with gzip/],
    ["complex", /actions must hold integers, float32 or float64/],
    ["text", /actions must hold integers, float32 or float64/],
    ["scalar", /actions must have one row per step, got a single value/],
    ["rows", /actions must have 6 rows as in observations, got shape \[5, 2\]/],
    ["flags", /terminals must be 0 or 1, got 2 in row 0/],
    ["empty", /observations must hold integers, float32 or float64/],
    ["neither", /expected groups episode_0, .* found images; save it as one of these/],
  ];
  test.each(cases)("%s", async (name, message) => {
    const read = readDemonstrations(file(`refused/${name}.hdf5`));
    await expect(read).rejects.toThrow(message);
    await expect(read).rejects.toThrow(TandemError);
    await expect(read).rejects.toThrow(/^readDemonstrations: \S+\.hdf5: [^\n]+$/);
  });

  test("a file from which the library never comes back is given up, and the next one is read", async () => {
    const hanging = openHdf5(file("refused/hangs.hdf5"), 2000);
    await expect(hanging).rejects.toThrow(
      /hangs\.hdf5: gave no answer for 2 s: it is damaged; copy it again$/,
    );
    expect((await readDemonstrations(file("d4rl-v2.hdf5"))).trajectories.actionSize).toBe(2);
  });

  test("what is no HDF5 file, and nothing at all", async () => {
    await expect(openHdf5(file("expected.json"))).rejects.toThrow(/is no HDF5 file, or a damaged one/);
    await expect(openHdf5(join(folder, "none"))).rejects.toThrow(/found nothing there/);
    await expect(openHdf5(folder)).rejects.toThrow(/expected the folder of a Minari data set/);
  });

  test("a file that is cut off is refused, wherever", async () => {
    const path = join(folder, "cut.hdf5");
    const bytes = readFileSync(file("d4rl-v2.hdf5"));
    for (let length = 0; length < bytes.length; length += 997) {
      writeFileSync(path, bytes.subarray(0, length));
      await expect(openHdf5(path)).rejects.toThrow(/^readDemonstrations: \S+cut\.hdf5: [^\n]+$/);
    }
  });
});

function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return [];
    }
  });
}

test.skipIf(!existsSync("/proc/self/fd"))("no file stays open, read or refused", async () => {
  for (const name of [
    "d4rl-v2",
    "refused/text",
    "refused/rows",
    "refused/nan",
    "refused/huge-shape",
    "refused/lzf",
  ]) {
    await readDemonstrations(file(`${name}.hdf5`)).catch(() => {});
    expect(openFiles().filter((path) => path.endsWith(".hdf5"))).toEqual([]);
  }
});
