/**
 * f-IRL (arXiv:2011.04709): a reward under which the states that the policy visits are distributed as the expert's. The reward descends
 * an f-divergence D_f(rho_expert || rho_agent) = E_agent[f(u)], u = rho_expert / rho_agent, by its gradient of Theorem 4.1,
 *
 *   grad D_f = 1/(alpha T) cov_tau( sum_t h_f(u(s_t)), sum_t grad r(s_t; theta) ),   h_f(u) = f(u) - f'(u) u,
 *
 * tau the agent's trajectories, alpha the temperature of its soft-optimal policy. A classifier estimates log u.
 */
import {
  episodeCount,
  foldIn,
  nextInteger,
  portableExp,
  portableLog,
  sliceEpisodes,
  streamOf,
  TandemError,
  transitionCount,
  type DivergenceRecord,
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
  policyTemperature,
  takePolicyRecord,
  type BatchReward,
  type SacOptions,
  type Slowdown,
} from "../rl/index.ts";
import {
  classifierOptions,
  createDiscriminator,
  discriminatorStep,
  requireBatchSize,
  softplus,
  takeDiscriminatorRecord,
  type ClassifierOptions,
  type Discriminator,
} from "./discriminator.ts";
import { requireKnownActions } from "./known-actions.ts";
import type { Learner } from "./learner.ts";
import {
  absorbingReward,
  absorbingWeight,
  addEpisodeGradient,
  ascend,
  createRewardModel,
  learnedReward,
  loadRows,
  observeTrajectories,
  rewardsAlong,
  type RewardModel,
  type RewardOptions,
} from "./reward-model.ts";
import { requireWholeEpisodes, type Termination } from "./termination.ts";

/** Every choice of the algorithm. */
export interface FIrlOptions {
  readonly sac: SacOptions;
  /** With inputs "state" as in the paper, marginals are of states; with "state-action", of pairs. The classifier sees what the reward does. */
  readonly reward: Omit<RewardOptions, "absorbing">;
  readonly divergence: Divergence;
  /** c: log u is clipped to [-c, c] before h_f is taken; above 0. The forward divergence's h_f = -u grows to e^c. */
  readonly logRatioClip: number;
  readonly discriminator: Omit<ClassifierOptions, "inputs"> & {
    /** Steps of the classifier before each reward step. */
    readonly stepsPerRewardStep: number;
  };
  /** Steps of uniformly random actions before the first policy update. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the policy's learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  /** T_k: environment steps (one policy update each) between reward steps. */
  readonly policyStepsPerRewardStep: number;
  /** N: the training episodes, the latest, over which the covariance is taken; at least 2. */
  readonly trajectoriesPerRewardStep: number;
  /** Expert trajectories, drawn with replacement, that the covariance is taken over beside those; 0 for the theorem's own. */
  readonly expertTrajectoriesPerRewardStep: number;
  /** What follows the step that ends an episode: see `Termination`. */
  readonly termination: Termination;
}

/** D_f(rho_expert || rho_agent): KL(expert || agent), KL(agent || expert), or the sum of both to their mean (twice Jensen-Shannon's). */
export type Divergence = "forward-kl" | "reverse-kl" | "jensen-shannon";

/** A divergence by x = log u. */
export interface DivergenceTerms {
  /** h_f(u) = f(u) - f'(u) u: how the divergence changes with rho_agent(s). */
  readonly slope: (logRatio: number) => number;
  /** The divergence is E_expert[expertTerm] + E_agent[agentTerm]: the expert's part, */
  readonly expertTerm: (logRatio: number) => number;
  /** and the agent's. */
  readonly agentTerm: (logRatio: number) => number;
}

const LOG_2 = portableLog(2);

