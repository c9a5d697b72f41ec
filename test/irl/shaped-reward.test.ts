import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import { box, keyFromSeed } from "../../src/core/index.ts";
import {
  absorbingShaped,
  addShapedGradient,
  addShapedPenalty,
  CHUNK,
  classifierOptions,
  createRewardModel,
  createShapedReward,
  isAbsorbing,
  shapedForward,
  shapedTeacher,
  writeTransitions,
  type ShapedReward,
} from "../../src/irl/index.ts";
import { describeBuilds, download, normals, U, uniforms, upload } from "../kernels/builds.ts";
import { expectClose } from "../reference/closeness.ts";
import { float64 } from "../reference/jax.ts";
import { readMlp } from "../reference/mlp.ts";
import { differences, shapedPenalty, shapedValue, type Row, type Setting } from "./shaped-definition.ts";

const KEY = keyFromSeed(3);
const DISCOUNT = 0.9;
const CASES = [
  { inputs: "state", absorbing: false },
  { inputs: "state-action", absorbing: false },
  { inputs: "state", absorbing: true },
  { inputs: "state-action", absorbing: true },
] as const;

/** Where an action leads, which ends are ends, r(s) and its soft-optimal policy at `temperature`. */
const softOptimal = (temperature: number, valueAfterEnd: number) => {
  const [states, actions] = [4, 3];
  const draws = uniforms(8, states * actions + states);
  const next = Array.from({ length: states * actions }, (_, i) => (i * 7 + 1) % states);
  const ends = next.map((_, i) => i % 5 === 2);
  const reward = [...draws.subarray(states * actions)];
  let value = reward.map(() => 0);
  const quality = (s: number, a: number): number => {
    const at = s * actions + a;
    return reward[s] + DISCOUNT * (ends[at] ? valueAfterEnd : value[next[at]]);
  };
  const all = Array.from({ length: actions }, (_, a) => a);
  for (let i = 0; i < 600; i++)
    value = value.map((_, s) => {
      const sum = all.reduce((total, a) => total + Math.exp(quality(s, a) / temperature), 0);
      return temperature * Math.log(sum);
    });
  const pairs = next.map((to, at) => {
    const [s, a] = [Math.floor(at / actions), at % actions];
    return { s, a, to, ended: ends[at], logPolicy: (quality(s, a) - value[s]) / temperature };
  });
  return { states, reward, value, pairs };
};

const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));

const layer = (x: np.Array, weight: np.Array, bias: np.Array): np.Array =>
  np.maximum(np.add(np.matmul(x, weight.ref), bias.ref), 0);

