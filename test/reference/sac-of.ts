import type { Agent, Sac } from "../../src/rl/index.ts";

/** The soft actor-critic of an agent with continuous actions. */
export function sacOf({ policy }: Agent): Sac {
  if (policy.kind !== "sac") throw new Error(`expected soft actor-critic, got ${policy.kind}`);
  return policy;
}
