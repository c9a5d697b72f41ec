import { describe, expect, it } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import { scalingPanel, type LineMark, type Mark } from "../../src/report/index.ts";
import { figureOf, svgOf, wordsIn } from "./drawn-figure.ts";

const linesOf = ({ marks }: { marks: readonly Mark[] }): LineMark[] =>
  marks.filter((mark) => mark.kind === "line");

describe("a scaling panel", () => {
  const points = [4, 16].map((x) => ({
    x,
    y: 2.2 / Math.sqrt(x),
    low: 1 / Math.sqrt(x),
    high: 3 / Math.sqrt(x),
  }));
  const fit = { factor: 2, exponent: -0.5, low: -0.55, high: -0.444 };
  const scaling = (more: object = {}): Parameters<typeof scalingPanel>[0] => ({
    note: "d = 8",
    x: { label: "Width m", unit: null },
    y: { label: "Error", unit: "nats" },
    series: [{ name: null, points, fit }],
    theory: { exponent: -1, name: "theory -1" },
    ...more,
  });

  it("draws the fitted law over its points, and the theory's from where it begins", () => {
    const [law, theory] = linesOf(scalingPanel(scaling({ theory: { exponent: -1, name: "theory -1" } })));
    expect(law.points).toEqual([
      { x: 4, y: 1 },
      { x: 16, y: 0.5 },
    ]);
    expect(theory.points).toEqual([
      { x: 4, y: 1 },
      { x: 16, y: 0.25 },
    ]);
    expect([law.name, theory.name, theory.style]).toEqual([
      "slope -0.50 [-0.55, -0.44]",
      "theory -1",
      "dashed",
    ]);
  });

  it("begins the theory's line at the first point where nothing was fitted", () => {
    const off = points.map((point) => ({ ...point, y: (1.5 / 1.1) * point.y }));
    const panel = scalingPanel(scaling({ series: [{ name: null, points: off, fit: null }] }));
    const [theory, ...others] = linesOf(panel);
    expect(others).toEqual([]);
    expect(theory.points).toEqual([
      { x: 4, y: expect.closeTo(1.5, 12) },
      { x: 16, y: expect.closeTo(0.375, 12) },
    ]);
    expect(linesOf(scalingPanel(scaling({ theory: null })))).toHaveLength(1);
  });

  it("names each of several series with its slope, each in a look of its own", () => {
    const series = ["d = 8", "d = 16"].map((name) => ({ name, points, fit }));
    const panel = scalingPanel(scaling({ series }));
    const named = panel.marks.filter((mark) => mark.kind === "intervals");
    expect(named.map(({ name }) => name)).toEqual([
      "d = 8: slope -0.50 [-0.55, -0.44]",
      "d = 16: slope -0.50 [-0.55, -0.44]",
    ]);
    expect(named.map(({ tone, marker }) => [tone, marker])).toEqual([
      ["level1", "circle"],
      ["level5", "square"],
    ]);
    expect(linesOf(panel).map(({ name, tone }) => [name, tone])).toEqual([
      [null, "level1"],
      [null, "level5"],
      ["theory -1", "neutral"],
    ]);
  });

  it("marks the sizes that were tried where they are apart, and holds every point", () => {
    const { x, y, note } = scalingPanel(scaling());
    expect([x.ticks, x.scale, y.scale, y.unit, note]).toEqual([
      [4, 16],
      "log",
      "log",
      "nats, log scale",
      "d = 8",
    ]);
    expect(x.domain[0]).toBeLessThan(4);
    expect(x.domain[1]).toBeGreaterThan(16);
    // The theory's line ends at 0.25, as the lowest interval does; the highest is 1.5.
    expect(y.domain).toEqual([0.2, 2]);
    const near = [4, 5, 16].map((size) => ({ ...points[0], x: size }));
    expect(scalingPanel(scaling({ series: [{ name: null, points: near, fit }] })).x.ticks).toBeUndefined();
  });

  it("refuses a series without points, and a sixth series", () => {
    expect(() => scalingPanel(scaling({ series: [] }))).toThrow(/^scalingPanel: expected points/);
    expect(() => scalingPanel(scaling({ series: [{ name: null, points: [], fit }] }))).toThrow(TandemError);
    const six = Array.from({ length: 6 }, (_, i) => ({ name: `${i}`, points, fit }));
    expect(() => scalingPanel(scaling({ series: six }))).toThrow(
      /^levelLook: expected a series from 0 to 4, got 5/,
    );
  });

  it("is printed with minus signs", () => {
    const document = svgOf(figureOf(scalingPanel(scaling())));
    expect(wordsIn(document)).toEqual(
      expect.arrayContaining(["slope −0.50 [−0.55, −0.44]", "theory −1", "4", "16"]),
    );
  });
});
