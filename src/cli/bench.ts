import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import {
  anchored,
  disagreement,
  findingsOf,
  isFigure,
  isWanted,
  readOutcome,
  SUITES,
  verdictsOf,
  writeBench,
  type BenchFindings,
  type Outcome,
  type Pace,
  type Suite,
} from "../bench/index.ts";
import { TandemError } from "../core/index.ts";
import { readConfig, withWriteErrors } from "../runs/index.ts";
import { diskWords, requireRoom } from "./bench-disk.ts";
import { requireUnlocked } from "./bench-lock.ts";
import { findSuite, planBench, type FoundSuite, type PlannedCell } from "./bench-plan.ts";
import { runBench, type BenchEnd, type WaitingCell } from "./bench-session.ts";
import { commandText } from "./invocation.ts";
import { anyText, optionValue, wholeNumber } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { warn } from "./run-setup.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `
Examples:
  A suite of some minutes, on the demonstrations of a clone of Tandem:
    $ tandem bench quick
  One of your own (docs/bench.md says what stands in it), two cells at a time:
    $ tandem bench suite.json --out runs/suite --parallel 2
  What there is to do, and what is done:
    $ tandem bench suite.json --out runs/suite --list
  Only the cells of one task, and one method's on episode 0 with seed 1:
    $ tandem bench suite.json --out runs/suite --only Hopper --only dac/0-1
  The report on what there is so far, while cells are in training or after:
    $ tandem bench suite.json --out runs/suite --report

