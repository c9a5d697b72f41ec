/**
 * The shaped reward of adversarial inverse reinforcement learning, f(s, a, s') = g(s, a) + gamma h(s') - h(s) (arXiv:1710.11248, Eq. 4):
 * a reward model g, of states alone if its options say so, and a potential h, an MLP on s as g's normaliser has it.
 */
import { foldIn, TandemError, type Key } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  addSlopeGradient,
  adamStep,
  createAdam,
  initialiseMlp,
  inputGradients,
  mlpBackward,
  mlpForward,
  mlpShape,
  mlpWorkspace,
  penaltyRoom,
  type AdamState,
  type MlpShape,
  type MlpWorkspace,
  type PenaltyRoom,
} from "../nn/index.ts";
import type { BatchReward } from "../rl/index.ts";
import { ascend, CHUNK, type RewardModel } from "./reward-model.ts";

/** f and its training state. Updated in place. */
export interface ShapedReward {
  /** g; also the normaliser of h's inputs and, as both always step together, the one count of Adam's steps. */
  readonly reward: RewardModel;
  readonly discount: number;
  /** h's parameters, gradient [length] and Adam. */
  readonly shaping: {
    readonly parameters: number;
    readonly length: number;
    readonly gradient: number;
    readonly adam: AdamState;
  };
  /** Floats in a row of features: see `writeTransitions`. */
  readonly width: number;
  /** The self-transition of the absorbing state, [width]; 0 where g knows no such state. */
  readonly absorbing: number;
  /** Evaluations of g, h at s and h at s'. */
  readonly terms: readonly [g: Term, here: Term, next: Term];
  readonly room: { readonly features: number; readonly slopes: number; readonly gradient: number };
}

/** One network at one part of a row. */
interface Term {
  readonly shape: MlpShape;
  readonly parameters: number;
  readonly gradient: number;
  /** First column of its input. */
  readonly column: number;
  readonly workspace: MlpWorkspace;
  readonly penalty: PenaltyRoom;
}

/** f with this g, h at initialisation. */
export function createShapedReward(
  kernels: Kernels,
  reward: RewardModel,
  { hidden, discount }: { readonly hidden: readonly number[]; readonly discount: number },
  key: Key,
): ShapedReward {
  const { network, options, observationSize } = reward;
  if (options.network.kind !== "mlp") {
    throw new TandemError("createShapedReward", `expected a reward of kind mlp, got ${options.network.kind}`);
  }
  const indicator = options.absorbing ? 1 : 0;
  const gShape = mlpShape([network.features, ...options.network.hidden, 1]);
  const hShape = mlpShape([observationSize + indicator, ...hidden, 1]);
  const length = hShape.blockLength;
  const [parameters, gradient] = [kernels.allocate(length), kernels.allocate(length)];
  const term = (shape: MlpShape, at: number, gradientAt: number, column: number): Term => ({
    shape,
    parameters: at,
    gradient: gradientAt,
    column,
    workspace: mlpWorkspace(kernels, shape, CHUNK),
    penalty: penaltyRoom(kernels, shape, CHUNK),
  });
  const [gWidth, hWidth] = [gShape.sizes[0], hShape.sizes[0]];
  const width = gWidth + 2 * hWidth + 1;
  const shaped: ShapedReward = {
    reward,
    discount,
    shaping: { parameters, length, gradient, adam: createAdam(kernels, length) },
    width,
    absorbing: indicator * kernels.allocate(indicator * width),
    terms: [
      term(gShape, network.parameters, reward.gradient, 0),
      term(hShape, parameters, gradient, gWidth),
      term(hShape, parameters, gradient, gWidth + hWidth),
    ],
    room: {
      features: kernels.allocate(CHUNK * width),
      slopes: kernels.allocate(CHUNK),
      gradient: kernels.allocate(Math.max(length, network.length)),
    },
  };
  initialiseMlp(kernels, hShape, parameters, foldIn(key, 0));
  if (indicator) {
    const row = kernels.f32(shaped.absorbing, width);
    for (const column of [gWidth - 1, gWidth + hWidth - 1, width - 2, width - 1]) row[column] = 1;
  }
  return shaped;
}

