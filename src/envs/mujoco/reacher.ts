import { type RandomStream, nextUniform } from "../../core/index.ts";
import { portableCos, portableSin } from "../classic-control/trigonometry.ts";
import type { Environment, StepResult } from "../environment.ts";
import { type GivenOptions, readOptions, requireCount } from "../options.ts";
import type { Geom, Joint, ModelDescription, Surface, Vector } from "./model.ts";
import { MujocoEnvironment, sumOfSquares } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions, openSimulation } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options of Reacher. Nothing touches and nothing falls: margins, friction and gravity are none of them. */
export interface ReacherOptions extends Omit<
  PhysicsOptions,
  "contactMargins" | "frictionScale" | "gravityScale"
> {
  /** MuJoCo steps of 0.01 s in one environment step; 2. */
  frameSkip: number;
  /** Weight of the distance from the target in the reward; 1. */
  rewardDistanceWeight: number;
  /** Weight of the sum of squared actions in the reward; 1. */
  rewardControlWeight: number;
  /** Pay for the distance before the step, not after it; true in v4, false in v5. */
  payBeforeStep: boolean;
  /** Observe how far the fingertip is above the target, which is always 0, too; true in v4, false in v5. */
  observeHeight: boolean;
  /** Steps after which an episode is truncated; 50. */
  maxEpisodeSteps: number;
}

function defaultsOf(id: ReacherId): ReacherOptions {
  return {
    massScale: PHYSICS.massScale,
    wind: PHYSICS.wind,
    frameSkip: 2,
    rewardDistanceWeight: 1,
    rewardControlWeight: 1,
    payBeforeStep: id === "Reacher-v4",
    observeHeight: id === "Reacher-v4",
    maxEpisodeSteps: 50,
  };
}

/** v4 pays for the distance before the step and observes one coordinate more. */
type ReacherId = "Reacher-v4" | "Reacher-v5";

/**
 * Reacher of Gymnasium 1.3.0: an arm of two joints in a plane reaches for a target; with d the vector from the target to
 * the fingertip,
 *
 *   r_t = -rewardDistanceWeight |d| - rewardControlWeight sum_i a_{t,i}^2
 *
 * An observation is the cosines of both joints' angles, their sines, the target's x and y (m), the joints' velocities
 * (rad/s) and x and y of d (m). An episode never terminates.
 * Source: https://gymnasium.farama.org/environments/mujoco/reacher/.
 *
 * d after a step is that of the last Runge-Kutta stage, a little away from the positions after it.
 */
export async function makeReacher(id: ReacherId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  return new Reacher(id, options, await openSimulation(id, REACHER, { ...PHYSICS, ...options }));
}

/** Positions of the arm and velocities at reset are uniform in + or - this, rad and rad/s. */
const ANGLE_NOISE = 0.1;
const VELOCITY_NOISE = 0.005;
/** Targets are uniform in a disc of this radius, metres. */
const REACH = 0.2;

/** Where x, y, z of the fingertip (body 3, the world being 0) and of the target begin in `xpos`. */
const FINGERTIP = 3 * 3;
const TARGET = 3 * 4;

class Reacher extends MujocoEnvironment {
  readonly #options: ReacherOptions;
  #distanceBefore = NaN;

  constructor(id: ReacherId, options: ReacherOptions, simulation: Simulation) {
    const { frameSkip, maxEpisodeSteps, observeHeight } = options;
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates: false,
      observationSize: observeHeight ? 11 : 10,
      options: { ...options },
      carried: ["xpos"] as const,
      hiddenPositions: null,
    };
    super(task, simulation, { reward_dist: NaN, reward_ctrl: NaN }, {});
    this.#options = options;
  }

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    for (let i = 0; i < 2; i++) qpos[i] += ANGLE_NOISE * (2 * nextUniform(stream) - 1);
    do {
      for (let i = 2; i < 4; i++) qpos[i] = REACH * (2 * nextUniform(stream) - 1);
    } while (qpos[2] * qpos[2] + qpos[3] * qpos[3] >= REACH * REACH);
    for (let i = 0; i < 2; i++) qvel[i] += VELOCITY_NOISE * (2 * nextUniform(stream) - 1);
  }

  protected override describeReset(): void {}

  protected override beforeStep(): void {
    this.#distanceBefore = this.#distance();
  }

  protected override score(action: ArrayLike<number>, result: StepResult): void {
    const { rewardDistanceWeight, rewardControlWeight, payBeforeStep } = this.#options;
    const distance = payBeforeStep ? this.#distanceBefore : this.#distance();
    const { info } = result;
    info.reward_dist = -rewardDistanceWeight * distance;
    info.reward_ctrl = -rewardControlWeight * sumOfSquares(action);
    result.reward = info.reward_dist + info.reward_ctrl;
  }

  protected override observe(observation: Float64Array): void {
    const { qpos, qvel, xpos } = this.simulation;
    for (let i = 0; i < 2; i++) {
      observation[i] = portableCos(qpos[i]);
      observation[2 + i] = portableSin(qpos[i]);
      observation[4 + i] = qpos[2 + i];
      observation[6 + i] = qvel[i];
    }
    for (let i = 8; i < observation.length; i++)
      observation[i] = xpos[FINGERTIP + i - 8] - xpos[TARGET + i - 8];
  }

  #distance(): number {
    const { xpos } = this.simulation;
    let sum = 0;
    for (let i = 0; i < 3; i++) {
      const distance = xpos[FINGERTIP + i] - xpos[TARGET + i];
      sum += distance * distance;
    }
    return Math.sqrt(sum);
  }
}

