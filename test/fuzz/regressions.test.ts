/** Damaged inputs that readers once crashed on, hung on, made room for, or refused in words that were none. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkThrift } from "../../src/demos/thrift.ts";
import { READERS, type Reader, type ReaderName } from "./readers.ts";
import { checksumOf } from "../../src/runs/checkpoint.ts";
import { decodeSafetensors } from "../../src/runs/safetensors.ts";
import { checkpointSeeds, metricsSeeds } from "./seed-runs.ts";
import { encoded, hdf5Seeds, jsonBytes, policySeeds, suiteSeeds, type Files } from "./seeds.ts";
import { outcomeOf } from "./trial.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-regressions-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What is said of the files. Anything but a refusal in time, in one line of words of ours, fails. */
async function refusal(name: ReaderName, files: Files): Promise<string> {
  const reader: Reader = READERS[name];
  const place = mkdtempSync(join(folder, "input-"));
  const { kind, words } = await outcomeOf(reader, await reader.open(), files, place, "");
  expect(`${kind}: ${words}`).toMatch(/^refused: /);
  return words;
}

const DEEP = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
const decoded = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A header and so many bytes of data. */
function safetensors(header: string, data = 8): Files {
  const text = encoded(header);
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return { "a.safetensors": bytes };
}

const tensor = (name: string, offsets: unknown, shape: unknown = [2]): string =>
  `"${name}":{"dtype":"F32","shape":${JSON.stringify(shape)},"data_offsets":${typeof offsets === "string" ? offsets : JSON.stringify(offsets)}}`;

describe("safetensors", () => {
  test.each([
    ["null", /its header is no JSON object/],
    ["[]", /its header is no JSON object/],
    ['{"__metadata__":{"a":1}}', /holds other things than texts/],
    ['{"__metadata__":null}', /holds other things than texts/],
    ['{"a":null}', /tensor a does not fit/],
    [`{${tensor("a", 0)}}`, /tensor a does not fit/],
    [`{${tensor("a", {})}}`, /tensor a does not fit/],
    [`{${tensor("a", `[${DEEP},8]`)}}`, /tensor a does not fit/],
    [`{${tensor("a", [0.5, 8.5])}}`, /tensor a does not fit/],
    [`{${tensor("a", [0, 8, 8])}}`, /tensor a does not fit/],
    [`{${tensor("a", [0, 12], [3])}}`, /tensor a does not fit/],
    [`{${tensor("a", [0, 8], [3])}}`, /tensor a does not fit/],
    [`{${tensor("a", [8, 0], [-2])}}`, /tensor a does not fit/],
    // Any number of tensors of the same bytes would take any amount of memory.
    [`{${tensor("a", [0, 8])},${tensor("b", [0, 8])}}`, /tensor b does not fit/],
    [`{"a\\nb\\u202e":1}`, /tensor a b\? does not fit/],
  ])("a header %.60s", async (header, words) => {
    expect(await refusal("safetensors", safetensors(header))).toMatch(words);
  });

  test("a tensor of any name is read as it is", async () => {
    const { decodeSafetensors } = await import("../../src/runs/safetensors.ts");
    const [bytes] = Object.values(safetensors(`{${tensor("__proto__", [0, 8])}}`));
    const { arrays } = decodeSafetensors(bytes, "a");
    expect(Object.keys(arrays)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(arrays)).toBe(Object.prototype);
  });
});

describe("steps in lines", () => {
  test("a value deeper than a stack", async () => {
    const line = `{"episode":0,"observation":[1],"action":${DEEP}}`;
    const words = await refusal("jsonl", { "set.jsonl": encoded(line) });
    expect(words).toMatch(/line 1: expected float32 numbers as its action, got a list of 1; /);
  });

  test("a hundred thousand columns take no longer than their text", async () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `observation_${index}`);
    const words = await refusal("csv", { "set.csv": encoded(`episode,action,${names.join()}\n0,1\n`) });
    expect(words).toMatch(/line 2: expected 100002 fields, got 2/);
  });
});

