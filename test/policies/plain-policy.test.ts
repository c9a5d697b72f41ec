import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, test } from "vitest";
import { keyFromSeed, type Key } from "../../src/core/index.ts";
import { supportsKernels } from "../../src/kernels/index.ts";
import { parsePlainPolicy, readPlainPolicy } from "../../src/policies/index.ts";
import { readDescription } from "../../src/policies/plain-description.ts";
import { networkOutput, vectorAction, type Rounded } from "./reference-policy.ts";
import { DISCRETE, tinyContent, WEIGHTS, type Content } from "./tiny-policy.ts";

const OBSERVATION = [1, 0.5, -2];
/** relu(W1 o + b1) = relu([1 - 1 - 1 + 0.5, 0.25 + 2 + 2 - 0.125]) = [0, 4.125]; W2 . + b2 = [8.5, 2.0625]. */
const OUTPUT = [8.5, 2.0625];

/** The action of the tiny policy with `changes`. */
async function act(changes: Content, draws: Key | null = null): Promise<number[]> {
  const policy = await parsePlainPolicy(tinyContent(changes), WEIGHTS, { source: "tiny", draws });
  const { output } = policy.about;
  const action = new Float32Array(output.kind === "box" ? output.size : 1);
  expect(policy.act(Float64Array.from(OBSERVATION), action)).toBeUndefined();
  return [...action];
}

const box = (more: Content): Content => ({ output: { kind: "box", squash: "none", ...more } });
const bounds = (low: number[], high: number[]): Content => ({
  env: { id: "Task-v0", obsDim: 3, actionKind: "box", actDim: 2, low, high },
});
/** Within the error of the kernels' tanh, in units of the action's range. */
const close = (expected: number[], range = 1): number[] =>
  expected.map((value) => expect.closeTo(value, -Math.log10(2 * range * 3 * 2 ** -23)) as number);

