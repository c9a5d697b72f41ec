import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { policySource } from "../../src/runs/index.ts";
import { keyFromSeed } from "../../src/core/index.ts";
import { readDemonstrations, writeDemonstrations, type Demonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { HOOK_TIMEOUT, readJson, tandem, temporaryFolder, TINY_POLICY, type Outcome } from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const at = (name: string): string => join(cwd, name);
const read = (name: string): Promise<Demonstrations> => readDemonstrations(at(name));
const LENGTH = ["--env-option", "maxEpisodeSteps=40"];
/** Long enough for a few reward steps. */
const SHORT = "--steps 700 --evaluate-every 400 --evaluation-episodes 1 --final-episodes 2 --json".split(" ");
const METHODS = ["ml-irl", "dac", "sqil"] as const;

const succeed = async (...args: string[]): Promise<Outcome> => {
  const outcome = await tandem(args, { cwd });
  expect({ code: outcome.code, stderr: outcome.stderr }).toMatchObject({ code: 0 });
  return outcome;
};
const expert = (...args: string[]): Promise<Outcome> => succeed("expert", ...TINY_POLICY, "--json", ...args);
const fails = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await tandem(args, { cwd });
  expect([code, stdout]).toEqual([1, ""]);
  return stderr;
};

beforeAll(async () => {
  await expert(
    "--env",
    "CartPole-v1",
    ...LENGTH,
    "--out",
    "expert",
    "--record",
    "shown.npz",
    "--record-policy",
    "sample",
  );
  await Promise.all(
    METHODS.map((method) =>
      succeed("train", "--demos", "shown.npz", "--method", method, "--out", method, ...SHORT),
    ),
  );
}, HOOK_TIMEOUT);
afterAll(folder.remove);

describe("a run in a task of finitely many actions", () => {
  it("starts from the task's defaults, whatever the method", () => {
    for (const method of METHODS)
      expect(readJson(cwd, method, "config.json")).toMatchObject({
        env: { id: "CartPole-v1", options: { maxEpisodeSteps: 40 } },
        algorithm: { method, sac: { hidden: [64, 64], batchSize: 64, temperature: 1 }, startSteps: 500 },
      });
  });

  it("records actions as their numbers, and says how they were chosen", async () => {
    const { trajectories, metadata } = await read("shown.npz");
    expect(trajectories.actionSize).toBe(1);
    expect(new Set(trajectories.actions)).toEqual(new Set([0, 1]));
    expect(metadata.policy).toBe("soft Q-learning trained on the true reward for 300 steps; sampled actions");
  });

  it.each(METHODS)("is played by tandem eval, its likeliest actions or draws: %s", async (method) => {
    const report = async (...more: string[]): Promise<Record<string, unknown>> =>
      JSON.parse((await succeed("eval", method, "--json", ...more)).stdout) as Record<string, unknown>;
    const plain = await report();
    expect(plain).toMatchObject({ env: "CartPole-v1", policy: "mode", episodes: 10 });
    expect(await report()).toEqual(plain);
    expect((await report("--policy", "sample")).returns).not.toEqual(plain.returns);
  });

  it("is recorded by tandem demos record, as eval plays it", async () => {
    await succeed("demos", "record", "ml-irl", "--out", "learned.npz", "--episodes", "3", "--seed", "2");
    const { trajectories, metadata } = await read("learned.npz");
    expect(metadata.policy).toBe(
      "soft Q-learning trained on a learned reward for 700 steps; its most likely actions",
    );
    // The recorded observations under the saved policy give the recorded actions.
    const environment = await makeEnvironment("CartPole-v1", { maxEpisodeSteps: 40 });
    const policy = await (await policySource(at("ml-irl"), null)).load(environment);
    expect(policy.about).toMatchObject({ output: { kind: "discrete", count: 2 }, observationSize: 4 });
    const action = new Float32Array(1);
    for (let t = 0; t < trajectories.actions.length; t++) {
      await policy.act(Float64Array.from(trajectories.observations.subarray(4 * t, 4 * t + 4)), action);
      expect(action[0]).toBe(trajectories.actions[t]);
    }
    const drawn = await (await policySource(at("ml-irl"), keyFromSeed(1))).load(environment);
    const seen = new Set<number>();
    for (let i = 0; i < 200; i++) {
      await drawn.act(Float64Array.of(0, 0, 0, 0), action);
      seen.add(action[0]);
    }
    expect(seen).toEqual(new Set([0, 1]));
    expect(await fails("demos", "record", "ml-irl", "--clip", "--out", "clipped.npz")).toContain(
      "--clip: has no effect on the discrete actions",
    );
  });

  it("goes on where it is resumed", async () => {
    await succeed("train", "--resume", "ml-irl", "--steps", "900", "--json");
    expect(readJson(cwd, "ml-irl", "summary.json")).toMatchObject({ steps: { train: 900 } });
  });

  it("has a report that speaks of no actor, nor of a box of actions", async () => {
    const { stdout } = await succeed("report", "ml-irl");
    expect(stdout).toMatch(/Random actions +\d+ +drawn uniformly\n/);
    const page = readFileSync(at(join("ml-irl", "report.html")), "utf8");
    expect(page).toContain("The lower level: policy");
    expect(page).not.toMatch(/soft actor-critic under/i);
  });

  it("may have instruments", async () => {
    await succeed("train", "--demos", "shown.npz", ...SHORT, "--instruments", "--out", "measured");
    expect(readFileSync(at(join("measured", "metrics.jsonl")), "utf8")).toMatch(/"kind":"instruments"/);
  });
});

