import { relative } from "node:path";
import { Command } from "commander";
import { TandemError } from "../core/index.ts";
import { formatBytes, formatSteps, formatValue, plural } from "../report/numbers.ts";
import { fittingColumns, tableText, wrap } from "../report/terminal-text.ts";
import { printable } from "../report/run.ts";
import { findRuns, listRun, RUN_STATES, type ListedRun } from "../bench/index.ts";
import type { Table } from "../report/key-numbers.ts";
import { totalBytes } from "../runs/index.ts";
import { suggestion } from "./nearest.ts";
import { anyText, oneOf, optionValue, type GivenOptions, type ValueReader } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { terminalOf } from "./terminal.ts";

const EXAMPLES = `
Examples:
    $ tandem runs list
  The best of one method on one task first:
    $ tandem runs list --method dac --env HalfCheetah --sort return
  What takes the most room among what has ended:
    $ tandem runs list runs /data/bench --state complete --sort size`;

const KEYS = ["return", "date", "size", "name"] as const;
type Key = (typeof KEYS)[number];

/** `tandem runs list`. */
export function listCommand(): Command {
  const command = new Command("list")
    .summary("find runs, one line each")
    .description(
      "Find the runs in folders and below, a bench's cells too, and say in one line each how they stand. " +
        "norm. is the return between random actions, 0, and the expert, 1. Defaults stand in [brackets].",
    )
    .argument("[folder...]", "where to look [runs]")
    .option("--sort <key>", "return, date, size (largest or latest first) or name [name]")
    .option("--method <name>", "only of this method, or expert or retrain")
    .option("--env <id>", "only of this environment, or of any version of it")
    .option("--state <state>", "only training, stopped, complete, diverged or damaged")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action((folders: string[]) => {
    list(folders.length > 0 ? folders : ["runs"], optionsOnCommandLine(command));
  });
}

function list(roots: readonly string[], flags: GivenOptions): void {
  const sort = optionValue(flags, "sort", oneOf(...KEYS)) ?? "name";
  const wanted = filterOf(flags);
  const all = [...new Set(roots.flatMap(findRuns))].map(listRun);
  const runs = all.filter(wanted).sort(ORDERS[sort]);
  if (flags.has("json")) {
    process.stdout.write(`${JSON.stringify({ runs })}\n`);
    return;
  }
  if (runs.length === 0) requireMatch(all, flags);
  const where = roots.join(", ");
  const text = runs.length === 0 ? `There is no run in ${where}.\n` : listText(runs, all.length, roots, sort);
  process.stdout.write(text);
}

/** Say what there is where a filter leaves nothing: a name may be misspelt. */
function requireMatch(all: readonly ListedRun[], flags: GivenOptions): void {
  for (const [name, valueOf] of [
    ["method", methodOf],
    ["env", ({ env }: ListedRun) => env],
  ] as const) {
    const text = flags.get(name)?.texts[0];
    const known = [...new Set(all.map(valueOf).filter((value) => value !== null))];
    if (text === undefined || all.length === 0 || all.some((run) => isOf(valueOf(run), text))) continue;
    throw new TandemError(
      `--${name}`,
      `no run is of ${text}${suggestion(text, known)}; there are ${known.sort().join(", ")}`,
    );
  }
}

type Test = (run: ListedRun) => boolean;

function filterOf(flags: GivenOptions): Test {
  const value = <V extends string>(name: string, reader: ValueReader<V>): V | undefined =>
    optionValue(flags, name, reader);
  const [method, env, state] = [
    value("method", anyText),
    value("env", anyText),
    value("state", oneOf(...RUN_STATES)),
  ];
  return (run) =>
    (method === undefined || isOf(methodOf(run), method)) &&
    (env === undefined || isOf(run.env, env)) &&
    (state === undefined || run.state === state);
}

/** `HalfCheetah` is any of its versions. */
function isOf(value: string | null, text: string): boolean {
  return value === text || (value?.startsWith(`${text}-v`) ?? false);
}

/** What a run learns by: a method, or the command where that has none. */
function methodOf({ command, method }: ListedRun): string | null {
  return method ?? command;
}

const byName = new Intl.Collator("en", { numeric: true });
const ORDERS: Readonly<Record<Key, (a: ListedRun, b: ListedRun) => number>> = {
  return: (a, b) => (b.meanReturn ?? -Infinity) - (a.meanReturn ?? -Infinity) || ORDERS.name(a, b),
  date: (a, b) => b.written - a.written,
  size: (a, b) => totalBytes(b.sizes) - totalBytes(a.sizes),
  name: (a, b) => byName.compare(a.folder, b.folder),
};

