import { mceIrl } from "../../irl/index.ts";
import { logLikelihood } from "../../rl/index.ts";
import { CHAIN, GARNET, GRID_WORLD, OBJECT_WORLD } from "../../envs/index.ts";
import type { Cell, CellResult, Experiment, Findings } from "../experiment.ts";
import {
  runTabularCell,
  tabularMdpOf,
  type TabularProblemChoice,
  type TabularSetting,
} from "../tabular-cell.ts";
import {
  finalPoint,
  groupBy,
  median,
  recordOf,
  rounded,
  seeds,
  tabularCell,
  type TabularRecord,
} from "../tabular-experiment.ts";

/** Likelihoods of the recorded trajectories, nats a trajectory. */
interface DataLikelihood {
  readonly learned: number;
  readonly mceIrl: number;
  readonly uniform: number;
  readonly expert: number;
  /** ||Proj(r + grad) - r|| where MCE-IRL stopped. */
  readonly mceGradientNorm: number;
}

interface Outcome extends TabularRecord {
  /** Null where the expert's trajectories were fresh. */
  readonly data: DataLikelihood | null;
}

const FAMILIES: ((seed: number) => TabularProblemChoice)[] = [
  (seed) => ({ family: "garnet", ...GARNET, seed }),
  (seed) => ({ family: "grid-world", ...GRID_WORLD, seed }),
  (seed) => ({ family: "object-world", ...OBJECT_WORLD, seed }),
  () => ({ family: "chain", ...CHAIN }),
];
/** B_r where the demonstrations are finitely many: the reward that explains them is then unbounded without it. */
const RECORDED_RADIUS = 10;

/** The paper's algorithm against exact answers. */
export const tabularSanity: Experiment<TabularSetting, Outcome> = {
  name: "tabular-sanity",
  question: "Does the paper's algorithm find the likelihood's optimum where the exact answer is known?",
  cells: (quick) => {
    const cells: Cell<TabularSetting>[] = [];
    const iterations = quick ? 1000 : 20_000;
    for (const family of quick ? FAMILIES.slice(0, 2) : FAMILIES) {
      for (const seed of seeds(quick ? 2 : 10)) {
        const problem = family(seed);
        for (const recorded of quick ? [0, 5] : [0, 1, 5, 20]) {
          const kind = recorded === 0 ? "fresh trajectories" : `${recorded} trajectories`;
          cells.push(
            tabularCell(`${problem.family}, seed ${seed}, ${kind}`, {
              problem,
              seed,
              iterations,
              recorded,
              width: 512,
              rewardRadius: recorded === 0 ? 100 : RECORDED_RADIUS,
              trajectories: recorded === 0 ? 1 : Math.min(recorded, 5),
            }),
          );
        }
      }
    }
    return cells;
  },
  run: async (setting, clock) => {
    const outcome = await runTabularCell(setting, clock);
    const record = recordOf(outcome);
    const { recordedCounts: counts } = outcome;
    if (!counts) return { ...record, data: null };
    const mdp = tabularMdpOf(setting.problem);
    const reference = mceIrl(mdp, counts, outcome.initialRewards, {
      discount: setting.discount,
      // The reward moves by ||grad r|| = 1/sqrt(2) times what its weights do: half of the units are open.
      radius: setting.rewardRadius / Math.SQRT2,
      gradientTolerance: 1e-6,
      valueTolerance: 1e-10,
      maxIterations: 10_000,
    });
    const uniform = new Float64Array(counts.length).fill(-Math.log(mdp.actions));
    const data: DataLikelihood = {
      learned: logLikelihood(counts, outcome.logPolicy),
      mceIrl: logLikelihood(counts, reference.logPolicy),
      uniform: logLikelihood(counts, uniform),
      expert: logLikelihood(counts, outcome.expertLogPolicy),
      mceGradientNorm: reference.gradientNorm,
    };
    return { ...record, data: rounded(data) };
  },
  findings,
};

function findings(results: readonly CellResult<TabularSetting, Outcome>[]): Findings {
  const rows: string[][] = [];
  for (const [name, group] of groupBy(results, (r) => `${r.setting.problem.family}, ${r.setting.recorded}`)) {
    const gaps = group.map((r) => finalPoint(r).relativeGap);
    const data = group.flatMap((r) =>
      r.outcome.data
        ? [
            (r.outcome.data.mceIrl - r.outcome.data.learned) /
              (r.outcome.data.mceIrl - r.outcome.data.uniform),
          ]
        : [],
    );
    rows.push([
      name,
      (100 * median(gaps)).toFixed(2),
      (100 * Math.max(...gaps)).toFixed(2),
      median(group.map((r) => finalPoint(r).trackingError)).toFixed(3),
      median(group.map((r) => finalPoint(r).policyError)).toFixed(3),
      data.length ? (100 * median(data)).toFixed(2) : "",
      data.length ? (100 * Math.max(...data.map(Math.abs))).toFixed(2) : "",
      median(group.map((r) => finalPoint(r).rewardTravel)).toFixed(2),
      median(group.map((r) => r.seconds)).toFixed(1),
    ]);
  }
  return {
    targets: [],
    tables: [
      {
        title: "all",
        columns: ["group", "gap %", "max gap %", "track", "policy err", "data short %", "max", "travel", "s"],
        rows,
      },
    ],
    figures: [],
  };
}
