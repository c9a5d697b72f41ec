/**
 * The figures of a report. Each function takes runs (seeds) of one configuration and gives the figure, or null where
 * nothing of the kind was recorded. One run shows its raw measurements faintly behind averages over neighbours; several
 * show each run faintly behind their mean.
 */
import type { EvaluationRecord, PolicyRecord, RewardRecord } from "../core/index.ts";
import { axisOver } from "./axis.ts";
import { cohortOf, labelOf, references, standingOf, type Cohort } from "./cohort.ts";
import type { Axis, Bar, Figure, LineMark, Mark, Panel, Point, RuleMark, Tone, XyPanel } from "./figure.ts";
import {
  formatCorrelation,
  formatSeconds,
  formatSpread,
  formatValue,
  grouped,
  mean,
  deviation,
  plural,
} from "./numbers.ts";
import type { Run } from "./run.ts";
import { binMeans, meanOverRuns, thinned } from "./series.ts";

/** Longest series drawn in full, and the number of averages drawn through a longer one. */
const RAW_POINTS = 400;
const AVERAGES = 50;
const EPISODE_DOTS = 1200;
const SCATTER_PANELS = 4;

/** All figures that the runs have data for, in the order of a report. */
export function reportFigures(runs: readonly Run[]): Figure[] {
  const figures = [
    trueReturnFigure(runs),
    finalReturnFigure(runs),
    rewardAgreementFigure(runs),
    rewardLevelFigure(runs),
    gradientFigure(runs),
    policyLevelFigure(runs),
    costFigure(runs),
  ];
  return figures.filter((figure) => figure !== null);
}

/** True return over training: evaluations, training episodes, and the returns to compare with. */
export function trueReturnFigure(all: readonly Run[]): Figure | null {
  const { runs, controlRuns } = cohortOf(all);
  const evaluated = runs.map((run) => evaluationPoints(run));
  const episodes = thinned(
    runs.flatMap((run) => run.episodes.map(({ step, trueReturn }) => ({ x: step, y: trueReturn }))),
    EPISODE_DOTS,
  );
  const hasEvaluations = evaluated.some((points) => points.length > 0);
  if (!hasEvaluations && episodes.length === 0) return null;

  const marks: Mark[] = [{ kind: "dots", name: "training episode", tone: "learned", points: episodes }];
  if (runs.length === 1 && hasEvaluations) {
    marks.push({ kind: "band", name: "± one standard deviation", tone: "learned", points: spread(runs[0]) });
  }
  for (const run of controlRuns) {
    const name = run === controlRuns[0] ? "negative control" : null;
    marks.push({ kind: "line", name, tone: "neutral", style: "dashed", points: evaluationPoints(run) });
  }
  marks.push(...returnRules(runs), ...evaluationLines(evaluated));

  const steps = runs.map(({ config }) => config.steps);
  return {
    id: "true-return",
    title: "True return over training",
    caption: trueReturnCaption(runs, controlRuns.length),
    layout: "wide",
    panels: [
      {
        kind: "xy",
        note: null,
        x: stepAxis([0, ...steps]),
        y: axisOver({ label: "True return per episode", unit: null }, valuesOf(marks)),
        marks,
      },
    ],
  };
}

/** What each policy earns at the end. */
export function finalReturnFigure(all: readonly Run[]): Figure | null {
  const cohort = cohortOf(all);
  const { runs, controls } = cohort;
  if (!runs.some(({ summary }) => summary)) return null;
  const { expert, random } = references(runs);
  const bars: Bar[] = [
    ...(runs[0].config.command === "train" ? [bar("expert", "expert", expert)] : []),
    learnedBar(cohort),
    ...controls.map(({ name, finalReturn }) => bar(name, "neutral", finalReturn)),
    bar("random actions", "neutral", random),
  ].filter(({ value }) => Number.isFinite(value));
  const ticks = runs.length > 1 ? "one tick a seed" : "one tick an episode";
  return {
    id: "final-return",
    title: "What each policy earns",
    caption: `Mean true return per episode at the end of training; ${ticks}. ${
      controls.length > 0 ? "Controls were trained alike, but without what the demonstrations say." : ""
    }`.trim(),
    layout: "wide",
    panels: [{ kind: "bars", title: "Final true return per episode", unit: null, bars }],
  };
}

