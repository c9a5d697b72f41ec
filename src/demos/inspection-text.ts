import { findingsInWords, headLines, NAME_WIDTH } from "./inspect-lines.ts";
import type { Inspection, NumberSummary } from "./inspect.ts";

const CELL_WIDTH = 10;
const STRIP_WIDTH = 21;

/** Columns of observations or actions listed one by one; of more, the rest is summed up in a line. */
const MOST_COLUMNS = 32;

/** A report for people: tables first, what seems wrong last. Plain text of at most 80 characters a line, no colours. */
export function formatInspection(report: Inspection): string {
  const { episodes, transitions, lengths, returns, actionCounts } = report;
  const lines = [
    ...headLines(report),
    "",
    tableHead(counted(episodes, "episode")),
    tableRow("steps", lengths, true),
    ...(returns ? [tableRow("return", returns, true)] : []),
    "  end".padEnd(NAME_WIDTH) + endsInWords(report),
    "",
    ...columnTable(counted(report.observationSize, "observation"), report.observations),
    "",
    ...(actionCounts
      ? choiceTable(actionCounts, transitions)
      : columnTable(counted(report.actionSize, "action"), report.actions)),
    "",
    ...findingsInWords(report.findings),
  ];
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

function tableHead(title: string): string {
  return (
    title.padEnd(NAME_WIDTH) + ["min", "mean", "max", "std"].map((word) => word.padStart(CELL_WIDTH)).join("")
  );
}

/** @param whole show whole numbers without decimals */
function tableRow(name: string, { min, mean, max, std }: NumberSummary, whole = false): string {
  const cells = [min, mean, max, std].map((value) => digits(value, whole).padStart(CELL_WIDTH));
  return `  ${name}`.padEnd(NAME_WIDTH) + cells.join("");
}

function columnTable(title: string, summaries: readonly NumberSummary[]): string[] {
  const shown = summaries.length > MOST_COLUMNS ? summaries.slice(0, MOST_COLUMNS) : summaries;
  const rows = shown.map((summary, column) => `${tableRow(String(column), summary)}   ${strip(summary)}`);
  const rest = summaries.slice(shown.length);
  if (rest.length > 0) {
    const [min, max] = [Math.min(...rest.map((one) => one.min)), Math.max(...rest.map((one) => one.max))];
    const range = `between ${digits(min)} and ${digits(max)}`;
    rows.push(`  ${shown.length}-${summaries.length - 1}`.padEnd(NAME_WIDTH) + `     all ${range}`);
  }
  return [`${tableHead(title)}   min   mean, std   max`, ...rows];
}

/** The range of a column from its least to its greatest value, with one standard deviation around the mean. */
function strip({ min, mean, max, std }: NumberSummary): string {
  if (min === max) return "constant";
  const place = (value: number): number =>
    Math.min(STRIP_WIDTH - 1, Math.max(0, Math.round(((value - min) / (max - min)) * (STRIP_WIDTH - 1))));
  const cells = Array.from({ length: STRIP_WIDTH }, (_, at) => {
    if (at === place(mean)) return "●";
    return at >= place(mean - std) && at <= place(mean + std) ? "━" : "─";
  });
  return cells.join("");
}

function choiceTable(counts: NonNullable<Inspection["actionCounts"]>, transitions: number): string[] {
  const most = Math.max(...counts.map(({ count }) => count));
  const rows = counts.map(({ action, count }) => {
    const percent = `${((100 * count) / transitions).toFixed(1)}%`;
    const bar = "█".repeat(Math.max(1, Math.round((40 * count) / most)));
    return (
      `  ${action}`.padEnd(NAME_WIDTH) +
      String(count).padStart(CELL_WIDTH) +
      percent.padStart(CELL_WIDTH) +
      `   ${bar}`
    );
  });
  return [
    `${"Action".padEnd(NAME_WIDTH)}${"steps".padStart(CELL_WIDTH)}${"share".padStart(CELL_WIDTH)}`,
    ...rows,
  ];
}

function endsInWords({ ends, episodes }: Inspection): string {
  const parts = [
    [ends.terminated, "terminated by the task"],
    [ends.truncated, "cut (time limit)"],
    [ends.unmarked, "without a mark"],
  ] as const;
  const present = parts.filter(([count]) => count > 0);
  if (present.length === 1) return `${episodes > 1 ? "all " : ""}${present[0][1]}`;
  return present.map(([count, words]) => `${count} ${words}`).join(", ");
}

/** Three decimals below 1000, one below a million, otherwise scientific. */
function digits(value: number, whole = false): string {
  const magnitude = Math.abs(value);
  if (whole && Number.isInteger(value) && magnitude < 1e6) return String(value);
  if (magnitude >= 1e6 || (magnitude > 0 && magnitude < 5e-4)) return value.toExponential(2);
  return value.toFixed(magnitude < 1000 ? 3 : 1);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
