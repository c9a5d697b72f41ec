/** What reads files that people hand in: its sound files, how they are damaged, and one whole reading of them. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { EventEmitter } from "node:events";
import { dirname, join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import { box, TandemError } from "../../src/core/index.ts";
import type { Hdf5File } from "../../src/demos/hdf5-file.ts";
import type { Hdf5Answer, Hdf5Requests } from "../../src/demos/hdf5-thread.ts";
import type { Demonstrations } from "../../src/demos/index.ts";
import type { Environment } from "../../src/envs/environment.ts";
import type { Policy } from "../../src/policies/index.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { damageBytes, type Damage } from "./damage-bytes.ts";
import { damageCsv } from "./damage-csv.ts";
import { damageHdf5 } from "./damage-hdf5.ts";
import { damageJson, damageJsonLines } from "./damage-json.ts";
import { damageNpy, damageNpz } from "./damage-numpy.ts";
import { damageSafetensors } from "./damage-safetensors.ts";
import { damageParquet, damageProtobuf } from "./damage-varints.ts";
import type { Files, Seed } from "./seeds.ts";

// What a reader stands on is imported when it is opened: a thread reads for one of them only.

/** A reading of files that lie in `folder`, too, where `onDisk`. Throws what the reader throws. */
export interface Reading {
  read(files: Files, folder: string, seed: string): Promise<void>;
  /** Whether a library that it stands on has crashed: what it says from then on means nothing. */
  isBroken?(): boolean;
}

export interface Reader {
  seeds(): Promise<Seed[]>;
  /** Whether files have to be written to be read. */
  readonly onDisk: boolean;
  readonly damage: (file: string) => Damage;
  open(): Promise<Reading>;
  /** Largest array that a damaged file of some KB may ask for, bytes. */
  readonly mostBytes: number;
  /** Whether the product ends what takes too long itself, in a thread of its own. */
  readonly isWatched?: boolean;
}

const MANY = 2 ** 26;

/** What a set must be whatever was damaged. */
async function checkSet(demonstrations: Demonstrations): Promise<void> {
  const { inspectDemonstrations } = await import("../../src/demos/inspect.ts");
  const { trajectories } = demonstrations;
  const { observationSize, actionSize: width, episodeStarts, observations, actions } = trajectories;
  const rows = episodeStarts[episodeStarts.length - 1];
  const isWhole =
    rows > 0 &&
    observations.length === rows * observationSize &&
    trajectories.nextObservations.length === rows * observationSize &&
    actions.length === rows * width &&
    (trajectories.rewards?.length ?? rows) === rows &&
    [trajectories.terminated, trajectories.truncated].every(
      (flags) => flags.length === rows && flags.every((flag) => flag <= 1),
    ) &&
    episodeStarts.every((start, index) => (index === 0 ? start === 0 : start > episodeStarts[index - 1])) &&
    [observations, trajectories.nextObservations, actions, trajectories.rewards ?? []].every((data) =>
      data.every(Number.isFinite),
    );
  if (!isWhole) throw new Error("the set that was read is not whole");
  if (inspectDemonstrations(demonstrations).transitions !== rows) throw new Error("rows were lost");
}

const inMemory =
  (file: string): Reader["open"] =>
  async () => {
    const { parseDemonstrations } = await import("../../src/demos/parse.ts");
    return { read: async (files) => checkSet(await parseDemonstrations(files[file], file)) };
  };

const byName =
  (damage: Damage): Reader["damage"] =>
  (file) =>
    file.endsWith(".json") ? damageJson : damage;

/** The library in this thread: what the product asks of a thread of its own, which takes longer to start than a file to read. */
async function openHdf5Reading(): Promise<Reading> {
  const { openLayout } = await import("../../src/demos/hdf5.ts");
  const { inFile } = await import("../../src/demos/episodes.ts");
  const { readWhole } = await import("../../src/demos/parse.ts");
  const { ask, isBroken } = await hdf5Library();
  const fileAt = (source: string): Hdf5File => ({
    source,
    names: async (group) => ask(source, "names", { group }),
    describe: async (paths) => ask(source, "describe", { paths }),
    attributes: async (group) => ask(source, "attributes", { group }),
    value: async (path) => ask(source, "value", { path }),
    read: async ({ path }, from, to) => ask(source, "read", { path, from, to }),
    close: async () => {},
  });
  return {
    isBroken,
    read: async (files, folder) => {
      const name = Object.keys(files).find((each) => each.endsWith(".hdf5"))!;
      const main = join(folder, name);
      try {
        ask(main, "open", { path: main, length: statSync(main).size });
        await checkSet(await inFile(main, async () => readWhole(await openLayout(fileAt(main), main))));
      } finally {
        ask(main, "close", {}, true);
      }
    },
  };
}

