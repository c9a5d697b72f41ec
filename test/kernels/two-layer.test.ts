import { expect, it } from "vitest";
import { U, describeBuilds, normals, upload } from "./builds.ts";

/** f(x; W) = scale sum_j b_j relu(W_j . x) in float64. */
function network(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  signs: ArrayLike<number>,
  scale: number,
): number {
  const d = x.length;
  let sum = 0;
  for (let j = 0; j < signs.length; j++) {
    let activation = 0;
    for (let i = 0; i < d; i++) activation += w[j * d + i] * x[i];
    sum += signs[j] * Math.max(activation, 0);
  }
  return scale * sum;
}

describeBuilds("two-layer network", (kernels) => {
  it.each([
    [1, 1, 1],
    [3, 2, 5],
    [5, 7, 16],
    [9, 4, 33],
    [4, 9, 64],
    [7, 11, 101],
  ])("rows %i, inputs %i, units %i: value and gradient", (rows, d, m) => {
    const x = normals(1, rows * d);
    const w = normals(2, m * d);
    const signs = Float32Array.from({ length: m }, (_, j) => (((j * 7) >> 1) % 2 ? 1 : -1));
    const coefficient = normals(3, rows);
    const scale = Math.fround(1 / Math.sqrt(m));
    const [xs, ws, bs, cs] = [x, w, signs, coefficient].map((values) => upload(kernels, values)) as [
      number,
      number,
      number,
      number,
    ];
    const [h, g, out, zero, dW] = [rows * m, rows * m + 1, rows + 1, m, m * d].map((count) =>
      kernels.allocate(count),
    ) as [number, number, number, number, number];
    kernels.gemmNT(rows, m, d, xs, d, ws, d, h, m, 2, zero);

    kernels.signedRowSums(rows, m, h, bs, scale, out);
    for (let i = 0; i < rows; i++) {
      const expected = network(x.subarray(i * d, (i + 1) * d), w, signs, scale);
      const size =
        scale *
          kernels
            .f32(h, rows * m)
            .subarray(i * m, (i + 1) * m)
            .reduce((sum, value) => sum + value, 0) +
        1;
      expect(Math.abs(kernels.f32(out, rows)[i] - expected)).toBeLessThanOrEqual(
        (m / 16 + 8 + d) * 4 * U * size,
      );
    }
    expect(kernels.f32(out, rows + 1)[rows]).toBe(0);

    kernels.twoLayerBackward(rows, m, h, bs, cs, scale, g);
    expect(kernels.f32(g, rows * m + 1)[rows * m]).toBe(0);
    kernels.gemmTN(m, d, rows, g, m, xs, d, dW, d, 0);
    const gradient = kernels.f32(dW, m * d).slice();
    const objective = (weights: Float64Array): number =>
      coefficient.reduce(
        (sum, c, i) => sum + c * network(x.subarray(i * d, (i + 1) * d), weights, signs, scale),
        0,
      );
    const step = 1e-6;
    gradient.forEach((value, index) => {
      const shifted = Float64Array.from(w);
      shifted[index] = w[index] + step;
      const above = objective(shifted);
      shifted[index] = w[index] - step;
      // Piecewise linear, so the central difference is exact but for float64 cancellation (and kinks, which these seeds miss).
      expect(Math.abs(value - (above - objective(shifted)) / (2 * step))).toBeLessThanOrEqual(
        1e-7 + (rows + 4) * U * 20,
      );
    });

    kernels.twoLayerBackward(rows, m, h, bs, cs, scale, h);
    expect(kernels.f32(h, rows * m)).toEqual(kernels.f32(g, rows * m));
  });

  it("has no gradient through a unit at exactly zero", () => {
    const h = upload(kernels, [0, -0, 1, 2 ** -149, NaN]);
    const g = kernels.allocate(5);
    kernels.twoLayerBackward(1, 5, h, upload(kernels, [1, 1, -1, 1, 1]), upload(kernels, [3]), 0.5, g);
    expect([...kernels.f32(g, 5)]).toEqual([0, 0, -1.5, 1.5, 0]);
  });
});
