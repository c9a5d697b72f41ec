/** Suites and cells of a few numbers, for results that can be computed by hand. */
import { outcomeOf, parseSuite, type Outcome, type Suite } from "../../src/bench/index.ts";
import { cellsOf } from "../../src/bench/index.ts";
import { runConfig } from "../../src/runs/index.ts";
import { evaluation, tinyRun } from "../report/tiny-run.ts";

/** Two tasks, two methods, two trajectories, two seeds; steps 1000. */
export const SUITE = {
  name: "tiny",
  tasks: ["one", "two"].map((name) => ({
    name,
    env: "HalfCheetah-v5",
    demos: "demo.npz",
    trajectories: [0, 1],
    steps: 1000,
  })),
  methods: [
    { name: "first", options: { method: "sqil" } },
    { name: "second", options: { method: "dac" } },
  ],
  seeds: [1, 2],
};

/** The suite, with some of it changed. */
export function tinySuite(changes: object = {}): Suite {
  return parseSuite("tiny", { ...SUITE, ...changes });
}

/** What is said about a cell; `returns` are those of the evaluations, at equal distances up to the end. */
export interface Told {
  readonly state: Outcome["state"];
  readonly returns?: readonly number[];
  readonly summary?: object;
  readonly config?: object;
}

/** The outcome of a suite's cell by its id, through the files that a run leaves. */
export function outcome(
  suite: Suite,
  id: string,
  { state, returns = [], summary = {}, config }: Told,
): Outcome {
  const cell = cellsOf(suite).find((each) => each.id === id);
  if (!cell) throw new Error(`no cell ${id}`);
  if (state === "new") return outcomeOf(cell, null, null);
  const { steps } = cell;
  const end = state === "complete" ? steps : steps / 2;
  const broken = {
    kind: "finding",
    step: 10,
    signature: "not finite",
    since: 1,
    until: null,
    evidence: "x",
    remedy: "y",
  };
  const records = [
    ...returns.map((value, i) => evaluation(((i + 1) * end) / returns.length, [value, value])),
    ...(state === "diverged" ? [broken] : []),
  ];
  const run = tinyRun({
    steps,
    records,
    summary:
      state === "complete"
        ? {
            expertReturn: 200,
            randomReturn: 0,
            steps: { train: steps, rewardRollout: 10, evaluation: 60, expert: 40 },
            seconds: 5,
            ...summary,
          }
        : null,
  });
  return outcomeOf(cell, runConfig.parse({ ...CONFIG, seed: cell.seed, steps, ...config }), run);
}

/** Every cell of the suite, complete, with the return that `returnOf` gives. */
export function outcomes(suite: Suite, toldOf: (id: string) => Told): Outcome[] {
  return cellsOf(suite).map(({ id }) => outcome(suite, id, toldOf(id)));
}

const sac = {
  hidden: [16],
  batchSize: 16,
  discount: 0.99,
  learningRate: 1e-3,
  polyak: 0.005,
  temperature: "learnt",
  targetEntropy: "auto",
};

/** The configuration of a cell. */
export const CONFIG = {
  format: "tandem-run/1",
  command: "train",
  version: "0.1.0",
  env: { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 60 } },
  seed: 1,
  steps: 1000,
  demos: { path: "demo.npz", sha256: "00", episodes: 1, firstEpisode: 0, transitions: 60, shuffled: false },
  evaluation: { every: 100, episodes: 1, finalEpisodes: 2 },
  kernels: "simd",
  node: "v24",
  algorithm: { method: "sqil", sac, startSteps: 100, replayCapacity: 1000, termination: "native" },
};