/** Does the learned reward rank and scale steps as the true one does? */
export function rewardAgreementFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const scatters = runs.filter(({ summary }) => summary?.rewardScatter).slice(0, SCATTER_PANELS);
  const panels: Panel[] = scatters.map((run) => scatterPanel(run, runs));
  const correlations = correlationPanel(runs);
  if (correlations) panels.push(correlations);
  if (panels.length === 0) return null;
  const scatterWords =
    "Each dot is a step of a final evaluation episode. Scaling a reward, or shifting it where episodes cannot end " +
    "early, leaves the best policy as it is: look for a rising cloud, not for equal numbers. ";
  const pairWords =
    "Pearson asks for a straight line, Spearman for the same order only; both are taken over the steps of each " +
    "evaluation, and both can be low where the policy no longer makes the mistakes that would tell the rewards apart.";
  return {
    id: "reward-agreement",
    title: "Learned against true reward",
    caption: (scatters.length > 0 ? scatterWords : "") + (correlations ? pairWords : ""),
    layout: "small",
    panels,
  };
}

/** The upper level: what the learned reward thinks of the expert and of the agent. */
export function rewardLevelFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const x = rewardStepAxis(runs);
  if (!x) return null;
  const gap = trend(rewardSeries(runs, "returnGap"), { name: null, tone: "learned" });
  const levels = [
    ...trend(rewardSeries(runs, "expertMeanReward"), { name: "expert", tone: "expert" }),
    ...trend(rewardSeries(runs, "agentMeanReward"), { name: "agent", tone: "learned" }),
  ];
  return {
    id: "reward-level",
    title: "The upper level: reward",
    caption:
      "The gap is by how much the learned reward prefers the expert's trajectory to the agent's, before each reward " +
      "step; at zero it no longer tells them apart. The mean rewards show its level on both, which should stay bounded. " +
      faintness(runs),
    layout: "small",
    panels: [
      panel(x, { label: "Return gap, expert minus agent", unit: "learned reward" }, [zero(), ...gap]),
      panel(x, { label: "Mean learned reward per step", unit: null }, levels),
    ],
  };
}

/** The upper level's steps: size and direction of the gradient, distance from the start, work of the projection. */
export function gradientFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const x = rewardStepAxis(runs);
  if (!x) return null;
  const one = (field: RewardField, tone: Tone = "learned"): Mark[] =>
    trend(rewardSeries(runs, field), { name: null, tone });
  const radius = projectionRadius(runs);
  const bound: Mark[] = radius === null ? [] : [{ ...zero(), name: "radius", y: radius, style: "dashed" }];
  const projected = rewardSeries(runs, "projected").map((points) => binMeans(points, AVERAGES / 2));
  return {
    id: "gradient",
    title: "The upper level: steps",
    caption:
      "The gradient's norm should settle, not explode. A cosine between successive gradients that stays below zero " +
      "means that the reward oscillates. Travel is the distance from the initial parameters" +
      (radius === null ? ". " : ", held below the dashed radius by the projection. ") +
      "A projection active in most steps means that the radius limits what can be learned. " +
      faintness(runs),
    layout: "small",
    panels: [
      panel(x, { label: "Gradient norm", unit: "log scale", scale: "log" }, one("gradientNorm")),
      panel(
        { ...x },
        { label: "Cosine with the gradient before", unit: null },
        [zero(), ...one("gradientCosine")],
        [-1, 1],
      ),
      panel(x, { label: "Travel", unit: "‖θ − θ₀‖" }, [...bound, ...one("travel")], undefined, true),
      panel(
        x,
        { label: "Steps with the projection active", unit: null, format: "percent" },
        trend(projected, { name: null, tone: "learned" }),
        [0, 1],
      ),
    ],
  };
}

