/**
 * Adversarial inverse reinforcement learning (arXiv:1710.11248), off-policy on soft actor-critic. The classifier
 *
 *   D = exp(f / alpha) / (exp(f / alpha) + pi(a|s)),   f(s, a, s') = g(s, a) + gamma h(s') - h(s),
 *
 * knows the policy's density, so that where it can tell nothing f / alpha is log pi: f is the expert's advantage at temperature alpha,
 * and g its reward with the shaping taken out. Soft actor-critic is taught f and adds -alpha log pi itself: their sum is alpha times
 * the paper's log D - log(1 - D). Where actions are A in number, densities are by the uniform one, A pi(a|s), as soft Q-learning's
 * centred values have it: its V at the optimum is then 0 too, and what follows an end is worth no more and no less.
 */
import {
  foldIn,
  nextInteger,
  portableLog,
  streamOf,
  TandemError,
  transitionCount,
  type Key,
  type Listener,
  type RandomStream,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  actionLogLikelihood,
  addDemonstrations,
  agentStep,
  createAgent,
  createReplay,
  episodeRecord,
  likelihoodRoom,
  policyTemperature,
  replaySize,
  takePolicyRecord,
  type Agent,
  type BatchReward,
  type LikelihoodRoom,
  type Replay,
  type SacOptions,
  type Slowdown,
} from "../rl/index.ts";
import {
  absorbingShare,
  classifierOptions,
  drawAbsorbing,
  judge,
  mixRows,
  nothingMeasured,
  requireBatchSize,
  takeDiscriminatorRecord,
  type ClassifierOptions,
  type Measured,
} from "./discriminator.ts";
import { requireKnownActions } from "./known-actions.ts";
import { STEPS_PER_RECORD, type Learner } from "./learner.ts";
import { createRewardModel, observeTrajectories, type RewardModel } from "./reward-model.ts";
import {
  absorbingShaped,
  addShapedGradient,
  addShapedPenalty,
  ascendShaped,
  createShapedReward,
  isAbsorbing,
  shapedForward,
  shapedTeacher,
  shapingTensors,
  writeTransitions,
  type ShapedReward,
} from "./shaped-reward.ts";
import { requireWholeEpisodes, type Termination } from "./termination.ts";

/** Every choice of the algorithm. */
export interface AirlOptions {
  /** Its temperature, where fixed, is above 0. */
  readonly sac: SacOptions;
  /** Steps of uniformly random actions before the first update of either level. */
  readonly startSteps: number;
  readonly replayCapacity: number;
  /** A change of the policy's learning rate on the way; undefined for none. */
  readonly slowdown?: Slowdown;
  readonly discriminator: AirlDiscriminatorOptions;
  /** What follows the step that ends an episode: see `Termination`. */
  readonly termination: Termination;
}

/** The classifier: `inputs` and `hidden` are g's, `gradientPenalty` weighs (||grad f|| - 1)^2, by s, a and s'. */
export interface AirlDiscriminatorOptions extends ClassifierOptions {
  /** Environment steps between two of its steps. */
  readonly every: number;
  /** ReLU layers of h. */
  readonly shapingHidden: readonly number[];
  /** The agent's rows are drawn from its newest so many steps; what the replay holds at most is all of them. */
  readonly recentSteps: number;
}

/** Both levels. Updated in place. */
export interface Airl extends Learner {
  readonly options: AirlOptions;
  /** g, the recovered reward. */
  readonly reward: RewardModel;
  /** f, of which `reward` is a part. */
  readonly shaped: ShapedReward;
  /** f at its present parameters. */
  readonly teacher: BatchReward;
  readonly demonstrations: Trajectories;
  /** h and its Adam's moments. */
  readonly tensors: Readonly<Record<string, [pointer: number, length: number]>>;
  /** `draws`: batches, and points between their rows. */
  readonly streams: { readonly draws: RandomStream };
  /**
   * Steps of the classifier, and steps that the agent's episodes have lived and spent in the absorbing state, older episodes forgotten
   * as their steps become old (see `rememberEpisode`).
   */
  readonly counters: { rewardSteps: number; agentLivingSteps: number; agentAbsorbingSteps: number };
  readonly room: Room;
  /** Sums since the last record. */
  measured: Measured;
}

interface Room {
  /** The expert's transitions, actions in policy units. */
  readonly expert: Replay;
  /** Share of the absorbing state in the expert's time. */
  readonly expertAbsorbing: number;
  readonly indices: number;
  readonly rows: number;
  readonly features: readonly [expert: number, agent: number, between: number];
  readonly likelihood: LikelihoodRoom;
  readonly logits: number;
  readonly coefficients: number;
}

