/** Figures as text: lines in braille dots (two by four to a character), bars in block characters. */
import { stripVTControlCharacters } from "node:util";
import { axisOver, formatTick, fractionOf, ticksOf } from "./axis.ts";
import type { BarPanel, Figure, LineMark, Mark, Panel, Point, RuleMark, Tone, XyPanel } from "./figure.ts";
import { formatValue } from "./numbers.ts";
import { penOf, type Pen } from "./terminal-style.ts";

/** Room for a figure in a terminal. */
export interface TextOptions {
  /** Columns. */
  readonly width: number;
  /** Rows between the axes of a chart. */
  readonly height?: number;
  /** Whether to use the terminal's colours. */
  readonly colour: boolean;
}

/** All panels of a figure, one under the other, no line longer than `width`. */
export function renderFigureText(figure: Figure, options: TextOptions): string {
  return figure.panels.map((panel) => panelText(panel, options)).join("\n\n");
}

function panelText(panel: Panel, { width, height = 14, colour }: TextOptions): string {
  const pen = penOf(colour);
  const lines = panel.kind === "bars" ? barsText(panel, width, pen) : chartText(panel, width, height, pen);
  return lines.map((line) => line.trimEnd()).join("\n");
}

// ---- charts ------------------------------------------------------------------------------------------------------

/** Bits of a braille character's dots, by column and row. */
const DOT_BITS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
];
const RULE_GLYPHS = { solid: "─", dashed: "╌", dotted: "┈" } as const;

interface Cell {
  dots: number;
  glyph: string;
  tone: Tone;
}

function chartText(panel: XyPanel, width: number, height: number, pen: Pen): string[] {
  const { x, y } = panel;
  const marks = drawnMarks(panel.marks);
  const rules = marks.filter((mark) => mark.kind === "rule");
  const yTicks = ticksOf(y, Math.max(2, Math.round(height / 3)));
  const yWords = yTicks.map((tick) => formatTick(y, tick, yTicks));
  const left = Math.max(...yWords.map((each) => each.length)) + 2;
  const valued = width >= 72;
  const ruleWords = ({ name, y }: RuleMark): string =>
    name === null ? "" : valued ? ` ${name} ${formatValue(y)}` : ` ${name}`;
  const right = Math.max(0, ...rules.map((rule) => ruleWords(rule).length));
  const columns = Math.max(8, width - left - right);
  const rowOf = (value: number): number =>
    Math.min(height - 1, Math.max(0, Math.floor((1 - fractionOf(y, value)) * height)));
  const cells = canvas(panel, marks, columns, height);

  const lines = cells.map((row) => row.map((cell) => cellText(cell, pen)).join(""));
  yTicks.forEach((tick, i) => {
    const row = rowOf(tick);
    lines[row] = pen.muted(`${yWords[i].padStart(left - 2)} ┤`) + lines[row];
  });
  const ticked = new Set(yTicks.map(rowOf));
  const labels = new Map(labelRows(rules, rowOf, height).map(({ row, mark }) => [row, mark]));
  const body = lines.map((line, row) => {
    const mark = labels.get(row);
    const label = mark ? pen.tone(mark.tone, ruleWords(mark)) : "";
    return (ticked.has(row) ? line : `${" ".repeat(left - 1)}${pen.muted("│")}${line}`) + label;
  });
  const aside = [y.unit, panel.note].filter((each) => each !== null).join(", ");
  const heading = [pen.strong(y.label), ...(aside ? [pen.muted(`(${aside})`)] : []), ...legend(marks, pen)];
  return [...packed(heading, width), ...body, ...xAxis(x, left, columns, pen)];
}

/** What a terminal has room for: averages before raw series, lines before dots. */
function drawnMarks(marks: readonly Mark[]): Mark[] {
  const lines = marks.filter((mark) => mark.kind === "line" && mark.points.length > 0) as LineMark[];
  const averages = lines.filter(({ style }) => style !== "faint");
  const complete = reachOf(averages) > 0.9 * reachOf(lines);
  const rules = marks.filter((mark) => mark.kind === "rule");
  if (lines.length > 0) return [...rules, ...(complete ? averages : lines)];
  return [...rules, ...marks.filter((mark) => mark.kind === "dots")];
}

/** Faint lines are grey where there are but a few colours. */
function toneOf(mark: Mark): Tone {
  return mark.kind === "line" && mark.style === "faint" ? "neutral" : mark.tone;
}

/** The furthest x of some lines. */
function reachOf(lines: readonly LineMark[]): number {
  return Math.max(-Infinity, ...lines.map(({ points }) => points.at(-1)?.x ?? -Infinity));
}

