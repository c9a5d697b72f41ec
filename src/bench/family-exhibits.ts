/** The configurations of a family side by side, and what each of their options does. */
import {
  axisOver,
  panelOf,
  type Bar,
  type BarPanel,
  type Figure,
  type LineMark,
  type Mark,
  type XyPanel,
} from "../report/index.ts";
import { enumerate, formatCorrelation, grouped, plural } from "../report/numbers.ts";
import { configurationsOf, isNumber, marginalsOf, type Marginal } from "./marginals.ts";
import type { Outcome } from "./outcome.ts";
import { CRITERIA, familyChoice, fitOf } from "./selection.ts";
import { taskRow } from "./statistics.ts";
import { methodsOn, type Method, type Suite, type Task } from "./suite.ts";
import type { Table } from "./table.ts";

/** Table and figure of every family of several configurations on every task. */
export function familyExhibits(suite: Suite, outcomes: readonly Outcome[]): (Table | Figure)[] {
  return suite.tasks.flatMap((task) => {
    const families = Map.groupBy(methodsOn(suite, task), ({ name, family }) => family ?? name);
    return Array.from(families, ([family, methods]) =>
      methods.length < 2
        ? []
        : [
            configurationTable(task, family, methods, outcomes),
            marginalFigure(task, family, methods, outcomes),
          ],
    )
      .flat()
      .filter((each) => each !== null);
  });
}

function configurationTable(
  task: Task,
  family: string,
  methods: readonly Method[],
  outcomes: readonly Outcome[],
): Table {
  const configurations = configurationsOf(task, methods, outcomes);
  const options = Object.keys(configurations[0].values);
  const choice = familyChoice(task.name, family, outcomes);
  const ranked = configurations.toSorted((a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity));
  const best = choice?.best?.name ?? (ranked[0].score === null ? null : ranked[0].name);
  const criteria = task.heldOut.length > 0 ? CRITERIA : [];
  const choosers = (name: string): string[] => [
    ...(name === best ? ["true return"] : []),
    ...criteria.filter((criterion) => choice?.chosen[criterion]?.name === name),
  ];
  const measured =
    criteria.length > 0
      ? " Then the fit to held-out demonstrations, means over the last tenth of training and over cells: a low state distance, a high log-likelihood and a small reward gap are good."
      : "";
  return {
    title: `${task.name}: configurations of ${family}`,
    note: `Highest mean first. In brackets 95% by Student's t over cells. Chosen by: what would take it, the true return or a criterion on held-out demonstrations.${measured}`,
    columns: ["configuration", "normalised", "chosen by", ...options, "cells", ...criteria],
    rows: ranked.map(({ name, values }) => {
      const { normalised, complete, cells } = taskRow(task.name, name, outcomes);
      const own = outcomes.filter((outcome) => outcome.task === task.name && outcome.method === name);
      const interval = normalised?.interval ? ` [${normalised.interval.map(score).join(", ")}]` : "";
      return [
        name,
        normalised ? score(normalised.mean) + interval : "n/a",
        choosers(name).join(", "),
        ...options.map((option) => values[option]),
        `${complete} of ${cells}`,
        ...criteria.map((criterion) => formatCorrelation(fitOf(own, criterion))),
      ];
    }),
  };
}

function marginalFigure(
  task: Task,
  family: string,
  methods: readonly Method[],
  outcomes: readonly Outcome[],
): Figure | null {
  const configurations = configurationsOf(task, methods, outcomes);
  const scored = configurations.filter(({ score }) => score !== null).length;
  const marginals = marginalsOf(configurations);
  const panels = marginals
    .map((marginal) =>
      marginal.values.every(({ value }) => isNumber(value)) ? numberPanel(marginal) : wordPanel(marginal),
    )
    .filter((panel) => panel !== null);
  if (scored === 0 || panels.length === 0) return null;
  const crossed = marginals.filter(({ isBalanced }) => isBalanced).map(({ option }) => option);
  const lines =
    crossed.length > 0
      ? ` The mean over the settings of the other options, those that have a score under every value, is a line or a bar's length for ${enumerate(crossed)}.`
      : "";
  return {
    id: `options-${task.name}-${family}`,
    title: `${task.name}: what each option of ${family} does`,
    caption: `Normalised score of each configuration, mean over its cells, by its value of one option (dots; ticks on bars): ${scored} of ${plural(configurations.length, "configuration")}.${lines}`,
    layout: "small",
    panels,
  };
}

/** From this ratio of the largest to the smallest value on, an axis is logarithmic. */
const WIDE = 8;
/** Values that are marked each. */
const MOST_TICKS = 6;

function numberPanel({ option, isBalanced, values }: Marginal): XyPanel {
  const numbers = values.map(({ value }) => Number(value));
  const isWide = numbers[0] > 0 && numbers[numbers.length - 1] >= WIDE * numbers[0];
  const ticks = isBalanced && numbers.length <= MOST_TICKS ? { ticks: numbers } : {};
  const x = axisOver({ label: option, unit: null, scale: isWide ? "log" : "linear", ...ticks }, numbers);
  const dots = values.flatMap(({ scores }, i) => scores.map((y) => ({ x: numbers[i], y })));
  const means = values.map(({ mean }, i) => ({ x: numbers[i], y: mean ?? NaN }));
  const line: LineMark = { kind: "line", name: null, tone: "learned", style: "marked", points: means };
  const marks: Mark[] = [
    { kind: "dots", name: null, tone: isBalanced ? "neutral" : "learned", points: dots },
    ...(isBalanced ? [line] : []),
  ];
  return panelOf(x, { label: "Normalised score" }, marks);
}

/** Values without a mean are left out; null where none has one. */
function wordPanel({ option, values }: Marginal): BarPanel | null {
  const bars = values.flatMap(({ value, scores, mean }): Bar[] =>
    mean === null ? [] : [{ name: value, tone: "learned", value: mean, text: score(mean), parts: scores }],
  );
  return bars.length === 0 ? null : { kind: "bars", title: option, unit: "normalised score", bars };
}

/** A normalised score. */
function score(value: number): string {
  return grouped(value, 2);
}
