import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { keyFromSeed, type TrainingRecord } from "../../src/core/index.ts";
import {
  createMlIrl,
  mlIrlIteration,
  rewardTensors,
  type MlIrl,
  type MlIrlOptions,
} from "../../src/irl/index.ts";
import { gaussianLogRatio, policyTensors, type Anchor, type Sac } from "../../src/rl/index.ts";
import { restoreCheckpoint, saveCheckpoint } from "../../src/runs/index.ts";
import { mlpForward, mlpWorkspace } from "../../src/nn/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { checksum } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { unstableEnvironment } from "../reference/unstable-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const EPISODE = 6;
const OPTIONS: MlIrlOptions = {
  sac: { ...SAC, hidden: [8], batchSize: 8, temperature: "learnt", polyak: 0.1 },
  reward: {
    inputs: "state-action",
    network: { kind: "two-layer", width: 7 },
    optimiser: "ascent",
    stepSize: 2,
    stepSizeDecay: 0,
    regulariser: { kind: "none" },
  },
  startSteps: 4,
  replayCapacity: 200,
  policyStepsPerRewardStep: EPISODE,
  trajectoriesPerRewardStep: 1,
  agentTrajectories: "training",
  discountedGradient: true,
  termination: "native",
  taughtBy: "learned reward",
};
const EXPERT = toTrajectories(randomEpisodes(8, [6, 6], { n: 2, d: 1, low: -0.25, high: 0.25 }));

const sacOf = (state: MlIrl): Sac => state.agent.policy as Sac;
const anchorOf = (state: MlIrl): Anchor => sacOf(state).anchor!;

