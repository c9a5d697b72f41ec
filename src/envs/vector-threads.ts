/**
 * The threads of a batch of environments, from outside. Loaded only where there are some, so that it is a module of its
 * own: it is the start of its threads too, wherever a bundler puts it.
 */
import type { MessagePort, Worker } from "node:worker_threads";
import { TandemError } from "../core/index.ts";
import {
  type SentFailure,
  type SharedJob,
  VECTOR_COMMANDS,
  type VectorGreeting,
  type VectorJob,
  type VectorSignals,
} from "./vector-job.ts";
import { type VectorCommand, type VectorFailure, refusalFrom } from "./vector-share.ts";

/** How long the main thread sleeps before it looks whether a thread still lives. */
const LOOK_MILLISECONDS = 100;

/** The name of the job in a thread's data. */
const JOB = "tandem-irl vector job";

interface Thread {
  readonly worker: Worker;
  /** Brings failures; it closes when the thread ends. */
  readonly port: MessagePort;
  readonly first: number;
  readonly end: number;
  /** Set once the event loop has seen the thread end. */
  ended: boolean;
}

/** Threads that carry out orders, each on its share. */
export class VectorThreads {
  readonly #threads: readonly Thread[];
  readonly #signals: VectorSignals;

  private constructor(threads: readonly Thread[], signals: VectorSignals) {
    this.#threads = threads;
    this.#signals = signals;
  }

  /** A thread for each span [first, end) of environments; resolves when all have made theirs. */
  static async open(job: SharedJob, spans: readonly (readonly [number, number])[]): Promise<VectorThreads> {
    refuseInsideThread();
    const signals: VectorSignals = {
      order: new Int32Array(new SharedArrayBuffer(8)),
      answers: new Int32Array(new SharedArrayBuffer(4 * spans.length)),
      failed: new Uint8Array(new SharedArrayBuffer(spans.length)),
    };
    const { MessageChannel, Worker } = nodeThreads();
    // A program given by --eval may say what it is in; threads start from a file.
    const execArgv = process.execArgv.filter((flag) => !flag.startsWith("--input-type"));
    const threads = spans.map(([first, end], thread) => {
      const { port1, port2 } = new MessageChannel();
      const own: VectorJob = { ...job, first, end, signals, thread, port: port2 };
      const start = { workerData: { [JOB]: own }, transferList: [port2], execArgv };
      const worker = new Worker(new URL(import.meta.url), start);
      const opened: Thread = { worker, port: port1, first, end, ended: false };
      port1.on("close", () => (opened.ended = true));
      return opened;
    });
    const opened = new VectorThreads(threads, signals);
    try {
      await Promise.all(threads.map(({ worker }) => readiness(worker)));
    } catch (error) {
      await opened.close();
      throw error;
    }
    for (const { worker } of threads) worker.unref();
    return opened;
  }

  /** Give an order to all threads, which carry it out while this one goes on. */
  begin(command: VectorCommand): void {
    const { order } = this.#signals;
    order[1] = VECTOR_COMMANDS.indexOf(command);
    Atomics.add(order, 0, 1);
    Atomics.notify(order, 0);
  }

  /** Sleep until all have carried it out; the failure of the lowest index, if there is one. */
  finish(command: VectorCommand): VectorFailure | null {
    const { order, answers, failed } = this.#signals;
    const number = order[0];
    let failure: VectorFailure | null = null;
    for (let i = 0; i < this.#threads.length; i++) {
      for (;;) {
        const answer = Atomics.load(answers, i);
        if (answer === number) break;
        if (Atomics.wait(answers, i, answer, LOOK_MILLISECONDS) === "timed-out")
          this.#requireAlive(i, command);
      }
      if (failed[i] === 0) continue;
      const received = receiveFailure(this.#threads[i].port);
      failure ??= received;
    }
    return failure;
  }

  /** End the threads; all they hold goes with them. */
  async close(): Promise<void> {
    for (const { port } of this.#threads) port.close();
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #requireAlive(i: number, command: VectorCommand): void {
    const thread = this.#threads[i];
    if (!thread.ended && isConnected(thread.port)) return;
    const problem = `the thread of environments ${thread.first} to ${thread.end - 1} has ended; close the batch and make a new one`;
    throw new TandemError(command, problem);
  }
}

/** Whether the other end of `port` is there, found out without the event loop: posting says false where it is not. */
function isConnected(port: MessagePort): boolean {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  const delivered: unknown = port.postMessage(null);
  return delivered !== false;
}

function readiness(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on("message", (greeting: VectorGreeting) => {
      if (greeting.kind === "ready") resolve();
      else reject(refusalFrom(greeting.message));
    });
    // Once ready, an end has no listener to tell: `finish` finds out.
    worker.on("error", reject);
    worker.on("exit", (code) => {
      const problem = `a thread ended with code ${code} before its environments were ready; see what it printed`;
      reject(new TandemError("makeVectorEnvironment", problem));
    });
  });
}

function receiveFailure(port: MessagePort): VectorFailure {
  const received = nodeThreads().receiveMessageOnPort(port) as { message: SentFailure };
  const { index, isRefusal, message, stack } = received.message;
  const error = isRefusal ? refusalFrom(message) : new Error(message);
  if (!isRefusal) error.stack = stack;
  return { index, error };
}

/** A program bundled into one module with this would start itself anew in each thread. */
function refuseInsideThread(): void {
  if (!ownJob()) return;
  const problem =
    "a bundler has put tandem-irl and the program into one module, from which threads cannot start; keep tandem-irl external, or pass workers: 0";
  throw new TandemError("makeVectorEnvironment", problem);
}

/** What this thread was started for, if it is one of those above. */
function ownJob(): VectorJob | null {
  const { workerData } = nodeThreads();
  return (workerData as Record<string, VectorJob> | null)?.[JOB] ?? null;
}

/** `node:worker_threads`; not by an import, which bundlers for browsers could not resolve. */
function nodeThreads(): typeof import("node:worker_threads") {
  const threads = typeof process === "object" ? process.getBuiltinModule?.("node:worker_threads") : undefined;
  if (threads) return threads;
  throw new TandemError("makeVectorEnvironment", "threads need Node 22.18 or newer, pass workers: 0");
}

const job = ownJob();
if (job) {
  const { parentPort } = nodeThreads();
  void import("./vector-thread.ts").then(({ runVectorThread }) => runVectorThread(job, parentPort!));
}
