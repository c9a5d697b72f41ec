/** What each option does among the configurations of one family. */
import type { Outcome } from "./outcome.ts";
import { meanOf, standing } from "./statistics.ts";
import type { Method, Task } from "./suite.ts";
import { textOf } from "./sweep.ts";

/** A configuration: its values of the options that vary, as on the command line, and its mean normalised score. */
export interface Configuration {
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
  /** null before a cell of it has one. */
  readonly score: number | null;
}

/** One value of an option. */
interface MarginalValue {
  readonly value: string;
  /** Scores of the configurations that have it. */
  readonly scores: readonly number[];
  /**
   * Over the other options: where each of their settings was planned under every value, the mean over those that have a score under
   * every one; else over what has a score. null of none.
   */
  readonly mean: number | null;
}

/** The scores by one option. */
export interface Marginal {
  readonly option: string;
  /** Whether every setting of the other options was planned under every value, as in a grid. */
  readonly isBalanced: boolean;
  readonly values: readonly MarginalValue[];
}

/** What an option is that a configuration does not say. */
const UNSAID = "default";

/** The configurations of a family on a task, by the options in which they differ. */
export function configurationsOf(
  { name: task }: Pick<Task, "name">,
  family: readonly Method[],
  outcomes: readonly Outcome[],
): Configuration[] {
  const said = family.map(({ options, perTask }) => ({ ...options, ...perTask[task] }));
  const names = [...new Set(said.flatMap(Object.keys))];
  const value = (i: number, name: string): string => (name in said[i] ? textOf(said[i][name]) : UNSAID);
  const varying = names.filter((name) => said.some((_, i) => value(i, name) !== value(0, name)));
  return family.map((method, i) => {
    const cells = outcomes.filter((outcome) => outcome.task === task && outcome.method === method.name);
    return {
      name: method.name,
      values: Object.fromEntries(varying.map((name) => [name, value(i, name)])),
      score: meanOf(cells.map(standing))?.mean ?? null,
    };
  });
}

/** The marginal of every option in which configurations differ. */
export function marginalsOf(configurations: readonly Configuration[]): Marginal[] {
  return Object.keys(configurations[0]?.values ?? {}).map((option) => marginalOf(option, configurations));
}

function marginalOf(option: string, configurations: readonly Configuration[]): Marginal {
  const others = ({ values }: Configuration): string => JSON.stringify({ ...values, [option]: "" });
  const byValue = Map.groupBy(configurations, ({ values }) => values[option]);
  const groups = [...Map.groupBy(configurations, others).values()];
  const isBalanced = groups.every((group) => group.length === byValue.size);
  const complete = groups.filter((group) => group.every(({ score }) => score !== null)).flat();
  const values = Array.from(byValue, ([value, own]) => ({
    value,
    scores: own.map(({ score }) => score).filter((score) => score !== null),
    mean:
      meanOf((isBalanced ? own.filter((each) => complete.includes(each)) : own).map(({ score }) => score))
        ?.mean ?? null,
  }));
  return { option, isBalanced, values: values.sort(inOrder) };
}

/** Numbers by size, before words as they come. */
function inOrder({ value: one }: MarginalValue, { value: other }: MarginalValue): number {
  return isNumber(one) && isNumber(other) ? Number(one) - Number(other) : 0;
}

/** Whether an option's value has a place on an axis. */
export function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}
