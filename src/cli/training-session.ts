import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { TandemError, wholeReturn, type Trajectories } from "../core/index.ts";
import { hasCheckpoint, type RunConfig, type Summary } from "../runs/index.ts";
import { commandText } from "./invocation.ts";
import { createProgressDisplay } from "./progress.ts";
import type { TrainingJob, TrainingMessage } from "./training-thread.ts";

/** How a training ended: with a summary, or with the exit code of a signal. */
export type SessionEnd = { readonly summary: Summary } | { readonly exitCode: number };

/** What an expert gives a run: trajectories to learn from, and others to be measured on; null for none. */
export interface RunExpert {
  readonly trajectories: Trajectories;
  readonly heldOut: Trajectories | null;
}

/** Exit codes by convention: 128 and the signal's number. */
export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

type Signal = keyof typeof EXIT_CODES;

/** What the user can mend and then go on: the disk, and memory. What else ends a training ends it again. */
const MENDABLE = /^(?:run folder|train): /;

/**
 * Train in `folder` and show how it goes on stderr. A first signal stops the run after its current iteration, with
 * everything saved; a second one stops it at once.
 *
 * @param entry the module that serves as the thread's main one
 * @param resumeWords what the command that goes on with the run must say beside its folder
 */
export async function runSession(
  entry: URL,
  folder: string,
  config: RunConfig,
  expert: RunExpert | null,
  resumeWords: readonly string[],
): Promise<SessionEnd> {
  const { maxEpisodeSteps } = config.env.options;
  const limit = typeof maxEpisodeSteps === "number" ? maxEpisodeSteps : 0;
  const expertReturn =
    config.command === "retrain"
      ? config.frozen.expertReturn
      : expert && wholeReturn(expert.trajectories, limit);
  const display = createProgressDisplay(process.stderr, expertReturn, () => performance.now());
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const resume = commandText(config.command, "--resume", folder, ...resumeWords);
  let stoppedBy: Signal | null = null;
  let step: number | null = null;

  const onSignal = (signal: Signal): void => {
    if (stoppedBy) stopAtOnce(signal);
    stoppedBy = signal;
    Atomics.store(stop, 0, 1);
    display.say("Stopping and saving after this iteration. Ctrl-C again stops at once, unsaved.");
  };
  const stopAtOnce = (signal: Signal): never => {
    display.finish();
    const saved = hasCheckpoint(folder)
      ? "Stopped at once. To go on from where the run was last saved:"
      : "Stopped at once, before anything was saved. To begin again:";
    process.stderr.write(`${saved}\n  ${resume}\n`);
    process.exit(EXIT_CODES[signal]);
  };
  for (const signal of Object.keys(EXIT_CODES)) process.on(signal, onSignal);

  try {
    const demonstrations = expert?.trajectories ?? null;
    const heldOut = expert?.heldOut ?? null;
    const summary = await train(entry, { folder, config, demonstrations, heldOut, stop }, (message) => {
      if (step === null) display.say(`Run folder: ${folder}`);
      step ??= 0;
      if (message.kind === "record") display.record(message.record);
      if (message.kind === "notice") display.say(`warning: ${message.text}`);
      if (message.kind !== "progress") return;
      step = message.progress.step;
      display.progress(message.progress);
    });
    display.finish();
    if (summary) return { summary };
    process.stderr.write(
      `Stopped at ${step ?? 0} of ${config.steps} steps; everything is saved. To go on:\n  ${resume}\n`,
    );
    return { exitCode: EXIT_CODES[stoppedBy ?? "SIGINT"] };
  } catch (error) {
    display.finish();
    if (!(error instanceof TandemError) || !MENDABLE.test(error.message) || !hasCheckpoint(folder))
      throw error;
    throw new TandemError("train", `${error.message}; then go on with ${resume}`, { cause: error });
  } finally {
    for (const signal of Object.keys(EXIT_CODES)) process.off(signal, onSignal);
  }
}

function train(
  entry: URL,
  job: TrainingJob,
  listen: (message: TrainingMessage) => void,
): Promise<Summary | null> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry, { workerData: job });
    worker.on("message", (message: TrainingMessage) => {
      if (message.kind === "ended") resolve(message.summary);
      else if (message.kind === "refused") reject(relayedRefusal(message.message));
      else if (message.kind === "failed") reject(relayedError(message));
      else listen(message);
    });
    worker.on("error", (error) => reject(threadFailure(error)));
    worker.on("exit", (code) => reject(threadFailure(new Error(`exit code ${code}`))));
  });
}

/** The thread is gone, as when memory is short; any other error of its own it reports itself. */
function threadFailure(error: Error): TandemError {
  return new TandemError(
    "train",
    `the training thread ended early (${error.message}); close what takes memory`,
    { cause: error },
  );
}

/** The thread's refusal: its message names its place already. */
function relayedRefusal(message: string): TandemError {
  const [where, ...problem] = message.split(": ");
  return new TandemError(where, problem.join(": "));
}

function relayedError({ message, stack }: { message: string; stack: string }): Error {
  const error = new Error(message);
  error.stack = stack;
  return error;
}
