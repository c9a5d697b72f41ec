import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import {
  addGradientPenalty,
  initialiseMlp,
  mlpForward,
  mlpShape,
  mlpWorkspace,
  penaltyRoom,
} from "../../src/nn/index.ts";
import { describeBuilds, download, normals, upload } from "../kernels/builds.ts";
import { constants, gradient } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { mlp, readMlp } from "../reference/mlp.ts";

const SHAPES = [
  { sizes: [5, 1], rows: 3 },
  { sizes: [3, 7, 1], rows: 5 },
  { sizes: [4, 16, 13, 1], rows: 6 },
  { sizes: [2, 3, 5, 3, 1], rows: 7 },
];
const WEIGHT = 10;

/** (weight / rows) sum_i (||grad_x f(x_i)|| - 1)^2 in float64, from the definition. */
const definition = (
  sizes: readonly number[],
  rows: number,
  input: Float32Array,
  weights: readonly number[],
): number => {
  let penalty = 0;
  for (let row = 0; row < rows; row++) {
    const x = constants(input.subarray(row * sizes[0], (row + 1) * sizes[0]));
    const slope = gradient(mlp(sizes, constants(weights), x)[0], x);
    penalty += (Math.hypot(...slope) - 1) ** 2;
  }
  return (WEIGHT / rows) * penalty;
};

describeBuilds("the gradient penalty", (kernels) => {
  const make = (sizes: readonly number[], rows: number) => {
    const shape = mlpShape(sizes);
    const parameters = kernels.allocate(shape.blockLength);
    initialiseMlp(kernels, shape, parameters, keyFromSeed(1));
    kernels.scale(shape.blockLength, 2, parameters);
    const workspace = mlpWorkspace(kernels, shape, rows);
    const input = normals(2, rows * sizes[0]);
    const gradients = kernels.allocate(shape.blockLength);
    mlpForward(kernels, shape, parameters, rows, upload(kernels, input), sizes[0], workspace);
    const room = penaltyRoom(kernels, shape, rows);
    const add = (): number =>
      addGradientPenalty(kernels, shape, parameters, gradients, rows, workspace, room, WEIGHT);
    return { shape, weights: readMlp(kernels, shape, parameters), input, gradients, add };
  };
  it.each(SHAPES)(
    "and its parameter gradient are those of central differences, sizes $sizes",
    ({ sizes, rows }) => {
      const { shape, weights, input, gradients, add } = make(sizes, rows);
      const penalty = (at: readonly number[]): number => definition(sizes, rows, input, at);
      expectClose([add()], [penalty(weights)], 1e-4 * penalty(weights));
      const h = 1e-5;
      const differences = weights.map(
        (w, i) => (penalty(weights.with(i, w + h)) - penalty(weights.with(i, w - h))) / (2 * h),
      );
      const size = Math.max(...differences.map(Math.abs));
      expect(size).toBeGreaterThan(0.1);
      expectClose(readMlp(kernels, shape, gradients), differences, 1e-5 * size);
    },
  );

  it("is added to what stands there", () => {
    const { shape, gradients, add } = make([3, 7, 1], 5);
    add();
    const once = download(kernels, gradients, shape.blockLength);
    add();
    expectClose(
      download(kernels, gradients, shape.blockLength),
      once.map((value) => 2 * value),
      1e-6 * Math.max(...once.map(Math.abs)),
    );
  });

  it("is that of jax-js, differentiated twice", () => {
    const [n, m, rows] = [3, 7, 4];
    const { shape, weights, input, gradients, add } = make([n, m, 1], rows);
    add();
    // readMlp lists W1 [n, m], b1, W2 [m, 1], b2.
    const parts = [weights.slice(0, n * m), weights.slice(n * m, n * m + m), weights.slice(n * m + m, -1)];
    const [w1, b1, w2] = [
      np.array(parts[0]).reshape([n, m]),
      np.array(parts[1]),
      np.array(parts[2]).reshape([m, 1]),
    ];
    const x = np.array(Array.from(input)).reshape([rows, n]);
    const penalty = (first: np.Array): np.Array => {
      const total = (rowsOf: np.Array): np.Array =>
        np.sum(np.matmul(np.maximum(np.add(np.matmul(rowsOf, first.ref), b1.ref), 0), w2.ref));
      const slope = grad(total)(x.ref);
      const norm = np.sqrt(np.sum(np.multiply(slope.ref, slope), 1));
      const off = np.subtract(norm, 1);
      return np.multiply(np.sum(np.multiply(off.ref, off)), WEIGHT / rows);
    };
    const expected = grad(penalty)(w1.ref).js() as number[][];
    expectClose(readMlp(kernels, shape, gradients).slice(0, n * m), expected.flat(), 1e-4);
  });
});
