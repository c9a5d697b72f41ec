import { cohortOf, flatten } from "./cohort.ts";
import { reportFigures } from "./figures.ts";
import { keyNumbers, seedTable, type KeyNumber } from "./key-numbers.ts";
import { notes } from "./notes.ts";
import { documentHtml, escaped, figureHtml, tableHtml } from "./page-parts.ts";
import type { Run } from "./run.ts";
import { headline, verdict } from "./verdict.ts";

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
  const body = `${numbers.length > 0 ? numbersTable(numbers) : ""}
${seeds ? tableHtml(seeds, "seeds") : ""}
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
</section>`;
  return documentHtml({ kicker: { strong: environment, rest: details }, heading: sentence }, body);
}

function numbersTable(rows: readonly KeyNumber[]): string {
  const lines = rows.map(
    ({ label, value, note }) =>
      `<tr><th scope="row">${escaped(label)}</th><td>${escaped(value)}</td><td>${escaped(note)}</td></tr>`,
  );
  return `<table class="numbers">\n${lines.join("\n")}\n</table>`;
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
