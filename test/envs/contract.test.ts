import { describe, expect, it } from "vitest";

import {
  type AntOptions,
  type CustomAntOptions,
  type Environment,
  type HalfCheetahOptions,
  type HumanoidOptions,
  environmentIds,
  makeEnvironment,
} from "../../src/envs/index.ts";
import { type ContractFacts, environmentContract } from "./contract.ts";

const WORLD = { gravityScale: 0.38, massScale: 2, frictionScale: 0.5, wind: 20 };

const HALF_CHEETAH_OPTIONS: HalfCheetahOptions = {
  ...WORLD,
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

/** Ant and Humanoid: what decides an episode's end shows above the healthy height. */
const FLOATING_OPTIONS = {
  ...WORLD,
  frameSkip: 4,
  forwardRewardWeight: 2,
  controlCostWeight: 0.2,
  contactCostWeight: 1e-3,
  healthyReward: 2,
  terminateWhenUnhealthy: false,
  resetNoiseScale: 0.05,
  excludeCurrentPositionsFromObservation: false,
  maxEpisodeSteps: 7,
} as const;

function antFacts(
  version: Pick<AntOptions, "contactMargins" | "payAtTermination" | "includeCfrcExtInObservation">,
): ContractFacts {
  const { contactForceRange: _, ...changedOptions }: AntOptions = {
    ...FLOATING_OPTIONS,
    ...version,
    healthyZRange: [0.2, 2],
    contactForceRange: [-0.5, 1],
    shinScale: 2,
    disabledLegs: "back",
  };
  return {
    maxEpisodeSteps: 1000,
    neverTerminates: false,
    reportsRewardTerms: true,
    changedOptions,
    decisiveState: { qpos: [0, 0, 1.05, 1, ...new Float64Array(11)], qvel: new Float64Array(14) },
    divergingState: {
      qpos: [0, 0, 1, 1, ...new Float64Array(11)],
      qvel: new Float64Array(14).fill(1e9),
    },
  };
}

const ANT_V4 = antFacts({
  contactMargins: "summed",
  payAtTermination: false,
  includeCfrcExtInObservation: true,
});
const ANT_V5 = antFacts({
  contactMargins: "larger",
  payAtTermination: true,
  includeCfrcExtInObservation: false,
});
/** The range of contact forces shows where they are shown or charged. */
const ANT_FORCES = { contactForceRange: [-0.5, 1] };

function customAntFacts(disabledLegs: CustomAntOptions["disabledLegs"]): ContractFacts {
  const changedOptions: CustomAntOptions = {
    ...WORLD,
    contactMargins: "summed",
    shinScale: 2,
    disabledLegs,
    frameSkip: 4,
    gear: 60,
    controlCostWeight: 0.2,
    contactCostWeight: 1e-3,
    contactForceRange: [-0.5, 1],
    flippedCost: 2,
    flippedHeight: 0.1,
    resetNoiseScale: 0.05,
    includeCfrcExtInObservation: false,
    maxEpisodeSteps: 7,
  };
  return {
    ...ANT_V5,
    maxEpisodeSteps: 500,
    neverTerminates: true,
    changedOptions: { ...changedOptions },
    decisiveState: {
      qpos: [0, 0, 0.1, 0, 1, 0, 0, ...new Float64Array(8)],
      qvel: [0, 0, -6, ...new Float64Array(11)],
    },
  };
}

function humanoidFacts(version: Pick<HumanoidOptions, "contactMargins" | "payAtTermination">): ContractFacts {
  const { maxContactCost: _, ...changedOptions }: HumanoidOptions = {
    ...FLOATING_OPTIONS,
    ...version,
    healthyZRange: [1, 3],
    includeCinertInObservation: false,
    includeCvelInObservation: false,
    includeQfrcActuatorInObservation: false,
    includeCfrcExtInObservation: false,
    maxContactCost: 1e-6,
  };
  return {
    maxEpisodeSteps: 1000,
    neverTerminates: false,
    reportsRewardTerms: true,
    changedOptions,
    digestSteps: 40, // until it has fallen to the floor
    decisiveState: { qpos: [0, 0, 2.05, 1, ...new Float64Array(20)], qvel: new Float64Array(23) },
    divergingState: {
      qpos: [0, 0, 1.4, 1, ...new Float64Array(20)],
      qvel: new Float64Array(23).fill(1e9),
    },
  };
}

const HUMANOID_V4 = humanoidFacts({ contactMargins: "summed", payAtTermination: false });
const HUMANOID_V5 = humanoidFacts({ contactMargins: "larger", payAtTermination: true });
/** The bound on the cost of contacts shows where they cost something. */
const HUMANOID_COST = { maxContactCost: 1e-6 };

const FACTS: Record<string, ContractFacts> = {
  "Acrobot-v1": {
    ...CLASSIC,
    maxEpisodeSteps: 500,
    changedOptions: { bookDynamics: false, maxEpisodeSteps: 7 },
    divergingState: { state: [0, 0, 1e5, 0] },
  },
  "Ant-v4": ANT_V4,
  "Ant-v5": { ...ANT_V5, changedOptions: { ...ANT_V5.changedOptions, ...ANT_FORCES } },
  "CartPole-v0": { ...CART_POLE, maxEpisodeSteps: 200 },
  "CartPole-v1": { ...CART_POLE, maxEpisodeSteps: 500 },
  "Chain-v0": {
    ...TABULAR,
    decisiveState: { state: [9] },
    changedOptions: { states: 11, slip: 0.6, nearReward: 9, farReward: 9, maxEpisodeSteps: 7 },
  },
  "CustomAnt-v0": customAntFacts("back"),
  "DisabledAnt-v0": customAntFacts("front"),
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
  "Humanoid-v4": HUMANOID_V4,
  "Humanoid-v5": {
    ...HUMANOID_V5,
    changedOptions: { ...HUMANOID_V5.changedOptions, ...HUMANOID_COST },
  },
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

for (const [id, facts] of Object.entries(FACTS))
  environmentContract(id, (options) => makeEnvironment(id, options), facts);

function makeWindy(options: Record<string, unknown> = {}): Promise<Environment> {
  return makeEnvironment("LunarLander-v3", { ...options, enableWind: true });
}

describe("in wind", () => environmentContract("LunarLander-v3", makeWindy, WINDY_LANDER));

describe("with contact forces", () => {
  const ant = { includeCfrcExtInObservation: true, contactCostWeight: 5e-4 };
  environmentContract("Ant-v4", (options) => makeEnvironment("Ant-v4", { ...ant, ...options }), {
    ...ANT_V4,
    changedOptions: ANT_FORCES,
  });
  const humanoid = { contactCostWeight: 5e-7 };
  environmentContract(
    "Humanoid-v4",
    (options) => makeEnvironment("Humanoid-v4", { ...humanoid, ...options }),
    {
      ...HUMANOID_V4,
      changedOptions: HUMANOID_COST,
    },
  );
});
