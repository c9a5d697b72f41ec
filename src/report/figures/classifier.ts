import type { DiscriminatorRecord } from "../../core/index.ts";
import { cohortOf } from "../cohort.ts";
import type { Figure, Point } from "../figure.ts";
import type { Run } from "../run.ts";
import { faintness, measuredPanels, panelOf, sentences, stepAxis, trend, zeroRule } from "./panels.ts";

/** A classifier between the expert's and the agent's steps: what it says of either, and how often it is right. */
export function classifierFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  if (!runs.some(({ discriminator }) => discriminator.length > 0)) return null;
  const x = stepAxis(runs);
  const of = (field: Exclude<keyof DiscriminatorRecord, "kind">): Point[][] =>
    runs.map(({ discriminator }) => discriminator.map((record) => ({ x: record.step, y: record[field] })));
  const alone = { name: null, tone: "learned" } as const;
  const panels = measuredPanels([
    panelOf(x, { label: "Mean logit" }, [
      zeroRule(),
      ...trend(of("expertLogit"), { name: "expert", tone: "expert" }),
      ...trend(of("agentLogit"), { name: "agent", tone: "learned" }),
    ]),
    panelOf(x, { label: "Rows told apart", format: "percent", domain: [0, 1] }, trend(of("accuracy"), alone)),
    panelOf(x, { label: "Classifier's loss", unit: "nats", zero: true }, trend(of("loss"), alone)),
    panelOf(x, { label: "Gradient penalty", zero: true }, trend(of("gradientPenalty"), alone)),
  ]);
  return {
    id: "classifier",
    title: "The classifier",
    caption: sentences(
      "What it says of the expert's steps and of the agent's. As the agent comes to act as the expert does, logits meet, half of the " +
        "rows are told apart and the loss is 2 log 2 = 1.39.",
      "A classifier that tells nearly all rows apart leaves the policy little to climb.",
      faintness(runs, panels),
    ),
    layout: "small",
    panels,
  };
}
