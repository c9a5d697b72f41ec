import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { foldIn, keyFromSeed, nextNormal, nextUniform, streamOf } from "../../src/core/index.ts";
import { GARNET, garnetMdp, type TabularMdp } from "../../src/envs/index.ts";
import {
  dardCanonical,
  dardDistance,
  epicCanonical,
  epicDistance,
  possibleCoverage,
  starcCanonical,
  starcDistance,
  uniformCoverage,
  type RewardDistanceOptions,
} from "../../src/eval/index.ts";

type Distance = (
  mdp: TabularMdp,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: RewardDistanceOptions,
) => number;

const DISTANCES: readonly { name: string; distance: Distance }[] = [
  { name: "EPIC", distance: epicDistance },
  { name: "DARD", distance: dardDistance },
  {
    name: "STARC, value-adjusted",
    distance: (mdp, first, second, options) =>
      starcDistance(mdp, first, second, { ...options, canonical: "value-adjusted" }),
  },
  {
    name: "STARC, minimal",
    distance: (mdp, first, second, options) =>
      starcDistance(mdp, first, second, { ...options, canonical: "minimal" }),
  },
];

/** Staying (action 0) and switching (action 1) between two states. */
const SWITCH: TabularMdp = {
  name: "two states",
  states: 2,
  actions: 2,
  transitions: Float64Array.of(1, 0, 0, 1, 0, 1, 1, 0),
  initial: Float64Array.of(0.5, 0.5),
  rewards: new Float64Array(4),
};

interface Problem {
  states: number;
  actions: number;
  seed: number;
  discount: number;
}

const problem: fc.Arbitrary<Problem> = fc.record({
  states: fc.integer({ min: 2, max: 5 }),
  actions: fc.integer({ min: 2, max: 3 }),
  seed: fc.nat(),
  discount: fc.double({ min: 0, max: 0.95, noNaN: true }),
});

interface Case {
  mdp: TabularMdp;
  options: RewardDistanceOptions;
  /** Normal numbers, [S, A, S], different for each purpose. */
  draw: (purpose: number) => Float64Array;
  /** R + gamma Phi(s') - Phi(s), Phi normal. */
  shape: (reward: ArrayLike<number>, purpose: number) => Float64Array;
}

/** A random problem, a coverage with a positive mass everywhere. */
function caseOf({ states, actions, seed, discount }: Problem): Case {
  const mdp = garnetMdp({ ...GARNET, states, actions, branching: Math.min(3, states), seed });
  const size = states * actions * states;
  const key = keyFromSeed(seed);
  const masses = streamOf(foldIn(key, 100));
  const raw = Float64Array.from({ length: size }, () => 0.1 + nextUniform(masses));
  const sum = raw.reduce((total, mass) => total + mass, 0);
  const draw = (purpose: number): Float64Array => {
    const stream = streamOf(foldIn(key, purpose));
    return Float64Array.from({ length: size }, () => nextNormal(stream));
  };
  const shape = (reward: ArrayLike<number>, purpose: number): Float64Array => {
    const potential = draw(purpose);
    return Float64Array.from(
      { length: size },
      (_, i) => reward[i] + discount * potential[i % states] - potential[Math.floor(i / (actions * states))],
    );
  };
  return { mdp, options: { discount, coverage: raw.map((mass) => mass / sum) }, draw, shape };
}

const scaled = (values: Float64Array, factor: number, shift = 0): Float64Array =>
  values.map((value) => factor * value + shift);

const RUNS = { numRuns: 60 };

