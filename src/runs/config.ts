import { z } from "zod";
import { TERMINATIONS } from "../irl/termination.ts";

const positive = z.number().int().positive();

const sac = z.strictObject({
  hidden: z.array(positive).min(1),
  batchSize: positive,
  discount: z.number().min(0).lt(1),
  learningRate: z.number().positive(),
  /** Absent where the actor learns at the learning rate. */
  actorRate: z.number().positive().optional(),
  polyak: z.number().gt(0).max(1),
  temperature: z.union([z.number().positive(), z.literal("learnt")]),
  targetEntropy: z.union([z.number(), z.literal("auto")]),
});

const reward = z.strictObject({
  inputs: z.enum(["state-action", "state"]),
  network: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("two-layer"), width: positive }),
    z.strictObject({ kind: z.literal("mlp"), hidden: z.array(positive).min(1) }),
  ]),
  optimiser: z.enum(["ascent", "adam"]),
  stepSize: z.number().positive(),
  stepSizeDecay: z.number().min(0),
  regulariser: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("projection"), radius: z.number().positive() }),
    z.strictObject({ kind: z.literal("weight-decay"), rate: z.number().min(0).lt(1) }),
    z.strictObject({ kind: z.literal("none") }),
  ]),
});

const gathering = {
  sac,
  startSteps: z.number().int().min(0),
  replayCapacity: positive,
  /** Absent where the learning rate stays what it is. */
  slowdown: z.strictObject({ from: positive, learningRate: z.number().positive() }).optional(),
};

/** Runs made before there was a choice were native. */
const termination = z.enum(TERMINATIONS).default("native");

/** The upper level of maximum likelihood, however the lower one is solved. */
const likelihood = {
  ...gathering,
  reward,
  trajectoriesPerRewardStep: positive,
  agentTrajectories: z.enum(["training", "fresh"]),
  discountedGradient: z.boolean(),
  termination,
};

const mlIrl = z.strictObject({
  method: z.literal("ml-irl"),
  ...likelihood,
  policyStepsPerRewardStep: positive,
  taughtBy: z.enum(["learned reward", "zero reward", "constant reward", "constant penalty"]),
  /** Absent where nothing holds the policy. */
  trustRegion: z.number().positive().optional(),
});

const nestedMlIrl = z.strictObject({
  method: z.literal("ml-irl-nested"),
  ...likelihood,
  solve: z.strictObject({ roundSteps: positive, tolerance: z.number().min(0), mostRounds: positive }),
});

const classifier = {
  hidden: z.array(positive).min(1),
  batchSize: positive.max(256),
  learningRate: z.number().positive(),
  gradientPenalty: z.number().min(0),
};
const inputs = z.enum(["state-action", "state"]);

const dac = z.strictObject({
  method: z.literal("dac"),
  ...gathering,
  discriminator: z.strictObject({ inputs, ...classifier, every: positive }),
  termination,
});

const airl = z.strictObject({
  method: z.literal("airl"),
  ...gathering,
  discriminator: z.strictObject({
    inputs,
    ...classifier,
    every: positive,
    shapingHidden: z.array(positive).min(1),
    recentSteps: positive,
  }),
  termination,
});

const fIrl = z.strictObject({
  method: z.literal("f-irl"),
  ...gathering,
  reward,
  divergence: z.enum(["forward-kl", "reverse-kl", "jensen-shannon"]),
  logRatioClip: z.number().positive(),
  discriminator: z.strictObject({ ...classifier, stepsPerRewardStep: positive }),
  policyStepsPerRewardStep: positive,
  trajectoriesPerRewardStep: positive.min(2),
  expertTrajectoriesPerRewardStep: z.number().int().min(0),
  termination,
});

const iqLearn = z.strictObject({
  method: z.literal("iq-learn"),
  ...gathering,
  valueTerm: z.enum(["initial", "expert-states", "replay", "expert", "both"]),
  regulariserCoefficient: z.union([z.number().positive(), z.literal("none")]),
  regularisedRows: z.enum(["expert", "both"]),
  nextValue: z.enum(["online", "target"]),
  termination,
});

