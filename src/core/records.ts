/**
 * What a training reports while it runs: one JSON object a line in a run's `metrics.jsonl`. Every record says at which
 * training step (environment steps taken for learning) it was made. Quantities of the true reward appear only in
 * `episode` and `evaluation` records, which no learner reads.
 */
export type TrainingRecord =
  | PolicyRecord
  | AnchoredPolicyRecord
  | InversePolicyRecord
  | RewardRecord
  | DivergenceRecord
  | NestedRewardRecord
  | DiscriminatorRecord
  | CloningRecord
  | EpisodeRecord
  | EvaluationRecord
  | HeldOutRecord
  | InstrumentsRecord
  | FindingRecord;

/** Environment steps counted by what they were for. */
export interface StepCounts {
  /** Steps taken for the policy to learn from. */
  train: number;
  /** Extra steps taken only to estimate the reward's gradient. */
  rewardRollout: number;
  /** Steps of evaluation episodes (true return, reporting only). */
  evaluation: number;
  /** Steps in the expert demonstrations used. */
  expert: number;
}

/** The lower level (soft actor-critic), averaged over the policy updates since the last such record. */
export interface PolicyRecord {
  kind: "policy";
  step: number;
  /** Policy updates so far. */
  updates: number;
  /** Mean squared soft Bellman residual of the two critics. */
  criticLoss: number;
  /** Mean of min(Q1, Q2) at the policy's own actions. */
  meanQ: number;
  /** Policy entropy estimate, nats. */
  entropy: number;
  /** Entropy temperature. */
  temperature: number;
  /** Mean learned reward on the replayed batch. */
  meanReward: number;
}

/** How well policy and reward fit demonstrations that they were not shown, at an evaluation: no true reward is in it. */
export interface HeldOutRecord {
  kind: "held-out";
  step: number;
  /** Mean log pi(a|s) of their steps, nats. */
  logLikelihood: number;
  /** Learned reward of their steps minus that of the agent's, in standard deviations of both; null where no reward is learnt. */
  rewardGap: number | null;
  /** Normalised energy distance between their states and the agent's, the absorbing one among them, in [0, 1]. */
  stateDistance: number;
}

/** Supervised learning from the expert's actions, averaged over the updates since the last such record. */
export interface CloningRecord {
  kind: "cloning";
  /** Environment steps, or updates of a method that takes none. */
  step: number;
  /** Policy updates so far. */
  updates: number;
  /** Mean log pi(a|s) of the expert's actions in the batches, before each update; nats. */
  logLikelihood: number;
}

/** The lower level where a trust region holds it. */
export interface AnchoredPolicyRecord extends PolicyRecord {
  /** KL(pi || pi_k), nats a state: mean of log pi - log pi_k at the policy's own actions. */
  anchorDivergence: number;
}

/** What the critics of inverse soft Q-learning ascend, and the rewards that they recover; averaged like the rest of the record. */
export interface InverseMeasures {
  /** J, mean over the critics. */
  objective: number;
  /** Mean r = Q(s, a) - gamma V(s') of the batches' expert and replay rows. */
  expertReward: number;
  agentReward: number;
}

/** The lower level where its critics are the reward (inverse soft Q-learning): `criticLoss` is -J. */
export interface InversePolicyRecord extends PolicyRecord, InverseMeasures {}

/** One step of the upper level. */
export interface RewardRecord {
  kind: "reward";
  step: number;
  /** Reward steps so far, this one included. */
  rewardStep: number;
  /**
   * Expert minus agent of the (discounted) learned return per trajectory, before the step; for ML-IRL its ascent direction is the
   * gradient.
   */
  returnGap: number;
  /** Mean learned reward per step on the expert's and the agent's trajectories, before the step. */
  expertMeanReward: number;
  agentMeanReward: number;
  /** Learned reward of a step in the absorbing state, before the step; null (or absent in older runs) where there is none. */
  absorbingReward?: number | null;
  /** ||g_k|| / h: norm of the likelihood's gradient estimate (Lemma 4) over the effective horizon; for f-IRL, of the divergence's. */
  gradientNorm: number;
  /** || theta - theta_0 ||. */
  travel: number;
  /** 1 if the projection onto the ball was active in this step. */
  projected: number;
  /** Cosine between this gradient and the one before: persistently negative means oscillation. */
  gradientCosine: number;
  /**
   * Wall-clock seconds that both levels took since the last reward step (evaluations and checkpoints left out), of which
   * `policySeconds` in choosing actions, replay and policy updates, and `simulationSeconds` in the environment.
   */
  seconds: number;
  policySeconds: number;
  simulationSeconds: number;
}