describe("a policy followed by hand", () => {
  it("multiplies by rows, adds the bias and leaves the last layer as it is", async () => {
    expect(await act({})).toEqual(OUTPUT);
  });

  it("squashes hidden layers by tanh where it says so", async () => {
    const [first, second] = tinyContent().layers as Content[];
    const hidden = [Math.tanh(-0.5), Math.tanh(4.125)];
    const expected = [hidden[0] + 2 * hidden[1] + 0.25, -3 * hidden[0] + 0.5 * hidden[1]];
    expect(await act({ layers: [{ ...first, activation: "tanh" }, second] })).toEqual(close(expected, 4));
  });

  it("keeps its output within preClip, then squashes it, onto the bounds of its environment", async () => {
    expect(await act(box({ preClip: 3 }))).toEqual([3, 2.0625]);
    expect(await act(box({ squash: "tanh" }))).toEqual(close([1, Math.tanh(2.0625)]));
    expect(await act(box({ squash: "tanh", preClip: 0.5 }))).toEqual(close([Math.tanh(0.5), Math.tanh(0.5)]));
    const scaled = { ...box({ squash: "tanh", preClip: 0.5 }), ...bounds([-3, 0], [1, 10]) };
    expect(await act(scaled)).toEqual(close([-1 + 2 * Math.tanh(0.5), 5 + 5 * Math.tanh(0.5)], 10));
  });

  it("clips at the end, coordinate by coordinate", async () => {
    const clip = [
      [-1, 2.5],
      [0.75, 3],
    ];
    expect(await act(box({ clip }))).toEqual([0.75, 2.5]);
  });

  it("may act out of bounds", async () => {
    expect(await act(bounds([-0.4, -0.4], [0.4, 0.4]))).toEqual(OUTPUT);
  });

  it("normalises in float64, clips, then goes on in float32", async () => {
    const normaliser = { kind: "VecNormalize", mean: [-1e8, 1e8, -1], scale: [0.5, 0.5, 2], clip: 10 };
    // [10, -10, -0.5] -> relu([10 + 20 - 0.25 + 0.5, 2.5 - 40 + 0.5 - 0.125]) = [30.25, 0]
    expect(await act({ obsNorm: normaliser })).toEqual([30.5, -90.75]);
    // Without a limit, and with a mean so large that float32 could not tell the observation from it.
    const unlimited = { kind: "Standardizer", mean: [1e9 + 0.5, 0.25, -1], scale: [1, 0.5, 2], clip: null };
    const content = tinyContent({ obsNorm: unlimited });
    const policy = await parsePlainPolicy(content, WEIGHTS, { source: "tiny", draws: null });
    const action = new Float32Array(2);
    void policy.act(Float64Array.of(1e9 + 2.5, 0.5, -2), action);
    // [2, 0.5, -0.5] -> relu([2 - 1 - 0.25 + 0.5, 0.5 + 2 + 0.5 - 0.125]) = [1.25, 2.875]
    expect([...action]).toEqual([7.25, -2.3125]);
  });

  it("pads the observation with zeros, which are normalised too", async () => {
    const narrow = {
      env: { ...(bounds([-1, -1], [1, 1]).env as Content), obsDim: 2 },
      obsAdapter: { padTo: 3, padWith: "zeros" },
    };
    const content = (more: Content): Content => tinyContent({ ...narrow, ...more });
    const policy = async (more: Content): Promise<number[]> => {
      const read = await parsePlainPolicy(content(more), WEIGHTS, { source: "tiny", draws: null });
      expect(read.about.observationSize).toBe(2);
      const action = new Float32Array(2);
      void read.act(Float64Array.of(1, 0.5), action);
      return [...action];
    };
    // relu([1 - 1 + 0.5, 0.25 + 2 - 0.125]) = [0.5, 2.125]
    expect(await policy({})).toEqual([5, -0.4375]);
    const obsNorm = { kind: "Standardizer", mean: [0, 0, 4], scale: [1, 1, 2], clip: null };
    // The third coordinate is -2: OUTPUT.
    expect(await policy({ obsNorm })).toEqual(OUTPUT);
  });

  it("takes the largest output's index as a discrete action", async () => {
    expect(await act(DISCRETE)).toEqual([0]);
    const swapped = (tinyContent().layers as Content[]).slice(0, 1);
    // [0, 4.125]
    expect(await act({ ...DISCRETE, layers: swapped })).toEqual([1]);
  });

  it("says what it is", async () => {
    const { about } = await parsePlainPolicy(tinyContent(), WEIGHTS, { source: "tiny", draws: null });
    expect(about).toEqual({
      name: "tiny",
      source: { licence: "none" },
      environment: "Task-v0",
      observationSize: 3,
      output: { kind: "box", size: 2 },
      published: { mean: 12.5, std: null, where: "nowhere" },
    });
    const discrete = await parsePlainPolicy(tinyContent(DISCRETE), WEIGHTS, { source: "tiny", draws: null });
    expect(discrete.about.output).toEqual({ kind: "discrete", count: 2 });
  });
});

/** Draws of the tiny policy's action, in turn. */
async function draws(changes: Content, count: number, key: Key): Promise<number[][]> {
  const policy = await parsePlainPolicy(tinyContent(changes), WEIGHTS, { source: "tiny", draws: key });
  const { output } = policy.about;
  return Array.from({ length: count }, () => {
    const action = new Float32Array(output.kind === "box" ? output.size : 1);
    void policy.act(Float64Array.from(OBSERVATION), action);
    return [...action];
  });
}

/** Mean and standard deviation of one coordinate. */
function moments(rows: number[][], column: number): { mean: number; std: number } {
  const values = rows.map((row) => row[column]);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(square) };
}

const COUNT = 4000;

/** A sample of normals N(mean, std^2): each moment within 4 of its own standard deviations. */
function expectNormal(rows: number[][], column: number, mean: number, std: number): void {
  const got = moments(rows, column);
  expect(Math.abs(got.mean - mean)).toBeLessThan((4 * std) / Math.sqrt(COUNT));
  expect(Math.abs(got.std - std)).toBeLessThan((4 * std) / Math.sqrt(2 * COUNT));
}

