import { finalReturnFigure, trueReturnFigure } from "./figures.ts";
import { keyNumbers, seedTable, type KeyNumber } from "./key-numbers.ts";
import { notes } from "./notes.ts";
import type { Run } from "./run.ts";
import { penOf, type Pen } from "./terminal-style.ts";
import { tableText, wrap } from "./terminal-text.ts";
import { renderFigureText } from "./text-chart.ts";
import { headline, verdict } from "./verdict.ts";

/** A terminal: its columns, and whether it shows colours. */
export interface TerminalOptions {
  readonly width: number;
  readonly colour: boolean;
}

/** A report for the terminal: verdict, key numbers, true return over training. No line is longer than `width`. */
export function renderTerminalReport(runs: readonly Run[], { width, colour }: TerminalOptions): string {
  const pen = penOf(colour);
  const { environment, details } = headline(runs);
  const seeds = seedTable(runs);
  const figures = [trueReturnFigure(runs), finalReturnFigure(runs)].filter((figure) => figure !== null);
  const said = notes(runs).filter(({ subject }) => subject === "True reward" || subject === "Numerics");
  const sections = [
    wrap(`${environment}: ${details}`, width).map((line) => pen.muted(line)),
    wrap(`${verdict(runs)}.`, width).map((line) => pen.strong(line)),
    numbersTable(keyNumbers(runs), width, pen),
    seeds ? tableText(seeds, width, pen) : [],
    ...figures.map((figure) => renderFigureText(figure, { width, colour }).split("\n")),
    said.flatMap(({ subject, text }) => wrap(`${subject}: ${text}`, width)).map((line) => pen.muted(line)),
  ];
  const lines = sections.filter((section) => section.length > 0).map((section) => section.join("\n"));
  return `${lines.join("\n\n")}\n`;
}

/** Label, value and note in columns; the note wraps within its own, and is left out where there is no room. */
function numbersTable(rows: readonly KeyNumber[], width: number, pen: Pen): string[] {
  const LEAST_NOTE = 20;
  const labels = Math.max(...rows.map(({ label }) => label.length));
  const values = Math.max(...rows.map(({ value }) => value.length));
  const indent = labels + values + 4;
  return rows.flatMap(({ label, value, note }) => {
    const head = `${label.padEnd(labels)}  ${pen.strong(value.padStart(values))}`;
    if (width - indent < LEAST_NOTE) return [head];
    const [first, ...rest] = wrap(note, width - indent);
    return [`${head}  ${pen.muted(first)}`, ...rest.map((line) => " ".repeat(indent) + pen.muted(line))];
  });
}