describe("Parquet's Thrift", () => {
  /** A struct whose one field is a list of lists of .. of 2^25 entries. */
  const lists = Uint8Array.from([
    0x19,
    ...Array.from({ length: 20 }, () => [0xf9, 0x80, 0x80, 0x80, 0x10]).flat(),
    ...Array(90).fill(0),
  ]);
  test.each([
    ["lists that claim more than there is", lists, "is cut short"],
    [
      "structs in structs",
      Uint8Array.from([...Array(100).fill(0x1c), ...Array(200).fill(0)]),
      "is deeper than any",
    ],
    [
      "a number without an end",
      Uint8Array.from([0x16, ...Array(5000).fill(0x80), 0, 0]),
      "has a number without an end",
    ],
    ["a text beyond the end", Uint8Array.of(0x18, 5, 1, 2), "is cut short"],
    ["a type that is none", Uint8Array.of(0x1b, 0), "has a value of no known type"],
    ["no end", Uint8Array.of(0x15, 2), "is cut short"],
  ])("%s", (_, bytes, words) => {
    expect(() => checkThrift(bytes, 0)).toThrow(words);
  });

  test("what is whole passes: flags, numbers, texts, lists, structs, far fields", () => {
    const sound = [
      0x11,
      0x13,
      7,
      0x15,
      0x80,
      1,
      0x17,
      ...Array(8).fill(1),
      0x18,
      2,
      65,
      66,
      0x19,
      0x25,
      2,
      4,
    ];
    const inside = [0x19, 0x22, 1, 0, 0x1c, 0x15, 2, 0, 0x05, 0x40, 6, 0];
    expect(() => checkThrift(Uint8Array.from([...sound, ...inside]), 0)).not.toThrow();
  });
});

test.each([
  ["a deep list", DEEP],
  ["a number", "3"],
  ["null", "null"],
])("a record whose kind is %s", async (_, kind) => {
  const [{ files }] = await metricsSeeds();
  const record = encoded(`{"kind":${kind},"step":3}\n`);
  expect(await refusal("metrics", { ...files, "metrics.jsonl": record })).toMatch(
    /line 1: expected a record with a kind/,
  );
});

test("a Minari description deeper than a stack", async () => {
  const seed = (await hdf5Seeds()).find(({ name }) => name === "Minari, hopper-v0")!;
  const space = JSON.stringify(`{"type":"Box","dtype":"uint8","shape":[64,64],"low":${DEEP},"high":${DEEP}}`);
  const metadata = encoded(`{"note":${DEEP},"observation_space":${space},"action_space":${space}}`);
  const reader: Reader = READERS.hdf5;
  const place = mkdtempSync(join(folder, "input-"));
  const files = { ...seed.files, "data/metadata.json": metadata };
  const outcome = await outcomeOf(reader, await reader.open(), files, place, "");
  expect(outcome).toEqual({ kind: "read", words: "" });
});

const changedSuite = async (
  change: (suite: { tasks: Record<string, unknown>[] }) => void,
): Promise<string> => {
  const [{ files }] = await suiteSeeds();
  const suite = JSON.parse(decoded(files["suite.json"])) as { tasks: Record<string, unknown>[] };
  change(suite);
  return refusal("suite", { "suite.json": jsonBytes(suite) });
};

