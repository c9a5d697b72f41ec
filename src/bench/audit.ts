/** What the controls of a bench say of its methods' scores. */
import { reachesScore } from "../eval/index.ts";
import type { Termination } from "../irl/index.ts";
import type { Control } from "./control.ts";
import type { Outcome } from "./outcome.ts";
import { count, meanOf, standing, type Mean } from "./statistics.ts";

/** A control on a task, over its cells. */
export interface ControlRow {
  readonly control: Control;
  /** Its folder. */
  readonly method: string;
  readonly cells: number;
  readonly complete: number;
  readonly diverged: number;
  readonly steps: number;
  readonly score: Mean | null;
  readonly normalised: Mean | null;
}

/** The controls of a task that explain scores, the largest first. */
export function controlRows(task: string, outcomes: readonly Outcome[]): ControlRow[] {
  const rank = ({ normalised }: ControlRow): number => normalised?.mean ?? -Infinity;
  return auditRows(task, outcomes)
    .filter(({ control }) => control.kind !== "comparison")
    .sort((a, b) => rank(b) - rank(a));
}

/** A method under the treatments of an episode's end that it was set under. */
export interface TreatmentRow {
  readonly method: string;
  readonly under: Readonly<Partial<Record<Termination, ControlRow>>>;
}

/** The comparisons of a task, in the order of the suite's methods. */
export function treatmentRows(task: string, outcomes: readonly Outcome[]): TreatmentRow[] {
  const rows = auditRows(task, outcomes).flatMap((row) =>
    row.control.sets ? [{ ...row.control.sets, row }] : [],
  );
  return Array.from(
    Map.groupBy(rows, ({ method }) => method),
    ([method, own]) => ({
      method,
      under: Object.fromEntries(own.map(({ termination, row }) => [termination, row])),
    }),
  );
}

function auditRows(task: string, outcomes: readonly Outcome[]): ControlRow[] {
  const cells = outcomes.filter((outcome) => outcome.task === task && outcome.audit !== null);
  return Array.from(Map.groupBy(cells, ({ method }) => method).values(), controlRow);
}

function controlRow(cells: readonly Outcome[]): ControlRow {
  const [{ audit, method, steps }] = cells;
  return {
    control: audit as Control,
    method,
    cells: cells.length,
    complete: count(cells, "complete"),
    diverged: count(cells, "diverged"),
    steps,
    score: meanOf(cells.map(({ score }) => score)),
    normalised: meanOf(cells.map(standing)),
  };
}

/** The audit of a method's score on a task. */
export interface Verdict {
  readonly task: string;
  readonly method: string;
  /** The controls that explain the score, the largest first, but for what saw the expert's states. */
  readonly explainedBy: readonly Explanation[];
  /** The method on shuffled actions, where that comes as far: it learnt from the expert, but from its states alone. */
  readonly fromStates: Explanation | null;
  /** Controls that apply to the method, and those of them that have a score and one of the method to set against it. */
  readonly controls: number;
  readonly scored: number;
}

/** A control that reaches a method's score. */
interface Explanation {
  readonly row: ControlRow & { readonly normalised: Mean };
  /** The method's normalised score on the demonstration sets that the control was trained on. */
  readonly own: Mean;
}

/** Whether controls explain a method's score on a task; null where nothing applies to it, as to one that is a control itself. */
export function verdictOn(task: string, method: string, outcomes: readonly Outcome[]): Verdict | null {
  const applying = controlRows(task, outcomes).filter(({ control }) => control.appliesTo.includes(method));
  if (applying.length === 0) return null;
  const compared = applying
    .map((row) => ({ row, own: scoreBeside(row, task, method, outcomes) }))
    .filter((each): each is Explanation => each.own !== null && each.row.normalised !== null);
  const reaching = compared.filter(({ row, own }) => reachesScore(row.normalised.mean, own));
  return {
    task,
    method,
    explainedBy: reaching.filter(({ row }) => row.control.kind !== "states"),
    fromStates: reaching.find(({ row }) => row.control.kind === "states") ?? null,
    controls: applying.length,
    scored: compared.length,
  };
}

/** A method's score on the demonstration sets of a control: another set is another task to learn from. */
function scoreBeside(
  { method: folder }: ControlRow,
  task: string,
  method: string,
  outcomes: readonly Outcome[],
): Mean | null {
  const onTask = outcomes.filter((outcome) => outcome.task === task);
  const sets = new Set(
    onTask.filter((outcome) => outcome.method === folder).map(({ trajectory }) => trajectory),
  );
  const own = onTask.filter((outcome) => outcome.method === method && sets.has(outcome.trajectory));
  return meanOf(own.map(standing));
}

/** The audit of every method on every task that something applies to. */
export function verdictsOf(
  tasks: readonly string[],
  methods: readonly string[],
  outcomes: readonly Outcome[],
): Verdict[] {
  return tasks
    .flatMap((task) => methods.map((method) => verdictOn(task, method, outcomes)))
    .filter((verdict) => verdict !== null);
}

/** The largest control of a task, whomever it applies to; null before any has a score. */
export function largestControl(task: string, outcomes: readonly Outcome[]): ControlRow | null {
  const [first] = controlRows(task, outcomes);
  return first?.normalised ? first : null;
}
