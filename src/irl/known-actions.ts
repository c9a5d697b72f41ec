import { TandemError, type Trajectories } from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";

/** Refuse demonstrations of actions that a task with finitely many does not have. (Beyond a box's bounds they are clipped.) */
export function requireKnownActions(
  where: string,
  { id, actionSpace }: Environment,
  { actions }: Trajectories,
): void {
  if (actionSpace.kind === "box") return;
  const { count } = actionSpace;
  const at = actions.findIndex((action) => !(Number.isInteger(action) && action >= 0 && action < count));
  if (at < 0) return;
  throw new TandemError(
    where,
    `${id} has the actions 0 to ${count - 1}, but step ${at} of the demonstrations takes ${actions[at]}; check that they are of this environment`,
  );
}
