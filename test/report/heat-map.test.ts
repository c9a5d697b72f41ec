import { describe, expect, it } from "vitest";
import { renderFigureSvg, type HeatPanel } from "../../src/report/index.ts";
import { LIGHT } from "../../src/report/theme.ts";
import { figureOf, svgOf, numbers, wordsIn, textNamed, at, axis, line, heat } from "./drawn-figure.ts";

interface CellBox {
  x: number;
  y: number;
  width: number;
  height: number;
  fill: string;
}
const boxes = (document: Document): CellBox[] =>
  [...document.querySelectorAll('rect[aria-label="cell"]')].map((rect) => ({
    x: at(rect, "x"),
    y: at(rect, "y"),
    width: at(rect, "width"),
    height: at(rect, "height"),
    fill: rect.getAttribute("fill") ?? "",
  }));
const lightness = (fill: string): number => {
  const [red, green, blue] = numbers(fill);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
/** Positions are rounded to a tenth of a pixel. */
const PIXEL = 0.15;

const printedValues = (panel: HeatPanel, width: number): string[] =>
  wordsIn(svgOf(figureOf(panel), width)).filter((words) => /^0\.010$|^12,345$/.test(words));

const isInBox = (box: CellBox, x: number, y: number): boolean =>
  x >= box.x - PIXEL &&
  x <= box.x + box.width + PIXEL &&
  y >= box.y - PIXEL &&
  y <= box.y + box.height + PIXEL;

const centreOf = ({ x, y, width, height }: CellBox): [number, number] => [x + width / 2, y + height / 2];

/** Names and short names of classes, in the legend and then in the cells. */
const classWords = (document: Document): string[] =>
  wordsIn(document).filter((words) => /^[a-z]{5,}$|^[DOS]$/.test(words));

describe("a heat map", () => {
  it("stands its first row at the bottom, its first column to the left", () => {
    const [a, b, c, d] = boxes(svgOf(figureOf(heat())));
    expect(a.x).toBeLessThan(b.x);
    expect(b.x - a.x).toBeCloseTo(a.width + 1, 0);
    expect(c.y).toBe(a.y);
    expect(d.y).toBeLessThan(a.y);
    expect(d.x).toBe(a.x);
  });

  it("is darker where values are greater, on the scale it says", () => {
    const fills = boxes(svgOf(figureOf(heat()))).map(({ fill }) => fill);
    const [a, b, c, d, none, e] = fills.map(lightness);
    expect([a, b, c, d, e]).toEqual([a, b, c, d, e].sort((one, other) => other - one));
    expect(new Set([a, b, c, d, e]).size).toBe(5);
    expect(none).toBe(lightness(LIGHT.grid) || none);
    expect(fills[4]).toBe(LIGHT.grid);
    const linear = boxes(svgOf(figureOf(heat({ colour: axis({ domain: [0, 100] }) })))).map(
      ({ fill }) => fill,
    );
    // 1 is half-way of 0.01 to 100 by ratio, and next to nothing by difference.
    expect(lightness(linear[2])).toBeGreaterThan(lightness(fills[2]) + 40);
  });

  it("holds to its ends what lies beyond them", () => {
    const cells = [[-1, 0.01, 0.1].map((value) => ({ value, cellClass: null })), [null, null, null]];
    const [below, low, above] = boxes(svgOf(figureOf(heat({ cells })))).map(({ fill }) => fill);
    expect(below).toBe(low);
    expect(above).not.toBe(low);
    expect(boxes(svgOf(figureOf(heat({ cells }))))).toHaveLength(3);
  });

  it("prints values and classes in their cells, short where the room is short, and says what they mean", () => {
    const wide = svgOf(figureOf(heat()));
    expect(wordsIn(wide)).toEqual(expect.arrayContaining(["0.010", "0.10", "1", "10", "100", "oscillates"]));
    const [, , , d] = boxes(wide);
    const ten = [...wide.querySelectorAll("text")].find(
      (text) => text.textContent === "10" && at(text, "y") > d.y && at(text, "y") < d.y + d.height,
    );
    expect(ten && Math.abs(at(ten, "x") - (d.x + d.width / 2))).toBeLessThan(PIXEL);
    // A class that no cell has is left out.
    expect(classWords(wide)).toEqual(["diverges", "oscillates", "oscillates", "diverges"]);
    expect(classWords(svgOf(figureOf(heat()), 240))).toEqual(["diverges", "oscillates", "O", "D"]);
  });

  it("prints all values or none", () => {
    const cells = [[0.01, 12_345, 1].map((value) => ({ value, cellClass: null })), [null, null, null]];
    expect(printedValues(heat({ cells }), 500)).toEqual(["0.010", "12,345"]);
    expect(printedValues(heat({ cells }), 160)).toEqual([]);
    expect(printedValues(heat({ cells, printed: false }), 500)).toEqual([]);
  });

  it("tells classes apart by lines within their cells", () => {
    const document = svgOf(figureOf(heat({ classes: heat().classes })));
    const [, , , hatched, crossed] = boxes(document);
    const paths = [...document.querySelectorAll('path[stroke-opacity="0.5"]')].map(
      (path) => path.getAttribute("d") ?? "",
    );
    const rising = paths.find((d) => d.split("M").length > 8) ?? "";
    const segments = rising.split("M").slice(1).map(numbers);
    for (const [x1, y1, x2, y2] of segments) {
      expect(isInBox(hatched, x1, y1) && isInBox(hatched, x2, y2)).toBe(true);
      expect(Math.abs(x1 - x2 - (y1 - y2))).toBeLessThan(2 * PIXEL);
    }
    // One line every 7 pixels of two sides together.
    expect(segments.length).toBe(Math.floor((hatched.width + hatched.height) / 7 + 0.5));
    const corners = paths.filter((d) => d.split("M").length === 3).map((d) => numbers(d));
    expect(corners.some(([x, y]) => Math.abs(x - crossed.x) + Math.abs(y - crossed.y) < PIXEL)).toBe(true);
    const outlined = heat({ classes: [{ name: "oscillates", short: "O", look: "outlined" }] });
    const [frame] = svgOf(figureOf(outlined)).querySelectorAll(
      'rect[stroke-width="2"][width]:not([width="16"])',
    );
    expect(at(frame, "width")).toBeCloseTo(hatched.width - 2, 0);
  });

  it("lays lines over the cells where their coordinates say, cut at the edges", () => {
    const diagonal = line(
      [
        [0.001, 0.0001],
        [1000, 100],
      ],
      { name: "theory", tone: "series4", style: "dashed" },
    );
    const document = svgOf(figureOf(heat({ lines: [diagonal] })));
    const [a, b, c, d] = boxes(document);
    const [path] = document.querySelectorAll('path[aria-label="line"]');
    const [x1, y1, x2, y2] = numbers(path.getAttribute("d"));
    const height = (x: number): number => y1 + ((x - x1) / (x2 - x1)) * (y2 - y1);
    // y = x / 10 passes the centres of (1, 0.1) and (10, 1), and leaves at the top.
    expect(Math.abs(height(centreOf(a)[0]) - centreOf(a)[1])).toBeLessThan(2 * PIXEL);
    expect(Math.abs(height(centreOf(b)[0]) - centreOf(d)[1])).toBeLessThan(2 * PIXEL);
    expect(Math.abs(y2 - (d.y - 0.5))).toBeLessThan(PIXEL);
    expect(x2).toBeLessThan(c.x);
    expect(path.getAttribute("stroke-dasharray")).toBe("5,4");
    expect(wordsIn(document)).toContain("theory");
    const away = svgOf(
      figureOf(
        heat({
          lines: [
            line([
              [1, 1e3],
              [100, 1e3],
            ]),
          ],
        }),
      ),
    );
    expect(away.querySelectorAll('path[aria-label="line"]')).toHaveLength(0);
  });

  it("keeps every word within the picture, and ticks of its scale clear of the legend", () => {
    const names = ["ML-IRL", "a rather long name", "another long name"];
    const named = heat({ x: { kind: "categories", label: "Method", unit: null, names } });
    const far = heat({
      x: {
        kind: "numbers",
        label: "x",
        unit: null,
        scale: "linear",
        values: [0, 1, 2, 3, 4, 5, 6].map((i) => 100_000 + i),
      },
      cells: [0, 1].map(() => Array.from({ length: 7 }, () => ({ value: 1, cellClass: null }))),
    });
    for (const panel of [heat(), named, far]) {
      for (const width of [240, 340, 500, 920]) {
        const document = svgOf(figureOf(panel), width);
        for (const text of document.querySelectorAll("svg svg > text, svg svg > g > text")) {
          if (text.getAttribute("transform")) continue;
          const moved = numbers(text.parentElement?.getAttribute("transform"))[0] ?? 0;
          const length = 6 * (text.textContent ?? "").length;
          const shift = { start: 0, middle: 0.5, end: 1 }[text.getAttribute("text-anchor") ?? "start"] ?? 0;
          const left = at(text, "x") + moved - shift * length;
          expect(left + length, text.textContent ?? "").toBeLessThanOrEqual(width - 44);
          expect(left, text.textContent ?? "").toBeGreaterThanOrEqual(-4);
        }
      }
    }
    const narrow = svgOf(figureOf(heat({ lines: [line([[1, 1]], { name: "boundary by theory" })] })), 400);
    const tick = textNamed(narrow, "0.01");
    for (const entry of narrow.querySelectorAll('g[transform^="translate"]')) {
      const [x, y] = numbers(entry.getAttribute("transform"));
      // A row at the left edge begins below the scale's ticks.
      if (x < 150 && entry.querySelector("text")) expect(y - 2).toBeGreaterThan(at(tick, "y"));
    }
  });

  it("needs nothing defined elsewhere", () => {
    expect(renderFigureSvg(figureOf(heat()))).not.toMatch(/url\(|href|var\(|NaN/);
  });
});
