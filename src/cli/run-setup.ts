/** What `tandem train` and `tandem expert` do alike: gather options, open the task, begin or resume a run, end it. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { Command, Option } from "commander";
import { requireRunFormat, TandemError } from "../core/index.ts";
import { environmentIds, makeEnvironment, type Environment } from "../envs/index.ts";
import { loadKernels } from "../kernels/index.ts";
import { plural } from "../report/numbers.ts";
import { reachedStep } from "../report/run-end.ts";
import {
  hasCheckpoint,
  hasReplay,
  lockRun,
  parseJson,
  readConfig,
  runConfig,
  writeAtomically,
  type RunConfig,
  type Summary,
} from "../runs/index.ts";
import { nearestName } from "./nearest.ts";
import { anyText, optionValue, wholeNumber, type GivenOptions } from "./option-values.ts";
import { optionsInFile, optionsOnCommandLine, readSettingsFile } from "./options.ts";
import { makeRunFolder, requireFreePlace } from "./run-place.ts";
import { slowdownSettings, type RunSettings } from "./settings.ts";
import { runSession, type RunExpert, type SessionEnd } from "./training-session.ts";
import { VERSION } from "./version.ts";

type Kind = RunConfig["command"];
type ConfigOf<K extends Kind> = Extract<RunConfig, { command: K }>;

/** Options of the command line and of the file it names, and the run's configuration it may name instead. */
export interface CollectedOptions<K extends Kind> {
  readonly given: GivenOptions;
  readonly base: ConfigOf<K> | null;
}

/** All that was asked for; what stands on the command line wins over what stands in a file. */
export function collectOptions<K extends Kind>(
  command: Command,
  options: readonly Option[],
  kind: K,
): CollectedOptions<K> {
  const flags = optionsOnCommandLine(command);
  const file = optionValue(flags, "config", anyText);
  if (file === undefined) return { given: flags, base: null };
  const content = readSettingsFile(file);
  if ("format" in content) return { given: flags, base: configurationIn(file, content, kind) };
  const fromFile = new Map(optionsInFile(file, content, options));
  for (const [one, other] of EXCLUSIVE) if (flags.has(one)) fromFile.delete(other);
  return { given: new Map([...fromFile, ...flags]), base: null };
}

/** Options of which the later one takes the place of the other. */
export const EXCLUSIVE = [
  ["reward-radius", "reward-weight-decay"],
  ["reward-weight-decay", "reward-radius"],
];

function configurationIn<K extends Kind>(file: string, content: object, kind: K): ConfigOf<K> {
  requireRunFormat(content, basename(file));
  const parsed = runConfig.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TandemError(basename(file), `${issue.path.join(".")}: ${issue.message}`);
  }
  requireKind(parsed.data, kind, file);
  return parsed.data;
}

function requireKind<K extends Kind>(
  config: RunConfig,
  kind: K,
  place: string,
): asserts config is ConfigOf<K> {
  if (config.command === kind) return;
  throw new TandemError(
    kind,
    `${place} is of a run of tandem ${config.command}; use tandem ${config.command}`,
  );
}

/** A new environment; an unknown id is answered with the nearest known one. */
export async function openEnvironment(id: string, options: Record<string, unknown>): Promise<Environment> {
  requireEnvironment(id);
  return makeEnvironment(id, options);
}

/** Refuse a name that no environment has. */
export function requireEnvironment(id: string): void {
  const known = environmentIds();
  if (known.includes(id)) return;
  const near = nearestName(id, known);
  const meant = near ? `did you mean ${near}? ` : "";
  throw new TandemError("--env", `no environment is called ${id}; ${meant}known are ${known.join(", ")}`);
}

/** The part of a configuration that does not depend on the kind of run. */
export async function commonConfig(
  settings: RunSettings,
  env: RunConfig["env"],
): Promise<
  Pick<
    RunConfig,
    "format" | "version" | "env" | "seed" | "steps" | "evaluation" | "checkpointEvery" | "kernels" | "node"
  >
> {
  const { build } = await loadKernels({ build: settings.kernels });
  return {
    format: "tandem-run/1",
    version: VERSION,
    env,
    seed: settings.seed,
    steps: settings.steps,
    evaluation: settings.evaluation,
    ...(settings.checkpointEvery !== undefined && { checkpointEvery: settings.checkpointEvery }),
    kernels: build,
    node: process.version,
  };
}

/** Refuse, before anything else is done, a place where the run could not be. */
export function requirePlaceFor({ out }: Pick<RunSettings, "out">): void {
  requireFreePlace(out);
}

/** Where a run is, or stopped. */
export interface RunEnd {
  readonly folder: string;
  readonly end: SessionEnd;
}

/** Begin a run in a new folder, into which `furnish` puts what else it needs. Where its very start fails no folder is left. */
export async function beginRun(
  entry: URL,
  out: string | null,
  config: RunConfig,
  expert: RunExpert | null,
  resumeWords: readonly string[] = [],
  furnish: (folder: string) => void = () => {},
): Promise<RunEnd> {
  const folder = makeRunFolder(out, config);
  warnOfIdleRun(config);
  try {
    const end = await alone(folder.path, () => {
      furnish(folder.path);
      return runSession(entry, folder.path, config, expert, resumeWords);
    });
    return { folder: folder.path, end };
  } catch (error) {
    folder.discardIfUnused();
    throw error;
  }
}

