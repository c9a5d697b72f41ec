import type { Kernels } from "../kernels/index.ts";
import { type Key } from "../core/index.ts";
import { drawTwoLayer, type TwoLayerNetwork } from "./two-layer.ts";

/**
 * The paper's two-layer ReLU network (see `TwoLayerNetwork`) held by columns, for rows with few entries: one-hot rows of
 * state-action pairs, or the product of an observation with the action taken. Its kernels do a step of neural soft
 * Q-learning, projection and average included, in time proportional to the columns the step touches. Updated in place.
 */
export interface SparseTwoLayer {
  /** m. */
  readonly width: number;
  /** m rounded up to whole vectors; the units beyond the width have sign 0. */
  readonly units: number;
  /** d. */
  readonly features: number;
  /** B; Infinity for none. */
  readonly radius: number;
  /** The block that the kernels take as `net`. */
  readonly block: number;
  /** W and W(0), [d, units]. */
  readonly weights: number;
  readonly initial: number;
  /** b, [units]. */
  readonly signs: number;
}

const BLOCK_FLOATS = 24;
const VECTOR = 16;

/**
 * Draw a network at initialisation: with the same key, width and features the same one as `createTwoLayer` draws.
 * `actions` is the number of action values of a state; `averaged` makes room to average iterates.
 */
export function createSparseTwoLayer(
  kernels: Kernels,
  options: { width: number; features: number; radius: number; actions: number; averaged: boolean },
  key: Key,
): SparseTwoLayer {
  const { width, features, radius, actions, averaged } = options;
  const units = VECTOR * Math.ceil(width / VECTOR);
  const room = 4 * Math.ceil(actions / 4);
  const block = kernels.allocate(BLOCK_FLOATS);
  const weights = kernels.allocate(features * units);
  const initial = kernels.allocate(features * units);
  const signs = kernels.allocate(units);
  const sums = averaged ? kernels.allocate(features * units) : 0;
  const norms = kernels.allocate(2 * features);
  const [values, versions, touched] = [0, 1, 2].map(() => kernels.allocate(features));
  const hidden = kernels.allocate(units);
  const actionValues = kernels.allocate(room);
  kernels.f32(actionValues, room).fill(-Infinity);
  const layout = [
    units,
    features,
    weights,
    initial,
    signs,
    sums,
    norms,
    values,
    versions,
    touched,
    hidden,
    actionValues,
  ];
  kernels.u32(block, BLOCK_FLOATS).set(layout);
  const numbers = new Float64Array(kernels.memory.buffer, block + 48, 4);
  numbers.set([radius, 1, 0, 0]);
  kernels.f32(block, BLOCK_FLOATS)[20] = 1 / Math.sqrt(width);
  kernels.u32(block, BLOCK_FLOATS)[22] = 1;
  const network = { width, units, features, radius, block, weights, initial, signs };

  const drawn = drawTwoLayer(width, features, key);
  const columns = kernels.f32(initial, features * units);
  for (let j = 0; j < width; j++) {
    for (let i = 0; i < features; i++) columns[i * units + j] = drawn.weights[j * features + i];
  }
  kernels.f32(weights, features * units).set(columns);
  kernels.f32(signs, units).set(drawn.signs);
  return network;
}

/** ||W - W(0)||, between loops. */
export function sparseTravel(kernels: Kernels, { block }: SparseTwoLayer): number {
  return Math.sqrt(Math.max(0, new Float64Array(kernels.memory.buffer, block + 48, 4)[3]));
}

/** How often the projection has been active since the network was made (modulo 2^32). */
export function sparseProjections(kernels: Kernels, { block }: SparseTwoLayer): number {
  return kernels.u32(block, BLOCK_FLOATS)[21];
}

/** W, W(0) and b into a network held by rows of the same width and features, where instruments look at it. */
export function copyToRows(kernels: Kernels, from: SparseTwoLayer, to: TwoLayerNetwork): void {
  const { width, units, features } = from;
  for (const [source, target] of [
    [from.weights, to.weights],
    [from.initial, to.initial],
  ]) {
    const columns = kernels.f32(source, features * units);
    const rows = kernels.f32(target, width * features);
    for (let i = 0; i < features; i++) {
      for (let j = 0; j < width; j++) rows[j * features + i] = columns[i * units + j];
    }
  }
  kernels.f32(to.signs, width).set(kernels.f32(from.signs, width));
}
