import { type RandomStream, nextUniform } from "../../core/index.ts";
import type { Environment, StepResult } from "../environment.ts";
import { type GivenOptions, readOptions, requireCount, requireNonNegative } from "../options.ts";
import type { Body, Geom, Joint, ModelDescription, Surface, Vector } from "./model.ts";
import { MujocoEnvironment, sumOfSquares } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions, openSimulation } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options of Pusher. It has no gravity and its contacts no friction: neither can be scaled. */
export interface PusherOptions extends Omit<PhysicsOptions, "frictionScale" | "gravityScale"> {
  /** MuJoCo steps of 0.01 s in one environment step; 5. */
  frameSkip: number;
  /** Weight of the distance between object and fingers in the reward; 0.5. */
  rewardNearWeight: number;
  /** Weight of the distance between object and goal in the reward; 1. */
  rewardDistanceWeight: number;
  /** Weight of the sum of squared actions in the reward; 0.1. */
  rewardControlWeight: number;
  /** Pay for the distances before the step, not after it; true in v4, false in v5. */
  payBeforeStep: boolean;
  /** Density of the object, kg/m^3; 1e-5 in v4, 0.01 in v5. */
  objectDensity: number;
  /** A ball inside the object that touches nothing adds to its mass; true in v4, false in v5. */
  ballInObject: boolean;
  /** Steps after which an episode is truncated; 100. */
  maxEpisodeSteps: number;
}

function defaultsOf(id: PusherId): PusherOptions {
  const isV4 = id === "Pusher-v4";
  return {
    contactMargins: isV4 ? "larger" : "summed",
    massScale: PHYSICS.massScale,
    wind: PHYSICS.wind,
    frameSkip: 5,
    rewardNearWeight: 0.5,
    rewardDistanceWeight: 1,
    rewardControlWeight: 0.1,
    payBeforeStep: isV4,
    objectDensity: isV4 ? 1e-5 : 0.01,
    ballInObject: isV4,
    maxEpisodeSteps: 100,
  };
}

/** v4 pays for the distances before the step, and its object is lighter. */
type PusherId = "Pusher-v4" | "Pusher-v5";

/**
 * Pusher of Gymnasium 1.3.0: an arm of seven joints pushes an object over a table to a goal; with the distances of the
 * object from the fingers and from the goal,
 *
 *   r_t = -rewardNearWeight |object - fingers| - rewardDistanceWeight |object - goal|
 *         - rewardControlWeight sum_i a_{t,i}^2
 *
 * An observation is the angles of the seven joints (rad), their velocities (rad/s), and x, y, z of fingers, object and goal
 * (m). An episode never terminates. Source: https://gymnasium.farama.org/environments/mujoco/pusher/.
 *
 * Differences: Gymnasium refuses Pusher-v4 on MuJoCo 3, where its object, which has next to no mass, moves otherwise than
 * before; here it is Gymnasium's v4 with today's MuJoCo, except that `contactMargins` is "larger" in v4. The three places
 * are as MuJoCo's last step found them, 0.01 s before the positions.
 */
export async function makePusher(id: PusherId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  requireNonNegative(id, "objectDensity", options.objectDensity);
  const model = pusher(options.objectDensity, options.ballInObject);
  return new Pusher(id, options, await openSimulation(id, model, { ...PHYSICS, ...options }));
}

/** Joints of the arm: the first positions and velocities. The last four are y, x of the object, then of the goal. */
const ARM = 7;
/** Velocities of the arm at reset are uniform in + or - this, rad/s. */
const VELOCITY_NOISE = 0.005;
/** The object starts at least this far from the goal, metres. */
const LEAST_DISTANCE = 0.17;

/** Where x, y, z of the fingers (body 10, the world being 0), the object and the goal begin in `xpos`. */
const FINGERS = 3 * 10;
const OBJECT = 3 * 11;
const GOAL = 3 * 12;

class Pusher extends MujocoEnvironment {
  readonly #options: PusherOptions;
  readonly #isV4: boolean;
  #nearBefore = NaN;
  #distanceBefore = NaN;