/** Do it while no other process trains in the folder. */
async function alone(folder: string, train: () => Promise<SessionEnd>): Promise<SessionEnd> {
  const unlock = lockRun(folder);
  process.once("exit", unlock);
  try {
    return await train();
  } finally {
    unlock();
    process.off("exit", unlock);
  }
}

/** What may be added to a run that is made longer, as it concerns only steps that are still to come. */
const SLOWDOWN = ["slow-from", "slow-learning-rate"];

/** The configuration with which a stopped run goes on: its own, with more steps if so asked. */
export function resumedConfig<K extends Kind>(
  folder: string,
  kind: K,
  flags: GivenOptions,
  changeable: readonly string[],
): ConfigOf<K> {
  for (const [name, { from }] of flags) {
    if (["resume", "json", "steps", ...SLOWDOWN, ...changeable].includes(name)) continue;
    throw new TandemError(from, "cannot be changed when a run is resumed; leave it out, or begin a new run");
  }
  const config = readConfig(folder);
  requireKind(config, kind, folder);
  const steps = optionValue(flags, "steps", wholeNumber(1)) ?? config.steps;
  if (steps < config.steps) {
    throw new TandemError(
      "--steps",
      `${folder} is a run of ${config.steps} steps; it can be made longer, not shorter`,
    );
  }
  if (!SLOWDOWN.some((name) => flags.has(name))) return { ...config, steps };
  if (config.algorithm.slowdown) {
    const { from, learningRate } = config.algorithm.slowdown;
    throw new TandemError(
      "--resume",
      `${folder} learns at ${learningRate} from step ${from} on, which cannot be changed; leave out --slow-from and --slow-learning-rate`,
    );
  }
  const slowdown = slowdownSettings(flags, undefined, config.algorithm.sac.learningRate);
  if (slowdown && (slowdown.from < config.steps || slowdown.from >= steps)) {
    throw new TandemError(
      "--slow-from",
      `expected one of the steps that are added, from ${config.steps} to below ${steps}, got ${slowdown.from}; for more of them raise --steps`,
    );
  }
  return { ...config, steps, algorithm: { ...config.algorithm, slowdown } };
}

/** Whether a run has all the steps it should have. */
export function isComplete(folder: string, config: RunConfig): boolean {
  const path = join(folder, "summary.json");
  if (!existsSync(path)) return false;
  return reachedStep(parseJson(path) as Summary) >= config.steps;
}

/** Go on with a stopped run. */
export async function resumeRun(
  entry: URL,
  folder: string,
  config: RunConfig,
  expert: RunExpert | null,
  resumeWords: readonly string[] = [],
): Promise<RunEnd> {
  if (hasCheckpoint(folder) && !hasReplay(folder)) {
    throw new TandemError(
      "--resume",
      `the transitions of ${folder} were deleted, so that it cannot go on; its policy and reward can be used, or begin a new run`,
    );
  }
  if (isComplete(folder, config)) {
    throw new TandemError(
      "--resume",
      `${folder} has all its ${config.steps} steps; for a longer run add for example --steps ${2 * config.steps}`,
    );
  }
  const end = await alone(folder, () => {
    writeAtomically(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
    return runSession(entry, folder, config, expert, resumeWords);
  });
  return { folder, end };
}

/** The line that `--json` prints. */
export function jsonLine(summary: Summary): string {
  const { env, seed, expertReturn, finalReturn, randomReturn, termination, seconds, kernels } = summary;
  const { train, rewardRollout, evaluation } = summary.steps;
  const steps = { train, rewardRollout, evaluation };
  const { originalReturn } = summary;
  const original = originalReturn === undefined ? {} : { originalReturn };
  const returns = { expertReturn, finalReturn, ...original, randomReturn };
  return `${JSON.stringify({ env, seed, ...returns, termination, steps, seconds, kernels })}\n`;
}

function warnOfIdleRun({ steps, algorithm }: RunConfig): void {
  const { slowdown } = algorithm;
  if (slowdown && slowdown.from >= steps)
    warn(`a run of ${steps} steps never learns slower from step ${slowdown.from} on, see --slow-from`);
  if (algorithm.startSteps < steps) return;
  warn(`all ${steps} steps are random: updates begin after ${algorithm.startSteps}, see --start-steps`);
}

/** Say that `dropped` episodes of `what` were not finished, where there are any. */
export function warnOfDropped(dropped: number, what: string): void {
  if (dropped > 0)
    warn(`the simulation diverged in ${plural(dropped, "episode")} of ${what}; others took their place`);
}

/** A doubt that does not stop anything, on stderr. */
export function warn(doubt: string): void {
  process.stderr.write(`warning: ${doubt}\n`);
}