/** Both levels at initialisation. */
export function createAirl(
  kernels: Kernels,
  environment: Environment,
  demonstrations: Trajectories,
  options: AirlOptions,
  key: Key,
): Airl {
  const { discriminator, termination, sac } = options;
  requireOptions(options);
  requireKnownActions("createAirl", environment, demonstrations);
  requireWholeEpisodes("createAirl", termination, demonstrations, "demonstrations");
  const agent = createAgent(kernels, environment, { ...options, keepTrueRewards: false }, foldIn(key, 0));
  const reward = createRewardModel(
    kernels,
    agent.policy.observationSize,
    agent.actionSpace,
    classifierOptions(discriminator, termination === "absorbing"),
    foldIn(key, 1),
  );
  observeTrajectories(kernels, reward, "expert", demonstrations);
  const shaping = { hidden: discriminator.shapingHidden, discount: sac.discount };
  const shaped = createShapedReward(kernels, reward, shaping, foldIn(key, 3));
  const { batchSize } = discriminator;
  const features = (): number => kernels.allocate(batchSize * shaped.width);
  return {
    options,
    agent,
    reward,
    shaped,
    teacher: shapedTeacher(kernels, shaped),
    demonstrations,
    tensors: shapingTensors(shaped),
    streams: { draws: streamOf(foldIn(key, 2)) },
    counters: { rewardSteps: 0, agentLivingSteps: 0, agentAbsorbingSteps: 0 },
    recentEpisodes: [],
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
    room: {
      expert: expertTransitions(kernels, agent, demonstrations),
      expertAbsorbing: reward.options.absorbing
        ? absorbingShare(demonstrations, environment.maxEpisodeSteps)
        : 0,
      indices: kernels.allocate(batchSize),
      rows: kernels.allocate(batchSize * agent.replay.stride),
      features: [features(), features(), features()],
      likelihood: likelihoodRoom(kernels, agent.policy, agent.actionSpace, batchSize),
      logits: kernels.allocate(batchSize),
      coefficients: kernels.allocate(batchSize),
    },
    measured: nothingMeasured(),
  };
}

function expected(what: string, got: number): TandemError {
  return new TandemError("createAirl", `expected ${what}, got ${got}`);
}

function requireOptions({ discriminator, sac }: AirlOptions): void {
  const { batchSize, recentSteps } = discriminator;
  requireBatchSize("createAirl", batchSize);
  if (!(recentSteps >= 1)) throw expected("at least 1 recent step", recentSteps);
  if (sac.temperature !== "learnt" && !(sac.temperature > 0))
    throw expected("a temperature above 0, as f is divided by it", sac.temperature);
}

/** Up to `STEPS_PER_RECORD` environment steps (fewer at `stepLimit`), each with its updates, then the records of both levels. */
export function airlIteration(
  kernels: Kernels,
  state: Airl,
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
  if (state.measured.steps > 0)
    listener(takeDiscriminatorRecord(state, agent.steps, state.counters.rewardSteps));
}

/**
 * One step of Adam on g and h down the classifier's loss
 *
 *   E_expert[softplus(-l)] + E_agent[softplus(l)] + lambda E[(||grad f|| - 1)^2],   l = f / alpha - log pi(a|s),
 *
 * pi (A pi where actions are finitely many) and alpha as they are now, rows drawn uniformly from the time of the demonstrations and of the
 * agent's newest steps, that in the absorbing state included.
 */
function discriminatorStep(kernels: Kernels, state: Airl): void {
  const { shaped, room, options, measured, counters, agent, streams } = state;
  const { batchSize: size, gradientPenalty, recentSteps } = options.discriminator;
  const [expert, own, between] = room.features;
  const { agentAbsorbingSteps: away, agentLivingSteps: alive } = counters;
  drawTransitions(kernels, state, room.expert, Infinity, room.expertAbsorbing, expert);
  addSide(kernels, state, expert, 1);
  drawTransitions(kernels, state, agent.replay, recentSteps, away > 0 ? away / (away + alive) : 0, own);
  addSide(kernels, state, own, -1);
  if (gradientPenalty > 0) {
    mixRows(kernels, streams.draws, size, shaped.width, room.features);
    measured.penalty -= addShapedPenalty(kernels, shaped, size, between, -gradientPenalty);
  }
  ascendShaped(kernels, shaped, counters.rewardSteps);
  counters.rewardSteps++;
  measured.steps++;
}

