import {
  type BoxSpace,
  type DiscreteSpace,
  foldIn,
  keyFromSeed,
  type RandomStream,
  streamOf,
  TandemError,
} from "../../core/index.ts";
import { portableAtan2, portableCos, portableSin } from "../classic-control/trigonometry.ts";
import type { Environment, EnvironmentState, StepResult } from "../environment.ts";
import {
  type GivenOptions,
  readOptions,
  requireAtMost,
  requireCount,
  requireNonNegative,
} from "../options.ts";
import { Flight, OBSERVATION_SIZE } from "./flight.ts";
import type { Planck } from "./lander.ts";
import {
  ACTIONS,
  drawDispersion,
  drawLanding,
  type Landing,
  landingOfState,
  stateOfLanding,
} from "./landing.ts";

/** The options of LunarLander: Gymnasium's, with its defaults. */
export interface LunarLanderOptions {
  /** Upwards, m/s^2, between -12 and 0; -10. */
  gravity: number;
  /** Let wind push and turn the lander while no leg stands; false. */
  enableWind: boolean;
  /** Largest force of the wind, N, from 0 to 20; 15. Of no effect without wind. */
  windPower: number;
  /** Largest torque of the wind, N m, from 0 to 2; 1.5. Of no effect without wind. */
  turbulencePower: number;
  /** Steps after which an episode is truncated; 1000. */
  maxEpisodeSteps: number;
}

const ID = "LunarLander-v3";

const DEFAULTS: LunarLanderOptions = {
  gravity: -10,
  enableWind: false,
  windPower: 15,
  turbulencePower: 1.5,
  maxEpisodeSteps: 1000,
};

/** The purpose, in the sense of `foldIn`, for which the environment uses the key of its seed. */
const RESET_AND_NOISE = 0;

/** Bounds of an observation. Gymnasium's, which a spinning or racing lander can leave there as here. */
const LOW = [-2.5, -2.5, -10, -10, -2 * Math.PI, -10, 0, 0];
const HIGH = [2.5, 2.5, 10, 10, 2 * Math.PI, 10, 1, 1];

let engine: Promise<Planck> | undefined;

/**
 * The engine takes its sin, cos and atan2 from Math as it is loaded: for so long they are ours there, whose bits are the same in every
 * engine of JavaScript.
 */
async function loadPlanck(): Promise<Planck> {
  // oxlint-disable-next-line no-restricted-properties -- they are put back
  const { sin, cos, atan2 } = Math;
  Object.assign(Math, { sin: portableSin, cos: portableCos, atan2: portableAtan2 });
  try {
    return await import("planck");
  } finally {
    Object.assign(Math, { sin, cos, atan2 });
  }
}

/**
 * LunarLander-v3 of Gymnasium, its physics by planck: a lander falls towards a pad on uneven ground and fires no engine,
 * the left, the main or the right one (actions 0 to 3) for 0.02 s. An observation o is
 *
 *   x / 10, y / (20/3), vx / 5, vy / 7.5, angle, 0.4 angular velocity, 1 where the right leg stands, 1 where the left one
 *
 * (m, m/s, rad, rad/s; position relative to a lander that stands on the pad), each the nearest float32. A step pays
 *
 *   r = f(o') - f(o) - 0.3 [main engine] - 0.03 [side engine]
 *   f(o) = -100 |(o0, o1)| - 100 |(o2, o3)| - 100 |o4| + 10 o6 + 10 o7
 *
 * but -100 where the hull touches the ground or |o0| >= 1, and 100 where the lander has come to rest; both terminate.
 * Source: https://gymnasium.farama.org/environments/box2d/lunar_lander/. Accuracy and differences:
 * docs/environments/lunar-lander.md.
 */
export async function makeLunarLander(given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(ID, DEFAULTS, given);
  const { gravity, windPower, turbulencePower } = options;
  if (!(gravity > -12 && gravity < 0)) {
    throw new TandemError("makeEnvironment", `${ID} takes a gravity between -12 and 0, got ${gravity}`);
  }
  requireNonNegative(ID, "windPower", windPower);
  requireAtMost(ID, "windPower", windPower, 20);
  requireNonNegative(ID, "turbulencePower", turbulencePower);
  requireAtMost(ID, "turbulencePower", turbulencePower, 2);
  requireCount(ID, "maxEpisodeSteps", options.maxEpisodeSteps);
  return new LunarLander(await (engine ??= loadPlanck()), options);
}

