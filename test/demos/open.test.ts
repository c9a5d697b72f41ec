import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import {
  openDemonstrations,
  readDemonstrations,
  writeDemonstrations,
  writeNpy,
  writeNpz,
} from "../../src/demos/index.ts";
import { countingEpisodes, floats, golden } from "./recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-open-"));
afterAll(() => rmSync(folder, { recursive: true }));

const COUNTING = countingEpisodes([3, 2]);

/** What reading a file of this content is refused with. */
async function refusal(content: Uint8Array | string): Promise<string> {
  const path = join(folder, "refused.dat");
  writeFileSync(path, content);
  return openDemonstrations(path).then(
    () => "accepted",
    (error: unknown) => (error instanceof TandemError ? error.message : String(error)),
  );
}

describe("what a file is, its content tells", () => {
  for (const [format, ending] of [
    ["npz", "csv"],
    ["jsonl", "npz"],
    ["csv", "hdf5"],
  ]) {
    test(`${format} in a file called .${ending}`, async () => {
      const path = join(folder, `wrong.${ending}`);
      const right = join(folder, `right.${format}`);
      await writeDemonstrations(right, COUNTING, { env: "Counting-v0" });
      copyFileSync(right, path);
      const file = await openDemonstrations(path);
      expect([file.format, file.source]).toEqual([format, path]);
      expect(await file.readEpisodes(0, 2)).toEqual(COUNTING);
      await file.close();
    });
  }

  test("Parquet in a file called .json", async () => {
    const path = join(folder, "wrong.json");
    copyFileSync(golden("parquet/transitions.parquet"), path);
    expect((await readDemonstrations(path)).trajectories).toEqual(COUNTING);
  });

  test("what is none of these is called by its name", async () => {
    expect(await refusal("<!DOCTYPE html><html>")).toMatch(/got a web page or XML; download the file itself/);
    expect(await refusal('[{"episode": 0}]')).toMatch(/got one JSON array; write one step a line/);
    expect(await refusal(Uint8Array.of(0x1f, 0x8b, 8))).toMatch(/got a gzip file; unpack it/);
    expect(await refusal(Uint8Array.of(0xff, 0xfe, 0x65, 0))).toMatch(/begins with the bytes ff fe 65 00/);
    expect(await refusal("hello, world\n")).toMatch(/expected the columns episode, .* found hello, world/);
    expect(await refusal(`PAR1${"x".repeat(50)}`)).toMatch(/found no footer at its end: it is truncated/);
    expect(await refusal("PAR1")).toMatch(/found no footer/);
    expect(await refusal("PK")).toMatch(/truncated or not a zip/);
  });
});

