/** Whether runs are of one task. */
import type { RunConfig } from "../runs/index.ts";

type Env = RunConfig["env"];

/** Whether two environments have the same id and options, whatever the options' order. */
export function isSameTask(one: Env, other: Env): boolean {
  return canonical(one) === canonical(other);
}

/** An environment in words: its id and options. */
export function taskText({ id, options }: Env): string {
  return `${id} with ${JSON.stringify(options)}`;
}

function canonical({ id, options }: Env): string {
  return JSON.stringify([id, Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
