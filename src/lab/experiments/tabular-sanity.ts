import { mceIrl } from "../../irl/index.ts";
import { logLikelihood } from "../../rl/index.ts";
import { CHAIN, GARNET, GRID_WORLD, OBJECT_WORLD } from "../../envs/index.ts";
import { networkOptimum } from "../exact-reference.ts";
import type { Cell, Experiment } from "../experiment.ts";
import {
  runTabularCell,
  tabularMdpOf,
  type TabularProblemChoice,
  type TabularSetting,
} from "../tabular-cell.ts";
import { recordOf, rounded, seeds, tabularCell } from "../tabular-experiment.ts";
import { sanityFindings, type DataLikelihood, type SanityOutcome } from "./tabular-sanity-findings.ts";

const FAMILIES: ((seed: number) => TabularProblemChoice)[] = [
  (seed) => ({ family: "garnet", ...GARNET, seed }),
  (seed) => ({ family: "grid-world", ...GRID_WORLD, seed }),
  (seed) => ({ family: "object-world", ...OBJECT_WORLD, seed }),
  () => ({ family: "chain", ...CHAIN, states: 6, slip: 0.3 }),
];
/**
 * Ten states and little slip: a policy that runs to one end hardly ever sees the other again, so that the stationary
 * distribution is not bounded away from 0 as the theory's Assumption 3 has it. Reported beside the others.
 */
const UNVISITED: TabularProblemChoice = { family: "chain", ...CHAIN };
/** B_r where the demonstrations are finitely many: the reward that explains them is then unbounded without it. */
const RECORDED_RADIUS = 10;

/** The paper's algorithm against exact answers. */
export const tabularSanity: Experiment<TabularSetting, SanityOutcome> = {
  name: "tabular-sanity",
  question: "Does the paper's algorithm find the likelihood's optimum where the exact answer is known?",
  cells: ({ quick }) => {
    const cells: Cell<TabularSetting>[] = [];
    const add = (name: string, problem: TabularProblemChoice, seed: number, recorded: number): void => {
      const kind = recorded === 0 ? "fresh trajectories" : `${recorded} recorded`;
      const iterations = recorded === 0 ? 200_000 : 50_000;
      cells.push(
        tabularCell(`${name}, ${kind}, seed ${seed}`, {
          problem,
          seed,
          recorded,
          iterations: quick ? 1000 : iterations,
          rewardStepSize: 0.1,
          rewardStepSizeDecay: 1 / 3,
          width: 512,
          rewardRadius: recorded === 0 ? 100 : RECORDED_RADIUS,
          trajectories: Math.min(Math.max(recorded, 1), 5),
        }),
      );
    };
    for (const family of quick ? FAMILIES.slice(0, 2) : FAMILIES) {
      for (const recorded of quick ? [0, 5] : [0, 1, 5, 20]) {
        for (const seed of seeds(quick ? 2 : 10)) add(family(seed).family, family(seed), seed, recorded);
      }
    }
    if (!quick) for (const seed of seeds(10)) add("chain of 10", UNVISITED, seed, 0);
    return cells;
  },
  run: async (setting, { clock }) => {
    const outcome = await runTabularCell(setting, clock);
    const record = recordOf(outcome, setting.recorded === 0 ? 10 : 1);
    const { recordedCounts: counts } = outcome;
    if (!counts) return { ...record, data: null };
    const mdp = tabularMdpOf(setting.problem);
    const reference = mceIrl(mdp, counts, outcome.initialRewards, {
      discount: setting.discount,
      // The reward moves by ||grad r|| = 1/sqrt(2) times what its weights do, as long as half of the units are open.
      radius: setting.rewardRadius / Math.SQRT2,
      gradientTolerance: 1e-6,
      valueTolerance: 1e-10,
      maxIterations: 10_000,
    });
    const optimum = await networkOptimum(mdp, counts, setting);
    const uniform = new Float64Array(counts.length).fill(-Math.log(mdp.actions));
    const data: DataLikelihood = {
      learned: logLikelihood(counts, outcome.logPolicy),
      mceIrl: logLikelihood(counts, reference.logPolicy),
      networkOptimum: logLikelihood(counts, optimum.logPolicy),
      uniform: logLikelihood(counts, uniform),
      expert: logLikelihood(counts, outcome.expertLogPolicy),
      mceRelativeGap:
        (outcome.expertLikelihood - logLikelihood(outcome.expertOccupancy, reference.logPolicy)) /
        (outcome.expertLikelihood - outcome.uniformLikelihood),
      mceGradientNorm: reference.gradientNorm,
      networkLastRise: optimum.lastRise,
    };
    return { ...record, data: rounded(data) };
  },
  findings: sanityFindings,
};
