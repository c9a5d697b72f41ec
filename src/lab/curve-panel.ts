import { axisOver, panelOf, type Mark, type Measure, type XyPanel } from "../report/index.ts";

/** Marks over a count of steps or samples, from 0 to as far as they reach. */
export function curvePanel(
  note: string | null,
  counted: string,
  measure: Measure,
  marks: readonly Mark[],
): XyPanel {
  const reached = marks.flatMap((mark) => ("points" in mark ? mark.points.map(({ x }) => x) : []));
  const x = axisOver({ label: counted, unit: null, format: "count" }, [0, ...reached], { nice: false });
  return { ...panelOf(x, measure, marks), note };
}
