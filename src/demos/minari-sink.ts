import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import {
  sliceEpisodes,
  TandemError,
  transitionCount,
  type ActionSpace,
  type BoxSpace,
  type Trajectories,
} from "../core/index.ts";
import type { DemonstrationSink } from "./demonstration-file.ts";
import { extendOutline, type SetOutline } from "./format.ts";
import { toGymnasiumSpec } from "./gymnasium-spec.ts";
import { createHdf5Writer, type Hdf5Values, type Hdf5Writer } from "./hdf5-writer.ts";
import { environmentName, metadataText } from "./metadata.ts";
import { MINARI_METADATA, type OwnMetadata } from "./minari-reader.ts";
import { describedSpace, minariSpace, spaceText, type MinariSpace } from "./minari-spaces.ts";
import { refuseNothing } from "./pending-file.ts";

/** The first version of Minari that keeps its description in a file of its own; later ones read it. */
const MINARI_VERSION = "0.5.0";

type Metadata = Readonly<Record<string, unknown>>;

/** What is decided by the first episodes. */
interface Spaces {
  observation: MinariSpace;
  action: MinariSpace;
}

/**
 * Writes a Minari data set: the folder `path`, whose `data` holds the steps in main_data.hdf5 and what describes them in
 * metadata.json, also under `tandem` our own metadata. Put below Minari's own folder, `minari.load_dataset` finds it by
 * its name, which should end in -v0 or the like; `minari.MinariDataset` reads its `data` anywhere.
 *
 * Numbers are float32, choices int64, flags 0 and 1 in uint8. Spaces are those of the environment where that is known,
 * and unbounded otherwise. Where there are no rewards NaN stands for them, as Minari wants some.
 */
