/** Whether what stands in a folder, or in a line of results, is what the suite asks for. */
import { controlName, flatten } from "../report/cohort.ts";
import type { RunConfig, TrainConfig } from "../runs/index.ts";
import { placeless, type Outcome } from "./outcome.ts";

/** A setting in which a run differs from its plan. */
export interface Disagreement {
  /** Dotted, such as `algorithm.sac.discount`. */
  readonly setting: string;
  readonly planned: string;
  readonly found: string;
}

/** The first setting in which a run is not what was planned, or null. Machine, version and the place of files may differ. */
export function disagreement(planned: TrainConfig, found: RunConfig): Disagreement | null {
  return firstDifference(settingsOf(planned), settingsOf(found));
}

/** The same for a line of results. What an older line does not record is not compared. */
export function recordedDisagreement(planned: TrainConfig, line: Outcome): Disagreement | null {
  const { envOptions, sha256, episodes, trajectory, seed, steps, instruments, algorithm } = line;
  const heldOut = recordedHeldOut(planned.demos.heldOut, line);
  const found = {
    ...settingsOf(planned),
    env: { id: line.env, options: envOptions },
    demos: { ...planned.demos, path: "", sha256, episodes, firstEpisode: trajectory, heldOut },
    evaluation: line.evaluation ?? planned.evaluation,
    control: line.control ?? "none",
    seed,
    steps,
    instruments,
    algorithm,
  };
  return firstDifference({ ...settingsOf(planned), control: controlName(planned) ?? "none" }, found);
}

/** Older lines say only whether episodes were held out, once something was measured. */
function recordedHeldOut(
  planned: readonly number[],
  { heldOutEpisodes, heldOut, curve }: Outcome,
): readonly number[] | string {
  if (heldOutEpisodes) return heldOutEpisodes;
  const isMeasured = heldOut.length > 0;
  if (curve.length === 0 || isMeasured === planned.length > 0) return planned;
  return isMeasured ? "some" : [];
}

function firstDifference(planned: object, found: object): Disagreement | null {
  const [wanted, made] = [flatSettings(planned), flatSettings(found)];
  for (const setting of new Set([...wanted.keys(), ...made.keys()])) {
    const [one, other] = [wanted.get(setting) ?? "nothing", made.get(setting) ?? "nothing"];
    if (one !== other) return { setting, planned: one, found: other };
  }
  return null;
}

/** What is undefined is not there, as in a file. */
function flatSettings(settings: object): Map<string, string> {
  const entries = flatten(JSON.parse(JSON.stringify(settings)));
  return new Map(entries.map(([setting, value]) => [setting, value === "" ? "none" : value]));
}

/** What decides a run's results. */
function settingsOf(config: RunConfig): object {
  const { command, env, seed, steps, evaluation, algorithm } = config;
  const instruments = config.command === "train" && config.instruments;
  const demos = config.demos && { ...config.demos, path: "" };
  return { command, env, seed, steps, evaluation, instruments, demos, algorithm: placeless(algorithm) };
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
