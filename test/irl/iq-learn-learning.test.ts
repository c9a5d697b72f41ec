import { expect, it } from "vitest";
import { keyFromSeed, nextUniform, streamOf } from "../../src/core/index.ts";
import {
  createIqLearn,
  iqLearnIteration,
  recoveredReward,
  type IqLearnOptions,
} from "../../src/irl/index.ts";
import { rollout } from "../../src/rl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const OPTIONS: IqLearnOptions = {
  sac: SAC,
  startSteps: 160,
  replayCapacity: 4000,
  valueTerm: "both",
  regulariserCoefficient: 0.5,
  regularisedRows: "expert",
  nextValue: "online",
  termination: "native",
};

const average = (rewards: Float32Array): number =>
  rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;

describeBuilds("inverse soft Q-learning", (kernels) => {
  it.each([
    OPTIONS,
    { ...OPTIONS, valueTerm: "initial" },
    { ...OPTIONS, regularisedRows: "both", nextValue: "target" },
  ] as const)(
    "learns to walk to the origin: value term $valueTerm, $regularisedRows regularised, next values $nextValue",
    (options) => {
      const state = createIqLearn(kernels, pointEnvironment(), walking(), options, keyFromSeed(2));
      while (state.agent.steps < 3000)
        iqLearnIteration(
          kernels,
          state,
          3000,
          () => {},
          () => 0,
        );
      expect(wayTo(kernels, state.agent.policy)).toBeGreaterThan(0.9);

      // Its reward prefers what the expert does to what comes to mind.
      const stream = streamOf(keyFromSeed(4));
      const random = rollout(
        pointEnvironment(),
        (_, unit) => {
          unit[0] = 2 * nextUniform(stream) - 1;
        },
        10,
        keyFromSeed(5),
      );
      const shown = average(recoveredReward(kernels, state, walking()));
      expect(shown).toBeGreaterThan(average(recoveredReward(kernels, state, random)) + 0.1);
    },
  );
});
