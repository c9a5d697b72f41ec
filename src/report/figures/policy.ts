import type { InversePolicyRecord } from "../../core/index.ts";
import { cohortOf } from "../cohort.ts";
import type { Figure, Mark, Point } from "../figure.ts";
import type { Run } from "../run.ts";
import { faintness, measuredPanels, panelOf, sentences, stepAxis, trend } from "./panels.ts";

/** The lower level: the policy under the learned reward. */
export function policyLevelFigure(all: readonly Run[]): Figure | null {
  const { runs } = cohortOf(all);
  if (!runs.some(({ policy }) => policy.length > 0)) return null;
  const { command } = runs[0].config;
  const learnsReward = command === "train";
  const x = stepAxis(runs);
  type Field = Exclude<keyof InversePolicyRecord, "kind">;
  const of = (field: Field): Point[][] =>
    runs.map(({ policy }) => policy.map((record) => ({ x: record.step, y: record[field] })));
  const one = (field: Field): Mark[] => trend(of(field), { name: null, tone: "learned" });
  const objective = one("objective");
  const inverse = objective.length > 0;
  const panels = measuredPanels([
    inverse
      ? panelOf(x, { label: "Objective of the critics" }, objective)
      : panelOf(x, { label: "Critic loss", unit: "log scale", scale: "log" }, one("criticLoss")),
    panelOf(x, { label: "Mean recovered reward per step" }, [
      ...trend(of("expertReward"), { name: "expert", tone: "expert" }),
      ...trend(of("agentReward"), { name: "agent", tone: "learned" }),
    ]),
    panelOf(x, { label: "Mean Q at the policy's actions" }, one("meanQ")),
    panelOf(x, { label: "Policy entropy", unit: "nats" }, one("entropy")),
    panelOf(x, { label: "Entropy temperature", unit: "log scale", scale: "log" }, one("temperature")),
  ]);
  return {
    id: "policy-level",
    title: learnsReward ? "The lower level: policy" : "The policy",
    caption: sentences(
      command === "retrain"
        ? "Learning under a frozen reward. The critics' loss follows the reward's scale."
        : inverse
          ? "The critics climb their objective, and the reward is the one under which they are the policy's. Where its " +
            "means on the expert's and on the agent's steps part without end, it has no bound."
          : learnsReward
            ? "Learning under the current reward. The critics' loss follows the reward's scale and jumps when the " +
              "reward moves faster than they can."
            : "Learning under the true reward. The critics' loss follows the reward's scale.",
      "Where the temperature is learnt, entropy falls to its target, and the temperature settles where it holds it there.",
      "Q without bound means that the policy diverges.",
      faintness(runs, panels),
    ),
    layout: "small",
    panels,
  };
}