/** What a checkpoint must hold of f beside g, by name: [pointer, length]. */
export function shapingTensors({ shaping }: ShapedReward): Record<string, [number, number]> {
  return {
    shapingParameters: [shaping.parameters, shaping.length],
    shapingMoments: [shaping.adam.moments, 2 * shaping.length],
  };
}

/**
 * Up to CHUNK transitions, laid out as a replay's rows, as rows of features into out [count, width]:
 *
 *   g's input | h's input at s | h's input at s' | 1, or 0 where h(s') counts as 0.
 *
 * It does where the task ended the episode: nothing follows. Where g knows an absorbing state, that is the s' of such a step.
 */
export function writeTransitions(
  kernels: Kernels,
  shaped: ShapedReward,
  count: number,
  rows: number,
  stride: number,
  out: number,
): void {
  const { reward, width, terms, absorbing } = shaped;
  const { inputSize, observationSize: n, normaliser } = reward;
  const nextRows = rows + 4 * (stride - 1 - n);
  const parts = [
    [rows, inputSize],
    [rows, n],
    [nextRows, n],
  ];
  parts.forEach(([from, size], i) => {
    const { mean, inverseStd } = normaliser;
    const to = out + 4 * terms[i].column;
    kernels.standardiseRows(count, size, from, stride, mean, inverseStd, 0, to, width);
  });
  const table = kernels.f32(rows, count * stride);
  const features = kernels.f32(out, count * width);
  for (let i = 0; i < count; i++) {
    const ended = table[(i + 1) * stride - 1];
    const last = (i + 1) * width - 1;
    features[last] = absorbing ? 1 : 1 - ended;
    if (!absorbing) continue;
    features[last - 1] = ended;
    if (ended === 1) features.fill(0, last - 1 - n, last - 1);
  }
}

/** Whether a row of features [rows, width] is the absorbing state's self-transition: g sees the indicator there. */
export function isAbsorbing(
  { absorbing, terms, width }: ShapedReward,
  features: Float32Array,
  row: number,
): boolean {
  return absorbing !== 0 && features[row * width + terms[1].column - 1] === 1;
}

/** f of up to CHUNK rows of features into out [rows]. */
export function shapedForward(
  kernels: Kernels,
  { terms, width, discount }: ShapedReward,
  rows: number,
  features: number,
  out: number,
): void {
  const [g, here, next] = terms.map(({ shape, parameters, column, workspace }) => {
    const at = mlpForward(kernels, shape, parameters, rows, features + 4 * column, width, workspace);
    return kernels.f32(at, rows);
  });
  const table = kernels.f32(features, rows * width);
  const values = kernels.f32(out, rows);
  for (let i = 0; i < rows; i++) values[i] = g[i] + discount * table[(i + 1) * width - 1] * next[i] - here[i];
}

/** Adds the parameter gradients of sum(coefficients * f) to those of g and h, after `shapedForward` on the same rows. */
export function addShapedGradient(
  kernels: Kernels,
  shaped: ShapedReward,
  rows: number,
  features: number,
  coefficients: number,
): void {
  const { terms, width, discount, room } = shaped;
  const table = kernels.f32(features, rows * width);
  const given = kernels.f32(coefficients, rows);
  const slopes = kernels.f32(room.slopes, rows);
  terms.forEach(({ shape, parameters, gradient, column, workspace }, term) => {
    for (let i = 0; i < rows; i++) {
      const slope = term === 0 ? 1 : term === 1 ? -1 : discount * table[(i + 1) * width - 1];
      slopes[i] = slope * given[i];
    }
    const input = features + 4 * column;
    mlpBackward(kernels, shape, parameters, room.gradient, rows, input, width, workspace, room.slopes);
    kernels.axpy(shape.blockLength, 1, room.gradient, gradient);
  });
}

/**
 * Adds to the gradients of g and h that of (weight / rows) sum (||grad f|| - 1)^2 over up to CHUNK rows of features, by s, a and s';
 * returns it. What g and h both see of s is one variable.
 */
