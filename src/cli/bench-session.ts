/** Trains the cells of a bench in child processes, each an ordinary `tandem train`. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import type { Pace } from "../bench/index.ts";
import { TandemError } from "../core/index.ts";
import { deleteReplay, makeFolder } from "../runs/index.ts";
import { removeLock, writeLock } from "./bench-lock.ts";
import type { PlannedCell } from "./bench-plan.ts";
import { createBenchProgress, type BenchProgress, type BenchStanding } from "./bench-progress.ts";
import { EXIT_CODES } from "./training-session.ts";

/** What is to be trained, and how. */
export interface BenchJob {
  /** The module that children start with. */
  readonly entry: URL;
  readonly folder: string;
  readonly waiting: readonly WaitingCell[];
  /** Cells of the bench in all, and those complete before. */
  readonly all: number;
  readonly complete: number;
  /** Of cells that are complete already. */
  readonly paces: readonly Pace[];
  readonly parallel: number;
  readonly keepReplay: boolean;
  /** Write down what there is: before the first cell begins, and whenever one has ended. */
  readonly updateReport: () => void;
}

/** A cell without an end. */
export interface WaitingCell extends PlannedCell {
  /** Whether its run folder is there to go on with. */
  readonly isBegun: boolean;
}

/** How it went. */
export interface BenchEnd {
  readonly completed: readonly string[];
  /** Cells that ended otherwise, with the last line that they wrote. */
  readonly failed: readonly { readonly id: string; readonly reason: string }[];
  /** The exit code of the signal that stopped it; null where all cells had their turn. */
  readonly stopped: number | null;
}

/** A cell in training. */
interface Running {
  readonly cell: WaitingCell;
  readonly pid: number;
  /** Where it stood when first looked at, and then. */
  begun: { readonly step: number; readonly time: number } | null;
  step: number;
}

type Signal = keyof typeof EXIT_CODES;

const POLL_MS = 2000;

/**
 * Train cells, `parallel` at a time. A first signal lets every one that runs save itself, a second stops them at once; in
 * both cases no other begins.
 */
export async function runBench(job: BenchJob): Promise<BenchEnd> {
  const { folder, waiting, parallel, keepReplay } = job;
  const queue = [...waiting];
  const running = new Map<string, Running>();
  const completed: string[] = [];
  const failed: { id: string; reason: string }[] = [];
  const paces = [...job.paces];
  const progress = createBenchProgress(process.stderr, () => performance.now());
  let stopped: number | null = null;

  const standing = (): BenchStanding => ({
    all: job.all,
    complete: job.complete + completed.length,
    running: Array.from(running.values(), ({ cell, step }) => ({
      ...remainingOf(cell, step),
      id: cell.cell.id,
    })),
    waiting: queue.map((cell) => remainingOf(cell, 0)),
    paces: [...paces, ...Array.from(running.values()).flatMap(paceOf)],
    parallel,
  });
  const forward = (signal: Signal): void => {
    for (const { pid } of running.values()) signalTo(pid, signal);
  };
  const onSignal = (signal: Signal): void => {
    const isFirst = stopped === null;
    stopped ??= EXIT_CODES[signal];
    if (isFirst && running.size > 0) {
      progress.say(
        `Stopping: ${running.size === 1 ? "1 cell saves itself after its" : `${running.size} cells save themselves after their`} iteration. Ctrl-C again stops at once, unsaved.`,
      );
    }
    forward(signal);
  };
  const poll = setInterval(() => {
    for (const each of running.values()) look(each, folder);
    progress.show(standing());
  }, POLL_MS);

  const work = async (): Promise<void> => {
    for (let cell = queue.shift(); cell; cell = queue.shift()) {
      const { id } = cell.cell;
      const child = start(job, cell);
      const entry: Running = { cell, pid: child.pid, begun: null, step: 0 };
      running.set(id, entry);
      writeLock(folder, pidsOf(running), keepReplay);
      progress.say(`${cell.isBegun ? "going on with" : "beginning"} ${id}`);
      const code = await child.exit;
      look(entry, folder);
      // While the lock names the cell: were the bench killed now, the next one would do it.
      if (code === 0 && !keepReplay) deleteReplay(join(folder, id));
      running.delete(id);
      writeLock(folder, pidsOf(running), keepReplay);
      writeDown(job, progress);
      if (code === 0) {
        completed.push(id);
        paces.push(...paceOf(entry));
        progress.ended(id, standing());
      } else if (stopped === null) {
        const reason = lastLine(logOf(folder, id)) ?? `ended with code ${code}`;
        failed.push({ id, reason });
        progress.say(`FAILED ${id}: ${reason}`);
      }
      if (stopped !== null) return;
    }
  };

  for (const signal of Object.keys(EXIT_CODES)) process.on(signal, onSignal);
  try {
    writeLock(folder, pidsOf(running), keepReplay);
    job.updateReport();
    await Promise.all(Array.from({ length: Math.min(parallel, waiting.length) }, work));
    return { completed, failed, stopped };
  } finally {
    clearInterval(poll);
    progress.finish();
    forward("SIGTERM");
    for (const signal of Object.keys(EXIT_CODES)) process.off(signal, onSignal);
    if (running.size === 0) removeLock(folder);
  }
}

