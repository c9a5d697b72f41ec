import {
  cohortOf,
  frozenBy,
  methodName,
  controlName,
  overRuns,
  references,
  standingsOf,
  type Standing,
} from "./cohort.ts";
import { enumerate, formatShare, formatSpread, formatSteps, formatValue, mean, plural } from "./numbers.ts";
import type { Run } from "./run.ts";

/** What the runs came to, in one sentence. */
export function verdict(all: readonly Run[]): string {
  const { runs } = cohortOf(all);
  const standings = standingsOf(runs);
  if (standings.length === 0) return withoutEvaluation(runs);
  const finished = runs.filter(({ summary }) => summary).length;
  const values = standings.map(({ meanReturn }) => meanReturn);
  const earned = overRuns(values, standings[0].returns);
  const many = standings.length > 1;
  const subject = `${policyName(runs, many)}${many ? ` of ${plural(standings.length, "seed")}` : ""}`;
  const verb = many ? "earn" : "earns";
  const average = many ? " on average" : "";
  const sentence =
    `After ${stepsTaken(runs, standings)} ${subject} ${verb} ` +
    `${formatSpread(earned.mean, earned.spread)}${average}${comparison(runs, earned.mean)}`;
  return finished < runs.length ? `${sentence}; ${unfinished(runs.length, finished)}` : sentence;
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
  const kind = kindOf(config);
  return {
    environment: config.env.id,
    details: `${kind}, ${seedWords}, Tandem ${config.version}`,
  };
}

function kindOf(config: Run["config"]): string {
  if (config.command === "train") return methodName(config);
  if (config.command === "expert") return "expert training";
  return `retraining on a reward of ${frozenBy(config)}`;
}

function policyName(runs: readonly Run[], many: boolean): string {
  const { config } = runs[0];
  const noun = many ? "policies" : "policy";
  if (config.command === "expert")
    return many ? "the experts trained on the true reward" : "the expert trained on the true reward";
  if (config.command === "retrain") return `the ${noun} retrained on a frozen reward`;
  const control = controlName(config);
  return control === null ? `the learned ${noun}` : `the ${noun} of a negative control (${control})`;
}

function stepsTaken(runs: readonly Run[], standings: readonly Standing[]): string {
  const steps = standings.map(({ step }) => step);
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
  if (!Number.isFinite(expert) && runs[0].config.command === "retrain")
    return `${randomWords}; no expert's return there is known`;
  if (!Number.isFinite(expert)) return `${randomWords}; the demonstrations carry no return to compare with`;
  if (expert > 0)
    return `, ${formatShare(earned / expert)} of the expert's ${formatValue(expert)}${randomWords}`;
  if (!hasRandom || random >= expert) return ` against the expert's ${formatValue(expert)}${randomWords}`;
  const share = formatShare((earned - random) / (expert - random));
  return `, ${share} of the way from random (${formatValue(random)}) to the expert (${formatValue(expert)})`;
}

function unfinished(count: number, finished: number): string {
  if (count === 1) return "the run has no summary yet";
  if (finished === 0) return "no run has a summary yet";
  return `${count - finished} of ${count} runs ${count - finished === 1 ? "has" : "have"} no summary yet`;
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
