import { expect, it } from "vitest";
import { box, keyFromSeed } from "../../src/core/index.ts";
import {
  ascend,
  createRewardModel,
  type AscentReport,
  type RewardModel,
  type RewardOptions,
} from "../../src/irl/index.ts";
import { describeBuilds, download, normals, U } from "../kernels/builds.ts";
import { adam, adamMemory } from "../reference/adam.ts";
import { float32Tolerance } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";

const OPTIONS: RewardOptions = {
  inputs: "state-action",
  network: { kind: "two-layer", width: 5 },
  optimiser: "ascent",
  stepSize: 0.5,
  stepSizeDecay: 0,
  regulariser: { kind: "none" },
};

describeBuilds("a reward step", (kernels) => {
  const make = (options: Partial<RewardOptions> = {}): RewardModel =>
    createRewardModel(kernels, 3, box(2, -1, 1), { ...OPTIONS, ...options }, keyFromSeed(1));
  const read = (model: RewardModel, block: number): number[] => [
    ...download(kernels, block, model.network.length),
  ];
  /** Step k along `gradient`. */
  const climb = (model: RewardModel, gradient: ArrayLike<number>, k = 0, scale = 1): AscentReport => {
    kernels.f32(model.gradient, model.network.length).set(gradient);
    return ascend(kernels, model, k, scale);
  };
  const { length } = make().network;
  const g = normals(2, length);
  const norm = Math.hypot(...g);
  const opposite = g.map((value) => -value);

  it("climbs: theta + alpha scale g", () => {
    const model = make();
    const start = read(model, model.network.parameters);
    climb(model, g, 0, 0.25);
    const expected = start.map((value, i) => value + 0.5 * 0.25 * g[i]);
    // Product and sum: two roundings of numbers no larger than these.
    const allowed = start.map((value, i) => 2 * U * (Math.abs(value) + Math.abs(g[i])));
    expectClose(read(model, model.network.parameters), expected, allowed);
  });

  it.each([0, 0.5, 1])("takes step k at alpha_0 (k + 1)^-sigma, sigma = %d", (stepSizeDecay) => {
    for (const k of [0, 1, 3, 24]) {
      const model = make({ stepSizeDecay });
      const { travel } = climb(model, g, k);
      const expected = 0.5 * (k + 1) ** -stepSizeDecay * norm;
      // The distance of stored numbers, each off by a rounding of |theta| < 4.
      expectClose([travel], [expected], 4 * U * Math.sqrt(length) + length * U * expected);
    }
  });

  it("with Adam takes Adam's own step up the gradient, whatever the scale", () => {
    const model = make({ optimiser: "adam", stepSize: 0.01 });
    const start = read(model, model.network.parameters);
    const steps = [g, normals(3, length), opposite];
    steps.forEach((gradient, k) => climb(model, gradient, k, 1000 ** k));
    const expected = (): number[] => {
      const memory = adamMemory(length);
      return steps.reduce(
        (theta, own) =>
          adam(
            memory,
            theta,
            Array.from(own, (v) => -v),
            0.01,
          ),
        start,
      );
    };
    expectClose(read(model, model.network.parameters), expected(), float32Tolerance(expected));
  });

  it("with a projection ends on the ball of its radius around theta_0, in the direction it climbed", () => {
    const model = make({ regulariser: { kind: "projection", radius: 0.3 } });
    const start = read(model, model.initial);
    const report = climb(model, g);
    expect(report).toMatchObject({ projected: true, travel: 0.3 });
    const expected = start.map((value, i) => value + (0.3 * g[i]) / norm);
    expectClose(read(model, model.network.parameters), expected, 16 * U);
  });

  it("with a projection that is not reached climbs freely", () => {
    const free = make();
    const held = make({ regulariser: { kind: "projection", radius: 100 } });
    const reports = [free, held].map((model) => climb(model, g));
    expect(reports[1]).toEqual({ ...reports[0], projected: false });
    expect(read(held, held.network.parameters)).toEqual(read(free, free.network.parameters));
  });

  it("with weight decay is pulled towards theta_0 by the rate, after the climb", () => {
    const model = make({ regulariser: { kind: "weight-decay", rate: 0.1 } });
    const start = read(model, model.initial);
    const { travel, projected } = climb(model, g);
    const expected = start.map((value, i) => value + 0.9 * 0.5 * g[i]);
    expectClose(read(model, model.network.parameters), expected, 16 * U);
    expectClose([travel], [0.9 * 0.5 * norm], length * U * norm);
    expect(projected).toBe(false);
  });

  it("reports the gradient's norm and its cosine with the one before", () => {
    const model = make();
    const other = normals(3, length);
    const first = climb(model, g);
    expectClose([first.gradientNorm, first.gradientCosine], [norm, 0], [length * U * norm, 0]);
    expectClose([climb(model, g).gradientCosine], [1], length * U);
    expectClose([climb(model, opposite).gradientCosine], [-1], length * U);
    const cosine = -g.reduce((total, value, i) => total + value * other[i], 0) / norm / Math.hypot(...other);
    expectClose([climb(model, other).gradientCosine], [cosine], length * U);
  });

  it("hands its gradient on as the previous one and leaves an empty one", () => {
    for (const optimiser of ["ascent", "adam"] as const) {
      const model = make({ optimiser });
      climb(model, g);
      expect(read(model, model.previousGradient)).toEqual([...g]);
      expect(read(model, model.gradient)).toEqual(Array.from({ length: length }, () => 0));
    }
  });

  it("without a gradient leaves the reward where it is", () => {
    const model = make({ regulariser: { kind: "projection", radius: 1 } });
    const start = read(model, model.network.parameters);
    expect(climb(model, new Float32Array(length))).toEqual({
      gradientNorm: 0,
      gradientCosine: 0,
      travel: 0,
      projected: false,
    });
    expect(read(model, model.network.parameters)).toEqual(start);
  });
});
