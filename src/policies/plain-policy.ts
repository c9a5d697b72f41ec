/** Policies of the layout `plain-policy/1`: docs/policies.md. */
import { streamOf, TandemError, type Key } from "../core/index.ts";
import { loadKernels, type KernelBuild, type Kernels } from "../kernels/index.ts";
import { argmax, drawFromLogits } from "./discrete-choice.ts";
import { readDescription, type PlainDescription } from "./plain-description.ts";
import type { Policy, PolicyDescription } from "./policy.ts";

/** How a policy is loaded. */
export interface PolicyOptions {
  /** Names the policy's file in errors. */
  readonly source: string;
  /** Actions are drawn with this key; null: the policy's most likely actions. */
  readonly draws: Key | null;
}

/** float32 in the kernels' memory. */
interface Block {
  readonly pointer: number;
  readonly values: Float32Array;
}

/** y = f(W x + b) */
interface Layer {
  readonly weight: Block;
  readonly bias: Block;
  readonly output: Block;
  /** Of the kernels' matrix product: add the bias, then the activation. */
  readonly epilogue: number;
}

/** A policy in memory. */
interface Loaded {
  readonly plain: PlainDescription;
  readonly kernels: Kernels;
  readonly input: Block;
  readonly layers: readonly Layer[];
  /** A new block, zero. */
  readonly room: (length: number) => Block;
  /** The tensor of that name, which must have this shape. */
  readonly tensor: (name: string, shape: readonly number[]) => Block;
  readonly options: PolicyOptions;
}

const LINEAR = 1;
const EPILOGUES = { linear: LINEAR, relu: 2, tanh: 3 };

/**
 * The policy that `content`, what a policy.json holds, and `weights`, its weights.bin, describe. Its forward pass is in
 * float32 throughout, as in PyTorch; its normaliser is in float64, as in numpy.
 */
export async function parsePlainPolicy(
  content: unknown,
  weights: Uint8Array,
  options: PolicyOptions & { readonly kernels?: KernelBuild },
): Promise<Policy> {
  const plain = readDescription(content, options.source);
  const kernels = await loadKernels({ build: options.kernels });
  const loaded = load(kernels, plain, weights, options);
  const decide = plain.output.kind === "argmax" ? indexHead(loaded) : vectorHead(loaded);
  return {
    about: aboutOf(plain),
    act: (observation, action) => {
      writeInput(loaded, observation);
      let x = loaded.input;
      for (const layer of loaded.layers) x = applyLayer(kernels, layer, x);
      decide(action);
    },
  };
}

function aboutOf({ name, source, env, published }: PlainDescription): PolicyDescription {
  return {
    name,
    source,
    environment: env.id,
    observationSize: env.obsDim,
    output:
      env.actionKind === "box" ? { kind: "box", size: env.actDim } : { kind: "discrete", count: env.actDim },
    published: published ? { mean: published.mean, std: published.std, where: published.where } : null,
  };
}

function load(
  kernels: Kernels,
  plain: PlainDescription,
  weights: Uint8Array,
  options: PolicyOptions,
): Loaded {
  requireWeights(plain, weights, options.source);
  const room = createRoom(kernels, plain);
  const tensor = tensorReader(room, plain, weights, options.source);
  const layers = plain.layers.map((layer) => ({
    weight: tensor(layer.weight, [layer.out, layer.in]),
    bias: tensor(layer.bias, [layer.out]),
    output: room(layer.out),
    epilogue: EPILOGUES[layer.activation],
  }));
  return { plain, kernels, input: room(plain.layers[0].in), layers, room, tensor, options };
}

