import { describe, expect, it } from "vitest";

import { foldIn, keyFromSeed, nextInteger, nextUniform, streamOf, type Key } from "../../src/core/index.ts";
import {
  CHAIN,
  chainMdp,
  garnetMdp,
  GRID_WORLD,
  gridWorldMdp,
  OBJECT_WORLD,
  objectWorldMdp,
  tabularEnvironment,
  type TabularMdp,
} from "../../src/envs/index.ts";
import { mceIrl } from "../../src/irl/index.ts";
import { empiricalOccupancy, logLikelihood, occupancy, softPolicyIteration } from "../../src/rl/index.ts";
import { bandit, farthest, inner, normalTable } from "../reference/tabular.ts";

const OPTIONS = {
  discount: 0.9,
  radius: Infinity,
  gradientTolerance: 1e-9,
  valueTolerance: 1e-12,
  maxIterations: 2000,
} as const;
const GARNET = garnetMdp({ states: 6, actions: 3, branching: 3, seed: 2 });
const HORIZON = 40;

const expertOf = (mdp: TabularMdp, discount: number): Float64Array =>
  softPolicyIteration(mdp, mdp.rewards, { discount, tolerance: 1e-12, values: "plain" }).logPolicy;

const length = (x: Float64Array): number => Math.sqrt(inner(x, x));
const zero = (mdp: TabularMdp): Float64Array => new Float64Array(mdp.rewards.length);
const probabilities = (logPolicy: Float64Array): Float64Array => logPolicy.map(Math.exp);

/** Discounted counts of a few trajectories of the expert: an occupancy of no policy. */
function demonstrated(mdp: TabularMdp, trajectories: number, key: Key): Float64Array {
  const policy = probabilities(expertOf(mdp, 0.9));
  const env = tabularEnvironment("Expert", mdp, HORIZON);
  const stream = streamOf(foldIn(key, 0));
  const recorded = { states: [] as number[], actions: [] as number[] };
  for (let n = 0; n < trajectories; n++) {
    let state = env.reset({ seed: nextInteger(foldedStream(key, n), 2 ** 31) }).observation[0];
    for (let t = 0; t < HORIZON; t++) {
      let action = 0;
      for (let left = nextUniform(stream); action < mdp.actions - 1; action++) {
        left -= policy[state * mdp.actions + action];
        if (left < 0) break;
      }
      recorded.states.push(state);
      recorded.actions.push(action);
      state = env.step([action]).observation[0];
    }
  }
  return empiricalOccupancy(mdp, recorded, HORIZON, 0.9);
}

const foldedStream = (key: Key, n: number) => streamOf(foldIn(key, n + 1));

/** J(r) = sum d^ r - sum mu0 V, from its definition. */
function objective(mdp: TabularMdp, counts: Float64Array, rewards: Float64Array, discount: number): number {
  const { values } = softPolicyIteration(mdp, rewards, { discount, tolerance: 1e-12, values: "plain" });
  return inner(counts, rewards) - inner(mdp.initial, values);
}

/** d^ - d_pi at `rewards`. */
function gradientAt(
  mdp: TabularMdp,
  counts: Float64Array,
  rewards: Float64Array,
  discount: number,
): Float64Array {
  const options = { discount, tolerance: 1e-12, values: "plain" } as const;
  const visited = occupancy(mdp, softPolicyIteration(mdp, rewards, options).logPolicy, discount);
  return counts.map((count, pair) => count - visited[pair]);
}

