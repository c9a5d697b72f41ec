#!/usr/bin/env node
import { isMainThread, workerData } from "node:worker_threads";

// The same module is the start of the command and of the threads it computes in, wherever a bundler puts it.
if (isMainThread) {
  const { runCommandLine } = await import("./command-line.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2), new URL(import.meta.url));
} else if ("experiment" in (workerData as object)) {
  const { runLabThread } = await import("./lab-thread.ts");
  await runLabThread();
} else {
  const { runTrainingThread } = await import("./training-thread.ts");
  await runTrainingThread();
}
