import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { confirm } from "../../src/cli/confirm.ts";
import type { ListedRun } from "../../src/bench/index.ts";
import { readTensors } from "../../src/runs/index.ts";
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
const at = (...path: string[]): string => join(cwd, ...path);

const run = async (...args: string[]): Promise<Outcome> => {
  const outcome = await tandem(args, { cwd });
  expect(outcome).toMatchObject({ code: 0 });
  return outcome;
};
const fails = async (...args: string[]): Promise<string> => {
  const { code, stderr } = await tandem(["runs", ...args], { cwd });
  expect(code).toBe(1);
  expect(stderr.trim()).not.toContain("\n");
  return stderr;
};
const list = async (...args: string[]): Promise<ListedRun[]> =>
  (JSON.parse((await run("runs", "list", ...args, "--json")).stdout) as { runs: ListedRun[] }).runs;
const names = (runs: readonly ListedRun[]): string[] => runs.map((each) => each.folder.replace(/^.*?\//, ""));

const sizeOf = (...path: string[]): number => readFileSync(at("runs/ml-1", ...path)).length;
const kilo = (size: number): string => `${Math.round(size / 1000)} kB`;

/** A copy of a run, to be changed. */
function copied(from: string, to: string): string {
  cpSync(at(from), at(to), { recursive: true });
  return at(to);
}

beforeAll(async () => {
  await makeDemonstrations(cwd);
  const train = (out: string, ...more: string[]): Promise<Outcome> =>
    run("train", "--demos", "demo.npz", "--out", out, "--json", ...more);
  await Promise.all([
    train("runs/ml-1", ...TINY, "--seed", "1", "--evaluate-every", "100"),
    train("runs/ml-2", ...TINY, "--seed", "2", "--evaluate-every", "100"),
    train("runs/bench/dac/0-1", "--method", "dac", ...TINY_POLICY, "--evaluate-every", "100"),
    run(..."expert --env CartPole-v1 --out runs/pole --json".split(" "), ...TINY_POLICY),
  ]);
  await run(..."retrain runs/ml-1 --out runs/again --steps 200 --json".split(" "));
}, HOOK_TIMEOUT);
afterAll(folder.remove);

describe("tandem runs list", () => {
  it("finds runs, also below others, and says how each stands", async () => {
    const runs = await list();
    expect(names(runs)).toEqual(["again", "bench/dac/0-1", "ml-1", "ml-2", "pole"]);
    const [again, dac, first, , pole] = runs;
    const summary = readJson(cwd, "runs/ml-1/summary.json") as Record<string, number>;
    const { finalReturn, randomReturn, expertReturn } = summary;
    expect(first).toMatchObject({
      state: "complete",
      command: "train",
      method: "ml-irl",
      env: "HalfCheetah-v5",
      seed: 1,
      step: 300,
      steps: 300,
      meanReturn: finalReturn,
      normalised: (finalReturn - randomReturn) / (expertReturn - randomReturn),
    });
    expect([again.command, again.method, dac.method, pole.command]).toEqual([
      "retrain",
      null,
      "dac",
      "expert",
    ]);
    // An expert has no expert to be measured by.
    expect(pole.normalised).toBeNull();
    expect(first.sizes).toEqual({
      checkpoint: sizeOf("checkpoint", "state.safetensors"),
      replay: sizeOf("checkpoint", "replay", "000000.f32"),
      metrics: sizeOf("metrics.jsonl"),
      rest: sizeOf("config.json") + sizeOf("summary.json") + sizeOf("report.html"),
    });
  });

  it("filters and sorts", async () => {
    expect(names(await list("--method", "dac"))).toEqual(["bench/dac/0-1"]);
    expect(names(await list("--method", "retrain"))).toEqual(["again"]);
    expect(names(await list("--env", "CartPole"))).toEqual(["pole"]);
    expect(names(await list("--env", "CartPole-v1", "--state", "complete"))).toEqual(["pole"]);
    expect(await list("--state", "stopped")).toEqual([]);
    const returns = (await list("--sort", "return")).map(({ meanReturn }) => meanReturn ?? NaN);
    expect(returns).toEqual(returns.toSorted((a, b) => b - a));
    const sizes = (await list("--sort", "size")).map(({ sizes: { checkpoint, replay, metrics, rest } }) =>
      [checkpoint, replay, metrics, rest].reduce((sum, each) => sum + each),
    );
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    // A report is no sign of work.
    for (const file of ["metrics.jsonl", "report.html"]) utimesSync(at("runs/ml-2", file), 4e9, 4e9);
    utimesSync(at("runs/ml-1/report.html"), 5e9, 5e9);
    const [latest] = await list("--sort", "date");
    expect([latest.folder, latest.written]).toEqual(["runs/ml-2", 4e12]);
    expect(await fails("list", "--method", "dak")).toContain("no run is of dak; did you mean dac?");
    expect(await fails("list", "--state", "ended")).toContain("expected training or stopped or complete");
    expect(await fails("list", "nowhere")).toContain("there is no folder nowhere");
  });

  it("fits 80 columns, keeps what it sorts by, and says what it left out", async () => {
    for (const sort of ["name", "date", "size"]) {
      const { stdout } = await run("runs", "list", "--sort", sort);
      for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
      expect(stdout).toMatch(/^Run +/);
      expect(stdout).toMatch(/\nbench\/dac\/0-1 .*complete .*300 .*dac\b/);
      expect(stdout).toMatch(/5 runs in runs, [\d.]+ [kM]B, [\d.]+ [kM]B of it transitions/);
      if (sort !== "name")
        expect(stdout).toMatch(new RegExp(`^Run +${sort === "date" ? "Written" : "Size"} `));
      expect(stdout.replaceAll("\n", " ")).toMatch(/No room for .*(written|seed).*: see --json/);
    }
    const { stdout } = await run("runs", "list", "--env", "HalfCheetah-v5");
    expect(stdout).toMatch(/^All: HalfCheetah-v5\n/);
    expect(stdout).toContain("4 runs of 5 in runs");
  });

  it("lists what is damaged with the reason, and takes no other program's folder for a run", async () => {
    const damage: Record<string, [(place: string) => void, RegExp]> = {
      config: [
        (place) => writeFileSync(join(place, "config.json"), '{"format": '),
        /config\.json .* is not JSON/,
      ],
      "no-config": [(place) => rmSync(join(place, "config.json")), /has no config\.json/],
      metrics: [
        (place) => {
          rmSync(join(place, "summary.json"));
          writeFileSync(
            join(place, "metrics.jsonl"),
            '{"kind":"policy","step":1}\nx\n{"kind":"policy","step":2}\n',
          );
        },
        /metrics\.jsonl of metrics, line 2/,
      ],
      "no-metrics": [
        (place) => rmSync(join(place, "metrics.jsonl")),
        /has a summary\.json, but no metrics\.jsonl/,
      ],
      summary: [
        (place) => truncateSync(join(place, "summary.json"), 40),
        /summary\.json of summary is not JSON/,
      ],
      checkpoint: [
        (place) => truncateSync(join(place, "checkpoint/state.safetensors"), 20_000),
        /is damaged: it has 20000 of \d+ bytes/,
      ],
      head: [
        (place) => truncateSync(join(place, "checkpoint/state.safetensors"), 100),
        /is damaged: it is cut short/,
      ],
      last: [
        (place) => {
          const path = join(place, "checkpoint/state.safetensors");
          truncateSync(path, readFileSync(path).length - 1);
        },
        /is damaged: it has \d+ of \d+ bytes/,
      ],
      empty: [
        (place) => truncateSync(join(place, "checkpoint/state.safetensors"), 0),
        /is damaged: it has 0 bytes/,
      ],
      newer: [
        (place) => writeFileSync(join(place, "config.json"), '{"format":"tandem-run/2"}'),
        /tandem-run\/2 is newer than tandem-run\/1, which this version reads; update tandem-irl/,
      ],
      unknown: [
        (place) => writeFileSync(join(place, "config.json"), '{"format":"else/1"}'),
        /expected tandem-run\/1, got "else\/1"/,
      ],
    };
    for (const [name, [spoil]] of Object.entries(damage)) spoil(copied("runs/ml-1", `damaged/${name}`));
    mkdirSync(at("damaged/other"));
    writeFileSync(at("damaged/other/config.json"), '{"model": "another program"}');
    writeFileSync(at("damaged/other/notes.txt"), "");
    const runs = await list("damaged");
    expect(names(runs).toSorted()).toEqual(Object.keys(damage).toSorted());
    for (const { folder: place, state, problem } of runs) {
      expect([place, state]).toEqual([place, "damaged"]);
      expect(problem).toMatch(damage[place.replace("damaged/", "")][1]);
    }
    const { stdout } = await run("runs", "list", "damaged");
    expect(stdout).toMatch(/\nempty: \S*state\.safetensors is damaged/);
    expect(await fails("show", "damaged/newer")).toContain("update tandem-irl");
    expect(await fails("show", "damaged/head")).toContain("restore it, or train anew");
    expect(await fails("compare", "damaged/newer", "runs/ml-1")).toContain("update tandem-irl");
    expect(await fails("show", "damaged/other")).toContain("expected tandem-run/1, got none");
  });

  it("tells stopped, diverged and training runs", async () => {
    const spoilt = (name: string, metrics: string): string => {
      const place = copied("runs/ml-1", `states/${name}`);
      rmSync(join(place, "summary.json"));
      writeFileSync(join(place, "metrics.jsonl"), metrics);
      return place;
    };
    const evaluation = '{"kind":"evaluation","step":100,"returns":[7],"meanReturn":7,"stdReturn":0}\n';
    const policy = '{"kind":"policy","step":130}\n';
    spoilt("stopped", `${evaluation}${policy}{"kind":"eval`);
    const finding = '"since":1,"until":null,"evidence":"NaN","remedy":"lower it"}\n';
    spoilt("diverged", `${evaluation}{"kind":"finding","step":140,"signature":"not finite",${finding}`);
    spoilt("noted", `${evaluation}{"kind":"finding","step":140,"signature":"policy saturation",${finding}`);
    spoilt("empty", "");
    rmSync(join(spoilt("unrecorded", ""), "metrics.jsonl"));
    const lock = (name: string, pid: number, more = {}): void => {
      const place = spoilt(name, evaluation);
      writeFileSync(join(place, "run.lock"), JSON.stringify({ pid, host: hostname(), ...more }));
    };
    lock("training", process.pid);
    // No process has so large a number.
    lock("left", 2 ** 30);
    lock("elsewhere", 2 ** 30, { host: "another-machine" });
    writeFileSync(join(spoilt("half", evaluation), "run.lock"), "{");
    const longer = copied("runs/ml-1", "states/longer");
    const config = readJson(longer, "config.json");
    writeFileSync(join(longer, "config.json"), JSON.stringify({ ...config, steps: 301 }));

    const standing = (await list("states")).map(({ folder: place, state, step, meanReturn, normalised }) => [
      place.replace("states/", ""),
      state,
      step,
      meanReturn,
      normalised === null,
    ]);
    const final = readJson(longer, "summary.json").finalReturn;
    expect(standing).toEqual([
      ["diverged", "diverged", 140, 7, true],
      ["elsewhere", "training", 100, 7, true],
      ["empty", "stopped", 0, null, true],
      ["half", "stopped", 100, 7, true],
      ["left", "stopped", 100, 7, true],
      ["longer", "stopped", 300, final, false],
      ["noted", "stopped", 140, 7, true],
      ["stopped", "stopped", 130, 7, true],
      ["training", "training", 100, 7, true],
      ["unrecorded", "stopped", 0, null, true],
    ]);
  });
});

describe("tandem runs show", () => {
  it("says what is unusual, where the run stands, and what goes on", async () => {
    const { stdout } = await run("runs", "show", "runs/ml-1");
    expect(stdout).toMatch(/^runs\/ml-1: tandem train, ml-irl, HalfCheetah-v5, seed 1, Tandem /);
    expect(stdout).toContain("Complete: 300 of 300 steps, saved.");
    expect(stdout).toMatch(/After 300 steps the learned policy earns/);
    expect(stdout).toMatch(/ {2}algorithm\.sac\.hidden +16, 16 \[128, 128\]\n/);
    expect(stdout).toMatch(/ {2}env\.options\.maxEpisodeSteps +60 \[1000\]\n/);
    expect(stdout).toMatch(/ {2}longer +.* train --resume runs\/ml-1 --steps 600\n/);
    expect(stdout).toMatch(/ {2}evaluate +.* eval runs\/ml-1\n {2}reward +.* reward runs\/ml-1\n/);
    expect(stdout).toMatch(/ {2}transitions +49 kB\n/);
  });

  it("knows the usual settings of every method, task and command", async () => {
    const settings = async (place: string): Promise<string[]> => {
      const { stdout } = await run("runs", "show", place, "--json");
      const report = JSON.parse(stdout) as {
        settings: { setting: string; value: string; usual: string }[] | null;
      };
      return (report.settings ?? []).map(({ setting, value, usual }) => `${setting} ${value} ${usual}`);
    };
    const common = [
      "steps 300 500000",
      "algorithm.sac.hidden 16, 16 128, 128",
      "algorithm.sac.batchSize 16 128",
      "algorithm.startSteps 100 2000",
      "evaluation.every 100 10000",
      "evaluation.episodes 1 5",
      "evaluation.finalEpisodes 2 10",
      "env.options.maxEpisodeSteps 60 1000",
    ];
    expect(await settings("runs/bench/dac/0-1")).toEqual(common);
    expect((await settings("runs/ml-1")).filter((each) => !common.includes(each))).toEqual([
      "algorithm.reward.network.width 64 1024",
      "algorithm.policyStepsPerRewardStep 100 1000",
    ]);
    // The task's: an expert of finitely many actions.
    expect(await settings("runs/pole")).toContain("algorithm.startSteps 100 2500");
    expect((await run("runs", "show", "runs/again")).stdout).toContain(
      "the run whose reward it has: runs/ml-1",
    );
    const place = copied("runs/ml-1", "shown");
    const config = readJson(place, "config.json") as { demos: object };
    const demos = { ...config.demos, firstEpisode: 1, heldOut: [2] };
    writeFileSync(join(place, "config.json"), JSON.stringify({ ...config, demos, instruments: true }));
    expect(await settings("shown")).toEqual(
      expect.arrayContaining(["demos.firstEpisode 1 0", "demos.heldOut 2 ", "instruments true false"]),
    );
  });

  it("says how a stopped run goes on, from where, and when it cannot", async () => {
    const place = copied("runs/ml-1", "half");
    rmSync(join(place, "summary.json"));
    const config = readJson(place, "config.json");
    writeFileSync(join(place, "config.json"), JSON.stringify({ ...config, steps: 500 }));
    appendFileSync(join(place, "metrics.jsonl"), '{"kind":"policy","step":350}\n');
    const { stdout } = await run("runs", "show", "half");
    expect(stdout).toContain("Stopped: 350 of 500 steps, saved at 300, from where it goes on.");
    expect(stdout).toMatch(/ {2}go on +.* train --resume half\n/);
    rmSync(join(place, "checkpoint/replay"), { recursive: true });
    const bare = (await run("runs", "show", "half")).stdout;
    expect(bare.replaceAll("\n", " ")).toContain(
      "saved at 300; its transitions are gone, so that it cannot go on.",
    );
    expect(bare).not.toContain("--resume");
  });
});

interface Compared {
  differing: string[];
  groups: {
    label: string;
    settings: Record<string, string>;
    complete: number;
    score: { mean: number; deviation: number; count: number };
    finalReturn: { mean: number; deviation: number; count: number };
    runs: { run: string; seed: number; score: number; finalReturn: number }[];
  }[];
}

const compare = async (...args: string[]): Promise<Compared> =>
  JSON.parse((await run("runs", "compare", ...args, "--json")).stdout) as Compared;

describe("tandem runs compare", () => {
  it("groups runs that differ only in their seed, and takes a score as a bench does", async () => {
    const { differing, groups } = await compare("runs/ml-1", "runs/bench/dac/0-1", "runs/ml-2");
    expect(groups.map(({ label, runs }) => [label, runs.map((each) => each.run)])).toEqual([
      ["A", ["ml-1", "ml-2"]],
      ["B", ["bench/dac/0-1"]],
    ]);
    expect(differing).toContain("algorithm.method");
    expect(differing).not.toContain("seed");
    expect(groups[1].settings["algorithm.method"]).toBe("dac");
    const finals = ["ml-1", "ml-2"].map(
      (name) => readJson(cwd, "runs", name, "summary.json").finalReturn as number,
    );
    expect(groups[0].finalReturn.mean).toBeCloseTo((finals[0] + finals[1]) / 2, 10);
    expect(groups[0].finalReturn.deviation).toBeCloseTo(Math.abs(finals[0] - finals[1]) / Math.SQRT2, 10);
    expect(groups[0].finalReturn.count).toBe(2);
    // The last tenth of 300 steps holds the evaluation at 300 alone.
    const lines = readFileSync(at("runs/ml-1/metrics.jsonl"), "utf8").trim().split("\n");
    const records = lines.map(
      (line) => JSON.parse(line) as { kind: string; step: number; meanReturn: number },
    );
    const last = records.find(({ kind, step }) => kind === "evaluation" && step === 300);
    expect(groups[0].runs[0].score).toBe(last?.meanReturn);
  });

  it("shows settings, results and curves in 80 columns, and writes a page with a report's figures", async () => {
    const { stdout } = await run(
      "runs",
      "compare",
      "runs/ml-1",
      "runs/ml-2",
      "runs/bench/dac/0-1",
      "--out",
      "c.html",
    );
    expect(stdout).toContain("A: ml-1 (seed 1), ml-2 (seed 2)\nB: bench/dac/0-1 (seed 0)\n");
    expect(stdout).toMatch(/\nSetting +A +B\nalgorithm\.method +ml-irl +dac\n/);
    expect(stdout).not.toMatch(/\nalgorithm\.discriminator/);
    expect(stdout).toMatch(/\nOnly B: algorithm\.discriminator\.inputs state-action;/);
    expect(stdout).toMatch(/\nA +2\/2 +\S+ ± \S+ +\S+ ± \S+ +\S+ ± \S+ +\S+ s +300\n/);
    expect(stdout).toMatch(/HalfCheetah-v5: true return over training\nTrue return .* A .* B\n/);
    expect(stdout).toMatch(/\nReport: c\.html\n$/);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const page = readFileSync(at("c.html"), "utf8");
    expect(page).toContain("algorithm.discriminator.inputs");
    for (const id of ["curves-HalfCheetah-v5", "true-return-1", "classifier-2", "cost-2"])
      expect(page).toContain(`<figure id="${id}"`);
    expect(page).not.toContain('id="classifier-1"');
  });

  it("compares runs of any kind, with values in lists where columns have no room", async () => {
    const { stdout } = await run(
      "runs",
      "compare",
      ..."runs/ml-1 runs/bench/dac/0-1 runs/pole runs/again".split(" "),
    );
    expect(stdout).toMatch(
      /\ncommand\n {2}train: ml-1, bench\/dac\/0-1\n {2}expert: pole\n {2}retrain: again\n/,
    );
    expect(stdout).toContain("CartPole-v1: true return over training");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const same = await run("runs", "compare", "runs/ml-1", "runs/ml-2");
    expect(same.stdout).toContain("The runs differ in nothing but their seed.");
    copied("runs/ml-2", "stop");
    rmSync(at("stop/summary.json"));
    const part = (await run("runs", "compare", "runs/ml-1", "stop")).stdout;
    expect(part).toMatch(/\nA +1\/2 /);
    expect(part).toMatch(/stop is not complete: evaluated at 300 of 300 steps, where it earned -?[\d.]+\./);
  });

  it("refuses one run, one named twice, and a page that is none", async () => {
    expect(await fails("compare", "runs/ml-1")).toContain("expected two runs or more, got runs/ml-1 alone");
    expect(await fails("compare", "runs/ml-1", "./runs/ml-1")).toContain("./runs/ml-1 is named twice");
    expect(await fails("compare", "runs/ml-1", "runs/ml-2", "--out", "c.pdf")).toContain("ends in .html");
  });
});

describe("tandem runs rm", () => {
  beforeEach(() => {
    rmSync(at("doomed"), { recursive: true, force: true });
    copied("runs/ml-1", "doomed/one");
    copied("runs/ml-2", "doomed/two");
  });

  it("says what it deletes, and deletes that", async () => {
    const [one, two] = await list("doomed");
    const bytes = [one, two].map(({ sizes }) => Object.values(sizes).reduce((sum, each) => sum + each, 0));
    const { stdout } = await run("runs", "rm", "doomed/one", "doomed/two", "--yes");
    expect(stdout).toContain(`${kilo(bytes[0])}  doomed/one (complete)`);
    expect(stdout).toContain(`Deleted 2 runs, ${kilo(bytes[0] + bytes[1])}.`);
    expect(readdirSync(at("doomed"))).toEqual([]);
  });

  it("leaves what is not Tandem's, and says so", async () => {
    const [{ sizes }] = await list("doomed");
    writeFileSync(at("doomed/one/notes.txt"), "mine".repeat(100_000));
    copied("runs/ml-2", "doomed/one/inner");
    // What stays frees nothing.
    expect((await list("doomed"))[0].sizes).toEqual(sizes);
    const { stdout } = await run("runs", "rm", "doomed/one", "--yes");
    expect(stdout).toMatch(/not Tandem's, stays: (inner, notes\.txt|notes\.txt, inner)/);
    expect(readdirSync(at("doomed/one")).toSorted()).toEqual(["inner", "notes.txt"]);
    expect(existsSync(at("doomed/one/inner/checkpoint/replay"))).toBe(true);
  });

  it("deletes the transitions alone, after which the run cannot go on, while policy and reward stay", async () => {
    const before = readTensors(at("doomed/one"));
    const { stdout } = await run("runs", "rm", "doomed/one", "--replay", "--yes");
    expect(stdout).toMatch(/49 kB {2}doomed\/one .*\nDeleted the transitions of 1 run, 49 kB\.\n$/);
    expect(readdirSync(at("doomed/one/checkpoint"))).toEqual(["state.safetensors"]);
    expect(readTensors(at("doomed/one"))).toEqual(before);
    const config = readFileSync(at("doomed/one/config.json"), "utf8");
    const { code, stderr } = await tandem(["train", "--resume", "doomed/one", "--steps", "600"], { cwd });
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("the transitions of doomed/one were deleted"),
    ]);
    expect(readFileSync(at("doomed/one/config.json"), "utf8")).toBe(config);
    await run("eval", "doomed/one", "--episodes", "1");
    expect((await run("runs", "rm", "doomed/one", "--replay")).stdout).toBe(
      "There are no transitions to delete.\n",
    );
  });

  it("deletes the transitions of an older run, which lie in one file", async () => {
    rmSync(at("doomed/one/checkpoint/replay"), { recursive: true });
    writeFileSync(at("doomed/one/checkpoint/replay.f32"), "12345678");
    expect((await list("doomed"))[0].sizes.replay).toBe(8);
    await run("runs", "rm", "doomed/one", "--replay", "--yes");
    expect(readdirSync(at("doomed/one/checkpoint"))).toEqual(["state.safetensors"]);
  });

  const nothing = (): void => {};
  const refused: [string, string, (place: string) => void][] = [
    [
      "other",
      "expected tandem-run/1, got none; it is of no run",
      (place) => writeFileSync(join(place, "config.json"), '{"model": 1}'),
    ],
    [
      "newer",
      "update tandem-irl",
      (place) => writeFileSync(join(place, "config.json"), '{"format":"tandem-run/2"}'),
    ],
    ["bare", "has no config.json", (place) => rmSync(join(place, "config.json"))],
    [
      "busy",
      "doomed/busy is in training now",
      (place) =>
        writeFileSync(join(place, "run.lock"), JSON.stringify({ pid: process.pid, host: hostname() })),
    ],
    [
      "link/",
      "doomed/link/ is a link, not a folder",
      (place) => {
        rmSync(place, { recursive: true });
        symlinkSync(at("doomed/two"), at("doomed/link"));
      },
    ],
    ["gone", "there is no folder doomed/gone", (place) => rmSync(place, { recursive: true })],
    ["whole/metrics.jsonl", "is a file, not a folder", nothing],
  ];

  it.each(refused)("deletes nothing of several where it refuses one: %s", async (name, reason, spoil) => {
    const [top] = name.split("/");
    spoil(copied("runs/ml-2", `doomed/${top}`));
    const before = readdirSync(at("doomed"), { recursive: true });
    for (const more of [[], ["--replay"]])
      expect(await fails("rm", "doomed/one", `doomed/${name}`, "--yes", ...more)).toContain(reason);
    expect(readdirSync(at("doomed"), { recursive: true })).toEqual(before);
  });

  it("refuses where nobody can be asked", async () => {
    const { code, stdout, stderr } = await tandem(["runs", "rm", "doomed/one"], { cwd });
    expect([code, stderr]).toEqual([1, expect.stringContaining("there is no terminal to ask in")]);
    expect(stdout).toMatch(/kB {2}doomed\/one \(complete\)\n$/);
    expect(existsSync(at("doomed/one/config.json"))).toBe(true);
  });

  it.each([
    ["y\n", true],
    [" Yes \n", true],
    ["\n", false],
    ["n\n", false],
    ["yet\n", false],
    ["", false],
  ])("takes %j for a yes: %j", async (answer, expected) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const asked = confirm("Delete?", input, output);
    input.end(answer);
    expect(await asked).toBe(expected);
    expect(String(output.read())).toContain("Delete? [y/N] ");
  });
});
