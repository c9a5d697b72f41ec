import type { Trajectories } from "../core/index.ts";
import { createDemonstrationSink } from "./sink.ts";

/**
 * Writes `trajectories` to a file whose ending names its format, as {@link createDemonstrationSink} does episode by
 * episode: `.npz` in the layout `plain`, which {@link readDemonstrations} and numpy.load read (without pickle), `.jsonl`
 * or `.csv`. The file appears whole or not at all: it is written beside its place and then moved into it.
 *
 * @param metadata anything JSON can hold, by convention with the environment's id as `env`
 */
export async function writeDemonstrations(
  path: string,
  trajectories: Trajectories,
  metadata: Readonly<Record<string, unknown>>,
): Promise<void> {
  const sink = await createDemonstrationSink(path, null, metadata);
  try {
    await sink.append(trajectories);
    await sink.finish();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}
