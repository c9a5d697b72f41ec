/** The first inputs of `node scripts/fuzz.ts`, which reads as many as one likes: docs/reliability.md. */
import { expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";
import type { ReaderName } from "./readers.ts";

/** Inputs of each: a second or two. */
const INPUTS: Record<ReaderName, number> = {
  npz: 1500,
  npy: 400,
  hdf5: 200,
  parquet: 300,
  jsonl: 2000,
  csv: 2000,
  safetensors: 2000,
  config: 1000,
  metrics: 500,
  checkpoint: 400,
  policy: 150,
  onnx: 150,
  suite: 1000,
};

test.each(Object.entries(INPUTS) as [ReaderName, number][])(
  "damaged files are read or refused in words: %s",
  async (name, inputs) => {
    const { defects, read, refused } = await fuzz(name, { key: 1, from: 0, to: inputs, keep: null });
    expect(defects).toEqual([]);
    expect(read + refused).toBe(inputs);
    // Some damage is none: a number is another, a date, what nobody reads. Most is seen.
    expect(read).toBeGreaterThan(inputs / 50);
    expect(refused).toBeGreaterThan(inputs / 5);
  },
);
