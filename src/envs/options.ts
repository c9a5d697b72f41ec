import { TandemError } from "../core/index.ts";

/** Options as they come from a caller or a configuration file. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/**
 * `defaults` with what `given` sets. Every name must be known, and every value of its default's type and, if a number,
 * finite; an option set to undefined counts as left out. A default of two numbers is a range, [low, high].
 */
export function readOptions<Options extends object>(
  id: string,
  defaults: Options,
  given: GivenOptions,
): Options {
  const options = { ...defaults } as Record<string, unknown>;
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      throw refusal(id, `has no option ${name}; it has ${Object.keys(defaults).join(", ")}`);
    }
    if (value === undefined) continue;
    if (Array.isArray(options[name])) {
      options[name] = requireRange(id, name, value);
      continue;
    }
    const type = typeof options[name];
    if (typeof value !== type) throw refusal(id, `takes a ${type} as ${name}, got ${JSON.stringify(value)}`);
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw refusal(id, `takes a finite ${name}, got ${value}`);
    }
    options[name] = value;
  }
  return options as Options;
}

/** `value` as [low, high], low < high. */
function requireRange(id: string, name: string, value: unknown): [number, number] {
  if (Array.isArray(value) && value.length === 2) {
    const [low, high] = value as unknown[];
    if (Number.isFinite(low) && Number.isFinite(high) && (low as number) < (high as number))
      return [low as number, high as number];
  }
  throw refusal(id, `takes two ascending finite numbers as ${name}, got ${JSON.stringify(value)}`);
}

/** Refuse `value` unless it is one of `choices`. */
export function requireOneOf(id: string, name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value))
    throw refusal(id, `takes ${choices.join(" or ")} as ${name}, got ${JSON.stringify(value)}`);
}

/** Refuse `value` unless it is an integer of at least 1. */
export function requireCount(id: string, name: string, value: number): void {
  if (!(Number.isInteger(value) && value >= 1))
    throw refusal(id, `takes a whole number from 1 as ${name}, got ${value}`);
}

/** Refuse `value` if it is below 0. */
export function requireNonNegative(id: string, name: string, value: number): void {
  if (!(value >= 0)) throw refusal(id, `takes a ${name} of at least 0, got ${value}`);
}

/** Refuse `value` unless it is above 0. */
export function requirePositive(id: string, name: string, value: number): void {
  if (!(value > 0)) throw refusal(id, `takes a ${name} above 0, got ${value}`);
}

/** Refuse `value` if it is above `most`. */
export function requireAtMost(id: string, name: string, value: number, most: number): void {
  if (!(value <= most)) throw refusal(id, `takes at most ${most} as ${name}, got ${value}`);
}

/** Refuse `value` unless it lies in [0, 1]. */
export function requireProbability(id: string, name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw refusal(id, `takes a ${name} from 0 to 1, got ${value}`);
}

function refusal(id: string, problem: string): TandemError {
  return new TandemError("makeEnvironment", `${id} ${problem}`);
}
