import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { mlpForward } from "../../src/nn/index.ts";
import {
  createSac,
  LOG_STD_HIGH,
  LOG_STD_LOW,
  logProbRoom,
  SAC_DEFAULTS,
  sacLogProb,
  type Sac,
} from "../../src/rl/index.ts";
import { describeBuilds, download, normals, U, uniforms, upload } from "../kernels/builds.ts";
import { constants } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { mlp, readMlp } from "../reference/mlp.ts";

const MARGIN = 1e-3;
const N = 3;
const ROWS = 7;

/** log pi(a|s) by its definition in float64, the action clipped. */
const definition = (mean: number[], logStd: number[], action: number[], margin: number): number =>
  action.reduce((sum, given, i) => {
    const a = Math.max(-1 + margin, Math.min(1 - margin, given));
    const noise = (Math.atanh(a) - mean[i]) / Math.exp(logStd[i]);
    return sum - noise ** 2 / 2 - logStd[i] - Math.log(2 * Math.PI) / 2 - Math.log(1 - a * a);
  }, 0);

describeBuilds("the log-density of given actions", (kernels) => {
  const make = (d: number, hidden: number[]): Sac =>
    createSac(kernels, N, d, { ...SAC_DEFAULTS, hidden, discount: 0.9 }, keyFromSeed(4));
  /** A policy whose head is the same everywhere: the bias of a network without hidden layers. */
  const constantPolicy = (mean: number[], logStd: number[]): Sac => {
    const sac = make(mean.length, []);
    const [{ bias }] = sac.actorShape.layers;
    kernels.fill(sac.actorShape.blockLength, sac.actor, 0);
    kernels.f32(sac.actor + bias, 2 * mean.length).set([...mean, ...logStd]);
    return sac;
  };
  /** Rows of s | a | one column more. */
  const densities = (sac: Sac, s: ArrayLike<number>, actions: ArrayLike<number>, margin: number) => {
    const d = sac.actionSize;
    const stride = N + d + 1;
    const count = actions.length / d;
    const rows = kernels.allocate(count * stride);
    for (let i = 0; i < count; i++) {
      const row = kernels.f32(rows + 4 * i * stride, stride);
      for (let j = 0; j < N; j++) row[j] = s[i * N + j];
      for (let j = 0; j < d; j++) row[N + j] = actions[i * d + j];
      row[stride - 1] = 99;
    }
    const out = kernels.allocate(count);
    sacLogProb(
      kernels,
      sac,
      count,
      rows,
      rows + 4 * N,
      stride,
      margin,
      logProbRoom(kernels, sac, count),
      out,
    );
    return download(kernels, out, count);
  };

  it.each([1, 2, 5])("is that of the definition, row by row, %i action coordinates", (d) => {
    const sac = make(d, [8]);
    const s = normals(1, ROWS * N);
    const actions = uniforms(2, ROWS * d);
    const weights = constants(readMlp(kernels, sac.actorShape, sac.actor));
    const expected = Array.from({ length: ROWS }, (_, i) => {
      const row = constants(s.subarray(i * N, (i + 1) * N));
      const head = mlp(sac.actorShape.sizes, weights, row).map(({ value }) => value);
      const action = [...actions.subarray(i * d, (i + 1) * d)];
      return definition(head.slice(0, d), head.slice(d), action, MARGIN);
    });
    // A head of sums of about ten products of size 1, whose errors noise / std, up to 8, multiplies.
    expectClose(densities(sac, s, actions, MARGIN), expected, 8 * 10 * d * U);
  });

  it.each([1, 3, 6])("is what the policy says of the actions it draws, %i action coordinates", (d) => {
    const sac = make(d, [8]);
    const s = normals(1, ROWS * N);
    const head = mlpForward(
      kernels,
      sac.actorShape,
      sac.actor,
      ROWS,
      upload(kernels, s),
      N,
      logProbRoom(kernels, sac, ROWS),
    );
    const [pre, action, logProb] = [ROWS * d, ROWS * d, ROWS].map((count) => kernels.allocate(count));
    const noise = upload(kernels, normals(3, ROWS * d));
    kernels.tanhGaussianForward(ROWS, d, head, noise, LOG_STD_LOW, LOG_STD_HIGH, pre, action, d, logProb);
    const [drawn, u] = [action, pre].map((at) => download(kernels, at, ROWS * d));
    const heads = download(kernels, head, 2 * ROWS * d);
    const e = download(kernels, noise, ROWS * d);
    // An action is off by half a unit, 2^-24, and tanh by a few: log pi has the slope (2 a - noise / std) / (1 - a^2) by it.
    const tolerance = Array.from({ length: ROWS }, (_, i) =>
      Array.from({ length: d }, (_unused, j) => {
        const at = i * d + j;
        const std = Math.exp(heads[2 * i * d + d + j]);
        const slope = (2 + Math.abs(e[at]) / std) / (1 - Math.tanh(u[at]) ** 2);
        return 4 * U * slope + 32 * U;
      }).reduce((a, b) => a + b),
    );
    expectClose(densities(sac, s, drawn, 1e-6), download(kernels, logProb, ROWS), tolerance);
  });

  it("integrates to 1 over the actions", () => {
    const n = 4000;
    const actions = Array.from({ length: n - 1 }, (_, i) => -1 + (2 * (i + 1)) / n);
    const sac = constantPolicy([-0.5], [-0.7]);
    const integral = densities(sac, new Float32Array(n * N), actions, 1e-6).reduce(
      (total, value) => total + Math.exp(value),
      0,
    );
    // The density and its derivatives vanish at +-1; a float32 log-density is off by a few units of numbers up to 10.
    expectClose([integral * (2 / n)], [1], 4 * 10 * U);
  });

  it("takes actions within the margin of a bound, on it and beyond to be at the margin", () => {
    const sac = constantPolicy([0.3], [-1]);
    for (const margin of [1e-1, 1e-3, 1e-6]) {
      for (const side of [-1, 1]) {
        const inside = 1 - margin / 2;
        const actions = [1 - margin, inside, 1, 1.5, Infinity].map((a) => side * a);
        const [edge, ...others] = densities(sac, new Float32Array(5 * N), actions, margin);
        const exact = definition([0.3], [-1], [side * (1 - margin)], margin);
        // The edge as a float32 number is off by 2^-24, which is 2^-24 / margin of 1 - a.
        expectClose([edge], [exact], 100 * (U / margin) + 100 * U * Math.abs(exact));
        expect(new Set(others).size).toBe(1);
        expectClose([others[0]], [exact], 4 * U * Math.abs(exact) + 1e-5);
      }
    }
    // Inside, the margin does nothing.
    const [one, other] = [1e-1, 1e-3].map((margin) => densities(sac, [0, 0, 0], [0.5], margin)[0]);
    expect(one).toBe(other);
  });

  it("clamps the log standard deviation as the policy does, and stays finite there", () => {
    for (const [raw, bound] of [
      [LOG_STD_LOW - 3, LOG_STD_LOW],
      [LOG_STD_HIGH + 3, LOG_STD_HIGH],
    ]) {
      const [clamped, atBound] = [raw, bound].map(
        (logStd) => densities(constantPolicy([0.3], [logStd]), [0, 0, 0], [-0.9], MARGIN)[0],
      );
      expect(clamped).toBe(atBound);
      const exact = definition([0.3], [bound], [-0.9], MARGIN);
      expectClose([clamped], [exact], 8 * U * Math.abs(exact));
    }
  });

  it("is that of the policy as it stands", () => {
    const sac = constantPolicy([0.3], [-1]);
    const before = densities(sac, [0, 0, 0], [0.5], MARGIN);
    kernels.f32(sac.actor + sac.actorShape.layers[0].bias, 1)[0] += 0.1;
    const exact = definition([0.4], [-1], [0.5], MARGIN);
    expect(densities(sac, [0, 0, 0], [0.5], MARGIN)[0]).not.toBe(before[0]);
    expectClose(densities(sac, [0, 0, 0], [0.5], MARGIN), [exact], 32 * U);
  });
});
