/** Writes a demonstration file from others, some episodes at a time: what convert, subsample and join do alike. */
import { randomUUID } from "node:crypto";
import { existsSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { episodeCount, TandemError, transitionCount, type Trajectories } from "../core/index.ts";
import {
  createDemonstrationSink,
  initialState,
  openDemonstrations,
  type DemonstrationFile,
  type DemonstrationSink,
  type WrittenFormat,
} from "../demos/index.ts";
import { createFileProgress, type FileProgress } from "./demos-progress.ts";
import { oneOf, optionValue, wholeNumber, type GivenOptions, type ValueReader } from "./option-values.ts";
import { EXIT_CODES } from "./training-session.ts";

/** Episodes `from` .. `to - 1` of a file. */
export interface EpisodeRange {
  readonly from: number;
  readonly to: number;
}

/** What is to be written where. */
export interface WritingJob {
  readonly sources: readonly DemonstrationFile[];
  readonly out: string;
  /** Null to take it from the ending of `out`. */
  readonly format: WrittenFormat | null;
  /** Whether what is at `out` may be replaced. */
  readonly force: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What is written, with the rows of the sources that have been read by then. */
  readonly parts: AsyncIterable<{ readonly part: Trajectories; readonly read: number }>;
  /** Rows of the sources that will have been read in the end. */
  readonly rows: number;
}

/** What came of it, or the exit code of the signal that stopped it. */
export type WritingEnd = WrittenSet | Stop;

/** What was written. */
export interface WrittenSet {
  readonly file: string;
  readonly format: string;
  readonly episodes: number;
  readonly transitions: number;
  /** What the sources say and the file does not, one sentence each. */
  readonly lost: readonly string[];
}

/** Refuse a place where the file may not be, before anything is read. */
export function requirePlaceToWrite(source: string, out: string, force: boolean): void {
  if (!existsSync(out)) return;
  const refuse = (problem: string): never => {
    throw new TandemError(out, problem);
  };
  if (!force) refuse("is there already; choose another name, or replace it with --force");
  if (existsSync(source) && `${realpathSync(source)}${sep}`.startsWith(`${realpathSync(out)}${sep}`)) {
    refuse("is, or holds, the file to be read; choose another name");
  }
  if (statSync(out).isDirectory() && !existsSync(join(out, "data", "main_data.hdf5"))) {
    refuse("is a folder, and none of Minari's, so that it is not replaced; choose another name");
  }
}

/** Write; where it fails or is stopped by a signal nothing is left, and what was there stays. */
export async function writeFromFiles(job: WritingJob): Promise<WritingEnd> {
  const { sources, out } = job;
  const restore = setAside(out);
  const names = sources.map(({ source }) => source).join(", ");
  const progress = createFileProgress(process.stderr, names, () => performance.now());
  let end: Counts | Stop;
  try {
    end = await writeParts(job, progress);
  } catch (error) {
    restore("failed");
    throw error;
  } finally {
    progress.finish();
  }
  restore("exitCode" in end ? "failed" : "written");
  if ("exitCode" in end) {
    process.stderr.write("Stopped; nothing was written.\n");
    return end;
  }
  const written = await openDemonstrations(out);
  await written.close();
  return { file: out, format: written.format, ...end, lost: await lossesOf(job, written, end.episodes) };
}

interface Stop {
  readonly exitCode: number;
}

type Counts = Pick<WrittenSet, "episodes" | "transitions">;

async function writeParts(job: WritingJob, progress: FileProgress): Promise<Counts | Stop> {
  const { out, format, metadata, parts, rows } = job;
  const signals = listenForSignals();
  let sink: DemonstrationSink | null = null;
  const counts = { episodes: 0, transitions: 0 };
  try {
    sink = await createDemonstrationSink(out, format, metadata);
    for await (const { part, read } of parts) {
      await sink.append(part);
      counts.episodes += episodeCount(part);
      counts.transitions += transitionCount(part);
      progress.show("writing from", read, rows);
      await setImmediate(); // lets signals in
      const exitCode = signals.exitCode();
      if (exitCode === null) continue;
      await sink.abandon();
      return { exitCode };
    }
    await sink.finish();
    return counts;
  } catch (error) {
    await sink?.abandon();
    throw error;
  } finally {
    signals.end();
  }
}

/** A data set of Minari is a folder, over which none can be moved: it waits beside its place until the new one is there. */
function setAside(out: string): (outcome: "written" | "failed") => void {
  if (!existsSync(out) || !statSync(out).isDirectory()) return () => {};
  const aside = join(dirname(resolve(out)), `.${basename(resolve(out))}.${randomUUID()}.old`);
  renameSync(out, aside);
  return (outcome) => {
    if (outcome === "written") rmSync(aside, { recursive: true });
    else renameSync(aside, out);
  };
}

function listenForSignals(): { exitCode(): number | null; end(): void } {
  let exitCode: number | null = null;
  const onSignal = (signal: keyof typeof EXIT_CODES): void => {
    exitCode = EXIT_CODES[signal];
  };
  for (const signal of Object.keys(EXIT_CODES)) process.on(signal, onSignal);
  return {
    exitCode: () => exitCode,
    end: () => {
      for (const signal of Object.keys(EXIT_CODES)) process.off(signal, onSignal);
    },
  };
}

/** What the file that was written, read again, does not say. */
async function lossesOf(job: WritingJob, written: DemonstrationFile, episodes: number): Promise<string[]> {
  const { sources, metadata } = job;
  const lost: string[] = [];
  const missing = Object.keys(metadata).filter((key) => !(key in written.metadata));
  if (missing.length > 0) {
    const shown = missing.includes("env") ? "env" : missing[0];
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
    lost.push(`${written.format} has no place for metadata: ${shown}${more} left out.`);
  }
  if (sources.some(({ hasRewards }) => hasRewards) && !written.hasRewards) lost.push("Rewards were lost.");
  const there = written.episodeStarts.length - 1;
  if (there !== episodes) {
    lost.push(`Where episodes end was lost: wrote ${episodes}, ${there} are read again.`);
  }
  for (const source of sources) {
    const initial = await initialState(source);
    if (!initial) continue;
    lost.push(`${initial.from}, states of the simulator, left out.`);
    break;
  }
  const known = new Set(sources.flatMap(({ warnings }) => warnings));
  lost.push(...written.warnings.filter((warning) => !known.has(warning)));
  return lost;
}

const FORMATS = ["npz", "minari", "d4rl", "jsonl", "csv"] as const satisfies readonly WrittenFormat[];

/** The format asked for, null where its name's ending is to say it. */
export function formatAskedFor(flags: GivenOptions): WrittenFormat | null {
  return optionValue(flags, "format", oneOf(...FORMATS)) ?? null;
}

/** The episodes asked for with `--episodes`; all where it is not given. */
export function episodesAskedFor(
  flags: GivenOptions,
  { source, episodeStarts }: DemonstrationFile,
): EpisodeRange {
  const available = episodeStarts.length - 1;
  const range = optionValue(flags, "episodes", episodeRange) ?? { from: 0, to: available };
  if (range.to <= available) return range;
  throw new TandemError(
    "--episodes",
    `${source} has episodes 0 to ${available - 1}, got ${range.from}..${range.to - 1}`,
  );
}

/** `10` for the first ten, `3..5` for those three, counted from 0. */
const episodeRange: ValueReader<EpisodeRange> = {
  expected: "a number of episodes, or the first and the last as in 3..5",
  read: (text) => {
    const [first, last, ...more] = text.split("..");
    if (last === undefined) {
      const count = wholeNumber(1).read(first);
      return count === null ? null : { from: 0, to: count };
    }
    const [from, to] = [first, last].map((part) => wholeNumber(0).read(part));
    return from === null || to === null || to < from || more.length > 0 ? null : { from, to: to + 1 };
  },
};

/** Metadata that count or average over all episodes and steps. */
const OF_THE_WHOLE =
  /^(episodes|transitions|episode_?lengths|(episode_?)?returns|(mean|std)_?(return|reward)|total_(episodes|steps))$/i;

/** A file's metadata without what holds of all its steps only. */
export function withoutTotals(metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !OF_THE_WHOLE.test(name)));
}

/** What was written, for people. */
export function writtenText({ file, format, episodes, transitions, lost }: WrittenSet, of: string): string {
  const count = episodes === 1 ? "1 episode" : `${episodes} episodes`;
  const lines = [
    `Wrote ${file} (${format}): ${count}, ${transitions} steps${of}`,
    ...lost.map((one) => `  - ${one}`),
  ];
  return `${lines.join("\n")}\n`;
}
