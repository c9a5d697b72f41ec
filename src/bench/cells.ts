/** The cells of a suite: task x method x trajectory x seed, each one run of `tandem train` in a folder of its own. */
import { auditSeeds, type Control, type ControlMethod } from "./control.ts";
import { methodsOn, type Method, type Options, type Suite, type Task } from "./suite.ts";

/** One training. */
export interface Cell {
  /** `Hopper/dac/0-1`: its place below the suite's folder. */
  readonly id: string;
  readonly task: Task;
  readonly method: Method;
  /** First episode of its demonstration set. */
  readonly trajectory: number;
  readonly seed: number;
  /** Training steps in the environment, or updates of a method that takes none. */
  readonly steps: number;
  /** What it is for in the audit; null for a cell of the suite's own methods. */
  readonly control: Control | null;
}

/** All cells of the suite's own methods, seeds outermost: a bench that is stopped half-way has some seeds of everything. */
export function cellsOf(suite: Suite): Cell[] {
  const { tasks, seeds } = suite;
  const most = Math.max(...tasks.map(({ trajectories }) => trajectories.length));
  const rounds = Array.from({ length: most }, (_, round) => round);
  return seeds.flatMap((seed) =>
    rounds.flatMap((round) =>
      tasks.flatMap((task) =>
        methodsOn(suite, task).flatMap((method) =>
          task.trajectories.slice(round, round + 1).map((trajectory): Cell => {
            const id = `${task.name}/${method.name}/${trajectory}-${seed}`;
            return { id, task, method, trajectory, seed, steps: stepsOf(task, method), control: null };
          }),
        ),
      ),
    ),
  );
}

/** Where a cell's axis ends. */
export function stepsOf(task: Task, method: Method): number {
  return method.updates ?? task.steps;
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
    return { id, task: part, method, trajectory, seed, steps: stepsOf(part, method), control };
  });
}

/** Whether one of the texts of `--only` is a stretch of whole parts of the cell's id; all cells where there are none. */
export function isWanted({ id }: Cell, only: readonly string[]): boolean {
  return only.length === 0 || only.some((text) => `/${id}/`.includes(`/${text}/`));
}

/** Options with the words by which an error calls them. */
export interface OptionLayer {
  readonly where: string;
  readonly options: Options;
  /** Names that have no place in this layer, each with the reason. */
  readonly refused: Readonly<Record<string, string>>;
}

const OF_TASK = "is the task's to say";
const OF_PROTOCOL = "is part of the protocol, the same for all methods; say it in train or in the task";
const OWNED = {
  env: `${OF_TASK} (env)`,
  "env-option": `${OF_TASK} (envOptions)`,
  demos: OF_TASK,
  episodes: OF_TASK,
  "first-episode": `${OF_TASK} (trajectories)`,
  "held-out": `${OF_TASK} (heldOut)`,
  steps: OF_TASK,
  seed: "is the suite's to say (seeds)",
  out: "is the cell's own; leave it out",
};
const PROTOCOL = {
  "evaluate-every": OF_PROTOCOL,
  "evaluation-episodes": OF_PROTOCOL,
  "final-episodes": OF_PROTOCOL,
  kernels: OF_PROTOCOL,
};
const OF_METHOD = { method: "is a method's to say" };

/** What a method's runs on a task are told beside what task, set and seed say; a later layer wins. */
export function optionLayers({ train }: Suite, task: Task, method: Method): OptionLayer[] {
  const common = { ...OWNED, ...OF_METHOD };
  const own = { ...OWNED, ...PROTOCOL };
  const here = method.perTask[task.name];
  return [
    { where: "train", options: train, refused: common },
    { where: `options of ${task.name}`, options: task.options, refused: common },
    { where: "options", options: method.options, refused: own },
    ...(here ? [{ where: "perTask", options: here, refused: { ...own, ...OF_METHOD } }] : []),
  ];
}

/** Bytes of the replay of one run on observations of n and actions of d numbers. */
export function replayBytes(steps: number, n: number, d: number): number {
  return steps * (2 * n + d + 1) * 4;
}
