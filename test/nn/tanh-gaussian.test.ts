import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import type { Kernels } from "../../src/kernels/index.ts";
import { describeBuilds, download, normals, U, upload } from "../kernels/builds.ts";
import { add, constants, dot, float32Tolerance, gradient, times } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { float64 } from "../reference/jax.ts";
import { tanhGaussian } from "../reference/soft-actor-critic.ts";

const LOW = -20;
const HIGH = 2;
/** Action coordinates on both sides of the four lanes. */
const SIZES = [1, 2, 3, 4, 5, 6, 17];
const BATCH = 5;

/** Policy heads with means within +-2 and log standard deviations in [-2, 0.5]: mean then log std, row by row. */
function heads(d: number): Float32Array {
  const z = normals(d, BATCH * 2 * d);
  return z.map((value, i) => (i % (2 * d) < d ? Math.tanh(value) * 2 : -0.75 + 1.25 * Math.tanh(value)));
}

function sample(kernels: Kernels, batch: number, head: ArrayLike<number>, noise: ArrayLike<number>) {
  const d = noise.length / batch;
  const [pre, out, logProb] = [batch * d, batch * d, batch].map((count) => kernels.allocate(count));
  const [headAt, noiseAt] = [upload(kernels, head), upload(kernels, noise)];
  kernels.tanhGaussianForward(batch, d, headAt, noiseAt, LOW, HIGH, pre, out, d, logProb);
  return {
    action: download(kernels, out, batch * d),
    logProb: download(kernels, logProb, batch),
    /** Gradient of sum_i [ weight log pi_i + sum_j dAction_ij a_ij ] with respect to the head. */
    gradient: (weight: number, dAction: ArrayLike<number>): Float32Array => {
      const dHead = kernels.allocate(2 * batch * d);
      const dActionAt = upload(kernels, dAction);
      kernels.tanhGaussianBackward(batch, d, headAt, noiseAt, LOW, HIGH, pre, weight, dActionAt, d, dHead);
      return download(kernels, dHead, 2 * batch * d);
    },
  };
}

