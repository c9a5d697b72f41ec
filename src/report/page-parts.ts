/** What pages are made of: the document, its heading, figures and tables, as HTML that stands alone. */
import type { Figure, Panel } from "./figure.ts";
import type { Table } from "./key-numbers.ts";
import { typographic } from "./numbers.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { drawnUnder } from "./shared-legend.ts";
import { panelHeight, renderLegendSvg, renderPanelSvg, takesRow } from "./svg.ts";
import { BY_VARIABLE } from "./theme.ts";

const WIDE = 920;
const SMALL = 440;

/** The words at the head of a page. */
export interface PageHead {
  /** A small line above the heading, begun in bold. */
  readonly kicker: { readonly strong: string; readonly rest: string };
  readonly heading: string;
}

/** A page around `body`, which is HTML. It needs no script, no network and no other file. */
export function documentHtml({ kicker: { strong, rest }, heading }: PageHead, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Tandem">
<title>${escaped(`${strong}: ${rest}`)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<header>
<p class="kicker"><strong>${escaped(strong)}</strong> &nbsp; ${escaped(rest)}</p>
<h1>${escaped(heading)}</h1>
</header>
${body}
</main>
</body>
</html>
`;
}

/** A figure with its number and caption. */
export function figureHtml(figure: Figure, number: number): string {
  return `<figure id="${escaped(figure.id)}">
<h2>${escaped(figure.title)}</h2>
<div class="panels">
${legendHtml(figure)}${drawnUnder(figure)
    .panels.map((panel, i) => panelHtml(figure, panel, i))
    .join("\n")}
</div>
<figcaption>Figure ${number}. ${escaped(figure.caption)}</figcaption>
</figure>`;
}

/** The shared legend, if there is one, in both widths. */
function legendHtml(figure: Figure): string {
  const [wide, narrow] = [WIDE, SMALL].map((width) => renderLegendSvg(figure, width, BY_VARIABLE));
  if (wide === null || narrow === null) return "";
  return `<div class="row on-wide">${wide}</div>\n<div class="row on-narrow">${narrow}</div>\n`;
}

/** A panel over a whole row comes also as one that a telephone can show without shrinking its letters. */
function panelHtml(figure: Figure, panel: Panel, index: number): string {
  const svg = (width: number): string =>
    renderPanelSvg(panel, { width, height: panelHeight(panel, figure.layout, width) }, BY_VARIABLE);
  if (!takesRow(figure, index)) return svg(SMALL);
  return `<div class="row on-wide">${svg(WIDE)}</div>\n<div class="row on-narrow">${svg(SMALL)}</div>`;
}

/** A table with a heading row: the first column is set to the left, the others to the right. */
export function tableHtml({ columns, rows }: Table, name: "seeds" | "results"): string {
  const head = columns.map((column) => `<th scope="col">${escaped(column)}</th>`).join("");
  const body = rows.map(([first, ...cells]) => {
    const rest = cells.map((cell) => `<td>${escaped(cell)}</td>`).join("");
    return `<tr><th scope="row">${escaped(first)}</th>${rest}</tr>`;
  });
  return `<div class="${name} scroll"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${body.join("\n")}
</tbody>
</table></div>`;
}

/** Text with proper minus signs and apostrophes, safe in HTML. */
export function escaped(text: string): string {
  return verbatim(typographic(text).replaceAll(" ± ", "\u00a0±\u00a0"));
}

/** Text as it is, safe in HTML. */
export function verbatim(text: string): string {
  const ENTITIES: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
