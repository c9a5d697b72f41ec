import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { TandemError } from "../core/index.ts";
import type { Hdf5Answer, Hdf5Dataset, Hdf5Object, Hdf5Requests } from "./hdf5-thread.ts";

/** How long a thread may take over one request, milliseconds: each reads a bounded number of bytes. */
const PATIENCE = 30_000;

/** How often it is looked whether the answer has come, within the patience. */
const LOOKS = 10;

/** Paths that are described in one request. */
const PATHS_AT_ONCE = 256;

/** What a thread's data say where it is one of those below. */
const ROLE = "tandem-irl hdf5 thread";

/**
 * An HDF5 file that is open, in a thread of its own: the library may crash on a damaged file, or never come back from
 * it. Then the thread is ended and the file refused.
 */
export interface Hdf5File {
  readonly source: string;
  /** Names in a group; none where there is no such group. */
  names(group: string): Promise<string[]>;
  describe(paths: readonly string[]): Promise<Hdf5Object[]>;
  /** The single values among the attributes of a group. */
  attributes(group: string): Promise<Record<string, string | number>>;
  /** A dataset of one value; null where that is neither text nor a number. */
  value(path: string): Promise<string | number | null>;
  /** Rows from .. to - 1 of a described dataset, row-major; a few megabytes at most. */
  read(dataset: Hdf5Dataset, from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Harmless when called again. */
  close(): Promise<void>;
}

/** A thread without a file, kept for the next one: to start one takes longer than to open a file. */
let spare: Worker | null = null;

/**
 * Opens the file for reading.
 *
 * @param source how errors call it
 * @param length bytes it has on the disk
 * @param patience how long the library may take over one request, milliseconds
 */
export async function openHdf5File(
  path: string,
  source: string,
  length: number,
  patience = PATIENCE,
): Promise<Hdf5File> {
  const worker = takeThread();
  let before: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | null = null;
  let ended: string | null = null;

  const ask = <K extends keyof Hdf5Requests>(kind: K, asked: Hdf5Requests[K]["asked"], wait = patience) => {
    const answer = before.then(async () => {
      if (ended !== null) refuse(source, ended);
      const reply = await request(worker, { kind, asked }, wait);
      if ("value" in reply) return reply.value as Hdf5Requests[K]["answer"];
      if ("refused" in reply) refuse(source, reply.refused);
      ended = reply.broken;
      await worker.terminate();
      return refuse(source, ended);
    });
    before = answer.catch(() => {});
    return answer;
  };
  const close = async (): Promise<void> => {
    if (ended !== null) return;
    const healthy = await ask("close", {}).then(
      () => true,
      () => false,
    );
    ended ??= "is closed; open it again";
    if (healthy && !spare) spare = worker;
    else await worker.terminate();
  };

  const file: Hdf5File = {
    source,
    names: (group) => ask("names", { group }),
    describe: async (paths) => {
      const objects: Hdf5Object[] = [];
      for (let at = 0; at < paths.length; at += PATHS_AT_ONCE) {
        objects.push(...(await ask("describe", { paths: paths.slice(at, at + PATHS_AT_ONCE) })));
      }
      return objects;
    },
    attributes: (group) => ask("attributes", { group }),
    value: (path) => ask("value", { path }),
    read: ({ path: dataset }, from, to) => ask("read", { path: dataset, from, to }),
    close: () => (closing ??= close()),
  };
  try {
    await ask("wake", {}, PATIENCE);
    await ask("open", { path, length });
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function takeThread(): Worker {
  const worker = spare ?? startThread();
  spare = null;
  return worker;
}

function startThread(): Worker {
  const worker = new Worker(new URL(import.meta.url), { workerData: { [ROLE]: true } });
  worker.unref();
  worker
    .on("error", () => {})
    .on("exit", () => {
      if (spare === worker) spare = null;
    });
  return worker;
}

/** The answer; `broken` too where none comes. */
function request(worker: Worker, message: unknown, patience: number): Promise<Hdf5Answer> {
  return new Promise((resolve) => {
    let looks = 0;
    // Many short waits: ticks missed while our own thread computes do not count.
    const timer = setInterval(() => {
      if (++looks > LOOKS)
        settle({ broken: `gave no answer for ${patience / 1000} s: it is damaged; copy it again` });
    }, patience / LOOKS);
    const settle = (answer: Hdf5Answer): void => {
      clearInterval(timer);
      worker.off("message", settle).off("error", onError).off("exit", onExit);
      resolve(answer);
    };
    const onError = (error: unknown): void => settle({ broken: `cannot be read: ${String(error)}` });
    const onExit = (): void => settle({ broken: "cannot be read: its thread has ended; read it again" });
    worker.on("message", settle).on("error", onError).on("exit", onExit);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(message);
  });
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}

// This module is the start of its threads too, wherever a bundler puts it.
if (!isMainThread && (workerData as Record<string, unknown> | null)?.[ROLE]) {
  void import("./hdf5-thread.ts").then(({ runHdf5Thread }) => runHdf5Thread(parentPort!));
}
