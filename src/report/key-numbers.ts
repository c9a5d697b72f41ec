import {
  cohortOf,
  controlName,
  frozenBy,
  labelOf,
  overRuns,
  references,
  standingOf,
  standingsOf,
  stepCounts,
  type Cohort,
} from "./cohort.ts";
import {
  formatCorrelation,
  formatSeconds,
  formatShare,
  formatSpread,
  formatSteps,
  formatValue,
  grouped,
  mean,
  plural,
} from "./numbers.ts";
import type { Run } from "./run.ts";

/** One line of the table of key numbers. */
export interface KeyNumber {
  readonly label: string;
  readonly value: string;
  readonly note: string;
}

/** A table with a heading row. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The numbers worth remembering. */
export function keyNumbers(all: readonly Run[]): KeyNumber[] {
  const cohort = cohortOf(all);
  const { runs, controls } = cohort;
  const { random, expert } = references(runs);
  const range = expert - random;
  const controlRows = controls.map(({ name, finalReturn }) => ({
    label: `Control: ${name}`,
    value: formatValue(finalReturn),
    note: `trained alike, without what the demonstrations say${range > 0 ? `; ${formatShare((finalReturn - random) / range)} of the way from random to the expert` : ""}`,
  }));
  const randomRow = {
    label: "Random actions",
    value: formatValue(random),
    note: "drawn uniformly",
  };
  const rows = [
    policyRow(cohort),
    originalRow(runs),
    expertRow(runs),
    ...controlRows,
    Number.isFinite(random) ? randomRow : null,
    halfExpertRow(runs),
    agreementRow(runs),
    terminationRow(runs),
    stepsRow(runs),
    timeRow(runs),
  ];
  return rows.filter((row) => row !== null);
}

/** One row a seed; null for a single run. */
export function seedTable(all: readonly Run[]): Table | null {
  const { runs } = cohortOf(all);
  if (runs.length < 2) return null;
  const cells = runs.every(({ summary }) => summary) ? finishedCells : unfinishedCells;
  const rows = runs.map((run) => new Map([["Run", labelOf(run, runs)], ...cells(run)]));
  return { columns: [...rows[0].keys()], rows: rows.map((row) => [...row.values()]) };
}

function finishedCells(run: Run): [string, string][] {
  const { expertReturn, finalReturn, seconds, pearson } = run.summary ?? {};
  const expert = expertReturn ?? NaN;
  const reached = halfExpertStep(run);
  const half = reached === null ? "not reached" : formatSteps(reached);
  return [
    ["Final return", returnOf(run)],
    ["Of the expert", expert > 0 ? formatShare((finalReturn ?? NaN) / expert) : "n/a"],
    ["Half the expert at", expert > 0 ? half : "n/a"],
    ["Pearson", formatCorrelation(pearson ?? run.evaluations.at(-1)?.pearson)],
    ["Time", formatSeconds(seconds ?? NaN)],
  ];
}

function unfinishedCells(run: Run): [string, string][] {
  const step = standingOf(run)?.step;
  return [
    ["Latest return", returnOf(run)],
    ["At step", step === undefined ? "n/a" : formatSteps(step)],
    ["Pearson", formatCorrelation(run.evaluations.at(-1)?.pearson)],
    ["Finished", run.summary ? "yes" : "no"],
  ];
}

function returnOf(run: Run): string {
  const standing = standingOf(run);
  const { mean: earned, spread } = overRuns([standing?.meanReturn ?? NaN], standing?.returns);
  return formatSpread(earned, spread);
}

function policyRow({ runs }: Cohort): KeyNumber | null {
  const standings = standingsOf(runs);
  if (standings.length === 0) return null;
  const { mean: earned, spread } = overRuns(
    standings.map(({ meanReturn }) => meanReturn),
    standings[0].returns,
  );
  const { expert } = references(runs);
  const isExpert = runs[0].config.command === "expert";
  const of =
    standings.length > 1 ? plural(standings.length, "seed") : plural(standings[0].returns.length, "episode");
  const share = expert > 0 && !isExpert ? `, ${formatShare(earned / expert)} of the expert` : "";
  const control = controlName(runs[0].config);
  const label = policyLabel(runs[0].config.command, control);
  const [{ step }] = standings;
  const unfinished = runs.some(({ summary }) => !summary);
  const when =
    unfinished && standings.every((each) => each.step === step) ? ` at step ${formatSteps(step)}` : "";
  return {
    label,
    value: formatSpread(earned, spread),
    note: `mean ± standard deviation of ${of}${when}${share}`,
  };
}

function policyLabel(command: Run["config"]["command"], control: string | null): string {
  if (command === "expert") return "Trained expert";
  if (command === "retrain") return "Retrained policy";
  return control === null ? "Learned policy" : `Control: ${control}`;
}

