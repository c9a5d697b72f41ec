import { describe, expect, it } from "vitest";
import type { RewardRecord, TrainingRecord } from "../../src/core/index.ts";
import { createRecordSpacing, MOST_OF_A_KIND, noteKept, spaced } from "../../src/runs/record-spacing.ts";

const episode = (step: number): TrainingRecord => ({ kind: "episode", step, trueReturn: 1, length: 3 });

const reward = (step: number): RewardRecord => ({
  kind: "reward",
  step,
  rewardStep: step,
  returnGap: 1,
  expertMeanReward: 1,
  agentMeanReward: 0,
  gradientNorm: 1,
  travel: 1,
  projected: 0,
  gradientCosine: 0,
  seconds: 1,
  policySeconds: 0.5,
  simulationSeconds: 0.25,
});

const stepsKept = (steps: number, records: readonly TrainingRecord[]): number[] => {
  const spacing = createRecordSpacing(steps);
  return records.flatMap((record) => spaced(spacing, record)?.step ?? []);
};

describe("the spacing of records", () => {
  it("keeps all of a run of fewer steps than it may have records", () => {
    const records = Array.from({ length: MOST_OF_A_KIND - 1 }, (_, i) => episode(i + 1));
    expect(stepsKept(MOST_OF_A_KIND - 1, records)).toHaveLength(records.length);
  });

  it.each([MOST_OF_A_KIND + 1, 1.5 * MOST_OF_A_KIND, 2 * MOST_OF_A_KIND - 1, 2.5 * MOST_OF_A_KIND])(
    "holds a record each step of %i to the most, and one more",
    (steps) => {
      const records = Array.from({ length: steps }, (_, i) => episode(i + 1));
      expect(stepsKept(steps, records).length).toBeLessThanOrEqual(MOST_OF_A_KIND + 1);
    },
  );

  it("keeps what lies far enough from the one before, of each kind by itself", () => {
    // 30,000 steps: three apart.
    expect(stepsKept(30_000, [1, 2, 3, 4, 6, 7, 9, 10, 20].map(episode))).toEqual([1, 4, 7, 10, 20]);
    expect(stepsKept(30_000, [episode(1), reward(2), episode(3), reward(4), reward(5)])).toEqual([1, 2, 5]);
  });

  it("holds any number of them to the most, and one more", () => {
    const steps = 20 * MOST_OF_A_KIND;
    const records = Array.from({ length: steps / 5 }, (_, i) => episode(5 * i));
    expect(stepsKept(steps, records)).toHaveLength(MOST_OF_A_KIND);
  });

  it("keeps all that is said of one step", () => {
    expect(stepsKept(100_000, [episode(1), episode(1), episode(2), episode(2)])).toEqual([1, 1]);
  });

  it.each(["evaluation", "held-out", "instruments", "finding"] as const)("keeps every %s", (kind) => {
    const records = [7, 8].map((step) => ({ kind, step }) as TrainingRecord);
    expect(stepsKept(100_000, records)).toEqual([7, 8]);
  });

  it("goes on from the records that a resumed run has", () => {
    const steps = 50_000;
    const records = Array.from({ length: 100 }, (_, i) => episode(2 * i));
    const whole = stepsKept(steps, records);
    const resumed = createRecordSpacing(steps);
    for (const step of whole.filter((kept) => kept <= 93)) noteKept(resumed, episode(step));
    const rest = records.filter(({ step }) => step > 93).flatMap((record) => spaced(resumed, record) ?? []);
    expect(rest.map(({ step }) => step)).toEqual(whole.filter((step) => step > 93));
  });

  it("loses none of the seconds that reward steps took", () => {
    const spacing = createRecordSpacing(40_000);
    const kept = [1, 2, 3, 4, 5, 6, 9].map((step) =>
      spaced(spacing, reward(step)),
    ) as (RewardRecord | null)[];
    expect(kept.map((record) => record?.seconds)).toEqual([
      1,
      undefined,
      undefined,
      undefined,
      4,
      undefined,
      2,
    ]);
    expect(kept[4]).toMatchObject({ rewardStep: 5, policySeconds: 2, simulationSeconds: 1 });
  });
});