const sqil = z.strictObject({ method: z.literal("sqil"), ...gathering, termination });

/** What cloning an expert's actions is told; of the lower level it has only the policy's network and its optimiser. */
const cloning = {
  sac,
  weightDecay: z.number().min(0),
  startSteps: z.literal(0),
  slowdown: z.undefined().optional(),
  termination: z.literal("native"),
};

const bc = z.strictObject({ method: z.literal("bc"), ...cloning });

const mceIrl = z.strictObject({
  method: z.literal("mce-irl"),
  /** Its one hidden layer holds the states. */
  sac,
  /** Of the ball that holds the table of rewards. */
  radius: z.number().positive(),
  startSteps: z.literal(0),
  slowdown: z.undefined().optional(),
  termination: z.literal("native"),
});

const dagger = z.strictObject({
  method: z.literal("dagger"),
  ...cloning,
  /** Where the policy lies that says what it would have done. */
  teacherPolicy: z.string(),
});

const common = {
  format: z.literal("tandem-run/1"),
  /** Version of Tandem that made the run. */
  version: z.string(),
  env: z.strictObject({ id: z.string(), options: z.record(z.string(), z.unknown()) }),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  /** Training steps in the environment; of methods that take none, updates. */
  steps: positive,
  evaluation: z.strictObject({ every: positive, episodes: positive, finalEpisodes: positive }),
  /** Seconds between two checkpoints; absent where nothing was said. */
  checkpointEvery: z.number().min(0).optional(),
  kernels: z.enum(["simd", "relaxed-simd"]),
  node: z.string(),
};

/** Every setting of a learner. Runs made before there was a choice of methods were of ML-IRL. */
export const algorithmConfig = z.preprocess(
  (value) => (typeof value === "object" && value !== null ? { method: "ml-irl", ...value } : value),
  z.discriminatedUnion("method", [mlIrl, nestedMlIrl, dac, airl, fIrl, sqil, iqLearn, bc, dagger, mceIrl]),
);

/** A run that learns reward and policy from demonstrations. */
const trainConfig = z.strictObject({
  ...common,
  command: z.literal("train"),
  demos: z.strictObject({
    path: z.string(),
    sha256: z.string(),
    /** Episodes of the file that were used, from `firstEpisode` (counted from 0) on. */
    episodes: positive,
    firstEpisode: z.number().int().min(0).default(0),
    transitions: positive,
    shuffled: z.boolean(),
    /** Whether, in place of the file's, as many episodes of one action were learnt from, rolled out from the seed. Older runs: no. */
    constant: z.boolean().default(false),
    /** Episodes that are never learnt from: policy and reward are measured on them. */
    heldOut: z.array(z.number().int().min(0)).default([]),
  }),
  /** Whether each evaluation also measures how linear the reward is. It changes nothing else. */
  instruments: z.boolean().default(false),
  algorithm: algorithmConfig,
});

/** A run that trains an expert on the true reward. */
const expertConfig = z.strictObject({
  ...common,
  command: z.literal("expert"),
  demos: z.null(),
  algorithm: z.strictObject(gathering),
});

/** A run that trains a fresh policy on the reward that another run has learnt, frozen. */
const retrainConfig = z.strictObject({
  ...common,
  command: z.literal("retrain"),
  demos: z.null(),
  algorithm: z.strictObject({ ...gathering, termination }),
  frozen: z.strictObject({
    /** Folder of the run that learnt the reward, as it was called, and the training step at which it was taken. */
    run: z.string(),
    step: z.number().int().min(0),
    method: z.string(),
    env: common.env,
    /** How the reward is made; its numbers are in the run folder, in a file of this checksum. */
    reward: reward.extend({ absorbing: z.boolean() }),
    sha256: z.string(),
    /** Final true return of the policy that learnt with the reward, where it did; null where its run has not ended. */
    originalReturn: z.number().nullable(),
    /** The expert's in the environment of this run; null where none is known. */
    expertReturn: z.number().nullable(),
  }),
});

