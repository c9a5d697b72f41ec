/** What AIRL's classifier knows of a policy with finitely many actions: its density by the uniform one, A pi(a|s). */
import { expect, it } from "vitest";
import {
  box,
  keyFromSeed,
  nextInteger,
  nextUniform,
  type DiscriminatorRecord,
} from "../../src/core/index.ts";
import type { Environment, StepResult } from "../../src/envs/environment.ts";
import { airlIteration, createAirl, type Airl, type AirlOptions } from "../../src/irl/index.ts";
import {
  actionLogLikelihood,
  addTransition,
  createDeepSoftQ,
  createReplay,
  deepSoftQUpdate,
  emptySacMetrics,
  likelihoodRoom,
  type BatchReward,
} from "../../src/rl/index.ts";
import { describeBuilds, upload } from "../kernels/builds.ts";
import { toTrajectories } from "../reference/episodes.ts";

const ACTIONS = 3;
const HORIZON = 20;

/** One state. Action 0 ends the episode, the others go on. */
function leaving(): Environment {
  const observation = new Float64Array(1);
  let elapsed = 0;
  const result: StepResult = { observation, reward: NaN, terminated: false, truncated: false, info: {} };
  return {
    id: "Leaving-v0",
    observationSpace: box(1, -1, 1),
    actionSpace: { kind: "discrete", count: ACTIONS },
    maxEpisodeSteps: HORIZON,
    reset: () => {
      elapsed = 0;
      return { observation, info: {} };
    },
    step: (action) => {
      elapsed++;
      result.terminated = action[0] === 0;
      result.truncated = elapsed === HORIZON;
      return result;
    },
    setState: () => observation,
    getState: () => ({ x: [0] }),
    close() {},
  };
}

/** Episodes that go on by action 1 until time is up. */
function staying(): ReturnType<typeof toTrajectories> {
  const steps = Array.from({ length: HORIZON }, () => [1]);
  return toTrajectories([1, 2, 3].map(() => ({ observations: steps.map(() => [0]), actions: steps })));
}

const OPTIONS: AirlOptions = {
  sac: {
    hidden: [32],
    batchSize: 64,
    discount: 0.9,
    learningRate: 3e-4,
    polyak: 0.05,
    temperature: 1,
    targetEntropy: "auto",
  },
  startSteps: 100,
  replayCapacity: 10_000,
  discriminator: {
    inputs: "state-action",
    hidden: [32],
    shapingHidden: [4],
    batchSize: 128,
    learningRate: 3e-3,
    gradientPenalty: 0,
    every: 1,
    recentSteps: 500,
  },
  termination: "native",
};

describeBuilds("adversarial inverse reinforcement learning with finitely many actions", (kernels) => {
  const train = (state: Airl, steps: number): DiscriminatorRecord[] => {
    const records: DiscriminatorRecord[] = [];
    while (state.agent.steps < steps)
      airlIteration(
        kernels,
        state,
        steps,
        (record) => {
          if (record.kind === "discriminator") records.push(record);
        },
        () => 0,
      );
    return records;
  };

  it.each(["native", "absorbing"] as const)("judges by l = f / alpha - log(A pi) (%s)", (termination) => {
    const temperature = 0.5;
    const sac = { ...OPTIONS.sac, temperature, learningRate: 1e-12 };
    const options = { ...OPTIONS, sac, termination };
    const state = createAirl(kernels, leaving(), staying(), options, keyFromSeed(2));
    train(state, OPTIONS.startSteps);
    const { policy, replay } = state.agent;
    if (policy.kind !== "deep-soft-q") throw new Error("expected soft Q-learning");
    const { layers, blockLength } = policy.shape;
    // Q is the last layer's biases, f is 0.
    const q = [0.7, -0.2, 0.4];
    kernels.fill(blockLength, policy.q, 0);
    kernels.f32(policy.q + layers.at(-1)!.bias, ACTIONS).set(q);
    for (const { shape, parameters } of state.shaped.terms) kernels.fill(shape.blockLength, parameters, 0);
    const draws = { ...state.streams.draws };
    const [{ expertLogit, loss, agentLogit }] = train(state, OPTIONS.startSteps + 1);
    const mass = q.reduce((sum, each) => sum + Math.exp(each / temperature), 0);
    const logits = q.map((each) => -(each / temperature - Math.log(mass) + Math.log(ACTIONS)));
    expect(expertLogit).toBeCloseTo(logits[1], 5);

    // Demonstrations never end; of the agent, nothing is chosen after an end, and l is f / alpha = 0.
    const { batchSize } = options.discriminator;
    const { agentLivingSteps: alive, agentAbsorbingSteps: away } = state.counters;
    expect(away > 0).toBe(termination === "absorbing");
    draws.counter += batchSize;
    const chosen = Array.from({ length: batchSize }, () => {
      const at = replay.rows + 4 * replay.stride * (replay.added - 1 - nextInteger(draws, replay.added));
      return kernels.f32(at + 4, ACTIONS).indexOf(1);
    });
    const own = chosen.map((action) =>
      away > 0 && nextUniform(draws) < away / (alive + away) ? 0 : logits[action],
    );
    expect(own.includes(0)).toBe(away > 0);
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value) / batchSize;
    expect(agentLogit).toBeCloseTo(mean(own), 5);
    const losses = own.map((logit) => Math.log1p(Math.exp(logit)));
    expect(loss).toBeCloseTo(Math.log1p(Math.exp(-logits[1])) + mean(losses), 5);
  });

  it.each([1, 0.5])(
    "has the expert's policy as what f = alpha log(A pi_expert) teaches, though it may leave (temperature %d)",
    (temperature) => {
      const expert = [0.2, 0.5, 0.3];
      const sac = { ...OPTIONS.sac, batchSize: 32, learningRate: 1e-2, polyak: 0.05, temperature };
      const policy = createDeepSoftQ(kernels, 1, ACTIONS, sac, keyFromSeed(3));
      const replay = createReplay(kernels, {
        observationSize: 1,
        actionSize: ACTIONS,
        capacity: ACTIONS,
        keepTrueRewards: false,
      });
      const units = [0, 1, 2].map((action) => [0, 1, 2].map((each) => (each === action ? 1 : 0)));
      for (const [a, unit] of units.entries()) addTransition(kernels, replay, [0], unit, [0], a === 0, 0);
      const teacher: BatchReward = ({ size, indices }, out) => {
        const rewards = kernels.f32(out, size);
        const chosen = kernels.u32(indices, size);
        for (let i = 0; i < size; i++) rewards[i] = temperature * Math.log(ACTIONS * expert[chosen[i]]);
      };
      for (let i = 0; i < 3000; i++) {
        if (i === 2000) policy.learningRate = 1e-4;
        deepSoftQUpdate(kernels, policy, replay, teacher, emptySacMetrics());
      }
      const rows = upload(
        kernels,
        units.flatMap((unit, a) => [0, ...unit, 0, a === 0 ? 1 : 0]),
      );
      const room = likelihoodRoom(kernels, policy, { kind: "discrete", count: ACTIONS }, ACTIONS);
      actionLogLikelihood(kernels, policy, { size: ACTIONS, rows, stride: 6 }, room);
      const own = [...kernels.f32(room.logProb, ACTIONS)].map(Math.exp);
      for (const [a, probability] of expert.entries())
        expect(Math.abs(own[a] - probability)).toBeLessThan(0.005);
    },
  );
});
