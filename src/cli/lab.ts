import { availableParallelism } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { Command, Option } from "commander";
import { TandemError } from "../core/index.ts";
import type { Cell, CellResult, Experiment, Findings } from "../lab/index.ts";
import { commandText } from "./invocation.ts";
import type { LabJob, LabMessage } from "./lab-thread.ts";
import { suggestion } from "./nearest.ts";
import { anyText, optionValue, wholeNumber } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { duration } from "./progress.ts";
import { terminalOf } from "./terminal.ts";

const EXAMPLES = `
Examples:
  See which experiments there are:
    $ tandem lab
  A version of one that takes less than a minute:
    $ tandem lab tabular-sanity --quick
  The whole of it, in a folder of its own; stopped, the same command goes on:
    $ tandem lab width --out results/width`;

/** `tandem lab`. `entry` is the module the process started with. */
export function labCommand(entry: URL): Command {
  const command = new Command("lab")
    .summary("run an experiment on what the theory claims")
    .description(
      "Run one of the experiments that measure what the theory claims: results as JSON lines, figures as SVG, " +
        "a summary with the targets. Work that is done is kept: stopped, the same command goes on.",
    )
    .argument("[experiment]", "its name; without one, the list")
    .addOption(new Option("--quick", "a version of less than a minute"))
    .addOption(new Option("--out <folder>", "where results go [lab/<experiment>]"))
    .addOption(new Option("--demos <folder>", "third-party demonstration sets [those in demonstrations/]"))
    .addOption(new Option("--workers <n>", "cells at a time [all cores]"))
    .addOption(new Option("--restart", "throw away the results that are there"))
    .addOption(new Option("--findings-only", "read the results that are there, run nothing"))
    .addHelpText("after", EXAMPLES);
  return command.action(async (name: string | undefined) => {
    process.exitCode = await lab(command, entry, name);
  });
}

async function lab(command: Command, entry: URL, name: string | undefined): Promise<number> {
  const { EXPERIMENTS, openResults, writeFindings } = await import("../lab/index.ts");
  if (name === undefined) {
    const width = Math.max(...EXPERIMENTS.map((each) => each.name.length));
    const lines = EXPERIMENTS.map((each) => `  ${each.name.padEnd(width)}  ${each.question}`);
    process.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  }
  const experiment = EXPERIMENTS.find((each) => each.name === name);
  if (!experiment) {
    const names = EXPERIMENTS.map((each) => each.name);
    throw new TandemError(
      "lab",
      `no experiment is called ${name}${suggestion(name, names)}; there are ${names.join(", ")}`,
    );
  }
  const flags = optionsOnCommandLine(command);
  const quick = flags.has("quick");
  const folder = optionValue(flags, "out", anyText) ?? join("lab", quick ? `${name}-quick` : name);
  const workers = optionValue(flags, "workers", wholeNumber(1)) ?? availableParallelism();
  const thirdParty = optionValue(flags, "demos", anyText);
  const cells = experiment.cells({ quick, thirdParty: thirdParty !== undefined });
  const results = openResults(folder, cells, flags.has("restart"));
  if (!flags.has("findings-only")) {
    const job: LabJob = { experiment: name, demonstrations: thirdParty ?? "demonstrations" };
    const ended = await runMissing(entry, job, folder, cells, results, workers);
    if (!ended) {
      const words = commandText("lab", name, ...(quick ? ["--quick"] : []), "--out", folder);
      process.stderr.write(
        `Stopped after ${results.length} of ${cells.length} cells; all are kept. To go on:\n  ${words}\n`,
      );
      return 130;
    }
  }
  const ordered = inOrderOf(cells, results);
  const findings = experiment.findings(ordered);
  const files = writeFindings(folder, experiment.name, experiment.question, findings);
  await say(experiment, findings);
  process.stdout.write(`\n${files.length} files in ${folder}, summary.md first\n`);
  return 0;
}

