/**
 * The figures of a report. Each function takes runs (seeds) of one configuration and gives the figure, or null where
 * nothing of the kind was recorded. One run shows its raw measurements faintly behind averages over neighbours; several
 * show each run faintly behind their mean.
 */
import type { Figure } from "./figure.ts";
import { classifierFigure } from "./figures/classifier.ts";
import { costFigure } from "./figures/cost.ts";
import { fitFigure } from "./figures/fit.ts";
import { policyLevelFigure } from "./figures/policy.ts";
import { finalReturnFigure, trueReturnFigure } from "./figures/return.ts";
import { gradientFigure, rewardAgreementFigure, rewardLevelFigure } from "./figures/reward.ts";
import type { Run } from "./run.ts";

export { classifierFigure } from "./figures/classifier.ts";
export { costFigure } from "./figures/cost.ts";
export { fitFigure } from "./figures/fit.ts";
export { policyLevelFigure } from "./figures/policy.ts";
export { finalReturnFigure, trueReturnFigure } from "./figures/return.ts";
export { gradientFigure, rewardAgreementFigure, rewardLevelFigure } from "./figures/reward.ts";

/** All figures that the runs have data for, in the order of a report. */
export function reportFigures(runs: readonly Run[]): Figure[] {
  const figures = [
    trueReturnFigure(runs),
    finalReturnFigure(runs),
    fitFigure(runs),
    rewardAgreementFigure(runs),
    rewardLevelFigure(runs),
    gradientFigure(runs),
    classifierFigure(runs),
    policyLevelFigure(runs),
    costFigure(runs),
  ];
  return figures.filter((figure) => figure !== null);
}
