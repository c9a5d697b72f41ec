/**
 * A figure as plain data: what to draw, in which words, units and ranges, and nothing about how. The same figure is
 * drawn as SVG (svg.ts) and as text (text-chart.ts).
 */

/** What a colour stands for, alike in all figures. */
export type Tone = "learned" | "expert" | "second" | "neutral";

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
}

/** Points joined by lines. */
export interface LineMark {
  readonly kind: "line";
  /** Its words in the legend; null keeps it out. */
  readonly name: string | null;
  readonly tone: Tone;
  /** "marked" shows each point; "faint" is for single runs and raw measurements behind an average. */
  readonly style: "strong" | "marked" | "dashed" | "faint";
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

/** A level to compare with. */
export interface RuleMark {
  readonly kind: "rule";
  /** Written at its end; null for a bare line such as zero. */
  readonly name: string | null;
  readonly tone: Tone;
  readonly style: "solid" | "dashed" | "dotted";
  readonly y: number;
}

/** What can be drawn on two axes, drawn in order. */
export type Mark = LineMark | BandMark | DotMark | RuleMark;

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

/** Pairs of axes or sets of bars that belong together. */
export type Panel = XyPanel | BarPanel;

/** One or several panels under one title. */
export interface Figure {
  /** Kebab-case; unique in a report. */
  readonly id: string;
  readonly title: string;
  /** How to read it: whole sentences. */
  readonly caption: string;
  /** "wide" takes the whole width of a page, "small" panels stand side by side. */
  readonly layout: "wide" | "small";
  readonly panels: readonly Panel[];
}