interface Column {
  readonly title: string;
  readonly text: (run: ListedRun) => string;
  /** Words stand at the left, numbers at the right. */
  readonly isWords?: boolean;
  /** Whether it is said once for all where it is the same in all. */
  readonly isShared?: boolean;
  /** By which it may be sorted: such a column stands beside the name. */
  readonly key?: Key;
}

function stepsText({ step, steps }: ListedRun): string {
  if (step === null || steps === null) return "";
  return step === steps ? formatSteps(step) : `${formatSteps(step)}/${formatSteps(steps)}`;
}

/** What is least missed stands last: that goes where there is no room. */
function columnsOf(nameOf: (run: ListedRun) => string): Column[] {
  return [
    { title: "Run", text: nameOf, isWords: true },
    { title: "State", text: ({ state }) => state, isWords: true },
    { title: "Steps", text: stepsText },
    {
      title: "Return",
      text: ({ meanReturn }) => (meanReturn === null ? "" : formatValue(meanReturn)),
      key: "return",
    },
    { title: "norm.", text: ({ normalised }) => normalised?.toFixed(2) ?? "" },
    { title: "Method", text: methodWords, isWords: true, isShared: true },
    { title: "Environment", text: ({ env }) => env ?? "", isWords: true, isShared: true },
    { title: "Seed", text: ({ seed }) => String(seed ?? "") },
    { title: "Size", text: ({ sizes }) => formatBytes(totalBytes(sizes)), key: "size" },
    { title: "Written", text: ({ written }) => dateText(written), key: "date" },
  ];
}

function methodWords(run: ListedRun): string {
  return [methodOf(run), run.control].filter((word) => word !== null).join(", ");
}

/** `2026-11-26 20:32`, where the clock on the wall is. */
function dateText(milliseconds: number): string {
  // Sweden writes dates as ISO 8601 does.
  return new Date(milliseconds).toLocaleString("sv-SE").slice(0, 16);
}

function listText(runs: readonly ListedRun[], count: number, roots: readonly string[], sort: Key): string {
  const { width, pen } = terminalOf(120);
  const [root, ...others] = roots;
  const nameOf = ({ folder }: ListedRun): string =>
    printable(others.length === 0 ? relative(root, folder) || folder : folder);
  const all = columnsOf(nameOf);
  const shared = all.filter(
    ({ isShared, text }) => isShared && runs.length > 1 && new Set(runs.map(text)).size === 1,
  );
  const [first, ...rest] = all.filter((column) => !shared.includes(column));
  const columns = [
    first,
    ...rest.filter(({ key }) => key === sort),
    ...rest.filter(({ key }) => key !== sort),
  ];
  const table = tableOf(columns, runs);
  const hidden = columns.slice(fittingColumns(table, width)).map(({ title }) => title.toLowerCase());

  const bytes = runs.reduce((sum, { sizes }) => sum + totalBytes(sizes), 0);
  const replay = runs.reduce((sum, { sizes }) => sum + sizes.replay, 0);
  const sum = [
    `${plural(runs.length, "run")}${count === runs.length ? "" : ` of ${count}`} in ${roots.join(", ")}`,
    formatBytes(bytes),
    ...(replay > 0 ? [`${formatBytes(replay)} of it transitions (tandem runs rm --replay)`] : []),
  ];
  const sections = [
    shared.length > 0 ? wrap(`All: ${shared.map(({ text }) => text(runs[0])).join(", ")}`, width) : [],
    tableText(table, width, pen).map((line) => line.trimEnd()),
    runs.flatMap((run) => (run.problem === null ? [] : wrap(`${nameOf(run)}: ${run.problem}`, width))),
    wrap(
      `${sum.join(", ")}.${hidden.length > 0 ? ` No room for ${hidden.join(", ")}: see --json.` : ""}`,
      width,
    ),
  ];
  return `${sections
    .filter(({ length }) => length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** The table's cells, words filled up to one width. */
function tableOf(columns: readonly Column[], runs: readonly ListedRun[]): Table {
  const cells = columns.map(({ title, text, isWords }) => {
    const column = [title, ...runs.map(text)];
    const width = column.reduce((most, { length }) => Math.max(most, length), 0);
    return isWords ? column.map((cell) => cell.padEnd(width)) : column;
  });
  const [titles, ...rows] = [...runs, null].map((_, row) => cells.map((column) => column[row]));
  return { columns: titles, rows };
}
