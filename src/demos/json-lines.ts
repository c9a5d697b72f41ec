import { shownValue, TandemError } from "../core/index.ts";
import type { ByteSource } from "./byte-source.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { printable } from "./printable.ts";
import { openStepLines, type Step } from "./step-lines.ts";
import { firstLine } from "./text-lines.ts";

/** How a header line names the layout. */
export const JSON_LINES_VERSION = "demonstrations/1";

const KEYS = [
  "episode",
  "t",
  "observation",
  "action",
  "nextObservation",
  "reward",
  "terminated",
  "truncated",
];

/** Unknown keys that are named in a warning. */
const MAX_NAMED = 20;

type JsonObject = Readonly<Record<string, unknown>>;

/** Opens JSON Lines: one step a line, after a first line that may describe the set. */
export async function openJsonLines(
  bytes: ByteSource,
  close: () => Promise<void>,
): Promise<DemonstrationFile> {
  const line = await firstLine(bytes);
  const header = line && headerOf(line.text, bytes.name);
  const unread = new Set<string>();
  return openStepLines({
    bytes,
    format: "jsonl",
    layout: "steps",
    metadata: header ?? {},
    begin: header ? line.end : 0,
    linesBefore: header ? line.number : 0,
    parse: (text) => stepOf(text, unread),
    warnings: () =>
      unread.size > 0 ? [`Keys that were not read: ${printable([...unread].join(", "))}.`] : [],
    close,
  });
}

/** What a header line says beside its version; null where the line is a step or nothing that is known. */
function headerOf(text: string, name: string): JsonObject | null {
  const { tandem, ...metadata } = objectIn(text) ?? {};
  if (tandem === undefined) return null;
  if (tandem === JSON_LINES_VERSION) return metadata;
  const problem = `expected "tandem": "${JSON_LINES_VERSION}" in its first line, got ${shown(tandem)}; it needs a newer version`;
  throw new TandemError("readDemonstrations", `${name}: ${problem}`);
}

function stepOf(text: string, unread: Set<string>): Step {
  const step =
    objectIn(text) ?? refuse(`expected one JSON object a line, got ${shown(text)}; write one step a line`);
  for (const key of Object.keys(step)) {
    if (!KEYS.includes(key) && unread.size < MAX_NAMED) unread.add(key);
  }
  return {
    episode: wholeOf(step, "episode") ?? refuse("expected a whole number as its episode, got none; add it"),
    t: wholeOf(step, "t"),
    observation: numbersOf(step, "observation") ?? refuse("expected an observation, got none; add it"),
    action: numbersOf(step, "action") ?? refuse("expected an action, got none; add it"),
    nextObservation: numbersOf(step, "nextObservation"),
    reward: step.reward === undefined || step.reward === null ? null : numberOf(step.reward, "reward"),
    terminated: flagOf(step, "terminated"),
    truncated: flagOf(step, "truncated"),
  };
}

/** The object in a line, null where there is something else. */
function objectIn(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}

function wholeOf(step: JsonObject, key: string): number | null {
  const value = step[key];
  if (value === undefined || value === null) return null;
  if (!Number.isSafeInteger(value))
    refuse(`expected a whole number as its ${key}, got ${shown(value)}; count from 0`);
  return value as number;
}

function numbersOf(step: JsonObject, key: string): readonly number[] | null {
  const value = step[key];
  if (value === undefined || value === null) return null;
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0) refuse(`expected numbers as its ${key}, got []; record at least one`);
  for (const entry of values) numberOf(entry, key);
  return values as readonly number[];
}

function numberOf(value: unknown, key: string): number {
  if (typeof value === "number" && Number.isFinite(Math.fround(value))) return value;
  return refuse(`expected float32 numbers as its ${key}, got ${shown(value)}; remove that episode`);
}

function flagOf(step: JsonObject, key: string): boolean {
  const value = step[key] ?? false;
  if (typeof value !== "boolean" && value !== 0 && value !== 1)
    refuse(`expected true or false as ${key}, got ${shown(value)}; correct it`);
  return Boolean(value);
}

function shown(value: unknown): string {
  return typeof value === "string" ? printable(value, 60) : shownValue(value);
}

/** The place is put in front by the caller. */
function refuse(problem: string): never {
  throw new Error(problem);
}
