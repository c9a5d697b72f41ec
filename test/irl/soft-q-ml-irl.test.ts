import { describe, expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import {
  createSoftQMlIrl,
  innerStepsAt,
  softQMlIrlIteration,
  theoryRewardStepSize,
  type IterationRecord,
  type SoftQMlIrl,
  type SoftQMlIrlOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { describeBuilds } from "../kernels/builds.ts";
import { float32Tolerance } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import {
  rowsOf,
  scriptedProblem,
  setNetwork,
  type Script,
  type ScriptedProblem,
} from "../reference/scripted-problem.ts";
import {
  workedIterations,
  type Sheet,
  type Worked,
  type WorkedChoices,
} from "../reference/worked-iteration.ts";

const KEY = keyFromSeed(3);

/** One-hot psi of two states and two actions. */
const PAIRS: Script["psi"] = [
  [[[0, 1]], [[1, 1]]],
  [[[2, 1]], [[3, 1]]],
].map((state) => state.map((row) => row.map(([index, value]) => [index, value] as const)));

// ---- every number by hand ----------------------------------------------------------------------------------------

/*
 * m = 4, d = 4, eta = 1, gamma = 1/2, columns instead of rows. With equal action values V = log(1/2 sum exp Q) is the
 * action value itself, so that every number below is a sum of powers of 2.
 *
 *          W(0) column        b = (+, +, -, -), f = 1/2 sum b relu     theta(0) column    b = (+, -, +, -)
 *  s0 a0   (2, -1, -1, -1)    1                                        (1, -1, -1, -1)     1/2
 *  s0 a1   (1, 1, -1, -1)     1                                        (-1, 1, -1, -1)    -1/2
 *  s1 a0   (3, -1, 1, -2)     1                                        (2, -1, 2, -1)      2
 *  s1 a1   (-1, 3, -1, 1)     1                                        (-1, -1, 1, 1)      0
 *
 *  t  transition       delta = Q - r - V(s')/2      column <- column - delta b 1{. > 0}/2           ||W - W(0)||^2
 *  0  s0 a1 -> s1      1 + 1/2 - 1/2    =  1        s0 a1 (1/2, 1/2, -1, -1), f = 1/2                1/2
 *  1  s0 a1 -> s1      1/2 + 1/2 - 1/2  =  1/2      s0 a1 (1/4, 1/4, -1, -1)                         9/8
 *  2  s0 a0 -> end     1 - 1/2          =  1/2      s0 a0 (7/4, -1, -1, -1)                          19/16
 *  3  s1 a0 -> s1      1 - 2 - 1/2      = -3/2      s1 a0 (15/4, -1, 1/4, -2)                        37/16
 *
 * B = 3/4 sqrt(37)/4 is above sqrt(19/16): only the last step is projected, which takes every displacement times 3/4:
 *  s0 a1 -3/4 to -9/16 twice, s0 a0 -1/4 to -3/16, s1 a0 3/4 to 9/16 and -3/4 to -9/16.
 * Means of the four displacements: s0 a1 -(1/2 + 3/4 + 3/4 + 9/16)/4 = -41/64; s0 a0 -(1/4 + 3/16)/4 = -7/64;
 *  s1 a0 +-9/64.
 */
const POLICY: Sheet = {
  initial: [
    [2, 1, 3, -1],
    [-1, 1, -1, 3],
    [-1, -1, 1, -1],
    [-1, -1, -2, 1],
  ],
  signs: [1, 1, -1, -1],
  radius: (0.75 * Math.sqrt(37)) / 4,
};
const AVERAGE = [
  [2 - 7 / 64, 1 - 41 / 64, 3 + 9 / 64, -1],
  [-1, 1 - 41 / 64, -1, 3],
  [-1, -1, 1 - 9 / 64, -1],
  [-1, -1, -2, 1],
];
const LAST = [
  [2 - 3 / 16, 1 - 9 / 16, 3 + 9 / 16, -1],
  [-1, 1 - 9 / 16, -1, 3],
  [-1, -1, 1 - 9 / 16, -1],
  [-1, -1, -2, 1],
];

/*
 * Weights of pairs: the expert's s1 a0, s0 a0, s1 a0 and the agent's s0 a1, s1 a1, s0 a0, each 1, 1/2, 1/4.
 *  s0 a0 1/2 - 1/4 = 1/4    s0 a1 -1    s1 a0 1 + 1/4 = 5/4    s1 a1 -1/2
 * returnGap = (1/4)(1/2) + (-1)(-1/2) + (5/4)(2) + 0 = 25/8
 *          weight grad r = weight b 1{. > 0}/2        theta + g                    halved, as alpha = 1 and B = ||g||/2 say
 *  s0 a0   (1/8, 0, 0, 0)                             (9/8, -1, -1, -1)            (17/16, -1, -1, -1)
 *  s0 a1   (0, 1/2, 0, 0)                             (-1, 3/2, -1, -1)            (-1, 5/4, -1, -1)
 *  s1 a0   (5/8, 0, 5/8, 0)                           (21/8, -1, 21/8, -1)         (37/16, -1, 37/16, -1)
 *  s1 a1   (0, 0, -1/4, 1/4)                          (-1, -1, 3/4, 5/4)           (-1, -1, 7/8, 9/8)
 * ||g||^2 = 1/64 + 1/4 + 25/32 + 1/8 = 75/64
 */
const REWARD: Sheet = {
  initial: [
    [1, -1, 2, -1],
    [-1, 1, -1, -1],
    [-1, -1, 2, 1],
    [-1, -1, -1, 1],
  ],
  signs: [1, -1, 1, -1],
  radius: Math.sqrt(75) / 16,
};
const THETA = [
  [17 / 16, -1, 37 / 16, -1],
  [-1, 5 / 4, -1, -1],
  [-1, -1, 37 / 16, 7 / 8],
  [-1, -1, -1, 9 / 8],
];

const BY_HAND: Script = {
  kind: "one-hot",
  size: 4,
  psi: PAIRS,
  discount: 0.5,
  iterations: [
    {
      transitions: [
        { pair: [0, 1], next: 1 },
        { pair: [0, 1], next: 1 },
        { pair: [0, 0], next: null },
        { pair: [1, 0], next: 1 },
      ],
      logPolicy: [0, 1].map(() => [Math.log(0.5), Math.log(0.5)]),
      expert: [
        [
          [1, 0],
          [0, 0],
          [1, 0],
        ],
      ],
      agent: [
        [
          [0, 1],
          [1, 1],
          [0, 0],
        ],
      ],
    },
  ],
};
const BY_HAND_CHOICES: WorkedChoices = {
  discount: 0.5,
  eta: 1,
  alpha: 1,
  decay: 0,
  output: "average",
  backup: "soft-optimality",
  values: "centred",
  termination: "native",
};

/*
 * The same with rows of one entry, and a fifth column for the absorbing state: theta(0) (1, -1, 2, -1), r_a = 3/2, and
 * gamma r_a / (1 - gamma) = 3/2. Only what an end touches differs:
 *
 *  2  s0 a0 -> end     1 - 1/2 - 3/2    = -1      s0 a0 (5/2, -1, -1, -1)                         9/8 + 1/4
 *  3  s1 a0 -> s1      1 - 2 - 1/2      = -3/2    s1 a0 (15/4, -1, 1/4, -2)                       5/2
 *
 * B = 3/4 sqrt(5/2), above sqrt(11/8): every displacement times 3/4 at the last step.
 * The absorbing state weighs 1/4 - 3/4 = -1/2: g (-1/4, 0, -1/4, 0), ||g||^2 = 75/64 + 1/8 = 83/64, B = ||g|| / 2,
 * returnGap = 25/8 - (1/2)(3/2) = 19/8.
 */
const ENDING_POLICY: Sheet = { ...POLICY, radius: 0.75 * Math.sqrt(5 / 2) };
const ENDING_REWARD: Sheet = {
  initial: REWARD.initial.map((row, j) => [...row, [1, -1, 2, -1][j]]),
  signs: REWARD.signs,
  radius: Math.sqrt(83) / 16,
};
const ENDING_LAST = [
  [2 + 3 / 8, 1 - 9 / 16, 3 + 9 / 16, -1],
  [-1, 1 - 9 / 16, -1, 3],
  [-1, -1, 1 - 9 / 16, -1],
  [-1, -1, -2, 1],
];
const ENDING_THETA = THETA.map((row, j) => [...row, [7 / 8, -1, 15 / 8, -1][j]]);
const ENDING: Script = {
  ...BY_HAND,
  kind: "rows",
  iterations: BY_HAND.iterations.map((each) => ({ ...each, absorbing: [1 / 4, 3 / 4] as const })),
};

function optionsOf(
  policy: Sheet,
  reward: Sheet,
  choices: WorkedChoices,
  innerSteps: SoftQMlIrlOptions["innerSteps"],
): SoftQMlIrlOptions {
  const { discount, eta, alpha, decay, output, backup, values, termination } = choices;
  const softQ = { width: policy.signs.length, radius: policy.radius, stepSize: eta, discount };
  return {
    softQ: { ...softQ, output, backup, values },
    innerSteps,
    reward: { width: reward.signs.length, radius: reward.radius, stepSize: alpha, decay },
    trajectories: 1,
    termination,
    constantReward: null,
  };
}

/** Both levels of the script, at the sheets' W(0) and theta(0). */
function prepare(
  kernels: Kernels,
  {
    policy,
    reward,
    script,
    options,
  }: { policy: Sheet; reward: Sheet; script: Script; options: SoftQMlIrlOptions },
): { state: SoftQMlIrl; problem: ScriptedProblem } {
  const problem = scriptedProblem(kernels, script);
  const state = createSoftQMlIrl(kernels, problem, options, 2, KEY);
  setNetwork(kernels, state.softQ.network, policy.initial, policy.signs);
  setNetwork(kernels, state.reward, reward.initial, reward.signs);
  return { state, problem };
}

/** A clock that shows these milliseconds, one after the other. */
const clockOf = (times: number[]) => (): number => times.shift() ?? Number.NaN;

describeBuilds("one iteration by hand", (kernels) => {
  it.each([
    {
      output: "average" as const,
      weights: AVERAGE,
      travel: Math.sqrt(2 * 41 ** 2 + 7 ** 2 + 2 * 9 ** 2) / 64,
    },
    { output: "last" as const, weights: LAST, travel: POLICY.radius },
  ])("comes to the numbers above, $output", ({ output, weights, travel }) => {
    const choices = { ...BY_HAND_CHOICES, output };
    const options = optionsOf(POLICY, REWARD, choices, { first: 4, growth: 0 });
    const { state, problem } = prepare(kernels, { policy: POLICY, reward: REWARD, script: BY_HAND, options });
    const record = softQMlIrlIteration(kernels, state, clockOf([10, 13, 18]));
    // All but the logarithm of 2, the roots and the projections' factors is exact: a few units of 2^-24 times 4.
    const near = 2 ** -20;
    expectClose(rowsOf(kernels, state.softQ.network).flat(), weights.flat(), near);
    expectClose(rowsOf(kernels, state.reward).flat(), THETA.flat(), near);
    const { squaredResidual, returnGap, gradientNorm, policyTravel, rewardTravel, ...exact } = record;
    expectClose(
      [squaredResidual, returnGap, gradientNorm, policyTravel, rewardTravel],
      [(1 + 1 / 4 + 1 / 4 + 9 / 4) / 4, 25 / 8, Math.sqrt(75) / 8, travel, Math.sqrt(75) / 16],
      near,
    );
    expect(exact).toEqual({
      iteration: 0,
      innerSteps: 4,
      absorbingReward: null,
      gradientCosine: 0,
      projectedPolicyShare: 1 / 4,
      projectedReward: 1,
      policyTime: 3,
      rewardTime: 5,
    });
    expect([state.iteration, state.softQ.steps]).toEqual([1, 4]);
    expect(problem.asked.map((each) => each.for)).toEqual(["transitions", "trajectories"]);
    expect(problem.asked[0].weights).toEqual(POLICY.initial);
    expect(problem.asked[1].weights).toEqual(rowsOf(kernels, state.softQ.network));
  });

  it("comes to those with an absorbing state", () => {
    const choices = { ...BY_HAND_CHOICES, output: "last", termination: "absorbing" } as const;
    const options = optionsOf(ENDING_POLICY, ENDING_REWARD, choices, { first: 4, growth: 0 });
    const given = { policy: ENDING_POLICY, reward: ENDING_REWARD, script: ENDING, options };
    const { state } = prepare(kernels, given);
    const record = softQMlIrlIteration(kernels, state, () => 0);
    const near = 2 ** -20;
    expectClose(rowsOf(kernels, state.softQ.network).flat(), ENDING_LAST.flat(), near);
    expectClose(rowsOf(kernels, state.reward).flat(), ENDING_THETA.flat(), near);
    const { squaredResidual, returnGap, gradientNorm, absorbingReward } = record;
    expectClose(
      [squaredResidual, returnGap, gradientNorm],
      [(1 + 1 / 4 + 1 + 9 / 4) / 4, 19 / 8, Math.sqrt(83) / 8],
      near,
    );
    expect(absorbingReward).toBe(3 / 2);
    const [worked] = workedIterations(ENDING_POLICY, ENDING_REWARD, ENDING, choices);
    expectClose(worked.policyWeights.flat(), ENDING_LAST.flat(), 1e-15);
    expectClose(worked.rewardWeights.flat(), ENDING_THETA.flat(), 1e-15);
    expect(worked.returnGap).toBe(19 / 8);
  });

  it("is what the worked formulas say too", () => {
    for (const [output, weights] of [
      ["average", AVERAGE],
      ["last", LAST],
    ] as const) {
      const [worked] = workedIterations(POLICY, REWARD, BY_HAND, { ...BY_HAND_CHOICES, output });
      expectClose(worked.residuals, [1, 0.5, 0.5, -1.5], 1e-15);
      expect(worked.projectedAt).toEqual([3]);
      expectClose(worked.policyWeights.flat(), weights.flat(), 1e-15);
      expectClose(worked.rewardWeights.flat(), THETA.flat(), 1e-15);
      expect(worked.returnGap).toBe(25 / 8);
    }
  });
});

// ---- two iterations, every choice --------------------------------------------------------------------------------

/** Rows of two entries out of three, in any order, of norm below 1. */
const ROWS: Script["psi"] = [
  [
    [
      [0, 0.6],
      [2, 0.7],
    ],
    [
      [2, -0.5],
      [1, 0.8],
    ],
  ],
  [
    [
      [1, 0.9],
      [0, 0.3],
    ],
    [
      [2, 0.8],
      [0, -0.3],
    ],
  ],
];

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, each, i) => sum + each * b[i], 0);
const twoActions = (p: number): number[] => [Math.log(p), Math.log(1 - p)];

