import { cssVariables, DARK, LIGHT } from "./theme.ts";

/** The style sheet of the HTML report: light, dark and print. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  ${cssVariables(LIGHT)}
  --rule: #d9dde1;
  --wash: #f6f7f8;
  --serif: Charter, "Bitstream Charter", "Sitka Text", "Source Serif 4", Cambria, Georgia, "Liberation Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root { ${cssVariables(DARK)} --rule: #343b42; --wash: #1b1f24; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0;
  background: var(--background);
  color: var(--ink);
  font: 17px/1.6 var(--serif);
  text-rendering: optimizeLegibility;
}
main { max-width: 968px; margin: 0 auto; padding: 72px 24px 96px; }
.kicker {
  margin: 0 0 20px;
  color: var(--muted);
  font: 13px/1.5 var(--sans);
}
.kicker strong { color: var(--ink); font-weight: 600; }
h1 {
  max-width: 25em;
  margin: 0;
  font: 400 34px/1.3 var(--serif);
  letter-spacing: -0.012em;
  text-wrap: pretty;
}
h2 {
  margin: 0 0 20px;
  font: 600 21px/1.3 var(--serif);
  letter-spacing: -0.005em;
}
section, figure { margin: 72px 0 0; }
table { width: 100%; border-collapse: collapse; font: 14px/1.45 var(--sans); font-variant-numeric: tabular-nums; }
.numbers { margin-top: 56px; }
.numbers th, .numbers td { padding: 8px 0; border-top: 1px solid var(--rule); text-align: left; vertical-align: baseline; }
.numbers tr:first-child > * { border-top: 0; }
.numbers th { padding-right: 24px; font-weight: 400; white-space: nowrap; }
.numbers td:nth-child(2) { width: 1%; text-align: right; font-weight: 600; white-space: nowrap; }
.numbers td:nth-child(3) { width: 56%; padding-left: 32px; color: var(--muted); }
.scroll { overflow-x: auto; }
.seeds { margin-top: 48px; }
.seeds th, .seeds td { padding: 8px 0 8px 24px; border-top: 1px solid var(--rule); text-align: right; white-space: nowrap; font-weight: 400; }
.seeds th:first-child { padding-left: 0; text-align: left; }
.seeds thead th { border-top: 0; color: var(--muted); font-size: 12.5px; }
.results { margin-top: 24px; }
.results th, .results td { padding: 7px 0 7px 24px; border-top: 1px solid var(--rule); text-align: right; vertical-align: baseline; font-weight: 400; }
.results th:first-child { padding-left: 0; text-align: left; }
.results thead th { border-top: 0; color: var(--muted); font-size: 12.5px; }
.part { max-width: 42em; margin: 24px 0 0; text-wrap: pretty; }
.part + figure, .part + section { margin-top: 48px; }
.heading + section, .heading + figure { margin-top: 36px; }
.heading > h2, .heading + .part { margin: 0; }
pre { overflow-x: auto; margin: 24px 0 0; padding: 14px 16px; background: var(--wash); font: 13px/1.5 var(--mono); }
.panels { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 36px 40px; align-items: start; }
.row { grid-column: 1 / -1; }
svg { display: block; max-width: 100%; height: auto; font-family: var(--sans); font-variant-numeric: tabular-nums; overflow: visible; }
svg text { white-space: pre; }
.on-narrow { display: none; }
figcaption { max-width: 46em; margin-top: 18px; color: var(--muted); font-size: 15.5px; line-height: 1.55; text-wrap: pretty; }
.settings { columns: 2; column-gap: 40px; }
.settings table { break-inside: avoid; margin-bottom: 28px; }
.settings caption { padding-bottom: 6px; text-align: left; font: 600 14px/1.4 var(--sans); }
.settings th, .settings td { padding: 5px 0; border-top: 1px solid var(--rule); vertical-align: baseline; }
.settings th { padding-right: 16px; color: var(--muted); font-weight: 400; text-align: left; }
.settings td { font: 13px/1.5 var(--mono); text-align: right; overflow-wrap: anywhere; }
.notes { display: grid; grid-template-columns: 11em minmax(0, 1fr); gap: 14px 24px; margin: 0; font-size: 16px; }
.notes dt { color: var(--muted); font: 14px/1.83 var(--sans); }
.notes dd { max-width: 42em; margin: 0; text-wrap: pretty; }
@media screen and (max-width: 720px) {
  body { font-size: 16px; }
  main { padding: 36px 20px 64px; }
  h1 { font-size: 26px; }
  section, figure { margin-top: 56px; }
  .panels { grid-template-columns: minmax(0, 1fr); }
  .numbers { margin-top: 36px; }
  .numbers tr { display: grid; grid-template-columns: 1fr auto; padding: 8px 0; border-top: 1px solid var(--rule); }
  .numbers tr:first-child { border-top: 0; }
  .numbers th, .numbers td { padding: 0; border-top: 0; }
  .numbers td:nth-child(2) { width: auto; }
  .numbers td:nth-child(3) { grid-column: 1 / -1; width: auto; padding: 0; font-size: 12.5px; }
  .on-wide { display: none; }
  .on-narrow { display: block; }
  .settings { columns: 1; }
  .notes { grid-template-columns: minmax(0, 1fr); gap: 2px; }
  .notes dd { margin-bottom: 14px; }
}
@media print {
  :root { color-scheme: light; ${cssVariables(LIGHT)} --rule: #d9dde1; }
  @page { margin: 18mm 16mm; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h1 { font-size: 20pt; }
  h2 { break-after: avoid; font-size: 13pt; }
  section, figure { margin-top: 26pt; }
  figure, .numbers tr, .notes dd { break-inside: avoid; }
  .numbers { margin-top: 22pt; }
  .numbers th, .numbers td { padding: 4px 0; font-size: 9pt; }
  figcaption { margin-top: 8pt; font-size: 9.5pt; }
}
`;
