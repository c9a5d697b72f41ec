import { appendFileSync, copyFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { foldIn, keyFromSeed, transitionCount } from "../../src/core/index.ts";
import { readDemonstrations } from "../../src/demos/index.ts";
import { garnetMdp, GARNET, makeEnvironment } from "../../src/envs/index.ts";
import {
  drawRows,
  evaluate,
  pearson,
  rolloutSteps,
  possibleCoverage,
  starcDistance,
  type MeasuredDistance,
  type SourceAgreement,
} from "../../src/eval/index.ts";
import {
  loadLearnedReward,
  loadSavedRun,
  readConfig,
  readTensors,
  savedPolicy,
  type TrainConfig,
} from "../../src/runs/index.ts";
import {
  HOOK_TIMEOUT,
  makeDemonstrations,
  readJson,
  tandem,
  temporaryFolder,
  TINY,
  TINY_POLICY,
  type Outcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const at = (name: string): string => join(cwd, name);
const configOf = (name: string): TrainConfig => readConfig(at(name)) as TrainConfig;

interface Report {
  readonly trueRewardIsConstant: boolean;
  readonly discount: number;
  readonly runs: {
    run: string;
    agreement: SourceAgreement[];
    distances: { kind: string; distance: number | null; interval: [number, number] | null }[];
  }[];
  readonly distances: (MeasuredDistance & { truthIsTrivial: boolean })[];
  readonly notes: string[];
}

const run = async (...args: string[]): Promise<Outcome> => {
  const outcome = await tandem(args, { cwd, env: { TANDEM_IQ_LEARN: "1" } });
  expect({ code: outcome.code, stderr: outcome.stderr }).toMatchObject({ code: 0 });
  return outcome;
};
const reward = async (...args: string[]): Promise<Report> =>
  JSON.parse((await run("reward", ...args, "--json")).stdout) as Report;
const fails = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await tandem(["reward", ...args], { cwd });
  expect([code, stdout]).toEqual([1, ""]);
  return stderr;
};
const FEW = ["--distances", "none", "--rows", "80"];

const train = (out: string, ...more: string[]): Promise<Outcome> =>
  run("train", "--demos", "demo.npz", "--out", out, "--json", ...more);

beforeAll(async () => {
  await makeDemonstrations(cwd);
  await Promise.all([
    train("first", ...TINY),
    train("held", ...TINY, "--held-out", "2"),
    train("second", ...TINY, "--first-episode", "1", "--seed", "3"),
    train("iq", "--method", "iq-learn", ...TINY_POLICY),
  ]);
}, HOOK_TIMEOUT);
afterAll(folder.remove);

describe("tandem reward", () => {
  it("correlates by source on rows that the run did not learn from, and says which", async () => {
    const { runs, notes, distances, trueRewardIsConstant } = await reward("first", ...FEW);
    expect(runs[0].agreement.map(({ source, rows }) => [source, rows])).toEqual([
      ["expert, unseen", 80],
      ["random actions", 80],
      ["own policy", 80],
      ["union", 240],
    ]);
    expect(notes).toEqual(["Expert rows are of the episodes of demo.npz not learnt from: 1, 2."]);
    expect([distances, trueRewardIsConstant]).toEqual([[], false]);
  });

  it("gives what its definition gives on the expert's rows", async () => {
    // All 120 rows of two unseen episodes of 60 steps.
    const { runs } = await reward("first", "--distances", "none", "--rows", "120");
    const environment = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 60 });
    const { trajectories } = await readDemonstrations(at("demo.npz"));
    const along = await loadLearnedReward(at("first"), configOf("first"), environment);
    const learned = along(trajectories).subarray(60, 180);
    environment.close();
    // The simulator's rewards are the recorded ones but for what float32 states lose.
    const expected = pearson(learned, trajectories.rewards?.subarray(60, 180) ?? []) ?? NaN;
    expect(runs[0].agreement[0].rows).toBe(120);
    expect(Math.abs((runs[0].agreement[0].pearson ?? NaN) - expected)).toBeLessThan(1e-3);
  });

  it("prefers episodes that were held out, and leaves out those that any of the runs learnt from", async () => {
    expect((await reward("held", ...FEW)).notes[0]).toContain("held out: 2.");
    expect((await reward("first", "--against", "second", ...FEW)).notes[0]).toContain("not learnt from: 2.");
  });

  it("asks all runs about the same rows, and a run alone about the same as beside others", async () => {
    const alone = await reward("first", "--demos", "none", ...FEW);
    const both = await reward("first", "--against", "second", "--demos", "none", ...FEW);
    expect(alone.notes).toEqual(["The expert's rows were left out (--demos none)."]);
    expect(both.runs.map((each) => each.run)).toEqual(["first", "second"]);
    for (const { agreement } of both.runs)
      expect(agreement.map(({ source }) => source)).toEqual([
        "random actions",
        "policy of first",
        "policy of second",
        "union",
      ]);
    const [random, own] = alone.runs[0].agreement;
    expect(both.runs[0].agreement[0]).toEqual(random);
    expect({ ...both.runs[0].agreement[1], source: "own policy" }).toEqual(own);
    expect(both.runs[1].agreement[0]).not.toEqual(random);
    const second = await reward("second", "--demos", "none", ...FEW);
    expect({ ...both.runs[1].agreement[2], source: "own policy" }).toEqual(second.runs[0].agreement[1]);
  });

  it("draws its own rows from episodes whose actions are sampled, by keys that stay", async () => {
    const { runs } = await reward("first", ...FEW);
    const [key, draws, purpose] = [keyFromSeed(0), 0x64726177, 0x706f6c69];
    const environment = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 60 });
    const saved = await loadSavedRun(at("first"), configOf("first"), environment, foldIn(key, draws));
    const along = await loadLearnedReward(at("first"), configOf("first"), environment);
    const wanted = { steps: 80, episodes: 10 };
    const steps = rolloutSteps(environment, savedPolicy(saved, "sample"), wanted, foldIn(key, purpose));
    environment.close();
    const rows = drawRows(steps, 80, foldIn(foldIn(key, purpose), 1));
    expect(runs[0].agreement[2].pearson).toBe(pearson(along(rows), rows.rewards));
  });

  it("repeats from its seed, and other seeds and numbers of rows give others", async () => {
    const plain = await reward("first", ...FEW);
    expect(await reward("first", ...FEW)).toEqual(plain);
    const other = await reward("first", ...FEW, "--seed", "1");
    for (const i of [0, 1, 2])
      expect(other.runs[0].agreement[i].pearson).not.toBe(plain.runs[0].agreement[i].pearson);
    expect((await reward("first", "--distances", "none", "--rows", "90")).runs[0].agreement[3].rows).toBe(
      270,
    );
  });

  it("measures distances from samples, says on how many and at what cost, and each option counts", async () => {
    const small = ["--rows", "80", "--transitions", "12", "--samples", "3", "--horizon", "4"];
    const { stderr, stdout } = await run("reward", "first", "--json", ...small);
    const plain = JSON.parse(stdout) as Report;
    expect(plain.discount).toBe(0.99);
    expect(plain.distances).toMatchObject([
      { kind: "EPIC", exact: false, draws: { transitions: 12, samples: 3 }, simulatorSteps: 12 + 2 * 36 },
      { kind: "DARD", simulatorSteps: 12 + 3 * 36 },
      { kind: "STARC", draws: { horizon: 4 }, simulatorSteps: 12 + 2 * 36 * 4 },
    ]);
    for (const { distance, interval } of plain.runs[0].distances) {
      expect(distance).toBeGreaterThan(0.1);
      expect(distance).toBeLessThan(0.99);
      expect(interval?.[0]).toBeLessThan(interval?.[1] ?? NaN);
    }
    for (const kind of ["EPIC", "DARD", "STARC"])
      expect(stderr).toMatch(new RegExp(`${kind}: \\d+ simulator steps, `));
    for (const more of [
      ["--discount", "0.5"],
      ["--seed", "1"],
      ["--transitions", "13"],
      ["--samples", "4"],
      ["--horizon", "5"],
    ]) {
      const changed = await reward("first", ...small, ...more);
      expect(changed.runs[0].distances[2].distance).not.toBe(plain.runs[0].distances[2].distance);
    }
    const only = await reward("first", ...small, "--distances", "starc");
    expect(only.runs[0].distances).toEqual([plain.runs[0].distances[2]]);
  });

  it.each(["iq", "first"])("loads the very reward with which training ended: %s", async (name) => {
    const config = configOf(name);
    const environment = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 60 });
    const saved = await loadSavedRun(at(name), config, environment, keyFromSeed(5));
    const along = await loadLearnedReward(at(name), config, environment);
    // The final evaluation again: its key is the seed's third.
    const { trajectories } = evaluate(environment, savedPolicy(saved, "mode"), 2, foldIn(keyFromSeed(0), 2));
    environment.close();
    const summary = readJson(cwd, name, "summary.json");
    expect(pearson(along(trajectories), trajectories.rewards ?? [])).toBe(summary.pearson);
    expect(typeof summary.pearson).toBe("number");
    const { runs } = await reward(name, ...FEW);
    expect(runs[0].agreement.every((each) => each.pearson !== null)).toBe(true);
  });

  it("prints words for people", async () => {
    const { stdout } = await run(
      "reward",
      "first",
      "--rows",
      "80",
      "--transitions",
      "10",
      "--samples",
      "2",
      "--horizon",
      "3",
    );
    expect(stdout).toMatch(
      /^HalfCheetah-v5, seed 0: how the learned reward relates to the true one\n\nfirst \(ml-irl\)\n/,
    );
    expect(stdout).toMatch(/ {2}expert, unseen +80 +-?0\.\d{3} +-?0\.\d{3}\n/);
    expect(stdout).toMatch(/ {2}EPIC +0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)\n/);
    expect(stdout).toContain(
      "STARC: 10 transitions, 2 rollouts of 3 steps from each, which leaves 0.97 of shaping; 130 simulator steps.",
    );
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThan(160);
  });
});