/** What cannot be written down now stops no training: the end of the bench tries again. */
function writeDown({ updateReport }: BenchJob, progress: BenchProgress): void {
  try {
    updateReport();
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    progress.say(`warning: ${error.message}`);
  }
}

/** The log of a cell, beside its folder. */
function logOf(folder: string, id: string): string {
  return join(folder, `${id}.log`);
}

/** A child in a group of its own: the terminal's Ctrl-C reaches this process alone, which hands it on once. */
function start(
  { entry, folder }: BenchJob,
  { cell, words, demos, isBegun }: WaitingCell,
): { pid: number; exit: Promise<number> } {
  const place = join(folder, cell.id);
  const log = logOf(folder, cell.id);
  makeFolder(dirname(log));
  const out = openSync(log, "a");
  const begin = ["train", ...words, "--out", place, "--json"];
  const goOn = ["train", "--resume", place, "--demos", demos, "--json"];
  const script = [...process.execArgv, fileURLToPath(entry), ...(isBegun ? goOn : begin)];
  const child = spawn(process.execPath, script, { stdio: ["ignore", out, out], detached: true });
  closeSync(out);
  const exit = new Promise<number>((settle, fail) => {
    child.on("error", fail);
    child.on("exit", (code) => settle(code ?? 1));
  });
  return { pid: child.pid ?? 0, exit };
}

function signalTo(pid: number, signal: Signal): void {
  try {
    if (pid > 0) process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}

function pidsOf(running: ReadonlyMap<string, Running>): Map<string, number> {
  return new Map(Array.from(running, ([id, { pid }]) => [id, pid]));
}

function remainingOf({ cell }: WaitingCell, step: number): BenchStanding["waiting"][number] {
  return { task: cell.task.name, method: cell.method.name, done: step, steps: cell.steps - step };
}

/** See how far a cell has come. */
function look(running: Running, folder: string): void {
  const step = lastStep(join(folder, running.cell.cell.id, "metrics.jsonl"));
  if (step === null) return;
  running.step = step;
  running.begun ??= { step, time: performance.now() };
}

/** What was measured of a cell, once it has been seen twice. */
function paceOf({ cell, begun, step }: Running): Pace[] {
  if (!begun || step <= begun.step) return [];
  const seconds = (performance.now() - begun.time) / 1000;
  const { task, method } = cell.cell;
  return [{ task: task.name, method: method.name, stepsPerSecond: (step - begun.step) / seconds }];
}

/** The training step of the last whole line of metrics; null before the first. */
function lastStep(path: string): number | null {
  if (!existsSync(path)) return null;
  const steps = tailOf(path).matchAll(/"step":(\d+)/g);
  const last = [...steps].at(-1);
  return last ? Number(last[1]) : null;
}

function lastLine(path: string): string | null {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.findLast((line) => line.trim() !== "")?.trim() ?? null;
}

function tailOf(path: string): string {
  const TAIL = 8192;
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(TAIL, size));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8");
  } finally {
    closeSync(file);
  }
}