/**
 * Transitions drawn uniformly from the `newest` of a replay into `room.rows`, and what f sees of them into `features`; there the absorbing
 * state's self-transition is in the place of each with probability `absorbing`.
 */
function drawTransitions(
  kernels: Kernels,
  { shaped, room, streams, options }: Airl,
  from: Replay,
  newest: number,
  absorbing: number,
  features: number,
): void {
  const { batchSize: size } = options.discriminator;
  const { rows, stride, added, capacity } = from;
  const indices = kernels.u32(room.indices, size);
  const bound = Math.min(newest, replaySize(from));
  for (let i = 0; i < size; i++) indices[i] = (added - 1 - nextInteger(streams.draws, bound)) % capacity;
  kernels.gatherRows(size, stride, rows, stride, room.indices, room.rows, stride);
  // Where the last batch had the absorbing state, its indicators are still set: features of living states leave those columns alone.
  kernels.fill(size * shaped.width, features, 0);
  writeTransitions(kernels, shaped, size, room.rows, stride, features);
  drawAbsorbing(kernels, streams.draws, absorbing, size, shaped.width, shaped.absorbing, features);
}

/**
 * Adds the gradient of E[log D] (side 1) or E[log(1 - D)] (side -1) over the rows just drawn. In the absorbing state nothing is chosen:
 * log pi and log(A pi) are 0 there.
 */
function addSide(kernels: Kernels, state: Airl, features: number, side: 1 | -1): void {
  const { shaped, room, options, measured, agent } = state;
  const { policy } = agent;
  const { batchSize: size } = options.discriminator;
  const { stride } = agent.replay;
  const temperature = policyTemperature(kernels, policy);
  const { rows, likelihood } = room;
  actionLogLikelihood(kernels, policy, { size, rows, stride }, likelihood);
  shapedForward(kernels, shaped, size, features, room.logits);
  kernels.scale(size, 1 / temperature, room.logits);
  const [logits, logProb] = [room.logits, likelihood.logProb].map((at) => kernels.f32(at, size));
  const table = kernels.f32(features, size * shaped.width);
  const uniform = policy.kind === "deep-soft-q" ? -portableLog(policy.actionSize) : 0;
  for (let i = 0; i < size; i++)
    if (!isAbsorbing(shaped, table, i)) logits[i] = Math.fround(logits[i] - logProb[i]) + uniform;
  judge(side, logits, kernels.f32(room.coefficients, size), measured);
  kernels.scale(size, 1 / temperature, room.coefficients);
  addShapedGradient(kernels, shaped, size, features, room.coefficients);
}

/**
 * Counts the episode's time. Where rows are drawn from the newest N steps, an episode of T steps takes T / N of the time before it out
 * of the count.
 */
function rememberEpisode(kernels: Kernels, state: Airl, episode: Trajectories, listener: Listener): void {
  const { agent, options, reward, counters } = state;
  requireWholeEpisodes("airlIteration", options.termination, episode, "environment");
  const length = transitionCount(episode);
  const away =
    reward.options.absorbing && episode.terminated[length - 1]
      ? Math.max(0, agent.environment.maxEpisodeSteps - length)
      : 0;
  const kept = Math.max(0, 1 - length / options.discriminator.recentSteps);
  counters.agentLivingSteps = kept * counters.agentLivingSteps + length;
  counters.agentAbsorbingSteps = kept * counters.agentAbsorbingSteps + away;
  observeTrajectories(kernels, reward, "agent", episode);
  listener(episodeRecord(agent.steps, episode));
}

/**
 * f of the absorbing state's self-transition over 1 - gamma, which is g / (1 - gamma) - h there; 0 where an end is an end.
 */
function valueAfterEnd(kernels: Kernels, { shaped, options }: Airl): number {
  return (absorbingShaped(kernels, shaped) ?? 0) / (1 - options.sac.discount);
}

/** The demonstrations as a replay of their own. */
function expertTransitions(
  kernels: Kernels,
  { actionSpace, replay }: Agent,
  demonstrations: Trajectories,
): Replay {
  const { observationSize, actionSize } = replay;
  const capacity = transitionCount(demonstrations);
  const expert = createReplay(kernels, { observationSize, actionSize, capacity, keepTrueRewards: false });
  addDemonstrations(kernels, expert, actionSpace, demonstrations);
  return expert;
}
