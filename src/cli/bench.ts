import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { Command, Option } from "commander";
import {
  anchored,
  findingsOf,
  isFigure,
  isWanted,
  SUITES,
  verdictsOf,
  writePages,
  writeResults,
  type BenchFindings,
  type Outcome,
  type Pace,
  type Suite,
} from "../bench/index.ts";
import { TandemError } from "../core/index.ts";
import { makeFolder, removeReplay } from "../runs/index.ts";
import { diskWords, requireRoom } from "./bench-disk.ts";
import { hasEnded, knownOf, readRecords, trainAnew, type Known, type Records } from "./bench-known.ts";
import { leftBehind, removeLock, requireUnlocked } from "./bench-lock.ts";
import { findSuite, planBench, type FoundSuite } from "./bench-plan.ts";
import { runBench, type BenchEnd, type BenchJob, type WaitingCell } from "./bench-session.ts";
import { commandText } from "./invocation.ts";
import { anyText, optionValue, wholeNumber } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { warn } from "./run-setup.ts";
import { terminalOf } from "./terminal.ts";
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
  Go on from results whose run folders are elsewhere, or gone:
    $ tandem bench suite.json --out runs/suite --from results.jsonl

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
      ).argParser(collected),
    )
    .addOption(
      new Option(
        "--from <file>",
        "cells that have ended according to this results.jsonl are not trained again (repeatable)",
      ).argParser(collected),
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

function collected(text: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), text];
}

function listSuites(): number {
  const width = Math.max(...SUITES.map(({ name }) => name.length));
  for (const { name, title } of SUITES) process.stdout.write(`  ${name.padEnd(width)}  ${title ?? ""}\n`);
  return 0;
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
  const from = flags.get("from")?.texts ?? [];
  const records = readRecords(found.suite, cells, folder, from);
  const look = (): Known[] => cells.map((planned) => knownOf(planned, folder, records));
  const known = look();
  const wanted = wantedOf(known, only);
  if (flags.has("list")) {
    process.stderr.write(`${diskWords(waitingOf(wanted), parallel ?? availableParallelism(), keepReplay)}\n`);
    return list(wanted);
  }

  const place = { suite: found.suite, folder, command: commandText(command.name(), word, "--out", folder) };
  const conclude = (end: BenchEnd): Promise<number> => report(place, look(), end, flags.has("json"));
  if (flags.has("report")) {
    if (from.length === 0 && !existsSync(folder))
      throw new TandemError("--report", `there is nothing at ${folder}; check --out`);
    makeFolder(folder);
    return conclude(NOTHING);
  }
  for (const doubt of doubts) warn(doubt);
  makeFolder(folder);
  takeOver(folder, known, keepReplay);
  const end = await trainCells(entry, folder, wanted, {
    parallel: parallel ?? availableParallelism(),
    keepReplay,
    updateReport: reportUpdater(place, known, records),
  });
  if (end.stopped === null) return conclude(end);
  const words = [
    ...(parallel === undefined ? [] : ["--parallel", String(parallel)]),
    ...only.flatMap((text) => ["--only", text]),
    ...(keepReplay ? ["--keep-replay"] : []),
  ];
  const left = wantedOf(look(), only).filter((each) => !hasEnded(each)).length;
  process.stderr.write(
    `Stopped with ${left} of ${wanted.length} cells to go; each goes on from what it has saved:\n  ${commandText(command.name(), word, "--out", folder, ...words)}\n`,
  );
  return end.stopped;
}

/** The cells that `--only` asks for, all where it is not given; refused where there are none. */
export function wantedOf(known: readonly Known[], only: readonly string[]): Known[] {
  const wanted = known.filter(({ planned }) => isWanted(planned.cell, only));
  if (wanted.length > 0) return wanted;
  throw new TandemError("--only", `no cell is called ${only.join(" or ")}; see which there are with --list`);
}

/**
 * Begin in a folder in which nobody else may be at work, with what a bench left undone that was killed: its lock is removed, and the
 * replays of cells that it had in training and that have completed since by themselves are deleted.
 */
export function takeOver(folder: string, known: readonly Known[], keepReplay: boolean): void {
  requireUnlocked(folder);
  const left = keepReplay ? [] : leftBehind(folder);
  for (const { outcome, isRecorded } of known) {
    const { id, state } = outcome;
    if (state === "complete" && !isRecorded && left.includes(id)) removeReplay(join(folder, id));
  }
  removeLock(folder);
}

/** What a report is on, where it goes, and the command that goes on with it. */
interface ReportPlace {
  readonly suite: Suite;
  readonly folder: string;
  readonly command: string;
}

