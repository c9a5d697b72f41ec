import type { Environment } from "../environment.ts";
import { type GivenOptions, readOptions, requireNonNegative } from "../options.ts";
import type { Body, ModelDescription, Surface } from "./model.ts";
import { PHYSICS, openSimulation } from "./physics.ts";
import {
  PlanarWalker,
  type PlanarWalkerOptions,
  checkPlanarWalker,
  planarLeg,
  planarTorso,
  planarWalkerDefaults,
} from "./planar-walker.ts";

/** The options of Walker2d. */
export interface Walker2dOptions extends Omit<PlanarWalkerOptions, "contactMargins"> {
  /** Sliding friction of the right foot; 0.9 in v4, by a slip of its model, and 1.9 in v5. The left foot has 1.9 in both. */
  rightFootFriction: number;
}

function defaultsOf(id: Walker2dId): Walker2dOptions {
  const { contactMargins: _, ...defaults } = planarWalkerDefaults(id === "Walker2d-v4" ? 4 : 5);
  return {
    ...defaults,
    healthyZRange: [0.8, 2],
    healthyAngleRange: [-1, 1],
    rightFootFriction: id === "Walker2d-v4" ? 0.9 : 1.9,
  };
}

/** v4 pays the healthy reward in the step that ends an episode too, and its right foot has less grip. */
export type Walker2dId = "Walker2d-v4" | "Walker2d-v5";

/**
 * Walker2d of Gymnasium 1.3.0: a planar body on two legs of three joints each; it is paid for its speed and for each step
 * it stays up ({@link PlanarWalker}). An observation is z (m), the angles of torso and of right and left thigh, leg, foot
 * (rad), then the velocities of x, z (m/s) and of the angles (rad/s), clipped to +-10. An episode terminates when the
 * torso leaves 0.8 to 2 m or leans more than 1 rad. Source: https://gymnasium.farama.org/environments/mujoco/walker2d/.
 */
export async function makeWalker2d(id: Walker2dId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  checkPlanarWalker(id, options);
  requireNonNegative(id, "rightFootFriction", options.rightFootFriction);
  const model = walker2d(options.rightFootFriction);
  const simulation = await openSimulation(id, model, { ...PHYSICS, ...options });
  return new PlanarWalker(id, options, simulation);
}

const surface = (sliding: number): Surface => ({
  collisionType: 1,
  collisionAffinity: 0,
  contactDimensions: 3,
  friction: [sliding, 0.1, 0.1],
});

function leg(suffix: string, footFriction: number): Body {
  return planarLeg({
    suffix,
    armature: 0.01,
    damping: 0.1,
    footReach: 0.2,
    footHalfLength: 0.1,
    surface,
    footFriction,
  });
}

/** The model of Walker2d. */
export function walker2d(rightFootFriction: number): ModelDescription {
  return {
    name: "walker2d",
    timestep: 0.002,
    integrator: "RK4",
    gravity: [0, 0, -9.81],
    arenaBytes: 2 ** 20,
    fixed: [
      {
        name: "floor",
        surface: { ...surface(0.7), collisionAffinity: 1 },
        shape: { type: "plane", size: [40, 40, 40] },
      },
    ],
    bodies: [planarTorso(surface, [leg("", rightFootFriction), leg("_left", 1.9)])],
    motors: ["", "_left"].flatMap((side) =>
      ["thigh", "leg", "foot"].map((name) => ({
        joint: `${name}${side}_joint`,
        gear: 100,
        controlRange: [-1, 1] as const,
      })),
    ),
  };
}
