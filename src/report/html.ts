import { cohortOf, flatten } from "./cohort.ts";
import type { Figure, Panel } from "./figure.ts";
import { reportFigures } from "./figures.ts";
import { keyNumbers, seedTable, type KeyNumber, type Table } from "./key-numbers.ts";
import { notes } from "./notes.ts";
import { typographic } from "./numbers.ts";
import { PAGE_STYLE } from "./page-style.ts";
import type { Run } from "./run.ts";
import { panelHeight, renderPanelSvg, takesRow } from "./svg.ts";
import { BY_VARIABLE } from "./theme.ts";
import { headline, verdict } from "./verdict.ts";

const WIDE = 920;
const SMALL = 440;

/**
 * A report on runs that differ in their seed, with negative controls beside them if there are any: one HTML file that
 * needs no script, no network and no other file. The same runs give the same bytes.
 */
export function renderReport(runs: readonly Run[]): string {
  const { environment, details } = headline(runs);
  const sentence = `${verdict(runs)}.`;
  const figures = reportFigures(runs);
  const numbers = keyNumbers(runs);
  const seeds = seedTable(runs);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Tandem">
<title>${escaped(`${environment}: ${details}`)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<header>
<p class="kicker"><strong>${escaped(environment)}</strong> &nbsp; ${escaped(details)}</p>
<h1>${escaped(sentence)}</h1>
</header>
${numbers.length > 0 ? numbersTable(numbers) : ""}
${seeds ? seedsTable(seeds) : ""}
${figures.map((figure, i) => figureHtml(figure, i + 1)).join("\n")}
<section>
<h2>Notes</h2>
<dl class="notes">
${notes(runs)
  .map(({ subject, text }) => `<dt>${escaped(subject)}</dt><dd>${escaped(text)}</dd>`)
  .join("\n")}
</dl>
</section>
<section>
<h2>Configuration</h2>
<div class="settings">
${settings(runs)}
</div>
</section>
</main>
</body>
</html>
`;
}

function figureHtml(figure: Figure, number: number): string {
  return `<figure id="${escaped(figure.id)}">
<h2>${escaped(figure.title)}</h2>
<div class="panels">
${figure.panels.map((panel, i) => panelHtml(figure, panel, i)).join("\n")}
</div>
<figcaption>Figure ${number}. ${escaped(figure.caption)}</figcaption>
</figure>`;
}

/** A panel over a whole row comes also as one that a telephone can show without shrinking its letters. */
function panelHtml(figure: Figure, panel: Panel, index: number): string {
  const svg = (width: number): string =>
    renderPanelSvg(panel, { width, height: panelHeight(panel, figure.layout, width) }, BY_VARIABLE);
  if (!takesRow(figure, index)) return svg(SMALL);
  return `<div class="row on-wide">${svg(WIDE)}</div>\n<div class="row on-narrow">${svg(SMALL)}</div>`;
}

function numbersTable(rows: readonly KeyNumber[]): string {
  const lines = rows.map(
    ({ label, value, note }) =>
      `<tr><th scope="row">${escaped(label)}</th><td>${escaped(value)}</td><td>${escaped(note)}</td></tr>`,
  );
  return `<table class="numbers">\n${lines.join("\n")}\n</table>`;
}

function seedsTable({ columns, rows }: Table): string {
  const head = columns.map((column) => `<th scope="col">${escaped(column)}</th>`).join("");
  const body = rows.map(([first, ...cells]) => {
    const rest = cells.map((cell) => `<td>${escaped(cell)}</td>`).join("");
    return `<tr><th scope="row">${escaped(first)}</th>${rest}</tr>`;
  });
  return `<div class="seeds scroll"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${body.join("\n")}
</tbody>
</table></div>`;
}

/** The resolved configuration, a table for each part; where runs differ, all their values. */
function settings(runs: readonly Run[]): string {
  const all = cohortOf(runs).runs.map(({ config }) => new Map(flatten(config)));
  const groups = new Map<string, string[]>();
  for (const path of new Set(all.flatMap((config) => [...config.keys()]))) {
    const values = [...new Set(all.map((config) => config.get(path) ?? "absent"))];
    const { group, name } = placeOf(path);
    const rows = groups.get(group) ?? [];
    rows.push(`<tr><th scope="row">${escaped(name)}</th><td>${escaped(values.join(" | "))}</td></tr>`);
    groups.set(group, rows);
  }
  return [...groups]
    .map(([group, rows]) => `<table><caption>${escaped(group)}</caption>\n${rows.join("\n")}\n</table>`)
    .join("\n");
}

/** `algorithm.sac.discount` stands in the part `algorithm.sac`, `seed` in the part `run`. */
function placeOf(path: string): { group: string; name: string } {
  const parts = path.split(".");
  if (parts.length === 1) return { group: "run", name: path };
  const depth = parts[0] === "algorithm" && parts.length > 2 ? 2 : 1;
  return { group: parts.slice(0, depth).join("."), name: parts.slice(depth).join(".") };
}

function escaped(text: string): string {
  const ENTITIES: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return typographic(text)
    .replaceAll(" ± ", "\u00a0±\u00a0")
    .replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
