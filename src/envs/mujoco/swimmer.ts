import { type RandomStream, nextUniform } from "../../core/index.ts";
import type { Environment, StepResult } from "../environment.ts";
import { type GivenOptions, readOptions, requireCount, requireNonNegative } from "../options.ts";
import { type Body, type Joint, type ModelDescription, type Surface, type Vector, degrees } from "./model.ts";
import { MujocoEnvironment, sumOfSquares } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions, openSimulation } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options of Swimmer. Nothing touches and nothing falls: margins, friction and gravity are none of them. */
export interface SwimmerOptions extends Omit<
  PhysicsOptions,
  "contactMargins" | "frictionScale" | "gravityScale"
> {
  /** MuJoCo steps of 0.01 s in one environment step; 4. */
  frameSkip: number;
  /** Weight of the velocity along x in the reward; 1. */
  forwardRewardWeight: number;
  /** Weight of the sum of squared actions in the reward; 1e-4. */
  controlCostWeight: number;
  /** Half-width of the uniform noise on positions and velocities at reset; 0.1. */
  resetNoiseScale: number;
  /** Leave the x and y position out of the observation, which then has 8 coordinates instead of 10; true. */
  excludeCurrentPositionsFromObservation: boolean;
  /** Steps after which an episode is truncated; 1000. */
  maxEpisodeSteps: number;
}

const DEFAULTS: SwimmerOptions = {
  massScale: PHYSICS.massScale,
  wind: PHYSICS.wind,
  frameSkip: 4,
  forwardRewardWeight: 1,
  controlCostWeight: 1e-4,
  resetNoiseScale: 0.1,
  excludeCurrentPositionsFromObservation: true,
  maxEpisodeSteps: 1000,
};

/** v4 and v5 move and pay alike and differ in the names of `info`. */
type SwimmerId = "Swimmer-v4" | "Swimmer-v5";

/**
 * Swimmer of Gymnasium 1.3.0: three rods joined by two motors in a plane, in a viscous fluid; it is paid for its speed.
 *
 *   r_t = forwardRewardWeight (x_{t+1} - x_t) / (frameSkip 0.01 s) - controlCostWeight sum_i a_{t,i}^2
 *
 * An observation is the angles of the front rod and of the two joints (rad), the velocities along x and y of the front
 * rod's origin (m/s), then of the angles (rad/s). An episode never terminates.
 * Source: https://gymnasium.farama.org/environments/mujoco/swimmer/.
 */
export async function makeSwimmer(id: SwimmerId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, DEFAULTS, given);
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  requireNonNegative(id, "resetNoiseScale", options.resetNoiseScale);
  return new Swimmer(id, options, await openSimulation(id, SWIMMER, { ...PHYSICS, ...options }));
}

class Swimmer extends MujocoEnvironment {
  readonly #options: SwimmerOptions;
  readonly #isV4: boolean;
  readonly #firstPosition: number;
  #xBefore = NaN;
  #yBefore = NaN;

