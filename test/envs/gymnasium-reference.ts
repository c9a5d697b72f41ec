import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { type EnvironmentState, type StepResult, makeEnvironment } from "../../src/envs/index.ts";

interface Steps {
  qpos: number[][];
  qvel: number[][];
  reward: number[];
  terminated: boolean[];
}

interface Trace extends Steps {
  env: string;
  qpos0: number[];
  qvel0: number[];
  obs0: number[];
  actions: number[][];
  /** Observations after the steps of some numbers. */
  obsAt: Record<string, number[]>;
}

interface GoldenCase {
  id: string;
  options: Record<string, unknown>;
  start: EnvironmentState;
  actions: number[][];
  /** Before the step of this number, the state is set to `start` again. */
  setStateAt?: number | null;
  rollout: Steps & {
    resetInfo: string[];
    /** In `start`, and after every step or the last alone. */
    startObservation?: number[];
    observations?: number[][];
    observation?: number[];
    truncated: boolean[];
    info: Record<string, number>[];
  };
}

/** max_i |ours_i - theirs_i| / max(1, |theirs_i|) */
export function relativeDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  let largest = 0;
  for (let i = 0; i < ours.length; i++) {
    largest = Math.max(largest, Math.abs(ours[i] - theirs[i]) / Math.max(1, Math.abs(theirs[i])));
  }
  return largest;
}

function expectStep(
  result: StepResult,
  state: EnvironmentState,
  steps: Steps,
  t: number,
  tolerance: number,
): void {
  expect(relativeDifference(state.qpos, steps.qpos[t])).toBeLessThan(tolerance);
  expect(relativeDifference(state.qvel, steps.qvel[t])).toBeLessThan(tolerance);
  expect(relativeDifference([result.reward], [steps.reward[t]])).toBeLessThan(tolerance);
  expect(result.terminated).toBe(steps.terminated[t]);
}

/** What 400 resets add to the positions and velocities of a reset without noise, in units of `scale`. */
export async function resetNoise(id: string, scale: number): Promise<{ qpos: number[]; qvel: number[] }> {
  const still = await makeEnvironment(id, { resetNoiseScale: 0 });
  still.reset({ seed: 0 });
  const rest = still.getState();
  still.close();
  const env = await makeEnvironment(id, { resetNoiseScale: scale });
  const noise: { qpos: number[]; qvel: number[] } = { qpos: [], qvel: [] };
  for (let episode = 0; episode < 400; episode++) {
    env.reset(episode === 0 ? { seed: 5 } : {});
    const state = env.getState();
    for (const name of ["qpos", "qvel"] as const)
      noise[name].push(...Array.from(state[name], (value, i) => (value - rest[name][i]) / scale));
  }
  env.close();
  return noise;
}

/** Expect mean 0 and this mean square, within four standard errors; `fourth` is the mean fourth power. */
export function expectMoments(values: readonly number[], square: number, fourth: number): void {
  const bound = 4 / Math.sqrt(values.length);
  const moment = (power: number): number =>
    values.reduce((sum, value) => sum + value ** power, 0) / values.length;
  expect(Math.abs(moment(1))).toBeLessThan(bound * Math.sqrt(square));
  expect(Math.abs(moment(2) - square)).toBeLessThan(bound * Math.sqrt(fourth - square ** 2));
}

function readTrace(name: string, skip: (reason: string) => void): Trace {
  const path = new URL(`../../../shared/real/traces/${name}.json`, import.meta.url);
  if (!existsSync(path)) skip("the optional fixtures of ../shared are absent");
  return JSON.parse(readFileSync(path, "utf8")) as Trace;
}

/** Tests that `options` follow the recorded trace `name` of Gymnasium for `count` steps, on beyond an episode's end. */
export function followsTrace(
  name: string,
  options: Record<string, unknown>,
  count: number,
  tolerance: number,
): void {
  it(`follows the trace ${name} for ${count} steps`, async ({ skip }) => {
    const trace = readTrace(name, skip);
    const env = await makeEnvironment(trace.env, options);
    env.reset({ seed: 0 });
    const first = env.setState({ qpos: trace.qpos0, qvel: trace.qvel0 });
    expect(relativeDifference(first, trace.obs0)).toBeLessThan(tolerance);
    let observations = 0;
    trace.actions.slice(0, count).forEach((action, t) => {
      const result = env.step(action);
      expectStep(result, env.getState(), trace, t, tolerance);
      if (!trace.obsAt[t]) return;
      expect(relativeDifference(result.observation, trace.obsAt[t])).toBeLessThan(tolerance);
      observations++;
    });
    expect(observations).toBeGreaterThan(1);
    env.close();
  });
}

/** Tests that `options` make each step of the trace `name` from the state that the trace has before it. */
export function stepsLikeTrace(name: string, options: Record<string, unknown>, tolerance: number): void {
  it(`makes every step of the trace ${name} from the state before it`, async ({ skip }) => {
    const { env: id, qpos0, qvel0, qpos, qvel, actions } = readTrace(name, skip);
    const env = await makeEnvironment(id, options);
    env.reset({ seed: 0 });
    expect(actions.length).toBe(200);
    actions.forEach((action, t) => {
      env.setState({ qpos: t === 0 ? qpos0 : qpos[t - 1], qvel: t === 0 ? qvel0 : qvel[t - 1] });
      env.step(action);
      const state = env.getState();
      expect(relativeDifference(state.qpos, qpos[t])).toBeLessThan(tolerance);
      expect(relativeDifference(state.qvel, qvel[t])).toBeLessThan(tolerance);
    });
    env.close();
  });
}

/** Tests that the environments follow every case of a golden that one of the scripts named in it wrote. */
export function followsGolden(file: string, tolerance: number): void {
  const { cases } = JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")) as {
    cases: GoldenCase[];
  };
  describe(`against ${file}`, () => {
    it.for(cases.map((one, index) => [index, one.id, JSON.stringify(one.options), one] as const))(
      "follows case %i, %s with options %s",
      async ([, id, , { options, start, actions, setStateAt, rollout }]) => {
        const env = await makeEnvironment(id, options);
        expect(Object.keys(env.reset({ seed: 0 }).info).sort()).toEqual(rollout.resetInfo);
        const { startObservation, observations, observation } = rollout;
        const first = env.setState(start);
        if (startObservation) expect(relativeDifference(first, startObservation)).toBeLessThan(tolerance);
        actions.forEach((action, t) => {
          if (t === setStateAt) env.setState(start);
          const result = env.step(action);
          expectStep(result, env.getState(), rollout, t, tolerance);
          expect(result.truncated).toBe(rollout.truncated[t]);
          const names = Object.keys(rollout.info[t]);
          expect(Object.keys(result.info).sort()).toEqual(names);
          const [ours, theirs] = [result.info, rollout.info[t]].map((info) =>
            names.map((name) => info[name]),
          );
          expect(relativeDifference(ours, theirs)).toBeLessThan(tolerance);
          const shown = observations ? observations[t] : t + 1 < actions.length ? null : observation!;
          if (shown) expect(relativeDifference(result.observation, shown)).toBeLessThan(tolerance);
        });
        env.close();
      },
    );
  });
}
