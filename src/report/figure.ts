/**
 * A figure as plain data: what to draw, in which words, units and ranges, and nothing about how. The same figure is
 * drawn as SVG (svg.ts) and as text (text-chart.ts).
 */

/** Up to five series with no order among them, such as methods; told apart under every common colour vision. */
export type SeriesTone = "series1" | "series2" | "series3" | "series4" | "series5";
/** Up to five levels of one quantity, such as widths: the higher, the further from the page's background. */
export type LevelTone = "level1" | "level2" | "level3" | "level4" | "level5";
/** What a colour stands for, alike in all figures. */
export type Tone = "learned" | "expert" | "second" | "neutral" | SeriesTone | LevelTone;

/** The shape of a point: series differ in it beside their colour. */
export type Marker = "circle" | "square" | "triangle" | "diamond" | "cross";
/** How a line is broken: series differ in it beside their colour. */
export type Dash = "solid" | "dashed" | "dotted" | "dash-dot" | "long-dashed";

/** A point of a series; a `y` that is not finite is a gap. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What an axis measures, and between which numbers. */
export interface Axis {
  readonly label: string;
  /** Unit, printed beside the label; null for a pure number or where the label says it. */
  readonly unit: string | null;
  readonly scale: "linear" | "log";
  readonly format: "number" | "count" | "percent";
  readonly domain: readonly [number, number];
  /** Where it is marked, such as the widths that were tried; round numbers unless said. */
  readonly ticks?: readonly number[];
}

/** Points joined by lines. */
export interface LineMark {
  readonly kind: "line";
  /** Its words in the legend; null keeps it out. */
  readonly name: string | null;
  readonly tone: Tone;
  /** "marked" shows each point; "faint" is for single runs and raw measurements behind an average. */
  readonly style: "strong" | "marked" | "dashed" | "faint";
  /** Shape of a "marked" line's points; small circles unless said. */
  readonly marker?: Marker;
  /** How it is broken; as the style says unless said. */
  readonly dash?: Dash;
  readonly points: readonly Point[];
}

/** A range around a line. */
export interface BandMark {
  readonly kind: "band";
  readonly name: string | null;
  readonly tone: Tone;
  readonly points: readonly { readonly x: number; readonly low: number; readonly high: number }[];
}

/** Separate points. */
export interface DotMark {
  readonly kind: "dots";
  readonly name: string | null;
  readonly tone: Tone;
  readonly points: readonly Point[];
}

/** A value and the interval around it, e.g. a mean and its 95 % confidence interval: `low <= y <= high`. */
export interface Interval extends Point {
  readonly low: number;
  readonly high: number;
}

/** Values with an upright bar each. Where bars of several marks meet at one x, they stand side by side. */
export interface IntervalMark {
  readonly kind: "intervals";
  readonly name: string | null;
  readonly tone: Tone;
  readonly marker: Marker;
  /** The line that joins the values; null for none. */
  readonly joined: Dash | null;
  readonly points: readonly Interval[];
}

/** A level to compare with. */
export interface RuleMark {
  readonly kind: "rule";
  /** Written at its end; null for a bare line such as zero. */
  readonly name: string | null;
  readonly tone: Tone;
  readonly style: "solid" | "dashed" | "dotted";
  readonly y: number;
}

/** A place in x that parts two regimes. */
export interface BoundaryMark {
  readonly kind: "boundary";
  /** Written above it; null for a bare line. */
  readonly name: string | null;
  readonly tone: Tone;
  readonly style: "solid" | "dashed" | "dotted";
  readonly x: number;
}

/** What has points, and an entry in the legend if it has a name. */
export type SeriesMark = LineMark | BandMark | DotMark | IntervalMark;
/** What can be drawn on two axes, drawn in order. */
export type Mark = SeriesMark | RuleMark | BoundaryMark;

/** One pair of axes. */
export interface XyPanel {
  readonly kind: "xy";
  /** Words beside the y label, e.g. which run this is; null where the axes say enough. */
  readonly note: string | null;
  readonly x: Axis;
  readonly y: Axis;
  readonly marks: readonly Mark[];
}

/** A labelled amount. */
export interface Bar {
  readonly name: string;
  readonly tone: Tone;
  readonly value: number;
  /** The value in words. */
  readonly text: string;
  /** Single measurements that `value` is the mean of, drawn as ticks; empty for none. */
  readonly parts: readonly number[];
}

/** Amounts side by side, from zero. */
export interface BarPanel {
  readonly kind: "bars";
  readonly title: string;
  readonly unit: string | null;
  readonly bars: readonly Bar[];
}

/** One side of a heat map: what tells its columns, or its rows, apart. */
export type CellAxis = CategoryAxis | NumberAxis;

/** Cells of equal width with a name each. */
export interface CategoryAxis {
  readonly kind: "categories";
  readonly label: string;
  readonly unit: string | null;
  readonly names: readonly string[];
}

/** Cells around numbers, each reaching half-way to its neighbours, on a logarithmic scale by ratio. */
export interface NumberAxis {
  readonly kind: "numbers";
  readonly label: string;
  readonly unit: string | null;
  readonly scale: "linear" | "log";
  /** Increasing; two or more. */
  readonly values: readonly number[];
}

/** A class of cells, told apart by more than colour. */
export interface CellClass {
  /** "diverges"; printed in a cell that has room for it. */
  readonly name: string;
  /** One or two letters for a cell that has not. */
  readonly short: string;
  readonly look: "plain" | "outlined" | "hatched" | "crossed";
}

/** One cell of a heat map. */
export interface HeatCell {
  /** What its colour says; not a number for none. */
  readonly value: number;
  /** The name of its class; null for none. */
  readonly cellClass: string | null;
}

/** A value for each of two choices. */
export interface HeatPanel {
  readonly kind: "heat";
  readonly note: string | null;
  readonly x: CellAxis;
  readonly y: CellAxis;
  /** What colours measure: pale at the lower end, dark at the upper. */
  readonly colour: Axis;
  /** [rows, columns], the first row at the bottom; null leaves a place empty. */
  readonly cells: readonly (readonly (HeatCell | null)[])[];
  /** Whether the values are printed in the cells. */
  readonly printed: boolean;
  readonly classes: readonly CellClass[];
  /** Lines over the cells, such as a boundary by theory: numbers on number axes, on categories 0 for the first. */
  readonly lines: readonly LineMark[];
}

/** Pairs of axes, sets of bars or heat maps that belong together. */
export type Panel = XyPanel | BarPanel | HeatPanel;

/** One or several panels under one title. */
export interface Figure {
  /** Kebab-case; unique in a report. */
  readonly id: string;
  readonly title: string;
  /** How to read it: whole sentences. */
  readonly caption: string;
  /** "wide" takes the whole width of a page, "small" panels stand side by side. */
  readonly layout: "wide" | "small";
  /** "shared" says what lines and points mean once, above panels that show the same series; "each" unless said. */
  readonly legend?: "each" | "shared";
  readonly panels: readonly Panel[];
}
