/** What several runs have in common, and how far each has come. */
import { TandemError, type StepCounts } from "../core/index.ts";
import { deviation, mean } from "./numbers.ts";
import type { ReportedConfig, Run } from "./run.ts";

/** A learner that was not shown what the expert did. */
interface Control {
  /** E.g. "zero reward". */
  readonly name: string;
  /** Final true return, mean over its runs. */
  readonly finalReturn: number;
}

/** The runs of one report. */
export interface Cohort {
  /** What is reported on: runs that differ in their seed. */
  readonly runs: readonly Run[];
  /** Runs handed in beside them that are negative controls; empty where all are. */
  readonly controlRuns: readonly Run[];
  /** Negative controls from `controlRuns` and from the summaries. */
  readonly controls: readonly Control[];
}

/**
 * Sort the runs of a report; they must be of one environment, command, method and treatment of an episode's end. A policy taught by a
 * given reward is a control of any method.
 */
export function cohortOf(all: readonly Run[]): Cohort {
  if (all.length === 0) throw new TandemError("report", "expected at least one run, got none");
  for (const what of [
    (config: ReportedConfig) => config.env.id,
    (config: ReportedConfig) => config.command,
    (config: ReportedConfig) => (teacherName(config) === null ? config.algorithm.method : null),
    (config: ReportedConfig) => `${config.algorithm.termination} termination`,
  ]) {
    const [first, second] = new Set(all.map((run) => what(run.config)).filter((kind) => kind !== null));
    if (second !== undefined) {
      throw new TandemError(
        "report",
        `expected runs of one kind, got ${first} and ${second}; report them apart`,
      );
    }
  }
  const learners = all.filter(({ config }) => controlName(config) === null);
  const controlRuns = learners.length > 0 ? all.filter((run) => !learners.includes(run)) : [];
  const runs = learners.length > 0 ? learners : all;
  return { runs, controlRuns, controls: controlsOf(runs, controlRuns) };
}

/** The part of a configuration that says whether its run is a control. */
interface Taught {
  readonly algorithm: object;
  readonly demos: object | null;
}

/** What taught a run in place of the demonstrations; null for a run that is no control. */
export function controlName({ algorithm, demos }: Taught): string | null {
  const teacher = teacherName({ algorithm });
  if (teacher !== null || demos === null) return teacher;
  if ("constant" in demos && demos.constant === true) return "constant demonstrations";
  return "shuffled" in demos && demos.shuffled === true ? "shuffled demonstrations" : null;
}

/** The reward that was not learnt but given; null where one is learnt. */
function teacherName({ algorithm }: Pick<Taught, "algorithm">): string | null {
  const taughtBy = "taughtBy" in algorithm ? algorithm.taughtBy : null;
  return typeof taughtBy === "string" && taughtBy !== "learned reward" ? taughtBy : null;
}

const METHODS: Readonly<Record<string, string>> = {
  "ml-irl": "maximum-likelihood inverse RL",
  "ml-irl-nested": "maximum-likelihood inverse RL in a nested loop",
  dac: "discriminator-actor-critic",
  airl: "adversarial inverse RL",
  "f-irl": "f-IRL",
  "iq-learn": "IQ-Learn",
  sqil: "soft Q imitation learning",
  bc: "behavioural cloning",
  dagger: "DAgger",
  "mce-irl": "maximum causal entropy inverse RL",
};

/** The method by which a run learned from demonstrations, in words. */
export function methodName({ algorithm: { method } }: ReportedConfig): string {
  return METHODS[method] ?? method;
}

/** The method by which the frozen reward of a retraining was learnt, in words. */
export function frozenBy({ frozen }: ReportedConfig): string {
  return METHODS[frozen?.method ?? ""] ?? frozen?.method ?? "";
}

/** Where a run stands: its end, or its latest evaluation; null before that. */
export interface Standing {
  readonly step: number;
  readonly returns: readonly number[];
  readonly meanReturn: number;
}

/** Where a run stands. */
export function standingOf({ summary, evaluations }: Run): Standing | null {
  if (summary) {
    return {
      step: summary.end ?? summary.steps.train,
      returns: summary.finalReturns,
      meanReturn: summary.finalReturn,
    };
  }
  const last = evaluations.at(-1);
  return last ? { step: last.step, returns: last.returns, meanReturn: last.meanReturn } : null;
}

/**
 * Where runs stand beside each other: their ends if all have ended, else the latest evaluation that all of them have
 * had, else the latest of each. Runs without any evaluation are left out.
 */
export function standingsOf(runs: readonly Run[]): Standing[] {
  const latest = runs.map(standingOf).filter((standing) => standing !== null);
  if (runs.every(({ summary }) => summary)) return latest;
  const [first, ...others] = runs.map(({ evaluations }) => evaluations).filter((each) => each.length > 0);
  const shared = first?.findLast(({ step }) =>
    others.every((each) => each.some((other) => other.step === step)),
  );
  if (!shared || others.length + 1 < latest.length) return latest;
  return [first, ...others].flatMap((evaluations) => evaluations.filter(({ step }) => step === shared.step));
}

/** Returns to compare with, averaged over runs; NaN where unknown. */
export function references(runs: readonly Run[]): { expert: number; random: number } {
  return {
    expert: mean(runs.map(({ summary }) => summary?.expertReturn ?? NaN)),
    random: mean(runs.map(({ summary }) => summary?.randomReturn ?? NaN)),
  };
}

/** A quantity's mean, and its spread over seeds; over `single`, e.g. the episodes, where there is but one run. */
export function overRuns(
  values: readonly number[],
  single: readonly number[] = [],
): { mean: number; spread: number } {
  return { mean: mean(values), spread: deviation(values.length > 1 ? values : single) };
}

/** A short name that tells a run from the others: its seed, or its folder where seeds repeat. */
export function labelOf(run: Run, runs: readonly Run[]): string {
  const sameSeed = runs.filter(({ config }) => config.seed === run.config.seed);
  return sameSeed.length > 1 ? run.name : `seed ${run.config.seed}`;
}

/** The latest count of environment steps of every run that has one. */
export function stepCounts(runs: readonly Run[]): StepCounts[] {
  return runs
    .map(({ summary, evaluations }) => summary?.steps ?? evaluations.at(-1)?.steps)
    .filter((each) => each !== undefined);
}

/** A nested configuration as dotted paths and printed values. */
export function flatten(value: unknown, path = ""): [string, string][] {
  if (typeof value !== "object" || value === null) return [[path, String(value)]];
  if (Array.isArray(value) && value.every((item) => typeof item !== "object"))
    return [[path, value.join(", ")]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, "none"]];
  return entries.flatMap(([key, item]) => flatten(item, path ? `${path}.${key}` : key));
}

function controlsOf(runs: readonly Run[], controlRuns: readonly Run[]): Control[] {
  const named = [
    ...runs.flatMap(({ summary }) => summary?.controls ?? []),
    ...controlRuns.map((run) => ({
      name: controlName(run.config) ?? run.name,
      finalReturn: standingOf(run)?.meanReturn ?? NaN,
    })),
  ];
  return Array.from(new Set(named.map(({ name }) => name)), (name) => ({
    name,
    finalReturn: mean(named.filter((control) => control.name === name).map((control) => control.finalReturn)),
  }));
}
