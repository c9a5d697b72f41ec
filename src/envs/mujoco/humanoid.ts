import { type RandomStream, nextUniform } from "../../core/index.ts";
import type { Environment } from "../environment.ts";
import { type GivenOptions, readOptions } from "../options.ts";
import {
  FloatingWalker,
  type FloatingWalkerOptions,
  type RewardNames,
  type Shown,
  V5_REWARD_NAMES,
  checkFloatingWalker,
  floatingWalkerDefaults,
} from "./floating-walker.ts";
import {
  type Body,
  type Geom,
  type Joint,
  type ModelDescription,
  type Motor,
  type Surface,
  type Turn,
  type Vector,
  degrees,
} from "./model.ts";
import { sumOfSquares } from "./mujoco-environment.ts";
import { openSimulation } from "./physics.ts";
import { isBetween } from "./planar-walker.ts";
import type { Simulation } from "./simulation.ts";

/** The options of Humanoid. */
export interface HumanoidOptions extends FloatingWalkerOptions {
  /** The most that contact forces cost in a step; 10. */
  maxContactCost: number;
  /** Show inertia and mass of each body about the whole's centre of mass; true. */
  includeCinertInObservation: boolean;
  /** Show the velocity of each body about that point; true. */
  includeCvelInObservation: boolean;
  /** Show the torque of each motor; true. */
  includeQfrcActuatorInObservation: boolean;
}

function defaultsOf(id: HumanoidId): HumanoidOptions {
  const version = id === "Humanoid-v4" ? 4 : 5;
  return {
    ...floatingWalkerDefaults(version),
    forwardRewardWeight: 1.25,
    controlCostWeight: 0.1,
    contactCostWeight: version === 4 ? 0 : 5e-7,
    maxContactCost: 10,
    healthyReward: 5,
    healthyZRange: [1, 2],
    resetNoiseScale: 0.01,
    includeCinertInObservation: true,
    includeCvelInObservation: true,
    includeQfrcActuatorInObservation: true,
    includeCfrcExtInObservation: true,
  };
}

/** v4 shows constants beside what v5 shows, does not charge for contact forces, and pays the healthy reward in the step that ends an episode too. */
export type HumanoidId = "Humanoid-v4" | "Humanoid-v5";

/**
 * Humanoid of Gymnasium 1.3.0: thirteen bodies and seventeen motors; it is paid for the speed of its centre of mass along x
 * and for each step in which its torso is between 1 and 2 m high ({@link FloatingWalker}). docs/environments/humanoid.md
 * has the observation, number by number. Source: https://gymnasium.farama.org/environments/mujoco/humanoid/.
 *
 * Differences: `contactMargins` is "larger" in v4, as when its published data were recorded (Gymnasium's v4 moves as the
 * MuJoCo it runs on); `info` of v5 has no `tendon_length` and `tendon_velocity`, arrays that follow from the observation.
 */
export async function makeHumanoid(id: HumanoidId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  checkFloatingWalker(id, options);
  return new Humanoid(id, options, await openSimulation(id, HUMANOID, options));
}

const V4_REWARD_NAMES: RewardNames = {
  forward: "reward_linvel",
  control: "reward_quadctrl",
  healthy: "reward_alive",
};

/** What is shown beside positions and velocities. v4 shows the world and the floating root, whose numbers are constant, too. */
function shownBy(id: HumanoidId, options: HumanoidOptions): Shown[] {
  const afterWorld = (size: number): number => (id === "Humanoid-v4" ? 0 : size);
  const shown: Shown[] = [];
  if (options.includeCinertInObservation) shown.push({ quantity: "cinert", first: afterWorld(10) });
  if (options.includeCvelInObservation) shown.push({ quantity: "cvel", first: afterWorld(6) });
  if (options.includeQfrcActuatorInObservation)
    shown.push({ quantity: "qfrc_actuator", first: afterWorld(6) });
  if (options.includeCfrcExtInObservation) shown.push({ quantity: "cfrc_ext", first: afterWorld(6) });
  return shown;
}

class Humanoid extends FloatingWalker {
  readonly #options: HumanoidOptions;
  readonly #mass: number;