describe("drawn actions", () => {
  it("spread by log_std around the output", async () => {
    const rows = await draws({}, COUNT, keyFromSeed(1));
    expectNormal(rows, 0, OUTPUT[0], Math.exp(-0.5));
    expectNormal(rows, 1, OUTPUT[1], Math.exp(0.25));
    const covariance =
      rows.reduce((sum, [a, b]) => sum + (a - OUTPUT[0]) * (b - OUTPUT[1]), 0) / (COUNT * Math.exp(-0.25));
    expect(Math.abs(covariance)).toBeLessThan(4 / Math.sqrt(COUNT));
  });

  it("spread by a layer beside the last one, clamped, and are squashed afterwards", async () => {
    const spread = {
      kind: "tanh_gaussian",
      logStdLayer: { weight: "spread.w", bias: "spread.b", input: "last hidden activation" },
      logStdClamp: [-2, 2],
    };
    // hidden [0, 4.125]: log std [-1, -3.625], the second clamped to -2.
    const rows = await draws({ stochastic: spread }, COUNT, keyFromSeed(2));
    expectNormal(rows, 0, OUTPUT[0], Math.exp(-1));
    expectNormal(rows, 1, OUTPUT[1], Math.exp(-2));
    const squashed = await draws({ stochastic: spread, ...box({ squash: "tanh" }) }, COUNT, keyFromSeed(2));
    expect(squashed.every(([, second], i) => Math.abs(Math.atanh(second) - rows[i][1]) < 1e-4)).toBe(true);
  });

  it("are as likely as the logits say", async () => {
    // Logits [0, 4.125] are too far apart to see: [0.5, -0.25] by another hidden layer's bias.
    const layers = [
      { weight: "spread.w", bias: "last.b", in: 2, out: 2, activation: "linear" },
      { weight: "last.w", bias: "spread.b", in: 2, out: 2, activation: "linear" },
    ];
    const env = { id: "Task-v0", obsDim: 2, actionKind: "discrete", actDim: 2 };
    const content = tinyContent({ ...DISCRETE, env, layers });
    const policy = await parsePlainPolicy(content, WEIGHTS, { source: "tiny", draws: keyFromSeed(3) });
    const action = new Float32Array(1);
    let ones = 0;
    for (let i = 0; i < COUNT; i++) {
      // h = [0.25, 0] + [0.5 * 0.2, 0.2 - 0.4] = [0.35, -0.2]; logits [0.35 - 0.4 - 1, -1.05 - 0.1 + 0.5] = [-1.05, -0.65]
      void policy.act(Float64Array.of(0.2, 0.4), action);
      ones += action[0];
    }
    const probability = 1 / (1 + Math.exp(-1.05 + 0.65));
    const deviation = Math.sqrt((probability * (1 - probability)) / COUNT);
    expect(Math.abs(ones / COUNT - probability)).toBeLessThan(4 * deviation);
  });

  it("follow from the key alone", async () => {
    const once = await draws({}, 5, keyFromSeed(4));
    expect(await draws({}, 5, keyFromSeed(4))).toEqual(once);
    expect(await draws({}, 5, keyFromSeed(5))).not.toEqual(once);
    expect(new Set(once.map(([first]) => first)).size).toBe(5);
  });

  it.each([
    ["gSDE", { stochastic: { kind: "gSDE" } }],
    ["null", { ...DISCRETE, stochastic: null }],
    ["null", { stochastic: null }],
  ])("are refused where the file does not say how: %s", async (kind, changes) => {
    await expect(draws(changes, 1, keyFromSeed(1))).rejects.toThrow(
      `readPolicy: tiny: tiny says how it acts, not how its actions are drawn (stochastic: ${kind}); leave sampling out`,
    );
  });
});

const layer = (i: number, more: Content): Content => ({
  layers: (tinyContent().layers as Content[]).map((given, at) => (at === i ? { ...given, ...more } : given)),
});
const tensor = (name: string, more: Content): Content => {
  const tensors = tinyContent().tensors as Record<string, Content>;
  return { tensors: { ...tensors, [name]: { ...tensors[name], ...more } } };
};
const norm = (more: Content): Content => ({
  obsNorm: { kind: "VecNormalize", mean: [0, 0, 0], scale: [1, 1, 1], clip: 10, ...more },
});

