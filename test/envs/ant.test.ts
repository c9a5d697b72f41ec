import { describe, expect, it } from "vitest";

import { makeEnvironment } from "../../src/envs/index.ts";
import {
  expectMoments,
  followsGolden,
  followsTrace,
  relativeDifference,
  resetNoise,
  stepsLikeTrace,
} from "./gymnasium-reference.ts";

/** Positions of the ant at rest in its drawn pose, its torso at `z` metres. */
function standing(z: number): number[] {
  return [0, 0, z, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
}

describe("Ant against Gymnasium", () => {
  // Rounding grows tenfold every ten steps: measured are 7e-15, 2e-11 and 2e-7 after 10, 50 and 100 steps, and of Gymnasium
  // itself, started 1e-15 higher, 3e-14, 4e-11 and 3e-7.
  for (const [steps, tolerance] of [
    [10, 1e-12],
    [50, 1e-8],
    [100, 1e-4],
  ]) {
    followsTrace("ant-v4", { contactMargins: "summed" }, steps, tolerance);
    followsTrace("ant-v5", {}, steps, tolerance);
  }
  stepsLikeTrace("ant-v5", {}, 1e-12);
  followsGolden("ant.golden.json", 1e-9);
});

describe("a reset", () => {
  it.for(["Ant-v5", "CustomAnt-v0"])(
    "of %s adds uniform noise to positions, normal to velocities",
    async (id) => {
      const { qpos, qvel } = await resetNoise(id, 0.2);
      expect(Math.max(...qpos.map(Math.abs))).toBeLessThanOrEqual(1 + 1e-12);
      expectMoments(qpos, 1 / 3, 1 / 5);
      expectMoments(qvel, 1, 3);
    },
  );

  it("without noise is the drawn pose", async () => {
    const env = await makeEnvironment("Ant-v5", { resetNoiseScale: 0 });
    env.reset({ seed: 0 });
    const { qpos, qvel } = env.getState();
    expect(Array.from(qpos)).toEqual(standing(0.75));
    expect(qvel).toEqual(new Float64Array(14));
    env.close();
  });
});

describe("Ant's reward", () => {
  it("takes the speed from where MuJoCo's last stage left the torso, not from its position", async () => {
    const env = await makeEnvironment("Ant-v5", { contactCostWeight: 0, healthyReward: 0 });
    env.reset({ seed: 1 });
    let telescoped = 0;
    const from = env.getState().xpos[3];
    let stale = 0;
    for (let t = 0; t < 20; t++) {
      telescoped += env.step(new Float64Array(8).fill(t % 2 === 0 ? 1 : -1)).info.reward_forward * 0.05;
      const { xpos, qpos } = env.getState();
      expect(telescoped).toBeCloseTo(xpos[3] - from, 12);
      stale = Math.max(stale, Math.abs(xpos[3] - qpos[0]));
    }
    expect(stale).toBeGreaterThan(1e-6);
    env.close();
  });

  it("pays for the action as given, beyond the bound that the motors clamp to", async () => {
    const env = await makeEnvironment("Ant-v5", { resetNoiseScale: 0 });
    env.reset({ seed: 0 });
    const bounded = { ...env.step([1, -1, 1, -1, 1, -1, 1, -1]) };
    const observation = bounded.observation.slice();
    env.reset();
    const raw = env.step([3, -1, 2, -1, 1, -1, 1, -1]);
    expect(raw.observation).toEqual(observation);
    expect(bounded.reward - raw.reward).toBeCloseTo(0.5 * (9 - 1 + 4 - 1), 12);
    env.close();
  });

  it("charges the forces that the observation shows, within their range", async () => {
    const env = await makeEnvironment("Ant-v5", { contactForceRange: [-0.25, 0.5] });
    env.reset({ seed: 2 });
    let touched = 0;
    for (let t = 0; t < 30; t++) {
      const { observation, info } = env.step(new Float64Array(8));
      const forces = Array.from(observation.slice(27));
      expect(Math.min(...forces)).toBeGreaterThanOrEqual(-0.25);
      expect(Math.max(...forces)).toBeLessThanOrEqual(0.5);
      const squares = forces.reduce((sum, force) => sum + force * force, 0);
      expect(info.reward_contact).toBeCloseTo(-5e-4 * squares, 14);
      if (squares > 0) touched++;
    }
    expect(touched).toBeGreaterThan(5);
    env.close();
  });

  it("counts both bounds of the height as healthy", async () => {
    const qvel = new Float64Array(14);
    const first = await makeEnvironment("Ant-v5");
    first.setState({ qpos: standing(0.75), qvel });
    first.step(new Float64Array(8));
    const z = first.getState().qpos[2];
    first.close();
    const endsWithin = async (low: number, high: number): Promise<boolean> => {
      const env = await makeEnvironment("Ant-v5", { healthyZRange: [low, high] });
      env.setState({ qpos: standing(0.75), qvel });
      const { terminated, info } = env.step(new Float64Array(8));
      expect(info.reward_survive).toBe(terminated ? 0 : 1);
      env.close();
      return terminated;
    };
    expect(await endsWithin(z, 1)).toBe(false);
    expect(await endsWithin(0.2, z)).toBe(false);
    expect(await endsWithin(z + 1e-12, 1)).toBe(true);
    expect(await endsWithin(0.2, z - 1e-12)).toBe(true);
  });
});

describe("Ant's observation", () => {
  it.for([
    ["Ant-v4", {}, 27],
    ["Ant-v4", { includeCfrcExtInObservation: true }, 111],
    ["Ant-v5", {}, 105],
    ["Ant-v5", { excludeCurrentPositionsFromObservation: false }, 107],
    ["CustomAnt-v0", {}, 111],
    ["BigAnt-v0", { includeCfrcExtInObservation: false }, 27],
    ["DisabledAnt-v0", { includeCfrcExtInObservation: false }, 27],
  ] as const)("has in %s with %o %i numbers", async ([id, options, size]) => {
    const env = await makeEnvironment(id, options);
    expect(env.observationSpace.size).toBe(size);
    expect(env.reset({ seed: 0 }).observation.length).toBe(size);
    env.close();
  });

  it.for(["Ant-v4", "Ant-v5", "CustomAnt-v0", "DisabledAnt-v0", "BigAnt-v0"])(
    "tells the state of %s but for x and y",
    async (id) => {
      const env = await makeEnvironment(id);
      env.reset({ seed: 3 });
      for (let t = 0; t < 10; t++) env.step(new Float64Array(8).fill(0.5));
      const { qpos, qvel } = env.getState();
      const { observation } = env.step(new Float64Array(8));
      const shown = env.stateFromObservation!(observation);
      const after = env.getState();
      expect(shown.qpos).toEqual(Float64Array.of(0, 0, ...Array.from(after.qpos).slice(2)));
      expect(shown.qvel).toEqual(after.qvel);
      expect(qpos).not.toEqual(after.qpos);
      expect(qvel).not.toEqual(after.qvel);
      expect(() => env.stateFromObservation!(observation.slice(1))).toThrow(/gives observations of shape/);
      env.close();
    },
  );
});

/** Lengths of the thighs, metres, and speeds of the hips, rad/s, after a step of full torque on each, by leg. */
async function legsOf(disabledLegs: string): Promise<{ lengths: number[]; speeds: number[] }> {
  const env = await makeEnvironment("Ant-v5", { resetNoiseScale: 0, disabledLegs });
  env.reset({ seed: 0 });
  const { xpos } = env.getState();
  // Bodies: 0 world, 1 torso, then hip, thigh and shin of each leg.
  const lengths = [3, 6, 9, 12].map((thigh) =>
    Math.hypot(...[0, 1, 2].map((axis) => xpos[3 * (thigh + 1) + axis] - xpos[3 * thigh + axis])),
  );
  // Motors: hip and ankle of legs 4, 1, 2, 3.
  const speeds = [2, 4, 6, 0].map((hip, leg) => {
    env.setState({ qpos: standing(3), qvel: new Float64Array(14) });
    env.step(new Float64Array(8).fill(1, hip, hip + 1));
    return Math.abs(env.getState().qvel[6 + 2 * leg]);
  });
  env.close();
  return { lengths, speeds };
}

describe("contact forces of Ant", () => {
  it("are 0 in a state that does not hold them, and kept in one that does", async () => {
    const env = await makeEnvironment("Ant-v5");
    env.reset({ seed: 6 });
    let touching = false;
    for (let t = 0; t < 50 && !touching; t++)
      touching = env
        .step(new Float64Array(8))
        .observation.slice(27)
        .some((force) => force !== 0);
    expect(touching).toBe(true);
    const whole = env.getState();
    const { qpos, qvel } = whole;
    expect(env.setState({ qpos, qvel }).slice(27)).toEqual(new Float64Array(78));
    expect(env.setState(whole).slice(27)).not.toEqual(new Float64Array(78));
    env.close();
  });
});

describe("legs of Ant", () => {
  it("are alike until disabled: then half as long, and weak", async () => {
    const whole = await legsOf("none");
    for (const length of whole.lengths) expect(length).toBeCloseTo(0.2 * Math.SQRT2, 12);
    for (const [legs, disabled] of [
      ["front", [true, true, false, false]],
      ["back", [false, false, true, true]],
    ] as const) {
      const { lengths, speeds } = await legsOf(legs);
      disabled.forEach((isDisabled, leg) => {
        expect(lengths[leg]).toBeCloseTo((isDisabled ? 0.1 : 0.2) * Math.SQRT2, 12);
        if (isDisabled) expect(speeds[leg]).toBeLessThan(whole.speeds[leg] / 20);
        else expect(speeds[leg]).toBeGreaterThan(whole.speeds[leg] / 2);
      });
    }
  });

  it("with long shins carry the torso higher", async () => {
    const heights = [];
    for (const shinScale of [0.5, 1, 2]) {
      const env = await makeEnvironment("Ant-v5", {
        resetNoiseScale: 0,
        terminateWhenUnhealthy: false,
        shinScale,
      });
      env.reset({ seed: 0 });
      for (let t = 0; t < 100; t++) env.step(new Float64Array(8));
      heights.push(env.getState().qpos[2]);
      env.close();
    }
    expect(heights[1]).toBeGreaterThan(heights[0] + 0.05);
    expect(heights[2]).toBeGreaterThan(heights[1] + 0.1);
  });

  it.for([
    [{ shinScale: 0 }, "Ant-v5 takes a shinScale above 0, got 0"],
    [{ disabledLegs: "left" }, 'Ant-v5 takes none or front or back as disabledLegs, got "left"'],
    [{ massScale: 0 }, "Ant-v5 takes a massScale above 0, got 0"],
    [{ contactMargins: "smaller" }, 'Ant-v5 takes larger or summed as contactMargins, got "smaller"'],
    [{ healthyZRange: [1, 0.2] }, "Ant-v5 takes two ascending finite numbers as healthyZRange, got [1,0.2]"],
  ] as const)("refuse %o", async ([options, problem]) => {
    await expect(makeEnvironment("Ant-v5", options as Record<string, unknown>)).rejects.toThrow(
      `makeEnvironment: ${problem}`,
    );
  });
});

describe("CustomAnt's reward", () => {
  it("has the torso's velocity before the step", async () => {
    const env = await makeEnvironment("CustomAnt-v0");
    env.setState({ qpos: standing(0.75), qvel: [1.25, ...new Float64Array(13)] });
    const { reward, info } = env.step([1, 0, 0, 2, 0, 0, 0, 0]);
    expect(info.reward_forward).toBe(1.25);
    expect(info.reward_ctrl).toBeCloseTo(-0.05, 15);
    expect(reward).toBeCloseTo(1.25 - 0.05 + info.reward_contact, 12);
    env.close();
  });

  it("charges for being flipped, and goes on", async () => {
    const env = await makeEnvironment("CustomAnt-v0");
    env.setState({
      qpos: [0, 0, 0.1, 0, 1, ...new Float64Array(10)],
      qvel: [0, 0, -6, ...new Float64Array(11)],
    });
    const { reward, info, terminated } = env.step(new Float64Array(8));
    expect(env.getState().qpos[2]).toBeLessThan(0.2);
    expect([info.reward_flipped, terminated]).toEqual([-1, false]);
    expect(reward).toBeCloseTo(info.reward_forward + info.reward_contact - 1, 12);
    env.close();
  });

  it("is paid in BigAnt as in CustomAnt with shins twice as long, action by action", async () => {
    const [big, long, usual] = await Promise.all([
      makeEnvironment("BigAnt-v0"),
      makeEnvironment("CustomAnt-v0", { shinScale: 2 }),
      makeEnvironment("CustomAnt-v0"),
    ]);
    const [ours, theirs, other] = [big, long, usual].map((env) => {
      env.reset({ seed: 4 });
      const { reward, observation } = env.step([0.1, -0.9, 0.2, -0.8, 0.3, -0.7, 0.4, -0.6]);
      env.close();
      return [reward, ...observation];
    });
    expect(ours).toEqual(theirs);
    expect(ours).not.toEqual(other);
  });

  it("moves the same legs by other coordinates of the action in DisabledAnt", async () => {
    const custom = await makeEnvironment("CustomAnt-v0", { disabledLegs: "back" });
    const disabled = await makeEnvironment("DisabledAnt-v0");
    const start = custom.reset({ seed: 4 }).observation.slice();
    expect(disabled.reset({ seed: 4 }).observation).toEqual(start);
    const [a, b, c, d, e, f, g, h] = [0.1, -0.9, 0.2, -0.8, 0.3, -0.7, 0.4, -0.6];
    custom.step([a, b, c, d, e, f, g, h]); // legs 4, 1, 2, 3
    disabled.step([c, d, e, f, g, h, a, b]); // legs 1, 2, 3, 4
    const theirs = custom.getState();
    const ours = disabled.getState();
    expect(relativeDifference(ours.qpos, theirs.qpos)).toBeLessThan(1e-12);
    expect(relativeDifference(ours.qvel, theirs.qvel)).toBeLessThan(1e-12);
    custom.close();
    disabled.close();
  });
});
