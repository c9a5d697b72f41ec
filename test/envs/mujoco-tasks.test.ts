import { describe, expect, it } from "vitest";

import { type BoxSpace, type Key, foldIn, keyFromSeed, nextUniform, streamOf } from "../../src/core/index.ts";
import {
  type Environment,
  type EnvironmentState,
  environmentIds,
  makeEnvironment,
} from "../../src/envs/index.ts";
import { ANT } from "../../src/envs/mujoco/ant.ts";
import { HALF_CHEETAH } from "../../src/envs/mujoco/half-cheetah.ts";
import { HOPPER } from "../../src/envs/mujoco/hopper.ts";
import { HUMANOID } from "../../src/envs/mujoco/humanoid.ts";
import { INVERTED_DOUBLE_PENDULUM } from "../../src/envs/mujoco/inverted-double-pendulum.ts";
import { INVERTED_PENDULUM } from "../../src/envs/mujoco/inverted-pendulum.ts";
import { toMjcf } from "../../src/envs/mujoco/model.ts";
import { pusher } from "../../src/envs/mujoco/pusher.ts";
import { REACHER } from "../../src/envs/mujoco/reacher.ts";
import { SWIMMER } from "../../src/envs/mujoco/swimmer.ts";
import { walker2d } from "../../src/envs/mujoco/walker2d.ts";

// First, while memory is small: each of many grows it while others are being made.
it.for(["HalfCheetah-v5", "Hopper-v5", "Ant-v5", "Swimmer-v5", "InvertedPendulum-v5", "CustomAnt-v0"])(
  "makes many of %s at once",
  async (id) => {
    const made = await Promise.allSettled(Array.from({ length: 40 }, () => makeEnvironment(id)));
    const opened = made.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const sizes = new Set(opened.map((env) => env.observationSpace.size));
    for (const env of opened) env.close();
    expect([opened.length, sizes.size]).toEqual([40, 1]);
  },
);

async function withEnvironment<T>(id: string, options: object, body: (env: Environment) => T): Promise<T> {
  const env = await makeEnvironment(id, { ...options });
  try {
    return body(env);
  } finally {
    env.close();
  }
}

/** Actions uniform in twice the space's bounds. */
function wildActions(env: Environment, key: Key, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, t) => {
    const stream = streamOf(foldIn(key, t));
    return boxOf(env).high.map((bound) => 2 * bound * (2 * nextUniform(stream) - 1));
  });
}

/** What comes out but for `info`, from `start` or a seeded reset, on beyond an episode's end. */
function rollOut(env: Environment, count: number, start?: EnvironmentState): number[] {
  const first = start ? env.setState(start) : env.reset({ seed: 1 }).observation;
  const numbers = [...first];
  for (const action of wildActions(env, keyFromSeed(2), count)) {
    const { observation, reward, terminated } = env.step(action);
    numbers.push(...observation, reward, Number(terminated));
  }
  return numbers;
}

const TASKS = environmentIds()
  .filter((id) => id.endsWith("-v5"))
  .map((id) => id.slice(0, -3));
const ENDING: Record<string, EnvironmentState> = {
  Ant: { qpos: [0, 0, 1.05, 1, ...new Float64Array(11)], qvel: new Float64Array(14) },
  Hopper: { qpos: [0, 1.25, 0.3, 0, 0, 0], qvel: new Float64Array(6) },
  Humanoid: { qpos: [0, 0, 2.05, 1, ...new Float64Array(20)], qvel: new Float64Array(23) },
  InvertedDoublePendulum: { qpos: [0, 1, 0.5], qvel: [0, 0, 0] },
  InvertedPendulum: { qpos: [0, 0.3], qvel: [0, 0] },
  Walker2d: { qpos: [0, 1.25, 1.1, 0, 0, 0, 0, 0, 0], qvel: new Float64Array(9) },
};

describe("versions", () => {
  it.for(TASKS)("of %s differ in their options and in info alone", async (task) => {
    const [v4, v5] = await Promise.all(
      ["v4", "v5"].map((version) => withEnvironment(`${task}-${version}`, {}, (env) => env.options!)),
    );
    expect(Object.keys(v4)).toEqual(Object.keys(v5));
    for (const start of [undefined, ENDING[task]]) {
      for (const options of [v4, v5]) {
        const [by4, by5] = await Promise.all(
          ["v4", "v5"].map((version) =>
            withEnvironment(`${task}-${version}`, options, (env) => rollOut(env, 30, start)),
          ),
        );
        // Contact forces and bodies' inertias in v4 begin with those of the world, all zeros.
        const shown = (numbers: number[]): number[] =>
          ["Ant", "Humanoid"].includes(task) ? numbers.filter((x) => x !== 0) : numbers;
        expect(shown(by4)).toEqual(shown(by5));
      }
    }
  });
});