/** The lower level: soft actor-critic under the learned reward. */
export function policyLevelFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  if (!runs.some(({ policy }) => policy.length > 0)) return null;
  const x = stepAxis([0, ...runs.map(({ config }) => config.steps)]);
  const one = (field: PolicyField): Mark[] =>
    trend(
      runs.map(({ policy }) => policy.map((record) => ({ x: record.step, y: record[field] }))),
      { name: null, tone: "learned" },
    );
  return {
    id: "policy-level",
    title: "The lower level: policy",
    caption:
      "Soft actor-critic under the current reward. The critics' loss follows the scale of the reward and jumps when " +
      "the reward moves faster than they can. Entropy falls to its target and the temperature settles where it holds " +
      "it there; Q without bound means that the policy level diverges. " +
      faintness(runs),
    layout: "small",
    panels: [
      panel(x, { label: "Critic loss", unit: "log scale", scale: "log" }, one("criticLoss")),
      panel(x, { label: "Mean Q at the policy's actions", unit: null }, one("meanQ")),
      panel(x, { label: "Policy entropy", unit: "nats" }, one("entropy")),
      panel(x, { label: "Entropy temperature", unit: "log scale", scale: "log" }, one("temperature")),
    ],
  };
}

/** What the run cost in environment steps and in seconds. */
export function costFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const panels = [stepsPanel(runs), secondsPanel(runs), ratePanel(runs)].filter((each) => each !== null);
  if (panels.length === 0) return null;
  const averaged = runs.length > 1 ? " Bars are means over seeds." : "";
  return {
    id: "cost",
    title: "What it cost",
    caption:
      "Every environment step is counted by its purpose; only training steps and reward rollouts teach the learner, " +
      `evaluation steps are for this report.${averaged} The rate is training steps over the wall-clock time of the ` +
      "reward steps they belong to.",
    layout: "small",
    panels,
  };
}

type RewardField = Exclude<keyof RewardRecord, "kind">;
type PolicyField = Exclude<keyof PolicyRecord, "kind">;

// ---- true return -------------------------------------------------------------------------------------------------

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

function trueReturnCaption(runs: readonly Run[], controls: number): string {
  const { every, episodes } = runs[0].config.evaluation;
  const one = runs.length === 1;
  const evaluated = runs.some(({ evaluations }) => evaluations.length > 0);
  const parts = [
    evaluated
      ? `Line: mean of ${plural(episodes, "deterministic episode")} every ${grouped(every)} steps${
          one
            ? ", band: one standard deviation over those episodes"
            : ", faint for each seed, strong for their mean"
        }.`
      : "There is no evaluation yet.",
    "Dots: training episodes, whose actions are sampled; they usually earn less.",
    controls > 0 ? "Dashed grey: learners that were not shown what the expert did." : "",
    "The learner sees none of these numbers.",
  ];
  return parts.filter(Boolean).join(" ");
}

function learnedBar({ runs }: Cohort): Bar {
  const finished = runs.filter(({ summary }) => summary);
  const finals = finished.map(({ summary }) => summary?.finalReturn ?? NaN);
  const parts = finals.length > 1 ? finals : (standingOf(finished[0])?.returns ?? []);
  const name = runs[0].config.command === "train" ? "learned policy" : "trained expert";
  const value = mean(finals);
  return {
    name,
    tone: "learned",
    value,
    text: formatSpread(value, deviation(parts)),
    parts: parts.filter(Number.isFinite),
  };
}

function bar(name: string, tone: Tone, value: number): Bar {
  return { name, tone, value, text: formatValue(value), parts: [] };
}

// ---- agreement of rewards ----------------------------------------------------------------------------------------

