import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTensors, type TrainConfig } from "../../src/runs/index.ts";
import {
  HOOK_TIMEOUT,
  makeDemonstrations,
  readJson,
  tandem,
  temporaryFolder,
  timelessMetrics,
  TINY,
  type Outcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
/** Long enough to be stopped on the way; iterations end in the middle of episodes. */
const LONG = [...TINY, "--steps", "2000"];
const train = (out: string, ...more: string[]): string[] =>
  ["train", "--demos", "demo.npz", ...LONG, "--out", out, "--json"].concat(more);

beforeAll(() => makeDemonstrations(cwd), HOOK_TIMEOUT);
afterAll(folder.remove);

const weights = (run: string): Record<string, Float32Array> => readTensors(join(cwd, run));
const withoutTime = (line: string): unknown => ({ ...JSON.parse(line), seconds: 0 });

/** Stops the run with `signal` once it has evaluated its policy. */
function stopped(args: readonly string[], signal: NodeJS.Signals, times = 1): ReturnType<typeof tandem> {
  let sent = 0;
  return tandem(args, {
    cwd,
    onStderr: (text, kill) => {
      if (sent === 0 && !text.includes("evaluation at")) return;
      if (sent > 0 && !text.includes("Stopping")) return;
      if (sent++ < times) kill(signal);
    },
  });
}

describe("a run that was stopped", () => {
  let whole: Outcome;
  beforeAll(async () => {
    whole = await tandem(train("whole"), { cwd });
  }, HOOK_TIMEOUT);

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s goes on to the very numbers of one that was not", async (signal, exitCode) => {
    const part = await stopped(train(signal), signal);
    expect(part.code).toBe(exitCode);
    expect(part.stdout).toBe("");
    expect(part.stderr).toMatch(
      /Stopped at \d+ of 2000 steps; everything is saved\. To go on:\n {2}\S.* train --resume /,
    );

    const rest = await tandem(["train", "--resume", signal, "--json"], { cwd });
    expect(rest).toMatchObject({ code: 0 });
    expect(withoutTime(rest.stdout)).toEqual(withoutTime(whole.stdout));
    expect(timelessMetrics(join(cwd, signal))).toEqual(timelessMetrics(join(cwd, "whole")));
    expect(weights(signal)).toEqual(weights("whole"));
  });

  it("stops at once at a second signal, and begins again where nothing was saved", async () => {
    const endless = train("endless", "--policy-steps-per-reward-step", "1000000", "--steps", "1000000");
    const run = tandem(endless, {
      cwd,
      onStderr: (text, kill) => {
        if (text.endsWith("endless\n") || text.includes("Stopping")) kill("SIGINT");
      },
    });
    const { code, stderr } = await run;
    expect(code).toBe(130);
    expect(stderr).toMatch(/before anything was saved\. To begin again:\n {2}\S.* train --resume endless\n$/);
  });
});

describe("tandem train --resume", () => {
  beforeAll(async () => {
    const { code } = await tandem(["train", "--demos", "demo.npz", ...TINY, "--out", "short", "--json"], {
      cwd,
    });
    expect(code).toBe(0);
  }, HOOK_TIMEOUT);

  it("has nothing to do for a run that is complete", async () => {
    const { code, stderr } = await tandem(["train", "--resume", "short"], { cwd });
    expect(code).toBe(1);
    expect(stderr).toBe(
      "tandem: --resume: short has all its 300 steps; for a longer run add for example --steps 600\n",
    );
  });

  it("makes a run longer, and its configuration says so", async () => {
    const { code, stdout } = await tandem(["train", "--resume", "short", "--steps", "400", "--json"], {
      cwd,
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ steps: { train: 400 } });
    expect(readJson(cwd, "short", "config.json")).toMatchObject({ steps: 400 });
  });

  it("switches instruments on for the rest of a run", async () => {
    const { code, stdout } = await tandem(
      ["train", "--resume", "short", "--steps", "600", "--instruments", "--json"],
      { cwd },
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ steps: { train: 600 } });
    expect(readJson(cwd, "short", "config.json")).toMatchObject({ instruments: true });
    const measured = (timelessMetrics(join(cwd, "short")) as { kind: string; step: number }[])
      .filter(({ kind }) => kind === "instruments")
      .map(({ step }) => step);
    expect(measured).toEqual([600]);
  });

  it.each([
    ["500", "700"],
    ["700", "700"],
  ])("refuses to learn slower from step %s on in a run made %s long", async (from, steps) => {
    const { code, stderr } = await tandem(
      ["train", "--resume", "short", "--steps", steps, "--slow-from", from],
      { cwd },
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tandem: --slow-from: expected one of the steps that are added, from 600 to below 700/,
    );
  });

  it("lets a longer run learn slower in its new steps", async () => {
    const { code } = await tandem(
      ["train", "--resume", "short", "--steps", "700", "--slow-from", "600", "--json"],
      { cwd },
    );
    expect(code).toBe(0);
    const { algorithm } = readJson(cwd, "short", "config.json") as { algorithm: TrainConfig["algorithm"] };
    expect(algorithm.slowdown).toEqual({ from: 600, learningRate: algorithm.sac.learningRate / 5 });
  });

  it.each([
    [["--steps", "900", "--slow-from", "500"], /learns at 0\.0002 from step 600 on, which cannot be changed/],
    [["--steps", "100"], /--steps: short is a run of \d+ steps; it can be made longer, not shorter/],
    [["--steps", "900", "--hidden", "8"], /--hidden: cannot be changed/],
    [["--steps", "900", "--demos", "gone.npz"], /gone\.npz, are not there; name their place with --demos/],
  ])("with %j is refused", async (more, says) => {
    const { code, stderr } = await tandem(["train", "--resume", "short", ...more], { cwd });
    expect(stderr).toMatch(/^tandem: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);
  });

  it("refuses demonstrations that have changed since", async () => {
    await makeDemonstrations(cwd, 2);
    const { code, stderr } = await tandem(["train", "--resume", "short", "--steps", "900"], { cwd });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tandem: --resume: demo\.npz is not what it was when the run began[^\n]*\n$/);
  });
});
