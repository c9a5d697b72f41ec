import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Kernels } from "../../src/kernels/contract.ts";
import { U, bits, describeBuilds, uniforms, wholes } from "./builds.ts";

type Product = "gemmNN" | "gemmNT" | "gemmTN";

interface Shape {
  product: Product;
  m: number;
  n: number;
  k: number;
  /** What the leading dimensions have beyond the columns. */
  slack: number;
  epilogue: number;
}

const EPILOGUES = { gemmNN: [0, 1, 2, 3], gemmNT: [0, 1, 2, 3, 4], gemmTN: [0, 5] };
const PRODUCTS: Product[] = ["gemmNN", "gemmNT", "gemmTN"];
const UNIFORMS = uniforms(3, 1 << 17);
const WHOLES = wholes(5, 1 << 20);
/** Room for the largest operand of these tests. */
const CAPACITY = 1 << 19;
/** Beyond the end of C, to see that nothing is written there. */
const MARGIN = 16;

describeBuilds("matrix products", (kernels) => {
  const arena = [0, 1, 2, 3].map(() => kernels.allocate(CAPACITY)) as [number, number, number, number];

  // Sizes around each boundary: thin (3|4), the tiles (4, 6, 8), panels (8), B read in place (24), blocks of rows (132),
  // columns (256) and depth (512), A copied together (512 columns in TN), the line buffer (16384).
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17];
  const depths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 31];
  it.each(PRODUCTS)(
    "%s is exact on whole numbers for every small shape, and touches nothing but C",
    (product) => {
      for (const m of sizes)
        for (const n of sizes)
          for (const k of depths)
            for (const epilogue of EPILOGUES[product]) {
              if (epilogue !== 3)
                expectExact(kernels, arena, { product, m, n, k, slack: (m + n + k) % 4, epilogue });
            }
    },
  );

  it.each(PRODUCTS)("%s is exact on whole numbers across its blocks", (product) => {
    const shapes = [
      [131, 9, 5],
      [133, 20, 7],
      [140, 5, 1],
      [265, 8, 9],
      [7, 255, 5],
      [9, 261, 3],
      [5, 515, 2],
      [6, 9, 511],
      [13, 17, 513],
      [70, 11, 1100],
      [137, 263, 517],
      [1, 300, 70],
      [3, 37, 600],
      [300, 1, 70],
      [41, 3, 530],
      [260, 2, 1],
      [24, 21, 9],
      [25, 21, 9],
      [509, 25, 6],
      [520, 25, 530],
      [513, 23, 7],
      [4, 16_390, 1],
      [5, 2, 16_390],
    ];
    for (const [m, n, k] of shapes as [number, number, number][])
      for (const epilogue of EPILOGUES[product])
        for (const slack of [0, 3]) {
          if (epilogue !== 3) expectExact(kernels, arena, { product, m, n, k, slack, epilogue });
        }
  });

  it("stays within k + 3 roundings of the float64 product, with tanh another 4 ulp", () => {
    const shape = fc.constantFrom(...PRODUCTS).chain((product) =>
      fc.record({
        product: fc.constant(product),
        m: fc.integer({ min: 1, max: 60 }),
        n: fc.integer({ min: 1, max: 60 }),
        k: fc.integer({ min: 1, max: 600 }),
        slack: fc.integer({ min: 0, max: 9 }),
        epilogue: fc.constantFrom(...EPILOGUES[product]),
      }),
    );
    fc.assert(
      fc.property(shape, fc.nat(1000), (each, seed) => expectClose(kernels, arena, each, seed)),
      { numRuns: 120, seed: 7 },
    );
  });

  it.each(PRODUCTS)("%s keeps a NaN to its row and column", (product) => {
    for (const [m, n, k] of [
      [9, 13, 10],
      [2, 13, 10],
      [13, 2, 10],
      [9, 13, 1],
    ] as [number, number, number][]) {
      const problem = place(kernels, arena, { product, m, n, k, slack: 0, epilogue: 0 }, UNIFORMS);
      const row = m - 2 < 0 ? 0 : m - 2;
      kernels.f32(arena[0], CAPACITY)[product === "gemmTN" ? row : row * problem.lda] = NaN;
      run(kernels, arena, problem);
      const c = kernels.f32(arena[2], m * problem.ldc);
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) expect(Number.isNaN(c[i * problem.ldc + j])).toBe(i === row);
    }
  });

  it("rectifies NaN to NaN, so that a broken network is seen", () => {
    const problem = place(
      kernels,
      arena,
      { product: "gemmNN", m: 8, n: 8, k: 4, slack: 0, epilogue: 2 },
      UNIFORMS,
    );
    kernels.f32(arena[0], 1)[0] = NaN;
    run(kernels, arena, problem);
    expect(kernels.f32(arena[2], 8)).toEqual(new Float32Array(8).fill(NaN));
  });

  it("gives the same bits again, also once the engine has optimised it", () => {
    const shape: Shape = { product: "gemmNT", m: 23, n: 21, k: 37, slack: 1, epilogue: 2 };
    const problem = place(kernels, arena, shape, UNIFORMS);
    const count = problem.m * problem.ldc;
    run(kernels, arena, problem);
    const first = bits(kernels.f32(arena[2], count));
    for (let repeat = 0; repeat < 2000; repeat++) run(kernels, arena, problem);
    expect(bits(kernels.f32(arena[2], count))).toEqual(first);
  });

  it("gives each row of a batch the same bits whatever the other rows are", () => {
    const problem = place(
      kernels,
      arena,
      { product: "gemmNN", m: 50, n: 30, k: 40, slack: 0, epilogue: 1 },
      UNIFORMS,
    );
    run(kernels, arena, problem);
    const before = bits(kernels.f32(arena[2] + 4 * 30 * 7, 30));
    kernels.f32(arena[0], 40 * 7).fill(5);
    run(kernels, arena, problem);
    expect(bits(kernels.f32(arena[2] + 4 * 30 * 7, 30))).toEqual(before);
  });
});

