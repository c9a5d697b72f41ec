/** A published number and ours in words and tables, for a terminal. */
import { enumerate, formatShare, formatSteps, formatValue, grouped, plural } from "../report/numbers.ts";
import { cellWords, leftOutOfMean } from "./findings.ts";
import type { Budget, PublishedCell } from "./published.ts";
import {
  implementationOf,
  isRefusal,
  nearestEnvironment,
  type Comparison,
  type ReproPlan,
  type Reproducible,
} from "./repro.ts";
import type { Mean } from "./statistics.ts";

/** Columns and rows of text. */
interface Columns {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The list of cells. */
export function cellList(cells: readonly PublishedCell[]): Columns {
  return {
    columns: ["cell", "here", "published", "expert", "share"],
    rows: cells.map((cell) => [cell.id, hereWords(cell), ...publishedWords(cell)]),
  };
}

/** `--method dac`, or why not. */
function hereWords(cell: PublishedCell): string {
  const found = implementationOf(cell);
  return isRefusal(found) ? found.short : String(found.implementation.options.method);
}

function publishedWords({ unit, mean, std, expert }: PublishedCell): [string, string, string] {
  const format = {
    return: formatPlain,
    share: percent,
    hours: hundredths,
    pearson: hundredths,
    spearman: hundredths,
  }[unit];
  const value = `${format(mean)}${std === null ? "" : `+-${format(std)}`}`;
  const said = unit === "hours" ? " h" : "";
  const share = unit === "share" ? mean : unit === "return" && expert !== null ? mean / expert : NaN;
  const expertWords = unit === "return" && expert !== null ? formatPlain(expert) : "n/a";
  return [`${value}${said}`, expertWords, formatShare(share)];
}

/** 0.001 -> "0.1%", 1.0726 -> "107.26%" */
function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))}%`;
}

/** As printed: one decimal, as the tables have them. */
function formatPlain(value: number): string {
  return grouped(value, Number.isInteger(value) ? 0 : 1);
}

/** Both sides, line by line. */
export function comparisonTable(
  { cell, implementation }: Pick<Reproducible, "cell" | "implementation">,
  { env, episodes, trajectories, steps }: Pick<ReproPlan, "env" | "episodes" | "trajectories" | "steps">,
  { published, ours }: Comparison,
): Columns {
  const { budget, source } = cell;
  const counts = ours.stepCounts;
  const rollouts = budget?.actual == null ? null : budget.actual - budget.accounted;
  const total = counts && counts.train + counts.rewardRollout;
  const rows: [string, string, string][] = [
    ["method", cell.method, Object.values(implementation.options).join(" ")],
    ["environment", source.revision ?? "not said", env],
    ["demonstrations", numberWords(cell.demonstrations), `${episodes} from ${trajectories.join(", ")}`],
    ["runs", cell.runs === null ? "several" : String(cell.runs), cellWords(ours)],
    ["true return", spreadWords(published.score, published.std, formatValue), ownWords(ours.score, ours)],
    ["expert", numberWords(published.expert), numberWords(ours.expert?.mean ?? null)],
    ["share of expert", shareWords(published.share), ownWords(ours.share, ours, formatShare)],
    [
      "normalised",
      spreadWords(published.normalised, published.spread, hundredths),
      meanWords(ours.normalised, hundredths),
    ],
    ["random, 0 of both", numberWords(ours.random), numberWords(ours.random)],
    ["training, as counted", numberWords(budget?.accounted ?? null), numberWords(counts?.train ?? null)],
    ["reward rollouts", numberWords(rollouts), numberWords(counts?.rewardRollout ?? null)],
    ["training + rollouts", numberWords(budget?.actual ?? null), numberWords(total)],
    ["evaluation", "n/a", numberWords(counts?.evaluation ?? null)],
    ["expert's steps", "n/a", numberWords(counts?.expert ?? null)],
    ["training, planned", "n/a", formatSteps(steps)],
  ];
  return { columns: ["", "published", "ours"], rows };
}

function numberWords(value: number | null): string {
  return value === null ? "n/a" : formatValue(value);
}

function shareWords(value: number | null): string {
  return value === null ? "n/a" : formatShare(value);
}

function hundredths(value: number): string {
  return grouped(value, 2);
}

function spreadWords(value: number | null, std: number | null, format: (value: number) => string): string {
  if (value === null) return "n/a";
  return std === null ? format(value) : `${format(value)} +- ${format(std)}`;
}

/** A mean of ours that leaves out the cells that diverged. */
function ownWords(value: Mean | null, ours: Comparison["ours"], format = formatValue): string {
  return meanWords(value, format) + (value ? leftOutOfMean(value, ours) : "");
}

/** "3,120 [2,800, 3,440]" */
function meanWords(value: Mean | null, format = formatValue): string {
  if (!value) return "n/a";
  return value.interval
    ? `${format(value.mean)} [${value.interval.map(format).join(", ")}]`
    : format(value.mean);
}

/** What it comes to, in one paragraph. */
export function verdictWords({ published, ours, verdict }: Comparison): string {
  if (!verdict) return `No verdict: ${noVerdictReason(published.normalised, ours.normalised)}.`;
  const { word, interval, runs, spread } = verdict;
  const [low, high] = interval.map(hundredths);
  const { mean, count } = ours.normalised as Mean;
  const where = word === "consistent" ? "lies in" : "lies outside";
  const taken =
    published.runs === null ? `${plural(runs, "run")} (several, taken as ${runs})` : plural(runs, "run");
  const rests =
    spread === "both"
      ? "It rests on the spread of both."
      : "The source gives no spread over runs, so that ours stands for theirs too, which is lenient: the more our runs scatter and the fewer they are, the more is consistent.";
  return `Verdict: ${word}. Ours is ${hundredths(mean)} over ${plural(count, "cell")}; the published ${hundredths(published.normalised as number)} ${where} [${low}, ${high}], the 95% prediction interval for a mean of ${taken}. ${rests}`;
}

function noVerdictReason(published: number | null, ours: Mean | null): string {
  if ((ours?.count ?? 0) === 0) return "none of our cells has a normalised score yet";
  if (published === null) return "the published number cannot be normalised";
  return "one cell says nothing of how cells scatter; two are needed, more are better";
}

/** What must be borne in mind, a sentence or two each. */
export function caveats(
  found: Pick<Reproducible, "cell" | "implementation" | "task">,
  plan: Pick<ReproPlan, "env" | "episodes" | "trajectories" | "steps">,
  { ours }: Comparison,
): string[] {
  const { cell, implementation } = found;
  const { caveat } = implementation;
  const nearest = nearestEnvironment(found);
  return [
    ...(caveat === null ? [] : [caveat]),
    `Experts differ: each side's 1 is the expert that it learnt from. Its 0 is that of random actions in our ${plan.env} on both sides.`,
    ...cell.source.notes,
    ...(plan.env === nearest
      ? []
      : [
          `Ours is ${plan.env}; nearer to the published ${cell.source.revision ?? "environment"} is ${nearest}.`,
        ]),
    ...demonstrationWords(cell, plan.episodes),
    ...(plan.trajectories.length === 1
      ? ["Our cells share one demonstration set: they scatter by their seeds alone."]
      : []),
    ...(cell.budget ? budgetWords(cell.budget, ours, plan.steps) : ["The published budget is not known."]),
  ];
}

