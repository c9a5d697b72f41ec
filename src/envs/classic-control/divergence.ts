import { TandemError } from "../../core/index.ts";

/** Refuse a next state with a number that is NaN or not below `bound` in size, before it becomes the state. */
export function requireBounded(id: string, state: Float64Array, bound: number): void {
  for (let i = 0; i < state.length; i++) {
    if (!(Math.abs(state[i]) < bound)) {
      throw new TandemError(
        "step",
        `the simulation of ${id} diverged; check the state it was set to, then reset it`,
      );
    }
  }
}
