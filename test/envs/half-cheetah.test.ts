import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { type EnvironmentState, type StepResult, makeEnvironment } from "../../src/envs/index.ts";

/**
 * Engines differ by rounding, which these rollouts (smooth, or short) do not let grow: measured are 8e-14 on the traces and
 * 1e-12 on the golden. A wrong number in the model shows above 1e-9; scripts/gymnasium-parity.py shows the growth elsewhere.
 */
const TOLERANCE = 1e-9;

interface Steps {
  qpos: number[][];
  qvel: number[][];
  reward: number[];
}

interface Trace extends Steps {
  env: string;
  qpos0: number[];
  qvel0: number[];
  obs0: number[];
  actions: number[][];
  terminated: boolean[];
  /** Observations after the steps of some numbers. */
  obsAt: Record<string, number[]>;
}

interface GoldenCase {
  id: string;
  options: Record<string, unknown>;
  start: EnvironmentState;
  actions: number[][];
  setStateAt: number;
  rollout: Steps & {
    resetInfo: string[];
    observation: number[][];
    terminated: boolean[];
    truncated: boolean[];
    info: Record<string, number>[];
  };
}

function relativeDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  let largest = 0;
  for (let i = 0; i < ours.length; i++) {
    largest = Math.max(largest, Math.abs(ours[i] - theirs[i]) / Math.max(1, Math.abs(theirs[i])));
  }
  return largest;
}

function expectStep(result: StepResult, state: EnvironmentState, steps: Steps, t: number): void {
  expect(relativeDifference(state.qpos, steps.qpos[t])).toBeLessThan(TOLERANCE);
  expect(relativeDifference(state.qvel, steps.qvel[t])).toBeLessThan(TOLERANCE);
  expect(relativeDifference([result.reward], [steps.reward[t]])).toBeLessThan(TOLERANCE);
}

describe("HalfCheetah against recorded Gymnasium traces", () => {
  it.for(["halfcheetah-v4", "halfcheetah-v5"])("follows %s for 200 steps", async (name, { skip }) => {
    const path = new URL(`../../../shared/real/traces/${name}.json`, import.meta.url);
    if (!existsSync(path)) skip("the optional fixtures of ../shared are absent");
    const trace = JSON.parse(readFileSync(path, "utf8")) as Trace;
    const env = await makeEnvironment(trace.env);
    env.reset({ seed: 0 });
    expect(Array.from(env.setState({ qpos: trace.qpos0, qvel: trace.qvel0 }))).toEqual(trace.obs0);
    expect(trace.actions.length).toBe(200);
    trace.actions.forEach((action, t) => {
      const result = env.step(action);
      expectStep(result, env.getState(), trace, t);
      const observation = trace.obsAt[t] ?? [...trace.qpos[t].slice(1), ...trace.qvel[t]];
      expect(relativeDifference(result.observation, observation)).toBeLessThan(TOLERANCE);
      expect(result.terminated).toBe(trace.terminated[t]);
    });
    env.close();
  });
});

describe("HalfCheetah against its golden", () => {
  const golden = JSON.parse(readFileSync(new URL("half-cheetah.golden.json", import.meta.url), "utf8")) as {
    cases: GoldenCase[];
  };

  it.for(golden.cases.map((one, index) => [index, one.id, JSON.stringify(one.options), one] as const))(
    "follows case %i, %s with options %s",
    async ([, id, , { options, start, actions, setStateAt, rollout }]) => {
      const env = await makeEnvironment(id, options);
      expect(Object.keys(env.reset({ seed: 0 }).info).sort()).toEqual(rollout.resetInfo);
      env.setState(start);
      actions.forEach((action, t) => {
        if (t === setStateAt) env.setState(start);
        const result = env.step(action);
        expectStep(result, env.getState(), rollout, t);
        expect(relativeDifference(result.observation, rollout.observation[t])).toBeLessThan(TOLERANCE);
        expect([result.terminated, result.truncated]).toEqual([rollout.terminated[t], rollout.truncated[t]]);
        expect(Object.keys(result.info).sort()).toEqual(Object.keys(rollout.info[t]).sort());
        const names = Object.keys(result.info);
        const infoOf = (info: Record<string, number>): number[] => names.map((name) => info[name]);
        expect(relativeDifference(infoOf(result.info), infoOf(rollout.info[t]))).toBeLessThan(TOLERANCE);
      });
      env.close();
    },
  );
});

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
