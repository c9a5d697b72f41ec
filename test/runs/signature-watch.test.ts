import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  keyFromSeed,
  nextNormal,
  streamOf,
  type FindingRecord,
  type PolicyRecord,
  type RewardRecord,
  type TrainingRecord,
} from "../../src/core/index.ts";
import {
  createSignatureWatch,
  findingsOf,
  watchRecord,
  type SignatureWatch,
} from "../../src/runs/signature-watch.ts";

const WINDOW = 40;

/** What a test says of reward step k; the rest is that of a run that goes well. */
interface Choice {
  readonly policy?: Partial<PolicyRecord>;
  readonly reward?: Partial<RewardRecord>;
}

/** A policy and a reward record of each reward step 1, 2, ..., `count`, 1000 environment steps apart. */
function stream(count: number, choose: (k: number) => Choice = () => ({})): TrainingRecord[] {
  const noise = streamOf(keyFromSeed(1));
  return Array.from({ length: count }, (_, i) => i + 1).flatMap((k): TrainingRecord[] => {
    const { policy, reward } = choose(k);
    const step = 1000 * k;
    return [
      {
        kind: "policy",
        step,
        updates: step,
        criticLoss: 0.5,
        meanQ: 10,
        entropy: 1,
        temperature: 0.1,
        meanReward: 1,
        ...policy,
      },
      {
        kind: "reward",
        step,
        rewardStep: k,
        returnGap: 20 + nextNormal(noise),
        expertMeanReward: 1,
        agentMeanReward: 0.5,
        gradientNorm: 0.1,
        travel: 1,
        projected: 0,
        gradientCosine: 0.5,
        seconds: 0,
        policySeconds: 0,
        simulationSeconds: 0,
        ...reward,
      },
    ];
  });
}

function watchAll(records: readonly TrainingRecord[], watch = createSignatureWatch()): FindingRecord[] {
  return records.flatMap((record) => watchRecord(watch, record));
}

const seen = (records: readonly TrainingRecord[]): string[] =>
  watchAll(records).map(({ signature }) => signature);

/** Mean of a growth 2^(k / doubling) over reward steps `first` to `first + WINDOW - 1`, by the geometric series. */
const growthOver = (first: number, doubling: number): number => {
  const ratio = 2 ** (1 / doubling);
  return (ratio ** first * (ratio ** WINDOW - 1)) / (ratio - 1) / WINDOW;
};

