/** One training of the paper's algorithm on a task with continuous states and finitely many actions. */
import {
  createTrajectoryBuilder,
  appendStep,
  foldIn,
  keyFromSeed,
  nextInteger,
  nextUniform,
  sliceEpisodes,
  streamOf,
  takeTrajectories,
  TandemError,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import { readDemonstrations } from "../demos/index.ts";
import { makeEnvironment, type Environment } from "../envs/index.ts";
import {
  createSoftQMlIrl,
  innerStepsAt,
  softQMlIrlIteration,
  type SoftQMlIrl,
  type SoftQMlIrlOptions,
} from "../irl/index.ts";
import { loadKernels, type Kernels } from "../kernels/index.ts";
import type { SparseTwoLayer } from "../nn/index.ts";
import {
  concatenationFeatures,
  createEnvironmentProblem,
  createSoftmaxActor,
  episodeSeed,
  productFeatures,
  standardisationOver,
  type FiniteActionProblem,
  type SoftmaxActor,
  type StateActionFeatures,
} from "../rl/index.ts";
import {
  consecutiveGroups,
  createHeldOutInstruments,
  holdOut,
  type HeldOutInstruments,
  type HeldOutMeasurement,
} from "../theory/index.ts";
import { createWatch } from "./watch.ts";

/** Every choice of a cell; plain data, written beside its results. */
export interface ControlSetting {
  readonly environment: "CartPole-v1" | "Acrobot-v1" | "MountainCar-v0";
  /** A demonstration file or folder. */
  readonly demonstrations: string;
  /** First episode taken from it, and how many. */
  readonly firstEpisode: number;
  readonly episodes: number;
  /** "demonstrated" takes the recorded expert; a number, an "expert" that always takes that action. */
  readonly expert: "demonstrated" | number;
  /** null: the learned reward teaches; a number: this constant does. */
  readonly constantReward: number | null;
  /** What follows the step that ends an episode; evaluation always ends as the task says. */
  readonly termination: SoftQMlIrlOptions["termination"];
  readonly seed: number;
  readonly iterations: number;
  /** T_k, constant. */
  readonly innerSteps: number;
  readonly discount: number;
  /** gamma of the gradient's weights. */
  readonly gradientDiscount: number;
  readonly policyStepSize: number;
  readonly rewardStepSize: number;
  readonly width: number;
  readonly policyRadius: number;
  readonly rewardRadius: number;
  readonly coding: "concatenation" | "product";
  readonly output: "average" | "last";
  readonly backup: "soft-optimality" | "policy-evaluation";
  readonly values: "centred" | "plain";
  readonly sampling: "markov-chain" | "replay";
  readonly replayCapacity: number;
  readonly trajectories: number;
  /** Evaluations spread over the iterations, and episodes of each; the last one has ten times as many. */
  readonly evaluations: number;
  readonly evaluationEpisodes: number;
  /** Measure, at each evaluation, what the theory names as far as it can be estimated; left out for not. */
  readonly heldOut?: true;
}

/** An evaluation under the true reward, which no learner reads. */
export interface ControlPoint {
  readonly iteration: number;
  /** Steps of the chain and of the agent's trajectories, so far. */
  readonly trainSteps: number;
  readonly rewardSteps: number;
  /** Mean true return of the softmax policy pi_k, and of its most probable actions. */
  readonly meanReturn: number;
  readonly greedyReturn: number;
  readonly squaredResidual: number;
  readonly gradientNorm: number;
  readonly returnGap: number;
  /** The learned reward of each step after an end; null where an end is an end. */
  readonly absorbingReward: number | null;
  readonly policyTravel: number;
  readonly rewardTravel: number;
  /** Estimates on held-out transitions; null where not asked for. */
  readonly heldOut: HeldOutMeasurement | null;
}

/** What a cell gives. */
export interface ControlOutcome {
  readonly points: readonly ControlPoint[];
  readonly findings: readonly string[];
  /** True returns of the demonstrations used and, over as many episodes as the last evaluation, of random actions. */
  readonly expertReturn: number;
  readonly randomReturn: number;
  readonly expertSteps: number;
  /** Seconds of training, evaluations left out. */
  readonly trainSeconds: number;
}

/** Episodes of random actions that the features are standardised over, beside the expert's. */
const RANDOM_EPISODES = 20;

/** A training that has ended, and what is needed to act by what it learned. */
export interface TrainedControl {
  readonly outcome: ControlOutcome;
  readonly kernels: Kernels;
  readonly features: StateActionFeatures;
  readonly state: SoftQMlIrl;
}

/** Train and evaluate. `clock` gives milliseconds. */
export async function runControlCell(setting: ControlSetting, clock: () => number): Promise<ControlOutcome> {
  return (await trainControl(setting, clock)).outcome;
}

/** As `runControlCell`, and keeps what was learned. */
export async function trainControl(setting: ControlSetting, clock: () => number): Promise<TrainedControl> {
  const kernels = await loadKernels();
  const key = keyFromSeed(setting.seed);
  const [train, rollout, judge] = await Promise.all(
    [0, 1, 2].map(() => makeEnvironment(setting.environment)),
  );
  const actions = actionCount(judge);
  const demonstrated = await expertOf(setting, judge);
  const random = randomEpisodes(judge, RANDOM_EPISODES, foldIn(key, 0));
  const standardisation = standardisationOver(
    [demonstrated.observations, random.observations],
    judge.observationSpace.size,
  );
  const coding = setting.coding === "product" ? productFeatures : concatenationFeatures;
  const features = coding(standardisation, actions);
  const problem = createEnvironmentProblem(
    kernels,
    { train, rollout },
    features,
    demonstrated,
    {
      sampling: setting.sampling,
      replayCapacity: setting.replayCapacity,
      gradientDiscount: setting.gradientDiscount,
      batchCapacity: setting.innerSteps,
      trajectoryCapacity: setting.trajectories,
    },
    foldIn(key, 1),
  );
  const state = stateOf(kernels, problem, setting, foldIn(key, 2));
  const evaluate = evaluator(kernels, judge, features, foldIn(key, 3));
  const heldOut = setting.heldOut
    ? await instrumentsOf(kernels, state, demonstrated, setting, foldIn(key, 4))
    : null;
  const outcome = learn(state, setting, {
    evaluate,
    demonstrated,
    random,
    clock,
    kernels,
    problem,
    heldOut,
  });
  return { outcome, kernels, features, state };
}

interface Surroundings {
  readonly kernels: Kernels;
  readonly problem: FiniteActionProblem;
  readonly evaluate: (network: SparseTwoLayer, mode: "sample" | "best", episodes: number) => number;
  readonly demonstrated: Trajectories;
  readonly random: Trajectories;
  readonly clock: () => number;
  readonly heldOut: HeldOutInstruments | null;
}

/** Transitions of the initial policy that are kept aside to measure on, as many to fit a reference on, and their stretches. */
const HELD_OUT = 500;
const FITTING = 2000;
const STRETCH = 50;
const FITTING_PASSES = 5;

/** Instruments over chains of their own, under the policy the run begins with. */
async function instrumentsOf(
  kernels: Kernels,
  state: SoftQMlIrl,
  demonstrations: Trajectories,
  { environment }: ControlSetting,
  key: Key,
): Promise<HeldOutInstruments> {
  const { features } = state.problem;
  const [train, rollout] = await Promise.all([0, 1].map(() => makeEnvironment(environment)));
  const source = createEnvironmentProblem(
    kernels,
    { train, rollout },
    features,
    demonstrations,
    {
      sampling: "markov-chain",
      replayCapacity: 1,
      gradientDiscount: 1,
      batchCapacity: FITTING,
      trajectoryCapacity: 1,
    },
    foldIn(key, 0),
  );
  const keep = (count: number): ReturnType<typeof holdOut> =>
    holdOut(
      kernels,
      features,
      source.transitions(state.softQ.network, count),
      consecutiveGroups(count, STRETCH),
    );
  const parts = { heldOut: keep(HELD_OUT), fitting: keep(FITTING), fittingPasses: FITTING_PASSES };
  return createHeldOutInstruments(kernels, state, parts, foldIn(key, 1));
}

function learn(
  state: SoftQMlIrl,
  { iterations, evaluations, evaluationEpisodes }: ControlSetting,
  { kernels, problem, evaluate, demonstrated, random, clock, heldOut }: Surroundings,
): ControlOutcome {
  const points: ControlPoint[] = [];
  const watch = createWatch(iterations);
  const every = Math.max(1, Math.floor(iterations / evaluations));
  let trainTime = 0;
  while (state.iteration < iterations) {
    const record = softQMlIrlIteration(kernels, state, clock);
    trainTime += record.policyTime + record.rewardTime;
    watch.see(record, null);
    const last = state.iteration === iterations;
    if (state.iteration % every !== 0 && !last) continue;
    const episodes = evaluationEpisodes * (last ? 10 : 1);
    points.push({
      iteration: state.iteration,
      trainSteps: problem.steps.train,
      rewardSteps: problem.steps.rewardRollout,
      meanReturn: evaluate(state.softQ.network, "sample", episodes),
      greedyReturn: evaluate(state.softQ.network, "best", episodes),
      squaredResidual: record.squaredResidual,
      gradientNorm: record.gradientNorm,
      returnGap: record.returnGap,
      absorbingReward: record.absorbingReward,
      policyTravel: record.policyTravel,
      rewardTravel: record.rewardTravel,
      heldOut: heldOut && heldOut.measure(),
    });
  }
  return {
    points,
    findings: watch.findings(),
    expertReturn: meanTrueReturn(demonstrated),
    randomReturn: meanTrueReturn(random),
    expertSteps: demonstrated.actions.length,
    trainSeconds: trainTime / 1000,
  };
}

function stateOf(
  kernels: Kernels,
  problem: FiniteActionProblem,
  setting: ControlSetting,
  key: Key,
): SoftQMlIrl {
  return createSoftQMlIrl(
    kernels,
    problem,
    {
      softQ: {
        width: setting.width,
        radius: setting.policyRadius,
        stepSize: setting.policyStepSize,
        discount: setting.discount,
        output: setting.output,
        backup: setting.backup,
        values: setting.values,
      },
      innerSteps: { first: setting.innerSteps, growth: 0 },
      reward: {
        width: setting.width,
        radius: setting.rewardRadius,
        stepSize: setting.rewardStepSize,
        decay: 0,
      },
      trajectories: setting.trajectories,
      termination: setting.termination,
      constantReward: setting.constantReward,
    },
    innerStepsAt({ first: setting.innerSteps, growth: 0 }, 0),
    key,
  );
}

/** The demonstrations of a setting: recorded ones, or as many episodes of one action. */
async function expertOf(
  { demonstrations, firstEpisode, episodes, expert, seed }: ControlSetting,
  environment: Environment,
): Promise<Trajectories> {
  if (expert === "demonstrated") {
    const { trajectories } = await readDemonstrations(demonstrations);
    return sliceEpisodes(trajectories, firstEpisode, firstEpisode + episodes);
  }
  return runEpisodes(environment, episodes, foldIn(keyFromSeed(seed), 9), () => expert);
}

function randomEpisodes(environment: Environment, episodes: number, key: Key): Trajectories {
  const stream = streamOf(foldIn(key, 0));
  const actions = actionCount(environment);
  return runEpisodes(environment, episodes, foldIn(key, 1), () => nextInteger(stream, actions));
}

/** Episodes under `act`, seeded by `key`. */
export function runEpisodes(
  environment: Environment,
  episodes: number,
  key: Key,
  act: (observation: Float64Array) => number,
): Trajectories {
  const { size } = environment.observationSpace;
  const builder = createTrajectoryBuilder(size, 1);
  const observation = new Float64Array(size);
  for (let episode = 0; episode < episodes; episode++) {
    observation.set(environment.reset({ seed: episodeSeed(key, episode) }).observation);
    for (let over = false; !over;) {
      const action = act(observation);
      const result = environment.step([action]);
      appendStep(
        builder,
        observation,
        [action],
        result.observation,
        result.reward,
        result.terminated,
        result.truncated,
      );
      observation.set(result.observation);
      over = result.terminated || result.truncated;
    }
  }
  return takeTrajectories(builder);
}

/** Mean true return of a network's policy; each call has episodes of its own. */
function evaluator(
  kernels: Kernels,
  environment: Environment,
  features: StateActionFeatures,
  key: Key,
): Surroundings["evaluate"] {
  const actor: SoftmaxActor = createSoftmaxActor(kernels, features);
  const stream = streamOf(foldIn(key, 0));
  let calls = 0;
  return (network, mode, episodes) => {
    const rolled = runEpisodes(environment, episodes, foldIn(key, ++calls), (observation) => {
      actor.look(network, observation);
      return mode === "best" ? actor.best() : actor.draw(nextUniform(stream));
    });
    return meanTrueReturn(rolled);
  };
}

function meanTrueReturn({ rewards, episodeStarts }: Trajectories): number {
  const total = rewards?.reduce((sum, reward) => sum + reward, 0) ?? NaN;
  return total / (episodeStarts.length - 1);
}

function actionCount({ id, actionSpace }: Environment): number {
  if (actionSpace.kind === "discrete") return actionSpace.count;
  throw new TandemError(
    "runControlCell",
    `expected a task with finitely many actions, ${id} has continuous ones`,
  );
}
