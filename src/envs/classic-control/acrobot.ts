import { nextUniform, type BoxSpace, type RandomStream } from "../../core/index.ts";
import { DiscreteEnvironment } from "../discrete-environment.ts";
import type { Environment, StepResult } from "../environment.ts";
import { readOptions, requireCount, type GivenOptions } from "../options.ts";

/** The options of Acrobot, with Gymnasium's defaults. */
export interface AcrobotOptions {
  /** Dynamics as in Sutton and Barto's book, or (false) as in the paper of 1996 (NIPS). */
  bookDynamics: boolean;
  /** Steps after which an episode is truncated; 500. */
  maxEpisodeSteps: number;
}

const DEFAULTS: AcrobotOptions = { bookDynamics: true, maxEpisodeSteps: 500 };

/** Seconds a step. */
const STEP = 0.2;
/** Both links: length (m), centre of mass (m), mass (kg), moment of inertia (kg m^2). */
const LENGTH = 1;
const CENTRE = 0.5;
const MASS = 1;
const INERTIA = 1;
const GRAVITY = 9.8;
/** Largest angular velocities, rad/s. */
const FASTEST = [4 * Math.PI, 9 * Math.PI];
/** Half-width of the uniform start, every coordinate. */
const START = 0.1;

/**
 * Acrobot-v1 of Gymnasium 1.3.0: two links hang from a pivot; the joint between them is turned by -1, 0 or 1 N m (actions
 * 0, 1, 2) until the free end is one link above the pivot. A state is both angles (rad, the second relative to the first)
 * and angular velocities (rad/s), in float64; an observation is cos and sin of the first angle, of the second, and the
 * velocities, each the nearest float32. -1 is paid for every step but the last.
 * Source: https://gymnasium.farama.org/environments/classic_control/acrobot/.
 */
export async function makeAcrobot(given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions("Acrobot-v1", DEFAULTS, given);
  requireCount("Acrobot-v1", "maxEpisodeSteps", options.maxEpisodeSteps);
  return new Acrobot(options);
}

class Acrobot extends DiscreteEnvironment {
  readonly #book: boolean;
  /** The four slopes of a Runge-Kutta step and the point between, each [4]. */
  readonly #slopes = [0, 1, 2, 3].map(() => new Float64Array(4));
  readonly #between = new Float64Array(4);

  constructor({ bookDynamics, maxEpisodeSteps }: AcrobotOptions) {
    const high = Float64Array.of(1, 1, 1, 1, Math.fround(FASTEST[0]), Math.fround(FASTEST[1]));
    const observationSpace: BoxSpace = { kind: "box", size: 6, low: high.map((bound) => -bound), high };
    super({ id: "Acrobot-v1", stateSize: 4, observationSpace, actions: 3, maxEpisodeSteps, noisy: false });
    this.#book = bookDynamics;
  }

  protected override drawInitialState(stream: RandomStream): void {
    for (let i = 0; i < 4; i++) this.state[i] = START * (2 * nextUniform(stream) - 1);
  }

  protected override advance(action: number, result: StepResult): void {
    const { state } = this;
    this.#rungeKutta(action - 1);
    for (let i = 0; i < 2; i++) {
      state[i] = wrap(state[i]);
      state[2 + i] = Math.min(Math.max(state[2 + i], -FASTEST[i]), FASTEST[i]);
    }
    result.terminated = -Math.cos(state[0]) - Math.cos(state[1] + state[0]) > 1;
    result.reward = result.terminated ? 0 : -1;
  }

  protected override observe(observation: Float64Array): void {
    const [first, second, firstVelocity, secondVelocity] = this.state;
    observation[0] = Math.fround(Math.cos(first));
    observation[1] = Math.fround(Math.sin(first));
    observation[2] = Math.fround(Math.cos(second));
    observation[3] = Math.fround(Math.sin(second));
    observation[4] = Math.fround(firstVelocity);
    observation[5] = Math.fround(secondVelocity);
  }

  protected override objection(): null {
    return null;
  }

  #rungeKutta(torque: number): void {
    const { state } = this;
    const [k1, k2, k3, k4] = this.#slopes;
    const between = this.#between;
    this.#slope(state, torque, k1);
    for (let i = 0; i < 4; i++) between[i] = state[i] + (STEP / 2) * k1[i];
    this.#slope(between, torque, k2);
    for (let i = 0; i < 4; i++) between[i] = state[i] + (STEP / 2) * k2[i];
    this.#slope(between, torque, k3);
    for (let i = 0; i < 4; i++) between[i] = state[i] + STEP * k3[i];
    this.#slope(between, torque, k4);
    for (let i = 0; i < 4; i++) state[i] += (STEP / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
  }

  /** Time derivatives of the state, with the lengths and masses of both links alike. */
  #slope(state: Float64Array, torque: number, out: Float64Array): void {
    const [first, second, firstVelocity, secondVelocity] = state;
    const d1 =
      MASS * CENTRE ** 2 +
      MASS * (LENGTH ** 2 + CENTRE ** 2 + 2 * LENGTH * CENTRE * Math.cos(second)) +
      INERTIA +
      INERTIA;
    const d2 = MASS * (CENTRE ** 2 + LENGTH * CENTRE * Math.cos(second)) + INERTIA;
    const phi2 = MASS * CENTRE * GRAVITY * Math.cos(first + second - Math.PI / 2);
    const phi1 =
      -MASS * LENGTH * CENTRE * secondVelocity ** 2 * Math.sin(second) -
      2 * MASS * LENGTH * CENTRE * secondVelocity * firstVelocity * Math.sin(second) +
      (MASS * CENTRE + MASS * LENGTH) * GRAVITY * Math.cos(first - Math.PI / 2) +
      phi2;
    const centrifugal = this.#book ? MASS * LENGTH * CENTRE * firstVelocity ** 2 * Math.sin(second) : 0;
    const secondAcceleration =
      (torque + (d2 / d1) * phi1 - centrifugal - phi2) / (MASS * CENTRE ** 2 + INERTIA - d2 ** 2 / d1);
    out[0] = firstVelocity;
    out[1] = secondVelocity;
    out[2] = -(d2 * secondAcceleration + phi1) / d1;
    out[3] = secondAcceleration;
  }
}

/** Into [-pi, pi] by whole turns. */
function wrap(angle: number): number {
  while (angle > Math.PI) angle -= 2 * Math.PI;
  while (angle < -Math.PI) angle += 2 * Math.PI;
  return angle;
}
