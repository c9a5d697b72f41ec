import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { episodeCount } from "../../src/core/index.ts";
import { readDemonstrations } from "../../src/demos/index.ts";
import {
  HOOK_TIMEOUT,
  readJson,
  tandem,
  temporaryFolder,
  timelessMetrics,
  TINY,
  TINY_POLICY,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
/** Hopper falls after some 20 random steps; an episode cut after 5 is one that only time ended. */
const MADE = ["expert", "--env", "Hopper-v5", ...TINY_POLICY, "--json"];

beforeAll(async () => {
  const fallen = await tandem([...MADE, "--out", "long", "--record", "fallen.npz"], { cwd });
  const cut = await tandem(
    [...MADE, "--env-option", "maxEpisodeSteps=5", "--out", "short", "--record", "cut.npz"],
    { cwd },
  );
  expect([fallen.code, cut.code]).toEqual([0, 0]);
}, HOOK_TIMEOUT);
afterAll(folder.remove);

const train = (...args: string[]): ReturnType<typeof tandem> =>
  tandem(["train", ...TINY, "--json", ...args], { cwd });

describe("what follows an episode's end, as `tandem train` is told", () => {
  it.each(["native", "absorbing", "fixed-horizon"])(
    "%s is in configuration, summary and report",
    async (termination) => {
      const { code, stdout, stderr } = await train(
        "--demos",
        "cut.npz",
        "--termination",
        termination,
        "--out",
        termination,
      );
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(JSON.parse(stdout)).toMatchObject({ termination });
      expect(readJson(cwd, termination, "config.json")).toMatchObject({
        env: { options: { terminateWhenUnhealthy: true, contactMargins: "summed" } },
        algorithm: { termination },
      });
      expect(readJson(cwd, termination, "summary.json")).toMatchObject({ termination });
      const report = await tandem(["report", termination], { cwd });
      expect(report.stdout).toMatch(new RegExp(`Termination +${termination}`));
    },
  );

  it("warns of episodes that were cut, not of those that the task ended", async () => {
    const [cut, fallen] = await Promise.all(
      ["cut", "fallen"].map((name) =>
        train("--demos", `${name}.npz`, "--out", `of-${name}`, "--env-option", "maxEpisodeSteps=1000"),
      ),
    );
    expect(cut.stderr).toContain("1 of 1 expert episodes was cut after 5 steps");
    expect(fallen.stderr).not.toContain("cut after");
    expect([cut.code, fallen.code]).toEqual([0, 0]);
  });

  it("changes what is learnt", async () => {
    const longer = ["--demos", "fallen.npz", "--env-option", "maxEpisodeSteps=60"];
    const all: unknown[][] = [];
    for (const termination of ["native", "absorbing"]) {
      const out = `${termination}-fallen`;
      expect(await train(...longer, "--termination", termination, "--out", out)).toMatchObject({ code: 0 });
      all.push(timelessMetrics(join(cwd, out)));
    }
    expect(all[0]).not.toEqual(all[1]);
  });

  it("goes on with a stopped run as it was, the reward's extra input included", async () => {
    const resumed = await tandem(["train", "--resume", "absorbing", "--steps", "400", "--json"], { cwd });
    expect(resumed).toMatchObject({ code: 0 });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ termination: "absorbing", steps: { train: 400 } });
    expect((await tandem(["eval", "absorbing", "--episodes", "1", "--json"], { cwd })).code).toBe(0);
  });

  it("is told apart in a report: runs of two treatments are not averaged", async () => {
    const both = await tandem(["report", "native", "absorbing"], { cwd });
    expect(both).toMatchObject({ code: 1, stdout: "" });
    expect(both.stderr).toMatch(
      /^tandem: report: expected runs of one kind, got native .* and absorbing [^\n]*\n$/,
    );
  });

  it("a fixed horizon refuses demonstrations that ended", async () => {
    expect(episodeCount((await readDemonstrations(join(cwd, "fallen.npz"))).trajectories)).toBe(1);
    const ended = await train("--demos", "fallen.npz", "--termination", "fixed-horizon", "--out", "a");
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(
      /^tandem: --termination: a fixed horizon expects episodes that only time ends, but the demonstrations ended one [^\n]*\n$/m,
    );
    expect(existsSync(join(cwd, "a"))).toBe(false);
  });

  it("a fixed horizon is nothing new where the task ends no episode", async () => {
    const cheetah = await tandem(
      [
        "expert",
        "--env",
        "HalfCheetah-v5",
        "--env-option",
        "maxEpisodeSteps=20",
        ...TINY_POLICY,
        "--out",
        "c",
        "--record",
        "c.npz",
      ],
      { cwd },
    );
    expect(cheetah.code).toBe(0);
    const metrics = await Promise.all(
      ["native", "fixed-horizon"].map(async (termination) => {
        const out = `cheetah-${termination}`;
        const made = await train("--demos", "c.npz", "--termination", termination, "--out", out);
        expect(made).toMatchObject({ code: 0 });
        return timelessMetrics(join(cwd, out));
      }),
    );
    expect(metrics[1]).toEqual(metrics[0]);
  });
});
