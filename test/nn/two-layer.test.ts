import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  createTwoLayer,
  projectTwoLayer,
  twoLayerForward,
  twoLayerGradient,
  twoLayerLinearised,
  twoLayerWorkspace,
  type TwoLayerNetwork,
} from "../../src/nn/index.ts";
import { describeBuilds, download, normals, U, upload } from "../kernels/builds.ts";
import { constants, dot, float32Tolerance, gradient, type Scalar } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { float64 } from "../reference/jax.ts";
import * as definition from "../reference/two-layer.ts";

const SHAPES = [
  { width: 1, features: 2, rows: 3 },
  { width: 7, features: 3, rows: 5 },
  { width: 64, features: 5, rows: 4 },
  { width: 33, features: 24, rows: 9 },
];

/** A network whose weights have moved away from W(0), and rows of unit norm. */
function moved(kernels: Kernels, { width, features, rows }: (typeof SHAPES)[number], radius = Infinity) {
  const network = createTwoLayer(kernels, { width, features, radius }, keyFromSeed(width));
  kernels.axpy(width * features, 0.3, upload(kernels, normals(1, width * features)), network.weights);
  const x = normals(2, rows * features);
  for (let row = 0; row < rows; row++) {
    const own = x.subarray(row * features, (row + 1) * features);
    own.set(own.map((value) => value / Math.hypot(...own)));
  }
  return { network, rows, x, input: upload(kernels, x), coefficients: normals(3, rows) };
}

type Moved = ReturnType<typeof moved>;

const weightsOf = (kernels: Kernels, { weights, width, features }: TwoLayerNetwork): number[] => [
  ...download(kernels, weights, width * features),
];
const signsOf = (kernels: Kernels, { signs, width }: TwoLayerNetwork): Float32Array =>
  download(kernels, signs, width);
const rowsOf = ({ x, network: { features } }: Moved): Scalar[][] =>
  Array.from({ length: x.length / features }, (_, row) =>
    constants(x.subarray(row * features, (row + 1) * features)),
  );

function forward(kernels: Kernels, { network, rows, input }: Moved): Float32Array {
  const workspace = twoLayerWorkspace(kernels, network, rows);
  const out = kernels.allocate(rows);
  twoLayerForward(kernels, network, rows, input, network.features, workspace, out);
  return download(kernels, out, rows);
}

function linearised(kernels: Kernels, { network, rows, input }: Moved): Float32Array {
  const workspace = twoLayerWorkspace(kernels, network, rows, true);
  const out = kernels.allocate(rows);
  twoLayerLinearised(kernels, network, rows, input, network.features, workspace, out);
  return download(kernels, out, rows);
}

/** dW of sum_i coefficients[i] f(x_i; W), twice into the same block where `twice`. */
function weightGradient(
  kernels: Kernels,
  { network, rows, input, coefficients }: Moved,
  twice = false,
): Float32Array {
  const { width, features } = network;
  const workspace = twoLayerWorkspace(kernels, network, rows);
  const out = kernels.allocate(rows);
  const dW = kernels.allocate(width * features);
  const factors = upload(kernels, coefficients);
  for (const accumulate of twice ? [false, true] : [false]) {
    twoLayerForward(kernels, network, rows, input, features, workspace, out);
    twoLayerGradient(kernels, network, rows, input, features, workspace, factors, dW, accumulate);
  }
  return download(kernels, dW, width * features);
}

