import { describe, expect, it } from "vitest";
import { compareRuns, type ComparedRun } from "../../src/bench/index.ts";
import { BC_DEFAULTS, DAC_DEFAULTS, TRAIN_DEFAULTS, type TrainConfig } from "../../src/runs/index.ts";
import { evaluation, tinyRun } from "../report/tiny-run.ts";

interface Choices {
  readonly seed?: number;
  readonly env?: string;
  readonly steps?: number;
  readonly node?: string;
  readonly path?: string;
  readonly algorithm?: TrainConfig["algorithm"];
  readonly returns?: readonly number[];
  readonly summary?: object | null;
}

/** A run of 100 steps with an evaluation every 5. */
function compared(name: string, choices: Choices = {}): ComparedRun {
  const {
    seed = 1,
    env = "Pendulum-v1",
    steps = 100,
    algorithm = TRAIN_DEFAULTS,
    returns = [],
    summary,
  } = choices;
  const config: TrainConfig = {
    format: "tandem-run/1",
    version: "0.1.0",
    command: "train",
    env: { id: env, options: {} },
    seed,
    steps,
    evaluation: { every: 5, episodes: 2, finalEpisodes: 2 },
    kernels: "simd",
    node: choices.node ?? "24.0.0",
    demos: {
      path: choices.path ?? "demo.npz",
      sha256: "00",
      episodes: 1,
      firstEpisode: 0,
      transitions: 10,
      shuffled: false,
      constant: false,
      heldOut: [],
    },
    instruments: false,
    algorithm,
  };
  const records = returns.map((value, i) => evaluation(5 * (i + 1), [value, value]));
  const run = tinyRun({ name, seed, steps, env, algorithm, records, summary });
  return { name, config, run };
}

/** Returns of twenty evaluations, the last two of which lie in the last tenth. */
const ending = (last: readonly [number, number]): number[] => [...Array<number>(18).fill(1000), ...last];

/** Marks of each figure, those with names. */
const kinds = (runs: readonly ComparedRun[]): string[][] =>
  compareRuns(runs).curves.map(({ panels: [panel] }) =>
    panel.kind === "xy"
      ? panel.marks.flatMap((mark) => ("name" in mark && mark.name ? [`${mark.kind} ${mark.name}`] : []))
      : [],
  );

describe("compareRuns", () => {
  it("takes the score of the last tenth, and its mean and deviation over seeds", () => {
    const { groups, differing } = compareRuns([
      compared("a", {
        seed: 1,
        returns: ending([10, 20]),
        summary: { randomReturn: 0, expertReturn: 100, finalReturn: 7, seconds: 10 },
      }),
      compared("b", {
        seed: 2,
        returns: ending([30, 40]),
        summary: { randomReturn: 5, expertReturn: 45, finalReturn: 9, seconds: 30 },
      }),
    ]);
    expect(differing).toEqual([]);
    expect(groups).toHaveLength(1);
    const [group] = groups;
    expect(group).toMatchObject({ label: "A", complete: 2, settings: [] });
    expect(group.score).toEqual({ mean: 25, deviation: Math.sqrt(200), count: 2 });
    expect(group.normalised?.mean).toBeCloseTo((0.15 + 0.75) / 2, 12);
    expect(group.finalReturn).toEqual({ mean: 8, deviation: Math.SQRT2, count: 2 });
    expect(group.seconds?.mean).toBe(20);
    const steps = { train: 100, rewardRollout: 40, evaluation: 7, expert: 9 };
    const [one] = compareRuns([
      compared("a", { summary: { steps } }),
      compared("b", { env: "Other-v0" }),
    ]).groups;
    expect(one.steps).toEqual({ mean: 140, deviation: null, count: 1 });
  });

  it("counts in aggregates only what is complete and known", () => {
    const [group] = compareRuns([
      compared("a", { seed: 1, returns: ending([10, 20]), summary: { expertReturn: null, finalReturn: 7 } }),
      compared("b", { seed: 2, returns: ending([30, 40]), summary: null }),
    ]).groups;
    expect(group.complete).toBe(1);
    expect(group.score).toEqual({ mean: 15, deviation: null, count: 1 });
    expect(group.finalReturn).toEqual({ mean: 7, deviation: null, count: 1 });
    expect(group.normalised).toBeNull();
  });

  it("parts runs by their settings, not by seed, place or Node", () => {
    const other = { ...TRAIN_DEFAULTS, startSteps: 7 };
    const { groups, differing } = compareRuns([
      compared("a", { seed: 1 }),
      compared("b", { seed: 2, algorithm: other }),
      compared("c", { seed: 3, node: "25.0.0", path: "elsewhere.npz" }),
      compared("d", { seed: 4, algorithm: other }),
    ]);
    expect(differing).toEqual(["algorithm.startSteps"]);
    expect(
      groups.map(({ label, settings, runs }) => [label, settings, runs.map(({ name }) => name)]),
    ).toEqual([
      ["A", ["2000"], ["a", "c"]],
      ["B", ["7"], ["b", "d"]],
    ]);
  });

  it("calls groups of one run by its name, and knows settings that some do not have", () => {
    const { groups, differing } = compareRuns([compared("a"), compared("b", { algorithm: DAC_DEFAULTS })]);
    expect(groups.map(({ label }) => label)).toEqual(["a", "b"]);
    const place = differing.indexOf("algorithm.discriminator.every");
    expect(groups.map(({ settings }) => settings[place])).toEqual([null, "1"]);
  });

  it("names more groups than there are letters", () => {
    const runs = Array.from({ length: 28 }, (_, i) =>
      [1, 2].map((seed) => compared(`${i}-${seed}`, { seed, steps: 100 + i })),
    );
    const labels = compareRuns(runs.flat()).groups.map(({ label }) => label);
    expect([labels[0], labels[25], labels[26], labels[27]]).toEqual(["A", "Z", "AA", "AB"]);
  });

  it("draws a figure an environment: updates beside steps as a level, alone as a curve", () => {
    const cloned = (name: string, seed: number): ComparedRun =>
      compared(name, { seed, algorithm: BC_DEFAULTS, returns: ending([10, 20]) });
    const stepping = compared("steps", { returns: ending([1, 2]) });
    const levels = ["rule expert", "rule random"];
    expect(kinds([stepping, cloned("bc", 1)])).toEqual([["line steps", "rule bc", ...levels]]);
    expect(kinds([cloned("bc", 1), cloned("more", 2)])).toEqual([["line A", ...levels]]);
    const elsewhere = compared("there", { env: "Other-v0", returns: ending([1, 2]) });
    expect(kinds([stepping, elsewhere])).toEqual([
      ["line steps", ...levels],
      ["line there", ...levels],
    ]);
    expect(compareRuns([compared("a"), compared("b", { seed: 2 })]).curves).toEqual([]);
  });
});
