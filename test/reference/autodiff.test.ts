import { expect, it } from "vitest";
import {
  add,
  clamp,
  constants,
  dot,
  exp,
  float32Tolerance,
  gradient,
  log,
  mean,
  minimum,
  multiply,
  relu,
  square,
  subtract,
  sum,
  tanh,
  times,
  type Scalar,
} from "./autodiff.ts";
import { expectClose } from "./closeness.ts";

/** Every operation once, some results used twice. */
function formula([a, b, c, d]: readonly Scalar[]): Scalar {
  const shared = multiply(tanh(a), exp(b));
  const smaller = minimum(square(c), add(d, shared));
  const clamped = clamp(c, -0.25, 3);
  return sum([
    subtract(shared, relu(times(2, d))),
    mean([log(exp(a)), clamped, relu(a)]),
    dot([a, b], [c, smaller]),
  ]);
}

it("differentiates every operation as central differences do", () => {
  for (const point of [
    [0.3, -0.7, 1.1, 0.4],
    [-1.2, 0.2, -0.9, -0.6],
    [0.8, 1.3, 0.1, 2.1],
  ]) {
    const inputs = constants(point);
    const h = 1e-5;
    const differences = point.map((_, i) => {
      const [up, down] = [h, -h].map((shift) =>
        formula(constants(point.map((x, j) => (j === i ? x + shift : x)))),
      );
      return (up.value - down.value) / (2 * h);
    });
    // Central differences err by h^2 f''' / 6 + 2^-53 |f| / h: below 1e-9 where f and its derivatives are below 20.
    expectClose(gradient(formula(inputs), inputs), differences, 1e-9);
  }
});

it("derives for a sum of n float32 numbers a tolerance between one rounding and the worst case", () => {
  const terms = Array.from({ length: 100 }, (_, i) => 1 + i / 100);
  const [tolerance] = float32Tolerance(() => [sum(constants(terms)).value]);
  const total = terms.reduce((a, b) => a + b);
  expect(tolerance).toBeGreaterThan(2 ** -24 * total);
  expect(tolerance).toBeLessThan(100 * 2 ** -22 * total);
});
