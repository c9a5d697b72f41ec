/** Small figures, and what to look for in their drawings. */
import { parseHTML } from "linkedom";
import {
  renderFigureSvg,
  renderFigureText,
  type Axis,
  type BoundaryMark,
  type Figure,
  type HeatPanel,
  type IntervalMark,
  type LineMark,
  type Mark,
  type Panel,
  type RuleMark,
} from "../../src/report/index.ts";

export const figureOf = (...panels: Panel[]): Figure => ({
  id: "figure",
  title: "Title",
  caption: "Caption.",
  layout: "wide",
  panels,
});
export const svgOf = (figure: Figure, width?: number): Document =>
  parseHTML(`<html><body>${renderFigureSvg(figure, { width })}</body></html>`).document;
export const textOf = (figure: Figure, width = 80): string[] =>
  renderFigureText(figure, { width, colour: false }).split("\n");
export const numbers = (text: string | null | undefined): number[] =>
  (text ?? "").match(/-?\d+(\.\d+)?/g)?.map(Number) ?? [];
export const wordsIn = (document: Document): string[] =>
  [...document.querySelectorAll("text")].map(({ textContent }) => textContent ?? "");
export const textNamed = (document: Document, words: string): Element => {
  const found = [...document.querySelectorAll("text")].find(({ textContent }) => textContent === words);
  if (!found) throw new Error(`no text ${words}`);
  return found;
};
export const at = (element: Element, name: string): number => Number(element.getAttribute(name));

export const axis = (more: Partial<Axis> & Pick<Axis, "domain">): Axis => ({
  label: "y",
  unit: null,
  scale: "linear",
  format: "number",
  ...more,
});
export const line = (points: [number, number][], more: Partial<LineMark> = {}): LineMark => ({
  kind: "line",
  name: null,
  tone: "neutral",
  style: "strong",
  points: points.map(([x, y]) => ({ x, y })),
  ...more,
});
export const intervals = (
  points: [number, number, number, number][],
  more: Partial<IntervalMark> = {},
): IntervalMark => ({
  kind: "intervals",
  name: null,
  tone: "series1",
  marker: "circle",
  joined: null,
  points: points.map(([x, low, y, high]) => ({ x, low, y, high })),
  ...more,
});
export const boundary = (x: number, name: string | null = null): BoundaryMark => ({
  kind: "boundary",
  name,
  tone: "neutral",
  style: "dashed",
  x,
});
export const rule = (y: number): RuleMark => ({
  kind: "rule",
  name: null,
  tone: "neutral",
  style: "solid",
  y,
});
export const xy = (marks: Mark[], more: { x?: Partial<Axis>; y?: Partial<Axis> } = {}): Panel => ({
  kind: "xy",
  note: null,
  x: axis({ label: "x", domain: [0, 10], ...more.x }),
  y: axis({ domain: [0, 10], ...more.y }),
  marks,
});

/** Three columns 1, 10, 100 and two rows 0.1, 1, all on logarithmic scales. */
export const heat = (more: Partial<HeatPanel> = {}): HeatPanel => ({
  kind: "heat",
  note: null,
  x: { kind: "numbers", label: "Policy step", unit: "per sample", scale: "log", values: [1, 10, 100] },
  y: { kind: "numbers", label: "Reward step", unit: null, scale: "log", values: [0.1, 1] },
  colour: axis({ label: "Error", unit: "nats, log scale", scale: "log", domain: [0.01, 100] }),
  cells: [
    [0.01, 0.1, 1].map((value) => ({ value, cellClass: null })),
    [
      { value: 10, cellClass: "oscillates" },
      { value: NaN, cellClass: "diverges" },
      { value: 100, cellClass: null },
    ],
  ],
  printed: true,
  classes: [
    { name: "diverges", short: "D", look: "crossed" },
    { name: "oscillates", short: "O", look: "hatched" },
    { name: "stalls", short: "S", look: "outlined" },
  ],
  lines: [],
  ...more,
});