/** Hands out parts of one allocation, so that no later one detaches their views. */
function createRoom(kernels: Kernels, { layers, env }: PlainDescription): Loaded["room"] {
  const LINE = 16;
  const inLayers = layers.reduce((sum, layer) => sum + (layer.in + 2) * layer.out, layers[0].in);
  // Of drawn actions: a layer for their spread, constant spread, and noise.
  const inHead = env.actDim * (layers[layers.length - 1].in + 4);
  const blocks = 3 * layers.length + 6;
  let pointer = kernels.allocate(inLayers + inHead + LINE * blocks);
  return (length) => {
    const block = { pointer, values: kernels.f32(pointer, length) };
    pointer += 4 * LINE * Math.ceil(length / LINE);
    return block;
  };
}

/** What layers may take whatever the size of weights.bin, bytes: one tensor may serve many of them. */
const MODEST = 64 * 1024 * 1024;

/** Refuses layers that take far more than weights.bin holds, before there is room made for them. */
function requireWeights(plain: PlainDescription, weights: Uint8Array, source: string): void {
  let numbers = 0;
  for (const { weight, bias, in: inputs, out } of plain.layers) {
    for (const [name, shape] of [
      [weight, [out, inputs]],
      [bias, [out]],
    ] as const) {
      const { offset, end } = placeOf(plain, name, shape, weights, source);
      numbers += (end - offset) / 4;
    }
  }
  if (4 * numbers <= Math.max(weights.length, MODEST)) return;
  throw refusal(
    source,
    `its layers take ${numbers} numbers, weights.bin has ${Math.floor(weights.length / 4)}; give each layer its own`,
  );
}

/** Where in weights.bin the tensor of that name lies, which must have this shape, bytes. */
function placeOf(
  { tensors }: PlainDescription,
  name: string,
  shape: readonly number[],
  weights: Uint8Array,
  source: string,
): { offset: number; end: number } {
  if (!Object.hasOwn(tensors, name)) throw refusal(source, `there is no tensor ${name}`);
  const { shape: given, offset } = tensors[name];
  if (given.join() !== shape.join()) {
    throw refusal(
      source,
      `tensor ${name} should have the shape [${shape.join(", ")}], got [${given.join(", ")}]`,
    );
  }
  const end = offset + 4 * shape.reduce((product, extent) => product * extent, 1);
  if (end > weights.length) {
    throw refusal(
      source,
      `tensor ${name} ends at byte ${end} of weights.bin, which has ${weights.length}; it may be cut short`,
    );
  }
  return { offset, end };
}

function tensorReader(
  room: Loaded["room"],
  plain: PlainDescription,
  weights: Uint8Array,
  source: string,
): Loaded["tensor"] {
  return (name, shape) => {
    const { offset, end } = placeOf(plain, name, shape, weights, source);
    const block = room((end - offset) / 4);
    block.values.set(new Float32Array(new Uint8Array(weights.subarray(offset, end)).buffer));
    if (!block.values.every(Number.isFinite))
      throw refusal(source, `tensor ${name} holds values that are not finite`);
    return block;
  };
}

/** x <- the observation, padded with zeros and normalised. */
function writeInput({ plain, input }: Loaded, observation: Float64Array): void {
  const x = input.values;
  const { obsNorm } = plain;
  if (!obsNorm) {
    x.set(observation);
    return;
  }
  const { mean, scale } = obsNorm;
  const limit = obsNorm.clip ?? Infinity;
  for (let i = 0; i < x.length; i++) {
    const value = ((i < observation.length ? observation[i] : 0) - mean[i]) / scale[i];
    x[i] = Math.min(limit, Math.max(-limit, value));
  }
}

function applyLayer(kernels: Kernels, { weight, bias, output, epilogue }: Layer, x: Block): Block {
  const [inputs, outputs] = [x.values.length, output.values.length];
  kernels.gemmNT(
    1,
    outputs,
    inputs,
    x.pointer,
    inputs,
    weight.pointer,
    inputs,
    output.pointer,
    outputs,
    epilogue,
    bias.pointer,
  );
  return output;
}

