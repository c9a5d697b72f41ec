import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import {
  caveats,
  cellList,
  compare,
  comparisonTable,
  implementationOf,
  isRefusal,
  nearestEnvironment,
  PUBLISHED,
  publishedCells,
  reproSuite,
  sourceWords,
  verdictWords,
  type Comparison,
  type Filter,
  type PublishedCell,
  type ReproPlan,
  type Reproducible,
  type Suite,
} from "../bench/index.ts";
import { TandemError } from "../core/index.ts";
import { openDemonstrations } from "../demos/index.ts";
import { makeFolder, taskDefaults, writeAtomically } from "../runs/index.ts";
import { reportUpdater, NOTHING, takeOver, trainCells, writeReport } from "./bench.ts";
import { knownOf, readRecords, type Known } from "./bench-known.ts";
import { planBench } from "./bench-plan.ts";
import type { BenchEnd } from "./bench-session.ts";
import { commandText } from "./invocation.ts";
import { suggestion } from "./nearest.ts";
import { anyText, episodeNumbers, optionValue, wholeNumber, type GivenOptions } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { requireEnvironment, warn } from "./run-setup.ts";
import { terminalOf } from "./terminal.ts";

const EXAMPLES = `
Examples:
  Published numbers, and what stands for their methods here:
    $ tandem repro --task hopper
  One of them, on the demonstration of a clone of Tandem (some hours):
    $ tandem repro piro/hopper/ml-irl \\
        --demos demonstrations/hopper-v5-tandem-sac.npz
  Shorter, and with more seeds, two at a time:
    $ tandem repro iq-learn/halfcheetah/dac --demos expert.npz --steps 100000 \\
        --seeds 1,2,3,4,5 --parallel 2 --out runs/dac
  What there is so far, while it trains or after:
    $ tandem repro iq-learn/halfcheetah/dac --demos expert.npz --steps 100000 \\
        --seeds 1,2,3,4,5 --out runs/dac --report

Ctrl-C lets what trains save itself; the same command goes on.`;

const FILTERS = ["source", "task", "method"] as const;
const RUN = "Running a cell:";
const LIST = "Listing:";

/** `tandem repro`. `entry` is the module the process started with. */
export function reproCommand(entry: URL): Command {
  const command = new Command("repro")
    .summary("run a published number again, and hold ours against it")
    .description(
      "Train our implementation of a published method on our version of its task, count every environment step by purpose, and say " +
        "whether the result is consistent with the published number, below or above it (docs/repro.md: by which rule).",
    )
    .argument("[cell]", "SOURCE/TASK/METHOD; without one, the list of published numbers")
    .addHelpText("after", EXAMPLES);
  const options = [
    option(LIST, "--source <id>", "only numbers of this source, such as piro"),
    option(LIST, "--task <name>", "only those of this task, such as hopper"),
    option(LIST, "--method <name>", "only those of this method, such as ml-irl"),
    option(RUN, "--demos <file>", "expert's file, as demos inspect reads it"),
    option(RUN, "--env <id>", "version of the task [what the demonstrations name]"),
    option(RUN, "--steps <n>", "environment steps of each training [the task's usual]"),
    option(RUN, "--seeds <list>", "one training each [1,2,3]"),
    option(RUN, "--trajectories <list>", "first episode of each demonstration set [0]"),
    option(RUN, "--episodes <n>", "episodes in each set [as published, or 1]"),
    option(RUN, "--out <folder>", "where runs and report go [runs/<cell>]"),
    option(RUN, "--parallel <n>", "trainings at a time [all cores]"),
    option(RUN, "--report", "compare what is there, run nothing"),
    option("Both:", "--json", "print only one line of JSON"),
  ];
  for (const each of options) command.addOption(each);
  return command.action(async (id: string | undefined) => {
    const flags = optionsOnCommandLine(command);
    process.exitCode = id === undefined ? await list(flags) : await repro(flags, entry, id);
  });
}

function option(group: string, flags: string, about: string): Option {
  return new Option(flags, about).helpGroup(group);
}

// ---- the list ----------------------------------------------------------------------------------------------------

