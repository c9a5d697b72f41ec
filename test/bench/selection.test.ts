import { describe, expect, it } from "vitest";
import {
  checkpointChoice,
  familyChoice,
  type FamilyChoice,
  type HeldOutPoint,
  type Outcome,
} from "../../src/bench/index.ts";
import { outcome, tinySuite } from "./outcomes.ts";

const suite = tinySuite({
  methods: ["a", "b", "c"].map((name) => ({ name, family: "one", options: { method: "sqil" } })),
  seeds: [1],
});
const point = (
  step: number,
  stateDistance: number,
  logLikelihood = 0,
  rewardGap: number | null = null,
): HeldOutPoint => ({
  step,
  stateDistance,
  logLikelihood,
  rewardGap,
});
/** A complete cell of task one that evaluates at 500 and 1000 of 1000 steps; 200 is the expert's return, 0 a random one's. */
const cell = (id: string, returns: [number, number], heldOut: HeldOutPoint[]): Outcome => ({
  ...outcome(suite, id, { state: "complete", returns }),
  heldOut,
});

describe("a choice between configurations", () => {
  const cells = [
    cell("one/a/0-1", [0, 100], [point(500, 0), point(1000, 0.4, 1, 0.3)]),
    cell("one/a/1-1", [0, 140], [point(500, 0), point(1000, 0.4, 3, -0.1)]),
    cell("one/b/0-1", [0, 60], [point(500, 9), point(1000, 0.2, 1.5, 0.9)]),
    cell("one/b/1-1", [0, 80], [point(500, 9), point(1000, 0.5, 1.5, 0.9)]),
    cell("one/c/0-1", [0, 40], [point(500, 9), point(1000, 0.3, 4, 0.1)]),
    cell("one/c/1-1", [0, 60], [point(500, 9), point(1000, 0.6, 4, -0.2)]),
  ];

  it("goes by means over cells at the end of training", () => {
    // Scores 0.6, 0.35, 0.25. State distances 0.4, 0.35, 0.45; log-likelihoods 2, 1.5, 4; sizes of gaps 0.2, 0.9, 0.15.
    const found = familyChoice("one", "one", cells);
    expect(found?.candidates).toBe(3);
    expect(found?.best).toEqual({ name: "a", score: 0.6 });
    expect(found?.lot).toBeCloseTo((0 + 0.25 + 0.35) / 3, 12);
    const { "state distance": distance, "log-likelihood": likelihood, "reward gap": gap } = found!.chosen;
    expect(distance?.name).toBe("b");
    expect(distance?.regret).toBeCloseTo(0.25, 12);
    expect(likelihood?.name).toBe("c");
    expect(gap?.name).toBe("c");
    expect(gap?.regret).toBeCloseTo(0.35, 12);
  });

  it("has nothing to go by where no reward is learnt, and does not choose between fewer than two", () => {
    const without = cells.map((each) => ({
      ...each,
      heldOut: each.heldOut.map((one) => ({ ...one, rewardGap: null })),
    }));
    expect(familyChoice("one", "one", without)?.chosen["reward gap"]).toBeNull();
    expect(familyChoice("one", "one", without)?.chosen["state distance"]?.name).toBe("b");
    expect(familyChoice("one", "one", cells.slice(0, 2))).toBeNull();
    expect(familyChoice("two", "one", cells)).toBeNull();
    expect(familyChoice("one", "a", cells)).toBeNull();
  });

  it("leaves out configurations that are not complete, or were not measured on held-out demonstrations", () => {
    const unmeasured = cells.map((each) => (each.method === "b" ? { ...each, heldOut: [] } : each));
    const found = familyChoice("one", "one", unmeasured);
    expect(found?.candidates).toBe(2);
    expect(found?.chosen["state distance"]?.name).toBe("a");
    expect(found?.leftOut).toEqual([
      { name: "b", cells: 2, obstacles: ["without a held-out fit", "without a held-out fit"] },
    ]);
    const early = cells.with(3, { ...cells[3], heldOut: [point(500, 0)] });
    expect(familyChoice("one", "one", early)?.leftOut[0].obstacles).toEqual(["without a held-out fit"]);
    const replaced = (last: Outcome): FamilyChoice | null =>
      familyChoice("one", "one", [...cells.slice(0, 5), last]);
    const unfinished = replaced(outcome(suite, "one/c/1-1", { state: "begun", returns: [1] }));
    expect(unfinished?.candidates).toBe(2);
    expect(unfinished?.leftOut).toEqual([{ name: "c", cells: 2, obstacles: ["not complete"] }]);
    const broken = outcome(suite, "one/c/1-1", { state: "diverged", returns: [1] });
    expect(replaced(broken)?.leftOut).toEqual([{ name: "c", cells: 2, obstacles: ["diverged"] }]);
    const bare = { ...cells[5], normalised: null };
    expect(replaced(bare)?.leftOut[0].obstacles).toEqual(["without a normalised score"]);
    expect(replaced(cells[5])?.leftOut).toEqual([]);
  });

  it("counts one that diverged after it was measured to the end at 0", () => {
    const late = { ...cells[5], state: "diverged", score: null, normalised: null } as const;
    const found = familyChoice("one", "one", [...cells.slice(0, 5), late]);
    expect(found?.leftOut).toEqual([]);
    expect(found?.lot).toBeCloseTo((0 + 0.25 + 0.5) / 3, 12);
  });

  it("is none between fewer than two, and says who is left out", () => {
    const one = familyChoice(
      "one",
      "one",
      cells.map((each) => (each.method === "a" ? each : { ...each, score: null, normalised: null })),
    );
    expect(one).toMatchObject({ candidates: 1, best: null, lot: null, chosen: { "state distance": null } });
    expect(one?.leftOut.map(({ name }) => name)).toEqual(["b", "c"]);
    const never = cells.map((each) => ({ ...each, heldOut: [] }));
    expect(familyChoice("one", "one", never)).toBeNull();
  });
});

