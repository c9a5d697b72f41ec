import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  copyToRows,
  createSparseTwoLayer,
  createTwoLayer,
  sparseProjections,
  sparseTravel,
  twoLayerForward,
  twoLayerWorkspace,
  type SparseTwoLayer,
} from "../../src/nn/index.ts";
import { describeBuilds, download, normals, U, upload } from "../kernels/builds.ts";
import { constants, float32Tolerance } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { uploadIndices } from "../reference/scripted-problem.ts";
import { twoLayer } from "../reference/two-layer.ts";

const KEY = keyFromSeed(31);
const WIDTHS = [1, 7, 16, 37, 48];
const FEATURES = 9;

function create(kernels: Kernels, width: number, radius = Infinity): SparseTwoLayer {
  return createSparseTwoLayer(
    kernels,
    { width, features: FEATURES, radius, actions: 3, averaged: false },
    KEY,
  );
}

/** W <- W + 0.3 noise, where there is a unit at all; returns the noise's size. */
function move(kernels: Kernels, { weights, width, units }: SparseTwoLayer): number {
  const columns = kernels.f32(weights, FEATURES * units);
  const noise = normals(5, FEATURES * width);
  for (let i = 0; i < FEATURES; i++) {
    for (let j = 0; j < width; j++) columns[i * units + j] += 0.3 * noise[i * width + j];
  }
  return 0.3 * Math.hypot(...noise);
}

describeBuilds("a two-layer network held by columns", (kernels) => {
  it.each(WIDTHS)("is the network that the same key draws by rows, m = %i", (width) => {
    const network = create(kernels, width, 3);
    const rows = createTwoLayer(kernels, { width, features: FEATURES, radius: 3 }, KEY);
    const copy = createTwoLayer(kernels, { width, features: FEATURES, radius: 3 }, keyFromSeed(1));
    copyToRows(kernels, network, copy);
    for (const part of ["weights", "initial"] as const) {
      expect(download(kernels, copy[part], width * FEATURES)).toEqual(
        download(kernels, rows[part], width * FEATURES),
      );
    }
    expect(download(kernels, copy.signs, width)).toEqual(download(kernels, rows.signs, width));
    expect(network).toMatchObject({
      width,
      features: FEATURES,
      radius: 3,
      units: 16 * Math.ceil(width / 16),
    });
    const { signs, units } = network;
    expect(download(kernels, signs, units).subarray(width)).toEqual(new Float32Array(units - width));
  });

  it.each(WIDTHS)("has the values of its definition and of the network by rows, m = %i", (width) => {
    const network = create(kernels, width);
    move(kernels, network);
    kernels.sparseRefresh(network.block);
    const rows = createTwoLayer(kernels, { width, features: FEATURES, radius: Infinity }, KEY);
    copyToRows(kernels, network, rows);
    const weights = constants(download(kernels, rows.weights, width * FEATURES));
    const signs = download(kernels, rows.signs, width);

    // Rows of four entries in an order of their own; dense for the definition.
    const [count, entries] = [6, 4];
    const values = normals(6, count * entries).map((value) => value / 4);
    const indices = Array.from(
      { length: count * entries },
      (_, k) => (7 * k + Math.floor(k / entries)) % FEATURES,
    );
    const dense = new Float32Array(count * FEATURES);
    values.forEach((value, k) => (dense[Math.floor(k / entries) * FEATURES + indices[k]] = value));
    const out = kernels.allocate(count);
    kernels.sparseForward(
      network.block,
      count,
      entries,
      uploadIndices(kernels, indices),
      upload(kernels, values),
      out,
    );
    const defined = (): number[] =>
      Array.from(
        { length: count },
        (_, t) => twoLayer(signs, weights, constants(dense.subarray(t * FEATURES, (t + 1) * FEATURES))).value,
      );
    expectClose(download(kernels, out, count), defined(), float32Tolerance(defined));

    const byRows = kernels.allocate(count);
    const workspace = twoLayerWorkspace(kernels, rows, count);
    twoLayerForward(kernels, rows, count, upload(kernels, dense), FEATURES, workspace, byRows);
    const twice = float32Tolerance(defined).map((each) => 2 * each);
    expectClose(download(kernels, out, count), download(kernels, byRows, count), twice);
  });

  it("tells how far it has travelled and how often it was held back", () => {
    const network = create(kernels, 37, 1.5);
    expect([sparseTravel(kernels, network), sparseProjections(kernels, network)]).toEqual([0, 0]);
    const travel = move(kernels, network);
    expect(travel).toBeGreaterThan(1.5);
    // Not before it has been told that its weights were moved.
    expect(sparseTravel(kernels, network)).toBe(0);
    kernels.sparseRefresh(network.block);
    // Squares of differences of rounded numbers below 2.
    expectClose([sparseTravel(kernels, network)], [travel], 64 * U * travel);
    expect(sparseProjections(kernels, network)).toBe(0);
    kernels.sparseProject(network.block);
    expectClose([sparseTravel(kernels, network)], [1.5], 64 * U);
    expect(sparseProjections(kernels, network)).toBe(1);
    kernels.sparseProject(network.block);
    expectClose([sparseTravel(kernels, network)], [1.5], 64 * U);
  });

  it("is held back nowhere without a ball", () => {
    const network = create(kernels, 37);
    const travel = move(kernels, network);
    const before = download(kernels, network.weights, FEATURES * network.units);
    kernels.sparseProject(network.block);
    expectClose([sparseTravel(kernels, network)], [travel], 64 * U * travel);
    expect(sparseProjections(kernels, network)).toBe(0);
    expect(download(kernels, network.weights, FEATURES * network.units)).toEqual(before);
  });
});
