/** The leak audit of a bench: cells of learners that saw no reward, or nonsense, and what their scores say of the others'. */
import { reachesScore } from "../eval/index.ts";
import type { TrainConfig } from "../runs/index.ts";
import type { Cell } from "./cells.ts";
import type { Outcome } from "./outcome.ts";
import { meanOf, standing, taskRow, type Mean } from "./statistics.ts";
import type { Method, Options, Suite, Task } from "./suite.ts";

type Algorithm = TrainConfig["algorithm"];
type Termination = Algorithm["termination"];

/** What a cell of the audit is for. */
export interface Control {
  /** In words, such as `constant reward (native)`. */
  readonly name: string;
  /** `comparison`: it learns from what the expert did, under another treatment of an episode's end; it explains nobody's score. */
  readonly kind: "no reward" | "nonsense" | "comparison";
  /** Methods whose scores it can explain, by name; none for a comparison. */
  readonly appliesTo: readonly string[];
}

/** A control of a task, as a method of the bench. */
export interface ControlMethod {
  readonly method: Method;
  readonly control: Control;
  /** Whether options that are not of `ml-irl` are to be left out: the suite has no such method to say which are. */
  readonly isForeign: boolean;
}

/** What planning has found of a method of the suite on a task. */
export interface AuditedMethod {
  readonly method: Method;
  readonly algorithm: Algorithm;
  /** Whether it is a negative control already. */
  readonly isControl: boolean;
  /** Whether shuffling the expert's actions is refused, as the reward never sees them. */
  readonly seesStatesOnly: boolean;
}

/** What planning has found of a task and one of its demonstration sets. */
export interface AuditedTask {
  /** Whether episodes can end other than by time. */
  readonly canEnd: boolean;
  /** Whether a fixed horizon is possible: something keeps the task from ending episodes, and no demonstration was ended. */
  readonly canFixHorizon: boolean;
}

const TEACHERS = { zero: "zero reward", constant: "constant reward", penalty: "constant penalty" } as const;

/**
 * The controls of one demonstration set of a task. A reward that is not learnt is tried under every treatment of an episode's end
 * that a method of the suite has there, as what it gives away differs; each learning method is shown a constant and a shuffled
 * expert; and, where episodes can end, the first method that collects its own is set under every treatment.
 */
export function controlMethods(
  task: Task,
  { canEnd, canFixHorizon }: AuditedTask,
  methods: readonly AuditedMethod[],
): ControlMethod[] {
  const learning = methods.filter(({ isControl }) => !isControl);
  const collecting = learning.filter(({ algorithm }) => !clones(algorithm));
  const likelihood = learning.find(({ algorithm }) => algorithm.method === "ml-irl");
  const taught = new Set(collecting.map(({ algorithm }) => algorithm.termination));
  const teachers = [...(taught.size > 0 ? taught : ["native" as const])].flatMap((termination) =>
    Object.entries(TEACHERS).map(([teacher, words]) => ({
      method: changed(task, likelihood?.method ?? PLAIN, `teacher-${teacher}-${termination}`, {
        teacher,
        termination,
      }),
      control: {
        name: `${words} (${termination})`,
        kind: "no reward" as const,
        appliesTo: learning
          .filter(({ algorithm }) => clones(algorithm) || algorithm.termination === termination)
          .map(({ method }) => method.name),
      },
      isForeign: likelihood === undefined,
    })),
  );
  const nonsense = learning
    .filter(({ algorithm }) => algorithm.method !== "dagger")
    .flatMap((each) => nonsenseOf(task, each));
  const treatments: Termination[] = canFixHorizon
    ? ["native", "absorbing", "fixed-horizon"]
    : ["native", "absorbing"];
  const ends = (canEnd ? collecting.slice(0, 1) : []).flatMap(({ method }) =>
    treatments.map((termination) => ({
      method: changed(task, method, `termination-${termination}`, { termination }),
      control: {
        name: `${method.name} under ${termination}`,
        kind: "comparison" as const,
        appliesTo: [],
      },
      isForeign: false,
    })),
  );
  return [...teachers, ...nonsense, ...ends];
}

/** A suite without ML-IRL gets the controls of its defaults. */
const PLAIN: Method = { name: "ml-irl", options: { method: "ml-irl" }, perTask: {} };

function nonsenseOf(task: Task, { method, seesStatesOnly }: AuditedMethod): ControlMethod[] {
  const kinds = [
    ["constant-expert", "constant demonstrations"],
    ...(seesStatesOnly ? [] : [["shuffle-expert", "shuffled demonstrations"]]),
  ];
  return kinds.map(([option, words]) => ({
    method: changed(task, method, `${option}-${method.name}`, { [option]: true }),
    control: { name: `${words} of ${method.name}`, kind: "nonsense", appliesTo: [method.name] },
    isForeign: false,
  }));
}

/** A method with other options on a task, over all that it is told there. */
function changed(task: Task, { options, perTask }: Method, name: string, changes: Options): Method {
  return {
    name: `${AUDIT_PREFIX}${name}`,
    options,
    perTask: { [task.name]: { ...perTask[task.name], ...changes } },
  };
}

/** Begins the folder of every control. */
export const AUDIT_PREFIX = "audit-";

/** Whether a method only copies actions: what follows an episode's end is nothing to it. */
function clones({ method }: Algorithm): boolean {
  return method === "bc" || method === "dagger";
}

/** What of a task the audit covers: its steps and, of its sets, those asked for. */
export function auditedPart({ audit }: Suite, task: Task): Task | null {
  if (!audit) return null;
  const trajectories = audit.trajectories
    ? task.trajectories.filter((first) => audit.trajectories?.includes(first))
    : task.trajectories.slice(0, 1);
  return { ...task, trajectories, steps: Math.min(audit.steps ?? task.steps, task.steps) };
}

/** Seeds of the audit's cells. */
export function auditSeeds({ audit, seeds }: Suite): readonly number[] {
  return audit ? (audit.seeds ?? seeds.slice(0, 1)) : [];
}

/** The cells of a control on one demonstration set of a task. */
export function controlCells(
  suite: Suite,
  part: Task,
  trajectory: number,
  { method, control }: ControlMethod,
): Cell[] {
  return auditSeeds(suite).map((seed) => {
    const id = `${part.name}/${method.name}/${trajectory}-${seed}`;
    return { id, task: part, method, trajectory, seed, control };
  });
}

// ---- what they say -----------------------------------------------------------------------------------------------

/** A control on a task, over its cells. */
export interface ControlRow {
  readonly control: Control;
  /** Its folder. */
  readonly method: string;
  readonly cells: number;
  /** Those with an end, be it that they diverged. */
  readonly ended: number;
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
    ended: cells.filter(({ state }) => state === "complete" || state === "diverged").length,
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