/** Writes the index of an action. */
function indexHead({ plain, layers, options }: Loaded): (action: Float32Array) => void {
  const { values } = layers[layers.length - 1].output;
  if (!options.draws) return (action) => (action[0] = argmax(values));
  if (plain.stochastic?.kind !== "categorical") throw unsampled(plain, options);
  const stream = streamOf(options.draws);
  return (action) => (action[0] = drawFromLogits(values, stream));
}

/** Writes a = clip(m + h squash(preClip(z))), z the network's output, m and h middle and half-width of the action space. */
function vectorHead(loaded: Loaded): (action: Float32Array) => void {
  const { plain, kernels, layers, options } = loaded;
  const { output, env } = plain;
  if (output.kind !== "box" || env.actionKind !== "box")
    throw refusal(options.source, "expected a box of actions");
  const z = layers[layers.length - 1].output;
  const addNoise = options.draws ? gaussianNoise(loaded, options.draws, z) : () => {};
  const { squash, preClip = Infinity } = output;
  const [lowest, highest] = output.clip ?? [env.low.map(() => -Infinity), env.low.map(() => Infinity)];
  const middle = env.low.map((low, i) => (squash === "tanh" ? (low + env.high[i]) / 2 : 0));
  const half = env.low.map((low, i) => (squash === "tanh" ? (env.high[i] - low) / 2 : 1));
  return (action) => {
    addNoise();
    const { pointer, values } = z;
    for (let i = 0; i < values.length; i++) values[i] = Math.min(preClip, Math.max(-preClip, values[i]));
    if (squash === "tanh") kernels.tanhVector(values.length, pointer, pointer);
    for (let i = 0; i < values.length; i++) {
      action[i] = Math.min(highest[i], Math.max(lowest[i], middle[i] + half[i] * values[i]));
    }
  };
}

/** Adds exp(logStd) times standard normals to z. */
function gaussianNoise(loaded: Loaded, key: Key, z: Block): () => void {
  const { kernels, room } = loaded;
  const size = z.values.length;
  const noise = room(size);
  const std = room(size);
  const writeStd = stdWriter(loaded, std);
  let counter = 0;
  return () => {
    writeStd();
    kernels.fillNormal(size, noise.pointer, key[0], key[1], counter);
    counter += Math.ceil(size / 2);
    for (let i = 0; i < size; i++) z.values[i] += std.values[i] * noise.values[i];
  };
}

/** Writes the standard deviations: always the same, or those of a layer beside the last one. */
function stdWriter({ plain, kernels, input, layers, tensor, options }: Loaded, std: Block): () => void {
  const { stochastic } = plain;
  const size = std.values.length;
  if (stochastic && "logStd" in stochastic) {
    const { pointer } = tensor(stochastic.logStd, [size]);
    kernels.expVector(size, pointer, std.pointer);
    return () => {};
  }
  if (!stochastic || !("logStdLayer" in stochastic)) throw unsampled(plain, options);
  const hidden = layers.at(-2)?.output ?? input;
  const { weight, bias } = stochastic.logStdLayer;
  const [lowest, highest] = stochastic.logStdClamp;
  const layer: Layer = {
    weight: tensor(weight, [size, hidden.values.length]),
    bias: tensor(bias, [size]),
    output: std,
    epilogue: LINEAR,
  };
  return () => {
    applyLayer(kernels, layer, hidden);
    for (let i = 0; i < size; i++) std.values[i] = Math.min(highest, Math.max(lowest, std.values[i]));
    kernels.expVector(size, std.pointer, std.pointer);
  };
}

function unsampled({ stochastic, name }: PlainDescription, { source }: PolicyOptions): TandemError {
  return refusal(
    source,
    `${name} says how it acts, not how its actions are drawn (stochastic: ${stochastic?.kind ?? "null"}); leave sampling out`,
  );
}

function refusal(source: string, problem: string): TandemError {
  return new TandemError("readPolicy", `${source}: ${problem}`);
}