const SCRIPT: Omit<Script, "kind" | "size" | "psi"> = {
  discount: 0.8,
  iterations: [
    {
      absorbing: [0.5, 0.7],
      transitions: [
        { pair: [0, 1], next: 1 },
        { pair: [1, 0], next: 0 },
        { pair: [0, 0], next: null },
      ],
      logPolicy: [twoActions(0.3), twoActions(0.6)],
      expert: [
        [
          [0, 0],
          [1, 0],
          [1, 0],
        ],
        [
          [1, 1],
          [1, 0],
        ],
      ],
      agent: [
        [
          [0, 1],
          [0, 1],
          [1, 1],
        ],
        [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 1],
        ],
      ],
    },
    {
      absorbing: [0.8, 0.1],
      transitions: [
        { pair: [1, 0], next: 1 },
        { pair: [1, 0], next: 0 },
        { pair: [0, 1], next: 0 },
        { pair: [1, 1], next: null },
      ],
      logPolicy: [twoActions(0.45), twoActions(0.2)],
      expert: [
        [
          [0, 0],
          [1, 0],
          [0, 0],
        ],
        [
          [1, 0],
          [1, 0],
          [0, 1],
        ],
      ],
      agent: [
        [
          [1, 1],
          [1, 0],
        ],
        [
          [1, 1],
          [0, 1],
          [0, 0],
        ],
      ],
    },
  ],
};

