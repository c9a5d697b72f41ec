import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { initialiseMlp, mlpForward, mlpShape, mlpWorkspace } from "../../src/nn/index.ts";
import {
  addLogRatioGradient,
  addTransition,
  createAnchor,
  createReplay,
  createSac,
  emptySacMetrics,
  gaussianLogRatio,
  moveAnchor,
  sacUpdate,
  type BatchReward,
} from "../../src/rl/index.ts";
import { describeBuilds, download, normals, uniforms, upload, U } from "../kernels/builds.ts";
import { constants, gradient, subtract, sum, times } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { float64 } from "../reference/jax.ts";
import { tanhGaussian, tanhGaussianDensity } from "../reference/soft-actor-critic.ts";

const LOW = -20;
const HIGH = 2;
const ROWS = 4;
const SIZES = [1, 2, 3, 6];
const WEIGHT = 0.37;

/** [ROWS, 2 d]: mean then log std, means within +-1 and log standard deviations in [-2, 0.5]. */
function heads(seed: number, d: number): Float32Array {
  return normals(seed, ROWS * 2 * d).map((z, i) =>
    i % (2 * d) < d ? Math.tanh(z) : -0.75 + 1.25 * Math.tanh(z),
  );
}

describeBuilds("the log ratio to an anchor", (kernels) => {
  const measure = (d: number, head: ArrayLike<number>, near: ArrayLike<number>, noise: ArrayLike<number>) => {
    const rows = noise.length / d;
    const [headAt, nearAt, noiseAt] = [head, near, noise].map((values) => upload(kernels, values));
    const [out, dHead] = [rows, 2 * rows * d].map((count) => kernels.allocate(count));
    gaussianLogRatio(kernels, rows, d, headAt, nearAt, noiseAt, LOW, HIGH, out);
    kernels.fill(2 * rows * d, dHead, 0.5);
    addLogRatioGradient(kernels, rows, d, headAt, nearAt, noiseAt, LOW, HIGH, WEIGHT, dHead);
    return { ratio: download(kernels, out, rows), slope: download(kernels, dHead, 2 * rows * d) };
  };

  it.each(SIZES)("is that of the tanh-Gaussian densities, and so is its gradient: %i actions", (d) => {
    const [head, near, noise] = [heads(1, d), heads(2, d), normals(3, ROWS * d)];
    const { ratio, slope } = measure(d, head, near, noise);
    const inputs = constants(head);
    const ratios = Array.from({ length: ROWS }, (_, row) => {
      const [from, to] = [2 * d * row, 2 * d * (row + 1)];
      const drawn = tanhGaussian(inputs.slice(from, to), [...noise.subarray(from / 2, to / 2)]);
      const other = tanhGaussianDensity(constants(near.subarray(from, to)), drawn.preTanh);
      return subtract(drawn.logProb, other);
    });
    const slopes = gradient(times(WEIGHT, sum(ratios)), inputs);
    // All is float64 but for the heads and the results; the reference loses digits where tanh is near 1.
    expectClose(
      ratio,
      ratios.map(({ value }) => value),
      ratios.map(({ value }) => 2 * U * Math.abs(value) + 1e-9),
    );
    const expected = slopes.map((each) => 0.5 + each);
    const tolerances = expected.map((each) => 2 * U * Math.abs(each) + 1e-9);
    expectClose(slope, expected, tolerances);
    expectClose(
      slope,
      jaxGradient(d, head, near, noise).map((each) => 0.5 + each),
      // jax-js' exp is good to about 2^-24.
      tolerances.map((tolerance, i) => tolerance + 64 * U * (1 + Math.abs(expected[i]))),
    );
  });

  it("has the gradient of central differences", () => {
    const d = 3;
    const [head, near, noise] = [heads(4, d), heads(5, d), normals(6, ROWS * d)];
    const { slope } = measure(d, head, near, noise);
    const total = (at: Float32Array): number => {
      let all = 0;
      for (const each of measure(d, at, near, noise).ratio) all += each;
      return WEIGHT * all;
    };
    const h = 2 ** -8;
    head.forEach((value, i) => {
      const [above, below] = [value + h, value - h].map((x) => total(head.with(i, x)));
      // Ratios are float32 of some tens; the third derivative is at most about exp(4) times that of a square.
      expect(Math.abs((above - below) / (2 * h) - (slope[i] - 0.5))).toBeLessThan(0.01);
    });
  });

  it("is 0 at the anchor itself, whatever the spread", () => {
    const head = [0.3, -7, -30, 5, 0.2, 0];
    const { ratio } = measure(3, head, head, [0.7, -1.2, 2]);
    expect([...ratio]).toEqual([0]);
  });

  it("clamps both spreads, and has no gradient through the policy's where clamped", () => {
    const noise = [0.5, -0.3, 0.2];
    const near = [0.1, 0.1, 0.1, 9, -0.5, 0];
    const beyond = measure(3, [0, 0.2, 0, 3, 0, 2.5], near, noise);
    const at = measure(3, [0, 0.2, 0, HIGH, 0, HIGH], near.with(3, HIGH), noise);
    expect([...beyond.ratio]).toEqual([...at.ratio]);
    expect([...beyond.slope.subarray(0, 3)]).toEqual([...at.slope.subarray(0, 3)]);
    expect(beyond.slope[3]).toBe(0.5);
    expect(beyond.slope[5]).toBe(0.5);
    expect(beyond.slope[4]).not.toBe(0.5);
    const low = measure(3, [0, 0.2, 0, -40, 0, 0], near.with(3, -50), noise);
    expect(low.slope[3]).toBe(0.5);
    expect([...low.ratio]).toEqual([...measure(3, [0, 0.2, 0, LOW, 0, 0], near.with(3, LOW), noise).ratio]);
  });

  it("keeps its digits where the policies are narrow and near", () => {
    // std exp(-15) at a mean of 0.5: u in float32 could not tell them apart. z = 1/2 + noise.
    const std = Math.exp(-15);
    const apart = Math.fround(2 ** -24);
    const { ratio } = measure(1, [0.5 + apart, -15], [0.5, -15], [0.25]);
    const z = apart / std + 0.25;
    expectClose(ratio, [(z * z - 0.0625) / 2], 4 * U);
  });
});