export async function createMinariSink(path: string, metadata: Metadata): Promise<DemonstrationSink> {
  const ours = JSON.parse(metadataText(metadata, 0)) as Metadata;
  await refuseExisting(path);
  const temporary = join(dirname(resolve(path)), `.${basename(path)}.${randomUUID()}.tmp`);
  const data = join(temporary, "data");
  let writer: Hdf5Writer;
  try {
    await disk(path, async () => {
      await mkdir(temporary);
      await mkdir(data);
    });
    writer = await createHdf5Writer(join(data, "main_data.hdf5"), path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  let outline: SetOutline | null = null;
  let spaces: Spaces | null = null;

  const abandon = async (): Promise<void> => {
    writer.abandon();
    await rm(temporary, { recursive: true, force: true });
  };
  return {
    abandon,
    append: async (trajectories: Trajectories) => {
      const written = outline?.lengths.length ?? 0;
      outline = extendOutline(outline, trajectories);
      spaces ??= await spacesOf(ours, outline);
      if (!outline.nextFollows) {
        refuse(
          `${path}: within an episode each next observation must be the following observation, as Minari has no place for another; write the format npz or d4rl`,
        );
      }
      for (let episode = 0; episode < outline.lengths.length - written; episode++)
        writeEpisode(writer, spaces, written + episode, sliceEpisodes(trajectories, episode, episode + 1));
    },
    finish: async () => {
      try {
        const { lengths, rows, hasRewards } = outline ?? refuseNothing(path);
        writer.finish();
        await disk(path, async () => {
          const { size } = await stat(join(data, "main_data.hdf5"));
          const tandem: OwnMetadata = { metadata: ours, hasRewards };
          const description = {
            total_episodes: lengths.length,
            total_steps: rows,
            data_format: "hdf5",
            dataset_id: datasetId(path),
            minari_version: MINARI_VERSION,
            dataset_size: Math.round(size / 1e5) / 10,
            observation_space: spaceText(spaces!.observation),
            action_space: spaceText(spaces!.action),
            ...(await specOf(ours)),
            tandem,
          };
          await writeFile(join(data, MINARI_METADATA), `${JSON.stringify(description, null, 1)}\n`, {
            flush: true,
          });
          await rename(temporary, path);
        });
      } finally {
        await abandon();
      }
    },
  };
}

async function refuseExisting(path: string): Promise<void> {
  if (/\.(hdf5|h5)$/i.test(path))
    refuse(`expected a folder as the place of a Minari data set, got ${path}; leave out the ending`);
  const found = await stat(path).catch(() => null);
  if (found) refuse(`${path}: exists already; remove it or name another folder`);
}

/** The name by which Minari finds the data set: its place below Minari's own folder. A version must end it. */
function datasetId(path: string): string {
  const root = process.env.MINARI_DATASETS_PATH ?? join(homedir(), ".minari", "datasets");
  const place = relative(root, resolve(path));
  const isInside = !place.startsWith("..") && !isAbsolute(place);
  const name = (isInside ? place.split(sep).join("/") : basename(place)).replace(/[^-\w/]/g, "-");
  return /.-v\d+$/.test(name) ? name : `${name}-v0`;
}

async function specOf(metadata: Metadata): Promise<{ env_spec?: string }> {
  if (typeof metadata.env_spec === "string") return { env_spec: metadata.env_spec };
  const env = environmentName(metadata);
  if (env === null) return {};
  const envOptions = (metadata.envOptions ?? {}) as Record<string, unknown>;
  const known = await knownEnvironment({ env });
  const spec = toGymnasiumSpec({ env, envOptions }, known?.options);
  return spec === null ? {} : { env_spec: spec };
}

/** Those that the metadata of another Minari data set describe, else the environment's, else unbounded ones. */
async function spacesOf(metadata: Metadata, { observationSize, actionSize }: SetOutline): Promise<Spaces> {
  const known = await knownEnvironment(metadata);
  const observation = known?.observation.size === observationSize ? known.observation : null;
  const sizeOfAction = known?.action.kind === "box" ? known.action.size : 1;
  const action = known && sizeOfAction === actionSize ? known.action : null;
  return {
    observation:
      describedSpace(metadata.observation_space, observationSize) ??
      minariSpace(observation, observationSize),
    action: describedSpace(metadata.action_space, actionSize) ?? minariSpace(action, actionSize),
  };
}

/** What is known of the environment that `metadata` name; null where it is none of ours. */
interface KnownEnvironment {
  readonly observation: BoxSpace;
  readonly action: ActionSpace;
  readonly options: Readonly<Record<string, unknown>>;
}

async function knownEnvironment(metadata: Metadata): Promise<KnownEnvironment | null> {
  const { environmentIds, makeEnvironment } = await import("../envs/index.ts");
  const id = environmentName(metadata);
  if (id === null || !environmentIds().includes(id)) return null;
  try {
    const env = await makeEnvironment(id, (metadata.envOptions ?? {}) as Record<string, unknown>);
    env.close();
    return { observation: env.observationSpace, action: env.actionSpace, options: env.options ?? {} };
  } catch {
    return null; // its options are not ours, or the simulator is not installed
  }
}

function writeEpisode(writer: Hdf5Writer, spaces: Spaces, id: number, episode: Trajectories): void {
  const { observations, nextObservations, observationSize, actions, rewards, terminated, truncated } =
    episode;
  const rows = transitionCount(episode);
  const all = new Float32Array((rows + 1) * observationSize);
  all.set(observations);
  all.set(nextObservations.subarray((rows - 1) * observationSize), rows * observationSize);
  const group = `episode_${id}`;
  writer.group(group);
  writer.attribute(group, "id", id);
  writer.attribute(group, "total_steps", rows);
  writeValues(writer, `${group}/observations`, spaces.observation, all);
  writeValues(writer, `${group}/actions`, spaces.action, actions);
  writer.dataset(`${group}/rewards`, rewards ?? new Float32Array(rows).fill(NaN), [rows]);
  writer.dataset(`${group}/terminations`, terminated, [rows]);
  writer.dataset(`${group}/truncations`, truncated, [rows]);
}

function writeValues(writer: Hdf5Writer, path: string, space: MinariSpace, values: Float32Array): void {
  if (space.type === "Box") {
    writer.dataset(path, values, [values.length / space.shape[0], space.shape[0]]);
    return;
  }
  const { start, n } = space;
  const odd = values.findIndex((value) => !(Number.isInteger(value) && value >= start && value < start + n));
  if (odd >= 0) {
    refuse(
      `${path} must be whole numbers from ${start} to ${start + n - 1}, as its space is discrete, got ${values[odd]} in row ${odd}; correct the environment's id in the metadata`,
    );
  }
  const choices: Hdf5Values = BigInt64Array.from(values, (value) => BigInt(value));
  writer.dataset(path, choices, [values.length]);
}

async function disk(path: string, attempt: () => Promise<void>): Promise<void> {
  try {
    await attempt();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    refuse(
      `${path}: cannot be written (${code ?? String(cause)}); check that its folder exists and may be written`,
    );
  }
}

function refuse(problem: string): never {
  throw new TandemError("writeDemonstrations", problem);
}