/** One step of an upper level that descends a divergence between the expert's and the agent's marginals (f-IRL). */
export interface DivergenceRecord extends RewardRecord {
  /** Estimate of the divergence by the classifier's log ratios, clipped as in the step, nats; before the step. */
  divergence: number;
  /** Share of the agent's steps whose log ratio was clipped. */
  clippedShare: number;
}

/** One step of the upper level above a lower one that was solved first (nested loop). */
export interface NestedRewardRecord extends RewardRecord {
  /** Rounds of policy steps that the lower level took under this reward. */
  rounds: number;
  /** By how much the last round's soft return exceeds that of the one before, nats a step; null after a single round, and at temperature 0. */
  roundImprovement: number | null;
}

/** The classifier of an adversarial method, averaged over its steps since the last such record. */
export interface DiscriminatorRecord {
  kind: "discriminator";
  step: number;
  /** Steps of the classifier so far. */
  discriminatorSteps: number;
  /** E_expert[-log D] + E_agent[-log(1 - D)], nats; 2 log 2 where it cannot tell. */
  loss: number;
  /** lambda E[(||grad_x h|| - 1)^2]; of AIRL, whose logit is f / alpha - log pi, with f for h. */
  gradientPenalty: number;
  /** Mean logit, which is DAC's reward, over the expert's and the agent's rows. */
  expertLogit: number;
  agentLogit: number;
  /** Share of rows that the classifier puts on their own side; 0.5 where it cannot tell. */
  accuracy: number;
}

/** A training episode that ended. */
export interface EpisodeRecord {
  kind: "episode";
  step: number;
  trueReturn: number;
  length: number;
}

/** Deterministic evaluation episodes under the true reward, and how the learned reward relates to it. Reporting only. */
export interface EvaluationRecord {
  kind: "evaluation";
  step: number;
  returns: number[];
  meanReturn: number;
  /** Standard deviation over episodes. */
  stdReturn: number;
  /** Correlation of learned with true reward per step on the evaluation episodes; null where one of them is constant or there is no learned reward. */
  pearson: number | null;
  spearman: number | null;
  steps: StepCounts;
}

/**
 * How far the paper's two-layer reward is from linear, and Lhat from concave, where the reward stands (`--instruments`).
 * Over the rows x of one gradient estimate: expert trajectories and the agent's latest. f(x; theta) is the reward, f0 its
 * linearisation at theta_0 (arXiv:2503.17865, Section 5). Errors in the ball are means over draws.
 */
export interface InstrumentsRecord {
  kind: "instruments";
  step: number;
  /** Rows looked at, the expert's and the agent's together. */
  rows: number;
  /** How far from theta_0 points are drawn: B, or ||theta - theta_0|| where no ball is set. */
  radius: number;
  /** Root mean square of f(x; theta): what the linearisation errors are to be held against. */
  rewardRms: number;
  /** Root mean square of f(x; theta) - f0(x; theta). */
  rewardLinearisation: number;
  /** The same at points on the ball's surface, in random directions and in those of gradients. */
  ballLinearisationRandom: number;
  ballLinearisationTrained: number;
  /** Lhat(theta) / h without the entropy: expert minus agent of the (discounted) learned return over the effective horizon. */
  returnGap: number;
  /** max(0, chord - Lhat / h) over pairs of points of the ball. */
  concavityGapRandom: number;
  concavityGapTrained: number;
  /** Share of the pairs in gradients' directions for which Lhat lies below its chord at all. */
  belowChord: number;
}

/** A sign that the training fails, when it is first seen and again when it is over. */
export interface FindingRecord {
  kind: "finding";
  step: number;
  signature:
    | "policy divergence"
    | "reward oscillation"
    | "gradient explosion"
    | "policy saturation"
    | "reward saturation"
    | "simulation divergence"
    | "not finite";
  /** The reward step in which the first window that shows it began; of a simulation that diverged, the training step. */
  since: number;
  /** The reward step by whose window it was over; null while it lasts. */
  until: number | null;
  /** What was seen, in numbers. */
  evidence: string;
  remedy: string;
}

/** A finding as one sentence. */
export function findingSentence({ signature, since, until, evidence, remedy }: FindingRecord): string {
  const unit = signature === "simulation divergence" ? "step" : "reward step";
  const span = until === null ? `since ${unit} ${since}` : `in ${unit}s ${since} to ${until}`;
  return `${signature} ${span}: ${evidence}; ${remedy}`;
}

/** Where records go: a file, a progress line, an instrument. */
export type Listener = (record: TrainingRecord) => void;
