/** Shapes of points, as paths of about equal area. */
import type { Dash, Marker } from "../figure.ts";

/** Lengths drawn and left out, pixels; none for a whole line. */
export const DASHES: Readonly<Record<Dash, string | undefined>> = {
  solid: undefined,
  dashed: "5,4",
  dotted: "1.5,3.5",
  "dash-dot": "7,3,1.5,3",
  "long-dashed": "11,4",
};

/** The path of a marker about (x, y); `r` is the radius of the circle of the same area. */
export function markerPath(marker: Marker, x: number, y: number, r: number): string {
  if (marker === "circle") return `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`;
  if (marker === "square") {
    const half = 0.886 * r;
    return `M${x - half},${y - half}h${2 * half}v${2 * half}h${-2 * half}Z`;
  }
  if (marker === "triangle") {
    const side = 1.35 * r;
    return `M${x},${y - 1.15 * side}l${side},${1.73 * side}h${-2 * side}Z`;
  }
  if (marker === "diamond") {
    const half = 1.253 * r;
    return `M${x},${y - half}l${half},${half}l${-half},${half}l${-half},${-half}Z`;
  }
  const [reach, arm] = [1.25 * r, 0.37 * r];
  const step = reach - arm;
  return (
    `M${x - arm},${y - reach}h${2 * arm}v${step}h${step}v${2 * arm}h${-step}v${step}` +
    `h${-2 * arm}v${-step}h${-step}v${-2 * arm}h${step}Z`
  );
}
