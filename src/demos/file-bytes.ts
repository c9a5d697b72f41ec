import { open, type FileHandle } from "node:fs/promises";
import { TandemError } from "../core/index.ts";
import type { ByteSource } from "./byte-source.ts";

/** A file that is open for reading by ranges, of any size. */
export interface FileBytes extends ByteSource {
  /** Harmless when called again. */
  close(): Promise<void>;
}

/** Opens the file; only what is asked for is read. */
export async function openFileBytes(path: string): Promise<FileBytes> {
  const file = await reading(path, () => open(path, "r"));
  try {
    const { size } = await reading(path, () => file.stat());
    let closing: Promise<void> | null = null;
    return {
      name: path,
      length: size,
      read: (offset, target) => fill(file, path, offset, target),
      close: () => (closing ??= file.close()),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function fill(file: FileHandle, path: string, offset: number, target: Uint8Array): Promise<void> {
  let filled = 0;
  while (filled < target.length) {
    const { bytesRead } = await reading(path, () =>
      file.read(target, filled, target.length - filled, offset + filled),
    );
    if (bytesRead === 0) {
      const problem = `${path}: ends after ${offset + filled} bytes, it was longer when it was opened; read it when it is complete`;
      throw new TandemError("readDemonstrations", problem);
    }
    filled += bytesRead;
  }
}

/** What the file system refuses, in words. */
export async function reading<T>(path: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem =
      code === "ENOENT"
        ? "expected a demonstration file or folder, found nothing there; check the path"
        : `cannot be read (${code ?? String(cause)}); check its permissions`;
    throw new TandemError("readDemonstrations", `${path}: ${problem}`, { cause });
  }
}