describe.each(DISTANCES)("$name", ({ distance }) => {
  it("is 0 after shaping, a positive scale and a constant, 1 for the opposite", () => {
    fc.assert(
      fc.property(problem, (drawn) => {
        const { mdp, options, draw, shape } = caseOf(drawn);
        const reward = draw(0);
        const equivalent = scaled(shape(reward, 1), 7.5, 3);
        expect(distance(mdp, reward, equivalent, options)).toBeLessThan(1e-12);
        const furthest = distance(mdp, reward, scaled(equivalent, -1), options);
        expect(furthest).toBeCloseTo(1, 12);
        expect(furthest).toBeLessThanOrEqual(1);
      }),
      RUNS,
    );
  });

  it("is a pseudometric: symmetric, within [0, 1], with the triangle inequality", () => {
    fc.assert(
      fc.property(problem, fc.double({ min: 0, max: 1, noNaN: true }), (drawn, mix) => {
        const { mdp, options, draw } = caseOf(drawn);
        const [x, y, noise] = [draw(0), draw(1), draw(2)];
        const between = x.map((value, i) => mix * value + (1 - mix) * y[i] + 0.01 * noise[i]);
        const d = (first: Float64Array, second: Float64Array): number =>
          distance(mdp, first, second, options);
        expect(d(x, y)).toBe(d(y, x));
        expect(d(x, x)).toBe(0);
        expect(d(x, y)).toBeLessThanOrEqual(d(x, between) + d(between, y) + 1e-14);
        expect(d(x, y)).toBeGreaterThan(0);
        expect(d(x, y)).toBeLessThanOrEqual(1);
      }),
      RUNS,
    );
  });

  it("puts trivial rewards 0 from each other and 1/2 from all others", () => {
    fc.assert(
      fc.property(problem, (drawn) => {
        const { mdp, options, draw, shape } = caseOf(drawn);
        const zero = new Float64Array(draw(0).length);
        const trivial = [zero, zero.map(() => 0.1), shape(zero, 1), scaled(shape(zero, 2), -3, 1e3)];
        for (const first of trivial) {
          for (const second of trivial) expect(distance(mdp, first, second, options)).toBe(0);
          expect(distance(mdp, first, draw(0), options)).toBeCloseTo(0.5, 12);
        }
      }),
      RUNS,
    );
  });

  it("is about sqrt(1/2) between unrelated rewards", () => {
    const mdp = garnetMdp({ ...GARNET, states: 12, actions: 4, seed: 3 });
    const options = { discount: 0.9, coverage: possibleCoverage(mdp) };
    const stream = streamOf(keyFromSeed(1));
    const draw = (): Float64Array => Float64Array.from({ length: 48 }, () => nextNormal(stream));
    const pairs = 200;
    let sum = 0;
    for (let i = 0; i < pairs; i++) sum += distance(mdp, draw(), draw(), options);
    // d = sqrt((1 - rho) / 2): about sqrt(1/2) (1 - rho / 2 - rho^2 / 8), rho of variance 1 / 12 at most (48 numbers less
    // what 12 potentials take, widened for uneven weights).
    const spread = Math.SQRT1_2 * 0.5 * Math.sqrt(1 / 12 / pairs);
    expect(Math.abs(sum / pairs - Math.SQRT1_2)).toBeLessThan(4 * spread + Math.SQRT1_2 / 8 / 12);
  });

  it("depends on the discount and on the coverage", () => {
    const { mdp, options, draw } = caseOf({ states: 4, actions: 2, seed: 5, discount: 0.9 });
    const here = distance(mdp, draw(0), draw(1), options);
    expect(distance(mdp, draw(0), draw(1), { ...options, discount: 0.5 })).not.toBeCloseTo(here, 6);
    const coverage = uniformCoverage(mdp);
    expect(distance(mdp, draw(0), draw(1), { ...options, coverage })).not.toBeCloseTo(here, 6);
  });

  it("reads R(s, a) as R(s, a, s') that ignores s'", () => {
    const { mdp, options, draw } = caseOf({ states: 4, actions: 3, seed: 6, discount: 0.9 });
    const short = draw(0).slice(0, 12);
    const long = Float64Array.from({ length: 48 }, (_, i) => short[Math.floor(i / 4)]);
    expect(distance(mdp, short, draw(1), options)).toBe(distance(mdp, long, draw(1), options));
  });

  it("refuses what does not fit, in one line", () => {
    const good = { discount: 0.9, coverage: uniformCoverage(SWITCH) };
    const refuse = (reward: number[], options: Partial<RewardDistanceOptions>): (() => number) => {
      return () => distance(SWITCH, reward, [1, 2, 3, 4], { ...good, ...options });
    };
    const reward = [1, 0, 0, 0];
    expect(refuse([1, 2, 3], {})).toThrow(/shape \[2, 2\] or \[2, 2, 2\], got 3 numbers/);
    expect(refuse([1, Number.NaN, 0, 0], {})).toThrow(/finite rewards, got NaN/);
    expect(refuse([1, -Infinity, 0, 0], {})).toThrow(/finite rewards, got -Infinity/);
    expect(refuse(reward, { discount: 1.1 })).toThrow(/discount in \[0, 1\], got 1.1/);
    expect(refuse(reward, { coverage: new Float64Array(4) })).toThrow(/shape \[2, 2, 2\], got 4 numbers/);
    expect(refuse(reward, { coverage: new Float64Array(8) })).toThrow(/sum to 1, got a sum of 0/);
    const negative = Float64Array.of(-0.5, 1.5, 0, 0, 0, 0, 0, 0);
    expect(refuse(reward, { coverage: negative })).toThrow(/masses from 0/);
  });
});