const SCRIPTS: Record<Script["kind"], Script> = {
  "one-hot": { ...SCRIPT, kind: "one-hot", size: 4, psi: PAIRS },
  rows: { ...SCRIPT, kind: "rows", size: 3, psi: ROWS },
};

/** Numbers that no hidden unit of any iterate has near 0. */
const SHEETS: Record<Script["kind"], { policy: Sheet; reward: Sheet }> = {
  "one-hot": {
    policy: {
      initial: [
        [0.9, 0.7, -0.8, 1.1],
        [-0.6, 1.2, 1.3, 0.5],
        [0.8, -0.9, 0.6, 0.7],
      ],
      signs: [1, -1, 1],
      radius: 0.5,
    },
    reward: {
      initial: [
        [0.7, 0.9, -0.5, 0.8],
        [0.4, -1.1, 1.2, 0.6],
      ],
      signs: [-1, 1],
      radius: 0.35,
    },
  },
  rows: {
    policy: {
      initial: [
        [0.9, 0.7, 0.8],
        [-0.6, 1.2, -1.3],
        [0.8, -0.9, 0.6],
      ],
      signs: [1, -1, 1],
      radius: 0.14,
    },
    reward: {
      initial: [
        [0.7, 0.9, -1.5],
        [1.4, -1.1, 1.2],
      ],
      signs: [-1, 1],
      radius: 0.15,
    },
  },
};

