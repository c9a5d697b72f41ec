import { TandemError } from "../core/index.ts";
import type { Experiment } from "./experiment.ts";
import { cartpole } from "./experiments/cartpole.ts";
import { oneLoopOrTwo } from "./experiments/one-loop-or-two.ts";
import { rates } from "./experiments/rates.ts";
import { stepSizes } from "./experiments/step-sizes.ts";
import { tabularSanity } from "./experiments/tabular-sanity.ts";
import { truncation } from "./experiments/truncation.ts";
import { width } from "./experiments/width.ts";

/** All experiments, in the order in which they build on each other. */
export const EXPERIMENTS: readonly Experiment[] = [
  tabularSanity,
  width,
  stepSizes,
  rates,
  oneLoopOrTwo,
  truncation,
  cartpole,
];

/** The experiment of that name. */
export function experimentNamed(name: string): Experiment {
  const found = EXPERIMENTS.find((each) => each.name === name);
  if (!found) throw new TandemError("experimentNamed", `no experiment is called ${name}`);
  return found;
}
