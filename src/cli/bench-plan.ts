/** From a suite to checked trainings: every option, file and task is looked at before the first cell begins. */
import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import {
  auditedPart,
  auditSeeds,
  cellsOf,
  controlCells,
  controlMethods,
  evaluatesInLastTenth,
  methodsOn,
  optionLayers,
  parseSuite,
  stepsOf,
  SUITES,
} from "../bench/index.ts";
import type { Cell, ControlMethod, Method, OptionLayer, Suite, Task } from "../bench/index.ts";
import { episodeCount, meanWholeReturn, TandemError } from "../core/index.ts";
import { readDemonstrations } from "../demos/index.ts";
import { controlName } from "../report/index.ts";
import { parseJson, type TrainConfig } from "../runs/index.ts";
import { knowsOption } from "./method-settings.ts";
import { suggestion } from "./nearest.ts";
import type { GivenOption, GivenOptions } from "./option-values.ts";
import { optionsInFile, TRAIN_OPTIONS } from "./options.ts";
import { EXCLUSIVE } from "./run-setup.ts";
import { planTraining, rewardInputsOf, type PlannedTraining } from "./train.ts";

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
  /** Sizes of an observation and an action as the policy puts it. */
  readonly sizes: readonly [observation: number, action: number];
  /** Mean true return of the whole episodes in the task's file of demonstrations; null where there is none, or it holds no rewards. */
  readonly expertReturn: number | null;
}

/** What a cell is told and must be, by its task, method, set and seed. */
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
  const desk: Desk = {
    where,
    suite,
    place,
    read: remembered(readDemonstrations),
    plans: new Map(),
    doubts: new Set(),
  };
  const controls: Cell[] = [];
  for (const task of suite.tasks) {
    const demos = placeOf(where, [`task ${task.name}`, "demos", task.demos], place);
    await checkHeldOut(where, task, demos, desk.read);
    const planned = await planMethods(desk, task, demos);
    controls.push(...(await planControls(desk, task, demos, planned)));
  }
  const cells = withControls(cellsOf(suite), controls).map((cell): PlannedCell => {
    const { task, method, trajectory, seed } = cell;
    const { options, ...plan } = desk.plans.get(keyOf(task, method, trajectory, seed)) as SharedPlan;
    const given = givenOf({ ...task, steps: cell.steps }, plan.demos, trajectory, seed, options);
    const words = wordsOf(given);
    return { cell, words, ...plan };
  });
  return { cells, doubts: [...desk.doubts] };
}

/** What planning has at hand, and what it has come to so far. */
interface Desk {
  readonly where: string;
  readonly suite: Suite;
  /** The folder that the suite's paths are relative to. */
  readonly place: string;
  readonly read: typeof readDemonstrations;
  /** By the ids of cells. */
  readonly plans: Map<string, SharedPlan>;
  readonly doubts: Set<string>;
}

/** Plan the suite's own methods on a task; what came of it, by demonstration set. */
async function planMethods(desk: Desk, task: Task, demos: string): Promise<Map<number, Planned[]>> {
  const planned = new Map<number, Planned[]>(task.trajectories.map((trajectory) => [trajectory, []]));
  for (const method of methodsOn(desk.suite, task)) {
    const options = layeredOptions(desk, task, method);
    for (const [trajectory, some] of planned) {
      const asked = { task, method, demos, trajectory, options, seeds: desk.suite.seeds };
      some.push({ method, plan: await planSeeds(desk, asked) });
    }
  }
  return planned;
}

/** Plan the controls of a task; its cells are returned. */
async function planControls(
  desk: Desk,
  task: Task,
  demos: string,
  planned: ReadonlyMap<number, readonly Planned[]>,
): Promise<Cell[]> {
  const { suite } = desk;
  const cells: Cell[] = [];
  const part = auditedPart(suite, task);
  for (const trajectory of part?.trajectories ?? []) {
    for (const control of controlsOf(task, planned.get(trajectory) ?? [])) {
      const { method, isForeign } = control;
      const layered = layeredOptions(desk, task, method);
      const options = isForeign ? ofLikelihood(layered) : layered;
      const asked = { task: part as Task, method, demos, trajectory, options, seeds: auditSeeds(suite) };
      await planSeeds(desk, asked);
      cells.push(...controlCells(suite, part as Task, trajectory, control));
    }
  }
  return cells;
}

/** A method's cells on one demonstration set. */
interface AskedSeeds {
  readonly task: Task;
  readonly method: Method;
  readonly demos: string;
  readonly trajectory: number;
  readonly options: GivenOptions;
  readonly seeds: readonly number[];
}

