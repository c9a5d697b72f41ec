import { expect, it } from "vitest";
import { keyFromSeed, nextNormal, nextUniform, streamOf } from "../../src/core/index.ts";
import { GARNET, garnetMdp } from "../../src/envs/index.ts";
import { softPolicyValues, softValueIteration } from "../../src/rl/index.ts";
import {
  doublySampledBellmanError,
  sampledBellmanError,
  sampledSoftResiduals,
  softBellmanError,
  softBellmanResiduals,
  type SoftBellmanOptions,
} from "../../src/theory/index.ts";
import { expectClose } from "../reference/closeness.ts";

const OPTIONS: SoftBellmanOptions = { discount: 0.5, values: "plain", logPolicy: null };
/** Two states, two actions: action 0 stays, action 1 goes either way. */
const CHAIN = { states: 2, actions: 2, transitions: Float64Array.of(1, 0, 0.5, 0.5, 0, 1, 0.25, 0.75) };
/** V(0) = log(1 + 3) and V(1) = log(2 + 6), so that every number below is written out. */
const Q = [Math.log(1), Math.log(3), Math.log(2), Math.log(6)];
const R = [1, 2, 3, 4];
const [V0, V1] = [Math.log(4), Math.log(8)];
const close = (actual: ArrayLike<number>, expected: ArrayLike<number>): void =>
  expectClose(actual, expected, 1e-14);

it("computes residuals of the soft-optimality equation", () => {
  close(softBellmanResiduals(CHAIN, R, Q, OPTIONS), [
    0 - 1 - 0.5 * V0,
    Math.log(3) - 2 - 0.5 * (0.5 * V0 + 0.5 * V1),
    Math.log(2) - 3 - 0.5 * V1,
    Math.log(6) - 4 - 0.5 * (0.25 * V0 + 0.75 * V1),
  ]);
});

it("lowers every value by log A where centred", () => {
  const plain = softBellmanResiduals(CHAIN, R, Q, OPTIONS);
  const centred = softBellmanResiduals(CHAIN, R, Q, { ...OPTIONS, values: "centred" });
  close(
    centred,
    plain.map((delta) => delta + 0.5 * Math.log(2)),
  );
});

it("computes residuals of policy evaluation", () => {
  // pi(.|0) = (1/4, 3/4), pi(.|1) = (1, 0): V(0) = 1/4 (0 + log 4) + 3/4 (log 3 - log(3/4)) = log 4; V(1) = log 2.
  const logPolicy = [Math.log(1 / 4), Math.log(3 / 4), 0, -Infinity];
  const delta = softBellmanResiduals(CHAIN, R, Q, { ...OPTIONS, logPolicy });
  close(delta.subarray(0, 3), [
    0 - 1 - 0.5 * V0,
    Math.log(3) - 2 - 0.5 * (0.5 * V0 + 0.5 * Math.log(2)),
    Math.log(2) - 3 - 0.5 * Math.log(2),
  ]);
});

it.each(["plain", "centred"] as const)("vanishes at the exact solutions, %s", (values) => {
  const mdp = garnetMdp({ ...GARNET, seed: 5 });
  const choice = { discount: 0.9, values };
  const tolerance = 1e-11;
  const { actionValues } = softValueIteration(mdp, mdp.rewards, { ...choice, tolerance });
  const optimal = softBellmanResiduals(mdp, mdp.rewards, actionValues, { ...choice, logPolicy: null });
  // Q is a backup of values within the tolerance, so are the values that it gives.
  expect(softBellmanError(optimal, null).largest).toBeLessThan(2 * tolerance);

  const stream = streamOf(keyFromSeed(1));
  const raw = Float64Array.from(mdp.rewards, () => nextNormal(stream));
  const logPolicy = raw.map((x, i) => {
    const first = i - (i % mdp.actions);
    const row = raw.subarray(first, first + mdp.actions);
    return x - Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0));
  });
  const of = softPolicyValues(mdp, mdp.rewards, logPolicy, choice);
  const evaluated = Float64Array.from(mdp.rewards, (reward, pair) => {
    let next = 0;
    for (let s = 0; s < mdp.states; s++) next += mdp.transitions[pair * mdp.states + s] * of[s];
    return reward + choice.discount * next;
  });
  const residuals = softBellmanResiduals(mdp, mdp.rewards, evaluated, { ...choice, logPolicy });
  expect(softBellmanError(residuals, null).largest).toBeLessThan(1e-11);
});

