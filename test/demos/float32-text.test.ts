import * as fc from "fast-check";
import { expect, test } from "vitest";
import { float32Text } from "../../src/demos/float32-text.ts";

test("short values are short", () => {
  const values = [0, -0, 1, -3, 0.1, 1 / 3, 16777216, 1e30, 2 ** -149, 3.4028234663852886e38, 2 ** -126];
  expect(values.map((value) => float32Text(Math.fround(value)))).toEqual([
    "0",
    "-0",
    "1",
    "-3",
    "0.1",
    "0.33333334",
    "16777216",
    "1e+30",
    "1e-45",
    "3.4028235e+38",
    "1.1754944e-38",
  ]);
});

test("every float32 is itself again, as JSON and as a number", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = float32Text(value);
      expect(Math.fround(Number(text))).toBe(value);
      expect(Math.fround(JSON.parse(text) as number)).toBe(value);
      expect(text.replace(/e.*|[-.]/g, "").replace(/^0+/, "").length).toBeLessThanOrEqual(39);
    }),
    { numRuns: 5000 },
  );
});
