import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeRecords } from "../../src/runs/index.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tandem-records-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = (): string => join(folder, "metrics.jsonl");
const line = (step: number): string =>
  `${JSON.stringify({ kind: "episode", step, trueReturn: 1, length: 3 })}\n`;
const steps = (upTo: number): number[] => takeRecords(folder, upTo).map(({ step }) => step);

describe("the records of a run that goes on", () => {
  it.each(["", line(9), '{"kind":"epis', `${line(9)}{"kind":"epis`])(
    "are those up to its step; later ones and a last line that was cut short leave the file (%j)",
    (more) => {
      writeFileSync(path(), line(1) + line(5) + more);
      expect(steps(5)).toEqual([1, 5]);
      expect(readFileSync(path(), "utf8")).toBe(line(1) + line(5));
      expect(steps(5)).toEqual([1, 5]);
    },
  );

  it("are none where there is no file", () => {
    expect(steps(5)).toEqual([]);
  });

  it.each(["nonsense", "null", "[]", '{"step":3}', '{"kind":"episode","step":"3"}', ""])(
    "are refused where %j stands among them, and nothing is lost",
    (bad) => {
      const text = `${line(1)}${bad}\n${line(5)}`;
      writeFileSync(path(), text);
      expect(() => steps(1)).toThrow(
        /^run folder: .*metrics\.jsonl, line 2, is damaged; restore the file, or delete the line/,
      );
      expect(readFileSync(path(), "utf8")).toBe(text);
    },
  );
});
