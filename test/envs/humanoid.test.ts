import { describe, expect, it } from "vitest";

import { makeEnvironment } from "../../src/envs/index.ts";
import {
  expectMoments,
  followsGolden,
  followsTrace,
  resetNoise,
  stepsLikeTrace,
} from "./gymnasium-reference.ts";

/** Positions of the humanoid upright in its drawn pose. */
const UPRIGHT = [0, 0, 1.4, 1, ...new Float64Array(20)];
const AT_REST = new Float64Array(23);
const LIMP = new Float64Array(17);

describe("Humanoid against Gymnasium", () => {
  followsTrace("humanoid-v4", { contactMargins: "summed" }, 200, 1e-9);
  followsTrace("humanoid-v5", {}, 200, 1e-9);
  stepsLikeTrace("humanoid-v5", {}, 1e-12);
  followsGolden("humanoid.golden.json", 1e-9);
});

describe("a reset of Humanoid", () => {
  it("adds uniform noise to positions and velocities", async () => {
    const { qpos, qvel } = await resetNoise("Humanoid-v5", 0.05);
    for (const noise of [qpos, qvel]) {
      expect(Math.max(...noise.map(Math.abs))).toBeLessThanOrEqual(1 + 1e-12);
      expectMoments(noise, 1 / 3, 1 / 5);
    }
  });
});

describe("Humanoid's reward", () => {
  it("takes the speed from where MuJoCo's last stage left the centre of mass", async () => {
    const env = await makeEnvironment("Humanoid-v5");
    env.reset({ seed: 1 });
    const { observation } = env.step(LIMP);
    // Tenth of each body's ten numbers of inertia: its mass.
    const masses = Array.from({ length: 13 }, (_, body) => observation[45 + 10 * body + 9]);
    const total = masses.reduce((sum, mass) => sum + mass, 0);
    const centre = (): number => {
      const { xipos } = env.getState();
      return masses.reduce((sum, mass, body) => sum + mass * xipos[3 * (body + 1)], 0) / total;
    };
    let before = centre();
    for (let t = 0; t < 10; t++) {
      const { info } = env.step(LIMP.map((_, i) => (i % 3 === 0 ? 0.4 : -0.4)));
      const after = centre();
      expect(info.x_velocity).toBeCloseTo((after - before) / 0.015, 9);
      expect(info.reward_forward).toBeCloseTo((1.25 * (after - before)) / 0.015, 9);
      before = after;
    }
    env.close();
  });

  it("charges all contact forces, up to maxContactCost", async () => {
    const costs = [];
    for (const maxContactCost of [10, 0.01]) {
      const env = await makeEnvironment("Humanoid-v5", { maxContactCost });
      env.setState({ qpos: UPRIGHT.with(2, 1.35), qvel: AT_REST });
      for (let t = 0; t < 10; t++) {
        const { observation, info } = env.step(LIMP);
        const squares = observation.slice(-78).reduce((sum, force) => sum + force * force, 0);
        expect(info.reward_contact).toBeCloseTo(-Math.min(maxContactCost, 5e-7 * squares), 12);
        costs.push(-info.reward_contact);
      }
      env.close();
    }
    expect(Math.max(...costs.slice(0, 10))).toBeGreaterThan(0.01);
    expect(Math.max(...costs.slice(10))).toBe(0.01);
  });

  it("counts neither bound of the height as healthy", async () => {
    const first = await makeEnvironment("Humanoid-v5");
    first.setState({ qpos: UPRIGHT, qvel: AT_REST });
    first.step(LIMP);
    const z = first.getState().qpos[2];
    first.close();
    const endsWithin = async (low: number, high: number): Promise<boolean> => {
      const env = await makeEnvironment("Humanoid-v5", { healthyZRange: [low, high] });
      env.setState({ qpos: UPRIGHT, qvel: AT_REST });
      const { terminated, info } = env.step(LIMP);
      expect(info.reward_survive).toBe(terminated ? 0 : 5);
      env.close();
      return terminated;
    };
    expect(await endsWithin(z, 2)).toBe(true);
    expect(await endsWithin(1, z)).toBe(true);
    expect(await endsWithin(z - 1e-12, 2)).toBe(false);
    expect(await endsWithin(1, z + 1e-12)).toBe(false);
  });

  it("asks for 1 to 2 metres", async () => {
    const env = await makeEnvironment("Humanoid-v5");
    for (const [z, ends] of [
      [0.99, true],
      [1.01, false],
      [1.99, false],
      [2.01, true],
    ] as const) {
      const lyingInTheAir = UPRIGHT.with(2, z).with(3, Math.SQRT1_2).with(5, Math.SQRT1_2);
      env.setState({ qpos: lyingInTheAir, qvel: AT_REST });
      expect(env.step(LIMP).terminated).toBe(ends);
    }
    env.close();
  });

  it("pays health at termination in v4 and not in v5, and either where asked", async () => {
    for (const [id, payAtTermination, paid] of [
      ["Humanoid-v4", true, 5],
      ["Humanoid-v5", false, 0],
      ["Humanoid-v4", false, 0],
      ["Humanoid-v5", true, 5],
    ] as const) {
      const env = await makeEnvironment(id, { payAtTermination });
      env.setState({ qpos: UPRIGHT.with(2, 3), qvel: AT_REST });
      const { info, terminated } = env.step(LIMP);
      expect(terminated).toBe(true);
      expect(info.reward_alive ?? info.reward_survive).toBe(paid);
      env.close();
    }
  });

  it("pays no health beyond the heights where the episode goes on", async () => {
    const env = await makeEnvironment("Humanoid-v4", { terminateWhenUnhealthy: false });
    env.setState({ qpos: UPRIGHT.with(2, 3), qvel: AT_REST });
    const { info, terminated } = env.step(LIMP);
    expect([terminated, info.reward_alive]).toEqual([false, 0]);
    env.close();
  });
});

