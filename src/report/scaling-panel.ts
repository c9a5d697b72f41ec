/** A quantity against a size on two logarithmic axes, with the power law fitted to it and the theory's beside it. */
import { TandemError } from "../core/index.ts";
import { axisOver } from "./axis.ts";
import type { Axis, Interval, IntervalMark, LineMark, Mark, Point, XyPanel } from "./figure.ts";
import { panelOf } from "./figures/panels.ts";
import { levelLook, type SeriesLook } from "./look.ts";
import { grouped } from "./numbers.ts";

/** A fitted `y = factor * x^exponent`, with an interval for the exponent. */
export interface PowerLaw {
  readonly factor: number;
  readonly exponent: number;
  readonly low: number;
  readonly high: number;
}

/** Measurements of one series, in increasing x, and the law fitted to them. */
export interface ScalingSeries {
  /** Its words in the legend; null where it is the only one. */
  readonly name: string | null;
  readonly points: readonly Interval[];
  /** Null where nothing was fitted. */
  readonly fit: PowerLaw | null;
}

/** What a scaling panel shows. All of it is given: nothing is fitted here. */
export interface Scaling {
  readonly note: string | null;
  readonly x: { readonly label: string; readonly unit: string | null };
  readonly y: { readonly label: string; readonly unit: string | null };
  /** One to five, lowest level first. */
  readonly series: readonly ScalingSeries[];
  /** The exponent that theory predicts and its words, e.g. "theory -1/2"; null for none. */
  readonly theory: { readonly exponent: number; readonly name: string } | null;
}

/** Most sizes that are ticks of their own. */
const MOST_TICKS = 8;
/** Ratio of neighbouring sizes below which their ticks would touch. */
const NEAREST_TICKS = 1.5;

/**
 * Points with error bars, each series with its fitted law; the theory's line leaves from where the first series' law,
 * or else its first point, begins, so that a difference in slope opens to the right.
 */
export function scalingPanel({ note, x, y, series, theory }: Scaling): XyPanel {
  if (series.length === 0 || series.some(({ points }) => points.length === 0)) {
    throw new TandemError(
      "scalingPanel",
      `expected points in every series, got [${series.map(({ points }) => points.length).join(", ")}]; leave out what was not measured`,
    );
  }
  const looks = series.map((_, i) => lookOf(i, series.length));
  const marks: Mark[] = [
    ...series.flatMap((each, i) => lawLine(each, looks[i])),
    // Above the fitted lines, so that it shows where they agree.
    ...(theory ? [theoryLine(theory, series[0])] : []),
    ...series.map((each, i) => measurements(each, looks[i])),
  ];
  return { ...panelOf(sizeAxis(x, series), { ...y, unit: unitOf(y.unit), scale: "log" }, marks), note };
}

function lookOf(index: number, count: number): SeriesLook {
  return count === 1 ? { tone: "learned", marker: "circle", dash: "solid" } : levelLook(index, count);
}

function unitOf(unit: string | null): string {
  return unit === null ? "log scale" : `${unit}, log scale`;
}

function lawLine({ name, points, fit }: ScalingSeries, { tone }: SeriesLook): LineMark[] {
  if (!fit) return [];
  const words = name === null ? slopeWords(fit) : null;
  return [{ kind: "line", name: words, tone, style: "strong", points: lawPoints(points, fit) }];
}

function measurements({ name, points, fit }: ScalingSeries, { tone, marker }: SeriesLook): IntervalMark {
  const words = name !== null && fit ? `${name}: ${slopeWords(fit)}` : name;
  return { kind: "intervals", name: words, tone, marker, joined: null, points };
}

/** "slope -0.48 [-0.52, -0.44]" */
function slopeWords({ exponent, low, high }: PowerLaw): string {
  return `slope ${grouped(exponent, 2)} [${grouped(low, 2)}, ${grouped(high, 2)}]`;
}

/** Both ends of the law over the points' range: a straight line on these axes. */
function lawPoints(points: readonly Interval[], law: Pick<PowerLaw, "factor" | "exponent">): Point[] {
  return [points[0].x, points[points.length - 1].x].map((x) => ({ x, y: law.factor * x ** law.exponent }));
}

function theoryLine(theory: NonNullable<Scaling["theory"]>, { points, fit }: ScalingSeries): LineMark {
  const [{ x, y }] = points;
  const start = fit ? fit.factor * x ** fit.exponent : y;
  const law = { factor: start / x ** theory.exponent, exponent: theory.exponent };
  return {
    kind: "line",
    name: theory.name,
    tone: "neutral",
    style: "dashed",
    points: lawPoints(points, law),
  };
}

/** The sizes with a little room beside them; they are the ticks where they are few and far enough apart. */
function sizeAxis(words: Scaling["x"], series: readonly ScalingSeries[]): Axis {
  const sizes = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const [low, high] = [sizes[0], sizes[sizes.length - 1]];
  const room = Math.max(1.05, (high / low) ** 0.05);
  const apart = sizes.every((size, i) => i === 0 || size / sizes[i - 1] >= NEAREST_TICKS);
  const ticks = sizes.length <= MOST_TICKS && apart ? { ticks: sizes } : {};
  const axis = axisOver({ ...words, unit: unitOf(words.unit), scale: "log", ...ticks }, sizes);
  return { ...axis, domain: [low / room, high * room] };
}