function scatterPanel(run: Run, runs: readonly Run[]): XyPanel {
  const { learned, true: truth } = run.summary?.rewardScatter ?? { learned: [], true: [] };
  const points = learned.map((y, i) => ({ x: truth[i] ?? NaN, y }));
  const last = run.evaluations.at(-1);
  const pearson = run.summary?.pearson ?? last?.pearson;
  const spearman = run.summary?.spearman ?? last?.spearman;
  const words = `Pearson ${formatCorrelation(pearson)}`;
  return {
    kind: "xy",
    note:
      runs.length > 1
        ? `${labelOf(run, runs)}, ${words}`
        : `${words}, Spearman ${formatCorrelation(spearman)}`,
    x: axisOver(
      { label: "True reward per step", unit: null },
      points.map(({ x }) => x),
    ),
    y: axisOver(
      { label: "Learned reward per step", unit: null },
      points.map(({ y }) => y),
    ),
    marks: [{ kind: "dots", name: null, tone: "learned", points }],
  };
}

function correlationPanel(runs: readonly Run[]): XyPanel | null {
  const series = (pick: (record: EvaluationRecord) => number | null): Point[][] =>
    runs.map(({ evaluations }) => evaluations.map((record) => ({ x: record.step, y: pick(record) ?? NaN })));
  const pearson = series((record) => record.pearson);
  const spearman = series((record) => record.spearman);
  const values = [...pearson, ...spearman]
    .flat()
    .map(({ y }) => y)
    .filter(Number.isFinite);
  if (values.length === 0) return null;
  const marks = [
    ...trend(pearson, { name: "Pearson", tone: "learned" }),
    ...trend(spearman, { name: "Spearman", tone: "second", style: "dashed" }),
  ];
  const x = stepAxis([0, ...runs.map(({ config }) => config.steps)]);
  const lowest = Math.min(...values) < 0 ? -1 : 0;
  return panel(x, { label: "Correlation with the true reward", unit: null }, [zero(), ...marks], [lowest, 1]);
}

// ---- the upper level ---------------------------------------------------------------------------------------------

function rewardStepAxis(runs: readonly Run[]): Axis | null {
  const steps = runs.map(({ reward }) => reward.at(-1)?.rewardStep ?? 0);
  if (Math.max(...steps) === 0) return null;
  return axisOver({ label: "Reward steps", unit: null, format: "count" }, [0, ...steps], { nice: false });
}

function rewardSeries(runs: readonly Run[], field: RewardField): Point[][] {
  return runs.map(({ reward }) => reward.map((record) => ({ x: record.rewardStep, y: record[field] })));
}

/** B, where all runs project onto the same ball. */
function projectionRadius(runs: readonly Run[]): number | null {
  const radii = runs.map(({ config }) => {
    const reward = config.algorithm.reward as { regulariser?: { radius?: unknown } } | undefined;
    return reward?.regulariser?.radius;
  });
  const [radius] = radii;
  return typeof radius === "number" && radii.every((each) => each === radius) ? radius : null;
}

function faintness(runs: readonly Run[]): string {
  return runs.length > 1
    ? "Faint: each seed; strong: their mean."
    : "Faint: as recorded; strong: averaged over neighbours.";
}

// ---- cost --------------------------------------------------------------------------------------------------------

function stepsPanel(runs: readonly Run[]): Panel | null {
  const counts = runs
    .map(({ summary, evaluations }) => summary?.steps ?? evaluations.at(-1)?.steps)
    .filter((each) => each !== undefined);
  if (counts.length === 0) return null;
  const amount = (name: string, tone: Tone, values: readonly number[]): Bar => {
    const value = mean(values);
    return { name, tone, value, text: grouped(value), parts: [] };
  };
  return {
    kind: "bars",
    title: "Environment steps by purpose",
    unit: null,
    bars: [
      amount(
        "training",
        "learned",
        counts.map(({ train }) => train),
      ),
      amount(
        "reward rollouts",
        "second",
        counts.map(({ rewardRollout }) => rewardRollout),
      ),
      amount(
        "evaluation",
        "neutral",
        counts.map(({ evaluation }) => evaluation),
      ),
      amount(
        "expert (given)",
        "expert",
        counts.map(({ expert }) => expert),
      ),
    ],
  };
}

