import { describe, expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import { GARNET, garnetMdp, type TabularMdp } from "../../src/envs/index.ts";
import { loadKernels, type Kernels } from "../../src/kernels/index.ts";
import { createSparseTwoLayer, type SparseTwoLayer } from "../../src/nn/index.ts";
import {
  createTabularProblem,
  stationaryDistribution,
  type TabularExpert,
  type TabularProblem,
  type TabularSampling,
} from "../../src/rl/index.ts";

const kernels: Kernels = await loadKernels();
const mdp: TabularMdp = garnetMdp({ ...GARNET, states: 6, actions: 3, branching: 3, seed: 4 });
const { states, actions } = mdp;
const pairs = states * actions;
const network: SparseTwoLayer = createSparseTwoLayer(
  kernels,
  { width: 16, features: pairs, radius: Infinity, actions, averaged: false },
  keyFromSeed(1),
);
// Values far enough apart that policies are far from uniform.
kernels.scale(pairs * network.units, 4, network.weights);
kernels.sparseRefresh(network.block);
const BATCH = 2000;
const HORIZON = 5;

function problemWith(options: Partial<TabularSampling> = {}, expert?: TabularExpert): TabularProblem {
  return createTabularProblem(
    kernels,
    mdp,
    expert ?? { kind: "fresh", logPolicy: new Float64Array(pairs).fill(-Math.log(actions)) },
    {
      sampling: "markov-chain",
      replayCapacity: 50,
      horizon: HORIZON,
      gradientDiscount: 0.5,
      batchCapacity: BATCH,
      trajectoryCapacity: 400,
      ...options,
    },
    (logPolicy) => stationaryDistribution(mdp, logPolicy),
    keyFromSeed(2),
  );
}

interface Drawn {
  pairs: number[];
  next: number[];
}

/** All transitions of some batches, s' as a state. */
function transitionsOf(problem: TabularProblem, batches: number): Drawn {
  const drawn: Drawn = { pairs: [], next: [] };
  for (let b = 0; b < batches; b++) {
    const batch = problem.transitions(network, BATCH);
    if (batch.kind !== "pairs") throw new Error("expected pairs");
    drawn.pairs.push(...kernels.u32(batch.pairs, BATCH));
    drawn.next.push(...Array.from(kernels.u32(batch.next, BATCH), (first) => first / actions));
  }
  return drawn;
}

/** Shares within 5 standard deviations: with some hundred comparisons a true sampler fails once in 20 000. */
function expectShares(counts: readonly number[], probabilities: readonly number[], correlation = 1): void {
  const total = counts.reduce((a, b) => a + b, 0);
  counts.forEach((count, i) => {
    const p = probabilities[i];
    const deviation = Math.sqrt((correlation * p * (1 - p)) / total);
    expect(Math.abs(count / total - p)).toBeLessThanOrEqual(5 * deviation);
    if (p === 0) expect(count).toBe(0);
  });
}

function policy(problem: TabularProblem): Float64Array {
  const logPolicy = new Float64Array(pairs);
  problem.logPolicyOf(network, logPolicy);
  return logPolicy.map(Math.exp);
}

describe("a tabular problem", () => {
  it("has the softmax of the network's values as its policy", () => {
    const problem = problemWith();
    const out = kernels.allocate(pairs);
    kernels.sparseTable(network.block, out);
    const q = Array.from(kernels.f32(out, pairs));
    const expected = q.map((value, i) => {
      const s = Math.floor(i / actions) * actions;
      const sum = [0, 1, 2].reduce((total, a) => total + Math.exp(q[s + a]), 0);
      return Math.exp(value) / sum;
    });
    // float32 exp and log, 1 ulp each, of numbers below 8.
    policy(problem).forEach((p, i) => expect(Math.abs(p - expected[i])).toBeLessThan(4e-6));
  });

  it("draws actions from the policy and successors from P", () => {
    const problem = problemWith();
    const { pairs: drawn, next } = transitionsOf(problem, 50);
    const pi = policy(problem);
    for (let s = 0; s < states; s++) {
      const counts = [0, 1, 2].map((a) => drawn.filter((pair) => pair === s * actions + a).length);
      expectShares(counts, Array.from(pi.subarray(s * actions, (s + 1) * actions)));
    }
    for (let pair = 0; pair < pairs; pair++) {
      const at = next.filter((_, t) => drawn[t] === pair);
      const counts = Array.from({ length: states }, (_, s) => at.filter((each) => each === s).length);
      if (at.length > 100) {
        expectShares(counts, Array.from(mdp.transitions.subarray(pair * states, (pair + 1) * states)));
      }
    }
  });

  it("goes on with one chain from loop to loop", () => {
    const problem = problemWith();
    const { pairs: drawn, next } = transitionsOf(problem, 3);
    for (let t = 1; t < drawn.length; t++) expect(Math.floor(drawn[t] / actions)).toBe(next[t - 1]);
    expect(problem.steps).toEqual({ train: 3 * BATCH, rewardRollout: 0, evaluation: 0, expert: 0 });
  });

  it("draws states from the stationary distribution where sampling is iid, each by itself", () => {
    const problem = problemWith({ sampling: "iid" });
    const { pairs: drawn, next } = transitionsOf(problem, 20);
    const logPolicy = new Float64Array(pairs);
    problem.logPolicyOf(network, logPolicy);
    const counts = Array.from(
      { length: states },
      (_, s) => drawn.filter((pair) => Math.floor(pair / actions) === s).length,
    );
    expectShares(counts, Array.from(stationaryDistribution(mdp, logPolicy)));
    const followed = drawn.filter((pair, t) => t > 0 && Math.floor(pair / actions) === next[t - 1]).length;
    // A chain would follow in every step.
    expect(followed / drawn.length).toBeLessThan(0.6);
  });

  it("replays the chain's last steps and no others", () => {
    const chain = transitionsOf(problemWith(), 1);
    const problem = problemWith({ sampling: "replay", replayCapacity: 50 });
    const { pairs: drawn, next } = transitionsOf(problem, 1);
    // The same key: the chain below is the same one, and draw t comes from its steps t - 49 .. t.
    let repeats = 0;
    for (let t = 0; t < BATCH; t++) {
      const first = Math.max(0, t - 49);
      const found = chain.pairs
        .slice(first, t + 1)
        .some((pair, i) => pair === drawn[t] && chain.next[first + i] === next[t]);
      expect(found).toBe(true);
      if (drawn[t] !== chain.pairs[t]) repeats++;
    }
    expect(repeats).toBeGreaterThan(BATCH / 2);
  });

  it("gives the log-policy at s' for policy evaluation", () => {
    const problem = problemWith();
    const batch = problem.transitions(network, 100);
    const expected = new Float64Array(pairs);
    problem.logPolicyOf(network, expected);
    const again = problem.transitions(network, 100);
    for (const { next, nextLogPolicy } of [batch, again] as { next: number; nextLogPolicy: number }[]) {
      const first = kernels.u32(next, 100);
      const table = kernels.f32(nextLogPolicy, 100 * actions);
      for (let t = 0; t < 100; t++) {
        for (let a = 0; a < actions; a++) {
          expect(table[t * actions + a]).toBe(Math.fround(expected[first[t] + a]));
        }
      }
    }
  });

  it("walks trajectories from mu0 under the policy, weighs them by gamma^t, and counts them", () => {
    const problem = problemWith();
    const rows = problem.agentTrajectories(network, 400);
    expect(rows.count).toBe(400 * HORIZON);
    const visited = Array.from(kernels.u32(rows.indices, rows.count));
    const starts = visited.filter((_, row) => row % HORIZON === 0).map((pair) => Math.floor(pair / actions));
    expectShares(
      Array.from({ length: states }, (_, s) => starts.filter((each) => each === s).length),
      Array.from(mdp.initial),
    );
    for (let row = 0; row < rows.count; row++) expect(rows.weights[row]).toBe(0.5 ** (row % HORIZON) / 400);
    for (let row = 1; row < rows.count; row++) {
      if (row % HORIZON === 0) continue;
      const successor = Math.floor(visited[row] / actions);
      expect(mdp.transitions[visited[row - 1] * states + successor]).toBeGreaterThan(0);
    }
    expect(Array.from(kernels.f32(rows.values, rows.count)).every((value) => value === 1)).toBe(true);
    expect(problem.steps.rewardRollout).toBe(400 * HORIZON);
    expect(problem.steps.train).toBe(0);
  });

  it("takes the agent's actions from the network, not from the expert", () => {
    const problem = problemWith();
    const visited = Array.from(kernels.u32(problem.agentTrajectories(network, 400).indices, 400 * HORIZON));
    const pi = policy(problem);
    for (let s = 0; s < states; s++) {
      const counts = [0, 1, 2].map((a) => visited.filter((pair) => pair === s * actions + a).length);
      expectShares(counts, Array.from(pi.subarray(s * actions, (s + 1) * actions)));
    }
  });

  it("has a policy where values are beyond what exp can take", () => {
    const far = createSparseTwoLayer(
      kernels,
      { width: 16, features: pairs, radius: Infinity, actions, averaged: false },
      keyFromSeed(1),
    );
    kernels.scale(pairs * far.units, 1e5, far.weights);
    kernels.sparseRefresh(far.block);
    const logPolicy = new Float64Array(pairs);
    problemWith().logPolicyOf(far, logPolicy);
    expect(logPolicy.every((each) => each <= 0 && Number.isFinite(each))).toBe(true);
    for (let s = 0; s < states; s++)
      expect(Math.max(...logPolicy.subarray(s * actions, (s + 1) * actions))).toBeCloseTo(0, 5);
  });

  it("refuses more trajectories than there is room for", () => {
    for (const count of [0, 401]) {
      expect(() => problemWith().agentTrajectories(network, count)).toThrow(/expected 1 to 400 trajectories/);
      expect(() => problemWith().expertTrajectories(count)).toThrow(/expected 1 to 400 trajectories/);
    }
  });

  it("draws a fresh expert from its own policy, not the agent's", () => {
    const logPolicy = new Float64Array(pairs).fill(-Infinity);
    for (let s = 0; s < states; s++) logPolicy[s * actions + (s % actions)] = 0;
    const problem = problemWith({}, { kind: "fresh", logPolicy });
    problem.agentTrajectories(network, 10);
    const rows = problem.expertTrajectories(50);
    for (const pair of kernels.u32(rows.indices, rows.count)) {
      expect(pair % actions).toBe(Math.floor(pair / actions) % actions);
    }
    expect(problem.steps.expert).toBe(50 * HORIZON);
  });

  it("takes all recorded trajectories where enough are asked for, else draws among them", () => {
    const recorded = {
      kind: "recorded" as const,
      states: Uint32Array.from({ length: 3 * HORIZON }, (_, row) => row % states),
      actions: Uint32Array.from({ length: 3 * HORIZON }, (_, row) => Math.floor(row / HORIZON) % actions),
    };
    const pairAt = (n: number, t: number): number =>
      recorded.states[n * HORIZON + t] * actions + recorded.actions[n * HORIZON + t];
    const problem = problemWith({}, recorded);
    const all = problem.expertTrajectories(3);
    const indices = kernels.u32(all.indices, all.count);
    for (let row = 0; row < all.count; row++) {
      expect(indices[row]).toBe(pairAt(Math.floor(row / HORIZON), row % HORIZON));
    }
    const counts = [0, 0, 0];
    for (let draw = 0; draw < 600; draw++) {
      const rows = problem.expertTrajectories(1);
      const which = [0, 1, 2].find((n) => pairAt(n, 0) === kernels.u32(rows.indices, 1)[0]) ?? NaN;
      for (let t = 0; t < HORIZON; t++) expect(kernels.u32(rows.indices, HORIZON)[t]).toBe(pairAt(which, t));
      counts[which]++;
    }
    expectShares(counts, [1 / 3, 1 / 3, 1 / 3]);
  });

  it("refuses recorded trajectories that are no multiple of the horizon", () => {
    const recorded = { kind: "recorded" as const, states: new Uint32Array(7), actions: new Uint32Array(7) };
    expect(() => problemWith({}, recorded)).toThrow(
      /expected recorded trajectories of 5 steps each, got 7 steps/,
    );
  });
});
