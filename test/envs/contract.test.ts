import type { MainModule, MjData } from "@mujoco/mujoco";
import { describe, expect, it, vi } from "vitest";

import {
  type AntOptions,
  type CustomAntOptions,
  type Environment,
  type HalfCheetahOptions,
  type HopperOptions,
  type HumanoidOptions,
  type InvertedDoublePendulumOptions,
  type InvertedPendulumOptions,
  type PusherOptions,
  type ReacherOptions,
  type SwimmerOptions,
  type Walker2dOptions,
  environmentIds,
  makeEnvironment,
} from "../../src/envs/index.ts";
import { loadMujoco } from "../../src/envs/mujoco/simulation.ts";
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

// Below, `version` is what an id's options are changed to: those of the other version. Only v5 reports its terms.

/** Hopper and Walker2d: what decides an episode's end shows where the torso leans too far. */
const PLANAR_OPTIONS = {
  ...WORLD,
  frameSkip: 3,
  forwardRewardWeight: 2,
  controlCostWeight: 0.2,
  healthyReward: 2,
  terminateWhenUnhealthy: false,
  healthyZRange: [1.3, 2],
  healthyAngleRange: [-0.001, 0.001],
  resetNoiseScale: 0.05,
  excludeCurrentPositionsFromObservation: false,
  maxEpisodeSteps: 7,
} as const;

function hopperFacts(version: Pick<HopperOptions, "contactMargins" | "payAtTermination">): ContractFacts {
  const changedOptions = { ...PLANAR_OPTIONS, ...version, healthyStateRange: [-0.01, 0.01] };
  return {
    maxEpisodeSteps: 1000,
    neverTerminates: false,
    reportsRewardTerms: version.payAtTermination,
    changedOptions,
    decisiveState: { qpos: [0, 1.25, 0.3, 0, 0, 0], qvel: new Float64Array(6) },
    divergingState: { qpos: [0, 1.25, 0, 0, 0, 0], qvel: new Float64Array(6).fill(1e9) },
  };
}

function walkerFacts(
  version: Pick<Walker2dOptions, "payAtTermination" | "rightFootFriction">,
): ContractFacts {
  return {
    maxEpisodeSteps: 1000,
    neverTerminates: false,
    reportsRewardTerms: version.payAtTermination,
    changedOptions: { ...PLANAR_OPTIONS, ...version },
    decisiveState: { qpos: [0, 1.25, 1.1, 0, 0, 0, 0, 0, 0], qvel: new Float64Array(9) },
    divergingState: { qpos: [0, 1.25, 0, 0, 0, 0, 0, 0, 0], qvel: new Float64Array(9).fill(1e9) },
  };
}

const SWIMMER_OPTIONS: SwimmerOptions = {
  massScale: 2,
  wind: 1,
  frameSkip: 3,
  forwardRewardWeight: 2,
  controlCostWeight: 0.2,
  resetNoiseScale: 0.05,
  excludeCurrentPositionsFromObservation: false,
  maxEpisodeSteps: 7,
};

const SWIMMER: ContractFacts = {
  maxEpisodeSteps: 1000,
  neverTerminates: true,
  reportsRewardTerms: true,
  changedOptions: { ...SWIMMER_OPTIONS },
  divergingState: { qpos: new Float64Array(5), qvel: new Float64Array(5).fill(1e9) },
};

const PENDULUM = { maxEpisodeSteps: 1000, neverTerminates: false };
const PENDULUM_WORLD = {
  gravityScale: 0.38,
  massScale: 2,
  wind: 20,
  frameSkip: 3,
  terminateWhenUnhealthy: false,
  resetNoiseScale: 0.05,
};

function pendulumFacts(payAtTermination: boolean): ContractFacts {
  const changedOptions: InvertedPendulumOptions = { ...PENDULUM_WORLD, payAtTermination, maxEpisodeSteps: 7 };
  return {
    ...PENDULUM,
    reportsRewardTerms: payAtTermination,
    changedOptions: { ...changedOptions },
    decisiveState: { qpos: [0, 0.3], qvel: [0, 0] },
    divergingState: { qpos: [0, 0.1], qvel: [1e9, 1e9] },
  };
}

