import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { deterministicPolicy, evaluate } from "../../src/eval/index.ts";
import { agentStep, createAgent, recordedReward } from "../../src/rl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

/** Mean return over starts even in [-1, 1] of staying put, -16 x^2, and of walking straight to 0 by 1/4 a step. */
const STAYING = -16 / 3;
const WALKING = -[0.75, 0.5, 0.25].reduce((total, reach) => total + reach ** 3 / 3, 0);

describeBuilds("soft actor-critic", (kernels) => {
  it("learns to walk to the origin from the true reward", () => {
    const agent = createAgent(
      kernels,
      pointEnvironment(),
      {
        sac: {
          hidden: [32, 32],
          batchSize: 32,
          discount: 0.9,
          learningRate: 3e-3,
          polyak: 0.02,
          temperature: "learnt",
          targetEntropy: "auto",
        },
        startSteps: 200,
        replayCapacity: 2000,
        keepTrueRewards: true,
      },
      keyFromSeed(1),
    );
    const reward = recordedReward(kernels, agent.replay);
    for (let t = 0; t < 1500; t++) agentStep(kernels, agent, reward, () => 0);
    const { meanReturn } = evaluate(
      pointEnvironment(),
      deterministicPolicy(kernels, agent.policy),
      50,
      keyFromSeed(2),
    );
    // Nine tenths of the way from staying put to the optimum.
    expect(meanReturn).toBeGreaterThan(WALKING - 0.1 * (WALKING - STAYING));
  });
});