  constructor(id: PusherId, options: PusherOptions, simulation: Simulation) {
    const { frameSkip, maxEpisodeSteps } = options;
    const isV4 = id === "Pusher-v4";
    const stepInfo = { reward_dist: NaN, reward_ctrl: NaN, ...(isV4 ? {} : { reward_near: NaN }) };
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates: false,
      observationSize: 2 * ARM + 9,
      options: { ...options },
      carried: ["xpos"] as const,
      hiddenPositions: null,
    };
    super(task, simulation, stepInfo, {});
    this.#options = options;
    this.#isV4 = isV4;
  }

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    const object = ARM;
    do {
      qpos[object] = -0.3 * nextUniform(stream);
      qpos[object + 1] = 0.2 * (2 * nextUniform(stream) - 1);
    } while (
      qpos[object] * qpos[object] + qpos[object + 1] * qpos[object + 1] <=
      LEAST_DISTANCE * LEAST_DISTANCE
    );
    for (let i = 0; i < ARM; i++) qvel[i] += VELOCITY_NOISE * (2 * nextUniform(stream) - 1);
  }

  protected override describeReset(): void {}

  protected override beforeStep(): void {
    this.#nearBefore = this.#distanceOfObject(FINGERS);
    this.#distanceBefore = this.#distanceOfObject(GOAL);
  }

  protected override score(action: ArrayLike<number>, result: StepResult): void {
    const { rewardNearWeight, rewardDistanceWeight, rewardControlWeight, payBeforeStep } = this.#options;
    const near = payBeforeStep ? this.#nearBefore : this.#distanceOfObject(FINGERS);
    const distance = payBeforeStep ? this.#distanceBefore : this.#distanceOfObject(GOAL);
    const effort = sumOfSquares(action);
    result.reward = -rewardDistanceWeight * distance - rewardControlWeight * effort - rewardNearWeight * near;
    const { info } = result;
    if (this.#isV4) {
      info.reward_dist = -distance;
      info.reward_ctrl = -effort;
      return;
    }
    info.reward_dist = -rewardDistanceWeight * distance;
    info.reward_ctrl = -rewardControlWeight * effort;
    info.reward_near = -rewardNearWeight * near;
  }

  protected override observe(observation: Float64Array): void {
    const { qpos, qvel, xpos } = this.simulation;
    for (let i = 0; i < ARM; i++) {
      observation[i] = qpos[i];
      observation[ARM + i] = qvel[i];
    }
    for (let i = 0; i < 3; i++) {
      observation[2 * ARM + i] = xpos[FINGERS + i];
      observation[2 * ARM + 3 + i] = xpos[OBJECT + i];
      observation[2 * ARM + 6 + i] = xpos[GOAL + i];
    }
  }

  #distanceOfObject(other: number): number {
    const { xpos } = this.simulation;
    let sum = 0;
    for (let i = 0; i < 3; i++) {
      const distance = xpos[OBJECT + i] - xpos[other + i];
      sum += distance * distance;
    }
    return Math.sqrt(sum);
  }
}

// The arm, a table, an object on it and a mark. Every number below is a published fact of the task.

const ABOUT_X: Vector = [1, 0, 0];
const ABOUT_Y: Vector = [0, 1, 0];
const ABOUT_Z: Vector = [0, 0, 1];
const ORIGIN: Vector = [0, 0, 0];
const DENSITY = 300;

const UNTOUCHABLE: Surface = {
  collisionType: 0,
  collisionAffinity: 0,
  contactDimensions: 1,
  friction: [0.8, 0.1, 0.1],
  margin: 0.002,
};
const SOLID: Surface = { ...UNTOUCHABLE, collisionType: 1, collisionAffinity: 1 };
/** Touches what is solid, not its like. */
const LOOSE: Surface = { ...UNTOUCHABLE, collisionType: 1 };

function ball(name: string, position: Vector, radius: number): Geom {
  return { name, surface: UNTOUCHABLE, shape: { type: "sphere", radius, position }, density: DENSITY };
}

function rod(radius: number, from: Vector, to: Vector, surface = UNTOUCHABLE): Geom {
  return { surface, shape: { type: "capsule", radius, from, to }, density: DENSITY };
}

/** A disc of radius and half-height in metres, upright. */
function disc(surface: Surface, radius: number, halfLength: number, density: number): Geom {
  return { surface, shape: { type: "cylinder", radius, halfLength, position: ORIGIN }, density };
}

/** A hinge, range in rad, damping in N m s/rad. */
function hinge(name: string, axis: Vector, range: [number, number], damping: number): Joint {
  return { name: `r_${name}_joint`, type: "hinge", axis, range, stiffness: 0, damping, armature: 0.04 };
}

function link(
  name: string,
  position: Vector,
  joints: readonly Joint[],
  geoms: readonly Geom[],
  child: Body,
): Body {
  return { name: `r_${name}_link`, position, joints, geoms, children: [child] };
}

