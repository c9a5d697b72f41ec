import type { Environment } from "../environment.ts";
import { type GivenOptions, readOptions } from "../options.ts";
import type { ModelDescription, Surface } from "./model.ts";
import { openSimulation } from "./physics.ts";
import {
  PlanarWalker,
  type PlanarWalkerOptions,
  checkPlanarWalker,
  isBetween,
  planarLeg,
  planarTorso,
  planarWalkerDefaults,
} from "./planar-walker.ts";

/** The options of Hopper. */
export interface HopperOptions extends PlanarWalkerOptions {
  /** Bounds on every position and velocity but x and z within which it is healthy; [-100, 100]. */
  healthyStateRange: [number, number];
}

function defaultsOf(id: HopperId): HopperOptions {
  return {
    ...planarWalkerDefaults(id === "Hopper-v4" ? 4 : 5),
    healthyZRange: [0.7, 1e10], // MuJoCo's bound on any number: no upper one
    healthyAngleRange: [-0.2, 0.2],
    healthyStateRange: [-100, 100],
  };
}

/** v4 pays the healthy reward in the step that ends an episode too, and moves as MuJoCo did before 3.5. */
export type HopperId = "Hopper-v4" | "Hopper-v5";

/**
 * Hopper of Gymnasium 1.3.0: a planar body on one leg of three joints; it is paid for its speed and for each step it
 * stays up ({@link PlanarWalker}). An observation is z (m), the angles of torso, thigh, leg and foot (rad), then the
 * velocities of x, z (m/s) and of the angles (rad/s), clipped to +-10. An episode terminates when the torso falls below
 * 0.7 m or leans more than 0.2 rad. Source: https://gymnasium.farama.org/environments/mujoco/hopper/.
 *
 * Differences: `contactMargins` is "larger" in v4, as when its published data were recorded (Gymnasium's v4 moves as the
 * MuJoCo it runs on); options of both versions are the same.
 */
export async function makeHopper(id: HopperId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  checkPlanarWalker(id, options);
  const { healthyStateRange: range } = options;
  return new PlanarWalker(id, options, await openSimulation(id, HOPPER, options), (qpos, qvel) => {
    for (let i = 2; i < qpos.length; i++) if (!isBetween(qpos[i], range)) return false;
    for (let i = 0; i < qvel.length; i++) if (!isBetween(qvel[i], range)) return false;
    return true;
  });
}

const surface = (sliding: number): Surface => ({
  collisionType: 1,
  collisionAffinity: 1,
  contactDimensions: 1,
  friction: [sliding],
  contact: { reference: [0.02, 1], impedance: [0.8, 0.8, 0.01] },
  margin: 0.001,
});

/** The model of Hopper. */
export const HOPPER: ModelDescription = {
  name: "hopper",
  timestep: 0.002,
  integrator: "RK4",
  gravity: [0, 0, -9.81],
  arenaBytes: 2 ** 20,
  fixed: [
    {
      name: "floor",
      surface: { ...surface(1), contactDimensions: 3 },
      shape: { type: "plane", size: [20, 20, 0.125] },
    },
  ],
  bodies: [
    planarTorso(surface, [
      planarLeg({
        suffix: "",
        armature: 1,
        damping: 1,
        footReach: 0.13,
        footHalfLength: 0.195,
        surface,
        footFriction: 2,
      }),
    ]),
  ],
  motors: ["thigh", "leg", "foot"].map((name) => ({
    joint: `${name}_joint`,
    gear: 200,
    controlRange: [-1, 1],
  })),
};
