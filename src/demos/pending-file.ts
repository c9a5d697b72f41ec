import { randomUUID } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TandemError } from "../core/index.ts";

/** A file that is written under another name beside its place and moved into it when it is complete. */
export interface PendingFile {
  /** Where it is until then. */
  readonly temporary: string;
  /** Open for writing and reading. */
  readonly file: FileHandle;
  /** Add bytes at the end. */
  write(bytes: Uint8Array): Promise<void>;
  /** Close it and move it into its place. */
  finish(): Promise<void>;
  /** Close and remove it. Harmless after `finish`. */
  abandon(): Promise<void>;
}

/** Begins a file that is to appear at `path`; `part` tells the files for one path apart. */
export async function createPendingFile(path: string, part = ""): Promise<PendingFile> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}${part}.tmp`);
  const file = await writing(path, () => open(temporary, "wx+"));
  let isOpen = true;
  const abandon = async (): Promise<void> => {
    if (isOpen) await file.close();
    isOpen = false;
    await rm(temporary, { force: true });
  };
  return {
    temporary,
    file,
    write: (bytes) => writing(path, () => writeAll(file, bytes)),
    finish: async () => {
      try {
        await writing(path, async () => {
          await file.sync();
          await file.close();
          isOpen = false;
          await rename(temporary, path);
        });
      } catch (error) {
        await abandon();
        throw error;
      }
    },
    abandon,
  };
}

/** Refuses to finish a set to which nothing was added. */
export function refuseNothing(path: string): never {
  throw new TandemError(
    "writeDemonstrations",
    `${path}: expected at least one episode, got none; append some before it is finished`,
  );
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

/** What the file system refuses, in words. */
async function writing<T>(path: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = `${path}: cannot be written (${code ?? String(cause)}); check that its folder exists and may be written`;
    throw new TandemError("writeDemonstrations", problem, { cause });
  }
}
