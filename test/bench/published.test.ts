import { describe, expect, it } from "vitest";
import { z } from "zod";
import { PUBLISHED, publishedCells, type PublishedCell } from "../../src/bench/index.ts";

const word = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/);
const count = z.int().min(1).nullable();
const source = z.strictObject({
  id: word,
  work: z.string().min(3),
  place: z.string().min(5),
  revision: z
    .string()
    .regex(/^v[2-5]/)
    .nullable(),
  demonstrations: count,
  runs: count,
  notes: z.array(z.string().endsWith(".")),
});
const budget = z
  .strictObject({ accounted: z.int().min(1), actual: count, place: z.string().min(5) })
  .refine(({ accounted, actual }) => actual === null || actual > accounted);
const cell = z
  .strictObject({
    id: z.string(),
    source,
    task: word,
    method: word,
    variant: word.nullable(),
    unit: z.enum(["return", "share", "hours", "pearson", "spearman"]),
    mean: z.number(),
    std: z.number().positive().nullable(),
    demonstrations: count,
    runs: count,
    expert: z.number().positive().nullable(),
    scale: z
      .strictObject({ random: z.number(), expert: z.number() })
      .refine(({ random, expert }) => expert > random)
      .nullable(),
    budget: budget.nullable(),
  })
  .refine(
    ({ id, source, task, method, variant }) =>
      [source.id, task, method, variant].filter((part) => part !== null).join("/") === id,
  )
  .refine(({ unit, mean }) => unit === "return" || (mean > -0.2 && mean < (unit === "hours" ? 24 : 1.2)))
  .refine(({ unit, expert }) => unit !== "return" || expert !== null);

const at = (id: string): PublishedCell => {
  const found = PUBLISHED.find((each) => each.id === id);
  if (!found) throw new Error(`no cell ${id}`);
  return found;
};

describe("published numbers", () => {
  it("have their source, table and units", () => {
    for (const each of PUBLISHED) expect(cell.safeParse(each).error, each.id).toBeUndefined();
  });

  it("have an id each", () => {
    expect(new Set(PUBLISHED.map(({ id }) => id)).size).toBe(PUBLISHED.length);
  });

  it("are of these sources alone, so many of each", () => {
    const counts = Map.groupBy(PUBLISHED, ({ source }) => source.id);
    expect(Object.fromEntries(Array.from(counts, ([id, cells]) => [id, cells.length]))).toEqual({
      "iq-learn": 5 * 4,
      // 13 methods on 5 tasks, without CSIL and P2IL on Humanoid
      piro: 5 * 13 - 2,
      trirl: 12 * 3,
      lfirl: 6 * 5,
      cleanil: 3 * 5,
      imitation: 1,
      distirl: 6,
    });
  });

  it.each([
    // id, mean, std, expert, runs, demonstrations
    ["iq-learn/hopper/gail", 3252.5, null, 3532.7, null, 1],
    ["iq-learn/ant/dac", 1437.5, null, 4700.0, null, 1],
    ["iq-learn/walker2d/valuedice", 3842.6, null, 5274.5, null, 1],
    ["iq-learn/humanoid/iq-learn", 5227.1, null, 5312.8, null, 1],
    ["iq-learn/halfcheetah/iq-learn", 5076.6, null, 5098.3, null, 1],
    ["piro/ant/mm", -304.0, null, 5926.2, 5, 1],
    ["piro/hopper/ml-irl", 3316.4, null, 3632.8, 5, 1],
    ["piro/halfcheetah/ml-irl", 11873.2, null, 12266.1, 5, 1],
    ["piro/walker2d/ml-irl", 4794.7, null, 5524.5, 5, 1],
    ["piro/humanoid/bc", 418.1, null, 5501.0, 5, 1],
    ["piro/walker2d/dac", -3.0, null, 5524.5, 5, 1],
    ["piro/halfcheetah/csil", -107.2, null, 12266.1, 5, 1],
    ["piro/humanoid/piro", 5954.9, null, 5501.0, 5, 1],
    ["trirl/hopper/airl", 0.68, 0.11, null, 20, null],
    ["trirl/ant/airl/disabled", 0.42, 0.25, null, 20, null],
    ["trirl/halfcheetah/airl/mars", -0.1, 0.06, null, 20, null],
    ["trirl/pointmaze/trirl/other-maze", 0.96, 0.001, null, 20, null],
    ["lfirl/umaze/ml-irl/hours", 9.76, null, null, null, null],
    ["lfirl/kitchen/airl/hours", 9.55, null, null, null, null],
    ["lfirl/pen/ml-irl/pearson", 0.78, null, null, null, null],
    ["lfirl/pen/ml-irl/spearman", 0.69, null, null, null, null],
    ["cleanil/halfcheetah/gail", 1.0726, null, 12135.0, 1, 10],
    ["cleanil/walker2d/bc", 0.9954, null, 4592.3, 1, 20],
    ["imitation/halfcheetah/sqil", 1400.7, 254.1, 3400, 5, null],
    ["distirl/hopper-risk/ml-irl-offline", 192, 56, 892, 5, 10],
  ] as const)("%s", (id, mean, std, expert, runs, demonstrations) => {
    const found = at(id);
    expect(found.mean).toBeCloseTo(mean, 12);
    expect(found).toMatchObject({ std, expert, runs, demonstrations });
  });

  it.each([
    ["piro/hopper/ml-irl", 1e6, 3e6],
    ["piro/halfcheetah/ml-irl", 3e6, 9e6],
    ["piro/walker2d/ml-irl", 5e6, 15e6],
    ["piro/ant/ml-irl", 3e6, 9e6],
    ["piro/humanoid/ml-irl", 3e6, 9e6],
    ["iq-learn/ant/iq-learn", 5e5, null],
    ["trirl/ant/airl", 3e7, null],
    ["imitation/halfcheetah/sqil", 3e5, null],
  ])("%s has a budget, as counted and as taken", (id, accounted, actual) => {
    expect(at(id).budget).toMatchObject({ accounted, actual });
  });

  it.each(["piro/hopper/dac", "piro/hopper/piro", "iq-learn/hopper/gail", "trirl/ant/airl/retrained"])(
    "%s has a budget that is not known",
    (id) => {
      expect(at(id).budget).toBeNull();
    },
  );

  it("can be filtered by each part of their id", () => {
    expect(publishedCells({})).toEqual(PUBLISHED);
    expect(publishedCells({ source: "iq-learn" })).toHaveLength(20);
    expect(publishedCells({ task: "humanoid" })).toHaveLength(4 + 11);
    expect(publishedCells({ method: "ml-irl", source: "piro" }).map(({ task }) => task)).toEqual([
      "ant",
      "humanoid",
      "walker2d",
      "hopper",
      "halfcheetah",
    ]);
    expect(publishedCells({ source: "imitation", task: "hopper" })).toEqual([]);
  });
});
