import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { TandemError } from "../core/index.ts";
import type { Environment } from "../envs/index.ts";
import {
  parseJson,
  readConfig,
  takeFrozenReward,
  writeFrozenReward,
  type RetrainConfig,
  type RunConfig,
  type Summary,
  type TrainConfig,
} from "../runs/index.ts";
import { commandText } from "./invocation.ts";
import { anyText, optionValue, type GivenOptions } from "./option-values.ts";
import { optionsOnCommandLine, RETRAIN_OPTIONS } from "./options.ts";
import { showReport } from "./report.ts";
import {
  beginRun,
  commonConfig,
  jsonLine,
  openEnvironment,
  requireEnvironment,
  requirePlaceFor,
  resumedConfig,
  resumeRun,
  warn,
  type RunEnd,
} from "./run-setup.ts";
import { isSameTask, taskText } from "./same-task.ts";
import { environmentOptions, runSettings, type RunSettings } from "./settings.ts";
import { requireEndless } from "./train.ts";

const EXAMPLES = `
Examples:
  Is the reward alone enough? A fresh policy, another seed:
    $ tandem retrain runs/HalfCheetah-v5-0-1
  Does it hold in another body, or another world?
    $ tandem retrain runs/CustomAnt-v0-0-1 --env BigAnt-v0 \\
        --expert runs/BigAnt-v0-0-1
    $ tandem retrain runs/HalfCheetah-v5-0-1 --env-option gravityScale=0.38
  Go on with one that was stopped:
    $ tandem retrain --resume runs/HalfCheetah-v5-1-1

Ctrl-C saves the run and says how to go on with it.`;

/** `tandem retrain`. `entry` is the module the process started with. */
export function retrainCommand(entry: URL): Command {
  const command = new Command("retrain")
    .summary("train a fresh policy on the reward a run has learnt, frozen")
    .description(
      "Train a fresh policy, with the run's settings and another seed, on the reward that a run has learnt, which learns no more; " +
        "in its own task or another of the same sizes. Defaults stand in [brackets] (docs/reward-quality.md).",
    )
    .argument("[run]", "run folder with a learned reward")
    .usage("<run> [options]")
    .addHelpText("after", EXAMPLES);
  for (const option of RETRAIN_OPTIONS) command.addOption(option);
  return command.action(async (folder: string | undefined) => {
    process.exitCode = await retrain(command, entry, folder);
  });
}

async function retrain(command: Command, entry: URL, source: string | undefined): Promise<number> {
  const flags = optionsOnCommandLine(command);
  const resumed = optionValue(flags, "resume", anyText);
  if ((resumed === undefined) === (source === undefined)) {
    const got = source === undefined ? "neither" : "both";
    throw new TandemError(
      "retrain",
      `expected a run to take the reward of, or one to go on with (--resume), got ${got}`,
    );
  }
  const { folder, end } =
    resumed === undefined
      ? await begin(entry, source ?? "", flags)
      : await resumeRun(entry, resumed, resumedConfig(resumed, "retrain", flags, []), null);
  if ("exitCode" in end) return end.exitCode;
  await showReport([folder], { print: !flags.has("json") });
  process.stdout.write(flags.has("json") ? jsonLine(end.summary) : outcomeText(folder, end.summary));
  return 0;
}

async function begin(entry: URL, source: string, flags: GivenOptions): Promise<RunEnd> {
  const original = readConfig(source);
  requireLearner(source, original);
  const frozen = takeFrozenReward(source, original);
  const settings = settingsFor(original, flags);
  requirePlaceFor(settings);
  if (settings.seed === original.seed)
    warn(`the seed is that of ${source}: the policy starts as that one did, see --seed`);
  const env = await targetEnvironment(original, flags);
  const config: RetrainConfig = {
    ...(await commonConfig(settings, env)),
    command: "retrain",
    demos: null,
    algorithm: gatheringOf(original),
    frozen: { ...frozen.about, ...returnsAround(source, original, env, flags) },
  };
  return beginRun(entry, settings.out, config, null, [], (folder) => writeFrozenReward(folder, frozen));
}

function requireLearner(source: string, config: RunConfig): asserts config is TrainConfig {
  if (config.command === "train") return;
  const instead =
    config.command === "retrain" ? `its reward is of ${config.frozen.run}: name that` : "it learnt no reward";
  throw new TandemError("retrain", `${source} is a run of tandem ${config.command}; ${instead}`);
}

