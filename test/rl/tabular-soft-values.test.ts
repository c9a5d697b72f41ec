import { describe, expect, it } from "vitest";

import { keyFromSeed, TandemError } from "../../src/core/index.ts";
import { chainMdp, garnetMdp, type TabularMdp } from "../../src/envs/index.ts";
import {
  emptySolution,
  logSoftmax,
  softPolicyIteration,
  softPolicyValues,
  softValueIteration,
  softValueIterationOver,
} from "../../src/rl/index.ts";
import { bandit, farthest, LEAVING, randomLogPolicy } from "../reference/tabular.ts";

const PLAIN = { discount: 0.5, tolerance: 1e-13, values: "plain" } as const;
const GARNET = garnetMdp({ states: 12, actions: 3, branching: 3, seed: 4 });
const CHAIN = chainMdp({ states: 15, slip: 0.1, nearReward: 0.5, farReward: 3 });

/** Rounding of V by S + A additions a sweep, summed up over the horizon 1 / (1 - gamma). */
function rounding({ states, actions }: TabularMdp, values: ArrayLike<number>, discount: number): number {
  const largest = Math.max(...Array.from(values, Math.abs));
  return ((states + actions + 8) * 2 ** -52 * largest) / (1 - discount);
}

describe.for([
  ["softValueIteration", softValueIteration],
  ["softPolicyIteration", softPolicyIteration],
] as const)("%s", ([, solve]) => {
  it("solves a problem worked by hand", () => {
    const { values, actionValues, logPolicy } = solve(LEAVING, LEAVING.rewards, PLAIN);
    const log = Math.log;
    expect(farthest(values, [log(9), log(4)])).toBeLessThanOrEqual(2e-13);
    expect(farthest(actionValues, [log(3), log(6), log(2), log(2)])).toBeLessThanOrEqual(2e-13);
    expect(farthest(logPolicy, [log(1 / 3), log(2 / 3), log(1 / 2), log(1 / 2)])).toBeLessThanOrEqual(4e-13);
  });

  it("takes log A off every centred value", () => {
    const mdp = bandit(0, Math.log(3));
    const { values, logPolicy } = solve(mdp, mdp.rewards, { ...PLAIN, values: "centred" });
    expect(farthest(values, [2 * Math.log(2)])).toBeLessThanOrEqual(2e-13);
    expect(farthest(logPolicy, [Math.log(1 / 4), Math.log(3 / 4)])).toBeLessThanOrEqual(4e-13);
  });

  it("shifts every Q by gamma log A / (1 - gamma) when centred, and no policy", () => {
    for (const discount of [0, 0.5, 0.9, 0.99]) {
      const options = { discount, tolerance: 1e-12 };
      const plain = solve(GARNET, GARNET.rewards, { ...options, values: "plain" });
      const centred = solve(GARNET, GARNET.rewards, { ...options, values: "centred" });
      const shift = (discount * Math.log(GARNET.actions)) / (1 - discount);
      const allowed = 2e-12 + 2 * rounding(GARNET, plain.values, discount);
      expect(
        farthest(
          plain.actionValues.map((value) => value - shift),
          centred.actionValues,
        ),
      ).toBeLessThanOrEqual(allowed);
      expect(farthest(plain.logPolicy, centred.logPolicy)).toBeLessThanOrEqual(1e-12);
    }
  });

  it.for([0, 0.9, 0.99])("is within its tolerance of the fixed point at discount %d", (discount) => {
    for (const mdp of [GARNET, CHAIN]) {
      const exact = solve(mdp, mdp.rewards, { discount, tolerance: 1e-11, values: "plain" });
      for (const tolerance of [1, 1e-3, 1e-6]) {
        const found = solve(mdp, mdp.rewards, { discount, tolerance, values: "plain" });
        expect(farthest(found.values, exact.values)).toBeLessThanOrEqual(tolerance + 1e-11);
      }
      // Its own policy's value is the optimal value.
      const values = softPolicyValues(mdp, mdp.rewards, exact.logPolicy, { discount, values: "plain" });
      const allowed = 2e-11 + 2 * rounding(mdp, values, discount);
      expect(farthest(values, exact.values)).toBeLessThanOrEqual(allowed);
    }
  });

  it("starts from the values it is given, and forgets them", () => {
    const options = { discount: 0.9, tolerance: 1e-10, values: "plain" } as const;
    const cold = solve(GARNET, GARNET.rewards, options);
    const far = emptySolution(GARNET);
    far.values.fill(1e5);
    expect(solve(GARNET, GARNET.rewards, options, far)).toBe(far);
    expect(farthest(far.values, cold.values)).toBeLessThanOrEqual(2e-10);
    expect(solve(GARNET, GARNET.rewards, options, far).sweeps).toBe(1);
  });

  const run = (rewards: ArrayLike<number>, discount: number) => () =>
    solve(LEAVING, rewards, { ...PLAIN, discount });

  it("refuses rewards and discounts that no value follows from", () => {
    expect(run([0, 0, 0], 0.5)).toThrow(/expected rewards of shape \[2, 2\], got 3 numbers/);
    expect(run([0, 0, 0, NaN], 0.5)).toThrow(/got NaN for pair 3/);
    expect(run([0, Infinity, 0, 0], 0.5)).toThrow(TandemError);
    for (const discount of [1, -0.1, NaN]) expect(run(LEAVING.rewards, discount)).toThrow(/discount/);
    for (const tolerance of [0, -1, NaN]) {
      expect(() => solve(LEAVING, LEAVING.rewards, { ...PLAIN, tolerance })).toThrow(/a tolerance above 0/);
    }
  });
});

