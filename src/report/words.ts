/** What a report says in words: the verdict, the key numbers, the notes. The same for every medium. */
import { cohortOf, controlName, labelOf, overRuns, references, standingOf, type Cohort } from "./cohort.ts";
import {
  enumerate,
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

/** What the runs came to, in one sentence. */
export function verdict(all: readonly Run[]): string {
  const { runs } = cohortOf(all);
  const standings = runs.map(standingOf).filter((each) => each !== null);
  if (standings.length === 0) return withoutEvaluation(runs);
  const finished = runs.filter(({ summary }) => summary).length;
  const values = standings.map(({ meanReturn }) => meanReturn);
  const earned = overRuns(values, standings[0].returns);
  const many = standings.length > 1;
  const subject = `${policyName(runs, many)}${many ? ` of ${plural(standings.length, "seed")}` : ""}`;
  const verb = many ? "earn" : "earns";
  const average = many ? " on average" : "";
  const sentence =
    `After ${stepsTaken(runs)} ${subject} ${verb} ` +
    `${formatSpread(earned.mean, earned.spread)}${average}${comparison(runs, earned.mean)}`;
  return finished < runs.length ? `${sentence}; ${unfinished(runs.length, finished)}` : sentence;
}

/** The numbers worth remembering. */
export function keyNumbers(all: readonly Run[]): KeyNumber[] {
  const cohort = cohortOf(all);
  const { runs, controls } = cohort;
  const { random } = references(runs);
  const controlRows = controls.map(({ name, finalReturn }) => ({
    label: `Control: ${name}`,
    value: formatValue(finalReturn),
    note: "trained alike, without what the demonstrations say",
  }));
  const randomRow = {
    label: "Random actions",
    value: formatValue(random),
    note: "uniform over the action box",
  };
  const rows = [
    policyRow(cohort),
    expertRow(runs),
    ...controlRows,
    Number.isFinite(random) ? randomRow : null,
    halfExpertRow(runs),
    agreementRow(runs),
    stepsRow(runs),
    timeRow(runs),
  ];
  return rows.filter((row) => row !== null);
}

/** One row a seed; null for a single run. */
export function seedTable(all: readonly Run[]): Table | null {
  const { runs } = cohortOf(all);
  if (runs.length < 2) return null;
  const columns = ["Run", "Final return", "Of the expert", "Half the expert at", "Pearson", "Time"];
  const rows = runs.map((run) => {
    const standing = standingOf(run);
    const spread = overRuns([standing?.meanReturn ?? NaN], standing?.returns);
    const expert = run.summary?.expertReturn ?? NaN;
    const reached = halfExpertStep(run);
    const pearson = run.summary?.pearson ?? run.evaluations.at(-1)?.pearson;
    return [
      labelOf(run, runs),
      formatSpread(spread.mean, spread.spread),
      expert > 0 ? formatShare(spread.mean / expert) : "n/a",
      reached === null ? (expert > 0 ? "not reached" : "n/a") : formatSteps(reached),
      formatCorrelation(pearson),
      formatSeconds(run.summary?.seconds ?? NaN),
    ];
  });
  return { columns, rows };
}

/** What a reader must know to trust the numbers, each note with its subject first. */
export function notes(all: readonly Run[]): { readonly subject: string; readonly text: string }[] {
  const { runs, controls } = cohortOf(all);
  const { config } = runs[0];
  const { every, episodes, finalEpisodes } = config.evaluation;
  const final =
    typeof finalEpisodes === "number" ? `; the final number is over ${plural(finalEpisodes, "episode")}` : "";
  const spread =
    runs.length > 1
      ? `± is one standard deviation over the ${runs.length} seeds.`
      : "± is one standard deviation over evaluation episodes of one training; another seed may differ by more.";
  const found = [
    { subject: "True reward", text: trueRewardNote(runs) },
    {
      subject: "Evaluation",
      text:
        `Every ${grouped(every)} steps ${plural(episodes, "episode")} with the policy's most likely action, each from ` +
        `a fresh seed${final}. It is the last policy that counts, not the best one on the way. ${spread}`,
    },
    { subject: "Environment steps", text: stepsNote(runs) },
    ...(config.command === "train"
      ? [{ subject: "Negative controls", text: controlsNote(runs, controls.length) }]
      : []),
    { subject: "Numerics", text: kernelsNote(runs) },
    ...differences(runs),
    ...oddities(runs),
  ];
  return found;
}

/** Of what the runs are: environment, kind, seeds, version. */
export function headline(all: readonly Run[]): { readonly environment: string; readonly details: string } {
  const { runs } = cohortOf(all);
  const { config } = runs[0];
  const seeds = runs.map((run) => String(run.config.seed));
  const seedWords =
    seeds.length > 8
      ? `${seeds.length} seeds`
      : `${seeds.length === 1 ? "seed" : "seeds"} ${enumerate(seeds)}`;
  const kind = config.command === "train" ? "maximum-likelihood inverse RL" : "expert training";
  return {
    environment: config.env.id,
    details: `${kind}, ${seedWords}, Tandem ${config.version}`,
  };
}

// ---- the verdict -------------------------------------------------------------------------------------------------

function policyName(runs: readonly Run[], many: boolean): string {
  const { config } = runs[0];
  const noun = many ? "policies" : "policy";
  if (config.command === "expert")
    return many ? "the experts trained on the true reward" : "the expert trained on the true reward";
  const control = controlName(config);
  return control === null ? `the learned ${noun}` : `the ${noun} of a negative control (${control})`;
}

function stepsTaken(runs: readonly Run[]): string {
  const steps = runs.map((run) => standingOf(run)?.step ?? NaN).filter(Number.isFinite);
  const [low, high] = [Math.min(...steps), Math.max(...steps)];
  const taken = low === high ? formatSteps(low) : `${formatSteps(low)} to ${formatSteps(high)}`;
  const planned = Math.max(...runs.map(({ config }) => config.steps));
  return planned > high ? `${taken} of ${formatSteps(planned)} steps` : `${taken} steps`;
}

/** Shares of a negative return mean nothing; there the way from random to the expert is what can be shared. */
function comparison(runs: readonly Run[], earned: number): string {
  const { expert, random } = references(runs);
  const hasRandom = Number.isFinite(random);
  const randomWords = hasRandom ? `; random earns ${formatValue(random)}` : "";
  if (runs[0].config.command === "expert" || !runs.some(({ summary }) => summary)) return randomWords;
  if (!Number.isFinite(expert)) return `${randomWords}; the demonstrations carry no return to compare with`;
  if (expert > 0)
    return `, ${formatShare(earned / expert)} of the expert's ${formatValue(expert)}${randomWords}`;
  if (!hasRandom || random >= expert) return ` against the expert's ${formatValue(expert)}${randomWords}`;
  const share = formatShare((earned - random) / (expert - random));
  return `, ${share} of the way from random (${formatValue(random)}) to the expert (${formatValue(expert)})`;
}

function unfinished(count: number, finished: number): string {
  if (count === 1) return "the run has no summary yet";
  return `${plural(count - finished, "run")} of ${count} ${count - finished === 1 ? "has" : "have"} no summary yet`;
}

function withoutEvaluation(runs: readonly Run[]): string {
  const latest = runs.flatMap(({ episodes }) => episodes.slice(-10));
  const planned = formatSteps(Math.max(...runs.map(({ config }) => config.steps)));
  if (latest.length === 0) return `Nothing to judge yet: of ${planned} steps, no episode has ended`;
  const step = Math.max(...latest.map((record) => record.step));
  const returns = latest.map(({ trueReturn }) => trueReturn);
  return (
    `No evaluation yet: at step ${formatSteps(step)} of ${planned} the last ${plural(latest.length, "training episode")} ` +
    `earned ${formatValue(mean(returns))} on average`
  );
}

// ---- key numbers -------------------------------------------------------------------------------------------------

function policyRow({ runs }: Cohort): KeyNumber | null {
  const standings = runs.map(standingOf).filter((each) => each !== null);
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
  const label = isExpert ? "Trained expert" : control === null ? "Learned policy" : `Control: ${control}`;
  return { label, value: formatSpread(earned, spread), note: `mean ± standard deviation of ${of}${share}` };
}

function expertRow(runs: readonly Run[]): KeyNumber | null {
  const { expert } = references(runs);
  if (!Number.isFinite(expert)) return null;
  const { demos } = runs[0].config;
  const note = demos
    ? `demonstrations: ${plural(demos.episodes, "episode")}, ${plural(demos.transitions, "transition")}`
    : "demonstrations";
  return { label: "Expert", value: formatValue(expert), note };
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
  const average = pearson.length > 1 ? `, mean of ${plural(pearson.length, "seed")}` : "";
  return {
    label: "Reward agreement",
    value: formatCorrelation(mean(pearson)),
    note: `Pearson with the true reward per step${average}; Spearman ${formatCorrelation(mean(of("spearman")))}`,
  };
}

function stepsRow(runs: readonly Run[]): KeyNumber | null {
  const counts = latestSteps(runs);
  if (counts.length === 0) return null;
  const train = mean(counts.map((steps) => steps.train));
  const rollouts = mean(counts.map((steps) => steps.rewardRollout));
  const evaluation = mean(counts.map((steps) => steps.evaluation));
  return {
    label: "Steps to learn from",
    value: grouped(train + rollouts),
    note: `${rollouts > 0 ? `${grouped(rollouts)} of them reward rollouts; ` : ""}and ${grouped(evaluation)} to evaluate`,
  };
}

function timeRow(runs: readonly Run[]): KeyNumber | null {
  const seconds = mean(runs.map(({ summary }) => summary?.seconds ?? NaN));
  if (!Number.isFinite(seconds)) return null;
  const train = mean(runs.map(({ summary }) => summary?.steps.train ?? NaN));
  return {
    label: "Wall-clock time",
    value: formatSeconds(seconds),
    note: `${runs.length > 1 ? "mean a seed; " : ""}${formatValue(train / seconds)} training steps a second, all included`,
  };
}

function latestSteps(runs: readonly Run[]): NonNullable<Run["summary"]>["steps"][] {
  return runs
    .map(({ summary, evaluations }) => summary?.steps ?? evaluations.at(-1)?.steps)
    .filter((each) => each !== undefined);
}

// ---- notes -------------------------------------------------------------------------------------------------------

function trueRewardNote(runs: readonly Run[]): string {
  if (runs[0].config.command === "expert") {
    return "This policy was trained on the true reward itself: it makes demonstrations, it does not learn from them.";
  }
  return (
    "Used for this report only: returns, correlations and the comparison with the expert. Nothing that learns, selects " +
    "or stops reads it."
  );
}

function stepsNote(runs: readonly Run[]): string {
  const counts = latestSteps(runs);
  const total = (field: "train" | "rewardRollout" | "evaluation" | "expert"): string =>
    grouped(counts.reduce((sum, steps) => sum + steps[field], 0));
  if (counts.length === 0) return "Not counted yet: the first evaluation reports them.";
  const all = runs.length > 1 ? "Over all seeds: " : "";
  return (
    `${all}${total("train")} for the policy to learn from, ${total("rewardRollout")} more only for the reward's gradient, ` +
    `${total("evaluation")} to evaluate. The demonstrations hold ${total("expert")}. None is left out of the count.`
  );
}

function controlsNote(runs: readonly Run[], controls: number): string {
  const name = controlName(runs[0].config);
  if (name !== null) return `This is one: ${name} in place of what the demonstrations teach.`;
  if (controls > 0)
    return "Learners that were not shown what the expert did set the level that needs no demonstrations.";
  return (
    "None was run beside these. Where living longer already earns (Hopper, Walker2d), a constant reward can do well; " +
    "compare before crediting the demonstrations."
  );
}

function kernelsNote(runs: readonly Run[]): string {
  const builds = [...new Set(runs.map(({ config }) => config.kernels))];
  const relaxed = builds.includes("relaxed-simd")
    ? "Fused multiply-adds round as the processor does, so that another kind of processor may give other last bits."
    : "Plain SIMD rounds alike on every engine and processor.";
  return `Kernels: ${enumerate(builds)}, float32. ${relaxed}`;
}

/** Settings beside the seed in which the runs differ. */
function differences(runs: readonly Run[]): { subject: string; text: string }[] {
  const [first, ...others] = runs.map(({ config }) => new Map(flatten(config)));
  const differing = [...first.keys()].filter(
    (path) => path !== "seed" && others.some((config) => config.get(path) !== first.get(path)),
  );
  if (differing.length === 0) return [];
  const text = `The runs differ in more than their seed (${enumerate(differing)}); their mean mixes what was not alike.`;
  return [{ subject: "Mixed settings", text }];
}

function oddities(runs: readonly Run[]): { subject: string; text: string }[] {
  const cut = runs.filter(({ halfWritten }) => halfWritten).map(({ name }) => name);
  const kinds = [...new Set(runs.flatMap(({ unknownKinds }) => unknownKinds))];
  return [
    {
      subject: "Cut short",
      text: cut.length > 0 ? `The last record of ${enumerate(cut)} was half written and is left out.` : "",
    },
    {
      subject: "Left out",
      text: kinds.length > 0 ? `Records of kinds unknown to this version: ${enumerate(kinds)}.` : "",
    },
  ].filter(({ text }) => text !== "");
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
