import { nextUniform, type RandomStream } from "../../core/index.ts";
import { DiscreteEnvironment } from "../discrete-environment.ts";
import type { Environment, StepResult } from "../environment.ts";
import { readOptions, requireCount, type GivenOptions } from "../options.ts";

/** The options of MountainCar, with Gymnasium's defaults. */
export interface MountainCarOptions {
  /** Least velocity at the goal that ends the episode; 0. */
  goalVelocity: number;
  /** Steps after which an episode is truncated; 200. */
  maxEpisodeSteps: number;
}

const DEFAULTS: MountainCarOptions = { goalVelocity: 0, maxEpisodeSteps: 200 };

const LEFT_WALL = -1.2;
const RIGHT_END = 0.6;
const FASTEST = 0.07;
const GOAL = 0.5;
const FORCE = 0.001;
const GRAVITY = 0.0025;

/**
 * MountainCar-v0 of Gymnasium 1.3.0: a car in a valley, too weak to drive straight out, pushed left, not at all, or right
 * (actions 0, 1, 2). A state is position and velocity in float64, an observation its nearest float32. -1 is paid for
 * every step, the last one included. Source: https://gymnasium.farama.org/environments/classic_control/mountain_car/.
 */
export async function makeMountainCar(given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions("MountainCar-v0", DEFAULTS, given);
  requireCount("MountainCar-v0", "maxEpisodeSteps", options.maxEpisodeSteps);
  return new MountainCar(options);
}

class MountainCar extends DiscreteEnvironment {
  readonly #goalVelocity: number;

  constructor({ goalVelocity, maxEpisodeSteps }: MountainCarOptions) {
    const low = Float64Array.of(LEFT_WALL, -FASTEST).map(Math.fround);
    const high = Float64Array.of(RIGHT_END, FASTEST).map(Math.fround);
    const observationSpace = { kind: "box" as const, size: 2, low, high };
    super({
      id: "MountainCar-v0",
      stateSize: 2,
      observationSpace,
      actions: 3,
      maxEpisodeSteps,
      noisy: false,
    });
    this.#goalVelocity = goalVelocity;
  }

  protected override drawInitialState(stream: RandomStream): void {
    this.state[0] = -0.6 + 0.2 * nextUniform(stream);
    this.state[1] = 0;
  }

  protected override advance(action: number, result: StepResult): void {
    const { state } = this;
    let velocity = state[1] + (action - 1) * FORCE + Math.cos(3 * state[0]) * -GRAVITY;
    velocity = Math.min(Math.max(velocity, -FASTEST), FASTEST);
    const position = Math.min(Math.max(state[0] + velocity, LEFT_WALL), RIGHT_END);
    if (position === LEFT_WALL && velocity < 0) velocity = 0;
    state[0] = position;
    state[1] = velocity;
    result.terminated = position >= GOAL && velocity >= this.#goalVelocity;
    result.reward = -1;
  }

  protected override observe(observation: Float64Array): void {
    observation[0] = Math.fround(this.state[0]);
    observation[1] = Math.fround(this.state[1]);
  }

  protected override objection(): null {
    return null;
  }
}
