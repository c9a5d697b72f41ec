import { resolve } from "node:path";
import { Command } from "commander";
import { TandemError } from "../core/index.ts";
import { listRun } from "../bench/index.ts";
import {
  removeReplay,
  removeRun,
  requireRunFolder,
  strangersIn,
  totalBytes,
  type RunSizes,
  trainerOf,
} from "../runs/index.ts";
import { formatBytes, plural } from "../report/numbers.ts";
import { confirm } from "./confirm.ts";
import { optionsOnCommandLine } from "./options.ts";

const EXAMPLES = `
Examples:
    $ tandem runs rm runs/HalfCheetah-v5-0-1
  Keep policy and reward, free the most room:
    $ tandem runs rm runs/* --replay --yes`;

/** `tandem runs rm`. */
export function removeCommand(): Command {
  const command = new Command("rm")
    .summary("delete runs, or only their transitions")
    .description(
      "Delete runs, or only their transitions, after which a run cannot go on or be made longer; its policy and reward stay. " +
        "What is to be deleted is said, and asked about. Only what Tandem wrote is deleted.",
    )
    .argument("<run...>", "run folders")
    .option("--replay", "only the transitions")
    .option("--yes", "do not ask")
    .addHelpText("after", EXAMPLES);
  return command.action(async (folders: string[]) => {
    const flags = optionsOnCommandLine(command);
    process.exitCode = await remove(distinct(folders), flags.has("replay"), flags.has("yes"));
  });
}

function distinct(folders: readonly string[]): string[] {
  return [...new Map(folders.map((folder) => [resolve(folder), folder])).values()];
}

async function remove(folders: readonly string[], onlyReplay: boolean, isAgreed: boolean): Promise<number> {
  for (const folder of folders) requireRemovable(folder);
  const freed = (sizes: RunSizes): number => (onlyReplay ? sizes.replay : totalBytes(sizes));
  const runs = folders.map((folder) => ({ ...listRun(folder), strangers: strangersIn(folder) }));
  const concerned = runs.filter(({ sizes }) => !onlyReplay || sizes.replay > 0);
  if (concerned.length === 0) {
    process.stdout.write("There are no transitions to delete.\n");
    return 0;
  }
  for (const { folder, state, step, steps, sizes, strangers } of concerned) {
    const standing = state === "stopped" ? `stopped at ${step} of ${steps} steps` : state;
    const stays = !onlyReplay && strangers.length > 0 ? `; not Tandem's, stays: ${strangers.join(", ")}` : "";
    process.stdout.write(`  ${formatBytes(freed(sizes)).padStart(7)}  ${folder} (${standing})${stays}\n`);
  }
  const what = `${onlyReplay ? "the transitions of " : ""}${plural(concerned.length, "run")}`;
  const bytes = formatBytes(concerned.reduce((sum, { sizes }) => sum + freed(sizes), 0));
  if (!isAgreed && !(await agreed(`Delete ${what}, ${bytes}?`))) {
    process.stdout.write("Nothing was deleted.\n");
    return 1;
  }
  for (const { folder } of concerned) {
    // It may have begun to train while the question stood.
    requireRemovable(folder);
    if (onlyReplay) removeReplay(folder);
    else removeRun(folder);
  }
  process.stdout.write(`Deleted ${what}, ${bytes}.\n`);
  return 0;
}

function requireRemovable(folder: string): void {
  requireRunFolder(folder);
  if (!trainerOf(folder)) return;
  throw new TandemError("runs rm", `${folder} is in training now; stop it (Ctrl-C where it runs), or wait`);
}

function agreed(question: string): Promise<boolean> {
  if (process.stdin.isTTY) return confirm(question, process.stdin, process.stderr);
  throw new TandemError(
    "--yes",
    "there is no terminal to ask in, and nothing was deleted; add --yes to delete",
  );
}