function demonstrationWords({ demonstrations }: PublishedCell, episodes: number): string[] {
  if (demonstrations === null || demonstrations === episodes) return [];
  return [`Published with ${plural(demonstrations, "demonstration")}, ours with ${episodes}.`];
}

function budgetWords(
  { accounted, place }: Budget,
  { stepCounts }: Comparison["ours"],
  steps: number,
): string[] {
  const taken = stepCounts?.train ?? steps;
  const short =
    taken < accounted
      ? [
          `Ours trained for ${formatSteps(taken)} of ${formatSteps(accounted)} steps; below may be for want of them.`,
        ]
      : [];
  return [`Published budget: ${place}.`, ...short];
}

/** `IQ-Learn, NeurIPS 2021: Table 3` for every source of some cells. */
export function sourceWords(cells: readonly PublishedCell[]): string[] {
  const sources = new Set(cells.map(({ source }) => source));
  return Array.from(sources, ({ id, work, place, revision, demonstrations, runs }) => {
    const told = [
      revision === null ? [] : [revision],
      demonstrations === null ? [] : [plural(demonstrations, "demonstration")],
      runs === null ? [] : [plural(runs, "run")],
    ].flat();
    return `${id}: ${work}; ${place}${told.length === 0 ? "" : ` (${enumerate(told)})`}.`;
  });
}
