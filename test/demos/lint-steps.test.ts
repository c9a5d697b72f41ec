import { describe, expect, test } from "vitest";
import { box, TandemError, type Trajectories } from "../../src/core/index.ts";
import {
  distanceFrom,
  rowsToTry,
  trySteps,
  type Sample,
  type StepTrial,
} from "../../src/demos/lint-steps.ts";
import type { Environment } from "../../src/envs/index.ts";
import { countingEpisodes } from "./recordings.ts";

/** How the scripted task moves its one number under an action. */
interface Script {
  readonly next: (x: number, action: number) => number;
  readonly terminated?: (x: number) => boolean;
}

/** A task of one number that is shown as it is, paid 10 x + action. */
function scripted({ next, terminated = () => false }: Script): Environment {
  let x = NaN;
  return {
    id: "Scripted-v0",
    observationSpace: box(1, -Infinity, Infinity),
    actionSpace: box(1, -1, 1),
    maxEpisodeSteps: 100,
    reset: () => ({ observation: Float64Array.of(0), info: {} }),
    step: ({ 0: action }) => {
      if (x === 7) throw new TandemError("step", "the simulation diverged");
      const reward = 10 * x + action;
      x = next(x, action);
      return {
        observation: Float64Array.of(x),
        reward,
        terminated: terminated(x),
        truncated: false,
        info: {},
      };
    },
    setState: ({ x: given }) => Float64Array.of((x = given[0])),
    getState: () => ({ x: [x] }),
    stateFromObservation: (observation) => ({ x: [observation[0]] }),
    close: () => {},
  };
}

/** Episodes of these observations, the last of each being its final one, with actions 0.1, 0.2, ... */
function sampleOf(...episodes: readonly number[][]): Sample {
  const made = countingEpisodes(episodes.map(({ length }) => length - 1));
  const trajectories: Trajectories = {
    ...made,
    observationSize: 1,
    observations: Float32Array.from(episodes.flatMap((episode) => episode.slice(0, -1))),
    nextObservations: Float32Array.from(episodes.flatMap((episode) => episode.slice(1))),
    actions: made.actions.map((_, row) => (row + 1) / 10),
    terminated: new Uint8Array(made.terminated.length),
  };
  return { trajectories, consecutive: true, spreads: Float64Array.of(2), rewardSize: 1 };
}

/** Tries all rows. */
function tryAll(script: Script, sample: Sample, shift = 0): StepTrial[] {
  const rows = Array.from(sample.trajectories.terminated, (_, row) => row);
  return trySteps(scripted(script), sample, rows, shift, () => {});
}

const STILL: Script = { next: (x) => x };

