import { nextInteger, nextUniform, type RandomStream, TandemError } from "../../core/index.ts";
import type { EnvironmentState } from "../environment.ts";
import { HEIGHT, TERRAIN_HEIGHTS } from "./lander.ts";

/**
 * All that decides an episode of LunarLander: the numbers drawn and the actions taken. What the physics engine remembers
 * beside positions (contacts, accumulated impulses, sleep timers) it does not hand out; it follows from these.
 */
export interface Landing {
  /** Heights of the ground before it is smoothed, m, in [0, HEIGHT / 2], [TERRAIN_HEIGHTS]. */
  readonly terrain: Float64Array;
  /** Force on the lander in the step that a reset takes, N, within +-1000, [2]. */
  readonly push: Float64Array;
  /** Where force and torque of the wind begin in their pattern, whole numbers within +-9999, [2]; null without wind. */
  readonly wind: Float64Array | null;
  /** Spread of the engines, two numbers within +-1 for the reset's step, each step since and any that are to come. */
  readonly dispersion: number[];
  /** The actions taken since the reset, from 0 to ACTIONS - 1, [steps]. */
  readonly actions: number[];
}

/** None, left, main and right engine. */
export const ACTIONS = 4;

const HIGHEST = HEIGHT / 2;
const LARGEST_PUSH = 1000;
const FARTHEST_GUST = 9999;

/** A landing as a reset draws it, from the stream's next 16 numbers, 18 with wind. */
export function drawLanding(stream: RandomStream, windy: boolean): Landing {
  const terrain = Float64Array.from({ length: TERRAIN_HEIGHTS }, () => HIGHEST * nextUniform(stream));
  const push = Float64Array.from({ length: 2 }, () => LARGEST_PUSH * nextSigned(stream));
  const gust = (): number => nextInteger(stream, 2 * FARTHEST_GUST) - FARTHEST_GUST;
  const wind = windy ? Float64Array.of(gust(), gust()) : null;
  const landing = { terrain, push, wind, dispersion: [], actions: [] };
  drawDispersion(landing, stream);
  return landing;
}

/** Draw the spread of one more step. */
export function drawDispersion({ dispersion }: Landing, stream: RandomStream): void {
  dispersion.push(nextSigned(stream), nextSigned(stream));
}

/** A copy of `landing`, with the noise that continues it, if any, as a state: `noise` is key and counter, [3]. */
export function stateOfLanding(landing: Landing, stream: RandomStream | null): EnvironmentState {
  const { terrain, push, wind, dispersion, actions } = landing;
  return {
    terrain: terrain.slice(),
    push: push.slice(),
    ...(wind && { wind: wind.slice() }),
    dispersion: Float64Array.from(dispersion),
    actions: Float64Array.from(actions),
    ...(stream && { noise: Float64Array.of(stream.key[0], stream.key[1], stream.counter) }),
  };
}

/** The inverse of `stateOfLanding`. Refuses, as `setState` of `id`, what cannot have come from there. */
export function landingOfState(
  id: string,
  state: EnvironmentState,
  windy: boolean,
): { landing: Landing; stream: RandomStream | null } {
  requireNames(id, state, ["terrain", "push", ...(windy ? ["wind"] : []), "dispersion", "actions", "noise"]);
  const field = (name: string, range: Range): Float64Array => readField(id, state, name, range);
  const terrain = field("terrain", { size: TERRAIN_HEIGHTS, low: 0, high: HIGHEST });
  const push = field("push", { size: 2, low: -LARGEST_PUSH, high: LARGEST_PUSH });
  const gusts = { size: 2, low: -FARTHEST_GUST, high: FARTHEST_GUST, whole: true };
  const wind = windy ? field("wind", gusts) : null;
  const dispersion = Array.from(field("dispersion", { low: -1, high: 1 }));
  const actions = Array.from(field("actions", { low: 0, high: ACTIONS - 1, whole: true }));
  requireDispersion(id, dispersion.length, actions.length);
  const landing = { terrain, push, wind, dispersion, actions };
  if (!state.noise) return { landing, stream: null };
  const noise = field("noise", { size: 3, low: 0, high: Number.MAX_SAFE_INTEGER, whole: true });
  return { landing, stream: { key: [noise[0], noise[1]], counter: noise[2] } };
}

/** Uniform in [-1, 1). */
function nextSigned(stream: RandomStream): number {
  return 2 * nextUniform(stream) - 1;
}

/** What the numbers of a field may be, and how many: as many as there are where `size` is left out. */
interface Range {
  readonly size?: number;
  readonly low: number;
  readonly high: number;
  readonly whole?: boolean;
}

/** A copy of one field of a given state, checked. */
function readField(
  id: string,
  state: EnvironmentState,
  name: string,
  { size, low, high, whole }: Range,
): Float64Array {
  if (!state[name]) throw refusal(id, `needs ${name}; pass what getState gave`);
  const values = Float64Array.from(state[name]);
  if (size !== undefined && values.length !== size)
    throw refusal(id, `takes ${name} of shape [${size}], got [${values.length}]`);
  const wrong = values.findIndex(
    (value) => !(value >= low && value <= high && !(whole && !Number.isInteger(value))),
  );
  if (wrong < 0) return values;
  const numbers = whole ? "whole numbers" : "numbers";
  throw refusal(id, `takes ${numbers} from ${low} to ${high} as ${name}, got ${values[wrong]} at [${wrong}]`);
}

function requireNames(id: string, state: EnvironmentState, names: readonly string[]): void {
  const unknown = Object.keys(state).find((name) => !names.includes(name));
  if (unknown !== undefined) throw refusal(id, `has no state ${unknown}; it has ${names.join(", ")}`);
}

function requireDispersion(id: string, given: number, actions: number): void {
  const least = 2 * (1 + actions);
  if (given >= least && given % 2 === 0) return;
  throw refusal(
    id,
    `takes dispersion in pairs, for the reset and ${actions} actions at least ${least} numbers, got ${given}`,
  );
}

function refusal(id: string, problem: string): TandemError {
  return new TandemError("setState", `${id} ${problem}`);
}
