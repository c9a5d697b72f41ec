/** The side of a training that computes: a worker thread, so that the main one can listen to signals at any time. */
import { performance } from "node:perf_hooks";
import { parentPort, workerData } from "node:worker_threads";
import { TandemError, type Trajectories, type TrainingRecord } from "../core/index.ts";
import {
  runTraining,
  type Progress,
  type RunConfig,
  type Summary,
  type TrainingHooks,
} from "../runs/index.ts";

/** What the thread is started with. */
export interface TrainingJob {
  readonly folder: string;
  readonly config: RunConfig;
  readonly demonstrations: Trajectories | null;
  /** Demonstrations that are only measured on; null for none. */
  readonly heldOut: Trajectories | null;
  /** Set to 1 to stop after the current iteration, [1]; shared. */
  readonly stop: Int32Array<SharedArrayBuffer>;
}

/** What the thread says. */
export type TrainingMessage =
  | { kind: "progress"; progress: Progress }
  | { kind: "record"; record: TrainingRecord }
  | { kind: "notice"; text: string }
  | { kind: "ended"; summary: Summary | null }
  | { kind: "refused"; message: string }
  | { kind: "failed"; message: string; stack: string };

/** Do the job in `workerData`. */
export async function runTrainingThread(): Promise<void> {
  const { folder, config, demonstrations, heldOut, stop } = workerData as TrainingJob;
  try {
    const hooks: TrainingHooks = {
      clock: () => performance.now(),
      onProgress: (progress) => tell({ kind: "progress", progress }),
      onRecord: (record) => tell({ kind: "record", record }),
      onNotice: (text) => tell({ kind: "notice", text }),
      stopRequested: () => Atomics.load(stop, 0) === 1,
    };
    const summary = await runTraining(folder, config, demonstrations, hooks, heldOut);
    tell({ kind: "ended", summary });
  } catch (error) {
    tell(
      error instanceof TandemError
        ? { kind: "refused", message: error.message }
        : { kind: "failed", message: String(error), stack: (error as Error)?.stack ?? "" },
    );
  }
}

function tell(message: TrainingMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  parentPort?.postMessage(message);
}
