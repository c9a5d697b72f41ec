/** Figures as text: lines in braille dots (two by four to a character), bars in block characters. */
import { stripVTControlCharacters } from "node:util";
import { axisOver, formatTick, fractionOf, ticksOf } from "./axis.ts";
import type {
  BarPanel,
  BoundaryMark,
  Dash,
  Figure,
  LineMark,
  Mark,
  Marker,
  Panel,
  Point,
  RuleMark,
  SeriesMark,
  Tone,
  XyPanel,
} from "./figure.ts";
import { formatValue } from "./numbers.ts";
import { drawnUnder, sharedSeries } from "./shared-legend.ts";
import { penOf, type Pen } from "./terminal-style.ts";
import { heatText } from "./text-heat.ts";

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
  const shared = packed(legendWords(sharedSeries(figure), penOf(options.colour)), options.width);
  const panels = drawnUnder(figure).panels.map((panel) => panelText(panel, options));
  return [...(shared.length > 0 ? [shared.join("\n")] : []), ...panels].join("\n\n");
}

function panelText(panel: Panel, { width, height = 14, colour }: TextOptions): string {
  const pen = penOf(colour);
  const lines = panelLines(panel, width, height, pen);
  return lines.map((line) => line.trimEnd()).join("\n");
}

function panelLines(panel: Panel, width: number, height: number, pen: Pen): string[] {
  if (panel.kind === "bars") return barsText(panel, width, pen);
  if (panel.kind === "heat") return heatText(panel, width, pen);
  return chartText(panel, width, height, pen);
}

// ---- charts ------------------------------------------------------------------------------------------------------

/** Bits of a braille character's dots, by column and row. */
const DOT_BITS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
];
const RULE_GLYPHS = { solid: "─", dashed: "╌", dotted: "┈" } as const;
const BOUNDARY_GLYPHS = { solid: "│", dashed: "╎", dotted: "┊" } as const;
const MARKER_GLYPHS: Readonly<Record<Marker, string>> = {
  circle: "●",
  square: "■",
  triangle: "▲",
  diamond: "◆",
  cross: "+",
};
/** Dots drawn and left out in turn, and how a line of the kind looks in a legend. */
const DASH_DOTS: Readonly<Record<Dash, readonly number[]>> = {
  solid: [1],
  dashed: [4, 3],
  dotted: [1, 2],
  "dash-dot": [5, 2, 1, 2],
  "long-dashed": [9, 3],
};
const DASH_GLYPHS: Readonly<Record<Dash, string>> = {
  solid: "⠒⠒",
  dashed: "⠒ ⠒",
  dotted: "⠂⠂⠂",
  "dash-dot": "⠒⠂⠒",
  "long-dashed": "⠒⠒ ⠒⠒",
};

interface Cell {
  dots: number;
  glyph: string;
  marker: Marker | null;
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
    Math.min(height - 1, Math.max(0, Math.round((1 - fractionOf(y, value)) * (4 * height - 1)) >> 2));
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
  const above = boundaryRows(panel, marks, left, columns, pen);
  return [...packed(heading, width), ...above, ...body, ...xAxis(x, left, columns, pen)];
}

/** What a terminal has room for: averages before raw series, lines before dots. */
function drawnMarks(marks: readonly Mark[]): Mark[] {
  const lines = marks.filter((mark) => mark.kind === "line" && mark.points.length > 0) as LineMark[];
  const averages = lines.filter(({ style }) => style !== "faint");
  const complete = reachOf(averages) > 0.9 * reachOf(lines);
  const rules = marks.filter((mark) => mark.kind === "rule" || mark.kind === "boundary");
  const intervals = marks.filter((mark) => mark.kind === "intervals" && mark.points.length > 0);
  if (lines.length > 0) return [...rules, ...(complete ? averages : lines), ...intervals];
  const dots = marks.filter((mark) => mark.kind === "dots");
  return [...rules, ...dots, ...intervals];
}

/** Faint lines are grey where there are but a few colours. */
function toneOf(mark: Mark): Tone {
  return mark.kind === "line" && mark.style === "faint" ? "neutral" : mark.tone;
}

/** How a mark's line is broken, where no marker tells it apart; null where its points are not joined. */
function dashOf(mark: SeriesMark): Dash | null {
  if (mark.kind === "intervals") return mark.joined && "solid";
  if (mark.kind !== "line") return null;
  if (markerOf(mark)) return "solid";
  return mark.dash ?? (mark.style === "dashed" ? "dashed" : "solid");
}

/** The shape of a mark's points; null where they have none. */
function markerOf(mark: SeriesMark): Marker | null {
  if (mark.kind === "intervals") return mark.marker;
  return mark.kind === "line" && mark.style === "marked" ? (mark.marker ?? null) : null;
}

/** The furthest x of some lines. */
function reachOf(lines: readonly LineMark[]): number {
  return Math.max(-Infinity, ...lines.map(({ points }) => points.at(-1)?.x ?? -Infinity));
}

