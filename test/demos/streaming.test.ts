/** Memory: a file of its own, as the peak of the process is measured. */
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createDemonstrationSink, openDemonstrations, writeNpy } from "../../src/demos/index.ts";
import { npyHeader } from "../../src/demos/npy.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-streaming-"));
afterAll(() => rmSync(folder, { recursive: true }));

const MEGABYTE = 2 ** 20;

/** How far `work` raises the largest memory this process ever held, bytes. */
async function peakGrowth(work: () => Promise<void>): Promise<number> {
  const before = process.resourceUsage().maxRSS;
  await work();
  return (process.resourceUsage().maxRSS - before) * 1024;
}

/** A float32 .npy file of zeros that takes no room, but for the numbers given at their rows. */
function sparse(path: string, rows: number, columns: number, given: [row: number, values: number[]][]): void {
  const header = npyHeader("f4", [rows, columns]);
  writeFileSync(path, header.bytes);
  truncateSync(path, header.bytes.length + header.dataLength);
  const file = openSync(path, "r+");
  for (const [row, values] of given) {
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    writeSync(file, bytes, 0, bytes.length, header.bytes.length + row * columns * 4);
  }
  closeSync(file);
}

test("one episode of a folder of 5 GB takes the room of an episode", async () => {
  const [episodes, steps, size] = [20_000, 1000, 28];
  const rows = episodes * steps;
  const place = join(folder, "sparse");
  mkdirSync(place);
  const last = rows - 1;
  // Two arrays of 2.24 GB each: positions beyond 2^31 are read.
  sparse(join(place, "observations.npy"), rows, size, [[last, [1, 2]]]);
  sparse(join(place, "next_observations.npy"), rows, size, [[last, [3, 4]]]);
  sparse(join(place, "actions.npy"), rows, 6, [[last, [5]]]);
  const lengths = { dtype: "i4", shape: [episodes], data: new Int32Array(episodes).fill(steps) } as const;
  writeFileSync(join(place, "episode_lengths.npy"), writeNpy(lengths));
  const growth = await peakGrowth(async () => {
    const file = await openDemonstrations(place);
    expect(file.episodeStarts.length).toBe(episodes + 1);
    const { observations, nextObservations, actions } = await file.readEpisodes(episodes - 1, episodes);
    expect(observations.length).toBe(steps * size);
    expect([...observations.subarray(-size, -size + 3)]).toEqual([1, 2, 0]);
    expect([...nextObservations.subarray(-size, -size + 3)]).toEqual([3, 4, 0]);
    expect([...actions.subarray(-6, -4)]).toEqual([5, 0]);
    await file.close();
  });
  expect(growth).toBeLessThan(100 * MEGABYTE);
});

test("a deflated set of 160 MB is written and read in order without holding it", async () => {
  const [episodes, steps, size] = [80, 1000, 256];
  const path = join(folder, "large.npz");
  const growth = await peakGrowth(async () => {
    const sink = await createDemonstrationSink(path, null, {});
    for (let episode = 0; episode < episodes; episode++) {
      const observations = new Float32Array(steps * size).fill(episode);
      await sink.append({
        observationSize: size,
        actionSize: 1,
        observations,
        actions: new Float32Array(steps),
        nextObservations: observations,
        rewards: null,
        terminated: new Uint8Array(steps),
        truncated: Uint8Array.from({ length: steps }, (_, t) => +(t === steps - 1)),
        episodeStarts: Uint32Array.of(0, steps),
      });
    }
    await sink.finish();
    const file = await openDemonstrations(path);
    for (const episode of [0, 1, 50, 79]) {
      const { observations } = await file.readEpisodes(episode, episode + 1);
      expect(observations.every((value) => value === episode)).toBe(true);
    }
    await file.close();
  });
  expect(growth).toBeLessThan(100 * MEGABYTE);
});

test("JSON Lines of 150 MB are opened and one episode is read without holding them", async () => {
  const path = join(folder, "large.jsonl");
  const observation = `[${Array.from({ length: 50 }, (_, index) => index / 8).join(",")}]`;
  const file = openSync(path, "w");
  const [episodes, steps] = [600, 1000];
  for (let episode = 0; episode < episodes; episode++) {
    const line = `{"episode":${episode},"observation":${observation},"action":[${episode}],"nextObservation":[]}\n`;
    const shared = line.replace(',"nextObservation":[]', "");
    writeSync(file, shared.repeat(steps));
  }
  closeSync(file);
  const growth = await peakGrowth(async () => {
    const opened = await openDemonstrations(path);
    const { actions } = await opened.readEpisodes(597, 598);
    expect(actions.length).toBe(steps - 1);
    expect(actions.every((value) => value === 597)).toBe(true);
    await opened.close();
  });
  expect(growth).toBeLessThan(100 * MEGABYTE);
});