  constructor(id: HumanoidId, options: HumanoidOptions, simulation: Simulation) {
    const names = id === "Humanoid-v4" ? V4_REWARD_NAMES : V5_REWARD_NAMES;
    super(id, options, simulation, "xipos", shownBy(id, options), names);
    this.#options = options;
    this.#mass = simulation.masses.reduce((sum, mass) => sum + mass, 0);
  }

  /** The centre of mass. */
  protected override locate(place: Float64Array): void {
    const { masses, xipos } = this.simulation;
    let x = 0;
    let y = 0;
    for (let body = 0; body < masses.length; body++) {
      x += masses[body] * xipos[3 * body];
      y += masses[body] * xipos[3 * body + 1];
    }
    place[0] = x / this.#mass;
    place[1] = y / this.#mass;
  }

  protected override contactCost(): number {
    const { contactCostWeight, maxContactCost } = this.#options;
    return Math.min(maxContactCost, contactCostWeight * sumOfSquares(this.simulation.cfrc_ext));
  }

  protected override isHealthy(): boolean {
    return isBetween(this.simulation.qpos[2], this.#options.healthyZRange);
  }

  protected override velocityNoise(stream: RandomStream): number {
    return 2 * nextUniform(stream) - 1;
  }
}

// The body. Every number below is a published fact of the task. y points to its left.

const SKIN: Surface = { collisionType: 1, collisionAffinity: 1, contactDimensions: 1, margin: 0.001 };
const X: Vector = [1, 0, 0];
const Y: Vector = [0, 1, 0];
const Z: Vector = [0, 0, 1];
const ORIGIN: Vector = [0, 0, 0];
/** Waist and pelvis are turned about y by -0.004 rad. */
const LEAN: Turn = { quaternion: [1, 0, -0.002, 0] };

function capsule(name: string, radius: number, from: Vector, to: Vector): Geom {
  return { name, surface: SKIN, shape: { type: "capsule", radius, from, to } };
}

function sphere(name: string, radius: number, position: Vector): Geom {
  return { name, surface: SKIN, shape: { type: "sphere", radius, position } };
}

/** `range` in degrees. */
function hinge(
  name: string,
  axis: Vector,
  range: readonly [number, number],
  springs: { readonly stiffness: number; readonly damping: number; readonly armature: number },
  position: Vector = ORIGIN,
): Joint {
  return { name, type: "hinge", axis, position, range: degrees(...range), ...springs };
}

function negative([x, y, z]: Vector): Vector {
  return [-x, -y, -z];
}

/** `side` is 1 on the left and -1 on the right. The hips of either side turn in its own sense; the knees are not alike in stiffness. */
function humanoidLeg(name: "left" | "right", side: 1 | -1): Body {
  const outward = (axis: Vector): Vector => (side === 1 ? negative(axis) : axis);
  const foot: Body = {
    name: `${name}_foot`,
    position: [0, 0, -0.45],
    joints: [],
    geoms: [sphere(`${name}_foot`, 0.075, [0, 0, 0.1])],
    children: [],
  };
  const knee = { stiffness: side === 1 ? 1 : 0, damping: 1, armature: 0.006 };
  const shin: Body = {
    name: `${name}_shin`,
    position: [0, -0.01 * side, -0.403],
    joints: [hinge(`${name}_knee`, [0, -1, 0], [-160, -2], knee, [0, 0, 0.02])],
    geoms: [capsule(`${name}_shin1`, 0.049, ORIGIN, [0, 0, -0.3])],
    children: [foot],
  };
  const hip = { stiffness: 10, damping: 5, armature: 0.01 };
  const swing = { stiffness: 20, damping: 5, armature: side === 1 ? 0.01 : 0.008 };
  return {
    name: `${name}_thigh`,
    position: [0, 0.1 * side, -0.04],
    joints: [
      hinge(`${name}_hip_x`, outward(X), [-25, 5], hip),
      hinge(`${name}_hip_z`, outward(Z), [-60, 35], hip),
      hinge(`${name}_hip_y`, Y, [-110, 20], swing),
    ],
    geoms: [capsule(`${name}_thigh1`, 0.06, ORIGIN, [0, -0.01 * side, -0.34])],
    children: [shin],
  };
}

const shoulder = (armature: number) => ({ stiffness: 1, damping: 1, armature });

function humanoidArm(name: "left" | "right", side: 1 | -1): Body {
  const shoulderRange: [number, number] = side === 1 ? [-60, 85] : [-85, 60];
  const lower: Body = {
    name: `${name}_lower_arm`,
    position: [0.18, 0.18 * side, -0.18],
    joints: [
      hinge(`${name}_elbow`, [0, -1, -side], [-90, 50], { stiffness: 0, damping: 1, armature: 0.0028 }),
    ],
    geoms: [
      capsule(`${name}_larm`, 0.031, [0.01, -0.01 * side, 0.01], [0.17, -0.17 * side, 0.17]),
      sphere(`${name}_hand`, 0.04, [0.18, -0.18 * side, 0.18]),
    ],
    children: [],
  };
  return {
    name: `${name}_upper_arm`,
    position: [0, 0.17 * side, 0.06],
    joints: [
      hinge(`${name}_shoulder1`, [2, -side, 1], shoulderRange, shoulder(0.0068)),
      hinge(`${name}_shoulder2`, [0, side, 1], shoulderRange, shoulder(0.0051)),
    ],
    geoms: [capsule(`${name}_uarm1`, 0.04, ORIGIN, [0.16, 0.16 * side, -0.16])],
    children: [lower],
  };
}

const waist = (stiffness: number) => ({ stiffness, damping: 5, armature: 0.02 });

const PELVIS: Body = {
  name: "pelvis",
  position: [0, 0, -0.165],
  turn: LEAN,
  joints: [hinge("abdomen_x", X, [-35, 35], waist(10), [0, 0, 0.1])],
  geoms: [capsule("butt", 0.09, [-0.02, -0.07, 0], [-0.02, 0.07, 0])],
  children: [humanoidLeg("right", -1), humanoidLeg("left", 1)],
};

const WAIST: Body = {
  name: "lwaist",
  position: [-0.01, 0, -0.26],
  turn: LEAN,
  joints: [
    hinge("abdomen_z", Z, [-45, 45], waist(20), [0, 0, 0.065]),
    hinge("abdomen_y", Y, [-75, 30], waist(10), [0, 0, 0.065]),
  ],
  geoms: [capsule("lwaist", 0.06, [0, -0.06, 0], [0, 0.06, 0])],
  children: [PELVIS],
};

const TORSO: Body = {
  name: "torso",
  position: [0, 0, 1.4],
  joints: [{ name: "root", type: "free", stiffness: 0, damping: 0, armature: 0 }],
  geoms: [
    capsule("torso1", 0.07, [0, -0.07, 0], [0, 0.07, 0]),
    sphere("head", 0.09, [0, 0, 0.19]),
    capsule("uwaist", 0.06, [-0.01, -0.06, -0.12], [-0.01, 0.06, -0.12]),
  ],
  children: [WAIST, humanoidArm("right", -1), humanoidArm("left", 1)],
};

function motor(joint: string, gear: number): Motor {
  return { joint, gear, controlRange: [-0.4, 0.4] };
}

const SIDES = ["right", "left"] as const;

/** The model of Humanoid. */
export const HUMANOID: ModelDescription = {
  name: "humanoid",
  timestep: 0.003,
  integrator: "RK4",
  solver: { type: "PGS", iterations: 50 },
  gravity: [0, 0, -9.81],
  arenaBytes: 2 ** 20,
  fixed: [
    {
      name: "floor",
      surface: { ...SKIN, contactDimensions: 3, friction: [1, 0.1, 0.1] },
      shape: { type: "plane", size: [20, 20, 0.125] },
    },
  ],
  bodies: [TORSO],
  motors: [
    motor("abdomen_y", 100),
    motor("abdomen_z", 100),
    motor("abdomen_x", 100),
    ...SIDES.flatMap((side) => [
      motor(`${side}_hip_x`, 100),
      motor(`${side}_hip_z`, 100),
      motor(`${side}_hip_y`, 300),
      motor(`${side}_knee`, 200),
    ]),
    ...SIDES.flatMap((side) => [
      motor(`${side}_shoulder1`, 25),
      motor(`${side}_shoulder2`, 25),
      motor(`${side}_elbow`, 25),
    ]),
  ],
};
