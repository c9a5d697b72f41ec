/**
 * One training of the paper's algorithm on a tabular problem, measured exactly while it runs. Every experiment on exact
 * ground is made of such cells.
 */
import { foldIn, keyFromSeed, TandemError, type Key } from "../core/index.ts";
import {
  CHAIN,
  chainMdp,
  GARNET,
  garnetMdp,
  GRID_WORLD,
  gridWorldMdp,
  OBJECT_WORLD,
  objectWorldMdp,
  type ChainOptions,
  type GarnetOptions,
  type GridWorldOptions,
  type ObjectWorldOptions,
  type TabularMdp,
} from "../envs/index.ts";
import {
  createSoftQMlIrl,
  innerStepsAt,
  softQMlIrlIteration,
  type InnerSteps,
  type IterationRecord,
  type SoftQMlIrl,
} from "../irl/index.ts";
import { loadKernels, type Kernels } from "../kernels/index.ts";
import {
  createTabularProblem,
  empiricalOccupancy,
  softValueIteration,
  stationaryDistribution,
  type TabularExpert,
  type TabularProblem,
} from "../rl/index.ts";
import {
  createTabularInstruments,
  type TabularInstruments,
  type TabularMeasurement,
} from "../theory/index.ts";
import { createWatch } from "./watch.ts";

/** Which problem. */
export type TabularProblemChoice =
  | ({ readonly family: "garnet" } & GarnetOptions)
  | ({ readonly family: "grid-world" } & GridWorldOptions)
  | ({ readonly family: "object-world" } & ObjectWorldOptions)
  | ({ readonly family: "chain" } & ChainOptions);

/** Every choice of a cell; plain data, written beside its results. */
export interface TabularSetting {
  readonly problem: TabularProblemChoice;
  readonly discount: number;
  /** Fixes networks, trajectories and chain. */
  readonly seed: number;
  /** K. */
  readonly iterations: number;
  readonly innerSteps: InnerSteps;
  /** eta and alpha_0 (k + 1)^-decay. */
  readonly policyStepSize: number;
  readonly rewardStepSize: number;
  readonly rewardStepSizeDecay: number;
  /** m of both networks. */
  readonly width: number;
  readonly policyRadius: number;
  readonly rewardRadius: number;
  readonly output: "average" | "last";
  readonly backup: "soft-optimality" | "policy-evaluation";
  readonly values: "centred" | "plain";
  readonly sampling: "markov-chain" | "iid" | "replay";
  /** H. */
  readonly horizon: number;
  /** Expert and agent trajectories in one gradient estimate. */
  readonly trajectories: number;
  /** Trajectories the expert recorded beforehand; 0 draws a new one each time. */
  readonly recorded: number;
  /**
   * The nested loop: inner loops of T_k steps follow each other, with the reward held, until the tracking error is within
   * this (an oracle's stopping rule, as favourable as can be), but no more than 1000; 0 for the single loop.
   */
  readonly nestedTolerance: number;
  /** Measurements, spread over the iterations; the first is made before the first iteration. */
  readonly measurements: number;
  /** Stop as soon as the relative likelihood gap is within this; 0 runs to the end. */
  readonly stopAtGap: number;
  /** Whether to measure linearisation error and concavity gap too. */
  readonly linearity: boolean;
}

/** What is the same in all experiments unless they say otherwise (ALGORITHM: centred values, averaged iterates). */
export const TABULAR_DEFAULTS: TabularSetting = {
  problem: { family: "garnet", ...GARNET },
  discount: 0.9,
  seed: 0,
  iterations: 10_000,
  innerSteps: { first: 100, growth: 0 },
  policyStepSize: 0.2,
  rewardStepSize: 0.02,
  rewardStepSizeDecay: 0,
  width: 256,
  policyRadius: 100,
  rewardRadius: 100,
  output: "average",
  backup: "soft-optimality",
  values: "centred",
  sampling: "markov-chain",
  horizon: 60,
  trajectories: 1,
  recorded: 0,
  nestedTolerance: 0,
  measurements: 20,
  stopAtGap: 0,
  linearity: false,
};

