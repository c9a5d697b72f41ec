/** Every method that learns from demonstrations, as a run opens it. */
import {
  TandemError,
  type InstrumentsRecord,
  type Key,
  type Listener,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/index.ts";
import {
  airlIteration,
  bcIteration,
  createAirl,
  createBc,
  createDac,
  createDagger,
  createFIrl,
  createIqLearn,
  createMlIrl,
  createNestedMlIrl,
  createSqil,
  createTabularMceIrl,
  dacIteration,
  daggerIteration,
  fIrlIteration,
  iqLearnIteration,
  mlIrlIteration,
  nestedMlIrlIteration,
  recoveredReward,
  rewardsAlong,
  sqilIteration,
  tabularMceIrlIteration,
  tabularRewardsAlong,
  type Learner,
  type Teacher,
} from "../irl/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { requireFit } from "../policies/index.ts";
import type { MlIrlConfig, NestedMlIrlConfig, TrainConfig } from "./config.ts";
import { policySource } from "./policy-source.ts";
import { createRewardInstruments, measureReward } from "./reward-instruments.ts";

/** A method in memory, and how it goes on. */
export interface OpenedMethod {
  readonly learner: Learner;
  /** Learned rewards of every step of trajectories; null where none are learnt. */
  readonly rewardsOf: ((trajectories: Trajectories) => Float32Array) | null;
  /** One iteration, up to `stepLimit`. */
  readonly iterate: (stepLimit: number, listener: Listener, clock: () => number) => void;
  /** What each evaluation measures beside the policy, where instruments are switched on. */
  readonly measure: (() => InstrumentsRecord | null) | null;
  /** To be closed with the run. */
  readonly environments: readonly Environment[];
}

/** What a run has at hand before its method is opened. */
export interface Surroundings {
  readonly kernels: Kernels;
  readonly config: TrainConfig;
  /** Another environment to train in. */
  readonly make: () => Promise<Environment>;
  readonly demonstrations: Trajectories;
  readonly trainingKey: Key;
  readonly instrumentsKey: Key;
}

/** The method of the configuration, at initialisation. */
export async function openMethod(surroundings: Surroundings): Promise<OpenedMethod> {
  const { kernels, config, make, demonstrations, trainingKey: key } = surroundings;
  const { algorithm, steps } = config;
  if (algorithm.method === "ml-irl" || algorithm.method === "ml-irl-nested")
    return openMlIrl(surroundings, algorithm);
  const environment = await make();
  const opened = <L extends Learner>(
    learner: L,
    iterate: (kernels: Kernels, state: L, ...rest: Parameters<OpenedMethod["iterate"]>) => void,
  ): OpenedMethod => ({
    learner,
    rewardsOf: rewardsOf(kernels, learner),
    iterate: (...rest) => iterate(kernels, learner, ...rest),
    measure: null,
    environments: [environment],
  });
  if (algorithm.method === "bc")
    return opened(createBc(kernels, environment, demonstrations, algorithm, key), bcIteration);
  if (algorithm.method === "mce-irl") {
    const learner = createTabularMceIrl(kernels, environment, demonstrations, algorithm, key);
    const rewards = (trajectories: Trajectories): Float32Array =>
      tabularRewardsAlong(kernels, learner, trajectories);
    return { ...opened(learner, tabularMceIrlIteration), rewardsOf: rewards };
  }
  if (algorithm.method === "dagger") {
    const teacher = await teacherAt(algorithm.teacherPolicy, environment);
    const options = { ...algorithm, labels: steps };
    return opened(createDagger(kernels, environment, teacher, demonstrations, options, key), daggerIteration);
  }
  const options = { ...algorithm, replayCapacity: Math.min(algorithm.replayCapacity, steps) };
  if (options.method === "dac")
    return opened(createDac(kernels, environment, demonstrations, options, key), dacIteration);
  if (options.method === "airl")
    return opened(createAirl(kernels, environment, demonstrations, options, key), airlIteration);
  if (options.method === "f-irl")
    return opened(createFIrl(kernels, environment, demonstrations, options, key), fIrlIteration);
  if (options.method === "iq-learn") {
    const learner = createIqLearn(kernels, environment, demonstrations, options, key);
    const rewards = (trajectories: Trajectories): Float32Array =>
      recoveredReward(kernels, learner, trajectories);
    return { ...opened(learner, iqLearnIteration), rewardsOf: rewards };
  }
  return opened(createSqil(kernels, environment, demonstrations, options, key), sqilIteration);
}

async function openMlIrl(
  { kernels, config, make, demonstrations, trainingKey, instrumentsKey }: Surroundings,
  algorithm: MlIrlConfig | NestedMlIrlConfig,
): Promise<OpenedMethod> {
  const train = await make();
  const rollout = algorithm.agentTrajectories === "fresh" ? await make() : null;
  const environments = rollout ? [train, rollout] : [train];
  const options = { ...algorithm, replayCapacity: Math.min(algorithm.replayCapacity, config.steps) };
  if (options.method === "ml-irl-nested") {
    const nested = createNestedMlIrl(kernels, { train, rollout }, demonstrations, options, trainingKey);
    return {
      learner: nested,
      rewardsOf: rewardsOf(kernels, nested),
      iterate: (...rest) => nestedMlIrlIteration(kernels, nested, ...rest),
      measure: null,
      environments,
    };
  }
  const irl = createMlIrl(kernels, { train, rollout }, demonstrations, options, trainingKey);
  const instruments = config.instruments ? createRewardInstruments(kernels, irl.reward) : null;
  return {
    learner: irl,
    rewardsOf: rewardsOf(kernels, irl),
    iterate: (...rest) => mlIrlIteration(kernels, irl, ...rest),
    measure: instruments && (() => measureReward(kernels, instruments, irl, instrumentsKey)),
    environments,
  };
}

function rewardsOf(kernels: Kernels, { reward }: Learner): OpenedMethod["rewardsOf"] {
  return reward && ((trajectories) => rewardsAlong(kernels, reward, trajectories));
}

/** The policy at `path`, its most likely actions, to be asked at every step. */
async function teacherAt(path: string, environment: Environment): Promise<Teacher> {
  const policy = await (await policySource(path, null)).load(environment);
  requireFit(policy, environment);
  return (observation, action) => {
    if (policy.act(observation, action))
      throw new TandemError(
        "--teacher-policy",
        `${policy.about.name} answers later, a teacher must at once; give a plain policy or a run folder`,
      );
  };
}
