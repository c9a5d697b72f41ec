import * as fc from "fast-check";
import { expect, it } from "vitest";
import { U, bits, describeBuilds, download, uniforms, upload, wholes } from "./builds.ts";

const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 100, 4095, 4096, 4097, 4111, 8195, 20_000];
const X = uniforms(1, 20_001);
const Y = uniforms(2, 20_001);
const WHOLES = wholes(3, 20_001);

describeBuilds("vectors", (kernels) => {
  const x = kernels.allocate(20_001);
  const y = kernels.allocate(20_001);
  const reset = (): void => {
    kernels.f32(x, X.length).set(X);
    kernels.f32(y, Y.length).set(Y);
  };
  /** Element i of `pointer` is `expected(i)` within `roundings` of its size, for i < n; element n is untouched. */
  const expectVector = (
    n: number,
    pointer: number,
    before: Float32Array,
    roundings: number,
    expected: (i: number) => number,
    size: (i: number) => number = () => 1,
  ): void => {
    const got = kernels.f32(pointer, n + 1);
    for (let i = 0; i < n; i++) {
      const error = Math.abs(got[i] - expected(i));
      if (!(error <= roundings * U * size(i)))
        expect.fail(`n = ${n}, element ${i}: ${got[i]}, expected ${expected(i)}`);
    }
    expect(got[n]).toBe(before[n]);
  };

  it.each(LENGTHS)("fill, axpy, scale and polyak of length %i", (n) => {
    reset();
    kernels.fill(n, x, 1.5);
    expectVector(n, x, X, 0, () => 1.5);
    reset();
    kernels.axpy(n, 0.75, x, y);
    expectVector(
      n,
      y,
      Y,
      2,
      (i) => Y[i] + 0.75 * X[i],
      () => 2,
    );
    reset();
    kernels.scale(n, -0.3, x);
    expectVector(n, x, X, 0, (i) => Math.fround(Math.fround(-0.3) * X[i]));
    reset();
    const tau = Math.fround(0.005);
    kernels.polyak(n, x, y, tau);
    expectVector(
      n,
      x,
      X,
      3,
      (i) => X[i] + tau * (Y[i] - X[i]),
      () => 2,
    );
  });

  it.each(LENGTHS)(
    "sum, dot and squaredDistance of length %i are exact on whole numbers and close on others",
    (n) => {
      kernels.f32(x, n + 1).set(WHOLES.subarray(0, n));
      kernels.f32(x, n + 1)[n] = NaN;
      kernels.f32(y, n + 1).set(WHOLES.subarray(1, n + 1).toReversed());
      kernels.f32(y, n + 1)[n] = NaN;
      const [a, b] = [download(kernels, x, n), download(kernels, y, n)];
      expect(kernels.sum(n, x)).toBe(total(n, (i) => a[i]));
      expect(kernels.dot(n, x, y)).toBe(total(n, (i) => a[i] * b[i]));
      expect(kernels.squaredDistance(n, x, y)).toBe(total(n, (i) => (a[i] - b[i]) ** 2));
      reset();
      // A block of 4096 adds 256 numbers to each of 16 partial sums, then 5 more; float64 across blocks.
      const roundings = 256 + 8;
      const close = (got: number, f: (i: number) => number): void =>
        expect(Math.abs(got - total(n, f))).toBeLessThanOrEqual(
          roundings * U * total(n, (i) => Math.abs(f(i))),
        );
      close(kernels.sum(n, x), (i) => X[i]);
      close(kernels.dot(n, x, y), (i) => X[i] * Y[i]);
      close(kernels.squaredDistance(n, x, y), (i) => (X[i] - Y[i]) ** 2);
    },
  );

  it("sums of 20000 do not drift", () => {
    const n = 20_000;
    kernels.fill(n, x, Math.fround(0.1));
    expect(Math.abs(kernels.sum(n, x) / n / Math.fround(0.1) - 1)).toBeLessThan(64 * U);
  });

  it("adam follows the paper's recursion with decoupled decay, and each number changes the result", () => {
    const options = { lr: 3e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.01 };
    const variants = [
      options,
      { ...options, lr: 1e-2 },
      { ...options, beta1: 0.5 },
      { ...options, beta2: 0.9 },
      { ...options, eps: 0.1 },
      { ...options, decay: 0.5 },
    ];
    const results = variants.map((variant) => expectAdam(23, 5, variant));
    results.slice(1).forEach((result) => expect(result).not.toEqual(results[0]));
    for (const n of [0, 1, 2, 3, 4, 5, 8, 1001]) expectAdam(n, 2, options);
  });

  function expectAdam(
    n: number,
    steps: number,
    { lr, beta1, beta2, eps, decay }: Record<"lr" | "beta1" | "beta2" | "eps" | "decay", number>,
  ): Float32Array {
    const start = X.slice(0, n + 1);
    const params = upload(kernels, start);
    const [grads, first, second] = [0, 1, 2].map(() => kernels.allocate(n + 1)) as [number, number, number];
    const p = Float64Array.from(start);
    const m = new Float64Array(n);
    const v = new Float64Array(n);
    let travelled = 0;
    for (let t = 1; t <= steps; t++) {
      const g = Y.slice(t, t + n);
      kernels.f32(grads, n).set(g);
      kernels.adam(
        n,
        params,
        grads,
        first,
        second,
        lr,
        beta1,
        beta2,
        eps,
        1 - beta1 ** t,
        1 - beta2 ** t,
        decay,
      );
      for (let i = 0; i < n; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * g[i];
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2;
        const direction = m[i] / (1 - beta1 ** t) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + eps);
        p[i] = p[i] * (1 - lr * decay) - lr * direction;
      }
      travelled += lr * 40;
    }
    // A few roundings of p each step, and of the update (whose m may cancel: 40 covers |direction| and its roundings).
    expectVector(
      n,
      params,
      start,
      1,
      (i) => p[i],
      (i) => 4 * steps * Math.abs(start[i]) + travelled,
    );
    for (let i = 0; i < n; i++) {
      expect(Math.abs(kernels.f32(first, n)[i] - m[i])).toBeLessThanOrEqual(4 * steps * U);
      expect(Math.abs(kernels.f32(second, n)[i] - v[i])).toBeLessThanOrEqual(6 * steps * U * v[i]);
    }
    expect(kernels.f32(first, n + 1)[n] + kernels.f32(second, n + 1)[n]).toBe(0);
    return download(kernels, params, n);
  }

  it("adam at a zero gradient from zero moments moves by the decay alone", () => {
    const params = upload(kernels, [2, -3, 4, 5, 6]);
    const [grads, m, v] = [0, 1, 2].map(() => kernels.allocate(5)) as [number, number, number];
    kernels.adam(5, params, grads, m, v, 0.5, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.5);
    expect([...kernels.f32(params, 5)]).toEqual([1.5, -2.25, 3, 3.75, 4.5]);
  });

  it("adam keeps no moment too small to compute with at speed, and every number that is not finite", () => {
    const tiny = [2 ** -119, 2 ** -121, -(2 ** -121), 2 ** -130, 1];
    const params = upload(kernels, [0, 0, 0, 0, 0]);
    const [grads, m, v] = [
      upload(kernels, [0, 0, 0, 2 ** -59, NaN]),
      upload(kernels, tiny),
      upload(kernels, tiny),
    ];
    kernels.adam(5, params, grads, m, v, 0, 0.9, 0.999, 1e-8, 0.1, 0.001, 0);
    for (const moment of [m, v]) {
      const [kept, ...small] = [...kernels.f32(moment, 4)];
      expect(kept).toBeGreaterThan(2 ** -120);
      expect(small.map(Math.abs)).toEqual([0, 0, 0]);
      expect(kernels.f32(moment, 5)[4]).toBeNaN();
    }
    expect(kernels.f32(params, 5)[4]).toBeNaN();
  });

  it("adam flushes the last one to three numbers like the others", () => {
    const tiny = [1, 1, 1, 1, 2 ** -121, 0, -(2 ** -121)];
    const grads = upload(kernels, [0, 0, 0, 0, 0, 2 ** -59, 0]);
    const [m, v] = [upload(kernels, tiny), upload(kernels, tiny.map(Math.abs))];
    kernels.adam(7, upload(kernels, tiny), grads, m, v, 0, 0.9, 0.999, 1e-8, 0.1, 0.001, 0);
    for (const moment of [m, v])
      expect([...kernels.f32(moment, 7)].slice(4).map(Math.abs)).toEqual([0, 0, 0]);
  });

  it("copies and gathers rows of any width and stride, and nothing else", () => {
    const shape = fc.record({
      rows: fc.integer({ min: 0, max: 9 }),
      width: fc.integer({ min: 0, max: 21 }),
      from: fc.nat(5),
      to: fc.nat(5),
      seed: fc.nat(999),
    });
    fc.assert(
      fc.property(shape, ({ rows, width, from, to, seed }) => {
        const source = X.subarray(seed, seed + 50 * 26);
        kernels.f32(x, source.length).set(source);
        const [srcStride, dstStride] = [width + from, width + to];
        const chosen = Uint32Array.from({ length: rows }, (_, i) => (seed * 7 + i * 13) % 50);
        const indices = kernels.allocate(rows);
        kernels.u32(indices, rows).set(chosen);
        for (const gather of [false, true]) {
          const expected = Y.slice(0, rows * dstStride + 4);
          kernels.f32(y, expected.length).set(expected);
          for (let i = 0; i < rows; i++) {
            const row = gather ? chosen[i] : i;
            expected.set(source.subarray(row * srcStride, row * srcStride + width), i * dstStride);
          }
          if (gather) kernels.gatherRows(rows, width, x, srcStride, indices, y, dstStride);
          else kernels.copyRows(rows, width, x, srcStride, y, dstStride);
          expect(bits(kernels.f32(y, expected.length))).toEqual(bits(expected));
        }
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it("columnSums adds each column, whatever the width", () => {
    for (const rows of [0, 1, 2, 7, 100])
      for (const cols of [1, 2, 3, 4, 5, 8, 15, 16, 17, 20, 23, 33, 50])
        for (const slack of [0, 3]) {
          kernels.f32(x, WHOLES.length).set(WHOLES);
          kernels.f32(y, cols + 1).fill(-77);
          kernels.columnSums(rows, cols, x, cols + slack, y);
          const expected = Array.from({ length: cols }, (_, j) =>
            total(rows, (i) => WHOLES[i * (cols + slack) + j]),
          );
          expect([...kernels.f32(y, cols + 1)]).toEqual([...expected, -77]);
        }
  });

  it("standardiseRows subtracts, scales, and with `unit` appends 1 and normalises", () => {
    for (const rows of [1, 2, 5])
      for (const width of [1, 2, 3, 4, 5, 8, 17])
        for (const unit of [0, 1])
          for (const slack of [0, 2]) {
            const source = X.subarray(0, rows * (width + slack));
            const mean = Y.subarray(0, width);
            const inverse = Y.subarray(100, 100 + width).map((value) => 2 + value);
            const [input, means, inverses] = [source, mean, inverse].map((array) =>
              upload(kernels, array),
            ) as [number, number, number];
            const ldout = width + unit + slack;
            const out = upload(kernels, new Float32Array(rows * ldout).fill(-77));
            kernels.standardiseRows(rows, width, input, width + slack, means, inverses, unit, out, ldout);
            const got = kernels.f32(out, rows * ldout);
            for (let i = 0; i < rows; i++) {
              const z = Array.from(
                mean,
                (centre, j) => (source[i * (width + slack) + j] - centre) * inverse[j],
              );
              if (unit) z.push(1);
              const norm = unit ? Math.hypot(...z) : 1;
              z.forEach((value, j) =>
                expect(Math.abs(got[i * ldout + j] - value / norm)).toBeLessThanOrEqual((4 + width) * U * 8),
              );
              if (unit)
                expect(
                  Math.abs(Math.hypot(...got.subarray(i * ldout, i * ldout + width + 1)) - 1),
                ).toBeLessThanOrEqual((4 + width) * U);
              for (let j = width + unit; j < ldout; j++) expect(got[i * ldout + j]).toBe(-77);
            }
          }
  });

  it("projectBall returns the distance and moves to the sphere what lies beyond it, and only that", () => {
    for (const n of [1, 2, 3, 4, 5, 16, 1003]) {
      const w0 = X.slice(0, n + 1);
      const w = Y.slice(0, n + 1);
      const distance = Math.sqrt(total(n, (i) => (w[i] - w0[i]) ** 2));
      for (const radius of [0, 0.3 * distance, 0.999 * distance, 1.001 * distance]) {
        const [centre, point] = [upload(kernels, w0), upload(kernels, w)];
        expect(Math.abs(kernels.projectBall(n, point, centre, radius) / distance - 1)).toBeLessThanOrEqual(
          (n / 16 + 8) * U,
        );
        const factor = Math.min(1, radius / distance);
        expectVector(
          n,
          point,
          w,
          factor < 1 ? n / 16 + 8 : 0,
          (i) => (factor < 1 ? w0[i] + factor * (w[i] - w0[i]) : w[i]),
          () => 4,
        );
        expect(kernels.f32(centre, n + 1)).toEqual(w0);
      }
    }
  });

  it("projectBall leaves a NaN to be seen", () => {
    const [w, w0] = [upload(kernels, [NaN, 1, 1]), upload(kernels, [0, 0, 0])];
    expect(kernels.projectBall(3, w, w0, 0.5)).toBeNaN();
    expect(kernels.f32(w, 3)[0]).toBeNaN();
  });
});

function total(n: number, f: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += f(i);
  return sum;
}
