import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findRuns, listRun } from "../../src/bench/index.ts";
import { syntheticRun, writeRun } from "../report/synthetic-run.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tandem-runs-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("listRun", () => {
  it("reads only the end of long metrics, and as much of it as holds an evaluation", () => {
    const place = join(folder, "long");
    writeRun(place, syntheticRun({ seed: 3, steps: 400_000, until: 200_000 }));
    const path = join(place, "metrics.jsonl");
    const metrics = readFileSync(path, "utf8");
    expect(metrics.length).toBeGreaterThan(100_000);
    const evaluations = metrics.split("\n").filter((line) => line.includes('"evaluation"'));
    const last = (JSON.parse(evaluations.at(-1) ?? "") as { meanReturn: number }).meanReturn;
    // What is far from the end is not looked at.
    writeFileSync(path, `broken${metrics}`);
    expect(listRun(place)).toMatchObject({ state: "stopped", step: 200_000, meanReturn: last });
    // Ninety kilobytes of others after the last evaluation.
    const others = Array.from({ length: 3000 }, (_, i) => `{"kind":"policy","step":${200_001 + i}}\n`).join(
      "",
    );
    writeFileSync(path, metrics + others);
    expect(listRun(place)).toMatchObject({ step: 203_000, meanReturn: last });
    // Where there is no evaluation at all.
    writeFileSync(path, others + others);
    expect(listRun(place)).toMatchObject({ state: "stopped", step: 203_000, meanReturn: null });
  });

  it("says what taught a negative control", () => {
    writeRun(join(folder, "zero"), syntheticRun({ seed: 1, steps: 10_000, taughtBy: "zero reward" }));
    expect(listRun(join(folder, "zero"))).toMatchObject({ method: "ml-irl", control: "zero reward" });
  });
});

describe("findRuns", () => {
  it("looks below runs and into any depth, but follows no link", () => {
    for (const place of ["a", "b/c/d", "a/nested", ".hidden"]) {
      mkdirSync(join(folder, place), { recursive: true });
      writeFileSync(join(folder, place, "config.json"), '{"format":"tandem-run/1"}');
    }
    symlinkSync(folder, join(folder, "circle"));
    mkdirSync(join(folder, "none"));
    const found = findRuns(folder).map((place) => place.slice(folder.length + 1));
    expect(found.toSorted()).toEqual(["a", "a/nested", "b/c/d"]);
    expect(findRuns(join(folder, "a"))).toEqual([join(folder, "a"), join(folder, "a", "nested")]);
    expect(findRuns(join(folder, "circle", "b"))).toEqual([join(folder, "circle", "b", "c", "d")]);
  });
});
