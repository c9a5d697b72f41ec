import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sliceEpisodes, TandemError, type Trajectories } from "../core/index.ts";
import { findNonFinite, nonFiniteEntries, readFlags, tableOf, type Table } from "./columns.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { cumulated, emptyTrajectories, episodeReader } from "./episodes.ts";
import { reading } from "./file-bytes.ts";
import { fromGymnasiumSpec } from "./gymnasium-spec.ts";
import { hdf5Column, warnOfLoss, type OnLoss } from "./hdf5-column.ts";
import type { Hdf5File } from "./hdf5-file.ts";
import type { Hdf5Object } from "./hdf5-thread.ts";
import { environmentName } from "./metadata.ts";
import { isImageSpace } from "./minari-spaces.ts";
import { parsePythonJson } from "./python-json.ts";
import { printable } from "./printable.ts";

/** What describes a data set, beside the file of its steps; before Minari 0.5 attributes of that file did. */
export const MINARI_METADATA = "metadata.json";

/** Largest description, bytes. */
const METADATA_MAX_BYTES = 2 ** 24;

type Description = Readonly<Record<string, unknown>>;

/** Our own description within Minari's. */
export interface OwnMetadata {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Minari wants rewards; where there are none, NaN stands for them. */
  readonly hasRewards: boolean;
}

const OPEN_END = "Episodes without an end mark: taken as cut there (truncated).";

/** A data set whose episodes are known. */
interface MinariSet {
  file: Hdf5File;
  /** Groups of the episodes that have steps. */
  groups: string[];
  /** First step of each and, last, the number of steps. */
  starts: Float64Array;
  /** Where in a group the observations lie. */
  observationKey: string;
  observationSize: number;
  actionSize: number;
  hasRewards: boolean;
  onLoss: { observations: OnLoss; actions: OnLoss; rewards: OnLoss };
  onOpenEnd: () => void;
}

/** The columns of an episode. */
interface EpisodeTables {
  observations: Table;
  actions: Table;
  terminations: Table;
  truncations: Table;
  rewards: Table | null;
}

/** Whether a group of this name holds an episode. */
export function isEpisode(name: string): boolean {
  return /^episode_\d+$/.test(name);
}

/**
 * A Minari data set: a group for each episode, whose observations have a row more than its actions. Of the spaces whose
 * observations are not one array, a Dict with the key `observation` is taken, without its other keys.
 *
 * @param main the file of its steps
 * @param names what lies in it
 */
export async function openMinari(
  file: Hdf5File,
  main: string,
  names: readonly string[],
): Promise<DemonstrationFile> {
  const described = await readDescription(file, main);
  const own = ownMetadata(described);
  const warnings: string[] = [];
  refuseImages(file.source, described);
  const set = await openSet(file, names, warnings);
  if (own && !own.hasRewards) set.hasRewards = false;
  const total = described.total_episodes;
  if (typeof total === "number" && total !== set.groups.length)
    warnings.push(`Its description speaks of ${total} episodes, there are ${set.groups.length}.`);
  const metadata = own ? own.metadata : foreignMetadata(described, warnings);
  return {
    source: file.source,
    format: "minari",
    layout: "minari",
    env: environmentName(metadata),
    metadata,
    warnings,
    observationSize: set.observationSize,
    actionSize: set.actionSize,
    hasRewards: set.hasRewards,
    episodeStarts: set.starts,
    readEpisodes: episodeReader(file.source, set.groups.length, (from, to) => readEpisodes(set, from, to)),
    close: () => file.close(),
  };
}

