/**
 * A learned reward r(s, a; theta) or r(s; theta): a normaliser, a network, and what one step of gradient ascent needs.
 * Inputs are observations and actions in policy units, one row a step.
 */
import {
  episodeCount,
  foldIn,
  policySize,
  portablePow,
  recordedSize,
  toPolicyUnits,
  transitionCount,
  type ActionSpace,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  addGradientPenalty,
  addRows,
  adamStep,
  createAdam,
  createNormaliser,
  createTwoLayer,
  emptyStatistics,
  initialiseMlp,
  mlpBackward,
  mlpForward,
  mlpShape,
  mlpWorkspace,
  penaltyRoom,
  standardiseOver,
  twoLayerForward,
  twoLayerGradient,
  twoLayerWorkspace,
  type AdamState,
  type Normaliser,
  type RowStatistics,
  type TwoLayerNetwork,
} from "../nn/index.ts";
import type { BatchReward } from "../rl/index.ts";

/** Which network, how it climbs, what holds it. */
export interface RewardOptions {
  /** r(s, a) or r(s). */
  readonly inputs: "state-action" | "state";
  /**
   * "two-layer": the paper's network of width m on features of unit norm; "mlp": ReLU layers of these widths on
   * standardised inputs.
   */
  readonly network: { kind: "two-layer"; width: number } | { kind: "mlp"; hidden: readonly number[] };
  /** Plain gradient ascent, as in the paper, or Adam. */
  readonly optimiser: "ascent" | "adam";
  /** alpha_0 of the ascent: theta <- theta + alpha_k g / h, h the effective horizon (see `mlIrlIteration`). */
  readonly stepSize: number;
  /** sigma: alpha_k = alpha_0 (k + 1)^-sigma. 0 keeps it constant. */
  readonly stepSizeDecay: number;
  /** Projection onto ||theta - theta_0|| <= radius, or a pull of `rate` towards theta_0 at each step, or nothing. */
  readonly regulariser:
    { kind: "projection"; radius: number } | { kind: "weight-decay"; rate: number } | { kind: "none" };
  /**
   * Give the network one input more, the indicator of the absorbing state in which a terminated episode goes on (as in
   * arXiv:1809.02925). There all others are 0, elsewhere it is 0, so that its reward is learnt apart from any step's
   * (but for what an MLP's biases share).
   */
  readonly absorbing?: boolean;
}

/** The reward and its training state. Updated in place; `rewardTensors` names what a checkpoint must hold. */
export interface RewardModel {
  readonly options: RewardOptions;
  readonly actionSpace: ActionSpace;
  readonly observationSize: number;
  /** Columns of an input row: n + d, or n for a state-only reward. */
  readonly inputSize: number;
  readonly normaliser: Normaliser;
  /** What the normaliser is the mixture of. */
  readonly statistics: { readonly expert: RowStatistics; readonly agent: RowStatistics };
  readonly network: RewardNetwork;
  /** theta_0, [network.length]. */
  readonly initial: number;
  /** g and the one before it, [network.length] each. */
  readonly gradient: number;
  readonly previousGradient: number;
  readonly adam: AdamState;
  readonly room: Room;
}

/** A scalar function of feature rows with a parameter block. */
interface RewardNetwork {
  readonly features: number;
  readonly parameters: number;
  readonly length: number;
  /** What defines the function beside its parameters and is never trained: [pointer, length] by name. */
  readonly fixed: Record<string, [number, number]>;
  /** Values of up to CHUNK feature rows into out. */
  forward(rows: number, features: number, out: number): void;
  /** Adds to `gradient` the parameter gradient of sum(coefficients * value), after `forward` on the same rows. */
  addGradient(rows: number, features: number, coefficients: number, gradient: number): void;
  /** MLPs: adds to `gradient` that of (weight / rows) sum (||grad_x value|| - 1)^2 over up to CHUNK feature rows; returns it. */
  addPenalty?(rows: number, features: number, weight: number, gradient: number): number;
}