function canvas(panel: XyPanel, marks: readonly Mark[], columns: number, rows: number): Cell[][] {
  const cells = Array.from({ length: rows }, () =>
    Array.from({ length: columns }, (): Cell => ({ dots: 0, glyph: " ", tone: "neutral" })),
  );
  const dotX = (value: number): number => Math.round(fractionOf(panel.x, value) * (2 * columns - 1));
  const dotY = (value: number): number => Math.round((1 - fractionOf(panel.y, value)) * (4 * rows - 1));
  const dot = (column: number, row: number, tone: Tone): void => {
    const cell = cells[row >> 2]?.[column >> 1];
    if (!cell) return;
    cell.dots |= DOT_BITS[column & 1][row & 3];
    cell.tone = tone;
  };
  for (const mark of marks) {
    if (mark.kind === "rule") {
      const row = cells[Math.min(rows - 1, dotY(mark.y) >> 2)] ?? [];
      for (const cell of row) Object.assign(cell, { glyph: RULE_GLYPHS[mark.style], tone: mark.tone });
    } else if (mark.kind !== "band") {
      const tone = toneOf(mark);
      drawPoints(mark.points, mark.kind === "line", dotX, dotY, (column, row) => dot(column, row, tone));
    }
  }
  return cells;
}

function drawPoints(
  points: readonly Point[],
  joined: boolean,
  dotX: (value: number) => number,
  dotY: (value: number) => number,
  dot: (column: number, row: number) => void,
): void {
  let before: { column: number; row: number } | null = null;
  for (const { x, y } of points) {
    const [column, row] = [dotX(x), dotY(y)];
    if (!Number.isFinite(column) || !Number.isFinite(row)) {
      before = null;
      continue;
    }
    const from = joined && before ? before : { column, row };
    const length = Math.max(1, Math.abs(column - from.column), Math.abs(row - from.row));
    for (let i = 0; i <= length; i++) {
      const at = (a: number, b: number): number => Math.round(a + ((b - a) * i) / length);
      dot(at(from.column, column), at(from.row, row));
    }
    before = { column, row };
  }
}

function cellText({ dots, glyph, tone }: Cell, pen: Pen): string {
  if (dots > 0) return pen.tone(tone, String.fromCodePoint(0x2800 + dots));
  return glyph === " " ? glyph : pen.tone(tone, glyph);
}

/** A row of its own for each named rule, as near to it as may be. */
function labelRows(
  rules: readonly RuleMark[],
  rowOf: (value: number) => number,
  height: number,
): { row: number; mark: RuleMark }[] {
  const named = rules.filter(({ name }) => name !== null).sort((a, b) => b.y - a.y);
  let next = 0;
  return named.map((mark, i) => {
    const row = Math.min(Math.max(next, rowOf(mark.y)), height - (named.length - i));
    next = row + 1;
    return { row, mark };
  });
}

function legend(marks: readonly Mark[], pen: Pen): string[] {
  const named = marks.filter((mark) => mark.kind !== "rule" && mark.name !== null);
  return named.length < 2 ? [] : named.map((mark) => pen.tone(toneOf(mark), `⠒⠒ ${mark.name}`));
}

/** Parts beside each other, in as many lines as they need. */
function packed(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const joined = `${lines.at(-1)}  ${part}`;
    if (lines.length > 0 && stripVTControlCharacters(joined).length <= width)
      lines[lines.length - 1] = joined;
    else lines.push(part);
  }
  return lines;
}

function xAxis(x: XyPanel["x"], left: number, columns: number, pen: Pen): string[] {
  const ticks = ticksOf(x, Math.max(2, Math.round(columns / 11)));
  const rule = Array.from({ length: columns }, () => "─");
  const words = Array.from({ length: left + columns }, () => " ");
  for (const tick of ticks) {
    const column = Math.round(fractionOf(x, tick) * (columns - 1));
    rule[column] = "┬";
    const text = formatTick(x, tick, ticks);
    const start = Math.min(left + columns - text.length, left + column - Math.floor((text.length - 1) / 2));
    words.splice(start, text.length, ...text.split(""));
  }
  const label = x.unit ? `${x.label} (${x.unit})` : x.label;
  return [
    `${" ".repeat(left - 1)}${pen.muted(`└${rule.join("")}`)}`,
    pen.muted(words.join("")),
    pen.muted(label.padStart(left + columns)),
  ];
}

// ---- bars --------------------------------------------------------------------------------------------------------

function barsText(panel: BarPanel, width: number, pen: Pen): string[] {
  const names = Math.max(...panel.bars.map(({ name }) => name.length));
  const values = Math.max(...panel.bars.map(({ text }) => text.length));
  const columns = Math.max(4, Math.min(40, width - names - values - 4));
  const amounts = panel.bars.map(({ value }) => value);
  const axis = axisOver({ label: "", unit: null }, amounts, { zero: true, nice: false });
  const at = (value: number): number => fractionOf(axis, value) * columns;
  const lines = panel.bars.map(({ name, tone, value, text }) => {
    const bar = blocks(at(Math.min(0, value)), at(Math.max(0, value)), columns);
    return `${name.padEnd(names)}  ${pen.tone(tone, bar)}  ${text}`;
  });
  return [pen.strong(panel.title), ...lines];
}

/** A bar between two positions on `columns` characters; its left end falls on whole characters. */
function blocks(start: number, end: number, columns: number): string {
  const EIGHTHS = " ▏▎▍▌▋▊▉";
  const first = Math.round(start);
  const eighths = Math.max(0, Math.round(8 * (end - first)));
  const part = eighths % 8 > 0 ? EIGHTHS[eighths % 8] : "";
  return (" ".repeat(first) + "█".repeat(Math.floor(eighths / 8)) + part).padEnd(columns);
}
