import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

import { transitionCount } from "../../src/core/index.ts";
import { readDemonstrations } from "../../src/demos/index.ts";
import { type Environment, makeEnvironment } from "../../src/envs/index.ts";
import golden from "./classic-control.golden.json" with { type: "json" };

const REAL = new URL("../../../shared/real/", import.meta.url);
const ABSENT = "the optional fixtures of ../shared are absent";

interface Rollout {
  env: string;
  options: Record<string, unknown>;
  start: number[];
  actions: number[];
  state: number[][];
  observation: number[][];
  reward: number[];
  terminated: boolean[];
  /** Absent where no time limit was around the task. */
  truncated?: boolean[];
}

function largestDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  return Math.max(...Array.from(ours, (value, i) => Math.abs(value - theirs[i])));
}

/**
 * The most that another rounding of sin and cos (2^-52) can do in one step. They are multiplied by accelerations of up to
 * 20 + (|w1| + |w2|)^2 / 2 in Acrobot (gravity, centrifugal force), 20 in CartPole, 0.0025 in MountainCar; the state's
 * last addition adds its own rounding.
 */
function roundingOfStep(id: string, state: readonly number[]): number {
  const speed = Math.abs(state[2] ?? 0) + Math.abs(state[3] ?? 0);
  const acceleration = { C: 20 * 0.02, A: (20 + speed ** 2 / 2) * 0.2, M: 0.0025 }[id[0]] ?? NaN;
  return 2 ** -52 * (acceleration + Math.max(...state.map(Math.abs)));
}

/** Every step from the reference's own state before it. */
async function expectSteps(rollout: Rollout): Promise<void> {
  const { env: id, options, start, actions, state } = rollout;
  const env = await makeEnvironment(id, options);
  state.forEach((next, t) => {
    const before = t === 0 ? start : state[t - 1];
    env.setState({ state: before });
    const result = env.step([actions[t]]);
    const bound = Math.max(roundingOfStep(id, before), roundingOfStep(id, next));
    expect(largestDifference(env.getState().state, next)).toBeLessThanOrEqual(bound);
    expect(Array.from(result.observation)).toEqual(rollout.observation[t]);
    expect([result.reward, result.terminated]).toEqual([rollout.reward[t], rollout.terminated[t]]);
  });
}

/** All steps in a row, state by state within `tolerance`. */
async function expectRollout(rollout: Rollout, tolerance: number): Promise<void> {
  const env = await makeEnvironment(rollout.env, rollout.options);
  env.setState({ state: rollout.start });
  rollout.state.forEach((state, t) => {
    const result = env.step([rollout.actions[t]]);
    expect(largestDifference(env.getState().state, state)).toBeLessThanOrEqual(tolerance);
    expect(Array.from(result.observation)).toEqual(rollout.observation[t]);
    expect([result.reward, result.terminated]).toEqual([rollout.reward[t], rollout.terminated[t]]);
    if (rollout.truncated) expect(result.truncated).toBe(rollout.truncated[t]);
  });
}

/**
 * Over a rollout: CartPole and MountainCar have the golden's bits (ours are the same in every engine). Acrobot is chaotic:
 * one rounding of a sine grows to 3e-12 in the 176 steps of the longest trace; a wrong constant shows in the first step.
 */
const CHAOTIC = 1e-10;

function rolloutsOf(id: string): Rollout[] {
  return (golden.traces as Rollout[]).filter(({ env }) => env === id);
}

function statesOf(id: string): number[][] {
  return rolloutsOf(id).flatMap(({ state }) => state);
}

