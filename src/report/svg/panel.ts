/** One panel as an SVG element: Observable Plot draws inside the axes, headings and labels are set around them. */
import * as Plot from "@observablehq/plot";
import { axisOver, formatTick, fractionOf, minorTicksOf, ticksOf } from "../axis.ts";
import type { Axis, Bar, BarPanel, BoundaryMark, Mark, Panel, RuleMark, XyPanel } from "../figure.ts";
import { formatValue, typographic } from "../numbers.ts";
import type { Theme } from "../theme.ts";
import {
  element,
  FONT,
  heading,
  HEADING,
  NARROW,
  roundPositions,
  setAttributes,
  textElement,
  widthOf,
  X_AXIS,
  type PanelSize,
} from "./elements.ts";
import { drawHeat } from "./heat.ts";
import { LEGEND_ROW, legendEntry, legendRows } from "./legend.ts";
import { plotMarks } from "./marks.ts";

/** The interface's letters of whatever system shows the drawing. */
export const SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
/** Height of a row of words above boundaries, pixels. */
const BOUNDARY_ROW = 17;

/** A panel in the theme's colours. */
export function drawPanel(document: Document, panel: Panel, size: PanelSize, theme: Theme): Element {
  const svg = drawn(document, panel, size, theme);
  svg.querySelector("style")?.remove();
  svg.removeAttribute("class");
  setAttributes(svg, { "font-size": FONT, "font-family": SANS, fill: theme.ink });
  roundPositions(svg);
  return svg;
}

function drawn(document: Document, panel: Panel, size: PanelSize, theme: Theme): Element {
  if (panel.kind === "bars") return drawBars(document, panel, size, theme);
  if (panel.kind === "heat") return drawHeat(document, panel, size, theme);
  return drawXy(document, panel, size, theme);
}

/** The height that suits so many bars, pixels. */
export function barsHeight({ bars }: BarPanel): number {
  return HEADING + 14 + 34 * bars.length;
}

/** What the words above the axes need beyond one row of legend, pixels. */
export function wordsAbove({ marks }: XyPanel, width: number): number {
  const rows = legendRows(marks, width).length;
  const boundaries = marks.filter((mark) => mark.kind === "boundary" && mark.name !== null).length;
  return LEGEND_ROW * Math.max(0, rows - 1) + BOUNDARY_ROW * Math.min(2, boundaries);
}

// ---- two axes ----------------------------------------------------------------------------------------------------

function drawXy(document: Document, panel: XyPanel, { width, height }: PanelSize, theme: Theme): Element {
  const { x, y, marks } = panel;
  const legend = legendRows(marks, width);
  const rules = marks.filter((mark) => mark.kind === "rule" && mark.name !== null) as RuleMark[];
  const ruleWords = rules.map(({ name, y }) =>
    width < NARROW ? `${name}` : typographic(`${name} ${formatValue(y)}`),
  );
  const besideWords = Math.ceil(Math.max(0, ...ruleWords.map((words) => widthOf(words) + 12)));
  const xTicks = worded(x, width < NARROW ? 5 : 9);
  const yTicks = worded(y, Math.round((height - HEADING - LEGEND_ROW * legend.length - 10 - X_AXIS) / 50));
  const halfLastTick = widthOf(xTicks.words.at(-1) ?? "") / 2;
  const marginRight = Math.ceil(Math.max(4, halfLastTick, besideWords));
  const marginLeft = Math.ceil(Math.max(...yTicks.words.map(widthOf)) + 12);
  const flags = boundaryFlags(marks, x, { left: marginLeft, right: width - marginRight });
  const boundaryRows = 1 + Math.max(-1, ...flags.map(({ row }) => row));
  const marginTop = HEADING + LEGEND_ROW * legend.length + BOUNDARY_ROW * boundaryRows + 10;
  const ticks = { tickSize: 0, label: null, fill: theme.muted, fontSize: FONT - 0.5 };
  const svg = Plot.plot({
    document,
    width,
    height,
    marginTop,
    marginRight,
    marginBottom: X_AXIS,
    marginLeft,
    x: { type: x.scale, domain: x.domain, axis: null },
    y: { type: y.scale, domain: y.domain, axis: null },
    marks: [
      ...logGrid(x, y, xTicks.values, yTicks.values, theme),
      Plot.gridY(yTicks.values, { stroke: theme.grid, strokeOpacity: 1 }),
      Plot.axisY(yTicks.values, { ...ticks, text: yTicks.words, tickPadding: 8 }),
      Plot.axisX(xTicks.values, { ...ticks, text: xTicks.words, tickSize: 4, stroke: theme.muted }),
      Plot.frame({ anchor: "bottom", stroke: theme.muted, strokeOpacity: 0.5 }),
      ...plotMarks(panel, width, theme),
    ],
  }) as unknown as Element;

  const asides = [y.unit, panel.note].filter((each) => each !== null);
  svg.append(heading(document, y.label, asides.join(", "), theme));
  legend.forEach((row, i) => {
    for (const entry of row) svg.append(legendEntry(document, entry, HEADING + 6 + i * LEGEND_ROW, theme));
  });
  svg.append(
    textElement(document, "text", x.unit === null ? x.label : `${x.label}, ${x.unit}`, {
      x: width - marginRight,
      y: height - 6,
      "text-anchor": "end",
      fill: theme.muted,
    }),
  );
  for (const flag of flags) svg.append(...drawFlag(document, flag, marginTop, theme));
  const span = height - X_AXIS - marginTop;
  const levels = rules.map((rule) => marginTop + (1 - fractionOf(y, rule.y)) * span);
  apart(levels, FONT + 2).forEach((level, i) => {
    const { tone } = rules[i];
    const fill = tone === "neutral" ? theme.muted : theme.tones[tone];
    const place = { x: width - marginRight + 8, y: level + 4, "text-anchor": "start", fill };
    svg.append(textElement(document, "text", ruleWords[i], place));
  });
  return svg;
}