// The arm. Every number below is a published fact of the task.

const UNTOUCHING: Surface = {
  collisionType: 0,
  collisionAffinity: 1,
  contactDimensions: 3,
  friction: [1, 0.1, 0.1],
};
const UNTOUCHABLE: Surface = { ...UNTOUCHING, collisionAffinity: 0 };

const ABOUT_Z: Vector = [0, 0, 1];
const ORIGIN: Vector = [0, 0, 0];
const ALONG: Vector = [0.1, 0, 0];
/** Half the side of the arena, metres. */
const SIDE = 0.3;
const FREE = { stiffness: 0, damping: 0, armature: 0 };
const GEARED = { stiffness: 0, damping: 1, armature: 1 };

function wall(name: string, fromX: number, fromY: number, toX: number, toY: number): Geom {
  const shape = {
    type: "capsule",
    radius: 0.02,
    from: [fromX, fromY, 0.01],
    to: [toX, toY, 0.01],
  } as const;
  return { name, surface: UNTOUCHABLE, shape };
}

function link(name: string): Geom {
  return { name, surface: UNTOUCHING, shape: { type: "capsule", radius: 0.01, from: ORIGIN, to: ALONG } };
}

function ball(name: string, surface: Surface, radius: number): Geom {
  return { name, surface, shape: { type: "sphere", radius, position: ORIGIN } };
}

function targetJoint(name: string, axis: Vector, reference: number): Joint {
  return { name, type: "slide", axis, range: [-0.27, 0.27], reference, ...FREE };
}

/** The model of Reacher. */
export const REACHER: ModelDescription = {
  name: "reacher",
  timestep: 0.01,
  integrator: "RK4",
  gravity: [0, 0, -9.81],
  arenaBytes: 2 ** 20,
  fixed: [
    { name: "ground", surface: UNTOUCHABLE, shape: { type: "plane", size: [1, 1, 10] } },
    wall("sideS", -SIDE, -SIDE, SIDE, -SIDE),
    wall("sideE", SIDE, -SIDE, SIDE, SIDE),
    wall("sideN", -SIDE, SIDE, SIDE, SIDE),
    wall("sideW", -SIDE, -SIDE, -SIDE, SIDE),
    {
      name: "root",
      surface: UNTOUCHABLE,
      shape: { type: "cylinder", radius: 0.011, from: ORIGIN, to: [0, 0, 0.02] },
    },
  ],
  bodies: [
    {
      name: "body0",
      position: [0, 0, 0.01],
      joints: [{ name: "joint0", type: "hinge", axis: ABOUT_Z, ...GEARED }],
      geoms: [link("link0")],
      children: [
        {
          name: "body1",
          position: ALONG,
          joints: [{ name: "joint1", type: "hinge", axis: ABOUT_Z, range: [-3, 3], ...GEARED }],
          geoms: [link("link1")],
          children: [
            {
              name: "fingertip",
              position: [0.11, 0, 0],
              joints: [],
              geoms: [ball("fingertip", UNTOUCHING, 0.01)],
              children: [],
            },
          ],
        },
      ],
    },
    {
      name: "target",
      position: [0.1, -0.1, 0.01],
      joints: [targetJoint("target_x", [1, 0, 0], 0.1), targetJoint("target_y", [0, 1, 0], -0.1)],
      geoms: [ball("target", UNTOUCHABLE, 0.009)],
      children: [],
    },
  ],
  motors: ["joint0", "joint1"].map((joint) => ({ joint, gear: 200, controlRange: [-1, 1] })),
};
