/** The report of a bench as plain parts: sentences, tables, figures; a page, a file and a terminal show the same. */
import { curvePanel } from "../lab/curve-panel.ts";
import {
  axisOver,
  panelOf,
  seriesLook,
  type Figure,
  type LineMark,
  type Mark,
  type PagePart,
  type SeriesLook,
  type XyPanel,
} from "../report/index.ts";
import { MOST_SERIES } from "../report/look.ts";
import {
  enumerate,
  formatCorrelation,
  formatSeconds,
  formatShare,
  formatSteps,
  formatValue,
  grouped,
  plural,
} from "../report/numbers.ts";
import type { BootstrapInterval } from "../eval/index.ts";
import { buildsOf } from "./agreement.ts";
import {
  controlRows,
  largestControl,
  treatmentRows,
  verdictsOf,
  type ControlRow,
  type Verdict,
} from "./audit.ts";
import { TERMINATIONS } from "../irl/index.ts";
import { stepsOf } from "./cells.ts";
import { familyExhibits } from "./family-exhibits.ts";
import { lastTenth, type Outcome } from "./outcome.ts";
import { checkpointChoice, CRITERIA, familyChoice, type Choice, type FamilyChoice } from "./selection.ts";
import { methodsOn, type Method, type Suite, type Task } from "./suite.ts";
import {
  aggregates,
  comparable,
  count,
  FAILURE,
  improvements,
  meanCurve,
  meanOf,
  profiles,
  taskRow,
  varianceRow,
  type AggregateRow,
  type Comparable,
  type Mean,
  type TaskRow,
} from "./statistics.ts";
import type { Table } from "./table.ts";

/** What a bench has found. */
export interface BenchFindings {
  readonly title: string;
  /** One sentence. */
  readonly headline: string;
  /** What makes the results hard to compare, or incomplete; empty where nothing does. */
  readonly warnings: readonly string[];
  /** How scores come about. */
  readonly protocol: readonly string[];
  /** In the order of reading: across tasks, each task, then what holds for all of them. */
  readonly exhibits: readonly (Table | Figure)[];
  /** The command that goes on with it. */
  readonly command: string;
}

/**
 * The findings on all cells of a suite, complete or not.
 *
 * @param strangers ids of runs that lie among the cells and are none of the suite's
 */
export function findingsOf(
  suite: Suite,
  outcomes: readonly Outcome[],
  strangers: readonly string[],
  command: string,
): BenchFindings {
  const tasks = suite.tasks.map(({ name }) => name);
  const everywhere = suite.methods.filter((method) =>
    suite.tasks.every((task) => appliesTo(suite, method, task)),
  );
  const methods = everywhere.map(({ name }) => name);
  const rows = suite.tasks.map((task) =>
    methodsOn(suite, task).map((method) => taskRow(task.name, method.name, outcomes)),
  );
  const shared = comparable(tasks, methods, outcomes);
  const across = aggregates(shared);
  const audit = suite.audit ? auditOf(suite, outcomes) : null;
  const own = outcomes.filter((outcome) => outcome.audit === null);
  const exhibits = [
    aggregateTable(shared, across, tasks, audit),
    hasOneFamily(suite) ? null : improvementTable(shared),
    profileFigure(shared),
    ...suite.tasks.flatMap((task, i) => [
      scoreTable(task, rows[i], own, audit),
      audit && controlTable(suite, task, audit),
      audit && treatmentTable(task, outcomes),
      curveFigure(
        task,
        methodsOn(suite, task).map(({ name }) => name),
        own,
      ),
    ]),
    varianceTable(suite, own),
    ...familyExhibits(suite, own),
    familyTable(suite, own),
    checkpointTable(suite, own),
    costTable(rows.flat()),
    cellTable(outcomes),
  ];
  return {
    title: suite.title ?? suite.name,
    headline: headlineOf(outcomes, shared, across),
    warnings: [...leakWarnings(audit), ...warningsOf(outcomes, strangers, shared, tasks, methods)],
    protocol: [...protocolOf(suite), ...(audit ? [AUDIT_PROTOCOL] : [])],
    exhibits: exhibits.filter((each) => each !== null),
    command,
  };
}

/** What the controls say of every method on every task. */
interface Audit {
  readonly rows: ReadonlyMap<string, readonly ControlRow[]>;
  readonly largest: ReadonlyMap<string, ControlRow | null>;
  readonly verdicts: readonly Verdict[];
}