describe("folders", () => {
  test("LeRobot, version 2: a file an episode, the description beside", async () => {
    const file = await openDemonstrations(golden("parquet/lerobot-v2"));
    expect(file).toMatchObject({
      format: "parquet",
      layout: "lerobot",
      env: null,
      observationSize: 2,
      actionSize: 1,
      hasRewards: true,
      episodeStarts: Float64Array.of(0, 2, 3),
      warnings: [
        "No final observations: the last step of each of the 2 episodes was dropped, and each now ends cut (truncated) one step early.",
      ],
    });
    expect(file.metadata).toMatchObject({ codebase_version: "v2.1", fps: 50 });
    // Back and forth between the files.
    for (const episode of [1, 0, 1]) {
      expect((await file.readEpisodes(episode, episode + 1)).observations[0]).toBe(10 * episode);
    }
    await file.close();
  });

  test("LeRobot, version 3: episodes together in one file, groups of rows that end inside an episode", async () => {
    const read = await readDemonstrations(golden("parquet/lerobot-v3"));
    expect(read.trajectories).toEqual((await readDemonstrations(golden("parquet/lerobot-v2"))).trajectories);
    expect(read.trajectories).toMatchObject({
      observations: Float32Array.of(0, 0, 1, -1, 10, 0),
      nextObservations: Float32Array.of(1, -1, 2, -2, 11, -1),
      actions: Float32Array.of(0, 0.1, 0),
      rewards: Float32Array.of(0, 1, 1),
      terminated: Uint8Array.of(0, 0, 0),
      truncated: Uint8Array.of(0, 1, 1),
    });
  });

  test("Hugging Face: files in the order of their numbers, of several splits the one for training", async () => {
    const place = join(folder, "hub", "data");
    mkdirSync(place, { recursive: true });
    for (const name of ["train-2", "train-10", "test-0"]) {
      const from = name === "train-10" ? "000000" : "000001";
      const file = golden(`parquet/lerobot-v2/data/chunk-000/episode_${from}.parquet`);
      copyFileSync(file, join(place, `${name}.parquet`));
    }
    // train-2 holds episode 1, train-10 episode 0: in this order episodes do not ascend.
    await expect(openDemonstrations(join(folder, "hub"))).rejects.toThrow(
      /hub: episode_index must ascend, got 0 after 1 in row 2$/,
    );
    rmSync(join(place, "train-10.parquet"));
    const read = await readDemonstrations(join(folder, "hub"));
    expect(read.trajectories.observations).toEqual(Float32Array.of(10, 0));
    expect(read.warnings.at(-1)).toBe("Only the split train was read, not test.");
    rmSync(join(place, "train-2.parquet"));
    copyFileSync(join(place, "test-0.parquet"), join(place, "check-0.parquet"));
    await expect(openDemonstrations(join(folder, "hub"))).rejects.toThrow(/found check, test; name one/);
  });

  test("files of one set that differ are refused", async () => {
    const place = join(folder, "differing");
    mkdirSync(place);
    copyFileSync(golden("parquet/transitions.parquet"), join(place, "part-0.parquet"));
    copyFileSync(golden("parquet/text.parquet"), join(place, "part-1.parquet"));
    await expect(readDemonstrations(place)).rejects.toThrow(/part-1\.parquet: actions must be numbers/);
  });

  test(".npy in Fortran order, big-endian and of other types is read by ranges like any", async () => {
    const place = join(folder, "types");
    mkdirSync(place);
    const rows = 5;
    const save = (name: string, descr: string, fortran: boolean, bytes: Uint8Array, shape: string): void => {
      const header = `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': (${shape}), }\n`;
      const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
      writeFileSync(join(place, `${name}.npy`), Buffer.concat([start, Buffer.from(header), bytes]));
    };
    // Columns first, and within the last two axes too: entry (r, i, j) is 100 r + 10 i + j.
    const columnsFirst = new Float64Array(rows * 6);
    for (let r = 0; r < rows; r++)
      for (let i = 0; i < 2; i++)
        for (let j = 0; j < 3; j++) columnsFirst[r + rows * (i + 2 * j)] = 100 * r + 10 * i + j;
    save("observations", "<f8", true, new Uint8Array(columnsFirst.buffer), `${rows}, 2, 3`);
    const swapped = Buffer.alloc(rows * 2);
    for (let r = 0; r < rows; r++) swapped.writeInt16BE(-r, 2 * r);
    save("actions", ">i2", false, swapped, `${rows},`);
    save("terminals", "|b1", false, Uint8Array.of(0, 1, 0, 0, 1), `${rows},`);
    const file = await openDemonstrations(place);
    const part = await file.readEpisodes(1, 2);
    expect(part.observations).toEqual(
      Float32Array.of(200, 201, 202, 210, 211, 212, 300, 301, 302, 310, 311, 312),
    );
    expect(part.nextObservations.subarray(6)).toEqual(Float32Array.of(400, 401, 402, 410, 411, 412));
    expect(part.actions).toEqual(Float32Array.of(-2, -3));
    expect(part.truncated).toEqual(Uint8Array.of(0, 1));
    await file.close();
  });

  test("what is not finite is refused with its row in the file, where it is asked for", async () => {
    const observations = COUNTING.observations.slice();
    observations[7] = NaN;
    const path = join(folder, "nan.npz");
    const columns = { actions: floats([5, 1], COUNTING.actions), timeouts: floats([5], [0, 0, 1, 0, 1]) };
    const next = floats([5, 2], COUNTING.nextObservations);
    const bytes = writeNpz({
      ...columns,
      observations: floats([5, 2], observations),
      next_observations: next,
    });
    writeFileSync(path, bytes);
    const file = await openDemonstrations(path);
    expect((await file.readEpisodes(0, 1)).observations.length).toBe(6);
    await expect(file.readEpisodes(1, 2)).rejects.toThrow(
      /nan\.npz: observations must be finite, got 1 entry .* row 3, column 1 \(NaN\)/,
    );
    await file.close();
  });
});

/** How many files in `place` this process holds open. */
function openIn(place: string): number {
  const descriptors = readdirSync("/proc/self/fd").map((name) => `/proc/self/fd/${name}`);
  return descriptors.filter((path) => existsSync(path) && readlinkSync(path).startsWith(place)).length;
}

test("files are given back when they are closed, and when they are refused", async ({ skip }) => {
  skip(process.platform !== "linux", "open files are listed in /proc/self/fd, on Linux");
  const place = join(folder, "closing");
  mkdirSync(place);
  writeFileSync(join(place, "observations.npy"), writeNpy(floats([5, 2], COUNTING.observations)));
  writeFileSync(join(place, "actions.npy"), writeNpy(floats([5, 1], COUNTING.actions)));
  writeFileSync(join(place, "timeouts.npy"), writeNpy(floats([5], [0, 0, 1, 0, 1])));
  await writeDemonstrations(join(place, "a.npz"), COUNTING, {});
  cpSync(golden("parquet/lerobot-v2"), join(place, "lerobot"), { recursive: true });
  writeFileSync(join(place, "a.csv"), "a,b\n1,2\n");
  writeFileSync(join(place, "cut.npz"), readFileSync(join(place, "a.npz")).subarray(0, 200));
  for (const name of ["", "a.npz", "lerobot"]) {
    const file = await openDemonstrations(join(place, name));
    expect(openIn(place)).toBeGreaterThan(0);
    await file.readEpisodes(0, 1);
    await file.close();
  }
  for (const name of ["a.csv", "cut.npz"])
    await expect(openDemonstrations(join(place, name))).rejects.toThrow(TandemError);
  writeFileSync(join(place, "timeouts.npy"), writeNpy(floats([4], [0, 0, 1, 0])));
  await expect(openDemonstrations(place)).rejects.toThrow(/timeouts must have 5 rows/);
  expect(openIn(place)).toBe(0);
});
