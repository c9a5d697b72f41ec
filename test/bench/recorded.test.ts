import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  cellsOf,
  outcomeOf,
  readRecorded,
  recordedDisagreement,
  recordedOutcome,
  writeResults,
  type Cell,
  type Outcome,
} from "../../src/bench/index.ts";
import { runConfig, type TrainConfig } from "../../src/runs/index.ts";
import { temporaryFolder } from "../cli/tandem.ts";
import { evaluation, tinyRun } from "../report/tiny-run.ts";
import { CONFIG, outcome, tinySuite } from "./outcomes.ts";

const folder = temporaryFolder();
afterAll(folder.remove);
const path = join(folder.path, "results.jsonl");

const suite = tinySuite();
const ID = "one/first/0-1";
const cellOf = (id: string, of = suite): Cell => cellsOf(of).find((each) => each.id === id) as Cell;

/** A file of these lines. */
function write(...lines: (object | string)[]): void {
  writeFileSync(
    path,
    lines.map((each) => `${typeof each === "string" ? each : JSON.stringify(each)}\n`).join(""),
  );
}

const complete = outcome(suite, ID, { state: "complete", returns: [0, 150] });

const heldOut = (step: number): object => ({
  kind: "held-out",
  step,
  logLikelihood: step === 500 ? null : -1.5,
  rewardGap: null,
  stateDistance: 0.25,
});

const run = (summary: object | null) =>
  tinyRun({
    steps: 1000,
    summary,
    records: [evaluation(500, [null]), heldOut(500), evaluation(1000, [7]), heldOut(1000)],
  });

describe("a line of results", () => {
  const CONTROL = { name: "zero reward (native)", kind: "no reward" as const, appliesTo: ["first"] };
  const config = runConfig.parse({ ...CONFIG, demos: { ...CONFIG.demos, heldOut: [3] }, instruments: true });
  const cell = { ...cellOf(ID), control: CONTROL };
  const broken = {
    kind: "finding",
    step: 10,
    signature: "not finite",
    since: 1,
    until: null,
    evidence: "x",
    remedy: "y",
  };

  it.each([
    ["complete", outcomeOf(cell, config, run({ randomReturn: -3, expertReturn: 9, end: 1000 }))],
    [
      "complete, with numbers that are none",
      outcomeOf(cell, config, run({ randomReturn: null, seconds: null, end: 1000 })),
    ],
    [
      "diverged",
      outcomeOf(
        cell,
        config,
        tinyRun({ steps: 1000, summary: null, records: [evaluation(500, [null]), broken] }),
      ),
    ],
  ])("says all that the run folder of a cell said: %s", (state, known) => {
    expect(known).toMatchObject({
      state: state.split(",")[0],
      evaluation: CONFIG.evaluation,
      heldOutEpisodes: [3],
    });
    writeResults(folder.path, [known]);
    const found = readRecorded(path).get(ID);
    expect(found?.where).toBe(`${path}, line 1`);
    const again = recordedOutcome(cell, found as NonNullable<typeof found>);
    expect(again).toStrictEqual(known);
    expect(JSON.stringify(again)).toBe(JSON.stringify(known));
  });

  it("of a return that is not a number has none, as its folder has", () => {
    const known = outcomeOf(cell, config, run({ randomReturn: null, end: 1000 }));
    expect(known).toMatchObject({ score: 7, randomReturn: null, normalised: null });
  });

  it("leaves to the suite what it is for there", () => {
    const methods = [{ name: "first", family: "others", options: { method: "sqil" } }];
    const other = {
      ...cellOf(ID, tinySuite({ methods })),
      control: { ...CONTROL, appliesTo: ["first", "third"] },
    };
    const again = recordedOutcome(other, { outcome: complete, where: "" });
    expect(again).toEqual({ ...complete, family: "others", audit: other.control });
  });

  it("counts where the cell has ended", () => {
    const others = ["two/first/0-1", "two/first/0-2", "two/first/1-1"] as const;
    write(
      complete,
      outcome(suite, others[0], { state: "begun", returns: [1] }),
      outcome(suite, others[1], { state: "new" }),
      outcome(suite, others[2], { state: "diverged", returns: [1] }),
    );
    expect([...readRecorded(path).keys()]).toEqual([ID, others[2]]);
  });

  it("of an earlier version has the defaults of settings that came later", () => {
    const { evaluation: _, heldOutEpisodes: __, ...older } = complete;
    const { termination, ...algorithm } = complete.algorithm as Record<string, unknown>;
    expect(termination).toBe("native");
    write({ ...older, algorithm });
    expect(readRecorded(path).get(ID)?.outcome).toEqual({
      ...complete,
      evaluation: null,
      heldOutEpisodes: null,
    });
  });

  it.each([
    ["is not JSON", '{"id":', /results\.jsonl, line 3 is not JSON; remove the line/],
    [
      "lacks a part",
      { ...complete, curve: undefined },
      /line 3 is none that tandem bench writes: curve: .*; remove it/,
    ],
    ["has a part of another kind", { ...complete, curve: [[1, "x"]] }, /line 3 .*: curve\.0\.1: /],
    ["has an unknown part", { ...complete, extra: 1 }, /line 3 .*: the whole: .*extra/],
    [
      "has an unknown setting",
      { ...complete, algorithm: { ...complete.algorithm, extra: 1 } },
      /line 3 .*: algorithm: .*extra/,
    ],
    ["is a number", "7", /line 3 .*: the whole: /],
    ["is there twice", complete, /line 3: one\/first\/0-1 is in .*results\.jsonl, line 1, too; remove one/],
  ])("is refused with its number where it %s", (_, line, says) => {
    write(complete, "", line);
    expect(() => readRecorded(path)).toThrow(says);
  });

  it("is looked for in a file that is there", () => {
    expect(() => readRecorded(join(folder.path, "none.jsonl"))).toThrow(
      /expected a file of results at .*none\.jsonl, .* cannot read it \(ENOENT\)/,
    );
    expect(() => readRecorded(folder.path)).toThrow(/cannot read it \(EISDIR\)/);
  });
});

