import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

import { type EnvironmentState, makeEnvironment } from "../../src/envs/index.ts";
import { windStrength } from "../../src/envs/box2d/flight.ts";
import { groundHeights } from "../../src/envs/box2d/lander.ts";
import { portableAtan2, portableCos, portableSin } from "../../src/envs/classic-control/trigonometry.ts";
import golden from "./lunar-lander.golden.json" with { type: "json" };

const REAL = new URL("../../../shared/real/", import.meta.url);

/** As they are before the engine is loaded, which the first environment does. */
const { sin, cos, atan2 } = Math;

interface Rollout {
  options: Record<string, unknown>;
  drawn: EnvironmentState;
  start: number[];
  actions: number[];
  observation: number[][];
  reward: number[];
  terminated: boolean[];
}

/** Box2D is float32: each of a step's 180 iterations rounds once, after t steps and the reset's at worst to one side. */
function roundingAfter(steps: number): number {
  return (steps + 1) * 180 * 2 ** -24;
}

/** f(o') - f(o) changes by no more than this where every coordinate of o and o' changes by `rounding`. */
function rewardRounding(rounding: number): number {
  return 2 * (100 * Math.SQRT2 + 100 * Math.SQRT2 + 100) * rounding;
}

function largestDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  return Math.max(...Array.from(ours, (value, i) => Math.abs(value - theirs[i])));
}

/** All steps in a row; legs' contacts and the end on the same step. */
async function expectRollout(rollout: Rollout): Promise<void> {
  const { options, drawn, start, actions, observation, reward, terminated } = rollout;
  const env = await makeEnvironment("LunarLander-v3", options);
  const first = env.setState({ ...drawn, actions: [] });
  expect(largestDifference(first, start)).toBeLessThanOrEqual(roundingAfter(0));
  actions.forEach((action, t) => {
    const result = env.step([action]);
    const rounding = roundingAfter(t + 1);
    expect(largestDifference(result.observation, observation[t])).toBeLessThanOrEqual(rounding);
    expect(Math.abs(result.reward - reward[t])).toBeLessThanOrEqual(rewardRounding(rounding));
    expect(result.terminated).toBe(terminated[t]);
  });
  env.close();
}

const PLAIN = { terrain: Array.from({ length: 12 }, () => 3), push: [0, 0], dispersion: [0, 0], actions: [] };