/** Rows with a column of the reward for the absorbing state, where one unit is open and one is not; steps of ends are longer. */
const ABSORBING: { policy: Sheet; reward: Sheet } = {
  policy: { ...SHEETS.rows.policy, radius: 0.4 },
  reward: {
    ...SHEETS.rows.reward,
    initial: SHEETS.rows.reward.initial.map((row, j) => [...row, [0.8, -0.9][j]]),
    radius: 0.2,
  },
};

const CASES = (["one-hot", "rows", "rows, absorbing"] as const).flatMap((kind) =>
  (["average", "last"] as const).flatMap((output) =>
    (["soft-optimality", "policy-evaluation"] as const).flatMap((backup) =>
      (["centred", "plain"] as const).map((values) => ({ kind, output, backup, values })),
    ),
  ),
);

describeBuilds("two iterations", (kernels) => {
  it.each(CASES)(
    "take both levels where the formulas take them: $kind, $output, $backup, $values",
    (given) => {
      const { kind: name, ...rest } = given;
      const [kind, termination] =
        name === "rows, absorbing" ? (["rows", "absorbing"] as const) : ([name, "native"] as const);
      const script = SCRIPTS[kind];
      const { policy, reward } = termination === "absorbing" ? ABSORBING : SHEETS[kind];
      const choices = { discount: 0.7, eta: 0.6, alpha: 0.25, decay: 0.5, termination, ...rest };
      const worked = (): Worked[] => workedIterations(policy, reward, script, choices);
      const close = (
        actual: readonly number[],
        of: (each: Worked, k: number) => number[],
        k: number,
      ): void => {
        const expected = (): number[] => of(worked()[k], k);
        expectClose(actual, expected(), float32Tolerance(expected));
      };
      const options = optionsOf(policy, reward, choices, { first: 3, growth: 0.3 });
      const { state, problem } = prepare(kernels, { policy, reward, script, options });
      const records: IterationRecord[] = [];
      for (const k of [0, 1]) {
        const record = softQMlIrlIteration(kernels, state, () => 0);
        records.push(record);
        close(rowsOf(kernels, state.softQ.network).flat(), (each) => each.policyWeights.flat(), k);
        close(rowsOf(kernels, state.reward).flat(), (each) => each.rewardWeights.flat(), k);
        close(
          [
            record.squaredResidual,
            record.returnGap,
            record.gradientNorm,
            record.policyTravel,
            record.rewardTravel,
          ],
          ({ residuals, returnGap, gradient, policyTravel, rewardTravel }) => [
            residuals.reduce((sum, delta) => sum + delta ** 2, 0) / residuals.length,
            returnGap,
            Math.hypot(...gradient.flat()),
            policyTravel,
            rewardTravel,
          ],
          k,
        );
        const { projectedAt, residuals, projectedReward } = worked()[k];
        expect(record).toMatchObject({
          iteration: k,
          innerSteps: residuals.length,
          projectedPolicyShare: projectedAt.length / residuals.length,
          projectedReward: projectedReward ? 1 : 0,
        });
        expect(problem.asked[2 * k + 1].weights).toEqual(rowsOf(kernels, state.softQ.network));
      }
      // The second loop begins where the first ended.
      expect(problem.asked[2].weights).toEqual(problem.asked[1].weights);
      const active = worked().flatMap(({ projectedAt }) => projectedAt).length;
      expect(active).toBeGreaterThan(0);
      expect(active).toBeLessThan(7);
      expect(worked().map(({ projectedReward }) => projectedReward)).toEqual([false, true]);
      expect(state.softQ.steps).toBe(7);

      // The cosine of successive gradients; of one-hot features, of the weights of pairs.
      const vectors = worked().map(({ gradient }, k) =>
        kind === "rows" ? gradient.flat() : weightsOfPairs(script, k),
      );
      const cosine = dot(vectors[0], vectors[1]) / (Math.hypot(...vectors[0]) * Math.hypot(...vectors[1]));
      expect(records[0].gradientCosine).toBe(0);
      // Both vectors are off by a few roundings of their size.
      expectClose([records[1].gradientCosine], [cosine], 2 ** -20);
      expect(Math.abs(cosine)).toBeGreaterThan(0.05);
    },
  );
});