describe("classic control against its golden", () => {
  const cases = (golden.traces as Rollout[]).map(
    (one, i) => [i, one.env, JSON.stringify(one.options), one] as const,
  );

  it.for(cases)("follows rollout %i, %s with options %s", async ([, id, , rollout]) => {
    await expectSteps(rollout);
    await expectRollout(rollout, id === "Acrobot-v1" ? CHAOTIC : 0);
  });

  it("has in it every way that an episode can end, walls, goals and bounds of velocity", () => {
    for (const id of ["CartPole-v1", "Acrobot-v1", "MountainCar-v0"]) {
      expect(rolloutsOf(id).some(({ terminated }) => terminated.at(-1))).toBe(true);
      expect(rolloutsOf(id).some(({ truncated }) => truncated?.at(-1))).toBe(true);
    }
    expect(statesOf("CartPole-v1").some(([x]) => x > 2.4)).toBe(true);
    expect(statesOf("CartPole-v1").some(([, , angle]) => angle > 0.2095)).toBe(true);
    expect(statesOf("CartPole-v1").some(([, , angle]) => angle < -0.2095)).toBe(true);
    expect(statesOf("Acrobot-v1").some(([, , w]) => Math.abs(w) === 4 * Math.PI)).toBe(true);
    expect(statesOf("Acrobot-v1").some(([, , , w]) => Math.abs(w) === 9 * Math.PI)).toBe(true);
    expect(statesOf("MountainCar-v0").some(([p, v]) => p === -1.2 && v === 0)).toBe(true);
    expect(statesOf("MountainCar-v0").some(([, v]) => v === 0.07)).toBe(true);
    expect(statesOf("MountainCar-v0").some(([, v]) => v === -0.07)).toBe(true);
    // At the goal, but slower than the option asks: the episode goes on, up to the right end.
    expect(statesOf("MountainCar-v0").some(([p]) => p === 0.6)).toBe(true);
  });
});

describe("classic control against recorded Gymnasium traces", () => {
  const names = [
    "cartpole-expert",
    "cartpole-fall",
    "acrobot-expert",
    "acrobot-scripted",
    "mountaincar-expert",
    "mountaincar-scripted",
  ];
  it.for(names)("follows %s", async (name, { skip }) => {
    const path = new URL(`traces/${name}.json`, REAL);
    if (!existsSync(path)) skip(ABSENT);
    const trace = JSON.parse(readFileSync(path, "utf8")) as Rollout & { state0: number[]; obs: number[][] };
    const rollout = { ...trace, options: {}, start: trace.state0, observation: trace.obs };
    await expectSteps(rollout);
    // Stable tasks: roundings of all steps add up, and no more.
    const sum = rollout.state.length * roundingOfStep(rollout.env, rollout.state[0]);
    await expectRollout(rollout, rollout.env === "Acrobot-v1" ? CHAOTIC : sum);
  });
});

/** What a float32 observation says of the state, and how far off that may be, coordinate by coordinate. */
function stateOf(id: string, observation: Float32Array): { state: number[]; radius: number[] } {
  if (id !== "Acrobot-v1") {
    const state = Array.from(observation);
    return { state, radius: state.map((value) => 2 ** -24 * Math.abs(value)) };
  }
  const [cos1, sin1, cos2, sin2, velocity1, velocity2] = observation;
  const state = [Math.atan2(sin1, cos1), Math.atan2(sin2, cos2), velocity1, velocity2];
  // cos and sin off by 2^-25 each, half the spacing of float32 below 1: a point off by sqrt(2) of that.
  const turn = Math.SQRT2 * 2 ** -25;
  return { state, radius: [turn, turn, 2 ** -24 * Math.abs(velocity1), 2 ** -24 * Math.abs(velocity2)] };
}

function observationAfter(env: Environment, state: number[], action: number): number[] {
  env.setState({ state });
  return Array.from(env.step([action]).observation);
}