describe("mceIrl", () => {
  it("solves a bandit worked by hand", () => {
    // d_pi = pi / (1 - gamma): pi = (1/4, 3/4), and gradients sum to 0, so that r does: r = (-log 3, log 3) / 2.
    const found = mceIrl(bandit(0, 0), Float64Array.of(1 / 2, 3 / 2), zero(bandit(0, 0)), {
      ...OPTIONS,
      discount: 0.5,
    });
    const half = Math.log(3) / 2;
    // The gradient's slope is 2 / (1 - gamma) pi_0 pi_1 = 3/4 along (1, -1).
    const allowed = 4 * OPTIONS.gradientTolerance;
    expect(farthest(found.rewards, [-half, half])).toBeLessThanOrEqual(allowed);
    expect(farthest(found.logPolicy, [Math.log(1 / 4), Math.log(3 / 4)])).toBeLessThanOrEqual(4 * allowed);
    // J = (3/2 - 1/2) log(3) / 2 - 2 log(3^-1/2 + 3^1/2).
    const byHand = half - 2 * Math.log(1 / Math.sqrt(3) + Math.sqrt(3));
    expect(Math.abs(found.objective - byHand)).toBeLessThanOrEqual(allowed);
    expect(found.travel).toBe(0);
    expect(found.gradientNorm).toBeLessThanOrEqual(OPTIONS.gradientTolerance);
  });

  it("goes to the edge of the ball towards an expert that is always certain", () => {
    for (const radius of [0.5, 2]) {
      const start = Float64Array.of(0.3, -0.1);
      const found = mceIrl(bandit(0, 0), Float64Array.of(2, 0), start, { ...OPTIONS, discount: 0.5, radius });
      // Gradients are multiples of (1, -1).
      const step = radius / Math.SQRT2;
      expect(farthest(found.rewards, [0.3 + step, -0.1 - step])).toBeLessThanOrEqual(1e-8);
      const gap = 0.4 + 2 * step;
      expect(Math.abs(Math.exp(found.logPolicy[0]) - 1 / (1 + Math.exp(-gap)))).toBeLessThanOrEqual(1e-8);
      expect(Math.abs(found.travel - 1)).toBeLessThanOrEqual(4 * 2 ** -52);
    }
  });

  it.for([
    garnetMdp({ states: 20, actions: 4, branching: 3, seed: 0 }),
    gridWorldMdp(GRID_WORLD),
    objectWorldMdp(OBJECT_WORLD),
    chainMdp(CHAIN),
  ])("recovers the expert's policy of $name from its occupancy", (mdp) => {
    for (const discount of [0.8, 0.9]) {
      const expert = expertOf(mdp, discount);
      const counts = occupancy(mdp, expert, discount);
      const found = mceIrl(mdp, counts, zero(mdp), { ...OPTIONS, discount });
      expect(farthest(probabilities(found.logPolicy), probabilities(expert))).toBeLessThan(1e-6);
      // J is the likelihood there, and no reward does better than the expert's own.
      const best = logLikelihood(counts, expert);
      const rounding = 1e-11 / (1 - discount);
      expect(Math.abs(found.objective - best)).toBeLessThanOrEqual(rounding);
      expect(Math.abs(objective(mdp, counts, mdp.rewards, discount) - best)).toBeLessThanOrEqual(rounding);
    }
  });

  it("recovers it from wherever it begins, with another reward", () => {
    const expert = expertOf(GARNET, 0.9);
    const counts = occupancy(GARNET, expert, 0.9);
    const start = normalTable(18, keyFromSeed(1));
    const found = mceIrl(GARNET, counts, start, OPTIONS);
    const other = mceIrl(GARNET, counts, zero(GARNET), OPTIONS);
    expect(farthest(probabilities(found.logPolicy), probabilities(expert))).toBeLessThan(1e-6);
    expect(farthest(found.rewards, other.rewards)).toBeGreaterThan(0.1);
    expect(start).toEqual(normalTable(18, keyFromSeed(1)));
  });

  it("arrives in spite of a start that is far off and certain, where steps must be held back", () => {
    const mdp = chainMdp({ ...CHAIN, states: 6 });
    const options = {
      ...OPTIONS,
      discount: 0.99,
      valueTolerance: 1e-9,
      gradientTolerance: 1e-7,
      maxIterations: 500,
    };
    const counts = occupancy(mdp, expertOf(mdp, 0.99), 0.99);
    const start = mdp.rewards.map((_, pair) => 20 * (((pair * 7) % 5) - 2));
    expect(mceIrl(mdp, counts, start, options).gradientNorm).toBeLessThanOrEqual(1e-7);
  });

  it("arrives where the objective's differences drown in rounding before its gradient does", () => {
    const mdp = gridWorldMdp({ ...GRID_WORLD, rows: 3, columns: 3, traps: 2 });
    const options = { ...OPTIONS, discount: 0.99, valueTolerance: 1e-9, gradientTolerance: 1e-10 };
    const counts = occupancy(mdp, expertOf(mdp, 0.99), 0.99);
    expect(mceIrl(mdp, counts, zero(mdp), options).gradientNorm).toBeLessThanOrEqual(1e-10);
  });

  it("satisfies the conditions of a maximum in the ball, from counts that break the flow", () => {
    for (const radius of [1, 4]) {
      const counts = demonstrated(GARNET, 3, keyFromSeed(7));
      const start = normalTable(18, keyFromSeed(8));
      const found = mceIrl(GARNET, counts, start, { ...OPTIONS, radius });
      const move = found.rewards.map((reward, pair) => reward - start[pair]);
      expect(Math.abs(length(move) - radius)).toBeLessThanOrEqual(1e-12);
      // The gradient points straight out of the ball. Proj(r + g) is r but for the tolerance, and where the sine of
      // their angle is s, Proj moves by about radius |g| s / |radius + g|.
      const gradient = gradientAt(GARNET, counts, found.rewards, 0.9);
      const along = inner(gradient, move) / radius;
      const across = gradient.map((value, pair) => value - (along * move[pair]) / radius);
      expect(along).toBeGreaterThan(0);
      const allowed = 2 * OPTIONS.gradientTolerance * (1 + along / radius) + 1e-10;
      expect(length(across)).toBeLessThanOrEqual(allowed);
      // J is concave: so no other reward of the ball has more.
      for (let k = 0; k < 30; k++) {
        const direction = normalTable(18, foldIn(keyFromSeed(9), k));
        const other = start.map((reward, pair) => reward + (radius * direction[pair]) / length(direction));
        expect(objective(GARNET, counts, other, 0.9)).toBeLessThan(found.objective);
      }
      expect(Math.abs(objective(GARNET, counts, found.rewards, 0.9) - found.objective)).toBeLessThan(1e-10);
    }
  });

  it("has no maximum without a ball where counts break the flow, and says so", () => {
    const counts = demonstrated(GARNET, 3, keyFromSeed(7));
    const larger = [2, 8, 32].map((radius) => mceIrl(GARNET, counts, zero(GARNET), { ...OPTIONS, radius }));
    expect(larger.map(({ travel }) => travel > 1 - 1e-12)).toEqual([true, true, true]);
    expect(larger[1].objective).toBeGreaterThan(larger[0].objective);
    expect(larger[2].objective).toBeGreaterThan(larger[1].objective);
    expect(() => mceIrl(GARNET, counts, zero(GARNET), { ...OPTIONS, maxIterations: 300 })).toThrow(
      /^mceIrl: expected a projected gradient within 1e-9, got .*finite radius/,
    );
  });

  it("gets nearer to the expert with more demonstrations", () => {
    const expert = probabilities(expertOf(GARNET, 0.9));
    const [few, many] = [3, 300].map((trajectories) => {
      const counts = demonstrated(GARNET, trajectories, keyFromSeed(10));
      const { logPolicy } = mceIrl(GARNET, counts, zero(GARNET), { ...OPTIONS, radius: 4 });
      return farthest(probabilities(logPolicy), expert);
    });
    // A hundred times as many: a tenth of the error, were it all of sampling and none of the ball's and the horizon's.
    expect(many).toBeLessThan(few / 2);
  });

  it("stops at its tolerance, and no earlier than asked", () => {
    const counts = occupancy(GARNET, expertOf(GARNET, 0.9), 0.9);
    const runs = [1e-2, 1e-5, 1e-8].map((gradientTolerance) =>
      mceIrl(GARNET, counts, zero(GARNET), { ...OPTIONS, gradientTolerance }),
    );
    runs.forEach(({ gradientNorm, rewards }, k) => {
      expect(gradientNorm).toBeLessThanOrEqual([1e-2, 1e-5, 1e-8][k]);
      // Occupancies follow from values within 1e-12, over a horizon of 10 and again of 10.
      expect(Math.abs(length(gradientAt(GARNET, counts, rewards, 0.9)) - gradientNorm)).toBeLessThan(1e-9);
    });
    expect(runs[1].iterations).toBeGreaterThan(runs[0].iterations);
    expect(runs[2].iterations).toBeGreaterThan(runs[1].iterations);
    const { rewards, iterations } = mceIrl(GARNET, counts, runs[2].rewards, {
      ...OPTIONS,
      gradientTolerance: 1e-8,
    });
    expect(iterations).toBe(0);
    expect(rewards).toEqual(runs[2].rewards);
  });

  it("refuses tables of another shape, negative counts and an empty ball", () => {
    const counts = occupancy(GARNET, expertOf(GARNET, 0.9), 0.9);
    const run = (d: Float64Array, r: Float64Array, radius: number) => () =>
      mceIrl(GARNET, d, r, { ...OPTIONS, radius });
    expect(run(counts.subarray(1), zero(GARNET), 1)).toThrow(/expected counts of shape \[6, 3\], got 17/);
    expect(run(counts, new Float64Array(3), 1)).toThrow(/expected first rewards of shape \[6, 3\], got 3/);
    expect(
      run(
        counts.map((count) => -count),
        zero(GARNET),
        1,
      ),
    ).toThrow(/counts from 0 on/);
    expect(run(counts, zero(GARNET), 0)).toThrow(/radius above 0/);
    expect(run(counts, zero(GARNET), NaN)).toThrow(/radius above 0/);
  });
});
