import type { Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import type { SparseTwoLayer } from "../nn/index.ts";

/** How far the networks are from linear, over all pairs. */
export interface LinearityMeasurement {
  readonly policyAtIterate: number;
}

/** Stub. */
export function createLinearityInstruments(
  _kernels: Kernels,
  _policy: SparseTwoLayer,
  _reward: SparseTwoLayer,
  _key: Key,
): { measure(weights: Float64Array): LinearityMeasurement } {
  return { measure: () => ({ policyAtIterate: 0 }) };
}