describe("classic control against recorded demonstrations", () => {
  const sets = [
    ["cartpole-v1__sb3zoo-ppo", "CartPole-v1"],
    ["acrobot-v1__sb3zoo-dqn", "Acrobot-v1"],
    ["mountaincar-v0__sb3zoo-dqn", "MountainCar-v0"],
    ["recorded-mountaincar-v0__human-lets-do-irl", "MountainCar-v0"],
  ] as const;

  it.for(sets)("repeats the transitions of %s from float32 observations", async ([name, id], { skip }) => {
    const folder = fileURLToPath(new URL(`demos/${name}`, REAL));
    if (!existsSync(folder)) skip(ABSENT);
    const { trajectories } = await readDemonstrations(folder);
    const { observationSize: n, observations, nextObservations, actions, rewards, terminated } = trajectories;
    const env = await makeEnvironment(id);
    expect(n).toBe(env.observationSpace.size);
    let beyond = 0;
    for (let t = 0; t < transitionCount(trajectories); t++) {
      const { state, radius } = stateOf(id, observations.subarray(t * n, t * n + n));
      const recorded = nextObservations.subarray(t * n, t * n + n);
      env.setState({ state });
      const result = env.step([actions[t]]);
      const { reward, terminated: ended } = result;
      if (reward !== rewards?.[t] || ended !== (terminated[t] === 1)) beyond++;
      const ours = Array.from(result.observation);
      // Both results are rounded to float32; what the rounding of each coordinate before moves adds up (to first order: 1.5).
      const bound = ours.map((value) => 2 * 2 ** -24 * Math.abs(value));
      radius.forEach((size, j) => {
        const moved = observationAfter(env, state.with(j, state[j] + size), actions[t]);
        moved.forEach((value, i) => (bound[i] += 1.5 * Math.abs(value - ours[i])));
      });
      if (ours.some((value, i) => Math.abs(value - recorded[i]) > bound[i])) beyond++;
    }
    expect(beyond).toBe(0);
  });
});

describe("classic control at the edges of its rules", () => {
  it("refuses to go on after an episode's end, and says how to", async () => {
    const env = await makeEnvironment("CartPole-v1");
    env.setState({ state: [2.39, 5, 0, 0] });
    expect(env.step([1])).toMatchObject({ terminated: true, truncated: false, reward: 1 });
    expect(() => env.step([1])).toThrow(/the episode has ended; call reset or setState first/);
    env.reset({ seed: 1 });
    expect(env.step([1]).terminated).toBe(false);
  });

  it("says both terminated and truncated where the last step of the limit also ends the task", async () => {
    const env = await makeEnvironment("MountainCar-v0", { maxEpisodeSteps: 1 });
    env.setState({ state: [0.49, 0.06] });
    expect(env.step([2])).toMatchObject({ terminated: true, truncated: true, reward: -1 });
  });

  it.for([
    ["CartPole-v0", 200],
    ["CartPole-v1", 500],
    ["MountainCar-v0", 200],
    ["Acrobot-v1", 500],
  ] as const)("cuts %s at step %i and not before", async ([id, limit]) => {
    const env = await makeEnvironment(id);
    const balanced = id.startsWith("CartPole");
    let observation = env.reset({ seed: 3 }).observation;
    const cuts: number[] = [];
    for (let t = 1; t <= limit; t++) {
      // Push the cart under its falling pole; leave the others to themselves.
      const lean = observation[2] + 0.5 * observation[3] + 0.05 * observation[0] + 0.1 * observation[1];
      const result = env.step([balanced ? Number(lean > 0) : 1]);
      observation = result.observation;
      expect(result.terminated).toBe(false);
      if (result.truncated) cuts.push(t);
    }
    expect(cuts).toEqual([limit]);
  });

  it("ends CartPole beyond its limits and not on them", async () => {
    const env = await makeEnvironment("CartPole-v1");
    // The step moves positions by velocities of 0: only the limit decides.
    const ends = (state: number[]): boolean => {
      env.setState({ state });
      return env.step([0]).terminated;
    };
    const angle = (12 * 2 * Math.PI) / 360;
    expect(ends([2.4, 0, 0, 0])).toBe(false);
    expect(ends([-2.4, 0, 0, 0])).toBe(false);
    expect(ends([2.4 + 2 ** -50, 0, 0, 0])).toBe(true);
    expect(ends([-2.4 - 2 ** -50, 0, 0, 0])).toBe(true);
    expect(ends([0, 0, angle, 0])).toBe(false);
    expect(ends([0, 0, -angle, 0])).toBe(false);
    expect(ends([0, 0, angle + 2 ** -54, 0])).toBe(true);
    expect(ends([0, 0, -angle - 2 ** -54, 0])).toBe(true);
  });

  it("ends MountainCar on its goal, and lets it leave the left wall", async () => {
    const env = await makeEnvironment("MountainCar-v0");
    // cos(3 p) > 0 at p = 0.46: the slope takes 0.0025 cos(1.38) off the velocity, the engine adds 0.001.
    const change = 0.001 - 0.0025 * Math.cos(3 * 0.46);
    const ends = (velocity: number): boolean => {
      env.setState({ state: [0.46, velocity] });
      return env.step([2]).terminated;
    };
    expect(ends(0.04 - change + 1e-12)).toBe(true);
    expect(ends(0.04 - change - 1e-12)).toBe(false);
    env.setState({ state: [-1.19, -0.07] });
    env.step([0]);
    expect(env.getState().state).toEqual(Float64Array.of(-1.2, 0));
    env.step([0]);
    // From the wall by the slope alone, less the engine: 0.0025 |cos 3.6| - 0.001.
    const [position, velocity] = Array.from(env.getState().state);
    expect(velocity).toBeCloseTo(-0.0025 * Math.cos(3.6) - 0.001, 15);
    expect(position).toBe(-1.2 + velocity);
  });

  it("leaves Acrobot hanging still at rest, to the rounding of pi / 2", async () => {
    const env = await makeEnvironment("Acrobot-v1");
    env.setState({ state: [0, 0, 0, 0] });
    const { observation, reward } = env.step([1]);
    expect(reward).toBe(-1);
    // cos(-pi/2) is 6e-17 in double precision: an acceleration below 20 times that for 0.2 s.
    expect(largestDifference(observation, [1, 0, 1, 0, 0, 0])).toBeLessThan(20 * 0.2 * 6.2e-17);
  });

  it("refuses angles of Acrobot that it could not turn back", async () => {
    const env = await makeEnvironment("Acrobot-v1");
    expect(() => env.setState({ state: [1e20, 0, 0, 0] })).toThrow(
      /^setState: Acrobot-v1 takes angles within/,
    );
    expect(() => env.setState({ state: [0, -1e20, 0, 0] })).toThrow(
      /^setState: Acrobot-v1 takes angles within/,
    );
  });
});

