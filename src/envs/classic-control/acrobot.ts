import { nextUniform, type BoxSpace, type RandomStream } from "../../core/index.ts";
import { DiscreteEnvironment } from "../discrete-environment.ts";
import type { Environment, StepResult } from "../environment.ts";
import { readOptions, requireCount, type GivenOptions } from "../options.ts";
import { requireBounded } from "./divergence.ts";
import { portableCos, portableSin } from "./trigonometry.ts";

/** The options of Acrobot, with Gymnasium's defaults. */
export interface AcrobotOptions {
  /** Dynamics as in Sutton and Barto's book, or (false) as printed in the paper of 1996 (NIPS), which lacks a term; true. */
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
/** Steps to rad or rad/s from here on come from no state of the task; turning back so far would take for ever. */
const DIVERGED = 1e6;

/**
 * Acrobot-v1 of Gymnasium: two links hang from a pivot; the joint between them is turned by -1, 0 or 1 N m (actions 0, 1,
 * 2) until the free end is one link above the pivot, -cos th1 - cos(th1 + th2) > 1. A state is both angles (rad, the
 * second relative to the first) and angular velocities (rad/s), in float64; an observation is cos and sin of the first
 * angle, of the second, and the velocities, each the nearest float32. One Runge-Kutta step of 0.2 s of
 *
 *   th2'' = (torque + (d2 / d1) phi1 - m l lc th1'^2 sin th2 - phi2) / (m lc^2 + I - d2^2 / d1)
 *   th1'' = -(d2 th2'' + phi1) / d1
 *
 * (Sutton and Barto, "Reinforcement learning", 1998, section 11.3), then angles into [-pi, pi] and velocities into
 * +-4 pi and +-9 pi. -1 is paid for every step, 0 for one that terminates.
 * Source: https://gymnasium.farama.org/environments/classic_control/acrobot/. Differences: docs/environments/acrobot.md.
 */
export async function makeAcrobot(given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions("Acrobot-v1", DEFAULTS, given);
  requireCount("Acrobot-v1", "maxEpisodeSteps", options.maxEpisodeSteps);
  return new Acrobot(options);
}

class Acrobot extends DiscreteEnvironment {
  readonly #book: boolean;
  /** The four slopes of a Runge-Kutta step, and the point it looks at and at last reaches, each [4]. */
  readonly #slopes = [0, 1, 2, 3].map(() => new Float64Array(4));
  readonly #point = new Float64Array(4);

  constructor(options: AcrobotOptions) {
    const { bookDynamics, maxEpisodeSteps } = options;
    const high = Float64Array.of(1, 1, 1, 1, ...FASTEST).map(Math.fround);
    const observationSpace: BoxSpace = { kind: "box", size: 6, low: high.map((bound) => -bound), high };
    super({
      id: "Acrobot-v1",
      stateSize: 4,
      observationSpace,
      actions: 3,
      maxEpisodeSteps,
      noisy: false,
      options: { ...options },
    });
    this.#book = bookDynamics;
  }

  /** Numbers of float32, as Gymnasium draws them. */
  protected override drawInitialState(stream: RandomStream): void {
    for (let i = 0; i < 4; i++) this.state[i] = Math.fround(START * (2 * nextUniform(stream) - 1));
  }

  protected override advance(action: number, result: StepResult): void {
    const { state } = this;
    const point = this.#point;
    this.#rungeKutta(action - 1);
    requireBounded(this.id, point, DIVERGED);
    for (let i = 0; i < 2; i++) {
      state[i] = wrap(point[i]);
      state[2 + i] = Math.min(Math.max(point[2 + i], -FASTEST[i]), FASTEST[i]);
    }
    result.terminated = -portableCos(state[0]) - portableCos(state[1] + state[0]) > 1;
    result.reward = result.terminated ? 0 : -1;
  }

  protected override observe(observation: Float64Array): void {
    for (let i = 0; i < 2; i++) {
      observation[2 * i] = Math.fround(portableCos(this.state[i]));
      observation[2 * i + 1] = Math.fround(portableSin(this.state[i]));
      observation[4 + i] = Math.fround(this.state[2 + i]);
    }
  }

  protected override objection(state: ArrayLike<number>): string | null {
    if (Math.abs(state[0]) < DIVERGED && Math.abs(state[1]) < DIVERGED) return null;
    return `takes angles within ${DIVERGED} rad, got ${state[0]} and ${state[1]}`;
  }

  /** Into `#point`, from the state. */
  #rungeKutta(torque: number): void {
    const { state } = this;
    const [k1, k2, k3, k4] = this.#slopes;
    const point = this.#point;
    this.#slope(state, torque, k1);
    for (let i = 0; i < 4; i++) point[i] = state[i] + (STEP / 2) * k1[i];
    this.#slope(point, torque, k2);
    for (let i = 0; i < 4; i++) point[i] = state[i] + (STEP / 2) * k2[i];
    this.#slope(point, torque, k3);
    for (let i = 0; i < 4; i++) point[i] = state[i] + STEP * k3[i];
    this.#slope(point, torque, k4);
    for (let i = 0; i < 4; i++) point[i] = state[i] + (STEP / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
  }

  /** Time derivatives of `state` into `slope`, the lengths and masses of both links alike; Gymnasium's order of roundings. */
  #slope(state: Float64Array, torque: number, slope: Float64Array): void {
    const [first, second, firstVelocity, secondVelocity] = state;
    const cosine = portableCos(second);
    const sine = portableSin(second);
    const d1 =
      MASS * (CENTRE * CENTRE) +
      MASS * (LENGTH * LENGTH + CENTRE * CENTRE + 2 * LENGTH * CENTRE * cosine) +
      INERTIA +
      INERTIA;
    const d2 = MASS * (CENTRE * CENTRE + LENGTH * CENTRE * cosine) + INERTIA;
    const phi2 = MASS * CENTRE * GRAVITY * portableCos(first + second - Math.PI / 2);
    const phi1 =
      -MASS * LENGTH * CENTRE * (secondVelocity * secondVelocity) * sine -
      2 * MASS * LENGTH * CENTRE * secondVelocity * firstVelocity * sine +
      (MASS * CENTRE + MASS * LENGTH) * GRAVITY * portableCos(first - Math.PI / 2) +
      phi2;
    const centrifugal = this.#book ? MASS * LENGTH * CENTRE * (firstVelocity * firstVelocity) * sine : 0;
    const secondAcceleration =
      (torque + (d2 / d1) * phi1 - centrifugal - phi2) /
      (MASS * (CENTRE * CENTRE) + INERTIA - (d2 * d2) / d1);
    slope[0] = firstVelocity;
    slope[1] = secondVelocity;
    slope[2] = -(d2 * secondAcceleration + phi1) / d1;
    slope[3] = secondAcceleration;
  }
}

/** Into [-pi, pi] by whole turns. */
function wrap(angle: number): number {
  while (angle > Math.PI) angle -= 2 * Math.PI;
  while (angle < -Math.PI) angle += 2 * Math.PI;
  return angle;
}