describe("from canonical forms to distances", () => {
  const { mdp, options, draw } = caseOf({ states: 4, actions: 3, seed: 8, discount: 0.8 });
  const { coverage } = options;
  /** Sum of D x y. */
  const inner = (x: Float64Array, y: Float64Array): number =>
    coverage.reduce((sum, mass, i) => sum + mass * x[i] * y[i], 0);

  it.each([
    { name: "EPIC", distance: epicDistance, canonical: epicCanonical },
    { name: "DARD", distance: dardDistance, canonical: dardCanonical },
  ])("$name takes sqrt((1 - rho) / 2)", ({ distance, canonical }) => {
    const [x, y] = [draw(0), draw(1)].map((reward) => {
      const values = canonical(mdp, reward, options);
      const mean = inner(
        values,
        values.map(() => 1),
      );
      return values.map((value) => value - mean);
    });
    const rho = inner(x, y) / Math.sqrt(inner(x, x) * inner(y, y));
    expect(distance(mdp, draw(0), draw(1), options)).toBeCloseTo(Math.sqrt((1 - rho) / 2), 13);
  });

  it.each(["value-adjusted", "minimal"] as const)("STARC, %s, does not subtract a mean", (canonical) => {
    const starc = { ...options, canonical };
    const [x, y] = [draw(0), draw(1)].map((reward) => {
      const values = starcCanonical(mdp, reward, starc);
      return coverage.map((_, i) => values[Math.floor(i / mdp.states)]);
    });
    const cosine = inner(x, y) / Math.sqrt(inner(x, x) * inner(y, y));
    const expected = Math.sqrt((1 - cosine) / 2);
    expect(starcDistance(mdp, draw(0), draw(1), starc)).toBeCloseTo(expected, 13);
  });
});

describe("EPIC", () => {
  it("agrees with two states and one action computed by hand", () => {
    // R(0, 1) = 4: means 2 and 0, overall 1. R(1, 1) = 4: means 0 and 2, overall 1. gamma = 1/2.
    const spaces = { states: 2, actions: 1 };
    const options = { discount: 0.5, coverage: uniformCoverage(spaces) };
    expect([...epicCanonical(spaces, [0, 4, 0, 0], options)]).toEqual([-1.5, 1.5, 0.5, -0.5]);
    expect([...epicCanonical(spaces, [0, 0, 0, 4], options)]).toEqual([-0.5, 0.5, -2.5, 2.5]);
    // Both of mean 0, products 1.5 - 2.5, squares 5 and 13: rho = -1 / sqrt(65).
    const expected = Math.sqrt((1 + 1 / Math.sqrt(65)) / 2);
    expect(epicDistance(spaces, [0, 4, 0, 0], [0, 0, 0, 4], options)).toBeCloseTo(expected, 14);
  });

  it("is the formula of the paper, expectations written out", () => {
    const { mdp, options, draw } = caseOf({ states: 4, actions: 3, seed: 1, discount: 0.8 });
    const R = at(mdp, draw(0));
    const D = at(mdp, options.coverage);
    const canonical = at(mdp, epicCanonical(mdp, draw(0), options));
    everyTransition(mdp, (s, a, next) => {
      let expected = R(s, a, next);
      // (S, ., .), (., A, .) and (S', ., .) of three independent transitions of the coverage.
      everyTransition(mdp, (S, a1, n1) =>
        everyTransition(mdp, (s2, A, n2) => {
          for (let S1 = 0; S1 < mdp.states; S1++) {
            let mass = 0;
            for (let b = 0; b < mdp.actions; b++) for (let n = 0; n < mdp.states; n++) mass += D(S1, b, n);
            expected +=
              D(S, a1, n1) * D(s2, A, n2) * mass * (0.8 * R(next, A, S1) - R(s, A, S1) - 0.8 * R(S, A, S1));
          }
        }),
      );
      expect(canonical(s, a, next)).toBeCloseTo(expected, 12);
    });
  });

  it("takes a discount of 1, as DARD does", () => {
    const { mdp, options, draw } = caseOf({ states: 3, actions: 2, seed: 1, discount: 0.8 });
    const undiscounted = { ...options, discount: 1 };
    const potential = [1, -2, 5];
    const shaped = draw(0).map((value, i) => value + potential[i % 3] - potential[Math.floor(i / 6)]);
    expect(epicDistance(mdp, draw(0), shaped, undiscounted)).toBeLessThan(1e-12);
    expect(dardDistance(mdp, draw(0), shaped, undiscounted)).toBeLessThan(1e-12);
  });
});

