import { expect, it } from "vitest";
import { checksums, PROGRAMS, type ProgramName } from "./program.ts";

/**
 * What the trainings of program.ts leave, everywhere: `node scripts/same-bits.ts` compares engines, threads and loads
 * (docs/reliability.md). Taken from this test itself (Node 24, x86-64): a change that alters one says that it moves results.
 */
const CHECKSUMS: Record<ProgramName, string> = {
  "ML-IRL, HalfCheetah-v5": "0fcb43d9",
  "DAC, CartPole-v1": "827e431c",
  "SQIL, GridWorld-v0": "36ec52e6",
  "SQIL, LunarLander-v3": "34d982ff",
  "ML-IRL as the paper states it, CartPole-v1": "dd92e592",
};

it("whole trainings on plain SIMD give everywhere the same bits", async () => {
  expect(Object.keys(CHECKSUMS)).toEqual(Object.keys(PROGRAMS));
  expect(await checksums(0)).toEqual(CHECKSUMS);
});
