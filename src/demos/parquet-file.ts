import { parquetMetadata, parquetSchema, type SchemaTree } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { TandemError } from "../core/index.ts";
import { readBytes, type ByteSource } from "./byte-source.ts";
import type { Column } from "./columns.ts";
import {
  decodeDictionary,
  decodePage,
  type NumberType,
  type Page,
  type PageFormat,
  type PageShape,
  type ParquetNumbers,
} from "./parquet-pages.ts";
import { checkThrift } from "./thrift.ts";

/** One Parquet file whose footer has been read. */
export interface ParquetFile {
  readonly bytes: ByteSource;
  /** Rows of each group. */
  readonly groups: readonly number[];
  /** By name, in order; null where a column is not of numbers. */
  readonly columns: ReadonlyMap<string, ParquetColumn | null>;
}

/** A column of numbers or of lists of them: where its values lie in each group of rows. */
export interface ParquetColumn {
  readonly name: string;
  readonly chunks: readonly ParquetChunk[];
}

/** The values of a column in one group of rows. */
interface ParquetChunk extends PageFormat {
  readonly offset: number;
  readonly length: number;
  readonly values: number;
}

const MAX_FOOTER_BYTES = 2 ** 27;

/** Read to find a page's header in, bytes. */
const WINDOW_BYTES = 2 ** 16;

const NUMBER_TYPES: readonly string[] = ["BOOLEAN", "INT32", "INT64", "FLOAT", "DOUBLE"];

/** Reads the footer: what columns there are and where they lie. */
export async function openParquetFile(bytes: ByteSource): Promise<ParquetFile> {
  const { name, length } = bytes;
  const tail = length < 12 ? new Uint8Array(8) : await readBytes(bytes, length - 8, length);
  const footer = new DataView(tail.buffer).getUint32(0, true) + 8;
  if (new TextDecoder().decode(tail.subarray(4)) !== "PAR1" || footer + 4 > length)
    refuse(name, "expected a whole Parquet file, found no footer at its end: it is truncated; copy it again");
  if (footer > MAX_FOOTER_BYTES)
    refuse(name, `expected a footer of at most ${MAX_FOOTER_BYTES} bytes, got ${footer}; split the file`);
  const text = await readBytes(bytes, length - footer, length);
  return guarded(name, "its footer", () => describe(text, bytes));
}

function describe(footer: Uint8Array, bytes: ByteSource): ParquetFile {
  // The tail: length and name of the format.
  checkThrift(footer.subarray(0, -8), 0);
  const metadata = parquetMetadata(footer, { geoparquet: false });
  const leaves = parquetSchema(metadata).children.map((tree) => ({ tree, path: leavesOf(tree, []) }));
  const columns = new Map<string, ParquetColumn | null>();
  let at = 0;
  for (const { tree, path } of leaves) {
    const place = at;
    at += path.length;
    const { name } = tree.element;
    if (path.length !== 1 || !isNumber(path[0])) columns.set(name, null);
    else {
      const chunks = metadata.row_groups.map(({ columns: stored }) =>
        chunkOf(stored[place].meta_data!, path[0], bytes),
      );
      columns.set(name, { name, chunks });
    }
  }
  const groups = metadata.row_groups.map((group) => Number(group.num_rows));
  if (!groups.every((rows) => rows >= 0)) throw new Error("a group has a negative number of rows");
  return { bytes, groups, columns };
}

/** From each leaf below `tree` the nodes that lead to it. */
function leavesOf(tree: SchemaTree, above: readonly SchemaTree[]): SchemaTree[][] {
  const path = [...above, tree];
  return tree.children.length === 0 ? [path] : tree.children.flatMap((child) => leavesOf(child, path));
}

function isNumber(path: readonly SchemaTree[]): boolean {
  const { type, converted_type: kind } = path.at(-1)!.element;
  return NUMBER_TYPES.includes(type ?? "") && (kind === undefined || /^U?INT_/.test(kind));
}