function doublePendulumFacts(
  version: Pick<InvertedDoublePendulumOptions, "payAtTermination" | "observeHingeForces">,
): ContractFacts {
  const changedOptions: InvertedDoublePendulumOptions = {
    ...PENDULUM_WORLD,
    ...version,
    healthyReward: 2,
    maxEpisodeSteps: 7,
  };
  return {
    ...PENDULUM,
    reportsRewardTerms: version.payAtTermination,
    changedOptions: { ...changedOptions },
    decisiveState: { qpos: [0, 1, 0.5], qvel: [0, 0, 0] },
    divergingState: { qpos: [0, 0.1, 0.1], qvel: [1e9, 1e9, 1e9] },
  };
}

function reacherFacts(version: Pick<ReacherOptions, "payBeforeStep" | "observeHeight">): ContractFacts {
  const changedOptions: ReacherOptions = {
    ...version,
    massScale: 2,
    wind: 20,
    frameSkip: 3,
    rewardDistanceWeight: 2,
    rewardControlWeight: 0.2,
    maxEpisodeSteps: 7,
  };
  return {
    maxEpisodeSteps: 50,
    neverTerminates: true,
    reportsRewardTerms: true,
    changedOptions: { ...changedOptions },
    divergingState: { qpos: [0, 1, 0.1, 0.1], qvel: [9e9, 9e9, 9e9, 9e9] },
  };
}

function pusherFacts(
  version: Pick<PusherOptions, "contactMargins" | "payBeforeStep" | "objectDensity" | "ballInObject">,
): ContractFacts {
  const changedOptions: PusherOptions = {
    ...version,
    massScale: 2,
    wind: 20,
    frameSkip: 3,
    rewardNearWeight: 2,
    rewardDistanceWeight: 2,
    rewardControlWeight: 0.2,
    maxEpisodeSteps: 7,
  };
  return {
    maxEpisodeSteps: 100,
    neverTerminates: true,
    reportsRewardTerms: version.payBeforeStep,
    changedOptions: { ...changedOptions },
    decisiveState: PUSHING,
    divergingState: { qpos: PUSHING.qpos, qvel: new Float64Array(11).fill(9e9) },
  };
}

/** The object lies between the fingers, which move. */
const PUSHING = {
  qpos: [0, 0.38, 0, 0, 0, 0, 0, -0.55, 0.37, 0, 0],
  qvel: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
};

