import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  adamStep,
  createAdam,
  initialiseMlp,
  mlpBackward,
  mlpForward,
  mlpInputGradient,
  mlpShape,
  mlpWorkspace,
  type MlpShape,
} from "../../src/nn/index.ts";
import { describeBuilds, download, normals, U, upload } from "../kernels/builds.ts";
import { constants, dot, float32Tolerance, gradient, sum, type Scalar } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { float64 } from "../reference/jax.ts";
import { mlp, readMlp } from "../reference/mlp.ts";

/** No hidden layer, one, two, three; odd widths and rows. */
const SMALL = [
  { sizes: [5, 1], rows: 3 },
  { sizes: [3, 7, 2], rows: 5 },
  { sizes: [4, 16, 16, 1], rows: 4 },
  { sizes: [17, 19, 11, 6], rows: 3 },
  { sizes: [2, 3, 5, 3, 1], rows: 7 },
];
const LARGE = [
  { sizes: [23, 64, 65, 3], rows: 37 },
  { sizes: [17, 33, 1], rows: 300 },
];

/** A network, an input and the gradient of some loss with respect to its output, all in kernel memory. */
interface Case {
  readonly shape: MlpShape;
  readonly rows: number;
  readonly parameters: number;
  readonly input: Float32Array;
  readonly dOutput: Float32Array;
  readonly output: Float32Array;
  readonly gradients: number;
  readonly inputGradient: (column: number, width: number) => Float32Array;
}

function run(kernels: Kernels, sizes: readonly number[], rows: number): Case {
  const shape = mlpShape(sizes);
  const parameters = kernels.allocate(shape.blockLength);
  initialiseMlp(kernels, shape, parameters, keyFromSeed(1));
  const input = normals(2, rows * sizes[0]);
  const dOutput = normals(3, rows * (sizes.at(-1) ?? 0));
  const workspace = mlpWorkspace(kernels, shape, rows);
  const x = upload(kernels, input);
  const dy = upload(kernels, dOutput);
  const gradients = kernels.allocate(shape.blockLength);
  const y = mlpForward(kernels, shape, parameters, rows, x, sizes[0], workspace);
  const output = download(kernels, y, dOutput.length);
  mlpBackward(kernels, shape, parameters, gradients, rows, x, sizes[0], workspace, dy);
  const inputGradient = (column: number, width: number): Float32Array => {
    const dx = kernels.allocate(rows * width);
    mlpInputGradient(kernels, shape, parameters, rows, workspace, dy, column, width, dx);
    return download(kernels, dx, rows * width);
  };
  return { shape, rows, parameters, input, dOutput, output, gradients, inputGradient };
}

/** Outputs of every row, and sum(dOutput * output), from the definition. */
function reference(
  { shape: { sizes }, rows, dOutput }: Case,
  parameters: readonly Scalar[],
  input: readonly Scalar[],
): { outputs: Scalar[]; loss: Scalar } {
  const outputs = Array.from({ length: rows }, (_, row) =>
    mlp(sizes, parameters, input.slice(row * sizes[0], (row + 1) * sizes[0])),
  ).flat();
  return { outputs, loss: dot(outputs, constants(dOutput)) };
}

