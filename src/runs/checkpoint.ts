import { createHash } from "node:crypto";
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { rowWidth, TandemError, type StepCounts, type Trajectories } from "../core/index.ts";
import { rewardTensors, type Learner, type RewardModel } from "../irl/index.ts";
import type { Kernels } from "../kernels/index.ts";
import type { AdamState, RowStatistics } from "../nn/index.ts";
import { episodeSeed, policyOptimisers, policyTensors, type Agent } from "../rl/index.ts";
import { pruneReplayLog, readReplayLog, writeReplayLog, type ReplayLog } from "./replay-log.ts";
import { makeFolder, readBytes, syncFile, syncFolder, withWriteErrors, writeFlushed } from "./run-folder.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { checkFit, checkState } from "./snapshot-check.ts";

/**
 * Everything a run needs to go on to the bit. `state.safetensors` holds networks, optimisers and episodes under way, and
 * counters and random streams as JSON in its metadata: one file, so that one rename replaces all of it; the one before it is
 * kept. The transitions lie in `replay/`, a log to which a checkpoint adds what is new, and of which it knows the checksums.
 */
export interface Snapshot {
  json: SnapshotJson;
  arrays: Record<string, Float32Array>;
}

interface AdamJson {
  steps: number;
  beta1Power: number;
  beta2Power: number;
}

interface AgentJson {
  steps: number;
  episodes: number;
  explorationCounter: number;
  sacCounter: number;
  updates: number;
  adam: AdamJson[];
  episodeRows: number;
  dropped: { episodes: number; since: number };
}

interface SnapshotJson {
  format: typeof FORMAT;
  /** Wall-clock seconds of training so far. */
  seconds: number;
  steps: StepCounts;
  agent: AgentJson;
  /** What of `replay/` belongs to it; absent before it is saved. */
  replay?: ReplayLog;
  /** Records in the run's metrics by then; absent where nobody counts them. */
  records?: number;
  /** Of the method. */
  irl: {
    counters: Record<string, number>;
    /** Where each stream of random numbers stands. */
    streams: Record<string, number>;
    /** Both absent where no reward is learnt. */
    rewardAdam?: AdamJson;
    statistics?: Record<"expert" | "agent", StatisticsJson>;
    recentEpisodes: number;
  } | null;
}

/** Take the state of a run: an agent alone (expert training) or with the upper level around it. */
export function takeSnapshot(
  kernels: Kernels,
  agent: Agent,
  learner: Learner | null,
  steps: StepCounts,
  seconds: number,
): Snapshot {
  const arrays: Record<string, Float32Array> = {};
  const tensors = tensorsOf(agent, learner);
  for (const [name, [pointer, length]] of Object.entries(tensors))
    arrays[name] = kernels.f32(pointer, length).slice();
  arrays.episode = agent.episode.buffer.slice(0, agent.episode.rows * rowWidth(agent.episode));
  learner?.recentEpisodes.forEach((episode, index) => packEpisode(arrays, `recent${index}`, episode));
  const { policy } = agent;
  const json: SnapshotJson = {
    format: FORMAT,
    seconds,
    steps: { ...steps },
    agent: {
      steps: agent.steps,
      episodes: agent.episodes,
      explorationCounter: agent.exploration.counter,
      sacCounter: policy.counter,
      updates: policy.updates,
      adam: policyOptimisers(policy).map(adamJson),
      episodeRows: agent.episode.rows,
      dropped: { ...agent.dropped },
    },
    irl: learner && {
      counters: { ...learner.counters },
      streams: Object.fromEntries(
        Object.entries(learner.streams).map(([name, { counter }]) => [name, counter]),
      ),
      ...(learner.reward && rewardJson(learner.reward)),
      recentEpisodes: learner.recentEpisodes.length,
    },
  };
  return { json, arrays };
}

/** Every float32 block of a run's networks and optimisers, by name: [pointer, length]. */
function tensorsOf(agent: Agent, learner: Learner | null): Record<string, readonly [number, number]> {
  return {
    ...policyTensors(agent.policy),
    ...(learner?.reward && rewardTensors(learner.reward)),
    ...learner?.tensors,
  };
}