function chunkOf(
  stored: NonNullable<
    ReturnType<typeof parquetMetadata>["row_groups"][number]["columns"][number]["meta_data"]
  >,
  path: readonly SchemaTree[],
  bytes: ByteSource,
): ParquetChunk {
  const offset = Number(stored.dictionary_page_offset || stored.data_page_offset);
  const length = Number(stored.total_compressed_size);
  const values = Number(stored.num_values);
  if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length && values >= 0))
    throw new Error("a column lies outside the file");
  const kinds = path.map(({ element }) => element.repetition_type);
  return {
    offset,
    length,
    values,
    type: path.at(-1)!.element.type as NumberType,
    codec: stored.codec,
    maxDefinition: kinds.filter((kind) => kind !== "REQUIRED").length,
    maxRepetition: kinds.filter((kind) => kind === "REPEATED").length,
  };
}

/**
 * The column as rows of equal width. A row is where a value begins whose repetition is at most `depth`: 0 for the file's
 * own rows, 1 for the entries of their lists.
 *
 * @param groups rows of that kind in each group
 */
export function rowsOfColumn(
  file: ParquetFile,
  column: ParquetColumn,
  depth: number,
  groups: readonly number[],
): Column {
  const { name } = column;
  const { bytes } = file;
  const width = widthOf(bytes.name, column, groups);
  const starts = [0];
  for (const rows of groups) starts.push(starts[starts.length - 1] + rows);
  let open: { group: number; reader: ChunkReader } | null = null;
  const read: Column["read"] = async (from, to, target) => {
    for (let group = 0; group < groups.length; group++) {
      const first = Math.max(from, starts[group]);
      const end = Math.min(to, starts[group + 1]);
      if (first >= end) continue;
      const value = (first - starts[group]) * width;
      if (open?.group !== group || value < open.reader.start) {
        open = { group, reader: createChunkReader(bytes, name, column.chunks[group], depth, width) };
      }
      const part = target.subarray((first - from) * width, (end - from) * width);
      await open.reader.read(value, part);
    }
  };
  return { shape: [starts[groups.length], width], read };
}

/** How many entries each row's list has of each of the file's own rows, [rows]. Looks through the whole column. */
export async function listLengths(file: ParquetFile, column: ParquetColumn): Promise<number[][]> {
  const { name } = file.bytes;
  const groups: number[][] = [];
  for (const [group, chunk] of column.chunks.entries()) {
    const lengths: number[] = [];
    if (chunk.maxRepetition === 0)
      refuse(name, `${column.name} must hold a list in each row, one entry a step; export it so`);
    for await (const { repetition } of pagesOf(file.bytes, column.name, chunk, () => 0)) {
      for (const level of repetition!) {
        if (level === 0) lengths.push(0);
        if (level <= 1 && lengths.length > 0) lengths[lengths.length - 1]++;
      }
    }
    if (lengths.length !== file.groups[group])
      refuse(name, `${column.name} has not as many rows as its group; the file is damaged, copy it again`);
    groups.push(lengths);
  }
  return groups;
}

function widthOf(source: string, { name, chunks }: ParquetColumn, groups: readonly number[]): number {
  let width: number | null = null;
  chunks.forEach(({ values }, group) => {
    if (groups[group] === 0) return;
    width ??= values / groups[group];
    if (!Number.isInteger(width) || width !== values / groups[group])
      refuse(source, `${name} must have as many numbers in each row, got ${values} in ${groups[group]} rows`);
  });
  return width ?? 1;
}

interface ChunkReader {
  /** First value of the page that is held. */
  readonly start: number;
  /** Fill `target` with the values from `first` on, which must not lie before `start`. */
  read(first: number, target: Float32Array | Float64Array): Promise<void>;
}

function createChunkReader(
  bytes: ByteSource,
  name: string,
  chunk: ParquetChunk,
  depth: number,
  width: number,
): ChunkReader {
  let wanted = 0;
  const pages = pagesOf(bytes, name, chunk, () => wanted);
  let values: ParquetNumbers = new Uint8Array(0);
  let start = 0;
  return {
    get start() {
      return start;
    },
    read: async (first, target) => {
      wanted = first;
      for (let filled = 0; filled < target.length;) {
        const at = first + filled - start;
        if (at < values.length) {
          const part = values.subarray(at, at + target.length - filled);
          target.set(part, filled);
          filled += part.length;
          continue;
        }
        const { value: page } = await pages.next();
        if (!page) refuse(bytes.name, `${name} ends early; the file is damaged, copy it again`);
        ({ values, start } = page);
        checkRows(page, bytes.name, name, depth, width);
      }
    },
  };
}

