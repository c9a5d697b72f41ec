/** A policy small enough to follow by hand, as the content of its two files. */

/** What a policy.json holds. */
export type Content = Record<string, unknown>;

const TENSORS: Record<string, { shape: number[]; values: number[] }> = {
  // No matrix equals its transpose, and the second is square.
  "first.w": { shape: [2, 3], values: [1, -2, 0.5, 0.25, 4, -1] },
  "first.b": { shape: [2], values: [0.5, -0.125] },
  "last.w": { shape: [2, 2], values: [1, 2, -3, 0.5] },
  "last.b": { shape: [2], values: [0.25, 0] },
  "spread.w": { shape: [2, 2], values: [0.5, 0, 1, -1] },
  "spread.b": { shape: [2], values: [-1, 0.5] },
  log_std: { shape: [2], values: [-0.5, 0.25] },
};

/** weights.bin */
export const WEIGHTS = new Uint8Array(
  Float32Array.from(Object.values(TENSORS).flatMap(({ values }) => values)).buffer,
);

/** 3 observations, 2 hidden units, an action of 2; with `changes` in place of what it has otherwise. */
export function tinyContent(changes: Content = {}): Content {
  let offset = 0;
  const tensors = Object.entries(TENSORS).map(([name, { shape, values }]) => {
    const entry = [name, { shape, offset }];
    offset += 4 * values.length;
    return entry;
  });
  return {
    format: "plain-policy/1",
    name: "tiny",
    env: { id: "Task-v0", obsDim: 3, actionKind: "box", actDim: 2, low: [-1, -1], high: [1, 1] },
    obsAdapter: {},
    obsNorm: null,
    layers: [
      { weight: "first.w", bias: "first.b", in: 3, out: 2, activation: "relu" },
      { weight: "last.w", bias: "last.b", in: 2, out: 2, activation: "linear" },
    ],
    output: { kind: "box", squash: "none" },
    stochastic: { kind: "diag_gaussian", logStd: "log_std" },
    tensors: Object.fromEntries(tensors) as Content,
    published: { mean: 12.5, std: null, where: "nowhere" },
    source: { licence: "none" },
    ...changes,
  };
}

/** For an environment of two discrete actions. */
export const DISCRETE: Content = {
  env: { id: "Task-v0", obsDim: 3, actionKind: "discrete", actDim: 2 },
  output: { kind: "argmax" },
  stochastic: { kind: "categorical" },
};
