import { TandemError, transitionCount, type Trajectories } from "../core/index.ts";
import type { DemonstrationSink } from "./demonstration-file.ts";
import { float32Text, float32Texts } from "./float32-text.ts";
import { extendOutline, nextFollowsFromRow, type SetOutline } from "./format.ts";
import { JSON_LINES_VERSION } from "./json-lines.ts";
import { metadataText } from "./metadata.ts";
import { createPendingFile, refuseNothing } from "./pending-file.ts";

/** Handed to the file at once, characters. */
const BLOCK_CHARACTERS = 2 ** 18;

/** How a text format writes a set. */
interface LineFormat {
  /** The first line; null for none. */
  header(outline: SetOutline): string | null;
  /** The line of step `t` of episode `episode`, which is row `row`; `isLast` where the episode ends with it. */
  step(trajectories: Trajectories, row: number, episode: number, t: number, isLast: boolean): string;
}

/** Writes JSON Lines: a line that describes the set, then one step a line. */
export async function createJsonLinesSink(
  path: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<DemonstrationSink> {
  if (Object.hasOwn(metadata, "tandem")) refuse(`${path}: metadata must not have the key tandem; rename it`);
  const described = metadataText(metadata, 0);
  const header = `{"tandem":"${JSON_LINES_VERSION}"${described === "{}" ? "}" : `,${described.slice(1)}`}`;
  return createLineSink(path, { header: () => header, step: jsonStep });
}

/** Writes CSV: a line that names the columns, then one step a line. There is no place for metadata. */
export async function createCsvSink(path: string): Promise<DemonstrationSink> {
  return createLineSink(path, { header: csvHeader, step: csvStep });
}

function jsonStep(
  trajectories: Trajectories,
  row: number,
  episode: number,
  _: number,
  isLast: boolean,
): string {
  const {
    observationSize: n,
    actionSize: d,
    observations,
    actions,
    nextObservations,
    rewards,
  } = trajectories;
  const list = (data: Float32Array, size: number): string =>
    `[${float32Texts(data, row * size, (row + 1) * size).join(",")}]`;
  const fields = [
    `"episode":${episode}`,
    `"observation":${list(observations, n)}`,
    `"action":${list(actions, d)}`,
  ];
  if (isLast || !nextFollowsFromRow(trajectories, row))
    fields.push(`"nextObservation":${list(nextObservations, n)}`);
  if (rewards) fields.push(`"reward":${float32Text(rewards[row])}`);
  fields.push(`"terminated":${trajectories.terminated[row] === 1}`);
  fields.push(`"truncated":${trajectories.truncated[row] === 1}`);
  return `{${fields.join(",")}}`;
}

function csvHeader({ observationSize, actionSize, hasRewards }: SetOutline): string {
  return [
    "episode",
    "t",
    ...numbered("observation", observationSize),
    ...numbered("action", actionSize),
    ...numbered("next_observation", observationSize),
    ...(hasRewards ? ["reward"] : []),
    "terminated",
    "truncated",
  ].join(",");
}

function numbered(name: string, size: number): string[] {
  return Array.from({ length: size }, (_, index) => `${name}_${index}`);
}

function csvStep(trajectories: Trajectories, row: number, episode: number, t: number): string {
  const { observationSize: n, actionSize: d, rewards } = trajectories;
  return [
    episode,
    t,
    ...float32Texts(trajectories.observations, row * n, (row + 1) * n),
    ...float32Texts(trajectories.actions, row * d, (row + 1) * d),
    ...float32Texts(trajectories.nextObservations, row * n, (row + 1) * n),
    ...(rewards ? [float32Text(rewards[row])] : []),
    trajectories.terminated[row],
    trajectories.truncated[row],
  ].join(",");
}

async function createLineSink(path: string, format: LineFormat): Promise<DemonstrationSink> {
  const pending = await createPendingFile(path);
  let outline: SetOutline | null = null;
  const write = async (text: string): Promise<void> => pending.write(new TextEncoder().encode(text));
  return {
    abandon: () => pending.abandon(),
    append: async (trajectories) => {
      const isFirst = outline === null;
      const episodesBefore = outline === null ? 0 : outline.lengths.length;
      outline = extendOutline(outline, trajectories);
      const header = isFirst ? format.header(outline) : null;
      let text = header === null ? "" : `${header}\n`;
      for (const line of stepsOf(trajectories, episodesBefore, format)) {
        text += `${line}\n`;
        if (text.length < BLOCK_CHARACTERS) continue;
        await write(text);
        text = "";
      }
      await write(text);
    },
    finish: async () => {
      if (outline === null) {
        await pending.abandon();
        refuseNothing(path);
      }
      await pending.finish();
    },
  };
}

function* stepsOf(trajectories: Trajectories, episodesBefore: number, format: LineFormat): Generator<string> {
  const { episodeStarts } = trajectories;
  let episode = 0;
  for (let row = 0; row < transitionCount(trajectories); row++) {
    if (row === episodeStarts[episode + 1]) episode++;
    const t = row - episodeStarts[episode];
    const isLast = row + 1 === episodeStarts[episode + 1];
    yield format.step(trajectories, row, episodesBefore + episode, t, isLast);
  }
}

function refuse(problem: string): never {
  throw new TandemError("writeDemonstrations", problem);
}
