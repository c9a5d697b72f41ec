import { describe, expect, it } from "vitest";

import { TandemError } from "../../../src/core/index.ts";
import { garnetMdp, makeEnvironment, tabularEnvironment } from "../../../src/envs/index.ts";
import { SWITCHING } from "../../reference/tabular.ts";

const MDP = garnetMdp({ states: 5, actions: 3, branching: 3, seed: 6 });
const DRAWS = 4000;

/** 1 in the place of the state whose number is observed, of six. */
const places = ([seen]: Float64Array): number[] =>
  Array.from({ length: 6 }, (_, state) => (state === seen ? 1 : 0));

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

  it("asked for one-hot observations shows 1 in the place of the number it would show", async () => {
    const options = { states: 6, actions: 3, seed: 2, maxEpisodeSteps: 40 };
    const [plain, shown] = await Promise.all(
      ["number", "one-hot"].map((observations) => makeEnvironment("Garnet-v0", { ...options, observations })),
    );
    expect(plain.observationSpace).toMatchObject({
      size: 1,
      low: Float64Array.of(0),
      high: Float64Array.of(5),
    });
    expect(shown.observationSpace).toMatchObject({
      size: 6,
      low: new Float64Array(6),
      high: new Float64Array(6).fill(1),
    });
    expect([...shown.reset({ seed: 3 }).observation]).toEqual(places(plain.reset({ seed: 3 }).observation));
    const seen = new Set<number>();
    for (let t = 0; t < 40; t++) {
      const [own, other] = [plain.step([t % 3]), shown.step([t % 3])];
      expect([...other.observation]).toEqual(places(own.observation));
      expect([other.reward, other.terminated, other.truncated]).toEqual([own.reward, false, t === 39]);
      seen.add(own.observation[0]);
    }
    expect(seen.size).toBeGreaterThan(3);
    expect([...shown.setState({ state: [4] })]).toEqual([0, 0, 0, 0, 1, 0]);
    expect(Array.from(shown.getState().state)).toEqual([4]);
    expect(shown.options).toMatchObject({ ...options, observations: "one-hot" });
    expect(plain.options).toMatchObject({ observations: "number" });
    expect((await makeEnvironment("Garnet-v0")).options).toMatchObject({ observations: "number" });
    await expect(makeEnvironment("Garnet-v0", { observations: "picture" })).rejects.toThrow(
      /Garnet-v0 takes number or one-hot as observations, got "picture"/,
    );
  });
});
