/** From a suite to checked trainings: every option, file and task is looked at before the first cell begins. */
import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import {
  optionLayers,
  evaluatesInLastTenth,
  cellsOf,
  methodsOn,
  parseSuite,
  SUITES,
} from "../bench/index.ts";
import type { Cell, Method, OptionLayer, Suite, Task } from "../bench/index.ts";
import { episodeCount, TandemError } from "../core/index.ts";
import { readDemonstrations } from "../demos/index.ts";
import { parseJson, type TrainConfig } from "../runs/index.ts";
import { suggestion } from "./nearest.ts";
import type { GivenOption, GivenOptions } from "./option-values.ts";
import { optionsInFile, TRAIN_OPTIONS } from "./options.ts";
import { EXCLUSIVE } from "./run-setup.ts";
import { planTraining } from "./train.ts";

/** A suite and where it came from. */
export interface FoundSuite {
  readonly suite: Suite;
  /** The folder that its demonstrations are relative to. */
  readonly place: string;
  /** How errors call it. */
  readonly where: string;
}

/** A cell as it is to be trained. */
export interface PlannedCell {
  readonly cell: Cell;
  /** The options of `tandem train`, without the folder. */
  readonly words: readonly string[];
  readonly demos: string;
  /** The configuration that its run folder must hold. */
  readonly config: TrainConfig;
  /** Sizes of an observation and an action. */
  readonly sizes: readonly [observation: number, action: number];
}

/** What cells that differ in their seed alone have in common. */
interface SharedPlan extends Omit<PlannedCell, "cell" | "words"> {
  readonly options: GivenOptions;
}

/** The cells of a suite, and doubts about its demonstrations, one sentence each. */
export interface BenchPlan {
  readonly cells: readonly PlannedCell[];
  readonly doubts: readonly string[];
}

/** The suite that a word names: one that comes with Tandem, or a file. */
export function findSuite(word: string): FoundSuite {
  const own = SUITES.find(({ name }) => name === word);
  if (own) return { suite: own, place: "", where: word };
  if (existsSync(word)) {
    const where = basename(word);
    return { suite: parseSuite(where, parseJson(word)), place: dirname(word), where };
  }
  const names = SUITES.map(({ name }) => name);
  throw new TandemError(
    "bench",
    `there is no suite called ${word}${suggestion(word, names)}, and no such file; built in: ${names.join(", ")}`,
  );
}

/** Check everything that a suite asks for, and say what each cell is told. */
export async function planBench({ suite, place, where }: FoundSuite): Promise<BenchPlan> {
  const read = remembered(readDemonstrations);
  const plans = new Map<string, SharedPlan>();
  const doubts = new Set<string>();
  for (const task of suite.tasks) {
    const demos = demosOf(where, task, place);
    await checkHeldOut(where, task, demos, read);
    for (const method of methodsOn(suite, task)) {
      const options = layeredOptions(where, suite, task, method);
      for (const trajectory of task.trajectories) {
        const given = givenOf(task, demos, trajectory, suite.seeds[0], options);
        const plan = await plainly(`${where}: method ${method.name} on ${task.name}`, () =>
          planTraining({ given, base: null }, read),
        );
        for (const doubt of plan.doubts) doubts.add(`${task.name}: ${doubt}`);
        checkEvaluation(where, task, plan.config);
        const { observationSize, actionSize } = plan.expert.trajectories;
        const sizes = [observationSize, actionSize] as const;
        plans.set(keyOf(task, method, trajectory), { options, demos, config: plan.config, sizes });
      }
    }
  }
  const cells = cellsOf(suite).map((cell): PlannedCell => {
    const { task, method, trajectory, seed } = cell;
    const { options, demos, config, sizes } = plans.get(keyOf(task, method, trajectory)) as SharedPlan;
    const words = wordsOf(givenOf(task, demos, trajectory, seed, options));
    return { cell, words, demos, config: { ...config, seed }, sizes };
  });
  return { cells, doubts: [...doubts] };
}

function keyOf({ name }: Task, method: Method, trajectory: number): string {
  return `${name}/${method.name}/${trajectory}`;
}

/** Each demonstration file is read once. */
function remembered(read: typeof readDemonstrations): typeof readDemonstrations {
  const known = new Map<string, ReturnType<typeof read>>();
  return (path, ...rest) => {
    const found = known.get(path) ?? read(path, ...rest);
    known.set(path, found);
    return found;
  };
}