/** A measurement and where in the run it was made. */
export interface TabularPoint extends TabularMeasurement {
  /** Iterations done. */
  readonly iteration: number;
  /** TD steps and agent steps for the reward, so far. */
  readonly samples: number;
  /** Of these, TD steps. */
  readonly innerSamples: number;
  /** Seconds of training so far, measurements left out, and of these in each level. */
  readonly seconds: number;
  readonly policySeconds: number;
  readonly rewardSeconds: number;
  /** Of the last iteration: see `IterationRecord`; 0 before the first. */
  readonly squaredResidual: number;
  readonly sampledGradientNorm: number;
  readonly policyTravel: number;
  readonly rewardTravel: number;
  /** Mean over the iterations since the last measurement. */
  readonly gradientCosine: number;
  readonly projectedPolicyShare: number;
  readonly projectedRewardShare: number;
}

/** What a cell gives. */
export interface TabularOutcome {
  readonly points: readonly TabularPoint[];
  /** Why it ended. */
  readonly end: "ran" | "gap reached" | "not finite";
  /** L of the expert and of the uniform policy, under exact occupancies: what gaps are relative to. */
  readonly expertLikelihood: number;
  readonly uniformLikelihood: number;
  /** Findings of the failure signatures, in words. */
  readonly findings: readonly string[];
  /** The learned reward, its soft-optimal policy and the recorded counts; for comparisons with references. */
  readonly logPolicy: Float64Array;
  readonly trackedLogPolicy: Float64Array;
  readonly recordedCounts: Float64Array | null;
  readonly initialRewards: Float64Array;
  readonly finalRewards: Float64Array;
  readonly expertLogPolicy: Float64Array;
  readonly expertOccupancy: Float64Array;
}

/** The tabular problem of a choice. */
export function tabularMdpOf(choice: TabularProblemChoice): TabularMdp {
  const { family, ...options } = choice;
  if (family === "garnet") return garnetMdp({ ...GARNET, ...options });
  if (family === "grid-world") return gridWorldMdp({ ...GRID_WORLD, ...options });
  if (family === "object-world") return objectWorldMdp({ ...OBJECT_WORLD, ...options });
  return chainMdp({ ...CHAIN, ...options });
}

/** Train and measure. `clock` gives milliseconds; what it says appears only in seconds. */
export async function runTabularCell(setting: TabularSetting, clock: () => number): Promise<TabularOutcome> {
  const kernels = await loadKernels();
  const mdp = tabularMdpOf(setting.problem);
  const key = keyFromSeed(setting.seed);
  const expertPolicy = softValueIteration(mdp, mdp.rewards, {
    discount: setting.discount,
    tolerance: 1e-12,
    values: setting.values,
  }).logPolicy;
  const expert = expertOf(kernels, mdp, expertPolicy, setting, foldIn(key, 0));
  const problem = problemOf(kernels, mdp, expert, setting, foldIn(key, 1));
  const state = createSoftQMlIrl(
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
      innerSteps: setting.innerSteps,
      reward: {
        width: setting.width,
        radius: setting.rewardRadius,
        stepSize: setting.rewardStepSize,
        decay: setting.rewardStepSizeDecay,
      },
      trajectories: setting.trajectories,
      termination: "native",
      constantReward: null,
    },
    setting.horizon * setting.trajectories,
    foldIn(key, 2),
  );
  const instruments = createTabularInstruments(kernels, problem, state, {
    discount: setting.discount,
    values: setting.values,
    expertLogPolicy: expertPolicy,
    linearity: setting.linearity,
    key: foldIn(key, 3),
  });
  return train(kernels, problem, state, instruments, setting, expert, clock);
}

