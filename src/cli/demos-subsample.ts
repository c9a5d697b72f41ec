import { Command } from "commander";
import {
  keyFromSeed,
  sliceEpisodes,
  TandemError,
  transitionCount,
  type Trajectories,
} from "../core/index.ts";
import {
  firstSteps,
  openDemonstrations,
  readInBlocks,
  subsample,
  type DemonstrationFile,
} from "../demos/index.ts";
import {
  episodesAskedFor,
  formatAskedFor,
  requirePlaceToWrite,
  withoutTotals,
  writeFromFiles,
  writtenText,
  type EpisodeRange,
} from "./demos-writing.ts";
import { optionValue, wholeNumber, type GivenOptions } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `
Examples:
  Every 20th step of each episode, as in the experiments of GAIL:
    $ tandem demos subsample expert.npz thin.npz
  The first 100 steps of four episodes, all of them:
    $ tandem demos subsample all.npz few.npz --every 1 --first 100 --episodes 4`;

/** What is kept of a file. */
interface Selection extends EpisodeRange {
  readonly every: number;
  readonly seed: number;
  /** Steps from the start of an episode; null for all. */
  readonly first: number | null;
  /** Steps an episode must have. */
  readonly minLength: number;
}

/** `tandem demos subsample`. */
export function subsampleCommand(): Command {
  const command = new Command("subsample")
    .summary("keep some of a file's steps")
    .description(
      "Keep every so many-th step of each episode, from an offset drawn for the episode (arXiv:1606.03476), and of some " +
        "episodes, or of their first steps. Steps keep their own next observations. Defaults stand in [brackets].",
    )
    .argument("<in>", "file or folder: npz, npy, Minari, D4RL, JSON Lines, CSV, Parquet")
    .argument("<out>", "new file (.npz, .jsonl, .csv, .hdf5)")
    .option("--every <n>", "keep each n-th step; 1 keeps all [20]")
    .option("--seed <n>", "another seed draws other offsets [0]")
    .option("--episodes <range>", "the first n, or a..b counting from 0 [all]")
    .option("--first <n>", "only the first n steps of each episode [all]")
    .option("--min-length <n>", "leave out episodes of fewer steps [1]")
    .option("--format <name>", "npz, d4rl, jsonl or csv [what the ending says]")
    .option("--force", "replace what is there")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (path: string, out: string) => {
    process.exitCode = await subsampleFile(path, out, optionsOnCommandLine(command));
  });
}

/** Returns the exit code. */
async function subsampleFile(path: string, out: string, flags: GivenOptions): Promise<number> {
  const force = flags.has("force");
  requirePlaceToWrite(path, out, force);
  const format = formatAskedFor(flags);
  const numbers = {
    every: optionValue(flags, "every", wholeNumber(1)) ?? 20,
    seed: optionValue(flags, "seed", wholeNumber(0)) ?? 0,
    first: optionValue(flags, "first", wholeNumber(1)) ?? null,
    minLength: optionValue(flags, "min-length", wholeNumber(1)) ?? 1,
  };
  const source = await openDemonstrations(path);
  try {
    const selection = { ...episodesAskedFor(flags, source), ...numbers };
    const { episodeStarts } = source;
    const tooShort = countTooShort(source, selection);
    const end = await writeFromFiles({
      sources: [source],
      out,
      format,
      force,
      metadata: metadataOf(source, selection),
      parts: partsOf(source, selection),
      rows: episodeStarts[selection.to] - episodeStarts[selection.from],
    });
    if ("exitCode" in end) return end.exitCode;
    const report = { ...end, of: episodeStarts[episodeStarts.length - 1], tooShort };
    process.stdout.write(flags.has("json") ? `${JSON.stringify(report)}\n` : reportText(report, selection));
    return 0;
  } finally {
    await source.close();
  }
}

/** How many episodes are left out for their length; some must be left. */
function countTooShort(
  { source, episodeStarts }: DemonstrationFile,
  { from, to, minLength }: Selection,
): number {
  let tooShort = 0;
  for (let episode = from; episode < to; episode++) {
    if (episodeStarts[episode + 1] - episodeStarts[episode] < minLength) tooShort++;
  }
  if (tooShort < to - from) return tooShort;
  throw new TandemError("--min-length", `no episode of ${source} has ${minLength} steps; ask for fewer`);
}

async function* partsOf(
  source: DemonstrationFile,
  { from, to, every, seed, first, minLength }: Selection,
): AsyncGenerator<{ part: Trajectories; read: number }> {
  const key = keyFromSeed(seed);
  let episode = from;
  let read = 0;
  for await (const block of readInBlocks(source, from, to)) {
    for (let at = 0; at + 1 < block.episodeStarts.length; at++, episode++) {
      const whole = sliceEpisodes(block, at, at + 1);
      const length = transitionCount(whole);
      read += length;
      if (length < minLength) continue;
      const beginning = first === null ? whole : firstSteps(whole, first);
      yield { part: subsample(beginning, every, key, episode), read };
    }
  }
}

/** The file's own, and how it was thinned. */
function metadataOf(source: DemonstrationFile, selection: Selection): Record<string, unknown> {
  const { from, to, every, seed, first, minLength } = selection;
  const { subsampled: before, ...own } = withoutTotals(source.metadata);
  const subsampled = {
    file: source.source,
    every,
    seed,
    ...(to - from < source.episodeStarts.length - 1 && { episodes: [from, to - 1] }),
    ...(first !== null && { first }),
    ...(minLength > 1 && { minLength }),
    version: VERSION,
    ...(before !== undefined && { before }),
  };
  return { ...own, ...(source.env !== null && { env: source.env }), subsampled };
}

function reportText(
  report: { of: number; tooShort: number } & Parameters<typeof writtenText>[0],
  { every, seed, minLength }: Selection,
): string {
  const { of, tooShort } = report;
  const how = every > 1 ? ` (one in ${every}, offsets of seed ${seed})` : "";
  const text = writtenText(report, ` of ${of}${how}`);
  if (tooShort === 0) return text;
  const left = `${tooShort === 1 ? "1 episode" : `${tooShort} episodes`} of fewer than ${minLength} steps`;
  return `${text}  - ${left} left out: that chooses by outcome.\n`;
}
