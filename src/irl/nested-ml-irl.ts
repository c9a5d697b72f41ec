/**
 * Maximum-likelihood inverse reinforcement learning in a nested loop: before each reward step the lower level is solved, to a tolerance,
 * under a reward that stands still. It is what the two-timescale single loop (arXiv:2503.17865, Alg. 3; `ml-irl.ts`) is to beat on cost;
 * the reward step is the same.
 */
import {
  portableLog,
  TandemError,
  transitionCount,
  type Key,
  type Listener,
  type Trajectories,
} from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { agentStep, episodeRecord, policyTemperature, takePolicyRecord, type Agent } from "../rl/index.ts";
import {
  createTwoLevels,
  gradientDiscount,
  rewardStep,
  sampleAgent,
  valueAfterEnd,
  type LikelihoodEnvironments,
  type LikelihoodOptions,
  type TwoLevels,
} from "./likelihood.ts";
import {
  absorbingReward,
  absorbingWeight,
  effectiveHorizon,
  observeTrajectories,
  rewardsAlong,
  type RewardModel,
  type ReturnSpan,
} from "./reward-model.ts";
import { requireWholeEpisodes } from "./termination.ts";

/** Every choice of the algorithm. */
export interface NestedMlIrlOptions extends LikelihoodOptions {
  readonly solve: LowerLevelSolve;
}

/** How long the lower level learns under one reward. */
export interface LowerLevelSolve {
  /** Environment steps (one policy update each) of a round, at least two episodes of full length. */
  readonly roundSteps: number;
  /** Improvement of the soft return from one round to the next at which it counts as solved, nats a step: see `judgeRound`. */
  readonly tolerance: number;
  /** Rounds after which the reward moves in any case. */
  readonly mostRounds: number;
}

/** Both levels. Updated in place; `recentEpisodes` are those that ended in the round under way and the one before. */
export interface NestedMlIrl extends TwoLevels {
  readonly options: NestedMlIrlOptions;
  /** Where the solve under way stands. */
  readonly counters: {
    rewardSteps: number;
    /** Whole rounds under this reward. */
    rounds: number;
    /** Policy steps of the round under way. */
    stepsInRound: number;
    /** Sum of the policy's entropy over the round's updates, nats. */
    entropySum: number;
    /** Mean entropy of the round before. */
    previousEntropy: number;
    /** How many of `recentEpisodes` ended in the round before; they come first. */
    previousEpisodes: number;
  };
}

/** Most policy steps of one call. */
const STEPS_PER_CALL = 1000;

/** Both levels at initialisation; `environments.rollout` is needed for fresh agent trajectories only. */
export function createNestedMlIrl(
  kernels: Kernels,
  environments: LikelihoodEnvironments,
  demonstrations: Trajectories,
  options: NestedMlIrlOptions,
  key: Key,
): NestedMlIrl {
  requireSolve(options.solve, environments.train.maxEpisodeSteps);
  const levels = createTwoLevels("createNestedMlIrl", kernels, environments, demonstrations, options, key);
  return {
    ...levels,
    options,
    counters: {
      rewardSteps: 0,
      rounds: 0,
      stepsInRound: 0,
      entropySum: 0,
      previousEntropy: 0,
      previousEpisodes: 0,
    },
  };
}

/**
 * Up to `STEPS_PER_CALL` environment steps (fewer at the end of a round, of the random start, and at `stepLimit`), then the policy's
 * record; where a round is over and the lower level solved, the reward step. `clock` gives milliseconds.
 */
export function nestedMlIrlIteration(
  kernels: Kernels,
  state: NestedMlIrl,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, options, counters } = state;
  const { startSteps, solve } = options;
  const begun = clock();
  const learning = agent.steps >= startSteps;
  const left = learning ? solve.roundSteps - counters.stepsInRound : startSteps - agent.steps;
  const steps = Math.min(left, STEPS_PER_CALL, stepLimit - agent.steps);
  const afterEnd = valueAfterEnd(kernels, state);
  for (let t = 0; t < steps; t++) {
    const episode = agentStep(kernels, agent, state.teacher, clock, afterEnd);
    state.steps.train++;
    if (episode) rememberEpisode(kernels, state, episode, learning, listener);
  }
  const measured = takePolicyRecord(kernels, agent);
  if (measured) {
    listener(measured);
    counters.stepsInRound += steps;
    counters.entropySum += steps * measured.entropy;
  }
  if (counters.stepsInRound === solve.roundSteps) endRound(kernels, state, listener, clock, begun);
  else state.elapsed += clock() - begun;
}

/** Another round, or the reward step and the first round under its reward. */
function endRound(
  kernels: Kernels,
  state: NestedMlIrl,
  listener: Listener,
  clock: () => number,
  begun: number,
): void {
  const { counters, recentEpisodes, options, reward } = state;
  counters.rounds++;
  const judged = counters.rounds > 1 ? judgeRound(kernels, state) : null;
  if (!judged?.solved && counters.rounds < options.solve.mostRounds) {
    recentEpisodes.splice(0, counters.previousEpisodes);
    counters.previousEpisodes = recentEpisodes.length;
    counters.previousEntropy = counters.entropySum / counters.stepsInRound;
    beginRound(counters);
    state.elapsed += clock() - begun;
    return;
  }
  const agentTrajectories = sampleAgent("nestedMlIrlIteration", kernels, state);
  const solve = { rounds: counters.rounds, roundImprovement: judged?.improvement ?? null };
  rewardStep(kernels, state, agentTrajectories, solve, listener, clock, begun);
  // Only now: the reward that the policy was solved for, and its gradient, stand on the features as they were.
  const seen = options.agentTrajectories === "training" ? recentEpisodes : agentTrajectories;
  for (const part of seen) observeTrajectories(kernels, reward, "agent", part);
  recentEpisodes.length = 0;
  counters.previousEpisodes = 0;
  counters.rounds = 0;
  beginRound(counters);
}

