import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { makeEnvironment } from "../../src/envs/index.ts";
import { relativeDifference } from "./gymnasium-reference.ts";

interface Recorded {
  env: string;
  transitions: { obs: number[]; action: number[]; nextObs: number[]; reward: number }[];
}

/** Largest relative differences of our transitions from third-party ones, recorded on a MuJoCo before 3.5. */
async function differences(recorded: Recorded, options: object): Promise<{ next: number; reward: number }> {
  const env = await makeEnvironment(recorded.env, { ...options });
  let next = 0;
  let reward = 0;
  for (const { obs, action, nextObs, reward: theirs } of recorded.transitions) {
    env.setState(env.stateFromObservation!(obs));
    const result = env.step(action);
    next = Math.max(next, relativeDifference(result.observation, nextObs));
    const inSingle = result.reward + 1e-3 * (squares(action) - squaresInSingle(action));
    reward = Math.max(reward, relativeDifference([inSingle], [theirs]));
  }
  env.close();
  return { next, reward };
}

function squares(action: readonly number[]): number {
  return action.reduce((sum, a) => sum + a * a, 0);
}

/** As Gymnasium has it: a float32 action is squared and summed in float32. */
function squaresInSingle(action: readonly number[]): number {
  return action.reduce((sum, a) => Math.fround(sum + Math.fround(a * a)), 0);
}

describe("Hopper-v4 against recorded third-party transitions", () => {
  it("makes them with its own margins, and not with today's", async ({ skip }) => {
    const path = new URL("../../../shared/real/traces/recorded-hopper-v4-cs285.json", import.meta.url);
    if (!existsSync(path)) skip("the optional fixtures of ../shared are absent");
    const recorded = JSON.parse(readFileSync(path, "utf8")) as Recorded;
    expect(recorded.transitions.length).toBe(120);
    const own = await differences(recorded, {});
    expect(await differences(recorded, { contactMargins: "larger" })).toEqual(own);
    expect(own.next).toBeLessThan(1e-12);
    expect(own.reward).toBeLessThan(1e-12);
    const todays = await differences(recorded, { contactMargins: "summed" });
    expect(todays.next).toBeGreaterThan(1e-3);
    expect(todays.reward).toBeGreaterThan(1e-5);
  });
});

describe("Hopper's healthy state", () => {
  const coordinates = [null, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; // of positions from the angle on, then of velocities

  it.for(coordinates)("has every coordinate in its range: %s", async (index) => {
    const env = await makeEnvironment("Hopper-v5", {
      healthyStateRange: [-0.5, 0.5],
      healthyAngleRange: [-1, 1],
    });
    const state = new Float64Array(10);
    if (index !== null) state[index] = -0.8;
    env.setState({ qpos: [0, 1.4, ...state.slice(0, 4)], qvel: state.slice(4) });
    const { terminated } = env.step(new Float64Array(3));
    const { qpos, qvel } = env.getState();
    env.close();
    const after = [...Array.from(qpos).slice(2), ...Array.from(qvel)];
    const outside = after.flatMap((value, i) => (Math.abs(value) < 0.5 ? [] : [i]));
    expect(outside).toEqual(index === null ? [] : [index]);
    expect(terminated).toBe(index !== null);
  });
});
