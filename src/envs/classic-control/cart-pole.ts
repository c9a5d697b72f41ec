import { nextUniform, type BoxSpace, type RandomStream } from "../../core/index.ts";
import { DiscreteEnvironment } from "../discrete-environment.ts";
import type { Environment, StepResult } from "../environment.ts";
import { readOptions, requireCount, type GivenOptions } from "../options.ts";

/** The options of CartPole: Gymnasium's, with its defaults. */
export interface CartPoleOptions {
  /** Pay -1 for the step that ends the episode and 0 for all others, in place of 1 for each; false. */
  suttonBartoReward: boolean;
  /** Move positions with the new velocities (semi-implicit Euler) in place of the old ones; false. */
  semiImplicit: boolean;
  /** Steps after which an episode is truncated; 500. */
  maxEpisodeSteps: number;
}

const DEFAULTS: CartPoleOptions = { suttonBartoReward: false, semiImplicit: false, maxEpisodeSteps: 500 };

const GRAVITY = 9.8;
const CART_MASS = 1;
const POLE_MASS = 0.1;
const TOTAL_MASS = POLE_MASS + CART_MASS;
/** Half the pole's length, m. */
const LENGTH = 0.5;
const POLE_MASS_LENGTH = POLE_MASS * LENGTH;
/** N. */
const FORCE = 10;
/** Seconds a step. */
const STEP = 0.02;
/** Where an episode ends: rad and m. */
const ANGLE_LIMIT = (12 * 2 * Math.PI) / 360;
const POSITION_LIMIT = 2.4;
/** Half-width of the uniform start, every coordinate. */
const START = 0.05;

/**
 * CartPole-v1 of Gymnasium 1.3.0: a pole on a cart, pushed left (0) or right (1) by 10 N. A state is the cart's position
 * (m) and velocity (m/s), the pole's angle (rad) and angular velocity (rad/s), in float64; an observation is its nearest
 * float32, as recorded demonstrations hold it. Terminates beyond 2.4 m or 12 degrees; 1 is paid for every step, the last
 * one included. Source: https://gymnasium.farama.org/environments/classic_control/cart_pole/.
 */
export async function makeCartPole(given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions("CartPole-v1", DEFAULTS, given);
  requireCount("CartPole-v1", "maxEpisodeSteps", options.maxEpisodeSteps);
  return new CartPole(options);
}

class CartPole extends DiscreteEnvironment {
  readonly #options: CartPoleOptions;

  constructor(options: CartPoleOptions) {
    const high = Float64Array.of(2 * POSITION_LIMIT, Infinity, 2 * ANGLE_LIMIT, Infinity);
    const observationSpace: BoxSpace = { kind: "box", size: 4, low: high.map((bound) => -bound), high };
    const { maxEpisodeSteps } = options;
    super({ id: "CartPole-v1", stateSize: 4, observationSpace, actions: 2, maxEpisodeSteps, noisy: false });
    this.#options = options;
  }

  protected override drawInitialState(stream: RandomStream): void {
    for (let i = 0; i < 4; i++) this.state[i] = START * (2 * nextUniform(stream) - 1);
  }

  protected override advance(action: number, result: StepResult): void {
    const { state } = this;
    const { semiImplicit, suttonBartoReward } = this.#options;
    const [position, velocity, angle, angularVelocity] = state;
    const force = action === 1 ? FORCE : -FORCE;
    const cosine = Math.cos(angle);
    const sine = Math.sin(angle);
    const pushed = (force + POLE_MASS_LENGTH * (angularVelocity * angularVelocity) * sine) / TOTAL_MASS;
    const angularAcceleration =
      (GRAVITY * sine - cosine * pushed) / (LENGTH * (4 / 3 - (POLE_MASS * (cosine * cosine)) / TOTAL_MASS));
    const acceleration = pushed - (POLE_MASS_LENGTH * angularAcceleration * cosine) / TOTAL_MASS;
    state[1] = velocity + STEP * acceleration;
    state[3] = angularVelocity + STEP * angularAcceleration;
    state[0] = position + STEP * (semiImplicit ? state[1] : velocity);
    state[2] = angle + STEP * (semiImplicit ? state[3] : angularVelocity);
    result.terminated = Math.abs(state[0]) > POSITION_LIMIT || Math.abs(state[2]) > ANGLE_LIMIT;
    if (suttonBartoReward) result.reward = result.terminated ? -1 : 0;
    else result.reward = 1;
  }

  protected override observe(observation: Float64Array): void {
    for (let i = 0; i < 4; i++) observation[i] = Math.fround(this.state[i]);
  }

  protected override objection(): null {
    return null;
  }
}
