/** Reads damaged inputs in a thread that is watched: one that hangs, or dies, is ended and its input is a defect. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { place, READERS, type Reader, type ReaderName } from "./readers.ts";
import type { Seed } from "./seeds.ts";
import { inputOf } from "./trial.ts";
import type { Report, Task } from "./worker.ts";

/** An input that was not dealt with as it should be. */
interface Defect {
  readonly index: number;
  /** What is wrong with what came of it. */
  readonly words: string;
}

interface Tally {
  readonly reader: ReaderName;
  readonly seeds: number;
  readonly inputs: number;
  readonly read: number;
  readonly refused: number;
  /** Of those refused: a library hung or its thread died, which the product's own watch turns into words. */
  readonly ended: number;
  readonly defects: readonly Defect[];
  readonly seconds: number;
  /** Largest resident memory of the process, bytes. */
  readonly peakBytes: number;
}

interface FuzzOptions {
  readonly key: number;
  /** Inputs `from` to `to` - 1. */
  readonly from: number;
  readonly to: number;
  readonly onProgress?: (done: number) => void;
  /** Where the bytes of defects are kept; null for nowhere. */
  readonly keep: string | null;
}

/** How long an input may keep its thread, milliseconds by the wall; and of the processor's time in it, as the machine may be busy. */
const PATIENCE = 10_000;
const BUSY_FOR = 4000;
/** Nor so long, whoever has the processor. */
const MOST_PATIENCE = 120_000;

/** What the thread's own heap may hold, MB. */
const HEAP = 512;

/** Reads the inputs of one reader. */
export async function fuzz(name: ReaderName, options: FuzzOptions): Promise<Tally> {
  const { key, from, to, keep } = options;
  const reader: Reader = READERS[name];
  const seeds = await reader.seeds();
  const folder = mkdtempSync(join(tmpdir(), "tandem-fuzz-"));
  const counts = new Int32Array(new SharedArrayBuffer(16));
  const defects: Defect[] = [];
  const begun = performance.now();
  let [ended, peak] = [0, 0];
  const note = (index: number, words: string): void => {
    if (words === ENDED && reader.isWatched) ended++;
    else {
      defects.push({ index, words });
      if (keep !== null) keepDefect(keep, name, options, seeds, { index, words });
    }
  };
  const watch = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss());
    options.onProgress?.(Atomics.load(counts, 0) - from);
  };
  for (let next = from; next < to;) {
    const task: Task = { reader: name, seeds, key, from: next, to, folder, counts };
    next = await runThread(task, note, watch);
  }
  const stray = readdirSync(folder).filter((each) => !each.startsWith("a-"));
  if (stray.length > 0) note(to - 1, `written outside its folder: ${stray.join(", ")}`);
  rmSync(folder, { recursive: true });
  return {
    reader: name,
    seeds: seeds.length,
    inputs: to - from,
    read: counts[1],
    refused: counts[2] + ended,
    ended,
    defects,
    seconds: (performance.now() - begun) / 1000,
    peakBytes: peak,
  };
}

/** What is noted where a thread is ended for its silence. */
const ENDED = "kept its thread for ever";

/** Returns the input at which another thread has to begin. */
function runThread(
  task: Task,
  note: (index: number, words: string) => void,
  watch: () => void,
): Promise<number> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: HEAP },
    stderr: true,
  });
  return new Promise((resolve, reject) => {
    let [last, since, usage] = [-1, performance.now(), process.cpuUsage()];
    const timer = setInterval(() => {
      watch();
      const now = Atomics.load(task.counts, 0);
      if (now !== last) {
        [last, since, usage] = [now, performance.now(), process.cpuUsage()];
        return;
      }
      const silent = performance.now() - since;
      const busy = process.cpuUsage(usage).user / 1000;
      if (silent > MOST_PATIENCE || (silent > PATIENCE && busy > BUSY_FOR)) end(ENDED);
    }, 100);
    const settle = (next: number): void => {
      clearInterval(timer);
      // What it still says, or dies of, is of no interest.
      worker.removeAllListeners().on("error", () => {});
      resolve(worker.terminate().then(() => next));
    };
    const end = (words: string): void => {
      const index = Atomics.load(task.counts, 0);
      note(index, words);
      settle(index + 1);
    };
    Atomics.store(task.counts, 0, task.from);
    worker
      .on("message", (report: Report) => {
        if ("next" in report) settle(report.next);
        else note(report.index, report.words);
      })
      .on("error", (error: Error & { code?: string }) => {
        if (error.message.includes("undamaged")) {
          clearInterval(timer);
          reject(error);
        } else end(`its thread died: ${error.code ?? ""} ${error.stack ?? error.message}`);
      })
      .on("exit", (code) => end(`its thread died with code ${code}`));
  });
}

/** How to read one input again. */
export function againCommand(name: ReaderName, { key }: Pick<FuzzOptions, "key">, index: number): string {
  return `node scripts/fuzz.ts ${name} --seed ${key} --only ${index}`;
}

function keepDefect(
  keep: string,
  name: ReaderName,
  options: FuzzOptions,
  seeds: readonly Seed[],
  { index, words }: Defect,
): void {
  const { seed, file, files } = inputOf(READERS[name], seeds, options.key, index);
  const folder = join(keep, `${name}-${options.key}-${index}`);
  mkdirSync(folder, { recursive: true });
  place(files, join(folder, "input"));
  const about = `${words}\n\n${file} of "${seed.name}" is damaged.\n${againCommand(name, options, index)}\n`;
  writeFileSync(join(folder, "about.txt"), about);
}
