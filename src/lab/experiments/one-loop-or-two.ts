import { GARNET } from "../../envs/index.ts";
import type { Cell, Experiment } from "../experiment.ts";
import type { TabularSetting } from "../tabular-cell.ts";
import { runToRecord, seeds, tabularCell, type TabularRecord } from "../tabular-experiment.ts";
import { oneLoopFindings } from "./one-loop-or-two-findings.ts";

/** S; four actions each. */
const SIZES = [10, 20, 40];
/** Both loops are tried with the same reward step sizes; each is judged at its best. */
const STEP_SIZES = [0.01, 0.03, 0.1, 0.3];
/** Tracking error at which a nested loop calls the lower level solved; 0 is the single loop. */
const LOOPS: Record<string, number> = { single: 0, "nested, 0.3": 0.3, "nested, 0.1": 0.1 };
/** Relative likelihood gap to reach. */
const GAP = 0.05;

/** What the single loop saves. */
export const oneLoopOrTwo: Experiment<TabularSetting, TabularRecord> = {
  name: "one-loop-or-two",
  question:
    "How many samples and how much time do the single and the nested loop need for the same likelihood?",
  cells: ({ quick }) => {
    const cells: Cell<TabularSetting>[] = [];
    for (const states of quick ? SIZES.slice(0, 2) : SIZES) {
      for (const [loop, nestedTolerance] of Object.entries(LOOPS)) {
        for (const rewardStepSize of quick ? STEP_SIZES.slice(1, 3) : STEP_SIZES) {
          for (const seed of seeds(quick ? 2 : 10)) {
            const iterations = nestedTolerance === 0 ? 40_000 : 4000;
            cells.push(
              tabularCell(`${states} states, ${loop}, alpha ${rewardStepSize}, seed ${seed}`, {
                problem: { family: "garnet", ...GARNET, states, seed },
                seed,
                iterations: quick ? iterations / 4 : iterations,
                rewardStepSize,
                nestedTolerance,
                // The gap is looked at after every tenth iteration of the single loop, every one of the nested.
                measurements: nestedTolerance === 0 ? iterations / 10 : iterations,
                stopAtGap: GAP,
              }),
            );
          }
        }
      }
    }
    return cells;
  },
  run: (setting, context) => runToRecord(setting, context),
  findings: oneLoopFindings,
};
