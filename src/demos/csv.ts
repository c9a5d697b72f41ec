import { TandemError } from "../core/index.ts";
import type { ByteSource } from "./byte-source.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { printable } from "./printable.ts";
import { openStepLines, type Step } from "./step-lines.ts";
import { firstLine } from "./text-lines.ts";

/** Which fields of a line make up a step. */
interface CsvColumns {
  separator: string;
  count: number;
  episode: number;
  t: number | null;
  observation: readonly number[];
  action: readonly number[];
  nextObservation: readonly number[];
  reward: number | null;
  terminated: number | null;
  truncated: number | null;
  unread: readonly string[];
}

const EXPECTED = "episode, state or observation_0 .., action or action_0 ..";

/** Opens CSV (also with semicolons or tabs): a line that names the columns, then one step a line. */
export async function openCsv(bytes: ByteSource, close: () => Promise<void>): Promise<DemonstrationFile> {
  const line = await firstLine(bytes);
  if (!line)
    throw new TandemError("readDemonstrations", `${bytes.name}: expected CSV, got an empty file; record it`);
  const columns = columnsOf(line.text, bytes.name);
  return openStepLines({
    bytes,
    format: "csv",
    layout: "steps",
    metadata: {},
    begin: line.end,
    linesBefore: line.number,
    parse: (text) => stepOf(text, columns),
    warnings: () =>
      columns.unread.length > 0
        ? [`Columns that were not read: ${printable(columns.unread.join(", "))}.`]
        : [],
    close,
  });
}

function columnsOf(header: string, name: string): CsvColumns {
  const separator = [",", ";", "\t"].find((candidate) => header.includes(candidate)) ?? ",";
  const names = fieldsOf(header, separator);
  // Of several columns of one name the first.
  const places = new Map(names.map((name, at) => [name, at] as const).toReversed());
  const read = new Set<number>();
  const single = (wanted: string): number | null => {
    const at = places.get(wanted) ?? null;
    if (at === null) return null;
    read.add(at);
    return at;
  };
  const several = (alone: string, numbered: string): number[] => {
    const one = single(alone);
    if (one !== null) return [one];
    const found: number[] = [];
    for (let at = single(`${numbered}_0`); at !== null; at = single(`${numbered}_${found.length}`))
      found.push(at);
    return found;
  };
  const episode = single("episode");
  const observation = several("state", "observation");
  const action = several("action", "action");
  const nextObservation = several("next_state", "next_observation");
  if (episode === null || observation.length === 0 || action.length === 0) {
    const problem = `expected the columns ${EXPECTED}, found ${printable(names.join(", "), 100)}; rename them to these`;
    throw new TandemError("readDemonstrations", `${name}: ${problem}`);
  }
  return {
    separator,
    count: names.length,
    episode,
    t: single("t"),
    observation,
    action,
    nextObservation,
    reward: single("reward"),
    terminated: single("terminated"),
    truncated: single("truncated"),
    unread: names.filter((_, at) => !read.has(at)),
  };
}

function stepOf(text: string, columns: CsvColumns): Step {
  const fields = fieldsOf(text, columns.separator);
  if (fields.length !== columns.count)
    refuse(`expected ${columns.count} fields, got ${fields.length}; write a field for each column`);
  const numbers = (places: readonly number[]): number[] => places.map((place) => numberOf(fields[place]));
  const { episode, t, observation, action, nextObservation, reward, terminated, truncated } = columns;
  const hasNext = nextObservation.some((place) => fields[place] !== "");
  return {
    episode: wholeOf(fields[episode], "episode"),
    t: t === null ? null : wholeOf(fields[t], "t"),
    observation: numbers(observation),
    action: numbers(action),
    nextObservation: hasNext ? numbers(nextObservation) : null,
    reward: reward === null || fields[reward] === "" ? null : numberOf(fields[reward]),
    terminated: terminated !== null && flagOf(fields[terminated]),
    truncated: truncated !== null && flagOf(fields[truncated]),
  };
}

/** Fields without the quotes and spaces around them. Numbers and names hold no separators. */
function fieldsOf(text: string, separator: string): string[] {
  return text.split(separator).map((field) => field.trim().replace(/^"(.*)"$/, "$1"));
}

function numberOf(field: string): number {
  const value = field === "" ? NaN : Number(field);
  if (!Number.isFinite(Math.fround(value)))
    refuse(`expected a float32 number, got "${printable(field, 40)}"; remove that episode`);
  return value;
}

function wholeOf(field: string, name: string): number {
  const value = field === "" ? NaN : Number(field);
  if (!Number.isSafeInteger(value))
    refuse(`expected a whole number as ${name}, got "${printable(field, 40)}"; count from 0`);
  return value;
}

function flagOf(field: string): boolean {
  const flag = field.toLowerCase();
  if (flag === "1" || flag === "true") return true;
  if (flag === "0" || flag === "false" || flag === "") return false;
  return refuse(`expected 0 or 1 as an end flag, got "${printable(field, 40)}"; correct it`);
}

/** The place is put in front by the caller. */
function refuse(problem: string): never {
  throw new Error(problem);
}
