/** Figures as SVG: Observable Plot on a document without a browser, headings and legends around it. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { axisOver, formatTick, fractionOf, ticksOf } from "./axis.ts";
import type { Axis, Bar, BarPanel, Figure, LineMark, Mark, Panel, RuleMark, XyPanel } from "./figure.ts";
import { formatValue, grouped, typographic } from "./numbers.ts";
import { LIGHT, type Theme } from "./theme.ts";

/** How a standalone SVG is made. */
export interface SvgOptions {
  /** Pixels. */
  readonly width?: number;
  /** "none" leaves the page behind it to show; the text is dark either way. */
  readonly background?: "white" | "none";
}

/** Width and height of one panel, pixels. */
export interface PanelSize {
  readonly width: number;
  readonly height: number;
}

const SVG = "http://www.w3.org/2000/svg";
const FONT = 12;
/** Advance of an average character of the interface's font, generous. */
const CHARACTER = 0.56 * FONT;
const HEADING = 26;
const LEGEND_ROW = 19;
const SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const STROKE = { strong: 2, marked: 2, dashed: 2, faint: 1 } as const;
const MOST_MARKERS = 100;
const DASH = { solid: undefined, dashed: "5,4", dotted: "1.5,3.5" } as const;

/** A whole figure as one SVG file: title, panels, and the caption as its description. */
export function renderFigureSvg(
  figure: Figure,
  { width = 920, background = "white" }: SvgOptions = {},
): string {
  const GAP = 40;
  const MARGIN = 24;
  const inner = width - 2 * MARGIN;
  const columns = figure.layout === "wide" || figure.panels.length === 1 || inner < 640 ? 1 : 2;
  const document = newDocument();
  const svg = element(document, "svg", { xmlns: SVG, "font-family": SANS, "font-size": FONT, role: "img" });
  svg.append(textElement(document, "title", figure.title), textElement(document, "desc", figure.caption));
  svg.append(
    textElement(document, "text", figure.title, {
      x: MARGIN,
      y: MARGIN + 12,
      fill: LIGHT.ink,
      "font-size": 17,
      "font-weight": 600,
    }),
  );

  let top = MARGIN + 36;
  for (let row = 0; row < figure.panels.length; row += columns) {
    const panels = figure.panels.slice(row, row + columns);
    const panelWidth = Math.floor((inner - (panels.length - 1) * GAP) / panels.length);
    const height = Math.max(...panels.map((each) => panelHeight(each, figure.layout, panelWidth)));
    panels.forEach((panel, column) => {
      const drawn = drawPanel(document, panel, { width: panelWidth, height }, LIGHT);
      setAttributes(drawn, { x: MARGIN + column * (panelWidth + GAP), y: top });
      svg.append(drawn);
    });
    top += height + 20;
  }
  const height = top - 20 + MARGIN;
  setAttributes(svg, { width, height, viewBox: `0 0 ${width} ${height}` });
  if (background === "white") {
    svg.prepend(element(document, "rect", { width, height, fill: LIGHT.background }));
  }
  // The one entity of HTML that the serialiser writes and XML does not know.
  return `${svg.outerHTML.replaceAll("&nbsp;", "&#160;")}\n`;
}

/** One panel as an SVG element to stand in a page, in the theme's colours. */
export function renderPanelSvg(panel: Panel, size: PanelSize, theme: Theme): string {
  const document = newDocument();
  const svg = drawPanel(document, panel, size, theme);
  const name = panel.kind === "bars" ? panel.title : `${panel.y.label} against ${panel.x.label}`;
  setAttributes(svg, { role: "img", "aria-label": name });
  return svg.outerHTML;
}

/** Whether a panel takes a whole row: in a wide figure, or as the odd one at the end. */
export function takesRow({ layout, panels }: Figure, index: number): boolean {
  return layout === "wide" || (index === panels.length - 1 && panels.length % 2 === 1);
}

