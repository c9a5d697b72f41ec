import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  foldIn,
  keyFromSeed,
  nextInteger,
  type NestedRewardRecord,
  type PolicyRecord,
  type Trajectories,
  type TrainingRecord,
} from "../../src/core/index.ts";
import type { Environment } from "../../src/envs/environment.ts";
import {
  absorbingReward,
  createNestedMlIrl,
  nestedMlIrlIteration,
  rewardsAlong,
  rewardTensors,
  type NestedMlIrl,
  type NestedMlIrlOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { createTwoLayer } from "../../src/nn/index.ts";
import { policyTensors } from "../../src/rl/index.ts";
import { restoreCheckpoint, saveCheckpoint } from "../../src/runs/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { float32Tolerance } from "../reference/autodiff.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { inputRows, rewardStep, standardOf, type RewardForm } from "../reference/likelihood.ts";
import {
  pointEnvironment,
  stepsIn,
  type Episode,
  type PointEnvironment,
} from "../reference/point-environment.ts";
import { unstableEnvironment } from "../reference/unstable-environment.ts";

const EPISODE = 6;
const LOW = -0.4;
const HIGH = 0.2;
const KEY = keyFromSeed(5);
const EXPERT = randomEpisodes(8, [6, 6, 6], { n: 2, d: 1, low: LOW, high: HIGH });
const START = 8;
const ROUND = 3 * EPISODE;
const WIDTH = 7;
const OPTIONS: NestedMlIrlOptions = {
  sac: {
    hidden: [8],
    batchSize: 8,
    discount: 0.9,
    learningRate: 1e-2,
    polyak: 0.1,
    temperature: "learnt",
    targetEntropy: "auto",
  },
  reward: {
    inputs: "state-action",
    network: { kind: "two-layer", width: WIDTH },
    optimiser: "ascent",
    stepSize: 2,
    stepSizeDecay: 0,
    regulariser: { kind: "none" },
  },
  startSteps: START,
  replayCapacity: 500,
  trajectoriesPerRewardStep: 2,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  solve: { roundSteps: ROUND, tolerance: 0.02, mostRounds: 5 },
};

interface Made {
  state: NestedMlIrl;
  train: PointEnvironment;
  rollout: PointEnvironment;
  records: TrainingRecord[];
  iterate: (times?: number, stepLimit?: number, listener?: (record: TrainingRecord) => void) => void;
}

function make(
  kernels: Kernels,
  options: Partial<NestedMlIrlOptions> = {},
  given: { train?: Environment; demonstrations?: Trajectories; trueReward?: (x: number) => number } = {},
): Made {
  const { trueReward = (x): number => -x * x } = given;
  const [train, rollout] = [0, 1].map(() =>
    pointEnvironment({ low: LOW, high: HIGH, maxEpisodeSteps: EPISODE, trueReward }),
  );
  const state = createNestedMlIrl(
    kernels,
    { train: given.train ?? train, rollout },
    given.demonstrations ?? toTrajectories(EXPERT),
    { ...OPTIONS, ...options },
    KEY,
  );
  const records: TrainingRecord[] = [];
  const iterate: Made["iterate"] = (times = 1, stepLimit = 1e9, listener = () => {}) => {
    for (let i = 0; i < times; i++)
      nestedMlIrlIteration(
        kernels,
        state,
        stepLimit,
        (record) => {
          records.push(record);
          listener(record);
        },
        () => 0,
      );
  };
  return { state, train, rollout, records, iterate };
}

const learnt = (kernels: Kernels, { agent, reward }: NestedMlIrl): number =>
  checksum(
    Object.values({ ...policyTensors(agent.policy), ...rewardTensors(reward) }).map(([at, length]) =>
      download(kernels, at, length),
    ),
  );
const rewardRecords = (records: readonly TrainingRecord[]): NestedRewardRecord[] =>
  records.filter((record): record is NestedRewardRecord => "rounds" in record);

const runTo = ({ state, iterate }: Made, limit: number): void => {
  while (state.agent.steps < limit) iterate(1, limit);
};

/** Its episodes end where it walks away. */
const ending = (): PointEnvironment =>
  pointEnvironment({ low: LOW, high: HIGH, maxEpisodeSteps: EPISODE, edge: 0.5 });

/** What one round's episodes earn, step by step, before the reward moves. */
interface Round {
  rewards: number[][];
  terminated: boolean[];
  absorbing: number;
  entropy: number;
  temperature: number;
}

describeBuilds("a lower level that is solved first", (kernels) => {
  const JUDGED: {
    name: string;
    options?: Partial<NestedMlIrlOptions>;
    make?: () => { train: Environment; demonstrations: Trajectories };
    actions?: number;
    episodeSteps?: number;
  }[] = [
    { name: "training episodes" },
    { name: "fresh agent trajectories", options: { agentTrajectories: "fresh" } },
    { name: "no discount", options: { discountedGradient: false } },
    { name: "no tolerance", options: { solve: { ...OPTIONS.solve, tolerance: 0 } } },
    {
      name: "absorbing ends",
      options: { termination: "absorbing" },
      make: () => ({
        train: ending(),
        demonstrations: toTrajectories(EXPERT),
      }),
    },
    {
      name: "finitely many actions, native ends",
      options: {
        sac: { ...OPTIONS.sac, temperature: 0.3 },
        solve: { roundSteps: 30, tolerance: 0.02, mostRounds: 5 },
      },
      make: () => ({
        train: unstableEnvironment({ maxEpisodeSteps: 15 }),
        demonstrations: toTrajectories(
          randomEpisodes(8, [6, 6], { n: 2, d: 1, low: 0, high: 0 }).map(({ observations }) => ({
            observations,
            actions: observations.map((_, t) => [t % 3]),
          })),
        ),
      }),
      actions: 3,
      episodeSteps: 15,
    },
  ];

  const roundsOf = (solve: Partial<NestedMlIrlOptions["solve"]>): (number | null)[][] => {
    const { records, iterate } = make(kernels, { solve: { ...OPTIONS.solve, ...solve } });
    iterate(20);
    return rewardRecords(records).map(({ rounds, roundImprovement, step }) => [
      rounds,
      step,
      roundImprovement === null ? null : 1,
    ]);
  };
  const learntAfter = (trueReward?: (x: number) => number): number => {
    const { state, iterate } = make(kernels, {}, { ...(trueReward && { trueReward }) });
    iterate(12);
    return learnt(kernels, state);
  };
  const learntUnder = (own: Partial<NestedMlIrlOptions>): number => {
    const { state, iterate } = make(kernels, own);
    while (state.agent.steps < 300) iterate(1, 300);
    return learnt(kernels, state);
  };
  const refused = (solve: Partial<NestedMlIrlOptions["solve"]>) => () =>
    make(kernels, { solve: { ...OPTIONS.solve, ...solve } });

  it.each(JUDGED)("is judged by the soft returns of its rounds: $name", (own) => {
    const { state, records, iterate } = make(kernels, own.options, own.make?.());
    const { solve, discountedGradient, sac } = state.options;
    const discount = discountedGradient ? sac.discount : 1;
    const horizon = own.episodeSteps ?? EPISODE;
    let episodes: Trajectories[] = [];
    let previous: Trajectories[] = [];
    let rounds: { entropy: number; temperature: number }[] = [];
    let compared: { before: Round; now: Round } | null = null;
    const roundOf = (parts: Trajectories[], { entropy, temperature }: (typeof rounds)[0]): Round => ({
      rewards: parts.map((part) => [...rewardsAlong(kernels, state.reward, part)]),
      terminated: parts.map(({ terminated }) => terminated.at(-1) === 1),
      absorbing: absorbingReward(kernels, state.reward) ?? 0,
      entropy,
      temperature,
    });
    let judged = 0;
    const verdicts: boolean[] = [];
    const listener = (record: TrainingRecord): void => {
      if (record.kind === "episode" && record.step > START)
        episodes.push(state.recentEpisodes[state.recentEpisodes.length - 1]);
      if (record.kind === "policy") {
        rounds.push({ entropy: record.entropy, temperature: record.temperature });
        const count = rounds.length;
        compared =
          count > 1
            ? { before: roundOf(previous, rounds[count - 2]), now: roundOf(episodes, rounds[count - 1]) }
            : null;
        const verdict = compared && judge(compared);
        verdicts.push(verdict?.solved ?? false);
        previous = episodes;
        episodes = [];
      }
      if (record.kind !== "reward" || !("rounds" in record)) return;
      expect(record.rounds).toBe(rounds.length);
      // Solved at the last round and not before, unless there were enough.
      expect(verdicts.slice(0, -1)).not.toContain(true);
      expect(verdicts.at(-1) || record.rounds === solve.mostRounds).toBe(true);
      const { improvement, scale } = judge(compared!);
      expect(Math.abs(record.roundImprovement! - improvement)).toBeLessThan(1e-6 * (1 + scale));
      judged++;
      verdicts.length = 0;
      rounds = [];
      previous = [];
    };
    const judge = ({ before, now }: { before: Round; now: Round }) => {
      const { temperature } = now;
      const statistics = [before, now].map(({ rewards, terminated, absorbing, entropy }) => {
        const bonus = temperature * (entropy - Math.log(own.actions ?? 1));
        const returns = rewards.map((paid, i) => {
          const living = paid.reduce((sum, r, t) => sum + discount ** t * (r + bonus), 0);
          if (!terminated[i]) return living;
          let dead = 0;
          for (let t = paid.length; t < horizon; t++) dead += discount ** t * absorbing;
          return living + dead;
        });
        const n = returns.length;
        expect(n).toBeGreaterThan(1);
        const mean = returns.reduce((sum, each) => sum + each) / n;
        const variance = returns.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1);
        const weight =
          rewards.reduce((sum, paid) => sum + paid.reduce((all, _, t) => all + discount ** t, 0), 0) / n;
        return { mean, error: variance / n, weight };
      });
      const [old, young] = statistics;
      const gain = young.mean - old.mean;
      const unit = (temperature * (old.weight + young.weight)) / 2;
      const allowed = Math.sqrt(old.error + young.error) + solve.tolerance * unit;
      return {
        solved: gain <= allowed,
        improvement: gain / unit,
        scale: Math.max(Math.abs(old.mean), Math.abs(young.mean)) / unit,
      };
    };
    iterate(60, 1e9, listener);
    expect(judged).toBeGreaterThan(8);
    // Not all alike: some were solved at once, some took longer.
    expect(new Set(rewardRecords(records).map(({ rounds: each }) => each)).size).toBeGreaterThan(1);
  });

  it.each(["training", "fresh"] as const)(
    "has the reward step of ML-IRL above it, on features that stand still: %s",
    (agentTrajectories) => {
      const { state, train, rollout, iterate, records } = make(kernels, { agentTrajectories });
      const form: RewardForm = {
        inputs: "state-action",
        low: LOW,
        high: HIGH,
        network: {
          signs: download(
            kernels,
            createTwoLayer(
              kernels,
              { width: WIDTH, features: state.reward.network.features, radius: Infinity },
              foldIn(foldIn(KEY, 1), 0),
            ).signs,
            WIDTH,
          ),
        },
      };
      const { network } = state.reward;
      const read = (): number[] => [...download(kernels, network.parameters, network.length)];
      const statistics = (): number[] =>
        Object.values(rewardTensors(state.reward)).flatMap(([at, length]) => [
          ...download(kernels, at, length),
        ]);
      const start = read();
      const steps: {
        expert: Episode[];
        agent: Episode[];
        seen: Episode[];
        theta: number[];
      }[] = [];
      // The random start's first episode is seen at once.
      iterate();
      expect(state.agent.steps).toBe(START);
      let seen = train.log.slice(0, 1);
      let settled = statistics();
      while (steps.length < 3) {
        const stream = { ...state.streams.expert };
        const expert = Array.from({ length: 2 }, () => EXPERT[nextInteger(stream, EXPERT.length)]);
        const before = steps.length;
        iterate();
        if (rewardRecords(records).length === before) {
          // No reward step: nothing about the reward has moved.
          expect(statistics()).toEqual(settled);
          continue;
        }
        settled = statistics();
        const ended = train.log.filter(({ actions }) => actions.length === EPISODE);
        const kept = agentTrajectories === "training" ? ended : rollout.log;
        steps.push({ expert, agent: kept.slice(-2), seen, theta: read() });
        // Those of the last two rounds, three in each, or the fresh ones.
        seen = [...seen, ...(agentTrajectories === "training" ? kept.slice(-6) : kept.slice(-2))];
      }
      const expected = (): number[] => {
        let current = start;
        return steps.flatMap(({ expert, agent, seen: own }) => {
          const standard = standardOf(inputRows(form, EXPERT), inputRows(form, own));
          current = rewardStep(
            {
              form,
              standard,
              expert,
              agent,
              discount: OPTIONS.sac.discount,
              horizon: EPISODE,
              known: EPISODE,
              stepSize: 2,
              memory: null,
              regulariser: { kind: "none" },
            },
            start,
            current,
          );
          return current;
        });
      };
      expectClose(
        steps.flatMap(({ theta }) => theta),
        expected(),
        float32Tolerance(expected),
      );
    },
  );

  it("is taught by the learned reward, and by the absorbing state's value after an end", () => {
    // A teacher that pays on ended steps what that value would add teaches, where an end is an end, the same.
    const policyOf = (state: NestedMlIrl): number[] => {
      while (state.agent.steps < 150)
        nestedMlIrlIteration(
          kernels,
          state,
          150,
          () => {},
          () => 0,
        );
      return Object.values(policyTensors(state.agent.policy)).flatMap(([at, length]) => [
        ...download(kernels, at, length),
      ]);
    };
    const absorbing = { termination: "absorbing" } as const;
    const aside = policyOf(make(kernels, absorbing, { train: ending() }).state);
    const { state } = make(kernels, absorbing, { train: ending() });
    const { options, teacher, reward } = state;
    const paid: NestedMlIrl = {
      ...state,
      options: { ...options, termination: "native" },
      teacher: (batch, out) => {
        teacher(batch, out);
        const { discount } = options.sac;
        const value = (absorbingReward(kernels, reward) ?? NaN) / (1 - discount);
        const rows = kernels.f32(batch.rows, batch.size * batch.stride);
        kernels
          .f32(out, batch.size)
          .forEach((_, i, each) => (each[i] += discount * value * rows[(i + 1) * batch.stride - 1]));
      },
    };
    expectClose(aside, policyOf(paid), 2 ** -10);
    const { state: unpaid } = make(kernels, absorbing, { train: ending() });
    const nothing = { ...unpaid, teacher: (({ size }, out) => kernels.fill(size, out, 0)) as typeof teacher };
    expect(policyOf(nothing)).not.toEqual(aside);
  });

  it("learns while it is solved: a reward that stands still, a policy that does not", () => {
    const { state, iterate } = make(kernels, { solve: { ...OPTIONS.solve, mostRounds: 9, tolerance: 0 } });
    iterate(2);
    const policy = (): Float32Array[] =>
      Object.values(policyTensors(state.agent.policy)).map(([at, length]) => download(kernels, at, length));
    const before = policy();
    iterate();
    expect(policy()).not.toEqual(before);
  });

  it("is given a round where the tolerance is boundless only to compare it, and at most as many as asked for", () => {
    const boundless = roundsOf({ tolerance: Infinity });
    expect(boundless.slice(0, 3)).toEqual([1, 2, 3].map((k) => [2, START + 2 * k * ROUND, 1]));
    const one = roundsOf({ mostRounds: 1 });
    expect(one.slice(0, 3)).toEqual([1, 2, 3].map((k) => [1, START + k * ROUND, null]));
    expect(Math.max(...roundsOf({ tolerance: 0, mostRounds: 3 }).map(([rounds]) => rounds!))).toBe(3);
  });

  it("records the policy and at a reward step the reward, the episodes as they end", () => {
    const { records, iterate } = make(kernels, { solve: { ...OPTIONS.solve, mostRounds: 1 } });
    iterate(3);
    expect(records.map(({ kind, step }) => [kind, step])).toEqual([
      ["episode", 6],
      ["episode", 12],
      ["episode", 18],
      ["episode", 24],
      ["policy", 26],
      ["reward", 26],
      ["episode", 30],
      ["episode", 36],
      ["episode", 42],
      ["policy", 44],
      ["reward", 44],
    ]);
    const rewards = rewardRecords(records);
    expect(rewards.map(({ rewardStep: k }) => k)).toEqual([1, 2]);
  });

  it("comes in calls of at most a thousand steps", () => {
    const { state, iterate, records } = make(kernels, {
      startSteps: 1200,
      replayCapacity: 5000,
      solve: { roundSteps: 2500, tolerance: 0, mostRounds: 2 },
    });
    const stops = Array.from({ length: 9 }, () => {
      iterate();
      return state.agent.steps;
    });
    expect(stops).toEqual([1000, 1200, 2200, 3200, 3700, 4700, 5700, 6200, 7200]);
    expect(rewardRecords(records).map(({ step }) => step)).toEqual([6200]);
    const [entropies] = [records.filter((record): record is PolicyRecord => record.kind === "policy")];
    expect(entropies).toHaveLength(7);
  });

  it("weighs the entropy of each part of a round by its steps", () => {
    // The same solve in unequal parts comes to the same verdicts and improvements.
    const whole = make(kernels);
    while (whole.state.agent.steps < 400) whole.iterate(1, 400);
    const parts = make(kernels);
    for (let limit = 7; parts.state.agent.steps < 400; limit += 11)
      while (parts.state.agent.steps < Math.min(limit, 400)) parts.iterate(1, Math.min(limit, 400));
    expect(learnt(kernels, parts.state)).toBe(learnt(kernels, whole.state));
    const [own, others] = [whole, parts].map(({ records }) => rewardRecords(records));
    expect(own.length).toBeGreaterThan(3);
    expect(others.map(({ rounds, step }) => [rounds, step])).toEqual(
      own.map(({ rounds, step }) => [rounds, step]),
    );
    expectClose(
      others.map(({ roundImprovement }) => roundImprovement!),
      own.map(({ roundImprovement }) => roundImprovement!),
      1e-9,
    );
  });

  it("sees no true reward, and is the same for the same key", () => {
    const plain = learntAfter();
    expect(learntAfter()).toBe(plain);
    expect(learntAfter(() => Number.NaN)).toBe(plain);
    expect(learntAfter((x) => 1e30 * x)).toBe(plain);
  });

  it("counts every environment step once, by what it was for", () => {
    const { state, train, rollout, iterate, records } = make(kernels, { agentTrajectories: "fresh" });
    iterate(12);
    expect(state.steps.train).toBe(stepsIn(train));
    expect(state.steps.train).toBe(state.agent.steps);
    expect(state.steps.rewardRollout).toBe(stepsIn(rollout));
    expect(stepsIn(rollout)).toBe(rewardRecords(records).length * 2 * EPISODE);
    expect(rewardRecords(records).length).toBeGreaterThan(1);
  });

  it.each<[string, Partial<NestedMlIrlOptions>]>([
    ["roundSteps", { solve: { ...OPTIONS.solve, roundSteps: ROUND + 2 } }],
    ["tolerance", { solve: { ...OPTIONS.solve, tolerance: 1 } }],
    ["mostRounds", { solve: { ...OPTIONS.solve, mostRounds: 2 } }],
    ["startSteps", { startSteps: START + 1 }],
    ["trajectoriesPerRewardStep", { trajectoriesPerRewardStep: 1 }],
    ["agentTrajectories", { agentTrajectories: "fresh" }],
    ["discountedGradient", { discountedGradient: false }],
    ["replayCapacity", { replayCapacity: 20 }],
    ["slowdown", { slowdown: { from: 30, learningRate: 1e-3 } }],
    ["termination", { termination: "absorbing" }],
  ])("changes what is learnt by its options: %s", (_, options) => {
    expect(learntUnder(options)).not.toBe(learntUnder({}));
  });

  it.each([START - 2, START + 10, START + ROUND, START + ROUND + 10, START + 3 * ROUND + 7])(
    "resumes to the bit, after %i steps",
    (stop) => {
      const END = 400;
      const folder = mkdtempSync(join(tmpdir(), "tandem-nested-"));
      try {
        const whole = make(kernels);
        runTo(whole, stop);
        const { state } = whole;
        saveCheckpoint(kernels, folder, state.agent, state, state.steps, 0);
        const { length } = whole.records;
        runTo(whole, END);
        const again = make(kernels);
        restoreCheckpoint(kernels, folder, again.state.agent, again.state, again.state.steps);
        runTo(again, END);
        expect(again.records).toEqual(whole.records.slice(length));
        expect(learnt(kernels, again.state)).toBe(learnt(kernels, state));
        expect(rewardRecords(again.records).length).toBeGreaterThan(2);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  it("refuses rounds too short to be judged, and limits that cannot be", () => {
    expect(refused({ roundSteps: 2 * EPISODE - 1 })).toThrow(
      "createNestedMlIrl: a round is judged by its episodes and needs two at least: expected roundSteps of 12 or more, got 11",
    );
    expect(refused({ roundSteps: 2 * EPISODE })).not.toThrow();
    expect(refused({ tolerance: -1 })).toThrow("expected a tolerance of 0 or more nats a step, got -1");
    expect(refused({ mostRounds: 0 })).toThrow("expected mostRounds of 1 or more, got 0");
    const ended = toTrajectories(EXPERT);
    ended.terminated[5] = 1;
    expect(() => make(kernels, { termination: "fixed-horizon" }, { demonstrations: ended })).toThrow(
      /createNestedMlIrl: a fixed horizon expects episodes/,
    );
  });
});
