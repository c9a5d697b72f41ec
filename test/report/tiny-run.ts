/** Runs of a few numbers, for results that can be computed by hand. */
import { parseRun, type Run } from "../../src/report/index.ts";

/** What may be said about a tiny run; the rest is filled in. */
export interface TinyRun {
  readonly name?: string;
  readonly seed?: number;
  readonly steps?: number;
  readonly env?: string;
  readonly command?: "train" | "expert";
  readonly algorithm?: object;
  readonly demos?: object | null;
  readonly records?: readonly object[];
  readonly metrics?: string;
  readonly summary?: object | null;
}

/** A run of `steps` steps; `summary` overrides single fields of a plain one, null leaves it out. */
export function tinyRun(choices: TinyRun = {}): Run {
  const { name = "run", summary = {} } = choices;
  const metrics =
    choices.metrics ?? (choices.records ?? []).map((each) => `${JSON.stringify(each)}\n`).join("");
  return parseRun(name, {
    config: JSON.stringify(tinyConfig(choices)),
    metrics,
    summary: summary && JSON.stringify({ ...plainSummary(choices), ...summary }),
  });
}

/** The configuration of a tiny run. */
export function tinyConfig(choices: TinyRun = {}): object {
  const { seed = 1, steps = 500_000, env = "Pendulum-v1", command = "train", algorithm = {} } = choices;
  const demos = { path: "demos.npz", episodes: 2, transitions: 400, sha256: "00", shuffled: false };
  return {
    format: "tandem-run/1",
    command,
    version: "0.1.0",
    env: { id: env, options: {} },
    seed,
    steps,
    demos: command === "expert" ? null : (choices.demos ?? demos),
    algorithm,
    evaluation: { every: 10_000, episodes: 3 },
    kernels: "simd",
    node: "24.0.0",
  };
}

/** An evaluation record over these returns. */
export function evaluation(step: number, returns: readonly (number | null)[], more: object = {}): object {
  const values = returns.map((each) => each ?? NaN);
  const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
  const variance = values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (values.length - 1);
  const steps = { train: step, rewardRollout: 0, evaluation: 600, expert: 400 };
  const correlations = { pearson: 0.5, spearman: 0.4 };
  return {
    kind: "evaluation",
    step,
    returns,
    meanReturn: mean,
    stdReturn: Math.sqrt(variance),
    ...correlations,
    steps,
    ...more,
  };
}

/** A reward record, all ones but for what is said. */
export function rewardRecord(rewardStep: number, more: object = {}): object {
  return {
    kind: "reward",
    step: 1000 * rewardStep,
    rewardStep,
    returnGap: 1,
    expertMeanReward: 1,
    agentMeanReward: 1,
    gradientNorm: 1,
    travel: 1,
    projected: 1,
    gradientCosine: 1,
    seconds: 10,
    policySeconds: 6,
    simulationSeconds: 3,
    ...more,
  };
}

function plainSummary({ seed = 1, steps = 500_000, env = "Pendulum-v1" }: TinyRun): object {
  return {
    env,
    seed,
    expertReturn: 200,
    finalReturn: 100,
    finalReturns: [90, 100, 110],
    randomReturn: -5,
    steps: { train: steps, rewardRollout: 0, evaluation: 600, expert: 400 },
    seconds: 5000,
    kernels: "simd",
  };
}
