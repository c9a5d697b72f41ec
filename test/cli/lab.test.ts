import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { EXPERIMENTS } from "../../src/lab/index.ts";
import { tandem } from "./tandem.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const place = mkdtempSync(join(tmpdir(), "tandem-lab-"));
afterAll(() => {
  rmSync(place, { recursive: true, force: true });
});

/** Everything a cell found but the time it took. */
function outcomesOf(folder: string): unknown[] {
  const lines = readFileSync(join(folder, "results.jsonl"), "utf8").trimEnd().split("\n");
  return lines
    .map(
      (line) =>
        JSON.parse(line, (name, value: unknown) => (/seconds$/i.test(name) ? 0 : value)) as { id: string },
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

describe("tandem lab", () => {
  it("lists the experiments with their questions, and refuses what is none", async () => {
    const { code, stdout } = await tandem(["lab"], { cwd: root });
    expect(code).toBe(0);
    for (const { name, question } of EXPERIMENTS) {
      expect(stdout).toContain(name);
      expect(stdout).toContain(question);
    }
    const refused = await tandem(["lab", "widht"], { cwd: root });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^tandem: lab: no experiment is called widht; did you mean width\?.*\n$/);
    const wrong = await tandem(["lab", "width", "--workers", "0"], { cwd: root });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toBe("tandem: --workers: expected a whole number of at least 1, got 0\n");
  });

  it.each(EXPERIMENTS.map(({ name }) => name))(
    "runs %s --quick to its summary and figures",
    async (name) => {
      const out = join(place, name);
      const { code, stdout, stderr } = await tandem(["lab", name, "--quick", "--out", out], { cwd: root });
      expect(stderr).not.toMatch(/Error|NaN/);
      expect(code).toBe(0);
      const files = readdirSync(out);
      expect(files).toContain("summary.md");
      expect(files.some((file) => file.endsWith(".svg"))).toBe(true);
      const summary = readFileSync(join(out, "summary.md"), "utf8");
      for (const file of files.filter((each) => each.endsWith(".svg"))) expect(summary).toContain(file);
      expect(summary + stdout).not.toMatch(/NaN|undefined|Infinity/);
      const cells = EXPERIMENTS.find((each) => each.name === name)?.cells({ quick: true, thirdParty: false });
      expect(outcomesOf(out)).toHaveLength(cells?.length ?? 0);
    },
    180_000,
  );

  it("finds the same with one worker as with two, and goes on where it was stopped", async () => {
    const whole = join(place, "tabular-sanity");
    const out = join(place, "interrupted");
    const args = ["lab", "tabular-sanity", "--quick", "--workers", "1", "--out", out];
    let killed = false;
    const stopped = await tandem(args, {
      cwd: root,
      onStderr: (text, kill) => {
        if (killed || !text.includes("3/8 cells")) return;
        killed = true;
        kill("SIGINT");
      },
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(
      /Stopped after \d of 8 cells; all are kept\. To go on:\n {2}.*lab tabular-sanity --quick --out/,
    );
    expect(existsSync(join(out, "summary.md"))).toBe(false);
    const before = outcomesOf(out).length;
    expect(before).toBeGreaterThanOrEqual(3);
    expect(before).toBeLessThan(8);
    // As after a kill in the middle of a line.
    const results = join(out, "results.jsonl");
    writeFileSync(results, `${readFileSync(results, "utf8")}{"id":"garn`);
    const resumed = await tandem(args, { cwd: root });
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).not.toContain(`${before}/8 cells`);
    expect(outcomesOf(out)).toEqual(outcomesOf(whole));
  }, 180_000);

  it("refuses results of another configuration, and throws them away only when told to", async () => {
    const out = join(place, "other");
    const kept = join(place, "tabular-sanity", "results.jsonl");
    await tandem(["lab", "truncation", "--quick", "--findings-only", "--out", out], { cwd: root });
    const results = join(out, "results.jsonl");
    writeFileSync(results, readFileSync(kept));
    const refused = await tandem(["lab", "truncation", "--quick", "--out", out], { cwd: root });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /^tandem: lab: .*results\.jsonl holds results of another configuration .*--restart\n$/,
    );
    expect(readFileSync(results)).toEqual(readFileSync(kept));
    writeFileSync(results, "not JSON\n");
    const broken = await tandem(["lab", "truncation", "--quick", "--out", out], { cwd: root });
    expect(broken.stderr).toMatch(/line 1, is not JSON; remove the line, or begin anew with --restart\n$/);
    expect(broken.code).toBe(1);
  }, 60_000);

  it("says where demonstrations should be when they are not there", async () => {
    const out = join(place, "elsewhere");
    const { code, stderr } = await tandem(["lab", "cartpole", "--quick", "--out", out], { cwd: place });
    expect(code).toBe(1);
    expect(stderr.split("\n").filter((line) => line.startsWith("tandem:"))).toHaveLength(1);
    expect(stderr).toContain("cartpole-v1-tandem-soft-q.npz");
  }, 60_000);
});