describe("contact margins", () => {
  const models = { ANT, HOPPER, HUMANOID, PUSHER: pusher(0.01, false) };
  const marginless = {
    HALF_CHEETAH,
    INVERTED_DOUBLE_PENDULUM,
    INVERTED_PENDULUM,
    REACHER,
    SWIMMER,
    WALKER2D: walker2d(1.9),
  };

  it.for(["Ant", "Hopper", "Humanoid", "Pusher"])("are larger in %s-v4 and summed in v5", async (task) => {
    const start =
      task === "Pusher"
        ? { qpos: [0, 0.38, 0, 0, 0, 0, 0, -0.55, 0.37, 0, 0], qvel: new Float64Array(11) }
        : undefined;
    for (const [version, own, other] of [
      ["v4", "larger", "summed"],
      ["v5", "summed", "larger"],
    ]) {
      const [byDefault, asOwn, asOther] = await Promise.all(
        [{}, { contactMargins: own }, { contactMargins: other }].map((options) =>
          withEnvironment(`${task}-${version}`, options, (env) => rollOut(env, 40, start)),
        ),
      );
      expect(byDefault).toEqual(asOwn);
      expect(byDefault).not.toEqual(asOther);
    }
  });

  it.for(Object.entries(models))("of %s's geoms are halved where the larger counts", ([, model]) => {
    const margins = (rule: "larger" | "summed"): number[] =>
      [...toMjcf(model, rule).matchAll(/<geom [^>]* margin="([^"]*)"/g)].map((found) => Number(found[1]));
    const summed = margins("summed");
    expect(Math.min(...summed)).toBeGreaterThan(0);
    expect(margins("larger")).toEqual(summed.map((margin) => margin / 2));
    const [larger, sum] = (["larger", "summed"] as const).map((rule) =>
      toMjcf(model, rule).replaceAll(/(<geom [^>]*) margin="[^"]*"/g, "$1"),
    );
    expect(larger).toBe(sum);
    expect(toMjcf(model, "summed").match(/<geom /g)!.length).toBe(summed.length);
  });

  it.for(Object.entries(marginless))("say nothing in %s, which has none", ([, model]) => {
    expect(toMjcf(model, "larger")).toBe(toMjcf(model, "summed"));
  });
});

describe("the action", () => {
  it.for([
    ["HalfCheetah-v5", 0.1],
    ["Hopper-v4", 1e-3],
    ["Hopper-v5", 1e-3],
    ["Pusher-v4", 0.1],
    ["Pusher-v5", 0.1],
    ["Reacher-v4", 1],
    ["Reacher-v5", 1],
    ["Swimmer-v4", 1e-4],
    ["Swimmer-v5", 1e-4],
    ["Walker2d-v4", 1e-3],
    ["Walker2d-v5", 1e-3],
  ] as const)("moves %s as at the bound, and costs %f of its square as given", async ([id, weight]) => {
    await withEnvironment(id, {}, (env) => {
      env.reset({ seed: 3 });
      const start = env.getState();
      const bounded = boxOf(env).high.map((bound, i) => (i % 2 === 0 ? bound : -bound));
      const wild = bounded.map((a, i) => a * (i + 2));
      const first = env.step(bounded);
      const { reward } = first;
      const observation = first.observation.slice();
      env.setState(start);
      const second = env.step(wild);
      expect(second.observation).toEqual(observation);
      expect(reward - second.reward).toBeCloseTo(weight * (squares(wild) - squares(bounded)), 11);
    });
  });
});

