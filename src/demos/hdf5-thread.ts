import type { MessagePort } from "node:worker_threads";
import { confineTo, loadHdf5, type Hdf5Module } from "./hdf5-module.ts";
import { hdf5Type, numbersIn, type Hdf5Type } from "./hdf5-numbers.ts";
import { printable } from "./printable.ts";

/** What lies at a path. `shape` is [] for a single value; `type` is null where it holds no plain numbers. */
export type Hdf5Object =
  | { readonly kind: "nothing" }
  | { readonly kind: "group" }
  | {
      readonly kind: "dataset";
      readonly path: string;
      readonly shape: readonly number[];
      readonly type: Hdf5Type | null;
      /** Bytes of an entry. */
      readonly size: number;
      /** Rows that are stored, and compressed, together. */
      readonly chunkRows: number;
    };

/** A dataset that is described. */
export type Hdf5Dataset = Extract<Hdf5Object, { kind: "dataset" }>;

/** What a thread is asked, and what it answers to that. */
export interface Hdf5Requests {
  /** The first one is answered when the library is compiled. */
  wake: { asked: object; answer: null };
  open: { asked: { path: string; length: number }; answer: null };
  /** Names in a group; none where there is no such group. */
  names: { asked: { group: string }; answer: string[] };
  describe: { asked: { paths: readonly string[] }; answer: Hdf5Object[] };
  /** The single values among the attributes of a group. */
  attributes: { asked: { group: string }; answer: Record<string, string | number> };
  /** A dataset of one value; null where that is neither text nor a number. */
  value: { asked: { path: string }; answer: string | number | null };
  /** Rows from .. to - 1 of a dataset, row-major. */
  read: { asked: { path: string; from: number; to: number }; answer: Uint8Array<ArrayBuffer> };
  close: { asked: object; answer: null };
}

/** `broken`: the library crashed, and the thread is of no use any more. */
export type Hdf5Answer = { value: unknown } | { refused: string } | { broken: string };

/** Most memory for the library, bytes; a damaged file may ask it for any amount. */
const MEMORY = 2 ** 29;

/** Largest chunk of a dataset and largest text, bytes. */
const CHUNK_MAX_BYTES = 2 ** 27;
const TEXT_MAX_BYTES = 2 ** 24;

/** Deflate never does better than 258 bytes for 2 bits; a claim above this is a lie. */
const DEFLATE_MAX_RATIO = 1032;

/** Filters above are not in the library (Blosc, LZF, ...). */
const LAST_KNOWN_FILTER = 6;

/** The file that this thread has open. */
interface OpenFile {
  module: Hdf5Module;
  id: bigint;
  /** Bytes on the disk. */
  length: number;
  described: Map<string, Hdf5Object>;
}

/** Answers what is asked over `port`, one request after another. The thread has at most one file open. */
export async function runHdf5Thread(port: MessagePort): Promise<void> {
  limitMemory();
  console.error = () => {}; // what the library prints there is said in one line
  const module = await loadHdf5();
  let file = noFile(module);
  port.on("message", ({ kind, asked }: { kind: keyof Hdf5Requests; asked: never }) => {
    const [answer, transfer] = answerOf(() => {
      if (kind !== "open") return ANSWERS[kind](file, asked);
      file = noFile(module);
      file = openFile(module, asked);
      return null;
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
    port.postMessage(answer, transfer);
  });
}

/** This thread's memories of WebAssembly, of which the library's is the only one, stop growing at {@link MEMORY}. */
function limitMemory(): void {
  const { prototype } = WebAssembly.Memory;
  // oxlint-disable-next-line typescript/unbound-method -- called with its `this` below
  const { grow } = prototype;
  prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * 65536 > MEMORY) throw new RangeError("memory limit");
    return grow.call(this, pages);
  };
}