describe("files that are refused", () => {
  const cases: [why: string, changes: Content, says: RegExp][] = [
    ["another format", { format: "plain-policy/2" }, /tiny: format: /],
    ["an unknown activation", layer(0, { activation: "swish" }), /layers\.0\.activation: /],
    ["an adapter that is not known", { obsAdapter: { timeFeature: 1000 } }, /obsAdapter: .*timeFeature/],
    ["a normaliser that is not known", norm({ kind: "Running" }), /obsNorm\.kind/],
    ["a key that would be ignored", norm({ epsilon: 1e-8 }), /obsNorm: .*epsilon/],
    ["an unknown squash", { output: { kind: "box", squash: "sigmoid" } }, /output\.squash/],
    ["a normaliser of other size", norm({ mean: [0, 0] }), /obsNorm\.mean: expected 3, got 2/],
    ["a scale of other size", norm({ scale: [1, 1] }), /obsNorm\.scale: expected 3, got 2/],
    ["a scale of zero", norm({ scale: [1, 0, 1] }), /obsNorm\.scale\.1/],
    ["layers that do not meet", layer(1, { in: 3 }), /layers\.1\.in: expected 2, got 3/],
    ["a first layer of other size", layer(0, { in: 4 }), /layers\.0\.in: expected 3, got 4/],
    ["a last layer of other size", layer(1, { out: 3 }), /layers\.1\.out: expected 2, got 3/],
    ["padding to less", { obsAdapter: { padTo: 2 } }, /padTo: expected at least 3, got 2/],
    ["bounds of other size", bounds([-1], [1, 1]), /env\.low: expected 2, got 1/],
    ["upper bounds of other size", bounds([-1, -1], [1]), /env\.high: expected 2, got 1/],
    ["limits of other size", box({ clip: [[-1, -1], [1]] }), /output\.clip: expected 2, got 1/],
    ["an index as a vector", { output: { kind: "argmax" } }, /argmax does not go with box/],
    ["a vector as an index", { env: DISCRETE.env }, /box does not go with discrete/],
    ["a missing tensor", layer(0, { weight: "none" }), /tiny: there is no tensor none/],
    ["a tensor of Object", layer(0, { weight: "constructor" }), /there is no tensor constructor/],
    ["a transposed tensor", tensor("first.w", { shape: [3, 2] }), /shape \[2, 3\], got \[3, 2\]/],
    ["an odd offset", tensor("first.b", { offset: 25 }), /tensors\.first\.b\.offset/],
    ["a negative offset", tensor("first.b", { offset: -4 }), /tensors\.first\.b\.offset/],
    [
      "weights beyond the end",
      tensor("last.b", { offset: 84 }),
      /ends at byte 92 of weights\.bin, which has 88; it may be cut short/,
    ],
  ];
  it.each(cases)("%s", async (_, changes, says) => {
    const reading = parsePlainPolicy(tinyContent(changes), WEIGHTS, { source: "tiny", draws: null });
    await expect(reading).rejects.toThrow(says);
    await expect(reading).rejects.toThrow(/^readPolicy: tiny: [^\n]+$/);
  });

  it("weights that are not finite, or cut short", async () => {
    const broken = Uint8Array.from(WEIGHTS);
    new DataView(broken.buffer).setFloat32(4, NaN, true);
    const options = { source: "tiny", draws: null };
    await expect(parsePlainPolicy(tinyContent(), broken, options)).rejects.toThrow(/first\.w .*not finite/);
    await expect(parsePlainPolicy(tinyContent(), WEIGHTS.subarray(0, 20), options)).rejects.toThrow(
      /first\.w ends at byte 24 of weights\.bin, which has 20/,
    );
    await expect(parsePlainPolicy(null, WEIGHTS, options)).rejects.toThrow(/tiny: content: /);
  });

  it("reads weights that do not begin at a multiple of 4", async () => {
    const shifted = new Uint8Array(WEIGHTS.length + 1);
    shifted.set(WEIGHTS, 1);
    const policy = await parsePlainPolicy(tinyContent(), shifted.subarray(1), {
      source: "tiny",
      draws: null,
    });
    const action = new Float32Array(2);
    void policy.act(Float64Array.from(OBSERVATION), action);
    expect([...action]).toEqual(OUTPUT);
  });
});