describe("what cannot be, in a task of finitely many actions", () => {
  it("is an action that it does not have", async () => {
    const { trajectories } = await read("shown.npz");
    const wrong = {
      ...trajectories,
      actions: trajectories.actions.map((action, t) => (t === 3 ? 2 : action)),
    };
    await writeDemonstrations(at("wrong.npz"), wrong, { env: "CartPole-v1" });
    for (const method of METHODS) {
      const says = await fails(
        "train",
        "--demos",
        "wrong.npz",
        "--method",
        method,
        ...SHORT,
        "--out",
        "none",
      );
      expect(says).toContain(
        "tandem: --demos: CartPole-v1 has the actions 0 to 1, but step 3 of the demonstrations takes 2; check that",
      );
    }
    expect(existsSync(at("none"))).toBe(false);
  });

  it("is a fixed horizon where nothing keeps episodes from ending", async () => {
    const args = ["--demos", "shown.npz", "--termination", "fixed-horizon", ...SHORT, "--out", "none"];
    expect(await fails("train", ...args)).toContain(
      "--termination: a fixed horizon expects episodes that only time ends, but nothing keeps CartPole-v1 from ending them; choose native or absorbing",
    );
    expect(existsSync(at("none"))).toBe(false);
  });

  it("is an entropy that no policy of its actions has", async () => {
    const args = ["--demos", "shown.npz", "--temperature", "learnt", "--target-entropy", "-3", ...SHORT];
    expect(await fails("train", ...args, "--out", "none")).toContain(
      "expected a target entropy between 0 and log 2",
    );
    expect(existsSync(at("none"))).toBe(false);
  });
});

