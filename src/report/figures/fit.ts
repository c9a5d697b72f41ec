import type { HeldOutRecord } from "../../core/index.ts";
import { cohortOf } from "../cohort.ts";
import type { Figure, Point } from "../figure.ts";
import type { Run } from "../run.ts";
import { faintness, measuredPanels, panelOf, sentences, stepAxis, trend, zeroRule } from "./panels.ts";

/** How well the policy fits the demonstrations: those it clones, and those that were held out. */
export function fitFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  const x = stepAxis(runs);
  const heldOut = (field: Exclude<keyof HeldOutRecord, "kind">): Point[][] =>
    runs.map((run) => run.heldOut.map((record) => ({ x: record.step, y: record[field] ?? NaN })));
  const cloned = runs.map(({ cloning }) => cloning.map(({ step, logLikelihood: y }) => ({ x: step, y })));
  const alone = { name: null, tone: "learned" } as const;
  const panels = measuredPanels([
    panelOf(x, { label: "Log-likelihood of demonstrated actions", unit: "nats a step" }, [
      ...trend(cloned, { name: "learnt from", tone: "learned" }),
      ...trend(heldOut("logLikelihood"), { name: "held out", tone: "second", style: "dashed" }),
    ]),
    panelOf(
      x,
      { label: "Distance of states from the expert's", domain: [0, 1] },
      trend(heldOut("stateDistance"), alone),
    ),
    panelOf(x, { label: "Reward gap, held-out expert minus agent", unit: "standard deviations" }, [
      zeroRule(),
      ...trend(heldOut("rewardGap"), alone),
    ]),
  ]);
  if (panels.length === 0) return null;
  return {
    id: "fit",
    title: "Fit to the demonstrations",
    caption: sentences(
      "What can be known without the true reward. Held-out episodes are never learnt from; a likelihood that rises on the others and " +
        "falls on them is overfitting.",
      "The distance is 0 where agent and expert visit the same states and live as long, the gap where the learned reward cannot tell them apart.",
      faintness(runs, panels),
    ),
    layout: "small",
    panels,
  };
}