async function hdf5Library(): Promise<{
  ask: <K extends keyof Hdf5Requests>(
    source: string,
    kind: K,
    asked: Hdf5Requests[K]["asked"],
    closing?: boolean,
  ) => Hdf5Requests[K]["answer"];
  isBroken: () => boolean;
}> {
  const requests = new EventEmitter();
  let answer: Hdf5Answer = { refused: "" };
  let broken = false;
  const port = Object.assign(requests, { postMessage: (value: Hdf5Answer) => (answer = value) });
  const { runHdf5Thread } = await import("../../src/demos/hdf5-thread.ts");
  await runHdf5Thread(port as unknown as MessagePort);
  return {
    isBroken: () => broken,
    ask: (source, kind, asked, closing = false) => {
      requests.emit("message", { kind, asked });
      if ("value" in answer) return answer.value as never;
      // The product ends its thread where a file cannot be closed.
      broken ||= closing || "broken" in answer;
      if (closing) return null;
      const problem = "refused" in answer ? answer.refused : answer.broken;
      throw new TandemError("readDemonstrations", `${source}: ${problem}`);
    },
  };
}

const task = (observations: number, actionSpace: Environment["actionSpace"]): Environment => ({
  ...pointEnvironment(),
  id: "Task-v0",
  observationSpace: box(observations, -Infinity, Infinity),
  actionSpace,
});

async function actOnce(policy: Policy): Promise<void> {
  const { output, observationSize } = policy.about;
  const action = new Float32Array(output.kind === "box" ? output.size : 1);
  await policy.act(new Float64Array(observationSize), action);
}

/** A trap of WebAssembly, or its memory being used up. */
const CRASH = /Aborted|RuntimeError|out of bounds|unreachable|bad_alloc|stack|initWasm/i;

async function openOnnxReading(): Promise<Reading> {
  const { readOnnxPolicy } = await import("../../src/policies/read.ts");
  const cart = task(4, { kind: "discrete", count: 2 });
  const vectors = task(3, box(2, -1, 1));
  let broken = false;
  return {
    isBroken: () => broken,
    read: async (_, folder, seed) => {
      const environment = seed.startsWith("cart-pole") ? cart : vectors;
      try {
        await actOnce(await readOnnxPolicy(join(folder, "model.onnx"), environment, null));
      } catch (error) {
        broken = CRASH.test(String(error));
        throw error;
      }
    },
  };
}

async function openCheckpointReading(): Promise<Reading> {
  const { checkpointStep, readCounters, readTensors, restoreCheckpoint } =
    await import("../../src/runs/checkpoint.ts");
  const { loadKernels } = await import("../../src/kernels/index.ts");
  const { smallLearner } = await import("./seed-runs.ts");
  const kernels = await loadKernels({ build: "simd" });
  const learner = smallLearner(kernels);
  return {
    read: async (_, folder) => {
      readTensors(folder);
      checkpointStep(folder);
      readCounters(folder);
      learner.recentEpisodes.length = 0;
      restoreCheckpoint(kernels, folder, learner.agent, learner, learner.steps);
    },
  };
}

async function openMetricsReading(): Promise<Reading> {
  const { parseRun } = await import("../../src/report/run.ts");
  const { takeRecords } = await import("../../src/runs/run-folder.ts");
  const { createSignatureWatch, watchRecord } = await import("../../src/runs/signature-watch.ts");
  return {
    read: async (files, folder) => {
      const text = (name: string): string => new TextDecoder().decode(files[name]);
      parseRun("run", {
        config: text("config.json"),
        metrics: text("metrics.jsonl"),
        summary: text("summary.json"),
      });
      // As a run that goes on does.
      const watch = createSignatureWatch();
      for (const record of takeRecords(folder, 2000)) watchRecord(watch, record);
    },
  };
}

