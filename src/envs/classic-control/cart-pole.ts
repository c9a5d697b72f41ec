import { nextUniform, type BoxSpace, type RandomStream } from "../../core/index.ts";
import { DiscreteEnvironment } from "../discrete-environment.ts";
import type { Environment, StepResult } from "../environment.ts";
import { readOptions, requireCount, type GivenOptions } from "../options.ts";
import { requireBounded } from "./divergence.ts";
import { portableCos, portableSin } from "./trigonometry.ts";

/** The options of CartPole: Gymnasium's, with its defaults. */
export interface CartPoleOptions {
  /** Pay -1 for the step that ends the episode and 0 for all others, in place of 1 for each; false. */
  suttonBartoReward: boolean;
  /** Move positions with the new velocities (semi-implicit Euler) in place of the old ones; false. */
  semiImplicit: boolean;
  /** Steps after which an episode is truncated; 500 in v1, 200 in v0. */
  maxEpisodeSteps: number;
}

/** The versions here, which differ in the length of an episode alone. */
type CartPoleId = "CartPole-v0" | "CartPole-v1";

const STEPS: Record<CartPoleId, number> = { "CartPole-v0": 200, "CartPole-v1": 500 };

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
 * CartPole of Gymnasium: a pole on a cart, pushed left (action 0) or right (1) by F = -+10 N for 0.02 s. A state is the
 * cart's position x (m) and velocity (m/s), the pole's angle th (rad) and angular velocity w (rad/s), in float64; an
 * observation is its nearest float32, as recorded demonstrations hold it. With l half the pole's length, Euler steps of
 *
 *   u   = (F + m_pole l w^2 sin th) / m
 *   w'  = (g sin th - u cos th) / (l (4/3 - m_pole cos^2 th / m))
 *   x'' = u - m_pole l w' cos th / m
 *
 * Terminates beyond 2.4 m or 12 degrees; 1 is paid for every step, the last one included.
 * Source: https://gymnasium.farama.org/environments/classic_control/cart_pole/. Differences: docs/environments/cartpole.md.
 */
export async function makeCartPole(id: CartPoleId, given: GivenOptions = {}): Promise<Environment> {
  const defaults = { suttonBartoReward: false, semiImplicit: false, maxEpisodeSteps: STEPS[id] };
  const options = readOptions<CartPoleOptions>(id, defaults, given);
  requireCount(id, "maxEpisodeSteps", options.maxEpisodeSteps);
  return new CartPole(id, options);
}

class CartPole extends DiscreteEnvironment {
  readonly #options: CartPoleOptions;
  readonly #next = new Float64Array(4);

  constructor(id: CartPoleId, options: CartPoleOptions) {
    const high = Float64Array.of(2 * POSITION_LIMIT, Infinity, 2 * ANGLE_LIMIT, Infinity).map(Math.fround);
    const observationSpace: BoxSpace = { kind: "box", size: 4, low: high.map((bound) => -bound), high };
    const { maxEpisodeSteps } = options;
    super({
      id,
      stateSize: 4,
      observationSpace,
      actions: 2,
      maxEpisodeSteps,
      noisy: false,
      options: { ...options },
    });
    this.#options = options;
  }

  protected override drawInitialState(stream: RandomStream): void {
    for (let i = 0; i < 4; i++) this.state[i] = START * (2 * nextUniform(stream) - 1);
  }

  protected override advance(action: number, result: StepResult): void {
    this.#integrate(action === 1 ? FORCE : -FORCE);
    requireBounded(this.id, this.#next, Infinity);
    this.state.set(this.#next);
    const [position, , angle] = this.#next;
    result.terminated = Math.abs(position) > POSITION_LIMIT || Math.abs(angle) > ANGLE_LIMIT;
    if (this.#options.suttonBartoReward) result.reward = result.terminated ? -1 : 0;
    else result.reward = 1;
  }

  protected override observe(observation: Float64Array): void {
    for (let i = 0; i < 4; i++) observation[i] = Math.fround(this.state[i]);
  }

  protected override objection(): null {
    return null;
  }

  /** The operations in Gymnasium's order, so that not even roundings differ. */
  #integrate(force: number): void {
    const [position, velocity, angle, angularVelocity] = this.state;
    const { semiImplicit } = this.#options;
    const next = this.#next;
    const cosine = portableCos(angle);
    const sine = portableSin(angle);
    const pushed = (force + POLE_MASS_LENGTH * (angularVelocity * angularVelocity) * sine) / TOTAL_MASS;
    const angularAcceleration =
      (GRAVITY * sine - cosine * pushed) / (LENGTH * (4 / 3 - (POLE_MASS * (cosine * cosine)) / TOTAL_MASS));
    const acceleration = pushed - (POLE_MASS_LENGTH * angularAcceleration * cosine) / TOTAL_MASS;
    next[1] = velocity + STEP * acceleration;
    next[3] = angularVelocity + STEP * angularAcceleration;
    next[0] = position + STEP * (semiImplicit ? next[1] : velocity);
    next[2] = angle + STEP * (semiImplicit ? next[3] : angularVelocity);
  }
}
