import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { varianceComponents } from "../../src/eval/index.ts";

describe("variance components", () => {
  it("agree with values computed by hand", () => {
    // Means 1, 6, 4 and of all 4: within (1 + 1 + 4 + 0 + 4 + 0) / (6 - 3), between (2 * 9 + 3 * 4 + 0) / 2 = 15,
    // n_0 = (6 - (4 + 9 + 1) / 6) / 2 = 11 / 6.
    const { between, rawBetween, within } = varianceComponents([[0, 2], [4, 6, 8], [4]]);
    expect(within).toBeCloseTo(10 / 3, 14);
    expect(rawBetween).toBeCloseTo((15 - 10 / 3) / (11 / 6), 14);
    expect(between).toBe(rawBetween);
  });

  it("report a negative estimate as 0 and keep it", () => {
    // Equal means: between is 0, within 2, n_0 = 2.
    expect(
      varianceComponents([
        [0, 2],
        [2, 0],
      ]),
    ).toEqual({ between: 0, rawBetween: -1, within: 2 });
  });

  it.each([[[2, 2]], [[1, 2, 3]], [[1, 1, 4]]])(
    "are unbiased, by all outcomes of a_i = +-3 and e_ij = +-2, with %j seeds",
    (seeds) => {
      const count = seeds.reduce((sum, each) => sum + each, 0);
      const outcomes = 2 ** (seeds.length + count);
      let [within, between] = [0, 0];
      for (let outcome = 0; outcome < outcomes; outcome++) {
        let bit = 0;
        const sign = (): number => ((outcome >> bit++) & 1 ? 1 : -1);
        const scores = seeds.map((length) => {
          const effect = 7 + 3 * sign();
          return Array.from({ length }, () => effect + 2 * sign());
        });
        const components = varianceComponents(scores);
        within += components.within / outcomes;
        between += components.rawBetween / outcomes;
      }
      expect(within).toBeCloseTo(4, 12);
      expect(between).toBeCloseTo(9, 12);
    },
  );

  it("are exactly 0 of a constant", () => {
    expect(varianceComponents([[0.1, 0.1, 0.1], [0.1], [0.1, 0.1]])).toEqual({
      between: 0,
      rawBetween: 0,
      within: 0,
    });
  });

  it("do not move with the scores, and grow with their square", () => {
    const groups = fc.array(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2, maxLength: 4 }), {
      minLength: 2,
      maxLength: 5,
    });
    fc.assert(
      fc.property(groups, (scores) => {
        const { rawBetween, within } = varianceComponents(scores);
        const moved = varianceComponents(scores.map((seeds) => seeds.map((score) => 1e6 + 3 * score)));
        expect(moved.within).toBeCloseTo(9 * within, 6);
        expect(moved.rawBetween).toBeCloseTo(9 * rawBetween, 6);
      }),
    );
  });

  it.each([
    ["one trajectory", [[1, 2, 3]], /expected two or more trajectories .* got 3 scores of 1$/],
    ["one seed for each", [[1], [2]], /two or more seeds in one of them, got 2 scores of 2$/],
    ["nothing", [], /at least one trajectory, got none$/],
    ["a trajectory without seeds", [[1, 2], []], /trajectory 1 has no runs/],
    ["a score that is not finite", [[1, 2], [-Infinity]], /got -Infinity in run 0 of trajectory 1/],
  ])("refuse %s", (_, scores, message) => {
    expect(() => varianceComponents(scores)).toThrow(message);
  });
});
