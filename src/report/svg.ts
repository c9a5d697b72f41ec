/** Figures as SVG: as files of their own, or panel by panel for a page. */
import type { Figure, Panel } from "./figure.ts";
import { drawnUnder, sharedSeries } from "./shared-legend.ts";
import {
  element,
  FONT,
  newDocument,
  setAttributes,
  SVG,
  textElement,
  type PanelSize,
} from "./svg/elements.ts";
import { heatHeight } from "./svg/heat.ts";
import { LEGEND_ROW, legendEntry, legendRows } from "./svg/legend.ts";
import { barsHeight, drawPanel, SANS, wordsAbove } from "./svg/panel.ts";
import { LIGHT, type Theme } from "./theme.ts";

/** How a standalone SVG is made. */
export interface SvgOptions {
  /** Pixels; 920 unless said. */
  readonly width?: number;
  /** "none" lets what is behind it show (the letters stay dark); "white" unless said. */
  readonly background?: "white" | "none";
}

const MARGIN = 24;
const TITLE = 36;
const BETWEEN_COLUMNS = 40;
const BETWEEN_ROWS = 20;
/** Below this inner width panels stand one under the other. */
const TWO_COLUMNS = 640;

/** A whole figure as one SVG file: title and panels, with the caption as its description. */
export function renderFigureSvg(figure: Figure, options: SvgOptions = {}): string {
  const { width = 920, background = "white" } = options;
  const inner = width - 2 * MARGIN;
  const document = newDocument();
  const svg = element(document, "svg", { xmlns: SVG, "font-family": SANS, "font-size": FONT, role: "img" });
  const title = { x: MARGIN, y: MARGIN + 12, fill: LIGHT.ink, "font-size": 17, "font-weight": 600 };
  svg.append(
    textElement(document, "title", figure.title),
    textElement(document, "desc", figure.caption),
    textElement(document, "text", figure.title, title),
  );

  let top = MARGIN + TITLE;
  const legend = legendGroup(document, figure, inner, LIGHT);
  if (legend) {
    legend.group.setAttribute("transform", `translate(${MARGIN},${top})`);
    svg.append(legend.group);
    top += legend.height + BETWEEN_ROWS;
  }
  for (const row of rowsOf(drawnUnder(figure), inner >= TWO_COLUMNS)) {
    const panelWidth = Math.floor((inner - (row.length - 1) * BETWEEN_COLUMNS) / row.length);
    const height = Math.max(...row.map((panel) => panelHeight(panel, figure.layout, panelWidth)));
    row.forEach((panel, column) => {
      const drawn = drawPanel(document, panel, { width: panelWidth, height }, LIGHT);
      setAttributes(drawn, { x: MARGIN + column * (panelWidth + BETWEEN_COLUMNS), y: top });
      svg.append(drawn);
    });
    top += height + BETWEEN_ROWS;
  }
  const height = top - BETWEEN_ROWS + MARGIN;
  setAttributes(svg, { width, height, viewBox: `0 0 ${width} ${height}` });
  if (background === "white")
    svg.prepend(element(document, "rect", { width, height, fill: LIGHT.background }));
  // The one entity of HTML that the serialiser writes and XML does not know.
  return `${svg.outerHTML.replaceAll("&nbsp;", "&#160;")}\n`;
}

/** One panel as an SVG element to stand in a page, in the theme's colours. */
export function renderPanelSvg(panel: Panel, size: PanelSize, theme: Theme): string {
  const svg = drawPanel(newDocument(), panel, size, theme);
  setAttributes(svg, { role: "img", "aria-label": nameOf(panel) });
  return svg.outerHTML;
}

/** A figure's shared legend as an SVG element to stand in a page; null where its panels have their own. */
export function renderLegendSvg(figure: Figure, width: number, theme: Theme): string | null {
  const document = newDocument();
  const legend = legendGroup(document, figure, width, theme);
  if (!legend) return null;
  const { height, group } = legend;
  const look = { "font-size": FONT, "font-family": SANS, role: "img", "aria-label": "Legend" };
  const svg = element(document, "svg", { width, height, viewBox: `0 0 ${width} ${height}`, ...look });
  svg.append(group);
  return svg.outerHTML;
}

function legendGroup(
  document: Document,
  figure: Figure,
  width: number,
  theme: Theme,
): { group: Element; height: number } | null {
  const rows = legendRows(sharedSeries(figure), width);
  if (rows.length === 0) return null;
  const group = element(document, "g", {});
  rows.forEach((row, i) => {
    for (const entry of row) group.append(legendEntry(document, entry, 4 + i * LEGEND_ROW, theme));
  });
  return { group, height: LEGEND_ROW * rows.length };
}

function nameOf(panel: Panel): string {
  if (panel.kind === "bars") return panel.title;
  if (panel.kind === "heat") return `${panel.colour.label} over ${panel.x.label} and ${panel.y.label}`;
  return `${panel.y.label} against ${panel.x.label}`;
}

/** Whether a panel takes a whole row: in a wide figure, or as the odd one at the end. */
export function takesRow({ layout, panels }: Figure, index: number): boolean {
  return layout === "wide" || (index === panels.length - 1 && panels.length % 2 === 1);
}

/** A panel's height at some width, pixels, where nothing else fixes it. */
export function panelHeight(panel: Panel, layout: Figure["layout"], width: number): number {
  if (panel.kind === "heat") return heatHeight(panel, width);
  if (panel.kind === "bars") return Math.max(layout === "small" ? 150 : 0, barsHeight(panel));
  const above = wordsAbove(panel, width);
  return (layout === "wide" ? Math.max(300, Math.round(width * 0.45)) : 264) + above;
}

function rowsOf(figure: Figure, twoColumns: boolean): Panel[][] {
  const rows: Panel[][] = [];
  figure.panels.forEach((panel, i) => {
    const last = rows.at(-1);
    const joins = twoColumns && !takesRow(figure, i) && last?.length === 1;
    if (joins) last.push(panel);
    else rows.push([panel]);
  });
  return rows;
}