const halfCheetah = (seed: number): TrainingRecord[] => {
  const path = `../../experiments/halfcheetah-one-demo/runs/seed-${seed}/metrics.jsonl`;
  const text = readFileSync(new URL(path, import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainingRecord);
};

describe("a watch over a training", () => {
  it.each([2, 3, 4])("is quiet on run %i of HalfCheetah from one demonstration, which went well", (seed) => {
    const records = halfCheetah(seed);
    const watch = createSignatureWatch();
    expect(watchAll(records, watch)).toEqual([]);
    const judged = records.filter(({ kind, step }) => kind === "reward" && step > 2000).length;
    expect(watch.signatures.windows).toHaveLength(Math.floor(judged / WINDOW));
  });

  it.each<[string, (record: RewardRecord) => Partial<RewardRecord>]>([
    ["gradient explosion", ({ gradientNorm }) => ({ gradientNorm: 100 * gradientNorm })],
    ["reward oscillation", ({ gradientCosine }) => ({ gradientCosine: -gradientCosine })],
    [
      "reward oscillation",
      ({ rewardStep, returnGap }) => ({ returnGap: returnGap * Math.sin((2 * Math.PI * rewardStep) / 20) }),
    ],
  ])("says %s of such a run that goes bad half-way", (signature, spoil) => {
    const records = halfCheetah(4).map((record) =>
      record.kind === "reward" && record.rewardStep > 242 ? { ...record, ...spoil(record) } : record,
    );
    // Windows begin with step 3, the first after a policy update: the seventh is steps 243 to 282.
    expect(watchAll(records)).toMatchObject([{ signature, step: 282_000, since: 243, until: null }]);
  });

  it("sees the critics diverge in three windows, and in numbers", () => {
    const doubling = 16;
    const records = stream(160, (k) => ({ policy: { criticLoss: 0.1 * 2 ** (k / doubling) } }));
    const windows = [1, 41, 81].map((first) => (0.1 * growthOver(first, doubling)).toPrecision(3));
    expect(watchAll(records)).toEqual([
      {
        kind: "finding",
        step: 120_000,
        signature: "policy divergence",
        since: 81,
        until: null,
        evidence: `the squared TD residual went ${windows.join(", ")} over windows of 40, in squared rewards of a step`,
        remedy: expect.stringMatching(/--learning-rate.*--reward-step-size.*--policy-steps-per-reward-step/),
      },
    ]);
  });

  it.each([
    ["expertMeanReward", "agentMeanReward"],
    ["agentMeanReward", "expertMeanReward"],
  ])("does not take a reward that grows for it: %s", (grows, stays) => {
    const records = stream(160, (k) => ({
      policy: { criticLoss: 2 ** (k / 16) },
      reward: { [grows]: -(2 ** (k / 32)), [stays]: 0.1 },
    }));
    expect(seen(records)).toEqual([]);
  });

  it("sees the same whatever the reward's unit", () => {
    // A reward 8 times as large makes a residual 64 times as large.
    const [one, other] = [1, 8].map((unit) =>
      stream(160, (k) => ({
        policy: { criticLoss: unit ** 2 * 0.1 * 2 ** (k / 16) },
        reward: { expertMeanReward: unit, agentMeanReward: unit / 2 },
      })),
    );
    expect(watchAll(other)).toEqual(watchAll(one));
  });

  it("holds the residual against the largest reward so far, not one that passes through zero", () => {
    const records = stream(160, (k) => ({
      reward: k > 40 ? { expertMeanReward: 2 ** (-k / 8), agentMeanReward: 0 } : {},
    }));
    expect(seen(records)).toEqual([]);
  });

  it("says when an oscillation began and when it was over", () => {
    const records = stream(160, (k) => ({ reward: { gradientCosine: k > 40 && k <= 80 ? -0.9 : 0.5 } }));
    const watch = createSignatureWatch();
    const findings = watchAll(records, watch);
    expect(findings).toMatchObject(
      [
        { signature: "reward oscillation", step: 80_000, since: 41, until: null, evidence: /-0\.90/ },
        { signature: "reward oscillation", step: 120_000, since: 41, until: 120, evidence: /-0\.90/ },
      ].map((finding) => ({ ...finding, evidence: expect.stringMatching(finding.evidence) })),
    );
    expect(findingsOf(watch, 160_000)).toEqual([{ ...findings[1], step: 160_000 }]);
  });

  it.each([
    [10, ["reward saturation"]],
    [11, []],
  ])("judges a ball by how soon it is full: in step %i", (first, findings) => {
    const records = stream(120, (k) => ({ reward: { projected: k >= first ? 1 : 0 } }));
    expect(seen(records)).toEqual(findings);
  });

  it("judges nothing before the policy learns", () => {
    const records = stream(90, (k) => ({ reward: { gradientCosine: k <= 30 ? -1 : 0.5 } }));
    expect(seen(records)).toEqual(["reward oscillation", "reward oscillation"]);
    const late = records.filter(({ kind, step }) => kind === "reward" || step > 30_000);
    expect(seen(late)).toEqual([]);
  });

  it.each([NaN, Infinity, -Infinity])(
    "names the number that is %d first, whatever record it is in",
    (value) => {
      const [policy, reward] = stream(7).slice(-2);
      const watch: SignatureWatch = createSignatureWatch();
      watchAll(stream(6), watch);
      const broken = { ...policy, meanQ: value } as TrainingRecord;
      expect(watchRecord(watch, broken)).toEqual([
        {
          kind: "finding",
          step: 7000,
          signature: "not finite",
          since: 6,
          until: null,
          evidence: `meanQ of the policy level became ${value}`,
          remedy: "begin a new run with a smaller --learning-rate or --reward-step-size",
        },
      ]);
      expect(watchRecord(watch, reward)).toEqual([]);
    },
  );
});