/** Something that slides over the table, y before x. */
function sliding(name: string, height: number, geoms: readonly Geom[]): Body {
  const slide = (suffix: string, axis: Vector): Joint => ({
    name: `${name}_slide${suffix}`,
    type: "slide",
    axis,
    range: [-10.3213, 10.3],
    stiffness: 0,
    damping: 0.5,
    armature: 0.04,
  });
  return {
    name,
    position: [0.45, -0.05, height],
    joints: [slide("y", ABOUT_Y), slide("x", ABOUT_X)],
    geoms,
    children: [],
  };
}

const TIPS: Body = {
  name: "tips_arm",
  position: ORIGIN,
  joints: [],
  geoms: [ball("tip_arml", [0.1, -0.1, 0], 0.01), ball("tip_armr", [0.1, 0.1, 0], 0.01)],
  children: [],
};

/** A fork of three rods. */
const HAND = link(
  "wrist_roll",
  ORIGIN,
  [hinge("wrist_roll", ABOUT_X, [-1.5, 1.5], 0.1)],
  [
    rod(0.02, [0, -0.1, 0], [0, 0.1, 0], SOLID),
    rod(0.02, [0, -0.1, 0], [0.1, -0.1, 0], SOLID),
    rod(0.02, [0, 0.1, 0], [0.1, 0.1, 0], SOLID),
  ],
  TIPS,
);

const WRIST = link(
  "wrist_flex",
  [0.321, 0, 0],
  [hinge("wrist_flex", ABOUT_Y, [-1.094, 0], 0.1)],
  [rod(0.01, [0, -0.02, 0], [0, 0.02, 0])],
  HAND,
);

const FOREARM = link(
  "forearm_roll",
  ORIGIN,
  [hinge("forearm_roll", ABOUT_X, [-1.5, 1.5], 0.1)],
  [rod(0.02, [-0.1, 0, 0], [0.1, 0, 0])],
  link("forearm", ORIGIN, [], [rod(0.05, ORIGIN, [0.291, 0, 0])], WRIST),
);

const ELBOW = link(
  "elbow_flex",
  [0.4, 0, 0],
  [hinge("elbow_flex", ABOUT_Y, [-2.3213, 0], 0.1)],
  [rod(0.06, [0, -0.02, 0], [0, 0.02, 0])],
  FOREARM,
);

const UPPER_ARM = link(
  "upper_arm_roll",
  ORIGIN,
  [hinge("upper_arm_roll", ABOUT_X, [-1.5, 1.7], 0.1)],
  [rod(0.02, [-0.1, 0, 0], [0.1, 0, 0])],
  link("upper_arm", ORIGIN, [], [rod(0.06, ORIGIN, [0.4, 0, 0])], ELBOW),
);

const SHOULDER = link(
  "shoulder_pan",
  [0, -0.6, 0],
  [hinge("shoulder_pan", ABOUT_Z, [-2.2854, 1.714602], 1)],
  [
    ball("e1", [-0.06, 0.05, 0.2], 0.05),
    ball("e2", [0.06, 0.05, 0.2], 0.05),
    ball("e1p", [-0.06, 0.09, 0.2], 0.03),
    ball("e2p", [0.06, 0.09, 0.2], 0.03),
    rod(0.1, [0, 0, -0.4], [0, 0, 0.2]),
  ],
  link(
    "shoulder_lift",
    [0.1, 0, 0],
    [hinge("shoulder_lift", ABOUT_Y, [-0.5236, 1.3963], 1)],
    [rod(0.1, [0, -0.1, 0], [0, 0.1, 0])],
    UPPER_ARM,
  ),
);

const JOINTS = [
  "shoulder_pan",
  "shoulder_lift",
  "upper_arm_roll",
  "elbow_flex",
  "forearm_roll",
  "wrist_flex",
  "wrist_roll",
];

/** The model of Pusher. */
export function pusher(objectDensity: number, ballInObject: boolean): ModelDescription {
  const object = disc(LOOSE, 0.05, 0.05, objectDensity);
  const inside = { ...ball("ball", ORIGIN, 0.05), density: objectDensity };
  return {
    name: "pusher",
    timestep: 0.01,
    integrator: "Euler",
    solver: { iterations: 20 },
    gravity: [0, 0, 0],
    arenaBytes: 2 ** 20,
    fixed: [
      {
        name: "table",
        surface: SOLID,
        shape: { type: "plane", size: [1, 1, 0.1], position: [0, 0.5, -0.325] },
        density: DENSITY,
      },
    ],
    bodies: [
      SHOULDER,
      sliding("object", -0.275, ballInObject ? [inside, object] : [object]),
      sliding("goal", -0.323, [disc(UNTOUCHABLE, 0.08, 0.001, 1e-5)]),
    ],
    motors: JOINTS.map((name) => ({ joint: `r_${name}_joint`, gear: 1, controlRange: [-2, 2] })),
  };
}
