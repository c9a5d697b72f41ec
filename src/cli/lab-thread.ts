/** The side of an experiment that computes: a worker thread that runs one cell after another. */
import { performance } from "node:perf_hooks";
import { parentPort, workerData } from "node:worker_threads";
import { TandemError } from "../core/index.ts";
import { experimentNamed, type Cell, type CellContext } from "../lab/index.ts";

/** What the thread is started with. */
export interface LabJob {
  /** Name of the experiment whose cells come as messages. */
  readonly experiment: string;
  /** The folder of demonstration files. */
  readonly demonstrations: string;
}

/** What the thread says after each cell. */
export type LabMessage =
  | { kind: "done"; id: string; outcome: unknown; seconds: number }
  | { kind: "refused"; message: string }
  | { kind: "failed"; message: string; stack: string };

/** Run the cells that are sent, until the port is closed. */
export async function runLabThread(): Promise<void> {
  const job = workerData as LabJob;
  const experiment = experimentNamed(job.experiment);
  const context: CellContext = { clock: () => performance.now(), demonstrations: job.demonstrations };
  parentPort?.on("message", (cell: Cell<unknown>) => {
    void runCell(cell);
  });

  async function runCell({ id, setting }: Cell<unknown>): Promise<void> {
    const begun = performance.now();
    try {
      const outcome = await experiment.run(setting, context);
      tell({ kind: "done", id, outcome, seconds: (performance.now() - begun) / 1000 });
    } catch (error) {
      tell(
        error instanceof TandemError
          ? { kind: "refused", message: error.message }
          : { kind: "failed", message: String(error), stack: (error as Error)?.stack ?? "" },
      );
    }
  }
}

function tell(message: LabMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  parentPort?.postMessage(message);
}
