/** The objective where everything is known: tabular problems, all expectations exact, the policy softmax(Q). */
import { describe, expect, it } from "vitest";
import { keyFromSeed, logSumExp } from "../../src/core/index.ts";
import { garnetMdp } from "../../src/envs/index.ts";
import { addObjective, emptySums, type RowWeights } from "../../src/irl/index.ts";
import { logSoftmax, occupancy, softValueIteration } from "../../src/rl/index.ts";
import { expectClose } from "../reference/closeness.ts";
import { farthest, normalTable, randomLogPolicy } from "../reference/tabular.ts";

const DISCOUNT = 0.8;
const MDP = garnetMdp({ states: 4, actions: 3, branching: 2, seed: 3 });
const { states: S, actions: A } = MDP;
const PAIRS = S * A;
const ALIVE = new Float64Array(PAIRS);

/** (1 - gamma) sum_t gamma^t P(s_t = s, a_t = a): sums to 1. */
const visits = (logPolicy: Float64Array): Float64Array =>
  occupancy(MDP, logPolicy, DISCOUNT).map((mass) => (1 - DISCOUNT) * mass);

const EXPERT = randomLogPolicy(MDP, keyFromSeed(1));
const EXPERT_VISITS = visits(EXPERT);
const OTHER_VISITS = visits(randomLogPolicy(MDP, keyFromSeed(2)));

interface Setting {
  readonly coefficient: number;
  readonly regularised: Float64Array;
  /** Whose visits the value term is telescoped over; null for initial states. */
  readonly telescoped: Float64Array | null;
}

/** J at a table Q, and its gradient: V(s) = log sum_a exp Q(s, a) is E_pi[Q - log pi] of pi = softmax(Q), its slope pi. */
function objective(q: Float64Array, { coefficient, regularised, telescoped }: Setting) {
  const logPolicy = logSoftmax(q, A, new Float64Array(PAIRS));
  const v = Float64Array.from({ length: S }, (_, s) => logSumExp(q, s * A, A));
  const values = new Float64Array(3 * PAIRS);
  const slopes = new Float64Array(3 * PAIRS);
  const sums = emptySums();
  for (let pair = 0; pair < PAIRS; pair++) {
    const s = Math.floor(pair / A);
    values[pair] = q[pair];
    values[PAIRS + pair] = v[s];
    for (let t = 0; t < S; t++) values[2 * PAIRS + pair] += MDP.transitions[pair * S + t] * v[t];
    const weights: RowWeights = {
      expert: EXPERT_VISITS[pair],
      regulariser: regularised[pair],
      value: telescoped ? telescoped[pair] : ((1 - DISCOUNT) * MDP.initial[s]) / A,
      nextValue: telescoped ? telescoped[pair] : 0,
    };
    const terms = { discount: DISCOUNT, coefficient, valueAfterEnd: NaN };
    addObjective(values, slopes, ALIVE, pair, pair + 1, weights, terms, sums);
  }
  const byValue = new Float64Array(S);
  const gradient = Float64Array.from({ length: PAIRS }, (_, pair) => -slopes[pair]);
  for (let pair = 0; pair < PAIRS; pair++) {
    byValue[Math.floor(pair / A)] -= slopes[PAIRS + pair];
    for (let t = 0; t < S; t++) byValue[t] -= MDP.transitions[pair * S + t] * slopes[2 * PAIRS + pair];
  }
  for (let pair = 0; pair < PAIRS; pair++)
    gradient[pair] += Math.exp(logPolicy[pair]) * byValue[Math.floor(pair / A)];
  const reward = Float64Array.from(
    { length: PAIRS },
    (_, pair) => q[pair] - DISCOUNT * values[2 * PAIRS + pair],
  );
  return { value: sums.objective, gradient, logPolicy, reward };
}

