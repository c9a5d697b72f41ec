import { TandemError, type Trajectories } from "../core/index.ts";
import { flagsOf, integersOf, tableOf, type Table } from "./columns.ts";
import type { NpyArray } from "./npy.ts";
import { printable } from "./printable.ts";

/** A demonstration set in memory, with what its file says about it. */
export interface Demonstrations {
  readonly trajectories: Trajectories;
  /** The environment's id as the file names it, null where it does not. */
  readonly env: string | null;
  /** The file or folder that was read. */
  readonly source: string;
  /** Which key convention was recognised. */
  readonly layout: LayoutName;
  /** What the file says beside its arrays; {} where it says nothing. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What the reader had to decide or leave out, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The key conventions that are read.
 *
 * - `plain`: observations, actions, dones (terminated), timeouts, final_observations or next_observations. What
 *   {@link writeDemonstrations} writes; also D4RL's names (terminals).
 * - `imitation-trajectories`: obs (with one more row per episode), acts, rews, indices, terminal.
 * - `imitation-transitions`: obs, acts, next_obs, dones.
 * - `stable-baselines`: obs, actions, rewards, episode_returns, episode_starts (versions 1 and 2 of that library).
 */
export type LayoutName = "plain" | "imitation-trajectories" | "imitation-transitions" | "stable-baselines";

/** Named arrays that can be loaded one at a time. */
export interface ArrayStore {
  /** The file or folder they lie in. */
  readonly source: string;
  readonly keys: readonly string[];
  load(key: string): Promise<NpyArray>;
}

/** What every layout is brought to before the next observations are settled. */
interface Recording {
  observations: Table;
  actions: Table;
  /** s_{t+1} of each row; null where the file leaves it to the following row. */
  nextObservations: Float32Array | null;
  /** s_{t+1} at the end of each episode (perhaps not of a last, unmarked one); null where the file has none. */
  finalObservations: Table | null;
  rewards: Float32Array | null;
  terminated: Uint8Array;
  truncated: Uint8Array;
  /** [episodes + 1]. */
  episodeStarts: Uint32Array;
  /** The last episode stops without an end mark. */
  unfinished: boolean;
  warnings: string[];
}

interface Layout {
  name: LayoutName;
  /** Keys it must have; where a group has several, any one of them. */
  needs: readonly (readonly string[])[];
  /** Keys it may have. */
  takes: readonly string[];
  /** Keys that belong to it and hold nothing for a learner. */
  leaves: readonly string[];
  assemble(arrays: ReadonlyMap<string, NpyArray>): Recording;
}

const LAYOUTS: readonly Layout[] = [
  {
    name: "plain",
    needs: [["observations"], ["actions"], ["dones", "terminals", "timeouts", "episode_lengths"]],
    takes: ["rewards", "next_observations", "final_observations"],
    leaves: ["init_qpos", "init_qvel", "metadata"],
    assemble: assemblePlain,
  },
  {
    name: "imitation-trajectories",
    needs: [["obs"], ["acts"], ["indices"], ["terminal"]],
    takes: ["rews"],
    leaves: ["infos", "metadata"],
    assemble: assembleImitationTrajectories,
  },
  {
    name: "imitation-transitions",
    needs: [["obs"], ["acts"], ["next_obs"], ["dones"]],
    takes: ["rews"],
    leaves: ["infos", "metadata"],
    assemble: assembleImitationTransitions,
  },
  {
    name: "stable-baselines",
    needs: [["obs"], ["actions"], ["episode_starts"]],
    takes: ["rewards", "episode_returns"],
    leaves: ["metadata"],
    assemble: assembleStableBaselines,
  },
];

/** The demonstration set in `store`, whose layout is told by its keys. Only the arrays it needs are loaded. */
export async function assembleDemonstrations(
  store: ArrayStore,
  metadata: Readonly<Record<string, unknown>>,
): Promise<Demonstrations> {
  const layout = recogniseLayout(store);
  const known = [...layout.needs.flat(), ...layout.takes];
  const arrays = new Map<string, NpyArray>();
  for (const key of known) {
    if (store.keys.includes(key)) arrays.set(key, await store.load(key));
  }
  const { trajectories, warnings } = inFile(store.source, () => {
    const recording = layout.assemble(arrays);
    return { trajectories: settleNextObservations(recording), warnings: recording.warnings };
  });
  const unread = store.keys.filter((key) => !known.includes(key) && !layout.leaves.includes(key));
  if (unread.length > 0) warnings.push(`Keys that were not read: ${printable(unread.join(", "))}.`);
  return {
    trajectories,
    env: environmentName(metadata),
    source: store.source,
    layout: layout.name,
    metadata,
    warnings,
  };
}

function recogniseLayout(store: ArrayStore): Layout {
  const has = (group: readonly string[]): boolean => group.some((key) => store.keys.includes(key));
  const layout = LAYOUTS.find(({ needs }) => needs.every(has));
  if (layout) return layout;
  const expected = LAYOUTS.map(
    ({ name, needs }) => `${needs.map((group) => group.join("|")).join(", ")} (${name})`,
  );
  throw new TandemError(
    "readDemonstrations",
    `${store.source}: expected the keys ${expected.join(" or ")}; found ${printable(store.keys.join(", ")) || "no arrays"}; rename them to one of these`,
  );
}

/** Errors of `assemble` with the file in front. */
function inFile<T>(source: string, assemble: () => T): T {
  try {
    return assemble();
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const problem = error.message.replace(/^readDemonstrations: /, "");
    throw new TandemError("readDemonstrations", `${source}: ${problem}`, { cause: error });
  }
}

function assemblePlain(arrays: ReadonlyMap<string, NpyArray>): Recording {
  const { observations, actions, rewards } = rowsOf(arrays, "observations", "actions", "rewards");
  const { rows, columns } = observations;
  const because = "as in observations";
  const flags = (...keys: string[]): Uint8Array | null => {
    const key = keys.find((candidate) => arrays.has(candidate));
    return key === undefined ? null : flagsOf(arrays.get(key)!, { name: key, rows, because });
  };
  const terminated = flags("terminals", "dones") ?? new Uint8Array(rows);
  const timeouts = flags("timeouts");
  const truncated = timeouts ?? new Uint8Array(rows);
  const next = arrays.get("next_observations");
  const final = arrays.get("final_observations");
  const lengths = arrays.get("episode_lengths");
  const warnings: string[] = [];
  const episodeStarts = lengths
    ? startsFromLengths(lengths, rows)
    : startsFromEnds((row) => terminated[row] + truncated[row] > 0, rows);
  const unfinished = !lengths && markUnfinished(terminated, truncated, warnings);
  if (!timeouts) warnings.push(...oneKindOfEnd("timeouts", terminated));
  return {
    observations,
    actions,
    nextObservations: next ? tableOf(next, { name: "next_observations", rows, columns, because }).data : null,
    finalObservations: final ? tableOf(final, { name: "final_observations", columns, because }) : null,
    rewards,
    terminated,
    truncated,
    episodeStarts,
    unfinished,
    warnings,
  };
}

/**
 * Episodes concatenated, split again at `indices` (of all but the first), each with one observation more than actions.
 * The convention of the `imitation` library (types.save before datasets); its `infos` are pickled and not needed.
 */
function assembleImitationTrajectories(arrays: ReadonlyMap<string, NpyArray>): Recording {
  const actions = tableOf(arrays.get("acts")!, { name: "acts" });
  const { rows } = actions;
  refuseEmpty(rows, "acts");
  const splits = integersOf(arrays.get("indices")!, 1, { name: "indices" });
  const episodeStarts = Uint32Array.of(0, ...splits, rows);
  const descending = episodeStarts.findIndex(
    (start, episode) => episode > 0 && start <= episodeStarts[episode - 1],
  );
  if (descending > 0 || splits.some((row) => row >= rows)) {
    refuse(
      `indices must ascend between 1 and ${rows - 1}, the last of the rows in acts, got ${printable(splits.join(", "), 60)}`,
    );
  }
  const episodes = episodeStarts.length - 1;
  const because = `for ${episodes} episodes (one more than indices has entries)`;
  const terminal = flagsOf(arrays.get("terminal")!, { name: "terminal", rows: episodes, because });
  const all = tableOf(arrays.get("obs")!, {
    name: "obs",
    rows: rows + episodes,
    because: "(the rows of acts and a last observation for each episode)",
  });
  const { columns } = all;
  const observations = { rows, columns, data: new Float32Array(rows * columns) };
  const nextObservations = new Float32Array(rows * columns);
  const terminated = new Uint8Array(rows);
  const truncated = new Uint8Array(rows);
  for (let episode = 0; episode < episodes; episode++) {
    const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
    const [first, last] = [(start + episode) * columns, (end + episode) * columns];
    observations.data.set(all.data.subarray(first, last), start * columns);
    nextObservations.set(all.data.subarray(first + columns, last + columns), start * columns);
    (terminal[episode] ? terminated : truncated)[end - 1] = 1;
  }
  const rewards = rewardsOf(arrays.get("rews"), "rews", rows, "acts");
  const warnings = oneKindOfEnd("terminal", terminated);
  return {
    observations,
    actions,
    nextObservations,
    finalObservations: null,
    rewards,
    terminated,
    truncated,
    episodeStarts,
    unfinished: false,
    warnings,
  };
}

/** Flat transitions of the `imitation` library (rollout.flatten_trajectories). */
function assembleImitationTransitions(arrays: ReadonlyMap<string, NpyArray>): Recording {
  const { observations, actions, rewards } = rowsOf(arrays, "obs", "acts", "rews");
  const { rows, columns } = observations;
  const because = "as in obs";
  const terminated = flagsOf(arrays.get("dones")!, { name: "dones", rows, because });
  const truncated = new Uint8Array(rows);
  const warnings: string[] = [];
  const episodeStarts = startsFromEnds((row) => terminated[row] === 1, rows);
  const unfinished = markUnfinished(terminated, truncated, warnings);
  warnings.push(...oneKindOfEnd("dones", terminated));
  return {
    observations,
    actions,
    nextObservations: tableOf(arrays.get("next_obs")!, { name: "next_obs", rows, columns, because }).data,
    finalObservations: null,
    rewards,
    terminated,
    truncated,
    episodeStarts,
    unfinished,
    warnings,
  };
}

/** Expert recordings of stable-baselines 1 and 2 (generate_expert_traj): a row knows only whether it starts an episode. */
function assembleStableBaselines(arrays: ReadonlyMap<string, NpyArray>): Recording {
  const { observations, actions, rewards } = rowsOf(arrays, "obs", "actions", "rewards");
  const { rows } = observations;
  const starts = flagsOf(arrays.get("episode_starts")!, {
    name: "episode_starts",
    rows,
    because: "as in obs",
  });
  if (starts[0] !== 1) refuse("episode_starts must be 1 in row 0, got 0; the first row begins an episode");
  const episodeStarts = startsFromEnds((row) => starts[row + 1] === 1, rows);
  const returns = arrays.get("episode_returns");
  const episodes = episodeStarts.length - 1;
  if (returns) {
    const because = `for the ${episodes} episodes that episode_starts marks`;
    tableOf(returns, { name: "episode_returns", rows: episodes, columns: 1, because });
  }
  const terminated = new Uint8Array(rows);
  for (const end of episodeStarts.subarray(1)) terminated[end - 1] = 1;
  return {
    observations,
    actions,
    nextObservations: null,
    finalObservations: null,
    rewards,
    terminated,
    truncated: new Uint8Array(rows),
    episodeStarts,
    unfinished: false,
    warnings: [],
  };
}

/** Observations, actions and rewards that agree in their number of rows. */
function rowsOf(
  arrays: ReadonlyMap<string, NpyArray>,
  observationKey: string,
  actionKey: string,
  rewardKey: string,
): Pick<Recording, "observations" | "actions" | "rewards"> {
  const observations = tableOf(arrays.get(observationKey)!, { name: observationKey });
  const { rows } = observations;
  refuseEmpty(rows, observationKey);
  const because = `as in ${observationKey}`;
  const actions = tableOf(arrays.get(actionKey)!, { name: actionKey, rows, because });
  return {
    observations,
    actions,
    rewards: rewardsOf(arrays.get(rewardKey), rewardKey, rows, observationKey),
  };
}

function rewardsOf(
  array: NpyArray | undefined,
  name: string,
  rows: number,
  beside: string,
): Float32Array | null {
  return array ? tableOf(array, { name, rows, columns: 1, because: `as in ${beside}` }).data : null;
}

function refuseEmpty(rows: number, name: string): void {
  if (rows === 0) refuse(`expected at least one episode, ${name} has 0 rows; record some steps`);
}

function startsFromEnds(isEnd: (row: number) => boolean, rows: number): Uint32Array {
  const starts = [0];
  for (let row = 0; row < rows; row++) {
    if (isEnd(row) || row === rows - 1) starts.push(row + 1);
  }
  return Uint32Array.from(starts);
}

function startsFromLengths(array: NpyArray, rows: number): Uint32Array {
  const lengths = integersOf(array, 1, { name: "episode_lengths" });
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  const sum = starts[starts.length - 1];
  if (sum !== rows) refuse(`episode_lengths must add up to the ${rows} rows of observations, got ${sum}`);
  return Uint32Array.from(starts);
}

/** A recording that stops in mid-episode was cut there. */
function markUnfinished(terminated: Uint8Array, truncated: Uint8Array, warnings: string[]): boolean {
  const last = terminated.length - 1;
  if (terminated[last] || truncated[last]) return false;
  truncated[last] = 1;
  warnings.push("The last episode has no end mark: taken as cut there (truncated).");
  return true;
}

/** Said where a layout has one flag for both ways to end. */
function oneKindOfEnd(key: string, terminated: Uint8Array): string[] {
  if (!terminated.includes(1)) return [];
  const missing =
    key === "timeouts" ? "There are no timeouts" : `${key} does not tell a time limit from the task's end`;
  return [`${missing}: every marked end is taken as a termination, where values do not bootstrap.`];
}

function settleNextObservations(recording: Recording): Trajectories {
  const { observations, nextObservations, finalObservations, episodeStarts } = recording;
  if (nextObservations) return trajectoriesOf(recording, nextObservations);
  if (!finalObservations) return withoutEnds(recording);
  const { data, rows, columns } = observations;
  const episodes = episodeStarts.length - 1;
  const lacksLast = recording.unfinished && finalObservations.rows === episodes - 1;
  if (finalObservations.rows !== episodes && !lacksLast) {
    refuse(
      `final_observations must have ${episodes} rows, one for each episode that the end flags mark, got ${finalObservations.rows}; mark every end in dones or timeouts`,
    );
  }
  const next = new Float32Array(data.length);
  next.set(data.subarray(columns));
  for (let episode = 0; episode < finalObservations.rows; episode++) {
    const final = finalObservations.data.subarray(episode * columns, (episode + 1) * columns);
    next.set(final, (episodeStarts[episode + 1] - 1) * columns);
  }
  if (!lacksLast) return trajectoriesOf(recording, next);
  recording.warnings.push("The last episode has no final observation: its last step was dropped.");
  const kept = Array.from({ length: rows - 1 }, (_, row) => row);
  return keptRows(recording, next, kept);
}

/** Where no episode has a final observation the last step of each has no s_{t+1}: it is dropped, the cut is marked. */
function withoutEnds(recording: Recording): Trajectories {
  const { observations, episodeStarts, warnings } = recording;
  const next = new Float32Array(observations.data.length);
  next.set(observations.data.subarray(observations.columns));
  const ends = new Set(episodeStarts.subarray(1).map((start) => start - 1));
  const kept: number[] = [];
  for (let row = 0; row < observations.rows; row++) if (!ends.has(row)) kept.push(row);
  warnings.push(
    `No final observations: the last step of each of the ${ends.size} episodes was dropped, and each now ends cut (truncated) one step early.`,
  );
  if (kept.length === 0)
    refuse("every episode has a single step and no final observation; add final_observations");
  return keptRows(recording, next, kept);
}

/** The recording without the rows that are not `kept` (ascending). Episodes that lost their end are marked as cut. */
function keptRows(recording: Recording, next: Float32Array, kept: readonly number[]): Trajectories {
  const { observations, actions, rewards, terminated, truncated, episodeStarts, warnings } = recording;
  const starts = [0];
  const cut: number[] = [];
  let at = 0;
  for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
    const end = episodeStarts[episode + 1];
    while (at < kept.length && kept[at] < end) at++;
    if (at === starts[starts.length - 1]) continue;
    starts.push(at);
    if (kept[at - 1] !== end - 1) cut.push(at - 1);
  }
  const gone = episodeStarts.length - starts.length;
  if (gone > 0) warnings.push(`${gone} episodes of a single step were lost by this.`);
  const marks = Uint8Array.from(kept, (row) => truncated[row]);
  for (const row of cut) marks[row] = 1;
  return trajectoriesOf(
    {
      ...recording,
      observations: {
        ...observations,
        rows: kept.length,
        data: pick(observations.data, observations.columns, kept),
      },
      actions: { ...actions, rows: kept.length, data: pick(actions.data, actions.columns, kept) },
      rewards: rewards && pick(rewards, 1, kept),
      terminated: Uint8Array.from(kept, (row) => terminated[row]),
      truncated: marks,
      episodeStarts: Uint32Array.from(starts),
    },
    pick(next, observations.columns, kept),
  );
}

function pick(data: Float32Array, columns: number, rows: readonly number[]): Float32Array {
  const picked = new Float32Array(rows.length * columns);
  rows.forEach((row, index) =>
    picked.set(data.subarray(row * columns, (row + 1) * columns), index * columns),
  );
  return picked;
}

function trajectoriesOf(recording: Recording, nextObservations: Float32Array): Trajectories {
  const { observations, actions, rewards, terminated, truncated, episodeStarts } = recording;
  return {
    observationSize: observations.columns,
    actionSize: actions.columns,
    observations: observations.data,
    actions: actions.data,
    nextObservations,
    rewards,
    terminated,
    truncated,
    episodeStarts,
  };
}

function environmentName(metadata: Readonly<Record<string, unknown>>): string | null {
  for (const key of ["env", "env_id", "envId", "env_name"]) {
    const value = metadata[key];
    if (typeof value === "string" && value !== "") return value;
  }
  return null;
}

function refuse(problem: string): never {
  throw new TandemError("readDemonstrations", problem);
}