/** Plan cells that differ in their seed alone; returns the first one's. */
async function planSeeds(desk: Desk, asked: AskedSeeds): Promise<PlannedTraining> {
  const { task, method, demos, trajectory, options, seeds } = asked;
  const steps = stepsOf(task, method);
  const plan = (seed: number): Promise<PlannedTraining> =>
    plainly(`${desk.where}: method ${method.name} on ${task.name}`, () =>
      planTraining(
        { given: givenOf({ ...task, steps }, demos, trajectory, seed, options), base: null },
        desk.read,
      ),
    );
  const first = await plan(seeds[0]);
  for (const doubt of first.doubts) desk.doubts.add(`${task.name}: ${doubt}`);
  checkUpdates(desk.where, method, first.config);
  checkEvaluation(desk.where, task, first.config);
  const sizes = [first.expert.trajectories.observationSize, first.actionSize] as const;
  const expertReturn = meanWholeReturn((await desk.read(demos)).trajectories, timeLimit(first.config));
  for (const seed of seeds) {
    // The episodes of a constant expert follow from the seed, and so does their length.
    const { config } = first.config.demos.constant ? await plan(seed) : first;
    const id = keyOf(task, method, trajectory, seed);
    desk.plans.set(id, { options, demos, config: { ...config, seed }, sizes, expertReturn });
  }
  return first;
}

/** Steps after which time ends an episode. */
function timeLimit({ env }: TrainConfig): number {
  const { maxEpisodeSteps } = env.options;
  return typeof maxEpisodeSteps === "number" ? maxEpisodeSteps : 0;
}

/** A method of the suite with what came of planning it on a set of a task. */
interface Planned {
  readonly method: Method;
  readonly plan: PlannedTraining;
}

/** The controls of a task by what its methods were planned to be. */
function controlsOf(task: Task, planned: readonly Planned[]): ControlMethod[] {
  const methods = planned.map(({ method, plan: { config, terminations } }) => ({
    method,
    algorithm: config.algorithm,
    isControl: controlName(config) !== null,
    seesStatesOnly: rewardInputsOf(config.algorithm) === "state",
    terminations,
  }));
  return controlMethods(task, planned[0].plan.canEnd, methods);
}

/** Controls after the cells of the first seed: a bench that is stopped half-way has some of both. */
function withControls(cells: readonly Cell[], controls: readonly Cell[]): Cell[] {
  const first = cells.filter(({ seed }) => seed === cells[0].seed);
  return [...first, ...controls, ...cells.slice(first.length)];
}

function keyOf({ name }: Task, method: Method, trajectory: number, seed: number): string {
  return `${name}/${method.name}/${trajectory}-${seed}`;
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

/** Where a path of a suite leads; `of` and `part` name it, such as "task Hopper" and "demos". */
function placeOf(where: string, [of, part, said]: readonly [string, string, string], place: string): string {
  const path = said.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => {
    const value = process.env[variable];
    if (value !== undefined && value !== "") return value;
    throw new TandemError(
      where,
      `${of}: the environment variable ${variable} is not set; set it to the folder that ${part}, ${said}, is in`,
    );
  });
  const found = isAbsolute(path) ? path : join(place, path);
  if (existsSync(found)) return found;
  const remedy =
    place === ""
      ? "run it in a clone of Tandem, where the folder demonstrations is"
      : `check ${part}, which is relative to the suite's file`;
  const missing = part === "demos" ? "there are no demonstrations" : "there is no policy";
  throw new TandemError(where, `${of}: ${missing} at ${found}; ${remedy}`);
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

/** Updates are for methods that take no step in the environment. */
function checkUpdates(where: string, { name, updates }: Method, { algorithm }: TrainConfig): void {
  if (updates === undefined || ["bc", "mce-irl"].includes(algorithm.method)) return;
  throw new TandemError(
    where,
    `method ${name}: updates are of methods that take no step in the environment, ${algorithm.method} takes the task's steps; leave them out`,
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

/** The one option that is a path, which a suite says as it does demonstrations'. */
const TEACHER = "teacher-policy";

/** The options of a method's runs on a task, later layers over earlier ones. */
function layeredOptions({ where, suite, place }: Desk, task: Task, method: Method): GivenOptions {
  const merged = new Map<string, GivenOption>();
  for (const layer of optionLayers(suite, task, method)) {
    const given = optionsOfLayer(`${where}: method ${method.name} on ${task.name}`, layer);
    for (const [one, other] of EXCLUSIVE) if (given.has(one)) merged.delete(other);
    for (const [name, option] of given) merged.set(name, option);
  }
  const teacher = merged.get(TEACHER);
  if (teacher) {
    const found = (text: string): string => placeOf(where, [`method ${method.name}`, TEACHER, text], place);
    merged.set(TEACHER, { ...teacher, texts: teacher.texts.map(found) });
  }
  return merged;
}

/** Options for all methods, without those that ML-IRL does not know. */
function ofLikelihood(options: GivenOptions): GivenOptions {
  return new Map([...options].filter(([name]) => knowsOption("ml-irl", name)));
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