/** The Q at which J is largest, by gradient ascent with momentum. */
function ascend(setting: Setting, within: number): ReturnType<typeof objective> {
  const q = new Float64Array(PAIRS);
  const velocity = new Float64Array(PAIRS);
  for (let step = 0; step < 40_000; step++) {
    const { gradient } = objective(q, setting);
    for (let i = 0; i < PAIRS; i++) q[i] += velocity[i] = 0.95 * velocity[i] + 0.3 * gradient[i];
  }
  const reached = objective(q, setting);
  expect(farthest(reached.gradient, new Float64Array(PAIRS))).toBeLessThan(within);
  return reached;
}

const MIXED = EXPERT_VISITS.map((visit, i) => (visit + OTHER_VISITS[i]) / 2);
const PLAIN: Setting = { coefficient: Infinity, regularised: EXPERT_VISITS, telescoped: null };

describe("the objective of inverse soft Q-learning", () => {
  it.each([
    ["no regulariser", PLAIN],
    ["the expert's rows regularised", { ...PLAIN, coefficient: 0.5 }],
    ["both sides'", { coefficient: 0.7, regularised: MIXED, telescoped: OTHER_VISITS }],
  ] as const)("has the gradient of central differences: %s", (_, setting) => {
    const q = normalTable(PAIRS, keyFromSeed(4));
    const h = 1e-5;
    const differences = Array.from(q, (each, i) => {
      const [up, down] = [each + h, each - h].map((at) => objective(q.with(i, at), setting).value);
      return (up - down) / (2 * h);
    });
    expectClose(objective(q, setting).gradient, differences, 1e-9);
  });

  it("telescopes: initial states and the visits of any policy give the same value term", () => {
    const q = normalTable(PAIRS, keyFromSeed(4));
    const [initial, ...others] = [null, EXPERT_VISITS, OTHER_VISITS, MIXED].map((telescoped) =>
      objective(q, { ...PLAIN, telescoped }),
    );
    for (const other of others) {
      expect(other.value).toBeCloseTo(initial.value, 13);
      expectClose(other.gradient, initial.gradient, 1e-14);
    }
  });

  it("is the expert's mean log-likelihood where nothing regularises it: E_expert[log pi]", () => {
    const q = normalTable(PAIRS, keyFromSeed(4));
    const { value, logPolicy } = objective(q, PLAIN);
    const likelihood = EXPERT_VISITS.reduce((sum, visit, i) => sum + visit * logPolicy[i], 0);
    expect(value).toBeCloseTo(likelihood, 13);
  });

  it("has the expert's policy as its optimum where nothing regularises it", () => {
    expect(farthest(ascend(PLAIN, 1e-12).logPolicy, EXPERT)).toBeLessThan(1e-10);
  });

  it.each([
    // dJ/dr = 0: d_E (1 - r / (2 alpha)) = d_pi.
    ["the expert's rows", EXPERT_VISITS],
    // dJ/dr = 0: d_E - d_pi = r (d_E + d_other) / (4 alpha).
    ["both sides' rows", MIXED],
  ])(
    "regularised by %s, recovers the reward of its stationary point, and the policy optimal for it",
    (_, regularised) => {
      const coefficient = 0.5;
      const { reward, logPolicy } = ascend({ coefficient, regularised, telescoped: OTHER_VISITS }, 1e-12);
      const own = visits(logPolicy);
      const expected = regularised.map((each, i) => (2 * coefficient * (EXPERT_VISITS[i] - own[i])) / each);
      expectClose(reward, expected, 1e-10);
      const options = { discount: DISCOUNT, tolerance: 1e-12, values: "plain" } as const;
      expect(farthest(softValueIteration(MDP, reward, options).logPolicy, logPolicy)).toBeLessThan(1e-10);
    },
  );

  it("comes to the expert's policy as 1 / alpha", () => {
    const [far, near] = [8, 80].map((coefficient) =>
      farthest(ascend({ ...PLAIN, coefficient }, 1e-5).logPolicy, EXPERT),
    );
    expect(near).toBeLessThan(0.02);
    // Ten, but for terms in 1 / alpha^2.
    expect(far / near).toBeGreaterThan(9);
    expect(far / near).toBeLessThan(10.5);
  });
});
