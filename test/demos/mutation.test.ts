import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { keyFromSeed, nextInteger, streamOf, TandemError, type RandomStream } from "../../src/core/index.ts";
import {
  formatDemonstrations,
  inspectDemonstrations,
  npzKeys,
  parseDemonstrations,
  readNpzArray,
  writeDemonstrations,
  writeNpy,
} from "../../src/demos/index.ts";
import { archiveOf, countingEpisodes, golden } from "./recordings.ts";

/** The bytes with up to four flipped, replaced by an extreme, cut off or doubled. */
function mutate(bytes: Uint8Array, stream: RandomStream): Uint8Array {
  let mutated = bytes.slice();
  const changes = 1 + nextInteger(stream, 4);
  for (let change = 0; change < changes; change++) {
    const at = nextInteger(stream, mutated.length);
    const kind = nextInteger(stream, 8);
    if (kind < 4) mutated[at] ^= 1 << nextInteger(stream, 8);
    else if (kind === 4) mutated[at] = 0xff;
    else if (kind === 5)
      mutated[at] = 0x39; // the digit 9, to make shapes grow
    else if (kind === 6 && at > 0) mutated = mutated.slice(0, at);
    else mutated.copyWithin(at, nextInteger(stream, mutated.length));
  }
  return mutated;
}

/** Reads and inspects: the outcome must be demonstrations in order or a TandemError of one line. */
async function survives(bytes: Uint8Array): Promise<"read" | "refused"> {
  try {
    const demonstrations = await parseDemonstrations(bytes, "mutated");
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

for (const [index, [name, bytes]] of FILES.entries()) {
  test(`2000 mutations of a file (${name})`, async () => {
    const stream = streamOf(keyFromSeed(index));
    const outcomes = { read: 0, refused: 0 };
    for (let trial = 0; trial < 2000; trial++) outcomes[await survives(mutate(bytes, stream))]++;
    // Some bytes (dates, a reader's version) matter to nobody; most mutations must be noticed.
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(1300);
  });
}

test("every truncation of a file is refused", async () => {
  for (const [, bytes] of FILES) {
    for (let length = 0; length < bytes.length; length++) {
      expect(await survives(bytes.subarray(0, length))).toBe("refused");
    }
  }
});

test("3000 mutations of arrays inside a sound archive, past its checksums", async () => {
  const stream = streamOf(keyFromSeed(9));
  const outcomes = { read: 0, refused: 0 };
  for (const name of [
    "imitation-trajectories.npz",
    "imitation-transitions.npz",
    "stable-baselines.npz",
    "plain.npz",
  ]) {
    const archive = await archiveOf(readFileSync(golden(name)));
    const arrays: [string, Uint8Array][] = [];
    for (const key of npzKeys(archive).filter((some) => some !== "infos")) {
      arrays.push([`${key}.npy`, writeNpy(await readNpzArray(archive, key))]);
    }
    for (let trial = 0; trial < 750; trial++) {
      const chosen = nextInteger(stream, arrays.length);
      const entries = arrays.map(([key, bytes], index) => [
        key,
        index === chosen ? mutate(bytes, stream) : bytes,
      ]);
      outcomes[await survives(zipSync(Object.fromEntries(entries), { level: 0 }))]++;
    }
  }
  expect(outcomes.read).toBeGreaterThan(300);
  expect(outcomes.refused).toBeGreaterThan(300);
});

/** Without checksums: what is changed inside a number is another number. */
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

for (const [index, [name, bytes]] of UNCHECKED.entries()) {
  test(`500 mutations of a file without checksums (${name})`, async () => {
    const stream = streamOf(keyFromSeed(100 + index));
    const outcomes = { read: 0, refused: 0 };
    for (let trial = 0; trial < 500; trial++) outcomes[await survives(mutate(bytes, stream))]++;
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(150);
  });
}

test("every truncation of Parquet is refused; text cut short is refused or read up to there", async () => {
  for (const [name, bytes] of UNCHECKED.slice(0, 4)) {
    for (let length = 0; length < bytes.length; length += 1 + (length >> 7)) {
      const outcome = await survives(bytes.subarray(0, length));
      if (name !== "JSON Lines" && name !== "CSV") expect(outcome).toBe("refused");
    }
  }
});
