import { TandemError } from "../../core/index.ts";

/** Refuse `value` unless it is a whole number from `least` to 2^53 - 1. */
export function requireWhole(id: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new TandemError(
    "makeEnvironment",
    `${id} takes a whole number from ${least} as ${name}, got ${value}`,
  );
}
