import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { foldIn, keyFromSeed } from "../../src/core/index.ts";
import { garnetMdp, gridWorldMdp, GRID_WORLD, type TabularMdp } from "../../src/envs/index.ts";
import {
  empiricalOccupancy,
  logLikelihood,
  occupancy,
  occupancyByTime,
  occupancyOver,
  softPolicyIteration,
  softPolicyValues,
  softValueIterationOver,
  stationaryDistribution,
} from "../../src/rl/index.ts";
import { solveLinear } from "../../src/rl/linear-system.ts";
import { farthest, inner, LEAVING, normalTable, randomLogPolicy, SWITCHING } from "../reference/tabular.ts";

const EPSILON = 2 ** -52;
const GARNET = garnetMdp({ states: 6, actions: 3, branching: 3, seed: 2 });
const GRID = gridWorldMdp({ ...GRID_WORLD, rows: 3, columns: 4 });
/** pi(.|0) = (1/3, 2/3), pi(.|1) = (1/2, 1/2): soft-optimal in LEAVING at gamma = 1/2. */
const THIRDS = [1 / 3, 2 / 3, 1 / 2, 1 / 2].map(Math.log);

const marginal = (pairs: Float64Array, { states, actions }: TabularMdp): Float64Array =>
  Float64Array.from({ length: states }, (_, s) =>
    pairs.subarray(s * actions, (s + 1) * actions).reduce((sum, mass) => sum + mass, 0),
  );

const counting = (states: number[], actions: number[], horizon: number) => () =>
  empiricalOccupancy(LEAVING, { states, actions }, horizon, 0.5);

/**
 * Central differences of `value` at steps h and 2h; the difference between them is three times the error of the first,
 * up to the next order, and rounding and unconverged values add `noise` / h.
 */
function derivative(value: (amount: number) => number, noise: number): { slope: number; allowed: number } {
  const h = 2 ** -9;
  const central = (step: number): number => (value(step) - value(-step)) / (2 * step);
  const slope = central(h);
  return { slope, allowed: Math.abs(central(2 * h) - slope) + noise / h };
}

const moved = (mdp: TabularMdp, direction: Float64Array, amount: number): Float64Array =>
  mdp.rewards.map((reward, pair) => reward + amount * direction[pair]);

describe("occupancy", () => {
  it("counts a problem worked by hand", () => {
    // d(0) = 1 + d(0) / 2 / 3 = 6/5 and d sums to 2.
    const found = occupancy(LEAVING, Float64Array.from(THIRDS), 0.5);
    expect(farthest(found, [2 / 5, 4 / 5, 2 / 5, 2 / 5])).toBeLessThanOrEqual(8 * EPSILON);
  });

  it("obeys the flow of probability and follows the policy", () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 0.99, noNaN: true }), (seed, discount) => {
        const policy = randomLogPolicy(GARNET, keyFromSeed(seed));
        const found = occupancy(GARNET, policy, discount);
        const states = marginal(found, GARNET);
        const into = GARNET.initial.slice();
        found.forEach((mass, pair) => {
          for (let s = 0; s < 6; s++) into[s] += discount * mass * GARNET.transitions[pair * 6 + s];
        });
        // The residual of a solve by elimination: about n^2 epsilon times the solution, which sums to 1 / (1 - gamma).
        const allowed = (50 * EPSILON) / (1 - discount);
        expect(farthest(states, into)).toBeLessThanOrEqual(allowed);
        found.forEach((mass, pair) => {
          const share = states[Math.floor(pair / 3)] * Math.exp(policy[pair]);
          expect(Math.abs(mass - share)).toBeLessThanOrEqual(allowed);
        });
      }),
    );
  });

  it("weighs rewards and entropy to the value of the policy", () => {
    for (const mdp of [GARNET, GRID]) {
      const policy = randomLogPolicy(mdp, keyFromSeed(9));
      const values = softPolicyValues(mdp, mdp.rewards, policy, { discount: 0.9, values: "plain" });
      const earned = mdp.rewards.map((reward, pair) => reward - policy[pair]);
      const allowed = 100 * 10 * EPSILON * inner(occupancy(mdp, policy, 0.9), earned.map(Math.abs));
      const total = inner(occupancy(mdp, policy, 0.9), earned);
      expect(Math.abs(total - inner(mdp.initial, values))).toBeLessThanOrEqual(allowed);
    }
  });
});

