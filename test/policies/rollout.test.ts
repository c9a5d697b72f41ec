import { describe, expect, it } from "vitest";
import { box, episodeCount } from "../../src/core/index.ts";
import type { Environment } from "../../src/envs/index.ts";
import { clippedPolicy, policyEpisode, requireFit, type Policy } from "../../src/policies/index.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

/** Moves by `gain`, a power of two so that rounding commutes with it, times the place it sees. */
function proportional(gain: number, asynchronous = false): Policy {
  const act: Policy["act"] = (observation, action) => {
    action[0] = gain * observation[0];
  };
  return {
    about: {
      name: "proportional",
      source: {},
      environment: "Point-v0",
      observationSize: 2,
      output: { kind: "box", size: 1 },
      published: null,
    },
    act: asynchronous
      ? async (observation, action) => {
          const seen = observation.slice();
          await new Promise((resolve) => setImmediate(resolve));
          expect(observation).toEqual(seen);
          await act(observation, action);
        }
      : act,
  };
}

describe("an episode of a policy", () => {
  it("is recorded as it was stepped, out of bounds too", async () => {
    const environment = pointEnvironment({ low: -0.25, high: 0.25 });
    const episode = await policyEpisode(environment, proportional(-4), 5);
    const [log] = environment.log;
    expect(environment.log).toHaveLength(1);
    expect(episodeCount(episode)).toBe(1);
    expect(Array.from(episode.actions)).toEqual(log.actions.flat());
    expect(Array.from(episode.observations)).toEqual(log.observations.flat());
    expect(Math.max(...episode.actions.map(Math.abs))).toBeGreaterThan(0.25);
    episode.actions.forEach((action, t) => {
      expect(action).toBe(-4 * episode.observations[2 * t]);
      // x' is where the next step begins, and the reward -x'^2 is that of arriving there.
      const next = episode.nextObservations[2 * t];
      if (t + 1 < episode.actions.length) expect(next).toBe(episode.observations[2 * (t + 1)]);
      expect(episode.rewards![t]).toBeCloseTo(-(next ** 2), 5);
    });
    expect([...episode.truncated].indexOf(1)).toBe(15);
    expect(episode.terminated.includes(1)).toBe(false);
  });

  it("ends where the task ends it", async () => {
    const episode = await policyEpisode(pointEnvironment({ edge: 1.2 }), proportional(2), 1);
    expect(episode.terminated.at(-1)).toBe(1);
    expect(episode.truncated.at(-1)).toBe(0);
    expect(episode.terminated.length).toBeLessThan(16);
  });

  it("is the same by an asynchronous policy, and for the same seed", async () => {
    const episode = await policyEpisode(pointEnvironment(), proportional(-0.5), 3);
    expect(await policyEpisode(pointEnvironment(), proportional(-0.5, true), 3)).toEqual(episode);
    expect(await policyEpisode(pointEnvironment(), proportional(-0.5), 4)).not.toEqual(episode);
  });

  it("waits after each step, and is given up where that fails", async () => {
    const environment = pointEnvironment();
    let steps = 0;
    const count = async (): Promise<void> => {
      await Promise.resolve();
      if (++steps === 3) throw new Error("enough");
    };
    await expect(policyEpisode(environment, proportional(-0.5), 3, count)).rejects.toThrow("enough");
    expect(environment.log[0].actions).toHaveLength(3);
  });
});

describe("clippedPolicy", () => {
  it.each([false, true])("moves actions onto the bounds (asynchronous: %s)", async (asynchronous) => {
    const environment = pointEnvironment();
    const policy = clippedPolicy(proportional(-4, asynchronous), box(1, -0.25, 0.125));
    const { actions, observations } = await policyEpisode(environment, policy, 5);
    const expected = actions.map((_, t) => Math.min(0.125, Math.max(-0.25, -4 * observations[2 * t])));
    expect(actions).toEqual(expected);
    expect(actions.some((action) => Math.abs(action) === 0.25)).toBe(true);
    expect(policy.about.name).toBe("proportional");
  });
});

describe("requireFit", () => {
  const environment = pointEnvironment();
  const refusals: [why: string, other: Partial<Environment>, says: RegExp][] = [
    ["observations", { observationSpace: box(3, -1, 1) }, /reads observations of 2, Point-v0 gives 3/],
    ["action sizes", { actionSpace: box(2, -1, 1) }, /gives actions of 1, Point-v0 takes actions of 2/],
    [
      "kinds of action",
      { actionSpace: { kind: "discrete", count: 1 } },
      /gives actions of 1, Point-v0 takes one of 1 actions/,
    ],
  ];
  it.each(refusals)("refuses other %s", (_, other, says) => {
    expect(() => requireFit(proportional(1), { ...environment, ...other })).toThrow(says);
  });

  it("accepts what fits", () => {
    expect(() => requireFit(proportional(1), environment)).not.toThrow();
  });
});
