import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { episodeCount, sliceEpisodes, TandemError, type Trajectories } from "../../src/core/index.ts";
import {
  createDemonstrationSink,
  formatDemonstrations,
  openDemonstrations,
  parseDemonstrations,
  readDemonstrations,
  writeDemonstrations,
  type WrittenFormat,
} from "../../src/demos/index.ts";
import { anyTrajectories, countingEpisodes } from "./recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-formats-"));
afterAll(() => rmSync(folder, { recursive: true }));

const COUNTING = countingEpisodes([3, 2, 4]);

/** A slice as trajectories that own their columns, as a reader gives them. */
function copied(trajectories: Trajectories): Trajectories {
  return structuredClone({
    ...trajectories,
    observations: trajectories.observations.slice(),
    actions: trajectories.actions.slice(),
    nextObservations: trajectories.nextObservations.slice(),
    rewards: trajectories.rewards?.slice() ?? null,
    terminated: trajectories.terminated.slice(),
    truncated: trajectories.truncated.slice(),
  });
}

const EXACT: WrittenFormat[] = ["npz", "jsonl", "csv"];

describe.each(EXACT)("%s", (format) => {
  const path = join(folder, `recording.${format}`);

  test("whatever is written is read back bit for bit, whole and episode by episode in any order", async () => {
    await fc.assert(
      fc.asyncProperty(anyTrajectories, async (trajectories) => {
        await writeDemonstrations(path, trajectories, { env: "Any-v0" });
        const whole = await readDemonstrations(path);
        expect(whole.trajectories).toEqual(trajectories);
        expect(whole.warnings).toEqual([]);
        const file = await openDemonstrations(path);
        expect(file.format).toBe(format);
        expect([...file.episodeStarts]).toEqual([...trajectories.episodeStarts]);
        const episodes = Array.from({ length: episodeCount(trajectories) }, (_, episode) => episode);
        // Asked for at once and backwards: each waits for the one before and finds its place again.
        const read = await Promise.all(
          episodes.toReversed().map((episode) => file.readEpisodes(episode, episode + 1)),
        );
        await file.close();
        read.toReversed().forEach((part, episode) => {
          expect(part).toEqual(copied(sliceEpisodes(trajectories, episode, episode + 1)));
        });
      }),
      { numRuns: 40 },
    );
  });

  test("a next observation that differs from the next row in the sign of 0 alone is kept", async () => {
    const observations = COUNTING.observations.slice();
    // Row 1 leads to row 2, to 0 in its first place, once as -0.
    observations[4] = 0;
    const nextObservations = COUNTING.nextObservations.slice();
    nextObservations[2] = -0;
    const trajectories = { ...COUNTING, observations, nextObservations };
    await writeDemonstrations(path, trajectories, {});
    expect((await readDemonstrations(path)).trajectories).toEqual(trajectories);
  });

  test("a set written in parts is the file of the whole", async () => {
    const sink = await createDemonstrationSink(path, null, { env: "Counting-v0" });
    for (const [from, to] of [
      [0, 1],
      [1, 3],
    ]) {
      await sink.append(sliceEpisodes(COUNTING, from, to));
    }
    await sink.finish();
    await sink.abandon();
    const inParts = readFileSync(path);
    await writeDemonstrations(path, COUNTING, { env: "Counting-v0" });
    expect(inParts.equals(readFileSync(path))).toBe(true);
    expect(readdirSync(folder)).toContain(`recording.${format}`);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("what is abandoned, or finished without an episode, leaves nothing", async () => {
    const place = mkdtempSync(join(folder, "place-"));
    const abandoned = await createDemonstrationSink(join(place, "a"), format, {});
    await abandoned.append(COUNTING);
    expect(readdirSync(place)).not.toEqual([]);
    await abandoned.abandon();
    await abandoned.abandon();
    const empty = await createDemonstrationSink(join(place, "b"), format, {});
    await expect(empty.finish()).rejects.toThrow(/^writeDemonstrations: .*b: expected at least one episode/);
    expect(readdirSync(place)).toEqual([]);
  });

  test("parts that do not go together are refused", async () => {
    const sink = await createDemonstrationSink(path, format, {});
    await sink.append(COUNTING);
    const wider = { ...COUNTING, observationSize: 1, actionSize: 2 };
    wider.observations = COUNTING.observations.slice(9);
    wider.nextObservations = COUNTING.nextObservations.slice(9);
    wider.actions = new Float32Array(18);
    await expect(sink.append(wider)).rejects.toThrow(
      /observations of 2 and actions of 1 as before, got 1 and 2/,
    );
    await expect(sink.append({ ...COUNTING, rewards: null })).rejects.toThrow(/in all of the trajectories/);
    await sink.abandon();
  });

  test("from bytes alone it is read as from the file", async () => {
    await writeDemonstrations(path, COUNTING, { env: "Counting-v0" });
    const read = await parseDemonstrations(new Uint8Array(readFileSync(path)), "bytes");
    expect(read.trajectories).toEqual(COUNTING);
    expect(read.env).toBe(format === "csv" ? null : "Counting-v0");
  });

  test("episodes a file has not are refused", async () => {
    await writeDemonstrations(path, COUNTING, {});
    const file = await openDemonstrations(path);
    for (const [from, to] of [
      [0, 4],
      [-1, 1],
      [1, 1],
      [2, 1],
      [0.5, 1],
    ]) {
      await expect(file.readEpisodes(from, to)).rejects.toThrow(
        /readEpisodes: expected 0 <= from < to <= 3 episodes/,
      );
    }
    expect((await file.readEpisodes(2, 3)).observations[0]).toBe(20);
    await file.close();
    await file.close();
  });
});

test("the npz of a sink is what formatDemonstrations gives", async () => {
  const path = join(folder, "same.npz");
  await writeDemonstrations(path, COUNTING, { env: "Counting-v0", seeds: [1, 2] });
  const bytes = formatDemonstrations(COUNTING, { seeds: [1, 2], env: "Counting-v0" });
  expect(new Uint8Array(readFileSync(path))).toEqual(bytes);
});

test("metadata are kept in npz and jsonl", async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (metadata) => {
      for (const format of ["npz", "jsonl"] as const) {
        const path = join(folder, `described.${format}`);
        await writeDemonstrations(path, COUNTING, metadata);
        // JSON has no -0 and orders nothing.
        expect((await readDemonstrations(path)).metadata).toEqual(JSON.parse(JSON.stringify(metadata)));
      }
    }),
    { numRuns: 40 },
  );
  await expect(writeDemonstrations(join(folder, "x.jsonl"), COUNTING, { tandem: 1 })).rejects.toThrow(
    /must not have the key tandem/,
  );
});

