/**
 * Learns a reward from walks through a grid, with the paper's algorithm for finitely many actions, and draws what
 * was learned beside what the expert did: `npx node examples/02-grid-world.ts`.
 */
import { keyFromSeed, split } from "../src/index.ts";
import { createSoftQMlIrl, softQMlIrlIteration, createTabularProblem, loadKernels } from "../src/index.ts";
import { softValueIteration, logLikelihood, occupancy, stationaryDistribution } from "../src/index.ts";
import { GRID_WORLD, gridWorldMdp } from "../src/envs/index.ts";

const DISCOUNT = 0.9;
const HORIZON = 60;
const kernels = await loadKernels();
const mdp = gridWorldMdp({ ...GRID_WORLD, rows: 4, columns: 6, seed: 1 });
const exactly = { discount: DISCOUNT, tolerance: 1e-10, values: "centred" } as const;
const expert = softValueIteration(mdp, mdp.rewards, exactly).logPolicy;
const [problemKey, learnerKey] = split(keyFromSeed(0), 2);

// Where transitions and trajectories come from. The true reward is not among what the learner sees.
const problem = createTabularProblem(
  kernels,
  mdp,
  { kind: "fresh", logPolicy: expert },
  {
    sampling: "markov-chain",
    replayCapacity: 1,
    horizon: HORIZON,
    gradientDiscount: DISCOUNT,
    batchCapacity: 100,
    trajectoryCapacity: 1,
  },
  (logPolicy) => stationaryDistribution(mdp, logPolicy),
  problemKey,
);
const state = createSoftQMlIrl(
  kernels,
  problem,
  {
    softQ: {
      width: 256,
      radius: 100,
      stepSize: 0.2,
      discount: DISCOUNT,
      output: "average",
      backup: "soft-optimality",
      values: "centred",
    },
    innerSteps: { first: 100, growth: 0 },
    reward: { width: 256, radius: 100, stepSize: 0.1, decay: 0.33 },
    trajectories: 1,
    termination: "native",
    constantReward: null,
  },
  HORIZON,
  learnerKey,
);
for (let k = 0; k < 20_000; k++) softQMlIrlIteration(kernels, state, () => performance.now());

const learned = new Float64Array(expert.length);
problem.logPolicyOf(state.softQ.network, learned);
const visits = occupancy(mdp, expert, DISCOUNT);
const uniform = new Float64Array(expert.length).fill(-Math.log(mdp.actions));
const gap = (logPolicy: Float64Array): number =>
  logLikelihood(visits, expert) - logLikelihood(visits, logPolicy);
console.log(
  `likelihood gap: ${gap(learned).toFixed(3)} nats, of the uniform policy's ${gap(uniform).toFixed(3)}`,
);
console.log("expert        learned");
for (let row = 0; row < 4; row++) console.log(`${arrows(expert, row)}        ${arrows(learned, row)}`);

/** The most probable action of each cell in a row; the goal is the last cell. */
function arrows(logPolicy: Float64Array, row: number): string {
  return Array.from({ length: 6 }, (_, column) => {
    const cell = row * 6 + column;
    if (cell === 23) return "*";
    const of = Array.from(logPolicy.subarray(cell * mdp.actions, (cell + 1) * mdp.actions));
    return "↑→↓←"[of.indexOf(Math.max(...of))];
  }).join("");
}
