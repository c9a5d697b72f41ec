import { describe, expect, it } from "vitest";
import {
  panelOf,
  renderFigureSvg,
  seriesLook,
  type BoundaryMark,
  type Figure,
  type IntervalMark,
  type Mark,
  type Marker,
  type Panel,
} from "../../src/report/index.ts";
import { markerPath } from "../../src/report/svg/markers.ts";
import {
  figureOf,
  svgOf,
  textOf,
  numbers,
  wordsIn,
  textNamed,
  at,
  axis,
  line,
  intervals,
  boundary,
  rule,
  xy,
} from "./drawn-figure.ts";

/** Bars of intervals: x, low and high, pixels, and the number of caps. */
const barsOf = (document: Document): { x: number; low: number; high: number; caps: number }[] =>
  [...document.querySelectorAll('path[aria-label="interval"]')].flatMap((path) =>
    (path.getAttribute("d") ?? "")
      .split(/(?=M[-\d.,]+V)/)
      .map((bar) => ({ bar, ends: numbers(bar) }))
      .map(({ bar, ends: [x, low, high] }) => ({ x, low, high, caps: bar.split("h").length - 1 })),
  );
const markersOf = (document: Document): number[][] =>
  [...document.querySelectorAll('g[aria-label="marker"]')].map((group) =>
    // A circle's path begins at its left end.
    [...group.querySelectorAll("path")].map((path) => numbers(path.getAttribute("d"))[0]),
  );

const barPlaces = (marks: Mark[]): number[] => barsOf(svgOf(figureOf(xy(marks)))).map(({ x }) => x);

const intervalFrom = (low: number): IntervalMark =>
  intervals([[5, low, low + 1, low + 2]], { tone: "series2" });

describe("intervals", () => {
  it("reach from low to high, with a cap at each end", () => {
    const document = svgOf(figureOf(xy([rule(2), rule(7), boundary(5), intervals([[5, 2, 4, 7]])])));
    const [low, high] = [...document.querySelectorAll('[aria-label="rule"] line[y1]')]
      .map((each) => at(each, "y1"))
      .filter(Number.isFinite);
    const [bar] = barsOf(document);
    expect([bar.low, bar.high, bar.caps]).toEqual([low, high, 2]);
    const upright = [...document.querySelectorAll('[aria-label="rule"] line[x1]')].map((each) =>
      at(each, "x1"),
    );
    expect(upright).toContain(bar.x);
    expect(document.querySelector('g[aria-label="marker"] title')?.textContent).toBe("x 5\ny 4 [2, 7]");
  });

  it("stand side by side only where they overlap", () => {
    const [alone, above] = barPlaces([intervals([[5, 1, 2, 3]]), intervalFrom(3.5)]);
    expect(alone).toBe(above);
    const [left, middle, right] = barPlaces([intervals([[5, 1, 2, 3]]), intervalFrom(3), intervalFrom(6)]);
    expect([middle - left, right - middle]).toEqual([7, 7].map((beside) => expect.closeTo(beside, 5)));
    expect(middle).toBe(alone);
    expect(barPlaces([intervals([[5, 1, 2, 3]]), intervals([[6, 1, 2, 3]])])[0]).toBe(alone);
  });

  it("are cut, without a cap, where the axis does not reach", () => {
    const log = xy([intervals([[5, -1, 0.5, 2]])], { y: { scale: "log", domain: [0.1, 10] } });
    const [bar] = barsOf(svgOf(figureOf(log)));
    expect(bar.caps).toBe(1);
    const [inside] = barsOf(svgOf(figureOf(xy([intervals([[5, 0, 5, 2]])]))));
    expect(bar.low).toBe(inside.low);
  });

  it("leave out what was not measured, and break the line there", () => {
    const mark = intervals(
      [
        [1, 1, 2, 3],
        [2, NaN, NaN, NaN],
        [3, 1, 2, 3],
      ],
      { joined: "dashed" },
    );
    const document = svgOf(figureOf(xy([mark])));
    expect(barsOf(document)).toHaveLength(2);
    expect(markersOf(document)[0]).toHaveLength(2);
    const joint = document.querySelector('path[aria-label="line"]');
    expect(joint?.getAttribute("d")?.split("M")).toHaveLength(3);
    expect(joint?.getAttribute("stroke-dasharray")).toBe("5,4");
    expect(renderFigureSvg(figureOf(xy([mark])))).not.toContain("NaN");
  });

  it("reach the axis's ends as their values do", () => {
    const { y } = panelOf(axis({ domain: [0, 1] }), { label: "y", scale: "log" }, [
      intervals([[0, -1, 0.5, 30]]),
    ]);
    expect(y.domain).toEqual([0.2, 50]);
  });
});

/** Corners of a path of straight pieces. */
const corners = (d: string): [number, number][] => {
  const places: [number, number][] = [];
  let [x, y] = [0, 0];
  for (const [, command, rest] of d.matchAll(/([Mhvl])([-\d.,e]+)/g)) {
    const [a, b] = rest.split(",").map(Number);
    if (command === "M") [x, y] = [a, b];
    else if (command === "h") x += a;
    else if (command === "v") y += a;
    else [x, y] = [x + a, y + b];
    places.push([x, y]);
  }
  return places;
};

