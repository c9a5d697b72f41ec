import { styleText } from "node:util";
import {
  findingSentence,
  type EvaluationRecord,
  type FindingRecord,
  type TrainingRecord,
} from "../core/index.ts";
import type { Progress } from "../runs/index.ts";

/** Tells somebody how a training goes. */
export interface ProgressDisplay {
  progress(progress: Progress): void;
  record(record: TrainingRecord): void;
  /** A sentence of its own. */
  say(sentence: string): void;
  /** Leaves the cursor at the start of a line. */
  finish(): void;
}

/** What a display needs of a stream; `process.stderr` has it. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  hasColors?(): boolean;
  write(text: string): unknown;
}

/** One live line on a terminal; elsewhere a line every ten seconds and at each evaluation. */
export function createProgressDisplay(
  stream: ProgressStream,
  expertReturn: number | null,
  clock: () => number,
): ProgressDisplay {
  return stream.isTTY ? liveLine(stream, expertReturn) : plainLines(stream, expertReturn, clock);
}

/** Columns left free at the end of the live line, for the ^C that a terminal may put there. */
const ROOM_FOR_ECHO = 3;
const BAR = { least: 8, most: 12 };

function liveLine(stream: ProgressStream, expertReturn: number | null): ProgressDisplay {
  const CLEAR = "\r\u001B[K";
  let line = "";
  const say = (sentence: string): void => {
    stream.write(`${CLEAR}${sentence}\n${line}`);
  };
  return {
    progress: (progress) => {
      const colour = stream.hasColors?.() ?? false;
      line = progressLine(progress, expertReturn, (stream.columns ?? 80) - ROOM_FOR_ECHO, colour);
      stream.write(`${CLEAR}${line}`);
    },
    record: (record) => {
      if (isNews(record)) say(findingLine(record));
    },
    say,
    finish: () => {
      if (line) stream.write(CLEAR);
      line = "";
    },
  };
}

function plainLines(
  stream: ProgressStream,
  expertReturn: number | null,
  clock: () => number,
): ProgressDisplay {
  const INTERVAL_MS = 10_000;
  let said = clock();
  return {
    progress: (progress) => {
      if (clock() - said < INTERVAL_MS) return;
      said = clock();
      stream.write(`${plainLine(progress)}\n`);
    },
    record: (record) => {
      if (isNews(record)) stream.write(`${findingLine(record)}\n`);
      if (record.kind === "evaluation") stream.write(`${evaluationLine(record, expertReturn)}\n`);
    },
    say: (sentence) => {
      stream.write(`${sentence}\n`);
    },
    finish: () => {},
  };
}

/** `━━━━────  41%  123k/300k steps  412/s  7 min left  return 2345 (expert 9500)`, in at most `width` columns. */
export function progressLine(
  { step, steps, rate, secondsLeft, lastReturn }: Progress,
  expertReturn: number | null,
  width: number,
  colour: boolean,
): string {
  const expert = expertReturn === null ? "" : ` (expert ${expertReturn.toFixed(0)})`;
  const left = step >= steps ? "final evaluation" : `${duration(secondsLeft)} left`;
  const parts = [
    `${Math.floor((100 * step) / steps)}%`.padStart(4),
    `${short(step, steps)}/${short(steps, steps)} steps`,
    left,
    ...(lastReturn === null ? [] : [`return ${lastReturn.toFixed(0)}${expert}`]),
    ...(step >= steps ? [] : [`${rate.toFixed(rate < 10 ? 1 : 0)}/s`]),
  ];
  while (parts.length > 1 && parts.join("  ").length + BAR.least >= width) parts.pop();
  const text = parts.join("  ");
  const bar = Math.min(BAR.most, width - text.length - 1);
  if (bar < BAR.least) return text.slice(0, width);
  const filled = Math.round((bar * step) / steps);
  const paint = (format: "cyan" | "gray", shown: string): string =>
    colour ? styleText(format, shown, { validateStream: false }) : shown;
  return `${paint("cyan", "━".repeat(filled))}${paint("gray", "─".repeat(bar - filled))} ${text}`;
}

function plainLine({ step, steps, rate, secondsLeft }: Progress): string {
  const percent = Math.floor((100 * step) / steps);
  return `${step} of ${steps} steps (${percent}%), ${rate.toFixed(0)} steps/s, ${duration(secondsLeft)} left`;
}

function evaluationLine(
  { step, meanReturn, stdReturn }: EvaluationRecord,
  expertReturn: number | null,
): string {
  const expert = expertReturn === null ? "" : `, expert ${expertReturn.toFixed(1)}`;
  return `evaluation at ${step} steps: true return ${meanReturn.toFixed(1)} ± ${stdReturn.toFixed(1)}${expert}`;
}

/** A sign of failure when it is first seen; that it is over is for the report. */
function isNews(record: TrainingRecord): record is FindingRecord {
  return record.kind === "finding" && record.until === null;
}

function findingLine(record: FindingRecord): string {
  return `warning: at step ${record.step}: ${findingSentence(record)}`;
}

/** `40 s`, `7 min`, `3 h 20 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A count of steps, in thousands where the whole is large. */
function short(count: number, whole: number): string {
  if (whole < 10_000) return String(count);
  if (whole < 10_000_000) return `${Math.floor(count / 1000)}k`;
  return `${(count / 1e6).toFixed(1)}M`;
}
