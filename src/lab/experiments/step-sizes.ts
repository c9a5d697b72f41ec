import { GARNET } from "../../envs/index.ts";
import type { Cell, Experiment } from "../experiment.ts";
import { runTabularCell, type TabularSetting } from "../tabular-cell.ts";
import { median, recordOf, rounded, seeds, tabularCell } from "../tabular-experiment.ts";
import { stepSizeFindings, type StepSizeRecord } from "./step-sizes-findings.ts";

/** alpha_0 of the powers of K. */
const ALPHA_0 = 0.1;
/** Exponents of K of the coarse grid. */
const ETA_EXPONENTS = { "K^-1/2": -1 / 2, "K^-3/4": -3 / 4, "K^-1": -1 };
const ALPHA_EXPONENTS = { "K^-1/8": -1 / 8, "K^-1/4": -1 / 4, "K^-1": -1 };
/** Step sizes of the fine map: steps of a factor 10^(1/4). */
const FINE_ETA = { low: 1e-3, count: 13 };
const FINE_ALPHA = { low: 1e-4, count: 17 };

/** Which ratios of the two step sizes work. */
export const stepSizes: Experiment<TabularSetting, StepSizeRecord> = {
  name: "step-sizes",
  question:
    "For which step sizes eta (policy) and alpha (reward) does the single loop converge, oscillate, diverge?",
  cells: ({ quick }) => {
    const iterations = quick ? 1000 : 4000;
    const cells: Cell<TabularSetting>[] = [];
    const add = (name: string, eta: number, alpha: number, seed: number): void => {
      cells.push(
        tabularCell(`${name}, seed ${seed}`, {
          problem: { family: "garnet", ...GARNET, seed },
          seed,
          iterations,
          policyStepSize: rounded(eta),
          rewardStepSize: rounded(alpha),
          measurements: 20,
        }),
      );
    };
    for (const [etaName, etaExponent] of Object.entries(ETA_EXPONENTS)) {
      for (const [alphaName, alphaExponent] of Object.entries(ALPHA_EXPONENTS)) {
        for (const seed of seeds(quick ? 2 : 10)) {
          const name = `grid: eta ${etaName}, alpha ${ALPHA_0} ${alphaName}`;
          add(name, iterations ** etaExponent, ALPHA_0 * iterations ** alphaExponent, seed);
        }
      }
    }
    for (let i = 0; i < FINE_ETA.count; i += quick ? 4 : 1) {
      for (let j = 0; j < FINE_ALPHA.count; j += quick ? 4 : 1) {
        const eta = FINE_ETA.low * 10 ** (i / 4);
        const alpha = FINE_ALPHA.low * 10 ** (j / 4);
        for (const seed of seeds(quick ? 1 : 3)) {
          add(`map: eta ${eta.toPrecision(3)}, alpha ${alpha.toPrecision(3)}`, eta, alpha, seed);
        }
      }
    }
    return cells;
  },
  run: async (setting, { clock }) => {
    const outcome = await runTabularCell(setting, clock);
    const late = outcome.points.slice(Math.floor(outcome.points.length / 2));
    const lateTrackingError = median(late.map(({ trackingError }) => trackingError));
    return rounded({ ...recordOf(outcome, 1), lateTrackingError });
  },
  findings: stepSizeFindings,
};
