import { describe, expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { deterministicPolicy, evaluate, randomPolicy, rewardAgreement } from "../../src/eval/index.ts";
import { createSac, SAC_DEFAULTS } from "../../src/rl/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

const still = (_: Float64Array, action: Float32Array): void => void action.fill(0);

describe("an evaluation", () => {
  it("adds the true reward up over each episode", () => {
    const environment = pointEnvironment({ maxEpisodeSteps: 4, trueReward: () => 2 });
    expect(evaluate(environment, still, 3, keyFromSeed(1))).toMatchObject({
      returns: [8, 8, 8],
      meanReturn: 8,
      stdReturn: 0,
    });
  });

  it("has the sample standard deviation over episodes, n - 1, and 0 for one episode", () => {
    let episodes = 0;
    const counting = (): ReturnType<typeof pointEnvironment> =>
      pointEnvironment({ maxEpisodeSteps: 1, trueReward: () => ++episodes });
    // Returns 1, 2, 3: variance (1 + 0 + 1) / 2.
    expect(evaluate(counting(), still, 3, keyFromSeed(1)).stdReturn).toBeCloseTo(1, 12);
    expect(evaluate(counting(), still, 1, keyFromSeed(1)).stdReturn).toBe(0);
  });
});

describeBuilds("the deterministic policy", (kernels) => {
  it("is the mode of the actor, tanh(mean): the same action each time", () => {
    const sac = createSac(kernels, 2, 1, { ...SAC_DEFAULTS, discount: 0.9 }, keyFromSeed(1));
    const act = deterministicPolicy(kernels, sac);
    const actions = [0, 1, 2].map(() => {
      const action = new Float32Array(1);
      act(Float64Array.of(0.5, 0), action);
      return action[0];
    });
    expect(new Set(actions).size).toBe(1);
    expect(sac.counter).toBe(0);
  });
});

describe("the random policy", () => {
  it("is even in [-1, 1] in every coordinate and repeats from its key", () => {
    const act = randomPolicy(keyFromSeed(1));
    const actions = Float32Array.from({ length: 20_000 });
    for (let i = 0; i < actions.length; i += 2) act(new Float64Array(1), actions.subarray(i, i + 2));
    for (const start of [0, 1]) {
      const own = actions.filter((_, i) => i % 2 === start);
      const mean = own.reduce((total, a) => total + a, 0) / own.length;
      const meanSquare = own.reduce((total, a) => total + a * a, 0) / own.length;
      // Uniform in [-1, 1]: variance 1/3; squares have variance 4/45. Four standard errors.
      expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(1 / 3 / own.length));
      expect(Math.abs(meanSquare - 1 / 3)).toBeLessThan(4 * Math.sqrt(4 / 45 / own.length));
    }
    const again = new Float32Array(2);
    randomPolicy(keyFromSeed(1))(new Float64Array(1), again);
    expect(again).toEqual(actions.subarray(0, 2));
  });
});

describe("the agreement of learned and true reward", () => {
  const { trajectories } = evaluate(pointEnvironment(), randomPolicy(keyFromSeed(2)), 2, keyFromSeed(3));
  const rewards = trajectories.rewards ?? new Float32Array();

  it("is that of the same steps", () => {
    const { pearson, spearman } = rewardAgreement(
      rewards.map((r) => 3 * r - 1),
      trajectories,
    );
    expect(pearson).toBeCloseTo(1, 6);
    expect(spearman).toBeCloseTo(1, 6);
    expect(
      rewardAgreement(
        rewards.map(() => 5),
        trajectories,
      ),
    ).toEqual({ pearson: null, spearman: null });
  });

  it("needs both rewards of each step", () => {
    expect(() => rewardAgreement(new Float32Array(3), trajectories)).toThrow("rewardAgreement: expected");
    expect(() => rewardAgreement(rewards, { ...trajectories, rewards: null })).toThrow(
      "rewardAgreement: expected",
    );
  });
});