describe("DARD", () => {
  it("agrees with two states computed by hand", () => {
    // Only R(0, switch, 1) = 4: E R(s, A, S') is 2 and 0; E R(S', A, S'') is 2 where the switch leads S' = 0 to S'' = 1,
    // that is from s = 1, s' = 0, and 0 elsewhere. gamma = 1/2, on (s, a, s') in order.
    const options = { discount: 0.5, coverage: possibleCoverage(SWITCH) };
    const canonical = dardCanonical(SWITCH, [0, 0, 0, 4, 0, 0, 0, 0], options);
    expect([...canonical]).toEqual([-1, -2, -1, 2, 0, 0, 0, 0]);
  });

  it("is the formula of the paper, expectations written out", () => {
    const { mdp, options, draw } = caseOf({ states: 4, actions: 3, seed: 2, discount: 0.8 });
    const R = at(mdp, draw(0));
    const P = at(mdp, mdp.transitions);
    const D = at(mdp, options.coverage);
    const canonical = at(mdp, dardCanonical(mdp, draw(0), options));
    everyTransition(mdp, (s, a, next) => {
      let expected = R(s, a, next);
      everyTransition(mdp, (s1, A, n1) => {
        for (let S1 = 0; S1 < mdp.states; S1++) {
          for (let S2 = 0; S2 < mdp.states; S2++) {
            const mass = D(s1, A, n1) * P(s, A, S1) * P(next, A, S2);
            expected += mass * (0.8 * R(next, A, S2) - R(s, A, S1) - 0.8 * R(S1, A, S2));
          }
        }
      });
      expect(canonical(s, a, next)).toBeCloseTo(expected, 12);
    });
  });

  it("does not ask for the reward of impossible jumps, which EPIC does", () => {
    // A ring of six, moves by -1, 0 and 1. The rewards r(s, s') differ only between states further apart than a step.
    const states = 6;
    const transitions = new Float64Array(states * 3 * states);
    for (let i = 0; i < states * 3; i++) {
      transitions[i * states + ((Math.floor(i / 3) + (i % 3) + states - 1) % states)] = 1;
    }
    const ring = { states, actions: 3, transitions };
    const stream = streamOf(keyFromSeed(1));
    const steps = Array.from({ length: states * states }, () => nextNormal(stream));
    const table = (jump: (s: number, next: number) => number): Float64Array =>
      transitions.map((_, i) => {
        const [s, next] = [Math.floor(i / (3 * states)), i % states];
        const possible = [0, 1, states - 1].includes((next - s + states) % states);
        return possible ? steps[s * states + next] : jump(s, next);
      });
    const [first, second] = [table(() => 0), table((s, next) => s - 2 * next)];
    const possible = { discount: 0.9, coverage: possibleCoverage(ring) };
    expect(dardDistance(ring, first, second, possible)).toBe(0);
    expect(epicDistance(ring, first, second, possible)).toBeGreaterThan(0.2);
    // Where the coverage itself has such jumps, both see them.
    const all = { discount: 0.9, coverage: uniformCoverage(ring) };
    expect(dardDistance(ring, first, second, all)).toBeGreaterThan(0.2);
    expect(epicDistance(ring, first, second, all)).toBeGreaterThan(0.2);
  });
});

