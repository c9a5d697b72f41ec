/** Where the cells of a heat map stand, one way for every medium: fractions of its width or height, 0 to 1. */
import { TandemError } from "../core/index.ts";
import { formatShort } from "./axis.ts";
import type { Axis, CellAxis, NumberAxis, Point } from "./figure.ts";
import { formatShare, formatValue } from "./numbers.ts";

/** One side of a heat map, divided. */
export interface Cells {
  /** Fractions, increasing, [cells + 1], from 0 to 1. */
  readonly edges: readonly number[];
  /** What the axis says at each cell, [cells]. */
  readonly words: readonly string[];
  /** Where a line's coordinate lies; outside of 0 to 1 beyond the cells. */
  readonly fractionOf: (value: number) => number;
}

/** Divides a side. Categories are equally wide; numbers reach half-way to their neighbours on the axis's scale. */
export function cellsOf(axis: CellAxis): Cells {
  if (axis.kind === "numbers") return numberCells(axis);
  const count = axis.names.length;
  return {
    edges: Array.from({ length: count + 1 }, (_, i) => i / count),
    words: axis.names,
    fractionOf: (index) => (index + 0.5) / count,
  };
}

function numberCells({ scale, values, label }: NumberAxis): Cells {
  const isRising = values.every((value, i) => i === 0 || value > values[i - 1]);
  if (values.length < 2 || !isRising || (scale === "log" && values[0] <= 0)) {
    throw new TandemError(
      "cellsOf",
      `expected two or more increasing ${scale === "log" ? "positive " : ""}numbers for ${label}, got [${values.join(", ")}]; name the cells as categories instead`,
    );
  }
  const onScale = (value: number): number => (scale === "log" ? Math.log(value) : value);
  const at = values.map(onScale);
  const last = at.length - 1;
  const inner = at.slice(1).map((position, i) => (position + at[i]) / 2);
  const low = at[0] - (inner[0] - at[0]);
  const high = at[last] + (at[last] - inner[last - 1]);
  const fraction = (position: number): number => (position - low) / (high - low);
  return {
    edges: [0, ...inner.map(fraction), 1],
    words: values.map(formatShort),
    fractionOf: (value) => fraction(onScale(value)),
  };
}

/** A value as it is printed in a cell: at most three significant digits. */
export function formatCell({ format }: Axis, value: number): string {
  if (!Number.isFinite(value)) return "";
  if (format === "percent") return formatShare(value);
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) return formatValue(value);
  return formatShort(Number(value.toPrecision(2)));
}

/** Pieces of a line, in fractions of both sides, within the unit square; parted where it leaves or has a gap. */
export function clipped(points: readonly Point[]): Point[][] {
  const pieces: Point[][] = [];
  points.slice(1).forEach((to, i) => {
    const piece = clippedSegment(points[i], to);
    if (!piece) return;
    const end = pieces.at(-1)?.at(-1);
    if (end && end.x === piece[0].x && end.y === piece[0].y) pieces.at(-1)?.push(piece[1]);
    else pieces.push(piece);
  });
  return pieces;
}

/** The part of a segment within the unit square (Liang and Barsky 1984); null for none. */
function clippedSegment(from: Point, to: Point): [Point, Point] | null {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  if (!Number.isFinite(dx) || !Number.isFinite(dy)) return null;
  let [enter, leave] = [0, 1];
  for (const [speed, room] of [
    [-dx, from.x],
    [dx, 1 - from.x],
    [-dy, from.y],
    [dy, 1 - from.y],
  ]) {
    if (speed === 0 && room < 0) return null;
    if (speed < 0) enter = Math.max(enter, room / speed);
    if (speed > 0) leave = Math.min(leave, room / speed);
  }
  if (enter > leave) return null;
  const at = (t: number): Point =>
    t === 0 ? from : t === 1 ? to : { x: from.x + t * dx, y: from.y + t * dy };
  return [at(enter), at(leave)];
}