function auditOf({ tasks, methods }: Suite, outcomes: readonly Outcome[]): Audit {
  const names = tasks.map(({ name }) => name);
  return {
    rows: new Map(names.map((task) => [task, controlRows(task, outcomes)])),
    largest: new Map(names.map((task) => [task, largestControl(task, outcomes)])),
    verdicts: verdictsOf(
      names,
      methods.map(({ name }) => name),
      outcomes,
    ),
  };
}

function appliesTo(suite: Suite, method: Method, task: Task): boolean {
  return methodsOn(suite, task).includes(method);
}

/** Configurations of one method have no first among them to set against the rest. */
function hasOneFamily({ methods }: Suite): boolean {
  return methods.length > 1 && new Set(methods.map(({ name, family }) => family ?? name)).size === 1;
}

/** The parts in the order of a page. */
export function pageParts({ warnings, protocol, exhibits, command }: BenchFindings): PagePart[] {
  return [
    ...paragraphs(warnings),
    ...exhibits.flatMap((each): PagePart[] => {
      if (isFigure(each)) return [{ kind: "figure", figure: each }];
      const { note, ...table } = each;
      return [{ kind: "table", ...table }, ...paragraphs(note === "" ? [] : [note])];
    }),
    { kind: "heading", text: "Protocol" },
    ...paragraphs(protocol),
    { kind: "command", text: command },
  ];
}

/** Tells figures from tables. */
export function isFigure(exhibit: Table | Figure): exhibit is Figure {
  return "panels" in exhibit;
}

function paragraphs(texts: readonly string[]): PagePart[] {
  return texts.map((text) => ({ kind: "paragraph", text }));
}

// ---- words -------------------------------------------------------------------------------------------------------

function headlineOf(
  outcomes: readonly Outcome[],
  { tasks }: Comparable,
  across: readonly AggregateRow[],
): string {
  const complete = count(outcomes, "complete");
  const diverged = count(outcomes, "diverged");
  const aside = diverged > 0 ? `, ${diverged} diverged` : "";
  const state =
    complete === outcomes.length
      ? `All ${plural(complete, "cell")} are complete`.replace("All 1 cell are", "The one cell is")
      : `${complete} of ${plural(outcomes.length, "cell")} complete${aside}`;
  if (across.length === 0) return `${state}.`;
  const scores = across.map(({ method, interquartileMean: { estimate } }) => `${method} ${score(estimate)}`);
  return `${state}; interquartile mean on ${plural(tasks.length, "task")}: ${enumerate(scores)}.`;
}

const AUDIT_PROTOCOL =
  "Controls saw no reward, or nonsense; they are scored as the methods are, between random actions and the real expert. A leak explains a method's score where a control that applies to it reaches it: the control's mean normalised score is at or above the lower end of the method's 95% interval on the demonstration sets that the control was trained on or, where the method has one cell there, at or above its score less a tenth. A reward that is not learnt applies to methods under the same treatment of an episode's end, and to those that clone actions; a constant or shuffled expert applies to the method that was shown it. Where only its own shuffled expert reaches a method that does more than copy actions, that is no leak: it learnt from the expert, but its states suffice. Comparisons of treatments learn from the real expert and explain nothing.";

const MARK = "a leak explains it";
const STATES_MARK = "states suffice";

/** One sentence where controls explain scores, one where controls are missing. */
function leakWarnings(audit: Audit | null): string[] {
  if (!audit) return [];
  const marked = audit.verdicts.flatMap(({ task, method, explainedBy: [first] }) =>
    first
      ? [
          `${method} on ${task} (${score(first.own.mean)}; ${first.row.control.name} ${score(first.row.normalised.mean)})`,
        ]
      : [],
  );
  const fromStates = audit.verdicts.flatMap(({ task, method, explainedBy, fromStates: shuffled }) =>
    shuffled && explainedBy.length === 0
      ? [
          `${method} on ${task} (${score(shuffled.own.mean)}; shuffled ${score(shuffled.row.normalised.mean)})`,
        ]
      : [],
  );
  const open = audit.verdicts.filter(({ controls, scored }) => scored < controls);
  const lacking = open.map(({ task, method }) => `${method} on ${task}`);
  return [
    ...(marked.length > 0
      ? [`A leak explains the score of ${enumerate(marked)}: a control comes as far.`]
      : []),
    ...(fromStates.length > 0
      ? [
          `The expert's states suffice for the score of ${enumerate(fromStates)}: with its actions shuffled they come as far.`,
        ]
      : []),
    ...(open.length > 0
      ? [`The audit is not complete, some controls have no score yet: ${some(lacking)}.`]
      : []),
  ];
}