describeBuilds("the two-layer network", (kernels) => {
  it.each(SHAPES)("computes f and f0 as defined, m = $width, d = $features", (shape) => {
    const given = moved(kernels, shape);
    const signs = signsOf(kernels, given.network);
    const initial = [...download(kernels, given.network.initial, shape.width * shape.features)];
    const weights = constants(weightsOf(kernels, given.network));
    const f = (): number[] => rowsOf(given).map((x) => definition.twoLayer(signs, weights, x).value);
    const f0 = (): number[] =>
      rowsOf(given).map((x) => definition.twoLayerLinearised(signs, initial, weights, x).value);
    expectClose(forward(kernels, given), f(), float32Tolerance(f));
    expectClose(linearised(kernels, given), f0(), float32Tolerance(f0));
    if (shape.width > 1) expect(f()).not.toEqual(f0());
  });

  it.each(SHAPES)("has the gradient of its definition and of central differences, m = $width", (shape) => {
    const given = moved(kernels, shape);
    const signs = signsOf(kernels, given.network);
    const start = weightsOf(kernels, given.network);
    const loss = (weights: readonly Scalar[]): Scalar =>
      dot(
        rowsOf(given).map((x) => definition.twoLayer(signs, weights, x)),
        constants(given.coefficients),
      );
    const expected = (): number[] => {
      const weights = constants(start);
      return gradient(loss(weights), weights);
    };
    const tolerance = float32Tolerance(expected);
    const actual = weightGradient(kernels, given);
    expectClose(actual, expected(), tolerance);
    // Piecewise linear in each weight: central differences are exact but for rounding.
    const h = 1e-6;
    for (const i of [0, 1, start.length - 1]) {
      const [up, down] = [h, -h].map((shift) => loss(constants(start.with(i, start[i] + shift))).value);
      expectClose([actual[i]], [(up - down) / (2 * h)], tolerance[i] + 1e-9);
    }
  });

  it.each(SHAPES)("has the gradient of jax-js, m = $width", (shape) => {
    const given = moved(kernels, shape);
    const { width, features, rows } = shape;
    const x = float64(given.x, [rows, features]);
    const signs = float64(signsOf(kernels, given.network), [width, 1]);
    const coefficients = float64(given.coefficients, [rows, 1]);
    const loss = (weights: np.Array): np.Array => {
      const hidden = np.maximum(np.dot(x.ref, weights.transpose()), 0);
      return np
        .dot(hidden, signs.ref)
        .mul(coefficients.ref)
        .sum()
        .mul(1 / Math.sqrt(width));
    };
    const expected = grad(loss)(float64(weightsOf(kernels, given.network), [width, features])).dataSync();
    // A sum over rows of products of four numbers: rows + 3 roundings of at most the sum of their sizes.
    const size = given.coefficients.reduce((total, c) => total + Math.abs(c), 0) / Math.sqrt(width);
    expectClose(weightGradient(kernels, given), expected, (rows + 3) * U * size);
  });

  it("adds to the gradient where asked to", () => {
    const given = moved(kernels, SHAPES[1]);
    const once = weightGradient(kernels, given);
    expect(weightGradient(kernels, given, true)).toEqual(once.map((value) => value + value));
  });

  it("equals its linearisation at W(0)", () => {
    const given = moved(kernels, SHAPES[2]);
    const { initial, weights, width, features } = given.network;
    kernels.f32(weights, width * features).set(kernels.f32(initial, width * features));
    expect(linearised(kernels, given)).toEqual(forward(kernels, given));
  });

  it("has a linearisation whose gradient in W is everywhere that of f at W(0)", () => {
    const given = moved(kernels, SHAPES[2]);
    const { initial, weights, width, features } = given.network;
    const length = width * features;
    const w = kernels.f32(weights, length).slice();
    const f0 = linearised(kernels, given);
    kernels.f32(weights, length).set(kernels.f32(initial, length));
    const slope = weightGradient(kernels, { ...given, rows: 1, coefficients: Float32Array.of(1) });
    // f0(x; W) = <grad f(x; W(0)), W> for every W: the sum has m d products and a factor.
    const products = w.map((value, i) => value * slope[i]);
    const size = products.reduce((total, value) => total + Math.abs(value), 0);
    const inner = Array.from(w).reduce((total, value, i) => total + value * slope[i], 0);
    expectClose([f0[0]], [inner], (features + width) * U * size);
  });

  it("starts at W(0) ~ N(0, I / d) with fair signs of size 1", () => {
    const [width, features] = [2000, 8];
    const network = createTwoLayer(kernels, { width, features, radius: 1 }, keyFromSeed(4));
    const initial = download(kernels, network.initial, width * features);
    expect(download(kernels, network.weights, width * features)).toEqual(initial);
    const n = initial.length;
    const mean = initial.reduce((total, w) => total + w, 0) / n;
    const meanSquare = initial.reduce((total, w) => total + w * w, 0) / n;
    expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(1 / features / n));
    expect(Math.abs(meanSquare - 1 / features)).toBeLessThan((4 * Math.sqrt(2 / n)) / features);
    const signs = [...signsOf(kernels, network)];
    expect(new Set(signs)).toEqual(new Set([-1, 1]));
    expect(Math.abs(signs.reduce((a, b) => a + b))).toBeLessThan(4 * Math.sqrt(width));
  });

  it("never trains its signs, and W(0) stays where it was", () => {
    const given = moved(kernels, SHAPES[1], 0.5);
    const { initial, width, features } = given.network;
    const before = [signsOf(kernels, given.network), download(kernels, initial, width * features)];
    weightGradient(kernels, given);
    projectTwoLayer(kernels, given.network);
    expect([signsOf(kernels, given.network), download(kernels, initial, width * features)]).toEqual(before);
  });
});

describeBuilds("the projection onto the ball around W(0)", (kernels) => {
  const distance = ({ weights, initial, width, features }: TwoLayerNetwork): number => {
    const [w, w0] = [weights, initial].map((at) => download(kernels, at, width * features));
    return Math.hypot(...w.map((value, i) => value - w0[i]));
  };
  const SHAPE = SHAPES[3];
  const length = SHAPE.width * SHAPE.features;

  it("returns the distance before and moves what is outside straight onto the surface", () => {
    const radius = 1.5;
    const { network } = moved(kernels, SHAPE, radius);
    const before = distance(network);
    const w = download(kernels, network.weights, length);
    const w0 = download(kernels, network.initial, length);
    expect(before).toBeGreaterThan(radius);
    expectClose([projectTwoLayer(kernels, network)], [before], length * U * before);
    const expected = Array.from(w, (value, i) => w0[i] + (radius / before) * (value - w0[i]));
    // Four roundings of numbers no larger than |w| + |w0|.
    const allowed = w.map((value, i) => 4 * U * (Math.abs(value) + Math.abs(w0[i])));
    expectClose(download(kernels, network.weights, length), expected, allowed);
    expectClose([distance(network)], [radius], 4 * U * (Math.hypot(...w) + Math.hypot(...w0)));
  });

  it("changes nothing inside the ball, nor where there is none", () => {
    for (const radius of [1e3, Infinity]) {
      const { network } = moved(kernels, SHAPE, radius);
      const w = download(kernels, network.weights, length);
      projectTwoLayer(kernels, network);
      expect(download(kernels, network.weights, length)).toEqual(w);
    }
  });

  it("is a projection: a second time it moves no further than rounding", () => {
    const { network } = moved(kernels, SHAPE, 1.5);
    projectTwoLayer(kernels, network);
    const once = download(kernels, network.weights, length);
    projectTwoLayer(kernels, network);
    expectClose(
      download(kernels, network.weights, length),
      once,
      once.map((value) => 8 * U * (1 + Math.abs(value))),
    );
  });

  it("onto a ball of radius 0 is W(0) itself", () => {
    const { network } = moved(kernels, SHAPE, 0);
    projectTwoLayer(kernels, network);
    expect(download(kernels, network.weights, length)).toEqual(download(kernels, network.initial, length));
  });
});
