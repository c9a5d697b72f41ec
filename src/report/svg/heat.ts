/** A heat map as an SVG element: colours with a scale, classes by hatching or outline, lines over the cells. */
import * as Plot from "@observablehq/plot";
import { formatTick, fractionOf, ticksOf } from "../axis.ts";
import { cellsOf, clipped, formatCell, type Cells } from "../cells.ts";
import type { Axis, CellClass, HeatCell, HeatPanel, LineMark } from "../figure.ts";
import { LIGHT, type Theme } from "../theme.ts";
import { cellLook, type Box } from "./cell-look.ts";
import {
  element,
  FONT,
  heading,
  HEADING,
  setAttributes,
  SVG,
  textElement,
  widthOf,
  X_AXIS,
  type PanelSize,
} from "./elements.ts";
import { LEGEND_ROW, legendEntry, legendRows, STROKE, type LegendEntry } from "./legend.ts";
import { DASHES } from "./markers.ts";

/** The colour scale in the heading: place, size, and the room that it takes with its ticks, pixels. */
const SCALE = { left: 14, top: HEADING + 4, width: 168, height: 10, room: 34 };
/** The least and greatest height of a row of cells; what keeps their words from the edge, pixels. */
const ROW = { least: 20, most: 36 };
const INSET = 4;
/** Room for the y axis's words, above the cells, pixels. */
const Y_LABEL = 22;
/** Letters in cells: pixels, and against those that `widthOf` measures. */
const CELL_FONT = 11;
const SMALLER = CELL_FONT / FONT;

/** Where everything stands, pixels. */
interface Layout {
  readonly legend: LegendEntry[][];
  readonly columns: Cells;
  readonly rows: Cells;
  /** The cells together. */
  readonly field: Box;
  /** The words of every how many columns are printed; 0 where all are, aslant. */
  readonly every: number;
}

/** The height that suits a heat map of this width, pixels. */
export function heatHeight(panel: HeatPanel, width: number): number {
  const { field, every, columns } = layoutOf(panel, width, 0);
  const column = field.width / columns.words.length;
  const row = Math.min(ROW.most, Math.max(ROW.least, Math.round(0.62 * column)));
  return field.y + row * panel.cells.length + footOf(columns.words, every);
}