function warningsOf(
  outcomes: readonly Outcome[],
  strangers: readonly string[],
  { tasks: sharedTasks, methods: begun }: Comparable,
  tasks: readonly string[],
  methods: readonly string[],
): string[] {
  const warnings: string[] = [];
  const [left, diverged] = [outcomes.filter(isUnfinished), count(outcomes, "diverged")];
  if (left.length > 0) {
    const begun = count(outcomes, "begun");
    warnings.push(
      `Unfinished: ${left.length} of ${plural(outcomes.length, "cell")} (${begun} of them begun). No mean includes them; faint lines show those that have begun.`,
    );
  }
  if (diverged > 0) {
    warnings.push(
      `Diverged: ${plural(diverged, "cell")}, ended by a measurement that was not finite. Normalised scores count each as 0, true returns leave it out.`,
    );
  }
  const idle = methods.filter((method) => !begun.some(({ name }) => name === method));
  if (idle.length > 0 && begun.length > 0)
    warnings.push(`Without any score yet, and in no comparison: ${enumerate(idle)}.`);
  const uncompared = tasks.filter((task) => !sharedTasks.includes(task));
  if (uncompared.length > 0 && begun.length > 0) {
    warnings.push(
      `Not in what is compared across tasks, as not all methods have a score there: ${enumerate(uncompared)}.`,
    );
  }
  const [main, ...others] = buildsOf(outcomes);
  if (others.length > 0) {
    const rest = others.map(({ name, ids }) => `${name} made ${some(ids)}`);
    warnings.push(
      `Made by different builds, which may differ in more than last bits: ${main.name} made ${plural(main.ids.length, "cell")}, ${enumerate(rest)}.`,
    );
  }
  for (const words of worldsOf(outcomes)) warnings.push(words);
  if (strangers.length > 0) {
    warnings.push(`Runs that lie among the cells but are none of this suite, left out: ${some(strangers)}.`);
  }
  const bare = outcomes.filter(({ score, normalised }) => score !== null && normalised === null);
  if (bare.length > 0) {
    warnings.push(
      `Without a normalised score, as the return of their expert is not known: ${some(bare.map(({ id }) => id))}.`,
    );
  }
  return warnings;
}

/** A sentence for each task whose cells were made in different worlds: another environment option, other demonstrations. */
function worldsOf(outcomes: readonly Outcome[]): string[] {
  const begun = outcomes.filter(({ state }) => state !== "new");
  return Array.from(
    Map.groupBy(begun, ({ task }) => task),
    ([task, cells]) => {
      const worlds = Map.groupBy(cells, ({ envOptions, sha256 }) =>
        JSON.stringify([Object.entries(envOptions).sort(([a], [b]) => (a < b ? -1 : 1)), sha256]),
      );
      if (worlds.size < 2) return "";
      const groups = Array.from(worlds.values(), (group) => some(group.map(({ id }) => id)));
      return `${task} is not one task: environment options or demonstrations differ between ${enumerate(groups)}.`;
    },
  ).filter((words) => words !== "");
}

function protocolOf({ seeds, tasks, methods }: Suite): string[] {
  const partial = methods.filter((method) => method.tasks && method.tasks.length < tasks.length);
  const apart = partial.map(({ name, tasks: own = [] }) => `${name} (${enumerate(own)})`);
  const sets = tasks.map(
    ({ name, env, trajectories, episodes, steps }) =>
      `${name} (${env}): ${formatSteps(steps)} steps, ${plural(trajectories.length, "demonstration set")} of ${plural(episodes, "episode")} from episode ${enumerate(trajectories.map(String))}`,
  );
  return [
    `${plural(seeds.length, "seed")} (${enumerate(seeds.map(String))}) a demonstration set. ${sets.join("; ")}.`,
    ...(apart.length > 0
      ? [`Not for all tasks, and so in no comparison across tasks: ${enumerate(apart)}.`]
      : []),
    "A cell's score is the mean true return over its evaluations in the last tenth of its training steps, never the best. Normalised, 0 is the return of uniformly random actions, mean over the task's cells, and 1 that of the expert, mean over all whole episodes in the task's file of demonstrations, whichever of them a cell was shown.",
    "Intervals on one task are Student's t over cells, 95%, as if cells were independent; where demonstration sets matter they are too narrow for other sets, and the table of variance components has the interval over sets. Intervals across tasks are percentiles of the stratified bootstrap (arXiv:2108.13264), 95%; they speak of other runs on these tasks, and with three or five cells a task hold in some 73 or 83 of 100 cases rather than 95.",
  ];
}