/** Refuses rows of other widths. */
function checkRows(
  { repetition, start }: Page & { start: number },
  source: string,
  name: string,
  depth: number,
  width: number,
): void {
  repetition?.forEach((level, index) => {
    if (level <= depth === ((start + index) % width === 0)) return;
    const row = Math.floor((start + index) / width);
    refuse(source, `${name} must have ${width} numbers in each row, not so about row ${row} of a group`);
  });
}

/** The pages of a chunk that hold values from `wanted()` on; those before are skipped as they lie. */
async function* pagesOf(
  bytes: ByteSource,
  name: string,
  chunk: ParquetChunk,
  wanted: () => number,
): AsyncGenerator<Page & { start: number }> {
  const end = chunk.offset + chunk.length;
  let dictionary: ParquetNumbers | null = null;
  let start = 0;
  for (let at = chunk.offset; at < end && start < chunk.values;) {
    const window = await readBytes(bytes, at, Math.min(end, at + WINDOW_BYTES));
    const { kind, page, headerLength, size } = guarded(bytes.name, name, () => headerIn(window));
    const first = at + headerLength;
    at = first + size;
    if (at > end) refuse(bytes.name, `${name} has a page beyond its end; the file is damaged, copy it again`);
    if (kind === "data" && start + page.count > chunk.values)
      refuse(bytes.name, `${name} has more values than it claims; the file is damaged, copy it again`);
    const isWanted = kind === "dictionary" || (kind === "data" && start + page.count > wanted());
    if (isWanted) {
      const isHeld = headerLength + size <= window.length;
      const stored = isHeld
        ? window.subarray(headerLength, headerLength + size)
        : await readBytes(bytes, first, at);
      if (kind === "dictionary")
        dictionary = guarded(bytes.name, name, () => decodeDictionary(stored, page, chunk));
      else yield { start, ...guarded(bytes.name, name, () => decodePage(stored, page, chunk, dictionary)) };
    }
    if (kind === "data") start += page.count;
  }
}

/** The header of a page at the start of `window`; `size` is what it takes in the file without its header. */
function headerIn(window: Uint8Array): {
  kind: "data" | "dictionary" | "index";
  page: PageShape;
  headerLength: number;
  size: number;
} {
  checkThrift(window, 0);
  const reader = { view: new DataView(window.buffer, window.byteOffset, window.byteLength), offset: 0 };
  const header = parquetHeader(reader);
  const { data_page_header: first, data_page_header_v2: second, dictionary_page_header: dictionary } = header;
  const levels = second && {
    repetition: countOf(second.repetition_levels_byte_length),
    definition: countOf(second.definition_levels_byte_length),
    isPacked: second.is_compressed !== false,
  };
  const shape = first ?? second ?? dictionary;
  return {
    kind: first || second ? "data" : dictionary ? "dictionary" : "index",
    page: {
      encoding: shape?.encoding ?? "",
      count: shape ? countOf(shape.num_values) : 0,
      length: countOf(header.uncompressed_page_size),
      levels: levels ?? null,
    },
    headerLength: reader.offset,
    size: countOf(header.compressed_page_size),
  };
}

/** What a header claims may be of any type where the file is damaged. */
function countOf(claim: unknown): number {
  if (!(Number.isSafeInteger(claim) && (claim as number) >= 0)) throw new Error("a page has no size");
  return claim as number;
}

/** Whatever a decoder throws on damaged data, in words. */
function guarded<T>(source: string, what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof TandemError) throw cause;
    const { message } = cause as Error;
    const problem = message.includes("; ") ? message : "is damaged; copy or download the file again";
    throw new TandemError("readDemonstrations", `${source}: ${what} ${problem}`, { cause });
  }
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}
