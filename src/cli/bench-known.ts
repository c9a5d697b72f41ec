/** What is known of the cells of a bench: from their run folders or, where these are gone, from lines of results. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  disagreement,
  readOutcome,
  readRecorded,
  recordedDisagreement,
  recordedOutcome,
  resultsIn,
  type Disagreement,
  type Outcome,
  type RecordedCell,
  type Suite,
} from "../bench/index.ts";
import { TandemError } from "../core/index.ts";
import { readConfig } from "../runs/index.ts";
import type { PlannedCell } from "./bench-plan.ts";
import { warn } from "./run-setup.ts";

/** A cell and what it has come to. */
export interface Known {
  readonly planned: PlannedCell;
  readonly outcome: Outcome;
  /** Whether only a line of results says so. */
  readonly isRecorded: boolean;
}

/** A line of results, and what to do where it is not what the suite asks for. */
interface Recorded extends RecordedCell {
  readonly remedy: string;
}

/** Cells that have ended according to lines of results, by id. */
export type Records = ReadonlyMap<string, Recorded>;

/**
 * Read the lines of `folder` and of the files `from`; of several lines of a cell the first stands. A line of the folder whose cell is
 * none of the suite's is refused where its run folder is gone: the report would lose it.
 */
export function readRecords(
  { name }: Suite,
  cells: readonly PlannedCell[],
  folder: string,
  from: readonly string[],
): Records {
  const ids = new Set(cells.map(({ cell }) => cell.id));
  const own = resultsIn(folder);
  const kept = existsSync(own) ? readRecorded(own) : new Map<string, RecordedCell>();
  const lost = [...kept].find(([id]) => !ids.has(id) && !hasRun(join(folder, id)));
  if (lost) {
    const [id, { where }] = lost;
    throw new TandemError(
      "bench",
      `${where}: ${id} is no cell of ${name}; choose another --out, or remove the line`,
    );
  }
  const others = from.map((path) => {
    const found = readRecorded(path);
    const strangers = [...found.keys()].filter((id) => !ids.has(id)).length;
    if (strangers > 0)
      warn(`${strangers} of the ${found.size} cells in ${path} are none of ${name}, left out`);
    return withRemedy(found, `leave out --from ${path}`);
  });
  return new Map([...others.toReversed().flat(), ...withRemedy(kept, "choose another --out")]);
}

function withRemedy(
  found: ReadonlyMap<string, RecordedCell>,
  remedy: string,
): [id: string, record: Recorded][] {
  return Array.from(found, ([id, record]) => [id, { ...record, remedy }]);
}

/** What a cell has come to, its run folder first; refused where it was made under another configuration than the suite says. */
export function knownOf(planned: PlannedCell, folder: string, records: Records): Known {
  const { cell } = planned;
  const place = join(folder, cell.id);
  const record = records.get(cell.id);
  if (record && !hasRun(place)) {
    const other = recordedDisagreement(planned.config, record.outcome);
    const remedy = `${record.remedy}, or remove the line to train it anew`;
    if (other) throw refusal(`${cell.id} in ${record.where},`, other, remedy);
    return { planned, outcome: recordedOutcome(cell, record), isRecorded: true };
  }
  const config = hasRun(place) ? readConfig(place) : null;
  const other = config && disagreement(planned.config, config);
  const remedy = `choose another --out, or ${trainAnew(folder, cell.id)}`;
  if (other) throw refusal(`${cell.id} in ${folder}`, other, remedy);
  return { planned, outcome: readOutcome(cell, place, config), isRecorded: false };
}

function refusal(what: string, { setting, found, planned }: Disagreement, remedy: string): TandemError {
  return new TandemError(
    "bench",
    `${what} was made with ${setting} ${found}, the suite says ${planned}; ${remedy}`,
  );
}

/** Whether a cell is not to be trained: a run whose measurements were not finite ended for good. */
export function hasEnded({ outcome: { state } }: Known): boolean {
  return state === "complete" || state === "diverged";
}

/** How to have a cell trained again. */
export function trainAnew(folder: string, id: string): string {
  return `remove ${join(folder, id)} and its line in ${resultsIn(folder)} to train it anew`;
}

function hasRun(place: string): boolean {
  return existsSync(join(place, "config.json"));
}
