/** A legend that several panels share. */
import type { Figure, Panel, SeriesMark } from "./figure.ts";

/** The series of all panels of a figure, each name once: what a shared legend explains. */
export function sharedSeries({ legend, panels }: Figure): SeriesMark[] {
  if (legend !== "shared") return [];
  const named = new Map<string, SeriesMark>();
  for (const mark of panels.flatMap((panel) => (panel.kind === "xy" ? panel.marks : []))) {
    if (!("points" in mark) || mark.name === null || mark.points.length === 0) continue;
    if (!named.has(mark.name)) named.set(mark.name, mark);
  }
  return [...named.values()];
}

/** A panel as it stands under a shared legend: its series have no entries of their own. */
function underSharedLegend(panel: Panel): Panel {
  if (panel.kind !== "xy") return panel;
  const marks = panel.marks.map((mark) => ("points" in mark ? { ...mark, name: null } : mark));
  return { ...panel, marks };
}

/** The figure whose panels have no legends of their own where one is shared. */
export function drawnUnder(figure: Figure): Figure {
  return figure.legend === "shared" ? { ...figure, panels: figure.panels.map(underSharedLegend) } : figure;
}