function worded(axis: Axis, count: number): { values: number[]; words: string[] } {
  const values = ticksOf(axis, count);
  return { values, words: values.map((tick) => typographic(formatTick(axis, tick, values))) };
}

/** Fine lines between the ticks of logarithmic axes, and upright ones at the ticks of a logarithmic x. */
function logGrid(
  x: Axis,
  y: Axis,
  xTicks: readonly number[],
  yTicks: readonly number[],
  theme: Theme,
): Plot.Markish[] {
  const fine = { stroke: theme.grid, strokeOpacity: 0.5 };
  const upright =
    x.scale === "log" ? [Plot.gridX([...xTicks], { stroke: theme.grid, strokeOpacity: 1 })] : [];
  return [Plot.gridX(minorTicksOf(x, xTicks), fine), Plot.gridY(minorTicksOf(y, yTicks), fine), ...upright];
}

/** Words above a boundary, and the boundary's own place; pixels. */
interface Flag {
  readonly words: string;
  readonly at: number;
  readonly left: number;
  /** 0 next to the frame, 1 above. */
  readonly row: number;
}

/**
 * Words to the right of their boundaries, like flags, or to the left where there is no room; from the right one, so that
 * a boundary on its way up to its words passes no others.
 */
function boundaryFlags(
  marks: readonly Mark[],
  x: Axis,
  { left, right }: { left: number; right: number },
): Flag[] {
  const boundaries = marks.filter((mark) => mark.kind === "boundary" && mark.name !== null) as BoundaryMark[];
  const flags: Flag[] = [];
  for (const boundary of boundaries.sort((a, b) => b.x - a.x)) {
    const words = boundary.name ?? "";
    const at = left + fractionOf(x, boundary.x) * (right - left);
    const width = widthOf(words);
    const start = at + 4 + width <= right ? at + 4 : Math.max(0, at - 4 - width);
    const touches = (row: number): boolean =>
      flags.some(
        (other) =>
          other.row === row &&
          other.left < start + width + 8 &&
          start < other.left + widthOf(other.words) + 8,
      );
    let row = 0;
    while (touches(row)) row++;
    flags.push({ words, at, left: start, row });
  }
  return flags;
}

function drawFlag(
  document: Document,
  { words, at, left, row }: Flag,
  marginTop: number,
  theme: Theme,
): Element[] {
  const y = marginTop - 6 - BOUNDARY_ROW * row;
  const text = textElement(document, "text", words, {
    x: left,
    y,
    "text-anchor": "start",
    fill: theme.muted,
  });
  const staff = { x1: at, x2: at, y1: y - 9, y2: marginTop, stroke: theme.muted, "stroke-opacity": 0.7 };
  return [element(document, "line", staff), text];
}

/** Positions near those given that keep `distance` between neighbours, in the order given. */
function apart(positions: readonly number[], distance: number): number[] {
  const order = positions.map((_, i) => i).sort((a, b) => positions[a] - positions[b]);
  const placed = [...positions];
  for (let pass = 0; pass < 20; pass++) {
    for (let i = 1; i < order.length; i++) {
      const overlap = distance - (placed[order[i]] - placed[order[i - 1]]);
      if (overlap <= 0) continue;
      placed[order[i]] += overlap / 2;
      placed[order[i - 1]] -= overlap / 2;
    }
  }
  return placed;
}

// ---- bars --------------------------------------------------------------------------------------------------------

function drawBars(document: Document, panel: BarPanel, { width, height }: PanelSize, theme: Theme): Element {
  const { bars, title, unit } = panel;
  const reached = bars.flatMap(({ value, parts }) => [value, ...parts]);
  const { domain } = axisOver({ label: title, unit }, reached, { zero: true, nice: false });
  const names = bars.map(({ name }) => typographic(name));
  const parts = bars.flatMap((bar, i) => bar.parts.map((part) => ({ name: names[i], part })));
  const svg = Plot.plot({
    document,
    width,
    height,
    marginTop: HEADING,
    marginRight: Math.ceil(Math.max(...bars.map(({ text }) => widthOf(text))) + 14),
    marginBottom: 8,
    marginLeft: Math.ceil(Math.max(...names.map(widthOf)) + 14),
    x: { domain, axis: null },
    y: { domain: names, axis: null, padding: 0.42 },
    marks: [
      Plot.axisY({ tickSize: 0, label: null, fill: theme.ink, fontSize: FONT, tickPadding: 10 }),
      ...bars.map(({ value, tone }, i) =>
        Plot.barX([value], { y: [names[i]], fill: theme.tones[tone], fillOpacity: 0.85, rx: 1 }),
      ),
      Plot.tickX(parts, {
        x: "part",
        y: "name",
        stroke: theme.ink,
        strokeOpacity: 0.4,
        insetTop: -3,
        insetBottom: -3,
      }),
      Plot.ruleX([0], { stroke: theme.muted, strokeOpacity: 0.7 }),
      Plot.text(bars, {
        x: rightEnd,
        y: (_: Bar, i: number) => names[i],
        text: ({ text }: Bar) => typographic(text),
        textAnchor: "start",
        dx: 8,
        fill: theme.muted,
        fontSize: FONT,
        fontVariant: "tabular-nums",
      }),
    ],
  }) as unknown as Element;
  svg.append(heading(document, title, unit ?? "", theme));
  return svg;
}

function rightEnd({ value, parts }: Bar): number {
  return Math.max(0, value, ...parts);
}
