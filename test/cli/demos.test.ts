import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  episodeCount,
  keyFromSeed,
  sliceEpisodes,
  transitionCount,
  type Trajectories,
} from "../../src/core/index.ts";
import {
  firstSteps,
  openDemonstrations,
  readDemonstrations,
  subsample,
  writeDemonstrations,
  writeNpz,
  type Demonstrations,
} from "../../src/demos/index.ts";
import { HOOK_TIMEOUT, makeDemonstrations, tandem, temporaryFolder, type Outcome } from "./tandem.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const folder = temporaryFolder();
const cwd = folder.path;
const demos = (...args: string[]): Promise<Outcome> => tandem(["demos", ...args], { cwd });
const read = (name: string): Promise<Demonstrations> => readDemonstrations(join(cwd, name));

let original: Demonstrations;

beforeAll(async () => {
  await makeDemonstrations(cwd);
  original = await read("demo.npz");
  const { trajectories, metadata } = original;
  // Of three episodes of 60 steps the last is made shorter, and all sums are described.
  const lengths = [60, 60, 40];
  const shorter = firstSteps(sliceEpisodes(trajectories, 2, 3), 40);
  const described = { ...metadata, returns: [1, 2, 3], meanReturn: 2, note: "kept" };
  await writeDemonstrations(join(cwd, "described.npz"), trajectories, described);
  await writeDemonstrations(join(cwd, "short.npz"), shorter, metadata);
  expect(lengths[2]).toBe(transitionCount(shorter));
  const late = trajectories.actions.map((_, at) => trajectories.actions[Math.max(0, at - 6)]);
  await writeDemonstrations(join(cwd, "late.npz"), { ...trajectories, actions: late }, metadata);
  const nan = trajectories.observations.slice();
  nan[17 * 150] = NaN;
  const rows = transitionCount(trajectories);
  writeFileSync(
    join(cwd, "nan.npz"),
    writeNpz({
      observations: { dtype: "f4", shape: [rows, 17], data: nan },
      actions: { dtype: "f4", shape: [rows, 6], data: trajectories.actions },
      timeouts: { dtype: "b1", shape: [rows], data: trajectories.truncated },
      final_observations: { dtype: "f4", shape: [3, 17], data: new Float32Array(51) },
    }),
  );
  mkdirSync(join(cwd, "full"));
  writeFileSync(join(cwd, "full", "precious.txt"), "mine");
}, HOOK_TIMEOUT);
afterAll(folder.remove);

