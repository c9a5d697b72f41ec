/** MCE-IRL with the reward held by a two-layer network in its own ball, by exact gradients: what sampling would reach if it were perfect. */
import { foldIn, keyFromSeed } from "../core/index.ts";
import type { TabularMdp } from "../envs/index.ts";
import { loadKernels } from "../kernels/index.ts";
import { createSparseTwoLayer } from "../nn/index.ts";
import { emptySolution, occupancy, softValueIteration } from "../rl/index.ts";
import type { TabularSetting } from "./tabular-cell.ts";

/** The optimum and how well it is known. */
export interface NetworkOptimum {
  /** log pi(a|s), nats, [S, A]. */
  readonly logPolicy: Float64Array;
  /** Rise of the objective over the last tenth of the steps, nats: how far from the top it may still be. */
  readonly lastRise: number;
}

/** Steps of the ascent, and the first step size. */
const STEPS = 5000;
const STEP_SIZE = 0.5;

/**
 * Maximises sum d^ r(theta) - V_theta(mu0) over the ball of the setting's reward network, from the same W(0) as the run,
 * by projected ascent with the exact gradient sum (d^ - d_pi) grad r; a step that lowers the objective halves the step size.
 */
export async function networkOptimum(
  mdp: TabularMdp,
  counts: Float64Array,
  { seed, width, rewardRadius, discount }: TabularSetting,
): Promise<NetworkOptimum> {
  const kernels = await loadKernels();
  const { states, actions, initial } = mdp;
  const features = states * actions;
  // The run's reward network: see `runTabularCell` and `createSoftQMlIrl`.
  const key = foldIn(foldIn(keyFromSeed(seed), 2), 1);
  const options = { width, features, radius: rewardRadius, actions, averaged: false };
  const network = createSparseTwoLayer(kernels, options, key);
  const table = kernels.allocate(features);
  const indices = kernels.allocate(features);
  const amounts = kernels.allocate(features);
  const length = features * network.units;
  const kept = kernels.allocate(length);
  kernels.u32(indices, features).set(Array.from({ length: features }, (_, i) => i));
  const solution = emptySolution(mdp);
  const rewards = new Float64Array(features);

  const objective = (): number => {
    kernels.sparseTable(network.block, table);
    rewards.set(kernels.f32(table, features));
    softValueIteration(mdp, rewards, { discount, values: "plain", tolerance: 1e-9 }, solution);
    const data = counts.reduce((sum, count, i) => sum + count * rewards[i], 0);
    return data - initial.reduce((sum, mass, s) => sum + mass * solution.values[s], 0);
  };

  let stepSize = STEP_SIZE;
  let reached = objective();
  let marked = reached;
  for (let step = 0; step < STEPS; step++) {
    if (step === Math.floor(0.9 * STEPS)) marked = reached;
    const agent = occupancy(mdp, solution.logPolicy, discount);
    kernels.f32(amounts, features).set(counts.map((count, i) => count - agent[i]));
    kernels.copyRows(1, length, network.weights, length, kept, length);
    kernels.sparseTableAscend(network.block, features, indices, amounts, stepSize);
    const next = objective();
    if (next >= reached - 1e-6) {
      reached = next;
      continue;
    }
    kernels.copyRows(1, length, kept, length, network.weights, length);
    kernels.sparseRefresh(network.block);
    stepSize /= 2;
    reached = objective();
  }
  return { logPolicy: solution.logPolicy.slice(), lastRise: reached - marked };
}
