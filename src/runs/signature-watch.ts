/** The failure signatures of a training, looked for in its records while it goes on. */
import type { FindingRecord, RewardRecord, TrainingRecord } from "../core/index.ts";
import {
  createSignatureState,
  observe,
  type SignatureFinding,
  type SignatureState,
} from "../theory/index.ts";

/** What was seen so far. Plain data, updated in place by `watchRecord`. */
export interface SignatureWatch {
  readonly signatures: SignatureState;
  /** Reward steps so far. */
  rewardSteps: number;
  /** The critics' mean squared Bellman residual as last reported; null before the first policy update. */
  criticLoss: number | null;
  /** The largest mean learned reward of a step, expert's or agent's, in absolute value so far. */
  rewardScale: number;
  /** The reward step in which the projection was active first; null while it was not. */
  ballReached: number | null;
}

/**
 * Reward steps judged together. Soft actor-critic takes about 1000 environment steps for each, so that a run has a few
 * hundred: 40 is the smallest window in which the signatures can tell a swing from noise (blocks of two), and three of
 * them, what divergence takes to be seen, are over at 120 reward steps. It does not depend on the length of the run, but steps count that
 * are in the metrics: in a run of more than ten thousand reward steps those are fewer (`createRecordSpacing`).
 */
const WINDOW = 40;
/**
 * A ball that the reward fills within so many steps is too small for the step size. One that is filled later does what it
 * is there for: few demonstrations leave the likelihood without a maximum, and the ball is what holds the reward.
 */
const SOON = 10;

const SLOWER = "lower --reward-step-size, or raise --policy-steps-per-reward-step";
const REMEDIES: Record<FindingRecord["signature"], string> = {
  "policy divergence": `the critics do not keep up: lower --learning-rate, or ${SLOWER}`,
  "reward oscillation": `the reward moves too fast for the policy: ${SLOWER}`,
  "gradient explosion":
    "look at the demonstrations (tandem demos inspect), and at an agent that has left where they are; raise --trajectories-per-reward-step",
  "policy saturation": "raise the radius",
  "reward saturation": "raise --reward-radius, or lower --reward-step-size",
  "simulation divergence":
    "where it is many, look at the environment's options and at what the policy does (tandem eval)",
  "not finite": "begin a new run with a smaller --learning-rate or --reward-step-size",
};

/** Nothing seen yet. */
export function createSignatureWatch(): SignatureWatch {
  return {
    signatures: createSignatureState(WINDOW),
    rewardSteps: 0,
    criticLoss: null,
    rewardScale: 0,
    ballReached: null,
  };
}

/**
 * Look at the next record of a training. Returns findings that are new, or that have just ended; one of a number that is
 * not finite comes alone, and the training should stop there. The same records give the same findings: a resumed run
 * goes through those it has.
 */
export function watchRecord(watch: SignatureWatch, record: TrainingRecord): FindingRecord[] {
  const broken = brokenField(record);
  if (broken) {
    const [name, value] = broken;
    return [notFinite(watch, record.step, `${name} of the ${record.kind} level became ${String(value)}`)];
  }
  if (record.kind === "policy") watch.criticLoss = record.criticLoss;
  return record.kind === "reward" ? watchReward(watch, record) : [];
}

/** A number of the record that is not finite, by name; undefined for none. */
export function brokenField(record: TrainingRecord): [string, unknown] | undefined {
  return Object.entries(record).find(([, value]) => typeof value === "number" && !Number.isFinite(value));
}

/** All that was seen, oldest first, as of training step `step`. */
export function findingsOf(watch: SignatureWatch, step: number): FindingRecord[] {
  return watch.signatures.findings.map((finding) => recordOf(finding, step));
}

/** What is said of simulations that diverged, as of training step `step`. */
export function droppedFinding(dropped: { episodes: number; since: number }, step: number): FindingRecord {
  const signature = "simulation divergence";
  const { episodes, since } = dropped;
  const evidence = `${episodes} ${episodes === 1 ? "episode" : "episodes"} dropped by step ${step}`;
  return { kind: "finding", step, signature, since, until: null, evidence, remedy: REMEDIES[signature] };
}

function watchReward(watch: SignatureWatch, record: RewardRecord): FindingRecord[] {
  const { rewardStep, expertMeanReward, agentMeanReward, projected } = record;
  watch.rewardSteps = rewardStep;
  watch.rewardScale = Math.max(watch.rewardScale, Math.abs(expertMeanReward), Math.abs(agentMeanReward));
  if (projected) watch.ballReached ??= rewardStep;
  if (watch.criticLoss === null || watch.rewardScale === 0) return [];
  const changed = observe(watch.signatures, {
    iteration: rewardStep,
    trackingError: null,
    squaredResidual: watch.criticLoss / watch.rewardScale ** 2,
    gradientNorm: record.gradientNorm,
    gradientCosine: record.gradientCosine,
    returnGap: record.returnGap,
    projectedPolicyShare: 0,
    projectedReward: watch.ballReached !== null && watch.ballReached <= SOON ? projected : 0,
  });
  return changed.map((finding) => recordOf(finding, record.step));
}

function recordOf(finding: SignatureFinding, step: number): FindingRecord {
  const { signature, since, until } = finding;
  const unit = signature === "policy divergence" ? ", in squared rewards of a step" : "";
  return {
    kind: "finding",
    step,
    signature,
    since,
    until,
    evidence: finding.evidence + unit,
    remedy: REMEDIES[signature],
  };
}

/** The finding of a number that is not finite. */
export function notFinite({ rewardSteps }: SignatureWatch, step: number, evidence: string): FindingRecord {
  const signature = "not finite";
  return {
    kind: "finding",
    step,
    signature,
    since: rewardSteps,
    until: null,
    evidence,
    remedy: REMEDIES[signature],
  };
}
