import { expect, it } from "vitest";
import { bits, describeBuilds, ulp } from "./builds.ts";

/** What the docstrings of src/kernels/assembly/elementary.ts promise, in units in the last place of the true value. */
const FUNCTIONS = {
  expVector: { exact: Math.exp, ulps: 1 },
  logVector: { exact: Math.log, ulps: 0.9 },
  tanhVector: { exact: Math.tanh, ulps: 2.6 },
  softplusVector: { exact: (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), ulps: 1.7 },
};
type Name = keyof typeof FUNCTIONS;
const NAMES = Object.keys(FUNCTIONS) as Name[];

const SPECIALS = [
  0,
  -0,
  Infinity,
  -Infinity,
  NaN,
  2 ** -149,
  -(2 ** -149),
  2 ** -126,
  -(2 ** -126),
  1e-40,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  1,
  -1,
  0.5,
  88.7228,
  88.73,
  -87.4,
  -103.9,
  -104.1,
  1000,
  -1000,
];

describeBuilds("elementary functions", (kernels) => {
  const count = 1 << 18;
  const x = kernels.allocate(count);
  const y = kernels.allocate(count);

  // 2^21 of the 2^32 floats: in each binade of each sign 4096, spread evenly with a stride that leaves no bit constant.
  it.each(NAMES)("%s is within its bound over all binades", (name) => {
    const { exact, ulps } = FUNCTIONS[name];
    let worst = { error: 0, at: 0 };
    for (let part = 0; part < 8; part++) {
      const words = kernels.u32(x, count);
      for (let i = 0; i < count; i++) words[i] = (part * count + i) * 2048 + ((i * 1237 + part * 311) & 2047);
      kernels[name](count, x, y);
      const inputs = kernels.f32(x, count);
      const outputs = kernels.f32(y, count);
      for (let i = 0; i < count; i++) {
        const error = errorInUlps(exact(inputs[i]), outputs[i]);
        if (!(error <= worst.error)) worst = { error, at: inputs[i] };
      }
    }
    expect(worst.error, `worst at ${worst.at}`).toBeLessThanOrEqual(ulps);
  });

  it.each(NAMES)("%s is within its bound where it bends", (name) => {
    const { exact, ulps } = FUNCTIONS[name];
    const inputs = kernels.f32(x, count);
    for (let i = 0; i < count; i++) inputs[i] = -20 + (40 * i) / count + 1e-5 * (i % 7);
    kernels[name](count, x, y);
    const outputs = kernels.f32(y, count);
    const worst = inputs.reduce((max, value, i) => Math.max(max, errorInUlps(exact(value), outputs[i])), 0);
    expect(worst).toBeLessThanOrEqual(ulps);
  });

  it.each(NAMES)("%s has the limits of the true function", (name) => {
    const { exact } = FUNCTIONS[name];
    kernels.f32(x, SPECIALS.length).set(SPECIALS);
    kernels[name](SPECIALS.length, x, y);
    const outputs = kernels.f32(y, SPECIALS.length);
    SPECIALS.forEach((_, index) => {
      const value = kernels.f32(x, SPECIALS.length)[index];
      const expected = Math.fround(exact(value));
      const got = outputs[index];
      if (Number.isFinite(expected) && expected !== 0)
        expect(Math.abs(got - expected), `${name}(${value})`).toBeLessThanOrEqual(3 * ulp(expected));
      else expect(got, `${name}(${value})`).toBe(expected);
    });
  });

  it.each(NAMES)(
    "%s gives a number the same bits at every place, in place, and nothing beyond the end",
    (name) => {
      const inputs = Float32Array.from(
        { length: 23 },
        (_, i) => (i - 11) * 0.37 + (name === "logVector" ? 5 : 0),
      );
      kernels.f32(x, 23).set(inputs);
      kernels[name](23, x, y);
      const whole = bits(kernels.f32(y, 23));
      for (let length = 0; length <= 9; length++) {
        for (let start = 0; start < 5; start++) {
          kernels.f32(y, 24).fill(-77);
          kernels[name](length, x + 4 * start, y);
          expect(bits(kernels.f32(y, length))).toEqual(whole.slice(start, start + length));
          expect(kernels.f32(y, 24)[length]).toBe(-77);
        }
      }
      kernels[name](23, x, x);
      expect(bits(kernels.f32(x, 23))).toEqual(whole);
    },
  );

  it("softplus and tanh are monotone through saturation", () => {
    for (const name of ["softplusVector", "tanhVector"] as const) {
      const inputs = kernels.f32(x, count);
      for (let i = 0; i < count; i++) inputs[i] = -1200 + (2400 * i) / count;
      kernels[name](count, x, y);
      const outputs = kernels.f32(y, count);
      expect(outputs.every((value, i) => i === 0 || value >= outputs[i - 1])).toBe(true);
    }
  });
});

/** Overflow to infinity and NaN must be met exactly. */
function errorInUlps(expected: number, got: number): number {
  const rounded = Math.fround(expected);
  if (Object.is(got, rounded)) return Math.min(0.5, Math.abs(got - expected) / ulp(expected) || 0);
  if (!Number.isFinite(rounded) || !Number.isFinite(got)) return Infinity;
  return Math.abs(got - expected) / ulp(expected);
}
