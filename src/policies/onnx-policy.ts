/** Policies as ONNX models, run by `onnxruntime-web`, which a user installs beside Tandem. */
import type { InferenceSession, Tensor } from "onnxruntime-web";
import { streamOf, TandemError, type Key } from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import { argmax, drawFromLogits } from "./discrete-choice.ts";
import type { Policy, PolicyOutput } from "./policy.ts";

/** How a model is loaded. */
export interface OnnxPolicyOptions {
  /** Names the model's file in errors, and the policy. */
  readonly source: string;
  /** Actions are drawn with this key, from logits; null: the likeliest one. */
  readonly draws: Key | null;
}

type Runtime = typeof import("onnxruntime-web");
type Metadata = InferenceSession.ValueMetadata;

/** What the action is called in models that have several outputs, first come first taken. */
const ACTION_NAMES = ["action", "actions", "mean", "logits"];

/** Puts what the model gave into an action. */
type Decide = (data: Tensor["data"], action: Float32Array) => void;

/**
 * The policy that `model`, the bytes of an .onnx file, computes for `environment`. Its one input is an observation row,
 * float32 [1, n]. Its output (the only one, or the one called action, actions, mean or logits) is the action in the
 * environment's own units, float32 [1, d]; for discrete actions the logits or values of each, float32 [1, count], or the
 * index of one, an integer. It runs in one thread.
 */
export async function loadOnnxPolicy(
  model: Uint8Array,
  environment: Environment,
  options: OnnxPolicyOptions,
): Promise<Policy> {
  const { source } = options;
  const runtime = await loadRuntime();
  const session = await openSession(runtime, model, source);
  const observationSize = environment.observationSpace.size;
  const input = inputOf(session, environment, source);
  const { name: output, decide } = outputOf(session, environment, options);
  const row = new Float32Array(observationSize);
  const feeds = { [input.name]: new runtime.Tensor("float32", row, input.dims) };
  return {
    about: {
      name: source,
      source: { file: source, inputs: session.inputNames, outputs: session.outputNames },
      environment: null,
      observationSize,
      output: actionsOf(environment),
      published: null,
    },
    act: async (observation, action) => {
      row.set(observation);
      const results = await running(source, () => session.run(feeds, [output]));
      decide(results[output].data, action);
    },
  };
}

async function loadRuntime(): Promise<Runtime> {
  try {
    const runtime = await import("onnxruntime-web");
    runtime.env.wasm.numThreads = 1;
    return runtime;
  } catch (cause) {
    throw new TandemError(
      "readPolicy",
      "ONNX models are run by onnxruntime-web, which is not here; npm install onnxruntime-web",
      { cause },
    );
  }
}

async function openSession(runtime: Runtime, model: Uint8Array, source: string): Promise<InferenceSession> {
  try {
    return await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] });
  } catch (cause) {
    throw unfit(source, cause);
  }
}

/** Some of what is wrong with a model shows only in its first run. */
async function running<T>(source: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw unfit(source, cause);
  }
}

function unfit(source: string, cause: unknown): TandemError {
  const reason = (cause as Error).message.replaceAll(/\s+/g, " ");
  return refusal(source, `is not an ONNX model that can be run (${reason})`, cause);
}

/** The model's input and the shape in which it takes one observation. */
function inputOf(
  { inputMetadata }: InferenceSession,
  { id, observationSpace: { size } }: Environment,
  source: string,
): { name: string; dims: number[] } {
  const [input, ...others] = inputMetadata;
  if (!input || others.length > 0) {
    throw refusal(source, `expected one input, an observation; got ${namesOf(inputMetadata)}`);
  }
  const shape = shapeOf(input);
  if (typeOf(input) === "float32" && couldBe(shape, [1, size])) return { name: input.name, dims: [1, size] };
  if (typeOf(input) === "float32" && couldBe(shape, [size])) return { name: input.name, dims: [size] };
  throw refusal(
    source,
    `expected an input float32 [1, ${size}], an observation of ${id}; got ${wordsOf(input)}`,
  );
}

