import { describe, expect, it } from "vitest";
import type { Kernels } from "../../src/kernels/contract.ts";
import { loadKernels } from "../../src/kernels/load.ts";
import { keyFromSeed } from "../../src/core/index.ts";
import { createSparseTwoLayer } from "../../src/nn/index.ts";
import { uploadIndices } from "../reference/scripted-problem.ts";
import { bits, download, uniforms, upload } from "./builds.ts";

/**
 * Plain SIMD is IEEE arithmetic in a fixed order, so these checksums hold in every engine on every processor. They were
 * taken from this test itself (Node 24, x86-64): a change to a kernel that changes one says that it moves results.
 */
const CHECKSUMS = {
  "matrix products": "a80c0959",
  "elementary functions": "76b6a574",
  "normals and indices": "66eea634",
  sums: "4ae9d264",
  adam: "4cc01b02",
  "tanh-Gaussian head": "9928916c",
  "neural soft Q-learning on pairs": "2f3eb292",
  "neural soft Q-learning on rows": "e8a2cf6f",
  "ascent on sparse rows": "dd8e2f2a",
};

const X = uniforms(21, 4096);
const SMALL = 61;

/** A small network of 12 columns, and whole numbers below `bound` drawn from X. */
const sparse = (kernels: Kernels, radius: number, averaged: boolean) =>
  createSparseTwoLayer(kernels, { width: 37, features: 12, radius, actions: 3, averaged }, keyFromSeed(2));
const wholesBelow = (bound: number, count: number, first: number): number[] =>
  Array.from({ length: count }, (_, k) => Math.floor(((X[first + k] + 1) / 2) * bound));

