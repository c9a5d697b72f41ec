/** What the experiments on exact ground share: a setting is a `TabularSetting`, an outcome its measurements. */
import {
  TABULAR_DEFAULTS,
  runTabularCell,
  type TabularOutcome,
  type TabularPoint,
  type TabularSetting,
} from "./tabular-cell.ts";
import type { Cell, CellContext, CellResult } from "./experiment.ts";

/** What a tabular cell leaves in `results.jsonl`: points, with five significant digits. */
export interface TabularRecord {
  readonly end: TabularOutcome["end"];
  readonly expertLikelihood: number;
  readonly uniformLikelihood: number;
  readonly findings: readonly string[];
  readonly points: readonly TabularPoint[];
}

export type TabularResult = CellResult<TabularSetting, TabularRecord>;

/** A cell whose setting differs from the defaults in what is given. */
export function tabularCell(id: string, changes: Partial<TabularSetting>): Cell<TabularSetting> {
  return { id, setting: { ...TABULAR_DEFAULTS, ...changes } };
}

/** Run a cell and keep its last point, or as many as asked for. */
export async function runToRecord(
  setting: TabularSetting,
  { clock }: CellContext,
  keptPoints = 1,
): Promise<TabularRecord> {
  return recordOf(await runTabularCell(setting, clock), keptPoints);
}

/** The part of an outcome that is kept: of the points the last, or as many as asked for, evenly over the run. */
export function recordOf(outcome: TabularOutcome, keptPoints: number): TabularRecord {
  const { end, expertLikelihood, uniformLikelihood, findings } = outcome;
  const last = outcome.points.length - 1;
  const stride = Math.max(1, Math.ceil(last / keptPoints));
  const points = outcome.points.filter((_, i) => i === last || (keptPoints > 1 && (last - i) % stride === 0));
  return rounded({ end, expertLikelihood, uniformLikelihood, findings, points });
}

/** Numbers to six significant digits, all else as it is: results are read by people too. */
export function rounded<Value>(value: Value): Value {
  return JSON.parse(
    JSON.stringify(value, (_, each: unknown) =>
      typeof each === "number" && !Number.isInteger(each) ? Number(each.toPrecision(6)) : each,
    ),
  ) as Value;
}

/** The last point of a run. */
export function finalPoint({ outcome }: TabularResult): TabularPoint {
  return outcome.points[outcome.points.length - 1];
}

/** Results in groups, in the order in which each group first occurs. */
export function groupBy<Item, Name extends string | number>(
  items: readonly Item[],
  nameOf: (item: Item) => Name,
): Map<Name, Item[]> {
  const groups = new Map<Name, Item[]>();
  for (const item of items) {
    const name = nameOf(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}

/** Seeds 0 .. count - 1. */
export function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, seed) => seed);
}

/** Middle of a sample; NaN of an empty one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