function canvas(panel: XyPanel, marks: readonly Mark[], columns: number, rows: number): Cell[][] {
  const cells = Array.from({ length: rows }, () =>
    Array.from({ length: columns }, (): Cell => ({ dots: 0, glyph: " ", marker: null, tone: "neutral" })),
  );
  const dotX = (value: number): number => Math.round(fractionOf(panel.x, value) * (2 * columns - 1));
  const dotY = (value: number): number => Math.round((1 - fractionOf(panel.y, value)) * (4 * rows - 1));
  const cellAt = (column: number, row: number): Cell | undefined => cells[row >> 2]?.[column >> 1];
  const dot = (column: number, row: number, tone: Tone): void => {
    const cell = cellAt(column, row);
    if (!cell) return;
    cell.dots |= DOT_BITS[column & 1][row & 3];
    cell.tone = tone;
  };
  for (const mark of marks) {
    const tone = toneOf(mark);
    if (mark.kind === "rule") {
      const row = cells[Math.min(rows - 1, dotY(mark.y) >> 2)] ?? [];
      for (const cell of row) Object.assign(cell, { glyph: RULE_GLYPHS[mark.style], tone });
    } else if (mark.kind === "boundary") {
      for (const row of cells) {
        const cell = row[boundaryColumn(panel, mark.x, columns)];
        if (cell) Object.assign(cell, { glyph: BOUNDARY_GLYPHS[mark.style], tone });
      }
    } else if (mark.kind !== "band") {
      if (mark.kind === "intervals") {
        const within = (row: number): number => Math.min(4 * rows, Math.max(-1, row));
        for (const { x, low, high } of mark.points) {
          // An end that the axis does not reach, such as one not above zero on a logarithmic axis, is cut there.
          const ends = [Number.isNaN(dotY(low)) ? 4 * rows : dotY(low), dotY(high)].map(within);
          for (let row = ends[1]; row <= ends[0]; row++) dot(dotX(x), row, tone);
        }
      }
      drawPoints(mark.points, dashOf(mark), dotX, dotY, (column, row) => dot(column, row, tone));
    }
  }
  // Markers last: they tell series apart where there is no colour.
  for (const mark of marks) {
    const marker = "points" in mark ? markerOf(mark) : null;
    if (marker === null || !("points" in mark) || mark.kind === "band") continue;
    for (const { x, y } of mark.points) {
      const cell = cellAt(dotX(x), dotY(y));
      if (cell) Object.assign(cell, { marker, tone: mark.tone });
    }
  }
  return cells;
}

function drawPoints(
  points: readonly Point[],
  dash: Dash | null,
  dotX: (value: number) => number,
  dotY: (value: number) => number,
  dot: (column: number, row: number) => void,
): void {
  const pattern = dash === null ? [1] : DASH_DOTS[dash];
  let drawn = 0;
  let before: { column: number; row: number } | null = null;
  for (const { x, y } of points) {
    const [column, row] = [dotX(x), dotY(y)];
    if (!Number.isFinite(column) || !Number.isFinite(row)) {
      before = null;
      continue;
    }
    const from = dash !== null && before ? before : { column, row };
    const length = Math.max(1, Math.abs(column - from.column), Math.abs(row - from.row));
    for (let i = 0; i <= length; i++) {
      if (!isDrawn(pattern, drawn++)) continue;
      const at = (a: number, b: number): number => Math.round(a + ((b - a) * i) / length);
      dot(at(from.column, column), at(from.row, row));
    }
    before = { column, row };
  }
}

/** Whether dot `index` of a line that is drawn and left out in turn, in lengths of the pattern, is drawn. */
function isDrawn(pattern: readonly number[], index: number): boolean {
  let rest = index % pattern.reduce((sum, length) => sum + length, 0);
  return pattern.findIndex((length) => (rest -= length) < 0) % 2 === 0;
}

function cellText({ dots, glyph, marker, tone }: Cell, pen: Pen): string {
  if (marker !== null) return pen.tone(tone, MARKER_GLYPHS[marker]);
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
  const named = marks.filter((mark) => "points" in mark && mark.name !== null) as SeriesMark[];
  return named.length < 2 ? [] : legendWords(named, pen);
}

/** Key and words of each series. */
function legendWords(named: readonly SeriesMark[], pen: Pen): string[] {
  return named.map((mark) => {
    const [marker, dash] = [markerOf(mark), dashOf(mark)];
    const line = dash === null ? "" : DASH_GLYPHS[dash];
    const key =
      marker === null ? line || "⠒⠒" : `${line.slice(0, 1)}${MARKER_GLYPHS[marker]}${line.slice(0, 1)}`;
    return pen.tone(toneOf(mark), `${key} ${mark.name}`);
  });
}

/** Words to the right of their boundaries, or to the left where there is no room, in rows where they would touch. */
function boundaryRows(
  panel: XyPanel,
  marks: readonly Mark[],
  left: number,
  columns: number,
  pen: Pen,
): string[] {
  const named = marks.filter((mark) => mark.kind === "boundary" && mark.name !== null) as BoundaryMark[];
  const rows: string[][] = [];
  for (const { name, style, x } of named.sort((a, b) => b.x - a.x)) {
    const words = (name ?? "").slice(0, left + columns - 2);
    const at = left + boundaryColumn(panel, x, columns);
    const start = at + 2 + words.length <= left + columns ? at + 2 : Math.max(0, at - 1 - words.length);
    const needed = [Math.max(0, Math.min(at, start) - 1), Math.max(at, start + words.length) + 1];
    let row = 0;
    while (rows[row]?.slice(...needed).some((character) => character !== " ")) row++;
    for (let i = 0; i <= row; i++) {
      rows[i] ??= Array.from({ length: left + columns }, () => " ");
      rows[i][at] = BOUNDARY_GLYPHS[style];
    }
    rows[row].splice(start, words.length, ...words.split(""));
  }
  return rows.toReversed().map((row) => pen.muted(row.join("")));
}

function boundaryColumn({ x: axis }: XyPanel, x: number, columns: number): number {
  return Math.round(fractionOf(axis, x) * (2 * columns - 1)) >> 1;
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
