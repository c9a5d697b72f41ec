import { box, keyFromSeed, nextUniform, streamOf } from "../../src/core/index.ts";
import type { Environment, StepResult } from "../../src/envs/environment.ts";

/** How a point environment may differ from the plain one. */
export interface PointOptions {
  maxEpisodeSteps: number;
  /** The episode terminates where |x| exceeds this. */
  edge: number;
  /** True reward of arriving at x. */
  trueReward: (x: number) => number;
  /** Bounds of the action, which is the move itself. */
  low: number;
  high: number;
}

/** What was observed and done in one episode: s_t and a_t of each step, as float32 numbers. */
export interface Episode {
  readonly observations: number[][];
  readonly actions: number[][];
}

/** A point environment and everything that was done in it, episode by episode. */
export interface PointEnvironment extends Environment {
  readonly log: Episode[];
}

/** Steps taken in all episodes. */
export const stepsIn = ({ log }: PointEnvironment): number =>
  log.reduce((total, { actions }) => total + actions.length, 0);

/** A point on a line, x' = x + a, starting evenly in [-1, 1]; it sees its place and its last move. The goal is 0. */
export function pointEnvironment(options: Partial<PointOptions> = {}): PointEnvironment {
  const { maxEpisodeSteps, edge, trueReward, low, high }: PointOptions = {
    maxEpisodeSteps: 16,
    edge: Infinity,
    trueReward: (x) => -x * x,
    low: -0.25,
    high: 0.25,
    ...options,
  };
  const log: Episode[] = [];
  let stream = streamOf(keyFromSeed(0));
  let elapsed = 0;
  // One buffer, as the contract allows: a learner that keeps it instead of copying sees it change.
  const observation = new Float64Array(2);
  const result: StepResult = { observation, reward: 0, terminated: false, truncated: false, info: {} };
  return {
    id: "Point-v0",
    observationSpace: box(2, -Infinity, Infinity),
    actionSpace: box(1, low, high),
    maxEpisodeSteps,
    log,
    reset({ seed } = {}) {
      if (seed !== undefined) stream = streamOf(keyFromSeed(seed));
      elapsed = 0;
      log.push({ observations: [], actions: [] });
      observation.set([2 * nextUniform(stream) - 1, 0]);
      return { observation, info: {} };
    },
    step(action) {
      const episode = log[log.length - 1];
      episode.observations.push(Array.from(observation, Math.fround));
      episode.actions.push([Math.fround(action[0])]);
      const move = Math.min(high, Math.max(low, action[0]));
      observation.set([observation[0] + move, move]);
      elapsed++;
      result.reward = trueReward(observation[0]);
      result.terminated = Math.abs(observation[0]) > edge;
      result.truncated = elapsed >= maxEpisodeSteps;
      return result;
    },
    setState({ x }) {
      elapsed = 0;
      observation.set([x[0], 0]);
      return observation;
    },
    getState: () => ({ x: [observation[0]] }),
    close() {},
  };
}
