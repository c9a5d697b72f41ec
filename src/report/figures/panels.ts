/** What the figures are built of. One look for all: averages strong, what they average faint. */
import { axisOver } from "../axis.ts";
import type { Axis, LineMark, Mark, Panel, Point, RuleMark, Tone, XyPanel } from "../figure.ts";
import type { Run } from "../run.ts";
import { binMeans, meanOverRuns } from "../series.ts";

/** Longest series drawn in full, and the number of averages drawn through a longer one. */
const RAW_POINTS = 400;
const AVERAGES = 50;

/** How one quantity looks. */
interface Look {
  /** Its words in the legend; null where the panel shows nothing else. */
  readonly name: string | null;
  readonly tone: Tone;
  readonly style?: "strong" | "dashed";
  /** Zeros and ones, of which only shares mean anything. */
  readonly shares?: boolean;
}

/** What an upright axis measures and how far it reaches. */
export interface Measure {
  readonly label: string;
  readonly unit?: string;
  readonly scale?: Axis["scale"];
  readonly format?: Axis["format"];
  /** Fixed ends, where the quantity has them. */
  readonly domain?: readonly [number, number];
  /** Whether zero must show. */
  readonly zero?: boolean;
}

/** Training steps, to where the furthest run has come. */
export function stepAxis(runs: readonly Run[]): Axis {
  const reached = runs.flatMap(({ config, summary, policy, reward, cloning, episodes, evaluations }) =>
    summary
      ? [config.steps]
      : [policy, reward, cloning, episodes, evaluations].map((records) => records.at(-1)?.step ?? 0),
  );
  const cloned = runs.some(({ config }) => config.algorithm.method === "bc");
  const label = cloned ? "Updates of the policy" : "Training steps in the environment";
  const words = { label, unit: null, format: "count" } as const;
  return axisOver(words, [0, ...reached], { nice: false });
}

/** A panel over all that its marks reach. */
export function panelOf(x: Axis, measure: Measure, marks: readonly Mark[]): XyPanel {
  const { unit = null, domain, zero = false } = measure;
  const y = axisOver({ ...measure, unit }, valuesOf(marks), { zero });
  return { kind: "xy", note: null, x, y: domain ? { ...y, domain } : y, marks };
}

/** The panels that show some measurement; rules alone are none. */
export function measuredPanels(panels: readonly Panel[]): Panel[] {
  return panels.filter(
    (panel) => panel.kind !== "xy" || panel.marks.some((mark) => "points" in mark && mark.points.length > 0),
  );
}

/** One quantity over the runs: faint series and a strong average through them. */
export function trend(runs: readonly (readonly Point[])[], look: Look): Mark[] {
  const { name, tone, style = "strong", shares = false } = look;
  const drawn = runs.filter((points) => points.some(({ y }) => Number.isFinite(y)));
  if (drawn.length === 0) return [];
  const averages = shares ? AVERAGES / 2 : AVERAGES;
  const mean = drawn.length === 1 ? drawn[0] : meanOverRuns(drawn);
  const average = line(name, tone, style, binMeans(mean, averages));
  if (drawn.length === 1) {
    const raw = line(null, tone, "faint", binMeans(mean, RAW_POINTS));
    return shares || mean.length <= AVERAGES ? [average] : [raw, average];
  }
  const perRun = shares ? averages : 2 * AVERAGES;
  const [first, ...others] = drawn.map((points) => line(null, tone, "faint", binMeans(points, perRun)));
  return mean.length > 0 ? [first, ...others, average] : [{ ...first, name }, ...others];
}

/** What faint and strong lines mean in these panels; empty where no line is faint. */
export function faintness(runs: readonly Run[], panels: readonly Panel[]): string {
  const faint = panels.some(
    (panel) =>
      panel.kind === "xy" && panel.marks.some((mark) => mark.kind === "line" && mark.style === "faint"),
  );
  if (!faint) return "";
  return runs.length > 1
    ? "Faint: each seed; strong: their mean."
    : "Faint: as recorded; strong: averaged over neighbours.";
}

/** Points joined by lines. */
export function line(
  name: string | null,
  tone: Tone,
  style: LineMark["style"],
  points: readonly Point[],
): LineMark {
  return { kind: "line", name, tone, style, points };
}

/** The zero line. */
export function zeroRule(): RuleMark {
  return { kind: "rule", name: null, tone: "neutral", style: "solid", y: 0 };
}

/** A caption of its sentences, empty ones left out. */
export function sentences(...parts: readonly string[]): string {
  return parts.filter(Boolean).join(" ");
}

/** Every y that the marks reach. */
function valuesOf(marks: readonly Mark[]): number[] {
  return marks.flatMap((mark) => {
    if (mark.kind === "rule") return [mark.y];
    if (mark.kind === "boundary") return [];
    if (mark.kind === "band") return mark.points.flatMap(({ low, high }) => [low, high]);
    if (mark.kind === "intervals") return mark.points.flatMap(({ low, y, high }) => [low, y, high]);
    return mark.points.map(({ y }) => y);
  });
}