// ---- tables ------------------------------------------------------------------------------------------------------

function aggregateTable(
  { tasks }: Comparable,
  rows: readonly AggregateRow[],
  all: readonly string[],
  audit: Audit | null,
): Table | null {
  if (rows.length === 0) return null;
  return {
    title: "Across tasks, normalised",
    note: `On ${tasks.length} of ${plural(all.length, "task")}: ${enumerate(tasks)}. In brackets 95% by the stratified bootstrap, where a task has two or more cells; a task with one adds no width. A smaller optimality gap is better.${audit ? " Leaks: on how many of these tasks a control explains the method's score, of those on which it was audited." : ""}`,
    columns: [
      "method",
      "cells",
      ...(audit ? ["leaks"] : []),
      "interquartile mean",
      "mean",
      "median",
      "optimality gap",
    ],
    rows: rows.map(({ method, cells, planned, ...row }) => [
      method,
      `${cells} of ${planned}`,
      ...(audit ? [leakCount(audit, method, tasks)] : []),
      ...[row.interquartileMean, row.mean, row.median, row.optimalityGap].map((each) =>
        bootstrapWords(each, cells > tasks.length),
      ),
    ]),
  };
}

function improvementTable(shared: Comparable): Table | null {
  const rows = improvements(shared);
  if (rows.length === 0) return null;
  const { first } = rows[0];
  return {
    title: `Probability that ${first} improves on`,
    note: `How probably a cell of ${first} scores above one of the other on the same task, ties counting half, over ${plural(shared.tasks.length, "task")}.`,
    columns: ["method", `cells of ${first}`, "cells of the other", "probability"],
    rows: rows.map(({ other, cells, probability }) => [
      other,
      ...[first, other].map((name, i) => `${cells[i]} of ${plannedOf(shared, name)}`),
      bootstrapWords(
        probability,
        cells.some((each) => each > shared.tasks.length),
      ),
    ]),
  };
}

function plannedOf({ methods }: Comparable, name: string): number {
  return methods.find((method) => method.name === name)?.planned ?? 0;
}

/** `1 of 2 tasks` */
function leakCount({ verdicts }: Audit, method: string, tasks: readonly string[]): string {
  const own = verdicts.filter((verdict) => verdict.method === method && tasks.includes(verdict.task));
  if (own.length === 0) return "n/a";
  return `${own.filter(({ explainedBy }) => explainedBy.length > 0).length} of ${own.length}`;
}

function scoreTable(
  task: Task,
  rows: readonly TaskRow[],
  outcomes: readonly Outcome[],
  audit: Audit | null,
): Table {
  const scored = outcomes.filter((outcome) => outcome.task === task.name && outcome.score !== null);
  const counts = [...new Set(scored.map(({ evaluations }) => evaluations))].sort((a, b) => a - b);
  const evaluations =
    counts.length === 0 ? "" : ` A score is the mean of ${plural(counts[counts.length - 1], "evaluation")}`;
  const fewest = counts.length > 1 ? `, of some cells ${counts[0]}` : "";
  const measured = evaluations === "" ? "" : `${evaluations}${fewest}.`;
  const auditColumns = audit ? ["audit", "largest control"] : [];
  return {
    title: task.name,
    note: `${task.env}, ${formatSteps(task.steps)} steps.${measured} Means are over complete cells, normalised ones also over those that diverged, as 0. Failed: normalised score below ${FAILURE}. Correlations of learned with true reward a step, where a reward is learnt, are over each cell's own final episodes, and so of other steps for every cell: tandem reward has them on common ones.`,
    columns: [
      "method",
      "cells",
      "true return",
      "normalised",
      ...auditColumns,
      "failed",
      "Pearson",
      "Spearman",
    ],
    rows: rows.map((row) => [
      row.method,
      cellWords(row),
      returnWords(row),
      row.normalised ? meanWords(row.normalised, score) : "n/a",
      ...(audit ? [verdictWords(audit, row), largestWords(audit, row.task)] : []),
      failureWords(row),
      formatCorrelation(row.pearson?.mean),
      formatCorrelation(row.spearman?.mean),
    ]),
  };
}

/** What the audit says of a method on a task. */
function verdictWords({ verdicts }: Audit, { task, method, normalised }: TaskRow): string {
  const verdict = verdicts.find((each) => each.task === task && each.method === method);
  if (!verdict) return "not audited";
  const { explainedBy, fromStates, scored, controls } = verdict;
  if (explainedBy.length > 0) return MARK;
  if (fromStates) return STATES_MARK;
  if (!normalised) return "n/a";
  return scored < controls ? `${scored} of ${controls} controls` : "no leak found";
}

