import {
  appendStep,
  createTrajectoryBuilder,
  foldIn,
  fromPolicyUnits,
  takeTrajectories,
  TandemError,
  type BoxSpace,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";

/** Writes an action in policy units, [-1, 1], for the observation. */
export type Act = (observation: Float64Array, action: Float32Array) => void;

/** The action space as a box with finite bounds; continuous-action learners need one. */
export function boxActions(environment: Environment): BoxSpace {
  const { id, actionSpace: space } = environment;
  if (space.kind !== "box") {
    throw new TandemError(
      "boxActions",
      `expected continuous actions, ${id} has ${space.count} discrete ones; for those see createSoftQMlIrl (examples/02-grid-world.ts) and tandem lab cartpole`,
    );
  }
  for (let i = 0; i < space.size; i++) {
    const width = space.high[i] - space.low[i];
    if (width > 0 && width < Infinity) continue;
    const got = `[${space.low[i]}, ${space.high[i]}]`;
    throw new TandemError("boxActions", `expected finite bounds, ${id} has ${got} for action ${i}; bound it`);
  }
  return space;
}

/** The seed with which episode `episode` of the purpose that owns `key` starts. */
export function episodeSeed(key: Key, episode: number): number {
  return foldIn(key, episode)[0];
}

/** Run `episodes` episodes from the start, seeded by `key`. Actions are recorded in the environment's own units. */
export function rollout(environment: Environment, act: Act, episodes: number, key: Key): Trajectories {
  const space = boxActions(environment);
  const size = environment.observationSpace.size;
  const builder = createTrajectoryBuilder(size, space.size);
  const observation = new Float64Array(size);
  const unit = new Float32Array(space.size);
  const action = new Float32Array(space.size);
  for (let episode = 0; episode < episodes; episode++) {
    observation.set(environment.reset({ seed: episodeSeed(key, episode) }).observation);
    for (let ended = false; !ended;) {
      act(observation, unit);
      fromPolicyUnits(space, unit, action);
      const { observation: next, reward, terminated, truncated } = environment.step(action);
      appendStep(builder, observation, action, next, reward, terminated, truncated);
      observation.set(next);
      ended = terminated || truncated;
    }
  }
  return takeTrajectories(builder);
}