function secondsPanel(runs: readonly Run[]): Panel | null {
  const timed = runs.filter(({ reward }) => reward.length > 0);
  if (timed.length === 0) return null;
  const sum = (run: Run, field: RewardField): number =>
    run.reward.reduce((total, record) => total + (Number.isFinite(record[field]) ? record[field] : 0), 0);
  const average = (seconds: (run: Run) => number): number => mean(timed.map(seconds));
  const policy = average((run) => sum(run, "policySeconds"));
  const simulation = average((run) => sum(run, "simulationSeconds"));
  const upper = average((run) => sum(run, "seconds")) - policy - simulation;
  const rest = average((run) => (run.summary?.seconds ?? NaN) - sum(run, "seconds"));
  const amount = (name: string, tone: Tone, seconds: number): Bar => {
    const value = Math.max(0, seconds);
    return { name, tone, value, text: formatSeconds(value), parts: [] };
  };
  const bars = [
    amount("policy updates", "learned", policy),
    amount("simulation", "second", simulation),
    amount("reward steps, rest", "expert", upper),
    amount("evaluation, saving", "neutral", rest),
  ].filter(({ value }) => Number.isFinite(value));
  return { kind: "bars", title: "Wall-clock time by level", unit: null, bars };
}

/** The first reward step is left out: it may cover iterations before the first episode ended. */
function ratePanel(runs: readonly Run[]): XyPanel | null {
  const rates = runs.map(({ reward }) =>
    reward.slice(1).map(({ step, seconds }, i) => ({ x: step, y: (step - reward[i].step) / seconds })),
  );
  if (!rates.some((points) => points.length > 1)) return null;
  const x = stepAxis([0, ...runs.map(({ config }) => config.steps)]);
  const marks = trend(rates, { name: null, tone: "learned" });
  return panel(
    x,
    { label: "Training steps per second", unit: null, format: "count" },
    marks,
    undefined,
    true,
  );
}

// ---- building blocks ---------------------------------------------------------------------------------------------

function stepAxis(values: readonly number[]): Axis {
  return axisOver({ label: "Training steps in the environment", unit: null, format: "count" }, values, {
    nice: false,
  });
}

function panel(
  x: Axis,
  words: Parameters<typeof axisOver>[0],
  marks: readonly Mark[],
  domain?: readonly [number, number],
  fromZero = false,
): XyPanel {
  const y = axisOver(words, valuesOf(marks), { zero: fromZero });
  return { kind: "xy", note: null, x, y: domain ? { ...y, domain } : y, marks };
}

/** One quantity over the runs: faint series and a strong average through them. */
function trend(
  runs: readonly (readonly Point[])[],
  look: { name: string | null; tone: Tone; style?: "strong" | "dashed" },
): Mark[] {
  const { name, tone, style = "strong" } = look;
  const drawn = runs.filter((points) => points.some(({ y }) => Number.isFinite(y)));
  if (drawn.length === 0) return [];
  if (drawn.length === 1) {
    const [points] = drawn;
    const average = line(name, tone, style, binMeans(points, AVERAGES));
    return points.length > AVERAGES
      ? [line(null, tone, "faint", binMeans(points, RAW_POINTS)), average]
      : [average];
  }
  const shared = binMeans(meanOverRuns(drawn), AVERAGES);
  const each = drawn.map((points) => line(null, tone, "faint", binMeans(points, 2 * AVERAGES)));
  return shared.length > 0
    ? [...each, line(name, tone, style, shared)]
    : [{ ...each[0], name }, ...each.slice(1)];
}

function line(name: string | null, tone: Tone, style: LineMark["style"], points: readonly Point[]): LineMark {
  return { kind: "line", name, tone, style, points };
}

function zero(): RuleMark {
  return { kind: "rule", name: null, tone: "neutral", style: "solid", y: 0 };
}

/** Every y that the marks reach. */
function valuesOf(marks: readonly Mark[]): number[] {
  return marks.flatMap((mark) => {
    if (mark.kind === "rule") return [mark.y];
    if (mark.kind === "band") return mark.points.flatMap(({ low, high }) => [low, high]);
    return mark.points.map(({ y }) => y);
  });
}