interface Room {
  readonly input: number;
  /** psi of the absorbing state, [network.features]; 0 where there is none. */
  readonly absorbing: number;
  readonly features: number;
  readonly values: number;
  readonly coefficients: number;
}

/** Rows evaluated at a time, and the most that `network.forward` takes. */
export const CHUNK = 256;

/** A reward at initialisation. */
export function createRewardModel(
  kernels: Kernels,
  observationSize: number,
  actionSpace: ActionSpace,
  options: RewardOptions,
  key: Key,
): RewardModel {
  const inputSize = observationSize + (options.inputs === "state" ? 0 : policySize(actionSpace));
  const indicator = options.absorbing ? 1 : 0;
  const network =
    options.network.kind === "two-layer"
      ? twoLayerReward(kernels, inputSize + 1 + indicator, options.network.width, foldIn(key, 0))
      : mlpReward(kernels, inputSize + indicator, options.network.hidden, foldIn(key, 0));
  const model: RewardModel = {
    options,
    actionSpace,
    observationSize,
    inputSize,
    normaliser: createNormaliser(kernels, inputSize),
    statistics: { expert: emptyStatistics(inputSize), agent: emptyStatistics(inputSize) },
    network,
    initial: kernels.allocate(network.length),
    gradient: kernels.allocate(network.length),
    previousGradient: kernels.allocate(network.length),
    adam: createAdam(kernels, options.optimiser === "adam" ? network.length : 0),
    room: {
      input: kernels.allocate(CHUNK * inputSize),
      absorbing: indicator * kernels.allocate(indicator * network.features),
      features: kernels.allocate(CHUNK * network.features),
      values: kernels.allocate(CHUNK),
      coefficients: kernels.allocate(CHUNK),
    },
  };
  copyBlock(kernels, network.length, network.parameters, model.initial);
  if (options.absorbing) kernels.f32(model.room.absorbing, network.features)[network.features - 1] = 1;
  return model;
}

/** r(absorbing state; theta), of each step after a terminated one; null where the reward knows no such state. */
export function absorbingReward(kernels: Kernels, model: RewardModel): number | null {
  const { network, room, options } = model;
  if (!options.absorbing) return null;
  network.forward(1, room.absorbing, room.values);
  return kernels.f32(room.values, 1)[0];
}

/** The reward as the lower level wants it: evaluated at the current theta whenever a batch is drawn. */
export function learnedReward(kernels: Kernels, model: RewardModel): BatchReward {
  return ({ size, rows, stride }, out) => {
    for (let first = 0; first < size; first += CHUNK) {
      const count = Math.min(CHUNK, size - first);
      evaluateRows(kernels, model, count, rows + 4 * first * stride, stride, out + 4 * first);
    }
  };
}

/** r(s_t, a_t; theta) of every step, [T]. */
export function rewardsAlong(kernels: Kernels, model: RewardModel, trajectories: Trajectories): Float32Array {
  const rewards = new Float32Array(transitionCount(trajectories));
  for (let first = 0; first < rewards.length; first += CHUNK) {
    const count = Math.min(CHUNK, rewards.length - first);
    loadRows(kernels, model, trajectories, first, count);
    evaluateRows(kernels, model, count, model.room.input, model.inputSize, model.room.values);
    rewards.set(kernels.f32(model.room.values, count), first);
  }
  return rewards;
}

/** The paper's network behind the reward, null for an MLP. It shares theta, theta_0 and b with the model: look, do not write. */
export function twoLayerOf(model: RewardModel): TwoLayerNetwork | null {
  const { options, network, initial } = model;
  if (options.network.kind !== "two-layer") return null;
  const { regulariser } = options;
  return {
    width: options.network.width,
    features: network.features,
    weights: network.parameters,
    initial,
    signs: network.fixed.rewardSigns[0],
    radius: regulariser.kind === "projection" ? regulariser.radius : Infinity,
  };
}