describeBuilds("the shaped reward", (kernels) => {
  const make = (
    { inputs, absorbing }: { inputs: "state" | "state-action"; absorbing: boolean },
    n: number,
    d: number,
    hidden: { g: number[]; h: number[] },
  ): ShapedReward => {
    const options = { inputs, hidden: hidden.g, batchSize: 1, learningRate: 1, gradientPenalty: 1, every: 1 };
    const model = createRewardModel(kernels, n, box(d, -1, 1), classifierOptions(options, absorbing), KEY);
    return createShapedReward(kernels, model, { hidden: hidden.h, discount: DISCOUNT }, keyFromSeed(4));
  };
  const valuesOf = (shaped: ShapedReward, count: number, features: number): Float32Array => {
    const out = kernels.allocate(count);
    shapedForward(kernels, shaped, count, features, out);
    return download(kernels, out, count);
  };
  const featuresOf = (shaped: ShapedReward, table: Float32Array, stride: number): number => {
    const count = table.length / stride;
    const features = kernels.allocate(count * shaped.width);
    writeTransitions(kernels, shaped, count, upload(kernels, table), stride, features);
    return features;
  };

  it.each([
    { temperature: 1, absorbing: false },
    { temperature: 0.3, absorbing: false },
    { temperature: 0.3, absorbing: true },
  ])(
    "is alpha log pi of the soft-optimal policy where g is its reward and h its value: D = 1/2 ($temperature, $absorbing)",
    ({ temperature, absorbing }) => {
      const rewardAfter = absorbing ? -0.4 : 0;
      const valueAfter = rewardAfter / (1 - DISCOUNT);
      const { states, reward, value, pairs } = softOptimal(temperature, valueAfter);
      const shaped = make({ inputs: "state", absorbing }, states, 1, { g: [], h: [] });
      const setTables = (constant: number): void => {
        const [g, h] = shaped.terms.map(({ shape, parameters }) =>
          kernels.f32(parameters, shape.blockLength).fill(0),
        );
        g.set([...reward, ...(absorbing ? [rewardAfter] : [])].map((r) => r + constant));
        const raised = constant / (1 - DISCOUNT);
        h.set([...value, ...(absorbing ? [valueAfter] : [])].map((v) => v + raised));
      };
      const oneHot = (s: number): number[] => Array.from({ length: states }, (_, i) => (i === s ? 1 : 0));
      const table = pairs.flatMap(({ s, a, to, ended }) => [...oneHot(s), a, ...oneHot(to), ended ? 1 : 0]);
      const features = featuresOf(shaped, Float32Array.from(table), 2 * states + 2);
      const advantage = pairs.map(({ logPolicy }) => temperature * logPolicy);
      // Three numbers of the size of the values are added.
      const tolerance = 8 * U * Math.max(...value.map(Math.abs), Math.abs(valueAfter));
      setTables(0);
      expectClose(valuesOf(shaped, pairs.length, features), advantage, tolerance);
      if (absorbing) expectClose([absorbingShaped(kernels, shaped) ?? NaN], [0], tolerance);
      // A constant more in the reward is c / (1 - gamma) more in every value and no other f, but where an end is worth 0.
      setTables(2);
      const lost = absorbing ? 0 : (-2 * DISCOUNT) / (1 - DISCOUNT);
      expectClose(
        valuesOf(shaped, pairs.length, features),
        advantage.map((a, i) => a + (pairs[i].ended ? lost : 0)),
        tolerance + 8 * U * (2 / (1 - DISCOUNT)),
      );
      if (absorbing) expectClose([absorbingShaped(kernels, shaped) ?? NaN], [0], tolerance + 8 * U * 20);
      else expect(absorbingShaped(kernels, shaped)).toBeNull();
    },
  );

  const [N, D, COUNT] = [3, 2, 6];
  const STRIDE = 2 * N + D + 1;
  /** Transitions of which every third ended, a normaliser that does something, and both as the definition takes them. */
  const random = (kind: (typeof CASES)[number], count = COUNT) => {
    const shaped = make(kind, N, D, { g: [6, 5], h: [7] });
    const { mean, inverseStd, size } = shaped.reward.normaliser;
    const [means, scales] = [normals(5, size), normals(6, size).map((z) => 1 + z * z)];
    kernels.f32(mean, size).set(means);
    kernels.f32(inverseStd, size).set(scales);
    const table = normals(7, count * STRIDE);
    for (let i = 0; i < count; i++) table[(i + 1) * STRIDE - 1] = i % 3 === 1 ? 1 : 0;
    const standard = (values: Float32Array): number[] =>
      Array.from(values, (x, i) => Math.fround(Math.fround(x - means[i]) * scales[i]));
    const alive = kind.absorbing ? [0] : [];
    const rows = Array.from({ length: count }, (_, i): Row => {
      const row = table.subarray(i * STRIDE, (i + 1) * STRIDE);
      const ended = row[STRIDE - 1] === 1;
      const sa = standard(row.subarray(0, size));
      const next = [...standard(row.subarray(N + D, N + D + N)), ...alive];
      return {
        s: [...sa.slice(0, N), ...alive],
        a: sa.slice(N),
        next: kind.absorbing && ended ? [0, 0, 0, 1] : next,
        carry: kind.absorbing || !ended ? 1 : 0,
      };
    });
    const [{ shape: g }, { shape: h }] = shaped.terms;
    const setting: Setting = { g: g.sizes, h: h.sizes, discount: DISCOUNT, n: N };
    const [gTheta, hTheta] = shaped.terms.map(({ shape, parameters }) => readMlp(kernels, shape, parameters));
    const gradients = () => {
      const [ofG, ofH] = shaped.terms.map(({ shape, gradient }) => readMlp(kernels, shape, gradient));
      return { g: ofG, h: ofH };
    };
    return { shaped, table, rows, setting, theta: { g: gTheta, h: hTheta }, gradients };
  };

  it.each(CASES)("has the value and the gradient of its definition ($inputs, $absorbing)", (kind) => {
    const { shaped, table, rows, setting, theta, gradients } = random(kind);
    const features = featuresOf(shaped, table, STRIDE);
    const values = rows.map((row) => shapedValue(setting, theta, row));
    expectClose(valuesOf(shaped, COUNT, features), values, 64 * U * Math.max(1, largest(values)));
    const weights = normals(9, COUNT);
    const coefficients = upload(kernels, weights);
    addShapedGradient(kernels, shaped, COUNT, features, coefficients);
    const expected = differences(theta, (at) =>
      rows.reduce((sum, row, i) => sum + weights[i] * shapedValue(setting, at, row), 0),
    );
    const actual = gradients();
    expectClose(actual.g, expected.g, 1e-5 * largest(expected.g));
    expectClose(actual.h, expected.h, 1e-5 * largest(expected.h));
    // Added, not set.
    addShapedGradient(kernels, shaped, COUNT, features, coefficients);
    const twice = actual.h.map((value) => 2 * value);
    expectClose(gradients().h, twice, 1e-6 * largest(twice));
  });

  it.each(CASES)("has the gradient penalty of its definition ($inputs, $absorbing)", (kind) => {
    const { shaped, table, rows, setting, theta, gradients } = random(kind);
    const features = featuresOf(shaped, table, STRIDE);
    const weight = 3;
    const penalty = addShapedPenalty(kernels, shaped, COUNT, features, weight);
    const exact = shapedPenalty(setting, theta, rows, weight);
    expectClose([penalty], [exact], 1e-5 * exact);
    const expected = differences(theta, (at) => shapedPenalty(setting, at, rows, weight));
    const actual = gradients();
    expect(largest(expected.h)).toBeGreaterThan(0.1);
    expectClose(actual.g, expected.g, 1e-5 * largest(expected.g));
    expectClose(actual.h, expected.h, 1e-5 * largest(expected.h));
  });

  it("has the gradients of jax-js by h's first layer, of f and of its penalty", () => {
    const { shaped, table, rows, theta, gradients } = random({ inputs: "state", absorbing: false });
    const features = featuresOf(shaped, table, STRIDE);
    const m = 7;
    const { g, h } = theta;
    const w1 = float64(h.slice(0, N * m), [N, m]);
    const [b1, w2] = [float64(h.slice(N * m, N * m + m), [m]), float64(h.slice(N * m + m, -1), [m, 1])];
    const gParts = [
      float64(g.slice(0, 18), [N, 6]),
      float64(g.slice(18, 24), [6]),
      float64(g.slice(24, 54), [6, 5]),
      float64(g.slice(54, 59), [5]),
      float64(g.slice(59, 64), [5, 1]),
    ];
    const reward = (s: np.Array): np.Array =>
      np.matmul(layer(layer(s, gParts[0], gParts[1]), gParts[2], gParts[3]), gParts[4].ref);
    const carry = float64(
      rows.map((row) => DISCOUNT * row.carry),
      [COUNT, 1],
    );
    const f = (s: np.Array, next: np.Array, first: np.Array): np.Array => {
      const potential = (x: np.Array): np.Array => np.matmul(layer(x, first, b1), w2.ref);
      return reward(s.ref).add(potential(next).mul(carry.ref)).sub(potential(s)).sum();
    };
    const s = float64(
      rows.flatMap((row) => [...row.s]),
      [COUNT, N],
    );
    const next = float64(
      rows.flatMap((row) => [...row.next]),
      [COUNT, N],
    );
    const penalty = (first: np.Array): np.Array => {
      const [byS, byNext] = grad((here: np.Array, there: np.Array) => f(here, there, first.ref), {
        argnums: [0, 1],
      })(s.ref, next.ref);
      const squares = np.add(np.sum(byS.ref.mul(byS), 1), np.sum(byNext.ref.mul(byNext), 1));
      const off = np.sqrt(squares).sub(1);
      return off.ref
        .mul(off)
        .sum()
        .mul(5 / COUNT);
    };
    const firstLayer = (): number[] => gradients().h.slice(0, N * m);
    valuesOf(shaped, COUNT, features);
    addShapedGradient(
      kernels,
      shaped,
      COUNT,
      features,
      upload(
        kernels,
        Array.from({ length: COUNT }, () => 1),
      ),
    );
    const ofF = grad((first: np.Array) => f(s.ref, next.ref, first))(w1.ref).dataSync();
    expectClose(firstLayer(), ofF, 1e-5 * largest([...ofF]));
    kernels.fill(shaped.shaping.length, shaped.shaping.gradient, 0);
    addShapedPenalty(kernels, shaped, COUNT, features, 5);
    const ofPenalty = grad(penalty)(w1.ref).dataSync();
    expectClose(firstLayer(), ofPenalty, 1e-5 * largest([...ofPenalty]));
  });

  it.each(CASES)("knows the absorbing state's row from others ($inputs, $absorbing)", (kind) => {
    const shaped = make(kind, 2, 1, { g: [3], h: [2] });
    const { width, absorbing } = shaped;
    const rows = upload(kernels, new Float32Array(2 * width).fill(1));
    const table = kernels.f32(rows, 2 * width);
    if (absorbing) {
      // Ones all over but for g's indicator; then the state itself.
      table[shaped.terms[0].shape.sizes[0] - 1] = 0;
      table.set(kernels.f32(absorbing, width), width);
    }
    expect([0, 1].map((row) => isAbsorbing(shaped, table, row))).toEqual([false, kind.absorbing]);
  });

  it.each(CASES)("teaches f, batches of more than a chunk too ($inputs, $absorbing)", (kind) => {
    const size = CHUNK + 5;
    const { shaped, table, rows, setting, theta } = random(kind, size);
    const out = kernels.allocate(size);
    const teacher = shapedTeacher(kernels, shaped);
    // Twice: nothing of an ended step may stay behind.
    for (let i = 0; i < 2; i++)
      teacher({ size, rows: upload(kernels, table), stride: STRIDE, indices: 0 }, out);
    const reversed = Float32Array.from({ length: table.length }, (_, at) => {
      const [row, column] = [Math.floor(at / STRIDE), at % STRIDE];
      return table[(size - 1 - row) * STRIDE + column];
    });
    const values = rows.map((row) => shapedValue(setting, theta, row));
    const tolerance = 64 * U * largest(values);
    expectClose(download(kernels, out, size), values, tolerance);
    teacher({ size, rows: upload(kernels, reversed), stride: STRIDE, indices: 0 }, out);
    expectClose(download(kernels, out, size), values.toReversed(), tolerance);
  });

  it("refuses the paper's network", () => {
    const { reward } = make(CASES[0], 2, 1, { g: [3], h: [3] });
    const options = { ...reward.options, network: { kind: "two-layer", width: 4 } } as const;
    const model = createRewardModel(kernels, 2, box(1, -1, 1), options, KEY);
    expect(() => createShapedReward(kernels, model, { hidden: [3], discount: DISCOUNT }, KEY)).toThrow(
      /createShapedReward: expected a reward of kind mlp, got two-layer/,
    );
  });
});
