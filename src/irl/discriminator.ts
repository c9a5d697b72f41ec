/**
 * A classifier D = 1 / (1 + exp(-h)) that learns to tell the expert's steps from the agent's, with a gradient penalty
 * (arXiv:1704.00028). Where it has learnt enough, its logit is h = log D - log(1 - D) = log rho_expert - log rho_agent.
 */
import {
  nextInteger,
  nextUniform,
  portableExp,
  portableLog,
  TandemError,
  transitionCount,
  type DiscriminatorRecord,
  type RandomStream,
  type Trajectories,
} from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { ascend, loadRows, writeFeatures, type RewardModel, type RewardOptions } from "./reward-model.ts";

/** The classifier and how it learns. */
export interface ClassifierOptions {
  /** What it sees: (s, a) or s. */
  readonly inputs: "state-action" | "state";
  /** ReLU layers. */
  readonly hidden: readonly number[];
  /** Rows of each side in one step, at most 256. */
  readonly batchSize: number;
  /** Adam's step size. */
  readonly learningRate: number;
  /** lambda of lambda E[(||grad_x h(x)|| - 1)^2], x between an expert's and an agent's row. */
  readonly gradientPenalty: number;
}

/** A classifier, the expert's rows, and what a step needs. Updated in place. */
export interface Discriminator {
  /** h, the logit. */
  readonly model: RewardModel;
  readonly options: Pick<ClassifierOptions, "batchSize" | "gradientPenalty">;
  readonly expert: Side;
  readonly room: Room;
  /** Sums since the last record. */
  measured: Measured;
}

/** Where one side's rows are drawn from. */
export interface Side {
  /** s | a in policy units, or s, [count, stride], in kernel memory. */
  readonly rows: number;
  readonly stride: number;
  readonly count: number;
  /** Share of the absorbing state in this side's time, [0, 1]: with this probability a drawn row is that state's. */
  readonly absorbing: number;
}

interface Room {
  readonly indices: number;
  readonly input: number;
  readonly features: readonly [expert: number, agent: number, between: number];
  readonly values: number;
  readonly coefficients: number;
}

/** Sums over steps of a classifier. */
export interface Measured {
  steps: number;
  loss: number;
  penalty: number;
  expertLogit: number;
  agentLogit: number;
  /** Rows on the right side of h = 0. */
  right: number;
}

/** Most rows of a side. */
const MOST_ROWS = 256;

/** Refuses batches that do not fit. */
export function requireBatchSize(where: string, batchSize: number): void {
  if (batchSize >= 1 && batchSize <= MOST_ROWS) return;
  throw new TandemError(where, `expected a batch of 1 to ${MOST_ROWS} rows, got ${batchSize}`);
}

/** The classifier as a reward. */
export function classifierOptions(
  { inputs, hidden, learningRate }: Pick<ClassifierOptions, "inputs" | "hidden" | "learningRate">,
  absorbing: boolean,
): RewardOptions {
  return {
    inputs,
    network: { kind: "mlp", hidden },
    optimiser: "adam",
    stepSize: learningRate,
    stepSizeDecay: 0,
    regulariser: { kind: "none" },
    absorbing,
  };
}

/** `model` (see `classifierOptions`) against demonstrations whose episodes last up to `horizon` steps. */
export function createDiscriminator(
  kernels: Kernels,
  model: RewardModel,
  demonstrations: Trajectories,
  horizon: number,
  { batchSize, gradientPenalty }: Discriminator["options"],
): Discriminator {
  const features = batchSize * model.network.features;
  return {
    model,
    options: { batchSize, gradientPenalty },
    expert: {
      rows: expertRows(kernels, model, demonstrations),
      stride: model.inputSize,
      count: transitionCount(demonstrations),
      absorbing: model.options.absorbing ? absorbingShare(demonstrations, horizon) : 0,
    },
    room: {
      indices: kernels.allocate(batchSize),
      input: kernels.allocate(batchSize * model.inputSize),
      features: [kernels.allocate(features), kernels.allocate(features), kernels.allocate(features)],
      values: kernels.allocate(batchSize),
      coefficients: kernels.allocate(batchSize),
    },
    measured: nothingMeasured(),
  };
}

/**
 * Step k of Adam down the classifier's loss
 *
 *   E_expert[softplus(-h)] + E_agent[softplus(h)] + lambda E[(||grad_x h|| - 1)^2],
 *
 * rows drawn uniformly from either side's time, that in the absorbing state included, and x between an expert's and an agent's row.
 */
export function discriminatorStep(
  kernels: Kernels,
  discriminator: Discriminator,
  agent: Side,
  draws: RandomStream,
  k: number,
): void {
  const { model, options, expert, room, measured } = discriminator;
  const { batchSize: size, gradientPenalty } = options;
  const [expertRows, agentRows, between] = room.features;
  drawRows(kernels, discriminator, expert, draws, expertRows);
  drawRows(kernels, discriminator, agent, draws, agentRows);
  mixRows(kernels, draws, size, model.network.features, room.features);
  addSide(kernels, discriminator, expertRows, 1);
  addSide(kernels, discriminator, agentRows, -1);
  measured.penalty -= model.network.addPenalty!(size, between, -gradientPenalty, model.gradient);
  ascend(kernels, model, k, 1);
  measured.steps++;
}