const CLASSIC = { reportsRewardTerms: false, neverTerminates: false };
const CART_POLE = {
  ...CLASSIC,
  endingState: { state: [0, 0, 0.5, 0] },
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
  triedElsewhere: Object.keys(LUNAR_LANDER.changedOptions),
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

function customAntFacts(disabledLegs: CustomAntOptions["disabledLegs"], shinScale = 2): ContractFacts {
  const changedOptions: CustomAntOptions = {
    ...WORLD,
    contactMargins: "summed",
    shinScale,
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
    endingState: { state: [3, 0, 0, 0] },
    changedOptions: { bookDynamics: false, maxEpisodeSteps: 7 },
    divergingState: { state: [0, 0, 1e5, 0] },
  },
  "Ant-v4": { ...ANT_V4, triedElsewhere: ["contactForceRange"] },
  "Ant-v5": { ...ANT_V5, changedOptions: { ...ANT_V5.changedOptions, ...ANT_FORCES } },
  "BigAnt-v0": customAntFacts("back", 3),
  "CartPole-v0": { ...CART_POLE, maxEpisodeSteps: 200 },
  "CartPole-v1": { ...CART_POLE, maxEpisodeSteps: 500 },
  "Chain-v0": {
    ...TABULAR,
    decisiveState: { state: [9] },
    changedOptions: {
      states: 11,
      slip: 0.6,
      nearReward: 9,
      farReward: 9,
      maxEpisodeSteps: 7,
      observations: "one-hot",
    },
  },
  "CustomAnt-v0": customAntFacts("back"),
  "DisabledAnt-v0": customAntFacts("front"),
  "Garnet-v0": {
    ...TABULAR,
    changedOptions: {
      states: 9,
      actions: 2,
      branching: 5,
      seed: 1,
      maxEpisodeSteps: 7,
      observations: "one-hot",
    },
  },
  "GridWorld-v0": {
    ...TABULAR,
    changedOptions: {
      rows: 4,
      columns: 6,
      slip: 0.6,
      goalReward: 9,
      trapReward: -9,
      traps: 12,
      stepReward: 1,
      seed: 3,
      maxEpisodeSteps: 7,
      observations: "one-hot",
    },
  },
  "HalfCheetah-v4": HALF_CHEETAH,
  "HalfCheetah-v5": HALF_CHEETAH,
  "Hopper-v4": hopperFacts({ contactMargins: "summed", payAtTermination: false }),
  "Hopper-v5": hopperFacts({ contactMargins: "larger", payAtTermination: true }),
  "Humanoid-v4": { ...HUMANOID_V4, triedElsewhere: ["maxContactCost"] },
  "Humanoid-v5": {
    ...HUMANOID_V5,
    changedOptions: { ...HUMANOID_V5.changedOptions, ...HUMANOID_COST },
  },
  "InvertedDoublePendulum-v4": doublePendulumFacts({ payAtTermination: false, observeHingeForces: false }),
  "InvertedDoublePendulum-v5": doublePendulumFacts({ payAtTermination: true, observeHingeForces: true }),
  "InvertedPendulum-v4": pendulumFacts(false),
  "InvertedPendulum-v5": pendulumFacts(true),
  "LunarLander-v3": { ...LUNAR_LANDER, triedElsewhere: Object.keys(WINDY_LANDER.changedOptions) },
  "MountainCar-v0": {
    ...CLASSIC,
    maxEpisodeSteps: 200,
    changedOptions: { goalVelocity: 0.06, maxEpisodeSteps: 7 },
    decisiveState: { state: [0.49, 0.03] },
    divergingState: { state: [1e9, 0] },
  },
  "ObjectWorld-v0": {
    ...TABULAR,
    changedOptions: {
      size: 4,
      objects: 3,
      colours: 5,
      slip: 0.9,
      seed: 3,
      maxEpisodeSteps: 7,
      observations: "one-hot",
    },
  },
  "Pusher-v4": pusherFacts({
    contactMargins: "summed",
    payBeforeStep: false,
    objectDensity: 300,
    ballInObject: false,
  }),
  "Pusher-v5": pusherFacts({
    contactMargins: "larger",
    payBeforeStep: true,
    objectDensity: 300,
    ballInObject: true,
  }),
  "Reacher-v4": reacherFacts({ payBeforeStep: false, observeHeight: false }),
  "Reacher-v5": reacherFacts({ payBeforeStep: true, observeHeight: true }),
  "Swimmer-v4": SWIMMER,
  "Swimmer-v5": SWIMMER,
  "Walker2d-v4": walkerFacts({ payAtTermination: false, rightFootFriction: 1.9 }),
  "Walker2d-v5": walkerFacts({ payAtTermination: true, rightFootFriction: 0.9 }),
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

const heldObjects = countMujocoObjects(await loadMujoco());

for (const [id, facts] of Object.entries(FACTS)) {
  const runsOnMujoco = facts.divergingState !== null && "qpos" in facts.divergingState;
  environmentContract(id, (options) => makeEnvironment(id, options), {
    ...facts,
    heldObjects: runsOnMujoco ? heldObjects : undefined,
  });
}

/** A counter of the models and data of MuJoCo that were made from now on and are not deleted. */
function countMujocoObjects(mujoco: MainModule): () => number {
  let made = 0;
  const deletions = [mujoco.MjModel, mujoco.MjData].map((kind) => vi.spyOn(kind.prototype, "delete"));
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes `this` on
  mujoco.MjModel.from_xml_string = new Proxy(mujoco.MjModel.from_xml_string, {
    apply(compile, self, words: [string]) {
      made++;
      return Reflect.apply(compile, self, words);
    },
  });
  mujoco.MjData = new Proxy(mujoco.MjData, {
    construct(data, model) {
      made++;
      return Reflect.construct(data, model) as MjData;
    },
  });
  return () => deletions.reduce((alive, { mock }) => alive - mock.calls.length, made);
}

function makeWindy(options: Record<string, unknown> = {}): Promise<Environment> {
  return makeEnvironment("LunarLander-v3", { ...options, enableWind: true });
}

describe("in wind", () => environmentContract("LunarLander-v3", makeWindy, WINDY_LANDER));

describe("with contact forces", () => {
  const ant = { includeCfrcExtInObservation: true, contactCostWeight: 5e-4 };
  environmentContract("Ant-v4", (options) => makeEnvironment("Ant-v4", { ...ant, ...options }), {
    ...ANT_V4,
    changedOptions: ANT_FORCES,
    triedElsewhere: Object.keys(ANT_V4.changedOptions),
  });
  const humanoid = { contactCostWeight: 5e-7 };
  environmentContract(
    "Humanoid-v4",
    (options) => makeEnvironment("Humanoid-v4", { ...humanoid, ...options }),
    {
      ...HUMANOID_V4,
      changedOptions: HUMANOID_COST,
      triedElsewhere: Object.keys(HUMANOID_V4.changedOptions),
    },
  );
});