describeBuilds("the multilayer perceptron", (kernels) => {
  it.each(SMALL)("computes its definition, sizes $sizes", ({ sizes, rows }) => {
    const network = run(kernels, sizes, rows);
    const values = (): number[] => {
      const parameters = constants(readMlp(kernels, network.shape, network.parameters));
      return reference(network, parameters, constants(network.input)).outputs.map(({ value }) => value);
    };
    expectClose(network.output, values(), float32Tolerance(values));
  });

  it.each(SMALL)("has the gradient that central differences show, sizes $sizes", ({ sizes, rows }) => {
    const network = run(kernels, sizes, rows);
    const weights = readMlp(kernels, network.shape, network.parameters);
    const loss = (parameters: readonly number[]): number =>
      reference(network, constants(parameters), constants(network.input)).loss.value;
    // The loss is piecewise linear in each parameter: no error in h, only 2^-53 |loss| / h of rounding.
    const h = 1e-6;
    const rounding = (4 * 2 ** -53 * Math.abs(loss(weights))) / h;
    const differences = weights.map(
      (w, i) => (loss(weights.with(i, w + h)) - loss(weights.with(i, w - h))) / (2 * h),
    );
    const tolerance = float32Tolerance(() => {
      const parameters = constants(weights);
      return gradient(reference(network, parameters, constants(network.input)).loss, parameters);
    });
    expectClose(
      readMlp(kernels, network.shape, network.gradients),
      differences,
      tolerance.map((allowed) => allowed + rounding + 1e-9),
    );
  });

  it.each(SMALL)(
    "has the input gradient of its definition, in any block of columns, sizes $sizes",
    ({ sizes, rows }) => {
      const network = run(kernels, sizes, rows);
      const inputs = sizes[0];
      for (const [column, width] of [
        [0, inputs],
        [1, inputs - 1],
        [inputs - 1, 1],
      ]) {
        const values = (): number[] => {
          const input = constants(network.input);
          const parameters = constants(readMlp(kernels, network.shape, network.parameters));
          const all = gradient(reference(network, parameters, input).loss, input);
          return all.filter((_, i) => i % inputs >= column && i % inputs < column + width);
        };
        expectClose(network.inputGradient(column, width), values(), float32Tolerance(values));
      }
    },
  );

  it.each([...SMALL, ...LARGE])(
    "has the gradients of jax-js, sizes $sizes, $rows rows",
    ({ sizes, rows }) => {
      const network = run(kernels, sizes, rows);
      const parameters = readMlp(kernels, network.shape, network.parameters);
      const oracle = jaxGradients(sizes, rows, parameters, network.input, network.dOutput);
      // A sum of n float32 products errs by at most n u sum|terms|; the sum of sizes and rows bounds the terms along any path.
      const size = jaxGradients(
        sizes,
        rows,
        parameters.map(Math.abs),
        network.input.map(Math.abs),
        network.dOutput.map(Math.abs),
      );
      const terms = 2 * sizes.reduce((a, b) => a + b) + rows;
      const within = (values: readonly number[]): number[] => values.map((value) => terms * U * value);
      expectClose(
        readMlp(kernels, network.shape, network.gradients),
        oracle.parameters,
        within(size.parameters),
      );
      expectClose(network.inputGradient(0, sizes[0]), oracle.input, within(size.input));
    },
  );

  it("reads rows of a wider matrix and serves fewer rows than it has room for", () => {
    const sizes = [3, 8, 2];
    const { shape, parameters, input, output } = run(kernels, sizes, 5);
    const workspace = mlpWorkspace(kernels, shape, 9);
    const wide = kernels.allocate(5 * 7);
    for (let row = 0; row < 5; row++)
      kernels.f32(wide + 4 * 7 * row, 7).set([...input.subarray(3 * row, 3 * row + 3), 9, 9, 9, 9]);
    const y = mlpForward(kernels, shape, parameters, 5, wide, 7, workspace);
    expect(download(kernels, y, 10)).toEqual(output);
  });

  it("keeps the padding of its parameters at zero under backward passes and Adam", () => {
    const { shape, parameters, gradients } = run(kernels, [3, 7, 2], 5);
    const adam = createAdam(kernels, shape.blockLength);
    for (let step = 0; step < 3; step++) adamStep(kernels, adam, parameters, gradients, 1e-2, 0.1);
    const used = new Set(
      shape.layers.flatMap(({ inputs, outputs, weight, bias }) => [
        ...Array.from({ length: inputs * outputs }, (_, i) => weight / 4 + i),
        ...Array.from({ length: outputs }, (_, i) => bias / 4 + i),
      ]),
    );
    const padding = [...download(kernels, parameters, shape.blockLength)].filter((_, i) => !used.has(i));
    expect(padding.length).toBeGreaterThan(0);
    expect(padding.every((value) => value === 0)).toBe(true);
  });

  it("starts with weights and biases spread over +-1/sqrt(inputs)", () => {
    const shape = mlpShape([25, 400, 1]);
    const parameters = kernels.allocate(shape.blockLength);
    initialiseMlp(kernels, shape, parameters, keyFromSeed(5));
    const [first, second] = shape.layers;
    for (const [offset, count, bound] of [
      [first.weight, 10_000, 1 / 5],
      [first.bias, 400, 1 / 5],
      [second.weight, 400, 1 / 20],
    ]) {
      const values = [...kernels.f32(parameters + offset, count)];
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound * (1 + U));
      // Uniform in +-b: mean 0 with variance b^2 / 3; squares have mean b^2 / 3 and variance 4 b^4 / 45.
      const mean = sum(constants(values)).value / count;
      const meanSquare = values.reduce((total, x) => total + x * x, 0) / count;
      expect(Math.abs(mean)).toBeLessThan(4 * bound * Math.sqrt(1 / 3 / count));
      expect(Math.abs(meanSquare - bound ** 2 / 3)).toBeLessThan(4 * bound ** 2 * Math.sqrt(4 / 45 / count));
    }
  });
});

/** Gradients of sum(dOutput * mlp(input)) by jax-js in float64, laid out as `readMlp`. */
function jaxGradients(
  sizes: readonly number[],
  rows: number,
  parameters: readonly number[],
  input: Float32Array,
  dOutput: Float32Array,
): { parameters: number[]; input: number[] } {
  const blocks: np.Array[] = [];
  let at = 0;
  for (let layer = 0; layer + 1 < sizes.length; layer++) {
    for (const shape of [[sizes[layer], sizes[layer + 1]], [sizes[layer + 1]]]) {
      const count = shape.reduce((a, b) => a * b);
      blocks.push(float64(parameters.slice(at, (at += count)), shape));
    }
  }
  const weights = float64(dOutput, [rows, sizes.at(-1) ?? 0]);
  const loss = (x: np.Array, ...layers: np.Array[]): np.Array => {
    let y = x;
    for (let i = 0; i < layers.length; i += 2) {
      y = np.dot(y, layers[i]).add(layers[i + 1]);
      if (i + 2 < layers.length) y = np.maximum(y, 0);
    }
    return y.mul(weights.ref).sum();
  };
  const argnums = Array.from({ length: blocks.length + 1 }, (_, i) => i);
  const [dInput, ...dBlocks] = grad(loss, { argnums })(float64(input, [rows, sizes[0]]), ...blocks);
  weights.dispose();
  return { input: [...dInput.dataSync()], parameters: dBlocks.flatMap((block) => [...block.dataSync()]) };
}
