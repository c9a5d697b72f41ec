/**
 * One update of soft actor-critic in float64, written from the papers (arXiv:1801.01290; learnt temperature
 * arXiv:1812.05905): losses as they stand there, gradients by autodiff.ts, nothing taken from the library.
 */
import { adam, adamMemory, type AdamMemory } from "./adam.ts";
import {
  add,
  clamp,
  constant,
  constants,
  divide,
  exp,
  gradient,
  log,
  mean,
  minimum,
  rounded,
  square,
  subtract,
  sum,
  tanh,
  times,
  type Scalar,
} from "./autodiff.ts";
import { mlp } from "./mlp.ts";

/** What the update depends on beside its state. */
export interface Setting {
  readonly actorSizes: readonly number[];
  readonly criticSizes: readonly number[];
  readonly discount: number;
  readonly learningRate: number;
  readonly polyak: number;
  /** null where the temperature is fixed. */
  readonly targetEntropy: number | null;
  /** mu and the parameters of pi_k: both losses have mu (log pi - log pi_k) beside the entropy's. */
  readonly anchor?: { readonly coefficient: number; readonly actor: readonly number[] };
}

/** Parameters as `readMlp` lays them out. */
export interface Learner {
  readonly actor: number[];
  readonly critics: readonly [number[], number[]];
  readonly targets: readonly [number[], number[]];
  readonly logTemperature: number;
}

/** Batch means that an update reports. */
export interface Measured {
  /** Mean squared soft Bellman residual, over both critics. */
  readonly criticLoss: number;
  /** min(Q1, Q2) at the policy's own actions, critics updated. */
  readonly meanQ: number;
  readonly logProb: number;
  readonly reward: number;
  /** log pi - log pi_k; 0 without an anchor. */
  readonly divergence: number;
}

/** Adam's memory of actor, both critics and temperature. */
export interface Memory {
  readonly actor: AdamMemory;
  readonly critics: readonly [AdamMemory, AdamMemory];
  readonly temperature: AdamMemory;
}

/** One row of the batch, with the standard normals that its two actions are drawn by. */
export interface Row {
  readonly observation: readonly number[];
  readonly action: readonly number[];
  readonly nextObservation: readonly number[];
  readonly reward: number;
  readonly terminated: boolean;
  readonly nextNoise: readonly number[];
  readonly noise: readonly number[];
}

const LOG_STD_LOW = -20;
const LOG_STD_HIGH = 2;

/** Zero moments for a learner of this size. */
export function emptyMemory({ actor, critics: [first, second] }: Learner): Memory {
  return {
    actor: adamMemory(actor.length),
    critics: [adamMemory(first.length), adamMemory(second.length)],
    temperature: adamMemory(1),
  };
}

/**
 * a = tanh(u), u = mean + std noise, and log pi(a|s) = log N(u; mean, std) - sum_i log(1 - tanh(u_i)^2) (arXiv:1801.01290,
 * appendix C). `head` is mean then log std, clamped.
 */
export function tanhGaussian(
  head: readonly Scalar[],
  noise: readonly number[],
): { action: Scalar[]; logProb: Scalar; preTanh: Scalar[] } {
  const d = noise.length;
  const terms: Scalar[] = [];
  const preTanh: Scalar[] = [];
  const action = noise.map((e, i) => {
    const logStd = clamp(head[d + i], LOG_STD_LOW, LOG_STD_HIGH);
    const u = add(head[i], times(e, exp(logStd)));
    const a = tanh(u);
    preTanh.push(u);
    const gaussian = subtract(constant(-(e * e) / 2 - Math.log(2 * Math.PI) / 2), logStd);
    terms.push(subtract(gaussian, log(subtract(constant(1), square(a)))));
    return a;
  });
  return { action, logProb: sum(terms), preTanh };
}

/** log pi(a|s) of a = tanh(u) for any u: the same density, at somebody else's action. */
export function tanhGaussianDensity(head: readonly Scalar[], preTanh: readonly Scalar[]): Scalar {
  const d = preTanh.length;
  return sum(
    preTanh.map((u, i) => {
      const logStd = clamp(head[d + i], LOG_STD_LOW, LOG_STD_HIGH);
      const z = divide(subtract(u, head[i]), exp(logStd));
      const gaussian = subtract(times(-1 / 2, square(z)), add(logStd, constant(Math.log(2 * Math.PI) / 2)));
      return subtract(gaussian, log(subtract(constant(1), square(tanh(u)))));
    }),
  );
}

