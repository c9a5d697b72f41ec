import { scalingPanel, type Figure } from "../../report/index.ts";
import type { Findings, Target } from "../experiment.ts";
import { finalPoint, type TabularResult } from "../tabular-experiment.ts";
import { scalingSeries, slopeWords } from "../statistics.ts";
import type { LinearityMeasurement, TabularMeasurement } from "../../theory/index.ts";

interface Quantity {
  readonly name: string;
  /** What the theory bounds by O(m^(-1/2)); the others are reported. */
  readonly bounded: boolean;
  readonly of: (measured: TabularMeasurement & { linearity: LinearityMeasurement }) => number;
}

const PANELS: Record<string, readonly Quantity[]> = {
  "Linearisation error at the iterate": [
    { name: "Q-network", bounded: true, of: (p) => p.linearity.policyLinearisation },
    { name: "reward", bounded: true, of: (p) => p.linearity.rewardLinearisation },
  ],
  "Linearisation error in the ball": [
    { name: "random directions", bounded: true, of: (p) => p.linearity.ballLinearisationRandom },
    { name: "trained directions", bounded: true, of: (p) => p.linearity.ballLinearisationTrained },
  ],
  "Concavity gap in the ball": [
    { name: "random directions", bounded: true, of: (p) => p.linearity.concavityGapRandom },
    { name: "trained directions", bounded: true, of: (p) => p.linearity.concavityGapTrained },
  ],
  "Tracking error": [{ name: "max |log ratio|", bounded: false, of: (p) => p.trackingError }],
  "Relative likelihood gap": [{ name: "final", bounded: false, of: (p) => p.relativeGap }],
};

/** Slopes in m with the theory's -1/2 beside them. */
export function widthFindings(results: readonly TabularResult[]): Findings {
  const rows: string[][] = [];
  const targets: Target[] = [];
  const panels = Object.entries(PANELS).map(([title, quantities]) => {
    const series = quantities.map(({ name, bounded, of }) => {
      const fitted = scalingSeries(quantities.length > 1 ? name : null, byWidth(results, of));
      const { fit, points } = fitted;
      const [before, last] = points.slice(-2);
      const local = last && Math.log(last.y / before.y) / Math.log(last.x / before.x);
      rows.push([
        title,
        name,
        ...points.map(({ y }) => y.toPrecision(3)),
        slopeWords(fitted),
        local?.toFixed(2) ?? "",
      ]);
      if (bounded && fit) {
        targets.push({
          what: `${title}, ${name}`,
          wanted: "falls like m^-1/2 or faster",
          reached: `m^${slopeWords(fitted)}`,
          met: fit.low <= -1 / 2,
        });
      }
      return fitted;
    });
    return scalingPanel({
      note: null,
      x: { label: "Width m", unit: null },
      y: { label: title, unit: title === "Tracking error" ? "nats" : null },
      series,
      theory: { exponent: -1 / 2, name: "theory -1/2" },
    });
  });
  const widths = [...new Set(results.map(({ setting }) => setting.width))].sort((a, b) => a - b);
  const figure: Figure = {
    id: "width",
    title: "What finite width costs",
    caption:
      "Geometric means over seeds with 95 % intervals, slopes by regression over all widths. Random directions " +
      "hardly move a unit across zero; trained ones, gradients of random combinations, move all units of a row together.",
    layout: "small",
    panels,
  };
  return {
    targets,
    tables: [
      {
        title: "By width",
        columns: ["quantity", "of", ...widths.map((m) => `m = ${m}`), "exponent", "between the two widest"],
        rows,
      },
    ],
    figures: results.length > 0 ? [figure] : [],
  };
}

function byWidth(results: readonly TabularResult[], of: Quantity["of"]): Map<number, number[]> {
  const grouped = new Map<number, number[]>();
  for (const result of results) {
    const point = finalPoint(result);
    if (!point.linearity) continue;
    const values = grouped.get(result.setting.width) ?? [];
    values.push(of({ ...point, linearity: point.linearity }));
    grouped.set(result.setting.width, values);
  }
  return grouped;
}