describe("occupancyByTime and occupancyOver", () => {
  it("count two steps worked by hand, of a stationary policy", () => {
    const terms = [1 / 3, 2 / 3, 0, 0, 1 / 18, 1 / 9, 1 / 6, 1 / 6];
    const policy = Float64Array.from(THIRDS);
    expect(farthest(occupancyByTime(2, LEAVING, policy, 0.5), terms)).toBeLessThanOrEqual(4 * EPSILON);
    const total = [7 / 18, 7 / 9, 1 / 6, 1 / 6];
    expect(farthest(occupancyOver(2, LEAVING, policy, 0.5), total)).toBeLessThanOrEqual(4 * EPSILON);
  });

  it("follow a policy that changes with time", () => {
    // Stay for certain at t = 0, change over with 1/4 at t = 1.
    const policy = Float64Array.from([1, 0, 1, 0, 3 / 4, 1 / 4, 3 / 4, 1 / 4, 0, 1, 0, 1].map(Math.log));
    const terms = [1, 0, 0, 0, 3 / 4, 1 / 4, 0, 0, 0, 3 / 4, 0, 1 / 4];
    expect(farthest(occupancyByTime(3, SWITCHING, policy, 1), terms)).toBeLessThanOrEqual(4 * EPSILON);
    expect(farthest(occupancyOver(3, SWITCHING, policy, 1), [7 / 4, 1, 0, 1 / 4])).toBeLessThanOrEqual(
      8 * EPSILON,
    );
    expect(() => occupancyByTime(2, SWITCHING, policy, 1)).toThrow(
      "occupancyByTime: expected a policy of shape [2, 2] or [2, 2, 2], got 12 numbers",
    );
  });

  it("come within gamma^H / (1 - gamma) of what goes on for ever, from below", () => {
    const policy = randomLogPolicy(GRID, keyFromSeed(3));
    const endless = occupancy(GRID, policy, 0.9);
    const rest = Float64Array.from(occupancyOver(30, GRID, policy, 0.9), (mass, i) => endless[i] - mass);
    expect(Math.min(...rest)).toBeGreaterThan(0);
    const total = rest.reduce((sum, mass) => sum + mass, 0);
    expect(Math.abs(total - 0.9 ** 30 / 0.1)).toBeLessThanOrEqual(1e3 * 10 * EPSILON);
  });
});

describe("stationaryDistribution", () => {
  it("balances a chain worked by hand", () => {
    // 1/3 leave state 0 and 1/2 state 1.
    const policy = Float64Array.from([2 / 3, 1 / 3, 1 / 2, 1 / 2].map(Math.log));
    expect(farthest(stationaryDistribution(SWITCHING, policy), [3 / 5, 2 / 5])).toBeLessThanOrEqual(
      8 * EPSILON,
    );
  });

  it("leaves nothing in transient states", () => {
    expect(stationaryDistribution(LEAVING, Float64Array.from(THIRDS))).toEqual(Float64Array.of(0, 1));
  });

  it("is what the average over a long time tends to", () => {
    for (const mdp of [GARNET, GRID]) {
      const policy = randomLogPolicy(mdp, keyFromSeed(5));
      const found = stationaryDistribution(mdp, policy);
      // (1 - gamma) d_gamma - d = (1 - gamma) times the chain's deviation + O((1 - gamma)^2): a tenth at a tenth.
      const away = (discount: number): number =>
        farthest(
          marginal(occupancy(mdp, policy, discount), mdp).map((mass) => mass * (1 - discount)),
          found,
        );
      expect(Math.abs(away(1 - 1e-5) / away(1 - 1e-4) - 0.1)).toBeLessThan(0.01);
    }
  });

  it("refuses a chain with several recurrent classes", () => {
    const stay = Float64Array.of(0, -Infinity, 0, -Infinity);
    expect(() => stationaryDistribution(SWITCHING, stay)).toThrow(/several recurrent classes/);
    // Two pairs of states and a fifth that leads to both.
    const pairs = new Float64Array(25);
    for (const [s, next] of [
      [0, 1],
      [1, 0],
      [2, 3],
      [3, 2],
    ])
      pairs[s * 5 + next] = 1;
    pairs[20] = pairs[22] = 0.5;
    const split = { states: 5, actions: 1, transitions: pairs };
    expect(() => stationaryDistribution(split, new Float64Array(5))).toThrow(/several recurrent classes/);
    pairs[11] = pairs[13] = 0.5;
    pairs[2 * 5 + 3] = 0.5;
    const joined = stationaryDistribution(split, new Float64Array(5));
    expect(farthest(joined, [1 / 2, 1 / 2, 0, 0, 0])).toBeLessThanOrEqual(8 * EPSILON);
  });
});

