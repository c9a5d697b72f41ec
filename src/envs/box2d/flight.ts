import { portableExp } from "../../core/index.ts";
import { portableSin } from "../classic-control/trigonometry.ts";
import type { StepResult } from "../environment.ts";
import { HEIGHT, Lander, LEG_DOWN, PAD_HEIGHT, type Planck, STEP, WIDTH } from "./lander.ts";
import type { Landing } from "./landing.ts";

/** What a flight needs of the task's options; units there. */
interface FlightOptions {
  readonly gravity: number;
  readonly windPower: number;
  readonly turbulencePower: number;
}

/** Numbers in an observation. */
export const OBSERVATION_SIZE = 8;

const LEFT_ENGINE = 1;
const MAIN_ENGINE = 2;
const RIGHT_ENGINE = 3;
/** Dispersion is within one pixel, of which 30 are a metre. */
const SPREAD = 1 / 30;
const MAIN_FUEL = 0.3;
const SIDE_FUEL = 0.03;
/** Paid in place of all else where the lander crashes or leaves, and where it has come to rest. */
const LOST = -100;
const LANDED = 100;

/** A landing as it is flown: physics, wind, observation, reward. */
export class Flight {
  /** Steps so far; the one of the reset is the first. */
  steps = 0;
  readonly #landing: Landing;
  readonly #options: FlightOptions;
  readonly #lander: Lander;
  /** The observation before it is rounded to float32. */
  readonly #exact = new Float64Array(OBSERVATION_SIZE);
  #gusts = 0;
  #potential = NaN;

  constructor(planck: Planck, options: FlightOptions, landing: Landing) {
    this.#landing = landing;
    this.#options = options;
    this.#lander = new Lander(planck, options.gravity, landing.terrain, landing.push);
  }

  /** One step under `action`, with the landing's dispersion for it; writes observation, reward and terminated. */
  step(action: number, result: StepResult): void {
    if (this.#landing.wind) this.#blow(this.#landing.wind);
    this.#fire(action);
    this.#lander.step();
    this.steps++;
    this.#observe(result.observation);
    this.#score(action, result);
  }

  /** The wind stands still while a leg stands. */
  #blow(start: Float64Array): void {
    const [right, left] = this.#lander.legContact;
    if (right || left) return;
    const { windPower, turbulencePower } = this.#options;
    const force = windPower * windStrength(start[0] + this.#gusts);
    const torque = turbulencePower * windStrength(start[1] + this.#gusts);
    this.#gusts++;
    this.#lander.blow(force, torque);
  }

  #fire(action: number): void {
    const { dispersion } = this.#landing;
    const d0 = dispersion[2 * this.steps] * SPREAD;
    const d1 = dispersion[2 * this.steps + 1] * SPREAD;
    if (action === MAIN_ENGINE) this.#lander.fireMain(d0, d1);
    if (action === LEFT_ENGINE) this.#lander.fireSide(-1, d0, d1);
    if (action === RIGHT_ENGINE) this.#lander.fireSide(1, d0, d1);
  }

  #observe(observation: Float64Array): void {
    const { position, velocity, angle, angularVelocity, legContact } = this.#lander;
    const exact = this.#exact;
    exact[0] = (position.x - WIDTH / 2) / (WIDTH / 2);
    exact[1] = (position.y - (PAD_HEIGHT + LEG_DOWN)) / (HEIGHT / 2);
    exact[2] = velocity.x * (WIDTH / 2) * STEP;
    exact[3] = velocity.y * (HEIGHT / 2) * STEP;
    exact[4] = angle;
    exact[5] = 20 * angularVelocity * STEP;
    exact[6] = Number(legContact[0]);
    exact[7] = Number(legContact[1]);
    for (let i = 0; i < OBSERVATION_SIZE; i++) observation[i] = Math.fround(exact[i]);
  }

  #score(action: number, result: StepResult): void {
    const potential = potentialOf(this.#exact);
    const fuel = action === MAIN_ENGINE ? MAIN_FUEL : action === 0 ? 0 : SIDE_FUEL;
    const lost = this.#lander.crashed || Math.abs(this.#exact[0]) >= 1;
    const landed = !this.#lander.awake;
    result.reward = landed ? LANDED : lost ? LOST : potential - this.#potential - fuel;
    result.terminated = lost || landed;
    this.#potential = potential;
  }
}

/**
 * Strength of the wind at step n of its pattern, in (-1, 1): tanh(sin(0.02 n) + sin(0.01 pi n)), which never repeats.
 * Source: Gymnasium's LunarLander.
 */
export function windStrength(n: number): number {
  const power = portableExp(2 * (portableSin(0.02 * n) + portableSin(Math.PI * 0.01 * n)));
  return (power - 1) / (power + 1);
}

/** f(o) = -100 |(o0, o1)| - 100 |(o2, o3)| - 100 |o4| + 10 o6 + 10 o7, whose increase is paid. */
function potentialOf(o: Float64Array): number {
  const distance = Math.sqrt(o[0] * o[0] + o[1] * o[1]);
  const speed = Math.sqrt(o[2] * o[2] + o[3] * o[3]);
  return -100 * distance - 100 * speed - 100 * Math.abs(o[4]) + 10 * o[6] + 10 * o[7];
}
