/** Heat maps as text: values in columns where they fit, else shades; classes by their short names. */
import { formatShort, fractionOf } from "./axis.ts";
import { cellsOf, clipped, formatCell, type Cells } from "./cells.ts";
import type { Axis, HeatCell, HeatPanel, LineMark } from "./figure.ts";
import type { Pen } from "./terminal-style.ts";

const SHADES = "·░▒▓█";
/** Between columns, where lines are drawn; and the widest a column becomes. */
const GAP = 1;
const WIDEST = 12;

/** The lines of a heat map, none longer than `width` as long as a letter for each cell fits. */
export function heatText(panel: HeatPanel, width: number, pen: Pen): string[] {
  const rows = cellsOf(panel.y);
  const columns = cellsOf(panel.x);
  const left = Math.max(...rows.words.map((words) => words.length)) + 1;
  const count = columns.words.length;
  const room = Math.max(1, Math.min(WIDEST, Math.floor((width - left - GAP) / count) - GAP));
  const inWords = panel.cells.flat().every((cell) => wordsOf(panel, cell).length <= room);
  const cell = inWords ? wordsOf : shadeOf;
  const steps = panel.lines.map((line) => stepsOf(line, columns, rows));
  const body = panel.cells
    .map((row, i) => {
      const parted = new Set(steps.flatMap(({ upright }) => upright[i]));
      const words = row.map(
        (each, j) => (parted.has(j) ? "╎" : " ") + centred(cell(panel, each, room), room),
      );
      const line = `${rows.words[i].padStart(left - 1)} ${words.join("")}${parted.has(count) ? "╎" : ""}`;
      const under = new Set(steps.flatMap(({ level }) => level.flatMap((row, j) => (row === i ? [j] : []))));
      return under.size > 0 ? [line, levelText(under, count, left, room)] : [line];
    })
    .toReversed()
    .flat();
  const top = steps.some(({ level }) => level.includes(panel.cells.length))
    ? levelsAbove(steps, panel.cells.length, count, left, room)
    : [];
  return [
    heading(panel, pen),
    pen.muted(wordsWithUnit(panel.y)),
    ...top,
    ...body,
    ...xAxis(panel, columns, left, room, pen),
    ...key(panel, inWords, width).map((line) => pen.muted(line)),
  ];
}

/** "0.12 D", "diverges", "" */
function wordsOf(panel: HeatPanel, cell: HeatCell | null): string {
  if (!cell) return "";
  const value = formatCell(panel.colour, cell.value);
  return [value, shortOf(panel, cell)].filter(Boolean).join(" ");
}

/** The whole of a column in one shade, its last letters the class. */
function shadeOf(panel: HeatPanel, cell: HeatCell | null, room: number): string {
  if (!cell) return "";
  const short = shortOf(panel, cell).slice(0, room);
  const shade = Number.isFinite(cell.value) ? SHADES[shadeIndex(panel.colour, cell.value)] : " ";
  return shade.repeat(room - short.length) + short;
}

function shortOf({ classes }: HeatPanel, { cellClass }: HeatCell): string {
  return classes.find(({ name }) => name === cellClass)?.short ?? "";
}

function shadeIndex(colour: Axis, value: number): number {
  const shade = Math.floor(fractionOf(colour, value) * SHADES.length);
  return Number.isNaN(shade) ? 0 : Math.min(SHADES.length - 1, Math.max(0, shade));
}

function centred(text: string, room: number): string {
  return text.padStart(text.length + ((room - text.length) >> 1)).padEnd(room);
}

/** A line as steps between cells: the edge it is nearest to in each row or, where it is rather level, each column. */
interface Steps {
  /** Edges, [rows][..]. */
  readonly upright: readonly (readonly number[])[];
  /** The row above the nearest edge, [columns]; NaN for none. */
  readonly level: readonly number[];
}

