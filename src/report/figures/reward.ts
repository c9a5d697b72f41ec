import type { EvaluationRecord, RewardRecord } from "../../core/index.ts";
import { axisOver } from "../axis.ts";
import { cohortOf, labelOf } from "../cohort.ts";
import type { Axis, Figure, Mark, Panel, Point, XyPanel } from "../figure.ts";
import { formatCorrelation } from "../numbers.ts";
import type { Run } from "../run.ts";
import { faintness, measuredPanels, panelOf, sentences, stepAxis, trend, zeroRule } from "./panels.ts";

const MOST_SCATTERS = 4;

/** Does the learned reward rank and scale steps as the true one does? */
export function rewardAgreementFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const scatters: Panel[] = runs
    .filter(({ summary }) => summary?.rewardScatter)
    .slice(0, MOST_SCATTERS)
    .map((run) => scatterPanel(run, runs));
  const correlations = measuredPanels([correlationPanel(runs)]);
  if (scatters.length + correlations.length === 0) return null;
  return {
    id: "reward-agreement",
    title: "Learned against true reward",
    caption: sentences(
      scatters.length > 0
        ? "Each dot is a step of a final evaluation episode. Scaling a reward, or shifting it where episodes cannot " +
            "end early, leaves the best policy as it is: look for a rising cloud, not for equal numbers."
        : "",
      "Pearson asks for a straight line, Spearman for the same order only, over the steps of an evaluation. Both can " +
        "be low where the policy no longer makes the mistakes that would tell the rewards apart.",
    ),
    layout: "small",
    panels: [...scatters, ...correlations],
  };
}

/** The upper level: what the learned reward thinks of the expert and of the agent. */
export function rewardLevelFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const x = rewardStepAxis(runs);
  if (!x) return null;
  const gap = trend(series(runs, "returnGap"), { name: null, tone: "learned" });
  const levels = [
    ...trend(series(runs, "expertMeanReward"), { name: "expert", tone: "expert" }),
    ...trend(series(runs, "agentMeanReward"), { name: "agent", tone: "learned" }),
  ];
  const panels = measuredPanels([
    panelOf(x, { label: "Return gap, expert minus agent", unit: "learned reward" }, [zeroRule(), ...gap]),
    panelOf(x, { label: "Mean learned reward per step" }, levels),
  ]);
  return {
    id: "reward-level",
    title: "The upper level: reward",
    caption: sentences(
      "The gap is by how much the learned reward prefers the expert's trajectory to the agent's, before each reward " +
        "step; at zero it no longer tells them apart.",
      "The mean rewards show its level on both, which should stay bounded.",
      faintness(runs, panels),
    ),
    layout: "small",
    panels,
  };
}

/** The upper level's steps: size and direction of the gradient, distance from the start, work of the projection. */
export function gradientFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const x = rewardStepAxis(runs);
  if (!x) return null;
  const look = { name: null, tone: "learned" } as const;
  const one = (field: RewardField): Mark[] => trend(series(runs, field), look);
  const radius = projectionRadius(runs);
  const bound: Mark[] =
    radius === null ? [] : [{ ...zeroRule(), name: "radius", style: "dashed", y: radius }];
  const projected = trend(series(runs, "projected"), { ...look, shares: true });
  const panels = measuredPanels([
    panelOf(x, { label: "Gradient norm", unit: "log scale", scale: "log" }, one("gradientNorm")),
    panelOf(x, { label: "Cosine with the gradient before", domain: [-1, 1] }, [
      zeroRule(),
      ...one("gradientCosine"),
    ]),
    panelOf(x, { label: "Travel", unit: "‖θ − θ₀‖", zero: true }, [...bound, ...one("travel")]),
    panelOf(x, { label: "Steps with the projection active", format: "percent", domain: [0, 1] }, projected),
  ]);
  return {
    id: "gradient",
    title: "The upper level: steps",
    caption: sentences(
      "The gradient's norm should settle, not explode.",
      "A cosine between successive gradients that stays below zero means that the reward oscillates.",
      "Travel is the distance from the initial parameters.",
      radius === null
        ? ""
        : "The projection holds it within the dashed radius; active in most steps, it limits what can be learned.",
      faintness(runs, panels),
    ),
    layout: "small",
    panels,
  };
}

type RewardField = Exclude<keyof RewardRecord, "kind" | "absorbingReward">;

function series(runs: readonly Run[], field: RewardField): Point[][] {
  return runs.map(({ reward }) => reward.map((record) => ({ x: record.rewardStep, y: record[field] })));
}

function rewardStepAxis(runs: readonly Run[]): Axis | null {
  const steps = runs.map(({ reward }) => reward.at(-1)?.rewardStep ?? 0);
  if (Math.max(...steps) === 0) return null;
  return axisOver({ label: "Reward steps", unit: null, format: "count" }, [0, ...steps], { nice: false });
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

function scatterPanel(run: Run, runs: readonly Run[]): XyPanel {
  const { learned, true: truth } = run.summary?.rewardScatter ?? { learned: [], true: [] };
  const points = learned.map((y, i) => ({ x: truth[i] ?? NaN, y }));
  const x = axisOver({ label: "True reward per step", unit: null }, truth);
  const panel = panelOf(x, { label: "Learned reward per step" }, [
    { kind: "dots", name: null, tone: "learned", points },
  ]);
  const pearson = `Pearson ${formatCorrelation(run.summary?.pearson)}`;
  const spearman = `Spearman ${formatCorrelation(run.summary?.spearman)}`;
  const note = runs.length > 1 ? `${labelOf(run, runs)}, ${pearson}` : `${pearson}, ${spearman}`;
  return { ...panel, note };
}

function correlationPanel(runs: readonly Run[]): XyPanel {
  const of = (pick: (record: EvaluationRecord) => number | null): Point[][] =>
    runs.map(({ evaluations }) => evaluations.map((record) => ({ x: record.step, y: pick(record) ?? NaN })));
  const pearson = of((record) => record.pearson);
  const spearman = of((record) => record.spearman);
  const negative = [...pearson, ...spearman].flat().some(({ y }) => y < 0);
  return panelOf(
    stepAxis(runs),
    { label: "Correlation with the true reward", domain: [negative ? -1 : 0, 1] },
    [
      zeroRule(),
      ...trend(pearson, { name: "Pearson", tone: "learned" }),
      ...trend(spearman, { name: "Spearman", tone: "second", style: "dashed" }),
    ],
  );
}