function answerOf(answer: () => unknown): [Hdf5Answer, ArrayBuffer[]] {
  try {
    const value = answer();
    return [{ value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []];
  } catch (error) {
    if (error instanceof Refusal) return [{ refused: error.message }, []];
    if (error instanceof WebAssembly.RuntimeError) return [{ broken: DAMAGED }, []];
    return [{ refused: DAMAGED }, []]; // "name not defined" and the like, thrown by the library's wrapper
  }
}

const DAMAGED = "is damaged; copy it again";

/** Why a file is not read, in words that follow its name. */
class Refusal extends Error {}

function noFile(module: Hdf5Module): OpenFile {
  return { module, id: -1n, length: 0, described: new Map() };
}

function openFile(module: Hdf5Module, { path, length }: Hdf5Requests["open"]["asked"]): OpenFile {
  confineTo(path);
  const id = module.open(path, module.H5F_ACC_RDONLY, false, -1, -1);
  if (id < 0n) throw new Refusal("is no HDF5 file, or a damaged one; copy it again");
  return { module, id, length, described: new Map() };
}

const ANSWERS: {
  [K in Exclude<keyof Hdf5Requests, "open">]: (
    file: OpenFile,
    asked: Hdf5Requests[K]["asked"],
  ) => Hdf5Requests[K]["answer"];
} = {
  wake: () => null,
  names: (file, { group }) => {
    const exists = group === "/" || described(file, group).kind === "group";
    return exists ? file.module.get_names(file.id, group, false) : [];
  },
  describe: (file, { paths }) => paths.map((path) => described(file, path)),
  attributes,
  value,
  read,
  close: ({ module, id }) => {
    if (id >= 0n && module.close_file(id) < 0) throw new Refusal("cannot be closed");
    return null;
  },
};

function described(file: OpenFile, path: string): Hdf5Object {
  const known = file.described.get(path);
  if (known) return known;
  const object = describe(file, path);
  file.described.set(path, object);
  return object;
}

function describe(file: OpenFile, path: string): Hdf5Object {
  const { module, id } = file;
  const name = printable(path);
  const type = module.get_type(id, path);
  if (type === module.H5G_GROUP) return { kind: "group" };
  if (type === module.H5G_LINK || type === module.H5G_UDLINK)
    throw new Refusal(`${name} is a link that leads nowhere in the file; copy in what it points to`);
  if (type !== module.H5G_DATASET) return { kind: "nothing" };
  const { shape, size, chunks, virtual_sources, ...element } = module.get_dataset_metadata(id, path);
  if (virtual_sources) throw new Refusal(`${name} lies in other files; copy the data into one`);
  if (shape === null) return { kind: "dataset", path, shape: [0], type: null, size, chunkRows: 1 };
  const bytes = product(shape) * size;
  const most = file.length * (chunks ? DEFLATE_MAX_RATIO : 1);
  if (!(bytes <= most)) {
    throw new Refusal(
      `${name} has the shape [${shape.join(", ")}], more than ${file.length} bytes hold; the file is damaged, copy it again`,
    );
  }
  if (chunks && !(product(chunks) * size <= CHUNK_MAX_BYTES)) {
    throw new Refusal(
      `${name} is stored in chunks of [${chunks.join(", ")}], of more than ${CHUNK_MAX_BYTES} bytes; save it in smaller ones`,
    );
  }
  const numbers = numberType(module, { ...element, size });
  return { kind: "dataset", path, shape, type: numbers, size, chunkRows: chunks?.[0] ?? 1 };
}

/** Element types of plain numbers and of enumerations on them; null for all others. */
function numberType(
  module: Hdf5Module,
  {
    type,
    size,
    signed,
    enum_type,
  }: { type: number; size: number; signed: boolean; enum_type?: { type: number } },
): Hdf5Type | null {
  const { H5T_INTEGER, H5T_FLOAT } = module.H5T_class_t;
  const base = enum_type?.type ?? type;
  if (base === H5T_FLOAT.value) return hdf5Type("f", size);
  return base === H5T_INTEGER.value ? hdf5Type(signed ? "i" : "u", size) : null;
}

function read(file: OpenFile, { path, from, to }: Hdf5Requests["read"]["asked"]): Uint8Array<ArrayBuffer> {
  const { module, id } = file;
  const { shape, size } = described(file, path) as Hdf5Dataset;
  const count = [to - from, ...shape.slice(1)];
  const offset = [from, ...shape.slice(1).fill(0)];
  return withMemory(module, product(count) * size, (pointer, bytes) => {
    const status = module.get_dataset_data(
      id,
      path,
      count.map(BigInt),
      offset.map(BigInt),
      shape.map(() => 1n),
      BigInt(pointer),
    );
    if (status < 0) refuseUnreadable(file, path);
    return module.HEAPU8.slice(pointer, pointer + bytes);
  });
}

function refuseUnreadable({ module, id }: OpenFile, path: string): never {
  const foreign = module.get_dataset_filters(id, path).find((filter) => filter.id > LAST_KNOWN_FILTER);
  const why = foreign
    ? `is compressed with ${printable(foreign.name) || `filter ${foreign.id}`}; save it with gzip`
    : DAMAGED;
  throw new Refusal(`${printable(path)} ${why}`);
}

function value(file: OpenFile, { path }: Hdf5Requests["value"]["asked"]): string | number | null {
  const { module, id } = file;
  if (described(file, path).kind !== "dataset") return null;
  return singleValue(module, module.get_dataset_metadata(id, path), {
    read: (pointer) => module.get_dataset_data(id, path, null, null, null, pointer),
    reclaim: (pointer) => module.reclaim_vlen_memory(id, path, "", pointer),
  });
}

function attributes(
  { module, id }: OpenFile,
  { group }: Hdf5Requests["attributes"]["asked"],
): Record<string, string | number> {
  const found: Record<string, string | number> = {};
  for (const name of module.get_attribute_names(id, group)) {
    const one = singleValue(module, module.get_attribute_metadata(id, group, name), {
      read: (pointer) => module.get_attribute_data(id, group, name, pointer),
      reclaim: (pointer) => module.reclaim_vlen_memory(id, group, name, pointer),
    });
    if (one !== null) found[name] = one;
  }
  return found;
}

/** Text or a number; null for all else. */
function singleValue(
  module: Hdf5Module,
  metadata: ReturnType<Hdf5Module["get_dataset_metadata"]>,
  access: { read(pointer: bigint): number; reclaim(pointer: bigint): number },
): string | number | null {
  const { shape, size, type, vlen } = metadata;
  if (shape === null || product(shape) !== 1 || size > TEXT_MAX_BYTES) return null;
  const isText = type === module.H5T_class_t.H5T_STRING.value;
  const numbers = numberType(module, metadata);
  if (!isText && numbers === null) return null;
  return withMemory(module, size, (pointer, bytes) => {
    if (access.read(BigInt(pointer)) < 0) throw new Refusal(DAMAGED);
    const entry = module.HEAPU8.subarray(pointer, pointer + bytes);
    if (numbers !== null) return Number(numbersIn(entry, numbers)[0]);
    if (!vlen) return textIn(entry);
    const text = textIn(module.HEAPU8.subarray(Number(numbersIn(entry, "u4")[0])));
    access.reclaim(BigInt(pointer));
    return text;
  });
}

/** Up to the first NUL, without the blanks that fill Fortran's strings. */
function textIn(bytes: Uint8Array): string {
  const window = bytes.subarray(0, TEXT_MAX_BYTES);
  const end = window.indexOf(0);
  return new TextDecoder().decode(end < 0 ? window : window.subarray(0, end)).replace(/ +$/, "");
}

/** Zeroed memory of the library for the time of `use`. */
function withMemory<T>(module: Hdf5Module, bytes: number, use: (pointer: number, bytes: number) => T): T {
  const pointer = module._malloc(Math.max(bytes, 8)); // oxlint-disable-line no-underscore-dangle -- emscripten's name
  if (pointer === 0)
    throw new Refusal(`needs ${bytes} bytes at once, more than there are; save it in smaller chunks`);
  try {
    module.HEAPU8.fill(0, pointer, pointer + bytes);
    return use(pointer, bytes);
  } finally {
    module._free(pointer); // oxlint-disable-line no-underscore-dangle -- emscripten's name
  }
}

function product(factors: readonly number[]): number {
  return factors.reduce((result, factor) => result * factor, 1);
}