describe("the end of an episode", () => {
  it.for([
    ["Hopper-v4", 1, 1],
    ["Hopper-v5", 1, 0],
    ["Walker2d-v4", 1, 1],
    ["Walker2d-v5", 1, 0],
    ["InvertedDoublePendulum-v4", 10, 10],
    ["InvertedDoublePendulum-v5", 10, 0],
    ["InvertedPendulum-v4", 1, 1],
    ["InvertedPendulum-v5", 1, 0],
  ] as const)("in %s, where %i is paid for health, pays %i of it", async ([id, healthy, last]) => {
    const paid = (options: object): Promise<number> =>
      withEnvironment(id, options, (env) => {
        env.setState(ENDING[taskOf(id)]);
        const { reward, terminated } = env.step(still(env));
        expect(terminated).toBe(true);
        return reward;
      });
    const nothing = await paid({ payAtTermination: false });
    expect((await paid({ payAtTermination: true })) - nothing).toBeCloseTo(healthy, 12);
    expect((await paid({})) - nothing).toBeCloseTo(last, 12);
  });

  it.for(["Hopper-v5", "Walker2d-v5", "InvertedDoublePendulum-v5", "InvertedPendulum-v5"])(
    "does not come in %s where it may not, unpaid",
    async (id) => {
      await withEnvironment(id, { terminateWhenUnhealthy: false, payAtTermination: true }, (env) => {
        env.setState(ENDING[taskOf(id)]);
        const { info, terminated } = env.step(still(env));
        expect([info.reward_survive, terminated]).toEqual([0, false]);
        expect(env.terminates).toBe(false);
      });
    },
  );

  it.for([
    ["Hopper-v5", "healthyZRange", 1],
    ["Hopper-v5", "healthyAngleRange", 2],
    ["Hopper-v5", "healthyStateRange", 3],
    ["Walker2d-v5", "healthyZRange", 1],
    ["Walker2d-v5", "healthyAngleRange", 2],
  ] as const)("in %s comes on either bound of %s", async ([id, option, index]) => {
    const { qpos, qvel } = ENDING[taskOf(id)];
    const start = { qpos: new Float64Array(qpos.length).fill(-0.05, 3).fill(1.3, 1, 2), qvel };
    const endsWithin = (range: [number, number]): Promise<boolean> =>
      withEnvironment(id, { [option]: range }, (env) => {
        env.setState(start);
        return env.step(still(env)).terminated;
      });
    const value = await withEnvironment(id, {}, (env) => {
      env.setState(start);
      env.step(still(env));
      const { qpos, qvel } = env.getState();
      // All positions from the angle on and all velocities are in the range of states: its ends are theirs.
      if (option !== "healthyStateRange") return [qpos[index], qpos[index]];
      const state = [...Array.from(qpos).slice(2), ...Array.from(qvel)];
      return [Math.min(...state), Math.max(...state)];
    });
    const [low, high] = value;
    expect(await endsWithin([low - 1e-9, high + 1e-9])).toBe(false);
    expect(await endsWithin([low, high + 1e-9])).toBe(true);
    expect(await endsWithin([low - 1e-9, high])).toBe(true);
  });
});

describe("InvertedDoublePendulum's reward", () => {
  it("is for the tip's place and the hinges' speed", async () => {
    await withEnvironment("InvertedDoublePendulum-v5", { gravityScale: 0 }, (env) => {
      env.setState({ qpos: [0.4, 0, 0], qvel: [0, 0, 0] }); // without gravity it stays
      const { reward, info } = env.step([0]);
      expect(info.distance_penalty).toBeCloseTo(-(0.01 * 0.4 ** 2 + (1.2 - 2) ** 2), 12);
      expect(reward).toBeCloseTo(10 - 0.01 * 0.4 ** 2 - 0.8 ** 2, 12);
      env.setState({ qpos: [0, 0, 0], qvel: [0, 0.3, -0.4] });
      const speedy = env.step([0]).info.velocity_penalty;
      const { qvel } = env.getState();
      expect(speedy).toBeCloseTo(-(0.001 * qvel[1] ** 2 + 0.005 * qvel[2] ** 2), 14);
    });
  });

  it("observes the force at the end of the rail, which its state keeps", async () => {
    await withEnvironment("InvertedDoublePendulum-v5", {}, (env) => {
      env.setState({ qpos: [0.99, 0, 0], qvel: [1, 0, 0] });
      expect(env.step([1]).observation[8]).toBe(-10); // clipped
      env.setState({ qpos: [0, 0, 0], qvel: [0, 0, 0] });
      expect(env.step([1]).observation[8]).toBe(0);
      env.setState({ qpos: [0.989, 0, 0], qvel: [0.05, 0, 0] });
      const force = env.step([0]).observation[8];
      expect(force).toBeCloseTo(-3.56, 2);
      const { qfrc_constraint: _, ...bare } = env.getState();
      expect(env.setState(env.getState())[8]).toBe(force);
      expect(env.setState(bare)[8]).toBeCloseTo(-4.14, 2); // the last stage's is not that of the positions
    });
  });
});