export const READERS = {
  npz: {
    seeds: async () => (await import("./seeds.ts")).npzSeeds(),
    onDisk: false,
    damage: () => damageNpz,
    open: inMemory("set.npz"),
    mostBytes: MANY,
  },
  npy: {
    seeds: async () => (await import("./seeds.ts")).npySeeds(),
    onDisk: true,
    damage: byName(damageNpy),
    open: async () => {
      const { readDemonstrations } = await import("../../src/demos/read.ts");
      return { read: async (_, folder) => checkSet(await readDemonstrations(folder)) };
    },
    mostBytes: MANY,
  },
  hdf5: {
    seeds: async () => (await import("./seeds.ts")).hdf5Seeds(),
    onDisk: true,
    damage: byName(damageHdf5),
    open: openHdf5Reading,
    mostBytes: MANY,
    isWatched: true,
  },
  parquet: {
    seeds: async () => (await import("./seeds.ts")).parquetSeeds(),
    onDisk: false,
    damage: () => damageParquet,
    open: inMemory("set.parquet"),
    mostBytes: MANY,
  },
  jsonl: {
    seeds: async () => (await import("./seeds.ts")).jsonLinesSeeds(),
    onDisk: false,
    damage: () => damageJsonLines,
    open: inMemory("set.jsonl"),
    mostBytes: MANY,
  },
  csv: {
    seeds: async () => (await import("./seeds.ts")).csvSeeds(),
    onDisk: false,
    damage: () => damageCsv,
    open: inMemory("set.csv"),
    mostBytes: MANY,
  },
  safetensors: {
    seeds: async () => (await import("./seeds.ts")).safetensorsSeeds(),
    onDisk: false,
    damage: () => damageSafetensors,
    open: async () => {
      const { decodeSafetensors } = await import("../../src/runs/safetensors.ts");
      return { read: async (files) => void decodeSafetensors(files["a.safetensors"], "a.safetensors") };
    },
    mostBytes: MANY,
  },
  config: {
    seeds: async () => (await import("./seed-runs.ts")).configSeeds(),
    onDisk: true,
    damage: byName(damageBytes),
    open: async () => {
      const { readConfig } = await import("../../src/runs/run-folder.ts");
      return { read: async (_, folder) => void readConfig(folder) };
    },
    mostBytes: MANY,
  },
  metrics: {
    seeds: async () => (await import("./seed-runs.ts")).metricsSeeds(),
    onDisk: true,
    damage: byName(damageJsonLines),
    open: openMetricsReading,
    mostBytes: MANY,
  },
  checkpoint: {
    seeds: async () => (await import("./seed-runs.ts")).checkpointSeeds(),
    onDisk: true,
    damage: (file) => (file.endsWith(".safetensors") ? damageSafetensors : damageBytes),
    open: openCheckpointReading,
    mostBytes: MANY,
  },
  policy: {
    seeds: async () => (await import("./seeds.ts")).policySeeds(),
    onDisk: true,
    damage: byName(damageBytes),
    open: async () => {
      const { readPlainPolicy } = await import("../../src/policies/read.ts");
      return { read: async (_, folder) => actOnce(await readPlainPolicy(folder, null)) };
    },
    mostBytes: MANY,
  },
  onnx: {
    seeds: async () => (await import("./seeds.ts")).onnxSeeds(),
    onDisk: true,
    damage: () => damageProtobuf,
    open: openOnnxReading,
    mostBytes: MANY,
  },
  suite: {
    seeds: async () => (await import("./seeds.ts")).suiteSeeds(),
    onDisk: true,
    damage: byName(damageBytes),
    open: async () => {
      const { parseSuite } = await import("../../src/bench/suite.ts");
      const { parseJson } = await import("../../src/runs/run-folder.ts");
      return {
        read: async (_, folder) => {
          const path = join(folder, "suite.json");
          parseSuite(path, parseJson(path));
        },
      };
    },
    mostBytes: MANY,
  },
} as const satisfies Record<string, Reader>;

export type ReaderName = keyof typeof READERS;

/** Writes the files into their folder. */
export function place(files: Files, folder: string): void {
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}
