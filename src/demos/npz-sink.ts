import type { Trajectories } from "../core/index.ts";
import type { DemonstrationSink } from "./demonstration-file.ts";
import {
  beginColumn,
  columnBytes,
  columnsOf,
  extendOutline,
  finishArchive,
  NPZ_COLUMNS,
  type NpzColumn,
  type SetOutline,
} from "./format.ts";
import { metadataText } from "./metadata.ts";
import { createPendingFile, refuseNothing, type PendingFile } from "./pending-file.ts";
import { createZipWriter } from "./zip-writer.ts";

/** Copied into the archive at once, bytes. */
const BLOCK_BYTES = 2 ** 18;

/**
 * Writes a `.npz` file, in the end the bytes of {@link formatDemonstrations}. An archive holds one column after another:
 * until `finish` each lies in a file of its own beside the place.
 */
export async function createNpzSink(
  path: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<DemonstrationSink> {
  const text = metadataText(metadata, 1);
  const archive = await createPendingFile(path);
  const columns = new Map<NpzColumn, PendingFile>();
  let outline: SetOutline | null = null;

  const abandon = async (): Promise<void> => {
    for (const column of columns.values()) await column.abandon();
    await archive.abandon();
  };
  return {
    abandon,
    append: async (trajectories: Trajectories) => {
      outline = extendOutline(outline, trajectories);
      for (const column of NPZ_COLUMNS) {
        if (column === "rewards" && !outline.hasRewards) continue;
        if (!columns.has(column)) columns.set(column, await createPendingFile(path, `.${column}`));
        await columns.get(column)!.write(columnBytes(trajectories, column));
      }
    },
    finish: async () => {
      try {
        await writeArchive(archive, columns, outline ?? refuseNothing(path), text);
        await archive.finish();
      } finally {
        await abandon();
      }
    },
  };
}

async function writeArchive(
  archive: PendingFile,
  columns: ReadonlyMap<NpzColumn, PendingFile>,
  outline: SetOutline,
  metadata: string,
): Promise<void> {
  const packed: Uint8Array[] = [];
  const zip = createZipWriter((bytes) => packed.push(bytes));
  const drain = async (): Promise<void> => {
    for (const bytes of packed.splice(0)) await archive.write(bytes);
  };
  const block = new Uint8Array(BLOCK_BYTES);
  for (const column of columnsOf(outline)) {
    beginColumn(zip, outline, column);
    const { file } = columns.get(column)!;
    for (let at = 0; ;) {
      const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, at);
      if (bytesRead === 0) break;
      zip.push(block.subarray(0, bytesRead));
      at += bytesRead;
      await drain();
    }
    zip.end();
  }
  finishArchive(zip, outline, metadata);
  await drain();
}