function largestWords({ largest }: Audit, task: string): string {
  const row = largest.get(task);
  return row?.normalised ? `${score(row.normalised.mean)} ${row.control.name}` : "n/a";
}

/** The controls of a task, largest first. */
function controlTable(suite: Suite, task: Task, { rows, verdicts }: Audit): Table | null {
  const controls = rows.get(task.name) ?? [];
  if (controls.length === 0) return null;
  const own = verdicts.filter((verdict) => verdict.task === task.name);
  const short = controls
    .map(({ control, steps }) => ({ name: control.name, steps, whole: stepsBeside(suite, task, control) }))
    .filter(({ steps, whole }) => steps < whole)
    .map(({ name, steps, whole }) => `${name} (${formatSteps(steps)} of ${formatSteps(whole)} steps)`);
  const shorter =
    short.length > 0 ? ` Trained for less than the methods, which may understate them: ${some(short)}.` : "";
  return {
    title: `${task.name}: controls`,
    note: `Learners that saw no reward, or nonsense, largest score first. Explains: the methods whose score comes no further than this.${shorter}`,
    columns: ["control", "cells", "normalised", "explains", "true return"],
    rows: controls.map((row) => [
      row.control.name,
      cellWords(row),
      row.normalised ? meanWords(row.normalised, score) : "n/a",
      explainsWords(row, own),
      returnWords(row),
    ]),
  };
}

/** What each method scores under every treatment of an episode's end; null where nothing ends one. */
function treatmentTable(task: Task, outcomes: readonly Outcome[]): Table | null {
  const rows = treatmentRows(task.name, outcomes);
  if (rows.length === 0) return null;
  const steps = [...new Set(rows.flatMap(({ under }) => Object.values(under).map((row) => row.steps)))];
  return {
    title: `${task.name}: treatments of an episode's end`,
    note: `Each method that collects its own steps, learning from the real expert, under every treatment: normalised score, and true return in parentheses, of ${enumerate(steps.map(formatSteps))} steps. Where a row differs much, the treatment decides the score as the expert does; no score is explained by it.`,
    columns: ["method", ...TERMINATIONS],
    rows: rows.map(({ method, under }) => [method, ...TERMINATIONS.map((each) => treatedWords(under[each]))]),
  };
}

function treatedWords(row: ControlRow | undefined): string {
  if (!row) return "not possible";
  return row.normalised ? `${meanWords(row.normalised, score)} (${returnWords(row)})` : "n/a";
}

/** Steps of what a control stands beside: of the method that was shown nonsense, or the task's. */
function stepsBeside(
  { methods }: Suite,
  task: Task,
  { kind, appliesTo: [first] }: ControlRow["control"],
): number {
  const shown =
    kind === "nonsense" || kind === "states" ? methods.find(({ name }) => name === first) : undefined;
  return shown ? stepsOf(task, shown) : task.steps;
}

function explainsWords({ control, normalised }: ControlRow, verdicts: readonly Verdict[]): string {
  const explained = verdicts.filter(({ explainedBy, fromStates }) =>
    [...explainedBy, ...(fromStates ? [fromStates] : [])].some(
      ({ row }) => row.control.name === control.name,
    ),
  );
  if (explained.length > 0) return enumerate(explained.map(({ method }) => method));
  return normalised ? "nothing" : "n/a";
}

function varianceTable(suite: Suite, outcomes: readonly Outcome[]): Table | null {
  const { tasks } = suite;
  if (tasks.every(({ trajectories }) => trajectories.length < 2)) return null;
  const rows = tasks.flatMap((task) =>
    methodsOn(suite, task).map(({ name }) => ({
      task: task.name,
      name,
      row: varianceRow(task.name, name, outcomes),
    })),
  );
  return {
    title: "Which demonstration, or which seed",
    note: "Standard deviations of normalised scores between demonstration sets and, within a set, over seeds (ANOVA estimates; 0 where the estimate of a variance is negative). The mean is over sets, its interval Student's t over sets.",
    columns: ["task, method", "cells", "sets", "between sets", "over seeds", "mean over sets"],
    rows: rows.map(({ task, name, row }) =>
      row
        ? [
            `${task}, ${name}`,
            `${row.cells} of ${row.planned}`,
            String(row.trajectories),
            score(Math.sqrt(row.between)),
            score(Math.sqrt(row.within)),
            meanWords(row.acrossTrajectories, score),
          ]
        : [`${task}, ${name}`, ...tooFew(task, name, outcomes), "n/a", "n/a", "n/a"],
    ),
  };
}

