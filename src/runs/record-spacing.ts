/** Keeps a long run's metrics short: records of what happens all the time lie some way apart. */
import type { TrainingRecord } from "../core/index.ts";

/** So many records of a kind, and one more, are the most that a run has; those of `ALL_KEPT` are counted by who asks for them. */
export const MOST_OF_A_KIND = 10_000;

/** Made as often as evaluations are, or but a few times. */
const ALL_KEPT: ReadonlySet<TrainingRecord["kind"]> = new Set([
  "evaluation",
  "held-out",
  "instruments",
  "finding",
]);

/** Which records have been kept. Updated in place. */
export interface RecordSpacing {
  /** Training steps from one record of a kind to the next, at least. 1 keeps all. */
  readonly steps: number;
  /** The step of the newest that was kept, by kind. */
  readonly newest: Map<TrainingRecord["kind"], number>;
  /** Seconds of the records of the reward that were left out since. */
  readonly leftOut: { seconds: number; policySeconds: number; simulationSeconds: number };
}

/** For a run of so many steps. */
export function createRecordSpacing(steps: number): RecordSpacing {
  const leftOut = { seconds: 0, policySeconds: 0, simulationSeconds: 0 };
  return { steps: Math.ceil(steps / MOST_OF_A_KIND), newest: new Map(), leftOut };
}

/** A record that is in the metrics already. */
export function noteKept({ newest }: RecordSpacing, { kind, step }: TrainingRecord): void {
  newest.set(kind, step);
}

/**
 * The record as it is to be kept, or null where one of its kind is too near before it. Seconds that a reward step took go over
 * to the next that is kept, so that their sum stays what it is, but for those left out before a stop; all else tells of its own step alone.
 */
export function spaced(spacing: RecordSpacing, record: TrainingRecord): TrainingRecord | null {
  const { steps, newest, leftOut } = spacing;
  const { kind, step } = record;
  const distance = step - (newest.get(kind) ?? -Infinity);
  const isKept = ALL_KEPT.has(kind) || distance === 0 || distance >= steps;
  if (isKept) newest.set(kind, step);
  if (record.kind !== "reward") return isKept ? record : null;
  leftOut.seconds += record.seconds;
  leftOut.policySeconds += record.policySeconds;
  leftOut.simulationSeconds += record.simulationSeconds;
  if (!isKept) return null;
  const kept = { ...record, ...leftOut };
  leftOut.seconds = leftOut.policySeconds = leftOut.simulationSeconds = 0;
  return kept;
}