/** The end of a bench that had nothing to do. */
export const NOTHING: BenchEnd = { completed: [], failed: [], stopped: null };

/** Write the report on all cells and say what there is in it; returns the exit code. */
async function report(
  place: ReportPlace,
  known: readonly Known[],
  end: BenchEnd,
  json: boolean,
): Promise<number> {
  const { suite, folder } = place;
  const { outcomes, findings } = writeReport(place, known);
  process.stdout.write(json ? jsonLine(suite, folder, outcomes, end) : await reportText(findings, folder));
  for (const { id, reason } of end.failed) process.stderr.write(`tandem: bench: ${id} failed: ${reason}\n`);
  return end.failed.length > 0 ? 1 : 0;
}

/** Write the report on all cells into their folder. */
export function writeReport(
  { suite, folder, command }: ReportPlace,
  known: readonly Known[],
): { outcomes: Outcome[]; findings: BenchFindings } {
  const outcomes = outcomesOf(known);
  writeResults(folder, outcomes);
  const findings = findingsOf(suite, outcomes, strangersIn(folder, outcomes), command);
  writePages(folder, findings, detailsOf(suite, outcomes));
  return { outcomes, findings };
}

function outcomesOf(known: readonly Known[]): Outcome[] {
  const expertReturns = new Map(
    known.map(({ planned: { cell, expertReturn } }) => [cell.task.name, expertReturn]),
  );
  return anchored(
    known.map(({ outcome }) => outcome),
    expertReturns,
  );
}

/**
 * Keeps the report up to date while cells train, so that a bench that is killed has written down all that has ended: the lines of
 * results each time it is called, pages as often as they take no more than a twentieth of the time.
 */
export function reportUpdater(place: ReportPlace, known: readonly Known[], records: Records): () => void {
  const SHARE = 20;
  let cells = known;
  let [written, took] = [-Infinity, 0];
  return () => {
    cells = cells.map((each) => (hasEnded(each) ? each : knownOf(each.planned, place.folder, records)));
    const begun = performance.now();
    if (begun - written < SHARE * took) {
      writeResults(place.folder, outcomesOf(cells));
      return;
    }
    writeReport(place, cells);
    written = performance.now();
    took = written - begun;
  };
}

function list(known: readonly Known[]): number {
  const words = known.map(
    ({ outcome: { state }, isRecorded }) =>
      (state === "new" ? "not begun" : state) + (isRecorded ? " (recorded)" : ""),
  );
  const width = Math.max(...words.map(({ length }) => length), "not begun".length);
  known.forEach(({ outcome }, i) => process.stdout.write(`${words[i].padEnd(width)}  ${outcome.id}\n`));
  return 0;
}

/** Train the cells that have steps to go. */
export async function trainCells(
  entry: URL,
  folder: string,
  known: readonly Known[],
  { parallel, keepReplay, updateReport }: Pick<BenchJob, "parallel" | "keepReplay" | "updateReport">,
): Promise<BenchEnd> {
  const waiting = waitingOf(known);
  const diverged = known.filter(({ outcome }) => outcome.state === "diverged");
  for (const { outcome } of diverged) {
    warn(`${outcome.id} diverged and is left as it is; ${trainAnew(folder, outcome.id)}`);
  }
  const complete = known.length - waiting.length - diverged.length;
  process.stderr.write(`${waiting.length} of ${known.length} cells to train, ${parallel} at a time\n`);
  if (waiting.length === 0) return NOTHING;
  requireRoom(folder, waiting, parallel, keepReplay);
  const paces = known.flatMap(({ outcome }) => paceOf(outcome));
  const job = { entry, folder, waiting, all: known.length, complete, paces };
  return runBench({ ...job, parallel, keepReplay, updateReport });
}

/** The cells that have steps to go. */
export function waitingOf(known: readonly Known[]): WaitingCell[] {
  return known
    .filter((each) => !hasEnded(each))
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
    explainedBy.slice(0, 1).map(({ row }) => ({ task, method, control: row.control.name })),
  );
  const statesSuffice = verdicts
    .filter(({ explainedBy, fromStates }) => explainedBy.length === 0 && fromStates !== null)
    .map(({ task, method }) => ({ task, method }));
  return `${JSON.stringify({ suite: name, out: folder, cells: states, completed, failed, scores, leaks, statesSuffice })}\n`;
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
  const { tableText, wrap } = await import("../report/terminal-text.ts");
  const { width, colour, pen } = terminalOf(120);
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
