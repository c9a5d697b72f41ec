import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { rowWidth, TandemError, type StepCounts, type Trajectories } from "../core/index.ts";
import { rewardTensors, type Learner, type RewardModel } from "../irl/index.ts";
import type { Kernels } from "../kernels/index.ts";
import type { AdamState, RowStatistics } from "../nn/index.ts";
import {
  episodeSeed,
  policyOptimisers,
  policyTensors,
  replaySize,
  type Agent,
  type Replay,
} from "../rl/index.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { withWriteErrors, writeAtomically } from "./run-folder.ts";
import { checkFit, checkState } from "./snapshot-check.ts";

/**
 * Everything a run needs to go on to the bit. `state.safetensors` holds networks, optimisers and episodes under way, and
 * counters and random streams as JSON in its metadata: one file, so that one rename replaces all of it. `replay.f32`
 * holds the transitions; only new rows are written, and rows that the state does not speak of are dropped.
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
  replayAdded: number;
}

interface SnapshotJson {
  format: "tandem-checkpoint/1";
  /** Wall-clock seconds of training so far. */
  seconds: number;
  steps: StepCounts;
  agent: AgentJson;
  /** Of the method. */
  irl: {
    counters?: Record<string, number>;
    /** Where each stream of random numbers stands. */
    streams?: Record<string, number>;
    /** What earlier checkpoints, all of ML-IRL, have in the place of both. */
    rewardSteps?: number;
    expertCounter?: number;
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
    format: "tandem-checkpoint/1",
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
      replayAdded: agent.replay.added,
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

/** Write the run's state into `folder/checkpoint`. */
export function saveCheckpoint(
  kernels: Kernels,
  folder: string,
  agent: Agent,
  learner: Learner | null,
  steps: StepCounts,
  seconds: number,
): void {
  const path = join(folder, "checkpoint");
  const { json, arrays } = takeSnapshot(kernels, agent, learner, steps, seconds);
  withWriteErrors(path, () => {
    mkdirSync(path, { recursive: true });
    writeReplay(kernels, join(path, "replay.f32"), agent.replay);
  });
  writeAtomically(join(path, STATE_FILE), encodeSafetensors(arrays, { state: JSON.stringify(json) }));
}

const STATE_FILE = "state.safetensors";

/** Whether the run has a checkpoint to go on from. */
export function hasCheckpoint(folder: string): boolean {
  return existsSync(join(folder, "checkpoint", STATE_FILE));
}

/** Named arrays of the run's checkpoint: enough to use the policy or the reward. */
export function readTensors(folder: string): Record<string, Float32Array> {
  return readState(folder).arrays;
}

/** Training steps at the run's checkpoint. */
export function checkpointStep(folder: string): number {
  return readState(folder).json.agent.steps;
}

/** The method's numbers at the run's checkpoint, by name. */
export function readCounters(folder: string): Record<string, number> {
  return readState(folder).json.irl?.counters ?? {};
}

function readState(folder: string): Snapshot {
  const path = join(folder, "checkpoint", STATE_FILE);
  if (!existsSync(path)) {
    throw new TandemError("readState", `${folder} has no checkpoint yet; let the run save one first`);
  }
  const { arrays, metadata } = decodeSafetensors(readFileSync(path), path);
  const json = parseState(metadata.state);
  if (json?.format === "tandem-checkpoint/1") {
    checkState(json, path);
    return { json, arrays };
  }
  throw new TandemError(
    "readState",
    `${path} is not a checkpoint of format tandem-checkpoint/1; it is damaged or newer`,
  );
}

function parseState(text: string | undefined): SnapshotJson | null {
  try {
    return JSON.parse(text ?? "null") as SnapshotJson | null;
  } catch {
    return null;
  }
}

/** Put a freshly created agent (and upper level) into the state saved in `folder`, and what is counted in `steps`; returns the seconds trained. */
export function restoreCheckpoint(
  kernels: Kernels,
  folder: string,
  agent: Agent,
  learner: Learner | null,
  steps: StepCounts,
): number {
  const path = join(folder, "checkpoint");
  const { json, arrays } = readState(folder);
  checkFit({ json, arrays }, agent, learner, path);
  const tensors = tensorsOf(agent, learner);
  for (const [name, [pointer, length]] of Object.entries(tensors)) {
    if (arrays[name]?.length !== length) {
      throw new TandemError(
        "restoreCheckpoint",
        `${path}: expected ${length} floats of ${name}, got ${arrays[name]?.length}`,
      );
    }
    kernels.f32(pointer, length).set(arrays[name]);
  }
  Object.assign(steps, json.steps);
  restoreAgent(agent, json.agent, arrays.episode);
  readReplay(kernels, join(path, "replay.f32"), agent.replay, json.agent.replayAdded);
  if (learner && json.irl) restoreLearner(learner, json.irl, arrays);
  return json.seconds;
}

function restoreAgent(agent: Agent, json: AgentJson, episode: Float32Array): void {
  const { policy } = agent;
  agent.steps = json.steps;
  agent.episodes = json.episodes;
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
  Object.assign(learner.counters, json.counters ?? { rewardSteps: json.rewardSteps });
  const streams: Record<string, number | undefined> = json.streams ?? { expert: json.expertCounter };
  for (const [name, stream] of Object.entries(learner.streams))
    Object.assign(stream, { counter: streams[name] });
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
  for (const [who, saved] of Object.entries(statistics ?? {})) {
    const own = reward.statistics[who as "expert" | "agent"];
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

/** The file holds the replay's rows (and true rewards, where kept, after each row) in place; only new rows are written. */
function writeReplay(kernels: Kernels, path: string, replay: Replay): void {
  const width = fileWidth(replay);
  const file = openSync(path, existsSync(path) ? "r+" : "w");
  try {
    const saved = fstatSync(file).size / (4 * width);
    // A file that is full may hold overwritten rows: then every row is written again.
    const first = replay.added <= replay.capacity ? Math.min(Math.floor(saved), replaySize(replay)) : 0;
    forEachBlock(first, replaySize(replay), (start, count) => {
      const block = new Float32Array(count * width);
      for (let i = 0; i < count; i++) block.set(replayRow(kernels, replay, start + i), i * width);
      writeWhole(file, new Uint8Array(block.buffer), 4 * start * width);
    });
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** One call may write less than it is given, as on a disk that fills up. */
function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

function readReplay(kernels: Kernels, path: string, replay: Replay, added: number): void {
  const width = fileWidth(replay);
  const rows = Math.min(added, replay.capacity);
  const file = openSync(path, "r+");
  try {
    if (fstatSync(file).size < 4 * width * rows) {
      throw new TandemError(
        "restoreCheckpoint",
        `${path} holds fewer than the ${rows} transitions it should; it is damaged`,
      );
    }
    // Rows written after the checkpoint was made are made again.
    ftruncateSync(file, 4 * width * rows);
    forEachBlock(0, rows, (start, count) => {
      const block = new Float32Array(count * width);
      readSync(file, new Uint8Array(block.buffer), 0, block.byteLength, 4 * start * width);
      for (let i = 0; i < count; i++) {
        const row = block.subarray(i * width, (i + 1) * width);
        kernels
          .f32(replay.rows + 4 * (start + i) * replay.stride, replay.stride)
          .set(row.subarray(0, replay.stride));
        if (replay.trueRewards) kernels.f32(replay.trueRewards + 4 * (start + i), 1)[0] = row[replay.stride];
      }
    });
  } finally {
    closeSync(file);
  }
  replay.added = added;
}

const fileWidth = (replay: Replay): number => replay.stride + (replay.trueRewards ? 1 : 0);

function replayRow(kernels: Kernels, replay: Replay, index: number): Float32Array {
  const row = kernels.f32(replay.rows + 4 * index * replay.stride, replay.stride);
  if (!replay.trueRewards) return row;
  return Float32Array.of(...row, kernels.f32(replay.trueRewards + 4 * index, 1)[0]);
}

function forEachBlock(first: number, end: number, visit: (start: number, count: number) => void): void {
  const BLOCK = 4096;
  for (let start = first; start < end; start += BLOCK) visit(start, Math.min(BLOCK, end - start));
}
