import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { createTwoLayer } from "../../src/nn/index.ts";
import {
  createLinearityBench,
  gradientNorm,
  occupancySurplus,
  parameterGradientNorm,
  projectedGradientNorm,
} from "../../src/theory/index.ts";
import { describeBuilds, download, normals, U, upload } from "../kernels/builds.ts";
import { expectClose } from "../reference/closeness.ts";

it("is Euclidean, and survives numbers whose squares do not", () => {
  expect(gradientNorm([3, -4])).toBe(5);
  expect(gradientNorm([3e200, -4e200]) / 1e200).toBeCloseTo(5, 14);
  expect(gradientNorm([0, 0])).toBe(0);
  expect(gradientNorm([])).toBe(0);
  expect(gradientNorm([1, NaN])).toBeNaN();
  expect(gradientNorm([1, -Infinity])).toBe(Infinity);
});

it("takes the agent's occupancy from the expert's", () => {
  expect([...occupancySurplus([1, 0.25], [0.5, 0.75])]).toEqual([0.5, -0.5]);
  expect(() => occupancySurplus([1], [1, 2])).toThrow("1 and 2 entries");
});

it("measures what the projection lets through", () => {
  const origin = [0, 0];
  const options = { radius: 1, stepSize: 0.5 };
  // Inside the ball: the gradient itself.
  expect(projectedGradientNorm([0.1, 0], origin, [0.3, 0.4], options)).toBeCloseTo(0.5, 14);
  // On the surface: nothing straight outwards, all of it straight inwards.
  expect(projectedGradientNorm([1, 0], origin, [3, 0], options)).toBe(0);
  expect(projectedGradientNorm([1, 0], origin, [-0.5, 0], options)).toBe(0.5);
  // (1, 0) + 0.5 (0, 2) = (1, 1), projected (1, 1) / sqrt 2: moved by sqrt(2 - sqrt 2), over a step of 0.5.
  const sideways = 2 * Math.sqrt(2 - Math.SQRT2);
  expect(projectedGradientNorm([1, 0], origin, [0, 2], options)).toBeCloseTo(sideways, 14);
  // The ball is around W(0).
  expect(projectedGradientNorm([3, 5], [2, 5], [3, 0], options)).toBe(0);
  expect(projectedGradientNorm([1, 0], origin, [3, 0], { ...options, radius: Infinity })).toBe(3);
});

describeBuilds("the norm of the parameters' gradient", (kernels) => {
  it("is that of hand-written units", () => {
    const network = createTwoLayer(kernels, { width: 2, features: 2, radius: 9 }, keyFromSeed(0));
    // Unit 0 sees x1 only, unit 1 both: gradients b_j x / sqrt 2 where open.
    kernels.f32(network.weights, 4).set([1, -1, 1, 1]);
    kernels.f32(network.signs, 2).set([1, -1]);
    const bench = createLinearityBench(kernels, network, upload(kernels, [0.5, 0, 0, 0.75]), 2);
    // c = (2, -4): unit 0 gets (1, 0) / sqrt 2, unit 1 -(1, -3) / sqrt 2: norm^2 = (1 + 1 + 9) / 2.
    expectClose([parameterGradientNorm(kernels, network, bench, [2, -4])], [Math.sqrt(5.5)], 8 * U * 3);
    expect(() => parameterGradientNorm(kernels, network, bench, [1])).toThrow("each of 2 points");
  });

  it("is the rate at which the sum rises along its own direction", () => {
    const shape = { width: 33, features: 5, radius: 9 };
    const network = createTwoLayer(kernels, shape, keyFromSeed(2));
    const moved = kernels.f32(network.weights, 165);
    normals(4, 165).forEach((each, i) => (moved[i] += 0.1 * each));
    const x = normals(3, 7 * 5);
    const coefficients = normals(5, 7);
    const bench = createLinearityBench(kernels, network, upload(kernels, x), 7);
    const weights = Float64Array.from(download(kernels, network.weights, 165));
    const signs = download(kernels, network.signs, 33);
    // The gradient in float64, unit by unit.
    const gradient = new Float64Array(165);
    for (let j = 0; j < 33; j++) {
      for (let row = 0; row < 7; row++) {
        let z = 0;
        for (let i = 0; i < 5; i++) z += weights[j * 5 + i] * x[row * 5 + i];
        if (z <= 0) continue;
        for (let i = 0; i < 5; i++) {
          gradient[j * 5 + i] += (signs[j] * coefficients[row] * x[row * 5 + i]) / Math.sqrt(33);
        }
      }
    }
    const size = coefficients.reduce((sum, c, row) => {
      return sum + Math.abs(c) * Math.hypot(...x.subarray(row * 5, row * 5 + 5));
    }, 0);
    const norm = parameterGradientNorm(kernels, network, bench, coefficients);
    expectClose([norm], [gradientNorm(gradient)], 10 * U * size);
    expect(download(kernels, network.weights, 165)).toEqual(Float32Array.from(weights));
  });
});
