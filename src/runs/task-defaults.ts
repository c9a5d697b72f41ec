import {
  AIRL_DEFAULTS,
  TRAIN_DEFAULTS,
  type AirlConfig,
  type ExpertConfig,
  type MlIrlConfig,
} from "./config.ts";

/** What a task's runs do unless told otherwise. */
export interface TaskDefaults {
  /** Training steps of a run from demonstrations, and of an expert; null where the task has no usual number. */
  readonly trainSteps: number | null;
  readonly expertSteps: number | null;
  readonly train: MlIrlConfig;
  /** AIRL's, where they are more than its own defaults above the lower level of `train`. */
  readonly airl?: AirlConfig;
  readonly expert: ExpertConfig["algorithm"];
}

/**
 * Experts learn from rewards that do not move, at their own pace: half the learning rate of `tandem train` (its critics
 * follow a moving reward) and more random steps. Chosen beforehand, the same for all tasks.
 */
const EXPERT: ExpertConfig["algorithm"] = {
  sac: { ...TRAIN_DEFAULTS.sac, learningRate: 5e-4 },
  startSteps: 10_000,
  replayCapacity: TRAIN_DEFAULTS.replayCapacity,
};

/** Where episodes end early, many short ones pass between two reward steps: ten of them are averaged, not one looked at. */
const ENDING: MlIrlConfig = { ...TRAIN_DEFAULTS, trajectoriesPerRewardStep: 10 };

/**
 * Finitely many actions: a small network, the theory's fixed temperature, and a reward step as often as episodes of a few dozen to a
 * hundred steps end. Customary sizes, none settled by a return: docs/decisions/0006-finite-actions.md.
 */
const FINITE: MlIrlConfig = {
  ...TRAIN_DEFAULTS,
  sac: { ...TRAIN_DEFAULTS.sac, hidden: [64, 64], batchSize: 64, temperature: 1 },
  startSteps: 500,
  policyStepsPerRewardStep: 100,
};

/**
 * AIRL's classifier must be faster than the policy that it judges, and soft Q-learning's policy moves with every step of Q: the rates
 * that docs/airl.md has for a spread-out expert. Its rows are, in proportion to a run, as new as where actions are continuous.
 */
const FINITE_AIRL: AirlConfig = {
  ...AIRL_DEFAULTS,
  sac: { ...FINITE.sac, learningRate: 3e-4 },
  startSteps: FINITE.startSteps,
  replayCapacity: FINITE.replayCapacity,
  discriminator: { ...AIRL_DEFAULTS.discriminator, learningRate: 3e-3, recentSteps: 2000 },
};

/** Half the learning rate and five times the random steps, as other tasks' experts have them. */
const FINITE_EXPERT: ExpertConfig["algorithm"] = {
  sac: { ...FINITE.sac, learningRate: 5e-4 },
  startSteps: 2500,
  replayCapacity: FINITE.replayCapacity,
};

/** A task of finitely many actions that is learnt in so many steps. */
const finite = (steps: number): TaskDefaults => ({
  trainSteps: steps,
  expertSteps: steps,
  train: FINITE,
  airl: FINITE_AIRL,
  expert: FINITE_EXPERT,
});

/** By task, whatever its version. */
const TASKS: Readonly<Record<string, TaskDefaults>> = {
  HalfCheetah: { trainSteps: 500_000, expertSteps: 1_000_000, train: TRAIN_DEFAULTS, expert: EXPERT },
  Hopper: { trainSteps: 500_000, expertSteps: 1_000_000, train: ENDING, expert: EXPERT },
  Walker2d: { trainSteps: 500_000, expertSteps: 1_000_000, train: ENDING, expert: EXPERT },
  Ant: { trainSteps: 1_000_000, expertSteps: 1_000_000, train: ENDING, expert: EXPERT },
  Humanoid: { trainSteps: 1_000_000, expertSteps: 2_000_000, train: ENDING, expert: EXPERT },
  CartPole: finite(50_000),
  Acrobot: finite(100_000),
  MountainCar: finite(100_000),
  LunarLander: finite(150_000),
  Chain: finite(50_000),
  Garnet: finite(50_000),
  GridWorld: finite(50_000),
  ObjectWorld: finite(50_000),
};

/** The defaults of the environment's task; those of no task in particular where the table has none. */
export function taskDefaults(environmentId: string): TaskDefaults {
  const [task] = environmentId.split("-v");
  if (Object.hasOwn(TASKS, task)) return TASKS[task];
  return { trainSteps: null, expertSteps: null, train: TRAIN_DEFAULTS, expert: EXPERT };
}
