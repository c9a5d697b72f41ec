import { GARNET } from "../../envs/index.ts";
import { theoryRewardStepSize } from "../../irl/index.ts";
import { theoryPolicyStepSize } from "../../rl/index.ts";
import type { Cell, Experiment } from "../experiment.ts";
import { TABULAR_DEFAULTS, type TabularSetting } from "../tabular-cell.ts";
import { rounded, runToRecord, seeds, tabularCell, type TabularRecord } from "../tabular-experiment.ts";
import { ratesFindings } from "./rates-findings.ts";

/** K: half decades, 4800 to 48 million samples. */
const ITERATIONS = [30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000];
/** The same where N grows with K^2. */
const SQUARED_ITERATIONS = [50, 150, 500, 1500, 5000];
const ALPHA_0 = 0.1;
const SIGMA = 1 / 2;

/**
 * The schedules: the theory's step sizes with inner loops of constant length and of length K, which is where N^-1/8
 * comes from (N ~ K^2 samples for an error K^-1/4), and the fast step size held where practice puts it.
 */
const SCHEDULES: Record<string, (iterations: number) => Partial<TabularSetting>> = {
  "theory, T = 100": (iterations) => ({
    policyStepSize: rounded(theoryPolicyStepSize(iterations, TABULAR_DEFAULTS.discount)),
    rewardStepSize: rounded(theoryRewardStepSize(iterations, ALPHA_0, SIGMA)),
  }),
  "theory, T = K": (iterations) => ({
    innerSteps: { first: iterations, growth: 0 },
    policyStepSize: rounded(theoryPolicyStepSize(iterations, TABULAR_DEFAULTS.discount)),
    rewardStepSize: rounded(theoryRewardStepSize(iterations, ALPHA_0, SIGMA)),
  }),
  practice: () => ({ policyStepSize: 0.2, rewardStepSize: 0.1, rewardStepSizeDecay: 1 / 3 }),
};

/** How fast errors fall with the samples spent. */
export const rates: Experiment<TabularSetting, TabularRecord> = {
  name: "rates",
  question: "How do the errors fall with the total number of samples N, beside the theory's N^-1/8?",
  cells: ({ quick }) => {
    const cells: Cell<TabularSetting>[] = [];
    for (const [name, schedule] of Object.entries(SCHEDULES)) {
      const planned = name === "theory, T = K" ? SQUARED_ITERATIONS : ITERATIONS;
      for (const iterations of quick ? planned.slice(0, 4) : planned) {
        for (const seed of seeds(quick ? 3 : 10)) {
          cells.push(
            tabularCell(`${name}; K ${iterations}, seed ${seed}`, {
              problem: { family: "garnet", ...GARNET, seed },
              seed,
              iterations,
              measurements: 10,
              ...schedule(iterations),
            }),
          );
        }
      }
    }
    return cells;
  },
  run: (setting, context) => runToRecord(setting, context),
  findings: ratesFindings,
};