/** psi(s_t, a_t) of one step, as the reward's network sees it now, into out [network.features]. */
export function stepFeatures(
  kernels: Kernels,
  model: RewardModel,
  trajectories: Trajectories,
  t: number,
  out: number,
): void {
  loadRows(kernels, model, trajectories, t, 1);
  writeFeatures(kernels, model, 1, model.room.input, model.inputSize, out);
}

/** psi of the absorbing state into out [network.features]; the reward must know one. */
export function absorbingFeatures(kernels: Kernels, model: RewardModel, out: number): void {
  copyBlock(kernels, model.network.features, model.room.absorbing, out);
}

/** Returns of trajectories under the learned reward. */
export interface LearnedReturn {
  /** Mean over episodes of sum_t discount^t r(s_t, a_t; theta), steps in the absorbing state included. */
  discountedReturn: number;
  /** Mean of r over recorded steps. */
  meanReward: number;
}

/** Over which time a return is summed. */
export interface ReturnSpan {
  /** gamma, or 1 to weigh all steps alike. */
  readonly discount: number;
  /**
   * Steps of an episode that no end cuts short: a terminated one stays in the absorbing state, if there is one, up to here,
   * and what goes on for longer counts up to here.
   */
  readonly horizon: number;
}

/** sum_{t < steps} discount^t */
export function effectiveHorizon(discount: number, steps: number): number {
  return discount === 1 ? steps : (1 - portablePow(discount, steps)) / (1 - discount);
}

/** The weight of the absorbing state in a return: sum of discount^t over t from `length` to the horizon; 0 where the episode did not terminate. */
export function absorbingWeight(
  terminated: boolean,
  length: number,
  { discount, horizon }: ReturnSpan,
): number {
  if (!terminated || length >= horizon) return 0;
  return portablePow(discount, length) * effectiveHorizon(discount, horizon - length);
}

/**
 * Adds `sign` times the gradient of the mean discounted return, (1/E) sum_e sum_t discount^t grad r(s_t, a_t; theta), E
 * episodes in all, to `model.gradient`: one half of Lemma 4 of arXiv:2503.17865. Expert and agent both pass through here.
 * It is a sum over each trajectory, never a mean over steps: a longer life counts for more. After a terminated episode's
 * end the reward is 0, or, where the model knows one, that of the absorbing state until the horizon.
 */
export function addReturnGradient(
  kernels: Kernels,
  model: RewardModel,
  trajectories: readonly Trajectories[],
  span: ReturnSpan,
  sign: 1 | -1,
): LearnedReturn {
  const episodes = trajectories.reduce((sum, part) => sum + episodeCount(part), 0);
  const total: LearnedReturn = { discountedReturn: 0, meanReward: 0 };
  let steps = 0;
  for (const part of trajectories) {
    for (let episode = 0; episode < episodeCount(part); episode++) {
      const own = addEpisodeGradient(kernels, model, part, episode, span, sign / episodes);
      total.discountedReturn += own.discountedReturn / episodes;
      total.meanReward += own.rewardSum;
      steps += own.steps;
    }
  }
  total.meanReward /= steps;
  return total;
}

/** Adds `factor` times the gradient of one episode's return; returns that, and the sum of r over its recorded steps. */
export function addEpisodeGradient(
  kernels: Kernels,
  model: RewardModel,
  trajectories: Trajectories,
  episode: number,
  span: ReturnSpan,
  factor: number,
): { discountedReturn: number; rewardSum: number; steps: number } {
  const { input, features, values, coefficients } = model.room;
  const { discount } = span;
  const start = trajectories.episodeStarts[episode];
  const steps = Math.min(trajectories.episodeStarts[episode + 1] - start, span.horizon);
  const end = start + steps;
  let discountPower = 1;
  let discountedReturn = 0;
  let rewardSum = 0;
  for (let first = start; first < end; first += CHUNK) {
    const count = Math.min(CHUNK, end - first);
    loadRows(kernels, model, trajectories, first, count);
    evaluateRows(kernels, model, count, input, model.inputSize, values);
    const rewards = kernels.f32(values, count);
    const weights = kernels.f32(coefficients, count);
    for (let t = 0; t < count; t++) {
      discountedReturn += discountPower * rewards[t];
      rewardSum += rewards[t];
      weights[t] = factor * discountPower;
      discountPower *= discount;
    }
    model.network.addGradient(count, features, coefficients, model.gradient);
  }
  const stay = absorbingWeight(trajectories.terminated[end - 1] === 1, steps, span);
  discountedReturn += addAbsorbingGradient(kernels, model, stay, factor);
  return { discountedReturn, rewardSum, steps };
}