describe("tandem reward refuses", () => {
  it("runs without a learned reward, of other tasks, or named twice", async () => {
    await run(
      ..."expert --env Hopper-v5 --out hopper-expert --record hopper.npz --json".split(" "),
      ...TINY_POLICY,
    );
    await run(..."train --demos hopper.npz --out hopper --json".split(" "), ...TINY);
    await run(..."train --demos demo.npz --method sqil --out sqil --json".split(" "), ...TINY_POLICY);
    await run(..."retrain first --out again --steps 100 --json".split(" "));
    expect(await fails("hopper-expert")).toContain(
      "hopper-expert is a run of tandem expert; it learnt no reward",
    );
    expect(await fails("again")).toContain(
      "again is a run of tandem retrain; its reward is of first: name that",
    );
    expect(await fails("sqil", ...FEW)).toContain(
      "which learns no reward; name a run of one of ml-irl, ml-irl-nested, dac, airl, f-irl, iq-learn, mce-irl\n",
    );
    expect(await fails("first", "--against", "hopper")).toContain("compare runs of one task");
    expect(await fails("first", "--against", "first")).toContain("first is named twice");
    expect(await fails("first", "--distances", "epik")).toContain(
      "expected none, or some of epic, dard and starc",
    );
  });

  it("demonstrations that moved or changed, unless told where they are, or not to look", async () => {
    copyFileSync(at("demo.npz"), at("copy.npz"));
    renameSync(at("demo.npz"), at("moved.npz"));
    expect(await fails("first", ...FEW)).toContain("demo.npz, are not there; name their place with --demos");
    expect((await reward("first", "--demos", "moved.npz", ...FEW)).runs[0].agreement[0].source).toBe(
      "expert, unseen",
    );
    appendFileSync(at("copy.npz"), "x");
    expect(await fails("first", "--demos", "copy.npz", ...FEW)).toContain("its checksum differs");
    await reward("first", "--demos", "none", ...FEW);
    renameSync(at("moved.npz"), at("demo.npz"));
  });
});

