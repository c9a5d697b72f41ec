import { expect, it } from "vitest";

import { type HalfCheetahOptions, environmentIds, makeEnvironment } from "../../src/envs/index.ts";
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

const FACTS: Record<string, ContractFacts> = {
  "HalfCheetah-v4": HALF_CHEETAH,
  "HalfCheetah-v5": HALF_CHEETAH,
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
