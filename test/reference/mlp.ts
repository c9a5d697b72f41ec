/** The multilayer perceptron by its definition, in differentiable float64 scalars. */
import type { Kernels } from "../../src/kernels/index.ts";
import type { MlpShape } from "../../src/nn/index.ts";
import { add, dot, relu, type Scalar } from "./autodiff.ts";

/** y = W_L' relu(... relu(W_1' x + b_1)) + b_L for one row; parameters are W_1, b_1, W_2, ... without padding. */
export function mlp(
  sizes: readonly number[],
  parameters: readonly Scalar[],
  input: readonly Scalar[],
): Scalar[] {
  let x = [...input];
  let at = 0;
  for (let layer = 0; layer + 1 < sizes.length; layer++) {
    const [inputs, outputs] = [sizes[layer], sizes[layer + 1]];
    const weight = (i: number, j: number): Scalar => parameters[at + i * outputs + j];
    const bias = at + inputs * outputs;
    const y = Array.from({ length: outputs }, (_, j) =>
      add(
        dot(
          x,
          x.map((_, i) => weight(i, j)),
        ),
        parameters[bias + j],
      ),
    );
    x = layer + 2 < sizes.length ? y.map(relu) : y;
    at = bias + outputs;
  }
  return x;
}

/** A parameter or gradient block of the library as the plain list that `mlp` takes. */
export function readMlp(kernels: Kernels, shape: MlpShape, block: number): number[] {
  return shape.layers.flatMap(({ inputs, outputs, weight, bias }) => [
    ...kernels.f32(block + weight, inputs * outputs),
    ...kernels.f32(block + bias, outputs),
  ]);
}