function familyTable({ tasks, methods }: Suite, outcomes: readonly Outcome[]): Table | null {
  const families = new Set(methods.map(({ name, family }) => family ?? name));
  const rows = tasks.flatMap((task) =>
    [...families].map((family) => familyChoice(task.name, family, outcomes)).filter((row) => row !== null),
  );
  if (rows.length === 0) return null;
  return {
    title: "Which configuration, chosen without the true reward",
    note: `Of the configurations of one method: the best by true return, and what each criterion on held-out demonstrations chooses (means over the last tenth of training and over cells), with its regret, the normalised score lost against the best. By lot: the mean regret of choosing blindly.${leftOutWords(rows)}`,
    columns: ["task, method", "configurations", "best by return", ...CRITERIA, "by lot"],
    rows: rows.map(({ task, family, candidates, leftOut, best, lot, chosen }) => [
      `${task}, ${family}`,
      `${candidates} of ${candidates + leftOut.length}`,
      best ? `${best.name}, ${score(best.score)}` : "n/a",
      ...CRITERIA.map((criterion) => choiceWords(chosen[criterion])),
      lot === null ? "n/a" : score(lot),
    ]),
  };
}

/** " Left out, ...: first on one (1 of 2 cells diverged)." */
function leftOutWords(rows: readonly FamilyChoice[]): string {
  const names = rows.flatMap(({ task, leftOut }) =>
    leftOut.map(({ name, cells, obstacles }) => {
      const reasons = Array.from(
        Map.groupBy(obstacles, (obstacle) => obstacle),
        ([obstacle, { length }]) => `${length} ${obstacle}`,
      );
      return `${name} on ${task} (of ${plural(cells, "cell")} ${enumerate(reasons)})`;
    }),
  );
  return names.length === 0 ? "" : ` Left out, and no choice: ${enumerate(names)}.`;
}

function choiceWords(choice: Choice | null): string {
  return choice ? `${choice.name}, ${score(choice.regret)}` : "n/a";
}

function checkpointTable({ tasks, methods }: Suite, outcomes: readonly Outcome[]): Table | null {
  const rows = tasks.flatMap((task) =>
    methods.map(({ name }) => checkpointChoice(task.name, name, outcomes)).filter((row) => row !== null),
  );
  if (rows.length === 0) return null;
  return {
    title: "Which evaluation's policy to keep, chosen without the true reward",
    note: "Normalised return lost against keeping the policy of the highest evaluation of each training, mean over cells: by keeping the last, and by keeping what fits held-out demonstrations best. Evaluations are of few episodes, so that the highest is partly luck, which makes every regret too large. State distance and reward gap look at the very episodes that the returns are of and share their luck, which makes theirs too small beside the others.",
    columns: ["task, method", "cells", "the last", ...CRITERIA],
    rows: rows.map(({ task, method, cells, last, regret }) => [
      `${task}, ${method}`,
      String(cells),
      score(last),
      ...CRITERIA.map((criterion) => (regret[criterion] === null ? "n/a" : score(regret[criterion]))),
    ]),
  };
}

/** Cells and sets of a method that has too few of them on a task. */
function tooFew(task: string, method: string, outcomes: readonly Outcome[]): [string, string] {
  const cells = outcomes.filter((outcome) => outcome.task === task && outcome.method === method);
  const scored = cells.filter(({ normalised, state }) => normalised !== null || state === "diverged");
  const sets = new Set(scored.map(({ trajectory }) => trajectory));
  return [`${scored.length} of ${cells.length}`, String(sets.size)];
}

function costTable(rows: readonly TaskRow[]): Table {
  return {
    title: "What a cell costs",
    note: "Mean environment steps by purpose and seconds of training, over complete cells. Seconds are of the machine that trained them, with other cells beside.",
    columns: ["task, method", "cells", "training", "reward rollouts", "evaluation", "expert", "time"],
    rows: rows.map(({ task, method, complete, cells, stepCounts, seconds }) => [
      `${task}, ${method}`,
      `${complete} of ${cells}`,
      stepWords(stepCounts?.train),
      stepWords(stepCounts?.rewardRollout),
      stepWords(stepCounts?.evaluation),
      stepWords(stepCounts?.expert),
      formatSeconds(seconds ?? NaN),
    ]),
  };
}

