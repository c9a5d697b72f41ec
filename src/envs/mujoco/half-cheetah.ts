import { type RandomStream, nextNormal, nextUniform } from "../../core/index.ts";
import type { Environment, StepResult } from "../environment.ts";
import { type GivenOptions, readOptions, requireCount, requireNonNegative } from "../options.ts";
import type { Body, Compliance, Geom, Joint, ModelDescription, Motor, Surface, Vector } from "./model.ts";
import { MujocoEnvironment, sumOfSquares } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions, openSimulation } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options of HalfCheetah: Gymnasium's (whose ctrl_cost_weight is controlCostWeight here), with its defaults. */
export interface HalfCheetahOptions extends Omit<PhysicsOptions, "contactMargins"> {
  /** MuJoCo steps of 0.01 s in one environment step; 5. */
  frameSkip: number;
  /** Weight of the forward velocity in the reward; 1. */
  forwardRewardWeight: number;
  /** Weight of the sum of squared actions in the reward; 0.1. */
  controlCostWeight: number;
  /** Half-width of the uniform noise on positions and standard deviation of the normal noise on velocities at reset; 0.1. */
  resetNoiseScale: number;
  /** Leave the x position out of the observation, which then has 17 coordinates instead of 18; true. */
  excludeCurrentPositionsFromObservation: boolean;
  /** Steps after which an episode is truncated; 1000. */
  maxEpisodeSteps: number;
}

const { contactMargins: _, ...WORLD } = PHYSICS; // no geom here has a margin

const DEFAULTS: HalfCheetahOptions = {
  ...WORLD,
  frameSkip: 5,
  forwardRewardWeight: 1,
  controlCostWeight: 0.1,
  resetNoiseScale: 0.1,
  excludeCurrentPositionsFromObservation: true,
  maxEpisodeSteps: 1000,
};

/** The versions here: v4 and v5 move and pay alike and differ in the names of `info`. */
type HalfCheetahId = "HalfCheetah-v4" | "HalfCheetah-v5";

/**
 * HalfCheetah of Gymnasium 1.3.0: a planar runner of seven bodies and six motors; it is paid for its speed.
 *
 *   r_t = forwardRewardWeight (x_{t+1} - x_t) / (frameSkip 0.01 s) - controlCostWeight sum_i a_{t,i}^2
 *
 * The cost is on the action as given, while the motors clamp it to [-1, 1]. An observation is the positions of rootz (m),
 * rooty, bthigh, bshin, bfoot, fthigh, fshin, ffoot (rad), then the velocities of rootx, rootz (m/s), rooty and the six
 * joints (rad/s). An episode never terminates. `info` of a step: x_position (m), x_velocity (m/s), reward_forward
 * (reward_run in v4) and reward_ctrl, which sum to the reward; of a reset: x_position (nothing in v4).
 * Source: https://gymnasium.farama.org/environments/mujoco/half_cheetah/.
 *
 * Differences: actions enter the cost in double precision (Gymnasium squares a float32 action in float32), and frameSkip
 * is an option of v4 too.
 */
export async function makeHalfCheetah(id: HalfCheetahId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, DEFAULTS, given);
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  requireNonNegative(id, "resetNoiseScale", options.resetNoiseScale);
  return new HalfCheetah(id, options, await openSimulation(id, HALF_CHEETAH, { ...PHYSICS, ...options }));
}

class HalfCheetah extends MujocoEnvironment {
  readonly #options: HalfCheetahOptions;
  readonly #forwardName: "reward_forward" | "reward_run";
  readonly #firstPosition: number;
  #xBefore = NaN;