describe("markers", () => {
  it.each(["square", "triangle", "diamond", "cross"] satisfies Marker[])(
    "cover the area of the circle about the same centre: %s",
    (marker) => {
      const places = corners(markerPath(marker, 10, 20, 3));
      let [area, cx, cy] = [0, 0, 0];
      places.forEach(([x1, y1], i) => {
        const [x2, y2] = places[(i + 1) % places.length];
        const part = (x1 * y2 - x2 * y1) / 2;
        area += part;
        cx += (part * (x1 + x2)) / 3;
        cy += (part * (y1 + y2)) / 3;
      });
      expect(Math.abs(area / (9 * Math.PI) - 1)).toBeLessThan(0.03);
      expect([cx / area, cy / area]).toEqual([expect.closeTo(10, 6), expect.closeTo(20, 1)]);
    },
  );

  it("differ in a line of points, as dashes do", () => {
    const paths = [0, 1, 2, 3, 4].map((i) => {
      const { marker, dash } = seriesLook(i);
      const mark = line(
        [
          [1, 1],
          [9, 9],
        ],
        { style: "marked", marker, dash },
      );
      const document = svgOf(figureOf(xy([mark])));
      const dashes = document.querySelector('[aria-label="line"]')?.getAttribute("stroke-dasharray");
      return [document.querySelector('[aria-label="marker"] path')?.getAttribute("d"), dashes];
    });
    expect(new Set(paths.map(([d]) => d)).size).toBe(5);
    expect(new Set(paths.map(([, dashes]) => dashes)).size).toBe(5);
  });
});

const panelHeightOf = (mark: BoundaryMark): number =>
  at(svgOf(figureOf(xy([mark]))).querySelector("svg svg") as Element, "height");

describe("boundaries", () => {
  it("stand at their x, with words beside them", () => {
    const document = svgOf(figureOf(xy([boundary(4, "burn-in ends"), boundary(10, "the end of it all")])));
    const fours = [...document.querySelectorAll("text")].filter(({ textContent }) => textContent === "4");
    const [at4, at10] = [...document.querySelectorAll('[aria-label="rule"] line[x1]')].map((each) =>
      at(each, "x1"),
    );
    const ticks = fours.map((four) => numbers(four.getAttribute("transform"))[0]);
    expect(Math.min(...ticks.map((tick) => Math.abs(tick - at4)))).toBeLessThan(1);
    const left = at(textNamed(document, "burn-in ends"), "x");
    expect(left - at4).toBeCloseTo(4, 0);
    expect(at(textNamed(document, "the end of it all"), "x")).toBeLessThan(at10 - 90);
  });

  it("keep their words apart, none crossed by another boundary", () => {
    const named = [1, 1.5, 2, 5].map((x) => boundary(x, `boundary at ${x}`));
    const document = svgOf(figureOf(xy(named)));
    const places = named
      .map(({ name }) => textNamed(document, name ?? ""))
      .map((text) => [at(text, "x"), at(text, "y")]);
    places.forEach(([x, y], i) => {
      for (const [otherX, otherY] of places.slice(i + 1)) {
        if (otherY === y) expect(Math.abs(otherX - x)).toBeGreaterThan(6 * 13);
        // The upper one is further left, where its boundary passes no words on its way up.
        else expect(Math.sign(otherX - x)).toBe(Math.sign(otherY - y));
      }
    });
    expect(new Set(places.map(([, y]) => y)).size).toBeGreaterThan(1);
  });

  it("without words take no room", () => {
    expect(panelHeightOf(boundary(5, "here")) - panelHeightOf(boundary(5))).toBe(17);
  });
});

const namedPanel = (): Panel =>
  xy([
    line(
      [
        [0, 0],
        [9, 9],
      ],
      { name: "one", tone: "series1" },
    ),
    intervals([[1, 1, 2, 3]], { name: "other" }),
  ]);

const countOf = (words: readonly string[]): number => words.filter((each) => /\bone\b/.test(each)).length;

const figureWith = (legend: "each" | "shared"): Figure => ({
  ...figureOf(namedPanel(), namedPanel()),
  layout: "small",
  legend,
});

describe("a legend", () => {
  it("has no entry for what has no name or no points", () => {
    const document = svgOf(
      figureOf(xy([line([[0, 0]]), intervals([[1, 1, 2, 3]]), line([], { name: "nothing" })])),
    );
    expect(wordsIn(document)).not.toContain("");
    expect(wordsIn(document)).not.toContain("nothing");
  });
});

describe("a shared legend", () => {
  it("stands once, above panels without their own", () => {
    const shared = svgOf(figureWith("shared"));
    expect([countOf(wordsIn(svgOf(figureWith("each")))), countOf(wordsIn(shared))]).toEqual([2, 1]);
    const panels = [...shared.querySelectorAll("svg svg")].map((each) => at(each, "y"));
    const [, top] = numbers(textNamed(shared, "one").parentElement?.parentElement?.getAttribute("transform"));
    expect(Math.min(...panels)).toBeGreaterThan(top + 19);
  });

  it("stands once in a terminal", () => {
    expect([countOf(textOf(figureWith("each"))), countOf(textOf(figureWith("shared")))]).toEqual([2, 1]);
    expect(textOf(figureWith("shared"))[0]).toBe("⠒⠒ one  ● other");
  });
});
