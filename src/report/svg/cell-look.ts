/** Looks of classes of cells, as plain paths: they print, and need no definitions elsewhere in the file. */
import type { CellClass } from "../figure.ts";
import { element } from "./elements.ts";

/** A rectangle, pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Distance of hatching lines along an edge, pixels. */
const HATCH = 7;

/** What is drawn over a cell of this look. */
export function cellLook(document: Document, look: CellClass["look"], box: Box, ink: string): Element[] {
  if (look === "plain") return [];
  if (look === "outlined") {
    const inside = { x: box.x + 1, y: box.y + 1, width: box.width - 2, height: box.height - 2 };
    return [element(document, "rect", { ...inside, fill: "none", stroke: ink, "stroke-width": 2 })];
  }
  const d = look === "hatched" ? hatching(box) : crossing(box);
  return [element(document, "path", { d, fill: "none", stroke: ink, "stroke-opacity": 0.5 })];
}

/** Rising lines at 45 degrees, cut at the edges. */
function hatching({ x, y, width, height }: Box): string {
  const lines: string[] = [];
  for (let foot = HATCH / 2; foot < width + height; foot += HATCH) {
    const start = { x: x + Math.min(foot, width), y: y + height - Math.max(0, foot - width) };
    const end = { x: x + Math.max(0, foot - height), y: y + height - Math.min(foot, height) };
    lines.push(`M${start.x},${start.y}L${end.x},${end.y}`);
  }
  return lines.join("");
}

function crossing({ x, y, width, height }: Box): string {
  return `M${x},${y}l${width},${height}M${x + width},${y}l${-width},${height}`;
}
