import { describe, expect, it } from "vitest";

import { makeEnvironment } from "../../src/envs/index.ts";
import { ANT } from "../../src/envs/mujoco/ant.ts";
import { customAnt } from "../../src/envs/mujoco/custom-ant.ts";
import { HALF_CHEETAH } from "../../src/envs/mujoco/half-cheetah.ts";
import { HOPPER } from "../../src/envs/mujoco/hopper.ts";
import { HUMANOID } from "../../src/envs/mujoco/humanoid.ts";
import type { Medium, ModelDescription } from "../../src/envs/mujoco/model.ts";
import { PHYSICS, type PhysicsOptions, openSimulation } from "../../src/envs/mujoco/physics.ts";
import type { Simulation } from "../../src/envs/mujoco/simulation.ts";
import { walker2d } from "../../src/envs/mujoco/walker2d.ts";

const RADIUS = 0.1;
const SURFACE = { collisionType: 1, collisionAffinity: 1, contactDimensions: 3 };
const SECONDS = 0.001;

/** A ball of 0.1 m, free to move, `height` above the floor. */
function ball(height: number, medium?: Medium): ModelDescription {
  return {
    name: "ball",
    timestep: SECONDS,
    integrator: "Euler",
    gravity: [0, 0, -9.81],
    medium,
    arenaBytes: 2 ** 18,
    fixed: [{ surface: SURFACE, shape: { type: "plane", size: [10, 10, 1] } }],
    bodies: [
      {
        position: [0, 0, height],
        joints: [{ name: "root", type: "free", stiffness: 0, damping: 0, armature: 0 }],
        geoms: [{ surface: SURFACE, shape: { type: "sphere", radius: RADIUS, position: [0, 0, 0] } }],
        children: [],
      },
    ],
    motors: [],
  };
}

async function withSimulation<T>(
  model: ModelDescription,
  options: Partial<PhysicsOptions>,
  read: (simulation: Simulation) => T,
): Promise<T> {
  const simulation = await openSimulation("Ball-v0", model, { ...PHYSICS, ...options });
  simulation.attach();
  const result = read(simulation);
  simulation.delete();
  return result;
}

/** Angular velocity of a ball on a spindle after a torque of 1 N m for one step. */
async function spun(massScale: number): Promise<number> {
  const still = ball(5);
  const spindle = {
    name: "spin",
    type: "hinge",
    axis: [0, 0, 1],
    stiffness: 0,
    damping: 0,
    armature: 0,
  } as const;
  const model: ModelDescription = {
    ...still,
    motors: [{ joint: "spin", gear: 1, controlRange: [-1, 1] }],
    bodies: still.bodies.map((body) => ({ ...body, joints: [spindle] })),
  };
  return withSimulation(model, { massScale }, (simulation) => {
    simulation.ctrl[0] = 1;
    simulation.advance(1);
    return simulation.qvel[0];
  });
}

/** Speed and spin of a ball that slid at 1 m/s for 0.2 s. */
async function slide(frictionScale: number): Promise<{ speed: number; spin: number }> {
  return withSimulation(ball(RADIUS), { frictionScale }, (simulation) => {
    simulation.advance(200); // come to rest
    simulation.qvel[0] = 1;
    simulation.advance(200);
    return { speed: simulation.qvel[0], spin: simulation.qvel[4] };
  });
}

/**
 * Acceleration at rest of a ball in a wind w: MuJoCo takes a body for the box of half-width r = R sqrt(3/5) that has its
 * inertia; drag 2 rho r^2 |w| w, viscous force 6 pi beta r w.
 */
function accelerationIn(wind: number, density: number, viscosity: number): number {
  const r = RADIUS * Math.sqrt(3 / 5);
  const mass = (4 / 3) * Math.PI * RADIUS ** 3 * 1000;
  return (2 * density * r * r * Math.abs(wind) * wind + 6 * Math.PI * viscosity * r * wind) / mass;
}

async function pushed(wind: number, medium?: Medium): Promise<Float64Array> {
  return withSimulation(ball(5, medium), { wind }, (simulation) => {
    simulation.advance(1);
    return simulation.qvel.map((velocity) => velocity / SECONDS);
  });
}

