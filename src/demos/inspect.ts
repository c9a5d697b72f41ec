import type { DemonstrationFile, DemonstrationFormat } from "./demonstration-file.ts";
import { note, worstFirst, type Finding } from "./inspect-finding.ts";
import { findingsOf, type InspectionOptions } from "./inspect-findings.ts";
import {
  columnSummary,
  createTally,
  summarise,
  tallyEpisodes,
  type ColumnTally,
  type InspectionTally,
  type NumberSummary,
} from "./inspect-tally.ts";
import type { Demonstrations } from "./layouts.ts";
import { readInBlocks } from "./select.ts";

export type { Finding, FindingKind, FindingSeverity } from "./inspect-finding.ts";
export type { InspectionOptions } from "./inspect-findings.ts";
export type { NumberSummary } from "./inspect-tally.ts";

/** What a demonstration set holds and what seems wrong with it: plain data, as {@link formatInspection} shows it. */
export interface Inspection {
  readonly source: string;
  readonly env: string | null;
  /** Null where the set did not come from a file. */
  readonly format: DemonstrationFormat | null;
  readonly layout: string;
  readonly episodes: number;
  /** Steps over all episodes. */
  readonly transitions: number;
  /** Steps of an episode. */
  readonly lengths: NumberSummary;
  /** Undiscounted true returns of the episodes; null where the recording has no rewards. */
  readonly returns: NumberSummary | null;
  readonly observationSize: number;
  readonly actionSize: number;
  /** Of each observation column, [observationSize]. */
  readonly observations: readonly NumberSummary[];
  /** Of each action column, [actionSize]. */
  readonly actions: readonly NumberSummary[];
  /** How often each action was taken, ascending; null where actions are not few whole numbers in one column. */
  readonly actionCounts: readonly { readonly action: number; readonly count: number }[] | null;
  /** Episodes ended by the task, by a time limit or other cut, and without a mark. */
  readonly ends: { readonly terminated: number; readonly truncated: number; readonly unmarked: number };
  /** Worst first. */
  readonly findings: readonly Finding[];
}

/** Told, now and then, how many of how many rows have been read. */
export type ReadingProgress = (rows: number, of: number) => void;

/** Summarises `demonstrations` and looks for what usually goes wrong in recordings. */
export function inspectDemonstrations(
  demonstrations: Demonstrations,
  options: InspectionOptions = {},
): Inspection {
  const { trajectories } = demonstrations;
  const { observationSize, actionSize, rewards } = trajectories;
  const { actionSpace = null } = options;
  const tally = createTally(observationSize, actionSize, rewards !== null, actionSpace);
  tallyEpisodes(tally, trajectories);
  return inspectionOf({ ...demonstrations, format: null }, tally, options);
}

/** The same of a file, which may be larger than memory: its episodes are read a few at a time. */
export async function inspectFile(
  file: DemonstrationFile,
  options: InspectionOptions = {},
  progress: ReadingProgress = () => {},
): Promise<Inspection> {
  const { observationSize, actionSize, hasRewards, episodeStarts } = file;
  const tally = createTally(observationSize, actionSize, hasRewards, options.actionSpace ?? null);
  const rows = episodeStarts[episodeStarts.length - 1];
  for await (const trajectories of readInBlocks(file)) {
    tallyEpisodes(tally, trajectories);
    progress(tally.observations.rows, rows);
  }
  return inspectionOf(file, tally, options);
}

type Described = Pick<Inspection, "source" | "env" | "format" | "layout"> &
  Pick<Demonstrations, "metadata" | "warnings">;

function inspectionOf(described: Described, tally: InspectionTally, options: InspectionOptions): Inspection {
  const { source, env, format, layout, warnings } = described;
  const { observations, actions, choices, returns, ends } = tally;
  const reading = warnings.map((message) => note("reading", message));
  const found = findingsOf(tally, {
    stride: recordedStride(described.metadata),
    ...options,
    id: options.id ?? env ?? undefined,
  });
  return {
    source,
    env,
    format,
    layout,
    episodes: tally.episodes,
    transitions: observations.rows,
    lengths: summarise(tally.lengths),
    returns: tally.rewards && summarise(returns),
    observationSize: observations.mean.length,
    actionSize: actions.mean.length,
    observations: columnSummaries(observations),
    actions: columnSummaries(actions),
    actionCounts: choices && countsOf(choices),
    ends: { terminated: ends.terminated, truncated: ends.truncated, unmarked: ends.unmarked },
    findings: worstFirst([...reading, ...found]),
  };
}

/** One step in how many is left of a set, after all the thinnings that its description tells of (`tandem demos subsample`). */
export function recordedStride({ subsampled }: Demonstrations["metadata"]): number {
  let stride = 1;
  for (let told = subsampled; typeof told === "object" && told !== null;) {
    const { every, before } = told as { every?: unknown; before?: unknown };
    if (typeof every === "number") stride *= every;
    told = before;
  }
  return stride;
}

function columnSummaries(tally: ColumnTally): NumberSummary[] {
  return Array.from(tally.mean, (_, column) => columnSummary(tally, column));
}

function countsOf(choices: ReadonlyMap<number, number>): NonNullable<Inspection["actionCounts"]> {
  return [...choices].sort(([a], [b]) => a - b).map(([action, count]) => ({ action, count }));
}
