import { expect, it } from "vitest";
import { GARNET, garnetMdp } from "../../src/envs/index.ts";
import { logLikelihood, occupancy, softValueIteration } from "../../src/rl/index.ts";
import { likelihoodGap, relativeLikelihoodGap } from "../../src/theory/index.ts";
import { expectClose } from "../reference/closeness.ts";

/** Two states visited 2 and 1 times, the expert takes action 0 with 3/4 there and always here. */
const OCCUPANCY = [1.5, 0.5, 1, 0];
const EXPERT = [Math.log(3 / 4), Math.log(1 / 4), 0, -Infinity];

it("is the visits times the relative entropy", () => {
  const learned = [Math.log(1 / 2), Math.log(1 / 2), Math.log(1 / 8), Math.log(7 / 8)];
  const gap = 1.5 * Math.log(3 / 2) + 0.5 * Math.log(1 / 2) + Math.log(8);
  const uniform = 1.5 * Math.log(3 / 2) + 0.5 * Math.log(1 / 2) + Math.log(2);
  expectClose([likelihoodGap(OCCUPANCY, EXPERT, learned)], [gap], 1e-14);
  expectClose([relativeLikelihoodGap(OCCUPANCY, EXPERT, learned, 2)], [gap / uniform], 1e-14);
});

it("is 0 for the expert and 1 for the uniform policy", () => {
  const uniform = EXPERT.map(() => -Math.log(2));
  expect(likelihoodGap(OCCUPANCY, EXPERT, EXPERT)).toBe(0);
  expect(relativeLikelihoodGap(OCCUPANCY, EXPERT, uniform, 2)).toBe(1);
});

it("is without bound where the policy rules out what the expert does", () => {
  expect(likelihoodGap(OCCUPANCY, EXPERT, [0, -Infinity, 0, -Infinity])).toBe(Infinity);
});

it("is the difference of likelihoods, to more digits than they have", () => {
  const mdp = garnetMdp({ ...GARNET, seed: 2 });
  const solve = (rewards: Float64Array): Float64Array =>
    softValueIteration(mdp, rewards, { discount: 0.9, tolerance: 1e-12, values: "centred" }).logPolicy;
  const expert = solve(mdp.rewards);
  const visits = occupancy(mdp, expert, 0.9);
  const ceiling = logLikelihood(visits, expert);
  // |L| is 10 log 4 at most: rounding of the sums of 80 terms.
  const rounding = 80 * 2 ** -53 * 10 * Math.log(4);
  for (const scale of [0, 0.5, 1.5]) {
    const other = solve(mdp.rewards.map((r) => scale * r));
    const gap = likelihoodGap(visits, expert, other);
    expectClose([gap], [ceiling - logLikelihood(visits, other)], rounding);
    expect(gap).toBeGreaterThan(0);
  }
});

it("refuses an expert that is uniform", () => {
  const uniform = EXPERT.map(() => -Math.log(2));
  expect(() => relativeLikelihoodGap([1, 1, 1, 1], uniform, EXPERT, 2)).toThrow("likelier than the uniform");
});
