/** The marks of a figure as marks of Observable Plot, and their keys in a legend. */
import * as Plot from "@observablehq/plot";
import type { Axis, LineMark, Mark, Point, RuleMark, XyPanel } from "../figure.ts";
import { formatValue, grouped, typographic } from "../numbers.ts";
import type { Theme } from "../theme.ts";
import { element, textElement, widthOf } from "./elements.ts";

/** Height of one row of a legend, pixels. */
export const LEGEND_ROW = 19;
/** Width of a legend's key and of the space between entries, pixels. */
const KEY = 24;
const BETWEEN_ENTRIES = 18;
const STROKE = { strong: 2, marked: 2, dashed: 2, faint: 1 } as const;
const DASH = { solid: undefined, dashed: "5,4", dotted: "1.5,3.5" } as const;
const MOST_MARKERS = 100;

/** One mark, in a panel that is `width` pixels wide. */
export function plotMarks(mark: Mark, { x, y }: XyPanel, width: number, theme: Theme): Plot.Markish[] {
  const colour = theme.tones[mark.tone];
  if (mark.kind === "rule") return [rule(mark, theme)];
  // What is not finite, nor positive on a logarithmic axis, Plot leaves out: a gap.
  if (mark.kind === "band") {
    return [Plot.areaY(mark.points, { x: "x", y1: "low", y2: "high", fill: colour, fillOpacity: 0.2 })];
  }
  const { points } = mark;
  if (mark.kind === "dots") {
    return [dots(points, colour)];
  }
  const line = Plot.line(points, {
    x: "x",
    y: "y",
    stroke: colour,
    strokeWidth: STROKE[mark.style],
    strokeOpacity: mark.style === "faint" ? 0.48 : 1,
    strokeDasharray: mark.style === "dashed" ? DASH.dashed : undefined,
    strokeLinejoin: "round",
  });
  if (mark.style !== "marked" || points.length > MOST_MARKERS) return [line];
  return [line, markers(mark, colour, x, y, width < 560 ? 1.8 : 2.6)];
}

/** An entry of a legend, `x` pixels from the left. */
export interface LegendEntry {
  readonly mark: Exclude<Mark, RuleMark>;
  readonly name: string;
  readonly x: number;
}

/** Entries for all named marks, in rows no wider than the panel. */
export function legendRows(marks: readonly Mark[], width: number): LegendEntry[][] {
  const rows: LegendEntry[][] = [];
  let x = Infinity;
  for (const mark of marks) {
    if (mark.kind === "rule" || mark.name === null || mark.points.length === 0) continue;
    const needed = KEY + widthOf(mark.name);
    if (x + needed > width) {
      rows.push([]);
      x = 0;
    }
    rows.at(-1)?.push({ mark, name: mark.name, x });
    x += needed + BETWEEN_ENTRIES;
  }
  return rows;
}

/** An entry with its key, `top` pixels from above. */
export function legendEntry(
  document: Document,
  { mark, name, x }: LegendEntry,
  top: number,
  theme: Theme,
): Element {
  const group = element(document, "g", { transform: `translate(${x},${top})` });
  const words = { x: KEY, y: 8, "text-anchor": "start", fill: theme.muted };
  group.append(keyOf(document, mark, theme.tones[mark.tone]), textElement(document, "text", name, words));
  return group;
}

function keyOf(document: Document, mark: LegendEntry["mark"], colour: string): Element {
  if (mark.kind === "dots") {
    return element(document, "circle", { cx: 9, cy: 4, r: 2.6, fill: colour, "fill-opacity": 0.7 });
  }
  if (mark.kind === "band") {
    return element(document, "rect", { y: -1, width: 18, height: 10, fill: colour, "fill-opacity": 0.25 });
  }
  return element(document, "line", {
    x2: 18,
    y1: 4,
    y2: 4,
    stroke: colour,
    "stroke-width": STROKE[mark.style],
    "stroke-opacity": mark.style === "faint" ? 0.6 : 1,
    ...(mark.style === "dashed" ? { "stroke-dasharray": DASH.dashed } : {}),
  });
}

function rule({ name, tone, style, y }: RuleMark, theme: Theme): Plot.Markish {
  const isZeroLine = name === null;
  return Plot.ruleY([y], {
    stroke: isZeroLine ? theme.muted : theme.tones[tone],
    strokeOpacity: isZeroLine ? 0.6 : 1,
    strokeWidth: style === "dotted" ? 1.75 : 1.25,
    strokeDasharray: DASH[style],
    strokeLinecap: style === "dotted" ? "round" : undefined,
  });
}

/** Each point of a line, with its numbers where a pointer rests on it. */
function markers({ points }: LineMark, fill: string, x: Axis, y: Axis, r: number): Plot.Markish {
  const finite = points.filter((point) => Number.isFinite(point.y));
  const title = (point: { x: number; y: number }): string =>
    typographic(`${x.label} ${grouped(point.x)}\n${y.label} ${formatValue(point.y)}`);
  return Plot.dot(finite, { x: "x", y: "y", r, fill, title });
}

/**
 * Many dots as a few paths of points with round ends: a tenth of the elements' weight. Dots of different paths darken
 * each other, so that dense places show.
 */
function dots(points: readonly Point[], stroke: string): Plot.Markish {
  const PATHS = 12;
  const { diameter, opacity } = dotLook(points.length);
  return (_index, { x, y }, _values, _dimensions, { document }) => {
    const style = { stroke, "stroke-opacity": opacity, "stroke-width": diameter, "stroke-linecap": "round" };
    const group = element(document, "g", { ...style, fill: "none", "aria-label": "dot" });
    const paths = Array.from({ length: PATHS }, () => "");
    points.forEach((point, i) => {
      if (Number.isFinite(point.x) && Number.isFinite(point.y)) {
        paths[i % PATHS] += `M${x?.(point.x)},${y?.(point.y)}h0`;
      }
    });
    for (const d of paths.filter(Boolean)) group.append(element(document, "path", { d }));
    return group as SVGElement;
  };
}

/** The more dots, the finer. */
function dotLook(count: number): { diameter: number; opacity: number } {
  if (count > 1000) return { diameter: 3.4, opacity: 0.3 };
  return count > 300 ? { diameter: 3.6, opacity: 0.4 } : { diameter: 4.4, opacity: 0.55 };
}
