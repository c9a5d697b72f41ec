import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  episodeCount,
  foldIn,
  keyFromSeed,
  sliceEpisodes,
  TandemError,
  transitionCount,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import {
  inspectDemonstrations,
  readDemonstrations,
  recordedStride,
  shuffledExpert,
  takeEpisodes,
  type Demonstrations,
} from "../demos/index.ts";
import { makeEnvironment, type Environment } from "../envs/index.ts";
import { requireKnownActions, type Termination } from "../irl/index.ts";
import { rollout, type Act } from "../rl/index.ts";
import { optionsInTraining, type TrainConfig } from "../runs/index.ts";
import { warnOfDropped } from "./run-setup.ts";
import type { DemonstrationSettings } from "./settings.ts";

/** Demonstrations as a run uses them, and what its configuration says of them. */
export interface ExpertDemonstrations {
  readonly trajectories: Trajectories;
  /** Episodes that are only measured on; null for none. */
  readonly heldOut: Trajectories | null;
  readonly config: TrainConfig["demos"];
}

/** Purpose of the seed's key that shuffles the expert; those of a training count from 0. */
const SHUFFLING = 0x73687566;
/** And the one that a constant expert's episodes start from. */
const CONSTANT = 0x636f6e73;

/** What a constant expert is rolled out in. */
export interface TrainingWorld {
  readonly environment: Environment;
  /** Of the environment, as evaluation has them. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly termination: Termination;
}

/** The episodes that `settings` asks for, checked against the environment. */
export async function chooseEpisodes(
  demonstrations: Demonstrations,
  settings: DemonstrationSettings,
  world: TrainingWorld,
  seed: number,
): Promise<ExpertDemonstrations> {
  const { path, firstEpisode, shuffled, constant, heldOut } = settings;
  const { environment } = world;
  requireSpaces(demonstrations, environment);
  requireEveryStep(demonstrations);
  requireKnownActions("--demos", environment, demonstrations.trajectories);
  const available = episodeCount(demonstrations.trajectories);
  if (firstEpisode >= available) {
    throw new TandemError(
      "--first-episode",
      `${path} has episodes 0 to ${available - 1}, got ${firstEpisode}`,
    );
  }
  const left = available - firstEpisode;
  const episodes = settings.episodes === "all" ? left : settings.episodes;
  if (episodes > left) {
    const from = firstEpisode > 0 ? ` from episode ${firstEpisode} on` : "";
    throw new TandemError("--episodes", `${path} has ${left}${from}, got ${episodes}; ask for fewer`);
  }
  const end = firstEpisode + episodes;
  for (const episode of heldOut) {
    if (episode >= available)
      throw new TandemError("--held-out", `${path} has episodes 0 to ${available - 1}, got ${episode}`);
    if (episode >= firstEpisode && episode < end)
      throw new TandemError(
        "--held-out",
        `episode ${episode} is among those that are learnt from; choose others`,
      );
  }
  const chosen = sliceEpisodes(demonstrations.trajectories, firstEpisode, end);
  const key = keyFromSeed(seed);
  const shown = constant ? await constantExpert(world, episodes, foldIn(key, CONSTANT)) : chosen;
  const trajectories = shuffled ? shuffledExpert(shown, foldIn(key, SHUFFLING)) : shown;
  const transitions = transitionCount(trajectories);
  return {
    trajectories,
    heldOut: heldOut.length > 0 ? takeEpisodes(demonstrations.trajectories, heldOut) : null,
    config: {
      path,
      sha256: await sha256Of(path),
      episodes,
      firstEpisode,
      transitions,
      shuffled,
      constant,
      heldOut: [...heldOut],
    },
  };
}

/** 0 in policy units: the middle of a box, the first of finitely many actions. */
const takeMiddle: Act = (_, action) => action.fill(0);

/**
 * The negative control: an expert that always takes the middle of the box, or action 0, in the task as it is trained in. Rewards are
 * null, as its return is not the expert's.
 */
async function constantExpert(
  { environment, options, termination }: TrainingWorld,
  episodes: number,
  key: Key,
): Promise<Trajectories> {
  const own = await makeEnvironment(environment.id, optionsInTraining(options, termination, environment));
  try {
    let dropped = 0;
    const trajectories = rollout(own, takeMiddle, episodes, key, () => dropped++);
    warnOfDropped(dropped, "the constant expert");
    return { ...trajectories, rewards: null };
  } finally {
    own.close();
  }
}

/** The same episodes again, for a run that goes on. `path` is where the file is now. */
export async function rereadEpisodes(
  config: TrainConfig,
  path: string,
  environment: Environment,
): Promise<ExpertDemonstrations> {
  const world = { environment, options: config.env.options, termination: config.algorithm.termination };
  if (!existsSync(path)) {
    throw new TandemError(
      "--resume",
      `the run's demonstrations, ${path}, are not there; name their place with --demos`,
    );
  }
  const demonstrations = await readDemonstrations(path);
  if ((await sha256Of(path)) !== config.demos.sha256) {
    throw new TandemError(
      "--resume",
      `${path} is not what it was when the run began (its checksum differs); put the original back, or name it with --demos`,
    );
  }
  return chooseEpisodes(demonstrations, { ...config.demos, path }, world, config.seed);
}

/** What seems wrong with the demonstrations, one sentence each; nothing is with a constant expert, which is no recording. */
export function doubtsAbout(
  { trajectories, config }: ExpertDemonstrations,
  source: Demonstrations,
  environment: Environment,
): string[] {
  if (config.constant) return [];
  const { findings } = inspectDemonstrations(
    { ...source, trajectories },
    { actionSpace: environment.actionSpace, maxEpisodeSteps: environment.maxEpisodeSteps },
  );
  const found = findings.filter(({ severity }) => severity !== "note").map(({ message }) => message);
  return [...found, ...doubtsAboutLength(trajectories, environment)];
}

/** Episodes that were cut before their time. */
function doubtsAboutLength(
  { episodeStarts, terminated }: Trajectories,
  { id, maxEpisodeSteps }: Environment,
): string[] {
  const cut = Array.from(episodeStarts.subarray(1), (end, episode) => ({
    length: end - episodeStarts[episode],
    ended: terminated[end - 1] !== 0,
  })).filter(({ length, ended }) => !ended && length < maxEpisodeSteps);
  if (cut.length === 0) return [];
  const shortest = cut.reduce((least, { length }) => Math.min(least, length), maxEpisodeSteps);
  const share = `${cut.length} of ${episodeStarts.length - 1} expert episodes`;
  const were = cut.length === 1 ? "was cut" : "were cut";
  return [
    `${share} ${were} after ${shortest} steps or more, before the ${maxEpisodeSteps} of ${id}: the agent is compared with them as far as they go; prefer whole episodes`,
  ];
}

/** The options of their environment, as `tandem expert` records them; {} where the file says nothing. */
export function recordedOptions({ metadata }: Pick<Demonstrations, "metadata">): Record<string, unknown> {
  const { envOptions } = metadata;
  return typeof envOptions === "object" && envOptions !== null && !Array.isArray(envOptions)
    ? { ...envOptions }
    : {};
}

/** Refuse demonstrations that were thinned: returns are sums over every step of a trajectory. */
function requireEveryStep({ metadata, source }: Demonstrations): void {
  const every = recordedStride(metadata);
  if (every <= 1) return;
  throw new TandemError(
    "--demos",
    `${source}: expected whole trajectories, got one step in ${every} of each; give the file that it was subsampled from`,
  );
}

/** Refuse demonstrations of other sizes than the environment has. */
function requireSpaces({ trajectories, source }: Demonstrations, environment: Environment): void {
  const { observationSpace, actionSpace, id } = environment;
  const actionSize = actionSpace.kind === "box" ? actionSpace.size : 1;
  const refuse = (what: string, verb: string, got: number, expected: number, remedy = ""): never => {
    throw new TandemError(
      "--demos",
      `${source}: the demonstrations have ${what} of ${got}, ${id} ${verb} ${expected}; ${remedy || "check that they are of this environment"}`,
    );
  };
  if (trajectories.observationSize !== observationSpace.size) {
    const remedy = asTheyWereRecorded(trajectories, environment);
    refuse("observations", "gives", trajectories.observationSize, observationSpace.size, remedy);
  }
  if (trajectories.actionSize !== actionSize) refuse("actions", "takes", trajectories.actionSize, actionSize);
}

/** What to say where a tabular problem's states are shown in one way and were recorded in the other; "" where that is not it. */
function asTheyWereRecorded({ observationSize }: Trajectories, { options }: Environment): string {
  const shown = options?.observations;
  if (shown === "one-hot" && observationSize === 1)
    return "they hold the numbers of states, the environment shows states one-hot: record demonstrations with --env-option observations=one-hot, or leave that out here";
  if (shown === "number" && observationSize > 1)
    return "if they hold one-hot states, add --env-option observations=one-hot";
  return "";
}

/** Episodes of a run's file that `runs`, all of the same task, did not learn from, and how they were chosen; null for none. */
export async function unseenEpisodes(
  path: string,
  config: TrainConfig,
  others: readonly TrainConfig[],
): Promise<{
  readonly trajectories: Trajectories;
  readonly episodes: readonly number[];
  readonly heldOut: boolean;
} | null> {
  if (!existsSync(path)) {
    throw new TandemError(
      "--demos",
      `the run's demonstrations, ${path}, are not there; name their place with --demos, or leave their rows out with --demos none`,
    );
  }
  const sha256 = await sha256Of(path);
  if (sha256 !== config.demos.sha256) {
    throw new TandemError(
      "--demos",
      `${path} is not what it was when the run began (its checksum differs); name the original, or leave its rows out with --demos none`,
    );
  }
  const { trajectories } = await readDemonstrations(path);
  const learners = [config, ...others].filter(({ demos }) => demos.sha256 === sha256);
  const isLearnt = (episode: number): boolean =>
    learners.some(
      ({ demos: { firstEpisode, episodes } }) => episode >= firstEpisode && episode < firstEpisode + episodes,
    );
  const heldOut = config.demos.heldOut.length > 0;
  const candidates = heldOut
    ? config.demos.heldOut
    : Array.from({ length: episodeCount(trajectories) }, (_, episode) => episode);
  const episodes = candidates.filter((episode) => !isLearnt(episode));
  if (episodes.length === 0) return null;
  return { trajectories: takeEpisodes(trajectories, episodes), episodes, heldOut };
}

/** Checksum of a file; of a folder, of the names and contents of all files in it. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  const isFolder = statSync(path).isDirectory();
  for (const name of isFolder ? filesIn(path) : [""]) {
    if (isFolder) hash.update(`${name}\n`);
    for await (const part of createReadStream(join(path, name))) hash.update(part as Buffer);
  }
  return hash.digest("hex");
}

function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => statSync(join(folder, name)).isFile()).sort();
}