/** A run's resolved configuration, as `config.json` holds it. */
export const runConfig = z.discriminatedUnion("command", [trainConfig, expertConfig, retrainConfig]);

/** A run that learns reward and policy from demonstrations. */
export type TrainConfig = z.infer<typeof trainConfig>;
/** The settings of ML-IRL. */
export type MlIrlConfig = z.infer<typeof mlIrl>;
/** The settings of ML-IRL in a nested loop. */
export type NestedMlIrlConfig = z.infer<typeof nestedMlIrl>;
/** The settings of AIRL. */
export type AirlConfig = z.infer<typeof airl>;
/** The settings of f-IRL. */
export type FIrlConfig = z.infer<typeof fIrl>;
/** The settings of IQ-Learn. */
export type IqLearnConfig = z.infer<typeof iqLearn>;
/** The settings of discriminator-actor-critic. */
export type DacConfig = z.infer<typeof dac>;
/** The settings of soft Q imitation learning. */
export type SqilConfig = z.infer<typeof sqil>;
/** The settings of behavioural cloning. */
export type BcConfig = z.infer<typeof bc>;
/** The settings of DAgger. */
export type DaggerConfig = z.infer<typeof dagger>;
/** The settings of MCE-IRL. */
export type MceIrlConfig = z.infer<typeof mceIrl>;
/** A run that trains an expert on the true reward. */
export type ExpertConfig = z.infer<typeof expertConfig>;
/** A run that trains a fresh policy on a frozen reward. */
export type RetrainConfig = z.infer<typeof retrainConfig>;
/** Any of them. */
export type RunConfig = TrainConfig | ExpertConfig | RetrainConfig;

/** What follows an episode's end in a run's training. */
export function terminationOf({ algorithm }: RunConfig): z.infer<typeof termination> {
  return "termination" in algorithm ? algorithm.termination : "native";
}

/**
 * What `tandem train` does unless told otherwise: the paper's network and projection above soft actor-critic. The
 * discount is the tasks' customary one. Learning rate and width were settled on pilot runs whose returns were looked at:
 * docs/decisions/0001-what-ships-as-default.md says which.
 */
export const TRAIN_DEFAULTS: MlIrlConfig = {
  method: "ml-irl",
  sac: {
    hidden: [128, 128],
    batchSize: 128,
    discount: 0.99,
    learningRate: 1e-3,
    polyak: 0.005,
    temperature: "learnt",
    targetEntropy: "auto",
  },
  startSteps: 2000,
  replayCapacity: 1_000_000,
  reward: {
    inputs: "state-action",
    network: { kind: "two-layer", width: 1024 },
    optimiser: "ascent",
    stepSize: 10,
    stepSizeDecay: 0,
    regulariser: { kind: "projection", radius: 40 },
  },
  policyStepsPerRewardStep: 1000,
  trajectoriesPerRewardStep: 1,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  taughtBy: "learned reward",
};

/** What `tandem train --method dac` does unless task or user say otherwise: the lower level of ML-IRL, the classifier of arXiv:1809.02925. */
export const DAC_DEFAULTS: DacConfig = {
  method: "dac",
  sac: TRAIN_DEFAULTS.sac,
  startSteps: TRAIN_DEFAULTS.startSteps,
  replayCapacity: TRAIN_DEFAULTS.replayCapacity,
  discriminator: {
    inputs: "state-action",
    hidden: [128, 128],
    batchSize: 128,
    learningRate: 1e-3,
    gradientPenalty: 10,
    every: 1,
  },
  termination: "native",
};

/** What `tandem train --method ml-irl-nested` does beside what the task's ML-IRL does: see docs/ml-irl-nested.md. */
export const SOLVE_DEFAULTS: NestedMlIrlConfig["solve"] = {
  roundSteps: 5000,
  tolerance: 0.01,
  mostRounds: 10,
};

