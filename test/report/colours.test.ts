import { describe, expect, it } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import { levelLook, seriesLook } from "../../src/report/index.ts";
import { DARK, LIGHT, type Theme } from "../../src/report/theme.ts";

type Triple = readonly [number, number, number];
/** Linear light of a colour "#rrggbb". */
const lightOf = (hex: string): Triple =>
  [1, 3, 5].map((i) => {
    const channel = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as unknown as Triple;
const times = (rows: readonly Triple[], v: Triple): Triple =>
  rows.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]) as unknown as Triple;
/** Oklab coordinates of linear light (Ottosson 2020). */
const oklab = (light: Triple): Triple => {
  const cones = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    light.map((channel) => Math.max(0, channel)) as unknown as Triple,
  ).map(Math.cbrt) as unknown as Triple;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
};
/** Full protanopia, deuteranopia and tritanopia on linear light (Machado, Oliveira and Fernandes 2009). */
const VISIONS: Readonly<Record<string, readonly Triple[]>> = {
  trichromat: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanope: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranope: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanope: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
const tonesOf = (theme: Theme, look: typeof seriesLook | typeof levelLook): string[] =>
  [0, 1, 2, 3, 4].map((i) => theme.tones[look(i, 5).tone]);

describe("colours of series", () => {
  it.each(Object.keys(VISIONS))("are apart for a %s, in light and dark", (vision) => {
    for (const theme of [LIGHT, DARK]) {
      for (const look of [seriesLook, levelLook]) {
        const seen = tonesOf(theme, look).map((hex) => oklab(times(VISIONS[vision], lightOf(hex))));
        seen.forEach((one, i) => {
          for (const other of seen.slice(i + 1)) {
            expect(Math.hypot(...one.map((value, j) => value - other[j]))).toBeGreaterThan(0.06);
          }
        });
      }
    }
  });

  it("go from near the background to far from it, level by level", () => {
    for (const theme of [LIGHT, DARK]) {
      const [ground, ...levels] = [theme.background, ...tonesOf(theme, levelLook)].map(
        (hex) => oklab(lightOf(hex))[0],
      );
      const away = levels.map((level) => Math.abs(level - ground));
      expect(away).toEqual([...away].sort((a, b) => a - b));
    }
  });

  it("spread over as many levels as there are, and end at five", () => {
    expect([0, 1, 2].map((i) => levelLook(i, 3).tone)).toEqual(["level1", "level3", "level5"]);
    expect(levelLook(0, 1).tone).toBe("level5");
    for (const wrong of [-1, 5, 0.5]) expect(() => seriesLook(wrong)).toThrow(TandemError);
    expect(() => levelLook(2, 2)).toThrow(TandemError);
    expect(() => levelLook(0, 6)).toThrow(TandemError);
  });
});