/** Runs the cells without a result on a pool of threads; false where a signal stopped it. */
async function runMissing(
  entry: URL,
  job: LabJob,
  folder: string,
  cells: readonly Cell<unknown>[],
  results: CellResult<unknown, unknown>[],
  workers: number,
): Promise<boolean> {
  const { appendResult } = await import("../lab/index.ts");
  const done = new Set(results.map(({ id }) => id));
  const missing = cells.filter(({ id }) => !done.has(id));
  if (missing.length === 0) return true;
  const progress = createCellProgress(cells.length, results.length);
  let stopped = false;
  const threads: Worker[] = [];
  const stop = (): void => {
    stopped = true;
    for (const thread of threads) void thread.terminate();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    const queue = [...missing];
    const keep = (cell: Cell<unknown>, outcome: unknown, seconds: number): void => {
      const result = { ...cell, outcome, seconds: Number(seconds.toFixed(2)) };
      results.push(result);
      appendResult(folder, result);
      progress.finished(cell.id, seconds);
    };
    const count = Math.min(workers, missing.length);
    await Promise.all(
      Array.from({ length: count }, () => {
        const thread = new Worker(entry, { workerData: job });
        threads.push(thread);
        return serve(thread, queue, keep);
      }),
    );
  } catch (error) {
    if (!stopped) throw error;
  } finally {
    progress.end();
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    for (const thread of threads) void thread.terminate();
  }
  return !stopped;
}

/** Hand cells from the queue to a thread until none is left. */
function serve(
  thread: Worker,
  queue: Cell<unknown>[],
  keep: (cell: Cell<unknown>, outcome: unknown, seconds: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let current: Cell<unknown> | undefined;
    const next = (): void => {
      current = queue.shift();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
      if (current) thread.postMessage(current);
      else resolve();
    };
    thread.on("message", (message: LabMessage) => {
      if (message.kind === "done" && current) {
        keep(current, message.outcome, message.seconds);
        next();
      } else if (message.kind === "refused") {
        reject(new TandemError("lab", `${current?.id}: ${message.message}`));
      } else if (message.kind === "failed") {
        const error = new Error(message.message);
        error.stack = message.stack;
        reject(error);
      }
    });
    thread.on("error", reject);
    thread.on("exit", (code) => {
      reject(new Error(`a thread of the experiment ended early, with code ${code}`));
    });
    next();
  });
}

interface CellProgress {
  finished(id: string, seconds: number): void;
  end(): void;
}

/** One live line on a terminal, a line a cell elsewhere. */
function createCellProgress(all: number, before: number): CellProgress {
  const begun = performance.now();
  const { stderr } = process;
  let done = before;
  return {
    finished: (id, seconds) => {
      done++;
      const elapsed = (performance.now() - begun) / 1000;
      const left = duration((elapsed / (done - before)) * (all - done));
      const line = `${done}/${all} cells  ${left} left  ${id} (${duration(seconds)})`;
      if (stderr.isTTY) stderr.write(`\r\u001B[K${line.slice(0, (stderr.columns || 80) - 1)}`);
      else stderr.write(`${line}\n`);
    },
    end: () => {
      if (stderr.isTTY) stderr.write("\r\u001B[K");
    },
  };
}

function inOrderOf(
  cells: readonly Cell<unknown>[],
  results: readonly CellResult<unknown, unknown>[],
): CellResult<unknown, unknown>[] {
  const byId = new Map(results.map((result) => [result.id, result]));
  return cells.flatMap(({ id }) => byId.get(id) ?? []);
}

/** Targets, tables and figures as text. */
async function say({ question }: Experiment, { targets, tables, figures }: Findings): Promise<void> {
  const { renderFigureText } = await import("../report/index.ts");
  const { width, colour } = terminalOf(100);
  const parts = [question];
  for (const { what, wanted, reached, met } of targets) {
    parts.push(`${met ? "met    " : "NOT MET"}  ${what}\n         wanted ${wanted}; reached ${reached}`);
  }
  for (const table of tables) parts.push(`${table.title}\n${alignColumns([table.columns, ...table.rows])}`);
  for (const figure of figures) parts.push(renderFigureText(figure, { width, colour }));
  process.stdout.write(`${parts.join("\n\n")}\n`);
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows
    .map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i])).join("  ")}`.trimEnd())
    .join("\n");
}
