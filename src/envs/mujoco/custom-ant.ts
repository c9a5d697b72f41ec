import { type RandomStream, nextNormal, nextUniform } from "../../core/index.ts";
import type { Environment, StepResult } from "../environment.ts";
import { type GivenOptions, readOptions, requireCount, requireNonNegative } from "../options.ts";
import { ANT, type AntBodyOptions, reshape, sumOfClippedSquares } from "./ant.ts";
import { clip } from "./floating-walker.ts";
import { type Geom, type ModelDescription, type Vector, mapGeoms } from "./model.ts";
import { MujocoEnvironment, sumOfSquares } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions, openSimulation } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options of CustomAnt, DisabledAnt and BigAnt. */
export interface CustomAntOptions extends PhysicsOptions, AntBodyOptions {
  /** MuJoCo steps of 0.01 s in one environment step; 5. */
  frameSkip: number;
  /** Torque of a motor that is not disabled, N m per unit of control; 30 (Ant has 150). */
  gear: number;
  /** Weight of the sum of squared actions in the reward; 0.01. */
  controlCostWeight: number;
  /** Weight of the sum of squared contact forces in the reward; 0.0005. */
  contactCostWeight: number;
  /** Bounds within which contact forces (N) and torques (N m) are shown and charged; [-1, 1]. */
  contactForceRange: [number, number];
  /** What a step costs that ends with the torso below `flippedHeight`; 1. */
  flippedCost: number;
  /** Height of the torso, metres, below which it counts as flipped; 0.2. */
  flippedHeight: number;
  /** Half-width of the uniform noise on positions and standard deviation of the normal noise on velocities at reset; 0.1. */
  resetNoiseScale: number;
  /** Show the contact forces on each body, and six zeros for the world: 84 of 111 coordinates; true. */
  includeCfrcExtInObservation: boolean;
  /** Steps after which an episode is truncated; 500. */
  maxEpisodeSteps: number;
}

function defaultsOf(id: CustomAntId): CustomAntOptions {
  return {
    ...PHYSICS,
    contactMargins: "larger",
    shinScale: id === "BigAnt-v0" ? 2 : 1,
    disabledLegs: id === "DisabledAnt-v0" ? "back" : "none",
    frameSkip: 5,
    gear: 30,
    controlCostWeight: 0.01,
    contactCostWeight: 5e-4,
    contactForceRange: [-1, 1],
    flippedCost: 1,
    flippedHeight: 0.2,
    resetNoiseScale: 0.1,
    includeCfrcExtInObservation: true,
    maxEpisodeSteps: 500,
  };
}

/**
 * CustomAnt is where a reward is learnt; DisabledAnt, with two legs shrunk and limp, and BigAnt, with shins twice as long, are
 * where it is tried.
 */
export type CustomAntId = "CustomAnt-v0" | "DisabledAnt-v0" | "BigAnt-v0";

/**
 * The two ants between which AIRL (arXiv:1710.11248), f-IRL and ML-IRL transfer rewards, and a third: Ant with weaker motors, more grip
 * and a face, and a reward without survival in an episode that never terminates:
 *
 *   r_t = v_x at t - controlCostWeight sum_i a_{t,i}^2 - contactCostWeight sum_i clip(force_{t+1,i})^2
 *         - flippedCost [z_{t+1} < flippedHeight]
 *
 * v_x is the torso's velocity before the step. Numbers: https://github.com/justinjfu/inverse_rl (inverse_rl/envs), and for the
 * length of an episode https://github.com/twni2016/f-IRL. docs/environments/ant.md says more.
 */
export async function makeCustomAnt(id: CustomAntId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  requireNonNegative(id, "resetNoiseScale", options.resetNoiseScale);
  const model = inOrderOf(id, reshape(id, customAnt(options.gear), options));
  return new CustomAnt(id, options, await openSimulation(id, model, options));
}

class CustomAnt extends MujocoEnvironment {
  readonly #options: CustomAntOptions;
  #forwardVelocity = NaN;

