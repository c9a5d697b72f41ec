import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { box, keyFromSeed, type ActionSpace, type Key } from "../../src/core/index.ts";
import { makeEnvironment, type Environment } from "../../src/envs/index.ts";
import { loadOnnxPolicy, policyEpisode, readOnnxPolicy, type Policy } from "../../src/policies/index.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import golden from "./onnx/golden.json" with { type: "json" };

/** Made by onnx/make-models.py. */
const pathOf = (model: string): string => fileURLToPath(new URL(`onnx/${model}.onnx`, import.meta.url));

/** An environment of these sizes. */
const task = (observations: number, actionSpace: ActionSpace): Environment => ({
  ...pointEnvironment(),
  id: "Task-v0",
  observationSpace: box(observations, -Infinity, Infinity),
  actionSpace,
});
const vectors = task(3, box(2, -1, 1));
const cart = task(4, { kind: "discrete", count: 2 });

const read = (model: string, environment: Environment, draws: Key | null = null): Promise<Policy> =>
  loadOnnxPolicy(new Uint8Array(readFileSync(pathOf(model))), environment, { source: model, draws });

async function act(policy: Policy, observation: readonly number[]): Promise<number[]> {
  const { output } = policy.about;
  const action = new Float32Array(output.kind === "box" ? output.size : 1);
  await policy.act(Float64Array.from(observation), action);
  return [...action];
}

describe("an ONNX model's action", () => {
  it.each(["clipped", "with-value"])("is what numpy computes: %s", async (model) => {
    const policy = await read(model, vectors);
    for (const { observation, action, bound } of golden.clipped) {
      const got = await act(policy, observation);
      got.forEach((value, i) => expect(Math.abs(value - action[i])).toBeLessThanOrEqual(bound[i]));
    }
    const all = golden.clipped.flatMap(({ action }) => action);
    expect(all.some((value) => Math.abs(value) === 1) && all.some((value) => Math.abs(value) < 1)).toBe(true);
  });

  it("may come from an observation without a batch", async () => {
    const { w, b } = golden.vector;
    const observation = [0.5, -2, 0.25];
    const expected = w.map((row, i) => row.reduce((sum, weight, j) => sum + weight * observation[j], b[i]));
    const got = await act(await read("vector", vectors), observation);
    // Four roundings of partial sums below 8.
    got.forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(4 * 8 * 2 ** -24));
  });

  it("is an index: that of the largest logit, or the one it gives", async () => {
    for (const model of ["cart-pole-logits", "cart-pole-index"]) {
      const policy = await read(model, cart);
      expect(policy.about.output).toEqual({ kind: "discrete", count: 2 });
      expect(await act(policy, [0, 0, 0.1, 0])).toEqual([1]);
      expect(await act(policy, [0, 0, -0.1, 0])).toEqual([0]);
    }
  });

  it("balances CartPole, from a file", async () => {
    const environment = await makeEnvironment("CartPole-v1");
    const policy = await readOnnxPolicy(pathOf("cart-pole-logits"), environment, null);
    const { rewards } = await policyEpisode(environment, policy, 1);
    expect(rewards).toHaveLength(500);
    expect(policy.about).toMatchObject({ environment: null, observationSize: 4, published: null });
    environment.close();
  });

  it("is drawn from logits where so asked", async () => {
    const policy = await read("cart-pole-logits", cart, keyFromSeed(1));
    const count = 2000;
    let ones = 0;
    // Logits -0.25 and 0.25.
    for (let i = 0; i < count; i++) ones += (await act(policy, [0, 0, 0.25, 0]))[0];
    const probability = 1 / (1 + Math.exp(-0.5));
    const deviation = Math.sqrt((probability * (1 - probability)) / count);
    expect(Math.abs(ones / count - probability)).toBeLessThan(4 * deviation);
  });
});

describe("models that are refused", () => {
  const cases: [model: string, environment: Environment, says: string][] = [
    [
      "clipped",
      cart,
      "expected an input float32 [1, 4], an observation of Task-v0; got obs, float32 [batch, 3]",
    ],
    [
      "double",
      task(2, box(2, -1, 1)),
      "expected an input float32 [1, 2], an observation of Task-v0; got obs, float64 [1, 2]",
    ],
    [
      "recurrent",
      task(2, box(2, -1, 1)),
      "expected one input, an observation; got obs, float32 [1, 2] and state, float32 [1, 2]",
    ],
    [
      "two-outputs",
      vectors,
      "expected one output, or one called action or actions or mean or logits; got first, float32 [batch, 2] and second, float32 [batch, 2]",
    ],
    [
      "clipped",
      task(3, box(3, -1, 1)),
      "expected an output float32 [1, 3], an action of Task-v0; got action, float32 [batch, 2]",
    ],
    [
      "cart-pole-logits",
      task(4, { kind: "discrete", count: 3 }),
      "expected an output float32 [1, 3], the actions' logits of Task-v0; got logits, float32 [batch, 2]",
    ],
    [
      "cart-pole-index",
      task(4, box(1, -1, 1)),
      "expected an output float32 [1, 1], an action of Task-v0; got action, int64 [batch]",
    ],
  ];
  it.each(cases)("%s", async (model, environment, says) => {
    await expect(read(model, environment)).rejects.toThrow(`readPolicy: ${model} ${says}`);
  });

  it.each([
    ["clipped", vectors, "gives one action and no spread to draw from"],
    ["cart-pole-index", cart, "gives one action and no logits to draw from"],
  ])("for drawing: %s", async (model, environment, says) => {
    await expect(read(model, environment, keyFromSeed(1))).rejects.toThrow(says);
  });

  it("when they run: more numbers than an action has, an index beyond the last", async () => {
    const open = await read("open", vectors);
    await expect(act(open, [1, 2, 3])).rejects.toThrow("open gave an output of 3 numbers, expected 2");
    const beyond = await read("index-beyond", cart);
    expect(
      await act(await read("index-beyond", task(4, { kind: "discrete", count: 4 })), [0, 0, 1, 0]),
    ).toEqual([3]);
    await expect(act(beyond, [0, 0, 1, 0])).rejects.toThrow("gave the action 3, expected one from 0 to 1");
  });

  it("what is no model", async () => {
    const loading = loadOnnxPolicy(Uint8Array.of(1, 2, 3), vectors, { source: "text.onnx", draws: null });
    await expect(loading).rejects.toThrow(/^readPolicy: text\.onnx is not an ONNX model[^\n]+$/);
    await expect(readOnnxPolicy("nowhere.onnx", vectors, null)).rejects.toThrow(
      /nowhere\.onnx cannot be read/,
    );
  });
});
