import { type RandomStream, nextNormal, nextUniform } from "../../core/index.ts";
import { portableCos, portableSin } from "../classic-control/trigonometry.ts";
import type { Environment, StepResult } from "../environment.ts";
import { type GivenOptions, readOptions, requireCount, requireNonNegative } from "../options.ts";
import { CART, RAIL, UNTOUCHING } from "./inverted-pendulum.ts";
import type { Body, Joint, ModelDescription, Vector } from "./model.ts";
import { MujocoEnvironment } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions, openSimulation } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options of InvertedDoublePendulum. Nothing touches: margins and friction are none of them. */
export interface InvertedDoublePendulumOptions extends Omit<
  PhysicsOptions,
  "contactMargins" | "frictionScale"
> {
  /** MuJoCo steps of 0.01 s in one environment step; 5. */
  frameSkip: number;
  /** Reward of a step that ends with the tip above 1 m; 10. */
  healthyReward: number;
  /** Pay `healthyReward` in the step that ends the episode too; true in v4, false in v5. */
  payAtTermination: boolean;
  /** Observe the constraint forces on both hinges, always 0, beside the cart's; true in v4, false in v5. */
  observeHingeForces: boolean;
  /** End the episode when a pole has fallen; true, as always in Gymnasium. */
  terminateWhenUnhealthy: boolean;
  /** Half-width of the uniform noise on positions and standard deviation of the normal noise on velocities at reset; 0.1. */
  resetNoiseScale: number;
  /** Steps after which an episode is truncated; 1000. */
  maxEpisodeSteps: number;
}

function defaultsOf(id: InvertedDoublePendulumId): InvertedDoublePendulumOptions {
  const { gravityScale, massScale, wind } = PHYSICS;
  const isV4 = id === "InvertedDoublePendulum-v4";
  return {
    gravityScale,
    massScale,
    wind,
    frameSkip: 5,
    healthyReward: 10,
    payAtTermination: isV4,
    observeHingeForces: isV4,
    terminateWhenUnhealthy: true,
    resetNoiseScale: 0.1,
    maxEpisodeSteps: 1000,
  };
}

/** v4 pays the healthy reward in the step that ends an episode too, observes two forces more, and its `info` is empty. */
type InvertedDoublePendulumId = "InvertedDoublePendulum-v4" | "InvertedDoublePendulum-v5";

/**
 * InvertedDoublePendulum of Gymnasium 1.3.0: two poles, one on the other, on a cart that one motor pushes along a rail. With
 * the tip at (x, z) and the hinges' velocities w1, w2, all as MuJoCo has them after the step,
 *
 *   r_t = healthyReward [z > 1 m] - (0.01 x^2 + (z - 2)^2) - (0.001 w1^2 + 0.005 w2^2)
 *
 * An observation is the cart's position (m), sines of both hinges' angles, their cosines, the three velocities and the
 * constraint force on the cart (N), the last four clipped to +-10. An episode terminates when the tip falls to 1 m.
 * Source: https://gymnasium.farama.org/environments/mujoco/inverted_double_pendulum/.
 *
 * The tip and the forces after a step are those of the last Runge-Kutta stage, a little away from the positions after it.
 */
export async function makeInvertedDoublePendulum(
  id: InvertedDoublePendulumId,
  given: GivenOptions = {},
): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  requireNonNegative(id, "resetNoiseScale", options.resetNoiseScale);
  const simulation = await openSimulation(id, INVERTED_DOUBLE_PENDULUM, { ...PHYSICS, ...options });
  return new InvertedDoublePendulum(id, options, simulation);
}

/** Velocities and forces are shown within +-10. */
const SHOWN = 10;
/** Height of the tip, metres, at which the poles have fallen. */
const FALLEN = 1;

class InvertedDoublePendulum extends MujocoEnvironment {
  readonly #options: InvertedDoublePendulumOptions;
  readonly #reports: boolean;