describeBuilds("the tanh-Gaussian policy head", (kernels) => {
  it.each(SIZES)("draws actions and log-densities as defined, %i action coordinates", (d) => {
    const head = heads(d);
    const noise = normals(9, BATCH * d);
    const { action, logProb } = sample(kernels, BATCH, head, noise);
    const expected = (): number[] => {
      const rows = Array.from({ length: BATCH }, (_, row) =>
        tanhGaussian(constants(head.subarray(2 * d * row, 2 * d * (row + 1))), [
          ...noise.subarray(d * row, d * (row + 1)),
        ]),
      );
      return [...rows.flatMap((row) => row.action), ...rows.map((row) => row.logProb)].map(
        ({ value }) => value,
      );
    };
    expectClose([...action, ...logProb], expected(), float32Tolerance(expected));
  });

  it.each([
    { mean: 0.3, logStd: -1 },
    { mean: -1, logStd: -0.7 },
    { mean: 0, logStd: -0.5 },
  ])(
    "has a density that integrates to 1 over the actions, mean $mean, log std $logStd",
    ({ mean, logStd }) => {
      const n = 4000;
      const actions = Array.from({ length: n - 1 }, (_, i) => -1 + (2 * (i + 1)) / n);
      const noise = actions.map((a) => (Math.atanh(a) - mean) / Math.exp(logStd));
      const head = actions.flatMap(() => [mean, logStd]);
      const { logProb } = sample(kernels, n - 1, head, noise);
      const integral = logProb.reduce((total, value) => total + Math.exp(value), 0) * (2 / n);
      // The density and its derivatives vanish at +-1: the trapezoid rule errs by less than float32's log-density, which
      // sums a few numbers of size up to 10 where the density counts.
      expectClose([integral], [1], 4 * 10 * U);
    },
  );

  it.each(SIZES)("has the gradient of its definition and of jax-js, %i action coordinates", (d) => {
    const head = heads(d);
    const noise = normals(9, BATCH * d);
    const dAction = normals(10, BATCH * d);
    const weight = 0.37;
    const actual = sample(kernels, BATCH, head, noise).gradient(weight, dAction);
    const expected = (): number[] => {
      const inputs = constants(head);
      const rows = Array.from({ length: BATCH }, (_, row) => {
        const own = [d * row, d * (row + 1)] as const;
        const drawn = tanhGaussian(inputs.slice(2 * own[0], 2 * own[1]), [...noise.subarray(...own)]);
        return add(times(weight, drawn.logProb), dot(drawn.action, constants(dAction.subarray(...own))));
      });
      return gradient(rows.reduce(add), inputs);
    };
    const tolerance = float32Tolerance(expected);
    expectClose(actual, expected(), tolerance);
    // jax-js' exp, log and tanh are good to about 2^-24.
    expectClose(
      actual,
      jaxGradient(d, head, noise, weight, dAction),
      tolerance.map((t) => t + 64 * U),
    );
  });

  it("has no gradient through a clamped log standard deviation", () => {
    const [below, above] = [LOW - 1, HIGH + 1];
    const { gradient, logProb } = sample(kernels, 1, [0.1, 0.2, 0.3, below, 0, above], [0.5, -0.5, 0.01]);
    const [, , , dBelow, dInside, dAbove] = gradient(1, [1, 1, 1]);
    expect([dBelow, dAbove]).toEqual([0, 0]);
    expect(dInside).not.toBe(0);
    expect(logProb[0]).toBe(sample(kernels, 1, [0.1, 0.2, 0.3, LOW, 0, HIGH], [0.5, -0.5, 0.01]).logProb[0]);
  });

  it("stays finite and right where tanh is 1 to the last digit", () => {
    for (const u of [-40, -12, 12, 40, 80]) {
      const { action, logProb, gradient } = sample(kernels, 1, [u, 0], [0]);
      expect(Math.abs(action[0])).toBe(1);
      // log(1 - tanh(u)^2) = 2 (log 2 - |u|) to within 2 exp(-2 |u|).
      const expected = -Math.log(2 * Math.PI) / 2 - 2 * (Math.log(2) - Math.abs(u));
      expectClose(logProb, [expected], 8 * U * Math.abs(u) + 2 * Math.exp(-2 * Math.abs(u)));
      expectClose(gradient(1, [3]).subarray(0, 1), [2 * Math.sign(u)], 1e-6);
    }
  });

  it("has tanh(mean) as its mode", () => {
    for (const d of SIZES) {
      const head = heads(d);
      const out = kernels.allocate(BATCH * d);
      kernels.tanhGaussianMode(BATCH, d, upload(kernels, head), out, d);
      const means = head.filter((_, i) => i % (2 * d) < d);
      // One rounding of the result and a few of a kernel's tanh.
      expectClose(download(kernels, out, BATCH * d), Array.from(means, Math.tanh), 4 * U);
    }
  });
});

/** The same gradient by jax-js in float64, from log N(u) - log(1 - tanh(u)^2). */
function jaxGradient(
  d: number,
  head: Float32Array,
  noise: Float32Array,
  weight: number,
  dAction: Float32Array,
): Float64Array {
  const size = [BATCH, d];
  const e = float64(noise, size);
  const slopes = float64(dAction, size);
  const loss = (mean: np.Array, logStd: np.Array): np.Array => {
    const action = np.tanh(mean.add(np.exp(logStd.ref).mul(e.ref)));
    const volume = np.log(action.ref.mul(action.ref).mul(-1).add(1));
    return logStd.add(volume).mul(-weight).add(action.mul(slopes.ref)).sum();
  };
  const half = (from: number): np.Array => {
    const own = head.filter((_, i) => i % (2 * d) >= from && i % (2 * d) < from + d);
    return float64(own, size);
  };
  const both = grad(loss, { argnums: [0, 1] })(half(0), half(d));
  const [dMean, dLogStd] = both.map((values) => values.dataSync());
  const rows = Array.from({ length: BATCH }, (_, row) =>
    [dMean, dLogStd].map((values) => [...values].slice(d * row, d * (row + 1))),
  );
  e.dispose();
  slopes.dispose();
  return Float64Array.from(rows.flat(2));
}
