import { GARNET } from "../../envs/index.ts";
import type { Cell, Experiment } from "../experiment.ts";
import type { TabularSetting } from "../tabular-cell.ts";
import { runToRecord, seeds, tabularCell, type TabularRecord } from "../tabular-experiment.ts";
import { truncationFindings } from "./truncation-findings.ts";

/** T_k = T_0 (k + 1)^growth. */
const GROWTHS = [0, 0.25, 0.5, 1];
/** TD steps in all, alike for every schedule; the number of iterations is alike too. */
const INNER_SAMPLES = 1_000_000;
const ITERATIONS = 10_000;
/** Reward step sizes with their decay. */
const REWARD_STEPS = {
  constant: { rewardStepSize: 0.02, rewardStepSizeDecay: 0 },
  decaying: { rewardStepSize: 0.1, rewardStepSizeDecay: 0.33 },
};

/** Whether inner loops that grow are worth it. */
export const truncation: Experiment<TabularSetting, TabularRecord> = {
  name: "truncation",
  question:
    "Do inner loops that grow (dynamic truncation) do better than constant ones at equal total samples?",
  cells: ({ quick }) => {
    const cells: Cell<TabularSetting>[] = [];
    const scale = quick ? 10 : 1;
    const iterations = ITERATIONS / scale;
    for (const [steps, rewardSteps] of Object.entries(REWARD_STEPS)) {
      for (const growth of GROWTHS) {
        for (const seed of seeds(quick ? 3 : 10)) {
          cells.push(
            tabularCell(`${steps} alpha, growth ${growth}, seed ${seed}`, {
              problem: { family: "garnet", ...GARNET, seed },
              seed,
              iterations,
              innerSteps: { first: firstInnerSteps(growth, iterations, INNER_SAMPLES / scale), growth },
              measurements: 20,
              ...rewardSteps,
            }),
          );
        }
      }
    }
    return cells;
  },
  run: (setting, context) => runToRecord(setting, context, 10),
  findings: truncationFindings,
};

/** T_0 with which sum_k ceil(T_0 (k + 1)^growth) comes closest to `samples`, by bisection. */
function firstInnerSteps(growth: number, iterations: number, samples: number): number {
  let [low, high] = [0, samples];
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2;
    let total = 0;
    for (let k = 1; k <= iterations; k++) total += Math.ceil(middle * k ** growth);
    if (total > samples) high = middle;
    else low = middle;
  }
  return Number(low.toPrecision(6));
}
