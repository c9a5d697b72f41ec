import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyFromSeed, transitionCount, type Trajectories } from "../../src/core/index.ts";
import {
  garnetMdp,
  GARNET,
  makeEnvironment,
  tabularProblem,
  type Environment,
} from "../../src/envs/index.ts";
import {
  agreementBySource,
  drawRows,
  joinRows,
  randomPolicy,
  rolloutSteps,
  shownRows,
  stateNumber,
  withTrueRewards,
  type RowSource,
} from "../../src/eval/index.ts";
import { rollout } from "../../src/rl/index.ts";
import { pointEnvironment } from "../reference/point-environment.ts";

/** Rows whose every number is the row's own: s = t, a = 10 t, s' = 100 t. */
function numbered(rewards: readonly number[]): RowSource["rows"] {
  const of = (factor: number): Float32Array => Float32Array.from(rewards, (_, t) => factor * t);
  return joinRows([
    {
      observationSize: 1,
      actionSize: 1,
      observations: of(1),
      actions: of(10),
      nextObservations: of(100),
      rewards: Float32Array.from(rewards),
      terminated: Uint8Array.from(rewards, (_, t) => t % 2),
      truncated: Uint8Array.from(rewards, (_, t) => (t + 1) % 2),
      episodeStarts: Uint32Array.of(0, rewards.length),
    },
  ]);
}

describe("agreementBySource", () => {
  const sources: RowSource[] = [
    { name: "one", rows: numbered([2, 1, 4, 3]) },
    { name: "other", rows: numbered([0, 0, 9]) },
  ];

  it("is what one computes by hand, of each source and of both together", () => {
    // Learned: 1, 2, 3, 4 and 1, 2, 3. Rewards (2, 1, 4, 3): deviations (-1/2, -3/2, 3/2, 1/2), products 3 of squares 5 and 5.
    // (0, 0, 9): deviations (-3, -3, 6), with (-1, 0, 1): 9 of sqrt(54 * 2); ranks 1.5, 1.5, 3: 1.5 of sqrt(1.5 * 2).
    // Together: learned 1 2 3 4 1 2 3, mean 16/7, squares 44 - 256/7; true 2 1 4 3 0 0 9, mean 19/7, squares 111 - 361/7;
    // products 2+2+12+12+0+0+27 - 16 * 19 / 7.
    // Ranks of 1 2 3 4 1 2 3: 1.5 3.5 5.5 7 1.5 3.5 5.5; of 2 1 4 3 0 0 9: 4 3 6 5 1.5 1.5 7; mean 4 each.
    // Deviations: -2.5 -.5 1.5 3 -2.5 -.5 1.5 and 0 -1 2 1 -2.5 -2.5 3: products 18.5, squares 26.5 and 27.5.
    const found = agreementBySource(sources, (rows) => rows.observations.map((s) => s + 1));
    expect(found.map(({ source, rows }) => [source, rows])).toEqual([
      ["one", 4],
      ["other", 3],
      ["union", 7],
    ]);
    const expected = [
      [3 / 5, 3 / 5],
      [9 / Math.sqrt(108), 1.5 / Math.sqrt(3)],
      [(55 - 304 / 7) / Math.sqrt((44 - 256 / 7) * (111 - 361 / 7)), 18.5 / Math.sqrt(26.5 * 27.5)],
    ];
    found.forEach(({ pearson, spearman }, i) => {
      expect(pearson).toBeCloseTo(expected[i][0], 12);
      expect(spearman).toBeCloseTo(expected[i][1], 12);
    });
  });

  it("is null where a reward is constant", () => {
    const [one] = agreementBySource(sources, (rows) => rows.observations.map(() => 7));
    expect(one).toMatchObject({ pearson: null, spearman: null });
  });
});

const numbers = (rows: RowSource["rows"]): number[] => Array.from(rows.observations);

