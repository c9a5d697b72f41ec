import { type RandomStream, nextUniform } from "../../core/index.ts";
import type { Environment, StepResult } from "../environment.ts";
import { type GivenOptions, readOptions, requireCount, requireNonNegative } from "../options.ts";
import { type Geom, type ModelDescription, type Surface, type Turn, degrees } from "./model.ts";
import { MujocoEnvironment } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions, openSimulation } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options of InvertedPendulum. Nothing touches: margins and friction are none of them. */
export interface InvertedPendulumOptions extends Omit<PhysicsOptions, "contactMargins" | "frictionScale"> {
  /** MuJoCo steps of 0.02 s in one environment step; 2. */
  frameSkip: number;
  /** Pay for the step that ends the episode too; true in v4, false in v5. */
  payAtTermination: boolean;
  /** End the episode when a pole has fallen; true, as always in Gymnasium. */
  terminateWhenUnhealthy: boolean;
  /** Half-width of the uniform noise on positions and velocities at reset; 0.01. */
  resetNoiseScale: number;
  /** Steps after which an episode is truncated; 1000. */
  maxEpisodeSteps: number;
}

function defaultsOf(id: InvertedPendulumId): InvertedPendulumOptions {
  const { gravityScale, massScale, wind } = PHYSICS;
  return {
    gravityScale,
    massScale,
    wind,
    frameSkip: 2,
    payAtTermination: id === "InvertedPendulum-v4",
    terminateWhenUnhealthy: true,
    resetNoiseScale: 0.01,
    maxEpisodeSteps: 1000,
  };
}

/** v4 pays in the step that ends an episode too, and its `info` is empty. */
type InvertedPendulumId = "InvertedPendulum-v4" | "InvertedPendulum-v5";

/**
 * InvertedPendulum of Gymnasium 1.3.0: a pole on a cart that one motor pushes along a rail; each step in which the pole
 * stays up pays 1. An observation is the cart's position (m), the pole's angle (rad) and their velocities. An episode
 * terminates when the pole leans more than 0.2 rad.
 * Source: https://gymnasium.farama.org/environments/mujoco/inverted_pendulum/.
 */
export async function makeInvertedPendulum(
  id: InvertedPendulumId,
  given: GivenOptions = {},
): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  requireNonNegative(id, "resetNoiseScale", options.resetNoiseScale);
  const simulation = await openSimulation(id, INVERTED_PENDULUM, { ...PHYSICS, ...options });
  return new InvertedPendulum(id, options, simulation);
}

/** Largest angle of a pole that stands, radians. */
const UPRIGHT = 0.2;

class InvertedPendulum extends MujocoEnvironment {
  readonly #options: InvertedPendulumOptions;
  readonly #reports: boolean;

  constructor(id: InvertedPendulumId, options: InvertedPendulumOptions, simulation: Simulation) {
    simulation.attach(); // memory may have grown since it was made
    const { frameSkip, maxEpisodeSteps, terminateWhenUnhealthy: terminates } = options;
    const reports = id === "InvertedPendulum-v5";
    const stepInfo: Record<string, number> = reports ? { reward_survive: NaN } : {};
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates,
      observationSize: simulation.qpos.length + simulation.qvel.length,
      options: { ...options },
      hiddenPositions: 0,
    };
    super(task, simulation, stepInfo, {});
    this.#options = options;
    this.#reports = reports;
  }

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    const scale = this.#options.resetNoiseScale;
    for (let i = 0; i < qpos.length; i++) qpos[i] += scale * (2 * nextUniform(stream) - 1);
    for (let i = 0; i < qvel.length; i++) qvel[i] += scale * (2 * nextUniform(stream) - 1);
  }

  protected override describeReset(): void {}

  protected override beforeStep(): void {}

  protected override score(_: ArrayLike<number>, result: StepResult): void {
    const { payAtTermination, terminateWhenUnhealthy } = this.#options;
    const fallen = Math.abs(this.simulation.qpos[1]) > UPRIGHT;
    result.terminated = fallen && terminateWhenUnhealthy;
    result.reward = !fallen || (result.terminated && payAtTermination) ? 1 : 0;
    if (this.#reports) result.info.reward_survive = result.reward;
  }

  protected override observe(observation: Float64Array): void {
    const { qpos, qvel } = this.simulation;
    observation.set(qpos);
    observation.set(qvel, qpos.length);
  }
}

// The pendulum. Every number below is a published fact of the task.

/** From along z to along x: a quarter turn about y. */
const LENGTHWISE: Turn = { quaternion: [0.707, 0, 0.707, 0] };

/** The surface of both pendulums: nothing they have touches anything. */
export const UNTOUCHING: Surface = {
  collisionType: 0,
  collisionAffinity: 1,
  contactDimensions: 3,
  friction: [1, 0.1, 0.1],
};

/** The rail of both pendulums. */
export const RAIL = lengthwise("rail", 0.02, 1);
/** The cart of both pendulums. */
export const CART = lengthwise("cart", 0.1, 0.1);

function lengthwise(name: string, radius: number, halfLength: number): Geom {
  return {
    name,
    surface: UNTOUCHING,
    shape: { type: "capsule", radius, halfLength, position: [0, 0, 0], turn: LENGTHWISE },
  };
}

const DRIVE = { stiffness: 0, damping: 1, armature: 0 };

/** The model of InvertedPendulum. */
export const INVERTED_PENDULUM: ModelDescription = {
  name: "inverted-pendulum",
  timestep: 0.02,
  integrator: "RK4",
  gravity: [0, 0, -9.81],
  arenaBytes: 2 ** 20,
  fixed: [RAIL],
  bodies: [
    {
      name: "cart",
      position: [0, 0, 0],
      joints: [{ name: "slider", type: "slide", axis: [1, 0, 0], range: [-1, 1], ...DRIVE }],
      geoms: [CART],
      children: [
        {
          name: "pole",
          position: [0, 0, 0],
          joints: [{ name: "hinge", type: "hinge", axis: [0, 1, 0], range: degrees(-90, 90), ...DRIVE }],
          geoms: [
            {
              name: "cpole",
              surface: UNTOUCHING,
              shape: { type: "capsule", radius: 0.049, from: [0, 0, 0], to: [0.001, 0, 0.6] },
            },
          ],
          children: [],
        },
      ],
    },
  ],
  motors: [{ joint: "slider", gear: 100, controlRange: [-3, 3] }],
};