interface Problem extends Shape {
  lda: number;
  ldb: number;
  ldc: number;
  a: Float32Array;
  b: Float32Array;
  c: Float32Array;
  extra: Float32Array;
}

/** Puts the operands at the arena's four places; the slack of A and B holds NaN, which must not be read. */
function place(kernels: Kernels, arena: readonly number[], shape: Shape, values: Float32Array): Problem {
  const { product, m, n, k, slack } = shape;
  const [aRows, aCols] = product === "gemmTN" ? [k, m] : [m, k];
  const [bRows, bCols] = product === "gemmNT" ? [n, k] : [k, n];
  const [lda, ldb, ldc] = [aCols + slack, bCols + slack, n + slack];
  const a = padded(values, aRows, aCols, lda);
  const b = padded(values.subarray(a.length), bRows, bCols, ldb);
  const c = values.slice(a.length + b.length, a.length + b.length + m * ldc + MARGIN);
  const extra = values.slice(a.length + 1, a.length + 1 + m * ldc);
  const problem = { ...shape, lda, ldb, ldc, a, b, c, extra };
  [a, b, c, extra].forEach((array, index) => kernels.f32(arena[index], array.length).set(array));
  return problem;
}

function padded(values: Float32Array, rows: number, cols: number, ld: number): Float32Array {
  const out = new Float32Array(rows * ld).fill(NaN);
  for (let i = 0; i < rows; i++) out.set(values.subarray(i * cols, (i + 1) * cols), i * ld);
  return out;
}

function run(kernels: Kernels, arena: readonly number[], problem: Problem): void {
  const { m, n, k, lda, ldb, ldc, epilogue } = problem;
  const [a, b, c, extra] = arena as [number, number, number, number];
  kernels[problem.product](m, n, k, a, lda, b, ldb, c, ldc, epilogue, extra);
}

/** Element (i, j) in float64, and the size its roundings are measured against. */
function reference(problem: Problem, i: number, j: number): { value: number; size: number } {
  const { product, k, lda, ldb, ldc, epilogue } = problem;
  let value = 0;
  let size = 0;
  for (let p = 0; p < k; p++) {
    const a = problem.a[product === "gemmTN" ? p * lda + i : i * lda + p];
    const b = problem.b[product === "gemmNT" ? j * ldb + p : p * ldb + j];
    value += a * b;
    size += Math.abs(a * b);
  }
  const added =
    epilogue === 5 ? problem.c[i * ldc + j] : epilogue >= 1 && epilogue <= 3 ? problem.extra[j] : 0;
  value += added;
  size += Math.abs(added);
  if (epilogue === 2) value = Math.max(value, 0);
  if (epilogue === 3) value = Math.tanh(value);
  if (epilogue === 4 && !(problem.extra[i * ldc + j] > 0)) value = 0;
  return { value, size };
}

function expectExact(kernels: Kernels, arena: readonly number[], shape: Shape): void {
  const problem = place(kernels, arena, shape, WHOLES);
  run(kernels, arena, problem);
  const { m, n, ldc } = problem;
  const expected = problem.c.slice();
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) expected[i * ldc + j] = reference(problem, i, j).value;
  const got = kernels.f32(arena[2], expected.length);
  const wrong = expected.findIndex((value, index) => value !== got[index]);
  if (wrong >= 0) {
    const where = `row ${Math.floor(wrong / ldc)}, column ${wrong % ldc}`;
    expect.fail(`${JSON.stringify(shape)}: ${where} should be ${expected[wrong]}, is ${got[wrong]}`);
  }
}

function expectClose(kernels: Kernels, arena: readonly number[], shape: Shape, seed: number): void {
  const problem = place(kernels, arena, shape, UNIFORMS.subarray(seed % 1000));
  run(kernels, arena, problem);
  const { m, n, k, ldc } = problem;
  const got = kernels.f32(arena[2], m * ldc);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const { value, size } = reference(problem, i, j);
      const tolerance = (k + 3) * U * size + (problem.epilogue === 3 ? 8 * U * Math.abs(value) : 0);
      const error = Math.abs(got[i * ldc + j] - value);
      if (!(error <= tolerance))
        expect.fail(`${JSON.stringify(shape)} at ${i}, ${j}: off by ${error}, allowed ${tolerance}`);
    }
  }
}
