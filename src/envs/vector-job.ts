/** What the main thread of a batch of environments and its other threads say to each other. */
import type { MessagePort } from "node:worker_threads";
import type { GivenOptions } from "./options.ts";
import type { VectorCommand, VectorSizes } from "./vector-share.ts";

/** What all threads of a batch work on. */
export interface SharedJob {
  readonly id: string;
  readonly options: GivenOptions;
  readonly seed: number;
  readonly sizes: VectorSizes;
  /** The memory of the columns. */
  readonly memory: SharedArrayBuffer;
}

/** What one thread is started with. */
export interface VectorJob extends SharedJob {
  /** Its environments: from `first` up to, not including, `end`. */
  readonly first: number;
  readonly end: number;
  readonly signals: VectorSignals;
  /** Its own place in `signals`. */
  readonly thread: number;
  /** Where it tells failures; a {@link SentFailure} each. */
  readonly port: MessagePort;
}

/** The barrier. The memory is shared. */
export interface VectorSignals {
  /** How many orders were given, and the latest as its place in {@link VECTOR_COMMANDS}; [2]. */
  readonly order: Int32Array<SharedArrayBuffer>;
  /** The number of the order that each thread has carried out, [threads]. */
  readonly answers: Int32Array<SharedArrayBuffer>;
  /** 1 where a failure of that order lies in the thread's port, [threads]. */
  readonly failed: Uint8Array<SharedArrayBuffer>;
}

/** The orders, by number. */
export const VECTOR_COMMANDS: readonly VectorCommand[] = ["reset", "step"];

/** What a thread says at its start; `message` is that of the refusal. */
export type VectorGreeting =
  { readonly kind: "ready" } | { readonly kind: "refused"; readonly message: string };

/** A failure on its way between threads. */
export interface SentFailure {
  readonly index: number;
  /** Whether it is a TandemError; anything else is a bug and keeps its stack. */
  readonly isRefusal: boolean;
  readonly message: string;
  readonly stack: string;
}
