import type { Demonstrations } from "./layouts.ts";
import { openDemonstrations } from "./open.ts";
import { readWhole } from "./parse.ts";

/**
 * All demonstrations of a file or folder, in memory: what {@link openDemonstrations} opens. Whatever had to be decided is
 * said in `warnings`.
 */
export async function readDemonstrations(path: string): Promise<Demonstrations> {
  return readWhole(await openDemonstrations(path));
}
