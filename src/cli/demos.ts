import { Command } from "commander";
import {
  formatInspection,
  inspectDemonstrations,
  readDemonstrations,
  type Demonstrations,
} from "../demos/index.ts";
import { environmentIds, type Environment } from "../envs/index.ts";
import { recordCommand } from "./demos-record.ts";
import { recordedOptions, requireSpaces } from "./expert-demonstrations.ts";
import { anyText, optionValue } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { openEnvironment } from "./run-setup.ts";

const EXAMPLES = `
Examples:
    $ tandem demos inspect expert.npz
    $ tandem demos inspect recording/ --env HalfCheetah-v5 --json`;

/** `tandem demos`. */
export function demosCommand(): Command {
  return new Command("demos")
    .summary("look into demonstration files")
    .description("Look into demonstration files.")
    .addCommand(inspectCommand())
    .addCommand(recordCommand());
}

function inspectCommand(): Command {
  const command = new Command("inspect")
    .summary("say what a file holds and what seems wrong with it")
    .description(
      "Say what a demonstration file holds and what seems wrong with it. Shapes and action bounds are checked " +
        "against the environment, where it is given or named in the file.",
    )
    .argument("<file>", "an .npz file, or a folder of .npy files")
    .option("--env <id>", "environment of the demonstrations [what the file names]")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (file: string) => {
    const flags = optionsOnCommandLine(command);
    const demonstrations = await readDemonstrations(file);
    const environment = await environmentOf(optionValue(flags, "env", anyText), demonstrations);
    if (environment) requireSpaces(demonstrations, environment);
    const inspection = inspectDemonstrations(demonstrations, { actionSpace: environment?.actionSpace });
    environment?.close();
    process.stdout.write(
      flags.has("json") ? `${JSON.stringify(inspection)}\n` : formatInspection(inspection),
    );
  });
}

/** The environment asked for; else the one that the file names, where it is known. */
async function environmentOf(
  asked: string | undefined,
  recording: Demonstrations,
): Promise<Environment | null> {
  const id = asked ?? recording.env;
  if (id === null || (asked === undefined && !environmentIds().includes(id))) return null;
  return openEnvironment(id, id === recording.env ? recordedOptions(recording) : {});
}
