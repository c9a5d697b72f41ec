import { TandemError, type BoxSpace } from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";

/** What a policy puts out: a vector in the environment's own units, or the index of one of `count` actions. */
export type PolicyOutput =
  { readonly kind: "box"; readonly size: number } | { readonly kind: "discrete"; readonly count: number };

/** The return that a policy's makers report. */
export interface PublishedReturn {
  readonly mean: number;
  /** Standard deviation over episodes; null where they give none. */
  readonly std: number | null;
  /** Where they report it. */
  readonly where: string;
}

/** What a policy says about itself. Plain data. */
export interface PolicyDescription {
  readonly name: string;
  /** Where it comes from, as plain JSON; {} where its file says nothing. */
  readonly source: Readonly<Record<string, unknown>>;
  /** The environment it was trained in, as its file names it; null where it does not. */
  readonly environment: string | null;
  readonly observationSize: number;
  readonly output: PolicyOutput;
  readonly published: PublishedReturn | null;
}

/** A policy that acts in an environment's own units. */
export interface Policy {
  readonly about: PolicyDescription;
  /**
   * Writes the action for `observation`, [observationSize], into `action`: [size] in the environment's own units, or [1],
   * the index of a discrete action. Returns a promise only where its engine is asynchronous; settle it before the next
   * call.
   */
  act(observation: Float64Array, action: Float32Array): void | Promise<void>;
}

/** Coordinates of the array that `act` writes into. */
export function actionSize(output: PolicyOutput): number {
  return output.kind === "box" ? output.size : 1;
}

/** Refuse a policy whose sizes are not those of the environment. */
export function requireFit({ about }: Policy, { id, observationSpace, actionSpace }: Environment): void {
  const { name, observationSize, output } = about;
  if (observationSize !== observationSpace.size) {
    throw refusal(name, `reads observations of ${observationSize}, ${id} gives ${observationSpace.size}`);
  }
  const [puts, takes] = [actionWords(output), actionWords(actionSpace)];
  if (puts !== takes) throw refusal(name, `gives ${puts}, ${id} takes ${takes}`);
}

/** The same policy with its actions moved onto the bounds of `space` where they lie outside. */
export function clippedPolicy(policy: Policy, { size, low, high }: BoxSpace): Policy {
  const clip = (action: Float32Array): void => {
    for (let i = 0; i < size; i++) action[i] = Math.min(high[i], Math.max(low[i], action[i]));
  };
  return {
    about: policy.about,
    act: (observation, action) => {
      const pending = policy.act(observation, action);
      return pending ? pending.then(() => clip(action)) : clip(action);
    },
  };
}

function actionWords(space: PolicyOutput): string {
  return space.kind === "box" ? `actions of ${space.size}` : `one of ${space.count} actions`;
}

function refusal(name: string, problem: string): TandemError {
  return new TandemError(
    "policy",
    `${name} ${problem}; choose the environment it was trained in, or that environment's options`,
  );
}
