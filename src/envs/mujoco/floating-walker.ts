import { type RandomStream, nextUniform } from "../../core/index.ts";
import type { StepResult } from "../environment.ts";
import { requireCount, requireNonNegative } from "../options.ts";
import { type Carried, MujocoEnvironment, sumOfSquares } from "./mujoco-environment.ts";
import { PHYSICS, type PhysicsOptions } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** The options that Ant and Humanoid share: Gymnasium's, with its defaults, and the differences of its versions. */
export interface FloatingWalkerOptions extends PhysicsOptions {
  /** MuJoCo steps in one environment step; 5. */
  frameSkip: number;
  /** Weight of the forward velocity in the reward. */
  forwardRewardWeight: number;
  /** Weight of the sum of squared actions in the reward. */
  controlCostWeight: number;
  /** Weight of the sum of squared contact forces in the reward; 0 in v4. */
  contactCostWeight: number;
  /** Reward of a step that ends healthy. */
  healthyReward: number;
  /** Pay `healthyReward` in the step that ends the episode too; true in v4, false in v5. */
  payAtTermination: boolean;
  /** End the episode when unhealthy; true. */
  terminateWhenUnhealthy: boolean;
  /** Heights of the torso, metres, between which it is healthy. */
  healthyZRange: [number, number];
  /** Size of the noise on positions and velocities at reset. */
  resetNoiseScale: number;
  /** Leave x and y out of the observation; true. */
  excludeCurrentPositionsFromObservation: boolean;
  /** Show the contact forces on each body. */
  includeCfrcExtInObservation: boolean;
  /** Steps after which an episode is truncated; 1000. */
  maxEpisodeSteps: number;
}

/** What a MuJoCo task's version number decides in Ant and Humanoid, and what they have in common. */
export function floatingWalkerDefaults(version: 4 | 5) {
  return {
    ...PHYSICS,
    contactMargins: version === 4 ? "larger" : "summed",
    frameSkip: 5,
    payAtTermination: version === 4,
    terminateWhenUnhealthy: true,
    excludeCurrentPositionsFromObservation: true,
    maxEpisodeSteps: 1000,
  } as const;
}

/** Refuse options of the right type that make no task. */
export function checkFloatingWalker(id: string, options: FloatingWalkerOptions): void {
  requireCount(id, "frameSkip", options.frameSkip);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  requireNonNegative(id, "resetNoiseScale", options.resetNoiseScale);
}

/** A part of the observation after positions and velocities: a quantity from its number `first` on. */
export interface Shown {
  readonly quantity: Carried;
  readonly first: number;
  /** Where given, numbers are shown within these bounds. */
  readonly range?: readonly [number, number];
}

/** The names that a version gives the terms of the reward in `info`. */
export interface RewardNames {
  readonly forward: string;
  readonly control: string;
  readonly healthy: string;
}

/** The names of v5. */
export const V5_REWARD_NAMES: RewardNames = {
  forward: "reward_forward",
  control: "reward_ctrl",
  healthy: "reward_survive",
};

/**
 * A body that floats in space but for its contacts, paid for moving along x, for the height of its torso, and charged for
 * its actions and for the forces it meets:
 *
 *   r_t = forwardRewardWeight (x_{t+1} - x_t) / (frameSkip timestep) + healthyReward [healthy at t + 1]
 *         - controlCostWeight sum_i a_{t,i}^2 - contactCost_{t+1}
 *
 * x is what MuJoCo's last internal stage left of it: a little before the end of the step, and not a function of the state.
 */
export abstract class FloatingWalker extends MujocoEnvironment {
  readonly #options: FloatingWalkerOptions;
  readonly #shown: readonly Shown[];
  readonly #names: RewardNames;
  readonly #isVersion5: boolean;
  readonly #before = new Float64Array(2);
  readonly #after = new Float64Array(2);

