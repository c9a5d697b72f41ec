import { scalingPanel, type Figure } from "../../report/index.ts";
import type { Findings, Target } from "../experiment.ts";
import { finalPoint, type TabularResult } from "../tabular-experiment.ts";
import type { TabularPoint } from "../tabular-cell.ts";
import { scalingSeries, slopeWords } from "../statistics.ts";

/** What errors are: the theory bounds the tracking error and the gradient norm, and from it the likelihood. */
const QUANTITIES: Record<string, { unit: string | null; of: (point: TabularPoint) => number }> = {
  "Relative likelihood gap": { unit: null, of: (p) => p.relativeGap },
  "Gradient norm": { unit: null, of: (p) => p.gradientNorm },
  "Tracking error": { unit: "nats", of: (p) => p.trackingError },
};

const THEORY = -1 / 8;

/** Slopes in N with the theory's -1/8 beside them. */
export function ratesFindings(results: readonly TabularResult[]): Findings {
  const rows: string[][] = [];
  const targets: Target[] = [];
  const schedules = [...new Set(results.map(scheduleOf))];
  const panels = Object.entries(QUANTITIES).map(([title, { unit, of }]) => {
    const series = schedules.map((schedule) => {
      const chosen = results.filter((result) => scheduleOf(result) === schedule);
      const fitted = scalingSeries(schedule, bySamples(chosen, of));
      const tail = scalingSeries(schedule, bySamples(largest(chosen), of));
      rows.push([schedule, title, slopeWords(fitted), slopeWords(tail)]);
      if (fitted.fit) {
        targets.push({
          what: `${title}, schedule of ${schedule}`,
          wanted: "falls like N^-1/8 or faster (the bound is of the worst case)",
          reached: `N^${slopeWords(fitted)}`,
          met: fitted.fit.low <= THEORY,
        });
      }
      return fitted;
    });
    return scalingPanel({
      note: null,
      x: { label: "Samples N", unit: "TD steps and agent steps" },
      y: { label: title, unit },
      series,
      theory: { exponent: THEORY, name: "theory -1/8" },
    });
  });
  const figure: Figure = {
    id: "rates",
    title: "Errors against total samples",
    caption:
      "Each point is a run planned for that many samples, its step sizes with it. Geometric means over seeds with 95 % " +
      "intervals; slopes by regression over all budgets.",
    layout: "small",
    panels,
  };
  return {
    targets,
    tables: [
      {
        title: "Exponents in N",
        columns: ["schedule", "error", "all budgets", "the larger half"],
        rows,
      },
    ],
    figures: results.length > 0 ? [figure] : [],
  };
}

function scheduleOf({ id }: TabularResult): string {
  return id.slice(0, id.indexOf(";"));
}

/** Budgets above the middle one: where the slope is, once beginnings are forgotten. */
function largest(results: readonly TabularResult[]): TabularResult[] {
  const budgets = [...new Set(results.map(({ setting }) => setting.iterations))].sort((a, b) => a - b);
  const middle = budgets[Math.floor(budgets.length / 2)];
  return results.filter(({ setting }) => setting.iterations >= middle);
}

function bySamples(
  results: readonly TabularResult[],
  of: (point: TabularPoint) => number,
): Map<number, number[]> {
  const grouped = new Map<number, number[]>();
  for (const result of results) {
    const point = finalPoint(result);
    const values = grouped.get(point.samples) ?? [];
    values.push(of(point));
    grouped.set(point.samples, values);
  }
  return grouped;
}
