import { describe, expect, it } from "vitest";
import { box, keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import { holdOutDemonstrations, heldOutFit, standardisedGap, stateDistance } from "../../src/eval/index.ts";
import { actionLogLikelihood, createSac, likelihoodRoom } from "../../src/rl/index.ts";
import { describeBuilds, normals, upload } from "../kernels/builds.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";

/** Trajectories whose states are these, one coordinate each. */
const at = (...states: number[]): Trajectories => ({
  ...toTrajectories(randomEpisodes(1, [states.length], { n: 1, d: 1, low: -1, high: 1 })),
  observations: Float32Array.from(states),
});

/** States that change for good at a step. */
const late = (from: number): Trajectories =>
  at(...Array.from({ length: 3000 }, (_, t) => (t < from ? t % 7 : 50 + (t % 7))));

/** Trajectories of two steps whose states are these, two coordinates each. */
const plane = (...states: number[]): Trajectories => ({
  ...toTrajectories(randomEpisodes(1, [2], { n: 2, d: 1, low: -1, high: 1 })),
  observations: Float32Array.from(states),
});

describe("the distance between states", () => {
  it("is the normalised energy distance, in the expert's scale", () => {
    // The expert's deviation is 1: pairs within it are 2 apart, within the agent's 4; between them 2, 6, 0, 4.
    expect(stateDistance(at(-1, 1), at(1, 5))).toBeCloseTo(1 - (2 + 4) / (2 * 3), 12);
    expect(stateDistance(at(-10, 10), at(10, 50))).toBeCloseTo(stateDistance(at(-1, 1), at(1, 5)), 6);
    // Twice the expert's deviation, half the agent's spread beside it.
    expect(stateDistance(at(-2, 2), at(100, 101))).toBeCloseTo(1 - (2 + 0.5) / (2 * 50.25), 4);
  });

  it("weighs coordinates by how much they vary in the expert", () => {
    // Deviations 1 and 10: in units of them the expert is at (-1, -1) and (1, 1), the agent at (3, 0) and (3, 2).
    const distance = stateDistance(plane(-1, -10, 1, 10), plane(3, 0, 3, 20));
    const between = (Math.sqrt(17) + 5 + Math.sqrt(5) + Math.sqrt(5)) / 4;
    expect(distance).toBeCloseTo(1 - (Math.sqrt(8) + 2) / (2 * between), 6);
    // What never varies in the expert is in units of the agent's deviation, here 5.
    const flat = stateDistance(plane(-1, 7, 1, 7), plane(-1, 7, 1, 17));
    const apart = (0 + Math.sqrt(8) + 2 + 2) / 4;
    expect(flat).toBeCloseTo(Math.max(0, 1 - (2 + Math.sqrt(8)) / (2 * apart)), 6);
  });

  it("is about 0 for two samples of one distribution and about 1 for two that are far apart", () => {
    const sample = (seed: number, shift: number): Trajectories =>
      at(...normals(seed, 1500).map((x) => x + shift));
    expect(stateDistance(sample(1, 0), sample(2, 0))).toBeLessThan(0.01);
    expect(stateDistance(sample(1, 0), sample(2, 1))).toBeGreaterThan(0.05);
    expect(stateDistance(sample(1, 0), sample(2, 100))).toBeGreaterThan(0.95);
    expect(stateDistance(at(3, 3), at(3, 3))).toBe(0);
  });

  it("looks at every part of long trajectories", () => {
    expect(stateDistance(late(3000), late(1500))).toBeGreaterThan(0.2);
  });
});

describe("the gap between rewards", () => {
  it("counts in standard deviations of both sides together", () => {
    // Means 2 and -2, variances 1: 4 / sqrt(1 + 4).
    expect(standardisedGap([1, 3], [-1, -3])).toBeCloseTo(4 / Math.sqrt(5), 12);
    expect(standardisedGap([10, 30], [-10, -30])).toBeCloseTo(4 / Math.sqrt(5), 12);
    expect(standardisedGap([-1, -3], [1, 3])).toBeCloseTo(-4 / Math.sqrt(5), 12);
    expect(standardisedGap([5, 5], [5])).toBe(0);
  });
});

describeBuilds("the fit to held-out demonstrations", (kernels) => {
  const sac = createSac(
    kernels,
    2,
    1,
    {
      hidden: [4],
      batchSize: 2,
      discount: 0.9,
      learningRate: 1e-3,
      polyak: 0.1,
      temperature: 1,
      targetEntropy: "auto",
    },
    keyFromSeed(1),
  );
  const space = box(1, -2, 2);
  // More steps than are looked at at a time.
  const shown = toTrajectories(randomEpisodes(3, [300, 7], { n: 2, d: 1, low: -2, high: 2 }));
  const agent = toTrajectories(randomEpisodes(4, [20], { n: 2, d: 1, low: -2, high: 2 }));

  it("is the mean likelihood of every step, in policy units", () => {
    const fit = heldOutFit(kernels, holdOutDemonstrations(kernels, sac, space, shown), sac, null, agent);
    const room = likelihoodRoom(kernels, sac, space, 1);
    let total = 0;
    for (let t = 0; t < 307; t++) {
      const row = [...shown.observations.subarray(2 * t, 2 * t + 2), shown.actions[t] / 2];
      actionLogLikelihood(kernels, sac, { size: 1, rows: upload(kernels, row), stride: 3 }, room);
      total += kernels.f32(room.logProb, 1)[0];
    }
    expect(fit.logLikelihood).toBeCloseTo(total / 307, 4);
    expect(fit.rewardGap).toBeNull();
    expect(fit.stateDistance).toBe(stateDistance(shown, agent));
  });

  it("takes the learned reward of both sides", () => {
    const heldOut = holdOutDemonstrations(kernels, sac, space, shown);
    const reward = ({ observations }: Trajectories): Float32Array =>
      observations === shown.observations ? Float32Array.of(1, 3) : Float32Array.of(-1, -3);
    expect(heldOutFit(kernels, heldOut, sac, reward, agent).rewardGap).toBeCloseTo(4 / Math.sqrt(5), 6);
  });
});
