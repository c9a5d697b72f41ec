/** Talks to a script of this folder: one process that lives as long as the benchmark and answers a line with a line. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** How PyTorch is used; see sac_update.py. */
export interface PyTorchSetting {
  readonly style: "common" | "tuned";
  readonly threads: number;
}

/** Time by the wall, or of the measuring thread on the processor. */
export type ClockName = "wall" | "cpu";

/** Those measured. Two threads last: their idle spinning then falls into what a round begins with, unmeasured. */
export const PYTORCH_SETTINGS: readonly PyTorchSetting[] = [
  { style: "common", threads: 1 },
  { style: "tuned", threads: 1 },
  { style: "common", threads: 2 },
  { style: "tuned", threads: 2 },
];

/** E.g. "tuned, 2 threads". */
export const describeSetting = ({ style, threads }: PyTorchSetting): string =>
  `${style}, ${threads} ${threads === 1 ? "thread" : "threads"}`;

/** What to measure: a learner is made and warmed up when it is first asked for. */
interface PyTorchRequest extends PyTorchSetting {
  readonly hidden: readonly number[];
  readonly batch: number;
  readonly reward: "recorded" | "learned";
  /** "cpu" only with one thread. */
  readonly clock: ClockName;
  readonly updates: number;
}

/** A running PyTorch. */
export interface PyTorch {
  readonly version: string;
  /** Seconds of one update, the mean of `updates`. */
  measure(request: PyTorchRequest): Promise<number>;
  close(): Promise<void>;
}

/** Starts `python`, which must be able to import torch. */
export async function startPyTorch(python: string): Promise<PyTorch> {
  const { greeting, ask, close } = await startScript(python, "sac_update.py");
  return {
    version: String(greeting.version),
    measure: async (request) => Number((await ask(request)).seconds),
    close,
  };
}

/** A script of this folder, running. */
export interface Script {
  /** Its first line. */
  readonly greeting: Record<string, unknown>;
  /** Its line in answer to this one. */
  readonly ask: (request: object) => Promise<Record<string, unknown>>;
  readonly close: () => Promise<void>;
}

/** Starts `python SCRIPT --serve`; lines are JSON objects. */
export async function startScript(python: string, name: string): Promise<Script> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(python, [script, "--serve"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ended before it answered: can it import what ${name} does?`);
    return JSON.parse(value);
  };
  const ended = once(child, "exit");
  const failed = once(child, "error").then(([error]) => Promise.reject(error as Error));
  return {
    greeting: await Promise.race([answer(), failed]),
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return answer();
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
