/** A page of an experiment: paragraphs, tables, commands and figures in the order given, as one HTML file. */
import { TandemError } from "../core/index.ts";
import type { Figure } from "./figure.ts";
import { documentHtml, escaped, figureHtml, tableHtml, verbatim, type PageHead } from "./page-parts.ts";

/** Something on a page. Texts are plain: nothing in them is markup. */
export type PagePart =
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "paragraph"; readonly text: string }
  /** Set as typed, e.g. the command that made the results. */
  | { readonly kind: "command"; readonly text: string }
  | {
      readonly kind: "table";
      /** Null where a heading above says it. */
      readonly title: string | null;
      readonly columns: readonly string[];
      /** Each as long as `columns`. */
      readonly rows: readonly (readonly string[])[];
    }
  | { readonly kind: "figure"; readonly figure: Figure };

/** A page. */
export interface Page extends PageHead {
  readonly parts: readonly PagePart[];
}

/**
 * The page as HTML that needs no script, no network and no other file; figures are numbered in their order. The same
 * page gives the same bytes.
 */
export function renderPage({ kicker, heading, parts }: Page): string {
  const figures = parts.flatMap((part) => (part.kind === "figure" ? [part.figure] : []));
  const ids = figures.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) {
    throw new TandemError(
      "renderPage",
      `expected figures with ids of their own, got ${twice} twice; rename one`,
    );
  }
  const numbers = new Map(figures.map((figure, i) => [figure, i + 1]));
  const body = parts.map((part) => partHtml(part, numbers)).join("\n");
  return documentHtml({ kicker, heading }, body);
}

function partHtml(part: PagePart, numbers: ReadonlyMap<Figure, number>): string {
  if (part.kind === "figure") return figureHtml(part.figure, numbers.get(part.figure) ?? 0);
  if (part.kind === "heading") return `<section class="heading"><h2>${escaped(part.text)}</h2></section>`;
  if (part.kind === "paragraph") return `<p class="part">${escaped(part.text)}</p>`;
  if (part.kind === "command") return `<pre><code>${verbatim(part.text)}</code></pre>`;
  const uneven = part.rows.find((row) => row.length !== part.columns.length);
  if (uneven) {
    throw new TandemError(
      "renderPage",
      `expected ${part.columns.length} cells in each row of ${part.title ?? "a table"}, got ${uneven.length}; fill the row`,
    );
  }
  const table = tableHtml(part, "results");
  return part.title === null ? table : `<section><h2>${escaped(part.title)}</h2>${table}</section>`;
}