/** f(u) = u log u; -log u; u log u - (1 + u) log((1 + u) / 2). */
export const DIVERGENCES: Readonly<Record<Divergence, DivergenceTerms>> = {
  "forward-kl": { slope: (x) => -portableExp(x), expertTerm: (x) => x, agentTerm: () => 0 },
  "reverse-kl": { slope: (x) => 1 - x, expertTerm: () => 0, agentTerm: (x) => -x },
  "jensen-shannon": {
    slope: (x) => LOG_2 - softplus(x),
    expertTerm: (x) => LOG_2 - softplus(-x),
    agentTerm: (x) => LOG_2 - softplus(x),
  },
};

/** Both levels and the classifier between them. Updated in place. */
export interface FIrl extends Learner {
  readonly options: FIrlOptions;
  /** r(.; theta) */
  readonly reward: RewardModel;
  readonly teacher: BatchReward;
  readonly demonstrations: Trajectories;
  /** Its logit is log u. It shares the reward's normaliser. */
  readonly discriminator: Discriminator;
  /** The kept episodes' rows, [N maxEpisodeSteps, inputSize]. */
  readonly agentRows: number;
  /** `draws`: the classifier's batches, and points between their rows. `expert`: which of its trajectories comes next. */
  readonly streams: { readonly draws: RandomStream; readonly expert: RandomStream };
  /** Reward steps, and what the classifier's Adam counts. */
  readonly counters: {
    rewardSteps: number;
    classifierSteps: number;
    classifierBeta1Power: number;
    classifierBeta2Power: number;
  };
  readonly tensors: Readonly<Record<string, [pointer: number, length: number]>>;
  /** Milliseconds since the last reward step. */
  elapsed: number;
}

/** Both levels at initialisation. */
export function createFIrl(
  kernels: Kernels,
  environment: Environment,
  demonstrations: Trajectories,
  options: FIrlOptions,
  key: Key,
): FIrl {
  requireOptions(options);
  const { termination, discriminator } = options;
  requireWholeEpisodes("createFIrl", termination, demonstrations, "demonstrations");
  requireKnownActions("createFIrl", environment, demonstrations);
  const agent = createAgent(kernels, environment, { ...options, keepTrueRewards: false }, foldIn(key, 0));
  const { observationSize } = agent.policy;
  const absorbing = termination === "absorbing";
  const model = (given: RewardOptions, purpose: number): RewardModel =>
    createRewardModel(kernels, observationSize, agent.actionSpace, given, foldIn(key, purpose));
  const reward = model({ ...options.reward, absorbing }, 1);
  const { inputs } = options.reward;
  const classifier: RewardModel = {
    ...model(classifierOptions({ ...discriminator, inputs }, absorbing), 2),
    normaliser: reward.normaliser,
  };
  observeTrajectories(kernels, reward, "expert", demonstrations);
  const { network, adam } = classifier;
  const { maxEpisodeSteps } = environment;
  return {
    options,
    agent,
    reward,
    teacher: learnedReward(kernels, reward),
    demonstrations,
    discriminator: createDiscriminator(kernels, classifier, demonstrations, maxEpisodeSteps, discriminator),
    agentRows: kernels.allocate(options.trajectoriesPerRewardStep * maxEpisodeSteps * reward.inputSize),
    streams: { draws: streamOf(foldIn(key, 3)), expert: streamOf(foldIn(key, 4)) },
    counters: { rewardSteps: 0, classifierSteps: 0, classifierBeta1Power: 1, classifierBeta2Power: 1 },
    tensors: {
      classifierParameters: [network.parameters, network.length],
      classifierMoments: [adam.moments, 2 * adam.length],
    },
    recentEpisodes: [],
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
    elapsed: 0,
  };
}

/**
 * Iteration k: T_k policy steps (fewer if `stepLimit` training steps are reached); then, once there are two episodes, the classifier's
 * steps on the kept ones and one reward step theta <- Pi( theta - alpha_k grad D_f ). `clock` gives milliseconds.
 */