describe("a choice between evaluations", () => {
  const cells = [
    cell("one/a/0-1", [160, 100], [point(500, 0.1, 1, 0.5), point(1000, 0.3, 2, 0.1)]),
    cell("one/a/1-1", [100, 180], [point(500, 0.2, 5, 0.5), point(1000, 0.1, 2, -0.6)]),
  ];

  it("costs what the best evaluation has more", () => {
    // By state distance 160 and 180, the best; by likelihood 100 and 100; by the gap's size 100 and 100; the last 100 and 180.
    const found = checkpointChoice("one", "a", cells);
    expect(found?.cells).toBe(2);
    expect(found?.last).toBeCloseTo(0.15, 12);
    expect(found?.regret["state distance"]).toBeCloseTo(0, 12);
    expect(found?.regret["log-likelihood"]).toBeCloseTo((0.3 + 0.4) / 2, 12);
    expect(found?.regret["reward gap"]).toBeCloseTo((0.3 + 0.4) / 2, 12);
  });

  it("counts in the range from random to expert", () => {
    const lifted = cells.map((each) => ({ ...each, scale: { random: 100, expert: 200 } }));
    expect(checkpointChoice("one", "a", lifted)?.last).toBeCloseTo(0.3, 12);
    const one = [{ ...cells[0], scale: { random: -200, expert: 200 }, curve: [[1000, 100]] as const }];
    expect(checkpointChoice("one", "a", one)?.last).toBe(0);
  });

  it("is not made where nothing was held out", () => {
    expect(
      checkpointChoice(
        "one",
        "a",
        cells.map((each) => ({ ...each, heldOut: [] })),
      ),
    ).toBeNull();
    expect(
      checkpointChoice(
        "one",
        "a",
        cells.map((each) => ({ ...each, scale: null })),
      ),
    ).toBeNull();
  });
});
