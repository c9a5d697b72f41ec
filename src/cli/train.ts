import { Command } from "commander";
import { policySize, TandemError, type Trajectories } from "../core/index.ts";
import { readDemonstrations } from "../demos/index.ts";
import type { Environment } from "../envs/index.ts";
import { requireTable, requireWholeEpisodes, unheldAbsorbing, type Termination } from "../irl/index.ts";
import { MCE_IRL_STEPS, taskDefaults, type TrainConfig } from "../runs/index.ts";
import { chooseEpisodes, doubtsAbout, recordedOptions, rereadEpisodes } from "./expert-demonstrations.ts";
import { commandText } from "./invocation.ts";
import { algorithmSettings, instrumentSettings } from "./method-settings.ts";
import { anyText, optionValue, type GivenOptions } from "./option-values.ts";
import { optionsOnCommandLine, TRAIN_OPTIONS } from "./options.ts";
import { showReport } from "./report.ts";
import type { RunExpert } from "./training-session.ts";
import {
  beginRun,
  collectOptions,
  commonConfig,
  jsonLine,
  openEnvironment,
  requireEnvironment,
  requirePlaceFor,
  resumedConfig,
  resumeRun,
  warn,
  type CollectedOptions,
  type RunEnd,
} from "./run-setup.ts";
import { askedEnvironment, demonstrationSettings, runSettings } from "./settings.ts";

const EXAMPLES = `
Examples:
  Learn from the first episode of a file (one is enough to begin with):
    $ tandem train --demos expert.npz --steps 300000
  Where episodes can end, say what follows (docs/ml-irl.md):
    $ tandem train --demos hopper.npz --termination absorbing
  By another method, and measured on two episodes that it does not see:
    $ tandem train --demos expert.npz --method dac --held-out 8,9
  Another seed, everything else as in a run there was:
    $ tandem train --config runs/HalfCheetah-v5-0-1/config.json --seed 1
  The same with a policy that is taught nothing, to compare with:
    $ tandem train --demos expert.npz --steps 300000 --teacher zero
  Go on with a run that was stopped, or make one longer:
    $ tandem train --resume runs/HalfCheetah-v5-0-1 --steps 600000

Ctrl-C saves the run and says how to go on with it.`;

/** `tandem train`. `entry` is the module the process started with. */
export function trainCommand(entry: URL): Command {
  const command = new Command("train")
    .summary("learn a reward and a policy from expert demonstrations")
    .description(
      "Learn a reward and a policy from expert demonstrations. Defaults stand in [brackets]; some tasks and methods have their own (docs).",
    )
    .usage("--demos <file> [options]")
    .addHelpText("after", EXAMPLES);
  for (const option of TRAIN_OPTIONS) command.addOption(option);
  return command.action(async () => {
    process.exitCode = await train(command, entry);
  });
}

async function train(command: Command, entry: URL): Promise<number> {
  const flags = optionsOnCommandLine(command);
  const resumed = optionValue(flags, "resume", anyText);
  const { folder, end } = resumed
    ? await resume(entry, resumed, flags)
    : await begin(entry, collectOptions(command, TRAIN_OPTIONS, "train"));
  if ("exitCode" in end) return end.exitCode;
  await showReport([folder], { print: !flags.has("json") });
  if (flags.has("json")) process.stdout.write(jsonLine(end.summary));
  else process.stdout.write(`${howToGoOn(folder, end.summary.end ?? end.summary.steps.train)}\n`);
  return 0;
}

async function begin(entry: URL, asked: CollectedOptions<"train">): Promise<RunEnd> {
  const out = optionValue(asked.given, "out", anyText) ?? null;
  requirePlaceFor({ out });
  const { config, expert, doubts } = await planTraining(asked, readDemonstrations);
  for (const doubt of doubts) warn(doubt);
  return beginRun(entry, out, config, expert);
}

/** A training that was asked for: checked, and nothing of it is on disk. */
export interface PlannedTraining {
  readonly config: TrainConfig;
  readonly expert: RunExpert;
  /** What seems wrong with the demonstrations, one sentence each. */
  readonly doubts: readonly string[];
  /** Whether the task can end an episode. */
  readonly canEnd: boolean;
  /** Treatments of an episode's end under which the method can learn here. */
  readonly terminations: readonly Termination[];
  /** Numbers in an action as the policy puts it. */
  readonly actionSize: number;
}