  constructor(id: HalfCheetahId, options: HalfCheetahOptions, simulation: Simulation) {
    simulation.attach(); // memory may have grown since it was made
    const { frameSkip, maxEpisodeSteps } = options;
    const firstPosition = options.excludeCurrentPositionsFromObservation ? 1 : 0;
    const observationSize = simulation.qpos.length + simulation.qvel.length - firstPosition;
    const forwardName = id === "HalfCheetah-v5" ? "reward_forward" : "reward_run";
    const stepInfo = { x_position: NaN, x_velocity: NaN, [forwardName]: NaN, reward_ctrl: NaN };
    const resetInfo: Record<string, number> = id === "HalfCheetah-v5" ? { x_position: NaN } : {};
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates: false,
      observationSize,
      options: { ...options },
      hiddenPositions: firstPosition,
    };
    super(task, simulation, stepInfo, resetInfo);
    this.#options = options;
    this.#forwardName = forwardName;
    this.#firstPosition = firstPosition;
  }

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    const scale = this.#options.resetNoiseScale;
    for (let i = 0; i < qpos.length; i++) qpos[i] += scale * (2 * nextUniform(stream) - 1);
    for (let i = 0; i < qvel.length; i++) qvel[i] += scale * nextNormal(stream);
  }

  protected override describeReset(info: Record<string, number>): void {
    if ("x_position" in info) info.x_position = this.simulation.qpos[0];
  }

  protected override beforeStep(): void {
    this.#xBefore = this.simulation.qpos[0];
  }

  protected override score(action: ArrayLike<number>, result: StepResult): void {
    const { forwardRewardWeight, controlCostWeight } = this.#options;
    const x = this.simulation.qpos[0];
    const velocity = (x - this.#xBefore) / this.stepSeconds;
    const forward = forwardRewardWeight * velocity;
    const cost = controlCostWeight * sumOfSquares(action);
    const { info } = result;
    info.x_position = x;
    info.x_velocity = velocity;
    info[this.#forwardName] = forward;
    info.reward_ctrl = -cost;
    result.reward = forward - cost;
  }

  protected override observe(observation: Float64Array): void {
    const { qpos, qvel } = this.simulation;
    const first = this.#firstPosition;
    let next = 0;
    for (let i = first; i < qpos.length; i++) observation[next++] = qpos[i];
    for (let i = 0; i < qvel.length; i++) observation[next++] = qvel[i];
  }
}

// The runner. Every number below is a published fact of the task; b is the back leg, f the front leg.

const RADIUS = 0.046;
const ABOUT_Y: Vector = [0, 1, 0];

const LIMIT: Compliance = { reference: [0.02, 1], impedance: [0, 0.8, 0.03] };
const SKIN: Surface = {
  collisionType: 1,
  collisionAffinity: 0,
  contactDimensions: 3,
  friction: [0.4, 0.1, 0.1],
  contact: { reference: [0.02, 1], impedance: [0, 0.8, 0.01] },
};
const GROUND: Surface = { ...SKIN, collisionAffinity: 1 };

function rootJoint(name: string, type: Joint["type"], axis: Vector): Joint {
  return { name, type, axis, stiffness: 0, damping: 0, armature: 0, limit: LIMIT };
}

/** A hinge about y, range in rad, stiffness in N m/rad, damping in N m s/rad. */
function hinge(name: string, range: [number, number], stiffness: number, damping: number): Joint {
  return { name, type: "hinge", axis: ABOUT_Y, range, stiffness, damping, armature: 0.1, limit: LIMIT };
}

/** A capsule of half-length `halfLength` at `position`, turned about y by `angle`; m and rad. */
function limb(name: string, position: Vector, angle: number, halfLength: number): Geom {
  return {
    name,
    surface: SKIN,
    shape: { type: "capsule", radius: RADIUS, halfLength, position, turn: { axis: ABOUT_Y, angle } },
  };
}

function segment(position: Vector, joint: Joint, geom: Geom, children: readonly Body[] = []): Body {
  return { name: joint.name, position, joints: [joint], geoms: [geom], children };
}

function motor(joint: string, gear: number): Motor {
  return { joint, gear, controlRange: [-1, 1] };
}

const BACK_LEG = segment(
  [-0.5, 0, 0],
  hinge("bthigh", [-0.52, 1.05], 240, 6),
  limb("bthigh", [0.1, 0, -0.13], -3.8, 0.145),
  [
    segment(
      [0.16, 0, -0.25],
      hinge("bshin", [-0.785, 0.785], 180, 4.5),
      limb("bshin", [-0.14, 0, -0.07], -2.03, 0.15),
      [
        segment(
          [-0.28, 0, -0.14],
          hinge("bfoot", [-0.4, 0.785], 120, 3),
          limb("bfoot", [0.03, 0, -0.097], -0.27, 0.094),
        ),
      ],
    ),
  ],
);

const FRONT_LEG = segment(
  [0.5, 0, 0],
  hinge("fthigh", [-1, 0.7], 180, 4.5),
  limb("fthigh", [-0.07, 0, -0.12], 0.52, 0.133),
  [
    segment(
      [-0.14, 0, -0.24],
      hinge("fshin", [-1.2, 0.87], 120, 3),
      limb("fshin", [0.065, 0, -0.09], -0.6, 0.106),
      [
        segment(
          [0.13, 0, -0.18],
          hinge("ffoot", [-0.5, 0.5], 60, 1.5),
          limb("ffoot", [0.045, 0, -0.07], -0.6, 0.07),
        ),
      ],
    ),
  ],
);

const TORSO: Body = {
  name: "torso",
  position: [0, 0, 0.7],
  joints: [
    rootJoint("rootx", "slide", [1, 0, 0]),
    rootJoint("rootz", "slide", [0, 0, 1]),
    rootJoint("rooty", "hinge", ABOUT_Y),
  ],
  geoms: [
    {
      name: "torso",
      surface: SKIN,
      shape: { type: "capsule", radius: RADIUS, from: [-0.5, 0, 0], to: [0.5, 0, 0] },
    },
    limb("head", [0.6, 0, 0.1], 0.87, 0.15),
  ],
  children: [BACK_LEG, FRONT_LEG],
};

/** The model of HalfCheetah. */
export const HALF_CHEETAH: ModelDescription = {
  name: "half-cheetah",
  timestep: 0.01,
  integrator: "Euler",
  gravity: [0, 0, -9.81],
  totalMass: 14,
  arenaBytes: 2 ** 20,
  fixed: [{ name: "floor", surface: GROUND, shape: { type: "plane", size: [40, 40, 40] } }],
  bodies: [TORSO],
  motors: [
    motor("bthigh", 120),
    motor("bshin", 90),
    motor("bfoot", 60),
    motor("fthigh", 120),
    motor("fshin", 60),
    motor("ffoot", 30),
  ],
};