/** Adds factor weight grad r(absorbing state); returns weight r, 0 where the model knows no such state. */
function addAbsorbingGradient(kernels: Kernels, model: RewardModel, weight: number, factor: number): number {
  const { network, room } = model;
  const reward = weight === 0 ? null : absorbingReward(kernels, model);
  if (reward === null) return 0;
  kernels.f32(room.coefficients, 1)[0] = factor * weight;
  network.addGradient(1, room.absorbing, room.coefficients, model.gradient);
  return weight * reward;
}

/** What one reward step did. */
export interface AscentReport {
  gradientNorm: number;
  /** Cosine with the gradient of the step before; 0 at the first. */
  gradientCosine: number;
  /** ||theta - theta_0|| after the step. */
  travel: number;
  projected: boolean;
}

/**
 * theta <- Pi(theta + alpha_k scale g), or Adam's step up g (which no scale changes), with g in `model.gradient`; that is
 * then moved to `previousGradient` and cleared.
 */
export function ascend(kernels: Kernels, model: RewardModel, k: number, scale: number): AscentReport {
  const { network, initial, gradient, previousGradient, options } = model;
  const { parameters, length } = network;
  const stepSize = options.stepSize * portablePow(k + 1, -options.stepSizeDecay);
  const gradientNorm = Math.sqrt(kernels.dot(length, gradient, gradient));
  const previousNorm = Math.sqrt(kernels.dot(length, previousGradient, previousGradient));
  const norms = gradientNorm * previousNorm;
  const gradientCosine = norms > 0 ? kernels.dot(length, gradient, previousGradient) / norms : 0;

  if (options.optimiser === "adam") {
    kernels.scale(length, -1, gradient);
    adamStep(kernels, model.adam, parameters, gradient, stepSize, 0);
    kernels.scale(length, -1, gradient);
  } else {
    kernels.axpy(length, stepSize * scale, gradient, parameters);
  }
  let travel = Math.sqrt(kernels.squaredDistance(length, parameters, initial));
  let projected = false;
  if (options.regulariser.kind === "projection") {
    const { radius } = options.regulariser;
    projected = kernels.projectBall(length, parameters, initial, radius) > radius;
    if (projected) travel = radius;
  } else if (options.regulariser.kind === "weight-decay") {
    kernels.polyak(length, parameters, initial, options.regulariser.rate);
    travel *= 1 - options.regulariser.rate;
  }
  copyBlock(kernels, length, gradient, previousGradient);
  kernels.fill(length, gradient, 0);
  return { gradientNorm, gradientCosine, travel, projected };
}

/** Take trajectories into the expert's or the agent's statistics, and standardise anew over both. */
export function observeTrajectories(
  kernels: Kernels,
  model: RewardModel,
  who: "expert" | "agent",
  trajectories: Trajectories,
): void {
  const { inputSize, room, statistics } = model;
  const rows = transitionCount(trajectories);
  for (let first = 0; first < rows; first += CHUNK) {
    const count = Math.min(CHUNK, rows - first);
    loadRows(kernels, model, trajectories, first, count);
    addRows(statistics[who], kernels.f32(room.input, count * inputSize), count, inputSize);
  }
  standardiseOver(kernels, model.normaliser, [statistics.expert, statistics.agent]);
}

/** Every float32 block that defines the reward and its optimiser, by name: [pointer, length]. */
export function rewardTensors(model: RewardModel): Record<string, [number, number]> {
  const { network, normaliser } = model;
  return {
    ...network.fixed,
    rewardParameters: [network.parameters, network.length],
    rewardInitial: [model.initial, network.length],
    rewardMoments: [model.adam.moments, 2 * model.adam.length],
    rewardPreviousGradient: [model.previousGradient, network.length],
    rewardInputMean: [normaliser.mean, normaliser.size],
    rewardInputInverseStd: [normaliser.inverseStd, normaliser.size],
  };
}

