/** The marks of a figure as marks of Observable Plot. */
import * as Plot from "@observablehq/plot";
import type { Axis, BoundaryMark, LineMark, Mark, Point, RuleMark, XyPanel } from "../figure.ts";
import { formatValue, grouped, typographic } from "../numbers.ts";
import type { Theme } from "../theme.ts";
import { element, NARROW } from "./elements.ts";
import { intervals, shapes, standBeside } from "./intervals.ts";
import { STROKE } from "./legend.ts";
import { DASHES } from "./markers.ts";

const MOST_MARKERS = 100;

/** All marks of a panel that is `width` pixels wide, in their order. */
export function plotMarks(panel: XyPanel, width: number, theme: Theme): Plot.Markish[] {
  const beside = standBeside(panel.marks);
  return panel.marks.flatMap((mark) => {
    if (mark.kind !== "intervals") return plotMark(mark, panel, width, theme);
    return intervals(mark, panel, beside.get(mark) ?? 0, { narrow: width < NARROW, theme });
  });
}

function plotMark(
  mark: Exclude<Mark, { kind: "intervals" }>,
  panel: XyPanel,
  width: number,
  theme: Theme,
): Plot.Markish[] {
  const colour = theme.tones[mark.tone];
  if (mark.kind === "rule") return [rule(mark, theme)];
  if (mark.kind === "boundary") return [boundary(mark, theme)];
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
    strokeDasharray: DASHES[mark.dash ?? (mark.style === "dashed" ? "dashed" : "solid")],
    strokeLinejoin: "round",
  });
  if (mark.style !== "marked" || points.length > MOST_MARKERS) return [line];
  if (mark.marker) {
    const look = { fill: colour, edge: theme.background, r: width < NARROW ? 3 : 3.6 };
    return [line, shapes(points, mark.marker, panel, look)];
  }
  return [line, markers(mark, colour, panel.x, panel.y, width < NARROW ? 1.8 : 2.6)];
}

function rule({ name, tone, style, y }: RuleMark, theme: Theme): Plot.Markish {
  const isZeroLine = name === null;
  return Plot.ruleY([y], {
    stroke: isZeroLine ? theme.muted : theme.tones[tone],
    strokeOpacity: isZeroLine ? 0.6 : 1,
    strokeWidth: style === "dotted" ? 1.75 : 1.25,
    strokeDasharray: DASHES[style],
    strokeLinecap: style === "dotted" ? "round" : undefined,
  });
}

function boundary({ tone, style, x }: BoundaryMark, theme: Theme): Plot.Markish {
  return Plot.ruleX([x], {
    stroke: theme.tones[tone],
    strokeWidth: style === "dotted" ? 1.75 : 1.25,
    strokeDasharray: DASHES[style],
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
