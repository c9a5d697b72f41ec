import { Command } from "commander";
import { transitionCount, type Trajectories } from "../core/index.ts";
import { openDemonstrations, readInBlocks, type DemonstrationFile } from "../demos/index.ts";
import {
  episodesAskedFor,
  formatAskedFor,
  requirePlaceToWrite,
  withoutTotals,
  writeFromFiles,
  writtenText,
  type EpisodeRange,
} from "./demos-writing.ts";
import { anyText, optionValue, type GivenOptions } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `
Examples:
  The format follows from the ending:
    $ tandem demos convert expert.npz expert.jsonl
  A data set of D4RL, which does not name its environment, for Minari:
    $ tandem demos convert old.hdf5 expert-v0 --format minari --env Hopper-v4
  Three of its episodes, counted from 0:
    $ tandem demos convert hopper.hdf5 some.npz --episodes 3..5`;

/** `tandem demos convert`. */
export function convertCommand(): Command {
  const command = new Command("convert")
    .summary("write a file's episodes in another format")
    .description(
      "Write a file's episodes in another format, a few at a time: the file may be larger than memory. What the file says " +
        "of itself goes along; what the format cannot hold is said.",
    )
    .argument("<in>", "file or folder: npz, npy, Minari, D4RL, JSON Lines, CSV, Parquet")
    .argument("<out>", "new file (.npz, .jsonl, .csv, .hdf5 as D4RL's), or folder for Minari")
    .option("--format <name>", "npz, minari, d4rl, jsonl or csv [what the ending says]")
    .option("--env <id>", "environment to name in it [what the file names]")
    .option("--episodes <range>", "the first n, or a..b counting from 0 [all]")
    .option("--force", "replace what is there")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (path: string, out: string) => {
    process.exitCode = await convert(path, out, optionsOnCommandLine(command));
  });
}

/** Returns the exit code. */
async function convert(path: string, out: string, flags: GivenOptions): Promise<number> {
  const force = flags.has("force");
  requirePlaceToWrite(path, out, force);
  const format = formatAskedFor(flags);
  const env = optionValue(flags, "env", anyText);
  const source = await openDemonstrations(path);
  try {
    const range = episodesAskedFor(flags, source);
    const { episodeStarts } = source;
    const end = await writeFromFiles({
      sources: [source],
      out,
      format,
      force,
      metadata: metadataOf(source, range, env ?? source.env),
      parts: blocksOf(source, range),
      rows: episodeStarts[range.to] - episodeStarts[range.from],
    });
    if ("exitCode" in end) return end.exitCode;
    process.stdout.write(flags.has("json") ? `${JSON.stringify(end)}\n` : writtenText(end, ""));
    return 0;
  } finally {
    await source.close();
  }
}

async function* blocksOf(
  source: DemonstrationFile,
  { from, to }: EpisodeRange,
): AsyncGenerator<{ part: Trajectories; read: number }> {
  let read = 0;
  for await (const part of readInBlocks(source, from, to)) {
    read += transitionCount(part);
    yield { part, read };
  }
}

/** The file's own, and where it comes from. */
function metadataOf(
  { source, format, layout, metadata, episodeStarts }: DemonstrationFile,
  { from, to }: EpisodeRange,
  env: string | null,
): Record<string, unknown> {
  const isPart = to - from < episodeStarts.length - 1;
  const { convertedFrom: before, ...own } = isPart ? withoutTotals(metadata) : metadata;
  const convertedFrom = {
    file: source,
    format,
    layout,
    ...(isPart && { episodes: [from, to - 1] }),
    version: VERSION,
    ...(before !== undefined && { before }),
  };
  return { ...own, ...(env !== null && { env }), convertedFrom };
}