/** Each program leaves what it computed. */
const PROGRAMS: Record<keyof typeof CHECKSUMS, (kernels: Kernels) => Float32Array[]> = {
  "matrix products": (kernels) => {
    const [a, b] = [upload(kernels, X), upload(kernels, X.toReversed())];
    const c = kernels.allocate(4096);
    return [1, 2, 5, 11, 29].flatMap((m) =>
      [1, 3, 8, 21].flatMap((n) =>
        [1, 13, 64].map((k) => {
          kernels.gemmNN(m, n, k, a, k, b, n, c, n, 3, b);
          kernels.gemmNT(m, n, k, b, k, a, k, c + 4 * m * n, n, 2, a);
          kernels.gemmTN(m, n, k, a, m, b, n, c, n, 5);
          return download(kernels, c, 2 * m * n);
        }),
      ),
    );
  },
  "elementary functions": (kernels) => {
    const x = upload(
      kernels,
      X.map((value) => 100 * value ** 3),
    );
    const y = kernels.allocate(X.length);
    return (["expVector", "tanhVector", "softplusVector", "logVector"] as const).map((name) => {
      // The logarithm is taken of what softplus left, which is positive.
      kernels[name](X.length, name === "logVector" ? y : x, y);
      return download(kernels, y, X.length);
    });
  },
  "normals and indices": (kernels) => {
    const out = kernels.allocate(20_001);
    kernels.fillNormal(20_001, out, 5, 6, 7);
    const normals = download(kernels, out, 20_001);
    kernels.fillIndices(20_001, out, 1_000_003, 5, 6, 7);
    return [normals, download(kernels, out, 20_001)];
  },
  sums: (kernels) => {
    const [x, y] = [upload(kernels, X), upload(kernels, X.toReversed())];
    const out = kernels.allocate(SMALL);
    kernels.columnSums(50, SMALL, x, SMALL, out);
    const scalars = [kernels.sum(4095, x), kernels.dot(4095, x, y), kernels.squaredDistance(4095, x, y)];
    return [Float32Array.from(scalars), download(kernels, out, SMALL)];
  },
  adam: (kernels) => {
    const [params, grads] = [upload(kernels, X), upload(kernels, X.toReversed())];
    const moments = [0, 1].map(() => kernels.allocate(X.length));
    for (let t = 1; t <= 3; t++) {
      kernels.adam(
        X.length,
        params,
        grads,
        moments[0],
        moments[1],
        1e-3,
        0.9,
        0.999,
        1e-8,
        1 - 0.9 ** t,
        1 - 0.999 ** t,
        0.01,
      );
    }
    return [params, ...moments].map((pointer) => download(kernels, pointer, X.length));
  },
  "tanh-Gaussian head": (kernels) => {
    const [batch, d] = [50, 6];
    const [head, noise] = [
      upload(
        kernels,
        X.map((value) => 4 * value),
      ),
      upload(kernels, X.toReversed()),
    ];
    const [pre, out, logProb, dHead] = [d, d, 1, 2 * d].map((width) => kernels.allocate(batch * width));
    kernels.tanhGaussianForward(batch, d, head, noise, -2, 2, pre, out, d, logProb);
    kernels.tanhGaussianBackward(batch, d, head, noise, -2, 2, pre, 0.2, noise, d, dHead);
    return [
      download(kernels, out, batch * d),
      download(kernels, logProb, batch),
      download(kernels, dHead, 2 * batch * d),
    ];
  },
  "neural soft Q-learning on pairs": (kernels) =>
    [0.5, Infinity].flatMap((radius) =>
      [0, 1].flatMap((average) => {
        const network = sparse(kernels, radius, average === 1);
        const pairs = uploadIndices(kernels, wholesBelow(12, 200, 0));
        const states = wholesBelow(5, 200, 300);
        const next = uploadIndices(
          kernels,
          states.map((s) => (s === 4 ? 0xffffffff : 3 * s)),
        );
        const logPolicy = upload(
          kernels,
          X.subarray(0, 600).map((x) => x - 2),
        );
        const out = kernels.allocate(12);
        const squares = [0, logPolicy].map((policy) => {
          kernels.sparseBegin(network.block);
          const sum = kernels.sparseTableSteps(
            network.block,
            200,
            pairs,
            next,
            upload(kernels, X),
            policy,
            3,
            0.9,
            1,
            0.4,
          );
          kernels.sparseFinish(network.block, 200, average);
          return sum;
        });
        kernels.sparseTable(network.block, out);
        return [
          Float32Array.from(squares),
          download(kernels, network.weights, 12 * network.units),
          download(kernels, out, 12),
        ];
      }),
    ),
  "neural soft Q-learning on rows": (kernels) =>
    [0.5, Infinity].flatMap((radius) =>
      [0, 1].flatMap((average) => {
        const network = sparse(kernels, radius, average === 1);
        const rows = uploadIndices(
          kernels,
          wholesBelow(4, 800, 0).flatMap((block) => [block, block + 4, block + 8]),
        );
        const half = X.map((x) => x / 2);
        const continues = X.subarray(0, 200).map((x) => (x > -0.8 ? 1 : 0));
        kernels.sparseBegin(network.block);
        const squares = kernels.sparseSteps(
          network.block,
          200,
          3,
          rows,
          upload(kernels, half),
          rows,
          upload(kernels, half.toReversed()),
          upload(kernels, X),
          upload(kernels, continues),
          0,
          3,
          0.9,
          1,
          0.4,
        );
        kernels.sparseFinish(network.block, 200, average);
        return [Float32Array.of(squares), download(kernels, network.weights, 12 * network.units)];
      }),
    ),
  "ascent on sparse rows": (kernels) => {
    const network = sparse(kernels, 0.5, false);
    const norm = kernels.sparseTableAscend(
      network.block,
      9,
      uploadIndices(kernels, [11, 0, 5, 3, 8, 1, 2, 10, 7]),
      upload(kernels, X),
      0.7,
    );
    const rows = uploadIndices(
      kernels,
      wholesBelow(4, 50, 0).flatMap((block) => [block, block + 4, block + 8]),
    );
    const [values, amounts] = [upload(kernels, X), upload(kernels, X.toReversed())];
    const gradient = kernels.allocate(12 * network.units);
    const out = kernels.allocate(50);
    kernels.sparseGradient(network.block, 50, 3, rows, values, amounts, gradient);
    kernels.axpy(12 * network.units, 0.3, gradient, network.weights);
    kernels.sparseProject(network.block);
    kernels.sparseForward(network.block, 50, 3, rows, values, out);
    return [
      Float32Array.of(norm),
      download(kernels, gradient, 12 * network.units),
      download(kernels, network.weights, 12 * network.units),
      download(kernels, out, 50),
    ];
  },
};

describe("the plain build", async () => {
  const kernels = await loadKernels({ build: "simd" });

  it.each(Object.keys(CHECKSUMS) as (keyof typeof CHECKSUMS)[])(
    "gives everywhere the same bits: %s",
    (name) => {
      expect(checksum(PROGRAMS[name](kernels))).toBe(CHECKSUMS[name]);
    },
  );
});

/** FNV-1a over the 32-bit words, in hexadecimal. */
function checksum(arrays: Float32Array[]): string {
  let hash = 0x811c9dc5;
  for (const array of arrays) for (const word of bits(array)) hash = Math.imul(hash ^ word, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