export function fIrlIteration(
  kernels: Kernels,
  state: FIrl,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, reward, options, discriminator, counters, recentEpisodes } = state;
  const begun = clock();

  // Fast timescale: the policy under theta_k.
  const valueAfterEnd = (absorbingReward(kernels, reward) ?? 0) / (1 - options.sac.discount);
  const policySteps = Math.min(options.policyStepsPerRewardStep, stepLimit - agent.steps);
  for (let t = 0; t < policySteps; t++) {
    const episode = agentStep(kernels, agent, state.teacher, clock, valueAfterEnd);
    state.steps.train++;
    if (episode) rememberEpisode(kernels, state, episode, listener);
  }
  const measured = takePolicyRecord(kernels, agent);
  if (measured) listener(measured);
  if (recentEpisodes.length < 2) {
    state.elapsed += clock() - begun;
    return;
  }

  // Slow timescale: the density ratio, then the reward.
  fitClassifier(kernels, state);
  listener(takeDiscriminatorRecord(discriminator, agent.steps, counters.classifierSteps));
  const absorbing = absorbingReward(kernels, reward);
  const sample = [...recentEpisodes, ...sampleExpert(state)];
  const sums = addDivergenceDescent(kernels, reward, discriminator.model, sample, {
    divergence: options.divergence,
    logRatioClip: options.logRatioClip,
    temperature: policyTemperature(kernels, agent.policy),
    horizon: agent.environment.maxEpisodeSteps,
  });
  const own = meansOver(sums.slice(0, recentEpisodes.length));
  const expert = expertMeans(kernels, state);
  const ascent = ascend(kernels, reward, counters.rewardSteps, 1);
  counters.rewardSteps++;

  const record: DivergenceRecord = {
    kind: "reward",
    step: agent.steps,
    rewardStep: counters.rewardSteps,
    returnGap: own.length * expert.reward - own.return,
    expertMeanReward: expert.recordedReward,
    agentMeanReward: own.recordedReward,
    absorbingReward: absorbing,
    gradientNorm: ascent.gradientNorm,
    gradientCosine: ascent.gradientCosine,
    travel: ascent.travel,
    projected: ascent.projected ? 1 : 0,
    divergence: expert.divergenceTerm + own.divergenceTerm,
    clippedShare: own.clippedShare,
    seconds: (state.elapsed + clock() - begun) / 1000,
    policySeconds: agent.updateTime / 1000,
    simulationSeconds: agent.simulationTime / 1000,
  };
  listener(record);
  state.elapsed = 0;
  agent.updateTime = 0;
  agent.simulationTime = 0;
}

/** What the gradient depends on beside trajectories, reward and classifier. */
export interface DivergenceOptions {
  readonly divergence: Divergence;
  readonly logRatioClip: number;
  /** alpha, of the policy that made the trajectories. */
  readonly temperature: number;
  /** Up to where a terminated episode stays in the absorbing state, if there is one. */
  readonly horizon: number;
}

/** Sums over an episode's steps, those in the absorbing state included. */
export interface EpisodeSums {
  steps: number;
  /** Of h_f(u). */
  slope: number;
  /** Of the divergence's agentTerm. */
  divergenceTerm: number;
  /** Steps with |log u| above the clip. */
  clipped: number;
  /** Of r. */
  return: number;
  /** Recorded steps, and the sum of r over them. */
  recorded: number;
  recordedReward: number;
}

/** Means of such sums. */
export interface EpisodeMeans {
  /** T: steps of an episode. */
  readonly length: number;
  /** Of r over an episode. */
  readonly return: number;
  /** Of r over recorded steps. */
  readonly recordedReward: number;
  /** Of agentTerm over steps, and the share of them that was clipped. */
  readonly divergenceTerm: number;
  readonly clippedShare: number;
}

