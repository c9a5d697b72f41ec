/**
 * One update of soft Q-learning with a network of A outputs in float64, written from its definition: losses as they stand there,
 * gradients by autodiff.ts, nothing taken from the library.
 */
import { adam, adamMemory, type AdamMemory } from "./adam.ts";
import {
  add,
  constant,
  constants,
  exp,
  gradient,
  log,
  mean,
  multiply,
  rounded,
  square,
  subtract,
  sum,
  times,
  type Scalar,
} from "./autodiff.ts";
import { mlp } from "./mlp.ts";

/** What the update depends on beside its state. */
export interface Setting {
  readonly sizes: readonly number[];
  readonly discount: number;
  readonly learningRate: number;
  readonly polyak: number;
  /** null where the temperature is fixed. */
  readonly targetEntropy: number | null;
  readonly valueAfterEnd: number;
}

/** Parameters as `readMlp` lays them out. */
export interface Learner {
  readonly q: number[];
  readonly target: number[];
  readonly logTemperature: number;
}

/** Batch means that an update reports, of Q as it was before the step. */
export interface Measured {
  /** Mean squared soft Bellman residual. */
  readonly criticLoss: number;
  /** sum_a pi(a|s) Q(s, a) */
  readonly meanQ: number;
  /** sum_a pi(a|s) log pi(a|s) */
  readonly logProb: number;
  readonly reward: number;
}

/** Adam's memory of Q and temperature. */
export interface Memory {
  readonly q: AdamMemory;
  readonly temperature: AdamMemory;
}

/** One row of the batch; `action` is an index. */
export interface Row {
  readonly observation: readonly number[];
  readonly action: number;
  readonly nextObservation: readonly number[];
  readonly reward: number;
  readonly terminated: boolean;
}

/** Zero moments for a learner of this size. */
export function emptyMemory({ q }: Learner): Memory {
  return { q: adamMemory(q.length), temperature: adamMemory(1) };
}

/** log pi(a|s) = Q(s, a) / alpha - log sum_b exp(Q(s, b) / alpha) */
function logPolicy(q: readonly Scalar[], temperature: number): Scalar[] {
  const scaled = q.map((value) => times(1 / temperature, value));
  const mass = log(sum(scaled.map(exp)));
  return scaled.map((value) => subtract(value, mass));
}

/** The learner after one update, and what was measured on the way; `memory` moves along. */
export function update(
  setting: Setting,
  learner: Learner,
  memory: Memory,
  batch: readonly Row[],
): Learner & { measured: Measured } {
  const { sizes, discount, learningRate, polyak, targetEntropy, valueAfterEnd } = setting;
  const temperature = rounded(Math.exp(learner.logTemperature));

  // y = r + gamma ((1 - terminated) V(s') + terminated v), V = alpha log mean_a exp(Qbar(s', a) / alpha).
  const frozen = constants(learner.target);
  const targets = batch.map(({ nextObservation, reward, terminated }) => {
    const next = mlp(sizes, frozen, constants(nextObservation));
    const soft = times(temperature, log(mean(next.map((value) => exp(times(1 / temperature, value))))));
    return rounded(reward + discount * (terminated ? valueAfterEnd : soft.value));
  });

  // J = mean (Q(s, a) - y)^2 / 2
  const weights = constants(learner.q);
  const values = batch.map(({ observation }) => mlp(sizes, weights, constants(observation)));
  const residuals = batch.map(({ action }, i) => square(subtract(values[i][action], constant(targets[i]))));
  const loss = times(1 / 2, mean(residuals));
  const q = adam(memory.q, learner.q, gradient(loss, weights), learningRate);

  // J(alpha) = mean of -log alpha (log pi + target entropy), the expectation over actions being exact.
  const logProbs = values.map((row) => logPolicy(row, temperature));
  const expected = (of: readonly Scalar[], row: number): Scalar =>
    sum(logProbs[row].map((logProb, a) => multiply(exp(logProb), of[a])));
  const logProb = mean(batch.map((_, i) => expected(logProbs[i], i))).value;
  const slope = -(logProb + (targetEntropy ?? 0));
  const [logTemperature] =
    targetEntropy === null
      ? [learner.logTemperature]
      : adam(memory.temperature, [learner.logTemperature], [slope], learningRate);

  // Qbar <- tau Q + (1 - tau) Qbar
  const target = learner.target.map((old, i) => rounded(polyak * q[i] + (1 - polyak) * old));
  const measured: Measured = {
    criticLoss: mean(residuals).value,
    meanQ: mean(batch.map((_, i) => expected(values[i], i))).value,
    logProb,
    reward: batch.map(({ reward }) => constant(reward)).reduce(add).value / batch.length,
  };
  return { q, target, logTemperature, measured };
}
