import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { keyFromSeed, streamOf, TandemError } from "../../src/core/index.ts";
import { createD4rlSink } from "../../src/demos/d4rl-sink.ts";
import { openHdf5 } from "../../src/demos/hdf5.ts";
import { damageHdf5 } from "../fuzz/damage-hdf5.ts";
import { countingEpisodes, golden } from "./recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-hdf5-mutation-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A damaged file may keep the library for ever; a sound one of this size takes it no time. */
const PATIENCE = 2000;

/** Opens and reads all: the outcome must be episodes in order or a TandemError of one line. */
async function survives(path: string): Promise<"read" | "refused"> {
  let file;
  try {
    file = await openHdf5(path, PATIENCE);
    const { episodeStarts, observationSize, actionSize } = file;
    const trajectories = await file.readEpisodes(0, episodeStarts.length - 1);
    const rows = episodeStarts[episodeStarts.length - 1];
    expect(trajectories.observations.length).toBe(rows * observationSize);
    expect(trajectories.actions.length).toBe(rows * actionSize);
    expect(trajectories.terminated.length).toBe(rows);
    expect(trajectories.observations.every(Number.isFinite)).toBe(true);
    expect(trajectories.truncated.every((flag) => flag <= 1)).toBe(true);
    return "read";
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    expect(error.message).toMatch(/^readDemonstrations: [^\n]+$/);
    return "refused";
  } finally {
    await file?.close();
  }
}

async function ours(): Promise<Uint8Array> {
  const path = join(folder, "ours.hdf5");
  const sink = await createD4rlSink(path, { env: "Counting-v0" });
  await sink.append(countingEpisodes([4, 3]));
  await sink.finish();
  return new Uint8Array(readFileSync(path));
}

test.each(["d4rl-v2.hdf5", "d4rl-v1.hdf5", "minari-0.4.hdf5", "hopper-v0/data/main_data.hdf5", "ours"])(
  "60 times %s, damaged, in the thread that has the library",
  async (name) => {
    const bytes = name === "ours" ? await ours() : new Uint8Array(readFileSync(golden(`hdf5/${name}`)));
    const stream = streamOf(keyFromSeed(name.length));
    const outcomes = { read: 0, refused: 0 };
    const path = join(folder, "mutated.hdf5");
    for (let trial = 0; trial < 60; trial++) {
      writeFileSync(path, damageHdf5(bytes, stream, [bytes]));
      outcomes[await survives(path)]++;
    }
    expect(outcomes.read).toBeGreaterThan(5);
    expect(outcomes.refused).toBeGreaterThan(12);
    expect(process.memoryUsage().rss).toBeLessThan(2 ** 30);
  },
  240_000,
);
