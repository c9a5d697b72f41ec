import type { Experiment } from "../experiment.ts";
import type { TabularSetting } from "../tabular-cell.ts";
import { runToRecord, seeds, tabularCell, type TabularRecord } from "../tabular-experiment.ts";
import { GARNET } from "../../envs/index.ts";
import { widthFindings } from "./width-findings.ts";

const WIDTHS = [64, 256, 1024, 4096, 16_384];

/** What finite width costs. */
export const width: Experiment<TabularSetting, TabularRecord> = {
  name: "width",
  question:
    "How do linearisation error, concavity gap, tracking error and the likelihood depend on the width m?",
  cells: ({ quick }) =>
    (quick ? WIDTHS.slice(0, 3) : WIDTHS).flatMap((m) =>
      seeds(quick ? 3 : 10).map((seed) =>
        tabularCell(`width ${m}, seed ${seed}`, {
          problem: { family: "garnet", ...GARNET, seed },
          seed,
          width: m,
          iterations: quick ? 1000 : 20_000,
          rewardStepSize: 0.1,
          rewardStepSizeDecay: 0.33,
          measurements: 1,
          linearity: true,
        }),
      ),
    ),
  run: (setting, context) => runToRecord(setting, context),
  findings: widthFindings,
};
