import { describe, expect, it } from "vitest";

import {
  type Environment,
  type HalfCheetahOptions,
  environmentIds,
  makeEnvironment,
} from "../../src/envs/index.ts";
import { type ContractFacts, environmentContract } from "./contract.ts";

const HALF_CHEETAH_OPTIONS: HalfCheetahOptions = {
  frameSkip: 4,
  forwardRewardWeight: 2,
  controlCostWeight: 0.2,
  resetNoiseScale: 0.05,
  excludeCurrentPositionsFromObservation: false,
  maxEpisodeSteps: 7,
};

const HALF_CHEETAH: ContractFacts = {
  maxEpisodeSteps: 1000,
  neverTerminates: true,
  reportsRewardTerms: true,
  changedOptions: { ...HALF_CHEETAH_OPTIONS },
  divergingState: { qpos: new Float64Array(9), qvel: new Float64Array(9).fill(1e9) },
};

const CLASSIC = { reportsRewardTerms: false, neverTerminates: false };
const CART_POLE = {
  ...CLASSIC,
  changedOptions: { suttonBartoReward: true, semiImplicit: true, maxEpisodeSteps: 7 },
  divergingState: { state: [0, 0, 0, 1e200] },
};
const TABULAR = {
  maxEpisodeSteps: 100,
  reportsRewardTerms: false,
  neverTerminates: true,
  divergingState: null,
  digestSteps: 100,
};

const LUNAR_LANDER: ContractFacts = {
  ...CLASSIC,
  maxEpisodeSteps: 1000,
  changedOptions: { gravity: -5, enableWind: true, maxEpisodeSteps: 7 },
  divergingState: null,
};
/** The wind's strength shows where there is wind. */
const WINDY_LANDER: ContractFacts = {
  ...LUNAR_LANDER,
  changedOptions: { windPower: 5, turbulencePower: 0.5 },
};

const FACTS: Record<string, ContractFacts> = {
  "Acrobot-v1": {
    ...CLASSIC,
    maxEpisodeSteps: 500,
    changedOptions: { bookDynamics: false, maxEpisodeSteps: 7 },
    divergingState: { state: [0, 0, 1e5, 0] },
  },
  "CartPole-v0": { ...CART_POLE, maxEpisodeSteps: 200 },
  "CartPole-v1": { ...CART_POLE, maxEpisodeSteps: 500 },
  "Chain-v0": {
    ...TABULAR,
    decisiveState: { state: [9] },
    changedOptions: { states: 11, slip: 0.6, nearReward: 9, farReward: 9, maxEpisodeSteps: 7 },
  },
  "Garnet-v0": {
    ...TABULAR,
    changedOptions: { states: 9, actions: 2, branching: 5, seed: 1, maxEpisodeSteps: 7 },
  },
  "GridWorld-v0": {
    ...TABULAR,
    changedOptions: {
      rows: 3,
      columns: 4,
      slip: 0.6,
      goalReward: 9,
      trapReward: -9,
      traps: 12,
      stepReward: 1,
      seed: 3,
      maxEpisodeSteps: 7,
    },
  },
  "HalfCheetah-v4": HALF_CHEETAH,
  "HalfCheetah-v5": HALF_CHEETAH,
  "LunarLander-v3": LUNAR_LANDER,
  "MountainCar-v0": {
    ...CLASSIC,
    maxEpisodeSteps: 200,
    changedOptions: { goalVelocity: 0.06, maxEpisodeSteps: 7 },
    decisiveState: { state: [0.49, 0.03] },
    divergingState: { state: [1e9, 0] },
  },
  "ObjectWorld-v0": {
    ...TABULAR,
    changedOptions: { size: 4, objects: 3, colours: 5, slip: 0.9, seed: 3, maxEpisodeSteps: 7 },
  },
};

it("covers every registered environment", () => {
  expect(environmentIds()).toEqual(Object.keys(FACTS).sort());
});

it("refuses an unknown id and lists the known ones", async () => {
  await expect(makeEnvironment("HalfCheetah-v9")).rejects.toThrow(
    `makeEnvironment: no environment is called HalfCheetah-v9; known are ${environmentIds().join(", ")}`,
  );
  await expect(makeEnvironment("toString")).rejects.toThrow(/no environment is called toString/);
});

for (const id of environmentIds())
  environmentContract(id, (options) => makeEnvironment(id, options), FACTS[id]);

function makeWindy(options: Record<string, unknown> = {}): Promise<Environment> {
  return makeEnvironment("LunarLander-v3", { ...options, enableWind: true });
}

describe("in wind", () => environmentContract("LunarLander-v3", makeWindy, WINDY_LANDER));