function stepsOf(line: LineMark, columns: Cells, rows: Cells): Steps {
  const pieces = clipped(
    line.points.map(({ x, y }) => ({ x: columns.fractionOf(x), y: rows.fractionOf(y) })),
  );
  const acrossRows = middles(rows).map((y) => crossings(pieces, "y", y));
  const acrossColumns = middles(columns).map((x) => crossings(pieces, "x", x));
  const none = rows.words.map(() => []);
  if (countFilled(acrossRows) * columns.words.length >= countFilled(acrossColumns) * rows.words.length) {
    const upright = acrossRows.map((xs) => xs.map((x) => nearest(columns.edges, x)));
    return { upright, level: columns.words.map(() => NaN) };
  }
  return {
    upright: none,
    level: acrossColumns.map(([y]) => (y === undefined ? NaN : nearest(rows.edges, y))),
  };
}

function middles({ edges }: Cells): number[] {
  return edges.slice(1).map((edge, i) => (edge + edges[i]) / 2);
}

function countFilled(lists: readonly (readonly number[])[]): number {
  return lists.filter((list) => list.length > 0).length;
}

/** Where pieces of a line cross a level of one coordinate: the other coordinate there. */
function crossings(
  pieces: readonly (readonly { x: number; y: number }[])[],
  along: "x" | "y",
  level: number,
): number[] {
  const other = along === "x" ? "y" : "x";
  return pieces.flatMap((piece) =>
    piece.slice(1).flatMap((to, i) => {
      const from = piece[i];
      if (from[along] <= level === to[along] <= level) return [];
      const share = (level - from[along]) / (to[along] - from[along]);
      return [from[other] + share * (to[other] - from[other])];
    }),
  );
}

function nearest(edges: readonly number[], at: number): number {
  const distances = edges.map((edge) => Math.abs(edge - at));
  return distances.indexOf(Math.min(...distances));
}

function levelText(columns: ReadonlySet<number>, count: number, left: number, room: number): string {
  const parts = Array.from({ length: count }, (_, j) => (columns.has(j) ? "╌" : " ").repeat(room + GAP));
  return " ".repeat(left) + parts.join("");
}

function levelsAbove(
  steps: readonly Steps[],
  rowCount: number,
  count: number,
  left: number,
  room: number,
): string[] {
  const columns = steps.flatMap(({ level }) => level.flatMap((row, j) => (row === rowCount ? [j] : [])));
  return [levelText(new Set(columns), count, left, room)];
}

function heading({ colour, note }: HeatPanel, pen: Pen): string {
  const aside = [colour.unit, note].filter((each) => each !== null).join(", ");
  return pen.strong(colour.label) + (aside ? pen.muted(`  (${aside})`) : "");
}

function wordsWithUnit({ label, unit }: HeatPanel["x"]): string {
  return unit === null ? label : `${label} (${unit})`;
}

/** Words under the columns, some left out where numbers would touch; names are cut. */
function xAxis({ x }: HeatPanel, { words }: Cells, left: number, room: number, pen: Pen): string[] {
  const longest = Math.max(...words.map((each) => each.length));
  const every = x.kind === "categories" ? 1 : Math.ceil((longest + 1) / (room + GAP));
  const line = Array.from({ length: left + words.length * (room + GAP) }, () => " ");
  words.forEach((each, i) => {
    if (i % every > 0) return;
    const shown = x.kind === "categories" ? each.slice(0, room) : each;
    const middle = left + GAP + i * (room + GAP) + (room - shown.length) / 2;
    const start = Math.max(0, Math.min(line.length - shown.length, Math.floor(middle)));
    line.splice(start, shown.length, ...shown.split(""));
  });
  return [pen.muted(line.join("")), pen.muted(wordsWithUnit(x).padStart(line.length))];
}

/** What shades, short names and lines mean. */
function key(panel: HeatPanel, inWords: boolean, width: number): string[] {
  const { colour, classes, cells, lines } = panel;
  const used = new Set(cells.flat().map((cell) => cell?.cellClass));
  const [low, high] = colour.domain.map(formatShort);
  const entries = [
    ...(inWords ? [] : [`${low} ${SHADES} ${high}`]),
    ...classes.filter(({ name }) => used.has(name)).map(({ name, short }) => `${short} ${name}`),
    ...lines.filter(({ name }) => name !== null).map(({ name }) => `╎ ${name}`),
  ];
  const packed: string[] = [];
  for (const entry of entries) {
    const joined = `${packed.at(-1)}   ${entry}`;
    if (packed.length > 0 && joined.length <= width) packed[packed.length - 1] = joined;
    else packed.push(entry);
  }
  return packed;
}
