import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeEnvironment } from "../../src/envs/index.ts";
import golden from "./classic-control.golden.json" with { type: "json" };

const TRACES = new URL("../../../shared/real/traces/", import.meta.url);
const DEMOS = new URL("../../../shared/real/demos/", import.meta.url);

interface Trace {
  env: string;
  options?: { sutton_barto_reward?: boolean };
  start: number[];
  actions: number[];
  state: number[][];
  observation: number[][];
  reward: number[];
  terminated: boolean[];
}

/** The engine's sin and cos may differ from the C library's in the last place, and the tasks amplify that little. */
const TOLERANCE = 1e-11;

async function expectTrace({ env: id, options, start, actions, ...expected }: Trace): Promise<void> {
  const suttonBartoReward = options?.sutton_barto_reward ?? false;
  const env = await makeEnvironment(id, id === "CartPole-v1" ? { suttonBartoReward } : {});
  env.setState({ state: start });
  expected.state.forEach((state, t) => {
    const result = env.step([actions[t]]);
    const now = Array.from(env.getState().state);
    now.forEach((value, i) => {
      expect(Math.abs(value - state[i])).toBeLessThan(TOLERANCE * (1 + Math.abs(state[i])));
    });
    result.observation.forEach((value, i) => {
      // The same float32, or its neighbour where the state is half way between two.
      expect(Math.abs(value - expected.observation[t][i])).toBeLessThanOrEqual(
        2 ** -22 * (1 + Math.abs(value)),
      );
      expect(value).toBe(Math.fround(value));
    });
    expect(result.reward).toBe(expected.reward[t]);
    expect(result.terminated).toBe(expected.terminated[t]);
    if (result.terminated) expect(t).toBe(expected.state.length - 1);
  });
}

describe("classic control", () => {
  it.for(golden.traces.map((trace, i) => [`${trace.env}, trace ${i}`, trace] as const))(
    "follows Gymnasium: %s",
    ([, trace]) => expectTrace(trace as Trace),
  );

  const recorded = [
    "cartpole-expert",
    "cartpole-fall",
    "acrobot-expert",
    "acrobot-scripted",
    "mountaincar-expert",
    "mountaincar-scripted",
  ];
  it.skipIf(!existsSync(TRACES)).for(recorded)(
    "follows the recorded trace %s (needs ../shared)",
    async (name) => {
      const trace = JSON.parse(readFileSync(new URL(`${name}.json`, TRACES), "utf8")) as Trace & {
        state0: number[];
        obs: number[][];
      };
      await expectTrace({ ...trace, start: trace.state0, observation: trace.obs });
    },
  );

  it.skipIf(!existsSync(DEMOS))(
    "replays a recorded CartPole episode from its float32 observations (needs ../shared)",
    async () => {
      const { readDemonstrations } = await import("../../src/demos/index.ts");
      const { fileURLToPath } = await import("node:url");
      const { trajectories } = await readDemonstrations(
        fileURLToPath(new URL("cartpole-v1__sb3zoo-ppo", DEMOS)),
      );
      const env = await makeEnvironment("CartPole-v1");
      const n = trajectories.observationSize;
      for (let t = 0; t < 500; t++) {
        env.setState({ state: trajectories.observations.subarray(t * n, (t + 1) * n) });
        const { observation } = env.step(trajectories.actions.subarray(t, t + 1));
        const next = trajectories.nextObservations.subarray(t * n, (t + 1) * n);
        // One step from a state rounded to float32.
        observation.forEach((value, i) => expect(Math.abs(value - next[i])).toBeLessThan(1e-6));
      }
    },
  );

  it("refuses to go on after an episode's end, and says how to", async () => {
    const env = await makeEnvironment("CartPole-v1");
    env.setState({ state: [2.39, 5, 0, 0] });
    expect(env.step([1])).toMatchObject({ terminated: true, truncated: false, reward: 1 });
    expect(() => env.step([1])).toThrow(/the episode has ended; call reset or setState first/);
    env.reset({ seed: 1 });
    expect(env.step([1]).terminated).toBe(false);
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
    expect(ends([2.4000001, 0, 0, 0])).toBe(true);
    expect(ends([-2.4000001, 0, 0, 0])).toBe(true);
    expect(ends([0, 0, angle, 0])).toBe(false);
    expect(ends([0, 0, angle + 1e-9, 0])).toBe(true);
    expect(ends([0, 0, -angle - 1e-9, 0])).toBe(true);
  });

  it("draws starts from Gymnasium's ranges", async () => {
    for (const [id, low, high] of [
      ["CartPole-v1", [-0.05, -0.05, -0.05, -0.05], [0.05, 0.05, 0.05, 0.05]],
      ["Acrobot-v1", [-0.1, -0.1, -0.1, -0.1], [0.1, 0.1, 0.1, 0.1]],
      ["MountainCar-v0", [-0.6, 0], [-0.4, 0]],
    ] as const) {
      const env = await makeEnvironment(id);
      const lows = low.map(() => Infinity);
      const highs = low.map(() => -Infinity);
      for (let seed = 0; seed < 400; seed++) {
        env.reset({ seed });
        Array.from(env.getState().state).forEach((value, i) => {
          lows[i] = Math.min(lows[i], value);
          highs[i] = Math.max(highs[i], value);
        });
      }
      low.forEach((bound, i) => {
        const width = high[i] - bound;
        // 400 uniform draws leave less than 3 % of the range open at either end but once in 200 000.
        expect(lows[i]).toBeGreaterThanOrEqual(bound);
        expect(lows[i]).toBeLessThanOrEqual(bound + 0.03 * width);
        expect(highs[i]).toBeLessThanOrEqual(high[i]);
        expect(highs[i]).toBeGreaterThanOrEqual(high[i] - 0.03 * width);
      });
    }
  });
});
