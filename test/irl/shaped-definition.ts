/** f(s, a, s') = g(s, a) + gamma h(s') - h(s) by its definition, in differentiable float64 scalars. */
import { add, constants, gradient, subtract, times, type Scalar } from "../reference/autodiff.ts";
import { mlp } from "../reference/mlp.ts";

/** Layer sizes of g and h, gamma, and how many coordinates s has beside the absorbing state's indicator, if there is one. */
export interface Setting {
  readonly g: readonly number[];
  readonly h: readonly number[];
  readonly discount: number;
  readonly n: number;
}

/** What the networks see: s and s' with the indicator where there is one, a (or nothing), and how much h(s') counts. */
export interface Row {
  readonly s: readonly number[];
  readonly a: readonly number[];
  readonly next: readonly number[];
  readonly carry: number;
}

/** Parameters of g and h as `readMlp` lays them out. */
export interface Parameters {
  readonly g: readonly number[];
  readonly h: readonly number[];
}

/** Of g and h, the parameters at place `i` of both moved by `by`. */
function moved({ g, h }: Parameters, i: number, by: number): Parameters {
  if (i < g.length) return { g: g.with(i, g[i] + by), h };
  return { g, h: h.with(i - g.length, h[i - g.length] + by) };
}

function evaluate({ g, h, discount, n }: Setting, parameters: Parameters, row: Row): [Scalar, Scalar[]] {
  const [s, a, next] = [row.s, row.a, row.next].map((values) => constants(values));
  const [thetaG, thetaH] = [constants(parameters.g), constants(parameters.h)];
  const [reward] = mlp(g, thetaG, [...s.slice(0, n), ...a, ...s.slice(n)]);
  const [here] = mlp(h, thetaH, s);
  const [there] = mlp(h, thetaH, next);
  const value = subtract(add(reward, times(discount * row.carry, there)), here);
  return [value, [...s, ...a, ...next]];
}

/** f */
export function shapedValue(setting: Setting, parameters: Parameters, row: Row): number {
  return evaluate(setting, parameters, row)[0].value;
}

/** weight times the mean of (||grad f|| - 1)^2, by s, a and s'. */
export function shapedPenalty(
  setting: Setting,
  parameters: Parameters,
  rows: readonly Row[],
  weight: number,
): number {
  return rows.reduce((sum, row) => {
    const slope = gradient(...evaluate(setting, parameters, row));
    return sum + (weight / rows.length) * (Math.hypot(...slope) - 1) ** 2;
  }, 0);
}

/** Central differences of `of` by every parameter of g, then of h. */
export function differences(parameters: Parameters, of: (at: Parameters) => number): Parameters {
  const h = 1e-6;
  const all = Array.from(
    { length: parameters.g.length + parameters.h.length },
    (_, i) => (of(moved(parameters, i, h)) - of(moved(parameters, i, -h))) / (2 * h),
  );
  return { g: all.slice(0, parameters.g.length), h: all.slice(parameters.g.length) };
}
