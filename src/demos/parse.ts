import { TandemError } from "../core/index.ts";
import { beginsWith, bytesInMemory, readBytes, type ByteSource } from "./byte-source.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { openCsv } from "./csv.ts";
import { openJsonLines } from "./json-lines.ts";
import { openColumns, type Demonstrations } from "./layouts.ts";
import { METADATA_NAMES, parseMetadata } from "./metadata.ts";
import { looksLikeNpy, openNpyColumn, readNpy } from "./npy.ts";
import { npzEntryBytes, npzKeys, openNpz, readNpzBytes, type NpzArchive } from "./npz.ts";

/**
 * The demonstrations in the bytes of a file: {@link readDemonstrations} where there is no file system.
 *
 * @param source how errors call the file
 */
export async function parseDemonstrations(bytes: Uint8Array, source: string): Promise<Demonstrations> {
  return readWhole(await openBytes(bytesInMemory(bytes, source), async () => {}));
}

/** All episodes of an open file, which is closed then. */
export async function readWhole(file: DemonstrationFile): Promise<Demonstrations> {
  try {
    const trajectories = await file.readEpisodes(0, file.episodeStarts.length - 1);
    const { env, source, layout, metadata, warnings } = file;
    return { trajectories, env, source, layout, metadata, warnings };
  } finally {
    await file.close();
  }
}

/** Opens the one file in `bytes` as what its content shows it to be; `close` gives back what the bytes hold open. */
export async function openBytes(bytes: ByteSource, close: () => Promise<void>): Promise<DemonstrationFile> {
  const start = await readBytes(bytes, 0, Math.min(bytes.length, 4096));
  if (beginsWith(start, "PK")) return openArchive(bytes, close);
  if (beginsWith(start, "PAR1")) return (await import("./parquet.ts")).openParquet(bytes, close);
  const text = beginningOf(start);
  if (text.startsWith("{")) return openJsonLines(bytes, close);
  if (looksLikeCsv(text)) return openCsv(bytes, close);
  return refuse(bytes.name, `expected a demonstration file (${READ}), ${whatItIs(start)}`);
}

/** The text that the bytes begin with; "" where they hold what no text does. */
function beginningOf(start: Uint8Array): string {
  const text = new TextDecoder().decode(start).trimStart();
  return /[^\P{Cc}\t\r\n]/u.test(text) ? "" : text;
}

/** A first line of several fields, none of which is a web page's or a pointer's. */
function looksLikeCsv(text: string): boolean {
  const [line] = text.split("\n", 1);
  return /^["\w][^<>{}[\]]*[,;\t]/.test(line);
}

const READ = ".npz, HDF5, Parquet, JSON Lines or CSV, or a folder of .npy files";

async function openArchive(bytes: ByteSource, close: () => Promise<void>): Promise<DemonstrationFile> {
  const archive = await openNpz(bytes);
  return openColumns({
    source: bytes.name,
    format: "npz",
    metadata: await archiveMetadata(archive),
    keys: npzKeys(archive).filter((key) => archive.entries.has(`${key}.npy`)),
    open: async (key) => openNpyColumn(await npzEntryBytes(archive, `${key}.npy`)),
    close,
  });
}

async function archiveMetadata(archive: NpzArchive): Promise<Record<string, unknown>> {
  const source = archive.bytes.name;
  const name = METADATA_NAMES.find((candidate) => archive.entries.has(candidate));
  if (name) return parseMetadata(await readNpzBytes(archive, name), `${source}/${name}`);
  if (!archive.entries.has("metadata.npy")) return {};
  const { dtype, data } = readNpy(await readNpzBytes(archive, "metadata.npy"), `${source}/metadata.npy`);
  if (dtype !== "u1") refuse(source, `metadata must be JSON as an array of uint8, got dtype ${dtype}`);
  return parseMetadata(data as Uint8Array, `${source}/metadata.npy`);
}

/** What a file that is not read seems to be, and what to do about it. */
function whatItIs(start: Uint8Array): string {
  if (start.length === 0) return "got an empty file; record it again";
  if (looksLikeNpy(start))
    return "got a single array; name the folder it lies in, or save all arrays with numpy.savez";
  if (beginsWith(start, "\x89HDF")) return "got HDF5 bytes without a file; name the file";
  if (start[0] === 0x80 && start[1] <= 5) {
    return "got a Python pickle, which can run code; load it in Python and save its arrays with numpy.savez";
  }
  if (start[0] === 0x1f && start[1] === 0x8b) return "got a gzip file; unpack it with gunzip";
  if (beginsWith(start, "version https://git-lfs"))
    return "got a Git LFS pointer; fetch the file with git lfs pull";
  const text = beginningOf(start);
  if (text.startsWith("<")) return "got a web page or XML; download the file itself";
  if (text.startsWith("[")) return "got one JSON array; write one step a line (JSON Lines)";
  const bytes = [...start.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `got a file that begins with the bytes ${bytes.join(" ")}; save the arrays with numpy.savez`;
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}
