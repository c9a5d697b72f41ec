import { Command } from "commander";
import { TandemError, transitionCount, type Trajectories } from "../core/index.ts";
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
  Teachers of different strength, an episode of each:
    $ tandem demos join good.npz fair.npz poor.npz --episodes 1 --out mixed.npz
  All there is:
    $ tandem demos join monday.npz tuesday.npz --out week.npz`;

/** A file, and which of its episodes go over. */
interface Part extends EpisodeRange {
  readonly file: DemonstrationFile;
}

/** `tandem demos join`. */
export function joinCommand(): Command {
  const command = new Command("join")
    .summary("write the episodes of several files into one")
    .description(
      "Write the episodes of several files of one task into one, in the order in which the files are named, a few at a time. " +
        "What all files say of themselves goes along; where each episode comes from is added.",
    )
    .argument("<in...>", "files or folders: npz, npy, Minari, D4RL, JSON Lines, CSV, Parquet")
    .option("--out <file>", "new file (.npz, .jsonl, .csv, .hdf5 as D4RL's), or folder for Minari")
    .option("--episodes <range>", "of each file the first n, or a..b counting from 0 [all]")
    .option("--format <name>", "npz, minari, d4rl, jsonl or csv [what the ending says]")
    .option("--force", "replace what is there")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (paths: string[]) => {
    process.exitCode = await join(paths, optionsOnCommandLine(command));
  });
}

/** Returns the exit code. */
async function join(paths: readonly string[], flags: GivenOptions): Promise<number> {
  const out = optionValue(flags, "out", anyText);
  if (out === undefined)
    throw new TandemError("--out", "expected where to write to, got none; name a new file");
  const force = flags.has("force");
  for (const path of paths) requirePlaceToWrite(path, out, force);
  const format = formatAskedFor(flags);
  const sources: DemonstrationFile[] = [];
  try {
    for (const path of paths) sources.push(await openDemonstrations(path));
    for (const source of sources.slice(1)) requireAlike(sources[0], source);
    const parts = sources.map((file): Part => ({ file, ...episodesAskedFor(flags, file) }));
    const end = await writeFromFiles({
      sources,
      out,
      format,
      force,
      metadata: metadataOf(parts),
      parts: blocksOf(parts),
      rows: parts.reduce(
        (sum, { file, from, to }) => sum + file.episodeStarts[to] - file.episodeStarts[from],
        0,
      ),
    });
    if ("exitCode" in end) return end.exitCode;
    const of = paths.length === 1 ? "" : ` from ${paths.length} files`;
    process.stdout.write(flags.has("json") ? `${JSON.stringify(end)}\n` : writtenText(end, of));
    return 0;
  } finally {
    for (const source of sources) await source.close();
  }
}

/** Two files of which episodes can stand side by side. */
function requireAlike(one: DemonstrationFile, other: DemonstrationFile): void {
  const refuse = (what: string, expected: string | number, got: string | number): never => {
    throw new TandemError(
      other.source,
      `expected ${what} ${expected}, as ${one.source} has, got ${got}; join files of one task`,
    );
  };
  if (one.env !== null && other.env !== null && one.env !== other.env) refuse("the task", one.env, other.env);
  if (one.observationSize !== other.observationSize)
    refuse("an observation size of", one.observationSize, other.observationSize);
  if (one.actionSize !== other.actionSize) refuse("an action size of", one.actionSize, other.actionSize);
}

async function* blocksOf(parts: readonly Part[]): AsyncGenerator<{ part: Trajectories; read: number }> {
  // A column that is there for some of the steps is of no use.
  const haveRewards = parts.every(({ file }) => file.hasRewards);
  let read = 0;
  for (const { file, from, to } of parts) {
    for await (const part of readInBlocks(file, from, to)) {
      read += transitionCount(part);
      yield { part: haveRewards ? part : { ...part, rewards: null }, read };
    }
  }
}

/** What all files say alike, and which episodes of which file there are. */
function metadataOf(parts: readonly Part[]): Record<string, unknown> {
  const [first, ...rest] = parts.map(({ file }) => withoutTotals(file.metadata));
  const alike = Object.entries(first).filter(([name, value]) =>
    rest.every((other) => JSON.stringify(other[name]) === JSON.stringify(value)),
  );
  const env = parts.find(({ file }) => file.env !== null)?.file.env;
  const joined = parts.map(({ file, from, to }) => ({ file: file.source, episodes: [from, to - 1] }));
  return {
    ...Object.fromEntries(alike),
    ...(env && { env }),
    joinedFrom: { version: VERSION, parts: joined },
  };
}
