import { TandemError } from "../core/index.ts";
import type { Environment } from "./environment.ts";
import { type HalfCheetahOptions, makeHalfCheetah } from "./mujoco/half-cheetah.ts";
import type { GivenOptions } from "./options.ts";

/** The options each environment takes, by id. */
export interface EnvironmentOptions {
  "HalfCheetah-v4": HalfCheetahOptions;
  "HalfCheetah-v5": HalfCheetahOptions;
}

type KnownId = keyof EnvironmentOptions;

const MAKERS: Record<KnownId, (options: GivenOptions) => Promise<Environment>> = {
  "HalfCheetah-v4": (options) => makeHalfCheetah("HalfCheetah-v4", options),
  "HalfCheetah-v5": (options) => makeHalfCheetah("HalfCheetah-v5", options),
};

/** The ids that `makeEnvironment` knows, in alphabetical order. */
export function environmentIds(): string[] {
  return Object.keys(MAKERS).sort();
}

/**
 * A new environment. What it holds (simulator memory) is given back by its `close`.
 *
 * @param id one of `environmentIds`
 * @param options those of the id; what is left out has Gymnasium's default
 */
export function makeEnvironment<Id extends KnownId>(
  id: Id,
  options?: Partial<EnvironmentOptions[Id]>,
): Promise<Environment>;
export function makeEnvironment(
  id: string,
  options?: Readonly<Record<string, unknown>>,
): Promise<Environment>;
export async function makeEnvironment(id: string, options: GivenOptions = {}): Promise<Environment> {
  if (!Object.hasOwn(MAKERS, id)) {
    throw new TandemError(
      "makeEnvironment",
      `no environment is called ${id}; known are ${environmentIds().join(", ")}`,
    );
  }
  return MAKERS[id as KnownId](options);
}
