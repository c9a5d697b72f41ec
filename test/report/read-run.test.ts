import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import { readRun } from "../../src/report/index.ts";
import { syntheticRun, writeRun } from "./synthetic-run.ts";
import { evaluation, rewardRecord, tinyConfig, tinyRun } from "./tiny-run.ts";

const episode = { kind: "episode", step: 1000, trueReturn: 12.5, length: 200 };

describe("readRun", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tandem-report-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("sorts the records of a folder by kind and counts none twice", () => {
    const files = syntheticRun({ seed: 3, steps: 20_000 });
    writeRun(folder, files);
    const run = readRun(folder);
    const counted = run.policy.length + run.reward.length + run.episodes.length + run.evaluations.length;
    expect(counted).toBe(files.metrics.trimEnd().split("\n").length);
    expect(run.evaluations.map(({ step }) => step)).toEqual([10_000, 20_000]);
    expect(run.reward).toHaveLength(20);
    expect(run.summary?.randomReturn).toBe(-306.4);
  });

  it("reads a run that is still going", () => {
    writeRun(folder, syntheticRun({ seed: 3, steps: 50_000, until: 20_000 }));
    expect(readRun(folder).summary).toBeNull();
  });

  it("says in one line what is missing", () => {
    expect(() => readRun(join(folder, "nowhere"))).toThrow(TandemError);
    expect(() => readRun(folder)).toThrow(/has no config\.json; name the folder of a run$/);
    writeFileSync(join(folder, "config.json"), JSON.stringify(tinyConfig()));
    expect(() => readRun(folder)).toThrow(/has no metrics\.jsonl; the run has not reported anything yet$/);
  });

  it.each([
    ["not JSON at all", "{", /config\.json of .*: not JSON|config\.json of .* is not JSON/],
    [
      "another format",
      JSON.stringify({ ...tinyConfig(), format: "other/2" }),
      /config\.json of .*: format: /,
    ],
    ["a missing field", JSON.stringify({ ...tinyConfig(), seed: undefined }), /config\.json of .*: seed: /],
    ["a nested field", JSON.stringify({ ...tinyConfig(), env: {} }), /config\.json of .*: env\.id: /],
  ])("names the broken field of a configuration: %s", (_, config, message) => {
    writeFileSync(join(folder, "config.json"), config);
    writeFileSync(join(folder, "metrics.jsonl"), "");
    expect(() => readRun(folder)).toThrow(message);
    expect(() => readRun(folder)).not.toThrow(/\n/);
  });
});

describe("metrics", () => {
  it("leaves out a half-written last line and says so", () => {
    const whole = JSON.stringify(episode);
    const run = tinyRun({ metrics: `${whole}\n${whole.slice(0, 30)}` });
    expect(run.episodes).toHaveLength(1);
    expect(run.halfWritten).toBe(true);
  });

  it("keeps a last line that only lacks its line feed", () => {
    const whole = JSON.stringify(episode);
    const run = tinyRun({ metrics: `${whole}\n${whole}` });
    expect(run.episodes).toHaveLength(2);
    expect(run.halfWritten).toBe(false);
  });

  it("refuses a broken line elsewhere, by its number", () => {
    const whole = JSON.stringify(episode);
    expect(() => tinyRun({ metrics: `${whole}\n{"kind":"epi\n${whole}\n` })).toThrow(
      /metrics\.jsonl of run, line 2/,
    );
  });

  it("turns null and absent measurements into NaN, absent correlations into null", () => {
    const { gradientNorm: _, ...older } = rewardRecord(1, { returnGap: null }) as Record<string, unknown>;
    const run = tinyRun({
      records: [older, evaluation(1000, [1, null, 3], { pearson: null, spearman: undefined })],
    });
    expect(run.reward[0].returnGap).toBeNaN();
    expect(run.reward[0].gradientNorm).toBeNaN();
    expect(run.reward[0].travel).toBe(1);
    expect(run.evaluations[0].returns).toEqual([1, NaN, 3]);
    expect(run.evaluations[0].pearson).toBeNull();
    expect(run.evaluations[0].spearman).toBeNull();
  });

  it("refuses words where numbers belong, and a record without a step", () => {
    expect(() => tinyRun({ records: [{ ...episode, trueReturn: "much" }] })).toThrow(
      /line 1: trueReturn should be a number, got "much"/,
    );
    expect(() => tinyRun({ records: [{ ...episode, step: null }] })).toThrow(
      /line 1: step should be a number/,
    );
  });

  it("leaves out and names kinds it does not know, even those of Object", () => {
    const run = tinyRun({ records: [episode, { kind: "dream", step: 1 }, { kind: "toString", step: 1 }] });
    expect(run.episodes).toHaveLength(1);
    expect(run.unknownKinds).toEqual(["dream", "toString"]);
  });

  it("hands no control character on", () => {
    expect(tinyRun({ env: "Evil\u001b[2J\u0000-v1" }).config.env.id).toBe("Evil [2J -v1");
  });
});