export function addShapedPenalty(
  kernels: Kernels,
  shaped: ShapedReward,
  rows: number,
  features: number,
  weight: number,
): number {
  const { terms, room } = shaped;
  shapedForward(kernels, shaped, rows, features, room.slopes);
  for (const { shape, parameters, workspace, penalty } of terms)
    inputGradients(kernels, shape, parameters, rows, workspace, penalty);
  const value = penaltyDirections(kernels, shaped, rows, features, weight);
  for (const { shape, parameters, gradient, workspace, penalty } of terms)
    addSlopeGradient(kernels, shape, parameters, gradient, rows, workspace, penalty);
  return value;
}

/**
 * From grad g, grad h(s), grad h(s') to the penalty's slopes by each: with v = (grad_s g - grad h(s), grad_a g, gamma grad h(s')) they
 * are factor (v_s, v_a), -factor v_s, gamma factor v_s', factor = (2 weight / rows) (1 - 1 / ||v||). Returns the penalty.
 */
function penaltyDirections(
  kernels: Kernels,
  { terms, width, discount, reward }: ShapedReward,
  rows: number,
  features: number,
  weight: number,
): number {
  const [gWidth, hWidth] = [terms[0].shape.sizes[0], terms[1].shape.sizes[0]];
  const { observationSize: n } = reward;
  const table = kernels.f32(features, rows * width);
  const g = kernels.f32(terms[0].penalty.inputGradients, rows * gWidth);
  const [here, next] = [terms[1], terms[2]].map((h) => kernels.f32(h.penalty.inputGradients, rows * hWidth));
  let penalty = 0;
  for (let row = 0; row < rows; row++) {
    const [gAt, hAt] = [row * gWidth, row * hWidth];
    const follows = discount * table[(row + 1) * width - 1];
    let square = 0;
    for (let i = 0; i < hWidth; i++) {
      // Beyond the n coordinates of s there is only the absorbing state's indicator, the last column of g's input and of h's.
      g[gAt + (i < n ? i : gWidth - 1)] -= here[hAt + i];
      square += (follows * next[hAt + i]) ** 2;
    }
    for (let i = gAt; i < gAt + gWidth; i++) square += g[i] * g[i];
    const norm = Math.sqrt(square);
    penalty += (norm - 1) ** 2;
    const factor = norm > 0 ? (2 * weight * (1 - 1 / norm)) / rows : 0;
    for (let i = gAt; i < gAt + gWidth; i++) g[i] *= factor;
    for (let i = 0; i < hWidth; i++) {
      here[hAt + i] = -g[gAt + (i < n ? i : gWidth - 1)];
      next[hAt + i] *= factor * follows * follows;
    }
  }
  return (weight * penalty) / rows;
}

/** One step of Adam up the gradients of g and h, which are cleared; `k` is g's count of steps. */
export function ascendShaped(kernels: Kernels, { reward, shaping }: ShapedReward, k: number): void {
  const { parameters, gradient, length, adam } = shaping;
  const { steps, beta1Power, beta2Power } = reward.adam;
  Object.assign(adam, { steps, beta1Power, beta2Power });
  kernels.scale(length, -1, gradient);
  adamStep(kernels, adam, parameters, gradient, reward.options.stepSize, 0);
  kernels.fill(length, gradient, 0);
  ascend(kernels, reward, k, 1);
}

/** f of the absorbing state's self-transition, g - (1 - gamma) h there; null where g knows no such state. */
export function absorbingShaped(kernels: Kernels, shaped: ShapedReward): number | null {
  if (!shaped.absorbing) return null;
  shapedForward(kernels, shaped, 1, shaped.absorbing, shaped.room.slopes);
  return kernels.f32(shaped.room.slopes, 1)[0];
}

/** f as the lower level wants it: at the present parameters whenever a batch is drawn. */
export function shapedTeacher(kernels: Kernels, shaped: ShapedReward): BatchReward {
  const { features } = shaped.room;
  return ({ size, rows, stride }, out) => {
    for (let first = 0; first < size; first += CHUNK) {
      const count = Math.min(CHUNK, size - first);
      writeTransitions(kernels, shaped, count, rows + 4 * first * stride, stride, features);
      shapedForward(kernels, shaped, count, features, out + 4 * first);
    }
  };
}