class LunarLander implements Environment {
  readonly id = ID;
  readonly observationSpace: BoxSpace = {
    kind: "box",
    size: OBSERVATION_SIZE,
    low: Float64Array.from(LOW, Math.fround),
    high: Float64Array.from(HIGH, Math.fround),
  };
  readonly actionSpace: DiscreteSpace = { kind: "discrete", count: ACTIONS };
  readonly maxEpisodeSteps: number;
  readonly terminates = true;
  readonly options: Readonly<Record<string, unknown>>;
  readonly #planck: Planck;
  readonly #options: LunarLanderOptions;
  readonly #result: StepResult = {
    observation: new Float64Array(OBSERVATION_SIZE),
    reward: NaN,
    terminated: false,
    truncated: false,
    info: {},
  };
  #phase: "running" | "ended" | "closed" = "running";
  #stream: RandomStream | null = null;
  /** The episode, from the first reset on. */
  #episode: { landing: Landing; flight: Flight } | null = null;
  #elapsedSteps = 0;

  constructor(planck: Planck, options: LunarLanderOptions) {
    this.maxEpisodeSteps = options.maxEpisodeSteps;
    this.#planck = planck;
    this.#options = options;
    this.options = { ...options };
  }

  reset(options: { seed?: number } = {}): { observation: Float64Array; info: Record<string, number> } {
    this.#requireOpen("reset");
    const stream = this.#resetStream(options.seed);
    return { observation: this.#start(drawLanding(stream, this.#options.enableWind)), info: {} };
  }

  step(action: ArrayLike<number>): StepResult {
    this.#requireOpen("step");
    const { landing, flight } = this.#requireEpisode("step");
    if (this.#phase === "ended") {
      throw new TandemError("step", `${ID}: the episode has ended; call reset or setState first`);
    }
    const chosen = checkedAction(action);
    if (landing.dispersion.length <= 2 * flight.steps) drawDispersion(landing, this.#requireNoise());
    landing.actions.push(chosen);
    const result = this.#result;
    flight.step(chosen, result);
    this.#elapsedSteps++;
    result.truncated = this.#elapsedSteps >= this.maxEpisodeSteps;
    if (result.terminated) this.#phase = "ended";
    return result;
  }

  /**
   * Plays the state's actions again, which takes as long as taking them did. Dispersion beyond them goes to the steps to
   * come, before any is drawn.
   */
  setState(given: EnvironmentState): Float64Array {
    this.#requireOpen("setState");
    const { landing, stream } = landingOfState(ID, given, this.#options.enableWind);
    if (stream) this.#stream = stream;
    return this.#start(landing);
  }

  getState(): EnvironmentState {
    this.#requireOpen("getState");
    return stateOfLanding(this.#requireEpisode("getState").landing, this.#stream);
  }

  close(): void {
    this.#phase = "closed";
    this.#episode = null;
  }

  /** A new world; in it the step without engines that a reset takes, and the landing's actions. */
  #start(landing: Landing): Float64Array {
    const flight = new Flight(this.#planck, this.#options, landing);
    flight.step(0, this.#result);
    for (const action of landing.actions) flight.step(action, this.#result);
    this.#episode = { landing, flight };
    this.#elapsedSteps = 0;
    this.#phase = "running";
    return this.#result.observation;
  }

  #resetStream(seed: number | undefined): RandomStream {
    if (seed !== undefined) {
      if (!Number.isSafeInteger(seed) || seed < 0) {
        throw new TandemError("reset", `${ID} takes a whole number from 0 to 2^53 - 1 as seed, got ${seed}`);
      }
      this.#stream = streamOf(foldIn(keyFromSeed(seed), RESET_AND_NOISE));
    }
    if (!this.#stream) throw new TandemError("reset", `${ID} needs a seed at its first reset; pass { seed }`);
    return this.#stream;
  }

  #requireNoise(): RandomStream {
    if (this.#stream) return this.#stream;
    throw new TandemError("step", `${ID} needs a seed: reset with one, or set a state that has noise`);
  }

  #requireEpisode(method: string): { landing: Landing; flight: Flight } {
    if (this.#episode) return this.#episode;
    throw new TandemError(method, `${ID}: there is no episode; call reset or setState first`);
  }

  #requireOpen(method: string): void {
    if (this.#phase !== "closed") return;
    throw new TandemError(method, `this ${ID} is closed; make a new one with makeEnvironment`);
  }
}

function checkedAction(action: ArrayLike<number>): number {
  if (action.length !== 1) {
    const problem = `${ID} takes actions of shape [1], got [${action.length}]; check env.actionSpace`;
    throw new TandemError("step", problem);
  }
  const chosen = action[0];
  if (Number.isInteger(chosen) && chosen >= 0 && chosen < ACTIONS) return chosen;
  throw new TandemError("step", `${ID} takes a whole number from 0 to ${ACTIONS - 1}, got ${chosen}`);
}