/** A panel's height, pixels, where nothing else fixes it. */
export function panelHeight(panel: Panel, layout: Figure["layout"], width: number): number {
  if (panel.kind === "bars")
    return Math.max(layout === "small" ? 150 : 0, HEADING + 14 + 34 * panel.bars.length);
  return layout === "wide" ? Math.max(300, Math.round(width * 0.45)) : 264;
}

function drawPanel(document: Document, panel: Panel, size: PanelSize, theme: Theme): Element {
  const svg =
    panel.kind === "bars" ? drawBars(document, panel, size, theme) : drawXy(document, panel, size, theme);
  svg.querySelector("style")?.remove();
  svg.removeAttribute("class");
  setAttributes(svg, { "font-size": FONT, "font-family": SANS, fill: theme.ink });
  roundNumbers(svg);
  return svg;
}

// ---- two axes ----------------------------------------------------------------------------------------------------

function drawXy(document: Document, panel: XyPanel, { width, height }: PanelSize, theme: Theme): Element {
  const { x, y } = panel;
  const legend = legendRows(panel.marks, width);
  const marginTop = HEADING + LEGEND_ROW * legend.length + 10;
  const marginBottom = 44;
  const xTicks = ticksOf(x, width < 560 ? 5 : 9);
  const yTicks = ticksOf(y, Math.round((height - marginTop - marginBottom) / 50));
  const yWords = yTicks.map((tick) => words(formatTick(y, tick, yTicks)));
  const marginLeft = Math.ceil(Math.max(...yWords.map(widthOf)) + 12);
  const rules = panel.marks.filter((mark) => mark.kind === "rule" && mark.name !== null) as RuleMark[];
  const ruleWords = rules.map(({ name, y }) =>
    width < 560 ? `${name}` : words(`${name} ${formatValue(y)}`),
  );
  const xWords = xTicks.map((tick) => words(formatTick(x, tick, xTicks)));
  const lastTick = widthOf(xWords.at(-1) ?? "") / 2;
  const marginRight = Math.ceil(Math.max(lastTick, 4, ...ruleWords.map((each) => widthOf(each) + 12)));

  const tickStyle = { tickSize: 0, label: null, fill: theme.muted, fontSize: FONT - 0.5 };
  const svg = Plot.plot({
    document,
    width,
    height,
    marginTop,
    marginRight,
    marginBottom,
    marginLeft,
    x: { type: x.scale, domain: x.domain, axis: null },
    y: { type: y.scale, domain: y.domain, axis: null },
    marks: [
      Plot.gridY(yTicks, { stroke: theme.grid, strokeOpacity: 1 }),
      Plot.axisY(yTicks, { ...tickStyle, text: yWords, tickPadding: 8 }),
      Plot.axisX(xTicks, {
        ...tickStyle,
        tickSize: 4,
        stroke: theme.muted,
        text: xWords,
      }),
      Plot.frame({ anchor: "bottom", stroke: theme.muted, strokeOpacity: 0.5 }),
      ...panel.marks.flatMap((mark) => plotMarks(mark, panel, width, theme)),
    ],
  }) as unknown as Element;

  svg.append(
    heading(document, y.label, [y.unit, panel.note].filter((each) => each !== null).join(", "), theme),
  );
  svg.append(
    ...legend.flatMap((row, i) =>
      row.map((entry) => legendEntry(document, entry, HEADING + 6 + i * LEGEND_ROW, theme)),
    ),
  );
  svg.append(
    textElement(document, "text", x.unit === null ? x.label : `${x.label}, ${x.unit}`, {
      x: width - marginRight,
      y: height - 6,
      "text-anchor": "end",
      fill: theme.muted,
    }),
  );
  const bottom = height - marginBottom;
  const at = (value: number): number => bottom - fractionOf(y, value) * (bottom - marginTop);
  const heights = apart(
    rules.map(({ y }) => at(y)),
    FONT + 2,
  );
  rules.forEach((rule, i) => {
    svg.append(
      textElement(document, "text", ruleWords[i], {
        x: width - marginRight + 8,
        y: heights[i] + 4,
        "text-anchor": "start",
        fill: rule.tone === "neutral" ? theme.muted : theme.tones[rule.tone],
      }),
    );
  });
  return svg;
}

