/**
 * Discriminator-actor-critic (arXiv:1809.02925): generative adversarial imitation (arXiv:1606.03476) off-policy. A classifier with a
 * gradient penalty (arXiv:1704.00028) learns to tell the expert's steps from those in the replay; its logit
 * h = log D - log(1 - D) is the reward under which the policy learns, computed anew whenever a batch is drawn.
 */
import {
  foldIn,
  nextInteger,
  nextUniform,
  portableExp,
  portableLog,
  streamOf,
  TandemError,
  transitionCount,
  type DiscriminatorRecord,
  type Key,
  type Listener,
  type RandomStream,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  agentStep,
  createAgent,
  episodeRecord,
  replaySize,
  takePolicyRecord,
  type BatchReward,
  type SacOptions,
  type Slowdown,
} from "../rl/index.ts";
import { requireKnownActions } from "./known-actions.ts";
import type { Learner } from "./learner.ts";
import {
  absorbingReward,
  ascend,
  createRewardModel,
  learnedReward,
  loadRows,
  observeTrajectories,
  writeFeatures,
  type RewardModel,
  type RewardOptions,
} from "./reward-model.ts";
import { requireWholeEpisodes, type Termination } from "./termination.ts";

/** Every choice of the algorithm. */
export interface DacOptions {
  readonly sac: SacOptions;
  /** Steps of uniformly random actions before the first update of either level. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the policy's learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  readonly discriminator: DiscriminatorOptions;
  /** What follows the step that ends an episode: see `Termination`. */
  readonly termination: Termination;
}

/** The classifier and how it learns. */
export interface DiscriminatorOptions {
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
  /** Environment steps between two steps of the classifier. */
  readonly every: number;
}

/** Both levels. Updated in place. */
export interface Dac extends Learner {
  readonly options: DacOptions;
  /** h, the logit. */
  readonly reward: RewardModel;
  readonly teacher: BatchReward;
  readonly demonstrations: Trajectories;
  /** `draws`: batches, and points between their rows. */
  readonly streams: { readonly draws: RandomStream };
  /** Steps of the classifier, and steps that the agent's episodes have spent in the absorbing state. */
  readonly counters: { rewardSteps: number; agentAbsorbingSteps: number };
  readonly room: Room;
  /** Sums since the last record. */
  measured: Measured;
}

