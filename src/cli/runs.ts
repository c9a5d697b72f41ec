import { Command } from "commander";
import { compareCommand } from "./runs-compare.ts";
import { listCommand } from "./runs-list.ts";
import { removeCommand } from "./runs-rm.ts";
import { showCommand } from "./runs-show.ts";

const EXAMPLES = `
Examples:
    $ tandem runs list
    $ tandem runs show runs/HalfCheetah-v5-0-1
    $ tandem runs compare runs/ml-irl-* runs/dac-*
    $ tandem runs rm runs/failed --replay`;

/** `tandem runs`. */
export function runsCommand(): Command {
  return new Command("runs")
    .summary("find, look into, compare and delete runs")
    .description("Find runs, look into one, compare several, delete what is not needed (docs/runs.md).")
    .addHelpText("after", EXAMPLES)
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(compareCommand())
    .addCommand(removeCommand());
}
