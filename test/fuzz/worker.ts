/** The thread in which damaged inputs are read: what comes of them is counted in shared memory, which outlives it. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { READERS, type Reader, type ReaderName } from "./readers.ts";
import type { Seed } from "./seeds.ts";
import { inputOf, outcomeOf, watchAllocations } from "./trial.ts";

/** What a thread is to do. */
export interface Task {
  readonly reader: ReaderName;
  readonly seeds: readonly Seed[];
  readonly key: number;
  readonly from: number;
  readonly to: number;
  /** The only folder in which anything may be written. */
  readonly folder: string;
  /** [the input that is being read, how many were read, how many refused]. */
  readonly counts: Int32Array;
}

/** What it says: a defect, or (at the end) from where another thread has to go on. */
export type Report = { index: number; words: string } | { next: number };

/** Inputs between looks at whether sound files are still read, and at what lies in the folder. */
const LOOK_EVERY = 1000;

const task = workerData as Task;
const reader: Reader = READERS[task.reader];
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
const say = (report: Report): void => parentPort!.postMessage(report);

async function run(): Promise<void> {
  const reading = await reader.open();
  watchAllocations(reader.mostBytes);
  const inside = mkdtempSync(join(task.folder, "a-"));
  const folder = (): string => mkdtempSync(join(inside, "b-"));
  const sound = async (): Promise<void> => {
    for (const { name, files } of task.seeds) {
      const place = folder();
      const { kind, words } = await outcomeOf(reader, reading, files, place, name);
      rmSync(place, { recursive: true });
      if (kind !== "read") throw new Error(`${name}, undamaged: ${words}`);
    }
  };
  await sound();
  let place = folder();
  let before: Seed | null = null;
  for (let index = task.from; index < task.to; index++) {
    Atomics.store(task.counts, 0, index);
    const { seed, files } = inputOf(reader, task.seeds, task.key, index);
    if (reader.onDisk && before !== seed) {
      rmSync(place, { recursive: true });
      place = folder();
    }
    before = seed;
    const { kind, words } = await outcomeOf(reader, reading, files, place, seed.name);
    if (kind === "defect") say({ index, words });
    else Atomics.add(task.counts, kind === "read" ? 1 : 2, 1);
    if (reading.isBroken?.()) return say({ next: index + 1 });
    if ((index + 1) % LOOK_EVERY === 0) {
      await sound();
      const elsewhere = [...readdirSync(task.folder), ...readdirSync(inside)].filter(
        (name) => !/^[ab]-/.test(name),
      );
      if (elsewhere.length > 0) say({ index, words: `written outside its folder: ${elsewhere.join(", ")}` });
    }
  }
  rmSync(inside, { recursive: true });
  say({ next: task.to });
}

await run();
