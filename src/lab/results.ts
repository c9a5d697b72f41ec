/** The folder of an experiment's results: one JSON line a cell, written as cells end, read back to go on. */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TandemError } from "../core/index.ts";
import { renderFigureSvg } from "../report/index.ts";
import { makeFolder, writeAtomically } from "../runs/index.ts";
import type { Cell, CellResult, Findings, Table } from "./experiment.ts";

const RESULTS = "results.jsonl";

/**
 * Results there are for `cells`. A last line cut off by a kill is dropped; results of other settings are refused, unless
 * `restart` throws them away.
 */
export function openResults(
  folder: string,
  cells: readonly Cell<unknown>[],
  restart: boolean,
): CellResult<unknown, unknown>[] {
  makeFolder(folder);
  const path = join(folder, RESULTS);
  if (restart) rmSync(path, { force: true });
  if (!existsSync(path)) return [];
  const whole = readFileSync(path, "utf8");
  const lines = whole.split("\n").slice(0, -1);
  const results = lines.map((line, i) => parseLine(path, line, i + 1));
  const wanted = new Map(cells.map(({ id, setting }) => [id, JSON.stringify(setting)]));
  const foreign = results.find(({ id, setting }) => wanted.get(id) !== JSON.stringify(setting));
  if (foreign) {
    throw new TandemError(
      "lab",
      `${path} holds results of another configuration (${foreign.id}); choose another --out, or throw them away with --restart`,
    );
  }
  if (!whole.endsWith("\n")) writeAtomically(path, lines.map((line) => `${line}\n`).join(""));
  return results;
}

/** Add a cell's result. */
export function appendResult(folder: string, result: CellResult<unknown, unknown>): void {
  appendFileSync(join(folder, RESULTS), `${JSON.stringify(result)}\n`);
}

/** Write `summary.md` and a drawing of each figure. Returns the files written. */
export function writeFindings(
  folder: string,
  title: string,
  question: string,
  { targets, tables, figures }: Findings,
): string[] {
  const written = ["summary.md"];
  const parts = [`# ${title}`, question];
  if (targets.length > 0) {
    const rows = targets.map(({ what, wanted, reached, met }) => [
      what,
      wanted,
      reached,
      met ? "yes" : "**no**",
    ]);
    parts.push(markdownTable({ title: "Targets", columns: ["what", "wanted", "reached", "met"], rows }));
  }
  parts.push(...tables.map(markdownTable));
  for (const figure of figures) {
    const file = `${figure.id}.svg`;
    writeFileSync(join(folder, file), renderFigureSvg(figure));
    parts.push(`![${figure.title}](${file})\n\n${figure.caption}`);
    written.push(file);
  }
  writeAtomically(join(folder, "summary.md"), `${parts.join("\n\n")}\n`);
  return written;
}

function markdownTable({ title, columns, rows }: Table): string {
  const rule = tableLine(columns.map(() => "---"));
  return [`## ${title}`, "", tableLine(columns), rule, ...rows.map(tableLine)].join("\n");
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`;
}

function parseLine(path: string, line: string, number: number): CellResult<unknown, unknown> {
  try {
    return JSON.parse(line) as CellResult<unknown, unknown>;
  } catch (cause) {
    throw new TandemError(
      "lab",
      `${path}, line ${number}, is not JSON; remove the line, or begin anew with --restart`,
      { cause },
    );
  }
}