function settingsFor(original: TrainConfig, flags: GivenOptions): RunSettings {
  const settings = runSettings(flags, original, null);
  return flags.has("seed") ? settings : { ...settings, seed: original.seed + 1 };
}

/** What a fresh policy takes over from the run: how it learns and what follows an end, but nothing of the reward's learning. */
function gatheringOf({ algorithm }: TrainConfig): RetrainConfig["algorithm"] {
  const { sac, startSteps, slowdown, termination } = algorithm;
  if (!("replayCapacity" in algorithm))
    throw new TandemError("retrain", `${algorithm.method} gathers no experience; name another run`);
  const { replayCapacity } = algorithm;
  return { sac, startSteps, replayCapacity, ...(slowdown && { slowdown }), termination };
}

/** The environment to retrain in, checked against the one in which the reward was learnt. */
async function targetEnvironment(original: TrainConfig, flags: GivenOptions): Promise<RunConfig["env"]> {
  const id = optionValue(flags, "env", anyText) ?? original.env.id;
  requireEnvironment(id);
  // Another task has options of its own: the old task's, all resolved, would undo what makes it another.
  const kept = id === original.env.id ? original.env.options : {};
  const there = await openEnvironment(id, { ...kept, ...environmentOptions(flags) });
  try {
    const here = await openEnvironment(original.env.id, original.env.options);
    try {
      requireSameSizes(here, there);
      requireEndless(original.algorithm.termination, there);
    } finally {
      here.close();
    }
    return { id, options: { ...(there.options ?? environmentOptions(flags)) } };
  } finally {
    there.close();
  }
}

/** A reward is a function of as many numbers as its task shows and takes, in policy units. */
function requireSameSizes(here: Environment, there: Environment): void {
  const refuse = (what: string, got: string, expected: string): never => {
    throw new TandemError(
      "--env",
      `the reward was learnt in ${here.id} from ${what} of ${expected}, ${there.id} has ${got}; choose a task of the same sizes, or options with which it has them (--env-option)`,
    );
  };
  const [seen, shown] = [here.observationSpace.size, there.observationSpace.size];
  if (seen !== shown) refuse("observations", String(shown), String(seen));
  const [known, taken] = [actionsOf(here), actionsOf(there)];
  if (known !== taken) refuse("actions", taken, known);
}

function actionsOf({ actionSpace: space }: Environment): string {
  return space.kind === "box" ? `${space.size} numbers` : `${space.count} choices`;
}

type Env = RunConfig["env"];

/** The returns to set beside that of the new policy. */
function returnsAround(
  source: string,
  original: TrainConfig,
  env: Env,
  flags: GivenOptions,
): Pick<RetrainConfig["frozen"], "originalReturn" | "expertReturn"> {
  const summary = summaryOf(source);
  const named = optionValue(flags, "expert", anyText);
  const own = isSameTask(env, original.env) ? (summary?.expertReturn ?? null) : null;
  return {
    originalReturn: summary?.finalReturn ?? null,
    expertReturn: named === undefined ? own : expertReturnOf(named, env),
  };
}

/** What the expert of another run earned in the environment. */
function expertReturnOf(folder: string, env: Env): number {
  const config = readConfig(folder);
  if (!isSameTask(config.env, env)) {
    throw new TandemError(
      "--expert",
      `${folder} is of ${taskText(config.env)}, expected ${taskText(env)}; train one there with tandem expert`,
    );
  }
  const summary = summaryOf(folder);
  const earned = config.command === "expert" ? summary?.finalReturn : summary?.expertReturn;
  if (typeof earned === "number") return earned;
  throw new TandemError("--expert", `${folder} knows no expert's return; let it end first, or name another`);
}

function summaryOf(folder: string): Summary | null {
  const path = join(folder, "summary.json");
  return existsSync(path) ? (parseJson(path) as Summary) : null;
}

function shown(value: number | null | undefined): string {
  return typeof value === "number" ? value.toFixed(1) : "unknown";
}

function outcomeText(folder: string, summary: Summary): string {
  const { frozen } = readConfig(folder) as RetrainConfig;
  const rows = [
    ["retrained policy", shown(summary.finalReturn)],
    [`original policy, in ${frozen.env.id}`, shown(summary.originalReturn)],
    [`expert, in ${summary.env}`, shown(summary.expertReturn)],
    [`random actions, in ${summary.env}`, shown(summary.randomReturn)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  const longer = commandText("retrain", "--resume", folder, "--steps", String(2 * summary.steps.train));
  return `\nTrue return\n${lines.join("\n")}\n\nTo train longer:\n  ${longer}\n`;
}
