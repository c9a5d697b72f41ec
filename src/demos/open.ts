import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { TandemError } from "../core/index.ts";
import { readAhead, readBytes } from "./byte-source.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { openFileBytes, reading, type FileBytes } from "./file-bytes.ts";
import { openColumns } from "./layouts.ts";
import { openNpyColumn } from "./npy.ts";
import { METADATA_NAMES, openBytes, parseMetadata } from "./parse.ts";

/** Largest description beside a recording, bytes. */
const METADATA_MAX_BYTES = 2 ** 24;

/**
 * Opens a file or folder of demonstrations of any {@link DemonstrationFormat} and size. What it is, is told by its
 * content, not by its name. Whatever is wrong with it is refused with a {@link TandemError} of one line.
 */
export async function openDemonstrations(path: string): Promise<DemonstrationFile> {
  const found = await reading(path, () => stat(path));
  if (found.isDirectory()) return openFolder(path);
  if (!found.isFile()) refuse(path, "expected a file or a folder, got neither; check the path");
  const bytes = await openFileBytes(path);
  try {
    return await openBytes(bytes, () => bytes.close());
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

async function openFolder(folder: string): Promise<DemonstrationFile> {
  const names = (await reading(folder, () => readdir(folder))).sort();
  const keys = names.filter((name) => name.endsWith(".npy")).map((name) => name.slice(0, -4));
  if (keys.length === 0) refuse(folder, `expected a folder of .npy files, found none in it${hint(names)}`);
  const described = METADATA_NAMES.find((name) => names.includes(name));
  const metadata = described ? await readMetadata(join(folder, described)) : {};
  const files: FileBytes[] = [];
  return openColumns({
    source: folder,
    format: "npy",
    metadata,
    keys,
    open: async (key) => {
      const file = await openFileBytes(join(folder, `${key}.npy`));
      files.push(file);
      return openNpyColumn(readAhead(file));
    },
    close: async () => {
      for (const file of files) await file.close();
    },
  });
}

async function readMetadata(path: string): Promise<Record<string, unknown>> {
  const file = await openFileBytes(path);
  try {
    if (file.length > METADATA_MAX_BYTES) {
      refuse(path, `expected at most ${METADATA_MAX_BYTES} bytes, got ${file.length}; store less in it`);
    }
    return parseMetadata(await readBytes(file, 0, file.length), path);
  } finally {
    await file.close();
  }
}

function hint(names: readonly string[]): string {
  const archive = names.find((name) => name.endsWith(".npz"));
  if (archive) return `, but there is ${archive}: name that file`;
  const dataset = names.find((name) => name.endsWith(".arrow"));
  if (dataset)
    return `, but there is ${dataset}: load the dataset in Python and save its arrays with numpy.savez`;
  return "; check the path";
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}
