/** State-action rows on which rewards are compared: a fixed mixture of sources, so that every reward is asked the same questions. */
import {
  foldIn,
  nextInteger,
  streamOf,
  TandemError,
  transitionCount,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import { shownState } from "../demos/index.ts";
import { tabularProblem, type Environment } from "../envs/index.ts";
import { rollout, type Act } from "../rl/index.ts";
import { pearson, spearman } from "./correlation.ts";
import { simulatorReward } from "./simulator.ts";

/** Rows of one origin, each an episode of its own, with their true rewards. */
export interface RowSource {
  readonly name: string;
  readonly rows: Trajectories & { readonly rewards: Float32Array };
}

/** Learned rewards of every row, [T]; for a RewardFunction see `asRewardFunction`. */
export type RewardsAlong = (trajectories: Trajectories) => Float32Array;

/** How a learned reward relates to the true one on the rows of one source, or of all. Null where either is constant. */
export interface SourceAgreement {
  readonly source: string;
  readonly rows: number;
  readonly pearson: number | null;
  readonly spearman: number | null;
}

/** Name of the last entry of `agreementBySource`. */
export const UNION = "union";

/** Pearson and Spearman on the rows of each source apart, and last of all sources together. */
export function agreementBySource(sources: readonly RowSource[], learned: RewardsAlong): SourceAgreement[] {
  const union: RowSource = { name: UNION, rows: joinRows(sources.map(({ rows }) => rows)) };
  return [...sources, union].map(({ name, rows }) => {
    const rewards = learned(rows);
    return {
      source: name,
      rows: rewards.length,
      pearson: pearson(rewards, rows.rewards),
      spearman: spearman(rewards, rows.rewards),
    };
  });
}

/**
 * Episodes of `act` until they have `steps` steps and are `episodes` or more. Their rewards are the true ones. `onDropped` hears of each
 * episode whose simulation diverges.
 */
export function rolloutSteps(
  environment: Environment,
  act: Act,
  { steps, episodes }: { readonly steps: number; readonly episodes: number },
  key: Key,
  onDropped: () => void = () => {},
): RowSource["rows"] {
  const parts: Trajectories[] = [];
  for (let count = 0; count < steps || parts.length < episodes;) {
    const episode = rollout(environment, act, 1, foldIn(key, parts.length), onDropped);
    count += transitionCount(episode);
    parts.push(episode);
  }
  return joinRows(parts);
}

/** Up to `count` different rows, drawn evenly; all of them, in their order, where there are no more. */
export function drawRows(rows: RowSource["rows"], count: number, key: Key): RowSource["rows"] {
  const stream = streamOf(key);
  const order = Array.from({ length: transitionCount(rows) }, (_, row) => row);
  if (order.length <= count) return takeRows(rows, order);
  for (let i = 0; i < count; i++) {
    const j = i + nextInteger(stream, order.length - i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return takeRows(rows, order.slice(0, count));
}

/**
 * Rows of a recording with true rewards: those of the simulator's step from each where it can be put there, rows whose state is not
 * shown left out; of a tabular problem its table's; else those recorded, or null where there are none.
 */
export function withTrueRewards(
  environment: Environment,
  trajectories: Trajectories,
): RowSource["rows"] | null {
  const { observationSize: n, observations, actions, rewards } = trajectories;
  const problem = tabularProblem(environment);
  if (problem) {
    const table = Float32Array.from({ length: transitionCount(trajectories) }, (_, t) => {
      const state = stateNumber(observations.subarray(t * n, (t + 1) * n));
      return problem.rewards[state * problem.actions + actions[t]];
    });
    return joinRows([{ ...trajectories, rewards: table }]);
  }
  if (environment.stateFromObservation) {
    const shown = shownRows(
      environment,
      joinRows([{ ...trajectories, rewards: new Float32Array(transitionCount(trajectories)) }]),
    );
    const paid = simulatorReward(environment)(shown.observations, shown.actions, shown.nextObservations);
    return { ...shown, rewards: Float32Array.from(paid) };
  }
  return rewards && joinRows([trajectories]);
}

/** The rows from which the simulator can be put into the state they were observed in. */
export function shownRows(environment: Environment, rows: RowSource["rows"]): RowSource["rows"] {
  const { observationSize: n, observations } = rows;
  const all = Array.from({ length: transitionCount(rows) }, (_, row) => row);
  return takeRows(
    rows,
    all.filter((t) => shownState(environment, observations.subarray(t * n, (t + 1) * n)) !== null),
  );
}

/** The state that a tabular problem shows: its number, or the place of the 1. */
export function stateNumber(observation: Float32Array): number {
  return observation.length === 1 ? observation[0] : observation.indexOf(1);
}

/** Rows of several recordings, one after another. All must have rewards. */
export function joinRows(parts: readonly Trajectories[]): RowSource["rows"] {
  const [first] = parts;
  const count = parts.reduce((sum, part) => sum + transitionCount(part), 0);
  if (!first || parts.some(({ rewards }) => !rewards))
    throw new TandemError("joinRows", "expected recordings with rewards, got one without or none");
  const { observationSize, actionSize } = first;
  const joined = {
    observationSize,
    actionSize,
    observations: new Float32Array(count * observationSize),
    actions: new Float32Array(count * actionSize),
    nextObservations: new Float32Array(count * observationSize),
    rewards: new Float32Array(count),
    terminated: new Uint8Array(count),
    truncated: new Uint8Array(count),
    episodeStarts: Uint32Array.from({ length: count + 1 }, (_, row) => row),
  };
  let row = 0;
  for (const part of parts) {
    joined.observations.set(part.observations, row * observationSize);
    joined.actions.set(part.actions, row * actionSize);
    joined.nextObservations.set(part.nextObservations, row * observationSize);
    joined.rewards.set(part.rewards ?? [], row);
    joined.terminated.set(part.terminated, row);
    joined.truncated.set(part.truncated, row);
    row += transitionCount(part);
  }
  return joined;
}

function takeRows(rows: RowSource["rows"], chosen: readonly number[]): RowSource["rows"] {
  const column = (values: Float32Array, size: number): Float32Array => {
    const taken = new Float32Array(chosen.length * size);
    chosen.forEach((row, i) => taken.set(values.subarray(row * size, (row + 1) * size), i * size));
    return taken;
  };
  const { observationSize: n, actionSize: d } = rows;
  return {
    observationSize: n,
    actionSize: d,
    observations: column(rows.observations, n),
    actions: column(rows.actions, d),
    nextObservations: column(rows.nextObservations, n),
    rewards: column(rows.rewards, 1),
    terminated: Uint8Array.from(chosen, (row) => rows.terminated[row]),
    truncated: Uint8Array.from(chosen, (row) => rows.truncated[row]),
    episodeStarts: Uint32Array.from({ length: chosen.length + 1 }, (_, row) => row),
  };
}
