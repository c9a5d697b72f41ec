import { type RandomStream, nextUniform } from "../../core/index.ts";
import type { StepResult } from "../environment.ts";
import { requireCount, requireNonNegative } from "../options.ts";
import type { Body, Geom, Joint, Vector } from "./model.ts";
import { MujocoEnvironment, sumOfSquares } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options that Hopper and Walker2d share: Gymnasium's, with its defaults, and the differences of its versions. */
export interface PlanarWalkerOptions extends PhysicsOptions {
  /** MuJoCo steps of 0.002 s in one environment step; 4. */
  frameSkip: number;
  /** Weight of the forward velocity in the reward; 1. */
  forwardRewardWeight: number;
  /** Weight of the sum of squared actions in the reward; 0.001. */
  controlCostWeight: number;
  /** Reward of a step that ends healthy; 1. */
  healthyReward: number;
  /** Pay `healthyReward` in the step that ends the episode too; true in v4, false in v5. */
  payAtTermination: boolean;
  /** End the episode when unhealthy; true. */
  terminateWhenUnhealthy: boolean;
  /** Heights of the torso, metres, between which it is healthy. */
  healthyZRange: [number, number];
  /** Angles of the torso, radians, between which it is healthy. */
  healthyAngleRange: [number, number];
  /** Half-width of the uniform noise on positions and velocities at reset; 0.005. */
  resetNoiseScale: number;
  /** Leave the x position out of the observation; true. */
  excludeCurrentPositionsFromObservation: boolean;
  /** Steps after which an episode is truncated; 1000. */
  maxEpisodeSteps: number;
}

/** What remains where no geom has a margin. */
type PlanarWalkerTask = Omit<PlanarWalkerOptions, "contactMargins">;

/** What a MuJoCo task's version number decides in Hopper and Walker2d. */
export function planarWalkerDefaults(
  version: 4 | 5,
): Omit<PlanarWalkerOptions, "healthyZRange" | "healthyAngleRange"> {
  return {
    ...PHYSICS,
    contactMargins: version === 4 ? "larger" : "summed",
    frameSkip: 4,
    forwardRewardWeight: 1,
    controlCostWeight: 1e-3,
    healthyReward: 1,
    payAtTermination: version === 4,
    terminateWhenUnhealthy: true,
    resetNoiseScale: 5e-3,
    excludeCurrentPositionsFromObservation: true,
    maxEpisodeSteps: 1000,
  };
}

/** Refuse options of the right type that make no task. */
export function checkPlanarWalker(id: string, options: PlanarWalkerTask): void {
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  requireNonNegative(id, "resetNoiseScale", options.resetNoiseScale);
}

/** Velocities are shown within +-10. */
const SHOWN_VELOCITY = 10;

/**
 * A body in the x-z plane that is paid for moving forward on its legs and for staying healthy:
 *
 *   r_t = forwardRewardWeight (x_{t+1} - x_t) / (frameSkip 0.002 s) + healthyReward [healthy at t + 1]
 *         - controlCostWeight sum_i a_{t,i}^2
 */
export class PlanarWalker extends MujocoEnvironment {
  readonly #options: PlanarWalkerTask;
  readonly #firstPosition: number;
  readonly #isWell: (qpos: Float64Array, qvel: Float64Array) => boolean;
  readonly #namesAll: boolean;
  readonly #restHeight: number;
  #xBefore = NaN;

  /** `isWell` is what the task asks of a healthy state beyond height and angle of the torso. */
  constructor(
    id: string,
    options: PlanarWalkerTask,
    simulation: Simulation,
    isWell: (qpos: Float64Array, qvel: Float64Array) => boolean = () => true,
  ) {
    simulation.attach(); // memory may have grown since it was made
    const { frameSkip, maxEpisodeSteps } = options;
    const firstPosition = options.excludeCurrentPositionsFromObservation ? 1 : 0;
    const namesAll = id.endsWith("-v5");
    const stepInfo: Record<string, number> = namesAll
      ? {
          x_position: NaN,
          z_distance_from_origin: NaN,
          x_velocity: NaN,
          reward_forward: NaN,
          reward_ctrl: NaN,
          reward_survive: NaN,
        }
      : { x_position: NaN, x_velocity: NaN };
    const resetInfo: Record<string, number> = namesAll
      ? { x_position: NaN, z_distance_from_origin: NaN }
      : {};
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates: options.terminateWhenUnhealthy,
      observationSize: simulation.qpos.length + simulation.qvel.length - firstPosition,
      options: { ...options },
      hiddenPositions: firstPosition,
    };
    super(task, simulation, stepInfo, resetInfo);
    this.#options = options;
    this.#firstPosition = firstPosition;
    this.#isWell = isWell;
    this.#namesAll = namesAll;
    this.#restHeight = simulation.qpos[1];
  }

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    const scale = this.#options.resetNoiseScale;
    for (let i = 0; i < qpos.length; i++) qpos[i] += scale * (2 * nextUniform(stream) - 1);
    for (let i = 0; i < qvel.length; i++) qvel[i] += scale * (2 * nextUniform(stream) - 1);
  }

  protected override describeReset(info: Record<string, number>): void {
    if (this.#namesAll) this.#describePlace(info);
  }

  protected override beforeStep(): void {
    this.#xBefore = this.simulation.qpos[0];
  }

  protected override score(action: ArrayLike<number>, result: StepResult): void {
    const options = this.#options;
    const { qpos } = this.simulation;
    const velocity = (qpos[0] - this.#xBefore) / this.stepSeconds;
    const healthy = this.#isHealthy();
    const forward = options.forwardRewardWeight * velocity;
    const paid = healthy || (options.payAtTermination && options.terminateWhenUnhealthy);
    const survive = paid ? options.healthyReward : 0;
    const cost = options.controlCostWeight * sumOfSquares(action);
    result.reward = forward + survive - cost;
    result.terminated = !healthy && options.terminateWhenUnhealthy;
    const { info } = result;
    info.x_velocity = velocity;
    if (!this.#namesAll) {
      info.x_position = qpos[0];
      return;
    }
    this.#describePlace(info);
    info.reward_forward = forward;
    info.reward_ctrl = -cost;
    info.reward_survive = survive;
  }

  protected override observe(observation: Float64Array): void {
    const { qpos, qvel } = this.simulation;
    let next = 0;
    for (let i = this.#firstPosition; i < qpos.length; i++) observation[next++] = qpos[i];
    for (let i = 0; i < qvel.length; i++) {
      observation[next++] = Math.max(-SHOWN_VELOCITY, Math.min(SHOWN_VELOCITY, qvel[i]));
    }
  }

  #isHealthy(): boolean {
    const { qpos, qvel } = this.simulation;
    const { healthyZRange, healthyAngleRange } = this.#options;
    return (
      isBetween(qpos[1], healthyZRange) && isBetween(qpos[2], healthyAngleRange) && this.#isWell(qpos, qvel)
    );
  }

  #describePlace(info: Record<string, number>): void {
    const { qpos } = this.simulation;
    info.x_position = qpos[0];
    info.z_distance_from_origin = qpos[1] - this.#restHeight;
  }
}

