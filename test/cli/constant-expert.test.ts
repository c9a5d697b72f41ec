import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rereadEpisodes } from "../../src/cli/expert-demonstrations.ts";
import { planTraining, type PlannedTraining } from "../../src/cli/train.ts";
import { episodeCount, keyFromSeed, sliceEpisodes, transitionCount } from "../../src/core/index.ts";
import { readDemonstrations, writeDemonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { randomPolicy } from "../../src/eval/index.ts";
import { rollout } from "../../src/rl/index.ts";
import { runConfig } from "../../src/runs/index.ts";
import {
  HOOK_TIMEOUT,
  readJson,
  tandem,
  temporaryFolder,
  timelessMetrics,
  TINY,
  type Outcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const at = (name: string): string => join(cwd, `${name}.npz`);
const OPTIONS = { maxEpisodeSteps: 60 };

/** Three episodes of random actions. */
async function record(name: string, id: string, envOptions: object): Promise<void> {
  const environment = await makeEnvironment(id, { ...envOptions });
  const trajectories = rollout(environment, randomPolicy(keyFromSeed(1)), 3, keyFromSeed(2));
  environment.close();
  await writeDemonstrations(at(name), trajectories, { env: id, envOptions });
}

beforeAll(async () => {
  await record("cheetah", "HalfCheetah-v5", OPTIONS);
  await record("pole", "CartPole-v1", OPTIONS);
  await record("standing", "Hopper-v5", { maxEpisodeSteps: 5 });
}, HOOK_TIMEOUT);
afterAll(folder.remove);

/** `tandem train --constant-expert` on the demonstrations, before anything is trained. */
function plan(name: string, options: Record<string, string> = {}): Promise<PlannedTraining> {
  const all = { "constant-expert": "true", demos: at(name), steps: "300", seed: "3", ...options };
  const given = new Map(Object.entries(all).map(([key, text]) => [key, { texts: [text], from: `--${key}` }]));
  return planTraining({ given, base: null }, readDemonstrations);
}

const actionsOf = ({ expert }: PlannedTraining): number[] => [...new Set(expert.trajectories.actions)];

describe("a constant expert", () => {
  it("takes the middle of the box, or action 0, in as many episodes of the task", async () => {
    const cheetah = await plan("cheetah", { episodes: "2" });
    expect(actionsOf(cheetah)).toEqual([0]);
    expect(episodeCount(cheetah.expert.trajectories)).toBe(2);
    expect(transitionCount(cheetah.expert.trajectories)).toBe(120);
    expect(cheetah.config.demos).toMatchObject({
      episodes: 2,
      transitions: 120,
      constant: true,
      shuffled: false,
    });
    // The true return of such an expert is nobody's to compare with.
    expect(cheetah.expert.trajectories.rewards).toBeNull();
    expect(cheetah.doubts).toEqual([]);
    const pole = await plan("pole");
    expect(actionsOf(pole)).toEqual([0]);
    expect(pole.expert.trajectories.actionSize).toBe(1);
    // Always pushed to the left it falls within some ten steps.
    expect(transitionCount(pole.expert.trajectories)).toBeLessThan(15);
    expect(pole.expert.trajectories.terminated.at(-1)).toBe(1);
  });

  it("is rolled out by the environment itself", async () => {
    const { observations, nextObservations } = (await plan("pole")).expert.trajectories;
    expect(nextObservations.slice(0, 4)).toEqual(observations.slice(4, 8));
    // Action 0 pushes the cart to the left, which is slower by the same tenth or two at every step.
    for (let i = 1; i < observations.length; i += 4) {
      expect(nextObservations[i] - observations[i]).toBeCloseTo(-0.195, 1);
    }
  });

  it("follows from the seed, which only chooses where episodes start", async () => {
    const [one, same, other] = [
      await plan("cheetah"),
      await plan("cheetah", { "first-episode": "1" }),
      await plan("cheetah", { seed: "4" }),
    ];
    expect(same.expert.trajectories).toEqual(one.expert.trajectories);
    expect(other.expert.trajectories.observations).not.toEqual(one.expert.trajectories.observations);
    expect(actionsOf(other)).toEqual([0]);
  });

  it("is rolled out in the options of the run", async () => {
    const { expert } = await plan("cheetah", { "env-option": "maxEpisodeSteps=7" });
    expect(transitionCount(expert.trajectories)).toBe(7);
  });

  it("goes on as training does where a fixed horizon keeps the task from ending episodes", async () => {
    const long = { "env-option": "maxEpisodeSteps=400" };
    const native = await plan("standing", long);
    expect(native.expert.trajectories.terminated.at(-1)).toBe(1);
    const fixed = await plan("standing", { ...long, termination: "fixed-horizon" });
    expect(fixed.expert.trajectories.terminated).not.toContain(1);
    expect(transitionCount(fixed.expert.trajectories)).toBe(400);
    // Of the run, only what is trained in is kept going.
    expect(fixed.config.env.options).toMatchObject({ terminateWhenUnhealthy: true });
  });

  it("is the same to the bit for a run that goes on, and what is held out stays the real expert's", async () => {
    const { trajectories } = await readDemonstrations(at("cheetah"));
    const { config, expert } = await plan("cheetah", { "held-out": "2" });
    expect(expert.heldOut?.actions).toEqual(sliceEpisodes(trajectories, 2, 3).actions);
    expect(expert.heldOut?.rewards).not.toBeNull();
    const environment = await makeEnvironment(config.env.id, config.env.options);
    const again = await rereadEpisodes(runConfig.parse(config) as typeof config, at("cheetah"), environment);
    environment.close();
    expect(again).toEqual(expert);
  });

  it("takes the place of a shuffled one, and is not both", async () => {
    await expect(plan("cheetah", { "shuffle-expert": "true" })).rejects.toThrow(
      /^--shuffle-expert: changes nothing where the expert always takes one action/,
    );
    const { config: base } = await plan("cheetah");
    const then = async (name: string, text: string): Promise<unknown> => {
      const given = new Map([[name, { texts: [text], from: name }]]);
      const { config } = await planTraining({ given, base }, readDemonstrations);
      return [config.demos.constant, config.demos.shuffled];
    };
    expect(await then("seed", "5")).toEqual([true, false]);
    expect(await then("constant-expert", "false")).toEqual([false, false]);
    expect(await then("shuffle-expert", "true")).toEqual([false, true]);
  });

  it("was not there before: older runs read as without", async () => {
    const { config } = await plan("cheetah");
    const { constant: _, ...demos } = config.demos;
    expect(runConfig.parse({ ...config, demos }).demos).toMatchObject({ constant: false });
  });

  it("is learnt from where a reward sees states only", async () => {
    const { config } = await plan("cheetah", { method: "airl" });
    expect(config.demos.constant).toBe(true);
  });
});

const train = (out: string, ...more: string[]): string[] =>
  [
    "train",
    "--demos",
    "cheetah.npz",
    ...TINY,
    "--steps",
    "2000",
    "--held-out",
    "2",
    "--out",
    out,
    "--json",
  ].concat(more);

describe("a run with a constant expert", () => {
  let [constant, real]: Outcome[] = [];
  beforeAll(async () => {
    constant = await tandem(train("whole", "--constant-expert"), { cwd });
    real = await tandem(train("real"), { cwd });
  }, HOOK_TIMEOUT);

  it("learns something else, and knows no expert's return", () => {
    expect([constant.code, real.code]).toEqual([0, 0]);
    expect(JSON.parse(constant.stdout)).toMatchObject({ expertReturn: null });
    expect(readJson(cwd, "whole", "config.json")).toMatchObject({ demos: { constant: true } });
    expect(timelessMetrics(join(cwd, "whole"))).not.toEqual(timelessMetrics(join(cwd, "real")));
  });

  it("that was stopped goes on to the very numbers of one that was not", async () => {
    let sent = false;
    const part = await tandem(train("part", "--constant-expert"), {
      cwd,
      onStderr: (text, kill) => {
        if (sent || !text.includes("evaluation at")) return;
        sent = true;
        kill("SIGINT");
      },
    });
    expect(part.code).toBe(130);
    const rest = await tandem(["train", "--resume", "part", "--json"], { cwd });
    expect(rest).toMatchObject({ code: 0 });
    expect(timelessMetrics(join(cwd, "part"))).toEqual(timelessMetrics(join(cwd, "whole")));
  });

  it("is a control in reports", async () => {
    const alone = await tandem(["report", "whole"], { cwd });
    expect(alone.stdout.replaceAll(/\s+/g, " ")).toContain("negative control (constant demonstrations)");
    const beside = await tandem(["report", "real", "whole", "--out", "beside.html"], { cwd });
    expect(beside.stdout).toMatch(/Control: constant demonstrations +-?\d/);
  });
});
