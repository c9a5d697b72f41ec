import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyFromSeed, nextUniform, streamOf } from "../../src/core/index.ts";
import { HOOK_TIMEOUT, makeDemonstrations, temporaryFolder } from "../cli/tandem.ts";
import { differenceOf, FAULTS, referenceOf, VICTIMS, type Reference } from "./faults.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const victim = VICTIMS.find(({ name }) => name === "ml-irl") ?? VICTIMS[0];
const stream = streamOf(keyFromSeed(3));
const TIMEOUT = 300_000;

let whole: Reference;
beforeAll(async () => {
  await makeDemonstrations(cwd);
  whole = await referenceOf(cwd, victim);
  rmSync(join(cwd, "whole"), { recursive: true });
}, HOOK_TIMEOUT);
afterAll(folder.remove);

// Each once; `node scripts/faults.ts` tries them many times, on other methods too.
describe("nothing is lost", () => {
  for (const { name, missing, inject } of FAULTS) {
    const reason = missing?.(cwd) ?? null;
    it.skipIf(reason !== null)(
      reason === null ? `by ${name}` : `by ${name} (skipped: ${reason})`,
      async () => {
        expect(
          await inject({ cwd, victim, whole, random: () => nextUniform(stream), tally: { resumed: 0 } }),
        ).toBeNull();
      },
      TIMEOUT,
    );
  }
});

describe("what is lost is seen", () => {
  it("in numbers, in the state and in the metrics", () => {
    const { end } = whole;
    const [name, values] = Object.entries(end.tensors)[0];
    const other = values.slice();
    other[0] += 1e-6;
    expect(differenceOf({ ...end, tensors: { ...end.tensors, [name]: other } }, end)).toBe(
      `other numbers in ${name}`,
    );
    expect(differenceOf({ ...end, state: {} }, end)).toBe("other state");
    expect(differenceOf({ ...end, summary: {} }, end)).toBe("other summary");
    expect(differenceOf({ ...end, metrics: end.metrics.slice(1) }, end)).toBe("other metrics");
    expect(differenceOf(end, end)).toBeNull();
  });
});
