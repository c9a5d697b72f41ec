import type { DemonstrationFile } from "./demonstration-file.ts";
import { hdf5Column, warnOfLoss } from "./hdf5-column.ts";
import type { Hdf5File } from "./hdf5-file.ts";
import { openColumns } from "./layouts.ts";
import { parseMetadata } from "./metadata.ts";

/** Where our own description lies: among what D4RL's files say of themselves. */
export const OWN_METADATA = "metadata/tandem";

/** Values that are taken over from `metadata`; policies' weights lie there too. */
const MAX_VALUES = 64;

const NO_TIMEOUTS =
  "Without timeouts (D4RL's v0) an episode that a time limit cut runs on into the next one; add a dataset timeouts where the limit is known.";

/**
 * A file in D4RL's form: all episodes one after another in flat datasets, ended by `terminals` or `timeouts`. Without
 * `next_observations` the last observation of an episode is not in the file, and its last step is dropped.
 */
export async function openD4rl(file: Hdf5File): Promise<DemonstrationFile> {
  const warnings: string[] = [];
  const names = await file.names("/");
  const infos = await file.names("/infos");
  const opened = await openColumns({
    source: file.source,
    format: "d4rl",
    metadata: await readMetadata(file),
    keys: [...names.filter((name) => name !== "infos"), ...infos.map((info) => `infos/${info}`)],
    open: async (key) => {
      const [object] = await file.describe([`/${key}`]);
      return hdf5Column(file, object, key, warnOfLoss(key, warnings));
    },
    close: () => file.close(),
  });
  if (!names.includes("timeouts")) warnings.push(NO_TIMEOUTS);
  warnings.unshift(...opened.warnings);
  return { ...opened, layout: "d4rl", warnings };
}

/** Our own description; the single values of `metadata` where another program wrote the file. */
async function readMetadata(file: Hdf5File): Promise<Record<string, unknown>> {
  const names = await file.names("/metadata");
  if (names.includes("tandem")) {
    const text = String(await file.value(`/${OWN_METADATA}`));
    return parseMetadata(new TextEncoder().encode(text), `${file.source}/${OWN_METADATA}`);
  }
  const metadata: Record<string, unknown> = {};
  for (const name of names.slice(0, MAX_VALUES)) {
    const [object] = await file.describe([`/metadata/${name}`]);
    if (object.kind !== "dataset" || object.shape.length > 0) continue;
    const value = await file.value(`/metadata/${name}`);
    if (value !== null) metadata[name] = value;
  }
  return metadata;
}
