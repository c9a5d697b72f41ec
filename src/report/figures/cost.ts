import type { RewardRecord, StepCounts } from "../../core/index.ts";
import { cohortOf, stepCounts } from "../cohort.ts";
import type { Bar, BarPanel, Figure, Tone, XyPanel } from "../figure.ts";
import { formatSeconds, grouped, mean } from "../numbers.ts";
import type { Run } from "../run.ts";
import { panelOf, sentences, stepAxis, trend } from "./panels.ts";

/** What the run cost in environment steps and in seconds. */
export function costFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const rate = ratePanel(runs);
  const panels = [stepsPanel(runs), secondsPanel(runs), rate].filter((panel) => panel !== null);
  if (panels.length === 0) return null;
  return {
    id: "cost",
    title: "What it cost",
    caption: sentences(
      "Every environment step is counted by its purpose; evaluation steps are for this report only.",
      runs.length > 1 ? "Bars are means over seeds." : "",
      rate
        ? "The rate is training steps over the wall-clock time of the reward steps they belong to, evaluation apart."
        : "",
    ),
    layout: "small",
    panels,
  };
}

function stepsPanel(runs: readonly Run[]): BarPanel | null {
  const counts = stepCounts(runs);
  if (counts.length === 0) return null;
  const amount = (name: string, tone: Tone, purpose: keyof StepCounts): Bar => {
    const value = mean(counts.map((steps) => steps[purpose]));
    return { name, tone, value, text: grouped(value), parts: [] };
  };
  const training = amount("training", "learned", "train");
  const evaluation = amount("evaluation", "neutral", "evaluation");
  const bars =
    runs[0].config.command !== "train"
      ? [training, evaluation]
      : [
          training,
          amount("reward rollouts", "second", "rewardRollout"),
          evaluation,
          amount("expert (given)", "expert", "expert"),
        ];
  return { kind: "bars", title: "Environment steps by purpose", unit: null, bars };
}

function secondsPanel(runs: readonly Run[]): BarPanel | null {
  const timed = runs.filter(({ reward }) => reward.length > 0);
  if (timed.length === 0) return null;
  const average = (seconds: (run: Run) => number): number => mean(timed.map(seconds));
  const policy = average((run) => total(run, "policySeconds"));
  const simulation = average((run) => total(run, "simulationSeconds"));
  const upper = average((run) => total(run, "seconds")) - policy - simulation;
  const rest = average((run) => (run.summary?.seconds ?? NaN) - total(run, "seconds"));
  const bars = [
    duration("policy updates", "learned", policy),
    duration("simulation", "second", simulation),
    duration("reward steps, rest", "expert", upper),
    duration("evaluation, saving", "neutral", rest),
  ].filter(({ value }) => Number.isFinite(value));
  return { kind: "bars", title: "Wall-clock time by level", unit: null, bars };
}

function total({ reward }: Run, field: "seconds" | "policySeconds" | "simulationSeconds"): number {
  return reward
    .map((record) => record[field])
    .reduce((sum, seconds) => (Number.isFinite(seconds) ? sum + seconds : sum), 0);
}

function duration(name: string, tone: Tone, seconds: number): Bar {
  const value = Math.max(0, seconds);
  return { name, tone, value, text: formatSeconds(value), parts: [] };
}

/**
 * Between reward steps, once the policy is updated in every step: before that the rate is another, and the first reward
 * step may cover more than its record says.
 */
function ratePanel(runs: readonly Run[]): XyPanel | null {
  const rates = runs.map(({ reward, policy }) => {
    const begun = policy.at(0)?.step ?? -Infinity;
    return reward
      .slice(1)
      .map((record, i) => rateOf(record, reward[i]))
      .filter(({ x }) => x > begun);
  });
  if (!rates.some((points) => points.length > 1)) return null;
  const marks = trend(rates, { name: null, tone: "learned" });
  return panelOf(stepAxis(runs), { label: "Training steps per second", format: "count", zero: true }, marks);
}

function rateOf({ step, seconds }: RewardRecord, before: RewardRecord): { x: number; y: number } {
  return { x: step, y: (step - before.step) / seconds };
}