describe("Humanoid's observation", () => {
  const parts = {
    includeCinertInObservation: [130, 140],
    includeCvelInObservation: [78, 84],
    includeQfrcActuatorInObservation: [17, 23],
    includeCfrcExtInObservation: [78, 84],
  };

  it("has 376 numbers in v4, 348 in v5, and fewer by each part left out", async () => {
    for (const [id, size, version] of [
      ["Humanoid-v4", 376, 1],
      ["Humanoid-v5", 348, 0],
    ] as const) {
      const env = await makeEnvironment(id);
      expect(env.observationSpace.size).toBe(size);
      env.close();
      for (const [option, sizes] of Object.entries(parts)) {
        const less = await makeEnvironment(id, { [option]: false });
        expect(less.observationSpace.size).toBe(size - sizes[version]);
        less.close();
      }
    }
  });

  it("of v4 is that of v5 with the world and the root, all zeros, added", async () => {
    const v5 = await makeEnvironment("Humanoid-v5");
    const v4 = await makeEnvironment("Humanoid-v4", { contactMargins: "summed" });
    for (const env of [v5, v4]) env.setState({ qpos: UPRIGHT.with(2, 1.35), qvel: AT_REST });
    const action = LIMP.map((_, i) => i / 50);
    let shorter: Float64Array = new Float64Array(0);
    let longer: Float64Array = new Float64Array(0);
    for (let t = 0; t < 10; t++) {
      shorter = v5.step(action).observation;
      longer = v4.step(action).observation;
    }
    const added = [
      [45, 10],
      [45 + 140, 6],
      [45 + 140 + 84, 6],
      [45 + 140 + 84 + 23, 6],
    ];
    const isAdded = (i: number): boolean => added.some(([from, count]) => i >= from && i < from + count);
    expect(longer.filter((_, i) => isAdded(i))).toEqual(new Float64Array(28));
    expect(longer.filter((_, i) => !isAdded(i))).toEqual(shorter);
    v5.close();
    v4.close();
  });

  it.for(["Humanoid-v4", "Humanoid-v5"])("tells the state of %s but for x and y", async (id) => {
    const env = await makeEnvironment(id);
    env.reset({ seed: 3 });
    const { observation } = env.step(LIMP);
    const { qpos, qvel } = env.getState();
    const shown = env.stateFromObservation!(observation);
    expect(shown.qpos).toEqual(Float64Array.of(0, 0, ...Array.from(qpos).slice(2)));
    expect(shown.qvel).toEqual(qvel);
    env.close();
  });

  it("shows torques of the motors, which clamp the action, in the order of the joints", async () => {
    const env = await makeEnvironment("Humanoid-v5");
    env.setState({ qpos: UPRIGHT, qvel: AT_REST });
    const action = LIMP.map((_, i) => (i + 1) / 100);
    action[0] = 9;
    const torques = env.step(action).observation.slice(45 + 130 + 78, 45 + 130 + 78 + 17);
    // Joints: abdomen z, y, x; the actions: abdomen y, z, x. Gears in N m.
    expect(torques[0]).toBeCloseTo(100 * 0.02, 12);
    expect(torques[1]).toBeCloseTo(100 * 0.4, 12);
    expect(torques[2]).toBeCloseTo(100 * 0.03, 12);
    expect(torques[5]).toBeCloseTo(300 * 0.06, 12);
    expect(torques[16]).toBeCloseTo(25 * 0.17, 12);
    env.close();
  });
});