describe("a tabular problem at the command line", () => {
  const ONE_HOT = ["--env-option", "observations=one-hot"];
  const NUMBER = ["--env-option", "observations=number"];
  const GRID = ["--env", "GridWorld-v0", "--env-option", "maxEpisodeSteps=30"];

  beforeAll(async () => {
    await Promise.all([
      expert(...GRID, ...ONE_HOT, "--out", "shown-one-hot", "--record", "one-hot.npz"),
      expert(...GRID, "--out", "shown-number", "--record", "number.npz"),
    ]);
  }, HOOK_TIMEOUT);

  it("is learnt from one-hot demonstrations as they were recorded, with a fixed horizon if so wanted", async () => {
    expect((await read("one-hot.npz")).trajectories.observationSize).toBe(25);
    expect((await read("number.npz")).trajectories.observationSize).toBe(1);
    await succeed(
      "train",
      "--demos",
      "one-hot.npz",
      ...SHORT,
      "--termination",
      "fixed-horizon",
      "--out",
      "grid",
    );
    expect(readJson(cwd, "grid", "config.json")).toMatchObject({
      env: { id: "GridWorld-v0", options: { observations: "one-hot" } },
    });
    await succeed("demos", "record", "grid", "--out", "of-grid.npz", "--episodes", "2");
    const { trajectories, metadata } = await read("of-grid.npz");
    expect(trajectories.observationSize).toBe(25);
    expect(metadata.envOptions).toMatchObject({ observations: "one-hot" });
  });

  it("is solved by MCE-IRL, whose run is evaluated, recorded and reported as any other", async () => {
    const method = ["--method", "mce-irl", "--steps", "60", "--evaluate-every", "20", "--json"];
    const { stdout } = await succeed("train", "--demos", "one-hot.npz", ...method, "--out", "exact");
    expect(JSON.parse(stdout)).toMatchObject({ steps: { train: 0 } });
    expect(readJson(cwd, "exact", "config.json")).toMatchObject({
      algorithm: { method: "mce-irl", radius: 10, sac: { hidden: [25], temperature: 1, discount: 0.99 } },
    });
    const { finalReturn, randomReturn } = readJson(cwd, "exact", "summary.json") as Record<string, number>;
    expect(finalReturn).toBeGreaterThan(randomReturn);
    const played = JSON.parse((await succeed("eval", "exact", "--json")).stdout) as object;
    expect(played).toMatchObject({ env: "GridWorld-v0", episodes: 10 });
    await succeed("demos", "record", "exact", "--out", "of-exact.npz", "--episodes", "1");
    expect((await succeed("report", "exact")).stdout).toContain("maximum causal entropy inverse RL");
    await succeed("train", "--resume", "exact", "--steps", "80", "--json");
    expect(readJson(cwd, "exact", "summary.json")).toMatchObject({ end: 80 });
  });

  it("has to be a table, shown one-hot, for MCE-IRL, and has nothing of a learner that samples", async () => {
    const method = ["--method", "mce-irl", "--out", "none"];
    expect(await fails("train", "--demos", "shown.npz", ...method)).toContain(
      "--method: mce-irl has to know the task's table, and CartPole-v1 has none",
    );
    expect(await fails("train", "--demos", "number.npz", ...method)).toContain(
      "mce-irl expects states shown one-hot, GridWorld-v0 shows their numbers; add --env-option observations=one-hot",
    );
    expect(await fails("train", "--demos", "one-hot.npz", ...method, "--hidden", "8")).toContain(
      "--hidden: has no effect on mce-irl, which solves the task's table exactly; leave it out",
    );
    expect(existsSync(at("none"))).toBe(false);
  });

  it("refuses demonstrations that show states otherwise, and says how to have them", async () => {
    expect(await fails("train", "--demos", "number.npz", ...ONE_HOT, ...SHORT)).toContain(
      "the demonstrations have observations of 1, GridWorld-v0 gives 25; they hold the numbers of states, the environment shows states one-hot: record demonstrations with --env-option observations=one-hot, or leave that out here",
    );
    expect(await fails("train", "--demos", "one-hot.npz", ...NUMBER, ...SHORT)).toContain(
      "the demonstrations have observations of 25, GridWorld-v0 gives 1; if they hold one-hot states, add --env-option observations=one-hot",
    );
    expect(await fails("train", "--demos", "number.npz", "--env", "CartPole-v1", ...SHORT)).toContain(
      "CartPole-v1 gives 4; check that they are of this environment",
    );
  });
});