async function list(flags: GivenOptions): Promise<number> {
  const stray = Array.from(flags.keys()).find(
    (name) => name !== "json" && !FILTERS.some((each) => each === name),
  );
  if (stray !== undefined) {
    throw new TandemError(
      `--${stray}`,
      "is for running a cell, got none; name one, such as piro/hopper/ml-irl",
    );
  }
  const filter = Object.fromEntries(FILTERS.flatMap((part) => filterPart(flags, part)));
  const cells = publishedCells(filter);
  if (cells.length === 0) {
    const asked = Object.entries(filter).map(([part, value]) => `${part} ${value}`);
    throw new TandemError("repro", `no published number is of ${asked.join(", ")}; leave one of them out`);
  }
  if (flags.has("json")) process.stdout.write(`${JSON.stringify(cells.map(listed))}\n`);
  else process.stdout.write(await listText(cells));
  return 0;
}

/** A part of a filter as it was given, refused where no number has it. */
function filterPart(flags: GivenOptions, part: keyof Filter): [string, string][] {
  const word = optionValue(flags, part, anyText)?.toLowerCase();
  if (word === undefined) return [];
  const known = [...new Set(PUBLISHED.map((cell) => (part === "source" ? cell.source.id : cell[part])))];
  if (known.includes(word)) return [[part, word]];
  throw new TandemError(
    `--${part}`,
    `no published number has ${part} ${word}${suggestion(word, known)}; known are ${known.join(", ")}`,
  );
}

/** A cell for `--json`. */
function listed(cell: PublishedCell): object {
  const found = implementationOf(cell);
  const here = isRefusal(found) ? { refused: found.reason } : { ...found.implementation };
  return { ...cell, here };
}

async function listText(cells: readonly PublishedCell[]): Promise<string> {
  const { tableText, wrap } = await import("../report/terminal-text.ts");
  const width = Math.max(process.stdout.columns || 0, 80);
  const { pen } = terminalOf(80);
  return `${[
    ...tableText(cellList(cells), width, pen),
    "",
    ...sourceWords(cells).flatMap((words) => wrap(words, width)),
  ].join("\n")}\n`;
}

// ---- one cell ----------------------------------------------------------------------------------------------------

async function repro(flags: GivenOptions, entry: URL, id: string): Promise<number> {
  const stray = FILTERS.find((part) => flags.has(part));
  if (stray)
    throw new TandemError(`--${stray}`, "is for the list of cells; leave it out, or leave out the cell");
  const found = reproducible(id);
  const plan = await planOf(flags, found);
  const suite = reproSuite(found, plan);
  const folder = optionValue(flags, "out", anyText) ?? join("runs", suite.name);
  const parallel = optionValue(flags, "parallel", wholeNumber(1)) ?? availableParallelism();
  const { cells, doubts } = await planBench({ suite, place: "", where: found.cell.id });
  const records = readRecords(suite, cells, folder, []);
  const look = (): Known[] => cells.map((planned) => knownOf(planned, folder, records));
  const known = look();
  const place = { suite, folder, command: again(flags, id) };
  let end: BenchEnd = NOTHING;
  if (flags.has("report")) {
    if (!existsSync(folder)) throw new TandemError("--report", `there is nothing at ${folder}; check --out`);
  } else {
    for (const doubt of doubts) warn(doubt);
    makeFolder(folder);
    takeOver(folder, known, false);
    writeAtomically(join(folder, "suite.json"), `${JSON.stringify(suite, null, 2)}\n`);
    const updateReport = reportUpdater(place, known, records);
    end = await trainCells(entry, folder, known, { parallel, keepReplay: false, updateReport });
  }
  if (end.stopped !== null) {
    process.stderr.write(`Stopped; each training goes on from what it has saved:\n  ${place.command}\n`);
    return end.stopped;
  }
  const { outcomes } = writeReport(place, look());
  const comparison = compare(found, outcomes);
  const line = jsonLine(found, plan, suite, folder, comparison, end);
  writeAtomically(join(folder, "repro.json"), line);
  const output = flags.has("json") ? line : await comparisonText(found, plan, folder, comparison);
  process.stdout.write(output);
  for (const { id, reason } of end.failed) process.stderr.write(`tandem: repro: ${id} failed: ${reason}\n`);
  return end.failed.length > 0 ? 1 : 0;
}