/** x after 20 steps without action in a wind. */
async function drift(id: string, wind: number): Promise<number> {
  const env = await makeEnvironment(id, { wind, resetNoiseScale: 0 });
  env.reset({ seed: 0 });
  const { size } = env.actionSpace as { size: number };
  for (let t = 0; t < 20; t++) env.step(new Float64Array(size));
  const [x] = Array.from(env.getState().qpos);
  env.close();
  return x;
}

describe("gravityScale", () => {
  it("is a factor on the acceleration of a fall, and may turn it round", async () => {
    for (const gravityScale of [1, 0.38, 0, -1]) {
      const speed = await withSimulation(ball(5), { gravityScale }, (simulation) => {
        simulation.advance(100);
        return simulation.qvel[2];
      });
      expect(speed).toBeCloseTo(-9.81 * gravityScale * 100 * SECONDS, 12);
    }
  });
});

describe("massScale", () => {
  it.for([
    ["HalfCheetah", HALF_CHEETAH],
    ["Hopper", HOPPER],
    ["Walker2d", walker2d(1.9)],
    ["Ant", ANT],
    ["CustomAnt", customAnt(30)],
    ["Humanoid", HUMANOID],
  ] as const)("is a factor on every mass of %s", async ([, model]) => {
    const masses = await withSimulation(model, {}, (simulation) => simulation.masses.slice());
    const doubled = await withSimulation(model, { massScale: 2 }, (simulation) => simulation.masses.slice());
    masses.forEach((mass, body) => expect(doubled[body]).toBeCloseTo(2 * mass, 12));
    expect(masses.length).toBeGreaterThan(4);
  });

  it("is one on inertia too: the same torque turns a ball half as fast", async () => {
    // m = 4/3 pi R^3 1000 kg, I = 2/5 m R^2
    const inertia = (2 / 5) * (4 / 3) * Math.PI * RADIUS ** 3 * 1000 * RADIUS ** 2;
    expect(await spun(1)).toBeCloseTo(SECONDS / inertia, 12);
    expect(await spun(2)).toBeCloseTo(SECONDS / inertia / 2, 12);
  });
});

describe("frictionScale", () => {
  it("of 0 lets a ball slide without rolling", async () => {
    const { speed, spin } = await slide(0);
    expect(speed).toBeCloseTo(1 - 1e-5 * 9.81 * 0.2, 9); // MuJoCo's least coefficient is 1e-5
    expect(Math.abs(spin)).toBeLessThan(1e-3);
  });

  it("of less than 1 leaves more slip", async () => {
    const rough = await slide(1);
    const slippery = await slide(0.05);
    // Without slip a ball goes on at 5/7 of its speed; 0.05 g for 0.2 s takes 0.098 m/s.
    expect(rough.speed).toBeCloseTo(5 / 7, 2);
    expect(rough.spin * RADIUS).toBeCloseTo(rough.speed, 2);
    expect(slippery.speed).toBeCloseTo(1 - 0.05 * 9.81 * 0.2, 2);
  });
});

describe("wind", () => {
  it.for([8, -20])("of %d m/s pushes along x, through air", async (wind) => {
    const [x, y] = await pushed(wind);
    expect(x).toBeCloseTo(accelerationIn(wind, 1.2, 1.8e-5), 9);
    expect(Math.sign(x)).toBe(Math.sign(wind));
    expect(y).toBeCloseTo(0, 12);
  });

  it("blows through the task's own medium where it has one", async () => {
    const [x] = await pushed(3, { density: 50, viscosity: 0.2 });
    expect(x).toBeCloseTo(accelerationIn(3, 50, 0.2), 9);
  });

  it("of 0 is no air", async () => {
    const [x, , z] = await pushed(0);
    expect(x).toBe(0);
    expect(z).toBeCloseTo(-9.81, 12);
  });
});

describe("the wind of a task", () => {
  it.for(["HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Ant-v5", "CustomAnt-v0", "Humanoid-v5"])(
    "pushes %s its way",
    async (id) => {
      const x = await drift(id, 0);
      expect(await drift(id, 30)).toBeGreaterThan(x);
      expect(await drift(id, -30)).toBeLessThan(x);
    },
  );
});
