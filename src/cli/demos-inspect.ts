import { performance } from "node:perf_hooks";
import { Command } from "commander";
import { formatInspection, inspectFile, openDemonstrations } from "../demos/index.ts";
import { environmentOf, withEnvironmentOptions } from "./demos-environment.ts";
import { createFileProgress } from "./demos-progress.ts";
import { optionsOnCommandLine } from "./options.ts";

const EXAMPLES = `
Examples:
    $ tandem demos inspect expert.npz
    $ tandem demos inspect recording/ --env HalfCheetah-v5 --json`;

/** `tandem demos inspect`. */
export function inspectCommand(): Command {
  const command = withEnvironmentOptions(new Command("inspect"))
    .summary("say what a file holds and what seems wrong with it")
    .description(
      "Say what a demonstration file holds and what seems wrong with it. Sizes, action bounds and the time limit are " +
        "checked against the environment, where it is given or named in the file. The file may be larger than memory. " +
        "To judge it in the simulator: tandem demos lint.",
    )
    .argument("<file>", "file or folder: npz, npy, Minari, D4RL, JSON Lines, CSV, Parquet")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (path: string) => {
    const flags = optionsOnCommandLine(command);
    const file = await openDemonstrations(path);
    const progress = createFileProgress(process.stderr, path, () => performance.now());
    try {
      const { environment } = await environmentOf(flags, file);
      environment?.close();
      const inspection = await inspectFile(file, environment ?? {}, (rows, of) =>
        progress.show("reading", rows, of),
      );
      progress.finish();
      process.stdout.write(
        flags.has("json") ? `${JSON.stringify(inspection)}\n` : formatInspection(inspection),
      );
    } finally {
      progress.finish();
      await file.close();
    }
  });
}
