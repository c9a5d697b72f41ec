/**
 * Maximum causal entropy inverse reinforcement learning (mce-irl.ts) as a learner beside the others: each step is one of its exact ascent,
 * from r = 0, on J of the demonstrations' discounted counts. It is told the task's table, takes no step in the environment, and its policy
 * is a Q network that holds log pi as a table.
 */
import {
  episodeCount,
  foldIn,
  TandemError,
  transitionCount,
  type Key,
  type Listener,
  type RewardRecord,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { TabularDynamics } from "../envs/tabular/tabular-mdp.ts";
import type { Kernels } from "../kernels/index.ts";
import { createAgent, emptySolution, logLikelihood, type DeepSoftQ, type SacOptions } from "../rl/index.ts";
import { requireKnownActions } from "./known-actions.ts";
import type { Learner } from "./learner.ts";
import { ascendMce, mcePoint, stationarity, type McePoint } from "./mce-irl.ts";

/** Every choice of the algorithm. */
export interface TabularMceIrlOptions {
  /** Of these the discount counts; `hidden` is one layer of as many units as there are states, the temperature 1. */
  readonly sac: SacOptions;
  /** Radius of the ball around r = 0: ||r||_2 over all pairs. */
  readonly radius: number;
}

/** Reward and policy. `agent.steps` counts the steps of the ascent; the environment is only looked at. Updated in place. */
export interface TabularMceIrl extends Learner {
  readonly options: TabularMceIrlOptions;
  /** The table, episodes beginning where the demonstrations' do. */
  readonly problem: TabularDynamics;
  /** d^, [S, A]: discounted counts, scaled to a sum of 1 / (1 - gamma) as that of a policy for ever. */
  readonly counts: Float64Array;
  /** `mceRewards`, `mceRewardsRest`: r, [S, A], as the sum of two float32; `mceGradient`: the gradient of the step before. */
  readonly tensors: Readonly<Record<"mceRewards" | "mceRewardsRest" | "mceGradient", [number, number]>>;
  /** `rewardSteps` that moved the reward; the size of the next one; and 1 once there is nothing more to climb. */
  readonly counters: { rewardSteps: number; stepSize: number; arrived: number };
}

/** Largest error of V. */
const VALUE_TOLERANCE = 1e-9;
/** There is nothing more to climb where the projected gradient is this share of the expert's whole time. */
const GRADIENT_TOLERANCE = 1e-5;

/** Reward 0 and the policy that goes with it, which is uniform. */
export function createTabularMceIrl(
  kernels: Kernels,
  environment: Environment,
  demonstrations: Trajectories,
  options: TabularMceIrlOptions,
  key: Key,
): TabularMceIrl {
  const { sac, radius } = options;
  const dynamics = requireTable("createTabularMceIrl", environment);
  const { states, actions } = dynamics;
  requireKnownActions("createTabularMceIrl", environment, demonstrations);
  if (!(radius > 0)) throw refusal(`expected a radius above 0, got ${radius}`);
  if (sac.temperature !== 1) throw refusal(`expected a temperature of 1, got ${sac.temperature}`);
  if (sac.hidden.length !== 1 || sac.hidden[0] !== states)
    throw refusal(`expected a hidden layer of ${states} units, one a state, got ${sac.hidden.join(", ")}`);
  const agentOptions = { sac, startSteps: 0, replayCapacity: 1, keepTrueRewards: false };
  const agent = createAgent(kernels, environment, agentOptions, foldIn(key, 0));
  const pairs = states * actions;
  const block = (): [number, number] => [kernels.allocate(pairs), pairs];
  const learner: TabularMceIrl = {
    options,
    agent,
    reward: null,
    problem: { ...dynamics, initial: firstStates(demonstrations, states) },
    counts: discountedCounts(demonstrations, dynamics, sac.discount),
    recentEpisodes: [],
    streams: {},
    tensors: { mceRewards: block(), mceRewardsRest: block(), mceGradient: block() },
    counters: { rewardSteps: 0, stepSize: 1 - sac.discount, arrived: 0 },
    steps: { train: 0, rewardRollout: 0, evaluation: 0, expert: transitionCount(demonstrations) },
  };
  passStatesThrough(kernels, policyOf(learner));
  return learner;
}

const refusal = (problem: string): TandemError => new TandemError("createTabularMceIrl", problem);

/** The table of a task that shows its states one-hot; an error elsewhere. */
export function requireTable(
  where: string,
  { id, dynamics, observationSpace }: Pick<Environment, "id" | "dynamics" | "observationSpace">,
): TabularDynamics {
  if (!dynamics) {
    throw new TandemError(
      where,
      `mce-irl has to know the task's table, and ${id} has none; choose a tabular task such as GridWorld-v0, or another method`,
    );
  }
  if (observationSpace.size === dynamics.states) return dynamics;
  throw new TandemError(
    where,
    `mce-irl expects states shown one-hot, ${id} shows their numbers; add --env-option observations=one-hot, with demonstrations that show the same`,
  );
}

/** Steps of the ascent between two records. */
const STEPS_PER_RECORD = 10;

/**
 * Up to `STEPS_PER_RECORD` steps of the ascent (fewer at `stepLimit`), then their record. Once there is nothing more to climb, what is
 * left of the steps passes without any.
 */
export function tabularMceIrlIteration(
  kernels: Kernels,
  state: TabularMceIrl,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const { agent, counters } = state;
  const end = Math.min(agent.steps + STEPS_PER_RECORD, stepLimit);
  const begun = clock();
  let last: Omit<RewardRecord, "seconds"> | null = null;
  let likelihood = 0;
  for (; agent.steps < end; agent.steps++) {
    clock();
    if (counters.arrived) continue;
    const step = climb(kernels, state);
    if (!step) continue;
    last = { ...step.record, step: agent.steps + 1 };
    likelihood = step.logLikelihood;
  }
  if (!last) return;
  listener({ ...last, seconds: (clock() - begun) / 1000 });
  const { discount } = state.options.sac;
  listener({
    kind: "cloning",
    step: last.step,
    updates: counters.rewardSteps,
    logLikelihood: (1 - discount) * likelihood,
  });
}

/** One step of the ascent, or null where there is none to make. */
function climb(
  kernels: Kernels,
  state: TabularMceIrl,
): { record: Omit<RewardRecord, "seconds">; logLikelihood: number } | null {
  const { problem, counts, options, counters } = state;
  const { discount } = options.sac;
  const settings = { discount, valueTolerance: VALUE_TOLERANCE };
  // Each solution from V = 0, so that it depends on the reward alone.
  let solution = emptySolution(problem);
  const evaluate = (rewards: Float64Array): McePoint => {
    solution = emptySolution(problem);
    return mcePoint(problem, counts, rewards, settings, solution);
  };
  const centre = new Float64Array(counts.length);
  const here = evaluate(readRewards(kernels, state));
  const likelihood = logLikelihood(counts, solution.logPolicy);
  if (stationarity(here, centre, options.radius) <= GRADIENT_TOLERANCE / (1 - discount)) {
    counters.arrived = 1;
    return null;
  }
  const record = recordOf(kernels, state, here);
  const ascent = ascendMce(here, centre, options.radius, counters.stepSize, here.objective, evaluate);
  writeRewards(kernels, state, ascent.point.rewards);
  kernels.f32(...state.tensors.mceGradient).set(here.gradient);
  writePolicy(kernels, policyOf(state), solution.logPolicy);
  counters.stepSize = ascent.stepSize;
  counters.rewardSteps++;
  return { record, logLikelihood: likelihood };
}

/** What is reported of a step that starts `here`. */
function recordOf(
  kernels: Kernels,
  { counts, tensors, counters, options }: TabularMceIrl,
  here: McePoint,
): Omit<RewardRecord, "seconds"> {
  const { rewards, gradient } = here;
  const share = 1 - options.sac.discount;
  const earned = sumOfProducts(counts, rewards);
  const gap = sumOfProducts(gradient, rewards);
  const norm = Math.sqrt(sumOfProducts(gradient, gradient));
  const before = kernels.f32(...tensors.mceGradient);
  const normBefore = Math.sqrt(sumOfProducts(before, before));
  const travel = Math.sqrt(sumOfProducts(rewards, rewards));
  return {
    kind: "reward",
    step: 0,
    rewardStep: counters.rewardSteps + 1,
    returnGap: gap,
    expertMeanReward: share * earned,
    agentMeanReward: share * (earned - gap),
    gradientNorm: share * norm,
    gradientCosine: normBefore > 0 ? sumOfProducts(gradient, before) / (norm * normBefore) : 0,
    travel,
    projected: travel >= options.radius * (1 - 1e-6) ? 1 : 0,
    policySeconds: 0,
    simulationSeconds: 0,
  };
}

/** r(s, a) of every step, [T]. */
export function tabularRewardsAlong(
  kernels: Kernels,
  state: TabularMceIrl,
  trajectories: Trajectories,
): Float32Array {
  return tableAlong(readRewards(kernels, state), state.problem, trajectories);
}

/** Entries r(s, a) of a table [S, A] of rewards along trajectories whose states are shown one-hot, [T]. */
export function tableAlong(
  rewards: ArrayLike<number>,
  { states, actions }: Pick<TabularDynamics, "states" | "actions">,
  trajectories: Trajectories,
): Float32Array {
  return Float32Array.from(
    trajectories.actions,
    (action, t) => rewards[stateAt(trajectories, t, states) * actions + action],
  );
}

function readRewards(kernels: Kernels, { tensors }: TabularMceIrl): Float64Array {
  return tableOf(kernels.f32(...tensors.mceRewards), kernels.f32(...tensors.mceRewardsRest));
}

/** r, [S, A], of the two tensors that a checkpoint keeps it in. */
export function tableOf(mceRewards: Float32Array, mceRewardsRest: Float32Array): Float64Array {
  return Float64Array.from(mceRewards, (reward, i) => reward + mceRewardsRest[i]);
}

/** Rounds r to the 48 bits of two float32, which a checkpoint holds. */
function writeRewards(kernels: Kernels, { tensors }: TabularMceIrl, rewards: Float64Array): void {
  const rounded = kernels.f32(...tensors.mceRewards);
  rounded.set(rewards);
  kernels.f32(...tensors.mceRewardsRest).set(rewards.map((reward, i) => reward - rounded[i]));
}

function policyOf({ agent: { policy } }: Pick<TabularMceIrl, "agent">): DeepSoftQ {
  if (policy.kind === "deep-soft-q") return policy;
  throw refusal("expected finitely many actions");
}

/** Q(s, .) = W2[s]: the hidden layer is the one-hot observation itself. */
function passStatesThrough(kernels: Kernels, { shape, q, observationSize: S }: DeepSoftQ): void {
  kernels.fill(shape.blockLength, q, 0);
  const identity = kernels.f32(q + shape.layers[0].weight, S * S);
  for (let s = 0; s < S; s++) identity[s * (S + 1)] = 1;
}

/** Q = log pi, whose soft values are all the same. */
function writePolicy(kernels: Kernels, policy: DeepSoftQ, logPolicy: Float64Array): void {
  const { shape, q } = policy;
  kernels.f32(q + shape.layers[1].weight, logPolicy.length).set(logPolicy);
  policy.updates++;
}

/** Shares of states in which episodes begin, [S]. */
function firstStates(demonstrations: Trajectories, states: number): Float64Array {
  const shares = new Float64Array(states);
  const episodes = episodeCount(demonstrations);
  for (const start of demonstrations.episodeStarts.subarray(0, episodes))
    shares[stateAt(demonstrations, start, states)] += 1 / episodes;
  return shares;
}

/** sum_t gamma^t over the steps of all episodes with s_t = s and a_t = a, scaled to a sum of 1 / (1 - gamma), [S, A]. */
function discountedCounts(
  demonstrations: Trajectories,
  { states, actions: A }: TabularDynamics,
  discount: number,
): Float64Array {
  const { actions, episodeStarts } = demonstrations;
  const counts = new Float64Array(states * A);
  let total = 0;
  for (let episode = 0; episode < episodeCount(demonstrations); episode++) {
    let weight = 1;
    for (let t = episodeStarts[episode]; t < episodeStarts[episode + 1]; t++, weight *= discount) {
      counts[stateAt(demonstrations, t, states) * A + actions[t]] += weight;
      total += weight;
    }
  }
  return counts.map((count) => count / (total * (1 - discount)));
}

/** The state that an observation shows. */
function stateAt({ observations, observationSize }: Trajectories, t: number, states: number): number {
  const shown = observations.subarray(t * observationSize, (t + 1) * observationSize);
  const state = shown.indexOf(1);
  if (observationSize === states && state >= 0) return state;
  throw new TandemError(
    "createTabularMceIrl",
    `expected ${states} numbers with a 1 in the state's place, got [${Array.from(shown).join(", ")}] in step ${t} of the demonstrations`,
  );
}

function sumOfProducts(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}