/** What `tandem train --method airl` does unless told otherwise: the lower level of ML-IRL, a reward of states as in arXiv:1710.11248. */
export const AIRL_DEFAULTS: AirlConfig = {
  method: "airl",
  sac: TRAIN_DEFAULTS.sac,
  startSteps: TRAIN_DEFAULTS.startSteps,
  replayCapacity: TRAIN_DEFAULTS.replayCapacity,
  discriminator: {
    ...DAC_DEFAULTS.discriminator,
    inputs: "state",
    gradientPenalty: 1,
    shapingHidden: [128, 128],
    recentSteps: 20_000,
  },
  termination: "native",
};

/** What `tandem train --method f-irl` does unless told otherwise: the lower level and the network of ML-IRL, a reward of states. */
export const F_IRL_DEFAULTS: FIrlConfig = {
  method: "f-irl",
  sac: TRAIN_DEFAULTS.sac,
  startSteps: TRAIN_DEFAULTS.startSteps,
  replayCapacity: TRAIN_DEFAULTS.replayCapacity,
  reward: { ...TRAIN_DEFAULTS.reward, inputs: "state", optimiser: "adam", stepSize: 3e-3 },
  divergence: "jensen-shannon",
  logRatioClip: 10,
  discriminator: {
    hidden: [128, 128],
    batchSize: 128,
    learningRate: 1e-3,
    gradientPenalty: 0.1,
    stepsPerRewardStep: 100,
  },
  policyStepsPerRewardStep: TRAIN_DEFAULTS.policyStepsPerRewardStep,
  trajectoriesPerRewardStep: 10,
  expertTrajectoriesPerRewardStep: 0,
  termination: "native",
};

/** What `tandem train --method iq-learn` does unless told otherwise. Its temperature is held: see docs/iq-learn.md. */
export const IQ_LEARN_DEFAULTS: IqLearnConfig = {
  method: "iq-learn",
  sac: { ...TRAIN_DEFAULTS.sac, temperature: 0.01 },
  startSteps: TRAIN_DEFAULTS.startSteps,
  replayCapacity: TRAIN_DEFAULTS.replayCapacity,
  valueTerm: "both",
  regulariserCoefficient: 0.5,
  regularisedRows: "expert",
  nextValue: "online",
  termination: "native",
};

/** What `tandem train --method sqil` does unless task or user say otherwise: the lower level of ML-IRL. */
export const SQIL_DEFAULTS: SqilConfig = {
  method: "sqil",
  sac: TRAIN_DEFAULTS.sac,
  startSteps: TRAIN_DEFAULTS.startSteps,
  replayCapacity: TRAIN_DEFAULTS.replayCapacity,
  termination: "native",
};

/** What `tandem train --method bc` does unless told otherwise: the network of ML-IRL's policy. DAgger asks a teacher beside. */
export const BC_DEFAULTS: BcConfig = {
  method: "bc",
  sac: TRAIN_DEFAULTS.sac,
  weightDecay: 0,
  startSteps: 0,
  termination: "native",
};

/**
 * What `tandem train --method mce-irl` does unless told otherwise; the hidden layer is the task's. In a table of a hundred pairs, 10 is
 * the length of a reward of 1 in each.
 */
export const MCE_IRL_DEFAULTS: MceIrlConfig = {
  method: "mce-irl",
  sac: { ...TRAIN_DEFAULTS.sac, hidden: [1], temperature: 1 },
  radius: 10,
  startSteps: 0,
  termination: "native",
};

/** Steps of the ascent of MCE-IRL, where nothing is said. */
export const MCE_IRL_STEPS = 1000;

/** How a run is evaluated: deterministic episodes under the true reward, for reporting only. */
export const EVALUATION_DEFAULTS: RunConfig["evaluation"] = { every: 10_000, episodes: 5, finalEpisodes: 10 };