/**
 * Adds -grad D_f to `reward.gradient`, D_f taken between marginals over time lived, rho(s) = E[visits of s in an episode] / E[steps of
 * an episode]:
 *
 *   grad D_f = 1/(alpha T) cov_tau( sum_t (h_f(u(s_t)) - hbar), sum_t grad r(s_t) ),   hbar = E[sum_t h_f(u(s_t))] / T,   T = E[steps].
 *
 * Where all episodes are as long this is Theorem 4.1, and hbar changes nothing. The covariance is that of the sample, with N - 1.
 * Each of `episodes` is one; what is returned belongs to them, in their order.
 */
export function addDivergenceDescent(
  kernels: Kernels,
  reward: RewardModel,
  classifier: RewardModel,
  episodes: readonly Trajectories[],
  options: DivergenceOptions,
): EpisodeSums[] {
  const sums = episodes.map((episode) => scoreEpisode(kernels, classifier, episode, options));
  const steps = totalOf(sums, "steps");
  const meanSlope = totalOf(sums, "slope") / steps;
  const meanLength = steps / episodes.length;
  const scale = 1 / (options.temperature * meanLength * (episodes.length - 1));
  const span = { discount: 1, horizon: options.horizon };
  episodes.forEach((episode, i) => {
    const own = sums[i];
    // These add up to 0 over episodes, so that the mean of grad r need not be taken off.
    const excess = own.slope - meanSlope * own.steps;
    const learned = addEpisodeGradient(kernels, reward, episode, 0, span, -scale * excess);
    own.return = learned.discountedReturn;
    own.recorded = learned.steps;
    own.recordedReward = learned.rewardSum;
  });
  return sums;
}

/** The means of episodes of `addDivergenceDescent`. */
export function meansOver(sums: readonly EpisodeSums[]): EpisodeMeans {
  const steps = totalOf(sums, "steps");
  return {
    length: steps / sums.length,
    return: totalOf(sums, "return") / sums.length,
    recordedReward: totalOf(sums, "recordedReward") / totalOf(sums, "recorded"),
    divergenceTerm: totalOf(sums, "divergenceTerm") / steps,
    clippedShare: totalOf(sums, "clipped") / steps,
  };
}

function totalOf(sums: readonly EpisodeSums[], field: keyof EpisodeSums): number {
  return sums.reduce((total, own) => total + own[field], 0);
}

/** All that the classifier tells of an episode; nothing of the reward yet. */
function scoreEpisode(
  kernels: Kernels,
  classifier: RewardModel,
  episode: Trajectories,
  { divergence, logRatioClip: clip, horizon }: DivergenceOptions,
): EpisodeSums {
  const { slope, agentTerm } = DIVERGENCES[divergence];
  const sums = {
    steps: 0,
    slope: 0,
    divergenceTerm: 0,
    clipped: 0,
    return: 0,
    recorded: 0,
    recordedReward: 0,
  };
  const add = (logit: number, times: number): void => {
    const logRatio = clipTo(clip, logit);
    sums.steps += times;
    sums.slope += times * slope(logRatio);
    sums.divergenceTerm += times * agentTerm(logRatio);
    if (Math.abs(logit) > clip) sums.clipped += times;
  };
  const logits = rewardsAlong(kernels, classifier, episode);
  for (let t = 0; t < logits.length; t++) add(logits[t], 1);
  const absorbing = absorbingReward(kernels, classifier);
  const ended = episode.terminated[logits.length - 1] === 1;
  if (absorbing !== null) add(absorbing, absorbingWeight(ended, logits.length, { discount: 1, horizon }));
  return sums;
}

function clipTo(bound: number, x: number): number {
  return Math.max(-bound, Math.min(bound, x));
}

/** Expert trajectories to take the covariance over as well. */
function sampleExpert({ demonstrations, streams, options }: FIrl): Trajectories[] {
  const count = episodeCount(demonstrations);
  return Array.from({ length: options.expertTrajectoriesPerRewardStep }, () => {
    const episode = nextInteger(streams.expert, count);
    return sliceEpisodes(demonstrations, episode, episode + 1);
  });
}

