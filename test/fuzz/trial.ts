/** One damaged input and what came of it. */
import {
  foldIn,
  keyFromSeed,
  nextInteger,
  nextUniform,
  streamOf,
  TandemError,
} from "../../src/core/index.ts";
import { damageBytes, oneOf } from "./damage-bytes.ts";
import { place, type Reader, type Reading } from "./readers.ts";
import type { Files, Seed } from "./seeds.ts";

/** What came of an input; `words` are what was said, or what is wrong. */
interface Outcome {
  readonly kind: "read" | "refused" | "defect";
  readonly words: string;
}

/** More than an input of some KB may take of the processor, milliseconds. */
const MOST_MILLISECONDS = 2000;

/** No message is longer, characters. */
const MOST_WORDS = 1000;

/** No input is longer, bytes. */
const MOST_BYTES = 2 ** 20;

/** What engines say of a bug, not of a file; memory suffices for any of these files. */
const BUG =
  /Cannot (read|set|convert|destructure|mix)|is not (a function|iterable|a constructor|defined)|\[object |Maximum call stack|Invalid (typed |array|string)|allocation|out of (range|bounds)|of undefined|NaN (bytes|rows|floats)|more than there is memory for/i;

/** What a library says of a file is its own affair. */
const QUOTED = /ERROR_CODE: \d+, ERROR_MESSAGE: .*/;

/** What may not stand in a line that a terminal shows. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

/** Input number `index`: a sound one with one file damaged one to three times. The same for the same numbers. */
export function inputOf(
  { damage }: Pick<Reader, "damage">,
  seeds: readonly Seed[],
  key: number,
  index: number,
): { seed: Seed; file: string; files: Files } {
  const stream = streamOf(foldIn(keyFromSeed(key), index));
  const seed = oneOf(seeds, stream);
  const file = oneOf(Object.keys(seed.files), stream);
  const others = seeds.flatMap(({ files }) => (files[file] ? [files[file]] : []));
  let bytes = seed.files[file];
  for (let changes = oneOf([1, 1, 1, 2, 3], stream); changes > 0; changes--) {
    const change = nextUniform(stream) < 0.75 ? damage(file) : damageBytes;
    bytes = change(bytes, stream, others).subarray(0, MOST_BYTES);
  }
  // Rare: nothing at all.
  if (nextInteger(stream, 2000) === 0) bytes = new Uint8Array(0);
  return { seed, file, files: { ...seed.files, [file]: bytes } };
}

/** Reads the files, which are put into `folder` where they are read from the disk. */
export async function outcomeOf(
  { onDisk }: Pick<Reader, "onDisk">,
  reading: Reading,
  files: Files,
  folder: string,
  seed: string,
): Promise<Outcome> {
  if (onDisk) place(files, folder);
  asked = null;
  const begun = process.threadCpuUsage();
  const outcome = await reading.read(files, folder, seed).then(
    () => ({ kind: "read", words: "" }) as const,
    (error: unknown) => judged(error),
  );
  const { user, system } = process.threadCpuUsage(begun);
  if (asked !== null)
    return { kind: "defect", words: `asked for ${String(asked)} bytes at once: ${outcome.words}` };
  const milliseconds = (user + system) / 1000;
  if (milliseconds > MOST_MILLISECONDS)
    return { kind: "defect", words: `took ${Math.round(milliseconds)} ms: ${outcome.words}` };
  return outcome;
}

function judged(error: unknown): Outcome {
  if (!(error instanceof TandemError)) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: "defect", words: `not refused in words: ${words}` };
  }
  const words = error.message;
  if (UNPRINTABLE.test(words))
    return { kind: "defect", words: `not one printable line: ${JSON.stringify(words)}` };
  if (words.length > MOST_WORDS)
    return { kind: "defect", words: `${words.length} characters: ${words.slice(0, 300)}` };
  if (BUG.test(words.replace(QUOTED, ""))) return { kind: "defect", words: `words of a bug: ${words}` };
  return { kind: "refused", words };
}

/** The largest array asked for, beyond what is allowed; null where none was. */
let asked: number | null = null;

/** From now on arrays of more than `most` bytes (or so many entries of a list) are noted as a defect and not made. */
export function watchAllocations(most: number): void {
  const check = (bytes: number): void => {
    if (!(bytes > most)) return;
    asked = Math.max(asked ?? 0, bytes);
    throw new RangeError("more than a small file may ask for");
  };
  const scope = globalThis as unknown as Record<string, unknown>;
  for (const [name, size] of Object.entries(SIZES)) {
    const watched = (args: unknown[]): void => {
      const [first] = args;
      if (typeof first === "number" && args.length === 1) check(first * size);
    };
    scope[name] = new Proxy(scope[name] as typeof Uint8Array, {
      construct: (target, args, self) => {
        watched(args);
        return Reflect.construct(target, args, self) as object;
      },
      apply: (target, here, args) => {
        watched(args);
        return Reflect.apply(target as unknown as () => unknown, here, args);
      },
    });
  }
  const { prototype } = WebAssembly.Memory;
  // oxlint-disable-next-line typescript/unbound-method -- called with its `this` below
  const { grow } = prototype;
  prototype.grow = function (pages) {
    // The product may refuse it, which is as it should be.
    const before = grow.call(this, pages);
    const bytes = this.buffer.byteLength;
    if (bytes > MOST_LIBRARY_BYTES) asked = Math.max(asked ?? 0, bytes);
    return before;
  };
}

/** Most memory for a library of WebAssembly, bytes. */
const MOST_LIBRARY_BYTES = 2 ** 30;

/** Bytes of an entry. */
const SIZES = {
  ArrayBuffer: 1,
  Array: 8,
  Uint8Array: 1,
  Int8Array: 1,
  Uint8ClampedArray: 1,
  Uint16Array: 2,
  Int16Array: 2,
  Uint32Array: 4,
  Int32Array: 4,
  Float32Array: 4,
  Float64Array: 8,
  BigInt64Array: 8,
  BigUint64Array: 8,
};