  constructor(id: CustomAntId, options: CustomAntOptions, simulation: Simulation) {
    const { frameSkip, maxEpisodeSteps, includeCfrcExtInObservation, contactCostWeight } = options;
    simulation.attach(); // memory may have grown since it was made
    const { qpos, qvel, cfrc_ext } = simulation;
    const shownForces = includeCfrcExtInObservation ? cfrc_ext.length : 0;
    const readsForces = includeCfrcExtInObservation || contactCostWeight !== 0;
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates: false,
      observationSize: qpos.length - 2 + qvel.length + shownForces,
      options: { ...options },
      carried: readsForces ? (["cfrc_ext"] as const) : [],
      hiddenPositions: 2,
    };
    const stepInfo = { reward_forward: NaN, reward_ctrl: NaN, reward_contact: NaN, reward_flipped: NaN };
    super(task, simulation, stepInfo, {});
    this.#options = options;
  }

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    const scale = this.#options.resetNoiseScale;
    for (let i = 0; i < qpos.length; i++) qpos[i] += scale * (2 * nextUniform(stream) - 1);
    for (let i = 0; i < qvel.length; i++) qvel[i] += scale * nextNormal(stream);
  }

  protected override describeReset(): void {
    // nothing to say
  }

  protected override beforeStep(): void {
    this.#forwardVelocity = this.simulation.qvel[0];
  }

  protected override score(action: ArrayLike<number>, result: StepResult): void {
    const { controlCostWeight, contactCostWeight, contactForceRange, flippedCost, flippedHeight } =
      this.#options;
    const { qpos, cfrc_ext } = this.simulation;
    const controlCost = controlCostWeight * sumOfSquares(action);
    const contactCost =
      contactCostWeight === 0 ? 0 : contactCostWeight * sumOfClippedSquares(cfrc_ext, contactForceRange);
    const flipped = qpos[2] < flippedHeight ? flippedCost : 0;
    result.reward = this.#forwardVelocity - controlCost - contactCost - flipped;
    const { info } = result;
    info.reward_forward = this.#forwardVelocity;
    info.reward_ctrl = -controlCost;
    info.reward_contact = -contactCost;
    info.reward_flipped = -flipped;
  }

  protected override observe(observation: Float64Array): void {
    const { qpos, qvel, cfrc_ext } = this.simulation;
    const { includeCfrcExtInObservation, contactForceRange } = this.#options;
    let next = 0;
    for (let i = 2; i < qpos.length; i++) observation[next++] = qpos[i];
    for (let i = 0; i < qvel.length; i++) observation[next++] = qvel[i];
    if (!includeCfrcExtInObservation) return;
    for (let i = 0; i < cfrc_ext.length; i++) observation[next++] = clip(cfrc_ext[i], contactForceRange);
  }
}

/** Sliding, torsional and rolling friction of every surface. */
const FRICTION: Vector = [1.5, 0.5, 0.5];

function withGrip(geom: Geom): Geom {
  return { ...geom, surface: { ...geom.surface, friction: FRICTION } };
}

/** Ant's model as CustomAnt has it. */
export function customAnt(gear: number): ModelDescription {
  const [torso] = ANT.bodies;
  const withFace = { ...torso, geoms: [...torso.geoms, ...face(torso.geoms[0])] };
  return {
    ...mapGeoms({ ...ANT, bodies: [withFace] }, withGrip, true),
    name: "custom-ant",
    motors: ANT.motors.map((motor) => ({ ...motor, gear })),
  };
}

/** Two eyes with pupils and two brows: they weigh little, but they weigh, and they touch the floor. */
function face({ surface, density }: Geom): Geom[] {
  const y = -0.21;
  const z = 0.1;
  const capsule = (radius: number, from: Vector, to: Vector): Geom => ({
    surface,
    density,
    shape: { type: "capsule", radius, from, to },
  });
  const eyes = [0.07, -0.07].flatMap((x) => [
    capsule(0.03, [x, 0, z], [x, y, z]),
    capsule(0.02, [x, 0, z], [x, y - 0.02, z]),
  ]);
  const brows = [1, -1].map((side) =>
    capsule(0.02, [side * (0.07 - 0.03), y, z + 0.07], [side * (0.07 + 0.03), y, z + 0.1]),
  );
  return [...eyes, ...brows];
}

/** DisabledAnt names its legs 1, 2, 3, 4 in the order of its actions; the others, as Ant, 4, 1, 2, 3. */
function inOrderOf(id: CustomAntId, model: ModelDescription): ModelDescription {
  if (id !== "DisabledAnt-v0") return model;
  const [hip4, ankle4, ...others] = model.motors;
  return { ...model, motors: [...others, hip4, ankle4] };
}
