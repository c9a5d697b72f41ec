import {
  appendStep,
  createTrajectoryBuilder,
  dropUnfinished,
  foldIn,
  fromPolicyUnits,
  PolicyDiverged,
  policySize,
  recordedSize,
  SimulationDiverged,
  takeTrajectories,
  TandemError,
  type ActionSpace,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";

/** Writes an action in policy units, [policySize], for the observation. */
export type Act = (observation: Float64Array, action: Float32Array) => void;

/** What a learner acts in: finitely many actions, or a box, whose bounds must be finite. */
export function policyActions({ id, actionSpace: space }: Environment): ActionSpace {
  if (space.kind === "discrete") return space;
  for (let i = 0; i < space.size; i++) {
    const width = space.high[i] - space.low[i];
    if (width > 0 && width < Infinity) continue;
    const got = `[${space.low[i]}, ${space.high[i]}]`;
    throw new TandemError(
      "policyActions",
      `expected finite bounds, ${id} has ${got} for action ${i}; bound it`,
    );
  }
  return space;
}

/** Refuse an action that is none, before the environment does. */
export function requireFinite(unitAction: Float32Array): void {
  for (let i = 0; i < unitAction.length; i++) {
    if (Number.isFinite(unitAction[i])) continue;
    throw new PolicyDiverged("policy", `its action is ${unitAction[i]}; try a smaller --learning-rate`);
  }
}

/** The seed with which episode `episode` of the purpose that owns `key` starts. */
export function episodeSeed(key: Key, episode: number): number {
  return foldIn(key, episode)[0];
}

/** Episodes tried for each that is asked for, where simulations diverge. */
const MOST_TRIES = 4;

/**
 * Run `episodes` episodes from the start, seeded by `key`. Actions are recorded in the environment's own units. An episode in which the
 * simulation diverges is dropped, and another one takes its place; `onDropped` hears how many steps it took, the last of which came to
 * nothing. After four times as many as asked for there may be fewer; where there is none, that is an error.
 */
export function rollout(
  environment: Environment,
  act: Act,
  episodes: number,
  key: Key,
  onDropped: (steps: number) => void = () => {},
): Trajectories {
  const space = policyActions(environment);
  const size = environment.observationSpace.size;
  const builder = createTrajectoryBuilder(size, recordedSize(space));
  const observation = new Float64Array(size);
  const unit = new Float32Array(policySize(space));
  const action = new Float32Array(recordedSize(space));
  const runEpisode = (episode: number): void => {
    observation.set(environment.reset({ seed: episodeSeed(key, episode) }).observation);
    for (let ended = false; !ended;) {
      act(observation, unit);
      requireFinite(unit);
      fromPolicyUnits(space, unit, action);
      const { observation: next, reward, terminated, truncated } = environment.step(action);
      appendStep(builder, observation, action, next, reward, terminated, truncated);
      observation.set(next);
      ended = terminated || truncated;
    }
  };
  for (let episode = 0; builder.episodeEnds.length < episodes; episode++) {
    try {
      runEpisode(episode);
    } catch (error) {
      if (!(error instanceof SimulationDiverged)) throw error;
      onDropped(dropUnfinished(builder) + 1);
      if (episode + 1 < MOST_TRIES * episodes) continue;
      if (builder.episodeEnds.length === 0) throw error;
      break;
    }
  }
  return takeTrajectories(builder);
}
