import type { Trajectories } from "../core/index.ts";
import { OWN_METADATA } from "./d4rl-reader.ts";
import type { DemonstrationSink } from "./demonstration-file.ts";
import { extendOutline, type SetOutline } from "./format.ts";
import { createHdf5Writer, type GrowingDataset, type Hdf5Writer } from "./hdf5-writer.ts";
import { metadataText } from "./metadata.ts";
import { createPendingFile, refuseNothing } from "./pending-file.ts";

/** Datasets of the file and the columns of Trajectories they hold. */
const COLUMNS = [
  ["observations", "observations"],
  ["actions", "actions"],
  ["rewards", "rewards"],
  ["terminals", "terminated"],
  ["timeouts", "truncated"],
  ["next_observations", "nextObservations"],
] as const;

/**
 * Writes an HDF5 file in D4RL's form, float32 and gzip, with `next_observations`. Flags are 0 and 1 in uint8, metadata is
 * JSON in `metadata/tandem`; where end flags do not tell the episodes, `episode_lengths` does.
 */
export async function createD4rlSink(
  path: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<DemonstrationSink> {
  const text = metadataText(metadata, 0);
  const pending = await createPendingFile(path);
  let writer: Hdf5Writer;
  try {
    writer = await createHdf5Writer(pending.temporary, path);
  } catch (error) {
    await pending.abandon();
    throw error;
  }
  const datasets = new Map<string, GrowingDataset>();
  let outline: SetOutline | null = null;

  const abandon = async (): Promise<void> => {
    writer.abandon();
    await pending.abandon();
  };
  return {
    abandon,
    append: async (trajectories: Trajectories) => {
      outline = extendOutline(outline, trajectories);
      for (const [name, column] of COLUMNS) {
        const values = trajectories[column];
        if (!values) continue;
        if (!datasets.has(name)) {
          const kind = values instanceof Float32Array ? "float32" : "flags";
          datasets.set(name, writer.growing(name, kind, widthOf(outline, name)));
        }
        datasets.get(name)!.append(values);
      }
    },
    finish: async () => {
      try {
        const { endsFollow, lengths } = outline ?? refuseNothing(path);
        if (!endsFollow)
          writer.dataset("episode_lengths", BigInt64Array.from(lengths, BigInt), [lengths.length]);
        writer.group("metadata");
        writer.text(OWN_METADATA, text);
        writer.finish();
        await pending.finish();
      } finally {
        await abandon();
      }
    },
  };
}

function widthOf({ observationSize, actionSize }: SetOutline, name: string): number | null {
  if (name === "observations" || name === "next_observations") return observationSize;
  return name === "actions" ? actionSize : null;
}
