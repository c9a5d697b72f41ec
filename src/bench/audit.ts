/** What the controls of a bench say of its methods' scores. */
import { reachesScore } from "../eval/index.ts";
import type { Control } from "./control.ts";
import type { Outcome } from "./outcome.ts";
import { count, meanOf, standing, taskRow, type Mean } from "./statistics.ts";

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

/** The controls of a task, those that explain scores first, the largest first among them. */
export function controlRows(task: string, outcomes: readonly Outcome[]): ControlRow[] {
  const cells = outcomes.filter((outcome) => outcome.task === task && outcome.audit !== null);
  const rows = Array.from(Map.groupBy(cells, ({ method }) => method).values(), controlRow);
  const rank = ({ control, normalised }: ControlRow): number =>
    (control.kind === "comparison" ? -1e9 : 0) + (normalised?.mean ?? -1e6);
  return rows.sort((a, b) => rank(b) - rank(a));
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
  /** The control that explains the score, the largest where several do; null where none does. */
  readonly explainedBy: ControlRow | null;
  /** The method's normalised score; null where there is none. */
  readonly score: Mean | null;
  /** Controls that apply to the method, and those of them that have a score. */
  readonly controls: number;
  readonly scored: number;
}

/** Whether a control explains a method's score on a task; null where nothing applies to it, as to one that is a control itself. */
export function verdictOn(task: string, method: string, outcomes: readonly Outcome[]): Verdict | null {
  const applying = controlRows(task, outcomes).filter(({ control }) => control.appliesTo.includes(method));
  if (applying.length === 0) return null;
  const { normalised: score } = taskRow(task, method, outcomes);
  const scored = applying.filter(({ normalised }) => normalised !== null);
  const explainedBy =
    score && scored.find(({ normalised }) => normalised && reachesScore(normalised.mean, score));
  return {
    task,
    method,
    explainedBy: explainedBy ?? null,
    score,
    controls: applying.length,
    scored: scored.length,
  };
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
  const [first] = controlRows(task, outcomes).filter(({ control }) => control.kind !== "comparison");
  return first?.normalised ? first : null;
}
