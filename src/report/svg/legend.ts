/** Legends: a key and its words for each entry, in rows. */
import type { CellClass, Mark, SeriesMark } from "../figure.ts";
import type { Theme } from "../theme.ts";
import { element, textElement, widthOf } from "./elements.ts";
import { cellLook } from "./cell-look.ts";
import { DASHES, markerPath } from "./markers.ts";

/** Height of one row of a legend, pixels. */
export const LEGEND_ROW = 19;
/** Width of a line with its style, pixels. */
export const STROKE = { strong: 2, marked: 2, dashed: 2, faint: 1 } as const;
/** Width of a legend's key and of the space between entries, pixels. */
const KEY = 24;
const BETWEEN_ENTRIES = 18;
const INDENTED_ROWS = 2;

/** What an entry explains. */
type Explained = SeriesMark | CellClass;

/** An entry of a legend, `x` pixels from the left. */
export interface LegendEntry {
  readonly explained: Explained;
  readonly name: string;
  readonly x: number;
}

/**
 * Entries for all that has a name and, being a series, points; in rows no wider than the panel. The first
 * `INDENTED_ROWS` begin at `indent`, where something else stands before them.
 */
export function legendRows(all: readonly (Mark | CellClass)[], width: number, indent = 0): LegendEntry[][] {
  const rows: LegendEntry[][] = [];
  let x = Infinity;
  for (const explained of all.filter(isExplained)) {
    const name = explained.name ?? "";
    const needed = KEY + widthOf(name);
    if (x + needed > width) {
      const isBeside = indent > 0 && rows.length < INDENTED_ROWS && indent + needed <= width;
      if (indent > 0 && !isBeside) {
        while (rows.length < INDENTED_ROWS) rows.push([]);
      }
      rows.push([]);
      x = isBeside ? indent : 0;
    }
    rows.at(-1)?.push({ explained, name, x });
    x += needed + BETWEEN_ENTRIES;
  }
  return rows;
}

function isExplained(mark: Mark | CellClass): mark is Explained {
  if (mark.name === null || ("kind" in mark && !("points" in mark))) return false;
  return !("points" in mark) || mark.points.length > 0;
}

/** An entry with its key, `top` pixels from above. */
export function legendEntry(
  document: Document,
  { explained, name, x }: LegendEntry,
  top: number,
  theme: Theme,
): Element {
  const group = element(document, "g", { transform: `translate(${x},${top})` });
  const words = { x: KEY, y: 8, "text-anchor": "start", fill: theme.muted };
  group.append(...keyOf(document, explained, theme), textElement(document, "text", name, words));
  return group;
}

function keyOf(document: Document, explained: Explained, theme: Theme): Element[] {
  if (!("kind" in explained)) {
    const box = { x: 0, y: -2, width: 18, height: 12 };
    const ground = element(document, "rect", { ...box, fill: theme.grid });
    return [ground, ...cellLook(document, explained.look, box, theme.ink)];
  }
  const colour = theme.tones[explained.tone];
  if (explained.kind === "dots") {
    return [element(document, "circle", { cx: 9, cy: 4, r: 2.6, fill: colour, "fill-opacity": 0.7 })];
  }
  if (explained.kind === "band") {
    return [element(document, "rect", { y: -1, width: 18, height: 10, fill: colour, "fill-opacity": 0.25 })];
  }
  if (explained.kind === "intervals") {
    const { joined, marker } = explained;
    const bar = element(document, "path", { d: "M9,-3v14", stroke: colour, "stroke-width": 1.25 });
    const line = joined ? [lineKey(document, colour, STROKE.strong, 1, DASHES[joined])] : [];
    return [bar, ...line, markerKey(document, marker, colour)];
  }
  const { style, marker, dash } = explained;
  const dashes = DASHES[dash ?? (style === "dashed" ? "dashed" : "solid")];
  const line = lineKey(document, colour, STROKE[style], style === "faint" ? 0.6 : 1, dashes);
  return style === "marked" && marker ? [line, markerKey(document, marker, colour)] : [line];
}

function markerKey(document: Document, marker: Parameters<typeof markerPath>[0], fill: string): Element {
  return element(document, "path", { d: markerPath(marker, 9, 4, 3.4), fill });
}

function lineKey(
  document: Document,
  stroke: string,
  width: number,
  opacity: number,
  dashes: string | undefined,
): Element {
  return element(document, "line", {
    x2: 18,
    y1: 4,
    y2: 4,
    stroke,
    "stroke-width": width,
    "stroke-opacity": opacity,
    ...(dashes ? { "stroke-dasharray": dashes } : {}),
  });
}
