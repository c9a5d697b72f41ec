/** Rolls a policy out and writes what it did: what `tandem expert` and `tandem demos record` do alike. */
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import {
  episodeReturns,
  foldIn,
  type ActionSpace,
  type BoxSpace,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import { createDemonstrationSink, type WrittenFormat } from "../demos/index.ts";
import type { Environment } from "../envs/index.ts";
import { policyEpisode, type Policy } from "../policies/index.ts";
import { episodeSeed } from "../rl/index.ts";
import { duration } from "./progress.ts";
import { warn } from "./run-setup.ts";
import { EXIT_CODES } from "./training-session.ts";

/** Purposes of the seed's key; a training of the same seed uses those that count from 0. */
const RECORDING = 0x7265636f;
const DRAWS = 0x64726177;

/** The key with which a recorded policy draws its actions. */
export function drawsKey(key: Key): Key {
  return foldIn(key, DRAWS);
}

/** The seed with which episode `episode` of a recording starts. */
export function startSeed(key: Key, episode: number): number {
  return episodeSeed(foldIn(key, RECORDING), episode);
}

/** What is to be recorded. */
export interface RecordingJob {
  /** A file that is not there yet. */
  readonly file: string;
  /** Null: by the file's ending. */
  readonly format: WrittenFormat | null;
  readonly environment: Environment;
  /** The environment's options, where it does not tell them itself. */
  readonly envOptions: Readonly<Record<string, unknown>>;
  readonly policy: Policy;
  /** Whether its actions are drawn, for people. */
  readonly drawn: boolean;
  readonly episodes: number;
  /** The episodes' starts follow from it. */
  readonly key: Key;
  /** What the file says beside what every recording says. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What came of it: true returns of the episodes, or the exit code of the signal that stopped it. */
export type RecordingEnd = { readonly returns: readonly number[] } | { readonly exitCode: number };

/** Record; a signal stops it, and leaves no file. The file begins with the returns, so it is written at the end. */
export async function recordPolicy(job: RecordingJob): Promise<RecordingEnd> {
  const { environment, policy, episodes, key } = job;
  const recorded: Trajectories[] = [];
  const watch = createWatch(episodes, environment.maxEpisodeSteps);
  process.stderr.write(`Recording ${episodesText(episodes)} of ${environment.id}\n`);
  try {
    for (let episode = 0; episode < episodes; episode++) {
      recorded.push(await policyEpisode(environment, policy, startSeed(key, episode), watch.afterStep));
      watch.afterEpisode();
    }
    const returns = recorded.flatMap((episode) => Array.from(episodeReturns(episode) ?? []));
    await write(job, recorded, metadataOf(job, returns), watch);
    watch.end();
    sayRecorded(job, recorded, returns);
    return { returns };
  } catch (error) {
    watch.end();
    if (!(error instanceof Stopped)) throw error;
    process.stderr.write(
      `Stopped after ${recorded.length} of ${episodesText(episodes)}; nothing was written.\n`,
    );
    return { exitCode: error.exitCode };
  }
}

async function write(
  { file, format }: RecordingJob,
  episodes: readonly Trajectories[],
  metadata: Readonly<Record<string, unknown>>,
  watch: Watch,
): Promise<void> {
  const sink = await createDemonstrationSink(file, format, metadata);
  try {
    for (const episode of episodes) {
      await sink.append(episode);
      await watch.look();
    }
    await sink.finish();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}

function sayRecorded(
  { file, environment, episodes }: RecordingJob,
  recorded: readonly Trajectories[],
  returns: readonly number[],
): void {
  const spread = returns.map((value) => value.toFixed(1)).slice(0, 5);
  const rest = returns.length > spread.length ? ", ..." : "";
  process.stderr.write(
    `Recorded ${file}: ${episodesText(episodes)}, true return ${spread.join(", ")}${rest}\n`,
  );
  sayOutside(recorded, environment.actionSpace);
}

/** `1 episode`, `10 episodes`. */
export function episodesText(count: number): string {
  return count === 1 ? "1 episode" : `${count} episodes`;
}

function metadataOf(job: RecordingJob, returns: readonly number[]): Record<string, unknown> {
  const { environment, envOptions, policy, drawn, metadata } = job;
  return {
    env: environment.id,
    envOptions: environment.options ?? envOptions,
    policy: `${policy.about.name}; ${drawn ? "sampled actions" : "its most likely actions"}`,
    returns,
    meanReturn: returns.reduce((sum, value) => sum + value, 0) / returns.length,
    ...metadata,
  };
}

/** Says how many actions lie outside the bounds: they are stepped and recorded as the policy gave them. */
function sayOutside(recorded: readonly Trajectories[], space: ActionSpace): void {
  if (space.kind !== "box") return;
  let [count, entries, furthest] = [0, 0, 0];
  for (const { actions } of recorded) {
    entries += actions.length;
    actions.forEach((action, at) => {
      const beyond = beyondBounds(space, action, at % space.size);
      if (beyond > 0) count++;
      furthest = Math.max(furthest, beyond);
    });
  }
  if (count === 0) return;
  warn(
    `${((100 * count) / entries).toFixed(1)}% of the action entries lie outside the bounds, by up to ${furthest.toFixed(2)}; they were stepped and recorded as they are`,
  );
}

/** How far an entry lies outside the bounds, which are rounded to float32 as it is. */
function beyondBounds({ low, high }: BoxSpace, action: number, i: number): number {
  return Math.max(0, action - Math.fround(high[i]), Math.fround(low[i]) - action);
}

/** Thrown from within a rollout to leave it. */
class Stopped extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("stopped by a signal");
    this.exitCode = exitCode;
  }
}

interface Watch {
  /** After each step: every now and then shows how it goes and lets signals in; throws `Stopped` where one came. */
  readonly afterStep: () => void | Promise<void>;
  readonly afterEpisode: () => void;
  /** The same now. */
  readonly look: () => Promise<void>;
  readonly end: () => void;
}

/** Milliseconds between two looks at the clock's face, and between two lines where there is no terminal. */
const LOOK_MS = 100;
const LINE_MS = 10_000;

/** Shows on stderr how a recording goes, and listens for signals. */
function createWatch(episodes: number, maxEpisodeSteps: number): Watch {
  const begun = performance.now();
  const { stderr } = process;
  let [looked, said, steps, done, inEpisode] = [begun, begun, 0, 0, 0];
  let exitCode: number | null = null;
  const onSignal = (signal: keyof typeof EXIT_CODES): void => {
    exitCode = EXIT_CODES[signal];
  };
  for (const signal of Object.keys(EXIT_CODES)) process.on(signal, onSignal);

  const show = (now: number): void => {
    // Episodes to come are taken to be as long as those that were.
    const length = done > 0 ? (steps - inEpisode) / done : maxEpisodeSteps;
    const left = Math.max(0, episodes * length - steps);
    const line = `${done}/${episodes} episodes  ${duration(((now - begun) / 1000 / steps) * left)} left`;
    if (stderr.isTTY) stderr.write(`\r\u001B[K${line}`);
    else if (now - said >= LINE_MS) {
      said = now;
      stderr.write(`${line}\n`);
    }
  };
  const look = async (): Promise<void> => {
    looked = performance.now();
    show(looked);
    await setImmediate();
    if (exitCode !== null) throw new Stopped(exitCode);
  };
  return {
    afterStep: () => {
      steps++;
      inEpisode++;
      return performance.now() - looked >= LOOK_MS ? look() : undefined;
    },
    afterEpisode: () => {
      done++;
      inEpisode = 0;
    },
    look,
    end: () => {
      if (stderr.isTTY) stderr.write("\r\u001B[K");
      for (const signal of Object.keys(EXIT_CODES)) process.off(signal, onSignal);
    },
  };
}