describe("jsonl", () => {
  test("the lines are those that are documented; a next observation only where the next line is not it", async () => {
    const path = join(folder, "lines.jsonl");
    await writeDemonstrations(path, countingEpisodes([2, 1]), { env: "Counting-v0" });
    expect(readFileSync(path, "utf8").split("\n")).toEqual([
      '{"tandem":"demonstrations/1","env":"Counting-v0"}',
      '{"episode":0,"observation":[0,0],"action":[0],"reward":0,"terminated":false,"truncated":false}',
      '{"episode":0,"observation":[1,-1],"action":[0.1],"nextObservation":[2,-2],"reward":1,"terminated":true,"truncated":false}',
      '{"episode":1,"observation":[10,0],"action":[0],"nextObservation":[11,-1],"reward":1,"terminated":false,"truncated":true}',
      "",
    ]);
  });

  test("a hand-written file: single numbers, blank lines, no header, keys that are not read", async () => {
    const lines = [
      '{"episode": 3, "observation": 4, "action": 1, "note": "x"}',
      "",
      '{"episode": 3, "observation": 5, "action": 0, "nextObservation": 6, "terminated": 1}\r',
      '{"episode": 7, "observation": 8, "action": 0}',
      '  {"episode": 7, "observation": 9, "action": 1, "truncated": true}',
      '{"episode": 9, "observation": 9, "action": 1}',
    ];
    const read = await parseDemonstrations(
      new TextEncoder().encode(`\ufeff${lines.join("\n")}`),
      "hand.jsonl",
    );
    expect(read.trajectories).toEqual({
      observationSize: 1,
      actionSize: 1,
      observations: Float32Array.of(4, 5, 8),
      actions: Float32Array.of(1, 0, 0),
      nextObservations: Float32Array.of(5, 6, 9),
      rewards: null,
      terminated: Uint8Array.of(0, 1, 0),
      truncated: Uint8Array.of(0, 0, 1),
      episodeStarts: Uint32Array.of(0, 2, 3),
    });
    expect(read.warnings).toEqual([
      "Keys that were not read: note.",
      "The last step of 2 of the 3 episodes has no next observation: it was dropped, and the episode now ends cut (truncated) one step early.",
      "1 episodes of a single step were lost by this.",
    ]);
  });

  const step = '{"episode": 0, "observation": [1, 2], "action": [0], "nextObservation": [1, 2]}';
  const cases: [string, string, RegExp][] = [
    ["a cut line", `${step}\n${step.slice(0, 40)}`, /line 2: expected one JSON object a line/],
    [
      "an object over several lines",
      '{\n "episode": 0\n}',
      /line 1: expected one JSON object a line, got \{;/,
    ],
    ["no steps", '{"tandem": "demonstrations/1"}\n', /found no steps/],
    ["another version", '{"tandem": "demonstrations/9"}\n', /expected "tandem": "demonstrations\/1"/],
    ["a step without an observation", '{"episode": 0, "action": 1}', /line 1: expected an observation/],
    ["a step without an action", '{"episode": 0, "observation": 1}', /line 1: expected an action/],
    ["a step without an episode", '{"observation": 1, "action": 1}', /line 1: .* episode, got none/],
    ["text as a number", step.replace("[1, 2]", '["1", 2]'), /float32 numbers as its observation, got 1;/],
    ["no numbers", step.replace("[0]", "[]"), /expected numbers as its action, got \[\]/],
    ["numbers beyond float32", step.replace("[0]", "[1e39]"), /as its action, got 1e\+39/],
    [
      "another size",
      `${step}\n\n${step.replace("[0]", "[0, 1]")}`,
      /line 3: expected 1 numbers in its action/,
    ],
    [
      "a reward in one step",
      `${step}\n${step.replace("}", ', "reward": 1}')}`,
      /line 2: expected a reward in/,
    ],
    [
      "episodes that come back",
      `${step.replace("0", "2")}\n${step}`,
      /line 2: expected the steps of episode 2 or/,
    ],
    ["a flag that is none", step.replace("}", ', "truncated": "no"}'), /true or false as truncated, got no/],
    ["an episode that is no whole number", step.replace("0", "0.5"), /whole number as its episode, got 0\.5/],
    ["Latin-1", `${step}\n`.replace("episode", "\u00e9"), /line 1: expected UTF-8 text/],
    ["only single steps", '{"episode": 0, "observation": 1, "action": 1}', /every episode has a single step/],
  ];
  test.each(cases)("refuses %s", async (name, text, message) => {
    const bytes = Buffer.from(text, name === "Latin-1" ? "latin1" : "utf8");
    await expect(parseDemonstrations(bytes, "x.jsonl")).rejects.toThrow(TandemError);
    await expect(parseDemonstrations(bytes, "x.jsonl")).rejects.toThrow(message);
    await expect(parseDemonstrations(bytes, "x.jsonl")).rejects.toThrow(
      /^readDemonstrations: x\.jsonl: [^\n]+$/,
    );
  });

  test("a line without end is refused before it fills memory", async () => {
    const bytes = new Uint8Array(2 ** 24 + 2 ** 19).fill(0x20);
    bytes[0] = 0x7b;
    await expect(parseDemonstrations(bytes, "x.jsonl")).rejects.toThrow(/lines of at most 16777216 bytes/);
  });
});

describe("csv", () => {
  test("the lines are those that are documented", async () => {
    const path = join(folder, "lines.csv");
    await writeDemonstrations(path, countingEpisodes([2]), { env: "Counting-v0" });
    expect(readFileSync(path, "utf8")).toBe(
      [
        "episode,t,observation_0,observation_1,action_0,next_observation_0,next_observation_1,reward,terminated,truncated",
        "0,0,0,0,0,1,-1,0,0,0",
        "0,1,1,-1,0.1,2,-2,1,0,1",
        "",
      ].join("\n"),
    );
  });

  test("a tabular file as a spreadsheet writes it", async () => {
    const lines = [
      '"Note";"episode";"state";"action";"next_state";"terminated"'.replace("Note", "who"),
      '"ann";"0";"4";"1";"";"FALSE"',
      '"ann";"0";"5";"0";"6";"TRUE"',
      "bob;1;7;2;8;",
    ];
    const path = join(folder, "spreadsheet.txt");
    writeFileSync(path, `\ufeff${lines.join("\r\n")}\r\n`);
    const read = await readDemonstrations(path);
    expect(read.trajectories).toMatchObject({
      observations: Float32Array.of(4, 5, 7),
      actions: Float32Array.of(1, 0, 2),
      nextObservations: Float32Array.of(5, 6, 8),
      terminated: Uint8Array.of(0, 1, 0),
      episodeStarts: Uint32Array.of(0, 2, 3),
    });
    expect(read.warnings).toEqual(["Columns that were not read: who."]);
  });

  const header = "episode,t,state,action,reward";
  const cases: [string, string, RegExp][] = [
    [
      "a file without known columns",
      "a,b,c\n1,2,3\n",
      /expected the columns episode, state or .* found a, b, c/,
    ],
    ["a line that is cut", `${header}\n0,0,1,1,1\n0,1,1`, /line 3: expected 5 fields, got 3/],
    ["an empty field", `${header}\n0,0,,1,1\n`, /line 2: expected a float32 number, got ""/],
    ["text", `${header}\n0,0,red,1,1\n`, /got "red"/],
    ["infinity", `${header}\n0,0,Infinity,1,1\n`, /got "Infinity"/],
    ["steps out of order", `${header}\n0,0,1,1,1\n0,2,1,1,1\n`, /line 3: expected t 1 after 0, got 2/],
    [
      "a missing reward",
      `${header}\n0,0,1,1,1\n0,1,1,1,\n`,
      /line 3: expected a reward in every step or in none/,
    ],
    ["a header alone", `${header}\n`, /found no steps/],
    ["fractional episodes", `${header}\n0.5,0,1,1,1\n`, /line 2: expected a whole number as episode/],
    [
      "flags that are none",
      "episode,state,action,terminated\n0,1,1,maybe\n",
      /0 or 1 as an end flag, got "maybe"/,
    ],
  ];
  test.each(cases)("refuses %s", async (_, text, message) => {
    const bytes = new TextEncoder().encode(text);
    await expect(parseDemonstrations(bytes, "x.csv")).rejects.toThrow(TandemError);
    await expect(parseDemonstrations(bytes, "x.csv")).rejects.toThrow(message);
    await expect(parseDemonstrations(bytes, "x.csv")).rejects.toThrow(/^readDemonstrations: x\.csv: [^\n]+$/);
  });
});
