import { describe, expect, it } from "vitest";
import { keyNumbers, notes, verdict, type Run } from "../../src/report/index.ts";
import { headline } from "../../src/report/verdict.ts";
import { evaluation, tinyRun } from "./tiny-run.ts";

const episode = (step: number, trueReturn: number): object => ({
  kind: "episode",
  step,
  trueReturn,
  length: 9,
});
const valueOf = (runs: readonly Run[], name: string): string | undefined =>
  keyNumbers(runs).find(({ label }) => label === name)?.value;
const textOf = (runs: readonly Run[], name: string): string =>
  notes(runs).find(({ subject }) => subject === name)?.text ?? "";

describe("verdict", () => {
  it("gives mean, deviation over episodes (n - 1) and the share of the expert", () => {
    // 90, 100, 110: mean 100, squares 100 + 0 + 100 over 2 = 100; 100 of 200 is 50%.
    expect(verdict([tinyRun()])).toBe(
      "After 500k steps the learned policy earns 100 ± 10, 50% of the expert's 200; random earns -5",
    );
  });

  it("takes the deviation over seeds where there are several", () => {
    // 100 and 120: mean 110, deviation sqrt(100 + 100) = 14.1; 110 of 200 is 55%.
    const runs = [
      tinyRun(),
      tinyRun({ seed: 2, summary: { finalReturn: 120, finalReturns: [120, 120, 120] } }),
    ];
    expect(verdict(runs)).toBe(
      "After 500k steps the learned policies of 2 seeds earn 110 ± 14 on average, 55% of the expert's 200; " +
        "random earns -5",
    );
  });

  it("measures negative returns from random to the expert", () => {
    const summary = { expertReturn: -100, randomReturn: -500, finalReturn: -180, finalReturns: [-180] };
    // (-180 + 500) / (-100 + 500) = 80%; one episode has no deviation.
    expect(verdict([tinyRun({ summary })])).toBe(
      "After 500k steps the learned policy earns -180, 80% of the way from random (-500) to the expert (-100)",
    );
  });

  it("shares nothing where the expert is worse than random", () => {
    const summary = { expertReturn: -600, randomReturn: -500 };
    expect(verdict([tinyRun({ summary })])).toBe(
      "After 500k steps the learned policy earns 100 ± 10 against the expert's -600; random earns -500",
    );
  });

  it("does without an expert's return", () => {
    expect(verdict([tinyRun({ summary: { expertReturn: null } })])).toBe(
      "After 500k steps the learned policy earns 100 ± 10; random earns -5; the demonstrations carry no return to " +
        "compare with",
    );
  });

  it("falls back on the latest evaluation of an unfinished run", () => {
    const records = [evaluation(10_000, [1, 2, 3]), evaluation(20_000, [20, 40, 60])];
    expect(verdict([tinyRun({ summary: null, records })])).toBe(
      "After 20k of 500k steps the learned policy earns 40 ± 20; the run has no summary yet",
    );
  });

  it("counts finished and unfinished seeds", () => {
    const unfinished = tinyRun({ seed: 2, summary: null, records: [evaluation(20_000, [50, 60, 70])] });
    expect(verdict([tinyRun(), unfinished])).toBe(
      "After 20k to 500k steps the learned policies of 2 seeds earn 80.0 ± 28.3 on average, 40% of the expert's 200; " +
        "random earns -5; 1 of 2 runs has no summary yet",
    );
  });

  it("compares unfinished seeds at the latest step that all have been evaluated at", () => {
    const early = [evaluation(10_000, [10, 10, 10]), evaluation(20_000, [20, 20, 20])];
    const ahead = tinyRun({ summary: null, records: [...early, evaluation(30_000, [90, 90, 90])] });
    const behind = tinyRun({ seed: 2, summary: null, records: [early[0], evaluation(20_000, [30, 30, 30])] });
    // 20 and 30: mean 25, squares 25 + 25 over 1, whose root is 7.07.
    expect(verdict([ahead, behind])).toBe(
      "After 20k of 500k steps the learned policies of 2 seeds earn 25.0 ± 7.1 on average; no run has a summary yet",
    );
  });

  it("falls back on training episodes, then on nothing", () => {
    expect(verdict([tinyRun({ summary: null, records: [episode(200, 3), episode(400, 5)] })])).toBe(
      "No evaluation yet: at step 400 of 500k the last 2 training episodes earned 4 on average",
    );
    expect(verdict([tinyRun({ summary: null })])).toBe(
      "Nothing to judge yet: of 500k steps, no episode has ended",
    );
  });

  it("calls a control and an expert what they are", () => {
    const control = tinyRun({ algorithm: { taughtBy: "zero reward" } });
    expect(verdict([control])).toMatch(/the policy of a negative control \(zero reward\) earns 100 ± 10/);
    const shuffled = tinyRun({ demos: { path: "d", episodes: 1, transitions: 1, shuffled: true } });
    expect(verdict([shuffled])).toMatch(/negative control \(shuffled demonstrations\)/);
    const constant = tinyRun({ demos: { path: "d", episodes: 1, transitions: 1, constant: true } });
    expect(verdict([constant])).toMatch(/negative control \(constant demonstrations\)/);
    const expert = tinyRun({ command: "expert", summary: { expertReturn: null } });
    expect(verdict([expert])).toBe(
      "After 500k steps the expert trained on the true reward earns 100 ± 10; random earns -5",
    );
  });

  it("keeps controls out of the mean of the learners", () => {
    const control = tinyRun({
      seed: 1,
      algorithm: { taughtBy: "zero reward" },
      summary: { finalReturn: -3 },
    });
    expect(verdict([tinyRun(), control])).toBe(verdict([tinyRun()]));
    const row = keyNumbers([tinyRun(), control]).find(({ label }) => label === "Control: zero reward");
    expect(row?.value).toBe("-3");
  });

  it("puts a given reward beside any method, and says how far controls come", () => {
    const rival = tinyRun({ algorithm: { method: "dac" } });
    const zero = tinyRun({ algorithm: { taughtBy: "zero reward" }, summary: { finalReturn: 36 } });
    // (36 + 5) / (200 + 5)
    const row = keyNumbers([rival, zero]).find(({ label }) => label === "Control: zero reward");
    expect(row?.note).toBe(
      "trained alike, without what the demonstrations say; 20% of the way from random to the expert",
    );
    expect(() => verdict([rival, tinyRun({ algorithm: { taughtBy: "learned reward" } })])).toThrow(
      /got dac and ml-irl/,
    );
    const absorbing = { taughtBy: "zero reward", termination: "absorbing" };
    expect(() => verdict([rival, tinyRun({ algorithm: absorbing })])).toThrow(/native termination/);
    const unknown = keyNumbers([tinyRun({ summary: { expertReturn: null } }), zero]);
    expect(unknown.find(({ label }) => label === "Control: zero reward")?.note).not.toContain("of the way");
  });

  it("refuses runs that cannot be compared", () => {
    expect(() => verdict([])).toThrow(/report: expected at least one run/);
    expect(() => verdict([tinyRun(), tinyRun({ env: "Hopper-v5" })])).toThrow(
      /got Pendulum-v1 and Hopper-v5/,
    );
    expect(() => verdict([tinyRun(), tinyRun({ command: "expert" })])).toThrow(/got train and expert/);
  });
});