/** sum gamma^t / n over visits of the expert, less those of the agent, [S A]. */
function weightsOfPairs(script: Script, k: number): number[] {
  const weights = [0, 0, 0, 0];
  const { expert, agent } = script.iterations[k];
  for (const [trajectories, sign] of [
    [expert, 1],
    [agent, -1],
  ] as const) {
    for (const each of trajectories) {
      each.forEach(([s, a], t) => {
        weights[2 * s + a] += (sign * script.discount ** t) / trajectories.length;
      });
    }
  }
  return weights;
}

describe("the schedules", () => {
  it("T_k = ceil(T_0 (k + 1)^growth)", () => {
    const first = [0, 1, 2, 3, 15];
    expect(first.map((k) => innerStepsAt({ first: 7, growth: 0 }, k))).toEqual([7, 7, 7, 7, 7]);
    expect(first.map((k) => innerStepsAt({ first: 3, growth: 1 }, k))).toEqual([3, 6, 9, 12, 48]);
    // 5 sqrt(2) = 7.07, 5 sqrt(3) = 8.66
    expect(first.map((k) => innerStepsAt({ first: 5, growth: 0.5 }, k))).toEqual([5, 8, 9, 10, 20]);
  });

  it("alpha = alpha0 K^-sigma", () => {
    expect(theoryRewardStepSize(10_000, 3, 0.5)).toBeCloseTo(0.03, 15);
    expect(theoryRewardStepSize(16, 2, 0.75)).toBeCloseTo(0.25, 15);
  });
});