describeBuilds("a trust region on the policy", (kernels) => {
  const make = (trustRegion?: number, options: Partial<MlIrlOptions> = {}): MlIrl =>
    createMlIrl(
      kernels,
      { train: pointEnvironment({ maxEpisodeSteps: EPISODE }), rollout: null },
      EXPERT,
      { ...OPTIONS, ...options, ...(trustRegion !== undefined && { trustRegion }) },
      keyFromSeed(5),
    );
  const iterate = (state: MlIrl, times: number, stepLimit = 1e9): TrainingRecord[] => {
    const records: TrainingRecord[] = [];
    for (let i = 0; i < times; i++)
      mlIrlIteration(
        kernels,
        state,
        stepLimit,
        (record) => records.push(record),
        () => 0,
      );
    return records;
  };
  const learnt = ({ agent, reward }: MlIrl): number =>
    checksum(
      Object.values({ ...policyTensors(agent.policy), ...rewardTensors(reward) }).map(([at, length]) =>
        download(kernels, at, length),
      ),
    );
  const actorOf = (state: MlIrl): Float32Array =>
    download(kernels, sacOf(state).actor, sacOf(state).actorShape.blockLength);
  const heldOf = (state: MlIrl): Float32Array =>
    download(kernels, anchorOf(state).actor, anchorOf(state).shape.blockLength);

  /** Mean KL(pi || pi_k) over updates far enough apart for the policy to go somewhere. */
  const divergenceUnder = (mu: number): number => {
    const reward = { ...OPTIONS.reward, stepSize: 30 };
    const state = make(mu, { policyStepsPerRewardStep: 20 * EPISODE, replayCapacity: 2000, reward });
    const all = iterate(state, 12).flatMap((record) =>
      "anchorDivergence" in record ? [record.anchorDivergence] : [],
    );
    expect(all).toHaveLength(12);
    return all.reduce((sum, each) => sum + each, 0) / all.length;
  };
  const runTo = (limit: number, state: MlIrl): void => {
    while (state.agent.steps < limit) iterate(state, 1, limit);
  };
  /** Policy steps in an iteration whose episodes are hidden from the reward step. */
  const iterateWithoutReward = (state: MlIrl, steps: number): void => {
    const kept = state.recentEpisodes.splice(0);
    iterate(state, 1, state.agent.steps + steps);
    state.recentEpisodes.push(...kept);
  };

  it("of coefficient 0 is ML-IRL to the bit, with the same records", () => {
    const [plain, zero] = [make(), make(0)];
    const records = iterate(plain, 5);
    expect(iterate(zero, 5)).toEqual(records);
    expect(learnt(zero)).toBe(learnt(plain));
    expect(records.some((record) => "anchorDivergence" in record)).toBe(false);
  });

  it("disturbs nothing else: one too weak to be seen in float32 leaves every bit", () => {
    const [plain, weak, strong] = [make(), make(1e-30), make(0.1)];
    for (const state of [plain, weak, strong]) iterate(state, 5);
    expect(learnt(weak)).toBe(learnt(plain));
    expect(learnt(strong)).not.toBe(learnt(plain));
  });

  it("is around the policy of the last reward step, at first around the initial one", () => {
    const state = make(0.1);
    expect(anchorOf(state).coefficient).toBe(0.1);
    const initial = actorOf(state);
    expect(heldOf(state)).toEqual(initial);
    // No episode has ended: no reward step.
    iterate(state, 1, EPISODE - 1);
    expect(actorOf(state)).not.toEqual(initial);
    expect(heldOf(state)).toEqual(initial);
    for (let k = 0; k < 3; k++) {
      iterate(state, 1);
      expect(heldOf(state)).toEqual(actorOf(state));
    }
    expect(heldOf(state)).not.toEqual(initial);
  });

  it("tells how far the policy is from it, in nats a state", () => {
    // One update a record: the divergence is that of its own batch, drawn by its own noise, before the actor's step.
    const state = make(0.1, { policyStepsPerRewardStep: 1, startSteps: 8, trajectoriesPerRewardStep: 1 });
    iterate(state, 10);
    const sac = sacOf(state);
    const held = kernels.allocate(sac.actorShape.blockLength);
    kernels.f32(held, sac.actorShape.blockLength).set(heldOf(state));
    // Move the actor away from the anchor, which the next update will measure.
    kernels.scale(sac.actorShape.blockLength, 1.5, sac.actor);
    const actor = actorOf(state);
    const [record] = iterate(state, 1).filter(({ kind }) => kind === "policy");
    const size = OPTIONS.sac.batchSize;
    const { rows, stride } = sac.room.batch;
    const moved = kernels.allocate(actor.length);
    kernels.f32(moved, actor.length).set(actor);
    const [own, near] = [moved, held].map((parameters) => {
      const space = mlpWorkspace(kernels, sac.actorShape, size);
      return mlpForward(kernels, sac.actorShape, parameters, size, rows, stride, space);
    });
    const out = kernels.allocate(size);
    gaussianLogRatio(kernels, size, 1, own, near, sac.room.noise, -20, 2, out);
    const expected = download(kernels, out, size).reduce((sum, each) => sum + each, 0) / size;
    expect(Math.abs(expected)).toBeGreaterThan(1e-3);
    expect("anchorDivergence" in record && record.anchorDivergence).toBeCloseTo(expected, 5);
  });

  /** Of each record. Before an episode has ended, no reward step moves the anchor. */
  const divergencesUpTo = (limits: number[]): number[] => {
    const state = make(0.1, { startSteps: 0 });
    return limits.flatMap((limit) =>
      iterate(state, 1, limit).flatMap((record) =>
        "anchorDivergence" in record ? [record.anchorDivergence] : [],
      ),
    );
  };

  it("averages that over a record's updates", () => {
    const [whole] = divergencesUpTo([5]);
    const [before, after] = divergencesUpTo([2, 5]);
    expect(whole).not.toBe(0);
    expect((2 * before + 3 * after) / 5).toBeCloseTo(whole, 12);
  });

  it("keeps the policy the nearer, the stronger it is", () => {
    const divergences = [1e-6, 1, 10].map(divergenceUnder);
    const [weak, strong, stronger] = divergences;
    expect(strong).toBeLessThan(weak / 2);
    expect(stronger).toBeLessThan(strong / 2);
  });

  it("resumes to the bit between two reward steps: a checkpoint holds pi_k", () => {
    const slow = { policyStepsPerRewardStep: 3 * EPISODE };
    const folder = mkdtempSync(join(tmpdir(), "tandem-trust-"));
    try {
      const whole = make(0.1, slow);
      runTo(3 * EPISODE, whole);
      // Steps since the last reward step have taken the policy from its anchor.
      const agent = whole.agent;
      expect(heldOf(whole)).toEqual(actorOf(whole));
      iterateWithoutReward(whole, 4);
      expect(heldOf(whole)).not.toEqual(actorOf(whole));
      saveCheckpoint(kernels, folder, agent, whole, whole.steps, 0);
      const again = make(0.1, slow);
      restoreCheckpoint(kernels, folder, again.agent, again, again.steps);
      expect(heldOf(again)).toEqual(heldOf(whole));
      for (const state of [whole, again]) iterate(state, 3);
      expect(learnt(again)).toBe(learnt(whole));
      expect(heldOf(again)).toEqual(heldOf(whole));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  it("learns from demonstrations to walk to the origin", () => {
    const options: MlIrlOptions = {
      ...OPTIONS,
      sac: SAC,
      reward: {
        ...OPTIONS.reward,
        network: { kind: "two-layer", width: 64 },
        regulariser: { kind: "projection", radius: 10 },
      },
      startSteps: 160,
      replayCapacity: 2000,
      policyStepsPerRewardStep: 32,
      trajectoriesPerRewardStep: 4,
      trustRegion: 0.05,
    };
    const environments = { train: pointEnvironment(), rollout: null };
    const state = createMlIrl(kernels, environments, walking(), options, keyFromSeed(2));
    while (state.agent.steps < 3000) iterate(state, 1, 3000);
    expect(wayTo(kernels, state.agent.policy)).toBeGreaterThan(0.9);
  });

  it("refuses coefficients below 0 and finitely many actions", () => {
    for (const mu of [-1, Number.NaN, Infinity])
      expect(() => make(mu)).toThrow(
        `createMlIrl: expected a trust region's coefficient of 0 or more, got ${mu}`,
      );
    const discrete = toTrajectories(randomEpisodes(8, [6], { n: 2, d: 1, low: 0, high: 0 }));
    const environments = { train: unstableEnvironment({ maxEpisodeSteps: EPISODE }), rollout: null };
    const finite = (trustRegion: number): MlIrl =>
      createMlIrl(kernels, environments, discrete, { ...OPTIONS, trustRegion }, keyFromSeed(1));
    expect(() => finite(0.1)).toThrow(
      "createMlIrl: a trust region holds policies of continuous actions only",
    );
    expect(finite(0).agent.policy.kind).toBe("deep-soft-q");
  });
});