/** A heat map in the theme's colours; the colours of its cells are the same in every theme. */
export function drawHeat(
  document: Document,
  panel: HeatPanel,
  { width, height }: PanelSize,
  theme: Theme,
): Element {
  const layout = layoutOf(panel, width, height);
  const svg = element(document, "svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` });
  const asides = [panel.colour.unit, panel.note].filter((each) => each !== null);
  svg.append(heading(document, panel.colour.label, asides.join(", "), theme));
  svg.append(...colourScale(document, panel, theme));
  layout.legend.forEach((row, i) => {
    for (const entry of row) svg.append(legendEntry(document, entry, SCALE.top + 1 + i * LEGEND_ROW, theme));
  });
  const cells = drawnCells(panel, layout, theme);
  svg.append(
    ...axes(document, panel, layout, theme),
    ...cells.flatMap((cell) => ground(document, cell)),
    ...panel.lines.flatMap((line) => lineOver(document, line, layout, theme)),
    // Words last, so that no line strikes them out.
    ...cells.flatMap((cell) => cellWords(document, cell)),
  );
  return svg;
}

function layoutOf(panel: HeatPanel, width: number, height: number): Layout {
  const columns = cellsOf(panel.x);
  const rows = cellsOf(panel.y);
  const used = new Set(panel.cells.flat().map((cell) => cell?.cellClass));
  const classes = panel.classes.filter(({ name }) => used.has(name));
  const legend = legendRows([...classes, ...panel.lines], width, SCALE.left + SCALE.width + 34);
  const top = HEADING + Math.max(SCALE.room, LEGEND_ROW * legend.length + 8) + Y_LABEL;
  const left = Math.ceil(Math.max(...rows.words.map(widthOf)) + 10);
  const last = widthOf(columns.words.at(-1) ?? "") / 2 - (width - left) / columns.words.length / 2;
  const fieldWidth = width - left - Math.max(2, Math.ceil(last));
  const every = everyOf(columns.words, fieldWidth / columns.words.length, panel.x.kind);
  const foot = footOf(columns.words, every);
  const field = { x: left, y: top, width: fieldWidth, height: Math.max(0, height - top - foot) };
  return { legend, columns, rows, field, every };
}

/** Numbers are left out where they would touch; names never are. */
function everyOf(words: readonly string[], room: number, kind: "numbers" | "categories"): number {
  const needed = Math.max(...words.map(widthOf)) + 6;
  if (needed <= room) return 1;
  return kind === "categories" ? 0 : Math.ceil(needed / room);
}

/** Height of what is below the cells; words aslant need more. */
function footOf(words: readonly string[], every: number): number {
  return X_AXIS + (every === 0 ? Math.ceil(0.5 * Math.max(...words.map(widthOf))) : 0);
}

/** A colour for each value: pale to dark, so that it also prints in grey. */
function colourOf({ colour }: HeatPanel): (value: number) => string {
  const { scale: type, domain } = colour;
  const scale = Plot.scale({ color: { type, domain: [...domain], scheme: "ylgnbu" } });
  // Held to the ends first: what is not positive has no logarithm.
  return (value) => String(scale?.apply(Math.min(domain[1], Math.max(domain[0], value))));
}

/** Letters that can be read on a colour: dark or white, whichever has the higher contrast. */
function inkOn(colour: string): string {
  const [red, green, blue] = (colour.match(/\d+/g) ?? []).map((channel) => (Number(channel) / 255) ** 2.2);
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  // Contrast (L + 0.05) to each is equal where L + 0.05 = sqrt(1.05 * (0.017 + 0.05)).
  return luminance > 0.215 ? LIGHT.ink : "#ffffff";
}

function colourScale(document: Document, panel: HeatPanel, theme: Theme): Element[] {
  const { colour } = panel;
  const STEPS = 56;
  const [low, high] = colour.domain;
  const fill = colourOf(panel);
  const valueAt = (t: number): number =>
    colour.scale === "log" ? low * (high / low) ** t : low + t * (high - low);
  const stripes = Array.from({ length: STEPS }, (_, i) =>
    element(document, "rect", {
      x: SCALE.left + (i * SCALE.width) / STEPS,
      y: SCALE.top,
      // A little wider than a stripe, so that no seam shows.
      width: SCALE.width / STEPS + (i < STEPS - 1 ? 0.5 : 0),
      height: SCALE.height,
      fill: fill(valueAt((i + 0.5) / STEPS)),
    }),
  );
  const labels = scaleTicks(colour).map(({ tick, words }) =>
    textElement(document, "text", words, {
      x: SCALE.left + fractionOf(colour, tick) * SCALE.width,
      y: SCALE.top + SCALE.height + 13,
      "text-anchor": "middle",
      "font-size": CELL_FONT,
      fill: theme.muted,
    }),
  );
  return [...stripes, ...labels];
}

/** As many ticks, up to about four, as have room under the scale. */
function scaleTicks(colour: Axis): { tick: number; words: string }[] {
  for (let count = 4; ; count--) {
    const ticks = ticksOf(colour, count);
    const worded = ticks.map((tick) => ({ tick, words: formatTick(colour, tick, ticks) }));
    const needed = worded.reduce((sum, { words }) => sum + SMALLER * widthOf(words) + 8, 0);
    if (needed <= SCALE.width || count === 1) return worded;
  }
}

function axes(document: Document, panel: HeatPanel, layout: Layout, theme: Theme): Element[] {
  const { columns, rows, field, every } = layout;
  const text = (content: string, place: Record<string, string | number>): Element =>
    textElement(document, "text", content, { fill: theme.muted, ...place });
  const foot = field.y + field.height;
  const below = columns.words.map((word, i) => {
    const x = field.x + middleOf(columns, i) * field.width;
    const size = { "font-size": FONT - 0.5 };
    if (every > 0) return text(word, { ...size, x, y: foot + 16, "text-anchor": "middle" });
    const turn = `translate(${x + 4},${foot + 14}) rotate(-30)`;
    return text(word, { ...size, transform: turn, "text-anchor": "end" });
  });
  const beside = rows.words.map((word, i) =>
    text(word, {
      x: field.x - 8,
      y: field.y + (1 - middleOf(rows, i)) * field.height + 4,
      "text-anchor": "end",
      "font-size": FONT - 0.5,
    }),
  );
  const end = { x: field.x + field.width, y: foot + footOf(columns.words, every) - 6, "text-anchor": "end" };
  return [
    text(withUnit(panel.y), { x: 0, y: field.y - 8, "text-anchor": "start" }),
    ...below.filter((_, i) => every === 0 || i % every === 0),
    ...beside,
    text(withUnit(panel.x), end),
  ];
}

function withUnit({ label, unit }: HeatPanel["x"]): string {
  return unit === null ? label : `${label}, ${unit}`;
}

function middleOf({ edges }: Cells, index: number): number {
  return (edges[index] + edges[index + 1]) / 2;
}

/** A cell with its place, its colours and its words. */
interface DrawnCell {
  readonly box: Box;
  readonly colour: string;
  readonly ink: string;
  /** What is printed; empty for nothing. */
  readonly value: string;
  readonly cellClass: CellClass | undefined;
}

function drawnCells(panel: HeatPanel, layout: Layout, theme: Theme): DrawnCell[] {
  const { columns, rows, field } = layout;
  const fill = colourOf(panel);
  const printed = panel.printed && valuesFit(panel, layout);
  return panel.cells.flatMap((row, i) =>
    row.flatMap((cell, j) => {
      if (!cell) return [];
      // Half a pixel on each side shows what is behind: cells stay apart where their colours are alike.
      const box = {
        x: field.x + columns.edges[j] * field.width + 0.5,
        y: field.y + (1 - rows.edges[i + 1]) * field.height + 0.5,
        width: (columns.edges[j + 1] - columns.edges[j]) * field.width - 1,
        height: (rows.edges[i + 1] - rows.edges[i]) * field.height - 1,
      };
      const hasValue = Number.isFinite(cell.value);
      const colour = hasValue ? fill(cell.value) : theme.grid;
      const value = printed ? formatCell(panel.colour, cell.value) : "";
      const cellClass = panel.classes.find(({ name }) => name === cell.cellClass);
      return [{ box, colour, ink: hasValue ? inkOn(colour) : theme.ink, value, cellClass }];
    }),
  );
}

function ground(document: Document, { box, colour, ink, cellClass }: DrawnCell): Element[] {
  const rect = element(document, "rect", { ...box, fill: colour, "aria-label": "cell" });
  return [rect, ...(cellClass ? cellLook(document, cellClass.look, box, ink) : [])];
}

/** Values are printed in all cells or in none. */
function valuesFit({ cells, colour }: HeatPanel, { columns, field }: Layout): boolean {
  const narrowest = Math.min(...columns.edges.slice(1).map((edge, i) => edge - columns.edges[i]));
  const words = cells.flat().map((cell: HeatCell | null) => (cell ? formatCell(colour, cell.value) : ""));
  return Math.max(...words.map(widthOf)) * SMALLER + INSET <= narrowest * field.width;
}

/** The value, and the name of the class under it, or its short form beside it, as far as there is room. */
function cellWords(document: Document, { box, colour, ink, value, cellClass }: DrawnCell): Element[] {
  const { x, y, width, height } = box;
  const fits = (words: string): boolean => SMALLER * widthOf(words) + INSET <= width;
  const { name, short } = cellClass ?? { name: "", short: "" };
  const named = fits(name) ? name : fits(short) ? short : "";
  const twoLines = height >= 2 * CELL_FONT + 5;
  const lines = [value, named].filter(Boolean);
  const beside = `${value} ${short}`;
  const words = lines.length < 2 || twoLines ? lines : [fits(beside) ? beside : value];
  return words.map((line, i) =>
    textElement(document, "text", line, {
      x: x + width / 2,
      y: y + height / 2 + 4 + (i - (words.length - 1) / 2) * (CELL_FONT + 2),
      "text-anchor": "middle",
      "font-size": CELL_FONT,
      fill: ink,
      stroke: colour,
      "stroke-width": 3,
      "paint-order": "stroke",
    }),
  );
}

/** A line with an edge in the page's colour, so that it shows on every colour; cut where it leaves the cells. */
function lineOver(
  document: Document,
  line: LineMark,
  { columns, rows, field }: Layout,
  theme: Theme,
): Element[] {
  const fractions = line.points.map(({ x, y }) => ({ x: columns.fractionOf(x), y: rows.fractionOf(y) }));
  const pieces = clipped(fractions).map((piece) =>
    piece.map(({ x, y }) => `${field.x + x * field.width},${field.y + (1 - y) * field.height}`).join("L"),
  );
  if (pieces.length === 0) return [];
  const dashes = DASHES[line.dash ?? (line.style === "dashed" ? "dashed" : "solid")];
  const path = { d: pieces.map((piece) => `M${piece}`).join(""), fill: "none", "stroke-linejoin": "round" };
  const edge = element(document, "path", { ...path, stroke: theme.background, "stroke-opacity": 0.85 });
  setAttributes(edge, { "stroke-width": STROKE[line.style] + 3 });
  const drawn = element(document, "path", {
    ...path,
    stroke: theme.tones[line.tone],
    "stroke-width": STROKE[line.style],
    "aria-label": "line",
    ...(dashes ? { "stroke-dasharray": dashes } : {}),
  });
  return [edge, drawn];
}