function train(
  kernels: Kernels,
  problem: TabularProblem,
  state: SoftQMlIrl,
  instruments: TabularInstruments,
  setting: TabularSetting,
  expert: TabularExpert,
  clock: () => number,
): TabularOutcome {
  const { iterations, measurements, nestedTolerance } = setting;
  const points: TabularPoint[] = [];
  const watch = createWatch(setting.iterations);
  let totals = emptyTotals();
  let [policyTime, rewardTime] = [0, 0];
  let last: IterationRecord | null = null;
  let end: TabularOutcome["end"] = "ran";
  const solved = nestedTolerance > 0 ? () => instruments.trackingError() <= nestedTolerance : () => true;
  const initialRewards = instruments.rewards().slice();

  const measure = (): TabularPoint => {
    const point: TabularPoint = {
      ...instruments.measure(),
      iteration: state.iteration,
      samples: problem.steps.train + problem.steps.rewardRollout,
      innerSamples: problem.steps.train,
      seconds: (policyTime + rewardTime) / 1000,
      policySeconds: policyTime / 1000,
      rewardSeconds: rewardTime / 1000,
      squaredResidual: last?.squaredResidual ?? 0,
      sampledGradientNorm: last?.gradientNorm ?? 0,
      policyTravel: last?.policyTravel ?? 0,
      rewardTravel: last?.rewardTravel ?? 0,
      ...meansOf(totals),
    };
    totals = emptyTotals();
    points.push(point);
    if (last) watch.see(last, point.trackingError);
    return point;
  };

  measure();
  const every = Math.max(1, Math.floor(iterations / measurements));
  while (state.iteration < iterations) {
    try {
      last = softQMlIrlIteration(kernels, state, clock, solved);
    } catch (error) {
      if (!(error instanceof TandemError)) throw error;
      end = "not finite";
      watch.say(error.message);
      break;
    }
    policyTime += last.policyTime;
    rewardTime += last.rewardTime;
    addTo(totals, last);
    const due = state.iteration % every === 0 || state.iteration === iterations;
    if (!due) {
      watch.see(last, null);
      continue;
    }
    const { relativeGap } = measure();
    if (setting.stopAtGap > 0 && relativeGap <= setting.stopAtGap) {
      end = "gap reached";
      break;
    }
  }
  return {
    points,
    end,
    expertLikelihood: instruments.expertLikelihood,
    uniformLikelihood: instruments.uniformLikelihood,
    findings: watch.findings(),
    logPolicy: instruments.optimalLogPolicy().slice(),
    trackedLogPolicy: instruments.logPolicy().slice(),
    recordedCounts:
      expert.kind === "recorded"
        ? empiricalOccupancy(problem.mdp, expert, setting.horizon, setting.discount)
        : null,
    initialRewards,
    finalRewards: instruments.rewards().slice(),
    expertLogPolicy: instruments.expertLogPolicy,
    expertOccupancy: instruments.expertOccupancy,
  };
}

/** The expert of a setting: its policy, or trajectories drawn once under it. */
function expertOf(
  kernels: Kernels,
  mdp: TabularMdp,
  logPolicy: Float64Array,
  setting: TabularSetting,
  key: Key,
): TabularExpert {
  const fresh: TabularExpert = { kind: "fresh", logPolicy };
  const { recorded, horizon } = setting;
  if (recorded === 0) return fresh;
  const source = problemOf(kernels, mdp, fresh, { ...setting, trajectories: recorded }, key);
  const rows = source.expertTrajectories(recorded);
  const pairs = kernels.u32(rows.indices, recorded * horizon);
  return {
    kind: "recorded",
    states: Uint32Array.from(pairs, (pair) => Math.floor(pair / mdp.actions)),
    actions: Uint32Array.from(pairs, (pair) => pair % mdp.actions),
  };
}

function problemOf(
  kernels: Kernels,
  mdp: TabularMdp,
  expert: TabularExpert,
  setting: TabularSetting,
  key: Key,
): TabularProblem {
  const { iterations, innerSteps, sampling, horizon, discount, trajectories } = setting;
  const longest = innerStepsAt(innerSteps, iterations - 1);
  return createTabularProblem(
    kernels,
    mdp,
    expert,
    {
      sampling,
      replayCapacity: 100 * longest,
      horizon,
      gradientDiscount: discount,
      batchCapacity: Math.max(innerSteps.first, longest),
      trajectoryCapacity: trajectories,
    },
    (logPolicy) => stationaryDistribution(mdp, logPolicy),
    key,
  );
}

interface Totals {
  iterations: number;
  gradientCosine: number;
  projectedPolicyShare: number;
  projectedRewardShare: number;
}

function emptyTotals(): Totals {
  return { iterations: 0, gradientCosine: 0, projectedPolicyShare: 0, projectedRewardShare: 0 };
}

function addTo(totals: Totals, record: IterationRecord): void {
  totals.iterations++;
  totals.gradientCosine += record.gradientCosine;
  totals.projectedPolicyShare += record.projectedPolicyShare;
  totals.projectedRewardShare += record.projectedReward;
}

function meansOf({ iterations, ...sums }: Totals): Omit<Totals, "iterations"> {
  const count = Math.max(1, iterations);
  return {
    gradientCosine: sums.gradientCosine / count,
    projectedPolicyShare: sums.projectedPolicyShare / count,
    projectedRewardShare: sums.projectedRewardShare / count,
  };
}