/** The cell of an id, refused where it is unknown or cannot be run here. */
function reproducible(word: string): Reproducible {
  const id = word.toLowerCase();
  const cell = PUBLISHED.find((each) => each.id === id);
  if (!cell) {
    const ids = PUBLISHED.map((each) => each.id);
    throw new TandemError(
      "repro",
      `no published number is called ${word}${suggestion(id, ids)}; tandem repro lists them`,
    );
  }
  const found = implementationOf(cell);
  if (!isRefusal(found)) return found;
  throw new TandemError("repro", `${cell.id} cannot be run: ${found.reason}; tandem repro lists what can`);
}

/** What is to be run, checked as far as it can be before the demonstrations are read whole. */
async function planOf(flags: GivenOptions, found: Reproducible): Promise<ReproPlan> {
  const demos = optionValue(flags, "demos", anyText);
  if (demos === undefined) {
    throw new TandemError(
      "--demos",
      `expected demonstrations of ${found.task}, got nothing; add for example --demos ${found.task.toLowerCase()}.npz`,
    );
  }
  const env =
    optionValue(flags, "env", anyText) ?? (await recordedEnvironment(demos)) ?? nearestEnvironment(found);
  requireEnvironment(env);
  if (env.split("-v")[0] !== found.task) {
    const from = flags.has("env") ? "--env" : "--demos";
    throw new TandemError(
      from,
      `${found.cell.id} is a number of ${found.task}, got ${env}; choose ${from === "--env" ? nearestEnvironment(found) : `demonstrations of ${found.task}`}`,
    );
  }
  const usual = found.implementation.steps ?? taskDefaults(env).trainSteps ?? undefined;
  return {
    env,
    demos: resolve(demos),
    trajectories: optionValue(flags, "trajectories", episodeNumbers) ?? [0],
    episodes: optionValue(flags, "episodes", wholeNumber(1)) ?? found.cell.demonstrations ?? 1,
    seeds: optionValue(flags, "seeds", seedNumbers) ?? [1, 2, 3],
    steps: optionValue(flags, "steps", wholeNumber(1)) ?? (usual as number),
  };
}

const seedNumbers = { ...episodeNumbers, expected: "seeds from 0, such as 1,2,3" };

async function recordedEnvironment(path: string): Promise<string | null> {
  const file = await openDemonstrations(path);
  await file.close();
  return file.env;
}

/** The command that goes on with it. */
function again(flags: GivenOptions, id: string): string {
  const words = Array.from(flags)
    .filter(([name]) => name !== "json" && name !== "report")
    .flatMap(([name, { texts }]) => [`--${name}`, ...texts]);
  return commandText("repro", id, ...words);
}

function jsonLine(
  found: Reproducible,
  plan: ReproPlan,
  suite: Suite,
  out: string,
  comparison: Comparison,
  { completed, failed }: BenchEnd,
): string {
  const { cell, implementation } = found;
  const words = caveats(found, plan, comparison);
  return `${JSON.stringify({
    cell,
    here: implementation,
    plan,
    suite,
    out,
    completed,
    failed,
    ...comparison,
    caveats: words,
  })}\n`;
}

/** Both sides for a terminal. */
async function comparisonText(
  found: Reproducible,
  plan: ReproPlan,
  folder: string,
  comparison: Comparison,
): Promise<string> {
  const { tableText, wrap } = await import("../report/terminal-text.ts");
  const terminal = terminalOf(120);
  const width = Math.max(terminal.width, 80);
  const { pen } = terminal;
  const words = (text: string): string => wrap(text, width).join("\n");
  const { id, source } = found.cell;
  const parts = [
    pen.muted(words(`${id}: ${source.work}; ${source.place}`)),
    tableText(comparisonTable(found, plan, comparison), width, pen).join("\n"),
    pen.strong(words(verdictWords(comparison))),
    caveats(found, plan, comparison).map(words).join("\n"),
    `Report on our runs: ${join(folder, "bench.html")}\nThe comparison as JSON: ${join(folder, "repro.json")}`,
  ];
  return `${parts.join("\n\n")}\n`;
}
