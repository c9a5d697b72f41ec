/** Single recorded steps, taken again by a simulator that is set into the recorded state: chaos cannot build up. */
import {
  keyFromSeed,
  nextUniform,
  streamOf,
  TandemError,
  type RandomStream,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/index.ts";
import { shownState } from "./lint-states.ts";

/** The part of a recording that is simulated, and the scales of the whole. */
export interface Sample {
  /** Its first episodes. */
  readonly trajectories: Trajectories;
  /** Whether the row after a row is the next step, as it is not where rows were left out. */
  readonly consecutive: boolean;
  /** Standard deviation of each observation column, [observationSize]. */
  readonly spreads: Float64Array;
  /** Root mean square of the rewards. */
  readonly rewardSize: number;
}

/** One recorded step beside the simulated one. */
export interface StepTrial {
  readonly row: number;
  /** Largest distance of the next observation from the recorded one, in spreads of its column; Infinity where the simulator failed. */
  readonly error: number;
  /** The column it is in. */
  readonly column: number;
  /** Whether float32 rounding of the recording cannot explain it. */
  readonly departs: boolean;
  /** What the simulator says of the end of the episode; null where rounding decides it. */
  readonly terminated: boolean | null;
  /**
   * Simulated reward of the step after it, null where there is none. That of the step itself would not do: where a task
   * reads what the last stage of the step before left (Ant, Humanoid), a state that was set does not have it.
   */
  readonly rewardAfter: number | null;
}

/**
 * A distance in spreads of the column from which on a step may have gone elsewhere. Of the third-party sets, 200 steps
 * each, the simulator of the right contact margins leaves at most 1.1e-4, that of the wrong ones more than 3e-3 in a third
 * of the steps and more.
 */
const DEPARTURE = 1e-3;

/** A distance this many times that of inputs within rounding is not due to rounding. */
const BEYOND_ROUNDING = 10;

/** Inputs that are tried within rounding. */
const ROUNDINGS = 3;

/**
 * Takes the steps of `rows` again, each with the action that stands `shift` rows on. Rows whose state the observation
 * does not show, or whose action lies in another episode, are left out.
 */
export function trySteps(
  environment: Environment,
  sample: Sample,
  rows: readonly number[],
  shift: number,
  afterEach: () => void,
): StepTrial[] {
  const stream = streamOf(keyFromSeed(0));
  return rows.flatMap((row) => {
    const trial = tryStep(environment, sample, row, shift, stream);
    afterEach();
    return trial ? [trial] : [];
  });
}

/** Up to `most` rows from the start on, and the last two of each episode. */
export function rowsToTry({ trajectories: { episodeStarts, terminated } }: Sample, most: number): number[] {
  const rows = new Set<number>();
  for (let row = 0; row < Math.min(most, terminated.length); row++) rows.add(row);
  for (let episode = 1; episode < episodeStarts.length; episode++) {
    for (let row = episodeStarts[episode] - 2; row < episodeStarts[episode]; row++) {
      if (row >= episodeStarts[episode - 1]) rows.add(row);
    }
  }
  return [...rows].sort((a, b) => a - b);
}

/** The episode a row lies in. */
export function episodeOf({ episodeStarts }: Trajectories, row: number): number {
  let episode = 0;
  while (episodeStarts[episode + 1] <= row) episode++;
  return episode;
}

/** Distance of an observation from the recorded one of a row, in spreads of its column, and that column. */
export function distanceFrom(
  recorded: Float32Array,
  row: number,
  observation: ArrayLike<number>,
  spreads: Float64Array,
): { error: number; column: number } {
  let largest = { error: 0, column: 0 };
  for (let column = 0; column < spreads.length; column++) {
    const value = recorded[row * spreads.length + column];
    const scale = spreads[column] > 0 ? spreads[column] : Math.max(1, Math.abs(value));
    const error = Math.abs(observation[column] - value) / scale;
    if (error > largest.error) largest = { error, column };
  }
  return largest;
}

interface Inputs {
  readonly observation: Float64Array;
  readonly action: Float64Array;
}

function tryStep(
  environment: Environment,
  sample: Sample,
  row: number,
  shift: number,
  stream: RandomStream,
): StepTrial | null {
  const { trajectories, spreads } = sample;
  const { episodeStarts, nextObservations } = trajectories;
  const episode = episodeOf(trajectories, row);
  const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
  if (row + shift < start || row + shift >= end) return null;
  const inputs: Inputs = {
    observation: rowOf(trajectories.observations, trajectories.observationSize, row),
    action: rowOf(trajectories.actions, trajectories.actionSize, row + shift),
  };
  const taken = take(environment, inputs);
  if (taken === "hidden") return null;
  if (taken === "failed")
    return { row, error: Infinity, column: 0, departs: true, terminated: null, rewardAfter: null };
  const goesOn = sample.consecutive && !taken.terminated && row + shift + 1 < end;
  const rewardAfter = goesOn
    ? rewardOf(environment, rowOf(trajectories.actions, trajectories.actionSize, row + shift + 1))
    : null;
  const { error, column } = distanceFrom(nextObservations, row, taken.observation, spreads);
  const doubtful = error > DEPARTURE || taken.terminated !== (trajectories.terminated[row] === 1);
  if (!doubtful) return { row, error, column, departs: false, terminated: taken.terminated, rewardAfter };
  const near = nearby(environment, inputs, stream, spreads, taken);
  return {
    row,
    error,
    column,
    departs: error > DEPARTURE && error > BEYOND_ROUNDING * near.distance,
    terminated: near.sameEnd ? taken.terminated : null,
    rewardAfter,
  };
}

interface Taken {
  readonly observation: Float64Array;
  readonly reward: number;
  readonly terminated: boolean;
}

function take(environment: Environment, { observation, action }: Inputs): Taken | "hidden" | "failed" {
  const state = shownState(environment, observation);
  if (!state) return "hidden";
  try {
    environment.setState(state);
    const result = environment.step(action);
    return {
      observation: Float64Array.from(result.observation),
      reward: result.reward,
      terminated: result.terminated,
    };
  } catch (error) {
    if (error instanceof TandemError) return "failed";
    throw error;
  }
}

function rewardOf(environment: Environment, action: Float64Array): number | null {
  try {
    return environment.step(action).reward;
  } catch (error) {
    if (error instanceof TandemError) return null;
    throw error;
  }
}

/** How far inputs within float32 rounding lead from where these lead, and whether the episode then ends alike. */
function nearby(
  environment: Environment,
  inputs: Inputs,
  stream: RandomStream,
  spreads: Float64Array,
  taken: Taken,
): { distance: number; sameEnd: boolean } {
  const discrete = environment.actionSpace.kind === "discrete";
  const there = Float32Array.from(taken.observation);
  let distance = 0;
  let sameEnd = true;
  for (let trial = 0; trial < ROUNDINGS; trial++) {
    const other = take(environment, {
      observation: rounded(inputs.observation, stream),
      action: discrete ? inputs.action : rounded(inputs.action, stream),
    });
    if (typeof other === "string") return { distance: Infinity, sameEnd: false };
    distance = Math.max(distance, distanceFrom(there, 0, other.observation, spreads).error);
    sameEnd &&= other.terminated === taken.terminated;
  }
  return { distance, sameEnd };
}

/** Numbers that float32 rounds to these. */
function rounded(values: Float64Array, stream: RandomStream): Float64Array {
  return values.map((value) => value * (1 + 2 ** -24 * (2 * nextUniform(stream) - 1)));
}

function rowOf(data: Float32Array, size: number, row: number): Float64Array {
  return Float64Array.from(data.subarray(row * size, (row + 1) * size));
}