describe("Reacher", () => {
  const start = { qpos: [0.5, 1.5, -0.1, 0.12], qvel: [2, -1, 0, 0] };

  it("observes the angles, the target, and the way from it to the fingertip", async () => {
    const observation = await withEnvironment("Reacher-v5", {}, (env) => Array.from(env.setState(start)));
    const [target, velocities] = [start.qpos.slice(2), start.qvel.slice(0, 2)];
    const angles = [Math.cos(0.5), Math.cos(1.5), Math.sin(0.5), Math.sin(1.5)];
    const expected = [...angles, ...target, ...velocities, ...reach(start.qpos)];
    expect(observation.length).toBe(10);
    expected.forEach((value, i) => expect(observation[i]).toBeCloseTo(value, 14));
    const longer = await withEnvironment("Reacher-v4", {}, (env) => Array.from(env.setState(start)));
    expect(longer).toEqual([...observation, 0]);
  });

  it("pays for the distance before the step in v4, after it in v5", async () => {
    const stepOf = (id: string): Promise<{ dist: number; reward: number; after: number }> =>
      withEnvironment(id, {}, (env) => {
        env.setState(start);
        const { info, reward, observation } = env.step([0.1, 0.2]);
        const after = Math.sqrt(squares(observation.slice(8)));
        return { dist: info.reward_dist, reward, after };
      });
    const before = Math.sqrt(squares(Float64Array.from(reach(start.qpos))));
    const v4 = await stepOf("Reacher-v4");
    const v5 = await stepOf("Reacher-v5");
    expect(v4.dist).toBeCloseTo(-before, 14);
    expect(v5.dist).toBeCloseTo(-v5.after, 14);
    expect(Math.abs(v4.dist - v5.dist)).toBeGreaterThan(1e-4);
    for (const { dist, reward } of [v4, v5]) expect(reward).toBeCloseTo(dist - 0.05, 14);
  });
});

describe("Pusher", () => {
  it("pays for both distances, in v4 before the step, in v5 after it", async () => {
    const start = {
      qpos: [0, 0.38, 0, 0, 0, 0, 0, -0.55, 0.37, 0, 0],
      qvel: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    };
    for (const id of ["Pusher-v4", "Pusher-v5"]) {
      await withEnvironment(id, {}, (env) => {
        const before = distances(env.setState(start));
        expect(before[1]).toBeCloseTo(Math.hypot(0.55, 0.37, 0.048), 12);
        const { reward, observation, info } = env.step(new Float64Array(7).fill(0.5));
        const [near, goal] = id === "Pusher-v4" ? before : distances(observation);
        expect(before[0]).not.toBeCloseTo(distances(observation)[0], 4);
        expect(reward).toBeCloseTo(-0.5 * near - goal - 0.1 * 7 * 0.25, 12);
        expect(info.reward_ctrl).toBeCloseTo(id === "Pusher-v4" ? -1.75 : -0.175, 12);
      });
    }
  });
});

