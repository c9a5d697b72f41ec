import { Command } from "commander";
import { convertCommand } from "./demos-convert.ts";
import { inspectCommand } from "./demos-inspect.ts";
import { joinCommand } from "./demos-join.ts";
import { lintCommand } from "./demos-lint.ts";
import { recordCommand } from "./demos-record.ts";
import { subsampleCommand } from "./demos-subsample.ts";

const EXAMPLES = `
Examples:
    $ tandem demos inspect expert.npz
    $ tandem demos lint expert.npz
    $ tandem demos convert expert.npz expert.jsonl`;

/** `tandem demos`. */
export function demosCommand(): Command {
  return new Command("demos")
    .summary("look into, judge, convert, subsample, join and record demonstrations")
    .description("Look into, judge, convert, subsample, join and record demonstration files.")
    .addHelpText("after", EXAMPLES)
    .addCommand(inspectCommand())
    .addCommand(lintCommand())
    .addCommand(convertCommand())
    .addCommand(subsampleCommand())
    .addCommand(joinCommand())
    .addCommand(recordCommand());
}