describeBuilds("an anchor", (kernels) => {
  it("keeps a copy until it is moved", () => {
    const shape = mlpShape([3, 5, 4]);
    const actor = kernels.allocate(shape.blockLength);
    initialiseMlp(kernels, shape, actor, keyFromSeed(1));
    const first = download(kernels, actor, shape.blockLength);
    const anchor = createAnchor(kernels, shape, actor, 2, 0.5);
    initialiseMlp(kernels, shape, actor, keyFromSeed(2));
    expect(download(kernels, anchor.actor, shape.blockLength)).toEqual(first);
    moveAnchor(kernels, anchor, actor);
    expect(download(kernels, anchor.actor, shape.blockLength)).toEqual(
      download(kernels, actor, shape.blockLength),
    );
  });

  /**
   * One state, every step an end, r(a) = temperature log p(a), p a tanh-Gaussian: the best policy is proportional to
   * pi_k^(mu / (mu + temperature)) p^(temperature / (mu + temperature)), whose exponents sum to 1, so that it is a tanh-Gaussian too.
   */
  it.each([
    { mu: 0, temperature: 0.4 },
    { mu: 0.4, temperature: 0.4 },
    { mu: 1.2, temperature: 0.4 },
  ])(
    "leads to the policy between it and the reward's: mu $mu, temperature $temperature",
    ({ mu, temperature }) => {
      const options = {
        hidden: [32, 32],
        batchSize: 64,
        discount: 0.9,
        learningRate: 3e-3,
        polyak: 0.05,
        temperature,
        targetEntropy: "auto",
      } as const;
      const [goal, goalStd, anchorMean, anchorLogStd] = [0.5, 0.35, -0.4, -0.6];
      const sac = createSac(kernels, 1, 1, options, keyFromSeed(3));
      // pi_k: no input, both outputs its last layer's biases.
      const { layers, blockLength } = sac.actorShape;
      const fixed = kernels.allocate(blockLength);
      kernels.f32(fixed + layers[2].bias, 2).set([anchorMean, anchorLogStd]);
      if (mu > 0) sac.anchor = createAnchor(kernels, sac.actorShape, fixed, options.batchSize, mu);
      const replay = createReplay(kernels, {
        observationSize: 1,
        actionSize: 1,
        capacity: 2000,
        keepTrueRewards: false,
      });
      for (const a of uniforms(5, 2000))
        addTransition(kernels, replay, [0], [0.97 * a], [0], true, Number.NaN);
      const reward: BatchReward = ({ size, rows, stride }, out) => {
        const table = kernels.f32(rows, size * stride);
        const paid = kernels.f32(out, size);
        for (let i = 0; i < size; i++) {
          const a = table[i * stride + 1];
          const z = (Math.atanh(a) - goal) / goalStd;
          paid[i] = temperature * (-0.5 * z * z - Math.log(1 - a * a));
        }
      };
      const metrics = emptySacMetrics();
      for (let i = 0; i < 3000; i++) {
        if (i === 2000) sac.learningRate /= 10;
        sacUpdate(kernels, sac, replay, reward, metrics);
      }
      const observation = upload(kernels, [0]);
      const head = mlpForward(
        kernels,
        sac.actorShape,
        sac.actor,
        1,
        observation,
        1,
        mlpWorkspace(kernels, sac.actorShape, 1),
      );
      const [mean, logStd] = kernels.f32(head, 2);
      const share = mu / (mu + temperature);
      const [own, other] = [(1 - share) / goalStd ** 2, share / Math.exp(2 * anchorLogStd)];
      const best = {
        mean: (own * goal + other * anchorMean) / (own + other),
        logStd: -Math.log(own + other) / 2,
      };
      // What a critic of 32 units makes of the logarithm, and actions beyond +-0.97 that it never saw.
      expectClose([mean, logStd], [best.mean, best.logStd], 0.08);
    },
  );
});

/** By jax-js in float64, from the Gaussian densities of u = mean + std noise. */
function jaxGradient(d: number, head: Float32Array, near: Float32Array, noise: Float32Array): Float64Array {
  const size = [ROWS, d];
  const half = (from: Float32Array, offset: number): np.Array =>
    float64(
      from.filter((_, i) => i % (2 * d) >= offset && i % (2 * d) < offset + d),
      size,
    );
  const [e, nearMean, nearLogStd] = [float64(noise, size), half(near, 0), half(near, d)];
  const loss = (mean: np.Array, logStd: np.Array): np.Array => {
    const u = mean.add(np.exp(logStd.ref).mul(e.ref));
    const z = u.sub(nearMean.ref).div(np.exp(nearLogStd.ref));
    return z.ref.mul(z).mul(0.5).sub(logStd).mul(WEIGHT).sum();
  };
  const both = grad(loss, { argnums: [0, 1] })(half(head, 0), half(head, d));
  const [dMean, dLogStd] = both.map((values) => values.dataSync());
  for (const held of [e, nearMean, nearLogStd]) held.dispose();
  return Float64Array.from(
    Array.from({ length: ROWS }, (_, row) =>
      [dMean, dLogStd].flatMap((values) => [...values].slice(d * row, d * (row + 1))),
    ).flat(),
  );
}