describe("tandem demos convert", { timeout: HOOK_TIMEOUT }, () => {
  it("carries episodes and metadata there and back, and says where they come from", async () => {
    for (const [name, more] of [
      ["there.jsonl", []],
      ["there.hdf5", []],
      ["there-v0", ["--format", "minari"]],
    ] as const) {
      const there = await demos("convert", "described.npz", name, ...more);
      expect([there.code, there.stderr]).toEqual([0, ""]);
      expect(there.stdout).toMatch(/^Wrote there\S+ \((jsonl|d4rl|minari)\): 3 episodes, 180 steps\n$/);
      const back = await demos("convert", name, "back.npz", "--force", "--json");
      expect(JSON.parse(back.stdout)).toEqual({
        file: "back.npz",
        format: "npz",
        episodes: 3,
        transitions: 180,
        lost: [],
      });
      const { trajectories, env, metadata } = await read("back.npz");
      expect(trajectories).toEqual(original.trajectories);
      expect(env).toBe("HalfCheetah-v5");
      expect(metadata).toMatchObject({ note: "kept", meanReturn: 2, envOptions: { maxEpisodeSteps: 60 } });
      expect(metadata.convertedFrom).toMatchObject({
        file: name,
        before: { file: "described.npz", format: "npz", layout: "plain" },
      });
    }
  });

  it("takes some episodes, without what was true of all", async () => {
    const { code } = await demos(
      "convert",
      "described.npz",
      "some.npz",
      "--episodes",
      "1..2",
      "--env",
      "Cheetah-v0",
    );
    expect(code).toBe(0);
    const { trajectories, env, metadata } = await read("some.npz");
    expect(trajectories).toEqual(sliceEpisodes(original.trajectories, 1, 3));
    expect(env).toBe("Cheetah-v0");
    expect(Object.keys(metadata).sort()).toEqual(["convertedFrom", "env", "envOptions", "note"]);
    expect(metadata.convertedFrom).toMatchObject({ episodes: [1, 2] });
    await demos("convert", "described.npz", "first.npz", "--episodes", "2");
    expect((await read("first.npz")).trajectories).toEqual(sliceEpisodes(original.trajectories, 0, 2));
  });

  it("says what a format cannot hold", async () => {
    const { stdout, code } = await demos("convert", "described.npz", "table.csv");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /3 episodes, 180 steps\n {2}- csv has no place for metadata: env and 5 more left out\.\n$/,
    );
    expect((await read("table.csv")).trajectories).toEqual(original.trajectories);
  });

  it("replaces only with --force, and of folders only Minari's", async () => {
    writeFileSync(join(cwd, "there.npz"), "old");
    expect((await demos("convert", "demo.npz", "there.npz")).stderr).toBe(
      "tandem: there.npz: is there already; choose another name, or replace it with --force\n",
    );
    expect(readFileSync(join(cwd, "there.npz"), "utf8")).toBe("old");
    expect((await demos("convert", "demo.npz", "there.npz", "--force")).code).toBe(0);
    expect((await demos("convert", "demo.npz", "set-v0", "--format", "minari")).code).toBe(0);
    const again = await demos(
      "convert",
      "demo.npz",
      "set-v0",
      "--format",
      "minari",
      "--force",
      "--episodes",
      "1",
    );
    expect([again.code, again.stderr]).toEqual([0, ""]);
    expect(episodeCount((await read("set-v0")).trajectories)).toBe(1);
    const precious = await demos("convert", "demo.npz", "full", "--format", "minari", "--force");
    expect(precious.stderr).toMatch(/^tandem: full: is a folder, and none of Minari's/);
    expect(readdirSync(join(cwd, "full"))).toEqual(["precious.txt"]);
    const within = join("set-v0", "data", "main_data.hdf5");
    const itself = await demos("convert", within, "set-v0", "--format", "minari", "--force");
    expect(itself.stderr).toMatch(/^tandem: set-v0: is, or holds, the file to be read/);
    // A failed attempt leaves the set that was there.
    const failed = await demos("convert", "nan.npz", "set-v0", "--format", "minari", "--force");
    expect(failed.code).toBe(1);
    expect(episodeCount((await read("set-v0")).trajectories)).toBe(1);
    expect(readdirSync(cwd).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

it("a signal stops a conversion, which leaves nothing", { timeout: HOOK_TIMEOUT }, async () => {
  // Enough blocks of 32 MiB that the signal comes before the last of them.
  const columns = 1000;
  const rows = 40_000;
  const wide = {
    observations: { dtype: "f4", shape: [rows, columns], data: new Float32Array(rows * columns) },
    actions: { dtype: "f4", shape: [rows, 1], data: new Float32Array(rows) },
    timeouts: {
      dtype: "b1",
      shape: [rows],
      data: new Uint8Array(rows).map((_, row) => +(row % 1000 === 999)),
    },
    final_observations: { dtype: "f4", shape: [40, columns], data: new Float32Array(40 * columns) },
  } as const;
  writeFileSync(join(cwd, "wide.npz"), writeNpz(wide));
  const before = readdirSync(cwd).sort();
  const child = spawn(process.execPath, [MAIN, "demos", "convert", "wide.npz", "stopped.jsonl"], { cwd });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const begun = watch(cwd, (_, name) => name?.includes("stopped") && child.kill("SIGINT"));
  const code = await new Promise((resolve) => child.on("close", resolve));
  begun.close();
  expect([code, stderr]).toEqual([130, "Stopped; nothing was written.\n"]);
  expect(readdirSync(cwd).sort()).toEqual(before);
  rmSync(join(cwd, "wide.npz"));
});

describe("tandem demos join", { timeout: HOOK_TIMEOUT }, () => {
  it("writes the episodes of files one after the other, and what all say alike", async () => {
    const { stdout, code } = await demos(
      "join",
      "described.npz",
      "demo.npz",
      "--out",
      "joined.npz",
      "--episodes",
      "1..2",
    );
    expect([code, stdout]).toEqual([0, "Wrote joined.npz (npz): 4 episodes, 240 steps from 2 files\n"]);
    const { trajectories, env, metadata } = await read("joined.npz");
    const part = sliceEpisodes(original.trajectories, 1, 3);
    for (const half of [0, 2]) expect(sliceEpisodes(trajectories, half, half + 2)).toEqual(part);
    expect(env).toBe("HalfCheetah-v5");
    expect(metadata).toMatchObject({
      envOptions: { maxEpisodeSteps: 60 },
      joinedFrom: {
        parts: [
          { file: "described.npz", episodes: [1, 2] },
          { file: "demo.npz", episodes: [1, 2] },
        ],
      },
    });
    // Only one says that.
    expect(metadata.note).toBeUndefined();
  });

  it("keeps rewards where all have them", async () => {
    await writeDemonstrations(
      join(cwd, "unpaid.npz"),
      { ...original.trajectories, rewards: null },
      original.metadata,
    );
    const { stdout } = await demos("join", "demo.npz", "unpaid.npz", "--out", "partly-paid.npz");
    expect(stdout).toMatch(/6 episodes, 360 steps from 2 files\n {2}- Rewards were lost\.\n$/);
    const { trajectories } = await read("partly-paid.npz");
    expect([episodeCount(trajectories), trajectories.rewards]).toEqual([6, null]);
  });

  it("refuses files of other tasks, sizes and places in one line, and leaves nothing", async () => {
    const { metadata, trajectories } = original;
    await writeDemonstrations(join(cwd, "other.npz"), trajectories, { ...metadata, env: "Hopper-v5" });
    await writeDemonstrations(join(cwd, "narrow.npz"), narrowed(trajectories), {
      ...metadata,
      env: "HalfCheetah-v5",
    });
    for (const [args, message] of [
      [
        ["demo.npz", "other.npz", "--out", "none.npz"],
        "other.npz: expected the task HalfCheetah-v5, as demo.npz has, got Hopper-v5; join files of one task",
      ],
      [
        ["demo.npz", "narrow.npz", "--out", "none.npz"],
        "narrow.npz: expected an observation size of 17, as demo.npz has, got 1; join files of one task",
      ],
      [["demo.npz", "short.npz"], "--out: expected where to write to, got none; name a new file"],
      [
        ["demo.npz", "short.npz", "--out", "none.npz", "--episodes", "2"],
        "--episodes: short.npz has episodes 0 to 0, got 0..1",
      ],
      [
        ["demo.npz", "short.npz", "--out", "short.npz", "--force"],
        "short.npz: is, or holds, the file to be read; choose another name",
      ],
    ] as const) {
      const { stderr, code } = await demos("join", ...args);
      expect([code, stderr]).toEqual([1, `tandem: ${message}\n`]);
    }
    expect(readdirSync(cwd).filter((name) => name.startsWith("none"))).toEqual([]);
  });
});

const firstOfRows = (rows: Float32Array): Float32Array => rows.filter((_, at) => at % 17 === 0);

/** The first number of each observation alone. */
function narrowed(trajectories: Trajectories): Trajectories {
  const { observations, nextObservations } = trajectories;
  return {
    ...trajectories,
    observationSize: 1,
    observations: firstOfRows(observations),
    nextObservations: firstOfRows(nextObservations),
  };
}

describe("tandem demos subsample", { timeout: HOOK_TIMEOUT }, () => {
  it("keeps what subsample keeps, and says how", async () => {
    const { stdout, code } = await demos(
      "subsample",
      "described.npz",
      "thin.npz",
      "--every",
      "7",
      "--seed",
      "3",
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Wrote thin\.npz \(npz\): 3 episodes, 2[4-7] steps of 180 \(one in 7, offsets of seed 3\)\n$/,
    );
    const { trajectories, metadata } = await read("thin.npz");
    expect(trajectories).toEqual(subsample(original.trajectories, 7, keyFromSeed(3)));
    expect(metadata).toMatchObject({
      note: "kept",
      subsampled: { file: "described.npz", every: 7, seed: 3 },
    });
    expect(metadata).not.toHaveProperty("meanReturn");
    const judged = await demos("lint", "thin.npz");
    expect(judged.code).toBe(0);
    expect(judged.stdout).toContain("Nothing looks wrong.");
  });

  it("counts episodes as the whole file does, wherever it begins", async () => {
    await demos("subsample", "demo.npz", "part.npz", "--every", "9", "--episodes", "1..2");
    const whole = subsample(original.trajectories, 9, keyFromSeed(0));
    expect((await read("part.npz")).trajectories).toEqual(sliceEpisodes(whole, 1, 3));
  });

  it("keeps first steps, and leaves out short episodes with a word", async () => {
    await demos("subsample", "demo.npz", "head.npz", "--first", "12", "--every", "1");
    expect((await read("head.npz")).trajectories).toEqual(firstSteps(original.trajectories, 12));
    const { trajectories, metadata } = original;
    const mixed = [0, 1, 2].flatMap((episode) =>
      Array.from({ length: episode === 1 ? 30 : 60 }, (_, t) => 60 * episode + t),
    );
    const pick = (data: Float32Array, size: number): Float32Array =>
      Float32Array.from(mixed.flatMap((row) => Array.from(data.subarray(row * size, (row + 1) * size))));
    await writeDemonstrations(
      join(cwd, "mixed.npz"),
      {
        ...trajectories,
        observations: pick(trajectories.observations, 17),
        actions: pick(trajectories.actions, 6),
        nextObservations: pick(trajectories.nextObservations, 17),
        rewards: pick(trajectories.rewards!, 1),
        terminated: new Uint8Array(150),
        truncated: Uint8Array.from(mixed, (_, at) => +[59, 89, 149].includes(at)),
        episodeStarts: Uint32Array.of(0, 60, 90, 150),
      },
      metadata,
    );
    const { stdout } = await demos(
      "subsample",
      "mixed.npz",
      "long.npz",
      "--every",
      "1",
      "--min-length",
      "31",
    );
    expect(stdout).toMatch(/2 episodes, 120 steps of 150\n {2}- 1 episode of fewer than 31 steps left out/);
    expect(episodeCount((await read("long.npz")).trajectories)).toBe(2);
    const report = await demos(
      "subsample",
      "mixed.npz",
      "long.npz",
      "--min-length",
      "31",
      "--force",
      "--json",
    );
    expect(JSON.parse(report.stdout)).toMatchObject({ episodes: 2, of: 150, tooShort: 1, transitions: 6 });
  });
});

describe("tandem demos lint", { timeout: HOOK_TIMEOUT }, () => {
  it("is silent about a sound file, and exits with 0", async () => {
    const { code, stdout, stderr } = await demos("lint", "demo.npz");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^Simulated +\d+ single steps in HalfCheetah-v5: all go/m);
    expect(stdout).toContain("Nothing looks wrong.");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("exits with 1 where something is wrong, and goes on past what cannot be read", async () => {
    const { code, stdout, stderr } = await demos("lint", "none.npz", "late.npz", "demo.npz", "--json");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tandem: [^\n]*none\.npz[^\n]*found nothing there[^\n]*\n$/);
    const reports = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(reports.map(({ source }) => source)).toEqual(["late.npz", "demo.npz"]);
    expect(reports[0].findings).toContainEqual(
      expect.objectContaining({ kind: "shifted-actions", severity: "error" }),
    );
    expect(reports[1].findings).toEqual([]);
    expect((await demos("lint", "late.npz")).code).toBe(1);
    expect((await demos("lint", "none.npz", "demo.npz")).code).toBe(1);
  });

  it("does not simulate with --no-replay, and takes the environment from the command line", async () => {
    const still = await demos("lint", "late.npz", "--no-replay", "--json");
    expect(still.code).toBe(0);
    expect(JSON.parse(still.stdout)).toMatchObject({ simulation: null, findings: [] });
    await demos("convert", "demo.npz", "nameless.csv", "--force");
    const unnamed = await demos("lint", "nameless.csv", "--json");
    expect(JSON.parse(unnamed.stdout)).toMatchObject({ simulation: null });
    const named = await demos("lint", "nameless.csv", "--env", "HalfCheetah-v4", "--json");
    expect(JSON.parse(named.stdout)).toMatchObject({ simulation: { env: "HalfCheetah-v4", departed: 0 } });
    const heavy = await demos("lint", "demo.npz", "--env-option", "massScale=2", "--json");
    expect(heavy.code).toBe(1);
    expect(JSON.parse(heavy.stdout)).toMatchObject({
      findings: [{ kind: "other-dynamics", severity: "error" }],
    });
  });

  it("says what it does not know, and the nearest it does", async () => {
    await demos("convert", "demo.npz", "old.npz", "--env", "HalfCheetah-v3", "--force");
    const { stdout, code } = await demos("lint", "old.npz");
    expect(code).toBe(0);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(
      "There is no environment HalfCheetah-v3 here (try --env HalfCheetah-v4): not simulated",
    );
    const odd = { ...original.metadata, envOptions: { gravity: 3 } };
    await writeDemonstrations(join(cwd, "odd.npz"), original.trajectories, odd);
    expect((await demos("lint", "odd.npz")).stdout.replaceAll(/\s+/g, " ")).toContain(
      "cannot be made (makeEnvironment: HalfCheetah-v5 has no option gravity",
    );
  });
});

describe("tandem demos inspect", { timeout: HOOK_TIMEOUT }, () => {
  it("shows a file of any format, and what does not fit the environment", async () => {
    await demos("convert", "demo.npz", "demo.jsonl", "--force");
    const { stdout } = await demos("inspect", "demo.jsonl");
    expect(stdout).toMatch(/^Format {10}jsonl, layout /m);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const misfit = await demos("inspect", "demo.npz", "--env", "Hopper-v5", "--json");
    expect(misfit.code).toBe(0);
    expect(JSON.parse(misfit.stdout)).toMatchObject({
      findings: [{ kind: "observation-size" }, { kind: "action-size" }],
    });
    const limit = await demos("inspect", "demo.npz", "--env-option", "maxEpisodeSteps=50", "--json");
    expect(JSON.parse(limit.stdout)).toMatchObject({ findings: [{ kind: "longer-than-limit" }] });
  });
});

const CASES: [why: string, args: string[], says: RegExp][] = [
  ["nothing to convert", ["convert", "none.npz", "x.npz"], /none\.npz.*found nothing there/],
  ["an unknown ending", ["convert", "demo.npz", "x.txt"], /expected a path that ends in/],
  [
    "an unknown format",
    ["convert", "demo.npz", "x", "--format", "pkl"],
    /--format: expected npz or .*got pkl/,
  ],
  [
    "HDF5 as a Minari data set",
    ["convert", "demo.npz", "x.hdf5", "--format", "minari"],
    /expected a folder as the place of a Minari data set/,
  ],
  ["a folder that is not there", ["convert", "demo.npz", "no/x.npz"], /cannot be written \(ENOENT\)/],
  ["a file over itself", ["convert", "demo.npz", "demo.npz", "--force"], /is, or holds, the file to be read/],
  ["episodes that are none", ["convert", "demo.npz", "x.npz", "--episodes", "2..1"], /got 2\.\.1/],
  [
    "more episodes than there are",
    ["convert", "demo.npz", "x.npz", "--episodes", "4"],
    /has episodes 0 to 2, got 0\.\.3/,
  ],
  ["numbers that are none", ["convert", "nan.npz", "x.jsonl"], /nan\.npz.*must be finite/],
  [
    "a stride of nothing",
    ["subsample", "demo.npz", "x.npz", "--every", "0"],
    /--every: expected a whole number/,
  ],
  [
    "only longer episodes",
    ["subsample", "demo.npz", "x.npz", "--min-length", "61"],
    /--min-length: no episode of/,
  ],
  [
    "thinned steps for Minari",
    ["subsample", "demo.npz", "x-v0", "--format", "minari"],
    /Minari has no place for another/,
  ],
  ["an unreadable file to lint", ["lint", "nan.npz"], /nan\.npz.*must be finite/],
  ["an unknown environment", ["lint", "demo.npz", "--env", "Cheetah"], /no environment is called Cheetah/],
];

describe("bad input is one line on stderr, and leaves nothing behind", { timeout: HOOK_TIMEOUT }, () => {
  it.each(CASES)("%s", async (_, args, says) => {
    const before = readdirSync(cwd).sort();
    const { code, stdout, stderr } = await demos(...args);
    expect(stderr).toMatch(/^tandem: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect([code, stdout]).toEqual([1, ""]);
    expect(readdirSync(cwd).sort()).toEqual(before);
  });
});

describe("help", { timeout: HOOK_TIMEOUT }, () => {
  it.each([
    ["inspect", ["--env-option", "Examples:"]],
    ["lint", ["--no-replay", "Exits with 1", "Examples:"]],
    ["convert", ["--episodes", "--force", "Examples:"]],
    ["subsample", ["--min-length", "[20]", "Examples:"]],
  ])("of %s fits 80 columns", async (command, parts) => {
    const { code, stdout } = await demos(command, "--help");
    expect(code).toBe(0);
    for (const part of parts) expect(stdout).toContain(part);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });
});

it("the written files are closed and whole", async () => {
  const file = await openDemonstrations(join(cwd, "back.npz"));
  await file.close();
  expect(readdirSync(cwd).filter((name) => name.endsWith(".tmp") || name.endsWith(".old"))).toEqual([]);
});
