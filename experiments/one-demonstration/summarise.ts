/**
 * Reads the run folders of `run.ts`, finished or not, and writes here results.jsonl (a line a cell), tables.md, and a figure
 * of each group: `node experiments/one-demonstration/summarise.ts FOLDER`
 * A cell that FOLDER does not have, or not as far, keeps the line it has in results.jsonl.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { curvePanel } from "../../src/lab/curve-panel.ts";
import {
  readRun,
  renderFigureSvg,
  seriesLook,
  type Figure,
  type Mark,
  type Run,
} from "../../src/report/index.ts";
import { readJsonLines } from "../json-lines.ts";
import { CELLS, type Cell } from "./plan.ts";

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node experiments/one-demonstration/summarise.ts FOLDER");
  process.exit(1);
}

/** How far a cell has come. The score is the mean over the last tenth of its evaluations, never the best. */
interface Result {
  readonly cell: Cell;
  readonly env: string;
  /** Every option of the environment. */
  readonly envOptions: Readonly<Record<string, unknown>>;
  readonly termination: string;
  readonly step: number;
  readonly steps: number;
  readonly score: number;
  /** Mean over the final episodes; null where the run has not ended. */
  readonly finalReturn: number | null;
  readonly expertReturn: number | null;
  readonly randomReturn: number | null;
  readonly pearson: number | null;
  readonly curve: readonly (readonly [number, number])[];
}

/** The arms of "rates" in words. */
const RATE_NAMES: Readonly<Record<string, string>> = {
  "1e-3": "1e-3 (default)",
  "5e-4": "5e-4",
  slowed: "1e-3, from 150k on 2e-4",
};

const recorded = readJsonLines<Result>(join(import.meta.dirname, "results.jsonl"));
const results = CELLS.flatMap((cell): Result[] => {
  const known = recorded.find((result) => result.cell.name === cell.name);
  const place = join(folder, cell.name);
  const run = existsSync(join(place, "metrics.jsonl")) ? readRun(place) : null;
  // A slow end begins as a copy: until it is over, its evaluations are mostly the other's.
  const begun = run !== null && run.evaluations.length > 0 && (!cell.after || run.summary !== null);
  const found = begun ? resultOf(cell, run) : undefined;
  const furthest = found && found.step >= (known?.step ?? 0) ? found : known;
  return furthest ? [furthest] : [];
});
write("results.jsonl", results.map((result) => `${JSON.stringify(result)}\n`).join(""));
const tables = [terminationTable(), rateTable(), leakTable(), taskTable()].filter((table) => table !== "");
write("tables.md", tables.join("\n"));
for (const figure of [terminationFigure(), rateFigure(), taskFigure()]) {
  if (figure.panels.length > 0) write(`${figure.id}.svg`, renderFigureSvg(figure));
}
console.log(tables.join("\n"));

function resultOf(cell: Cell, { config, summary, evaluations }: Run): Result {
  const tail = evaluations.slice(-Math.max(1, Math.ceil(evaluations.length / 10)));
  const last = evaluations[evaluations.length - 1];
  return {
    cell,
    env: config.env.id,
    envOptions: config.env.options as Result["envOptions"],
    termination: config.algorithm.termination,
    step: last.step,
    steps: config.steps,
    score: mean(tail.map(({ meanReturn }) => meanReturn)),
    finalReturn: summary?.finalReturn ?? null,
    expertReturn: summary?.expertReturn ?? null,
    randomReturn: summary?.randomReturn ?? null,
    pearson: summary?.pearson ?? last.pearson,
    curve: evaluations.map(({ step, meanReturn }) => [step, meanReturn]),
  };
}

function terminationTable(): string {
  const rows = [...grouped("terminations", ({ termination }) => termination)].map(([termination, group]) => [
    termination,
    String(group.length),
    group.map(({ step }) => `${step / 1000}k`).join(", "),
    group.map(({ score }) => score.toFixed(0)).join(", "),
    mean(group.map(({ score }) => score)).toFixed(0),
    group.map(({ pearson }) => (pearson ?? NaN).toFixed(2)).join(", "),
  ]);
  return table(
    `${label("terminations")}, one demonstration, three treatments of termination`,
    ["termination", "seeds", "steps", "score of each", "mean", "correlation with the true reward"],
    rows,
  );
}

function rateTable(): string {
  const rows = [...grouped("rates", ({ cell }) => RATE_NAMES[cell.rate ?? ""])].map(([rate, group]) => [
    rate,
    String(group.length),
    group.map(({ score }) => score.toFixed(0)).join(", "),
    mean(group.map(({ score }) => score)).toFixed(0),
    group.map(({ curve }) => swingOf(curve).toFixed(0)).join(", "),
  ]);
  return table(
    `${label("rates")}, is it the learning rate? Seeds of their own, 200k steps, native termination`,
    ["learning rate", "seeds", "score of each", "mean", "mean step between evaluations, last quarter"],
    rows,
  );
}

