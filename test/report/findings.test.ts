import { expect, it } from "vitest";
import { findingSentence, type FindingRecord } from "../../src/core/index.ts";
import { notes } from "../../src/report/index.ts";
import { tinyRun } from "./tiny-run.ts";

const begun: FindingRecord = {
  kind: "finding",
  step: 80_000,
  signature: "reward oscillation",
  since: 41,
  until: null,
  evidence: "successive gradients have a mean cosine of -0.90",
  remedy: "lower --reward-step-size",
};
const over: FindingRecord = { ...begun, step: 120_000, until: 120 };
const again: FindingRecord = { ...begun, step: 200_000, since: 161 };

const signsIn = (...runs: Parameters<typeof notes>): string | undefined =>
  notes(...runs).find(({ subject }) => subject === "Signs of failure")?.text;

it("a finding is one sentence: what, when, how it shows, what to do", () => {
  expect(findingSentence(begun)).toBe(
    "reward oscillation since reward step 41: successive gradients have a mean cosine of -0.90; lower --reward-step-size",
  );
  expect(findingSentence(over)).toMatch(/^reward oscillation in reward steps 41 to 120: /);
});

it("a report names each finding once, as it stood last", () => {
  const run = tinyRun({ records: [begun, over, again] });
  expect(run.findings).toEqual([begun, over, again]);
  expect(run.unknownKinds).toEqual([]);
  expect(signsIn([run])).toBe(`${findingSentence(over)}. ${findingSentence(again)}.`);
});

it("a report of several runs says which of them, and none says nothing", () => {
  const [one, other] = [
    tinyRun({ name: "a", records: [begun] }),
    tinyRun({ name: "b", seed: 2, records: [again] }),
  ];
  expect(signsIn([one, other])).toBe(`a: ${findingSentence(begun)}. b: ${findingSentence(again)}.`);
  expect(signsIn([tinyRun()])).toBeUndefined();
});

it("control characters in a finding reach neither page nor terminal, and what is no text is refused", () => {
  const [{ evidence }] = tinyRun({ records: [{ ...begun, evidence: "a\u001B[31mb" }] }).findings;
  expect(evidence).toBe("a [31mb");
  expect(() => tinyRun({ records: [{ ...begun, remedy: 3 }] })).toThrow(
    "readRun: metrics.jsonl of run, line 1: remedy should be text, got 3",
  );
});

it("a report reads what instruments measured", () => {
  const instruments = {
    kind: "instruments",
    step: 10_000,
    rows: 2000,
    radius: 40,
    rewardRms: 4,
    rewardLinearisation: 1,
    ballLinearisationRandom: 0.5,
    ballLinearisationTrained: 2,
    returnGap: 3,
    concavityGapRandom: 0,
    concavityGapTrained: 0.1,
    belowChord: 0.5,
  };
  const run = tinyRun({ records: [instruments, { ...instruments, radius: null }] });
  expect(run.instruments).toEqual([instruments, { ...instruments, radius: NaN }]);
  expect(run.unknownKinds).toEqual([]);
});
