import { z } from "zod";
import { TandemError } from "../core/index.ts";

// What changes an action is strict: a key that is not known here is refused, not ignored.
const size = z.number().int().positive();
const vector = z.array(z.number());
const remark = z.unknown().optional();

const tensor = z.strictObject({
  /** [outputs, inputs] of a weight, row-major, or [outputs]. */
  shape: z.array(size).min(1).max(2),
  /** Bytes from the start of weights.bin. */
  offset: z.number().int().min(0).multipleOf(4),
});

/** y = activation(W x + b) */
const layer = z.strictObject({
  weight: z.string(),
  bias: z.string(),
  in: size,
  out: size,
  activation: z.enum(["linear", "relu", "tanh"]),
});

/** The network's input is (x - mean) / scale, kept in [-clip, clip] unless that is null. */
const normaliser = z.strictObject({
  kind: z.enum(["VecNormalize", "Standardizer"]),
  mean: vector,
  scale: z.array(z.number().positive()),
  clip: z.number().positive().nullable(),
  count: remark,
  deadDims: remark,
  note: remark,
});

const output = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("argmax"), meaning: remark }),
  z.strictObject({
    kind: z.literal("box"),
    squash: z.enum(["none", "tanh"]),
    /** Before the squashing: outputs are kept in [-preClip, preClip]. */
    preClip: z.number().positive().optional(),
    /** At the very end: lower and upper limits. */
    clip: z.tuple([vector, vector]).optional(),
  }),
]);

const logStdLayer = z.strictObject({
  weight: z.string(),
  bias: z.string(),
  input: z.literal("last hidden activation"),
});

/** How actions are drawn; null where they are not. */
const stochastic = z.union([
  z.null(),
  z.strictObject({ kind: z.literal("categorical") }),
  z.strictObject({ kind: z.enum(["diag_gaussian", "tanh_gaussian"]), logStd: z.string() }),
  z.strictObject({
    kind: z.enum(["diag_gaussian", "tanh_gaussian"]),
    logStdLayer,
    logStdClamp: z.tuple([z.number(), z.number()]),
  }),
  z.strictObject({ kind: z.literal("gSDE"), note: remark }),
]);

const plainDescription = z.looseObject({
  format: z.literal("plain-policy/1"),
  name: z.string(),
  env: z.discriminatedUnion("actionKind", [
    z.looseObject({ actionKind: z.literal("discrete"), id: z.string(), obsDim: size, actDim: size }),
    z.looseObject({
      actionKind: z.literal("box"),
      id: z.string(),
      obsDim: size,
      actDim: size,
      low: vector,
      high: vector,
    }),
  ]),
  /** Zeros are appended to the observation until it has `padTo` coordinates. */
  obsAdapter: z.strictObject({
    padTo: size.optional(),
    padWith: z.literal("zeros").optional(),
    why: remark,
  }),
  obsNorm: normaliser.nullable(),
  layers: z.array(layer).min(1),
  output,
  stochastic,
  tensors: z.record(z.string(), tensor),
  published: z.looseObject({ mean: z.number(), std: z.number().nullable(), where: z.string() }).nullish(),
  source: z.record(z.string(), z.unknown()).default({}),
});

/** A policy.json that was read and whose parts fit each other. */
export type PlainDescription = z.infer<typeof plainDescription>;

/** Check the content of a policy.json. `source` names the file in errors. */
export function readDescription(content: unknown, source: string): PlainDescription {
  const parsed = plainDescription.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refusal(source, `${issue.path.join(".") || "content"}: ${issue.message}`);
  }
  const misfit = misfitOf(parsed.data);
  if (misfit) throw refusal(source, misfit);
  return parsed.data;
}

/** The first part whose size is not what another part says. */
function misfitOf(plain: PlainDescription): string | null {
  const { env, layers, obsNorm, output } = plain;
  const inputs = plain.obsAdapter.padTo ?? env.obsDim;
  if (inputs < env.obsDim) return `obsAdapter.padTo: expected at least ${env.obsDim}, got ${inputs}`;
  if ((output.kind === "argmax") !== (env.actionKind === "discrete")) {
    return `output.kind: ${output.kind} does not go with ${env.actionKind} actions`;
  }
  const widths = [inputs, ...layers.map((layer) => layer.out)];
  const sizes: [string, number, number | undefined][] = [
    ...layers.map(({ in: given }, i): [string, number, number] => [`layers.${i}.in`, widths[i], given]),
    [`layers.${layers.length - 1}.out`, env.actDim, widths.at(-1)],
    ["obsNorm.mean", inputs, obsNorm?.mean.length],
    ["obsNorm.scale", inputs, obsNorm?.scale.length],
  ];
  if (env.actionKind === "box") sizes.push(["env.low", env.actDim, env.low.length]);
  if (env.actionKind === "box") sizes.push(["env.high", env.actDim, env.high.length]);
  for (const limits of output.kind === "box" ? (output.clip ?? []) : []) {
    sizes.push(["output.clip", env.actDim, limits.length]);
  }
  const wrong = sizes.find(([, expected, got]) => got !== undefined && got !== expected);
  return wrong ? `${wrong[0]}: expected ${wrong[1]}, got ${wrong[2]}` : null;
}

function refusal(source: string, problem: string): TandemError {
  return new TandemError(
    "readPolicy",
    `${source}: ${problem}; the file does not describe a policy of this layout`,
  );
}
