/** Demonstration files that are no files, and recordings to plant faults in. */
import {
  appendStep,
  createTrajectoryBuilder,
  keyFromSeed,
  nextInteger,
  nextNormal,
  sliceEpisodes,
  streamOf,
  takeTrajectories,
  type Trajectories,
} from "../../src/core/index.ts";
import type { DemonstrationFile } from "../../src/demos/index.ts";
import { makeEnvironment, type Environment } from "../../src/envs/index.ts";

/** Those episodes as an open file; what is read, and how often, is in `reads`. */
export function asFile(
  trajectories: Trajectories,
  described: Partial<DemonstrationFile> = {},
): DemonstrationFile & { reads: [from: number, to: number][] } {
  const reads: [number, number][] = [];
  return {
    source: "memory.npz",
    format: "npz",
    layout: "plain",
    env: null,
    metadata: {},
    warnings: [],
    observationSize: trajectories.observationSize,
    actionSize: trajectories.actionSize,
    hasRewards: trajectories.rewards !== null,
    episodeStarts: Float64Array.from(trajectories.episodeStarts),
    readEpisodes: async (from, to) => {
      reads.push([from, to]);
      return sliceEpisodes(trajectories, from, to);
    },
    close: async () => {},
    ...described,
    reads,
  };
}

/** Chooses an action, [actionSize], for an observation. */
type Chooser = (observation: Float64Array) => Float64Array;

/** Actions that depend on nothing: normal ones, clipped to the bounds, or choices. */
function randomChooser({ actionSpace }: Environment, seed = 5): Chooser {
  const stream = streamOf(keyFromSeed(seed));
  if (actionSpace.kind === "discrete") return () => Float64Array.of(nextInteger(stream, actionSpace.count));
  const { size, low, high } = actionSpace;
  return () =>
    Float64Array.from({ length: size }, (_, i) =>
      Math.fround(Math.min(high[i], Math.max(low[i], high[i] * 0.5 * nextNormal(stream)))),
    );
}

/** `episodes` episodes of at most `steps` steps (cut there), recorded in float32 as files hold them. */
export function record(
  environment: Environment,
  episodes: number,
  steps: number,
  choose: Chooser = randomChooser(environment),
): Trajectories {
  const { observationSpace, actionSpace } = environment;
  const builder = createTrajectoryBuilder(
    observationSpace.size,
    actionSpace.kind === "box" ? actionSpace.size : 1,
  );
  for (let episode = 0; episode < episodes; episode++) {
    let observation = environment.reset({ seed: 100 + episode }).observation.slice();
    for (let t = 1; t <= steps; t++) {
      const action = choose(observation);
      const result = environment.step(action);
      const cut = !result.terminated && (result.truncated || t === steps);
      appendStep(builder, observation, action, result.observation, result.reward, result.terminated, cut);
      observation = result.observation.slice();
      if (result.terminated || cut) break;
    }
  }
  return takeTrajectories(builder);
}

/** A recording made in an environment of its own. */
export async function recordIn(
  id: string,
  options: Record<string, unknown>,
  episodes: number,
  steps: number,
): Promise<Trajectories> {
  const environment = await makeEnvironment(id, options);
  const made = record(environment, episodes, steps);
  environment.close();
  return made;
}

/** The same with every action `rows` rows later, as where the states after a step are stored with its action. */
export function withLateActions(trajectories: Trajectories, rows: number): Trajectories {
  const { actions, actionSize, terminated } = trajectories;
  const last = terminated.length - 1;
  const moved = new Float32Array(actions.length);
  for (let row = 0; row <= last; row++) {
    const from = Math.min(last, Math.max(0, row - rows));
    moved.set(actions.subarray(from * actionSize, (from + 1) * actionSize), row * actionSize);
  }
  return { ...trajectories, actions: moved };
}