it("weighs squares, not the largest residual", () => {
  expect(softBellmanError([1, -3, 2], null)).toEqual({ meanSquare: 14 / 3, largest: 3, pair: 1 });
  expect(softBellmanError([1, -3, 2], [3, 0, 1])).toEqual({ meanSquare: 7 / 4, largest: 3, pair: 1 });
  expect(() => softBellmanError([1, 2], [0, 0])).toThrow("positive sum");
});

it("computes residuals of transitions, and none of what follows an end", () => {
  const sample = {
    actionValues: [1, 2, 3],
    rewards: [0.5, 0.25, 4],
    nextActionValues: [Q[0], Q[1], Q[2], Q[3], 1e300, 1e300],
    continues: [1, 1, 0],
  };
  close(sampledSoftResiduals(sample, OPTIONS), [0.5 - 0.5 * V0, 1.75 - 0.5 * V1, -1]);
  const shift = 0.5 * Math.log(2);
  const centred = sampledSoftResiduals(sample, { ...OPTIONS, values: "centred" });
  close(centred, [0.5 - 0.5 * V0 + shift, 1.75 - 0.5 * V1 + shift, -1]);
  const logPolicy = [Math.log(1 / 4), Math.log(3 / 4), 0, -Infinity, 0, -Infinity];
  const evaluated = sampledSoftResiduals(sample, { ...OPTIONS, logPolicy });
  close(evaluated, [0.5 - 0.5 * V0, 1.75 - 0.5 * Math.log(2), -1]);
  expect(() => sampledSoftResiduals({ ...sample, nextActionValues: [1, 2] }, OPTIONS)).toThrow(
    "3 transitions",
  );
});

it("estimates the mean square, and tells the Bellman error from the noise of next states", () => {
  // From state 0, action 1: V is log 4 or log 8 with odds of one: the mean square exceeds delta^2 by 0.25 Var V.
  const delta = 0.2;
  const reward = Q[1] - 0.5 * (0.5 * V0 + 0.5 * V1) - delta;
  const noise = (0.5 * (V1 - V0)) / 2;
  const stream = streamOf(keyFromSeed(8));
  const count = 4000;
  const draw = (): Float64Array =>
    sampledSoftResiduals(
      {
        actionValues: new Float64Array(count).fill(Q[1]),
        rewards: new Float64Array(count).fill(reward),
        nextActionValues: Array.from({ length: count }, () =>
          nextUniform(stream) < 0.5 ? Q.slice(0, 2) : Q.slice(2),
        ).flat(),
        continues: new Float64Array(count).fill(1),
      },
      OPTIONS,
    );
  const [once, again] = [draw(), draw()];
  const single = sampledBellmanError(once, null);
  const double = doublySampledBellmanError(once, again, null);
  // delta +- noise: its square has sd 2 |delta| noise; the product of two has variance 2 delta^2 noise^2 + noise^4.
  const sd = 2 * delta * noise;
  expect(Math.abs(single.mean - delta ** 2 - noise ** 2)).toBeLessThan((4 * sd) / Math.sqrt(count));
  const sdOfProduct = Math.sqrt(2 * delta ** 2 * noise ** 2 + noise ** 4);
  expect(Math.abs(double.mean - delta ** 2)).toBeLessThan((4 * sdOfProduct) / Math.sqrt(count));
  // Both standard errors within 4 of their own: s is off by sd sqrt((kurtosis - 1) / 4 count), less than sd / sqrt(count).
  expectClose([single.standardError ?? NaN], [sd / Math.sqrt(count)], (4 * sd) / count);
  expectClose([double.standardError ?? NaN], [sdOfProduct / Math.sqrt(count)], (4 * sdOfProduct) / count);
  // The two are told apart here: the noise is far above both errors.
  expect(noise ** 2).toBeGreaterThan((8 * sd) / Math.sqrt(count));
});

it("takes residuals of one trajectory together", () => {
  // Squares 1, 2, 6.
  const residuals = [1, Math.SQRT2, Math.sqrt(6)];
  const { mean, standardError } = sampledBellmanError(residuals, [0, 0, 1]);
  close([mean, standardError ?? NaN], [3, 2]);
  expect(() => doublySampledBellmanError(residuals, [1], null)).toThrow("3 and 1");
});
