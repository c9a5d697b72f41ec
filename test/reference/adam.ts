/** Adam as its paper has it (arXiv:1412.6980, Alg. 1), float64, with decoupled decay (arXiv:1711.05101). */
import { rounded } from "./autodiff.ts";

/** m, v and t; zero at the start. */
export interface AdamMemory {
  readonly first: number[];
  readonly second: number[];
  steps: number;
}

/** Zero moments of `length` parameters. */
export function adamMemory(length: number): AdamMemory {
  return {
    first: Array.from({ length: length }, () => 0),
    second: Array.from({ length: length }, () => 0),
    steps: 0,
  };
}

/** The parameters after one step down `gradients`; `memory` moves along. */
export function adam(
  memory: AdamMemory,
  parameters: readonly number[],
  gradients: readonly number[],
  learningRate: number,
  decay = 0,
): number[] {
  const { first, second } = memory;
  const t = ++memory.steps;
  return parameters.map((parameter, i) => {
    const g = gradients[i];
    first[i] = rounded(0.9 * first[i] + 0.1 * g);
    second[i] = rounded(0.999 * second[i] + 0.001 * g * g);
    const m = first[i] / (1 - 0.9 ** t);
    const v = second[i] / (1 - 0.999 ** t);
    const step = rounded((learningRate * m) / (Math.sqrt(v) + 1e-8));
    return rounded(parameter * (1 - learningRate * decay) - step);
  });
}