async function openSet(file: Hdf5File, names: readonly string[], warnings: string[]): Promise<MinariSet> {
  const all = episodeGroups(names);
  const ends = await file.describe(all.map((group) => `${group}/terminations`));
  const lengths = ends.map((end, index) => stepsOf(file.source, all[index], end));
  const groups = all.filter((_, index) => lengths[index] > 0);
  const empty = all.length - groups.length;
  if (groups.length === 0)
    refuse(file.source, "expected at least one episode with a step, found none; record some");
  if (empty > 0) warnings.push(`${empty} episodes without steps were left out.`);
  const observationKey = await findObservations(file, groups[0], warnings);
  const [first] = groups;
  const [observations, actions, rewards] = await file.describe([
    `${first}/${observationKey}`,
    `${first}/actions`,
    `${first}/rewards`,
  ]);
  const unread = await file.names(`${first}/infos`);
  if (unread.length > 0) warnings.push(`Infos that were not read: ${printable(unread.join(", "))}.`);
  return {
    file,
    groups,
    starts: cumulated(lengths.filter((length) => length > 0)),
    observationKey,
    observationSize: columnsOf(file, observations, `${first}/${observationKey}`),
    actionSize: columnsOf(file, actions, `${first}/actions`),
    hasRewards: rewards.kind === "dataset",
    onLoss: {
      observations: warnOfLoss("observations", warnings),
      actions: warnOfLoss("actions", warnings),
      rewards: warnOfLoss("rewards", warnings),
    },
    onOpenEnd: once(() => warnings.push(OPEN_END)),
  };
}

/** Paths of the groups episode_0, episode_1, ... in that order. */
function episodeGroups(names: readonly string[]): string[] {
  const numbered = names.filter(isEpisode);
  return numbered.sort((a, b) => Number(a.slice(8)) - Number(b.slice(8))).map((name) => `/${name}`);
}

function stepsOf(source: string, group: string, end: Hdf5Object): number {
  if (end.kind === "dataset" && end.shape.length > 0) return end.shape[0];
  return refuse(source, `${printable(group)} must have terminations, one for each step; save it with Minari`);
}

async function findObservations(file: Hdf5File, group: string, warnings: string[]): Promise<string> {
  const [observations] = await file.describe([`${group}/observations`]);
  if (observations.kind !== "group") return "observations";
  const keys = await file.names(`${group}/observations`);
  const others = printable(keys.filter((key) => key !== "observation").join(", "));
  if (!keys.includes("observation")) {
    refuse(
      file.source,
      `expected observations of one array each, or a Dict with the key observation, got one with the keys ${others}; flatten them with Gymnasium's FlattenObservation`,
    );
  }
  warnings.push(`Observations are a Dict: its key observation was read, without ${others}.`);
  return "observations/observation";
}

function columnsOf(file: Hdf5File, object: Hdf5Object, path: string): number {
  const name = path.slice(1);
  return tableOf(
    hdf5Column(file, object, name, () => {}),
    { name },
  ).columns;
}

async function readEpisodes(set: MinariSet, from: number, to: number): Promise<Trajectories> {
  const { observationSize, actionSize, hasRewards, starts } = set;
  const episodes = await openEpisodes(set, from, to);
  const range = starts.subarray(from, to + 1);
  const trajectories = emptyTrajectories(observationSize, actionSize, hasRewards, range);
  for (const [index, tables] of episodes.entries())
    await readEpisode(set, tables, sliceEpisodes(trajectories, index, index + 1));
  return trajectories;
}

/** The columns of the episodes, whose shapes agree with what was seen when the file was opened. */
async function openEpisodes(set: MinariSet, from: number, to: number): Promise<EpisodeTables[]> {
  const { file, groups, starts, observationKey, observationSize, actionSize, hasRewards, onLoss } = set;
  const keys = [observationKey, "actions", "terminations", "truncations", ...(hasRewards ? ["rewards"] : [])];
  const some = groups.slice(from, to);
  const objects = await file.describe(some.flatMap((group) => keys.map((key) => `${group}/${key}`)));
  return some.map((group, index) => {
    const rows = starts[from + index + 1] - starts[from + index];
    const table = (place: number, columns: number, more: number, told: OnLoss): Table => {
      const name = `${group.slice(1)}/${keys[place]}`;
      const column = hdf5Column(file, objects[index * keys.length + place], name, told);
      return tableOf(column, { name, rows: rows + more, columns, because: `for ${rows} steps` });
    };
    return {
      observations: table(0, observationSize, 1, onLoss.observations),
      actions: table(1, actionSize, 0, onLoss.actions),
      terminations: table(2, 1, 0, () => {}),
      truncations: table(3, 1, 0, () => {}),
      rewards: hasRewards ? table(4, 1, 0, onLoss.rewards) : null,
    };
  });
}

