/** The files of a bench's report. */
import { join } from "node:path";
import { renderFigureSvg, renderPage, type Figure } from "../report/index.ts";
import { makeFolder, writeAtomically } from "../runs/index.ts";
import { isFigure, pageParts, type BenchFindings } from "./findings.ts";
import type { Outcome } from "./outcome.ts";
import type { Table } from "./table.ts";

/** The report as one HTML page, which needs no script, no network and no other file. */
export function benchPage(findings: BenchFindings, details: string): string {
  return renderPage({
    kicker: { strong: findings.title, rest: details },
    heading: findings.headline,
    parts: pageParts(findings),
  });
}

/** Where figures lie, beside `bench.md`. */
const FIGURES = "figures";

/** The report's words and tables as Markdown; figures are files of their own. */
export function benchMarkdown({
  title,
  headline,
  warnings,
  protocol,
  exhibits,
  command,
}: BenchFindings): string {
  const parts = [
    `# ${title}`,
    headline,
    ...warnings.map((warning) => `**${warning}**`),
    ...exhibits.flatMap((each) =>
      isFigure(each)
        ? [`![${each.title}](${FIGURES}/${fileOf(each)})`, each.caption]
        : [markdownTable(each), ...(each.note === "" ? [] : [each.note])],
    ),
    "## Protocol",
    ...protocol,
    `    ${command}`,
  ];
  return `${parts.join("\n\n")}\n`;
}

/** Write `bench.md`, `bench.html` and the figures into `folder`. */
export function writePages(folder: string, findings: BenchFindings, details: string): void {
  const figures = findings.exhibits.filter(isFigure);
  if (figures.length > 0) makeFolder(join(folder, FIGURES));
  for (const figure of figures) write(join(folder, FIGURES, fileOf(figure)), renderFigureSvg(figure));
  write(join(folder, "bench.md"), benchMarkdown(findings));
  write(join(folder, "bench.html"), benchPage(findings, details));
}

function fileOf({ id }: Figure): string {
  return `${id}.svg`;
}

/** Where a bench keeps a line a cell. */
export function resultsIn(folder: string): string {
  return join(folder, "results.jsonl");
}

/** Write a line a cell into `folder`. */
export function writeResults(folder: string, outcomes: readonly Outcome[]): void {
  const lines = outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`);
  write(resultsIn(folder), lines.join(""));
}

/** A bench and a report on it may write at the same time. */
function write(path: string, content: string): void {
  writeAtomically(path, content, `${path}.${process.pid}.tmp`);
}

function markdownTable({ title, columns, rows }: Omit<Table, "note">): string {
  const rule = tableLine(columns.map((_, i) => (i === 0 ? "---" : "---:")));
  return [`## ${title}`, "", tableLine(columns), rule, ...rows.map(tableLine)].join("\n");
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`;
}
