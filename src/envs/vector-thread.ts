/** One of the threads of a batch of environments: it sleeps until there is an order and carries it out on its share. */
import type { MessagePort } from "node:worker_threads";
import { TandemError } from "../core/index.ts";
import { makeEnvironment } from "./registry.ts";
import { type SentFailure, VECTOR_COMMANDS, type VectorGreeting, type VectorJob } from "./vector-job.ts";
import { type VectorFailure, VectorShare, columnsOver, makeEach } from "./vector-share.ts";

/** Make the environments of `job`, say so to `parent` and serve until the thread is ended from outside. */
export async function runVectorThread(job: VectorJob, parent: MessagePort): Promise<void> {
  const share = await openShare(job, (greeting) => parent.postMessage(greeting)); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  if (share) serve(job, share);
}

async function openShare(
  { id, options, seed, sizes, first, end, memory }: VectorJob,
  greet: (greeting: VectorGreeting) => void,
): Promise<VectorShare | null> {
  try {
    const environments = await makeEach(end - first, () => makeEnvironment(id, options));
    greet({ kind: "ready" });
    return new VectorShare(environments, first, columnsOver(memory, sizes), sizes, seed);
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    greet({ kind: "refused", message: error.message });
    return null;
  }
}

function serve({ signals: { order, answers, failed }, thread, port }: VectorJob, share: VectorShare): never {
  for (let done = 0; ;) {
    Atomics.wait(order, 0, done);
    const number = Atomics.load(order, 0);
    if (number === done) continue;
    const failure = share.run(VECTOR_COMMANDS[order[1]]);
    failed[thread] = failure ? 1 : 0;
    if (failure) port.postMessage(sent(failure)); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread's port has no origin
    done = number;
    Atomics.store(answers, thread, done);
    Atomics.notify(answers, thread);
  }
}

function sent({ index, error }: VectorFailure): SentFailure {
  const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return { index, isRefusal: error instanceof TandemError, message, stack };
}