describe("key numbers", () => {
  it("finds the first evaluation of at least half the expert's return", () => {
    // Half of 200 is 100: 99 is not enough, 100 is, later ones do not count.
    const records = [
      [97, 99, 101],
      [90, 100, 110],
      [1, 2, 3],
      [200, 200, 200],
    ].map((returns, i) => evaluation(10_000 * (i + 1), returns));
    expect(valueOf([tinyRun({ records })], "Half the expert's return")).toBe("20k steps");
    const never = tinyRun({ records: records.slice(0, 1) });
    expect(valueOf([never], "Half the expert's return")).toBe("not reached");
  });

  it("counts reward rollouts among the steps to learn from, evaluation apart", () => {
    const steps = { train: 500_000, rewardRollout: 2000, evaluation: 600, expert: 400 };
    const [row] = keyNumbers([tinyRun({ summary: { steps } })]).filter(
      ({ label }) => label === "Steps to learn from",
    );
    expect(row.value).toBe("502,000");
    expect(row.note).toBe("2,000 of them reward rollouts; and 600 to evaluate");
  });

  it("gives time and rate", () => {
    // 5000 s is 1 h 23 min 20 s; 500000 / 5000 = 100.
    const [row] = keyNumbers([tinyRun()]).filter(({ label }) => label === "Wall-clock time");
    expect(row.value).toBe("1 h 23 min");
    expect(row.note).toMatch(/^100 training steps a second/);
  });

  it("shows the controls of a summary", () => {
    const controls = [{ name: "constant reward", finalReturn: 37.25 }];
    expect(valueOf([tinyRun({ summary: { controls } })], "Control: constant reward")).toBe("37.3");
  });
});

describe("notes", () => {
  it("adds steps over seeds", () => {
    const note = textOf([tinyRun(), tinyRun({ seed: 2 })], "Environment steps");
    expect(note).toMatch(
      /^Over all seeds: 1,000,000 .* 0 more .* 1,200 to evaluate\. The demonstrations hold 400\./,
    );
  });

  it("admits what is missing or mixed", () => {
    expect(textOf([tinyRun()], "Negative controls")).toMatch(/^None was run/);
    const other = tinyRun({ seed: 2, algorithm: { sac: { discount: 0.9 } } });
    const one = tinyRun({ algorithm: { sac: { discount: 0.99 } } });
    expect(textOf([one, other], "Mixed settings")).toMatch(/\(algorithm\.sac\.discount\)/);
    expect(textOf([one], "Mixed settings")).toBe("");
    expect(textOf([tinyRun({ metrics: '{"kind":' })], "Cut short")).toMatch(/half written/);
  });

  it("says of an expert that it was trained on the true reward", () => {
    const expert = tinyRun({ command: "expert", summary: { expertReturn: null } });
    expect(textOf([expert], "True reward")).toMatch(/trained on the true reward itself/);
    expect(textOf([tinyRun()], "True reward")).toMatch(/Nothing that learns, selects or stops reads it/);
  });
});

describe("the method", () => {
  it.each([
    [undefined, "maximum-likelihood inverse RL"],
    ["dac", "discriminator-actor-critic"],
    ["sqil", "soft Q imitation learning"],
  ])("of a run (%s) is in its headline", (method, words) => {
    const runs = [tinyRun({ algorithm: method === undefined ? {} : { method } })];
    expect(headline(runs).details).toBe(`${words}, seed 1, Tandem 0.1.0`);
  });

  it("tells runs apart", () => {
    const runs = ["dac", "sqil"].map((method, i) => tinyRun({ seed: i, algorithm: { method } }));
    expect(() => verdict(runs)).toThrow("expected runs of one kind, got dac and sqil; report them apart");
  });
});
