/** Figures as SVG: as files of their own, or panel by panel for a page. */
import type { Figure, Panel } from "./figure.ts";
import {
  element,
  FONT,
  newDocument,
  setAttributes,
  SVG,
  textElement,
  type PanelSize,
} from "./svg/elements.ts";
import { barsHeight, drawPanel, SANS } from "./svg/panel.ts";
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
  for (const row of rowsOf(figure, inner >= TWO_COLUMNS)) {
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
  const name = panel.kind === "bars" ? panel.title : `${panel.y.label} against ${panel.x.label}`;
  setAttributes(svg, { role: "img", "aria-label": name });
  return svg.outerHTML;
}

/** Whether a panel takes a whole row: in a wide figure, or as the odd one at the end. */
export function takesRow({ layout, panels }: Figure, index: number): boolean {
  return layout === "wide" || (index === panels.length - 1 && panels.length % 2 === 1);
}

/** A panel's height at some width, pixels, where nothing else fixes it. */
export function panelHeight(panel: Panel, layout: Figure["layout"], width: number): number {
  if (panel.kind === "bars") return Math.max(layout === "small" ? 150 : 0, barsHeight(panel));
  return layout === "wide" ? Math.max(300, Math.round(width * 0.45)) : 264;
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