function plotMarks(mark: Mark, { x, y }: XyPanel, width: number, theme: Theme): Plot.Markish[] {
  const colour = theme.tones[mark.tone];
  const drawable = (value: number): number => (y.scale === "log" && value <= 0 ? NaN : value);
  if (mark.kind === "rule") {
    const plain = mark.name === null && mark.style === "solid";
    return [
      Plot.ruleY([mark.y], {
        stroke: plain ? theme.muted : colour,
        strokeOpacity: plain ? 0.6 : 1,
        strokeWidth: mark.style === "dotted" ? 1.75 : 1.25,
        strokeDasharray: DASH[mark.style],
        strokeLinecap: mark.style === "dotted" ? "round" : undefined,
      }),
    ];
  }
  if (mark.kind === "band") {
    const points = mark.points.map(({ x, low, high }) => ({ x, low: drawable(low), high: drawable(high) }));
    return [Plot.areaY(points, { x: "x", y1: "low", y2: "high", fill: colour, fillOpacity: 0.2 })];
  }
  const points = mark.points.map((point) => ({ x: point.x, y: drawable(point.y) }));
  if (mark.kind === "dots") {
    const look = dotLook(points.length);
    return [Plot.dot(points, { x: "x", y: "y", fill: colour, ...look })];
  }
  const line = Plot.line(points, {
    x: "x",
    y: "y",
    stroke: colour,
    strokeWidth: STROKE[mark.style],
    strokeOpacity: mark.style === "faint" ? 0.38 : 1,
    strokeDasharray: mark.style === "dashed" ? DASH.dashed : undefined,
    strokeLinejoin: "round",
  });
  return mark.style === "marked" && mark.points.length <= MOST_MARKERS
    ? [line, markers(mark, colour, x, y, width < 560 ? 1.8 : 2.6)]
    : [line];
}

/** Each point of a short line, with its numbers where a pointer rests on it. */
function markers({ points }: LineMark, fill: string, x: Axis, y: Axis, r: number): Plot.Markish {
  const finite = points.filter((point) => Number.isFinite(point.y) && (y.scale === "linear" || point.y > 0));
  const title = (point: { x: number; y: number }): string =>
    words(`${x.label} ${grouped(point.x)}\n${y.label} ${formatValue(point.y)}`);
  return Plot.dot(finite, { x: "x", y: "y", r, fill, title });
}

/** The more dots, the finer. */
function dotLook(count: number): { r: number; fillOpacity: number } {
  if (count > 1000) return { r: 1.7, fillOpacity: 0.3 };
  return count > 300 ? { r: 1.8, fillOpacity: 0.4 } : { r: 2.2, fillOpacity: 0.55 };
}

// ---- bars --------------------------------------------------------------------------------------------------------

function drawBars(document: Document, panel: BarPanel, { width, height }: PanelSize, theme: Theme): Element {
  const { bars } = panel;
  const reach = (bar: Bar): number => Math.max(0, bar.value, ...bar.parts);
  const { domain } = axisOver(
    { label: "", unit: null },
    bars.flatMap(({ value, parts }) => [value, ...parts]),
    { zero: true, nice: false },
  );
  const names = Math.max(...bars.map(({ name }) => widthOf(name)));
  const values = Math.max(...bars.map(({ text }) => widthOf(text)));
  const svg = Plot.plot({
    document,
    width,
    height,
    marginTop: HEADING,
    marginRight: Math.ceil(values + 14),
    marginBottom: 8,
    marginLeft: Math.ceil(names + 14),
    x: { domain, axis: null },
    y: { domain: bars.map(({ name }) => name), axis: null, padding: 0.42 },
    marks: [
      Plot.axisY({ tickSize: 0, label: null, fill: theme.ink, fontSize: FONT, tickPadding: 10 }),
      Plot.barX(bars, {
        x: "value",
        y: "name",
        fill: ({ tone }: Bar) => theme.tones[tone],
        fillOpacity: 0.85,
        rx: 1,
      }),
      Plot.tickX(
        bars.flatMap((bar) => bar.parts.map((part) => ({ name: bar.name, part }))),
        { x: "part", y: "name", stroke: theme.ink, strokeOpacity: 0.4, insetTop: -3, insetBottom: -3 },
      ),
      Plot.ruleX([0], { stroke: theme.muted, strokeOpacity: 0.7 }),
      Plot.text(bars, {
        x: reach,
        y: "name",
        text: ({ text }) => words(text),
        textAnchor: "start",
        dx: 8,
        fill: theme.muted,
        fontSize: FONT,
        fontVariant: "tabular-nums",
      }),
    ],
    color: { type: "identity" },
  }) as unknown as Element;
  svg.append(heading(document, panel.title, panel.unit ?? "", theme));
  return svg;
}