/** Where the parts of a run's checkpoints lie. */
const partsOf = (folder: string): Record<"place" | "state" | "previous" | "damaged" | "replay", string> => {
  const place = join(folder, "checkpoint");
  return {
    place,
    state: join(place, "state.safetensors"),
    previous: join(place, "state.previous.safetensors"),
    damaged: join(place, "state.damaged.safetensors"),
    replay: join(place, "replay"),
  };
};

/**
 * Write the run's state into `folder/checkpoint`, to the disk; the state before it is kept. At every moment one of the two is whole
 * and finds its transitions: the new one counts once it has its name.
 */
export function saveCheckpoint(
  kernels: Kernels,
  folder: string,
  agent: Agent,
  learner: Learner | null,
  steps: StepCounts,
  seconds: number,
  records: number | null = null,
): void {
  const { place, state, previous, replay } = partsOf(folder);
  const { json, arrays } = takeSnapshot(kernels, agent, learner, steps, seconds);
  withWriteErrors(place, () => {
    makeFolder(place);
    const last = stateOrNull(state);
    const kept = (last ?? stateOrNull(previous))?.json.replay ?? null;
    const log = writeReplayLog(kernels, replay, agent.replay, kept);
    const bytes = encodeState(
      arrays,
      JSON.stringify({ ...json, replay: log, ...(records !== null && { records }) }),
    );
    syncFile(join(folder, "metrics.jsonl"));
    const next = `${state}.tmp`;
    writeFlushed(next, bytes);
    if (last) renameSync(state, previous);
    renameSync(next, state);
    for (const each of [replay, place, folder]) syncFolder(each);
    pruneReplayLog(replay, kept ? [log, kept] : [log]);
  });
}

/** Whether the run has a checkpoint to go on from. */
export function hasCheckpoint(folder: string): boolean {
  const { state, previous } = partsOf(folder);
  return existsSync(state) || existsSync(previous);
}

/** Named arrays of the run's checkpoint: enough to use the policy or the reward. */
export function readTensors(folder: string): Record<string, Float32Array> {
  return latestState(folder).arrays;
}

/** Training steps at the run's checkpoint. */
export function checkpointStep(folder: string): number {
  return latestState(folder).json.agent.steps;
}

/** The method's numbers at the run's checkpoint, by name. */
export function readCounters(folder: string): Record<string, number> {
  return latestState(folder).json.irl?.counters ?? {};
}

/** The file of the newest state; that of the one before where there is only that, or none. */
export function newestState(folder: string): string {
  const { state, previous } = partsOf(folder);
  return existsSync(state) ? state : previous;
}

/** The newest state there is; a damaged one is refused rather than passed over. */
function latestState(folder: string): Snapshot {
  const { previous } = partsOf(folder);
  if (!hasCheckpoint(folder)) {
    throw new TandemError("readState", `${folder} has no checkpoint yet; let the run save one first`);
  }
  const newest = newestState(folder);
  try {
    return readState(newest);
  } catch (error) {
    if (!(error instanceof TandemError) || newest === previous || !existsSync(previous)) throw error;
    throw new TandemError(
      "readState",
      `${reasonOf(error)}; going on with the run (--resume) falls back to the checkpoint before it`,
      { cause: error },
    );
  }
}

const FORMAT = "tandem-checkpoint/2";
/** Had one state, without a checksum, and a replay of another form: its policy and reward can be read. */
const OLDER = "tandem-checkpoint/1";
/** Those that this version reads. */
export const CHECKPOINT_FORMATS: readonly string[] = [FORMAT, OLDER];

function encodeState(arrays: Record<string, Float32Array>, state: string): Uint8Array {
  return encodeSafetensors(arrays, { state, sha256: checksumOf(arrays, state) });
}

