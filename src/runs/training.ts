import { rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import {
  foldIn,
  keyFromSeed,
  PolicyDiverged,
  SimulationDiverged,
  transitionCount,
  wholeReturn,
  TandemError,
  type FindingRecord,
  type InstrumentsRecord,
  type Key,
  type Listener,
  type StepCounts,
  type Trajectories,
  type TrainingRecord,
} from "../core/index.ts";
import { makeEnvironment, type Environment } from "../envs/index.ts";
import {
  deterministicPolicy,
  evaluate,
  heldOutFit,
  holdOutDemonstrations,
  randomPolicy,
  rewardAgreement,
  type Evaluation,
  type HeldOut,
} from "../eval/index.ts";
import {
  STEPS_PER_RECORD,
  createRetraining,
  retrainingIteration,
  rewardsAlong,
  type Learner,
  type Termination,
} from "../irl/index.ts";
import { loadKernels, type Kernels } from "../kernels/index.ts";
import {
  agentStep,
  countDropped,
  createAgent,
  episodeRecord,
  recordedReward,
  takePolicyRecord,
  type Agent,
} from "../rl/index.ts";
import { hasCheckpoint, restoreCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { terminationOf, type ExpertConfig, type RunConfig } from "./config.ts";
import { openFrozenReward } from "./frozen-reward.ts";
import { openMethod } from "./methods.ts";
import { createRecordSpacing, noteKept, spaced } from "./record-spacing.ts";
import { appendRecords, takeRecords, writeAtomically } from "./run-folder.ts";
import {
  brokenField,
  createSignatureWatch,
  droppedFinding,
  findingsOf,
  notFinite,
  watchRecord,
  type SignatureWatch,
} from "./signature-watch.ts";

/** Where a training stands, for a progress line. */
export interface Progress {
  step: number;
  steps: number;
  /** Training steps a second, lately. */
  rate: number;
  secondsLeft: number;
  /** The last evaluation's mean true return. */
  lastReturn: number | null;
}

/** What a training is given from outside: a clock, an ear, and a way to be stopped. */
export interface TrainingHooks {
  /** Milliseconds. */
  clock: () => number;
  /** Heard several times a second. */
  onProgress: (progress: Progress) => void;
  /** Each record as it is made. */
  onRecord?: Listener;
  /** What the user should know, a sentence each. */
  onNotice?: (notice: string) => void;
  /** Asked between iterations; true saves a checkpoint and returns. */
  stopRequested: () => boolean;
}

/** The end of a run, as `summary.json` holds it. */
export interface Summary {
  env: string;
  seed: number;
  /** Mean true return of the demonstrations used, or of the expert a retraining is compared with; null where none is known. */
  expertReturn: number | null;
  /** Mean over the final deterministic evaluation episodes: the last policy, not the best. */
  finalReturn: number;
  /** Of a retraining: what the policy earned that learnt with the reward, where it did; null where that is not known. */
  originalReturn?: number | null;
  finalReturns: number[];
  randomReturn: number;
  /** What followed an episode's end in training; evaluation is always native. Absent in older runs, which were native. */
  termination?: Termination;
  steps: StepCounts;
  /** Where the run's axis ends: environment steps, or updates of a method that takes none. Absent in older runs: `steps.train`. */
  end?: number;
  seconds: number;
  kernels: string;
  /** Correlation of learned and true reward per step on the final evaluation episodes. */
  pearson: number | null;
  spearman: number | null;
  /** Signs of failure seen on the way. */
  findings: FindingRecord[];
  /** Learned and true reward of steps sampled evenly from the final evaluation. */
  rewardScatter?: { learned: number[]; true: number[] };
}

/** A training in memory. */
interface Training {
  readonly kernels: Kernels;
  readonly config: RunConfig;
  readonly agent: Agent;
  /** The method that learns from demonstrations; null where an expert is trained. */
  readonly learner: Learner | null;
  readonly steps: StepCounts;
  readonly evaluationEnvironment: Environment;
  /** Learned rewards of every step of trajectories; null where none are learnt. */
  readonly rewardsOf: ((trajectories: Trajectories) => Float32Array) | null;
  /** Demonstrations that are only measured on; null for none. */
  readonly heldOut: HeldOut | null;
  /** One iteration, up to `config.steps`. */
  readonly iterate: (listener: Listener, clock: () => number) => void;
  readonly evaluationKey: Key;
  /** What each evaluation measures beside the policy, where instruments are switched on. */
  readonly measure: (() => InstrumentsRecord | null) | null;
  readonly environments: readonly Environment[];
}

const SCATTER_POINTS = 2000;
/** Seconds between two checkpoints, where nothing is said. */
export const CHECKPOINT_EVERY = 300;
/** Purposes of the seed's sub-keys. */
const TRAINING = 0;
const EVALUATION = 1;
const FINAL_EVALUATION = 2;
const RANDOM_BASELINE = 3;
const RANDOM_ACTIONS = 4;
const INSTRUMENTS = 5;

/**
 * Train in an existing run folder from its configuration, from the start or (resume) from its checkpoint. Returns the
 * summary, or null when stopped before the end; both leave a checkpoint. Each evaluation also measures the fit to `heldOut`.
 */
export async function runTraining(
  folder: string,
  config: RunConfig,
  demonstrations: Trajectories | null,
  hooks: TrainingHooks,
  heldOut: Trajectories | null = null,
): Promise<Summary | null> {
  const training = await openTraining(folder, config, demonstrations, heldOut);
  try {
    return await train(folder, training, demonstrations, hooks);
  } finally {
    for (const environment of training.environments) environment.close();
  }
}

async function train(
  folder: string,
  training: Training,
  demonstrations: Trajectories | null,
  hooks: TrainingHooks,
): Promise<Summary | null> {
  const { kernels, config, agent, learner, steps } = training;
  const key = keyFromSeed(config.seed);
  let secondsBefore = 0;
  let expected: number | null = null;
  if (hasCheckpoint(folder)) {
    const { seconds, records, fallback } = restoreCheckpoint(kernels, folder, agent, learner, steps);
    [secondsBefore, expected] = [seconds, records];
    if (fallback) hooks.onNotice?.(fallback);
  }
  const watch = createSignatureWatch();
  const spacing = createRecordSpacing(config.steps);
  let recordCount = 0;
  for (const record of takeRecords(folder, agent.steps)) {
    recordCount++;
    watchRecord(watch, record);
    noteKept(spacing, record);
  }
  if (expected !== null && recordCount !== expected) {
    hooks.onNotice?.(
      `metrics.jsonl has ${recordCount} of the ${expected} records that there were by step ${agent.steps}; figures have gaps`,
    );
  }
  if (agent.steps < config.steps) rmSync(join(folder, "summary.json"), { force: true });
  const begun = hooks.clock();
  const seconds = (): number => secondsBefore + (hooks.clock() - begun) / 1000;
  const pending: TrainingRecord[] = [];
  const flush = (): void => {
    appendRecords(folder, pending);
    recordCount += pending.length;
    pending.length = 0;
  };
  const stopBroken = (broken: FindingRecord): never => {
    pending.push(broken);
    flush();
    throw new TandemError(
      "training",
      `${broken.evidence} by step ${broken.step}; the last checkpoint is kept: ${broken.remedy}`,
    );
  };
  const hear = watchedListener(
    watch,
    (record) => {
      pending.push(record);
      hooks.onRecord?.(record);
    },
    stopBroken,
  );
  const listener: Listener = (record) => {
    const kept = brokenField(record) ? record : spaced(spacing, record);
    if (kept) hear(kept);
  };
  const unlessDiverged = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof PolicyDiverged)) throw error;
      return stopBroken(notFinite(watch, agent.steps, "an action of the policy became NaN or infinite"));
    }
  };

  let lastReturn: number | null = null;
  let saved = hooks.clock();
  const rate = createRate(hooks.clock, agent.steps);
  const report = (): void => {
    const perSecond = rate(agent.steps);
    const secondsLeft = (config.steps - agent.steps) / perSecond;
    hooks.onProgress({ step: agent.steps, steps: config.steps, rate: perSecond, secondsLeft, lastReturn });
  };
  const clock = reportingClock(hooks.clock, report);
  while (agent.steps < config.steps) {
    const evaluationsBefore = Math.floor(agent.steps / config.evaluation.every);
    const droppedBefore = agent.dropped.episodes;
    unlessDiverged(() => training.iterate(listener, clock));
    if (Math.floor(agent.steps / config.evaluation.every) > evaluationsBefore) {
      const evaluation = unlessDiverged(() => evaluateNow(training, listener));
      if (evaluation) {
        lastReturn = evaluation.meanReturn;
        measureHeldOut(training, evaluation.trajectories, listener);
      }
      const measured = training.measure?.();
      if (measured) listener(measured);
    }
    // At 1, 2, 4, 8, ... of them.
    if (Math.clz32(agent.dropped.episodes) < Math.clz32(droppedBefore))
      listener(droppedFinding(agent.dropped, agent.steps));
    flush();
    report();
    await breathe();
    const stop = hooks.stopRequested();
    if (stop || hooks.clock() - saved > 1000 * (config.checkpointEvery ?? CHECKPOINT_EVERY)) {
      saveCheckpoint(kernels, folder, agent, learner, steps, seconds(), recordCount);
      saved = hooks.clock();
    }
    if (stop) return null;
  }
  saveCheckpoint(kernels, folder, agent, learner, steps, seconds(), recordCount);

  const { finalEpisodes } = config.evaluation;
  const randomActions = randomPolicy(foldIn(key, RANDOM_ACTIONS));
  const random = evaluateAct(training, randomActions, finalEpisodes, foldIn(key, RANDOM_BASELINE));
  const policy = deterministicPolicy(kernels, agent.policy);
  const final = unlessDiverged(() =>
    evaluateAct(training, policy, finalEpisodes, foldIn(key, FINAL_EVALUATION)),
  );
  const learned = training.rewardsOf?.(final.trajectories);
  const agreement = learned && rewardAgreement(learned, final.trajectories);
  const summary: Summary = {
    env: config.env.id,
    seed: config.seed,
    expertReturn: expertReturnOf(training, demonstrations),
    ...(config.command === "retrain" ? { originalReturn: config.frozen.originalReturn } : {}),
    finalReturn: final.meanReturn,
    finalReturns: final.returns,
    randomReturn: random.meanReturn,
    termination: terminationOf(config),
    steps: { ...steps },
    end: agent.steps,
    seconds: seconds(),
    kernels: kernels.build,
    pearson: agreement?.pearson ?? null,
    spearman: agreement?.spearman ?? null,
    findings: [
      ...findingsOf(watch, agent.steps),
      ...(agent.dropped.episodes > 0 ? [droppedFinding(agent.dropped, agent.steps)] : []),
    ],
    ...(learned ? { rewardScatter: scatter(learned, final.trajectories) } : {}),
  };
  writeAtomically(join(folder, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}

/** Options of the environment that is trained in: with a fixed horizon a task that can end episodes is kept from it. */
export function optionsInTraining(
  options: Readonly<Record<string, unknown>>,
  termination: Termination,
  { terminates }: Pick<Environment, "terminates">,
): Readonly<Record<string, unknown>> {
  const isKeptGoing = termination === "fixed-horizon" && terminates !== false;
  return isKeptGoing ? { ...options, terminateWhenUnhealthy: false } : options;
}

async function openTraining(
  folder: string,
  config: RunConfig,
  demonstrations: Trajectories | null,
  heldOut: Trajectories | null,
): Promise<Training> {
  const kernels = await loadKernels({ build: config.kernels });
  const evaluationEnvironment = await makeEnvironment(config.env.id, config.env.options);
  const trainingOptions = optionsInTraining(config.env.options, terminationOf(config), evaluationEnvironment);
  const make = (): Promise<Environment> => makeEnvironment(config.env.id, trainingOptions);
  const key = keyFromSeed(config.seed);
  const shared = { kernels, config, evaluationEnvironment, evaluationKey: foldIn(key, EVALUATION) };
  const trainingKey = foldIn(key, TRAINING);
  if (config.command === "train" && demonstrations) {
    const instrumentsKey = foldIn(key, INSTRUMENTS);
    const opened = await openMethod({ kernels, config, make, demonstrations, trainingKey, instrumentsKey });
    const { learner, iterate, measure, environments } = opened;
    const { policy, actionSpace } = learner.agent;
    return {
      ...shared,
      rewardsOf: opened.rewardsOf,
      heldOut:
        heldOut &&
        holdOutDemonstrations(kernels, policy, actionSpace, heldOut, evaluationEnvironment.maxEpisodeSteps),
      agent: learner.agent,
      learner,
      measure,
      steps: learner.steps,
      iterate: (listener, clock) => iterate(config.steps, listener, clock),
      environments: [evaluationEnvironment, ...environments],
    };
  }
  const environment = await make();
  if (config.command === "retrain") {
    const reward = openFrozenReward(kernels, folder, config, environment);
    const capacity = Math.min(config.algorithm.replayCapacity, config.steps);
    const options = { ...config.algorithm, replayCapacity: capacity };
    const learner = createRetraining(kernels, environment, reward, options, trainingKey);
    return {
      ...shared,
      rewardsOf: (trajectories) => rewardsAlong(kernels, reward, trajectories),
      heldOut: null,
      agent: learner.agent,
      learner,
      measure: null,
      steps: learner.steps,
      iterate: (listener, clock) => retrainingIteration(kernels, learner, config.steps, listener, clock),
      environments: [evaluationEnvironment, environment],
    };
  }
  const { algorithm } = config as ExpertConfig;
  const capacity = Math.min(algorithm.replayCapacity, config.steps);
  const options = { ...algorithm, replayCapacity: capacity, keepTrueRewards: true };
  const agent = createAgent(kernels, environment, options, trainingKey);
  const steps: StepCounts = { train: 0, rewardRollout: 0, evaluation: 0, expert: 0 };
  return {
    ...shared,
    agent,
    learner: null,
    rewardsOf: null,
    heldOut: null,
    measure: null,
    steps,
    iterate: (listener, clock) => expertIteration(kernels, agent, steps, config.steps, listener, clock),
    environments: [environment, evaluationEnvironment],
  };
}

/** The mean true return that a run is compared with, where one is known. */
function expertReturnOf(
  { config, evaluationEnvironment }: Training,
  demonstrations: Trajectories | null,
): number | null {
  if (config.command === "retrain") return config.frozen.expertReturn;
  return demonstrations && wholeReturn(demonstrations, evaluationEnvironment.maxEpisodeSteps);
}

/** As many steps under the true reward as lie between two records. */
function expertIteration(
  kernels: Kernels,
  agent: Agent,
  steps: StepCounts,
  stepLimit: number,
  listener: Listener,
  clock: () => number,
): void {
  const reward = recordedReward(kernels, agent.replay);
  const end = Math.min(agent.steps + STEPS_PER_RECORD, stepLimit);
  while (agent.steps < end) {
    const episode = agentStep(kernels, agent, reward, clock);
    if (episode) listener(episodeRecord(agent.steps, episode));
  }
  steps.train = agent.steps;
  const record = takePolicyRecord(kernels, agent);
  if (record) listener(record);
}

/** null where no episode came to its end, whose simulations all diverged: the run goes on without that evaluation. */
function evaluateNow(training: Training, listener: Listener): Evaluation | null {
  const { kernels, config, agent, steps } = training;
  const policy = deterministicPolicy(kernels, agent.policy);
  const key = foldIn(training.evaluationKey, agent.steps);
  const evaluation = unlessNone(() => evaluateAct(training, policy, config.evaluation.episodes, key));
  if (!evaluation) return null;
  const learned = training.rewardsOf?.(evaluation.trajectories);
  const agreement = learned && rewardAgreement(learned, evaluation.trajectories);
  listener({
    kind: "evaluation",
    step: agent.steps,
    returns: evaluation.returns,
    meanReturn: evaluation.meanReturn,
    stdReturn: evaluation.stdReturn,
    pearson: agreement?.pearson ?? null,
    spearman: agreement?.spearman ?? null,
    steps: { ...steps },
  });
  return evaluation;
}

function unlessNone(act: () => Evaluation): Evaluation | null {
  try {
    return act();
  } catch (error) {
    if (error instanceof SimulationDiverged) return null;
    throw error;
  }
}

/** The fit to what was held out, of the policy that has just been evaluated. */
function measureHeldOut(
  { kernels, agent, heldOut, rewardsOf }: Training,
  trajectories: Trajectories,
  listener: Listener,
): void {
  if (!heldOut) return;
  const fit = heldOutFit(kernels, heldOut, agent.policy, rewardsOf, trajectories);
  listener({ kind: "held-out", step: agent.steps, ...fit });
}

/** Episodes of `act` under the true reward: the steps of all of them count, and the dropped ones. */
function evaluateAct(
  { evaluationEnvironment, agent, steps }: Training,
  act: Parameters<typeof evaluate>[1],
  episodes: number,
  key: Key,
): Evaluation {
  const evaluation = evaluate(evaluationEnvironment, act, episodes, key, (lost) => {
    countDropped(agent);
    steps.evaluation += lost;
  });
  steps.evaluation += transitionCount(evaluation.trajectories);
  return evaluation;
}

/**
 * Hands on each record, and after it what it shows. Stops at once where a measurement is not finite, with that as the
 * last finding; the last checkpoint stays as it is.
 */
function watchedListener(
  watch: SignatureWatch,
  hear: Listener,
  stopBroken: (broken: FindingRecord) => never,
): Listener {
  return (record) => {
    const findings = watchRecord(watch, record);
    const broken = findings.find(({ signature }) => signature === "not finite");
    if (broken) stopBroken(broken);
    hear(record);
    for (const finding of findings) hear(finding);
  };
}

function scatter(learned: Float32Array, { rewards }: Trajectories): { learned: number[]; true: number[] } {
  const stride = Math.max(1, Math.floor(learned.length / SCATTER_POINTS));
  const rows = Array.from({ length: Math.floor(learned.length / stride) }, (_, i) => i * stride);
  return { learned: rows.map((t) => learned[t]), true: rows.map((t) => rewards?.[t] ?? NaN) };
}

/** A clock that calls `report` every tenth of a second as it is read: an iteration reads it at each step. */
function reportingClock(clock: () => number, report: () => void): () => number {
  const INTERVAL_MS = 100;
  let reported = clock();
  return () => {
    const time = clock();
    if (time - reported >= INTERVAL_MS) {
      reported = time;
      report();
    }
    return time;
  };
}

/** Steps a second over about the last half minute. */
function createRate(clock: () => number, startStep: number): (step: number) => number {
  const WINDOW_MS = 30_000;
  const marks = [{ time: clock(), step: startStep }];
  return (step) => {
    const time = clock();
    marks.push({ time, step });
    while (marks.length > 2 && time - marks[0].time > WINDOW_MS) marks.shift();
    return (1000 * (step - marks[0].step)) / Math.max(1, time - marks[0].time);
  };
}