/** Reads an episode into `target`, whose arrays it fills. */
async function readEpisode(set: MinariSet, tables: EpisodeTables, target: Trajectories): Promise<void> {
  const { observationSize } = set;
  const { rows } = tables.actions;
  const observations = new Float32Array((rows + 1) * observationSize);
  await readFinite(tables.observations, observations);
  target.observations.set(observations.subarray(0, rows * observationSize));
  target.nextObservations.set(observations.subarray(observationSize));
  await readFinite(tables.actions, target.actions);
  if (tables.rewards) await readFinite(tables.rewards, target.rewards!);
  target.terminated.set(await readFlags(tables.terminations, 0, rows));
  target.truncated.set(await readFlags(tables.truncations, 0, rows));
  if (target.terminated[rows - 1] || target.truncated[rows - 1]) return;
  target.truncated[rows - 1] = 1;
  set.onOpenEnd();
}

async function readFinite(table: Table, data: Float32Array): Promise<void> {
  await table.read(0, table.rows, data);
  const problem = findNonFinite(data, table.columns, 0, null);
  if (!problem) return;
  throw new TandemError("readDemonstrations", `${table.name} must be finite, ${nonFiniteEntries(problem)}`);
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

/** What Minari says of the set: beside its steps, or in attributes. */
async function readDescription(file: Hdf5File, main: string): Promise<Description> {
  const path = join(dirname(main), MINARI_METADATA);
  const found = await stat(path).catch(() => null);
  if (!found) return file.attributes("/");
  if (found.size > METADATA_MAX_BYTES)
    refuse(path, `expected at most ${METADATA_MAX_BYTES} bytes, got ${found.size}; store less in it`);
  const text = await reading(path, () => readFile(path, "utf8"));
  try {
    const description = parsePythonJson(text);
    if (typeof description === "object" && description !== null && !Array.isArray(description))
      return description as Description;
  } catch {
    // refused below
  }
  return refuse(path, "expected a JSON object, as Minari writes it; copy it again");
}

function ownMetadata({ tandem }: Description): OwnMetadata | null {
  const { metadata, hasRewards } = (tandem ?? {}) as Partial<OwnMetadata>;
  if (typeof metadata !== "object" || metadata === null || typeof hasRewards !== "boolean") return null;
  return { metadata, hasRewards };
}

/** Another program's description, with its environment under our names. JSON has no infinite numbers: they are left out. */
function foreignMetadata(description: Description, warnings: string[]): Record<string, unknown> {
  const spec = description.env_spec;
  const named = typeof spec === "string" ? fromGymnasiumSpec(spec) : null;
  const metadata = Object.fromEntries(Object.entries(description).filter(([, value]) => isFiniteJson(value)));
  if (!named) return metadata;
  const options = Object.entries(named.envOptions);
  const infinite = options.filter(([, value]) => !isFiniteJson(value)).map(([name]) => name);
  if (infinite.length > 0)
    warnings.push(
      `Options of the environment that are not finite were left out: ${printable(infinite.join(", "))}.`,
    );
  const envOptions = Object.fromEntries(options.filter(([name]) => !infinite.includes(name)));
  return { ...metadata, env: named.env, envOptions };
}

/** Values deeper than so many lists and objects count as none. */
const MOST_DEPTH = 100;

function isFiniteJson(value: unknown, depth = MOST_DEPTH): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return value !== null;
  return depth > 0 && Object.values(value).every((entry) => isFiniteJson(entry, depth - 1));
}

function refuseImages(source: string, { observation_space, jpeg_encoding }: Description): void {
  if (jpeg_encoding === false || !isImageSpace(observation_space)) return;
  refuse(source, "its observations are JPEG images, which are not read; save it with jpeg_encoding=False");
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}
