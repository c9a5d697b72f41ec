import { cohortOf, controlName, references, standingOf, type Cohort } from "../cohort.ts";
import type { Bar, Figure, Mark, Point, RuleMark, Tone } from "../figure.ts";
import { deviation, formatSpread, formatValue, grouped, mean, plural } from "../numbers.ts";
import type { Run } from "../run.ts";
import { meanOverRuns, thinned } from "../series.ts";
import { line, panelOf, sentences, stepAxis } from "./panels.ts";

const MOST_DOTS = 1200;

/** True return over training: evaluations, training episodes, and the returns to compare with. */
export function trueReturnFigure(all: readonly Run[]): Figure | null {
  const { runs, controlRuns } = cohortOf(all);
  const evaluated = runs.map(evaluationPoints);
  const episodes = runs.flatMap((run) =>
    run.episodes.map(({ step, trueReturn }) => ({ x: step, y: trueReturn })),
  );
  const hasEvaluations = evaluated.some((points) => points.length > 0);
  if (!hasEvaluations && episodes.length === 0) return null;

  const dots = thinned(episodes, MOST_DOTS);
  const marks: Mark[] = [{ kind: "dots", name: "training episode", tone: "learned", points: dots }];
  if (runs.length === 1 && hasEvaluations) {
    marks.push({ kind: "band", name: "± one standard deviation", tone: "learned", points: spread(runs[0]) });
  }
  controlRuns.forEach((run, i) => {
    marks.push(line(i === 0 ? "negative control" : null, "neutral", "dashed", evaluationPoints(run)));
  });
  marks.push(...returnRules(runs), ...evaluationLines(evaluated));
  return {
    id: "true-return",
    title: "True return over training",
    caption: sentences(
      hasEvaluations ? evaluationWords(runs) : "There is no evaluation yet.",
      `Dots: training episodes${episodes.length > dots.length ? ", thinned evenly" : ""}, ` +
        "whose actions are sampled; they usually earn less.",
      controlRuns.length > 0 ? "Dashed grey: learners that were not shown what the expert did." : "",
      runs[0].config.command !== "expert" ? "The learner sees none of these numbers." : "",
    ),
    layout: "wide",
    panels: [panelOf(stepAxis([...runs, ...controlRuns]), { label: "True return per episode" }, marks)],
  };
}

/** What each policy earns at the end. */
export function finalReturnFigure(all: readonly Run[]): Figure | null {
  const cohort = cohortOf(all);
  const { runs, controls } = cohort;
  const finished = runs.filter(({ summary }) => summary);
  if (finished.length === 0) return null;
  const { expert, random } = references(runs);
  const bars = [
    bar("expert", "expert", expert),
    learnedBar(cohort, finished),
    ...controls.map(({ name, finalReturn }) => bar(name, "neutral", finalReturn)),
    bar("random actions", "neutral", random),
  ].filter(({ value }) => Number.isFinite(value));
  return {
    id: "final-return",
    title: "What each policy earns",
    caption: sentences(
      `Mean true return per episode at the end of training; one tick ${finished.length > 1 ? "a seed" : "an episode"}.`,
      controls.length > 0 ? "Controls were trained alike, but without what the demonstrations say." : "",
    ),
    layout: "wide",
    panels: [{ kind: "bars", title: "Final true return per episode", unit: null, bars }],
  };
}

function evaluationPoints({ evaluations }: Run): Point[] {
  return evaluations.map(({ step, meanReturn }) => ({ x: step, y: meanReturn }));
}

function spread({ evaluations }: Run): { x: number; low: number; high: number }[] {
  return evaluations.map(({ step, meanReturn, stdReturn }) => ({
    x: step,
    low: meanReturn - stdReturn,
    high: meanReturn + stdReturn,
  }));
}

function evaluationLines(evaluated: readonly Point[][]): Mark[] {
  const drawn = evaluated.filter((points) => points.length > 0);
  if (drawn.length === 0) return [];
  if (drawn.length === 1) return [line("evaluation", "learned", "marked", drawn[0])];
  return [
    ...drawn.map((points, i) => line(i === 0 ? "evaluation, one seed" : null, "learned", "faint", points)),
    line(`mean of ${plural(drawn.length, "seed")}`, "learned", "marked", meanOverRuns(drawn)),
  ].filter(({ points }) => points.length > 0);
}

function returnRules(runs: readonly Run[]): RuleMark[] {
  const { expert, random } = references(runs);
  const rules: RuleMark[] = [
    { kind: "rule", name: "expert", tone: "expert", style: "solid", y: expert },
    { kind: "rule", name: "half expert", tone: "expert", style: "dashed", y: expert > 0 ? expert / 2 : NaN },
    { kind: "rule", name: "random", tone: "neutral", style: "dotted", y: random },
  ];
  return rules.filter(({ y }) => Number.isFinite(y));
}

function evaluationWords(runs: readonly Run[]): string {
  const { every, episodes } = runs[0].config.evaluation;
  const rest =
    runs.length === 1
      ? "band: one standard deviation over those episodes"
      : "faint for each seed, strong for their mean";
  return `Line: mean of ${plural(episodes, "deterministic episode")} every ${grouped(every)} steps, ${rest}.`;
}

function learnedBar({ runs }: Cohort, finished: readonly Run[]): Bar {
  const finals = finished.map(({ summary }) => summary?.finalReturn ?? NaN);
  const parts = finals.length > 1 ? finals : (standingOf(finished[0])?.returns ?? []);
  const { config } = runs[0];
  const name = {
    train: controlName(config) ?? "learned policy",
    expert: "trained expert",
    retrain: "retrained policy",
  }[config.command];
  const value = mean(finals);
  const text = formatSpread(value, deviation(parts));
  return { name, tone: "learned", value, text, parts: parts.filter(Number.isFinite) };
}

function bar(name: string, tone: Tone, value: number): Bar {
  return { name, tone, value, text: formatValue(value), parts: [] };
}
