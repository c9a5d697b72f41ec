import { performance } from "node:perf_hooks";
import { Command } from "commander";
import { TandemError } from "../core/index.ts";
import { formatLint, lintFile, openDemonstrations, type LintReport } from "../demos/index.ts";
import { environmentOf, withEnvironmentOptions } from "./demos-environment.ts";
import { createFileProgress } from "./demos-progress.ts";
import type { GivenOptions } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";

const EXAMPLES = `
Examples:
  Whether actions, rewards and ends are what the task would make of them:
    $ tandem demos lint expert.npz
  A data set that does not name its environment, or another version of it:
    $ tandem demos lint hopper.hdf5 --env Hopper-v4
  Several files in a script; without a simulator, by statistics alone:
    $ tandem demos lint recordings/*.npz --no-replay --json`;

/** `tandem demos lint`. */
export function lintCommand(): Command {
  const command = withEnvironmentOptions(new Command("lint"))
    .summary("find what is wrong with recordings, in the simulator where it is known")
    .description(
      "Find what is wrong with recordings. Beside all that inspect finds, recorded states are set in the simulator and " +
        "stepped with the recorded actions: actions of the wrong row, contact margins of another MuJoCo, other options of " +
        "the task, wrong rewards and ends show. Where the environment is not known, statistics say whether actions stand " +
        "in their rows. Exits with 1 where something is wrong, with 0 where at most doubts remain.",
    )
    .argument("<files...>", "files or folders: npz, npy, Minari, D4RL, JSON Lines, CSV, Parquet")
    .option("--no-replay", "do not simulate")
    .option("--json", "print one line of JSON for each file")
    .addHelpText("after", EXAMPLES);
  return command.action(async (paths: string[]) => {
    process.exitCode = await lintFiles(paths, optionsOnCommandLine(command), !command.opts().replay);
  });
}

/** Judges the files in turn and returns the exit code. */
async function lintFiles(paths: readonly string[], flags: GivenOptions, still: boolean): Promise<number> {
  let exitCode = 0;
  for (const [at, path] of paths.entries()) {
    try {
      const report = await lintPath(path, flags, still);
      if (report.findings.some(({ severity }) => severity === "error")) exitCode = 1;
      if (flags.has("json")) process.stdout.write(`${JSON.stringify(report)}\n`);
      else process.stdout.write(`${at > 0 ? "\n" : ""}${formatLint(report)}`);
    } catch (error) {
      // One file that cannot be read is no reason to leave the others unread.
      if (!(error instanceof TandemError)) throw error;
      process.stderr.write(`tandem: ${error.message}\n`);
      exitCode = 1;
    }
  }
  return exitCode;
}

async function lintPath(path: string, flags: GivenOptions, still: boolean): Promise<LintReport> {
  const file = await openDemonstrations(path);
  const progress = createFileProgress(process.stderr, path, () => performance.now());
  try {
    const { environment, obstacle } = await environmentOf(flags, file);
    try {
      return await lintFile(file, {
        environment,
        obstacle,
        simulate: !still,
        progress: (stage, done, of) => progress.show(stage, done, of),
      });
    } finally {
      environment?.close();
    }
  } finally {
    progress.finish();
    await file.close();
  }
}