Ctrl-C lets the cells that run save themselves; the same command goes on.`;

/** `tandem bench`. `entry` is the module the process started with. */
export function benchCommand(entry: URL): Command {
  const command = new Command("bench")
    .summary("set methods side by side on tasks, under one protocol")
    .description(
      "Train methods x tasks x demonstrations x seeds under one protocol and report on all of it. Each cell is a run of tandem train " +
        "in a folder of its own: complete ones are left alone, stopped ones go on, a failed one does not stop the others.",
    )
    .argument("[suite]", "a JSON file, or the name of a built-in suite; without one, their list")
    .addOption(new Option("--out <folder>", "where runs and report go [runs/<suite>]"))
    .addOption(new Option("--parallel <n>", "cells at a time [all cores]"))
    .addOption(
      new Option(
        "--only <text>",
        "only these cells: a task, a method, or parts of TASK/METHOD/EPISODE-SEED (repeatable)",
      ).argParser((text: string, earlier: string[] | undefined) => [...(earlier ?? []), text]),
    )
    .addOption(new Option("--list", "say how each cell stands, run nothing"))
    .addOption(new Option("--report", "write the report on what is there, run nothing"))
    .addOption(new Option("--keep-replay", "keep each run's replay, so that it can be made longer later on"))
    .addOption(new Option("--json", "print only one line of JSON, at the end"))
    .addHelpText("after", EXAMPLES);
  return command.action(async (word: string | undefined) => {
    process.exitCode =
      word === undefined ? listSuites() : await runSuite(command, entry, word, findSuite(word));
  });
}

function listSuites(): number {
  const width = Math.max(...SUITES.map(({ name }) => name.length));
  for (const { name, title } of SUITES) process.stdout.write(`  ${name.padEnd(width)}  ${title ?? ""}\n`);
  return 0;
}

/** A cell and what its folder holds. */
export interface Known {
  readonly planned: PlannedCell;
  readonly outcome: Outcome;
}

/** Do with a suite what the options of `command` ask for; `word` is what names it on the command line. Returns the exit code. */
export async function runSuite(
  command: Command,
  entry: URL,
  word: string,
  found: FoundSuite,
): Promise<number> {
  const flags = optionsOnCommandLine(command);
  const parallel = optionValue(flags, "parallel", wholeNumber(1));
  const only = flags.get("only")?.texts ?? [];
  const keepReplay = flags.has("keep-replay");
  const folder = optionValue(flags, "out", anyText) ?? join("runs", found.suite.name);
  const { cells, doubts } = await planBench(found);
  const known = cells.map((planned) => knownOf(planned, folder));
  const wanted = known.filter(({ planned }) => isWanted(planned.cell, only));
  if (wanted.length === 0) {
    throw new TandemError(
      "--only",
      `no cell is called ${only.join(" or ")}; see which there are with --list`,
    );
  }
  if (flags.has("list")) {
    process.stderr.write(`${diskWords(waitingOf(wanted), parallel ?? availableParallelism(), keepReplay)}\n`);
    return list(wanted);
  }

  const conclude = (end: BenchEnd): Promise<number> =>
    report(found.suite, cells, folder, end, {
      json: flags.has("json"),
      command: commandText(command.name(), word, "--out", folder),
    });
  if (flags.has("report")) {
    if (!existsSync(folder)) throw new TandemError("--report", `there is nothing at ${folder}; check --out`);
    return conclude(NOTHING);
  }
  for (const doubt of doubts) warn(doubt);
  withWriteErrors(folder, () => mkdirSync(folder, { recursive: true }));
  requireUnlocked(folder);
  const end = await trainCells(entry, folder, wanted, {
    parallel: parallel ?? availableParallelism(),
    keepReplay,
  });
  if (end.stopped === null) return conclude(end);
  const words = [
    ...(parallel === undefined ? [] : ["--parallel", String(parallel)]),
    ...only.flatMap((text) => ["--only", text]),
    ...(keepReplay ? ["--keep-replay"] : []),
  ];
  const left = wanted.filter(({ planned }) => knownOf(planned, folder).outcome.state !== "complete").length;
  process.stderr.write(
    `Stopped with ${left} of ${wanted.length} cells to go; each goes on from what it has saved:\n  ${commandText(command.name(), word, "--out", folder, ...words)}\n`,
  );
  return end.stopped;
}

/** The end of a bench that had nothing to do. */
export const NOTHING: BenchEnd = { completed: [], failed: [], stopped: null };

/** Write the report on all cells and say what there is in it; returns the exit code. */
async function report(
  suite: Suite,
  cells: readonly PlannedCell[],
  folder: string,
  end: BenchEnd,
  { json, command }: { readonly json: boolean; readonly command: string },
): Promise<number> {
  const { outcomes, findings } = writeReport(suite, cells, folder, command);
  process.stdout.write(json ? jsonLine(suite, folder, outcomes, end) : await reportText(findings, folder));
  for (const { id, reason } of end.failed) process.stderr.write(`tandem: bench: ${id} failed: ${reason}\n`);
  return end.failed.length > 0 ? 1 : 0;
}

/** Write the report on all cells into their folder. */
export function writeReport(
  suite: Suite,
  cells: readonly PlannedCell[],
  folder: string,
  command: string,
): { outcomes: Outcome[]; findings: BenchFindings } {
  const outcomes = anchored(cells.map((planned) => knownOf(planned, folder).outcome));
  const findings = findingsOf(suite, outcomes, strangersIn(folder, outcomes), command);
  writeBench(folder, findings, outcomes, detailsOf(suite, outcomes));
  return { outcomes, findings };
}

/** What a cell's folder holds; refused where it was made under another configuration than the suite says. */
export function knownOf(planned: PlannedCell, folder: string): Known {
  const place = join(folder, planned.cell.id);
  const config = existsSync(join(place, "config.json")) ? readConfig(place) : null;
  const other = config && disagreement(planned.config, config);
  if (other) {
    throw new TandemError(
      "bench",
      `${planned.cell.id} in ${folder} was made with ${other.setting} ${other.found}, the suite says ${other.planned}; choose another --out, or remove ${place} to train it anew`,
    );
  }
  return { planned, outcome: readOutcome(planned.cell, place, config) };
}

function list(known: readonly Known[]): number {
  for (const { outcome } of known) {
    const { state, id } = outcome;
    process.stdout.write(`${(state === "new" ? "not begun" : state).padEnd(9)}  ${id}\n`);
  }
  return 0;
}

/** Train the cells that have steps to go. */
export async function trainCells(
  entry: URL,
  folder: string,
  known: readonly Known[],
  { parallel, keepReplay }: { parallel: number; keepReplay: boolean },
): Promise<BenchEnd> {
  const waiting = waitingOf(known);
  const diverged = known.filter(({ outcome }) => outcome.state === "diverged");
  for (const { outcome } of diverged) {
    warn(`${outcome.id} diverged and is left as it is; remove ${join(folder, outcome.id)} to train it anew`);
  }
  const complete = known.length - waiting.length - diverged.length;
  process.stderr.write(`${waiting.length} of ${known.length} cells to train, ${parallel} at a time\n`);
  if (waiting.length === 0) return NOTHING;
  requireRoom(folder, waiting, parallel, keepReplay);
  const paces = known.flatMap(({ outcome }) => paceOf(outcome));
  return runBench({ entry, folder, waiting, all: known.length, complete, paces, parallel, keepReplay });
}

/** The cells that have steps to go. */
export function waitingOf(known: readonly Known[]): WaitingCell[] {
  return known
    .filter(({ outcome }) => outcome.state === "begun" || outcome.state === "new")
    .map(({ planned, outcome }) => ({ ...planned, isBegun: outcome.state === "begun" }));
}

/** How fast a complete cell was. */
export function paceOf({ task, method, state, steps, seconds }: Outcome): Pace[] {
  return state === "complete" && seconds ? [{ task, method, stepsPerSecond: steps / seconds }] : [];
}

/** Run folders among the cells that are none of the suite's. */
function strangersIn(folder: string, outcomes: readonly Outcome[]): string[] {
  const own = new Set(outcomes.map(({ id }) => id));
  const places = foldersIn(folder).flatMap((task) =>
    foldersIn(join(folder, task)).map((method) => `${task}/${method}`),
  );
  return places
    .flatMap((place) => foldersIn(join(folder, place)).map((run) => `${place}/${run}`))
    .filter((id) => !own.has(id) && existsSync(join(folder, id, "config.json")));
}

function foldersIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** `suite quick, 2 tasks, 3 methods, 6 of 6 cells, Tandem 0.1.0` */
function detailsOf({ name, tasks, methods }: Suite, outcomes: readonly Outcome[]): string {
  const complete = outcomes.filter(({ state }) => state === "complete").length;
  return `suite ${name}, tasks: ${tasks.length}, methods: ${methods.length}, cells: ${complete} of ${outcomes.length}, Tandem ${VERSION}`;
}

function jsonLine(
  { name, tasks, methods }: Suite,
  folder: string,
  outcomes: readonly Outcome[],
  { completed, failed }: BenchEnd,
): string {
  const states = { complete: 0, begun: 0, diverged: 0, new: 0 };
  for (const { state } of outcomes) states[state]++;
  const scores = outcomes.map(({ id, state, score, normalised }) => ({ id, state, score, normalised }));
  const verdicts = verdictsOf(namesOf(tasks), namesOf(methods), outcomes);
  const leaks = verdicts.flatMap(({ task, method, explainedBy }) =>
    explainedBy ? [{ task, method, control: explainedBy.control.name }] : [],
  );
  return `${JSON.stringify({ suite: name, out: folder, cells: states, completed, failed, scores, leaks })}\n`;
}

function namesOf(parts: readonly { readonly name: string }[]): string[] {
  return parts.map(({ name }) => name);
}

/** The report for a terminal. */
async function reportText(
  { title, headline, warnings, exhibits }: BenchFindings,
  folder: string,
): Promise<string> {
  const { renderFigureText } = await import("../report/index.ts");
  const { penOf } = await import("../report/terminal-style.ts");
  const { tableText, wrap } = await import("../report/terminal-text.ts");
  const width = Math.min(process.stdout.columns || 80, 120);
  const colour = process.stdout.isTTY && process.stdout.hasColors();
  const pen = penOf(colour);
  const words = (text: string): string => wrap(text, width).join("\n");
  const parts = [
    pen.muted(words(title)),
    pen.strong(words(headline)),
    ...warnings.map((warning) => words(`warning: ${warning}`)),
    ...exhibits.map((each) => {
      if (isFigure(each)) return `${each.title}\n${renderFigureText(each, { width, colour })}`;
      const lines = [pen.strong(each.title), ...tableText(each, width, pen)];
      return [...lines, ...(each.note === "" ? [] : [pen.muted(words(each.note))])].join("\n");
    }),
    `Report: ${join(folder, "bench.html")}\nTables: ${join(folder, "bench.md")}; a line a cell: ${join(folder, "results.jsonl")}`,
  ];
  return `${parts.join("\n\n")}\n`;
}
