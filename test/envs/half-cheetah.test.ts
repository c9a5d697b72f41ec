import { describe, expect, it } from "vitest";

import { makeEnvironment } from "../../src/envs/index.ts";

describe("HalfCheetah at reset", () => {
  it("draws positions uniform in +-scale and velocities normal with deviation scale", async () => {
    const scale = 0.3;
    const env = await makeEnvironment("HalfCheetah-v5", { resetNoiseScale: scale });
    const positions: number[] = [];
    const velocities: number[] = [];
    for (let episode = 0; episode < 1000; episode++) {
      env.reset(episode === 0 ? { seed: 1 } : {});
      const { qpos, qvel } = env.getState();
      positions.push(...Array.from(qpos));
      velocities.push(...Array.from(qvel));
    }
    env.close();
    const n = positions.length;
    const moment = (values: number[], power: number): number =>
      values.reduce((sum, x) => sum + x ** power, 0) / n;
    // Standard errors: of a mean, sd / sqrt(n); of a second moment, sqrt(E x^4 - (E x^2)^2) / sqrt(n).
    const bound = 4 / Math.sqrt(n);
    expect(Math.max(...positions.map(Math.abs))).toBeLessThanOrEqual(scale);
    expect(Math.abs(moment(positions, 1))).toBeLessThan((bound * scale) / Math.sqrt(3));
    expect(Math.abs(moment(positions, 2) - scale ** 2 / 3)).toBeLessThan(
      bound * scale ** 2 * Math.sqrt(4 / 45),
    );
    expect(Math.abs(moment(velocities, 1))).toBeLessThan(bound * scale);
    expect(Math.abs(moment(velocities, 2) - scale ** 2)).toBeLessThan(bound * scale ** 2 * Math.sqrt(2));
  });

  it("starts at rest in the origin without noise, the clock at zero", async () => {
    const env = await makeEnvironment("HalfCheetah-v5", { resetNoiseScale: 0 });
    env.reset({ seed: 0 });
    env.step([1, 1, 1, 1, 1, 1]);
    env.reset();
    const zeros = new Float64Array(9);
    expect(env.getState()).toEqual({
      qpos: zeros,
      qvel: zeros,
      qacc_warmstart: zeros,
      time: new Float64Array(1),
    });
    env.close();
  });
});

describe("HalfCheetah in setState", () => {
  it("keeps clock and warm start unless the state names them", async () => {
    const env = await makeEnvironment("HalfCheetah-v5");
    env.reset({ seed: 2 });
    for (let t = 0; t < 10; t++) env.step([1, -1, 1, -1, 1, -1]);
    const { qacc_warmstart, time } = env.getState();
    const qpos = new Float64Array(9).fill(0.05);
    const qvel = new Float64Array(9).fill(-0.1);
    env.setState({ qpos, qvel });
    expect(env.getState()).toEqual({ qpos, qvel, qacc_warmstart, time });
    expect(time[0]).toBeCloseTo(10 * 5 * 0.01, 12);
    const whole = { qpos, qvel, qacc_warmstart: new Float64Array(9).fill(0.5), time: Float64Array.of(3) };
    env.setState(whole);
    expect(env.getState()).toEqual(whole);
    env.close();
  });
});

describe("HalfCheetah under actions out of bounds", () => {
  it("moves as at the bound and pays for the action as given", async () => {
    const env = await makeEnvironment("HalfCheetah-v5", { resetNoiseScale: 0 });
    env.reset({ seed: 0 });
    const bounded = { ...env.step([1, 1, 1, -1, -1, -1]) };
    const observation = bounded.observation.slice();
    env.reset();
    const raw = env.step([2, 1, 1, -3, -1, -1]);
    expect(raw.observation).toEqual(observation);
    expect(bounded.reward - raw.reward).toBeCloseTo(0.1 * (4 + 9 - 2), 12);
    env.close();
  });
});
