/** A recorded episode, played again from its start. */
import { TandemError } from "../core/index.ts";
import type { Environment, EnvironmentState } from "../envs/index.ts";
import { distanceFrom, type Sample } from "./lint-steps.ts";

/** How far the simulator follows an episode under its recorded actions. Distances are in spreads of their column. */
export interface ReplayReport {
  readonly episode: number;
  /** What it started from, for people. */
  readonly from: string;
  /** Steps that were replayed, at most those recorded. */
  readonly steps: number;
  /** First step after which the observation is off by a hundredth of a column's spread; null where it never is. */
  readonly departsAt: number | null;
  /** Largest distance after so many steps, where they were replayed. */
  readonly errors: readonly { readonly step: number; readonly error: number }[];
}

/** Steps after which the distance is told. */
const TOLD = [1, 10, 100];

/** A distance that counts as departed. */
const DEPARTED = 0.01;

/** Plays the sample's first episode again from `state`. */
export function replayFirstEpisode(
  environment: Environment,
  { trajectories, spreads }: Sample,
  state: EnvironmentState,
  from: string,
): ReplayReport {
  const { actions, actionSize, nextObservations, episodeStarts } = trajectories;
  const errors: { step: number; error: number }[] = [];
  let departsAt: number | null = null;
  let step = 0;
  environment.setState(state);
  while (step < episodeStarts[1]) {
    const action = Float64Array.from(actions.subarray(step * actionSize, (step + 1) * actionSize));
    const result = stepOrNull(environment, action);
    if (!result) break;
    const { error } = distanceFrom(nextObservations, step, result.observation, spreads);
    step++;
    if (TOLD.includes(step)) errors.push({ step, error });
    if (error > DEPARTED) departsAt ??= step;
    if (result.terminated || (departsAt !== null && step >= TOLD[TOLD.length - 1])) break;
  }
  return { episode: 0, from, steps: step, departsAt, errors };
}

function stepOrNull(
  environment: Environment,
  action: ArrayLike<number>,
): ReturnType<Environment["step"]> | null {
  try {
    return environment.step(action);
  } catch (error) {
    if (error instanceof TandemError) return null;
    throw error;
  }
}
