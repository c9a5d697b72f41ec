import { TandemError } from "../core/index.ts";
import type { DemonstrationFormat, DemonstrationSink } from "./demonstration-file.ts";

/** The formats that are written. */
export type WrittenFormat = Exclude<DemonstrationFormat, "npy" | "parquet">;

/** What the ending of a name stands for; a Minari data set is a folder. */
const ENDINGS: readonly [string, WrittenFormat][] = [
  [".npz", "npz"],
  [".jsonl", "jsonl"],
  [".csv", "csv"],
  [".hdf5", "d4rl"],
  [".h5", "d4rl"],
];

/**
 * Begins a demonstration file at `path`.
 *
 * @param format null to take it from the ending of `path`, HDF5 being D4RL's
 * @param metadata anything JSON can hold, by convention with the environment's id as `env`; CSV has no place for it
 */
export async function createDemonstrationSink(
  path: string,
  format: WrittenFormat | null,
  metadata: Readonly<Record<string, unknown>>,
): Promise<DemonstrationSink> {
  return SINKS[format ?? formatOf(path)](path, metadata);
}

type CreateSink = (path: string, metadata: Readonly<Record<string, unknown>>) => Promise<DemonstrationSink>;

const SINKS: Readonly<Record<WrittenFormat, CreateSink>> = {
  npz: async (...args) => (await import("./npz-sink.ts")).createNpzSink(...args),
  jsonl: async (...args) => (await import("./step-line-sinks.ts")).createJsonLinesSink(...args),
  csv: async (path) => (await import("./step-line-sinks.ts")).createCsvSink(path),
  minari: async (...args) => (await import("./minari-sink.ts")).createMinariSink(...args),
  d4rl: async (...args) => (await import("./d4rl-sink.ts")).createD4rlSink(...args),
};

function formatOf(path: string): WrittenFormat {
  const found = ENDINGS.find(([ending]) => path.toLowerCase().endsWith(ending));
  if (found) return found[1];
  const endings = ENDINGS.map(([ending]) => ending).join(", ");
  return refuse(`expected a path that ends in ${endings}, got ${path}; add the ending or name a format`);
}

function refuse(problem: string): never {
  throw new TandemError("writeDemonstrations", problem);
}
