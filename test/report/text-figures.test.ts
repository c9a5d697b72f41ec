import { describe, expect, it } from "vitest";
import type { LineMark } from "../../src/report/index.ts";
import { figureOf, textOf, line, intervals, boundary, xy, heat } from "./drawn-figure.ts";

const countDots = (mark: LineMark): number =>
  textOf(figureOf(xy([mark])))
    .join("")
    .replace(/[^\u2801-\u28ff]/gu, "").length;

describe("in a terminal", () => {
  it("a heat map prints its values in place, classes beside them", () => {
    const [title, yLabel, upper, lower, columns, xLabel, key] = textOf(figureOf(heat()));
    expect([title, yLabel]).toEqual(["Error  (nats, log scale)", "Reward step"]);
    expect(upper.trim().split(/\s{2,}/)).toEqual(["1", "10 O", "D", "100"]);
    expect(lower.trim().split(/\s{2,}/)).toEqual(["0.1", "0.010", "0.10", "1"]);
    expect(columns.trim().split(/\s+/)).toEqual(["1", "10", "100"]);
    expect(xLabel.trim()).toBe("Policy step (per sample)");
    expect(key).toBe("D diverges   O oscillates");
    expect(Math.abs(lower.indexOf("0.010") + 2 - columns.indexOf("1"))).toBeLessThanOrEqual(1);
  });

  it("a heat map shows shades where values have no room", () => {
    const values = Array.from({ length: 26 }, (_, i) => 10 ** (i / 5));
    const x = { kind: "numbers", label: "x", unit: null, scale: "log", values } as const;
    const row = values.map((_, i) => ({
      value: 10 ** (-2 + (4 * (i + 0.5)) / 26),
      cellClass: i === 25 ? "diverges" : null,
    }));
    const lines = textOf(figureOf(heat({ x, cells: [row, row] })));
    expect(lines[2].slice(5).replace(/ /g, "")).toBe(
      `${"·".repeat(5)}${"░".repeat(5)}${"▒".repeat(6)}${"▓".repeat(5)}${"█".repeat(4)}D`,
    );
    expect(lines.at(-1)).toBe("0.01 ·░▒▓█ 100   D diverges");
  });

  it("a heat map draws lines between cells: upright where steep, else under rows", () => {
    const steep = textOf(
      figureOf(
        heat({
          lines: [
            line(
              [
                [30, 0.01],
                [30, 10],
              ],
              { name: "theory" },
            ),
          ],
        }),
      ),
    );
    const [upper, lower] = [steep[2], steep[3]];
    expect(upper.indexOf("╎")).toBe(lower.indexOf("╎"));
    expect(lower.indexOf("╎")).toBeGreaterThan(lower.indexOf("0.10"));
    expect(lower.indexOf("╎")).toBeLessThan(lower.lastIndexOf("1"));
    expect(steep.at(-1)).toContain("╎ theory");
    const level = textOf(
      figureOf(
        heat({
          lines: [
            line([
              [0.1, 0.3],
              [1000, 0.3],
            ]),
          ],
        }),
      ),
    );
    expect(level[3].trim()).toMatch(/^╌+$/);
    expect(level[4]).toContain("0.010");
    const above = textOf(
      figureOf(
        heat({
          lines: [
            line([
              [0.1, 3],
              [1000, 3],
            ]),
          ],
        }),
      ),
    );
    expect(above[2].trim()).toMatch(/^╌+$/);
  });

  it("markers stand where their points are, over bars from low to high", () => {
    const mark = intervals(
      [
        [0, 0, 0, 0],
        [5, 2, 5, 8],
        [10, 10, 10, 10],
      ],
      { marker: "diamond" },
    );
    const lines = textOf(figureOf(xy([mark])));
    const places = lines.flatMap((text, row) => [...text.matchAll(/◆/g)].map(({ index }) => [row, index]));
    expect(places).toHaveLength(3);
    const [[topRow, right], [row, middle], [bottomRow, left]] = places;
    expect(Math.abs(middle - (left + right) / 2)).toBeLessThanOrEqual(1);
    expect(Math.abs(row - (topRow + bottomRow) / 2)).toBeLessThanOrEqual(1);
    const barred = lines.flatMap((text, i) => (/[\u2801-\u28ff]/u.test(text[middle]) ? [i] : []));
    // From 2 to 8 of 10 on 14 rows, but for the marker's own.
    expect([barred[0] - topRow, bottomRow - (barred.at(-1) ?? 0)]).toEqual([2, 2]);
  });

  it("boundaries stand in their column with words beside them", () => {
    const lines = textOf(
      figureOf(
        xy([
          boundary(5, "here"),
          line([
            [0, 0],
            [10, 1],
          ]),
        ]),
      ),
    );
    const column = lines[1].indexOf("╎");
    expect(lines[1].slice(column)).toBe("╎ here");
    expect(lines.slice(2, 12).every((text) => text[column] === "╎")).toBe(true);
    const tick = lines.find((text) => text.includes("┬")) ?? "";
    expect([...tick.matchAll(/┬/g)].map(({ index }) => Math.abs(index - column))).toContain(0);
  });

  it("words of near boundaries stand in rows, none of them cut", () => {
    const lines = textOf(
      figureOf(xy([boundary(5, "here it begins"), boundary(5.5, "here it ends"), line([[0, 0]])])),
    );
    expect([lines[1].trim(), lines[2].trim()]).toEqual(["╎ here it begins", "╎  ╎ here it ends"]);
  });

  it("dashed lines have gaps, so that theory and fit differ without colour", () => {
    const level: [number, number][] = [
      [0, 5],
      [10, 5],
    ];
    expect(countDots(line(level, { style: "dashed" }))).toBeLessThan(0.9 * countDots(line(level)));
    expect(countDots(line(level, { dash: "dashed" }))).toBe(countDots(line(level, { style: "dashed" })));
  });

  it.each([44, 60, 80, 120])("keeps to %i columns", (width) => {
    const wide = heat({
      lines: [
        line([
          [1, 0.01],
          [1000, 10],
        ]),
      ],
    });
    const marks = [
      boundary(1, "first"),
      boundary(2, "second"),
      boundary(9.9, "the last one"),
      intervals([[1, 1, 2, 3]]),
    ];
    for (const panel of [wide, xy(marks)]) {
      expect(
        Math.max(...textOf(figureOf(panel), width).map((text) => Array.from(text).length)),
      ).toBeLessThanOrEqual(width);
    }
  });
});