function evaluateRows(
  kernels: Kernels,
  model: RewardModel,
  rows: number,
  input: number,
  ldInput: number,
  out: number,
): void {
  const { network, room } = model;
  writeFeatures(kernels, model, rows, input, ldInput, room.features);
  network.forward(rows, room.features, out);
}

/** psi of input rows (leading dimension `ldInput`; s | a in policy units) into out [rows, network.features]. */
export function writeFeatures(
  kernels: Kernels,
  model: RewardModel,
  rows: number,
  input: number,
  ldInput: number,
  out: number,
): void {
  const { inputSize, network } = model;
  const { mean, inverseStd } = model.normaliser;
  const unit = model.options.network.kind === "two-layer" ? 1 : 0;
  kernels.standardiseRows(rows, inputSize, input, ldInput, mean, inverseStd, unit, out, network.features);
}

/** Steps first .. first + count - 1 as input rows into `out`, [count, inputSize]: the one place where (s_t, a_t) are paired. */
export function loadRows(
  kernels: Kernels,
  model: RewardModel,
  from: Trajectories,
  first: number,
  count: number,
  out = model.room.input,
): void {
  const { inputSize, observationSize: n, actionSpace } = model;
  const d = recordedSize(actionSpace);
  const input = kernels.f32(out, count * inputSize);
  for (let i = 0; i < count; i++) {
    const t = first + i;
    input.set(from.observations.subarray(t * n, (t + 1) * n), i * inputSize);
    if (inputSize === n) continue;
    const pair = input.subarray(i * inputSize + n, (i + 1) * inputSize);
    toPolicyUnits(actionSpace, from.actions.subarray(t * d, (t + 1) * d), pair);
  }
}

function twoLayerReward(kernels: Kernels, features: number, width: number, key: Key): RewardNetwork {
  const network = createTwoLayer(kernels, { width, features, radius: Infinity }, key);
  const workspace = twoLayerWorkspace(kernels, network, CHUNK);
  return {
    features,
    parameters: network.weights,
    length: width * features,
    fixed: { rewardSigns: [network.signs, width] },
    forward: (rows, x, out) => twoLayerForward(kernels, network, rows, x, features, workspace, out),
    addGradient: (rows, x, coefficients, gradient) =>
      twoLayerGradient(kernels, network, rows, x, features, workspace, coefficients, gradient, true),
  };
}

function mlpReward(kernels: Kernels, features: number, hidden: readonly number[], key: Key): RewardNetwork {
  const shape = mlpShape([features, ...hidden, 1]);
  const length = shape.blockLength;
  const parameters = kernels.allocate(length);
  const chunkGradient = kernels.allocate(length);
  const workspace = mlpWorkspace(kernels, shape, CHUNK);
  const penalty = penaltyRoom(kernels, shape, CHUNK);
  initialiseMlp(kernels, shape, parameters, key);
  return {
    features,
    parameters,
    length,
    fixed: {},
    forward: (rows, x, out) => {
      const values = mlpForward(kernels, shape, parameters, rows, x, features, workspace);
      copyBlock(kernels, rows, values, out);
    },
    addGradient: (rows, x, coefficients, gradient) => {
      mlpBackward(kernels, shape, parameters, chunkGradient, rows, x, features, workspace, coefficients);
      kernels.axpy(length, 1, chunkGradient, gradient);
    },
    addPenalty: (rows, x, weight, gradient) => {
      mlpForward(kernels, shape, parameters, rows, x, features, workspace);
      return addGradientPenalty(kernels, shape, parameters, gradient, rows, workspace, penalty, weight);
    },
  };
}

function copyBlock(kernels: Kernels, length: number, from: number, to: number): void {
  kernels.copyRows(1, length, from, length, to, length);
}