/** What the policy earned that learnt together with the reward of a retraining. */
function originalRow([{ config }]: readonly Run[]): KeyNumber | null {
  if (!config.frozen) return null;
  const { originalReturn, env } = config.frozen;
  const value = originalReturn === null ? "unknown" : formatValue(originalReturn);
  return {
    label: "Original policy",
    value,
    note: `learnt together with the reward, by ${frozenBy(config)}, in ${env.id}`,
  };
}

function expertRow(runs: readonly Run[]): KeyNumber | null {
  const { expert } = references(runs);
  const [{ config, summary }] = runs;
  if (config.frozen && summary) {
    if (Number.isFinite(expert))
      return { label: "Expert", value: formatValue(expert), note: `in ${config.env.id}` };
    return { label: "Expert", value: "unknown", note: `none was named for ${config.env.id}` };
  }
  const { demos } = config;
  if (!demos || !summary) return null;
  const size = `demonstrations: ${plural(demos.episodes, "episode")}, ${plural(demos.transitions, "transition")}`;
  if (Number.isFinite(expert)) return { label: "Expert", value: formatValue(expert), note: size };
  return { label: "Expert", value: "unknown", note: `${size}, without rewards or cut before their time` };
}

function halfExpertRow(runs: readonly Run[]): KeyNumber | null {
  const { expert } = references(runs);
  if (!(expert > 0) || !runs.some(({ evaluations }) => evaluations.length > 0)) return null;
  const reached = runs.map(halfExpertStep).filter((step) => step !== null);
  const label = "Half the expert's return";
  const all = runs.length === 1 ? "" : `${reached.length} of ${runs.length} seeds; `;
  const note = `${all}first evaluation of at least ${formatValue(expert / 2)}`;
  if (reached.length === 0) return { label, value: "not reached", note };
  const [low, high] = [Math.min(...reached), Math.max(...reached)];
  const value = low === high ? formatSteps(low) : `${formatSteps(low)} – ${formatSteps(high)}`;
  return { label, value: `${value} steps`, note };
}

/** Training steps at the first evaluation that earned at least half of the expert's return. */
function halfExpertStep({ summary, evaluations }: Run): number | null {
  const expert = summary?.expertReturn ?? NaN;
  return evaluations.find(({ meanReturn }) => meanReturn >= expert / 2)?.step ?? null;
}

function agreementRow(runs: readonly Run[]): KeyNumber | null {
  const of = (field: "pearson" | "spearman"): number[] =>
    runs.map(({ summary, evaluations }) => summary?.[field] ?? evaluations.at(-1)?.[field] ?? NaN);
  const pearson = of("pearson").filter(Number.isFinite);
  if (pearson.length === 0) return null;
  const spearman = `Spearman ${formatCorrelation(mean(of("spearman")))}`;
  const note =
    pearson.length > 1
      ? `Pearson per step, mean over seeds; ${spearman}`
      : `Pearson with the true reward per step; ${spearman}`;
  return { label: "Reward correlation", value: formatCorrelation(mean(pearson)), note };
}

function terminationRow([{ config }]: readonly Run[]): KeyNumber | null {
  if (config.command === "expert") return null;
  const { termination } = config.algorithm;
  return { label: "Termination", value: termination, note: AFTER_THE_END[termination] };
}

const AFTER_THE_END = {
  native: "in training, all rewards after an episode's end are 0",
  absorbing: "in training, an ended episode goes on in a state with a reward of its own",
  "fixed-horizon": "in training, only time ends an episode; evaluation ends as the task says",
} as const;

function stepsRow(runs: readonly Run[]): KeyNumber | null {
  const counts = stepCounts(runs);
  if (counts.length === 0) return null;
  const train = mean(counts.map((steps) => steps.train));
  const rollouts = mean(counts.map((steps) => steps.rewardRollout));
  const evaluation = mean(counts.map((steps) => steps.evaluation));
  return {
    label: "Steps to learn from",
    value: grouped(train + rollouts),
    note: `${runs.length > 1 ? "mean a seed; " : ""}${rollouts > 0 ? `${grouped(rollouts)} of them reward rollouts; ` : ""}and ${grouped(evaluation)} to evaluate`,
  };
}

function timeRow(runs: readonly Run[]): KeyNumber | null {
  const seconds = mean(runs.map(({ summary }) => summary?.seconds ?? NaN));
  if (!Number.isFinite(seconds)) return null;
  const train = mean(runs.map(({ summary }) => summary?.end ?? summary?.steps.train ?? NaN));
  return {
    label: "Wall-clock time",
    value: formatSeconds(seconds),
    note: `${runs.length > 1 ? "mean a seed; " : ""}${formatValue(train / seconds)} training steps a second, all included`,
  };
}
