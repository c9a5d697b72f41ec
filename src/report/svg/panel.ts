/** One panel as an SVG element: Observable Plot draws inside the axes, headings and labels are set around them. */
import * as Plot from "@observablehq/plot";
import { axisOver, formatTick, fractionOf, ticksOf } from "../axis.ts";
import type { Axis, Bar, BarPanel, Panel, RuleMark, XyPanel } from "../figure.ts";
import { formatValue, typographic } from "../numbers.ts";
import type { Theme } from "../theme.ts";
import {
  element,
  FONT,
  roundPositions,
  setAttributes,
  textElement,
  widthOf,
  type PanelSize,
} from "./elements.ts";
import { LEGEND_ROW, legendEntry, legendRows, plotMarks } from "./marks.ts";

/** The interface's letters of whatever system shows the drawing. */
export const SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
/** Height of a heading and of the x axis with its label, pixels. */
const HEADING = 26;
const X_AXIS = 44;
/** Below this width there are fewer ticks and shorter labels. */
const NARROW = 560;

/** A panel in the theme's colours. */
export function drawPanel(document: Document, panel: Panel, size: PanelSize, theme: Theme): Element {
  const svg =
    panel.kind === "bars" ? drawBars(document, panel, size, theme) : drawXy(document, panel, size, theme);
  svg.querySelector("style")?.remove();
  svg.removeAttribute("class");
  setAttributes(svg, { "font-size": FONT, "font-family": SANS, fill: theme.ink });
  roundPositions(svg);
  return svg;
}

/** The height that suits so many bars, pixels. */
export function barsHeight({ bars }: BarPanel): number {
  return HEADING + 14 + 34 * bars.length;
}

// ---- two axes ----------------------------------------------------------------------------------------------------

function drawXy(document: Document, panel: XyPanel, { width, height }: PanelSize, theme: Theme): Element {
  const { x, y, marks } = panel;
  const legend = legendRows(marks, width);
  const rules = marks.filter((mark) => mark.kind === "rule" && mark.name !== null) as RuleMark[];
  const ruleWords = rules.map(({ name, y }) =>
    width < NARROW ? `${name}` : typographic(`${name} ${formatValue(y)}`),
  );
  const marginTop = HEADING + LEGEND_ROW * legend.length + 10;
  const xTicks = worded(x, width < NARROW ? 5 : 9);
  const yTicks = worded(y, Math.round((height - marginTop - X_AXIS) / 50));
  const halfLastTick = widthOf(xTicks.words.at(-1) ?? "") / 2;
  const marginRight = Math.ceil(Math.max(4, halfLastTick, ...ruleWords.map((words) => widthOf(words) + 12)));
  const ticks = { tickSize: 0, label: null, fill: theme.muted, fontSize: FONT - 0.5 };
  const svg = Plot.plot({
    document,
    width,
    height,
    marginTop,
    marginRight,
    marginBottom: X_AXIS,
    marginLeft: Math.ceil(Math.max(...yTicks.words.map(widthOf)) + 12),
    x: { type: x.scale, domain: x.domain, axis: null },
    y: { type: y.scale, domain: y.domain, axis: null },
    marks: [
      Plot.gridY(yTicks.values, { stroke: theme.grid, strokeOpacity: 1 }),
      Plot.axisY(yTicks.values, { ...ticks, text: yTicks.words, tickPadding: 8 }),
      Plot.axisX(xTicks.values, { ...ticks, text: xTicks.words, tickSize: 4, stroke: theme.muted }),
      Plot.frame({ anchor: "bottom", stroke: theme.muted, strokeOpacity: 0.5 }),
      ...marks.flatMap((mark) => plotMarks(mark, panel, width, theme)),
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

function heading(document: Document, title: string, aside: string, theme: Theme): Element {
  const text = element(document, "text", { x: 0, y: 14, "text-anchor": "start", fill: theme.ink });
  text.append(textElement(document, "tspan", title, { "font-weight": 600, "font-size": FONT + 1 }));
  if (aside !== "") text.append(textElement(document, "tspan", aside, { dx: 8, fill: theme.muted }));
  return text;
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