test("a tensor may serve many layers", async () => {
  // Multiplied by the identity 24 times, more than the file's size suggests.
  const size = 512;
  const identity = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  const weights = new Uint8Array(4 * (size * size + size));
  weights.set(new Uint8Array(identity.buffer));
  const layer = { weight: "w", bias: "b", in: size, out: size, activation: "linear" };
  const limits = Array.from({ length: size }, () => 1);
  const content = tinyContent({
    env: { id: "Task-v0", obsDim: size, actionKind: "box", actDim: size, low: limits, high: limits },
    layers: Array.from({ length: 24 }, () => layer),
    tensors: { w: { shape: [size, size], offset: 0 }, b: { shape: [size], offset: 4 * size * size } },
    stochastic: null,
  });
  const policy = await parsePlainPolicy(content, weights, { source: "tied", draws: null });
  const observation = Float64Array.from({ length: size }, (_, i) => i);
  const action = new Float32Array(size);
  void policy.act(observation, action);
  expect([...action]).toEqual([...observation]);
});

/** Third-party policies, kept outside the repository. */
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../../shared/real/policies");
const MISSING = "the third-party policies of ../shared/real/policies are not here";
const names = existsSync(FOLDER) ? readdirSync(FOLDER).sort() : [];

interface Check {
  obs: number[];
  preActivation: number[];
  action: number | number[];
}

test("there are policies to read", ({ skip }) => {
  skip(names.length === 0, MISSING);
  expect(names.length).toBeGreaterThanOrEqual(18);
});

/** The same network, with its output as the action. */
function bare(content: Content): Content {
  const { actDim, id, obsDim } = content.env as { actDim: number; id: string; obsDim: number };
  const limits = Array.from({ length: actDim }, () => 1);
  return {
    ...content,
    env: { actionKind: "box", id, obsDim, actDim, low: limits, high: limits },
    output: { kind: "box", squash: "none" },
  };
}

/** Each value within `multiple` standard deviations of float32's roundings of `reference`. */
function expectWithin(
  got: ArrayLike<number>,
  wanted: number[],
  { deviations }: Rounded,
  multiple: number,
): void {
  wanted.forEach((value, i) => {
    expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(multiple * deviations[i]);
  });
}

describe.skipIf(names.length === 0)(
  `third-party policies${names.length === 0 ? ` (skipped: ${MISSING})` : ""}`,
  () => {
    test.each(names)("%s", async (name) => {
      const content = JSON.parse(readFileSync(join(FOLDER, name, "policy.json"), "utf8")) as Content;
      const weights = new Uint8Array(readFileSync(join(FOLDER, name, "weights.bin")));
      const plain = readDescription(content, name);
      const checks = content.check as Check[];
      expect(checks.length).toBeGreaterThanOrEqual(6);
      for (const kernels of ["simd", "relaxed-simd"] as const) {
        if (!supportsKernels(kernels)) continue;
        const options = { source: name, draws: null, kernels };
        const network = await parsePlainPolicy(bare(content), weights, options);
        const policy = await parsePlainPolicy(content, weights, options);
        const output = new Float32Array(plain.env.actDim);
        for (const { obs, preActivation, action } of checks) {
          const expected = networkOutput(plain, weights, obs);
          void network.act(Float64Array.from(obs), output);
          // Against a float64 forward pass, and against PyTorch's, which is as uncertain as ours.
          expectWithin(output, expected.values, expected, 3);
          expectWithin(output, preActivation, expected, 3 * Math.SQRT2);
          const got = new Float32Array(typeof action === "number" ? 1 : action.length);
          void policy.act(Float64Array.from(obs), got);
          if (typeof action === "number") expect([...got]).toEqual([action]);
          else expectWithin(got, action, vectorAction(plain, expected), 3 * Math.SQRT2);
        }
      }
    });

    test("from their folder or their policy.json", async () => {
      const observation = Float64Array.of(0.01, -0.02, 0.03, -0.04);
      for (const path of [
        join(FOLDER, "cartpole__sb3zoo-ppo"),
        join(FOLDER, "cartpole__sb3zoo-ppo/policy.json"),
      ]) {
        const policy = await readPlainPolicy(path, null);
        const action = new Float32Array(1);
        void policy.act(observation, action);
        expect(policy.about.published).toMatchObject({ mean: 500, std: 0 });
        expect([0, 1]).toContain(action[0]);
      }
    });
  },
);

test("what cannot be read is refused in one line", async () => {
  await expect(readPlainPolicy("nowhere", null)).rejects.toThrow(
    /^readPolicy: nowhere\/policy\.json cannot be read \(ENOENT\); check the path$/,
  );
});
