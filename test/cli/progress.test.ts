import { describe, expect, it } from "vitest";
import { createProgressDisplay, duration, progressLine } from "../../src/cli/progress.ts";
import type { EvaluationRecord, FindingRecord } from "../../src/core/index.ts";

const progress = { step: 123_400, steps: 300_000, rate: 412.3, secondsLeft: 428, lastReturn: 2345.6 };

describe("progressLine", () => {
  it("shows all there is where there is room", () => {
    expect(progressLine(progress, 9500.4, 100, false)).toBe(
      "━━━━━───────  41%  123k/300k steps  7 min left  return 2346 (expert 9500)  412/s",
    );
  });

  it.each([200, 77, 60, 50, 40, 20, 5])("fits %i columns", (width) => {
    for (const step of [0, 1234, 123_400, 300_000]) {
      expect(progressLine({ ...progress, step }, 9500, width, false).length).toBeLessThanOrEqual(width);
    }
  });

  it("counts small runs exactly, and says when only the final evaluation is left", () => {
    expect(progressLine({ ...progress, step: 120, steps: 300, lastReturn: null }, null, 77, false)).toContain(
      " 40%  120/300 steps  7 min left  412/s",
    );
    expect(progressLine({ ...progress, step: 300, steps: 300 }, null, 77, false)).toMatch(
      /━ 100% {2}300\/300 steps {2}final evaluation {2}return 2346$/,
    );
  });
});

describe("duration", () => {
  it.each([
    [0.2, "0 s"],
    [59.4, "59 s"],
    [59.6, "1 min"],
    [3570, "1 h 0 min"],
    [12_000, "3 h 20 min"],
    [Infinity, "?"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe("a display", () => {
  const evaluation: EvaluationRecord = {
    kind: "evaluation",
    step: 1000,
    returns: [1, 3],
    meanReturn: 2,
    stdReturn: 1.414,
    pearson: null,
    spearman: null,
    steps: { train: 1000, rewardRollout: 0, evaluation: 0, expert: 0 },
  };

  const finding: FindingRecord = {
    kind: "finding",
    step: 80_000,
    signature: "reward oscillation",
    since: 41,
    until: null,
    evidence: "successive gradients have a mean cosine of -0.90",
    remedy: "lower --reward-step-size",
  };
  const warning =
    "warning: at step 80000: reward oscillation since reward step 41: " +
    "successive gradients have a mean cosine of -0.90; lower --reward-step-size";

  it.each([true, false])("says a finding once, when it is new (terminal: %j)", (isTTY) => {
    let written = "";
    const display = createProgressDisplay({ isTTY, write: (text) => (written += text) }, null, () => 0);
    display.record(finding);
    display.record({ ...finding, step: 120_000, until: 120 });
    expect(written.replace("\r\u001B[K", "")).toBe(`${warning}\n`);
  });

  it("without a terminal writes a line every ten seconds and at each evaluation", () => {
    let written = "";
    let now = 0;
    const display = createProgressDisplay({ write: (text) => (written += text) }, 9500, () => now);
    for (; now <= 25_000; now += 1000) display.progress(progress);
    display.record(evaluation);
    display.finish();
    expect(written.split("\n")).toEqual([
      "123400 of 300000 steps (41%), 412 steps/s, 7 min left",
      "123400 of 300000 steps (41%), 412 steps/s, 7 min left",
      "evaluation at 1000 steps: true return 2.0 ± 1.4, expert 9500.0",
      "",
    ]);
  });

  it("on a terminal keeps to one line, below whatever is said", () => {
    let written = "";
    const stream = { isTTY: true, columns: 80, write: (text: string) => (written += text) };
    const display = createProgressDisplay(stream, null, () => 0);
    display.progress(progress);
    display.record(evaluation);
    display.say("Stopping.");
    display.finish();
    expect(written).toMatch(/^\r\S+K━[^\n]*\r\S+KStopping\.\n━[^\n]*\r\S+K$/);
  });
});