describe("classic control in reset", () => {
  it.for([
    ["CartPole-v1", [-0.05, -0.05, -0.05, -0.05], [0.05, 0.05, 0.05, 0.05]],
    ["Acrobot-v1", [-0.1, -0.1, -0.1, -0.1], [0.1, 0.1, 0.1, 0.1]],
    ["MountainCar-v0", [-0.6, 0], [-0.4, 0]],
  ] as const)("draws starts of %s uniform in Gymnasium's ranges", async ([id, low, high]) => {
    const env = await makeEnvironment(id);
    const n = 1000;
    const starts = Array.from({ length: n }, (_, episode) => {
      env.reset(episode === 0 ? { seed: 1 } : {});
      return Array.from(env.getState().state);
    });
    low.forEach((bound, i) => {
      const width = high[i] - bound;
      const values = starts.map((state) => state[i]);
      const rounding = 2 ** -24 * Math.abs(bound); // Acrobot's starts are of float32.
      expect(Math.min(...values)).toBeGreaterThanOrEqual(bound - rounding);
      expect(Math.max(...values)).toBeLessThanOrEqual(high[i] + rounding);
      // Uniform: mean in the middle (deviation w / sqrt(12 n)), variance w^2 / 12 (deviation w^2 sqrt(1 / (180 n))).
      const middle = (bound + high[i]) / 2;
      const mean = values.reduce((sum, value) => sum + value, 0) / n;
      const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / n;
      expect(Math.abs(mean - middle)).toBeLessThanOrEqual((4 * width) / Math.sqrt(12 * n));
      expect(Math.abs(variance - width ** 2 / 12)).toBeLessThanOrEqual((4 * width ** 2) / Math.sqrt(180 * n));
    });
    if (id === "Acrobot-v1") expect(starts.flat().every((value) => value === Math.fround(value))).toBe(true);
  });
});
