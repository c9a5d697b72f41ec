import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const folder = join(import.meta.dirname, "../examples");
const examples = readdirSync(folder).filter((name) => name.endsWith(".ts"));

describe.each(examples)("example %s", (name) => {
  it("has at most 80 lines", () => {
    expect(readFileSync(join(folder, name), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(80);
  });

  it("runs to its end and says something", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, name)]);
    expect(stdout.trim()).not.toBe("");
  });
});