describe("softValueIteration", () => {
  it("meets its tolerance with a change of (1 - gamma) / gamma times that, not earlier and not later", () => {
    // One state: V_n = log 4 (1 - gamma^n) / (1 - gamma), whose n-th change is log 4 gamma^(n - 1).
    const mdp = bandit(0, Math.log(3));
    const tolerance = 1e-3;
    const sweeps = Math.ceil(Math.log(tolerance / (2 * Math.log(4))) / Math.log(0.5));
    expect(softValueIteration(mdp, mdp.rewards, { ...PLAIN, tolerance }).sweeps).toBe(sweeps);
  });

  it("gives log sum exp r at discount 0", () => {
    const { values } = softValueIteration(LEAVING, LEAVING.rewards, { ...PLAIN, discount: 0 });
    expect(farthest(values, [Math.log(4), Math.log(2)])).toBeLessThanOrEqual(4 * 2 ** -52);
  });

  it("needs no sweeps to speak of after policy iteration where it needs thousands alone", () => {
    const options = { discount: 0.99, tolerance: 1e-9, values: "plain" } as const;
    expect(softValueIteration(CHAIN, CHAIN.rewards, options).sweeps).toBeGreaterThan(1000);
    expect(softPolicyIteration(CHAIN, CHAIN.rewards, options).sweeps).toBeLessThan(20);
  });
});

describe("softPolicyIteration", () => {
  it("says so where rounding allows no such tolerance", () => {
    // V moves to and fro between neighbouring doubles of about 2^12.
    const options = { discount: 0.99, tolerance: 1e-12, values: "plain" } as const;
    const far = chainMdp({ states: 15, slip: 0.1, nearReward: 0.5, farReward: 30 });
    expect(() => softPolicyIteration(far, far.rewards, options)).toThrow(
      /expected an error within 1e-12, got .*: raise the tolerance/,
    );
  });
});

