import { expect, it } from "vitest";
import {
  box,
  keyFromSeed,
  nextNormal,
  streamOf,
  type DiscriminatorRecord,
  type Trajectories,
} from "../../src/core/index.ts";
import type { Environment, StepResult } from "../../src/envs/environment.ts";
import {
  airlIteration,
  createAirl,
  rewardsAlong,
  type Airl,
  type AirlDiscriminatorOptions,
} from "../../src/irl/index.ts";
import { mlpForward } from "../../src/nn/index.ts";
import { describeBuilds, upload } from "../kernels/builds.ts";
import { toTrajectories } from "../reference/episodes.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { sacOf } from "../reference/sac-of.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const DISCRIMINATOR: AirlDiscriminatorOptions = {
  inputs: "state",
  hidden: [32, 32],
  shapingHidden: [32, 32],
  batchSize: 32,
  learningRate: 1e-3,
  gradientPenalty: 1,
  every: 1,
  recentSteps: 1000,
};

/** What the expert of the bandit draws: tanh of a normal number. */
const EXPERT = { mean: 0.4, std: 0.5 };

/** One state, one step. */
function bandit(): Environment {
  const observation = new Float64Array(1);
  const result: StepResult = { observation, reward: NaN, terminated: true, truncated: false, info: {} };
  return {
    id: "Bandit-v0",
    observationSpace: box(1, -1, 1),
    actionSpace: box(1, -1, 1),
    maxEpisodeSteps: 1,
    reset: () => ({ observation, info: {} }),
    step: () => result,
    setState: () => observation,
    getState: () => ({ x: [0] }),
    close() {},
  };
}

function banditExpert(): Trajectories {
  const stream = streamOf(keyFromSeed(5));
  const draw = (): number => Math.tanh(EXPERT.mean + EXPERT.std * nextNormal(stream));
  const episodes = Array.from({ length: 1000 }, () => ({ observations: [[0]], actions: [[draw()]] }));
  const trajectories = toTrajectories(episodes);
  trajectories.terminated.fill(1);
  trajectories.truncated.fill(0);
  return trajectories;
}

describeBuilds("adversarial inverse reinforcement learning", (kernels) => {
  const train = (state: Airl, steps: number, look: (record: DiscriminatorRecord) => void): void => {
    while (state.agent.steps < steps)
      airlIteration(
        kernels,
        state,
        steps,
        (record) => {
          if (record.kind === "discriminator") look(record);
        },
        () => 0,
      );
  };

  // The policy is the slow one here: the classifier has to follow it. f is alpha log pi, so its rate is in proportion to alpha.
  it.each([1, 0.25])(
    "ends where it cannot tell a spread-out expert from the policy, f being alpha log pi (temperature %d)",
    (temperature) => {
      const state = createAirl(
        kernels,
        bandit(),
        banditExpert(),
        {
          sac: { ...SAC, hidden: [32], batchSize: 64, learningRate: 3e-4, polyak: 0.05, temperature },
          startSteps: 100,
          replayCapacity: 10_000,
          discriminator: {
            ...DISCRIMINATOR,
            inputs: "state-action",
            hidden: [32],
            shapingHidden: [4],
            batchSize: 128,
            learningRate: temperature === 1 ? 3e-3 : 1e-3,
            gradientPenalty: 0,
            recentSteps: 300,
          },
          termination: "native",
        },
        keyFromSeed(2),
      );
      const losses: number[] = [];
      train(state, 6000, ({ loss }) => losses.push(loss));
      // Nothing to tell apart is 2 log 2.
      expect(Math.abs(losses[losses.length - 1] - 2 * Math.log(2))).toBeLessThan(0.05);
      const sac = sacOf(state.agent);
      const here = kernels.allocate(1);
      const head = mlpForward(kernels, sac.actorShape, sac.actor, 1, here, 1, state.room.likelihood.space);
      const [mean, logStd] = kernels.f32(head, 2);
      expect(Math.abs(mean - EXPERT.mean)).toBeLessThan(EXPERT.std / 2);
      expect(Math.abs(logStd - Math.log(EXPERT.std))).toBeLessThan(0.2);
      // Between the expert's mean and a deviation to either side; all that is taught is f, with nothing after the end.
      const out = kernels.allocate(1);
      for (const place of [-1, 0, 1]) {
        const u = EXPERT.mean + place * EXPERT.std;
        const a = Math.tanh(u);
        const rows = upload(kernels, [0, a, 0, 1]);
        state.teacher({ size: 1, rows, stride: 4, indices: 0 }, out);
        const logPi =
          -(place ** 2) / 2 - Math.log(EXPERT.std) - Math.log(2 * Math.PI) / 2 - Math.log(1 - a * a);
        expect(Math.abs(kernels.f32(out, 1)[0] / temperature - logPi)).toBeLessThan(0.35);
      }
    },
  );

  it.each([{ temperature: "learnt" }, { temperature: 0.3 }] as const)(
    "learns to walk to the origin, and a reward of states that is highest there (temperature $temperature)",
    ({ temperature }) => {
      const state = createAirl(
        kernels,
        pointEnvironment(),
        walking(),
        {
          sac: { ...SAC, temperature },
          startSteps: 160,
          replayCapacity: 2000,
          discriminator: DISCRIMINATOR,
          termination: "native",
        },
        keyFromSeed(2),
      );
      const losses: number[] = [];
      train(state, 3000, ({ loss }) => losses.push(loss));
      expect(losses.toSorted((a, b) => b - a)).toEqual(losses);
      expect(wayTo(kernels, state.agent.policy)).toBeGreaterThan(0.9);
      const places = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1];
      const still = { observations: places.map((x) => [x, 0]), actions: places.map(() => [0]) };
      const rewards = [...rewardsAlong(kernels, state.reward, toTrajectories([still]))];
      for (const side of [rewards.slice(0, 5).toReversed(), rewards.slice(4)])
        expect(side.toSorted((a, b) => b - a)).toEqual(side);
    },
  );
});