  constructor(id: InvertedDoublePendulumId, options: InvertedDoublePendulumOptions, simulation: Simulation) {
    const { frameSkip, maxEpisodeSteps, terminateWhenUnhealthy: terminates, observeHingeForces } = options;
    const reports = id === "InvertedDoublePendulum-v5";
    const stepInfo: Record<string, number> = reports
      ? { reward_survive: NaN, distance_penalty: NaN, velocity_penalty: NaN }
      : {};
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates,
      observationSize: observeHingeForces ? 11 : 9,
      options: { ...options },
      carried: ["qfrc_constraint"] as const,
      hiddenPositions: null,
    };
    super(task, simulation, stepInfo, {});
    this.#options = options;
    this.#reports = reports;
  }

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    const scale = this.#options.resetNoiseScale;
    for (let i = 0; i < qpos.length; i++) qpos[i] += scale * (2 * nextUniform(stream) - 1);
    for (let i = 0; i < qvel.length; i++) qvel[i] += scale * nextNormal(stream);
  }

  protected override describeReset(): void {}

  protected override beforeStep(): void {}

  protected override score(_: ArrayLike<number>, result: StepResult): void {
    const { healthyReward, payAtTermination, terminateWhenUnhealthy } = this.#options;
    const { site_xpos: tip, qvel } = this.simulation;
    const fallen = tip[2] <= FALLEN;
    result.terminated = fallen && terminateWhenUnhealthy;
    const survive = !fallen || (result.terminated && payAtTermination) ? healthyReward : 0;
    const below = tip[2] - 2;
    const distance = 0.01 * (tip[0] * tip[0]) + below * below;
    const velocity = 0.001 * (qvel[1] * qvel[1]) + 0.005 * (qvel[2] * qvel[2]);
    result.reward = survive - distance - velocity;
    if (!this.#reports) return;
    const { info } = result;
    info.reward_survive = survive;
    info.distance_penalty = -distance;
    info.velocity_penalty = -velocity;
  }

  protected override observe(observation: Float64Array): void {
    const { qpos, qvel, qfrc_constraint: forces } = this.simulation;
    observation[0] = qpos[0];
    for (let hinge = 1; hinge <= 2; hinge++) {
      observation[hinge] = portableSin(qpos[hinge]);
      observation[hinge + 2] = portableCos(qpos[hinge]);
    }
    for (let i = 0; i < 3; i++) observation[5 + i] = clip(qvel[i]);
    for (let i = 8; i < observation.length; i++) observation[i] = clip(forces[i - 8]);
  }
}

function clip(value: number): number {
  return Math.max(-SHOWN, Math.min(SHOWN, value));
}

// The pendulum. Every number below is a published fact of the task.

const DRIVE = { stiffness: 0, damping: 0.05, armature: 0 };

/** Of a pole, in its own frame. */
const TOP: Vector = [0, 0, 0.6];

function hinge(name: string): Joint {
  return { name, type: "hinge", axis: [0, 1, 0], ...DRIVE };
}

/** A pole of 0.6 m on what is below it. */
function pole(suffix: string, position: Vector, more: Pick<Body, "sites" | "children">): Body {
  return {
    name: `pole${suffix}`,
    position,
    joints: [hinge(`hinge${suffix}`)],
    geoms: [
      {
        name: `cpole${suffix}`,
        surface: UNTOUCHING,
        shape: { type: "capsule", radius: 0.045, from: [0, 0, 0], to: TOP },
      },
    ],
    ...more,
  };
}

/** The model of InvertedDoublePendulum. */
export const INVERTED_DOUBLE_PENDULUM: ModelDescription = {
  name: "inverted-double-pendulum",
  timestep: 0.01,
  integrator: "RK4",
  gravity: [1e-5, 0, -9.81],
  arenaBytes: 2 ** 20,
  fixed: [
    {
      name: "floor",
      surface: UNTOUCHING,
      shape: { type: "plane", size: [40, 40, 40], position: [0, 0, -3] },
    },
    RAIL,
  ],
  bodies: [
    {
      name: "cart",
      position: [0, 0, 0],
      joints: [{ name: "slider", type: "slide", axis: [1, 0, 0], range: [-1, 1], margin: 0.01, ...DRIVE }],
      geoms: [CART],
      children: [pole("", [0, 0, 0], { children: [pole("2", TOP, { sites: [TOP], children: [] })] })],
    },
  ],
  motors: [{ joint: "slider", gear: 500, controlRange: [-1, 1] }],
};
