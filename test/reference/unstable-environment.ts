import { box, keyFromSeed, nextUniform, streamOf, type Trajectories } from "../../src/core/index.ts";
import type { Environment, StepResult } from "../../src/envs/environment.ts";

/** How an unstable environment may differ from the plain one. */
export interface UnstableOptions {
  maxEpisodeSteps: number;
  /** x' = growth x + push. */
  growth: number;
  /** The episode terminates where |x| exceeds this. */
  edge: number;
  /** True reward of each step. */
  trueReward: number;
}

/** One episode: s_t of every step and of the end, and a_t. */
export interface DiscreteEpisode {
  readonly observations: number[][];
  readonly actions: number[];
  terminated: boolean;
}

/** An unstable environment and everything that was done in it, episode by episode. */
export interface UnstableEnvironment extends Environment {
  readonly log: DiscreteEpisode[];
}

const PUSHES = [-0.2, 0, 0.2];

/** A point pushed left, not at all or right while it runs away from 0; it sees its place and the last push. */
export function unstableEnvironment(options: Partial<UnstableOptions> = {}): UnstableEnvironment {
  const { maxEpisodeSteps, growth, edge, trueReward }: UnstableOptions = {
    maxEpisodeSteps: 40,
    growth: 1.15,
    edge: 1,
    trueReward: 1,
    ...options,
  };
  const log: DiscreteEpisode[] = [];
  let stream = streamOf(keyFromSeed(0));
  let elapsed = 0;
  // One buffer, as the contract allows: a learner that keeps it instead of copying sees it change.
  const observation = new Float64Array(2);
  const result: StepResult = {
    observation,
    reward: trueReward,
    terminated: false,
    truncated: false,
    info: {},
  };
  return {
    id: "Unstable-v0",
    observationSpace: box(2, -Infinity, Infinity),
    actionSpace: { kind: "discrete", count: 3 },
    maxEpisodeSteps,
    log,
    reset({ seed } = {}) {
      if (seed !== undefined) stream = streamOf(keyFromSeed(seed));
      elapsed = 0;
      observation.set([nextUniform(stream) - 0.5, 0]);
      log.push({ observations: [[...observation]], actions: [], terminated: false });
      return { observation, info: {} };
    },
    step(action) {
      const episode = log[log.length - 1];
      const push = PUSHES[action[0]];
      observation.set([growth * observation[0] + push, push]);
      elapsed++;
      episode.actions.push(action[0]);
      episode.observations.push([...observation]);
      result.terminated = Math.abs(observation[0]) > edge;
      result.truncated = !result.terminated && elapsed >= maxEpisodeSteps;
      episode.terminated = result.terminated;
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

/** Steps taken in all episodes. */
export const stepsTaken = ({ log }: UnstableEnvironment): number =>
  log.reduce((total, { actions }) => total + actions.length, 0);

/** Episodes in the library's columns, as float32 numbers; true rewards are NaN. */
export function discreteTrajectories(episodes: readonly DiscreteEpisode[]): Trajectories {
  const starts = episodes.reduce((all, { actions }) => [...all, all[all.length - 1] + actions.length], [0]);
  const count = starts[starts.length - 1];
  const ends = (terminated: boolean): Uint8Array => {
    const flags = new Uint8Array(count);
    episodes.forEach((each, e) => {
      if (each.terminated === terminated) flags[starts[e + 1] - 1] = 1;
    });
    return flags;
  };
  return {
    observationSize: 2,
    actionSize: 1,
    observations: Float32Array.from(episodes.flatMap((each) => each.observations.slice(0, -1).flat())),
    actions: Float32Array.from(episodes.flatMap((each) => each.actions)),
    nextObservations: Float32Array.from(episodes.flatMap((each) => each.observations.slice(1).flat())),
    rewards: new Float32Array(count).fill(Number.NaN),
    terminated: ends(true),
    truncated: ends(false),
    episodeStarts: Uint32Array.from(starts),
  };
}

/** Episodes of one who pushes towards 0 from where it matters. */
export function balancedEpisodes(count: number, options: Partial<UnstableOptions> = {}): DiscreteEpisode[] {
  const environment = unstableEnvironment(options);
  for (let episode = 0; episode < count; episode++) {
    let [x] = environment.reset({ seed: 100 + episode }).observation;
    for (let ended = false; !ended;) {
      const { observation, terminated, truncated } = environment.step([x > 0.1 ? 0 : x < -0.1 ? 2 : 1]);
      [x] = observation;
      ended = terminated || truncated;
    }
  }
  return environment.log;
}