/** SHA-256 of all names, numbers and texts of a state. */
export function checksumOf(arrays: Record<string, Float32Array>, state: string): string {
  const hash = createHash("sha256").update(state);
  for (const [name, array] of Object.entries(arrays)) {
    hash.update(`\n${name} ${array.length}\n`);
    hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  return hash.digest("hex");
}

function readState(path: string): Snapshot {
  const { arrays, metadata } = decodeSafetensors(readBytes(path), path);
  const { state = "null", sha256 } = metadata;
  const json = parseState(state);
  const format: unknown = json?.format;
  const isWhole = format === OLDER || (format === FORMAT && sha256 === checksumOf(arrays, state));
  if (json && isWhole) {
    checkState(json, path);
    return { json, arrays };
  }
  if (typeof format !== "string" || format === FORMAT)
    throw new TandemError("readState", `${path} is damaged: its checksum is another`);
  throw new Unresumable(
    "readState",
    `${path} is of format ${format}, expected ${FORMAT}; a newer Tandem made it: use that one`,
  );
}

/** Sound, but nothing to go on from. */
class Unresumable extends TandemError {}

function stateOrNull(path: string): Snapshot | null {
  if (!existsSync(path)) return null;
  try {
    return readState(path);
  } catch (error) {
    if (error instanceof TandemError) return null;
    throw error;
  }
}

function parseState(text: string): SnapshotJson | null {
  try {
    return JSON.parse(text) as SnapshotJson | null;
  } catch {
    return null;
  }
}

/** What a resumed run goes on from. */
export interface Restored {
  /** Trained so far, wall clock. */
  readonly seconds: number;
  /** Records in the run's metrics by then; null where that is not known. */
  readonly records: number | null;
  /** Why it is not the last state that was saved; null where it is. */
  readonly fallback: string | null;
}

/**
 * Put a freshly created agent (and upper level) into the last whole state saved in `folder`, and what is counted in `steps`. A damaged
 * state is put aside.
 */
export function restoreCheckpoint(
  kernels: Kernels,
  folder: string,
  agent: Agent,
  learner: Learner | null,
  steps: StepCounts,
): Restored {
  const { state, previous, damaged } = partsOf(folder);
  const from = (path: string): Omit<Restored, "fallback"> =>
    restoreState(kernels, folder, path, agent, learner, steps);
  if (!existsSync(state)) {
    try {
      return { ...from(previous), fallback: null };
    } catch (error) {
      if (!(error instanceof TandemError) || error instanceof Unresumable) throw error;
      throw lost(reasonOf(error));
    }
  }
  let reason: string;
  try {
    return { ...from(state), fallback: null };
  } catch (error) {
    if (!(error instanceof TandemError) || error instanceof Unresumable) throw error;
    reason = reasonOf(error);
    if (!existsSync(previous)) throw lost(`${reason}; there is no checkpoint before it`);
  }
  try {
    const restored = from(previous);
    withWriteErrors(folder, () => renameSync(state, damaged));
    return {
      ...restored,
      fallback: `${reason}; it is now ${damaged}, and the run goes on from the checkpoint before it, step ${agent.steps}`,
    };
  } catch (error) {
    if (!(error instanceof TandemError) || error instanceof Unresumable) throw error;
    throw lost(`${reason}; the checkpoint before it is of no use either (${reasonOf(error)})`);
  }
}

/** What evaluates or goes on learning from a run reads its newest state alone. */
function lost(why: string): TandemError {
  return new TandemError(
    "restoreCheckpoint",
    `${why}: the run cannot go on; begin a new one, or use what its states still hold (tandem eval, tandem reward)`,
  );
}

/** Nothing but the replay has changed where it throws. */
function restoreState(
  kernels: Kernels,
  folder: string,
  path: string,
  agent: Agent,
  learner: Learner | null,
  steps: StepCounts,
): Omit<Restored, "fallback"> {
  const { replay } = partsOf(folder);
  const { json, arrays } = readState(path);
  if (!json.replay) {
    throw new Unresumable(
      "restoreCheckpoint",
      `${path} was made by an earlier Tandem (${json.format}); its policy and reward can be used, but the run cannot go on: begin a new one`,
    );
  }
  if (!existsSync(replay)) {
    throw new Unresumable(
      "restoreCheckpoint",
      `${replay} is not there any more; its policy and reward can be used, but the run cannot go on: begin a new one`,
    );
  }
  const tensors = Object.entries(tensorsOf(agent, learner));
  for (const [name, [, length]] of tensors) {
    if (arrays[name]?.length === length) continue;
    throw new TandemError(
      "restoreCheckpoint",
      `${path}: expected ${length} floats of ${name}, got ${arrays[name]?.length}`,
    );
  }
  checkFit({ json, arrays }, agent, learner, path);
  readReplayLog(kernels, replay, agent.replay, json.replay);
  for (const [name, [pointer, length]] of tensors) kernels.f32(pointer, length).set(arrays[name]);
  Object.assign(steps, json.steps);
  restoreAgent(agent, json.agent, arrays.episode);
  if (learner && json.irl) restoreLearner(learner, json.irl, arrays);
  return { seconds: json.seconds, records: json.records ?? null };
}

/** The message without its place. */
function reasonOf({ message }: TandemError): string {
  return message.slice(message.indexOf(": ") + 2);
}

function restoreAgent(agent: Agent, json: AgentJson, episode: Float32Array): void {
  const { policy } = agent;
  agent.steps = json.steps;
  agent.episodes = json.episodes;
  Object.assign(agent.dropped, json.dropped);
  agent.exploration.counter = json.explorationCounter;
  policy.counter = json.sacCounter;
  policy.updates = json.updates;
  policyOptimisers(policy).forEach((adam, i) => Object.assign(adam, json.adam[i]));
  agent.episode.buffer = episode;
  agent.episode.rows = json.episodeRows;
  relive(agent);
}

/** Bring the environment to where the episode under way is, by its seed and actions: no state tells its step count. */
function relive({ environment, episode, episodes, episodeKey, observation }: Agent): void {
  const { observationSize: n, actionSize: d, buffer, rows } = episode;
  let { observation: last } = environment.reset({ seed: episodeSeed(episodeKey, episodes - 1) });
  for (let row = 0; row < rows; row++) {
    const action = row * rowWidth(episode) + n;
    last = environment.step(buffer.subarray(action, action + d)).observation;
  }
  observation.set(last);
}

function restoreLearner(learner: Learner, json: LearnerJson, arrays: Record<string, Float32Array>): void {
  Object.assign(learner.counters, json.counters);
  for (const [name, stream] of Object.entries(learner.streams))
    Object.assign(stream, { counter: json.streams[name] });
  if (learner.reward) restoreReward(learner.reward, json);
  const { observationSize, actionSize } = learner.agent.episode;
  for (let index = 0; index < json.recentEpisodes; index++) {
    learner.recentEpisodes.push(unpackEpisode(arrays, `recent${index}`, observationSize, actionSize));
  }
}

type LearnerJson = NonNullable<SnapshotJson["irl"]>;

const adamJson = ({ steps, beta1Power, beta2Power }: AdamState): AdamJson => ({
  steps,
  beta1Power,
  beta2Power,
});

interface StatisticsJson {
  count: number;
  mean: number[];
  squares: number[];
}

function rewardJson({ adam, statistics }: RewardModel): Pick<LearnerJson, "rewardAdam" | "statistics"> {
  const { expert, agent } = statistics;
  return {
    rewardAdam: adamJson(adam),
    statistics: { expert: statisticsJson(expert), agent: statisticsJson(agent) },
  };
}

function statisticsJson({ count, mean, squares }: RowStatistics): StatisticsJson {
  return { count, mean: Array.from(mean), squares: Array.from(squares) };
}

function restoreReward(reward: RewardModel, { rewardAdam, statistics }: LearnerJson): void {
  Object.assign(reward.adam, rewardAdam);
  for (const who of ["expert", "agent"] as const) {
    const [own, saved] = [reward.statistics[who], statistics?.[who]];
    if (!saved) continue;
    own.count = saved.count;
    own.mean.set(saved.mean);
    own.squares.set(saved.squares);
  }
}

const EPISODE_COLUMNS = [
  "observations",
  "actions",
  "nextObservations",
  "rewards",
  "terminated",
  "truncated",
] as const;

function packEpisode(arrays: Record<string, Float32Array>, name: string, episode: Trajectories): void {
  for (const column of EPISODE_COLUMNS)
    arrays[`${name}.${column}`] = Float32Array.from(episode[column] ?? []);
}

function unpackEpisode(
  arrays: Record<string, Float32Array>,
  name: string,
  n: number,
  d: number,
): Trajectories {
  const [observations, actions, nextObservations, rewards, terminated, truncated] = EPISODE_COLUMNS.map(
    (column) => arrays[`${name}.${column}`],
  );
  return {
    observationSize: n,
    actionSize: d,
    observations,
    actions,
    nextObservations,
    rewards,
    terminated: Uint8Array.from(terminated),
    truncated: Uint8Array.from(truncated),
    episodeStarts: Uint32Array.of(0, terminated.length),
  };
}
