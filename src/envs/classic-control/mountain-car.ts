import { nextUniform, type BoxSpace, type RandomStream } from "../../core/index.ts";
import { DiscreteEnvironment } from "../discrete-environment.ts";
import type { Environment, StepResult } from "../environment.ts";
import { readOptions, requireCount, type GivenOptions } from "../options.ts";
import { requireBounded } from "./divergence.ts";
import { portableCos } from "./trigonometry.ts";

/** The options of MountainCar: Gymnasium's, with its defaults. */
export interface MountainCarOptions {
  /** Least velocity at the goal that ends the episode; 0. */
  goalVelocity: number;
  /** Steps after which an episode is truncated; 200. */
  maxEpisodeSteps: number;
}

const DEFAULTS: MountainCarOptions = { goalVelocity: 0, maxEpisodeSteps: 200 };

const LEFT_WALL = -1.2;
const RIGHT_END = 0.6;
/** Largest speed, a step. */
const FASTEST = 0.07;
const GOAL = 0.5;
const FORCE = 0.001;
const GRAVITY = 0.0025;
/** The uniform start: where it begins and how wide it is. */
const START = -0.6;
const START_WIDTH = 0.2;

/**
 * MountainCar-v0 of Gymnasium: a car in a valley, too weak to drive straight out, pushed left, not at all, or right
 * (actions 0, 1, 2). A state is position p and velocity v (a step, not a second) in float64, an observation its nearest
 * float32.
 *
 *   v <- v + 0.001 (action - 1) - 0.0025 cos(3 p), within +-0.07;   p <- p + v, within [-1.2, 0.6]
 *
 * At the left wall the car stops. Terminates at p >= 0.5 with v >= goalVelocity; -1 is paid for every step, the last one
 * included. Source: https://gymnasium.farama.org/environments/classic_control/mountain_car/. Differences:
 * docs/environments/mountain-car.md.
 */
export async function makeMountainCar(given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions("MountainCar-v0", DEFAULTS, given);
  requireCount("MountainCar-v0", "maxEpisodeSteps", options.maxEpisodeSteps);
  return new MountainCar(options);
}

class MountainCar extends DiscreteEnvironment {
  readonly #goalVelocity: number;
  readonly #next = new Float64Array(2);

  constructor(options: MountainCarOptions) {
    const { goalVelocity, maxEpisodeSteps } = options;
    const low = Float64Array.of(LEFT_WALL, -FASTEST).map(Math.fround);
    const high = Float64Array.of(RIGHT_END, FASTEST).map(Math.fround);
    const observationSpace: BoxSpace = { kind: "box", size: 2, low, high };
    super({
      id: "MountainCar-v0",
      stateSize: 2,
      observationSpace,
      actions: 3,
      maxEpisodeSteps,
      noisy: false,
      options: { ...options },
    });
    this.#goalVelocity = goalVelocity;
  }

  protected override drawInitialState(stream: RandomStream): void {
    this.state[0] = START + START_WIDTH * nextUniform(stream);
    this.state[1] = 0;
  }

  protected override advance(action: number, result: StepResult): void {
    const [before, velocityBefore] = this.state;
    // One sum of force and slope first, then the velocity: Gymnasium's order of roundings.
    const change = (action - 1) * FORCE + portableCos(3 * before) * -GRAVITY;
    const velocity = Math.min(Math.max(velocityBefore + change, -FASTEST), FASTEST);
    const position = Math.min(Math.max(before + velocity, LEFT_WALL), RIGHT_END);
    this.#next[0] = position;
    this.#next[1] = position === LEFT_WALL && velocity < 0 ? 0 : velocity;
    requireBounded(this.id, this.#next, Infinity);
    this.state.set(this.#next);
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