describe("suites", () => {
  test("sets of more episodes than can be counted", async () => {
    const huge = { episodes: 1e12, trajectories: [3, 10], heldOut: [] };
    expect(await changedSuite(({ tasks }) => Object.assign(tasks[0], huge))).toMatch(
      /the sets from 3 and from 10 both hold episode 10; leave 1000000000000 between/,
    );
    const held = { episodes: 1e12, trajectories: [3], heldOut: [1, 500_000] };
    expect(await changedSuite(({ tasks }) => Object.assign(tasks[0], held))).toMatch(
      /episode 500000 is held out, and learnt from in the set from 3/,
    );
  });

  test("JSON that is cut short in the middle of its lines", async () => {
    const words = await refusal("suite", { "suite.json": encoded('{\n  "name": "a",\n  "tasks": [\n') });
    expect(words).toMatch(/suite\.json cannot be read as JSON \(/);
  });
});

test("a policy whose layers claim more numbers than its weights hold", async () => {
  const [{ files }] = await policySeeds();
  const layer = { weight: "last.w", bias: "last.b", in: 2, out: 2, activation: "linear" };
  const square = { weight: "square", bias: "b", in: 64, out: 64, activation: "linear" };
  const change = (changes: object): Files => ({
    ...files,
    "policy.json": jsonBytes({ ...JSON.parse(decoded(files["policy.json"])), ...changes }),
  });
  const first = { weight: "first.w", bias: "first.b", in: 3, out: 2, activation: "relu" };
  const again = change({
    layers: [
      { ...first, weight: "in", bias: "b", out: 64 },
      ...Array.from({ length: 10_000 }, () => square),
      { ...layer, weight: "out", in: 64 },
    ],
    tensors: {
      in: { shape: [64, 3], offset: 0 },
      square: { shape: [64, 64], offset: 0 },
      b: { shape: [64], offset: 0 },
      out: { shape: [2, 64], offset: 0 },
      "last.b": { shape: [2], offset: 0 },
    },
  });
  const tied = { ...again, "weights.bin": new Uint8Array(4 * 64 * 64) };
  expect(await refusal("policy", tied)).toMatch(/its layers take 41600386 numbers, weights\.bin has 4096; /);
  const wide = change({
    layers: [
      { ...first, out: 500_000_000 },
      { ...layer, in: 500_000_000 },
    ],
    tensors: { "first.w": { shape: [500_000_000, 3], offset: 0 } },
  });
  expect(await refusal("policy", wide)).toMatch(/tensor first\.w ends at byte 6000000000 of weights\.bin/);
});

describe("checkpoints", () => {
  let files: Files;
  beforeAll(async () => {
    [{ files }] = await checkpointSeeds();
  });
  const STATE = "checkpoint/state.safetensors";

  /** The files with the state changed. */
  const changed = (change: (state: Record<string, Record<string, unknown>>) => void): Files => {
    const bytes = files[STATE];
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const header = JSON.parse(decoded(bytes.subarray(8, 8 + length))) as {
      __metadata__: { state: string; sha256: string };
    };
    const { __metadata__: metadata } = header;
    const state = JSON.parse(metadata.state) as Record<string, Record<string, unknown>>;
    change(state);
    metadata.state = JSON.stringify(state);
    metadata.sha256 = checksumOf(decodeSafetensors(bytes, STATE).arrays, metadata.state);
    const made = Object.values(safetensors(JSON.stringify(header), bytes.length - 8 - length))[0];
    made.set(bytes.subarray(8 + length), made.length - (bytes.length - 8 - length));
    return { ...files, [STATE]: made };
  };

  test("of an undamaged state nothing is said", async () => {
    const reader: Reader = READERS.checkpoint;
    const place = mkdtempSync(join(folder, "input-"));
    const outcome = await outcomeOf(
      reader,
      await reader.open(),
      changed(() => {}),
      place,
      "",
    );
    expect(outcome).toEqual({ kind: "read", words: "" });
  });

  test.each<[string, Parameters<typeof changed>[0], RegExp]>([
    [
      "an object as its format",
      (state) => Object.assign(state, { format: {} }),
      /is damaged: its checksum is another/,
    ],
    ["no streams", ({ irl }) => delete irl.streams, /it has no expert; the checkpoint is damaged/],
    ["no counters", ({ irl }) => delete irl.counters, /it has no rewardSteps; the checkpoint is damaged/],
    [
      "no optimiser of the reward",
      ({ irl }) => delete irl.rewardAdam,
      /it has no optimiser of the reward; the checkpoint is damaged/,
    ],
    [
      "no statistics",
      ({ irl }) => delete irl.statistics,
      /it has no statistics of the reward; the checkpoint is damaged/,
    ],
    ["no agent", (state) => delete state.agent, /: agent: .*; the checkpoint is damaged/],
    ["no steps", ({ agent }) => (agent.steps = null), /: agent\.steps: /],
    ["a step that is none", ({ agent }) => (agent.steps = -1), /: agent\.steps: /],
    [
      "an episode without an end",
      ({ agent }) => (agent.episodeRows = 1e12),
      /floats of the episode under way: expected/,
    ],
    ["an optimiser lost", ({ agent }) => (agent.adam as unknown[]).pop(), /optimisers: expected 3, got 2/],
    [
      "episodes that are not there",
      ({ irl }) => (irl.recentEpisodes = 1e12),
      /expected 1000000000000 recent episodes, got \d/,
    ],
    [
      "statistics of other rows",
      ({ irl }) => (irl.statistics as { agent: { mean: number[] } }).agent.mean.push(0),
      /statistics of agent: expected/,
    ],
    ["streams that are texts", ({ irl }) => (irl.streams = { expert: "x" }), /: irl\.streams\.expert: /],
    ["no learner's part", (state) => (state.irl = [] as never), /: irl: /],
  ])("%s", async (_, change, words) => {
    expect(await refusal("checkpoint", changed(change))).toMatch(words);
  });
});
