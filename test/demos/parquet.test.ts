import { describe, expect, test } from "vitest";
import { sliceEpisodes, TandemError } from "../../src/core/index.ts";
import { openDemonstrations, readDemonstrations } from "../../src/demos/index.ts";
import { decodePage, type PageFormat, type PageShape } from "../../src/demos/parquet-pages.ts";
import { countingEpisodes, golden } from "./recordings.ts";

const COUNTING = countingEpisodes([3, 2]);
const ORDER = Array.from({ length: 48 }, (_, episode) => episode);

describe("files that pyarrow wrote", () => {
  test("imitation's export: a row an episode", async () => {
    const read = await readDemonstrations(golden("parquet/imitation.parquet"));
    expect(read.layout).toBe("imitation-trajectories");
    expect(read.trajectories).toEqual(COUNTING);
    expect(read.warnings).toEqual([
      "terminal does not tell a time limit from the task's end: every marked end is taken as a termination, where values do not bootstrap.",
    ]);
  });

  test("a flat table of transitions, of several types", async () => {
    const read = await readDemonstrations(golden("parquet/transitions.parquet"));
    expect(read).toEqual({
      trajectories: COUNTING,
      env: null,
      source: golden("parquet/transitions.parquet"),
      layout: "plain",
      metadata: {},
      warnings: [],
    });
  });

  for (const variant of ["none", "snappy", "gzip", "brotli", "zstd", "lz4", "plain", "pages-2"]) {
    test(`48 episodes in pages of a few values (${variant}), in order, backwards and from the middle`, async () => {
      const file = await openDemonstrations(golden(`parquet/transitions-${variant}.parquet`));
      expect(file.episodeStarts.length).toBe(49);
      const whole = await file.readEpisodes(0, 48);
      for (const episode of [...ORDER, ...ORDER.toReversed(), 23, 30, 2]) {
        const part = await file.readEpisodes(episode, episode + 1);
        const expected = sliceEpisodes(COUNTING, episode % 2, (episode % 2) + 1);
        expect({ ...part }).toEqual({
          ...expected,
          observations: expected.observations.slice(),
        });
        expect(sliceEpisodes(whole, episode, episode + 1)).toEqual(part);
      }
      await file.close();
    });
  }
});

describe("refusals", () => {
  const cases: [string, RegExp][] = [
    ["ragged", /observations must have 2 numbers in each row, not so about row 1/],
    ["missing", /observations has empty or missing entries/],
    ["text", /actions must be numbers or lists of them, got another type or none/],
    ["transitions-empty", /expected at least one episode, observations has 0 rows/],
    ["transitions-delta", /rewards is encoded as DELTA_BINARY_PACKED, which is not read/],
  ];
  test.each(cases)("%s", async (name, message) => {
    const path = golden(`parquet/${name}.parquet`);
    await expect(readDemonstrations(path)).rejects.toThrow(TandemError);
    await expect(readDemonstrations(path)).rejects.toThrow(message);
    await expect(readDemonstrations(path)).rejects.toThrow(/^readDemonstrations: [^\n]+$/);
  });
});

describe("claims of a page make no room for what is not there", () => {
  const format: PageFormat = { type: "BOOLEAN", codec: "UNCOMPRESSED", maxDefinition: 0, maxRepetition: 0 };
  const page: PageShape = { encoding: "RLE", count: 5, length: 10, levels: null };
  /** Four bytes of length, then a run of 2^31 - 1 ones. */
  const run = Uint8Array.of(6, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1);

  test("a long run in a page of few values is cut", () => {
    const { values } = decodePage(run, page, format, null);
    expect(values).toEqual(Uint8Array.of(1, 1, 1, 1, 1));
  });

  test("many values in few bytes, a page larger than any, a run without a value", () => {
    expect(() => decodePage(run, { ...page, count: 2 ** 27 }, format, null)).toThrow(/is damaged/);
    expect(() => decodePage(run, { ...page, length: 2 ** 31 }, format, null)).toThrow(
      /a page of 2147483648 bytes/,
    );
    expect(() => decodePage(run.subarray(0, 9), { ...page, length: 9 }, format, null)).toThrow(/is damaged/);
  });

  test("a zstd frame that claims another size than its page", () => {
    // Magic number, a descriptor of an 8-byte size in one segment, and the size: 2^40 bytes.
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decodePage(frame, page, { ...format, codec: "ZSTD" }, null)).toThrow(/is damaged/);
    // The same with a window of 2^41 bytes and no size.
    const window = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 0, 0, 0);
    expect(() => decodePage(window, page, { ...format, codec: "ZSTD" }, null)).toThrow(
      /a zstd window of 2199023255552 bytes, at most 33554432 are read/,
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
  });

  test("a page of snappy that claims more than its bytes can hold", () => {
    const before = process.memoryUsage().arrayBuffers;
    const claimed = { ...page, length: 2 ** 27 };
    expect(() => decodePage(run, claimed, { ...format, codec: "SNAPPY" }, null)).toThrow(/is damaged/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
  });
});
