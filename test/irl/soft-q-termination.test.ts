import { expect, it } from "vitest";
import { foldIn, keyFromSeed } from "../../src/core/index.ts";
import {
  createSoftQMlIrl,
  softQAbsorbingReward,
  softQMlIrlIteration,
  taughtReward,
  type SoftQMlIrl,
  type SoftQMlIrlOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import type { SparseTwoLayer } from "../../src/nn/index.ts";
import {
  createEnvironmentProblem,
  customFeatures,
  neuralSoftQLoop,
  productFeatures,
  standardisationOver,
  type StateActionFeatures,
} from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { scriptedProblem, setNetwork, type Script } from "../reference/scripted-problem.ts";
import {
  balancedEpisodes,
  discreteTrajectories,
  unstableEnvironment,
  type DiscreteEpisode,
} from "../reference/unstable-environment.ts";

const KEY = keyFromSeed(8);
const DISCOUNT = 0.9;
const HORIZON = 20;
const BALANCED = balancedEpisodes(3, { maxEpisodeSteps: HORIZON });
const FEATURES = productFeatures(standardisationOver([discreteTrajectories(BALANCED).observations], 2), 3);
const OPTIONS: SoftQMlIrlOptions = {
  softQ: {
    width: 32,
    radius: 50,
    stepSize: 0.5,
    discount: DISCOUNT,
    output: "last",
    backup: "soft-optimality",
    values: "centred",
  },
  innerSteps: { first: 60, growth: 0 },
  reward: { width: 32, radius: 20, stepSize: 0.1, decay: 0 },
  trajectories: 2,
  termination: "absorbing",
  constantReward: null,
};

/** Both levels on the unstable point, which an untaught policy loses within a few steps. */
function make(
  kernels: Kernels,
  options: Partial<SoftQMlIrlOptions> = {},
  features: StateActionFeatures = FEATURES,
  episodes: readonly DiscreteEpisode[] = BALANCED,
  sampling: "markov-chain" | "replay" = "replay",
): SoftQMlIrl {
  const [train, rollout] = [0, 1].map(() => unstableEnvironment({ maxEpisodeSteps: HORIZON }));
  const problem = createEnvironmentProblem(
    kernels,
    { train, rollout },
    features,
    discreteTrajectories(episodes),
    {
      sampling,
      replayCapacity: 100,
      gradientDiscount: DISCOUNT,
      batchCapacity: 60,
      trajectoryCapacity: 3,
    },
    foldIn(KEY, 1),
  );
  return createSoftQMlIrl(kernels, problem, { ...OPTIONS, ...options }, 7, foldIn(KEY, 0));
}

function iterate(kernels: Kernels, state: SoftQMlIrl, times: number) {
  return Array.from({ length: times }, () => softQMlIrlIteration(kernels, state, () => 0));
}

const weightsOf = (kernels: Kernels, { weights, features, units }: SparseTwoLayer): Float32Array =>
  download(kernels, weights, features * units);
const learnt = (kernels: Kernels, { softQ, reward }: SoftQMlIrl): number[] =>
  [softQ.network, reward].map((network) => checksum([weightsOf(kernels, network)]));

/** An expert episode of some length that the task ended, or that was cut. */
const episodeOf = (length: number, terminated: boolean): DiscreteEpisode => ({
  observations: Array.from({ length: length + 1 }, (_, t) => [t / 64, 0]),
  actions: Array.from({ length }, () => 1),
  terminated,
});

describeBuilds("a constant added to every reward", (kernels) => {
  /** psi(s, a) = 1: steps have one reward. */
  const ONE = customFeatures(1, 2, 3, (_, __, row) => row.fill(1));
  const EXPERTS: Record<string, DiscreteEpisode[]> = {
    "the whole horizon long": [episodeOf(HORIZON, false), episodeOf(HORIZON, false)],
    ended: [episodeOf(4, true), episodeOf(HORIZON, true)],
    "cut, one of two": [episodeOf(5, false), episodeOf(3, true)],
    "cut, both": [episodeOf(5, false), episodeOf(1, false)],
    "longer than the horizon": [episodeOf(HORIZON + 9, true), episodeOf(HORIZON + 1, false)],
  };

  /** The sum of all coefficients of g, and the agent's alone of steps, for r = r_a = 1. */
  const coefficients = (termination: SoftQMlIrlOptions["termination"], expert: DiscreteEpisode[]) => {
    const state = make(kernels, { termination }, ONE, expert);
    const { features, width } = state.reward;
    // One open unit: m^(-1/2) b W = 1 for each column.
    const open = (first: number): number[] => Array.from({ length: features }, () => first);
    const rows = Array.from({ length: width }, (_, j) => open(j === 0 ? Math.sqrt(width) : -1));
    setNetwork(
      kernels,
      state.reward,
      rows,
      Array.from({ length: width }, () => 1),
    );
    const [{ returnGap, absorbingReward }] = iterate(kernels, state, 1);
    const g = download(kernels, state.ascent.previousGradient, features * state.reward.units);
    const columns = Array.from({ length: features }, (_, i) => Math.sqrt(width) * g[i * state.reward.units]);
    return { returnGap, absorbingReward, columns };
  };

  it.each(Object.keys(EXPERTS))(
    "changes nothing in the gradient with absorbing states: experts %s",
    (name) => {
      const { returnGap, absorbingReward, columns } = coefficients("absorbing", EXPERTS[name]);
      expect(absorbingReward).toBeCloseTo(1, 6);
      // 80 weights of at most 1 / 2 are added up in float32, in both columns.
      expectClose([columns[0] + columns[1], returnGap], [0, 0], 2 ** -17);
      if (name !== "cut, both") expect(Math.abs(columns[1])).toBeGreaterThan(0.1);
    },
  );

  it("changes the gradient of native ends, where only the expert lives on", () => {
    const { returnGap, absorbingReward, columns } = coefficients("native", EXPERTS["the whole horizon long"]);
    expect(absorbingReward).toBe(null);
    expect(columns).toHaveLength(1);
    expect(columns[0]).toBeGreaterThan(1);
    expect(returnGap).toBeGreaterThan(1);
  });

  it("native too compares cut experts only as far as they go", () => {
    const whole = coefficients("native", [episodeOf(HORIZON, false)]).columns[0];
    const cut = coefficients("native", [episodeOf(1, false)]).columns[0];
    // The agent's first step is all that counts against the expert's only one.
    expectClose([cut], [0], 2 ** -17);
    expect(whole).toBeGreaterThan(1);
  });
});

describeBuilds("what follows an end", (kernels) => {
  it.each([
    { constantReward: null, sampling: "replay" as const },
    { constantReward: null, sampling: "markov-chain" as const },
    { constantReward: 0.3, sampling: "replay" as const },
    { constantReward: -1, sampling: "markov-chain" as const },
  ])(
    "teaches as a reward of gamma r_a / (1 - gamma) on the step that ends would: constant $constantReward, $sampling",
    ({ constantReward, sampling }) => {
      const state = make(kernels, { constantReward }, FEATURES, BALANCED, sampling);
      const twin = make(kernels, { constantReward }, FEATURES, BALANCED, sampling);
      const native = make(kernels, { constantReward, termination: "native" }, FEATURES, BALANCED, sampling);
      const { entries } = FEATURES;
      let ends = 0;
      for (let k = 0; k < 3; k++) {
        const each = constantReward ?? softQAbsorbingReward(kernels, state) ?? Number.NaN;
        const within = (DISCOUNT * each) / (1 - DISCOUNT);
        neuralSoftQLoop(
          kernels,
          twin.softQ,
          twin.problem,
          (batch, out) => {
            if (batch.kind === "pairs") throw new Error("pairs");
            const { count, indices, values } = batch;
            if (constantReward === null)
              kernels.sparseForward(state.reward.block, count, entries, indices, values, out);
            else kernels.fill(count, out, constantReward);
            const rewards = kernels.f32(out, count);
            kernels.f32(batch.continues, count).forEach((continues, t) => {
              if (continues === 1) return;
              rewards[t] += within;
              ends++;
            });
          },
          60,
        );
        // The twin's trajectories are drawn too: they share a stream with the chain's actions.
        const [{ absorbingReward }] = iterate(kernels, state, 1);
        twin.problem.expertTrajectories(2);
        twin.problem.agentTrajectories(twin.softQ.network, 2);
        iterate(kernels, native, 1);
        if (constantReward === null) expect(absorbingReward).toBe(each);
        expect(weightsOf(kernels, state.softQ.network)).toEqual(weightsOf(kernels, twin.softQ.network));
      }
      expect(ends).toBeGreaterThan(4);
      expect(learnt(kernels, state)[0]).not.toBe(learnt(kernels, native)[0]);
    },
  );

  it("is paid to no step that goes on, and nothing is where the constant is 0", () => {
    const [zero, native] = (["absorbing", "native"] as const).map((termination) =>
      make(kernels, { constantReward: 0, termination }),
    );
    iterate(kernels, zero, 3);
    iterate(kernels, native, 3);
    expect(learnt(kernels, zero)[0]).toBe(learnt(kernels, native)[0]);

    const state = make(kernels);
    const batch = state.problem.transitions(state.softQ.network, 60);
    if (batch.kind === "pairs") throw new Error("pairs");
    const [all, steps] = [kernels.allocate(60), kernels.allocate(60)];
    taughtReward(kernels, state)(batch, all);
    kernels.sparseForward(state.reward.block, 60, FEATURES.entries, batch.indices, batch.values, steps);
    const after = (DISCOUNT * (softQAbsorbingReward(kernels, state) ?? 0)) / (1 - DISCOUNT);
    const continues = kernels.f32(batch.continues, 60);
    expect(Math.abs(after)).toBeGreaterThan(0.1);
    expect(Array.from(kernels.f32(all, 60))).toEqual(
      Array.from(kernels.f32(steps, 60), (each, t) =>
        continues[t] === 0 ? Math.fround(each + after) : each,
      ),
    );
  });

  it("has a reward that trajectories with and without an end move, and no step's with it", () => {
    const walk = [[0, 0] as const, [1, 1] as const];
    const script: Script = {
      kind: "rows",
      size: 2,
      psi: [0, 1].map(() => [0, 1].map((a) => [[a, 0.8]] as const)),
      discount: 0.5,
      iterations: [
        {
          transitions: [{ pair: [0, 0], next: 1 }],
          logPolicy: [0, 1].map(() => [Math.log(0.5), Math.log(0.5)]),
          expert: [walk],
          agent: [walk],
          absorbing: [0.25, 1],
        },
      ],
    };
    const options: SoftQMlIrlOptions = { ...OPTIONS, innerSteps: { first: 1, growth: 0 }, trajectories: 1 };
    const state = createSoftQMlIrl(kernels, scriptedProblem(kernels, script), options, 5, KEY);
    const { features, units, width } = state.reward;
    expect([features, state.softQ.network.features]).toEqual([3, 2]);
    const before = weightsOf(kernels, state.reward);
    const paid = softQAbsorbingReward(kernels, state);
    const [record] = iterate(kernels, state, 1);
    const after = weightsOf(kernels, state.reward);
    expectClose(after.subarray(0, 2 * units), before.subarray(0, 2 * units), 2 ** -22);
    // theta moves by -alpha (3/4) m^(-1/2) b in the units that are open, and r_a by that times their gradient.
    const column = before.subarray(2 * units, 2 * units + width);
    const open = column.filter((w) => w > 0).length / width;
    const moved = (softQAbsorbingReward(kernels, state) ?? Number.NaN) - (paid ?? Number.NaN);
    expectClose([moved, record.returnGap], [-0.1 * 0.75 * open, -0.75 * (paid ?? Number.NaN)], 2 ** -20);
    expect(record.absorbingReward).toBe(paid);
    expect(open).toBeGreaterThan(0.2);
  });
});

describeBuilds("the two treatments of ends", (kernels) => {
  it("are the same bits from the same seed, in one go or in two, and others than each other's", () => {
    const whole = make(kernels);
    const records = iterate(kernels, whole, 6);
    const halves = make(kernels);
    expect([...iterate(kernels, halves, 3), ...iterate(kernels, halves, 3)]).toEqual(records);
    expect(learnt(kernels, halves)).toEqual(learnt(kernels, whole));
    const native = make(kernels, { termination: "native" });
    iterate(kernels, native, 6);
    expect(learnt(kernels, native)[0]).not.toBe(learnt(kernels, whole)[0]);
    expect(records.every(({ absorbingReward }) => Number.isFinite(absorbingReward))).toBe(true);
  });

  it("add a column to the reward with absorbing states alone", () => {
    const [absorbing, native] = [make(kernels), make(kernels, { termination: "native" })];
    const { size } = FEATURES;
    expect([absorbing, native].map(({ reward }) => reward.features)).toEqual([size + 1, size]);
    expect([absorbing, native].map(({ softQ }) => softQ.network.features)).toEqual([size, size]);
    expect(softQAbsorbingReward(kernels, native)).toBe(null);
  });

  it("refuse absorbing states where they are not known, or are worth no finite number", () => {
    const script: Script = {
      kind: "one-hot",
      size: 2,
      psi: [[[[0, 1]], [[1, 1]]]],
      discount: 0.5,
      iterations: [{ transitions: [{ pair: [0, 0], next: 0 }], logPolicy: [[0, 0]], expert: [], agent: [] }],
    };
    expect(() => createSoftQMlIrl(kernels, scriptedProblem(kernels, script), OPTIONS, 5, KEY)).toThrow(
      "createSoftQMlIrl: absorbing states expect features as rows, got one-hot ones; give the table such a state, and choose native",
    );
    expect(() => make(kernels, { softQ: { ...OPTIONS.softQ, discount: 1 } })).toThrow(
      "createSoftQMlIrl: an absorbing state's value r / (1 - gamma) expects a discount below 1, got 1; lower it, or choose native",
    );
  });
});