function stepWords(value: number | undefined): string {
  return value === undefined ? "n/a" : grouped(value);
}

/** Cells that have begun and are not complete; null where there are none. */
function cellTable(outcomes: readonly Outcome[]): Table | null {
  const rows = outcomes.filter(({ state }) => state === "begun" || state === "diverged");
  if (rows.length === 0) return null;
  const waiting = count(outcomes, "new");
  return {
    title: "Cells that are not complete",
    note: waiting === 0 ? "" : `Not begun, and not listed: ${plural(waiting, "cell")}.`,
    columns: ["cell", "state", "evaluated at", "last true return"],
    rows: rows.map(({ id, state, step, steps, curve }) => [
      id,
      state,
      curve.length === 0 ? "n/a" : `${formatSteps(step)} of ${formatSteps(steps)}`,
      formatValue(curve.at(-1)?.[1] ?? NaN),
    ]),
  };
}

type CellCounts = Pick<TaskRow, "cells" | "complete" | "diverged">;

/** "2 of 3, 1 diverged": cells that are complete. */
export function cellWords({ complete, diverged, cells }: CellCounts): string {
  return `${complete} of ${cells}${diverged > 0 ? `, ${diverged} diverged` : ""}`;
}

/** Behind a mean that leaves out the cells that diverged, beside one in which they stand at 0: " (2 of 3, 1 diverged)"; "" where none did. */
export function leftOutOfMean({ count: complete }: Mean, { cells, diverged }: CellCounts): string {
  return diverged > 0 ? ` (${cellWords({ complete, diverged, cells })})` : "";
}

function returnWords({ score: mean, ...counts }: CellCounts & Pick<TaskRow, "score">): string {
  return mean ? meanWords(mean, formatValue) + leftOutOfMean(mean, counts) : "n/a";
}

function failureWords({ failures, normalised }: TaskRow): string {
  if (!normalised) return "n/a";
  return `${failures} of ${normalised.count} (${formatShare(failures / normalised.count)})`;
}

/** "3,120 [2,800, 3,440]" */
function meanWords({ mean, interval }: Mean, format: (value: number) => string): string {
  return interval ? `${format(mean)} [${interval.map(format).join(", ")}]` : format(mean);
}

/** Resamples of tasks with one cell each are all alike, which says nothing of other runs. */
function bootstrapWords({ estimate, low, high }: BootstrapInterval, isResampled: boolean): string {
  if (!isResampled) return score(estimate);
  return `${score(estimate)} [${score(low)}, ${score(high)}]`;
}

/** A normalised score. */
function score(value: number): string {
  return grouped(value, 2);
}

function some(ids: readonly string[]): string {
  return ids.length > 3 ? `${ids.slice(0, 3).join(", ")} and ${ids.length - 3} more` : enumerate(ids);
}

function isUnfinished({ state }: Outcome): boolean {
  return state === "new" || state === "begun";
}

// ---- figures -----------------------------------------------------------------------------------------------------

/** A method and how it looks, alike in all figures. */
interface LookOf {
  readonly name: string;
  readonly look: SeriesLook;
}

/** Methods by panel: all in one, or in each the first and as many others as can be told apart. */
function panelGroups(methods: readonly string[]): LookOf[][] {
  if (methods.length <= MOST_SERIES) return [looksOf(methods)];
  const [first, ...others] = methods;
  const beside = MOST_SERIES - 1;
  return Array.from({ length: Math.ceil(others.length / beside) }, (_, i) =>
    looksOf([first, ...others.slice(i * beside, (i + 1) * beside)]),
  );
}

function looksOf(names: readonly string[]): LookOf[] {
  return names.map((name, i) => ({ name, look: seriesLook(i) }));
}

/** Thresholds of the profile: from 0, or the lowest score where that is lower, to 1.2 or the highest. */
function thresholdsOf({ methods }: Comparable): number[] {
  const all = methods.flatMap(({ scores }) => scores.flat());
  const low = Math.max(-1, Math.floor(10 * Math.min(0, ...all)) / 10);
  const high = Math.min(2, Math.ceil(10 * Math.max(1.2, ...all)) / 10);
  return Array.from({ length: 61 }, (_, i) => low + (i * (high - low)) / 60);
}

