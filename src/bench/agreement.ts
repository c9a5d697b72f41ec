/** Whether what stands in a folder is what the suite asks for. */
import { flatten } from "../report/cohort.ts";
import type { RunConfig, TrainConfig } from "../runs/index.ts";

/** A setting in which a run differs from its plan. */
export interface Disagreement {
  /** Dotted, such as `algorithm.sac.discount`. */
  readonly setting: string;
  readonly planned: string;
  readonly found: string;
}

/** The first setting in which a run is not what was planned, or null. Machine, version and the file's place may differ. */
export function disagreement(planned: TrainConfig, found: RunConfig): Disagreement | null {
  const [wanted, made] = [settingsOf(planned), settingsOf(found)];
  for (const setting of new Set([...wanted.keys(), ...made.keys()])) {
    const [one, other] = [wanted.get(setting) ?? "nothing", made.get(setting) ?? "nothing"];
    if (one !== other) return { setting, planned: one, found: other };
  }
  return null;
}

/** What decides a run's results; what is undefined is not there, as in a file. */
function settingsOf(config: RunConfig): Map<string, string> {
  const { command, env, seed, steps, evaluation, algorithm } = config;
  const instruments = config.command === "train" && config.instruments;
  const demos = config.demos && { ...config.demos, path: "" };
  const settings = { command, env, seed, steps, evaluation, instruments, demos, algorithm };
  return new Map(flatten(JSON.parse(JSON.stringify(settings))));
}

/** What cells were made by: a version of Tandem and a build of its kernels, with the ids of those cells. */
export interface Build {
  readonly name: string;
  readonly ids: readonly string[];
}

/** The builds that made cells, the one with most cells first. */
export function buildsOf(
  cells: readonly { readonly id: string; readonly version: string | null; readonly kernels: string | null }[],
): Build[] {
  const made = cells.filter(({ version }) => version !== null);
  const groups = Map.groupBy(made, ({ version, kernels }) => `Tandem ${version} with ${kernels} kernels`);
  return Array.from(groups, ([name, group]) => ({ name, ids: group.map(({ id }) => id) })).sort(
    (a, b) => b.ids.length - a.ids.length,
  );
}
