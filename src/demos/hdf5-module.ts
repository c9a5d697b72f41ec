import { openSync } from "node:fs";
import { devNull } from "node:os";
import { resolve } from "node:path";
import type { Module } from "h5wasm/node";

/** The functions of the HDF5 library: below the classes of h5wasm, which drop the library's statuses. */
export type Hdf5Module = typeof Module;

/** What emscripten's file system keeps of open files, by descriptor; `nfd` is Node's. */
interface RawFileSystem {
  streams: { nfd: number }[];
  open(path: string, ...how: unknown[]): unknown;
  write(...what: unknown[]): number;
  ErrnoError: new (code: number) => Error;
}

/** Emscripten's EACCES. */
const ACCESS_DENIED = 2;

let loading: Promise<Hdf5Module> | null = null;
let only: string | null = null;
let writeError: unknown = null;

/**
 * The HDF5 library, compiled once a thread. It reads and writes files of the disk in place, block by block. Its stacks of
 * diagnostics, a page for each refusal, go nowhere instead of to stderr.
 */
export function loadHdf5(): Promise<Hdf5Module> {
  return (loading ??= load());
}

async function load(): Promise<Hdf5Module> {
  const { ready } = await import("h5wasm/node");
  const module = await ready;
  const fileSystem = module.FS as unknown as RawFileSystem;
  fileSystem.streams[2].nfd = openSync(devNull, "w");
  const open = fileSystem.open.bind(fileSystem);
  fileSystem.open = (path, ...how) => {
    if (only !== null && resolve(path) !== only) throw new fileSystem.ErrnoError(ACCESS_DENIED);
    return open(path, ...how);
  };
  const write = fileSystem.write.bind(fileSystem);
  fileSystem.write = (...what) => {
    try {
      return write(...what);
    } catch (error) {
      writeError = error;
      throw error;
    }
  };
  return module;
}

/** From now on the library of this thread can open this file alone: what is in it may name others. */
export function confineTo(path: string): void {
  only = resolve(path);
}

/** Does `write` and throws what the disk refused meanwhile: the library forgets some of it. */
export function writing<T>(write: () => T): T {
  writeError = null;
  const result = write();
  if (writeError !== null) throw writeError as Error;
  return result;
}