describe("softValueIterationOver", () => {
  it("solves two steps worked by hand", () => {
    const found = softValueIterationOver(2, LEAVING, LEAVING.rewards, PLAIN);
    const log = Math.log;
    const first = [log(2), log(3 * Math.SQRT2), log(2) / 2, log(2) / 2];
    const allowed = 8 * 2 ** -52;
    expect(farthest(found.actionValues, [...first, 0, log(3), 0, 0])).toBeLessThanOrEqual(allowed);
    expect(
      farthest(found.values, [log(2 + 3 * Math.SQRT2), 1.5 * log(2), log(4), log(2)]),
    ).toBeLessThanOrEqual(allowed);
    const total = 2 + 3 * Math.SQRT2;
    const policies = [2 / total, (3 * Math.SQRT2) / total, 0.5, 0.5, 0.25, 0.75, 0.5, 0.5].map(log);
    expect(farthest(found.logPolicy, policies)).toBeLessThanOrEqual(allowed);
  });

  it("comes within gamma^H of the endless problem, plain and centred", () => {
    for (const values of ["plain", "centred"] as const) {
      const options = { discount: 0.9, tolerance: 1e-12, values };
      const endless = softValueIteration(GARNET, GARNET.rewards, options);
      const long = softValueIterationOver(100, GARNET, GARNET.rewards, options);
      const first = long.values.subarray(0, GARNET.states);
      // ||T^H 0 - V|| <= gamma^H ||V||.
      const allowed = 0.9 ** 100 * Math.max(...endless.values.map(Math.abs)) + 1e-11;
      expect(farthest(first, endless.values)).toBeLessThanOrEqual(allowed);
    }
  });

  it("takes a discount of 1 and refuses what is no horizon", () => {
    const found = softValueIterationOver(3, bandit(0, Math.log(3)), [0, Math.log(3)], {
      ...PLAIN,
      discount: 1,
    });
    expect(
      farthest(
        found.values,
        [3, 2, 1].map((steps) => steps * Math.log(4)),
      ),
    ).toBeLessThanOrEqual(1e-15 * 8);
    for (const horizon of [0, 1.5, NaN]) {
      expect(() => softValueIterationOver(horizon, LEAVING, LEAVING.rewards, PLAIN)).toThrow(/horizon/);
    }
    expect(() => softValueIterationOver(2, LEAVING, LEAVING.rewards, { ...PLAIN, discount: 1.1 })).toThrow(
      /discount/,
    );
  });
});

describe("softPolicyValues", () => {
  it("values a policy worked by hand", () => {
    // pi(.|0) = (1/2, 1/2): V(1) = log 2 + V(1) / 2; V(0) = (log 3) / 2 + log 2 + (V(0) + V(1)) / 4.
    const uniform = new Float64Array(4).fill(-Math.LN2);
    const second = 2 * Math.LN2;
    const first = (Math.log(3) / 2 + Math.LN2 + second / 4) / (3 / 4);
    const found = softPolicyValues(LEAVING, LEAVING.rewards, uniform, PLAIN);
    expect(farthest(found, [first, second])).toBeLessThanOrEqual(16 * 2 ** -52);
    const centred = softPolicyValues(LEAVING, LEAVING.rewards, uniform, { ...PLAIN, values: "centred" });
    const shifted = [first, second].map((value) => value - 2 * Math.LN2);
    expect(farthest(centred, shifted)).toBeLessThanOrEqual(16 * 2 ** -52);
  });

  it("earns no entropy from what a policy never does", () => {
    const left = Float64Array.of(-Infinity, 0, 0, -Infinity);
    const found = softPolicyValues(LEAVING, LEAVING.rewards, left, PLAIN);
    expect(farthest(found, [Math.log(3), 0])).toBeLessThanOrEqual(4 * 2 ** -52);
  });

  it("is never above the soft-optimal value", () => {
    const options = { discount: 0.9, tolerance: 1e-12, values: "plain" } as const;
    const best = softValueIteration(GARNET, GARNET.rewards, options).values;
    for (let seed = 0; seed < 20; seed++) {
      const policy = randomLogPolicy(GARNET, keyFromSeed(seed));
      const values = softPolicyValues(GARNET, GARNET.rewards, policy, options);
      values.forEach((value, s) => expect(value).toBeLessThan(best[s]));
    }
  });
});

describe("logSoftmax", () => {
  it("normalises row by row, wherever the rows lie", () => {
    const rows = Float64Array.of(1000, 1000 + Math.log(3), -1000, -1000, Math.log(4), 0);
    const found = logSoftmax(rows, 2, new Float64Array(6));
    const expected = [1 / 4, 3 / 4, 1 / 2, 1 / 2, 4 / 5, 1 / 5].map(Math.log);
    expect(farthest(found, expected)).toBeLessThanOrEqual(1000 * 2 ** -52);
  });
});
