import { describe, expect, it } from "vitest";
import { keyFromSeed, nextUniform, streamOf } from "../../src/core/index.ts";
import { portableAtan2, portableCos, portableSin } from "../../src/envs/classic-control/trigonometry.ts";

/** Distance to the next double of larger size. */
function ulp(x: number): number {
  const size = Math.abs(x);
  const bits = new BigInt64Array(1);
  const value = new Float64Array(bits.buffer);
  value[0] = size;
  bits[0] += 1n;
  return value[0] - size;
}

/** x, then sin(x) and cos(x) to the nearest double, by mpmath 1.3.0 with 200 bits. */
const NEAREST: [number, number, number][] = [
  [0.1, 0.09983341664682815, 0.9950041652780258],
  [0.7853981633974483, 0.7071067811865475, 0.7071067811865476],
  [-0.8158717151120871, -0.7283232038726296, 0.6852337635440244],
  [-3.85757708590922, 0.6563604370862219, -0.7544474644585822],
  [1.5707963267948966, 1.0, 6.123233995736766e-17],
  [3.141592653589793, 1.2246467991473532e-16, -1.0],
  [710.0, 6.0288706691585265e-5, 0.999999998182636],
  [-701221.4996552372, 0.7380541364807669, 0.6747414998528174],
];

describe("portableSin and portableCos", () => {
  it.for(NEAREST)("are within an ulp at %d", ([x, sine, cosine]) => {
    expect(Math.abs(portableSin(x) - sine)).toBeLessThanOrEqual(ulp(sine));
    expect(Math.abs(portableCos(x) - cosine)).toBeLessThanOrEqual(ulp(cosine));
  });

  it("are within 2 ulp of the engine's, itself within one, near and far from multiples of pi/2", () => {
    const stream = streamOf(keyFromSeed(1));
    const draws = [2, 8, 200, 2 ** 21].flatMap((width) =>
      Array.from({ length: 2000 }, () => width * (nextUniform(stream) - 0.5)),
    );
    for (let n = -1000; n <= 1000; n++) draws.push((n * Math.PI) / 2);
    for (const x of draws) {
      expect(Math.abs(portableSin(x) - Math.sin(x))).toBeLessThanOrEqual(2 * ulp(Math.sin(x)));
      expect(Math.abs(portableCos(x) - Math.cos(x))).toBeLessThanOrEqual(2 * ulp(Math.cos(x)));
    }
  });

  it("give these bits, whatever the engine", () => {
    // The nearest doubles, by mpmath; a series that ends one term earlier misses them.
    expect(portableSin(0.75027)).toBe(0.6818362911697972);
    expect(portableSin(0.75124)).toBe(0.682545529944417);
    expect(portableSin(0.7514)).toBe(0.6826624560992561);
    expect(portableSin(Math.PI)).toBe(1.2246467991473532e-16);
  });

  it("are odd and even", () => {
    for (const x of [0, 0.3, 1, 2, 4, 5.5, 100]) {
      expect(portableSin(-x) + portableSin(x)).toBe(0);
      expect(portableCos(-x)).toBe(portableCos(x));
    }
  });

  it("are NaN where the reduction would lose bits, and only there", () => {
    for (const x of [2 ** 20 + 1, -(2 ** 20) - 1, Infinity, -Infinity, NaN]) {
      expect(portableSin(x)).toBeNaN();
      expect(portableCos(x)).toBeNaN();
    }
    expect(Math.abs(portableSin(2 ** 20) - Math.sin(2 ** 20))).toBeLessThanOrEqual(2 ** -52);
  });
});

describe("portableAtan2", () => {
  it("is within 3 ulp of the engine's, itself within one, in all directions and at all distances", () => {
    const stream = streamOf(keyFromSeed(2));
    for (let i = 0; i < 20_000; i++) {
      const [y, x] = [nextUniform(stream) - 0.5, (nextUniform(stream) - 0.5) * 10 ** ((i % 9) - 4)];
      const expected = Math.atan2(y, x);
      expect(Math.abs(portableAtan2(y, x) - expected)).toBeLessThanOrEqual(3 * ulp(expected));
    }
  });

  it("is exact along the axes, of either zero", () => {
    for (const y of [0, -0, 1, -1]) {
      for (const x of [0, -0, 1, -1]) expect(portableAtan2(y, x)).toBe(Math.atan2(y, x));
    }
  });
});