/** Settle every setting of a training and check them against its task and demonstrations, which `read` reads. */
export async function planTraining(
  { given, base }: CollectedOptions<"train">,
  read: typeof readDemonstrations,
): Promise<PlannedTraining> {
  const wanted = demonstrationSettings(given, base);
  const source = await read(wanted.path);
  const id = askedEnvironment(given, base) ?? recordedEnvironment(source);
  requireEnvironment(id);
  const { train: usual, trainSteps, airl } = taskDefaults(id);
  const asked = algorithmSettings(given, base?.algorithm, usual, airl);
  const settings = runSettings(given, base, asked.method === "mce-irl" ? MCE_IRL_STEPS : trainSteps);
  const instruments = instrumentSettings(given, base?.instruments, asked);
  if (wanted.shuffled && rewardInputsOf(asked) === "state") {
    throw new TandemError(
      "--shuffle-expert",
      "permutes the actions, which a reward of states alone never sees; leave it out, or set --reward-inputs state-action",
    );
  }

  const options = { ...(source.env === id ? recordedOptions(source) : {}), ...settings.envOptions };
  const environment = await openEnvironment(id, options);
  try {
    const algorithm = fittedTo(asked, environment);
    const foreign =
      source.env && source.env !== id
        ? [`the demonstrations say that they are of ${source.env}, the run is in ${id}`]
        : [];
    requireEndless(algorithm.termination, environment);
    const world = { environment, options, termination: algorithm.termination };
    const demonstrations = await chooseEpisodes(source, wanted, world, settings.seed);
    const doubts = [...foreign, ...doubtsAbout(demonstrations, source, environment)];
    requireWholeEpisodes(
      "--termination",
      algorithm.termination,
      demonstrations.trajectories,
      "demonstrations",
    );
    const terminations = terminationsOf(algorithm, environment, demonstrations.trajectories);
    const config: TrainConfig = {
      ...(await commonConfig(settings, { id, options: { ...(environment.options ?? options) } })),
      command: "train",
      demos: demonstrations.config,
      instruments,
      algorithm,
    };
    const canEnd = environment.terminates !== false;
    const actionSize = policySize(environment.actionSpace);
    return { config, expert: demonstrations, doubts, canEnd, terminations, actionSize };
  } finally {
    environment.close();
  }
}

/** The treatments of an episode's end under which a method can learn on a task from demonstrations; refused where its own is none. */
function terminationsOf(
  algorithm: TrainConfig["algorithm"],
  environment: Environment,
  demonstrations: Trajectories,
): Termination[] {
  const absorbing = { ...algorithm, termination: "absorbing" as const };
  const unheld =
    absorbing.method === "iq-learn"
      ? unheldAbsorbing(absorbing, demonstrations, environment.maxEpisodeSteps)
      : null;
  if (unheld && algorithm.termination === "absorbing") throw new TandemError("--termination", unheld);
  const canFixHorizon = canBeEndless(environment) && !demonstrations.terminated.includes(1);
  return [
    "native",
    ...(unheld ? [] : ["absorbing" as const]),
    ...(canFixHorizon ? ["fixed-horizon" as const] : []),
  ];
}

/** The table of MCE-IRL's policy is as large as the task's. */
function fittedTo(algorithm: TrainConfig["algorithm"], environment: Environment): TrainConfig["algorithm"] {
  if (algorithm.method !== "mce-irl") return algorithm;
  const { states } = requireTable("--method", environment);
  return { ...algorithm, sac: { ...algorithm.sac, hidden: [states] } };
}

async function resume(entry: URL, folder: string, flags: GivenOptions): Promise<RunEnd> {
  const config = resumedConfig(folder, "train", flags, ["demos", "instruments"]);
  const instruments = instrumentSettings(flags, config.instruments, config.algorithm);
  const path = optionValue(flags, "demos", anyText) ?? config.demos.path;
  const environment = await openEnvironment(config.env.id, config.env.options);
  try {
    const demonstrations = await rereadEpisodes(config, path, environment);
    const updated = { ...config, demos: demonstrations.config, instruments };
    return await resumeRun(entry, folder, updated, demonstrations);
  } finally {
    environment.close();
  }
}

/** A fixed horizon is for tasks that end no episode, or can be kept from it. */
export function requireEndless(
  termination: TrainConfig["algorithm"]["termination"],
  environment: Environment,
): void {
  if (termination !== "fixed-horizon" || canBeEndless(environment)) return;
  throw new TandemError(
    "--termination",
    `a fixed horizon expects episodes that only time ends, but nothing keeps ${environment.id} from ending them; choose native or absorbing`,
  );
}

function canBeEndless({ terminates, options = {} }: Environment): boolean {
  return terminates === false || "terminateWhenUnhealthy" in options;
}

/** What the reward sees; a policy taught without one sees both. */
export function rewardInputsOf(algorithm: TrainConfig["algorithm"]): "state-action" | "state" {
  if ("reward" in algorithm) return algorithm.reward.inputs;
  return "discriminator" in algorithm ? algorithm.discriminator.inputs : "state-action";
}

function recordedEnvironment({ env, source }: { env: string | null; source: string }): string {
  if (env) return env;
  throw new TandemError(
    "--env",
    `${source} does not say of which environment it is; add for example --env HalfCheetah-v5`,
  );
}

function howToGoOn(folder: string, steps: number): string {
  const longer = commandText("train", "--resume", folder, "--steps", String(2 * steps));
  return `To train longer:\n  ${longer}`;
}