function outputOf(
  { outputMetadata }: InferenceSession,
  environment: Environment,
  options: OnnxPolicyOptions,
): { name: string; decide: Decide } {
  const { source, draws } = options;
  const named = ACTION_NAMES.flatMap((name) => outputMetadata.filter((output) => output.name === name));
  const output = outputMetadata.length === 1 ? outputMetadata[0] : named[0];
  if (!output) {
    throw refusal(
      source,
      `expected one output, or one called ${ACTION_NAMES.join(" or ")}; got ${namesOf(outputMetadata)}`,
    );
  }
  const { name } = output;
  const actions = actionsOf(environment);
  const [shape, type] = [shapeOf(output), typeOf(output)];
  const isInteger = type === "int64" || type === "int32";
  if (actions.kind === "discrete" && isInteger && (couldBe(shape, [1]) || couldBe(shape, [1, 1]))) {
    if (draws) throw refusal(source, "gives one action and no logits to draw from; leave sampling out");
    return { name, decide: indexReader(actions.count, source) };
  }
  const size = actions.kind === "box" ? actions.size : actions.count;
  if (type !== "float32" || !(couldBe(shape, [1, size]) || couldBe(shape, [size]))) {
    const what = actions.kind === "box" ? "an action" : "the actions' logits";
    throw refusal(
      source,
      `expected an output float32 [1, ${size}], ${what} of ${environment.id}; got ${wordsOf(output)}`,
    );
  }
  if (actions.kind === "discrete") return { name, decide: logitsReader(size, draws, source) };
  if (draws) throw refusal(source, "gives one action and no spread to draw from; leave sampling out");
  return { name, decide: vectorReader(size, source) };
}

function vectorReader(size: number, source: string): Decide {
  return (data, action) => {
    requireLength(data, size, source);
    action.set(data as Float32Array);
  };
}

function logitsReader(count: number, draws: Key | null, source: string): Decide {
  const stream = draws && streamOf(draws);
  return (data, action) => {
    requireLength(data, count, source);
    const logits = data as Float32Array;
    action[0] = stream ? drawFromLogits(logits, stream) : argmax(logits);
  };
}

function indexReader(count: number, source: string): Decide {
  return (data, action) => {
    requireLength(data, 1, source);
    const index = Number(data[0]);
    if (!(index >= 0 && index < count)) {
      throw refusal(source, `gave the action ${index}, expected one from 0 to ${count - 1}`);
    }
    action[0] = index;
  };
}

/** Where the model leaves its shape open it is known only now. */
function requireLength(data: Tensor["data"], length: number, source: string): void {
  if (data.length === length) return;
  throw refusal(source, `gave an output of ${data.length} numbers, expected ${length}`);
}

function actionsOf({ actionSpace }: Environment): PolicyOutput {
  return actionSpace.kind === "box"
    ? { kind: "box", size: actionSpace.size }
    : { kind: "discrete", count: actionSpace.count };
}

/** A model's shape: numbers, and names where it is open; empty where nothing is known. */
function shapeOf(value: Metadata): readonly (number | string)[] {
  return value.isTensor ? value.shape : [];
}

function typeOf(value: Metadata): string {
  return value.isTensor ? value.type : "no tensor";
}

function couldBe(shape: readonly (number | string)[], wanted: readonly number[]): boolean {
  if (shape.length === 0) return true;
  return (
    shape.length === wanted.length &&
    shape.every((extent, i) => typeof extent === "string" || extent < 0 || extent === wanted[i])
  );
}

function wordsOf(value: Metadata): string {
  return `${value.name}, ${typeOf(value)} [${shapeOf(value).join(", ")}]`;
}

function namesOf(values: readonly Metadata[]): string {
  return values.map(wordsOf).join(" and ") || "none";
}

function refusal(source: string, problem: string, cause?: unknown): TandemError {
  return new TandemError("readPolicy", `${source} ${problem}`, { cause });
}
