import { describe, expect, it } from "vitest";

import { TandemError } from "../../../src/core/index.ts";
import { garnetMdp, makeEnvironment, tabularEnvironment } from "../../../src/envs/index.ts";
import { SWITCHING } from "../../reference/tabular.ts";

const MDP = garnetMdp({ states: 5, actions: 3, branching: 3, seed: 6 });
const DRAWS = 4000;

describe("a tabular environment", () => {
  it("draws successors with the problem's probabilities and pays its rewards", () => {
    const env = tabularEnvironment("Garnet-v0", MDP, 10);
    env.reset({ seed: 1 });
    for (let pair = 0; pair < 15; pair++) {
      const counts = new Float64Array(5);
      for (let n = 0; n < DRAWS; n++) {
        env.setState({ state: [Math.floor(pair / 3)] });
        const { observation, reward } = env.step([pair % 3]);
        expect(reward).toBe(MDP.rewards[pair]);
        counts[observation[0]]++;
      }
      counts.forEach((count, next) => {
        const p = MDP.transitions[pair * 5 + next];
        // 75 comparisons: 4.5 standard errors fail by chance once in 2000 seeds. What cannot happen never does.
        expect(Math.abs(count / DRAWS - p)).toBeLessThanOrEqual(4.5 * Math.sqrt((p * (1 - p)) / DRAWS));
      });
    }
  });

  it("draws first states with the problem's probabilities", () => {
    const initial = Float64Array.of(0, 0.7, 0, 0.3, 0);
    const env = tabularEnvironment("Garnet-v0", { ...MDP, initial }, 10);
    const counts = new Float64Array(5);
    for (let n = 0; n < DRAWS; n++) counts[env.reset(n === 0 ? { seed: 2 } : {}).observation[0]]++;
    expect([counts[0], counts[2], counts[4]]).toEqual([0, 0, 0]);
    expect(Math.abs(counts[1] / DRAWS - 0.7)).toBeLessThanOrEqual(4 * Math.sqrt(0.21 / DRAWS));
  });

  it("pays for the pair it leaves", () => {
    const env = tabularEnvironment("Switching", { ...SWITCHING, rewards: Float64Array.of(1, 2, 3, 4) }, 10);
    env.reset({ seed: 0 });
    const steps = [1, 0, 1, 0].map((action) => {
      const { observation, reward, terminated } = env.step([action]);
      return [observation[0], reward, terminated];
    });
    expect(steps).toEqual([
      [1, 2, false],
      [1, 3, false],
      [0, 4, false],
      [0, 1, false],
    ]);
  });

  it("refuses states that are none of its own, and noise-free steps", async () => {
    const env = await makeEnvironment("Garnet-v0");
    for (const state of [-1, 0.5, 20]) expect(() => env.setState({ state: [state] })).toThrow(TandemError);
    env.setState({ state: [19] });
    expect(() => env.step([0])).toThrow(/needs a seed/);
  });
});
