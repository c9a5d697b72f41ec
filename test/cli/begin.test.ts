import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeRunFolder, requireFreePlace } from "../../src/cli/run-place.ts";
import type { RunConfig } from "../../src/runs/index.ts";
import { HOOK_TIMEOUT, makeDemonstrations, readJson, tandem, temporaryFolder, TINY } from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
beforeAll(() => makeDemonstrations(cwd), HOOK_TIMEOUT);
afterAll(folder.remove);

it(
  "of two trainings that begin in one folder one is refused, and the other does not notice",
  async () => {
    const args = ["train", "--demos", "demo.npz", "--out", "both", ...TINY];
    const outcomes = await Promise.all([tandem(args, { cwd }), tandem(args, { cwd })]);
    expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set([0, 1]));
    const refused = outcomes.find(({ code }) => code === 1);
    expect(refused?.stderr.trimEnd().split("\n").at(-1)).toMatch(
      /^tandem: .*both.*(is not empty|is in training)/,
    );
    expect(readJson(cwd, "both", "summary.json").env).toBe("HalfCheetah-v5");
  },
  HOOK_TIMEOUT,
);

it("what others put into a folder meanwhile stays where it cannot become a run's", () => {
  const place = join(cwd, "theirs");
  requireFreePlace(place);
  mkdirSync(place);
  writeFileSync(join(place, "precious.txt"), "mine");
  expect(() => makeRunFolder(place, {} as RunConfig)).toThrow(/is not empty; choose another --out/);
  expect(readdirSync(place)).toEqual(["precious.txt"]);
});

it("a run that began in the folder a moment before keeps its config", () => {
  const place = join(cwd, "sooner");
  const theirs = join(place, "config.json");
  const late = { toJSON: () => (writeFileSync(theirs, "theirs"), {}) } as unknown as RunConfig;
  expect(() => makeRunFolder(place, late)).toThrow(/is not empty; choose another --out/);
  expect(readFileSync(theirs, "utf8")).toBe("theirs");
  expect(readdirSync(place)).toEqual(["config.json"]);
});

it("a run that never began leaves nothing, not even the folders above it", () => {
  const place = join(cwd, "a", "b");
  const made = makeRunFolder(place, {} as RunConfig);
  expect(readdirSync(place)).toEqual(["config.json"]);
  made.discardIfUnused();
  expect(readdirSync(cwd)).not.toContain("a");
});