describe("empiricalOccupancy", () => {
  it("counts trajectories worked by hand", () => {
    const recorded = { states: [0, 1, 1, 0, 0, 1], actions: [1, 0, 1, 1, 0, 1] };
    const found = empiricalOccupancy(LEAVING, recorded, 3, 0.5);
    expect(Array.from(found)).toEqual([1 / 4, 1, 1 / 4, 1 / 4]);
    // L is the mean over trajectories of sum_t gamma^t log pi(a_t|s_t).
    const byHand = (Math.log(2 / 3) + 0.75 * Math.log(1 / 2) + Math.log(2 / 3) + 0.5 * Math.log(1 / 3)) / 2;
    const last = (0.25 * Math.log(1 / 2)) / 2;
    expect(Math.abs(logLikelihood(found, Float64Array.from(THIRDS)) - byHand - last)).toBeLessThanOrEqual(
      8 * EPSILON,
    );
  });

  it("refuses what does not divide into trajectories and what is out of range", () => {
    expect(counting([0, 1, 1], [0, 0, 0], 2)).toThrow(/trajectories of 2 steps each, got 3 and 3/);
    expect(counting([0, 1], [0], 2)).toThrow(/got 2 and 1/);
    expect(counting([], [], 2)).toThrow(/got 0 and 0/);
    expect(counting([0, 2], [0, 0], 2)).toThrow(/got 2 and 0 in row 1/);
    expect(counting([0, 1], [0, 2], 2)).toThrow(/got 1 and 2 in row 1/);
  });
});

describe("logLikelihood", () => {
  it("counts only what the expert does", () => {
    expect(logLikelihood([1, 0], Float64Array.of(-2, -Infinity))).toBe(-2);
    expect(logLikelihood([1, 1], Float64Array.of(-2, -Infinity))).toBe(-Infinity);
  });

  it("has the gradient d_E - d_pi in the reward", () => {
    const tolerance = 1e-12;
    for (const mdp of [GARNET, GRID]) {
      for (const values of ["plain", "centred"] as const) {
        const options = { discount: 0.9, tolerance, values };
        const expert = occupancy(mdp, randomLogPolicy(mdp, keyFromSeed(1)), 0.9);
        const policyOf = (rewards: Float64Array): Float64Array =>
          softPolicyIteration(mdp, rewards, options).logPolicy;
        const agent = occupancy(mdp, policyOf(mdp.rewards), 0.9);
        const gradient = expert.map((mass, pair) => mass - agent[pair]);
        for (let k = 0; k < 4; k++) {
          const direction = normalTable(gradient.length, foldIn(keyFromSeed(2), k));
          const { slope, allowed } = derivative(
            (amount) => logLikelihood(expert, policyOf(moved(mdp, direction, amount))),
            // log pi is off by at most twice the error of V, and d_E sums to 10.
            10 * 2 * tolerance,
          );
          expect(allowed).toBeLessThan(1e-3 * Math.abs(slope));
          expect(Math.abs(slope - inner(gradient, direction))).toBeLessThanOrEqual(allowed);
        }
      }
    }
  });

  it("has the gradient d_E - d_pi over a horizon too, where policies change with time", () => {
    const horizon = 7;
    const options = { discount: 0.8, values: "plain" } as const;
    const expert = occupancyByTime(horizon, GARNET, randomLogPolicy(GARNET, keyFromSeed(1)), 0.8);
    const policyOf = (rewards: Float64Array): Float64Array =>
      softValueIterationOver(horizon, GARNET, rewards, options).logPolicy;
    const agent = occupancyByTime(horizon, GARNET, policyOf(GARNET.rewards), 0.8);
    const direction = normalTable(18, keyFromSeed(3));
    const expected = expert.reduce((sum, mass, i) => sum + (mass - agent[i]) * direction[i % 18], 0);
    const { slope, allowed } = derivative(
      (amount) => logLikelihood(expert, policyOf(moved(GARNET, direction, amount))),
      5 * 100 * EPSILON,
    );
    expect(allowed).toBeLessThan(1e-3 * Math.abs(slope));
    expect(Math.abs(slope - expected)).toBeLessThanOrEqual(allowed);
  });
});

describe("solveLinear", () => {
  it("solves with the residual of a stable elimination, whatever the pivots", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), (seed, n) => {
        const matrix = normalTable(n * n, keyFromSeed(seed));
        matrix[0] = 0;
        if (n === 1) matrix[0] = 3;
        const right = normalTable(n, foldIn(keyFromSeed(seed), 1));
        const x = solveLinear(matrix.slice(), right.slice());
        const size = Math.max(...x.map(Math.abs)) * Math.max(...matrix.map(Math.abs));
        for (let row = 0; row < n; row++) {
          const residual = inner(matrix.subarray(row * n, (row + 1) * n), x) - right[row];
          // n^2 roundings, each of the size of the largest product; partial pivoting's growth is small on average.
          expect(Math.abs(residual)).toBeLessThanOrEqual(8 * n * n * EPSILON * Math.max(1, size));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("refuses a singular matrix", () => {
    expect(() => solveLinear(Float64Array.of(1, 2, 2, 4), Float64Array.of(1, 1))).toThrow(
      /singular in column 1/,
    );
  });
});