describe("STARC", () => {
  const options = { discount: 0.5, coverage: possibleCoverage(SWITCH) };
  const valueAdjusted = { ...options, canonical: "value-adjusted" as const };

  it("agrees with two states computed by hand", () => {
    // r(0, switch) = 4 under the uniform policy: V = (3, 1), advantages -+3/2 and -+1/2; r(1, switch) = 4 mirrors it.
    expectClose(starcCanonical(SWITCH, [0, 4, 0, 0], valueAdjusted), [-1.5, 1.5, -0.5, 0.5]);
    expectClose(starcCanonical(SWITCH, [0, 0, 0, 4], valueAdjusted), [-0.5, 0.5, -1.5, 1.5]);
    // Cosine 3/5: sqrt(2 - 6/5) / 2.
    expect(starcDistance(SWITCH, [0, 4, 0, 0], [0, 0, 0, 4], valueAdjusted)).toBeCloseTo(Math.sqrt(0.2), 14);
  });

  it("agrees with a minimal form computed by hand", () => {
    // Phi gives (stay 0, switch 0, stay 1, switch 1): (-p/2, q/2 - p, -q/2, p/2 - q). For r = (0, 4, 0, 0) the normal
    // equations 3/2 p - q = 4 and 3/2 q - p = -2 give p = 16/5, q = 4/5.
    const minimal = { ...options, canonical: "minimal" as const };
    expectClose(starcCanonical(SWITCH, [0, 4, 0, 0], minimal), [-1.6, 1.2, -0.4, 0.8]);
  });

  it("has advantages of mean 0 under the coverage's policy", () => {
    fc.assert(
      fc.property(problem, (drawn) => {
        const { mdp, options, draw } = caseOf(drawn);
        const canonical = starcCanonical(mdp, draw(0), { ...options, canonical: "value-adjusted" });
        const policy = new Float64Array(mdp.actions);
        options.coverage.forEach((mass, i) => (policy[Math.floor(i / mdp.states) % mdp.actions] += mass));
        for (let s = 0; s < mdp.states; s++) {
          const mean = policy.reduce((sum, p, a) => sum + p * canonical[s * mdp.actions + a], 0);
          expect(Math.abs(mean)).toBeLessThan(1e-11);
        }
      }),
      RUNS,
    );
  });

  it("has a minimal form that further shaping only makes longer, and that is the same reward", () => {
    fc.assert(
      fc.property(problem, (drawn) => {
        const { mdp, options, draw, shape } = caseOf(drawn);
        const minimal = starcCanonical(mdp, draw(0), { ...options, canonical: "minimal" });
        const levelled = Float64Array.from(draw(0), (_, i) => minimal[Math.floor(i / mdp.states)]);
        const level = (table: Float64Array): Float64Array => {
          const result = new Float64Array(minimal.length);
          table.forEach((value, i) => (result[Math.floor(i / mdp.states)] += mdp.transitions[i] * value));
          return result;
        };
        const weights = new Float64Array(minimal.length);
        options.coverage.forEach((mass, i) => (weights[Math.floor(i / mdp.states)] += mass));
        const square = (values: Float64Array): number =>
          values.reduce((sum, value, i) => sum + weights[i] * value * value, 0);
        const shaped = level(shape(levelled, 1));
        for (const step of [-1e-3, 1e-3, 1]) {
          const stepped = minimal.map((value, pair) => value + step * (shaped[pair] - value));
          expect(square(minimal)).toBeLessThan(square(stepped));
        }
        const own = { ...options, canonical: "value-adjusted" as const };
        expect(starcDistance(mdp, minimal, draw(0), own)).toBeLessThan(1e-10);
      }),
      RUNS,
    );
  });

  it("does not see how a reward is spread over next states of the same mean", () => {
    const { mdp, options: own, draw } = caseOf({ states: 4, actions: 2, seed: 4, discount: 0.9 });
    const spread = draw(0);
    const noise = draw(1);
    for (let pair = 0; pair < 8; pair++) {
      const row = mdp.transitions.subarray(pair * 4, pair * 4 + 4);
      const mean = row.reduce((sum, p, k) => sum + p * noise[pair * 4 + k], 0);
      for (let k = 0; k < 4; k++) spread[pair * 4 + k] += noise[pair * 4 + k] - mean;
    }
    const d = (canonical: "value-adjusted" | "minimal"): number =>
      starcDistance(mdp, draw(0), spread, { ...own, canonical });
    expect(d("value-adjusted")).toBeLessThan(1e-12);
    expect(d("minimal")).toBeLessThan(1e-12);
    expect(epicDistance(mdp, draw(0), spread, own)).toBeGreaterThan(0.1);
  });

  it("bounds what the optimal policy of one reward loses under the other", () => {
    const errors = fc.constantFrom(0, 0.01, 0.1, 1);
    fc.assert(
      fc.property(problem, errors, (drawn, error) => {
        const { mdp, options, draw, shape } = caseOf(drawn);
        const [truth, noise] = [draw(0), draw(2)];
        const wrong = shape(truth, 1).map((value, i) => value + error * noise[i]);
        const starc = { ...options, canonical: "value-adjusted" as const };
        const d = starcDistance(mdp, truth, wrong, starc);
        const best = optimalValue(mdp, truth, options.discount);
        const regret =
          best.value -
          valueOf(mdp, truth, optimalValue(mdp, wrong, options.discount).policy, options.discount);
        // Shaping moves all returns alike, so regrets are those of c. With c / |c| apart by 2 d in L2(D), the returns of a
        // policy are apart by 2 d / sqrt(least weight) / (1 - gamma), and a regret spans two policies.
        const weights = new Float64Array(mdp.states * mdp.actions);
        options.coverage.forEach((mass, i) => (weights[Math.floor(i / mdp.states)] += mass));
        const norm = Math.sqrt(
          starcCanonical(mdp, truth, starc).reduce((sum, c, pair) => sum + weights[pair] * c * c, 0),
        );
        const bound = (4 * d * norm) / (Math.sqrt(Math.min(...weights)) * (1 - options.discount));
        expect(regret).toBeLessThanOrEqual(bound + 1e-10);
        if (error === 0) expect(bound).toBeLessThan(1e-9);
      }),
      RUNS,
    );
  });

  it("needs a coverage of every pair and a discount below 1", () => {
    const [first, second] = [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ];
    const coverage = Float64Array.of(0.5, 0, 0, 0.5, 0, 0, 0, 0);
    expect(() => starcDistance(SWITCH, first, second, { ...valueAdjusted, coverage })).toThrow(
      /every pair, got 0 for state 1, action 0; try possibleCoverage/,
    );
    expect(() => starcDistance(SWITCH, first, second, { ...valueAdjusted, discount: 1 })).toThrow(
      /discount in \[0, 1\), got 1/,
    );
  });
});

