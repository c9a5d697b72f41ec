import { Command } from "commander";
import { keyFromSeed, TandemError } from "../core/index.ts";
import { readConfig, runPolicy, taskDefaults, type ExpertConfig, type PolicyKind } from "../runs/index.ts";
import { commandText } from "./invocation.ts";
import { anyText, oneOf, optionValue, wholeNumber, type GivenOptions } from "./option-values.ts";
import { EXPERT_OPTIONS, optionsOnCommandLine } from "./options.ts";
import { drawsKey, recordPolicy } from "./recording.ts";
import { requireFreeFile } from "./run-place.ts";
import { showReport } from "./report.ts";
import {
  beginRun,
  collectOptions,
  commonConfig,
  isComplete,
  jsonLine,
  openEnvironment,
  requireEnvironment,
  requirePlaceFor,
  resumedConfig,
  resumeRun,
  type CollectedOptions,
  type RunEnd,
} from "./run-setup.ts";
import { askedEnvironment, gatheringSettings, runSettings } from "./settings.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `
Examples:
  Train an expert and record one episode of it:
    $ tandem expert --env Hopper-v5 --record expert.npz
  Record more of an expert that is trained already:
    $ tandem expert --resume runs/HalfCheetah-v5-0-1 \\
        --record more.npz --record-episodes 10

Ctrl-C saves the run and says how to go on with it.`;

/** What is to be recorded at the end. */
interface Recording {
  readonly file: string;
  readonly episodes: number;
  readonly policy: PolicyKind;
}

/** `tandem expert`. `entry` is the module the process started with. */
export function expertCommand(entry: URL): Command {
  const command = new Command("expert")
    .summary("train an expert on the true reward, and record it")
    .description(
      "Train an expert on the environment's true reward, and record demonstrations of it. Defaults stand in [brackets]; tasks with finitely many actions have their own (docs/deep-soft-q.md).",
    )
    .usage("--env <id> [--record <file>] [options]")
    .addHelpText("after", EXAMPLES);
  for (const option of EXPERT_OPTIONS) command.addOption(option);
  return command.action(async () => {
    process.exitCode = await expert(command, entry);
  });
}

async function expert(command: Command, entry: URL): Promise<number> {
  const flags = optionsOnCommandLine(command);
  const resumed = optionValue(flags, "resume", anyText);
  const collected = resumed ? null : collectOptions(command, EXPERT_OPTIONS, "expert");
  const recording = recordingOf(collected?.given ?? flags);
  if (resumed && recording && isComplete(resumed, resumedExpert(resumed, flags))) {
    return record(resumed, recording);
  }
  const { folder, end } = collected
    ? await begin(entry, collected, recording)
    : await resumeRun(
        entry,
        resumed ?? "",
        resumedExpert(resumed ?? "", flags),
        null,
        recordWords(recording),
      );
  if ("exitCode" in end) return end.exitCode;
  const recorded = recording ? await record(folder, recording) : 0;
  if (recorded !== 0) return recorded;
  await showReport([folder], { print: !flags.has("json") });
  process.stdout.write(
    flags.has("json") ? jsonLine(end.summary) : whatNext(folder, end.summary.steps.train, recording),
  );
  return 0;
}

async function begin(
  entry: URL,
  { given, base }: CollectedOptions<"expert">,
  recording: Recording | null,
): Promise<RunEnd> {
  const id = askedEnvironment(given, base);
  if (id === null) {
    throw new TandemError(
      "--env",
      "expected an environment, got nothing; add for example --env HalfCheetah-v5",
    );
  }
  requireEnvironment(id);
  const usual = taskDefaults(id);
  const settings = runSettings(given, base, usual.expertSteps);
  const algorithm = gatheringSettings(given, base?.algorithm ?? usual.expert);
  requirePlaceFor(settings);
  const environment = await openEnvironment(id, settings.envOptions);
  const env = { id, options: { ...(environment.options ?? settings.envOptions) } };
  environment.close();
  const config: ExpertConfig = {
    ...(await commonConfig(settings, env)),
    command: "expert",
    demos: null,
    algorithm,
  };
  return beginRun(entry, settings.out, config, null, recordWords(recording));
}

function resumedExpert(folder: string, flags: GivenOptions): ExpertConfig {
  return resumedConfig(folder, "expert", flags, ["record", "record-episodes", "record-policy"]);
}

function recordingOf(given: GivenOptions): Recording | null {
  const file = optionValue(given, "record", anyText);
  const episodes = optionValue(given, "record-episodes", wholeNumber(1));
  const policy = optionValue(given, "record-policy", oneOf("mode", "sample"));
  if (file === undefined) {
    const idle = given.get("record-episodes") ?? given.get("record-policy");
    if (idle)
      throw new TandemError(idle.from, "has no effect without a file to record to; add --record FILE.npz");
    return null;
  }
  requireFreeFile("--record", file, ".npz");
  return { file, episodes: episodes ?? 1, policy: policy ?? "mode" };
}

/** The options that ask for a recording. */
function recordWords(recording: Recording | null): string[] {
  if (!recording) return [];
  const { file, episodes, policy } = recording;
  const words = ["--record", file];
  if (episodes !== 1) words.push("--record-episodes", String(episodes));
  if (policy !== "mode") words.push("--record-policy", policy);
  return words;
}

/** Episodes of the final policy, with how they were made. Returns the exit code. */
async function record(folder: string, { file, episodes, policy }: Recording): Promise<number> {
  const config = readConfig(folder);
  const key = keyFromSeed(config.seed);
  const drawn = policy === "sample";
  const environment = await openEnvironment(config.env.id, config.env.options);
  try {
    const end = await recordPolicy({
      file,
      format: "npz",
      environment,
      envOptions: config.env.options,
      policy: await runPolicy(folder, config, environment, drawn ? drawsKey(key) : null),
      drawn,
      episodes,
      key,
      metadata: { madeBy: { command: "tandem expert", version: VERSION, config } },
    });
    return "exitCode" in end ? end.exitCode : 0;
  } finally {
    environment.close();
  }
}

function whatNext(folder: string, steps: number, recording: Recording | null): string {
  const lines = [
    ...(recording
      ? [
          "To learn from the recording:",
          `  ${commandText("train", "--demos", recording.file, "--steps", "300000")}`,
        ]
      : ["To record it:", `  ${commandText("expert", "--resume", folder, "--record", "expert.npz")}`]),
    "To train longer:",
    `  ${commandText("expert", "--resume", folder, "--steps", String(2 * steps))}`,
  ];
  return `${lines.join("\n")}\n`;
}
