/** Controls of the leak audit: learners that saw no reward, or nonsense, planned from what the methods of a suite are. */
import type { Termination } from "../irl/index.ts";
import type { TrainConfig } from "../runs/index.ts";
import { AUDIT_PREFIX, type Method, type Options, type Suite, type Task } from "./suite.ts";

type Algorithm = TrainConfig["algorithm"];

/** What a cell of the audit is for. */
export interface Control {
  /** In words, such as `constant reward (native)`. */
  readonly name: string;
  /**
   * `states`: it sees the expert's states with actions that say nothing, so that what it explains was learnt, though from states alone.
   * `comparison`: it learns from what the expert did, under another treatment of an episode's end; it explains nobody's score.
   */
  readonly kind: "no reward" | "nonsense" | "states" | "comparison";
  /** Methods whose scores it can explain, by name; none for a comparison. */
  readonly appliesTo: readonly string[];
  /** Of a comparison: the method, by name, and the treatment that it is set under. */
  readonly sets?: { readonly method: string; readonly termination: Termination };
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
  /** Treatments of an episode's end under which it can learn. */
  readonly terminations: readonly Termination[];
}

const TEACHERS = { zero: "zero reward", constant: "constant reward", penalty: "constant penalty" } as const;

/**
 * The controls of one demonstration set of a task. A reward that is not learnt is tried under every treatment of an episode's end
 * that a method of the suite has there, as what it gives away differs; each learning method is shown a constant and a shuffled
 * expert; and, where episodes can end, each learning method that collects its own is set under every treatment it can have.
 *
 * @param canEnd whether the task can end an episode other than by time
 */
export function controlMethods(
  task: Task,
  canEnd: boolean,
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
  const ends = (canEnd ? collecting : []).flatMap(({ method, terminations }) =>
    terminations.map((termination) => ({
      method: changed(task, method, `termination-${termination}-${method.name}`, { termination }),
      control: {
        name: `${method.name} under ${termination}`,
        kind: "comparison" as const,
        appliesTo: [],
        sets: { method: method.name, termination },
      },
      isForeign: false,
    })),
  );
  return [...teachers, ...nonsense, ...ends];
}

/** A suite without ML-IRL gets the controls of its defaults. */
const PLAIN: Method = { name: "ml-irl", options: { method: "ml-irl" }, perTask: {} };

/** What copies actions has nothing to learn from shuffled ones; any other method has the expert's states. */
function nonsenseOf(task: Task, { method, algorithm, seesStatesOnly }: AuditedMethod): ControlMethod[] {
  const shuffled = algorithm.method === "bc" ? "nonsense" : "states";
  const kinds = [
    ["constant-expert", "constant demonstrations", "nonsense"],
    ...(seesStatesOnly ? [] : [["shuffle-expert", "shuffled demonstrations", shuffled] as const]),
  ] as const;
  return kinds.map(([option, words, kind]) => ({
    method: changed(task, method, `${option}-${method.name}`, { [option]: true }),
    control: { name: `${words} of ${method.name}`, kind, appliesTo: [method.name] },
    isForeign: false,
  }));
}

/** A method with other options on a task, over all that it is told there. */
function changed(task: Task, { options, perTask, updates }: Method, name: string, changes: Options): Method {
  return {
    name: `${AUDIT_PREFIX}${name}`,
    ...(updates !== undefined && { updates }),
    options,
    perTask: { [task.name]: { ...perTask[task.name], ...changes } },
  };
}

/** Whether a method only copies actions: what follows an episode's end is nothing to it. */
function clones({ method }: Algorithm): boolean {
  return ["bc", "dagger", "mce-irl"].includes(method);
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
