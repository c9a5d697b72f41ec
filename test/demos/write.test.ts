import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { keyFromSeed, TandemError, type Trajectories } from "../../src/core/index.ts";
import {
  formatDemonstrations,
  npzKeys,
  parseDemonstrations,
  readDemonstrations,
  subsample,
  writeDemonstrations,
} from "../../src/demos/index.ts";
import { archiveOf, anyTrajectories, countingEpisodes } from "./recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-write-"));
afterAll(() => rmSync(folder, { recursive: true }));

const COUNTING = countingEpisodes([3, 2]);

test("whatever is written is read back bit for bit, with its metadata", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyTrajectories,
      fc.dictionary(fc.string(), fc.jsonValue()),
      async (trajectories, metadata) => {
        const read = await parseDemonstrations(formatDemonstrations(trajectories, metadata), "x.npz");
        expect(read.trajectories).toEqual(trajectories);
        // JSON has no -0 and orders nothing.
        expect(read.metadata).toEqual(JSON.parse(JSON.stringify(metadata)));
        expect(read.layout).toBe("plain");
        expect(read.warnings).toEqual([]);
      },
    ),
    { numRuns: 150 },
  );
});

async function keys(trajectories: Trajectories): Promise<string[]> {
  return npzKeys(await archiveOf(formatDemonstrations(trajectories, { env: "Counting-v0" })));
}

describe("what is stored", () => {
  const common = ["observations", "actions", "rewards", "dones", "timeouts"];

  test("chained rows with marked ends need only final observations", async () => {
    expect(await keys(COUNTING)).toEqual([...common, "final_observations", "metadata.json"]);
  });

  test("broken rows need next observations, unmarked ends need lengths, no rewards need no array", async () => {
    const subsampled = { ...subsample(countingEpisodes([9, 9]), 4, keyFromSeed(2)), rewards: null };
    expect(await keys(subsampled)).toEqual([
      "observations",
      "actions",
      "dones",
      "timeouts",
      "next_observations",
      "episode_lengths",
      "metadata.json",
    ]);
  });

  test("equal content gives equal bytes, whatever the order of the metadata's keys", () => {
    const one = formatDemonstrations(COUNTING, { env: "A", seeds: { b: 1, a: [2] } });
    const other = formatDemonstrations(countingEpisodes([3, 2]), { seeds: { a: [2], b: 1 }, env: "A" });
    expect(one).toEqual(other);
    expect(formatDemonstrations(COUNTING, { env: "B" })).not.toEqual(one);
  });

  test("it is small: a counting episode of 1000 steps takes a fraction of its 32 kB", () => {
    expect(formatDemonstrations(countingEpisodes([1000]), {}).length).toBeLessThan(10_000);
  });
});

describe("the file", () => {
  test("replaces another whole and leaves nothing beside it", async () => {
    const path = join(folder, "expert.npz");
    writeFileSync(path, "before");
    await writeDemonstrations(path, COUNTING, { env: "Counting-v0" });
    expect((await readDemonstrations(path)).env).toBe("Counting-v0");
    expect(readdirSync(folder)).toEqual(["expert.npz"]);
    expect(new Uint8Array(readFileSync(path))).toEqual(
      formatDemonstrations(COUNTING, { env: "Counting-v0" }),
    );
  });

  test("a failure leaves what was there, without traces", async () => {
    const place = mkdtempSync(join(folder, "place-"));
    mkdirSync(join(place, "occupied.npz"));
    writeFileSync(join(place, "occupied.npz", "x"), "");
    // The new file is written in full, but a folder with content cannot be replaced by it.
    await expect(writeDemonstrations(join(place, "occupied.npz"), COUNTING, {})).rejects.toThrow(
      /occupied\.npz: cannot be written \([A-Z]+\); check that its folder exists and may be written$/,
    );
    await expect(writeDemonstrations(join(place, "nowhere", "x.npz"), COUNTING, {})).rejects.toThrow(
      /\(ENOENT\)/,
    );
    expect(readdirSync(place)).toEqual(["occupied.npz"]);
    expect(readdirSync(join(place, "occupied.npz"))).toEqual(["x"]);
  });

  test("nothing is written for trajectories a reader would refuse", async () => {
    const path = join(folder, "refused.npz");
    const nan = { ...COUNTING, actions: Float32Array.of(0, 1, NaN, 3, 4) };
    const cases: [Parameters<typeof writeDemonstrations>, RegExp][] = [
      [[path, nan, {}], /actions must be finite, got 1 entry .* row 2, column 0/],
      [
        [path, { ...COUNTING, actions: new Float32Array(4) }, {}],
        /actions must have 5 rows of 1, got 4 entries/,
      ],
      [[path, { ...COUNTING, terminated: Uint8Array.of(0, 0, 2, 0, 0) }, {}], /terminated must be 0 or 1/],
      [[path, { ...COUNTING, episodeStarts: Uint32Array.of(0) }, {}], /episodeStarts must ascend from 0/],
      [
        [path, { ...COUNTING, episodeStarts: Uint32Array.of(0, 3, 3, 5) }, {}],
        /episodeStarts must ascend from 0/,
      ],
      [[path, COUNTING, { score: NaN }], /metadata\.score must be finite, got NaN/],
      [[path, COUNTING, { seed: 1n }], /metadata must be plain JSON data \(.*BigInt/],
      [
        [`${path}.zip`, COUNTING, {}],
        /expected a path that ends in \.npz, \.jsonl, \.csv, \.hdf5, \.h5, got/,
      ],
    ];
    for (const [args, message] of cases) {
      await expect(writeDemonstrations(...args)).rejects.toThrow(TandemError);
      await expect(writeDemonstrations(...args)).rejects.toThrow(message);
      await expect(writeDemonstrations(...args)).rejects.toThrow(/^writeDemonstrations: [^\n]+$/);
    }
    expect(existsSync(path)).toBe(false);
  });
});

const python = process.env.PYTHON ?? "python3";
const hasNumpy = spawnSync(python, ["-c", "import numpy"]).status === 0;

test("numpy.load reads it without pickle", async ({ skip }) => {
  skip(!hasNumpy, `${python} with numpy is not installed (name another in PYTHON)`);
  const path = join(folder, "for-numpy.npz");
  await writeDemonstrations(path, COUNTING, { env: "Counting-v0" });
  const script = [
    "import json, sys, numpy",
    "data = numpy.load(sys.argv[1], allow_pickle=False)",
    "arrays = {k: [str(data[k].dtype), data[k].tolist()] for k in data.files if not k.endswith('.json')}",
    "print(json.dumps([arrays, json.loads(data['metadata.json'])]))",
  ].join("\n");
  expect(JSON.parse(execFileSync(python, ["-c", script, path], { encoding: "utf8" }))).toEqual([
    {
      observations: [
        "float32",
        [
          [0, 0],
          [1, -1],
          [2, -2],
          [10, 0],
          [11, -1],
        ],
      ],
      actions: ["float32", [[0], [Math.fround(0.1)], [Math.fround(0.2)], [0], [Math.fround(0.1)]]],
      rewards: ["float32", [0, 1, 2, 1, 2]],
      dones: ["bool", [false, false, true, false, false]],
      timeouts: ["bool", [false, false, false, false, true]],
      final_observations: [
        "float32",
        [
          [3, -3],
          [12, -2],
        ],
      ],
    },
    { env: "Counting-v0" },
  ]);
});