describe("a step taken again", () => {
  test("is off by its distance in spreads, and departs beyond a thousandth", () => {
    // The task stands still; the recording moves by 0, 0.001, 0.004: 0, 0.0005 and 0.002 spreads of 2.
    const trials = tryAll(STILL, sampleOf([1, 1, 1.001, 1.005]));
    expect(trials.map(({ error }) => error)).toEqual([0, expect.closeTo(5e-4, 6), expect.closeTo(2e-3, 6)]);
    expect(trials.map(({ departs }) => departs)).toEqual([false, false, true]);
    // A column without spread is measured by its size.
    const constant = { ...sampleOf([1, 1, 1.0005, 1.004]), spreads: Float64Array.of(0) };
    expect(tryAll(STILL, constant).map(({ departs }) => departs)).toEqual([false, false, true]);
  });

  test("does not depart where rounding of the recorded state leads as far", () => {
    // Rounding moves 1 by 6e-8; a task that magnifies it 1e5 times leads anywhere within 6e-3.
    const wild: Script = { next: (x) => 1 + 1e5 * (x - 1) };
    expect(tryAll(wild, sampleOf([1, 1.005])).map(({ departs }) => departs)).toEqual([false]);
    expect(tryAll(wild, sampleOf([1, 1.5])).map(({ departs }) => departs)).toEqual([true]);
    // The action is rounded too.
    const steered: Script = { next: (_, action) => 1 + 1e6 * (action - Math.fround(0.1)) };
    expect(tryAll(steered, sampleOf([3, 1.005])).map(({ departs }) => departs)).toEqual([false]);
    expect(tryAll(steered, sampleOf([3, 2.5])).map(({ departs }) => departs)).toEqual([true]);
  });

  test("of a simulator that fails departs by all bounds", () => {
    const [trial] = tryAll(STILL, sampleOf([7, 7]));
    expect(trial).toEqual({
      row: 0,
      error: Infinity,
      column: 0,
      departs: true,
      terminated: null,
      rewardAfter: null,
    });
  });

  test("takes the action of another row of its episode, or is left out", () => {
    const add: Script = { next: (x, action) => x + action };
    const sample = sampleOf([0, 0, 0, 0], [0, 0, 0]);
    const moves = (shift: number): [number, number][] =>
      tryAll(add, sample, shift).map(({ row, error }) => [row, Math.round(20 * error)]);
    // Errors are the actions, over the spread of 2.
    expect(moves(0)).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
    ]);
    expect(moves(1)).toEqual([
      [0, 2],
      [1, 3],
      [3, 5],
    ]);
    expect(moves(-1)).toEqual([
      [1, 1],
      [2, 2],
      [4, 4],
    ]);
  });

  test("is followed by the reward of the next step, where there is one", () => {
    const add: Script = { next: (x) => x + 1 };
    const rewards = (sample: Sample, script = add, shift = 0): (number | null)[] =>
      tryAll(script, sample, shift).map(({ rewardAfter }) => rewardAfter);
    // 10 x + action of the row after: x is 1, 2 with the actions 0.2, 0.3.
    expect(rewards(sampleOf([0, 1, 2, 3]))).toEqual([expect.closeTo(10.2, 5), expect.closeTo(20.3, 5), null]);
    expect(rewards(sampleOf([0, 1, 2, 3]), add, -1)).toEqual([
      expect.closeTo(20.2, 5),
      expect.closeTo(30.3, 5),
    ]);
    expect(rewards({ ...sampleOf([0, 1, 2, 3]), consecutive: false })).toEqual([null, null, null]);
    const ending = { ...add, terminated: (x: number) => x >= 2 };
    expect(rewards(sampleOf([0, 1, 2, 3]), ending)).toEqual([expect.closeTo(10.2, 5), null, null]);
  });

  test("says how the episode ends, unless rounding decides it", () => {
    // The last between 1 and its neighbours, of which some are tried.
    const limits = [2, 0.5, 1 - 2 ** -26];
    const ends = limits.map((at) => {
      const [{ terminated }] = tryAll({ ...STILL, terminated: (x) => x > at }, sampleOf([1, 1]));
      return terminated;
    });
    expect(ends).toEqual([false, true, null]);
  });
});

test("rows to try are the first and the last two of each episode", () => {
  const lengths = [5, 1, 4, 6].map((length) => Array.from({ length: length + 1 }, () => 0));
  const sample = sampleOf(...lengths);
  expect(rowsToTry(sample, 2)).toEqual([0, 1, 3, 4, 5, 8, 9, 14, 15]);
  expect(rowsToTry(sample, 100)).toEqual(Array.from({ length: 16 }, (_, row) => row));
});

test("the distance is that of the column that is farthest off, in its spreads", () => {
  const recorded = Float32Array.of(9, 9, 9, 0, 0, 1000);
  expect(distanceFrom(recorded, 1, [1, 3, 1002], Float64Array.of(1, 4, 0))).toEqual({ error: 1, column: 0 });
  expect(distanceFrom(recorded, 1, [1, 6, 1002], Float64Array.of(1, 4, 0))).toEqual({
    error: 1.5,
    column: 1,
  });
  expect(distanceFrom(recorded, 1, [0, 0, 1002], Float64Array.of(1, 4, 0))).toEqual({
    error: 0.002,
    column: 2,
  });
});
