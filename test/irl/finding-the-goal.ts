/** The task that every method with finitely many actions must learn: to walk to the goal of a grid again and again, as an expert does. */
import { foldIn, keyFromSeed, nextUniform, streamOf, type Trajectories } from "../../src/core/index.ts";
import { gridWorldMdp, makeEnvironment, type Environment } from "../../src/envs/index.ts";
import { deterministicPolicy, evaluate, randomPolicy } from "../../src/eval/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  rollout,
  softPolicyIteration,
  type Act,
  type SacOptions,
  type SoftPolicy,
} from "../../src/rl/index.ts";

const GRID = {
  rows: 4,
  columns: 4,
  slip: 0.1,
  goalReward: 4,
  trapReward: -2,
  traps: 2,
  stepReward: -0.1,
  seed: 0,
};
const EPISODE = 40;

/** The lower level. */
export const SAC: SacOptions = {
  hidden: [32],
  batchSize: 32,
  discount: 0.9,
  learningRate: 3e-3,
  polyak: 0.02,
  temperature: 1,
  targetEntropy: "auto",
};

/** A new grid, its states shown one-hot. */
export function grid(): Promise<Environment> {
  return makeEnvironment("GridWorld-v0", { ...GRID, maxEpisodeSteps: EPISODE, observations: "one-hot" });
}

/** Draws from the soft-optimal policy of the true reward at temperature 1. */
function softOptimal(): Act {
  const mdp = gridWorldMdp(GRID);
  const options = { discount: SAC.discount, tolerance: 1e-9, values: "centred" } as const;
  const { logPolicy } = softPolicyIteration(mdp, mdp.rewards, options);
  const stream = streamOf(keyFromSeed(5));
  return (observation, unit) => {
    const state = observation.indexOf(1);
    let left = nextUniform(stream);
    let action = 0;
    for (; action + 1 < mdp.actions; action++) {
      left -= Math.exp(logPolicy[state * mdp.actions + action]);
      if (left < 0) break;
    }
    unit.fill(0);
    unit[action] = 1;
  };
}

/** Thirty episodes of the expert. */
export async function findingTheGoal(): Promise<Trajectories> {
  return rollout(await grid(), softOptimal(), 30, keyFromSeed(1));
}

/** How far a policy has come from acting at random (0) to the expert (1), by the true return of a hundred episodes. */
export async function wayToExpert(kernels: Kernels, policy: SoftPolicy): Promise<number> {
  const environment = await grid();
  const [random, expert, own] = [
    randomPolicy(foldIn(keyFromSeed(3), 1)),
    softOptimal(),
    deterministicPolicy(kernels, policy),
  ].map((act) => evaluate(environment, act, 100, keyFromSeed(3)).meanReturn);
  return (own - random) / (expert - random);
}
