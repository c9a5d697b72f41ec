import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import {
  formatDemonstrations,
  inspectDemonstrations,
  parseDemonstrations,
  writeDemonstrations,
} from "../../src/demos/index.ts";
import { countingEpisodes, golden } from "./recordings.ts";

/** Reads and inspects: the outcome must be demonstrations in order or a TandemError of one line. */
async function survives(bytes: Uint8Array): Promise<"read" | "refused"> {
  try {
    const demonstrations = await parseDemonstrations(bytes, "cut");
    const { trajectories } = demonstrations;
    const rows = trajectories.episodeStarts[trajectories.episodeStarts.length - 1];
    expect(trajectories.observations.length).toBe(rows * trajectories.observationSize);
    expect(trajectories.nextObservations.length).toBe(rows * trajectories.observationSize);
    expect(trajectories.actions.length).toBe(rows * trajectories.actionSize);
    expect(trajectories.truncated.length).toBe(rows);
    // What comes out of a small file is small, whatever its headers claim.
    expect(trajectories.observations.length).toBeLessThan(bytes.length * 1032);
    expect(inspectDemonstrations(demonstrations).transitions).toBe(rows);
    return "read";
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    // A lying header would have asked for gigabytes; what is collected late stays far below.
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(2 ** 29);
    expect(error.message).not.toContain("\n");
    return "refused";
  }
}

const FILES: [string, Uint8Array][] = [
  ["our own", formatDemonstrations(countingEpisodes([4, 3]), { env: "Counting-v0" })],
  ...["imitation-trajectories.npz", "stable-baselines.npz"].map((name): [string, Uint8Array] => [
    name,
    new Uint8Array(readFileSync(golden(name))),
  ]),
];

test("every truncation of a file is refused", async () => {
  for (const [, bytes] of FILES) {
    for (let length = 0; length < bytes.length; length++) {
      expect(await survives(bytes.subarray(0, length))).toBe("refused");
    }
  }
});

/** Without checksums. */
const UNCHECKED: [string, Uint8Array][] = [
  ["JSON Lines", await written("jsonl")],
  ["CSV", await written("csv")],
  ...["imitation", "transitions", "transitions-plain", "transitions-zstd", "transitions-pages-2"].map(
    (name): [string, Uint8Array] => [name, new Uint8Array(readFileSync(golden(`parquet/${name}.parquet`)))],
  ),
];

/** A small set in a text format. */
async function written(format: "jsonl" | "csv"): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-mutation-"));
  const path = join(folder, `set.${format}`);
  await writeDemonstrations(path, countingEpisodes([4, 3]), { env: "Counting-v0" });
  const bytes = new Uint8Array(readFileSync(path));
  rmSync(folder, { recursive: true });
  return bytes;
}

test("every truncation of Parquet is refused; text cut short is refused or read up to there", async () => {
  for (const [name, bytes] of UNCHECKED.slice(0, 4)) {
    for (let length = 0; length < bytes.length; length += 1 + (length >> 7)) {
      const outcome = await survives(bytes.subarray(0, length));
      if (name !== "JSON Lines" && name !== "CSV") expect(outcome).toBe("refused");
    }
  }
});