interface Room {
  /** The expert's s | a in policy units, [T, inputSize]. */
  readonly expert: number;
  /** Share of the absorbing state in the expert's time. */
  readonly expertAbsorbing: number;
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

/** Both levels at initialisation. */
export function createDac(
  kernels: Kernels,
  environment: Environment,
  demonstrations: Trajectories,
  options: DacOptions,
  key: Key,
): Dac {
  const { discriminator, termination } = options;
  const { batchSize } = discriminator;
  if (!(batchSize >= 1 && batchSize <= MOST_ROWS)) {
    throw new TandemError("createDac", `expected a batch of 1 to ${MOST_ROWS} rows, got ${batchSize}`);
  }
  requireWholeEpisodes("createDac", termination, demonstrations, "demonstrations");
  requireKnownActions("createDac", environment, demonstrations);
  const agent = createAgent(kernels, environment, { ...options, keepTrueRewards: false }, foldIn(key, 0));
  const reward = createRewardModel(
    kernels,
    agent.policy.observationSize,
    agent.actionSpace,
    classifierOptions(discriminator, termination === "absorbing"),
    foldIn(key, 1),
  );
  observeTrajectories(kernels, reward, "expert", demonstrations);
  const features = batchSize * reward.network.features;
  return {
    options,
    agent,
    reward,
    teacher: learnedReward(kernels, reward),
    demonstrations,
    streams: { draws: streamOf(foldIn(key, 2)) },
    counters: { rewardSteps: 0, agentAbsorbingSteps: 0 },
    recentEpisodes: [],
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
    room: {
      expert: expertRows(kernels, reward, demonstrations),
      expertAbsorbing: reward.options.absorbing
        ? absorbingShare(demonstrations, environment.maxEpisodeSteps)
        : 0,
      indices: kernels.allocate(batchSize),
      input: kernels.allocate(batchSize * reward.inputSize),
      features: [kernels.allocate(features), kernels.allocate(features), kernels.allocate(features)],
      values: kernels.allocate(batchSize),
      coefficients: kernels.allocate(batchSize),
    },
    measured: nothingMeasured(),
  };
}

/** The classifier as a reward. */
export function classifierOptions(
  { inputs, hidden, learningRate }: DiscriminatorOptions,
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

/** Policy steps between two records. */
export const STEPS_PER_RECORD = 1000;
/** Most rows of a side. */
export const MOST_ROWS = 256;

/** Up to `STEPS_PER_RECORD` environment steps (fewer at `stepLimit`), each with its updates, then the records of both levels. */
export function dacIteration(
  kernels: Kernels,
  state: Dac,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, options } = state;
  const end = Math.min(agent.steps + STEPS_PER_RECORD, stepLimit);
  while (agent.steps < end) {
    const episode = agentStep(kernels, agent, state.teacher, clock, valueAfterEnd(kernels, state));
    state.steps.train++;
    if (episode) rememberEpisode(kernels, state, episode, listener);
    if (agent.steps > options.startSteps && agent.steps % options.discriminator.every === 0)
      discriminatorStep(kernels, state);
  }
  const policy = takePolicyRecord(kernels, agent);
  if (policy) listener(policy);
  if (state.measured.steps > 0) listener(takeRecord(state));
}

/**
 * One step of Adam down the classifier's loss
 *
 *   E_expert[softplus(-h)] + E_agent[softplus(h)] + lambda E[(||grad_x h|| - 1)^2],
 *
 * rows drawn uniformly from the demonstrations and from the replay. Where there is an absorbing state, it has its share of either
 * side's time: that is a weight, not a draw. The penalty is taken between rows of living states.
 */
function discriminatorStep(kernels: Kernels, state: Dac): void {
  const { reward, room, options, measured, counters } = state;
  const { batchSize: size, gradientPenalty } = options.discriminator;
  const [expert, agent, between] = room.features;
  drawExpert(kernels, state);
  drawAgent(kernels, state);
  mixRows(kernels, state.streams.draws, size, reward.network.features, room.features);
  const { agentAbsorbingSteps } = counters;
  const agentAbsorbing = agentAbsorbingSteps / (agentAbsorbingSteps + state.agent.steps);
  addSide(kernels, state, expert, 1, room.expertAbsorbing);
  addSide(kernels, state, agent, -1, agentAbsorbing);
  measured.penalty -= reward.network.addPenalty!(size, between, -gradientPenalty, reward.gradient);
  ascend(kernels, reward, counters.rewardSteps, 1);
  counters.rewardSteps++;
  measured.steps++;
}

/**
 * Adds the gradient of E[log D] (side 1) or E[log(1 - D)] (side -1), D = 1 / (1 + exp(-h)), whose rows share 1 - `absorbing` of the
 * weight and the absorbing state the rest.
 */
function addSide(kernels: Kernels, state: Dac, rows: number, side: 1 | -1, absorbing: number): void {
  const { reward, room, options, measured } = state;
  const { batchSize: size } = options.discriminator;
  const { network } = reward;
  network.forward(size, rows, room.values);
  const logits = kernels.f32(room.values, size);
  const coefficients = kernels.f32(room.coefficients, size);
  judge(side, (1 - absorbing) / size, logits, coefficients, measured);
  network.addGradient(size, rows, room.coefficients, reward.gradient);
  const logit = absorbing > 0 ? absorbingReward(kernels, reward) : null;
  if (logit === null) return;
  coefficients[0] = (side * absorbing) / (1 + portableExp(side * logit));
  measured.loss += absorbing * softplus(-side * logit);
  network.addGradient(1, reward.room.absorbing, room.coefficients, reward.gradient);
}

/**
 * The slope of weight sum_i log D_i (side 1) or weight sum_i log(1 - D_i) (side -1) by each logit into `coefficients`; adds the loss,
 * which is minus that sum, and the side's mean logit and share on the right side of 0 to `measured`.
 */
export function judge(
  side: 1 | -1,
  weight: number,
  logits: Float32Array,
  coefficients: Float32Array,
  measured: Measured,
): void {
  const { length } = logits;
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

function drawExpert(kernels: Kernels, { reward, room, streams, options, demonstrations }: Dac): void {
  const { batchSize: size } = options.discriminator;
  const { inputSize } = reward;
  drawIndices(kernels, streams.draws, room.indices, size, transitionCount(demonstrations));
  kernels.gatherRows(size, inputSize, room.expert, inputSize, room.indices, room.input, inputSize);
  writeFeatures(kernels, reward, size, room.input, inputSize, room.features[0]);
}

function drawAgent(kernels: Kernels, { reward, room, streams, options, agent }: Dac): void {
  const { batchSize: size } = options.discriminator;
  const { inputSize } = reward;
  const { rows, stride } = agent.replay;
  drawIndices(kernels, streams.draws, room.indices, size, replaySize(agent.replay));
  kernels.gatherRows(size, inputSize, rows, stride, room.indices, room.input, inputSize);
  writeFeatures(kernels, reward, size, room.input, inputSize, room.features[1]);
}

function drawIndices(kernels: Kernels, draws: RandomStream, out: number, count: number, bound: number): void {
  const indices = kernels.u32(out, count);
  for (let i = 0; i < count; i++) indices[i] = nextInteger(draws, bound);
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

function rememberEpisode(kernels: Kernels, state: Dac, episode: Trajectories, listener: Listener): void {
  const { agent, options, reward } = state;
  requireWholeEpisodes("dacIteration", options.termination, episode, "environment");
  const length = transitionCount(episode);
  const { maxEpisodeSteps } = agent.environment;
  if (reward.options.absorbing && episode.terminated[length - 1])
    state.counters.agentAbsorbingSteps += Math.max(0, maxEpisodeSteps - length);
  observeTrajectories(kernels, reward, "agent", episode);
  listener(episodeRecord(agent.steps, episode));
}

/** h(absorbing state) / (1 - gamma), the fixed point of its self-transition; 0 where an end is an end. */
function valueAfterEnd(kernels: Kernels, { reward, options }: Dac): number {
  return (absorbingReward(kernels, reward) ?? 0) / (1 - options.sac.discount);
}

/** The expert's rows as the network's inputs, [T, inputSize] in kernel memory. */
function expertRows(kernels: Kernels, reward: RewardModel, demonstrations: Trajectories): number {
  const rows = transitionCount(demonstrations);
  const at = kernels.allocate(rows * reward.inputSize);
  loadRows(kernels, reward, demonstrations, 0, rows, at);
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

/** The classifier's record since the last one. */
export function takeRecord(state: Pick<Dac, "agent" | "counters" | "measured">): DiscriminatorRecord {
  const { steps, loss, penalty, expertLogit, agentLogit, right } = state.measured;
  state.measured = nothingMeasured();
  return {
    kind: "discriminator",
    step: state.agent.steps,
    discriminatorSteps: state.counters.rewardSteps,
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
