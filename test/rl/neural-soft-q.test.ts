import { describe, expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { garnetMdp } from "../../src/envs/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  createNeuralSoftQ,
  createTabularProblem,
  neuralSoftQLoop,
  softValueIteration,
  theoryPolicyStepSize,
  type NeuralSoftQ,
  type NeuralSoftQOptions,
  type TabularProblem,
  type TransitionBatch,
} from "../../src/rl/index.ts";
import { describeBuilds, download, U, ulp } from "../kernels/builds.ts";
import { expectClose } from "../reference/closeness.ts";
import { rowsOf, scriptedProblem, type Script } from "../reference/scripted-problem.ts";

const KEY = keyFromSeed(8);
const OPTIONS: NeuralSoftQOptions = {
  width: 64,
  radius: Infinity,
  stepSize: 0.5,
  discount: 0.75,
  output: "last",
  backup: "soft-optimality",
  values: "centred",
};
const PAIR: Script = {
  kind: "one-hot",
  size: 6,
  psi: [0, 1].map((s) => [0, 1, 2].map((a) => [[3 * s + a, 1]])),
  iterations: [
    {
      transitions: [
        { pair: [0, 2], next: 1 },
        { pair: [1, 1], next: null },
      ],
      logPolicy: [0, 1].map(() => [Math.log(0.2), Math.log(0.3), Math.log(0.5)]),
      expert: [],
      agent: [],
    },
  ],
  discount: 0,
};

describe("the theory's fast step size", () => {
  it("is the smaller of K^(-3/4) and (1 - gamma) / 8", () => {
    expect(theoryPolicyStepSize(16, 0.2)).toBe(0.1);
    expect(theoryPolicyStepSize(10_000, 0.9)).toBeCloseTo(0.001, 15);
    expect(theoryPolicyStepSize(10, 0.9)).toBeCloseTo(0.0125, 15);
  });
});

describeBuilds("one loop", (kernels) => {
  const fill = (value: number) => (batch: TransitionBatch, out: number) => {
    kernels.f32(out, batch.count).fill(value);
  };
  const start = (options: Partial<NeuralSoftQOptions> = {}) => {
    const problem = scriptedProblem(kernels, PAIR);
    return { problem, state: createNeuralSoftQ(kernels, problem, { ...OPTIONS, ...options }, KEY) };
  };

  it("asks for the rewards of its transitions once, and counts its steps", () => {
    const { problem, state } = start();
    const asked: [number, number][] = [];
    neuralSoftQLoop(kernels, state, problem, (batch, out) => asked.push([batch.count, out]), 2);
    expect(asked).toEqual([[2, problem.rewards]]);
    expect(state.steps).toBe(2);
  });

  it.each([0, -1, 3, Number.NaN])("refuses %d steps of a problem with room for 2", (count) => {
    const { problem, state } = start();
    expect(() => neuralSoftQLoop(kernels, state, problem, fill(0), count)).toThrow(
      `neuralSoftQLoop: expected 1 to 2 steps, the problem's batch, got ${count}; make the problem with more room`,
    );
    expect(problem.asked).toEqual([]);
  });

  it("lowers V by log A where values are centred, and not where s' is terminal", () => {
    // eta = 0: W stays, and both residuals are d_t - r of a reward r that is handed in.
    // sum_t (d_t - r)^2 = sum_t d_t^2 - 2 r sum_t d_t + 2 r^2: two rewards tell sum_t d_t.
    const [centred, plain] = (["centred", "plain"] as const).map((values) => {
      const [low, high] = [-1, 1].map((reward) => {
        const { problem, state } = start({ values, stepSize: 0 });
        return 2 * neuralSoftQLoop(kernels, state, problem, fill(reward), 2).squaredResidual;
      });
      return (low - high) / 4;
    });
    // d = Q - gamma (V - log A): centred is gamma log A above plain in the step that does not end, the other is the same.
    expectClose([centred - plain], [OPTIONS.discount * Math.log(3)], 2 ** -20);
  });

  it("begins with the network of its key", () => {
    const first = rowsOf(kernels, start().state.network);
    expect(rowsOf(kernels, start().state.network)).toEqual(first);
    const other = createNeuralSoftQ(kernels, scriptedProblem(kernels, PAIR), OPTIONS, keyFromSeed(9));
    expect(rowsOf(kernels, other.network)).not.toEqual(first);
  });

  it("stays in a ball around its initialisation and says how often it was held there", () => {
    const { problem, state } = start({ radius: 0.01, stepSize: 1 });
    const { projectedShare } = neuralSoftQLoop(kernels, state, problem, fill(5), 2);
    expect(projectedShare).toBe(1);
    const free = start({ stepSize: 1 });
    expect(neuralSoftQLoop(kernels, free.state, free.problem, fill(5), 2).projectedShare).toBe(0);
  });
});

describeBuilds("neural soft Q-learning of a fixed reward", (kernels) => {
  // Every pair leads to one state: there is no noise, and Q is learnt exactly.
  const mdp = garnetMdp({ states: 5, actions: 3, branching: 1, seed: 2 });
  const pairs = 15;

  function make(
    kernelsOf: Kernels,
    options: NeuralSoftQOptions,
  ): { problem: TabularProblem; state: NeuralSoftQ } {
    const problem = createTabularProblem(
      kernelsOf,
      mdp,
      { kind: "fresh", logPolicy: new Float64Array(pairs).fill(-Math.log(3)) },
      {
        sampling: "iid",
        replayCapacity: 1,
        horizon: 1,
        gradientDiscount: 1,
        batchCapacity: 200,
        trajectoryCapacity: 1,
      },
      () => new Float64Array(5).fill(0.2),
      KEY,
    );
    return { problem, state: createNeuralSoftQ(kernelsOf, problem, options, KEY) };
  }

  it.each(
    (["average", "last"] as const).flatMap((output) =>
      (["soft-optimality", "policy-evaluation"] as const).flatMap((backup) =>
        (["centred", "plain"] as const).map((values) => ({ output, backup, values })),
      ),
    ),
  )("finds the soft-optimal values: $output, $backup, $values", (choice) => {
    const { problem, state } = make(kernels, { ...OPTIONS, ...choice });
    const reward = (batch: TransitionBatch, out: number): void => {
      if (batch.kind !== "pairs") throw new Error("expected pairs");
      const visited = kernels.u32(batch.pairs, batch.count);
      kernels.f32(out, batch.count).set(Array.from(visited, (pair) => mdp.rewards[pair]));
    };
    for (let k = 0; k < 300; k++) neuralSoftQLoop(kernels, state, problem, reward, 200);
    const table = kernels.allocate(pairs);
    kernels.sparseTable(state.network.block, table);
    const { actionValues, logPolicy } = softValueIteration(mdp, mdp.rewards, {
      discount: OPTIONS.discount,
      tolerance: 1e-10,
      values: choice.values,
    });
    // Learning stops where eta |delta| / sqrt(m) is below half a unit in a weight's last place. Q adds m / 4 terms a lane.
    const largest = Math.max(...rowsOf(kernels, state.network).flat());
    const stopped = (ulp(largest) / 2) * (Math.sqrt(OPTIONS.width) / OPTIONS.stepSize);
    const rounding = (OPTIONS.width / 4) * U * Math.max(...actionValues.map(Math.abs));
    const near = (stopped + rounding) / (1 - OPTIONS.discount);
    expectClose(download(kernels, table, pairs), actionValues, near);
    const learnt = new Float64Array(pairs);
    problem.logPolicyOf(state.network, learnt);
    expectClose(learnt, logPolicy, 2 * near);
  });
});