/** The table as a function of (s, a, s'). */
function at(
  { states, actions }: TabularMdp,
  table: Float64Array,
): (s: number, a: number, next: number) => number {
  return (s, a, next) => table[(s * actions + a) * states + next];
}

function everyTransition(
  { states, actions }: TabularMdp,
  visit: (s: number, a: number, next: number) => void,
): void {
  for (let s = 0; s < states; s++) {
    for (let a = 0; a < actions; a++) for (let next = 0; next < states; next++) visit(s, a, next);
  }
}

function expectClose(values: Float64Array, expected: number[]): void {
  expect(values.length).toBe(expected.length);
  expected.forEach((value, i) => expect(values[i]).toBeCloseTo(value, 13));
}

/** Q by 600 sweeps, V(s) being what `choose` makes of the row of Q, [S, A]. */
function actionValues(
  mdp: TabularMdp,
  reward: Float64Array,
  discount: number,
  choose: (row: Float64Array, s: number) => number,
): Float64Array {
  const { states, actions, transitions } = mdp;
  let values = new Float64Array(states);
  const q = new Float64Array(states * actions);
  for (let sweep = 0; sweep < 600; sweep++) {
    q.fill(0);
    transitions.forEach((p, i) => {
      q[Math.floor(i / states)] += p * (reward[i] + discount * values[i % states]);
    });
    values = values.map((_, s) => choose(q.subarray(s * actions, (s + 1) * actions), s));
  }
  return q;
}

/** The greedy policy of the optimal Q and what it is worth, E V(s_0). */
function optimalValue(
  mdp: TabularMdp,
  reward: Float64Array,
  discount: number,
): { policy: number[]; value: number } {
  const q = actionValues(mdp, reward, discount, (row) => Math.max(...row));
  const policy = Array.from({ length: mdp.states }, (_, s) => {
    const row = q.subarray(s * mdp.actions, (s + 1) * mdp.actions);
    return row.indexOf(Math.max(...row));
  });
  return { policy, value: valueOf(mdp, reward, policy, discount) };
}

/** E V(s_0) of a policy. */
function valueOf(mdp: TabularMdp, reward: Float64Array, policy: number[], discount: number): number {
  const q = actionValues(mdp, reward, discount, (row, s) => row[policy[s]]);
  return mdp.initial.reduce((sum, mass, s) => sum + mass * q[s * mdp.actions + policy[s]], 0);
}
