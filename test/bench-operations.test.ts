/** The operations that bench/sac-update.ts divides by are those that an update makes. */
import { describe, expect, test } from "vitest";
import {
  makeUpdate,
  observeKernels,
  operationsOf,
  sacOperations,
  type SacSizes,
} from "../bench/sac-update.ts";
import { buildKernels } from "../scripts/build-kernels.ts";
import { loadKernels } from "../src/kernels/index.ts";
import { addTransition, createReplay } from "../src/rl/index.ts";

await buildKernels();

/** Counted operations of the products of one update, by kernel. */
async function observedOperations(sizes: SacSizes): Promise<Record<string, number>> {
  const { observationSize, actionSize, rewardWidth } = sizes;
  const counts: Record<string, number> = { gemmNN: 0, gemmNT: 0, gemmTN: 0 };
  const kernels = observeKernels(await loadKernels(), (name, args) => {
    if (name in counts) counts[name] += operationsOf(name, args);
  });
  const replay = createReplay(kernels, { observationSize, actionSize, capacity: 10, keepTrueRewards: true });
  const [observation, action] = [new Float32Array(observationSize), new Float32Array(actionSize)];
  for (let i = 0; i < 10; i++) addTransition(kernels, replay, observation, action, observation, false, 1);
  makeUpdate(kernels, replay, { ...sizes, reward: rewardWidth > 0 ? "learned" : "recorded" }, rewardWidth)();
  return counts;
}

describe("sacOperations", () => {
  test("by hand: one coordinate, one action, one hidden unit, one row", () => {
    // L_a = 1 * 1 + 1 * 2 = 3 of which the first layer 1; L_c = 2 * 1 + 1 * 1 = 3 of which the first layer 2.
    expect(
      sacOperations({ observationSize: 1, actionSize: 1, hidden: [1], batch: 1, rewardWidth: 5 }),
    ).toEqual({
      forward: 2 * (2 * 3 + 6 * 3),
      weightGradients: 2 * (3 + 2 * 3),
      inputGradients: 2 * (2 + 4 * 1 + 2 * 1),
      reward: 2 * 3 * 5,
      total: 48 + 18 + 16 + 30,
    });
  });

  test.each<SacSizes>([
    { observationSize: 17, actionSize: 6, hidden: [64, 64], batch: 100, rewardWidth: 0 },
    { observationSize: 17, actionSize: 6, hidden: [256, 256], batch: 256, rewardWidth: 1024 },
    { observationSize: 3, actionSize: 1, hidden: [5, 7, 9], batch: 300, rewardWidth: 11 },
    { observationSize: 4, actionSize: 2, hidden: [8], batch: 2, rewardWidth: 0 },
  ])("equals what an update makes: $hidden, batch $batch, reward of $rewardWidth units", async (sizes) => {
    const { forward, weightGradients, inputGradients, reward } = sacOperations(sizes);
    expect(await observedOperations(sizes)).toEqual({
      gemmNN: forward,
      gemmTN: weightGradients,
      gemmNT: inputGradients + reward,
    });
  });
});