/** The learner after one update, and what was measured on the way; `memory` moves along. */
export function update(
  setting: Setting,
  learner: Learner,
  memory: Memory,
  batch: readonly Row[],
): Learner & { measured: Measured } {
  const { learningRate, polyak, targetEntropy, actorSizes } = setting;
  const temperature = rounded(Math.exp(learner.logTemperature));
  const { coefficient, actor: anchored } = setting.anchor ?? { coefficient: 0, actor: learner.actor };
  const anchor = constants(anchored);
  /** log pi(a|s) - log pi_k(a|s), 0 without an anchor. */
  const ratio = (state: readonly number[], drawn: ReturnType<typeof tanhGaussian>): Scalar =>
    setting.anchor
      ? subtract(drawn.logProb, tanhGaussianDensity(mlp(actorSizes, anchor, constants(state)), drawn.preTanh))
      : constant(0);
  const policy = (actor: readonly Scalar[], state: readonly number[], noise: readonly number[]) =>
    tanhGaussian(mlp(actorSizes, actor, constants(state)), noise);

  // J_Q(i) = mean (Q_i(s, a) - y)^2 / 2, y = r + gamma (1 - terminated) (min_i Qbar_i(s', a') - alpha log pi(a'|s')
  // - mu (log pi - log pi_k)(a'|s')).
  const frozenActor = constants(learner.actor);
  const frozenTargets = learner.targets.map(constants);
  const targets = batch.map(({ reward, terminated, nextObservation, nextNoise }) => {
    const next = policy(frozenActor, nextObservation, nextNoise);
    const { action, logProb } = next;
    const q = frozenTargets.map((critic) => value(setting, critic, constants(nextObservation), action));
    const held = times(coefficient, ratio(nextObservation, next));
    const soft = subtract(subtract(minimum(q[0], q[1]), times(temperature, logProb)), held).value;
    return rounded(reward + (terminated ? 0 : setting.discount * soft));
  });
  const residuals: Scalar[] = [];
  const critics = learner.critics.map((weights, i) => {
    const critic = constants(weights);
    const errors = batch.map(({ observation, action }, row) =>
      subtract(value(setting, critic, constants(observation), constants(action)), constant(targets[row])),
    );
    const loss = times(1 / 2, mean(errors.map(square)));
    residuals.push(...errors.map(square));
    return adam(memory.critics[i], weights, gradient(loss, critic), learningRate);
  }) as [number[], number[]];

  // J_pi = mean of alpha log pi(a|s) + mu (log pi - log pi_k)(a|s) - min_i Q_i(s, a), a reparameterised, Q_i already updated.
  const actor = constants(learner.actor);
  const frozenCritics = critics.map((weights) => constants(weights));
  const drawn = batch.map(({ observation, noise }) => policy(actor, observation, noise));
  const smallest = drawn.map(({ action }, row) => {
    const q = frozenCritics.map((critic) =>
      value(setting, critic, constants(batch[row].observation), action),
    );
    return minimum(q[0], q[1]);
  });
  const ratios = drawn.map((each, row) => ratio(batch[row].observation, each));
  const losses = drawn.map(({ logProb }, row) =>
    add(subtract(times(temperature, logProb), smallest[row]), times(coefficient, ratios[row])),
  );
  const newActor = adam(memory.actor, learner.actor, gradient(mean(losses), actor), learningRate);

  // J(alpha) = mean of -log alpha (log pi(a|s) + target entropy).
  const logTemperature = constant(learner.logTemperature);
  const meanLogProb = mean(drawn.map(({ logProb }) => constant(logProb.value))).value;
  const temperatureLoss = times(-(meanLogProb + (targetEntropy ?? 0)), logTemperature);
  const [newLogTemperature] =
    targetEntropy === null
      ? [learner.logTemperature]
      : adam(
          memory.temperature,
          [learner.logTemperature],
          gradient(temperatureLoss, [logTemperature]),
          learningRate,
        );

  // Qbar_i <- tau Q_i + (1 - tau) Qbar_i.
  const moved = learner.targets.map((target, i) =>
    target.map((old, j) => rounded(polyak * critics[i][j] + (1 - polyak) * old)),
  ) as [number[], number[]];
  const measured: Measured = {
    criticLoss: mean(residuals).value,
    meanQ: mean(smallest).value,
    logProb: meanLogProb,
    reward: mean(batch.map(({ reward }) => constant(reward))).value,
    divergence: mean(ratios).value,
  };
  return { actor: newActor, critics, targets: moved, logTemperature: newLogTemperature, measured };
}

const value = (
  { criticSizes }: Setting,
  critic: readonly Scalar[],
  observation: readonly Scalar[],
  action: readonly Scalar[],
): Scalar => mlp(criticSizes, critic, [...observation, ...action])[0];
