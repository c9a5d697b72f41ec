import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import { axisOver, formatTick, minorTicksOf, ticksOf } from "../../src/report/axis.ts";
import { cellsOf, clipped, formatCell } from "../../src/report/cells.ts";
import type { Axis, NumberAxis } from "../../src/report/index.ts";
import { axis } from "./drawn-figure.ts";

const tickWords = (values: number[], count: number): string[] => {
  const axis = axisOver({ label: "", unit: null, scale: "log" }, values);
  const ticks = ticksOf(axis, count);
  return ticks.map((tick) => formatTick(axis, tick, ticks));
};

describe("log axes", () => {
  it("have even ticks over much less than a decade, with the same decimals", () => {
    expect(tickWords([0.031, 0.038], 4)).toEqual(["0.025", "0.030", "0.035", "0.040"]);
  });

  it("have 1, 2, 5 or 1, 3 over one or two decades, as many as there is room for", () => {
    expect(tickWords([0.011, 0.45], 8)).toEqual(["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"]);
    expect(tickWords([0.011, 0.45], 3)).toEqual(["0.01", "0.03", "0.1", "0.3"]);
  });

  it("have powers throughout, or none", () => {
    expect(tickWords([1, 9e7], 4)).toEqual(["1", "10²", "10⁴", "10⁶", "10⁸"]);
    expect(tickWords([1, 900], 3)).toEqual(["1", "10", "100", "1000"]);
  });

  it("have fine lines between decades, at powers left out, and none where ticks are given or close", () => {
    const decades = axis({ scale: "log", domain: [1, 100] });
    expect(minorTicksOf(decades, [1, 10, 100])).toEqual([
      2, 3, 4, 5, 6, 7, 8, 9, 20, 30, 40, 50, 60, 70, 80, 90,
    ]);
    expect(minorTicksOf(axis({ scale: "log", domain: [1, 1e4] }), [1, 100, 1e4])).toEqual([10, 1000]);
    expect(minorTicksOf({ ...decades, ticks: [1, 10, 100] }, [1, 10, 100])).toEqual([]);
    expect(minorTicksOf(axis({ domain: [1, 100] }), [50, 100])).toEqual([]);
    expect(minorTicksOf(axis({ scale: "log", domain: [1, 4] }), [1, 2, 3])).toEqual([]);
  });

  it("are marked where they are told to be, within their ends", () => {
    const widths = axis({ scale: "log", domain: [10, 2000], ticks: [4, 16, 1024, 0.5, 16_384] });
    expect(ticksOf(widths, 1)).toEqual([16, 1024]);
    expect(formatTick(widths, 1024, [16, 1024])).toBe("1,024");
    expect(formatTick(widths, 0.0031623, [])).toBe("0.00316");
  });
});

const numberSide = (values: number[], scale: "linear" | "log"): NumberAxis => ({
  kind: "numbers",
  label: "eta",
  unit: null,
  scale,
  values,
});

const printed = (value: number, format: Axis["format"] = "number"): string =>
  formatCell(axis({ domain: [0, 1], format }), value);

describe("cells", () => {
  it("reach half-way to their neighbours, by ratio on a logarithmic side", () => {
    const log = cellsOf(numberSide([1, 10, 100], "log"));
    [0, 1 / 3, 2 / 3, 1].forEach((edge, i) => expect(log.edges[i]).toBeCloseTo(edge, 12));
    expect(log.fractionOf(1)).toBeCloseTo(1 / 6, 12);
    expect(log.fractionOf(Math.sqrt(10))).toBeCloseTo(1 / 3, 12);
    const linear = cellsOf(numberSide([0, 1, 3], "linear"));
    // From -0.5 over 0.5 and 2 to 4.
    [0, 1 / 4.5, 2.5 / 4.5, 1].forEach((edge, i) => expect(linear.edges[i]).toBeCloseTo(edge, 12));
    expect(linear.fractionOf(-0.5)).toBeCloseTo(0, 12);
    expect(linear.words).toEqual(["0", "1", "3"]);
  });

  it("are equally wide where they have names, the first at 0", () => {
    const { edges, fractionOf } = cellsOf({ kind: "categories", label: "", unit: null, names: ["a", "b"] });
    expect(edges).toEqual([0, 0.5, 1]);
    expect([fractionOf(0), fractionOf(1), fractionOf(0.5)]).toEqual([0.25, 0.75, 0.5]);
  });

  it("refuse numbers that do not rise, or have no logarithm", () => {
    for (const [values, scale] of [
      [[1], "linear"],
      [[1, 1], "linear"],
      [[3, 2], "log"],
      [[0, 1], "log"],
    ] as const) {
      expect(() => cellsOf(numberSide([...values], scale))).toThrow(TandemError);
      expect(() => cellsOf(numberSide([...values], scale))).toThrow(/^cellsOf: expected .* for eta, got \[/);
    }
  });

  it("print at most three digits", () => {
    expect([
      printed(0.1234),
      printed(123.4),
      printed(1.234e-5),
      printed(0),
      printed(NaN),
      printed(0.5, "percent"),
    ]).toEqual(["0.12", "123", "1.2×10⁻⁵", "0", "", "50%"]);
  });
});

describe("clipping", () => {
  it("keeps what is inside, cut at the edges, parted at gaps", () => {
    const points = [
      { x: -1, y: -0.5 },
      { x: 1, y: 0.5 },
      { x: 1, y: NaN },
      { x: 0.5, y: 0.5 },
      { x: 0.5, y: 2 },
      { x: 3, y: 2 },
    ];
    expect(clipped(points)).toEqual([
      [
        { x: 0, y: 0 },
        { x: 1, y: 0.5 },
      ],
      [
        { x: 0.5, y: 0.5 },
        { x: 0.5, y: 1 },
      ],
    ]);
  });

  it("keeps joined what is wholly inside, and nothing of what passes by", () => {
    const inside = [
      { x: 0.1, y: 0.1 },
      { x: 0.2, y: 0.9 },
      { x: 0.8, y: 0.3 },
    ];
    expect(clipped(inside)).toEqual([inside]);
    expect(
      clipped([
        { x: -0.5, y: 0.6 },
        { x: 0.6, y: 2 },
      ]),
    ).toEqual([]);
    expect(
      clipped([
        { x: 2, y: 0.5 },
        { x: 3, y: 0.5 },
      ]),
    ).toEqual([]);
  });

  it("gives points of the square and of the line", () => {
    const coordinate = fc.integer({ min: -8, max: 12 }).map((i) => i / 4);
    const point = fc.record({ x: coordinate, y: coordinate });
    fc.assert(
      fc.property(point, point, (from, to) => {
        const [dx, dy] = [to.x - from.x, to.y - from.y];
        for (const { x, y } of clipped([from, to]).flat()) {
          // Coordinates below 4 and a rounding of the division and of the product: a few units of 2^-51.
          const eps = 2 ** -47;
          expect(Math.max(-x, x - 1, -y, y - 1)).toBeLessThan(eps);
          expect(Math.abs((x - from.x) * dy - (y - from.y) * dx)).toBeLessThan(8 * eps);
        }
        const middle = { x: from.x + dx / 2, y: from.y + dy / 2 };
        const isInside = Math.min(middle.x, 1 - middle.x, middle.y, 1 - middle.y) >= 0;
        if (isInside) expect(clipped([from, to])).toHaveLength(1);
      }),
    );
  });
});