  constructor(
    id: string,
    options: FloatingWalkerOptions,
    simulation: Simulation,
    place: Carried,
    shown: readonly Shown[],
    names: RewardNames,
  ) {
    simulation.attach(); // memory may have grown since it was made
    const { frameSkip, maxEpisodeSteps, contactCostWeight } = options;
    const hiddenPositions = options.excludeCurrentPositionsFromObservation ? 2 : 0;
    const sizes = shown.map(({ quantity, first }) => simulation[quantity].length - first);
    const carried = new Set([place, ...shown.map(({ quantity }) => quantity)]);
    if (contactCostWeight !== 0) carried.add("cfrc_ext");
    const isVersion5 = id.endsWith("-v5");
    const placeInfo = { x_position: NaN, y_position: NaN, distance_from_origin: NaN };
    const stepInfo: Record<string, number> = { ...placeInfo, x_velocity: NaN, y_velocity: NaN };
    for (const name of Object.values(names)) stepInfo[name] = NaN;
    if (isVersion5 || contactCostWeight !== 0) stepInfo.reward_contact = NaN;
    if (!isVersion5) stepInfo.forward_reward = NaN;
    const task = {
      id,
      frameSkip,
      maxEpisodeSteps,
      terminates: options.terminateWhenUnhealthy,
      observationSize: sizes.reduce(
        (sum, size) => sum + size,
        simulation.qpos.length + simulation.qvel.length - hiddenPositions,
      ),
      options: { ...options },
      carried: [...carried],
      hiddenPositions,
    };
    super(task, simulation, stepInfo, isVersion5 ? placeInfo : {});
    this.#options = options;
    this.#shown = shown;
    this.#names = names;
    this.#isVersion5 = isVersion5;
  }

  /** Write x and y, metres, of what is paid for moving. */
  protected abstract locate(place: Float64Array): void;
  /** What the present contact forces cost; called where their weight is not 0. */
  protected abstract contactCost(): number;
  /** Whether the torso's height is healthy. */
  protected abstract isHealthy(): boolean;
  /** A draw of the noise of a velocity. */
  protected abstract velocityNoise(stream: RandomStream): number;

  protected override drawInitialState(stream: RandomStream): void {
    const { qpos, qvel } = this.simulation;
    const scale = this.#options.resetNoiseScale;
    for (let i = 0; i < qpos.length; i++) qpos[i] += scale * (2 * nextUniform(stream) - 1);
    for (let i = 0; i < qvel.length; i++) qvel[i] += scale * this.velocityNoise(stream);
  }

  protected override describeReset(info: Record<string, number>): void {
    if (this.#isVersion5) describePlace(info, this.simulation.qpos);
  }

  protected override beforeStep(): void {
    this.locate(this.#before);
  }

  protected override score(action: ArrayLike<number>, result: StepResult): void {
    const options = this.#options;
    const names = this.#names;
    const before = this.#before;
    const after = this.#after;
    this.locate(after);
    const xVelocity = (after[0] - before[0]) / this.stepSeconds;
    const healthy = this.isHealthy();
    const paid = healthy || (options.payAtTermination && options.terminateWhenUnhealthy);
    const forward = options.forwardRewardWeight * xVelocity;
    const survive = paid ? options.healthyReward : 0;
    const controlCost = options.controlCostWeight * sumOfSquares(action);
    const contactCost = options.contactCostWeight === 0 ? 0 : this.contactCost();
    result.reward = forward + survive - (controlCost + contactCost);
    result.terminated = !healthy && options.terminateWhenUnhealthy;
    const { info } = result;
    describePlace(info, this.#isVersion5 ? this.simulation.qpos : after);
    info.x_velocity = xVelocity;
    info.y_velocity = (after[1] - before[1]) / this.stepSeconds;
    info[names.forward] = forward;
    info[names.control] = -controlCost;
    info[names.healthy] = survive;
    if (this.#isVersion5 || options.contactCostWeight !== 0) info.reward_contact = -contactCost;
    if (!this.#isVersion5) info.forward_reward = forward;
  }

  protected override observe(observation: Float64Array): void {
    const { simulation } = this;
    const { qpos, qvel } = simulation;
    let next = 0;
    const first = this.#options.excludeCurrentPositionsFromObservation ? 2 : 0;
    for (let i = first; i < qpos.length; i++) observation[next++] = qpos[i];
    for (let i = 0; i < qvel.length; i++) observation[next++] = qvel[i];
    for (const part of this.#shown) {
      const values = simulation[part.quantity];
      const { range } = part;
      for (let i = part.first; i < values.length; i++) {
        observation[next++] = range ? clip(values[i], range) : values[i];
      }
    }
  }
}

/** `value`, or the bound that it is beyond. */
export function clip(value: number, [low, high]: readonly [number, number]): number {
  return Math.max(low, Math.min(high, value));
}

function describePlace(info: Record<string, number>, place: Float64Array): void {
  info.x_position = place[0];
  info.y_position = place[1];
  info.distance_from_origin = Math.sqrt(place[0] * place[0] + place[1] * place[1]);
}
