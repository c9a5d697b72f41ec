import { sliceEpisodes, TandemError, type Trajectories } from "../core/index.ts";
import {
  findNonFinite,
  integersOf,
  markedRows,
  nonFiniteEntries,
  numberedEpisodes,
  readFlags,
  tableOf,
  type Column,
  type NonFinite,
  type Table,
} from "./columns.ts";
import type { DemonstrationFile, DemonstrationFormat } from "./demonstration-file.ts";
import { cumulated, emptyTrajectories, episodeReader, inFile } from "./episodes.ts";
import { environmentName } from "./metadata.ts";
import { printable } from "./printable.ts";

/** A demonstration set in memory, with what its file says about it. */
export interface Demonstrations {
  readonly trajectories: Trajectories;
  /** The environment's id as the file names it, null where it does not. */
  readonly env: string | null;
  /** The file or folder that was read. */
  readonly source: string;
  /** Which key convention was recognised. */
  readonly layout: string;
  /** What the file says beside its arrays; {} where it says nothing. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What the reader had to decide or leave out, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The key conventions that are read, of named columns wherever they lie.
 *
 * - `plain`: observations, actions, dones (terminated), timeouts, final_observations or next_observations. What
 *   {@link writeDemonstrations} writes; also D4RL's names (terminals).
 * - `imitation-trajectories`: obs (with one more row per episode), acts, rews, indices, terminal.
 * - `imitation-transitions`: obs, acts, next_obs, dones.
 * - `lerobot`: observation.state, action, episode_index, frame_index, next.reward (LeRobot data sets, version 2 and 3).
 * - `stable-baselines`: obs, actions, rewards, episode_returns, episode_starts (versions 1 and 2 of that library).
 */
export type LayoutName =
  "plain" | "imitation-trajectories" | "imitation-transitions" | "lerobot" | "stable-baselines";

/** Named columns that can be opened one at a time. */
export interface ColumnStore {
  /** The file or folder they lie in. */
  readonly source: string;
  readonly format: DemonstrationFormat;
  /** What the file says beside its columns. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly keys: readonly string[];
  open(key: string): Promise<Column>;
  close(): Promise<void>;
}

type Columns = ReadonlyMap<string, Column>;

/** What every layout is brought to. */
interface Recording {
  observations: Table;
  /** Observations hold one row more per episode: the last one's s_{t+1}. */
  closed: boolean;
  actions: Table;
  rewards: Table | null;
  /** s_{t+1} of each row; null where the file leaves it to the following row. */
  nextObservations: Table | null;
  /** s_{t+1} at the end of each episode (perhaps not of a last, unmarked one); null where the file has none. */
  finalObservations: Table | null;
  readMarks: ReadMarks;
  /** First row of each episode and, last, the number of rows: [episodes + 1]. */
  starts: Float64Array;
  /** The last episode stops without an end mark. */
  unfinished: boolean;
  warnings: string[];
}

/** Sets what is marked in the rows of `episode` from `first` on, as many as the two hold. */
type ReadMarks = (
  episode: number,
  first: number,
  terminated: Uint8Array,
  truncated: Uint8Array,
) => Promise<void>;

/** A recording whose episodes are settled: each a range of rows, perhaps without its last. */
interface Settled extends Recording {
  /** First row of each episode in the file, [episodes]. */
  firsts: Float64Array;
  /** First row of each episode as it is read and, last, the number of rows: [episodes + 1]. */
  episodeStarts: Float64Array;
}

interface Layout {
  name: LayoutName;
  /** Keys it must have; where a group has several, any one of them. */
  needs: readonly (readonly string[])[];
  /** Keys it may have. */
  takes: readonly string[];
  /** Keys that belong to it and hold nothing for a learner. */
  leaves: readonly string[];
  open(columns: Columns): Promise<Recording>;
}

const LAYOUTS: readonly Layout[] = [
  {
    name: "plain",
    needs: [["observations"], ["actions"], ["dones", "terminals", "timeouts", "episode_lengths"]],
    takes: ["rewards", "next_observations", "final_observations"],
    leaves: ["init_qpos", "init_qvel", "metadata"],
    open: openPlain,
  },
  {
    name: "imitation-trajectories",
    needs: [["obs"], ["acts"], ["indices"], ["terminal"]],
    takes: ["rews"],
    leaves: ["infos", "metadata"],
    open: openImitationTrajectories,
  },
  {
    name: "imitation-transitions",
    needs: [["obs"], ["acts"], ["next_obs"], ["dones"]],
    takes: ["rews"],
    leaves: ["infos", "metadata"],
    open: openImitationTransitions,
  },
  {
    name: "lerobot",
    needs: [["observation.state"], ["action"], ["episode_index"]],
    takes: ["frame_index", "next.reward"],
    leaves: ["timestamp", "index", "task_index", "next.done", "next.truncated", "next.success"],
    open: openLeRobot,
  },
  {
    name: "stable-baselines",
    needs: [["obs"], ["actions"], ["episode_starts"]],
    takes: ["rewards", "episode_returns"],
    leaves: ["metadata"],
    open: openStableBaselines,
  },
];

/** Opens the demonstration set in `store`, whose layout is told by its keys. Closes the store where it refuses. */
export async function openColumns(store: ColumnStore): Promise<DemonstrationFile> {
  try {
    return await openLayout(store, recogniseLayout(store));
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openLayout(store: ColumnStore, layout: Layout): Promise<DemonstrationFile> {
  const known = [...layout.needs.flat(), ...layout.takes];
  const columns = new Map<string, Column>();
  for (const key of known) {
    if (store.keys.includes(key)) columns.set(key, await store.open(key));
  }
  const settled = await inFile(store.source, async () => settleEpisodes(await layout.open(columns)));
  const { warnings, episodeStarts } = settled;
  const unread = store.keys.filter((key) => !known.includes(key) && !layout.leaves.includes(key));
  if (unread.length > 0) warnings.push(`Keys that were not read: ${printable(unread.join(", "))}.`);
  return {
    source: store.source,
    format: store.format,
    layout: layout.name,
    env: environmentName(store.metadata),
    metadata: store.metadata,
    warnings,
    observationSize: settled.observations.columns,
    actionSize: settled.actions.columns,
    hasRewards: settled.rewards !== null,
    episodeStarts,
    readEpisodes: episodeReader(store.source, episodeStarts.length - 1, (from, to) =>
      readSettled(settled, from, to),
    ),
    close: () => store.close(),
  };
}

function recogniseLayout(store: ColumnStore): Layout {
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

async function openPlain(columns: Columns): Promise<Recording> {
  const { observations, actions, rewards } = rowsOf(columns, "observations", "actions", "rewards");
  const { rows, columns: width } = observations;
  const because = "as in observations";
  const flagsOf = (...keys: string[]): Table | null => {
    const key = keys.find((candidate) => columns.has(candidate));
    return key === undefined ? null : tableOf(columns.get(key)!, { name: key, rows, columns: 1, because });
  };
  const terminated = flagsOf("terminals", "dones");
  const timeouts = flagsOf("timeouts");
  const next = columns.get("next_observations");
  const final = columns.get("final_observations");
  const nextObservations = next
    ? tableOf(next, { name: "next_observations", rows, columns: width, because })
    : null;
  const finalObservations = final
    ? tableOf(final, { name: "final_observations", columns: width, because })
    : null;
  const ends = await endsOf(terminated, timeouts, rows);
  const lengths = columns.get("episode_lengths");
  const warnings: string[] = [];
  const unfinished = !lengths && ends.unfinished;
  if (unfinished) warnings.push(UNFINISHED);
  if (!timeouts && ends.anyTerminated) warnings.push(oneKindOfEnd("timeouts"));
  return {
    observations,
    closed: false,
    actions,
    rewards,
    nextObservations,
    finalObservations,
    readMarks: marksFrom(terminated, timeouts, unfinished ? rows - 1 : null),
    starts: lengths ? await startsFromLengths(lengths, rows) : ends.starts,
    unfinished,
    warnings,
  };
}

/**
 * Episodes concatenated, split again at `indices` (of all but the first), each with one observation more than actions.
 * The convention of the `imitation` library (types.save before datasets); its `infos` are pickled and not needed.
 */
async function openImitationTrajectories(columns: Columns): Promise<Recording> {
  const actions = tableOf(columns.get("acts")!, { name: "acts" });
  const { rows } = actions;
  refuseEmpty(rows, "acts");
  const splits = await integersOf(columns.get("indices")!, 1, { name: "indices" });
  const starts = Float64Array.from([0, ...splits, rows]);
  if (!starts.every((start, episode) => episode === 0 || start > starts[episode - 1])) {
    refuse(
      `indices must ascend between 1 and ${rows - 1}, the last of the rows in acts, got ${printable(splits.join(", "), 60)}`,
    );
  }
  const episodes = starts.length - 1;
  const because = `for ${episodes} episodes (one more than indices has entries)`;
  const ends = tableOf(columns.get("terminal")!, { name: "terminal", rows: episodes, columns: 1, because });
  const terminal = await readFlags(ends, 0, episodes);
  const observations = tableOf(columns.get("obs")!, {
    name: "obs",
    rows: rows + episodes,
    because: "(the rows of acts and a last observation for each episode)",
  });
  return {
    observations,
    closed: true,
    actions,
    rewards: rewardsOf(columns.get("rews"), "rews", rows, "acts"),
    nextObservations: null,
    finalObservations: null,
    readMarks: async (episode, _, terminated, truncated) => {
      (terminal[episode] ? terminated : truncated)[terminated.length - 1] = 1;
    },
    starts,
    unfinished: false,
    warnings: terminal.includes(1) ? [oneKindOfEnd("terminal")] : [],
  };
}

/** Flat transitions of the `imitation` library (rollout.flatten_trajectories). */
async function openImitationTransitions(columns: Columns): Promise<Recording> {
  const { observations, actions, rewards } = rowsOf(columns, "obs", "acts", "rews");
  const { rows, columns: width } = observations;
  const because = "as in obs";
  const dones = tableOf(columns.get("dones")!, { name: "dones", rows, columns: 1, because });
  const next = tableOf(columns.get("next_obs")!, { name: "next_obs", rows, columns: width, because });
  const ends = await endsOf(dones, null, rows);
  const { unfinished } = ends;
  const warnings = unfinished ? [UNFINISHED] : [];
  if (ends.anyTerminated) warnings.push(oneKindOfEnd("dones"));
  return {
    observations,
    closed: false,
    actions,
    rewards,
    nextObservations: next,
    finalObservations: null,
    readMarks: marksFrom(dones, null, unfinished ? rows - 1 : null),
    starts: ends.starts,
    unfinished,
    warnings,
  };
}

/** LeRobot data sets: a row knows its episode; there are no observations after the last action of one. */
async function openLeRobot(columns: Columns): Promise<Recording> {
  const { observations, actions, rewards } = rowsOf(columns, "observation.state", "action", "next.reward");
  const { rows } = observations;
  const counted = (name: string): Table | null => {
    const column = columns.get(name);
    return column ? tableOf(column, { name, rows, columns: 1, because: "as in observation.state" }) : null;
  };
  return {
    observations,
    closed: false,
    actions,
    rewards,
    nextObservations: null,
    finalObservations: null,
    // Their ends lie in the last rows, which are dropped.
    readMarks: async () => {},
    starts: await numberedEpisodes(counted("episode_index")!, counted("frame_index"), rows),
    unfinished: false,
    warnings: [],
  };
}

/** Expert recordings of stable-baselines 1 and 2 (generate_expert_traj): a row knows only whether it starts an episode. */
async function openStableBaselines(columns: Columns): Promise<Recording> {
  const { observations, actions, rewards } = rowsOf(columns, "obs", "actions", "rewards");
  const { rows } = observations;
  const name = "episode_starts";
  const flags = tableOf(columns.get(name)!, { name, rows, columns: 1, because: "as in obs" });
  const { marked: starts } = await markedRows([flags], rows);
  if (starts[0] !== 0) refuse("episode_starts must be 1 in row 0, got 0; the first row begins an episode");
  const returns = columns.get("episode_returns");
  if (returns) {
    const because = `for the ${starts.length} episodes that episode_starts marks`;
    tableOf(returns, { name: "episode_returns", rows: starts.length, columns: 1, because });
  }
  return {
    observations,
    closed: false,
    actions,
    rewards,
    nextObservations: null,
    finalObservations: null,
    // Their ends lie in the last rows, which are dropped.
    readMarks: async () => {},
    starts: Float64Array.from([...starts, rows]),
    unfinished: false,
    warnings: [],
  };
}

/** Observations, actions and rewards that agree in their number of rows. */
function rowsOf(
  columns: Columns,
  observationKey: string,
  actionKey: string,
  rewardKey: string,
): Pick<Recording, "observations" | "actions" | "rewards"> {
  const observations = tableOf(columns.get(observationKey)!, { name: observationKey });
  const { rows } = observations;
  refuseEmpty(rows, observationKey);
  const because = `as in ${observationKey}`;
  const actions = tableOf(columns.get(actionKey)!, { name: actionKey, rows, because });
  return {
    observations,
    actions,
    rewards: rewardsOf(columns.get(rewardKey), rewardKey, rows, observationKey),
  };
}

function rewardsOf(column: Column | undefined, name: string, rows: number, beside: string): Table | null {
  return column ? tableOf(column, { name, rows, columns: 1, because: `as in ${beside}` }) : null;
}

function refuseEmpty(rows: number, name: string): void {
  if (rows === 0) refuse(`expected at least one episode, ${name} has 0 rows; record some steps`);
}

const UNFINISHED = "The last episode has no end mark: taken as cut there (truncated).";

/** What the end flags say. A recording that stops in mid-episode was cut there: unfinished. */
async function endsOf(
  terminated: Table | null,
  truncated: Table | null,
  rows: number,
): Promise<{ starts: Float64Array; unfinished: boolean; anyTerminated: boolean }> {
  const flags = [terminated, truncated].filter((table) => table !== null);
  const { marked, seen } = await markedRows(flags, rows);
  const unfinished = marked.at(-1) !== rows - 1;
  if (unfinished) marked.push(rows - 1);
  const starts = new Float64Array(marked.length + 1);
  marked.forEach((row, episode) => (starts[episode + 1] = row + 1));
  return { starts, unfinished, anyTerminated: terminated !== null && seen[0] };
}

function marksFrom(terminated: Table | null, truncated: Table | null, cut: number | null): ReadMarks {
  return async (_, first, terminatedRows, truncatedRows) => {
    const end = first + terminatedRows.length;
    if (terminated) terminatedRows.set(await readFlags(terminated, first, end));
    if (truncated) truncatedRows.set(await readFlags(truncated, first, end));
    if (cut !== null && cut >= first && cut < end) truncatedRows[cut - first] = 1;
  };
}

async function startsFromLengths(column: Column, rows: number): Promise<Float64Array> {
  const lengths = await integersOf(column, 1, { name: "episode_lengths" });
  const starts = cumulated(lengths);
  const sum = starts[lengths.length];
  if (sum !== rows) refuse(`episode_lengths must add up to the ${rows} rows of observations, got ${sum}`);
  return starts;
}

/** Said where a layout has one flag for both ways to end. */
function oneKindOfEnd(key: string): string {
  const missing =
    key === "timeouts" ? "There are no timeouts" : `${key} does not tell a time limit from the task's end`;
  return `${missing}: every marked end is taken as a termination, where values do not bootstrap.`;
}

/** Which rows of the recording have a next observation. The others, ends of episodes, are dropped. */
function settleEpisodes(recording: Recording): Settled {
  const { nextObservations, closed, finalObservations, starts, unfinished, warnings } = recording;
  const episodes = starts.length - 1;
  if (nextObservations || closed) return withoutEnds(recording, episodes);
  if (!finalObservations) {
    warnings.push(
      `No final observations: the last step of each of the ${episodes} episodes was dropped, and each now ends cut (truncated) one step early.`,
    );
    return withoutEnds(recording, 0);
  }
  const { rows } = finalObservations;
  if (rows === episodes) return withoutEnds(recording, episodes);
  if (!unfinished || rows !== episodes - 1) {
    refuse(
      `final_observations must have ${episodes} rows, one for each episode that the end flags mark, got ${rows}; mark every end in dones or timeouts`,
    );
  }
  warnings.push("The last episode has no final observation: its last step was dropped.");
  return withoutEnds(recording, rows);
}

/** The episodes, those from `dropped` on without their last rows. */
function withoutEnds(recording: Recording, dropped: number): Settled {
  const { starts, warnings } = recording;
  const firsts: number[] = [];
  const lengths: number[] = [];
  for (let episode = 0; episode + 1 < starts.length; episode++) {
    const length = starts[episode + 1] - starts[episode] - (episode >= dropped ? 1 : 0);
    if (length === 0) continue;
    firsts.push(starts[episode]);
    lengths.push(length);
  }
  if (firsts.length === 0)
    refuse("every episode has a single step and no final observation; add final_observations");
  const lost = starts.length - 1 - firsts.length;
  if (lost > 0) warnings.push(`${lost} episodes of a single step were lost by this.`);
  return { ...recording, firsts: Float64Array.from(firsts), episodeStarts: cumulated(lengths) };
}

async function readSettled(settled: Settled, from: number, to: number): Promise<Trajectories> {
  const { observations, actions, rewards, episodeStarts } = settled;
  const trajectories = emptyTrajectories(
    observations.columns,
    actions.columns,
    rewards !== null,
    episodeStarts.subarray(from, to + 1),
  );
  const problems = new Map<Table, NonFinite>();
  for (let episode = from; episode < to; episode++) {
    const part = sliceEpisodes(trajectories, episode - from, episode - from + 1);
    await readEpisode(settled, episode, part, problems);
  }
  for (const [{ name }, problem] of problems) refuse(`${name} must be finite, ${nonFiniteEntries(problem)}`);
  return trajectories;
}

/** Reads an episode into `target`, whose arrays it fills. */
async function readEpisode(
  settled: Settled,
  episode: number,
  target: Trajectories,
  problems: Map<Table, NonFinite>,
): Promise<void> {
  const { observations, closed, actions, rewards, nextObservations, finalObservations } = settled;
  const { observationSize: size, terminated, truncated } = target;
  const fill = async (table: Table, row: number, data: Float32Array): Promise<void> => {
    await table.read(row, row + data.length / table.columns, data);
    const problem = findNonFinite(data, table.columns, row, problems.get(table) ?? null);
    if (problem) problems.set(table, problem);
  };
  const first = settled.firsts[episode];
  const length = terminated.length;
  const firstObservation = closed ? first + episode : first;
  await fill(observations, firstObservation, target.observations);
  await fill(actions, first, target.actions);
  if (rewards) await fill(rewards, first, target.rewards!);
  await settled.readMarks(episode, first, terminated, truncated);
  if (nextObservations) return fill(nextObservations, first, target.nextObservations);
  target.nextObservations.set(target.observations.subarray(size));
  const last = target.nextObservations.subarray((length - 1) * size);
  if (finalObservations && episode < finalObservations.rows) return fill(finalObservations, episode, last);
  await fill(observations, firstObservation + length, last);
  // The row after the last is either the closing observation or a step that was dropped: a cut.
  if (!closed) truncated[length - 1] = 1;
}

function refuse(problem: string): never {
  throw new TandemError("readDemonstrations", problem);
}