describe("a reset", () => {
  const uniform = { spread: "uniform" } as const;
  const normal = { spread: "normal" } as const;
  it.for([
    ["Hopper-v5", [0, 1.25, 0, 0, 0, 0], uniform],
    ["InvertedDoublePendulum-v5", [0, 0, 0], normal],
    ["InvertedPendulum-v5", [0, 0], uniform],
    ["Swimmer-v5", [0, 0, 0, 0, 0], uniform],
    ["Walker2d-v5", [0, 1.25, 0, 0, 0, 0, 0, 0, 0], uniform],
  ] as const)("of %s draws positions uniform about rest and velocities", async ([id, rest, { spread }]) => {
    const scale = 0.3;
    await withEnvironment(id, { resetNoiseScale: scale }, (env) => {
      const { positions, velocities } = drawResets(env, 500);
      const noise = positions.flatMap((qpos) => qpos.map((x, i) => x - rest[i]));
      expectUniform(noise, -scale, scale);
      if (spread === "uniform") expectUniform(velocities.flat(), -scale, scale);
      else expectMoments(velocities.flat(), 0, scale ** 2, Math.sqrt(2) * scale ** 2);
    });
  });

  it("of Reacher draws a target uniform in a disc of 0.2 m", async () => {
    await withEnvironment("Reacher-v5", {}, (env) => {
      const { positions, velocities } = drawResets(env, 1000);
      expectUniform(
        positions.flatMap((qpos) => qpos.slice(0, 2)),
        -0.1,
        0.1,
      );
      expectUniform(
        velocities.flatMap((qvel) => qvel.slice(0, 2)),
        -0.005,
        0.005,
      );
      expect(velocities.flatMap((qvel) => qvel.slice(2)).every((v) => v === 0)).toBe(true);
      const radii = positions.map(([, , x, y]) => x * x + y * y); // uniform where the disc is
      expectUniform(radii, 0, 0.04);
    });
  });

  it("of Pusher draws an object on the near side, away from the goal", async () => {
    await withEnvironment("Pusher-v5", {}, (env) => {
      const { positions, velocities } = drawResets(env, 1000);
      for (const qpos of positions) {
        const [y, x] = qpos.slice(7, 9);
        expect(y).toBeGreaterThanOrEqual(-0.3);
        expect(y).toBeLessThanOrEqual(0);
        expect(Math.abs(x)).toBeLessThanOrEqual(0.2);
        expect(Math.hypot(x, y)).toBeGreaterThan(0.17);
        expect([...qpos.slice(0, 7), ...qpos.slice(9)]).toEqual(Array.from({ length: 9 }, () => 0));
      }
      const near = positions.map((qpos) => Math.hypot(qpos[7], qpos[8]));
      expect(Math.min(...near)).toBeLessThan(0.175);
      expect(Math.max(...near)).toBeGreaterThan(0.33);
      expectUniform(
        velocities.flatMap((qvel) => qvel.slice(0, 7)),
        -0.005,
        0.005,
      );
      expect(velocities.flatMap((qvel) => qvel.slice(7)).every((v) => v === 0)).toBe(true);
    });
  });
});

/** From the target to Reacher's fingertip, by the angles. */
function reach(qpos: ArrayLike<number>): number[] {
  const [a, b] = [qpos[0], qpos[0] + qpos[1]];
  return [0.1 * Math.cos(a) + 0.11 * Math.cos(b) - qpos[2], 0.1 * Math.sin(a) + 0.11 * Math.sin(b) - qpos[3]];
}

/** Of Pusher's object from fingers and goal. */
function distances(observation: Float64Array): [near: number, goal: number] {
  const object = observation.slice(17, 20);
  const away = (from: number): number => Math.sqrt(squares(object.map((x, i) => x - observation[from + i])));
  return [away(14), away(20)];
}

function taskOf(id: string): string {
  return id.slice(0, -3);
}

function boxOf(env: Environment): BoxSpace {
  if (env.actionSpace.kind !== "box") throw new Error(`${env.id} has discrete actions`);
  return env.actionSpace;
}

function still(env: Environment): Float64Array {
  return new Float64Array(boxOf(env).size);
}

function squares(values: Float64Array): number {
  return values.reduce((sum, x) => sum + x * x, 0);
}

function drawResets(env: Environment, count: number): { positions: number[][]; velocities: number[][] } {
  const positions: number[][] = [];
  const velocities: number[][] = [];
  for (let episode = 0; episode < count; episode++) {
    env.reset(episode === 0 ? { seed: 4 } : {});
    const { qpos, qvel } = env.getState();
    positions.push(Array.from(qpos));
    velocities.push(Array.from(qvel));
  }
  return { positions, velocities };
}

function expectUniform(values: readonly number[], low: number, high: number): void {
  const half = (high - low) / 2;
  expect(Math.min(...values)).toBeGreaterThanOrEqual(low - 1e-12);
  expect(Math.max(...values)).toBeLessThanOrEqual(high + 1e-12);
  const centred = values.map((x) => x - (low + high) / 2);
  expectMoments(centred, 0, half ** 2 / 3, Math.sqrt(4 / 45) * half ** 2);
}

/** Mean and second moment within four standard errors; `deviation` is that of the square. */
function expectMoments(values: readonly number[], mean: number, square: number, deviation: number): void {
  const n = values.length;
  const moment = (power: number): number => values.reduce((sum, x) => sum + x ** power, 0) / n;
  expect(Math.abs(moment(1) - mean)).toBeLessThan(4 * Math.sqrt(square / n));
  expect(Math.abs(moment(2) - square)).toBeLessThan((4 * deviation) / Math.sqrt(n));
}