/** Adds the gradient of E[log D] (side 1) or E[log(1 - D)] (side -1), D = 1 / (1 + exp(-h)), over `rows`. */
function addSide(
  kernels: Kernels,
  { model, room, options: { batchSize: size }, measured }: Discriminator,
  rows: number,
  side: 1 | -1,
): void {
  const { network } = model;
  network.forward(size, rows, room.values);
  judge(side, kernels.f32(room.values, size), kernels.f32(room.coefficients, size), measured);
  network.addGradient(size, rows, room.coefficients, model.gradient);
}

/**
 * The slope of the mean of log D_i (side 1) or of log(1 - D_i) (side -1) by each logit into `coefficients`; adds the loss, which is minus
 * that mean, and the side's mean logit and share on the right side of 0 to `measured`.
 */
export function judge(
  side: 1 | -1,
  logits: Float32Array,
  coefficients: Float32Array,
  measured: Measured,
): void {
  const { length } = logits;
  const weight = 1 / length;
  let [sum, right] = [0, 0];
  for (let i = 0; i < length; i++) {
    const margin = side * logits[i];
    coefficients[i] = (side * weight) / (1 + portableExp(margin));
    measured.loss += weight * softplus(-margin);
    sum += logits[i];
    if (margin > 0) right++;
  }
  if (side === 1) measured.expertLogit += sum / length;
  else measured.agentLogit += sum / length;
  measured.right += right / (2 * length);
}

/** log(1 + exp(x)) */
export function softplus(x: number): number {
  return Math.max(x, 0) + portableLog(1 + portableExp(-Math.abs(x)));
}

/** As many rows as a batch has, drawn uniformly from a side's time, as features into `out`. */
function drawRows(
  kernels: Kernels,
  { model, room, options: { batchSize: size } }: Discriminator,
  { rows, stride, count, absorbing }: Side,
  draws: RandomStream,
  out: number,
): void {
  const { inputSize, network } = model;
  const indices = kernels.u32(room.indices, size);
  for (let i = 0; i < size; i++) indices[i] = nextInteger(draws, count);
  kernels.gatherRows(size, inputSize, rows, stride, room.indices, room.input, inputSize);
  // Where the last batch had the absorbing state, its indicator is still set: features of living states leave that column alone.
  kernels.fill(size * network.features, out, 0);
  writeFeatures(kernels, model, size, room.input, inputSize, out);
  drawAbsorbing(kernels, draws, absorbing, size, network.features, model.room.absorbing, out);
}

/** Puts `absorbing`, [width], in the place of each of `rows`, [size, width], with probability `share`; where that is 0, draws nothing. */
export function drawAbsorbing(
  kernels: Kernels,
  draws: RandomStream,
  share: number,
  size: number,
  width: number,
  absorbing: number,
  rows: number,
): void {
  if (share === 0) return;
  const table = kernels.f32(rows, size * width);
  const state = kernels.f32(absorbing, width);
  for (let row = 0; row < size; row++) if (nextUniform(draws) < share) table.set(state, row * width);
}

/** Rows, [size, width], at a uniformly drawn place between the expert's and the agent's. */
export function mixRows(
  kernels: Kernels,
  draws: RandomStream,
  size: number,
  width: number,
  blocks: readonly [expert: number, agent: number, between: number],
): void {
  const [expert, agent, between] = blocks.map((rows) => kernels.f32(rows, size * width));
  for (let row = 0; row < size; row++) {
    const share = nextUniform(draws);
    for (let i = row * width; i < (row + 1) * width; i++)
      between[i] = share * expert[i] + (1 - share) * agent[i];
  }
}

/** The expert's rows as the network's inputs, [T, inputSize] in kernel memory. */
function expertRows(kernels: Kernels, model: RewardModel, demonstrations: Trajectories): number {
  const rows = transitionCount(demonstrations);
  const at = kernels.allocate(rows * model.inputSize);
  loadRows(kernels, model, demonstrations, 0, rows, at);
  return at;
}

/** Share of the horizon that episodes spend in the absorbing state: those that terminated, from their end on. */
export function absorbingShare({ episodeStarts, terminated }: Trajectories, horizon: number): number {
  let [absorbing, alive] = [0, 0];
  for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
    const length = episodeStarts[episode + 1] - episodeStarts[episode];
    alive += length;
    if (terminated[episodeStarts[episode + 1] - 1] === 1) absorbing += Math.max(0, horizon - length);
  }
  return absorbing / (absorbing + alive);
}

/** The means over the steps since the last such record; `step` and `discriminatorSteps` as the record has them. */
export function takeDiscriminatorRecord(
  holder: { measured: Measured },
  step: number,
  discriminatorSteps: number,
): DiscriminatorRecord {
  const { steps, loss, penalty, expertLogit, agentLogit, right } = holder.measured;
  holder.measured = nothingMeasured();
  return {
    kind: "discriminator",
    step,
    discriminatorSteps,
    loss: loss / steps,
    gradientPenalty: penalty / steps,
    expertLogit: expertLogit / steps,
    agentLogit: agentLogit / steps,
    accuracy: right / steps,
  };
}

/** Zeroed sums. */
export function nothingMeasured(): Measured {
  return { steps: 0, loss: 0, penalty: 0, expertLogit: 0, agentLogit: 0, right: 0 };
}