  constructor(id: SwimmerId, options: SwimmerOptions, simulation: Simulation) {
    simulation.attach(); // memory may have grown since it was made
    const { frameSkip, maxEpisodeSteps } = options;
    const isV4 = id === "Swimmer-v4";
    const firstPosition = options.excludeCurrentPositionsFromObservation ? 2 : 0;
    const place = { x_position: NaN, y_position: NaN, distance_from_origin: NaN };
    const stepInfo = {
      ...place,
      x_velocity: NaN,
      y_velocity: NaN,
      reward_ctrl: NaN,
      ...(isV4 ? { reward_fwd: NaN, forward_reward: NaN } : { reward_forward: NaN }),
    };
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates: false,
      observationSize: simulation.qpos.length + simulation.qvel.length - firstPosition,
      options: { ...options },
      hiddenPositions: firstPosition,
    };
    super(task, simulation, stepInfo, isV4 ? {} : place);
    this.#options = options;
    this.#isV4 = isV4;
    this.#firstPosition = firstPosition;
  }

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    const scale = this.#options.resetNoiseScale;
    for (let i = 0; i < qpos.length; i++) qpos[i] += scale * (2 * nextUniform(stream) - 1);
    for (let i = 0; i < qvel.length; i++) qvel[i] += scale * (2 * nextUniform(stream) - 1);
  }

  protected override describeReset(info: Record<string, number>): void {
    if (!this.#isV4) this.#describePlace(info);
  }

  protected override beforeStep(): void {
    const { qpos } = this.simulation;
    this.#xBefore = qpos[0];
    this.#yBefore = qpos[1];
  }

  protected override score(action: ArrayLike<number>, result: StepResult): void {
    const { forwardRewardWeight, controlCostWeight } = this.#options;
    const { qpos } = this.simulation;
    const velocity = (qpos[0] - this.#xBefore) / this.stepSeconds;
    const forward = forwardRewardWeight * velocity;
    const cost = controlCostWeight * sumOfSquares(action);
    const { info } = result;
    this.#describePlace(info);
    info.x_velocity = velocity;
    info.y_velocity = (qpos[1] - this.#yBefore) / this.stepSeconds;
    info.reward_ctrl = -cost;
    if (this.#isV4) {
      info.reward_fwd = forward;
      info.forward_reward = forward;
    } else info.reward_forward = forward;
    result.reward = forward - cost;
  }

  protected override observe(observation: Float64Array): void {
    const { qpos, qvel } = this.simulation;
    let next = 0;
    for (let i = this.#firstPosition; i < qpos.length; i++) observation[next++] = qpos[i];
    for (let i = 0; i < qvel.length; i++) observation[next++] = qvel[i];
  }

  #describePlace(info: Record<string, number>): void {
    const { qpos } = this.simulation;
    const x = qpos[0];
    const y = qpos[1];
    info.x_position = x;
    info.y_position = y;
    info.distance_from_origin = Math.sqrt(x * x + y * y);
  }
}

// The swimmer. Every number below is a published fact of the task.

const ABOUT_Z: Vector = [0, 0, 1];
const UNTOUCHABLE: Surface = { collisionType: 0, collisionAffinity: 0, contactDimensions: 1 };

function joint(name: string, type: Joint["type"], axis: Vector, range?: [number, number]): Joint {
  return { name, type, axis, range, stiffness: 0, damping: 0, armature: 0.1 };
}

/** A rod of 1 m, from `from` to `to`. */
function rod(
  name: string,
  position: Vector,
  joints: readonly Joint[],
  from: Vector,
  to: Vector,
  children: readonly Body[],
): Body {
  const shape = { type: "capsule", radius: 0.1, from, to } as const;
  return { name, position, joints, geoms: [{ surface: UNTOUCHABLE, shape, density: 1000 }], children };
}

const BACKWARD: Vector = [-1, 0, 0];
const ORIGIN: Vector = [0, 0, 0];
const BEND = degrees(-100, 100);

const BACK = rod("back", BACKWARD, [joint("motor2_rot", "hinge", ABOUT_Z, BEND)], ORIGIN, BACKWARD, []);
const MIDDLE = rod("mid", [0.5, 0, 0], [joint("motor1_rot", "hinge", ABOUT_Z, BEND)], ORIGIN, BACKWARD, [
  BACK,
]);
const FRONT_JOINTS = [
  joint("slider1", "slide", [1, 0, 0]),
  joint("slider2", "slide", [0, 1, 0]),
  joint("free_body_rot", "hinge", ABOUT_Z),
];

/** The model of Swimmer. */
export const SWIMMER: ModelDescription = {
  name: "swimmer",
  timestep: 0.01,
  integrator: "RK4",
  gravity: [0, 0, -9.81],
  medium: { density: 4000, viscosity: 0.1 },
  arenaBytes: 2 ** 20,
  fixed: [
    {
      name: "floor",
      surface: { ...UNTOUCHABLE, contactDimensions: 3 },
      shape: { type: "plane", size: [40, 40, 0.1], position: [0, 0, -0.1] },
    },
  ],
  bodies: [rod("torso", ORIGIN, FRONT_JOINTS, [1.5, 0, 0], [0.5, 0, 0], [MIDDLE])],
  motors: ["motor1_rot", "motor2_rot"].map((name) => ({ joint: name, gear: 150, controlRange: [-1, 1] })),
};