/** Means over the expert's time, in which the absorbing state has its share; `recordedReward` is over recorded steps alone. */
function expertMeans(
  kernels: Kernels,
  { reward, discriminator, demonstrations, options }: FIrl,
): { reward: number; recordedReward: number; divergenceTerm: number } {
  const { expertTerm } = DIVERGENCES[options.divergence];
  const { model, expert } = discriminator;
  const term = (logit: number): number => expertTerm(clipTo(options.logRatioClip, logit));
  const mixed = (recorded: number, absorbing: number): number =>
    (1 - expert.absorbing) * recorded + expert.absorbing * absorbing;
  const recordedReward = meanOf(rewardsAlong(kernels, reward, demonstrations), (r) => r);
  return {
    recordedReward,
    reward: mixed(recordedReward, absorbingReward(kernels, reward) ?? 0),
    divergenceTerm: mixed(
      meanOf(rewardsAlong(kernels, model, demonstrations), term),
      term(absorbingReward(kernels, model) ?? 0),
    ),
  };
}

function meanOf(values: Float32Array, term: (value: number) => number): number {
  return values.reduce((sum, value) => sum + term(value), 0) / values.length;
}

/** The classifier's steps on rows of the kept episodes, which are those that the covariance is taken over. */
function fitClassifier(kernels: Kernels, state: FIrl): void {
  const { discriminator, counters, streams, options, recentEpisodes, agentRows, agent } = state;
  const { model } = discriminator;
  const { adam, inputSize } = model;
  Object.assign(adam, {
    steps: counters.classifierSteps,
    beta1Power: counters.classifierBeta1Power,
    beta2Power: counters.classifierBeta2Power,
  });
  let [count, away] = [0, 0];
  for (const episode of recentEpisodes) {
    const length = transitionCount(episode);
    loadRows(kernels, model, episode, 0, length, agentRows + 4 * count * inputSize);
    count += length;
    const span = { discount: 1, horizon: agent.environment.maxEpisodeSteps };
    if (model.options.absorbing) away += absorbingWeight(episode.terminated[length - 1] === 1, length, span);
  }
  const side = { rows: agentRows, stride: inputSize, count, absorbing: away / (away + count) };
  for (let i = 0; i < options.discriminator.stepsPerRewardStep; i++)
    discriminatorStep(kernels, discriminator, side, streams.draws, adam.steps);
  counters.classifierSteps = adam.steps;
  counters.classifierBeta1Power = adam.beta1Power;
  counters.classifierBeta2Power = adam.beta2Power;
}

function rememberEpisode(kernels: Kernels, state: FIrl, episode: Trajectories, listener: Listener): void {
  const { recentEpisodes, options, agent, reward } = state;
  requireWholeEpisodes("fIrlIteration", options.termination, episode, "environment");
  recentEpisodes.push(episode);
  if (recentEpisodes.length > options.trajectoriesPerRewardStep) recentEpisodes.shift();
  observeTrajectories(kernels, reward, "agent", episode);
  listener(episodeRecord(agent.steps, episode));
}

function requireOptions({ discriminator, trajectoriesPerRewardStep, logRatioClip }: FIrlOptions): void {
  requireBatchSize("createFIrl", discriminator.batchSize);
  const { stepsPerRewardStep } = discriminator;
  if (!(stepsPerRewardStep >= 1)) {
    throw new TandemError(
      "createFIrl",
      `expected at least one step of the classifier before a reward step, got ${stepsPerRewardStep}`,
    );
  }
  if (!(trajectoriesPerRewardStep >= 2)) {
    throw new TandemError(
      "createFIrl",
      `a covariance expects at least 2 trajectories per reward step, got ${trajectoriesPerRewardStep}`,
    );
  }
  if (!(logRatioClip > 0)) {
    throw new TandemError("createFIrl", `expected a clip of the log ratio above 0, got ${logRatioClip}`);
  }
}
