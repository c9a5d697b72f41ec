import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import {
  compareRuns,
  type Aggregate,
  type ComparedRun,
  type RunComparison,
  type RunGroup,
} from "../bench/index.ts";
import { TandemError } from "../core/index.ts";
import {
  keyNumbers,
  readRun,
  renderFigureText,
  renderPage,
  reportFigures,
  verdict,
  type PagePart,
} from "../report/index.ts";
import { formatSeconds, formatSpread, formatValue, grouped, plural } from "../report/numbers.ts";
import { fittingColumns, tableText, wrap } from "../report/terminal-text.ts";
import { readConfig, writeAtomically } from "../runs/index.ts";
import { anyText, optionValue } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { terminalOf } from "./terminal.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `
Examples:
    $ tandem runs compare runs/HalfCheetah-v5-0-1 runs/HalfCheetah-v5-0-2
  Several seeds of each, with every figure of a report in one page:
    $ tandem runs compare runs/ml-irl-* runs/dac-* --out compare.html`;

/** `tandem runs compare`. */
export function compareCommand(): Command {
  const command = new Command("compare")
    .summary("set runs side by side: settings, results, curves")
    .description(
      "Say in which settings runs differ, what they came to, and how. Runs that differ only in their seed are one group: " +
        "mean ± standard deviation over them. The score is the mean true return over the last tenth of training (docs/runs.md).",
    )
    .argument("<run...>", "run folders, two or more")
    .option("--out <file>", "write a page with the report's figures, too")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action((folders: string[]) => {
    const flags = optionsOnCommandLine(command);
    const out = optionValue(flags, "out", anyText);
    if (out && !/\.html?$/.test(out))
      throw new TandemError("--out", `expected a name that ends in .html, got ${out}`);
    const comparison = compareRuns(readAll(folders));
    if (out) writeAtomically(out, comparisonPage(comparison));
    if (flags.has("json")) {
      process.stdout.write(jsonLine(comparison));
      return;
    }
    const page = out ? `\nReport: ${out}\n` : "";
    process.stdout.write(comparisonText(comparison) + page);
  });
}

function readAll(folders: readonly string[]): ComparedRun[] {
  const places = folders.map((folder) => resolve(folder));
  const twice = folders.find((_, i) => places.indexOf(places[i]) !== i);
  if (twice !== undefined) throw new TandemError("runs compare", `${twice} is named twice; name it once`);
  if (folders.length < 2) {
    throw new TandemError(
      "runs compare",
      `expected two runs or more, got ${folders[0]} alone; for one there is tandem runs show`,
    );
  }
  const names = shortNames(places);
  return folders.map((folder, i) => ({ name: names[i], config: readConfig(folder), run: readRun(folder) }));
}

/** The paths without the folder that all of them are in. */
function shortNames(places: readonly string[]): string[] {
  let common = dirname(places[0]);
  while (!places.every((place) => place.startsWith(join(common, "/")))) common = dirname(common);
  return places.map((place) => place.slice(join(common, "/").length));
}

/** A table and what stands above it. */
interface TitledTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Longest value of a setting in a table. */
const MOST_LETTERS = 24;

/** Settings of which there are several values; null where there are none. */
function settingsTable({ differing, groups }: RunComparison): TitledTable | null {
  const rows = differing.flatMap((path, i) =>
    valuesOf(groups, i).size > 1 ? [[path, ...groups.map(({ settings }) => valueText(settings[i]))]] : [],
  );
  if (rows.length === 0) return null;
  return { title: "Settings that differ", columns: ["Setting", ...groups.map(({ label }) => label)], rows };
}

/** Values of a setting where it is there. */
function valuesOf(groups: readonly RunGroup[], setting: number): Set<string> {
  return new Set(groups.map(({ settings }) => settings[setting]).filter((value) => value !== null));
}

/** Settings that some groups do not have, such as those of another method, and that are the same in the others. */
function ownSettings({ differing, groups }: RunComparison): string[] {
  const own = differing.flatMap((path, i) => {
    const [value, ...others] = valuesOf(groups, i);
    const owners = groups.filter(({ settings }) => settings[i] !== null).map(({ label }) => label);
    return others.length > 0 ? [] : [{ owners: owners.join(", "), words: `${path} ${valueText(value)}` }];
  });
  return [...Map.groupBy(own, ({ owners }) => owners)].map(
    ([owners, settings]) => `Only ${owners}: ${settings.map(({ words }) => words).join("; ")}`,
  );
}

function valueText(value: string | null): string {
  if (value === null) return "-";
  return value.length <= MOST_LETTERS ? value : `${value.slice(0, MOST_LETTERS - 3)}...`;
}

function aggregateText(
  { complete }: RunGroup,
  value: Aggregate | null,
  spread: (mean: number, deviation: number) => string,
): string {
  if (!value) return "n/a";
  const count = value.count === complete ? "" : ` (${value.count})`;
  return spread(value.mean, value.deviation ?? NaN) + count;
}

const shareText = (mean: number, deviation: number): string =>
  Number.isFinite(deviation) ? `${grouped(mean, 2)} ± ${grouped(deviation, 2)}` : grouped(mean, 2);

function resultsTable({ groups }: RunComparison): TitledTable {
  return {
    title: "Results",
    columns: ["", "Complete", "Score", "Normalised", "Final return", "Time", "Steps"],
    rows: groups.map((group) => [
      group.label,
      `${group.complete}/${group.runs.length}`,
      aggregateText(group, group.score, formatSpread),
      aggregateText(group, group.normalised, shareText),
      aggregateText(group, group.finalReturn, formatSpread),
      aggregateText(group, group.seconds, (mean) => formatSeconds(mean)),
      aggregateText(group, group.steps, (mean) => formatValue(Math.round(mean))),
    ]),
  };
}

/** Who is in which group, and who has not come to an end. */
function remarks({ groups, differing }: RunComparison): string[] {
  const members = groups
    .filter(({ label, runs }) => runs.length > 1 || runs[0].name !== label)
    .map(
      ({ label, runs }) =>
        `${label}: ${runs.map(({ name, config }) => `${name} (seed ${config.seed})`).join(", ")}`,
    );
  const same = differing.length === 0 ? ["The runs differ in nothing but their seed."] : [];
  return [...members, ...same];
}

function unfinished({ groups }: RunComparison): string[] {
  return groups.flatMap(({ outcomes }) =>
    outcomes
      .filter(({ state }) => state !== "complete")
      .map(({ id, state, step, steps, curve }) => {
        const last = curve.at(-1);
        const earned = last ? `, where it earned ${last[1].toPrecision(4)}` : "";
        const word =
          state === "diverged" ? "diverged; its last evaluation was" : "is not complete: evaluated";
        return `${id} ${word} at ${step} of ${steps} steps${earned}.`;
      }),
  );
}

function comparisonText(comparison: RunComparison): string {
  const { width, colour, pen } = terminalOf(120);
  const words = (sentence: string): string => wrap(sentence, width).join("\n");
  const settings = settingsTable(comparison);
  const fits = settings && fittingColumns(settings, width) === settings.columns.length;
  const results = resultsTable(comparison);
  const sections = [
    remarks(comparison).map(words).join("\n"),
    settings &&
      [
        pen.strong(settings.title),
        ...(fits
          ? tableText(settings, width, pen)
          : settingLines(comparison.groups, settings).flatMap((line) => wrap(line, width))),
      ].join("\n"),
    ownSettings(comparison).map(words).join("\n"),
    [pen.strong(results.title), ...tableText(results, width, pen)].join("\n"),
    unfinished(comparison).map(words).join("\n"),
    ...comparison.curves.map(
      (figure) => `${pen.strong(figure.title)}\n${renderFigureText(figure, { width, colour, height: 10 })}`,
    ),
  ];
  return `${sections.filter(Boolean).join("\n\n")}\n`;
}

/** For more groups than there is room for: of each setting its values, and who has them. */
function settingLines(groups: readonly RunGroup[], { rows }: TitledTable): string[] {
  return rows.flatMap(([path, ...values]) => {
    const byValue = Map.groupBy(groups, (_, i) => values[i]);
    return [
      path,
      ...[...byValue].map(([value, who]) => `  ${value}: ${who.map(({ label }) => label).join(", ")}`),
    ];
  });
}

const table = (titled: TitledTable): PagePart => ({ kind: "table", ...titled });
const paragraph = (text: string): PagePart => ({ kind: "paragraph", text });

function comparisonPage(comparison: RunComparison): string {
  const { groups, curves } = comparison;
  const count = groups.reduce((sum, { runs }) => sum + runs.length, 0);
  const settings = settingsTable(comparison);
  const results = resultsTable(comparison);
  const environments = [...new Set(groups.map(({ runs: [{ config }] }) => config.env.id))].join(", ");
  return renderPage({
    kicker: { strong: environments, rest: `${plural(count, "run")}, Tandem ${VERSION}` },
    heading: `${plural(count, "run")} in ${plural(groups.length, "group")}, side by side`,
    parts: [
      ...remarks(comparison).map(paragraph),
      ...(settings ? [table(settings)] : []),
      ...ownSettings(comparison).map(paragraph),
      table(results),
      paragraph(SCORE_WORDS),
      ...unfinished(comparison).map(paragraph),
      ...curves.map((figure): PagePart => ({ kind: "figure", figure })),
      ...groups.flatMap(groupParts),
    ],
  });
}

const SCORE_WORDS =
  "Score: mean true return over the evaluations of the last tenth of training, never the best; normalised: 0 for random actions, 1 for " +
  "the expert. Mean ± one standard deviation over the complete runs of a group.";

/** What a report has on the group's runs. */
function groupParts({ label, runs }: RunGroup, index: number): PagePart[] {
  const all = runs.map(({ run }) => run);
  const rows = keyNumbers(all).map(({ label: name, value, note }) => [name, value, note]);
  return [
    { kind: "heading", text: label },
    { kind: "paragraph", text: `${verdict(all)}.` },
    { kind: "table", title: null, columns: ["", "", ""], rows },
    ...reportFigures(all).map((figure): PagePart => ({
      kind: "figure",
      figure: { ...figure, id: `${figure.id}-${index + 1}`, title: `${label}: ${figure.title}` },
    })),
  ];
}

function jsonLine({ differing, groups }: RunComparison): string {
  return `${JSON.stringify({
    differing,
    groups: groups.map(
      ({ label, settings, complete, score, normalised, finalReturn, steps, seconds, outcomes }) => ({
        label,
        settings: Object.fromEntries(differing.map((path, i) => [path, settings[i]])),
        complete,
        score,
        normalised,
        finalReturn,
        steps,
        seconds,
        runs: outcomes.map(({ id, seed, state, score, normalised, finalReturn, curve }) => ({
          run: id,
          seed,
          state,
          score,
          normalised,
          finalReturn,
          curve,
        })),
      }),
    ),
  })}\n`;
}