/** Where a task's demonstrations are. */
function demosOf(where: string, { name, demos }: Task, place: string): string {
  const path = demos.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => {
    const value = process.env[variable];
    if (value !== undefined && value !== "") return value;
    throw new TandemError(
      where,
      `task ${name}: the environment variable ${variable} is not set; set it to the folder that demos, ${demos}, is in`,
    );
  });
  const found = isAbsolute(path) ? path : join(place, path);
  if (existsSync(found)) return found;
  const remedy =
    place === ""
      ? "run it in a clone of Tandem, where the folder demonstrations is"
      : "check demos, which is relative to the suite's file";
  throw new TandemError(where, `task ${name}: there are no demonstrations at ${found}; ${remedy}`);
}

async function checkHeldOut(
  where: string,
  { name, heldOut }: Task,
  demos: string,
  read: typeof readDemonstrations,
): Promise<void> {
  if (heldOut.length === 0) return;
  const { trajectories } = await plainly(`${where}: task ${name}`, () => read(demos));
  const count = episodeCount(trajectories);
  const missing = heldOut.find((episode) => episode >= count);
  if (missing === undefined) return;
  throw new TandemError(
    where,
    `task ${name}: heldOut names episode ${missing}, ${demos} has episodes 0 to ${count - 1}`,
  );
}

/** A score is the mean over the last tenth of training: something must be measured there. */
function checkEvaluation(where: string, { name }: Task, { steps, evaluation: { every } }: TrainConfig): void {
  if (evaluatesInLastTenth(steps, every)) return;
  throw new TandemError(
    where,
    `task ${name}: evaluating every ${every} of ${steps} steps leaves none for the last tenth, which the score is the mean of; set evaluate-every to ${Math.max(1, Math.floor(steps / 10))} or less`,
  );
}

/** The options of a method's runs on a task, later layers over earlier ones. */
function layeredOptions(where: string, suite: Suite, task: Task, method: Method): GivenOptions {
  const merged = new Map<string, GivenOption>();
  for (const layer of optionLayers(suite, task, method)) {
    const given = optionsOfLayer(`${where}: method ${method.name} on ${task.name}`, layer);
    for (const [one, other] of EXCLUSIVE) if (given.has(one)) merged.delete(other);
    for (const [name, option] of given) merged.set(name, option);
  }
  return merged;
}

function optionsOfLayer(place: string, { where, options, refused }: OptionLayer): GivenOptions {
  try {
    const given = optionsInFile(where, options, TRAIN_OPTIONS);
    for (const [name, { from }] of given) {
      if (name in refused) throw new TandemError(from, refused[name]);
    }
    return given;
  } catch (error) {
    throw within(place, error);
  }
}

/** Everything that one cell is told. */
function givenOf(
  task: Task,
  demos: string,
  trajectory: number,
  seed: number,
  options: GivenOptions,
): GivenOptions {
  const own: [string, string[]][] = [
    ["demos", [demos]],
    ["env", [task.env]],
    ["env-option", Object.entries(task.envOptions).map(([name, value]) => `${name}=${value}`)],
    ["episodes", [String(task.episodes)]],
    ["first-episode", [String(trajectory)]],
    ["held-out", task.heldOut.length > 0 ? [task.heldOut.join(",")] : []],
    ["steps", [String(task.steps)]],
    ["seed", [String(seed)]],
  ];
  const said = own.filter(([, texts]) => texts.length > 0);
  return new Map([...said.map(([name, texts]) => [name, { texts, from: name }] as const), ...options]);
}

/** The same on a command line. */
function wordsOf(given: GivenOptions): string[] {
  return Array.from(given).flatMap(([name, { texts }]) => {
    const isSwitch = TRAIN_OPTIONS.some((option) => option.name() === name && option.isBoolean());
    if (isSwitch) return texts[0] === "true" ? [`--${name}`] : [];
    return texts.flatMap((text) => [`--${name}`, text]);
  });
}

/** What a user can mend is told with its place. */
async function plainly<Value>(place: string, make: () => Promise<Value>): Promise<Value> {
  try {
    return await make();
  } catch (error) {
    throw within(place, error);
  }
}

function within(place: string, error: unknown): unknown {
  return error instanceof TandemError ? new TandemError(place, error.message, { cause: error }) : error;
}