function beginRound(counters: NestedMlIrl["counters"]): void {
  counters.stepsInRound = 0;
  counters.entropySum = 0;
}

/**
 * Whether the soft return of training episodes has stopped improving: from the n' episodes of the round before to the n of this one,
 *
 *   D - SE <= tolerance temperature h,   D = mean G - mean G',   SE^2 = s^2 / n + s'^2 / n',
 *
 * s^2 the variance over the round's episodes, h the mean of sum_t w_t over both rounds' episodes, w_t = gamma^t (or 1: the gradient's
 * weights). That is a one-sided test, at one standard error, of an improvement beyond the tolerance. The soft return of an episode is
 *
 *   G = sum_t w_t (r(s_t, a_t; theta_k) + temperature H),
 *
 * the learned reward of an absorbing state included, H the policy's mean entropy over its round's updates. As the best policy's soft
 * return exceeds another's by temperature E[ sum_t gamma^t KL(pi || pi*) ], D / (temperature h) is in nats a step.
 */
function judgeRound(kernels: Kernels, state: NestedMlIrl): { solved: boolean; improvement: number | null } {
  const { counters, recentEpisodes, options, agent, reward } = state;
  const { stepsInRound, entropySum, previousEntropy, previousEpisodes } = counters;
  const temperature = policyTemperature(kernels, agent.policy);
  const span = {
    discount: gradientDiscount(options),
    horizon: agent.environment.maxEpisodeSteps,
  };
  const bonusOf = (entropy: number): number => temperature * (entropy - entropyOrigin(agent));
  const before = roundReturn(
    kernels,
    reward,
    recentEpisodes.slice(0, previousEpisodes),
    span,
    bonusOf(previousEntropy),
  );
  const now = roundReturn(
    kernels,
    reward,
    recentEpisodes.slice(previousEpisodes),
    span,
    bonusOf(entropySum / stepsInRound),
  );
  const gain = now.mean - before.mean;
  const error = Math.sqrt(now.squaredError + before.squaredError);
  const unit = (temperature * (now.weight + before.weight)) / 2;
  return {
    solved: gain - error <= options.solve.tolerance * unit,
    improvement: unit > 0 ? gain / unit : null,
  };
}

/** What the lower level counts entropy from: with finitely many actions its values are centred, and acting at random earns nothing. */
function entropyOrigin({ policy }: Agent): number {
  return policy.kind === "sac" ? 0 : portableLog(policy.actionSize);
}

interface RoundReturn {
  /** Mean soft return. */
  readonly mean: number;
  /** Estimated variance of that mean. */
  readonly squaredError: number;
  /** Mean of sum_t w_t. */
  readonly weight: number;
}

/** The soft return of a round's episodes, each step earning `bonus` beside its reward. */
function roundReturn(
  kernels: Kernels,
  reward: RewardModel,
  episodes: readonly Trajectories[],
  span: ReturnSpan,
  bonus: number,
): RoundReturn {
  const count = episodes.length;
  const returns = episodes.map((episode) => softReturn(kernels, reward, episode, span, bonus));
  const mean = returns.reduce((sum, each) => sum + each, 0) / count;
  const squares = returns.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  const weights = episodes.map((episode) => effectiveHorizon(span.discount, transitionCount(episode)));
  return {
    mean,
    squaredError: squares / (count - 1) / count,
    weight: weights.reduce((sum, each) => sum + each, 0) / count,
  };
}

function softReturn(
  kernels: Kernels,
  reward: RewardModel,
  episode: Trajectories,
  span: ReturnSpan,
  bonus: number,
): number {
  const rewards = rewardsAlong(kernels, reward, episode);
  let [sum, weight] = [0, 1];
  for (const each of rewards) {
    sum += weight * (each + bonus);
    weight *= span.discount;
  }
  const terminated = episode.terminated[rewards.length - 1] === 1;
  const absorbing = absorbingReward(kernels, reward) ?? 0;
  return sum + absorbing * absorbingWeight(terminated, rewards.length, span);
}

/** Random ones go into the features' statistics at once, as no policy learns yet; the others when the reward next moves. */
function rememberEpisode(
  kernels: Kernels,
  state: NestedMlIrl,
  episode: Trajectories,
  learning: boolean,
  listener: Listener,
): void {
  requireWholeEpisodes("nestedMlIrlIteration", state.options.termination, episode, "environment");
  if (learning) state.recentEpisodes.push(episode);
  else observeTrajectories(kernels, state.reward, "agent", episode);
  listener(episodeRecord(state.agent.steps, episode));
}

function requireSolve({ roundSteps, tolerance, mostRounds }: LowerLevelSolve, episodeSteps: number): void {
  if (!(roundSteps >= 2 * episodeSteps)) {
    throw new TandemError(
      "createNestedMlIrl",
      `a round is judged by its episodes and needs two at least: expected roundSteps of ${2 * episodeSteps} or more, got ${roundSteps}`,
    );
  }
  if (!(tolerance >= 0)) {
    throw new TandemError(
      "createNestedMlIrl",
      `expected a tolerance of 0 or more nats a step, got ${tolerance}`,
    );
  }
  if (!(mostRounds >= 1)) {
    throw new TandemError("createNestedMlIrl", `expected mostRounds of 1 or more, got ${mostRounds}`);
  }
}
