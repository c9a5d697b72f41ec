import type { Kernels } from "../kernels/index.ts";
import { nextUniform, streamOf, type Key } from "../core/index.ts";

/** One dense layer y = x W + b inside a parameter block; offsets in bytes from the block's start. */
interface DenseLayer {
  readonly inputs: number;
  readonly outputs: number;
  /** W, [inputs, outputs], row-major. */
  readonly weight: number;
  /** b, [outputs]. */
  readonly bias: number;
}

/** The shape of a multilayer perceptron: ReLU between layers, linear output. Its parameters are a block of their own. */
export interface MlpShape {
  /** [inputs, hidden..., outputs] */
  readonly sizes: readonly number[];
  readonly layers: readonly DenseLayer[];
  /** Floats in a parameter block, padding included. */
  readonly blockLength: number;
}

/** Room for the activations of one forward pass and the gradients of one backward pass. */
export interface MlpWorkspace {
  readonly batch: number;
  /** Layer outputs, [batch, sizes[i + 1]] each; the last one is the network's output. */
  readonly activations: readonly number[];
  /** Gradients with respect to the hidden layers' outputs, [batch, sizes[i + 1]] each. */
  readonly hiddenGradients: readonly number[];
}

const NO_EPILOGUE = 0;
const BIAS = 1;
const BIAS_RELU = 2;
const RELU_MASK = 4;

/** Tensors start on 64-byte boundaries; the padding is zero and stays zero under Adam. */
const padded = (floats: number): number => Math.ceil(floats / 16) * 16;

/** Describe the MLP with these layer sizes, e.g. `[17, 256, 256, 12]`. */
export function mlpShape(sizes: readonly number[]): MlpShape {
  const layers: DenseLayer[] = [];
  let floats = 0;
  for (let i = 0; i + 1 < sizes.length; i++) {
    const weight = floats * 4;
    floats += padded(sizes[i] * sizes[i + 1]);
    layers.push({ inputs: sizes[i], outputs: sizes[i + 1], weight, bias: floats * 4 });
    floats += padded(sizes[i + 1]);
  }
  return { sizes, layers, blockLength: floats };
}

/** Allocate a workspace for batches of up to `batch` rows. */
export function mlpWorkspace(kernels: Kernels, shape: MlpShape, batch: number): MlpWorkspace {
  const room = (width: number): number => kernels.allocate(batch * width);
  return {
    batch,
    activations: shape.layers.map((layer) => room(layer.outputs)),
    hiddenGradients: shape.layers.slice(0, -1).map((layer) => room(layer.outputs)),
  };
}

/** Weights and biases uniform in +-1/sqrt(inputs), the initialisation the public SAC code trains with. */
export function initialiseMlp(kernels: Kernels, shape: MlpShape, parameters: number, key: Key): void {
  const stream = streamOf(key);
  for (const layer of shape.layers) {
    const bound = 1 / Math.sqrt(layer.inputs);
    for (const [offset, count] of [
      [layer.weight, layer.inputs * layer.outputs],
      [layer.bias, layer.outputs],
    ]) {
      const values = kernels.f32(parameters + offset, count);
      for (let i = 0; i < count; i++) values[i] = bound * (2 * nextUniform(stream) - 1);
    }
  }
}

/** Outputs for `rows` rows of `input` (leading dimension `ldInput`); returns the pointer to them, [rows, outputs]. */
export function mlpForward(
  kernels: Kernels,
  shape: MlpShape,
  parameters: number,
  rows: number,
  input: number,
  ldInput: number,
  workspace: MlpWorkspace,
): number {
  const last = shape.layers.length - 1;
  let x = input;
  let ldx = ldInput;
  for (let i = 0; i <= last; i++) {
    const { inputs, outputs, weight, bias } = shape.layers[i];
    const y = workspace.activations[i];
    const epilogue = i < last ? BIAS_RELU : BIAS;
    kernels.gemmNN(
      rows,
      outputs,
      inputs,
      x,
      ldx,
      parameters + weight,
      outputs,
      y,
      outputs,
      epilogue,
      parameters + bias,
    );
    x = y;
    ldx = outputs;
  }
  return x;
}

/**
 * Parameter gradient of sum(dOutput * output), after `mlpForward` with the same input and workspace. Overwrites the
 * block `gradients` and the workspace's hidden gradients.
 */
export function mlpBackward(
  kernels: Kernels,
  shape: MlpShape,
  parameters: number,
  gradients: number,
  rows: number,
  input: number,
  ldInput: number,
  workspace: MlpWorkspace,
  dOutput: number,
): void {
  let dy = dOutput;
  for (let i = shape.layers.length - 1; i >= 0; i--) {
    const { inputs, outputs, weight, bias } = shape.layers[i];
    const x = i > 0 ? workspace.activations[i - 1] : input;
    const ldx = i > 0 ? inputs : ldInput;
    kernels.gemmTN(inputs, outputs, rows, x, ldx, dy, outputs, gradients + weight, outputs, NO_EPILOGUE);
    kernels.columnSums(rows, outputs, dy, outputs, gradients + bias);
    if (i > 0) dy = hiddenGradient(kernels, shape, parameters, rows, workspace, i, dy);
  }
}

/**
 * Gradient of sum(dOutput * output) with respect to the input's columns [column, column + width), into dInput
 * [rows, width]; parameters are held fixed and no parameter gradient is computed.
 */
export function mlpInputGradient(
  kernels: Kernels,
  shape: MlpShape,
  parameters: number,
  rows: number,
  workspace: MlpWorkspace,
  dOutput: number,
  column: number,
  width: number,
  dInput: number,
): void {
  let dy = dOutput;
  for (let i = shape.layers.length - 1; i > 0; i--) {
    dy = hiddenGradient(kernels, shape, parameters, rows, workspace, i, dy);
  }
  const { outputs, weight } = shape.layers[0];
  const rowsOfWeight = parameters + weight + column * outputs * 4;
  kernels.gemmNT(rows, width, outputs, dy, outputs, rowsOfWeight, outputs, dInput, width, NO_EPILOGUE, 0);
}

/** From the gradient dy at layer i's output to that at the ReLU layer before it; returns the pointer to it. */
export function hiddenGradient(
  kernels: Kernels,
  shape: MlpShape,
  parameters: number,
  rows: number,
  workspace: MlpWorkspace,
  i: number,
  dy: number,
): number {
  const { inputs: m, outputs: n, weight } = shape.layers[i];
  const dx = workspace.hiddenGradients[i - 1];
  const mask = workspace.activations[i - 1];
  kernels.gemmNT(rows, m, n, dy, n, parameters + weight, n, dx, m, RELU_MASK, mask);
  return dx;
}