describe("what a line says", () => {
  const planned = runConfig.parse({ ...CONFIG, demos: { ...CONFIG.demos, heldOut: [3] } }) as TrainConfig;
  const point = { step: 1000, logLikelihood: 1, rewardGap: null, stateDistance: 0.5 };
  const line: Outcome = { ...complete, heldOutEpisodes: [3], heldOut: [point] };
  const older: Outcome = { ...line, heldOutEpisodes: null, evaluation: null };
  const sac = complete.algorithm?.sac as object;

  it("agrees with the plan, whatever made it", () => {
    expect(recordedDisagreement(planned, line)).toBeNull();
    expect(recordedDisagreement(planned, { ...line, version: "9", kernels: "relaxed-simd" })).toBeNull();
  });

  it.each([
    [{ env: "Hopper-v5" }, "env.id", "HalfCheetah-v5", "Hopper-v5"],
    [{ envOptions: { maxEpisodeSteps: 61 } }, "env.options.maxEpisodeSteps", "60", "61"],
    [{ envOptions: { maxEpisodeSteps: 60, wind: 1 } }, "env.options.wind", "nothing", "1"],
    [{ seed: 2 }, "seed", "1", "2"],
    [{ steps: 500 }, "steps", "1000", "500"],
    [{ sha256: "11" }, "demos.sha256", "00", "11"],
    [{ episodes: 2 }, "demos.episodes", "1", "2"],
    [{ trajectory: 1 }, "demos.firstEpisode", "0", "1"],
    [{ heldOutEpisodes: [4] }, "demos.heldOut", "3", "4"],
    [{ heldOutEpisodes: [] }, "demos.heldOut", "3", "none"],
    [{ evaluation: { ...CONFIG.evaluation, episodes: 5 } }, "evaluation.episodes", "1", "5"],
    [{ instruments: true }, "instruments", "false", "true"],
    [{ control: "shuffled demonstrations" }, "control", "none", "shuffled demonstrations"],
    [
      { algorithm: { ...complete.algorithm, sac: { ...sac, discount: 0.9 } } },
      "algorithm.sac.discount",
      "0.99",
      "0.9",
    ],
    [
      { algorithm: { ...complete.algorithm, slowdown: { from: 5, learningRate: 1e-4 } } },
      "algorithm.slowdown.from",
      "nothing",
      "5",
    ],
  ])("does not agree where %j", (changes, setting, wanted, made) => {
    const other = { setting, planned: wanted, found: made };
    expect(recordedDisagreement(planned, { ...line, ...changes })).toEqual(other);
  });

  it("does not agree with another teacher, nor with other demonstrations to learn from", () => {
    const constant = { ...planned, demos: { ...planned.demos, constant: true } };
    expect(recordedDisagreement(constant, line)?.setting).toBe("control");
    expect(recordedDisagreement(constant, { ...line, control: "constant demonstrations" })).toBeNull();
  });

  it("is compared as far as an older line goes", () => {
    const bare = { ...planned, demos: { ...planned.demos, heldOut: [] } };
    expect(recordedDisagreement(planned, older)).toBeNull();
    expect(recordedDisagreement(bare, { ...older, heldOut: [] })).toBeNull();
    expect(recordedDisagreement(planned, { ...older, heldOut: [] })).toEqual({
      setting: "demos.heldOut",
      planned: "3",
      found: "none",
    });
    expect(recordedDisagreement(bare, older)).toEqual({
      setting: "demos.heldOut",
      planned: "none",
      found: "some",
    });
    // It diverged before anything was measured.
    expect(recordedDisagreement(planned, { ...older, state: "diverged", heldOut: [], curve: [] })).toBeNull();
  });
});
