import { expect, it } from "vitest";
import { addRows, createNormaliser, emptyStatistics, standardiseOver } from "../../src/nn/index.ts";
import { describeBuilds, download, normals, U, upload } from "../kernels/builds.ts";
import { expectClose } from "../reference/closeness.ts";

const column = (...values: number[]): Float32Array => Float32Array.from(values);

describeBuilds("the normaliser", (kernels) => {
  const standardised = (...sources: Float32Array[]): { mean: number; inverseStd: number } => {
    const normaliser = createNormaliser(kernels, 1);
    const statistics = sources.map((rows) => {
      const own = emptyStatistics(1);
      addRows(own, rows, rows.length, 1);
      return own;
    });
    standardiseOver(kernels, normaliser, statistics);
    return {
      mean: kernels.f32(normaliser.mean, 1)[0],
      inverseStd: kernels.f32(normaliser.inverseStd, 1)[0],
    };
  };

  it("changes nothing before it has seen anything", () => {
    const normaliser = createNormaliser(kernels, 2);
    standardiseOver(kernels, normaliser, [emptyStatistics(2), emptyStatistics(2)]);
    expect([...download(kernels, normaliser.mean, 2)]).toEqual([0, 0]);
    expect([...download(kernels, normaliser.inverseStd, 2)]).toEqual([1, 1]);
  });

  it("weighs two sources equally however many rows each holds", () => {
    // Means 0 and 6, mean squares 1 and 36: mixture mean 3, variance 37/2 - 9 = 9.5.
    const { mean, inverseStd } = standardised(column(-1, 1, -1, 1, -1, 1), column(6));
    expect(mean).toBe(3);
    expectClose([inverseStd], [1 / Math.sqrt(9.5)], U);
  });

  it("leaves an empty source out", () => {
    const { mean, inverseStd } = standardised(column(), column(1, 5));
    expect(mean).toBe(3);
    expect(inverseStd).toBe(0.5);
  });

  it("does not blow up a coordinate that hardly varies", () => {
    expect(standardised(column(7, 7.0001, 7)).inverseStd).toBe(1);
    expect(standardised(column(7, 7.01, 7)).inverseStd).toBeGreaterThan(100);
  });

  it("keeps its digits where the mean is far larger than the deviation", () => {
    const rows = normals(1, 1000).map((z) => 10_000 + z);
    const mean = rows.reduce((sum, x) => sum + x, 0) / rows.length;
    const variance = rows.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rows.length;
    // squares/n + mean^2 - mean^2 loses 2^-53 * 1e8 of a variance near 1.
    expectClose([standardised(rows).inverseStd], [1 / Math.sqrt(variance)], U + 1e-7);
  });

  it("gathers the same statistics in one go and in pieces, from rows of a wider matrix", () => {
    const wide = normals(2, 20 * 5);
    const once = emptyStatistics(2);
    addRows(once, wide, 20, 5);
    const pieces = emptyStatistics(2);
    addRows(pieces, wide, 13, 5);
    addRows(pieces, wide.subarray(13 * 5), 7, 5);
    expect(pieces).toEqual(once);
    const second = [...wide].filter((_, i) => i % 5 === 1);
    expect(once.mean[1]).toBeCloseTo(second.reduce((a, b) => a + b) / 20, 12);
  });
});

describeBuilds("standardised rows", (kernels) => {
  const [rows, width, ldx] = [9, 5, 7];
  const x = normals(3, rows * ldx);
  const mean = normals(4, width);
  const inverseStd = normals(5, width).map((z) => 0.5 + Math.abs(z));
  const [xAt, meanAt, inverseAt] = [x, mean, inverseStd].map((values) => upload(kernels, values));
  const standardise = (unit: 0 | 1): Float32Array => {
    const out = kernels.allocate(rows * (width + unit));
    kernels.standardiseRows(rows, width, xAt, ldx, meanAt, inverseAt, unit, out, width + unit);
    return download(kernels, out, rows * (width + unit));
  };
  const exact = Array.from({ length: rows }, (_, row) =>
    Array.from(mean, (m, i) => (x[row * ldx + i] - m) * inverseStd[i]),
  );
  /** One subtraction and one product: two roundings, and twice the operands' own size where they cancel. */
  const allowed = exact.map((row, i) =>
    row.map((value, j) => 2 * U * (Math.abs(value) + Math.abs(x[i * ldx + j] * inverseStd[j]))),
  );

  it("are (x - mean) / std", () => expectClose(standardise(0), exact.flat(), allowed.flat()));

  it("with a constant coordinate have unit norm: ||psi|| = 1", () => {
    const features = standardise(1);
    const expected = exact.map((row) => {
      const norm = Math.hypot(...row, 1);
      return [...row, 1].map((value) => value / norm);
    });
    // Six roundings of the norm's sum and root, two of the quotient, beside those of the entries.
    expectClose(
      features,
      expected.flat(),
      allowed.flatMap((row) => [...row, 0].map((own) => own + 8 * U)),
    );
    for (let row = 0; row < rows; row++) {
      const own = features.subarray(row * (width + 1), (row + 1) * (width + 1));
      expectClose([Math.hypot(...own)], [1], 8 * U);
      expect(own[width]).toBeGreaterThan(0);
    }
  });
});
