import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { TandemError } from "../core/index.ts";
import { beginsWith, readAhead, readBytes } from "./byte-source.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { openFileBytes, reading, type FileBytes } from "./file-bytes.ts";
import { openColumns } from "./layouts.ts";
import { openNpyColumn } from "./npy.ts";
import { METADATA_NAMES, parseMetadata } from "./metadata.ts";
import { openBytes } from "./parse.ts";

/** How Minari names the file that holds a data set's episodes. */
const MINARI_FILE = "main_data.hdf5";

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
  if (await isHdf5(path)) return (await import("./hdf5.ts")).openHdf5(path);
  const bytes = await openFileBytes(path);
  try {
    return await openBytes(bytes, () => bytes.close());
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

async function isHdf5(path: string): Promise<boolean> {
  const bytes = await openFileBytes(path);
  try {
    return beginsWith(await readBytes(bytes, 0, Math.min(bytes.length, 8)), "\x89HDF");
  } finally {
    await bytes.close();
  }
}

/** A Minari data set, a folder of Parquet files (also below `data`) or of .npy files, as its names tell. */
async function openFolder(folder: string): Promise<DemonstrationFile> {
  const names = await namesIn(folder);
  const inData = names.includes("data") ? await namesIn(join(folder, "data")) : [];
  if (inData.includes(MINARI_FILE) || names.includes(MINARI_FILE))
    return (await import("./hdf5.ts")).openHdf5(folder);
  const tables = inData.length > 0 ? await parquetFiles(join(folder, "data"), inData) : [];
  if (tables.length === 0) tables.push(...(await parquetFiles(folder, names)));
  if (tables.length > 0) return openParquetFolder(folder, names, tables);
  return openNpyFolder(folder, names);
}

/** Parquet files among the names in `folder`, or in the folders among them, in the order of their numbers. */
async function parquetFiles(folder: string, names: readonly string[]): Promise<string[]> {
  const files = names.filter((name) => name.endsWith(".parquet")).map((name) => join(folder, name));
  for (const chunk of names.filter((name) => /^chunk-\d+$/.test(name))) {
    const inside = await namesIn(join(folder, chunk));
    files.push(
      ...inside.filter((name) => name.endsWith(".parquet")).map((name) => join(folder, chunk, name)),
    );
  }
  return files.sort(new Intl.Collator("en", { numeric: true }).compare);
}

/** LeRobot and Hugging Face data sets. Of several splits (train, test) only `train` is read. */
async function openParquetFolder(
  folder: string,
  names: readonly string[],
  files: readonly string[],
): Promise<DemonstrationFile> {
  const splits = [...new Set(files.map(splitOf))];
  const split = splits.length === 1 ? splits[0] : "train";
  if (!splits.includes(split))
    refuse(folder, `expected one set of Parquet files, found ${splits.join(", ")}; name one of the files`);
  const info = names.includes("meta") && (await namesIn(join(folder, "meta"))).includes("info.json");
  const described = METADATA_NAMES.find((name) => names.includes(name));
  const description = info ? join("meta", "info.json") : described;
  const { openParquetSet } = await import("./parquet.ts");
  const file = await openParquetSet({
    source: folder,
    metadata: description ? await readMetadata(join(folder, description)) : {},
    parts: files
      .filter((name) => splitOf(name) === split)
      .map((name) => ({ open: () => openFileBytes(name) })),
    close: async () => {},
  });
  if (splits.length === 1) return file;
  const left = splits.filter((some) => some !== split).join(", ");
  return { ...file, warnings: [...file.warnings, `Only the split train was read, not ${left}.`] };
}

async function openNpyFolder(folder: string, names: readonly string[]): Promise<DemonstrationFile> {
  const keys = names.filter((name) => name.endsWith(".npy")).map((name) => name.slice(0, -4));
  if (keys.length === 0)
    refuse(
      folder,
      `expected a folder of .npy or Parquet files or a Minari data set, found none in it${hint(names)}`,
    );
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

/** What stands before the number in a file's name. */
function splitOf(file: string): string {
  return /^[a-z]*/i.exec(basename(file))![0];
}

async function namesIn(folder: string): Promise<string[]> {
  return (await reading(folder, () => readdir(folder))).sort();
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
