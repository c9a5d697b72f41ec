import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  appendStep,
  createTrajectoryBuilder,
  episodeCount,
  episodeReturns,
  meanWholeReturn,
  sliceEpisodes,
  takeTrajectories,
  transitionCount,
  type Trajectories,
  type TrajectoryBuilder,
} from "../../src/core/index.ts";

interface Step {
  observation: number[];
  action: number[];
  next: number[];
  reward: number;
  end: "terminated" | "truncated" | null;
}

/** An episode of `length` steps of 2 observation and 1 action coordinates, every number different. */
function episode(index: number, length: number, end: Step["end"]): Step[] {
  return Array.from({ length }, (_, t) => {
    const base = 10_000 * index + 4 * t;
    return {
      observation: [base, base + 1],
      action: [base + 2],
      next: [base + 4, base + 5],
      reward: base + 3,
      end: t === length - 1 ? end : null,
    };
  });
}

function append(builder: TrajectoryBuilder, steps: readonly Step[]): void {
  for (const { observation, action, next, reward, end } of steps)
    appendStep(builder, observation, action, next, reward, end === "terminated", end === "truncated");
}

function build(steps: readonly Step[]): Trajectories {
  const builder = createTrajectoryBuilder(2, 1);
  append(builder, steps);
  return takeTrajectories(builder);
}

function stepsOf(trajectories: Trajectories): Step[] {
  const { observations, actions, nextObservations, rewards, terminated, truncated } = trajectories;
  return Array.from({ length: transitionCount(trajectories) }, (_, t) => ({
    observation: [...observations.subarray(2 * t, 2 * t + 2)],
    action: [actions[t]],
    next: [...nextObservations.subarray(2 * t, 2 * t + 2)],
    reward: rewards?.[t] ?? Number.NaN,
    end: terminated[t] ? "terminated" : truncated[t] ? "truncated" : null,
  }));
}

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

describe("a trajectory builder", () => {
  it("gives back every step and where each episode starts", () => {
    fc.assert(
      fc.property(lengths, (sizes) => {
        const steps = sizes.flatMap((size, i) => episode(i, size, i % 2 ? "terminated" : "truncated"));
        const built = build(steps);
        expect(stepsOf(built)).toEqual(steps);
        const starts = sizes.reduce((all, size) => [...all, (all.at(-1) ?? 0) + size], [0]);
        expect([...built.episodeStarts]).toEqual(starts);
      }),
      { numRuns: 50, seed: 2 },
    );
  });

  it("keeps its rows when it grows", () => {
    const steps = episode(0, 3000, "truncated");
    expect(stepsOf(build(steps))).toEqual(steps);
  });

  it("drops the steps of an unfinished episode, and begins anew after it was taken from", () => {
    const [first, second] = [episode(0, 3, "terminated"), episode(2, 4, "truncated")];
    const builder = createTrajectoryBuilder(2, 1);
    append(builder, [...first, ...episode(1, 2, null)]);
    expect(stepsOf(takeTrajectories(builder))).toEqual(first);
    expect(transitionCount(takeTrajectories(builder))).toBe(0);
    append(builder, second);
    expect(stepsOf(takeTrajectories(builder))).toEqual(second);
  });
});

describe("slices of episodes", () => {
  it("put together again are the whole", () => {
    fc.assert(
      fc.property(lengths, fc.nat(), (sizes, cut) => {
        const all = build(sizes.flatMap((size, i) => episode(i, size, "truncated")));
        const middle = 1 + (cut % sizes.length);
        const parts = [sliceEpisodes(all, 0, middle)];
        if (middle < sizes.length) parts.push(sliceEpisodes(all, middle, sizes.length));
        expect(parts.flatMap(stepsOf)).toEqual(stepsOf(all));
        expect(parts.map(episodeCount)).toEqual([middle, sizes.length - middle].filter((count) => count > 0));
        for (const part of parts) expect(part.episodeStarts[0]).toBe(0);
      }),
      { numRuns: 50, seed: 3 },
    );
  });

  it.each([
    [0, 0],
    [1, 3],
    [-1, 1],
    [1, 1],
  ])("from %i to %i of 2 episodes are refused", (from, to) => {
    const two = build([...episode(0, 2, "truncated"), ...episode(1, 1, "truncated")]);
    expect(() => sliceEpisodes(two, from, to)).toThrow(
      `sliceEpisodes: expected 0 <= from < to <= 2 episodes, got ${from}..${to}`,
    );
  });
});

describe("the mean return of whole episodes", () => {
  // Rewards are 10 000 i + 4 t + 3: episodes 0, 1 and 2 of three, two and three steps come to 21, 20 010 and 60 021.
  const three = build([
    ...episode(0, 3, "truncated"),
    ...episode(1, 2, "terminated"),
    ...episode(2, 3, "truncated"),
  ]);

  it("leaves out those that were cut before their time", () => {
    expect(meanWholeReturn(three, 3)).toBe((21 + 20_010 + 60_021) / 3);
    const cut = build([
      ...episode(0, 2, "truncated"),
      ...episode(1, 2, "terminated"),
      ...episode(2, 3, "truncated"),
    ]);
    expect(meanWholeReturn(cut, 3)).toBe((20_010 + 60_021) / 2);
  });

  it("is not known where all were, or without rewards", () => {
    expect(meanWholeReturn(build(episode(0, 2, "truncated")), 3)).toBeNull();
    expect(meanWholeReturn({ ...three, rewards: null }, 3)).toBeNull();
  });
});

describe("episode returns", () => {
  it("are undiscounted sums, one for each episode", () => {
    const two = build([...episode(0, 2, "truncated"), ...episode(1, 1, "terminated")]);
    // Rewards 3, 7 and then 10003.
    expect([...(episodeReturns(two) ?? [])]).toEqual([10, 10_003]);
  });

  it("are null where the recording has no rewards", () => {
    expect(episodeReturns({ ...build(episode(0, 2, "truncated")), rewards: null })).toBeNull();
  });
});