/** Mean absolute difference of successive evaluations in the last quarter of a run: how much its policy swings. */
function swingOf(curve: Result["curve"]): number {
  const last = curve.slice(-Math.ceil(curve.length / 4) - 1);
  return mean(last.slice(1).map(([, value], i) => Math.abs(value - last[i][1])));
}

function leakTable(): string {
  const groups = [...grouped("leaks", ({ termination }) => termination)];
  const rows = groups.map(([termination, group]) => [
    termination,
    ...["zero", "constant", "penalty"].map((teacher) => scoreOf(group, teacher)),
    `${(group[0].step / 1000).toFixed(0)}k`,
  ]);
  return table(
    `${label("leaks")}, what each treatment gives away: no demonstration is seen, every step is paid the same`,
    ["termination", "paid 0", "paid +1", "paid -1", "steps"],
    rows,
  );
}

function scoreOf(group: readonly Result[], teacher: string): string {
  return group.find(({ cell }) => cell.teacher === teacher)?.score.toFixed(0) ?? "";
}

function taskTable(): string {
  const rows = [...grouped("table", ({ cell }) => cell.task)].map(([, group]) => [
    group[0].env,
    marginsOf(group[0]),
    group[0].termination,
    String(group.length),
    group.map(({ step, steps }) => `${step / 1000}k of ${steps / 1000}k`).join(", "),
    group.map(({ score }) => score.toFixed(0)).join(", "),
    group.map(({ cell }) => slowEndOf(cell)).join(", "),
    group.find(({ expertReturn }) => expertReturn !== null)?.expertReturn?.toFixed(0) ?? "",
  ]);
  return table(
    "One demonstration, defaults of the task",
    ["environment", "margins", "termination", "seeds", "steps", "score of each", "with a slow end", "expert"],
    rows,
  );
}

/** The score of a run's slow end; - where there is none. */
function slowEndOf({ name }: Cell): string {
  const found = results.find(({ cell }) => cell.after?.name === name);
  return found ? found.score.toFixed(0) : "-";
}

/** The environment of a group that has only one, and how its margins count. */
function label(group: Cell["group"]): string {
  const found = results.find(({ cell }) => cell.group === group);
  return found ? `${found.env} (margins ${marginsOf(found)})` : "";
}

/** How contact margins count in the environment of a result; - where none do. */
function marginsOf({ envOptions }: Result): string {
  const { contactMargins } = envOptions;
  return typeof contactMargins === "string" ? contactMargins : "-";
}

function rateFigure(): Figure {
  const groups = [...grouped("rates", ({ cell }) => RATE_NAMES[cell.rate ?? ""])];
  return {
    id: "rates",
    title: "Is it the learning rate? Hopper from one demonstration",
    caption: "True return of deterministic episodes, a line a seed.",
    layout: "wide",
    panels: groups.length === 0 ? [] : [curvesOf(null, groups)],
  };
}

function terminationFigure(): Figure {
  const groups = [...grouped("terminations", ({ termination }) => termination)];
  return {
    id: "terminations",
    title: "Three treatments of termination, Hopper from one demonstration",
    caption: "True return of deterministic episodes of the native task, a line a seed.",
    layout: "wide",
    panels: groups.length === 0 ? [] : [curvesOf(null, groups)],
  };
}

function taskFigure(): Figure {
  const tasks = [...grouped("table", ({ cell }) => cell.task)];
  return {
    id: "tasks",
    title: "One demonstration, defaults of the task",
    caption: "True return of deterministic episodes, a line a seed.",
    layout: "small",
    panels: tasks.map(([task, group]) => curvesOf(task, [["ML-IRL", group]])),
  };
}

function curvesOf(
  note: string | null,
  groups: readonly (readonly [string, readonly Result[]])[],
): Figure["panels"][number] {
  const marks = groups.flatMap(([name, group], index) => {
    const { tone, dash, marker } = seriesLook(index);
    return group.map(({ curve }, i): Mark => ({
      kind: "line",
      name: i === 0 ? name : null,
      tone,
      dash,
      marker,
      style: "strong",
      points: curve.map(([x, y]) => ({ x, y })),
    }));
  });
  const expert = groups[0][1].find(({ expertReturn }) => expertReturn !== null)?.expertReturn;
  const rule: Mark[] = expert
    ? [{ kind: "rule", name: "expert", tone: "expert", style: "dashed", y: expert }]
    : [];
  return curvePanel(note, "Training steps", { label: "True return" }, [...marks, ...rule]);
}

function grouped(group: Cell["group"], keyOf: (result: Result) => string): Map<string, Result[]> {
  return Map.groupBy(
    results.filter(({ cell }) => cell.group === group),
    keyOf,
  );
}

function table(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  return [`**${title}**`, "", line(columns), line(columns.map(() => "---")), ...rows.map(line), ""].join(
    "\n",
  );
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function write(name: string, text: string): void {
  writeFileSync(join(import.meta.dirname, name), text);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