function profileFigure(shared: Comparable): Figure | null {
  const found = profiles(shared, thresholdsOf(shared));
  if (found.length === 0) return null;
  const groups = panelGroups(shared.methods.map(({ name }) => name));
  const measure = { label: "Share of cells above", format: "percent", domain: [0, 1] } as const;
  const panels = groups.map((group) => {
    const marks = group.flatMap(({ name, look }): Mark[] => {
      const points = found.find(({ method }) => method === name)?.points ?? [];
      const band = points.map(({ threshold, share: { low, high } }) => ({ x: threshold, low, high }));
      return [
        { kind: "band", name: null, tone: look.tone, points: band },
        lineOf(
          name,
          look,
          points.map(({ threshold, share: { estimate } }) => ({ x: threshold, y: estimate })),
        ),
      ];
    });
    const words = { label: "Normalised score", unit: null } as const;
    const x = axisOver(
      words,
      found[0].points.map(({ threshold }) => threshold),
      { nice: false },
    );
    return panelOf(x, measure, marks);
  });
  return {
    id: "profile",
    title: "How many cells reach which score",
    caption: `Performance profile over ${plural(shared.tasks.length, "task")}: share of cells above each normalised score, every task weighing the same. Bands: pointwise 95% by the stratified bootstrap. Cells: ${enumerate(
      shared.methods.map(({ name, scores, planned }) => `${name} ${scores.flat().length} of ${planned}`),
    )}.`,
    layout: panels.length > 1 ? "small" : "wide",
    panels,
  };
}

/** True return over training of each method on a task; null where none of them has a curve. */
export function curveFigure(
  task: Pick<Task, "name" | "env">,
  methods: readonly string[],
  outcomes: readonly Outcome[],
): Figure | null {
  const cells = outcomes.filter((outcome) => outcome.task === task.name && outcome.curve.length > 0);
  if (cells.length === 0) return null;
  const panels = panelGroups(methods).map((group) => curvesOf(cells, group));
  const counts = methods.map((name) => {
    const own = outcomes.filter((outcome) => outcome.task === task.name && outcome.method === name);
    return `${name} ${count(own, "complete")} of ${own.length}`;
  });
  return {
    id: `curves-${task.name}`,
    title: `${task.name}: true return over training`,
    caption: `${task.env}, deterministic episodes. Lines: mean over complete cells (${enumerate(counts)}); bands: 95% by Student's t over cells where there are two or more. Faint: cells that are not complete. Scores are of what lies right of the upright line.`,
    layout: panels.length > 1 ? "small" : "wide",
    panels,
  };
}

function curvesOf(cells: readonly Outcome[], group: readonly LookOf[]): XyPanel {
  const marks = group.flatMap(({ name, look }): Mark[] => {
    const own = cells.filter(({ method }) => method === name);
    if (own.some(({ isCloned }) => isCloned)) return levelOf(name, look, own);
    const curve = meanCurve(own);
    const complete = count(own, "complete");
    const faint = own
      .filter(({ state }) => state !== "complete")
      .map(({ curve }, i): LineMark => ({
        ...lineOf(
          complete === 0 && i === 0 ? name : null,
          look,
          curve.map(([x, y]) => ({ x, y })),
        ),
        style: "faint",
      }));
    const band: Mark = { kind: "band", name: null, tone: look.tone, points: curve };
    return [...(complete > 1 ? [band] : []), ...faint, lineOf(name, look, curve)];
  });
  const stepping = cells.filter(({ isCloned }) => !isCloned);
  const steps = stepping.at(0)?.steps ?? 0;
  const levels = [
    ["expert", "expert", meanOf(cells.map(({ scale }) => scale && scale.expert))],
    ["random", "neutral", meanOf(cells.map(({ scale }) => scale && scale.random))],
  ] as const;
  const rules = levels.flatMap(([name, tone, level]): Mark[] =>
    level ? [{ kind: "rule", name, tone, style: "dashed", y: level.mean }] : [],
  );
  const reachesEnd = lastTenth(stepping, steps).length > 0;
  const boundary: Mark[] = reachesEnd
    ? [{ kind: "boundary", name: null, tone: "neutral", style: "dotted", x: 0.9 * steps }]
    : [];
  return curvePanel(null, "Training steps", { label: "True return" }, [...boundary, ...marks, ...rules]);
}

/** What has no place on the axis: the mean score of methods that take no step in the environment. */
function levelOf(name: string, { tone }: SeriesLook, cells: readonly Outcome[]): Mark[] {
  const level = meanOf(cells.map(({ score }) => score));
  return level ? [{ kind: "rule", name, tone, style: "solid", y: level.mean }] : [];
}

function lineOf(
  name: string | null,
  { tone, dash, marker }: SeriesLook,
  points: LineMark["points"],
): LineMark {
  return { kind: "line", name, tone, dash, marker, style: "strong", points };
}
