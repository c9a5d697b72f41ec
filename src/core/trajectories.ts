import { TandemError } from "./errors.ts";

/**
 * Episodes, one after another, in columns. Row t holds (s_t, a_t, s_{t+1}): the next observation is the true one, also
 * where an episode ends. Owned by whoever made it; readers must not write.
 */
export interface Trajectories {
  /** Coordinates of an observation. */
  readonly observationSize: number;
  /** Coordinates of an action. */
  readonly actionSize: number;
  /** s_t, [T, observationSize]. */
  readonly observations: Float32Array;
  /** a_t, [T, actionSize]. */
  readonly actions: Float32Array;
  /** s_{t+1}, [T, observationSize]. */
  readonly nextObservations: Float32Array;
  /** True reward r_t, [T]; null where the recording has none. For reporting only: no learner reads it. */
  readonly rewards: Float32Array | null;
  /** 1 where the task ended the episode at s_{t+1}, [T]. */
  readonly terminated: Uint8Array;
  /** 1 where a time limit cut the episode at s_{t+1}, [T]; values still bootstrap there. */
  readonly truncated: Uint8Array;
  /** First row of each episode and, last, T: [episodes + 1]. */
  readonly episodeStarts: Uint32Array;
}

/** Number of rows T over all episodes. */
export function transitionCount(trajectories: Trajectories): number {
  return trajectories.episodeStarts[trajectories.episodeStarts.length - 1];
}

/** Number of episodes. */
export function episodeCount(trajectories: Trajectories): number {
  return trajectories.episodeStarts.length - 1;
}

/** Undiscounted true return of each episode, [episodes]; null where the recording has no rewards. */
export function episodeReturns(trajectories: Trajectories): Float64Array | null {
  const { rewards, episodeStarts } = trajectories;
  if (!rewards) return null;
  const returns = new Float64Array(episodeStarts.length - 1);
  for (let episode = 0; episode < returns.length; episode++) {
    for (let t = episodeStarts[episode]; t < episodeStarts[episode + 1]; t++) returns[episode] += rewards[t];
  }
  return returns;
}

/** Mean true return over episodes; null where the recording has no rewards. */
export function meanReturn(trajectories: Trajectories): number | null {
  const returns = episodeReturns(trajectories);
  return returns && returns.reduce((sum, value) => sum + value, 0) / returns.length;
}

/** The episodes `from` .. `to - 1` as trajectories of their own (columns are views into the original's). */
export function sliceEpisodes(trajectories: Trajectories, from: number, to: number): Trajectories {
  const count = episodeCount(trajectories);
  if (!(from >= 0 && from < to && to <= count)) {
    throw new TandemError(
      "sliceEpisodes",
      `expected 0 <= from < to <= ${count} episodes, got ${from}..${to}`,
    );
  }
  const { observationSize, actionSize, episodeStarts } = trajectories;
  const start = episodeStarts[from];
  const end = episodeStarts[to];
  return {
    observationSize,
    actionSize,
    observations: trajectories.observations.subarray(start * observationSize, end * observationSize),
    actions: trajectories.actions.subarray(start * actionSize, end * actionSize),
    nextObservations: trajectories.nextObservations.subarray(start * observationSize, end * observationSize),
    rewards: trajectories.rewards?.subarray(start, end) ?? null,
    terminated: trajectories.terminated.subarray(start, end),
    truncated: trajectories.truncated.subarray(start, end),
    episodeStarts: episodeStarts.slice(from, to + 1).map((row) => row - start),
  };
}

/**
 * How many steps every episode tells of: those of the shortest that was cut before `limit`, or `limit`. An episode that terminated
 * tells of all, as nothing follows its end. Sums of returns that run this far are of like with like; run further, those cut while
 * alive would be missing from them, and what is left would be the dead. That takes for granted that how long an episode was
 * recorded was not decided by how it went.
 */
export function knownHorizon({ episodeStarts, terminated }: Trajectories, limit: number): number {
  let horizon = limit;
  for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
    const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
    if (terminated[end - 1] === 0) horizon = Math.min(horizon, end - start);
  }
  return horizon;
}

/** Mean true return of episodes of up to `limit` steps; null where there are no rewards, or an episode was cut before the limit. */
export function wholeReturn(trajectories: Trajectories, limit: number): number | null {
  return knownHorizon(trajectories, limit) < limit ? null : meanReturn(trajectories);
}

/** Mean true return of those episodes that were not cut before `limit` steps; null where there are none, or no rewards. */
export function meanWholeReturn(trajectories: Trajectories, limit: number): number | null {
  const whole = Array.from({ length: episodeCount(trajectories) }, (_, episode) =>
    wholeReturn(sliceEpisodes(trajectories, episode, episode + 1), limit),
  ).filter((each) => each !== null);
  return whole.length === 0 ? null : whole.reduce((sum, each) => sum + each, 0) / whole.length;
}
