/** How series look: colour, shape and dash together, so that none of the three is needed to tell them apart. */
import { TandemError } from "../core/index.ts";
import type { Dash, LevelTone, Marker, SeriesTone, Tone } from "./figure.ts";

/** The look of one series. */
export interface SeriesLook<T extends Tone = Tone> {
  readonly tone: T;
  readonly marker: Marker;
  readonly dash: Dash;
}

/** How many series one panel tells apart. */
export const MOST_SERIES = 5;
const MARKERS: readonly Marker[] = ["circle", "square", "triangle", "diamond", "cross"];
const DASHES: readonly Dash[] = ["solid", "dashed", "dash-dot", "dotted", "long-dashed"];

/** The look of series `index` (0 to 4) of several without an order, such as methods. */
export function seriesLook(index: number): SeriesLook<SeriesTone> {
  check("seriesLook", index, MOST_SERIES);
  return { tone: `series${index + 1}` as SeriesTone, marker: MARKERS[index], dash: DASHES[index] };
}

/** The look of level `index` of `count` (at most 5) of one quantity, lowest first; colours spread over all five. */
export function levelLook(index: number, count: number): SeriesLook<LevelTone> {
  check("levelLook", count - 1, MOST_SERIES);
  check("levelLook", index, count);
  const level = count === 1 ? MOST_SERIES : 1 + Math.round((index * (MOST_SERIES - 1)) / (count - 1));
  return { tone: `level${level}` as LevelTone, marker: MARKERS[index], dash: DASHES[index] };
}

function check(where: string, index: number, count: number): void {
  if (Number.isInteger(index) && index >= 0 && index < count) return;
  throw new TandemError(
    where,
    `expected a series from 0 to ${count - 1}, got ${index}; show the rest in another panel`,
  );
}
