/** Points of a shape, and points with an upright interval each. */
import type * as Plot from "@observablehq/plot";
import type { Interval, IntervalMark, Mark, Marker, Point, XyPanel } from "../figure.ts";
import { formatValue, grouped } from "../numbers.ts";
import type { Theme } from "../theme.ts";
import { element, textElement } from "./elements.ts";
import { STROKE } from "./legend.ts";
import { DASHES, markerPath } from "./markers.ts";

/** Half the length of the stroke that ends an interval, and the distance of neighbours at one x, pixels. */
const CAP = 3;
const BESIDE = 7;

/**
 * How far each interval mark stands beside its x, pixels: nothing unless intervals of two marks overlap at one x, else
 * side by side in the order of the marks.
 */
export function standBeside(marks: readonly Mark[]): Map<Mark, number> {
  const all = marks.filter((mark) => mark.kind === "intervals");
  const overlap = all.some((mark, i) => all.slice(i + 1).some((other) => meet(mark, other)));
  const middle = (all.length - 1) / 2;
  return new Map(all.map((mark, i) => [mark, overlap ? (i - middle) * BESIDE : 0]));
}

function meet(one: IntervalMark, other: IntervalMark): boolean {
  return one.points.some((a) => other.points.some((b) => a.x === b.x && a.low <= b.high && b.low <= a.high));
}

/** Points of one shape, with their numbers where a pointer rests on them. */
export function shapes(
  points: readonly Point[],
  marker: Marker,
  { x: xAxis, y: yAxis }: XyPanel,
  look: { readonly fill: string; readonly edge: string; readonly r: number; readonly shift?: number },
): Plot.Markish {
  return (_index, { x, y }, _values, _dimensions, { document }) => {
    const group = element(document, "g", { fill: look.fill, stroke: look.edge, "aria-label": "marker" });
    group.setAttribute("stroke-width", "0.75");
    for (const point of points) {
      const [left, top] = [Number(x?.(point.x)) + (look.shift ?? 0), Number(y?.(point.y))];
      if (!Number.isFinite(left) || !Number.isFinite(top)) continue;
      const path = element(document, "path", { d: markerPath(marker, left, top, look.r) });
      const words = `${xAxis.label} ${grouped(point.x)}\n${yAxis.label} ${valueWords(point)}`;
      path.append(textElement(document, "title", words));
      group.append(path);
    }
    return group as SVGElement;
  };
}

function valueWords(point: Point | Interval): string {
  const value = formatValue(point.y);
  return "low" in point ? `${value} [${formatValue(point.low)}, ${formatValue(point.high)}]` : value;
}

/** Values with their intervals. An end beyond the axis is cut there and has no cap. */
export function intervals(
  mark: IntervalMark,
  panel: XyPanel,
  shift: number,
  look: { readonly narrow: boolean; readonly theme: Theme },
): Plot.Markish[] {
  const stroke = look.theme.tones[mark.tone];
  const [low, high] = panel.y.domain;
  const bars: Plot.Markish = (_index, { x, y }, _values, _dimensions, { document }) => {
    const pixel = (value: number): number => Number(y?.(Math.min(high, Math.max(low, value))));
    const cap = (left: number, value: number): string =>
      value >= low && value <= high ? `M${left - CAP},${pixel(value)}h${2 * CAP}` : "";
    const parts = mark.points.filter(isDrawn).map((point) => {
      const left = Number(x?.(point.x)) + shift;
      return `M${left},${pixel(point.low)}V${pixel(point.high)}${cap(left, point.low)}${cap(left, point.high)}`;
    });
    const style = { d: parts.join(""), fill: "none", stroke, "stroke-width": 1.25 };
    return element(document, "path", { ...style, "aria-label": "interval" }) as SVGElement;
  };
  const markers = shapes(mark.points, mark.marker, panel, {
    fill: stroke,
    edge: look.theme.background,
    r: look.narrow ? 3 : 3.6,
    shift,
  });
  return [...(mark.joined ? [joining(mark, stroke, shift)] : []), bars, markers];
}

function isDrawn({ x, y, low, high }: Interval): boolean {
  return Number.isFinite(x) && Number.isFinite(y) && !Number.isNaN(low) && !Number.isNaN(high);
}

function joining({ points, joined }: IntervalMark, stroke: string, shift: number): Plot.Markish {
  return (_index, { x, y }, _values, _dimensions, { document }) => {
    let isDown = false;
    const parts = points.map((point) => {
      const [left, top] = [Number(x?.(point.x)) + shift, Number(y?.(point.y))];
      const isPlace = Number.isFinite(left) && Number.isFinite(top);
      const part = isPlace ? `${isDown ? "L" : "M"}${left},${top}` : "";
      isDown = isPlace;
      return part;
    });
    const dashes = joined && DASHES[joined];
    return element(document, "path", {
      d: parts.join(""),
      fill: "none",
      stroke,
      "stroke-width": STROKE.strong,
      "aria-label": "line",
      ...(dashes ? { "stroke-dasharray": dashes } : {}),
    }) as SVGElement;
  };
}
