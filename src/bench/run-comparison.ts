/** Runs side by side: in which settings they differ, what they came to, and how. Those that differ only in their seed are one group. */
import type { StepCounts } from "../core/index.ts";
import { flatten } from "../report/cohort.ts";
import type { Figure, Panel, Run } from "../report/index.ts";
import { deviation, mean } from "../report/numbers.ts";
import type { RunConfig } from "../runs/index.ts";
import type { Cell } from "./cells.ts";
import { curveFigure } from "./findings.ts";
import { outcomeOf, type Outcome } from "./outcome.ts";

/** A run to compare, and what to call it: no two are called alike. */
export interface ComparedRun {
  readonly name: string;
  readonly config: RunConfig;
  readonly run: Run;
}

/** Several values of a quantity, those that are known. */
export interface Aggregate {
  readonly mean: number;
  /** Standard deviation (n - 1); null of a single value. */
  readonly deviation: number | null;
  readonly count: number;
}

/** Runs that differ in nothing but their seed. Aggregates are over those that are complete; null where none is. */
export interface RunGroup {
  /** Its only run's name, or a letter. */
  readonly label: string;
  readonly runs: readonly ComparedRun[];
  readonly outcomes: readonly Outcome[];
  /** Values of `RunComparison.differing`, in their order; null where the setting is not there. */
  readonly settings: readonly (string | null)[];
  readonly complete: number;
  /** As a bench has them: mean true return of the last tenth of training, and that between random actions and expert. */
  readonly score: Aggregate | null;
  readonly normalised: Aggregate | null;
  readonly finalReturn: Aggregate | null;
  /** Environment steps to learn from, those for the reward's gradient among them. */
  readonly steps: Aggregate | null;
  readonly seconds: Aggregate | null;
}

/** What runs have been found to be beside each other. */
export interface RunComparison {
  /** Settings, as paths into `config.json`, that are not the same in all runs. */
  readonly differing: readonly string[];
  readonly groups: readonly RunGroup[];
  /** True return over training, a figure an environment. */
  readonly curves: readonly Figure[];
}

/** What tells repetitions apart, or where they were made, and changes nothing that a setting could. */
const NO_SETTING = new Set(["seed", "node", "demos.path", "checkpointEvery"]);

/** Compare runs, in the order given. */
export function compareRuns(runs: readonly ComparedRun[]): RunComparison {
  const settings = runs.map(({ config }) => settingsOf(config));
  const differing = [...new Set(settings.flatMap((each) => [...each.keys()]))].filter(
    (path) => new Set(settings.map((each) => each.get(path))).size > 1,
  );
  const valuesOf = (i: number): (string | null)[] => differing.map((path) => settings[i].get(path) ?? null);
  const byValues = Map.groupBy(runs, (_, i) => JSON.stringify(valuesOf(i)));
  const isSingle = byValues.size === runs.length;
  const groups = [...byValues].map(([values, members], i) =>
    groupOf(isSingle ? members[0].name : letters(i), members, JSON.parse(values) as (string | null)[]),
  );
  const envs = [...new Set(runs.map(({ config }) => config.env.id))];
  const curves = envs.map((env) => curvesIn(env, groups)).filter((figure) => figure !== null);
  return { differing, groups, curves };
}

/** By path; what is null is not there. */
function settingsOf(config: RunConfig): Map<string, string> {
  const all = flatten(config).filter(([path, value]) => !NO_SETTING.has(path) && value !== "null");
  return new Map(all.map(([path, value]) => [path, value || "none"]));
}

function curvesIn(env: string, groups: readonly RunGroup[]): Figure | null {
  const own = groups.filter(({ runs: [{ config }] }) => config.env.id === env);
  const outcomes = own.flatMap((group) => group.outcomes);
  // Updates and steps have no common axis; updates alone have one.
  const areAllCloned = outcomes.every(({ isCloned }) => isCloned);
  const drawn = areAllCloned ? outcomes.map((outcome) => ({ ...outcome, isCloned: false })) : outcomes;
  const labels = own.map(({ label }) => label);
  const figure = curveFigure({ name: env, env }, labels, drawn);
  return figure && { ...figure, caption: CAPTION, panels: figure.panels.map(withoutBoundary) };
}

const CAPTION =
  "Deterministic episodes. Lines: mean over the complete runs of a group; bands: 95% by Student's t where there are two or more. " +
  "Faint: runs that are not complete. A level: a method that takes no steps.";

/** Where the score begins is not the same in runs of different lengths. */
function withoutBoundary(panel: Panel): Panel {
  return panel.kind === "xy"
    ? { ...panel, marks: panel.marks.filter(({ kind }) => kind !== "boundary") }
    : panel;
}

function groupOf(
  label: string,
  runs: readonly ComparedRun[],
  settings: readonly (string | null)[],
): RunGroup {
  const outcomes = runs.map(({ name, config, run }) => outcomeOf(cellOf(name, label, config), config, run));
  const over = (value: (outcome: Outcome) => number | null): Aggregate | null =>
    aggregate(outcomes.map(value));
  return {
    label,
    runs,
    outcomes,
    settings,
    complete: outcomes.filter(({ state }) => state === "complete").length,
    score: over(({ score }) => score),
    normalised: over(({ normalised }) => normalised),
    finalReturn: over(({ finalReturn }) => finalReturn),
    steps: over(({ stepCounts }) => learningSteps(stepCounts)),
    seconds: over(({ seconds }) => seconds),
  };
}

/** The run as a cell of a bench whose methods are the groups. */
function cellOf(id: string, group: string, { env, seed, steps, algorithm, demos }: RunConfig): Cell {
  const method = "method" in algorithm ? algorithm.method : null;
  const isCloned = method === "bc" || method === "mce-irl";
  const task = { name: env.id, env: env.id, envOptions: {}, demos: "", trajectories: [], steps, heldOut: [] };
  return {
    id,
    task: { ...task, episodes: demos?.episodes ?? 0, options: {} },
    method: { name: group, options: {}, perTask: {}, ...(isCloned && { updates: steps }) },
    trajectory: demos?.firstEpisode ?? 0,
    seed,
    steps,
    control: null,
  };
}

function learningSteps(counts: StepCounts | null): number | null {
  return counts && counts.train + counts.rewardRollout;
}

function aggregate(values: readonly (number | null)[]): Aggregate | null {
  const known = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
  if (known.length === 0) return null;
  const spread = deviation(known);
  return { mean: mean(known), deviation: Number.isFinite(spread) ? spread : null, count: known.length };
}

/** A, B, ... Z, AA, AB, ... */
function letters(index: number): string {
  const before = index < 26 ? "" : letters(Math.floor(index / 26) - 1);
  return before + String.fromCharCode(65 + (index % 26));
}