/** low < value < high; false for NaN. */
export function isBetween(value: number, [low, high]: readonly [number, number]): boolean {
  return low < value && value < high;
}

// What the bodies of Hopper and Walker2d have in common. Numbers are published facts of the tasks.

/** The torso's height at rest, metres. */
const REST_HEIGHT = 1.25;
const ABOUT_Y: Vector = [0, 1, 0];
/** Joints of legs turn the other way about y. */
const LEG_AXIS: Vector = [0, -1, 0];

/** The free motion of the torso in its plane. */
const PLANE_JOINTS: readonly Joint[] = [
  rootJoint("rootx", "slide", [1, 0, 0], { position: [0, 0, -REST_HEIGHT] }),
  rootJoint("rootz", "slide", [0, 0, 1], { position: [0, 0, -REST_HEIGHT], reference: REST_HEIGHT }),
  rootJoint("rooty", "hinge", ABOUT_Y, {}),
];

function rootJoint(name: string, type: Joint["type"], axis: Vector, place: Partial<Joint>): Joint {
  return { name, type, axis, ...place, stiffness: 0, damping: 0, armature: 0 };
}

/** The numbers in which a leg of Walker2d differs from Hopper's. */
export interface LegDimensions {
  /** Added to the names, e.g. `_left`. */
  readonly suffix: string;
  /** Rotor inertia, kg m^2, and damping, N m s/rad, of each joint. */
  readonly armature: number;
  readonly damping: number;
  /** How far the foot's frame lies before the ankle, metres; and the foot's half-length. */
  readonly footReach: number;
  readonly footHalfLength: number;
  /** A geom's surface by its sliding friction. */
  readonly surface: (sliding: number) => Geom["surface"];
  readonly footFriction: number;
}

/** The torso, 0.4 m upright, with `legs`. */
export function planarTorso(surface: LegDimensions["surface"], legs: readonly Body[]): Body {
  return {
    name: "torso",
    position: [0, 0, REST_HEIGHT],
    joints: PLANE_JOINTS,
    geoms: [upright("torso_geom", 0.05, 0.2, [0, 0, 0], surface(0.9))],
    children: legs,
  };
}

/** A leg of thigh, shin and foot, hanging from the torso. */
export function planarLeg(leg: LegDimensions): Body {
  const { suffix, armature, damping, footReach, footHalfLength, surface, footFriction } = leg;
  const joint = (name: string, range: [number, number], position: Vector): Joint => ({
    name: `${name}${suffix}_joint`,
    type: "hinge",
    axis: LEG_AXIS,
    position,
    range: [(range[0] * Math.PI) / 180, (range[1] * Math.PI) / 180],
    stiffness: 0,
    damping,
    armature,
  });
  const foot: Body = {
    name: `foot${suffix}`,
    position: [footReach, 0, -0.35],
    joints: [joint("foot", [-45, 45], [-footReach, 0, 0.1])],
    geoms: [
      {
        name: `foot${suffix}_geom`,
        surface: surface(footFriction),
        shape: {
          type: "capsule",
          radius: 0.06,
          halfLength: footHalfLength,
          position: [-footReach / 2, 0, 0.1],
          turn: { axis: ABOUT_Y, angle: -Math.PI / 2 },
        },
      },
    ],
    children: [],
  };
  const shin: Body = {
    name: `leg${suffix}`,
    position: [0, 0, -0.7],
    joints: [joint("leg", [-150, 0], [0, 0, 0.25])],
    geoms: [upright(`leg${suffix}_geom`, 0.04, 0.25, [0, 0, 0], surface(0.9))],
    children: [foot],
  };
  return {
    name: `thigh${suffix}`,
    position: [0, 0, -0.2],
    joints: [joint("thigh", [-150, 0], [0, 0, 0])],
    geoms: [upright(`thigh${suffix}_geom`, 0.05, 0.225, [0, 0, -0.225], surface(0.9))],
    children: [shin],
  };
}

function upright(
  name: string,
  radius: number,
  halfLength: number,
  position: Vector,
  surface: Geom["surface"],
): Geom {
  return { name, surface, shape: { type: "capsule", radius, halfLength, position } };
}