// ---- headings and legends ----------------------------------------------------------------------------------------

function heading(document: Document, title: string, aside: string, theme: Theme): Element {
  const text = element(document, "text", { x: 0, y: 14, "text-anchor": "start", fill: theme.ink });
  text.append(textElement(document, "tspan", title, { "font-weight": 600, "font-size": FONT + 1 }));
  if (aside !== "") text.append(textElement(document, "tspan", aside, { dx: 8, fill: theme.muted }));
  return text;
}

interface LegendEntry {
  readonly mark: Exclude<Mark, RuleMark>;
  readonly name: string;
  readonly x: number;
}

/** Legend entries in rows no wider than the panel; none for a single unnamed quantity. */
function legendRows(marks: readonly Mark[], width: number): LegendEntry[][] {
  const KEY = 24;
  const GAP = 18;
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
    x += needed + GAP;
  }
  return rows;
}

function legendEntry(document: Document, { mark, name, x }: LegendEntry, top: number, theme: Theme): Element {
  const group = element(document, "g", { transform: `translate(${x},${top})` });
  const colour = theme.tones[mark.tone];
  if (mark.kind === "dots") {
    group.append(element(document, "circle", { cx: 9, cy: 4, r: 2.6, fill: colour, "fill-opacity": 0.7 }));
  } else if (mark.kind === "band") {
    group.append(
      element(document, "rect", { y: -1, width: 18, height: 10, fill: colour, "fill-opacity": 0.25 }),
    );
  } else {
    group.append(
      element(document, "line", {
        x2: 18,
        y1: 4,
        y2: 4,
        stroke: colour,
        "stroke-width": STROKE[mark.style],
        "stroke-opacity": mark.style === "faint" ? 0.6 : 1,
        ...(mark.style === "dashed" ? { "stroke-dasharray": DASH.dashed } : {}),
      }),
    );
  }
  group.append(
    textElement(document, "text", name, { x: 24, y: 8, "text-anchor": "start", fill: theme.muted }),
  );
  return group;
}

/** The nearest positions that keep `distance` between neighbours, in the order given. */
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

// ---- the document ------------------------------------------------------------------------------------------------

function newDocument(): Document {
  return parseHTML("<!doctype html><html><body></body></html>").document;
}

type Attributes = Readonly<Record<string, string | number>>;

function element(document: Document, name: string, attributes: Attributes): Element {
  const made = document.createElementNS(SVG, name);
  setAttributes(made, attributes);
  return made;
}

function textElement(document: Document, name: string, text: string, attributes: Attributes = {}): Element {
  const made = element(document, name, attributes);
  made.append(words(text));
  return made;
}

function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, String(value));
}

/** A tenth of a pixel is enough, and half the size. */
function roundNumbers(svg: Element): void {
  const GEOMETRY = ["d", "transform", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "dx"];
  for (const child of svg.querySelectorAll("*")) {
    for (const name of GEOMETRY) {
      const value = child.getAttribute(name);
      if (!value?.includes(".") || value.endsWith("em")) continue;
      child.setAttribute(
        name,
        value.replace(/-?\d+\.\d+/g, (number) => String(Number(Number(number).toFixed(1)))),
      );
    }
  }
}

function widthOf(text: string): number {
  return text.length * CHARACTER;
}

const words = typographic;
