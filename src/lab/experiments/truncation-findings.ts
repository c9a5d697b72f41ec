import { levelLook, type Figure, type Mark, type XyPanel } from "../../report/index.ts";
import type { Findings } from "../experiment.ts";
import { finalPoint, groupBy, type TabularResult } from "../tabular-experiment.ts";
import type { TabularPoint } from "../tabular-cell.ts";
import { curvePanel } from "../curve-panel.ts";
import { geometricInterval, intervalWords, meanDifference } from "../statistics.ts";

/** Constant against growing inner loops: curves, final errors, paired differences. */
export function truncationFindings(results: readonly TabularResult[]): Findings {
  const rows: string[][] = [];
  const arms = [...groupBy(results, armOf)];
  const panels = ["constant alpha", "decaying alpha"].flatMap((steps) => {
    const chosen = arms.filter(([arm]) => arm.startsWith(steps));
    if (chosen.length === 0) return [];
    const constant = chosen[0][1];
    for (const [arm, group] of chosen) {
      rows.push([
        arm,
        intervalWords(
          geometricInterval(
            0,
            group.map((r) => 100 * finalPoint(r).relativeGap),
          ),
        ),
        intervalWords(
          geometricInterval(
            0,
            group.map((r) => finalPoint(r).trackingError),
          ),
        ),
        arm === chosen[0][0]
          ? ""
          : meanDifference(
              group.map((r) => Math.log(finalPoint(r).relativeGap)),
              constant.map((r) => Math.log(finalPoint(r).relativeGap)),
            ),
        String(finalPoint(group[0]).innerSamples),
      ]);
    }
    return [
      curves(steps, "Relative likelihood gap", chosen, (p) => p.relativeGap),
      curves(steps, "Tracking error, nats", chosen, (p) => p.trackingError),
    ];
  });
  const figure: Figure = {
    id: "truncation",
    title: "Constant and growing inner loops at equal total samples",
    caption:
      "T_k = T_0 (k + 1)^growth with T_0 such that all schedules take the same TD steps over the same iterations. " +
      "Geometric means over seeds.",
    layout: "small",
    panels,
  };
  return {
    targets: [],
    tables: [
      {
        title: "At the end",
        columns: [
          "schedule",
          "relative gap, %",
          "tracking error, nats",
          "log gap against growth 0, paired",
          "TD steps",
        ],
        rows,
      },
    ],
    figures: panels.length > 0 ? [figure] : [],
  };
}

function armOf({ id }: TabularResult): string {
  return id.replace(/, seed \d+$/, "");
}

function curves(
  note: string,
  label: string,
  arms: readonly (readonly [string, readonly TabularResult[]])[],
  of: (point: TabularPoint) => number,
): XyPanel {
  const marks = arms.map(([arm, group], i): Mark => {
    const { tone, dash, marker } = levelLook(i, arms.length);
    const points = group[0].outcome.points.slice(1).map((_, j) => {
      const at = group.map((result) => result.outcome.points[j + 1]);
      const { y } = geometricInterval(0, at.map(of));
      return { x: at[0].innerSamples, y };
    });
    return { kind: "line", name: arm.replace(`${note}, `, ""), tone, style: "marked", dash, marker, points };
  });
  return curvePanel(note, "TD steps", { label, scale: "log" }, marks);
}
