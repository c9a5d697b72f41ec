import type { Kernels } from "../kernels/index.ts";
import { mlpInputGradient, type MlpShape, type MlpWorkspace } from "./mlp.ts";

/** Scratch memory of a gradient penalty. */
export interface PenaltyRoom {
  /** The gradient at the output, 1 in every row. */
  readonly ones: number;
  /** grad_x f, [batch, inputs]; then the direction in which it is differentiated. */
  readonly inputGradients: number;
  /** That direction carried forward, [batch, sizes[i + 1]] each, of the hidden layers. */
  readonly tangents: readonly number[];
}

/** Room for `addGradientPenalty` on batches of up to `batch` rows. */
export function penaltyRoom(kernels: Kernels, shape: MlpShape, batch: number): PenaltyRoom {
  const ones = kernels.allocate(batch);
  kernels.fill(batch, ones, 1);
  return {
    ones,
    inputGradients: kernels.allocate(batch * shape.sizes[0]),
    tangents: shape.layers.slice(0, -1).map(({ outputs }) => kernels.allocate(batch * outputs)),
  };
}

/**
 * Adds to the block `gradients` the parameter gradient of the penalty (weight / rows) sum_i (||grad_x f(x_i)|| - 1)^2 on a network of
 * one output (arXiv:1704.00028, Eq. 3), after `mlpForward` on the same rows, and returns the penalty. Overwrites the workspace's
 * hidden gradients.
 */
export function addGradientPenalty(
  kernels: Kernels,
  shape: MlpShape,
  parameters: number,
  gradients: number,
  rows: number,
  workspace: MlpWorkspace,
  room: PenaltyRoom,
  weight: number,
): number {
  inputGradients(kernels, shape, parameters, rows, workspace, room);
  const penalty = directions(kernels, rows, shape.sizes[0], room.inputGradients, weight);
  addSlopeGradient(kernels, shape, parameters, gradients, rows, workspace, room);
  return penalty;
}

/** grad_x f of each row into `room.inputGradients`, after `mlpForward`; 1 carried back from the output. Overwrites the hidden gradients. */
export function inputGradients(
  kernels: Kernels,
  shape: MlpShape,
  parameters: number,
  rows: number,
  workspace: MlpWorkspace,
  room: PenaltyRoom,
): void {
  const [inputs] = shape.sizes;
  const { ones, inputGradients: out } = room;
  mlpInputGradient(kernels, shape, parameters, rows, workspace, ones, 0, inputs, out);
}

/**
 * Adds to the block `gradients` the parameter gradient of sum_i u_i . grad_x f(x_i), u fixed, after `inputGradients` on the same rows;
 * u stands in `room.inputGradients`.
 *
 * grad_x f is a product of weights and of the masks of the units that are on. With u_i = dP / d grad_x f(x_i) it is the gradient of a
 * penalty P: layer by layer t^T delta, t being u carried forward and delta 1 carried back, both through the same masks. Biases have
 * none.
 */
export function addSlopeGradient(
  kernels: Kernels,
  shape: MlpShape,
  parameters: number,
  gradients: number,
  rows: number,
  workspace: MlpWorkspace,
  room: PenaltyRoom,
): void {
  const { layers } = shape;
  const last = layers.length - 1;
  let tangent = room.inputGradients;
  layers.forEach(({ inputs, outputs, weight: offset }, i) => {
    const delta = i === last ? room.ones : workspace.hiddenGradients[i];
    const target = gradients + offset;
    kernels.gemmTN(inputs, outputs, rows, tangent, inputs, delta, outputs, target, outputs, ADD);
    if (i === last) return;
    const next = room.tangents[i];
    kernels.gemmNN(
      rows,
      outputs,
      inputs,
      tangent,
      inputs,
      parameters + offset,
      outputs,
      next,
      outputs,
      PLAIN,
      0,
    );
    maskBy(kernels, rows * outputs, workspace.activations[i], next);
    tangent = next;
  });
}

const PLAIN = 0;
const ADD = 5;

/** g -> (2 weight / rows) (1 - 1 / ||g||) g in every row; returns (weight / rows) sum (||g|| - 1)^2. */
function directions(kernels: Kernels, rows: number, size: number, gradients: number, weight: number): number {
  const values = kernels.f32(gradients, rows * size);
  let penalty = 0;
  for (let row = 0; row < rows; row++) {
    let square = 0;
    for (let i = row * size; i < (row + 1) * size; i++) square += values[i] * values[i];
    const norm = Math.sqrt(square);
    penalty += (norm - 1) ** 2;
    const factor = norm > 0 ? (2 * weight * (1 - 1 / norm)) / rows : 0;
    for (let i = row * size; i < (row + 1) * size; i++) values[i] *= factor;
  }
  return (weight * penalty) / rows;
}

/** x is 0 where the unit is off. */
function maskBy(kernels: Kernels, count: number, activations: number, x: number): void {
  const on = kernels.f32(activations, count);
  const values = kernels.f32(x, count);
  for (let i = 0; i < count; i++) if (!(on[i] > 0)) values[i] = 0;
}