describe("rows", () => {
  const all = numbered(Array.from({ length: 40 }, (_, t) => 1000 * t));

  it("are drawn without repeats, each whole, evenly, and from the key alone", () => {
    const drawn = drawRows(all, 10, keyFromSeed(1));
    expect(new Set(numbers(drawn)).size).toBe(10);
    numbers(drawn).forEach((t, i) => {
      expect([drawn.actions[i], drawn.nextObservations[i], drawn.rewards[i]]).toEqual([
        10 * t,
        100 * t,
        1000 * t,
      ]);
      expect([drawn.terminated[i], drawn.truncated[i]]).toEqual([t % 2, (t + 1) % 2]);
    });
    expect(transitionCount(drawn)).toBe(10);
    expect(drawRows(all, 10, keyFromSeed(1))).toEqual(drawn);
    expect(numbers(drawRows(all, 10, keyFromSeed(2)))).not.toEqual(numbers(drawn));
    const counts = new Float64Array(40);
    for (let seed = 0; seed < 400; seed++)
      for (const t of numbers(drawRows(all, 10, keyFromSeed(seed)))) counts[t]++;
    // A binomial of 400 draws at 1/4.
    for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(4.5 * Math.sqrt(75));
  });

  it("are all there are where fewer are there than wanted", () => {
    expect(numbers(drawRows(all, 40, keyFromSeed(1)))).toEqual(numbers(all));
    expect(numbers(drawRows(all, 100, keyFromSeed(1)))).toEqual(numbers(all));
  });

  it("refuse recordings without rewards", () => {
    expect(() => joinRows([{ ...all, rewards: null }])).toThrow(/joinRows: expected recordings with rewards/);
    expect(() => joinRows([])).toThrow(/joinRows/);
  });

  it("of rollouts are as many as wanted, of as many episodes, with the environment's rewards", () => {
    const environment = pointEnvironment({ maxEpisodeSteps: 5 });
    const act = randomPolicy(keyFromSeed(3));
    const rows = rolloutSteps(environment, act, { steps: 12, episodes: 2 }, keyFromSeed(4));
    expect(transitionCount(rows)).toBe(15);
    rows.rewards.forEach((reward, t) => expect(reward).toBeCloseTo(-(rows.nextObservations[2 * t] ** 2), 6));
    expect(transitionCount(rolloutSteps(environment, act, { steps: 1, episodes: 4 }, keyFromSeed(4)))).toBe(
      20,
    );
    expect(new Set(environment.log.map(({ observations }) => observations[0][0])).size).toBe(4);
  });
});

describe("true rewards of a recording", () => {
  let cheetah: Environment;
  let recorded: Trajectories;
  beforeAll(async () => {
    cheetah = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 30 });
    recorded = rollout(cheetah, randomPolicy(keyFromSeed(1)), 2, keyFromSeed(2));
  });
  afterAll(() => cheetah.close());

  it("come from the simulator where it can be put into the state, whatever the recording says", () => {
    const lie = { ...recorded, rewards: recorded.actions.subarray(0, 60) };
    const rows = withTrueRewards(cheetah, lie);
    expect(rows && transitionCount(rows)).toBe(60);
    rows?.rewards.forEach((value, t) =>
      expect(Math.abs(value - (recorded.rewards?.[t] ?? NaN))).toBeLessThan(1e-4),
    );
    expect(withTrueRewards(cheetah, { ...recorded, rewards: null })?.rewards).toEqual(rows?.rewards);
    expect(rows?.nextObservations).toEqual(recorded.nextObservations);
  });

  it("leave out rows that do not show the state", async () => {
    const hopper = await makeEnvironment("Hopper-v5", { maxEpisodeSteps: 30 });
    const rows = rolloutSteps(
      hopper,
      randomPolicy(keyFromSeed(1)),
      { steps: 20, episodes: 1 },
      keyFromSeed(2),
    );
    rows.observations[11 * 3 + 7] = 10;
    expect(transitionCount(shownRows(hopper, rows))).toBe(transitionCount(rows) - 1);
    expect(withTrueRewards(hopper, rows)?.rewards.length).toBe(transitionCount(rows) - 1);
    hopper.close();
  });

  it.each(["number", "one-hot"])(
    "come from the table of a tabular problem that shows states as %s",
    async (observations) => {
      const garnet = await makeEnvironment("Garnet-v0", { states: 6, seed: 3, observations });
      expect(tabularProblem(garnet)).toEqual(garnetMdp({ ...GARNET, states: 6, seed: 3 }));
      const steps = rollout(garnet, randomPolicy(keyFromSeed(1)), 1, keyFromSeed(2));
      expect(withTrueRewards(garnet, { ...steps, rewards: null })?.rewards).toEqual(steps.rewards);
    },
  );

  it("are the recorded ones elsewhere, if there are such", async () => {
    const pole = await makeEnvironment("CartPole-v1", {});
    const steps = rollout(pole, randomPolicy(keyFromSeed(1)), 1, keyFromSeed(2));
    const lie = {
      ...steps,
      rewards: steps.terminated.length > 0 ? Float32Array.from(steps.terminated) : null,
    };
    expect(withTrueRewards(pole, lie)?.rewards).toEqual(lie.rewards);
    expect(withTrueRewards(pole, { ...steps, rewards: null })).toBeNull();
    expect(tabularProblem(pole)).toBeNull();
  });
});

it("a state's number is the number shown, or the place of the 1", () => {
  expect(stateNumber(Float32Array.of(4))).toBe(4);
  expect(stateNumber(Float32Array.of(0, 0, 1, 0))).toBe(2);
});
