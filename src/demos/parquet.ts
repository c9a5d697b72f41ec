import { TandemError } from "../core/index.ts";
import type { ByteSource } from "./byte-source.ts";
import { columnInMemory, type Column } from "./columns.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { cumulated } from "./episodes.ts";
import { openColumns } from "./layouts.ts";
import { listLengths, openParquetFile, rowsOfColumn, type ParquetFile } from "./parquet-file.ts";

/** One of the Parquet files of a set, which can be opened again and again. */
export interface ParquetPart {
  open(): Promise<ByteSource & { close(): Promise<void> }>;
}

/** A set that lies in one or more files, one after another. */
interface ParquetSet {
  readonly source: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly parts: readonly ParquetPart[];
  close(): Promise<void>;
}

/** What is kept of a part when it is closed: how many rows of each kind its groups have. */
interface PartOutline {
  /** The file's own rows, [groups]. */
  rows: readonly number[];
  /** Where a row is an episode: its steps, [groups][rows]; null where a row is a step. */
  episodes: readonly (readonly number[])[] | null;
}

interface OpenPart {
  place: number;
  file: ParquetFile;
  columns: Map<string, Column>;
  close(): Promise<void>;
}

/** Opens one Parquet file, whose bytes stay open until it is closed. */
export async function openParquet(bytes: ByteSource, close: () => Promise<void>): Promise<DemonstrationFile> {
  const part = { open: async () => ({ ...bytes, close: async () => {} }) };
  return openParquetSet({ source: bytes.name, metadata: {}, parts: [part], close });
}

/**
 * Opens Parquet files as one set: flat tables with a row a step (LeRobot, Hugging Face) or, as the `imitation` library
 * exports them, with a row an episode. One file is open at a time.
 */
export async function openParquetSet(set: ParquetSet): Promise<DemonstrationFile> {
  let open: OpenPart | null = null;
  const partAt = async (place: number): Promise<OpenPart> => {
    if (open?.place === place) return open;
    await open?.close();
    open = null;
    const bytes = await set.parts[place].open();
    open = { place, file: await openOrClose(bytes), columns: new Map(), close: () => bytes.close() };
    return open;
  };
  const outlines: PartOutline[] = [];
  let keys: string[] | null = null;
  const close = async (): Promise<void> => {
    await open?.close();
    await set.close();
  };
  try {
    for (let place = 0; place < set.parts.length; place++) {
      const { file } = await partAt(place);
      keys ??= [...file.columns.keys()];
      outlines.push(await outlineOf(file, keys));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const isNested = outlines.some(({ episodes }) => episodes !== null);
  return openColumns({
    source: set.source,
    format: "parquet",
    metadata: set.metadata,
    keys: isNested ? [...keys!, "indices"] : keys!,
    open: async (key) =>
      isNested && key === "indices" ? indicesOf(outlines) : chainedColumn(key, outlines, partAt),
    close,
  });
}

async function openOrClose(bytes: ByteSource & { close(): Promise<void> }): Promise<ParquetFile> {
  try {
    return await openParquetFile(bytes);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

/** `imitation` exports an episode a row: observations, actions and rewards are lists, `terminal` is not. */
function isEpisodeTable(keys: readonly string[]): boolean {
  const has = (key: string): boolean => keys.includes(key);
  return has("obs") && has("acts") && has("terminal") && !has("dones") && !has("indices");
}

async function outlineOf(file: ParquetFile, keys: readonly string[]): Promise<PartOutline> {
  if (!isEpisodeTable(keys)) return { rows: file.groups, episodes: null };
  return { rows: file.groups, episodes: await listLengths(file, numbersIn(file, "acts")) };
}

/** First rows of all episodes but the first. */
function indicesOf(outlines: readonly PartOutline[]): Column {
  const lengths = outlines.flatMap(({ episodes }) => episodes!.flat());
  const starts = cumulated(lengths).subarray(1, -1);
  return columnInMemory([starts.length], starts);
}

/** Rows of `key` in each group of a part: steps, in `obs` one more for each episode, or the file's own. */
function rowsIn({ rows, episodes }: PartOutline, key: string): readonly number[] {
  if (!episodes || key === "terminal") return rows;
  const more = key === "obs" ? 1 : 0;
  return episodes.map((lengths) => lengths.reduce((sum, length) => sum + length + more, 0));
}

/** A column through all parts, which are opened as it is read. */
async function chainedColumn(
  key: string,
  outlines: readonly PartOutline[],
  partAt: (place: number) => Promise<OpenPart>,
): Promise<Column> {
  const starts = cumulated(outlines.map((outline) => rowsIn(outline, key).reduce((a, b) => a + b, 0)));
  const columnIn = async (place: number): Promise<Column> => {
    const { file, columns } = await partAt(place);
    const found = columns.get(key);
    if (found) return found;
    const outline = outlines[place];
    const depth = outline.episodes && key !== "terminal" ? 1 : 0;
    const column = rowsOfColumn(file, numbersIn(file, key), depth, rowsIn(outline, key));
    columns.set(key, column);
    return column;
  };
  const [, width] = (await columnIn(0)).shape;
  const read: Column["read"] = async (from, to, target) => {
    for (let place = 0; place < outlines.length; place++) {
      const first = Math.max(from, starts[place]);
      const end = Math.min(to, starts[place + 1]);
      if (first >= end) continue;
      const column = await columnIn(place);
      if (column.shape[1] !== width) {
        const { name } = (await partAt(place)).file.bytes;
        refuse(
          name,
          `${key} must have ${width} numbers in each row as in the first file, got ${column.shape[1]}`,
        );
      }
      const part = target.subarray((first - from) * width, (end - from) * width);
      await column.read(first - starts[place], end - starts[place], part);
    }
  };
  return { shape: [starts[outlines.length], width], read };
}

function numbersIn(file: ParquetFile, key: string): NonNullable<ReturnType<ParquetFile["columns"]["get"]>> {
  return (
    file.columns.get(key) ??
    refuse(file.bytes.name, `${key} must be numbers or lists of them, got another type or none; convert it`)
  );
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}