describe("LunarLander against its golden", () => {
  it.for(golden.traces.map(({ what }, i) => [what, i] as const))("%s as in Gymnasium", async ([, i]) => {
    await expectRollout(golden.traces[i] as unknown as Rollout);
  });

  it("has in it every end, legs that stand and leave again, and wind", () => {
    const { traces } = golden;
    const ends = traces.map(({ reward }) => reward.at(-1));
    expect(new Set(ends)).toEqual(new Set([100, -100]));
    expect(traces.some(({ observation }) => observation.some((o) => Math.abs(o[0]) >= 1))).toBe(true);
    const lifts = traces.filter(({ observation, options }) => {
      const stands = observation.map((o) => o[6] + o[7] > 0);
      return "enableWind" in options && stands.some((stand, t) => !stand && stands[t - 1]);
    });
    expect(lifts).toHaveLength(1);
    expect(new Set(traces.flatMap(({ actions }) => actions))).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe("LunarLander against recorded Gymnasium traces", () => {
  it.for(["lunarlander-noop-crash", "lunarlander-scripted", "lunarlander-expert"])(
    "follows %s",
    async (name, { skip }) => {
      const path = new URL(`traces/${name}.json`, REAL);
      if (!existsSync(path)) skip("the optional fixtures of ../shared are absent");
      const trace = JSON.parse(readFileSync(fileURLToPath(path), "utf8"));
      const dispersion = [trace.resetDispersion, ...trace.dispersion].flat();
      const drawn = { terrain: trace.terrainHeights, push: trace.initialForce, dispersion };
      await expectRollout({ ...trace, options: {}, drawn, start: trace.obs0, observation: trace.obs });
    },
  );
});

describe("the lander's world", () => {
  it("smooths the ground, levels the pad and looks back from the first point to the last height", () => {
    const pad = 10 / 3;
    const heights = Array.from({ length: 12 }, (_, i) => i);
    const means = [11 + 0 + 1, 0 + 1 + 2, 1 + 2 + pad, 2 + 2 * pad, 3 * pad, 3 * pad, 3 * pad, 2 * pad + 8];
    const expected = [...means, pad + 8 + 9, 8 + 9 + 10, 9 + 10 + 11].map((sum) => 0.33 * sum);
    // Three roundings of a sum of up to 30.
    expect(largestDifference(groundHeights(heights), expected)).toBeLessThanOrEqual(3 * 2 ** -52 * 30);
  });
});

describe("LunarLander's wind", () => {
  it("is tanh(sin(0.02 n) + sin(0.01 pi n))", () => {
    for (let n = -12000; n <= 12000; n += 7) {
      const expected = Math.tanh(Math.sin(0.02 * n) + Math.sin(Math.PI * 0.01 * n));
      // The arguments' rounding, up to 2^-45 at 377 rad, then four of numbers up to e^4.
      expect(Math.abs(windStrength(n) - expected)).toBeLessThanOrEqual(2 ** -44);
    }
  });
});

describe("LunarLander's state", () => {
  it("spends the dispersion it was given before it draws", async () => {
    const env = await makeEnvironment("LunarLander-v3");
    const fire = (given: EnvironmentState): number[][] => {
      env.setState(given);
      return [2, 2].map((action) => Array.from(env.step([action]).observation));
    };
    const given = { ...PLAIN, dispersion: [0, 0, 0.5, -0.5] };
    const first = fire({ ...given, noise: [1, 2, 3] });
    const second = fire({ ...given, noise: [1, 2, 4] });
    expect(second[0]).toEqual(first[0]);
    expect(second[1]).not.toEqual(first[1]);
    expect(fire({ ...given, dispersion: [0, 0, 0.5, 0.5], noise: [1, 2, 3] })[0]).not.toEqual(first[0]);
  });

  it("lacks noise until there is a seed, and then says so", async () => {
    const env = await makeEnvironment("LunarLander-v3");
    env.setState(PLAIN);
    expect(env.getState()).not.toHaveProperty("noise");
    expect(() => env.step([0])).toThrow(/^step: LunarLander-v3 needs a seed/);
    expect(env.getState().actions).toHaveLength(0);
  });

  it("holds the whole episode, up to and after its end", async () => {
    const trace = golden.traces[0] as unknown as Rollout;
    const env = await makeEnvironment("LunarLander-v3");
    env.setState({ ...trace.drawn, actions: [] });
    for (const action of trace.actions) env.step([action]);
    const { actions, dispersion, terrain } = env.getState();
    expect([actions, dispersion, terrain].map((field) => Array.from(field))).toEqual([
      trace.actions,
      trace.drawn.dispersion,
      trace.drawn.terrain,
    ]);
    expect(() => env.step([0])).toThrow(/^step: LunarLander-v3: the episode has ended/);
    const landed = env.setState(env.getState());
    expect(Array.from(landed.slice(6))).toEqual([1, 1]);
  });

  it("is a copy, given and taken", async () => {
    const env = await makeEnvironment("LunarLander-v3");
    const given = { ...PLAIN, terrain: Float64Array.from(PLAIN.terrain) };
    env.setState(given);
    given.terrain.fill(0);
    const taken = env.getState();
    expect(Array.from(taken.terrain)).toEqual(PLAIN.terrain);
    for (const field of Object.values(taken)) (field as Float64Array).fill(0.5);
    expect(env.getState()).toEqual(
      Object.fromEntries(Object.entries(PLAIN).map(([name, values]) => [name, Float64Array.from(values)])),
    );
  });

  it("continues exactly while legs touch the ground", async () => {
    const { drawn, actions, observation } = golden.traces[0] as unknown as Rollout;
    const middle = observation.findIndex((o) => o[6] === 1) + 3;
    const env = await makeEnvironment("LunarLander-v3");
    env.setState({ ...drawn, actions: [] });
    for (const action of actions.slice(0, middle)) env.step([action]);
    const saved = env.getState();
    const rest = (): number[][] =>
      actions.slice(middle).map((action) => {
        const result = env.step([action]);
        return [...result.observation, result.reward, Number(result.terminated)];
      });
    const first = rest();
    env.setState(saved);
    expect(rest()).toEqual(first);
  });

  it.for([
    [{ terrain: [...PLAIN.terrain.slice(1), 7] }, "takes numbers from 0 to 6.66"],
    [{ push: [0, -1001] }, "takes numbers from -1000 to 1000 as push, got -1001 at [1]"],
    [{ dispersion: [0, 1.5] }, "takes numbers from -1 to 1 as dispersion, got 1.5 at [1]"],
    [{ actions: [4], dispersion: [0, 0, 0, 0] }, "takes whole numbers from 0 to 3 as actions, got 4 at [0]"],
    [
      { actions: [0.5], dispersion: [0, 0, 0, 0] },
      "takes whole numbers from 0 to 3 as actions, got 0.5 at [0]",
    ],
    [{ actions: [0] }, "takes dispersion in pairs, for the reset and 1 actions at least 4 numbers, got 2"],
    [
      { dispersion: [0, 0, 0] },
      "takes dispersion in pairs, for the reset and 0 actions at least 2 numbers, got 3",
    ],
    [{ noise: [1, 2] }, "takes noise of shape [3], got [2]"],
    [{ noise: [1, 2, -1] }, "takes whole numbers from 0 to 9007199254740991 as noise, got -1 at [2]"],
    [{ wind: [0, 0] }, "has no state wind; it has terrain, push, dispersion, actions, noise"],
  ] as const)("refuses %j", async ([change, problem]) => {
    const env = await makeEnvironment("LunarLander-v3");
    expect(() => env.setState({ ...PLAIN, ...change })).toThrow(`setState: LunarLander-v3 ${problem}`);
  });

  it("needs the wind's start where there is wind", async () => {
    const env = await makeEnvironment("LunarLander-v3", { enableWind: true });
    expect(() => env.setState(PLAIN)).toThrow("setState: LunarLander-v3 needs wind; pass what getState gave");
    expect(() => env.setState({ ...PLAIN, wind: [0, 10000] })).toThrow(/whole numbers from -9999 to 9999/);
    expect(() => env.setState({ ...PLAIN, wind: [0, 9999] })).not.toThrow();
  });
});

describe("LunarLander in reset", () => {
  it("draws heights, push, wind and dispersion uniform in Gymnasium's ranges", async () => {
    const env = await makeEnvironment("LunarLander-v3", { enableWind: true });
    const resets = Array.from({ length: 500 }, (_, episode) => {
      env.reset(episode === 0 ? { seed: 1 } : {});
      return env.getState();
    });
    const ranges = { terrain: [0, 20 / 3], push: [-1000, 1000], wind: [-9999, 9998], dispersion: [-1, 1] };
    for (const [name, [low, high]] of Object.entries(ranges)) {
      const values = resets.flatMap((state) => Array.from(state[name]));
      const n = values.length;
      const width = high - low;
      const middle = (low + high) / 2;
      expect(Math.min(...values)).toBeGreaterThanOrEqual(low);
      expect(Math.max(...values)).toBeLessThanOrEqual(high);
      // Uniform: mean in the middle (deviation w / sqrt(12 n)), variance w^2 / 12 (deviation w^2 sqrt(1 / (180 n))).
      const mean = values.reduce((sum, value) => sum + value, 0) / n;
      const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / n;
      expect(Math.abs(mean - middle)).toBeLessThanOrEqual((4 * width) / Math.sqrt(12 * n));
      expect(Math.abs(variance - width ** 2 / 12)).toBeLessThanOrEqual((4 * width ** 2) / Math.sqrt(180 * n));
      if (name === "wind") expect(values.every(Number.isInteger)).toBe(true);
    }
  });
});

describe("LunarLander's options", () => {
  it.for([
    [{ gravity: 0 }, "takes a gravity between -12 and 0, got 0"],
    [{ gravity: -12 }, "takes a gravity between -12 and 0, got -12"],
    [{ windPower: 20.5 }, "takes at most 20 as windPower, got 20.5"],
    [{ windPower: -1 }, "takes a windPower of at least 0, got -1"],
    [{ turbulencePower: 2.5 }, "takes at most 2 as turbulencePower, got 2.5"],
    [{ turbulencePower: -1 }, "takes a turbulencePower of at least 0, got -1"],
    [{ maxEpisodeSteps: 0 }, "takes a whole number from 1 as maxEpisodeSteps, got 0"],
  ] as const)("refuses %j", async ([options, problem]) => {
    await expect(makeEnvironment("LunarLander-v3", options)).rejects.toThrow(
      `makeEnvironment: LunarLander-v3 ${problem}`,
    );
  });
});

describe("LunarLander's legs", () => {
  it.for([
    [3, 1, 0],
    [1, 0, 1],
  ])("a lander turned by engine %i touches with its lower leg first: %i right, %i left", async (expected) => {
    const [engine, ...legs] = expected;
    const env = await makeEnvironment("LunarLander-v3");
    env.setState({ ...PLAIN, noise: [1, 2, 3] });
    let { observation } = env.step([engine]);
    for (let t = 0; t < 200 && observation[6] + observation[7] === 0; t++) {
      ({ observation } = env.step([t < 8 ? engine : 0]));
    }
    // The right engine turns to the right, which is clockwise.
    expect(Math.sign(observation[4])).toBe(engine === 3 ? -1 : 1);
    expect(Array.from(observation.slice(6))).toEqual(legs);
  });
});

it("the engine of LunarLander takes sin, cos and atan2 that are the same everywhere; nobody else does", async () => {
  await Promise.all([makeEnvironment("LunarLander-v3"), makeEnvironment("LunarLander-v3")]);
  expect([Math.sin, Math.cos, Math.atan2]).toEqual([sin, cos, atan2]);
  const { Rot } = await import("planck");
  const angles = Array.from({ length: 1000 }, (_, i) => (i - 500) / 300);
  const taken = angles.map((angle) => new Rot(angle));
  expect(taken.map(({ s }) => s)).toEqual(angles.map((angle) => portableSin(angle)));
  expect(taken.map(({ c }) => c)).toEqual(angles.map((angle) => portableCos(angle)));
  expect(taken.map((rotation) => rotation.getAngle())).toEqual(taken.map(({ s, c }) => portableAtan2(s, c)));
  // The usual ones are not those.
  expect(angles.some((angle) => Math.sin(angle) !== portableSin(angle))).toBe(true);
});