describe("tandem reward in tasks of finitely many actions", () => {
  it("is exact in tabular problems", async () => {
    const world =
      "--env-option observations=one-hot --env-option states=6 --env-option maxEpisodeSteps=20".split(" ");
    await run(
      ..."expert --env Garnet-v0 --out garnet-expert --record garnet.npz --json".split(" "),
      ...world,
      ...TINY_POLICY,
    );
    await run(..."train --demos garnet.npz --out garnet --json".split(" "), ...TINY);
    const { runs, distances, notes } = await reward("garnet");
    expect(distances.map(({ exact, draws }) => [exact, draws])).toEqual([
      [true, null],
      [true, null],
      [true, null],
    ]);
    expect(notes).toEqual(["There are no expert rows: garnet.npz has no episode that was not learnt from."]);
    // The table by one-hot rows, asked apart.
    const mdp = garnetMdp({ ...GARNET, states: 6 });
    const environment = await makeEnvironment("Garnet-v0", {
      states: 6,
      observations: "one-hot",
      maxEpisodeSteps: 20,
    });
    const along = await loadLearnedReward(at("garnet"), configOf("garnet"), environment);
    const table = Float64Array.from({ length: 24 }, (_, pair) => {
      const observations = new Float32Array(6);
      observations[Math.floor(pair / 4)] = 1;
      const row = { observationSize: 6, actionSize: 1, observations, actions: Float32Array.of(pair % 4) };
      const end = {
        terminated: Uint8Array.of(0),
        truncated: Uint8Array.of(0),
        episodeStarts: Uint32Array.of(0, 1),
      };
      const rows = { ...row, ...end, nextObservations: observations, rewards: null };
      expect(transitionCount(rows)).toBe(1);
      return along(rows)[0];
    });
    const options = { discount: 0.99, coverage: possibleCoverage(mdp), canonical: "value-adjusted" } as const;
    expect(runs[0].distances[2].distance).toBeCloseTo(starcDistance(mdp, mdp.rewards, table, options), 6);
  });

  it("are those of MCE-IRL's table, which it keeps in no network", async () => {
    const method = [
      "--method",
      "mce-irl",
      "--steps",
      "30",
      "--evaluate-every",
      "10",
      "--final-episodes",
      "1",
    ];
    await run(..."train --demos garnet.npz --out exact --json".split(" "), ...method);
    const tensors = readTensors(at("exact"));
    const table = Float64Array.from(tensors.mceRewards, (value, i) => value + tensors.mceRewardsRest[i]);
    expect(table).toHaveLength(24);
    const mdp = garnetMdp({ ...GARNET, states: 6 });
    const options = { discount: 0.99, coverage: possibleCoverage(mdp), canonical: "value-adjusted" } as const;
    const { runs } = await reward("exact", "--against", "garnet");
    expect(runs[0].distances[2].distance).toBeCloseTo(starcDistance(mdp, mdp.rewards, table, options), 6);
    expect(runs[0].distances[2].distance).not.toBeCloseTo(runs[1].distances[2].distance ?? 0, 3);
    const { stderr } = await tandem(["retrain", "exact"], { cwd });
    expect(stderr).toMatch(/exact is a run of mce-irl, which has its reward in a table, not in a network/);
  });

  it("says in words that a constant reward has none, and where no state can be set", async () => {
    await run(
      ..."expert --env CartPole-v1 --out pole-expert --record pole.npz --json".split(" "),
      ...TINY_POLICY,
    );
    await run(..."train --demos pole.npz --out pole --json".split(" "), ...TINY);
    const { stdout } = await run("reward", "pole", "--rows", "50");
    expect(stdout).toMatch(
      /union +100 +none +none\n {2}The true reward is constant on these rows: nothing correlates with it/,
    );
    expect(stdout).toContain(
      "There are no distances: CartPole-v1 does not tell its state from an observation",
    );
    expect((await reward("pole", ...FEW)).trueRewardIsConstant).toBe(true);
  });
});
