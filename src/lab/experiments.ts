import { TandemError } from "../core/index.ts";
import type { Experiment } from "./experiment.ts";
import { tabularSanity } from "./experiments/tabular-sanity.ts";

/** All experiments, in the order in which they build on each other. */
export const EXPERIMENTS: readonly Experiment[] = [tabularSanity] as unknown as Experiment[];

/** The experiment of that name. */
export function experimentNamed(name: string): Experiment {
  const found = EXPERIMENTS.find((each) => each.name === name);
  if (!found) throw new TandemError("experimentNamed", `no experiment is called ${name}`);
  return found;
}
